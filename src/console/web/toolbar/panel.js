// The toolbar's panel, loaded when it is wanted first: what a page's time went into, a menu that is a palette of commands
// as well. `commands.js` holds what these do, `toolbar.js` what is there from the beginning.

const CSS = `
.panel{position:static;max-height:calc(100vh - 90px);overflow:auto}.panel:modal{position:fixed;inset:12vh 0 auto;margin:auto}.panel::backdrop{background:#0006}
label{display:flex;gap:8px;align-items:center;height:42px;padding:0 14px;border-bottom:1px solid #ffffff17;color:#9a9aa3}
input:focus-visible{outline:0}label:focus-within{box-shadow:inset 0 -1px #7db0ff}
input{flex:1;cursor:text;color:#f4f4f6;min-width:0}input::placeholder{color:#9a9aa3}
section,ul{padding:6px;list-style:none}ul+ul,section+div{border-top:1px solid #ffffff17}
h2{padding:5px 9px 3px;font:inherit;font-size:11.5px;color:#9a9aa3;display:flex;justify-content:space-between}
li a,li button{display:flex;width:100%;align-items:center;gap:10px;min-height:34px;padding:0 9px;border-radius:8px}li svg{color:#c3c3cb}
li span{flex:1}li small{color:#9a9aa3}[aria-selected=true],li>:hover{background:#ffffff17}
dl{padding:2px 9px 6px;display:grid;grid-template-columns:72px 1fr 58px;gap:4px 8px;align-items:center;font-size:12px;color:#c3c3cb}dl b{text-align:end;color:#f4f4f6;font-weight:500}
dd{margin:0;display:flex}dl i{height:7px;border-radius:2px;min-width:2px;background:#f2f2f4}.h{background:repeating-linear-gradient(135deg,#f2f2f4 0 3px,#f2f2f44d 3px 6px)}.n{background:#7c7c86}.l{background:#8398cc}
.none,.quota{padding:9px 15px;color:#9a9aa3;font-size:12px}.quota{color:#f3c969;border-bottom:1px solid #ffffff17}
.frame{position:fixed;pointer-events:none;outline:2px solid #5c9bff;outline-offset:2px;background:#5c9bff26}
@media(forced-colors:active){[aria-selected=true]{outline:2px solid Highlight}dl i{forced-color-adjust:none;outline:1px solid CanvasText}dl i,.h{background-color:CanvasText}li svg{color:inherit}}
@media(max-height:420px){section{display:none}}
`;

/** @typedef {{ toggle(): void, close(): void, isOpen(): boolean, run(what: keyof import('./commands.js').Doing, ...values: any[]): unknown }} Panel */
/** @typedef {readonly [string, string, string | (() => unknown), string?]} Command a path of the console is opened in a new tab */

/** @param {any} bar what `toolbar.js` has made @returns {Panel} */
export function panel(bar) {
  const { ICON, state, host, wrap, slot, el, icon, pressed, link, listen, setAttribute, append, time, local, perTab } = bar;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(CSS);
  bar.shadow.adoptedStyleSheets = [...bar.shadow.adoptedStyleSheets, sheet];

  const box = el('dialog', 'panel');
  setAttribute(box, 'aria-label', 'Waylight');
  wrap.prepend(box);
  let chosen = 0;
  /** @type {any[]} */ let shown = [];
  /** @type {any} */ let before = null;
  /** @type {import('./commands.js').Doing | undefined} */ let doing;

  // Commands.

  /** @returns {Command[][]} */
  function commands() {
    const active = bar.isActive(), may = state.token && bar.phase !== 'expired';
    /** @type {(Command | false | undefined | '')[]} */
    const tracing = [
      state.trace && ['open', 'View page trace', bar.tracePath(state.trace)],
      active && ['list', 'View session traces', bar.sessionPath(state.session.id)],
      may && !active && ['bolt', 'Run page trace', () => run('act', 'page')],
      may && ['five', 'Run it 5 times', () => run('act', 'page', 5)],
      may && ['fresh', 'Run without cache', () => run('act', 'fresh')],
      may && state.spans && bar.phase !== 'armed' && bar.mayAsk() && ['arm', 'Arm next interaction', () => run('arm')],
      may && !active && ['play', 'Start tracing session', () => run('act', 'start')],
      may && active && ['redo', 'Restart tracing session', () => run('act', 'restart')],
      may && active && ['stop', 'Stop tracing session', () => run('act', 'stop'), 'red'],
      ['clock', 'View previous session traces', 'sessions'],
    ];
    /** @type {Command[]} */
    const hiding = [
      ['hide', 'Hide on this page', () => bar.hide()],
      ['hide', 'Hide for this session', () => bar.hide(perTab)],
      local.get(bar.HIDDEN) ? ['hide', 'Start shown', () => { local.set(bar.HIDDEN, null); close(); }] : ['hide', 'Start hidden', () => bar.hide(local)],
    ];
    return [/** @type {Command[]} */ (tracing.filter(Boolean)), hiding];
  }

  /** What commands do is loaded with the first of them. @param {keyof import('./commands.js').Doing} what @param {...any} values */
  async function run(what, ...values) {
    close();
    try {
      doing ??= (await import('./commands.js')).commands(bar);
    } catch {
      // Whoever is signed out is not given it either; then the page's own server answers, whatever that says.
      if (bar.mayAsk()) await bar.ask('me').catch(() => {});
      const isOut = bar.phase === 'expired';
      if (!isOut) bar.phase = 'offline';
      bar.toast('bad', isOut ? 'You are signed out' : 'Waylight cannot be reached', isOut ? 'Sign in again, then reload this page.' : 'Nothing was changed.', [link('Open the plain page', 'plain')]);
      return bar.paint();
    }
    return /** @type {any} */ (doing[what])(...values);
  }

  // The menu.

  function fill() {
    const field = el('input', null), lists = el('div', null);
    field.placeholder = 'Search commands';
    for (const [name, value] of [['role', 'combobox'], ['aria-label', 'Search commands'], ['aria-expanded', 'true'], ['aria-controls', 'commands']]) setAttribute(field, name, value);
    lists.id = 'commands';
    setAttribute(lists, 'role', 'listbox');
    setAttribute(lists, 'aria-label', 'Commands');
    const refresh = () => {
      shown = [];
      lists.replaceChildren();
      const words = field.value.trim().toLowerCase();
      for (const group of commands()) {
        const list = el('ul', null);
        setAttribute(list, 'role', 'presentation');
        for (const command of group) if (command[1].toLowerCase().includes(words)) append(list, item(command));
        if (list.firstChild) append(lists, list);
      }
      if (!shown.length) append(lists, el('p', 'none', 'No such command'));
      choose(0);
    };
    listen(field, 'input', refresh);
    const level = state.quota && state.quota !== 'full' && `${state.quota} % of this month's spans are used.`;
    const note = state.quota === 'full' ? 'The month’s spans are used up: nothing is traced.' : level;
    box.replaceChildren(el('label', null, icon(ICON.find), field), note ? el('p', 'quota', note) : '', thisPage(), lists);
    refresh();
    return field;
  }

  /** @param {Command} command */
  function item([name, text, what, kind]) {
    const entry = typeof what === 'string' ? link('', what) : pressed(el('button', null), null, what);
    if (typeof what === 'string') listen(entry, 'click', () => window.setTimeout(close));
    const keys = text === 'Hide on this page' && state.keys?.replace(/Key|Digit/, '').replaceAll('+', ' ');
    append(entry, icon(ICON[name], /bolt|stop|play/.test(name) ? 'f' : ''), el('span', null, text), keys ? el('small', null, keys) : '');
    if (kind) setAttribute(entry, 'class', kind);
    setAttribute(entry, 'role', 'option');
    entry.id = `c${shown.length}`;
    shown.push(entry);
    const made = el('li', null, entry);
    setAttribute(made, 'role', 'presentation');
    return made;
  }

  /** @param {number} to */
  function choose(to) {
    for (const entry of shown) entry.removeAttribute('aria-selected');
    chosen = shown.length ? (to + shown.length) % shown.length : 0;
    if (!shown[chosen]) return;
    setAttribute(shown[chosen], 'aria-selected', 'true');
    setAttribute(box.querySelector('input'), 'aria-activedescendant', shown[chosen].id);
    shown[chosen].scrollIntoView({ block: 'nearest' });
  }

  /** Where this page's time went: until its first byte, and from there to what a person sees last. */
  function thisPage() {
    const [edge, app] = (state.times ?? [0, 0]).map((/** @type {number} */ micros) => micros / 1000), first = bar.firstByte();
    const right = el('span', null), bars = el('dl', null), frame = el('i', 'frame'), { activationStart = 0, loadEventEnd = 0 } = bar.timing() ?? {};
    /** @param {number} end @param {string} name */
    const draw = (end, name) => {
      const whole = Math.max(first, edge + app, end) || 1;
      let from = 0;
      bars.replaceChildren();
      for (const [text, length, kind] of /** @type {[string, number, string][]} */ ([['Network', first - edge - app, 'n'], ['Edge', edge, 'e'], ['App', app, 'h'], [name, end - first, 'l']])) {
        if (length <= 0) continue;
        const line = el('i', kind);
        line.style.marginInlineStart = `${(from / whole) * 100}%`;
        line.style.width = `${(length / whole) * 100}%`;
        append(bars, el('dt', null, text), el('dd', null, line), el('b', null, time(length)));
        from += length;
      }
    };
    draw(loadEventEnd - activationStart, 'To load');
    try {
      const observer = new PerformanceObserver((list) => {
        const last = list.getEntries().at(-1);
        observer.disconnect();
        if (!last) return;
        const { startTime, element } = /** @type {any} */ (last), since = startTime - activationStart;
        right.textContent = `LCP ${time(since)}`;
        draw(since, 'To LCP');
        // Where it is in the page: a frame of ours around it, so that nothing of the page changes.
        listen(right, 'pointerleave', () => frame.remove());
        listen(right, 'pointerenter', () => {
          if (!element?.isConnected) return;
          const { x, y, width, height } = element.getBoundingClientRect();
          for (const [name, value] of Object.entries({ left: x, top: y, width, height })) frame.style[name] = `${value}px`;
          append(box, frame);
        });
      });
      observer.observe({ type: 'largest-contentful-paint', buffered: true });
    } catch { /* not in this browser */ }
    return el('section', null, el('h2', null, el('span', null, 'This page'), right), bars);
  }

  // Opening and closing.

  function open() {
    bar.show();
    before = document.activeElement;
    const field = fill(), place = slot.getBoundingClientRect();
    // Under a modal dialog or a full screen we are out of reach: only a modal dialog of our own is above it.
    const isOnTop = document.elementFromPoint(place.x + place.width / 2, place.y + place.height / 2) === host;
    try { if (isOnTop) box.show(); else box.showModal(); } catch { box.show(); }
    field.focus();
    bar.paint();
  }

  function close() {
    if (!box.open) return;
    box.close();
    if (before?.isConnected && before !== document.body) before.focus?.({ preventScroll: true });
    bar.paint();
  }

  listen(box, 'keydown', (/** @type {KeyboardEvent} */ event) => {
    if (event.key === 'ArrowDown') choose(chosen + 1);
    else if (event.key === 'ArrowUp') choose(chosen - 1);
    else if (event.key === 'Enter' && /** @type {Element} */ (event.target).tagName === 'INPUT') shown[chosen]?.click();
    else if (event.key === 'Escape') close();
    else return;
    event.preventDefault();
  });
  listen(box, 'cancel', (/** @type {Event} */ event) => { event.preventDefault(); close(); });
  listen(box, 'click', (/** @type {Event} */ event) => { if (event.target === box) close(); });
  listen(window, 'pointerdown', (/** @type {Event} */ event) => { if (!bar.pathOf(event).includes(host)) close(); }, true);

  return { toggle: () => (box.open ? close() : open()), close, isOpen: () => box.open, run };
}
