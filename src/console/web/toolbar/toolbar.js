// The toolbar in pages of people who are signed in: in a closed shadow root, on top of everything, without a line of HTML.
// Nothing of the page is patched, and it asks only while a trace is collected. What it uses is taken from prototypes first,
// since a page may override, freeze or clobber whatever it likes.
try { (() => {
  'use strict';
  const { getOwnPropertyDescriptor, setPrototypeOf } = Object;
  const { parse, stringify } = JSON;
  /** @type {(method: any) => (self: any, ...rest: any[]) => any} */
  const uncurried = Function.prototype.bind.bind(Function.prototype.call);
  /** @param {any} prototype @param {string} name */
  const getter = (prototype, name) => uncurried(/** @type {any} */ (getOwnPropertyDescriptor(prototype, name)).get);
  const make = uncurried(Document.prototype.createElement);
  const makeNS = uncurried(Document.prototype.createElementNS);
  const find = uncurried(Document.prototype.querySelectorAll);
  const rootOf = getter(Document.prototype, 'documentElement'), isHidden = getter(Document.prototype, 'hidden'), progress = getter(Document.prototype, 'readyState');
  const append = uncurried(Element.prototype.append);
  const setAttribute = uncurried(Element.prototype.setAttribute);
  const listen = uncurried(EventTarget.prototype.addEventListener);
  const pathOf = uncurried(Event.prototype.composedPath);
  const clock = uncurried(Performance.prototype.now), entriesOf = uncurried(Performance.prototype.getEntriesByType), { now: date } = Date;
  const attach = uncurried(Element.prototype.attachShadow), fill = uncurried(DocumentFragment.prototype.append);
  const { setTimeout, clearTimeout, performance, navigator, location, AbortController, CSSStyleSheet, MutationObserver } = window;
  const local = storage('localStorage'), perTab = storage('sessionStorage');
  /** A page's `<base>` shall not lead us astray. */
  const OURS = `${location.origin}/_waylight/`, HIDDEN = 'waylight.hidden', PLACE = 'waylight.place', RUN = 'waylight.run', SESSION = 'waylight.session';

  const element = getter(Document.prototype, 'currentScript')(document);
  /** The browser's own where the agent, which runs before all of the page, kept it: what a tracer put in its place would tell of us. */
  const fetch = getOwnPropertyDescriptor(element, 'ours')?.value ?? window.fetch, isPrerendered = /** @type {any} */ (document).prerendering === true;
  const told = element?.getAttribute('data-waylight');
  if (!told || window.top !== window || find(document, 'waylight-toolbar').length) return;
  /** @type {any} what the edge told of this page; `rules/toolbar.rs` writes it */
  const state = setPrototypeOf(parse(told), null);

  const CSS = `
:host{all:initial!important;direction:ltr!important;display:block!important;position:fixed!important;inset:auto 16px 16px auto!important;z-index:2147483647!important;width:max-content!important;height:max-content!important;overflow:visible!important;pointer-events:none!important;visibility:hidden!important;color-scheme:dark!important}
:host([data-place^=t]){inset-block:16px auto!important}:host([data-place$=l]){inset-inline:16px auto!important}
:host([data-off]){display:none!important}
@media print{:host{display:none!important}}
*{box-sizing:border-box;margin:0}
.w{display:flex;flex-direction:column;align-items:flex-end;gap:10px;font:13px/20px system-ui,-apple-system,"Segoe UI",sans-serif;font-variant-numeric:tabular-nums;color:#f4f4f6;text-align:start}
:host([data-place^=t]) .w{flex-direction:column-reverse}:host([data-place$=l]) .w{align-items:flex-start}
.pill,.toast,.panel{pointer-events:auto;visibility:visible}div:empty{display:none}
button,a,input{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer;text-align:start;text-decoration:none}
:focus-visible{outline:2px solid #7db0ff;outline-offset:2px}
svg{width:16px;height:16px;display:block;flex:none;fill:none;stroke:currentColor;stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}
.f{fill:currentColor;stroke:none}
.pill{display:flex;align-items:center;height:38px;border-radius:19px;padding:0 4px;background:#131316;box-shadow:0 0 0 1px #ffffff24,0 10px 30px #00000047;transition:background .18s;touch-action:none;user-select:none}
.pill.on{background:#0a5bff;box-shadow:0 0 0 1px #ffffff3d,0 10px 34px #0a5bff66}.pill.warn{box-shadow:0 0 0 1px #e0ac45}
.pill button{height:30px;min-width:30px;border-radius:15px;display:flex;align-items:center;justify-content:center;gap:7px;white-space:nowrap;padding:0 8px}
.pill button:hover{background:#ffffff1f}.pill svg{width:14px;height:14px}.pill button *{pointer-events:none}.pill [hidden]{display:none}
b{font-weight:600}small{font-size:11.5px;color:#c3c3cb}.on small{color:#e6eeff}
i{display:block}.dot{width:8px;height:8px;border-radius:8px;background:#fff;animation:p 1.6s infinite}@keyframes p{50%{opacity:.35}}
.spin{width:14px;height:14px;border-radius:9px;border:2px solid #ffffff40;border-top-color:#fff;animation:r .8s linear infinite}@keyframes r{to{transform:rotate(1turn)}}
.badge{font-size:10.5px;font-weight:600;line-height:16px;border-radius:5px;padding:0 5px;background:#ffffff24}.amber{color:#f3c969;background:#e0ac4526}
.panel,.toast{background:#131316;color:inherit;border:0;padding:0;border-radius:14px;width:348px;max-width:calc(100vw - 32px);box-shadow:0 0 0 1px #ffffff1f,0 24px 70px #00000073}
.toast{padding:12px 13px;display:grid;grid-template-columns:20px 1fr 24px;gap:3px 10px;align-items:center}
.toast p,.toast div{grid-column:2/4;color:#b9b9c1;font-size:12.5px;overflow-wrap:anywhere}.toast div{display:flex;gap:8px;margin-top:7px}
.toast>button{height:24px;border-radius:6px;display:grid;place-items:center;color:#b9b9c1}.toast>button svg{width:13px}
.toast div>*{height:30px;padding:0 11px;border-radius:8px;background:#ffffff1f;color:#fff;display:flex;align-items:center}.toast div>:first-child{background:#fff;color:#131316;font-weight:600}
.ok{color:#4bc281}.note{color:#e0ac45}.red,.red svg{color:#ff8d8d}
@media(prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}}
@media(forced-colors:active){.pill,.panel,.toast,.badge,.toast div>*{border:1px solid CanvasText}.dot{forced-color-adjust:none;background:CanvasText}}
`;

  /** Those of the panel, too. */
  const ICON = {
    mark: 'M8 2.4 14.4 13.6H1.6z', stop: 'M4.5 4.5h7v7h-7z', check: 'M3 8.5l3.2 3.2L13 4.5', x: 'M4 4l8 8M12 4l-8 8', warn: 'M8 2.5 14.5 13.5h-13zM8 6.5v3.2M8 11.6h.01',
    bolt: 'M9.2 1 3 9.2h4.2L6.6 15 13 6.6H8.6z', redo: 'M13 8a5 5 0 1 1-1.6-3.66M13 2v3h-3',
    fresh: 'M2.5 4.5c0-1.3 2.4-2 5.5-2s5.5.7 5.5 2-2.4 2-5.5 2-5.5-.7-5.5-2v7c0 1.3 2.4 2 5.5 2M13.5 4.5V8M10 10l4 4M14 10l-4 4',
    list: 'M3 4.5h10M3 8h10M3 11.5h6', open: 'M9 2.5h4.5V7M13.5 2.5 7.5 8.5M11.5 9.5v4h-9v-9h4',
    arm: 'M4 3l8.5 4-3.7 1.3L7.5 12zM9.5 9.5l3.5 3.5', clock: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M8 5v3.2l2 1.3', play: 'M5 3.5v9l7-4.5z',
    five: 'M10.8 3H6.2l-.5 4.3c2.6-1 5.3.1 5.3 2.7s-3 3.9-5.6 2.4', find: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.5 10.5l3 3',
    hide: 'M2 2l12 12M6.7 4A6 6 0 0 1 8 3.8c4 0 6.2 4.2 6.2 4.2a11 11 0 0 1-1.7 2.2M4.2 5.2A11 11 0 0 0 1.8 8S4 12.2 8 12.2c1 0 1.9-.3 2.7-.7',
  };

  // What is remembered. A page may forbid it; then it is not.

  /** @param {'localStorage' | 'sessionStorage'} name */
  function storage(name) {
    return {
      /** @param {string} key */
      get(key) { try { return window[name].getItem(key); } catch { return null; } },
      /** @param {string} key @param {string | null} value */
      set(key, value) {
        try { if (value === null) window[name].removeItem(key); else window[name].setItem(key, value); return true; } catch { return false; }
      },
    };
  }

  /** What a page breaks under us is ours to bear: none of it becomes an error of the page. @param {(...values: any[]) => unknown} act */
  const safely = (act) => (/** @type {any[]} */ ...values) => { try { act(...values); } catch { /* so be it */ } };

  /** All that a page may see or hear of us, once it has loaded. */
  function build() {
    const host = make(document, 'waylight-toolbar');
    const shadow = attach(host, { mode: 'closed' });
    /** @param {string} tag @param {string | null} kind @param {...any} children @returns {any} */
    function el(tag, kind, ...children) {
      const made = make(document, tag);
      if (kind) setAttribute(made, 'class', kind);
      for (let at = 0; at < children.length; at += 1) if (children[at]) append(made, children[at]);
      return made;
    }

    /** @param {string} d @param {string} [kind] */
    function icon(d, kind) {
      const svg = makeNS(document, 'http://www.w3.org/2000/svg', 'svg');
      const path = makeNS(document, 'http://www.w3.org/2000/svg', 'path');
      setAttribute(svg, 'viewBox', '0 0 16 16');
      setAttribute(svg, 'aria-hidden', 'true');
      if (kind) setAttribute(svg, 'class', kind);
      setAttribute(path, 'd', d);
      append(svg, path);
      return svg;
    }

    /** @param {any} target @param {string[]} names @param {(event: Event) => unknown} act */
    function each(target, names, act) {
      for (let at = 0; at < names.length; at += 1) listen(target, names[at], act);
    }

    /** @param {any} button @param {string | null} label @param {() => unknown} press */
    function pressed(button, label, press) {
      button.type = 'button';
      if (label) setAttribute(button, 'aria-label', label);
      listen(button, 'click', press);
      return button;
    }

    /** @param {string} text @param {string} path */
    function link(text, path) {
      const made = el('a', null, text);
      made.href = OURS + path;
      made.target = '_blank';
      made.rel = 'noopener';
      return made;
    }

    const live = el('div', null), slot = el('div', null), wrap = el('div', 'w', live, slot);
    setAttribute(wrap, 'role', 'region');
    setAttribute(wrap, 'aria-label', 'Waylight');
    fill(shadow, wrap);
    let seen = 0;
    /** @type {import('./panel.js').Panel | undefined} */ let panel;
    /** @type {Promise<typeof import('./panel.js')> | undefined} */ let loading;

    const isActive = () => state.session?.kind === 'session';
    const timing = () => /** @type {any} */ (entriesOf(performance, 'navigation')[0]);
    /** @param {number} ms */
    const time = (ms) => (ms < 1_000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1_000).toFixed(1)} s`);
    const firstByte = () => Math.max(0, (timing()?.responseStart ?? 0) - (timing()?.activationStart ?? 0));

    // The buttons stay while what they say changes, so that no press is lost. What is painted anew has not moved: it adds
    // nothing to the page's layout shift.
    const mark = pressed(el('button', null, icon(ICON.mark, 'f')), 'Waylight', () => toggle()), text = pressed(el('button', null), null, () => toggle());
    const stop = pressed(el('button', null, icon(ICON.stop, 'f')), 'Stop tracing session', () => toggle('stop')), pill = el('div', 'pill', mark, text, stop);
    append(slot, pill);

    function paint() {
      const active = isActive(), quota = { 80: '80 %', 95: '95 %', full: 'Full' }[/** @type {string} */ (state.quota)];
      const bold = (/** @type {string} */ says) => el('b', null, says), requests = active && state.session.requests + seen;
      /** @type {any[]} */ let says;
      if (bar.phase === 'reloading') says = [el('i', 'spin'), bold('Reloading')];
      else if (bar.phase === 'collecting') says = [el('i', 'spin'), bold('Collecting')];
      else if (bar.phase === 'offline') says = [bold('Offline')];
      else if (bar.phase === 'expired') says = [bold('Signed out')];
      else if (bar.phase === 'armed') says = [el('i', 'dot'), bold('Armed'), el('small', null, 'Click, or press a key')];
      else if (active) says = [el('i', 'dot'), bold('Tracing'), el('small', null, `${requests} request${requests === 1 ? '' : 's'}`)];
      else says = [bold(time(firstByte())), el('small', null, 'TTFB'), state.cache && el('span', `badge${state.cache === 'HIT' ? '' : ' amber'}`, state.cache)];
      setAttribute(pill, 'class', `pill${active ? ' on' : quota ? ' warn' : ''}`);
      setAttribute(mark, 'aria-label', `Waylight${active ? ', tracing session active' : ''}`);
      setAttribute(mark, 'aria-expanded', `${!!panel?.isOpen()}`);
      text.replaceChildren();
      for (let at = 0; at < says.length; at += 1) if (says[at]) append(text, says[at]);
      if (quota) append(text, el('span', 'badge amber', quota));
      stop.hidden = !(active && state.token && !bar.phase);
    }

    /** @param {string} kind @param {string} title @param {string} text @param {any[]} [buttons] */
    function toast(kind, title, text, buttons = []) {
      const sign = kind === 'spin' ? el('i', 'spin') : kind === 'ok' ? icon(ICON.check, 'ok') : icon(ICON.warn, kind === 'bad' ? 'red' : 'note');
      const made = el('div', 'toast', sign, el('b', null, title), pressed(el('button', null, icon(ICON.x)), 'Dismiss', dismiss), el('p', null, text));
      const row = el('div', null);
      for (let at = 0; at < buttons.length; at += 1) append(row, buttons[at]);
      append(made, row);
      setAttribute(made, 'role', kind === 'bad' ? 'alert' : 'status');
      live.replaceChildren(made);
    }

    const dismiss = () => live.replaceChildren();

    /** @param {string} id */
    const tracePath = (id) => `t/${id}`;
    /** @param {string} id */
    const sessionPath = (id) => `logs?traced=1&session=${id}`;

    /** @param {string} id */
    function viewing(id) {
      const view = link('View trace', tracePath(id)), copy = () => navigator.clipboard.writeText(view.href).then(dismiss, dismiss);
      return navigator.clipboard ? [view, pressed(el('button', null, 'Copy link'), null, copy)] : [view];
    }

    // Asking, or navigating where the page's policy forbids to ask.

    /** Whether policies in `<meta>`, which the edge cannot extend, let us. @param {string} names */
    function permits(names) {
      const metas = find(document, 'meta[http-equiv="content-security-policy" i]');
      for (let at = 0; at < metas.length; at += 1) {
        const text = ` ${metas[at].content.toLowerCase()}`, of = (/** @type {string} */ name) => new RegExp(`[\\s;](?:${name})(?![-\\w])([^;]*)`).exec(text);
        const list = (of(names) ?? of('default-src'))?.[1];
        if (list !== undefined && (/'strict/.test(list) || !new RegExp(`\\s(\\*|'self'|${location.protocol}|${location.origin}/?)(\\s|$)`).test(list))) return false;
      }
      return true;
    }

    const mayAsk = () => !state.alone && permits('connect-src');

    /** @param {string} path @param {object} [body] @returns {Promise<any>} the answer; null where there is none yet */
    async function ask(path, body) {
      const headers = { __proto__: null, 'waylight-request': '1', 'content-type': 'application/json' };
      /** @type {any} */ const wish = { __proto__: null, cache: 'no-store', ...(body && { method: 'POST', headers, body: stringify(body) }) };
      const answer = await fetch(`${OURS}api/v1/${path}`, wish);
      const { status } = answer, isOurs = answer.headers.has('waylight-response');
      const told = isOurs ? await answer.json() : {};
      if (answer.ok && isOurs) return told;
      if (status === 404 && isOurs) return null;
      // Whoever is not signed in any more is not told that there is anything: the page's own server answers, whatever it likes.
      const isOut = status === 401 || (!isOurs && status < 500 && status !== 429);
      if (isOut) bar.phase = 'expired';
      throw new (isOurs || isOut ? Error : TypeError)(told.detail);
    }

    /** @param {string} id */
    async function follow(id) {
      bar.phase = 'collecting';
      let wait = 500, waited = '', known = 0;
      for (let left = 90_000; left > 0; wait = Math.min(2_000, wait * 1.3)) {
        /** @type {any} */ let status;
        try {
          if (!isHidden(document)) status = await ask(`traces/${id}/status`);
        } catch {
          if (bar.phase === 'collecting') bar.phase = 'offline';
          toast('bad', bar.phase === 'offline' ? 'Waylight cannot be reached' : 'You are signed out', 'The trace is recorded all the same.', [viewing(id)[0]]);
          return paint();
        }
        const names = status?.waiting_for?.join(', ') ?? '', spans = `${status?.spans ?? 0} spans`;
        if (status?.state === 'done') {
          bar.phase = '';
          // What was awaited may have come at last.
          if (waited && status.spans === known) toast('note', `Trace ready, but ${waited} sent no spans`, `${spans}. To see inside, send OpenTelemetry to this proxy.`, viewing(id));
          else toast('ok', 'Trace ready', `${spans}. ${status.verdict ?? ''}`, viewing(id));
          return paint();
        }
        waited = names;
        known = status?.spans ?? 0;
        if (status || !live.firstChild) toast('spin', 'Collecting the trace', `${spans} so far.${names && ` Waiting for ${names} to report.`}`);
        paint();
        await new Promise((resolve) => setTimeout(resolve, wait));
        if (!isHidden(document)) left -= wait;
      }
      bar.phase = '';
      toast('note', 'Still recording', 'The trace goes on.', viewing(id));
      paint();
    }

    /** After a reload that was asked for. */
    async function arrived() {
      const text = perTab.get(RUN), run = text && setPrototypeOf(parse(text), null), id = state.trace;
      const isOther = run ? run.path !== location.pathname : state.session?.kind !== 'page';
      // Without a note of it, it was somebody else's; unless notes are forbidden.
      if (perTab.set(RUN, null) && !run || isOther) return;
      if (!id) {
        if (state.quota === 'full') return (await loaded())?.run('quota');
        return toast('bad', 'This page was not traced', 'Perhaps the browser had it already.');
      }
      if (run) run.times[run.times.length] = firstByte();
      if (run?.left > 0) {
        run.left -= 1;
        perTab.set(RUN, stringify(run));
        bar.phase = 'reloading';
        const again = setTimeout(() => location.reload(), 300), stop = () => { clearTimeout(again); perTab.set(RUN, null); bar.phase = ''; dismiss(); paint(); };
        toast('spin', `Run ${run.times.length} of ${run.times.length + run.left + 1}`, 'The page is loaded again.', [pressed(el('button', null, 'Stop'), null, stop)]);
        return paint();
      }
      if (run?.times.length > 1) return (await loaded())?.run('several', run.times);
      if (mayAsk()) return follow(id);
      toast('ok', 'Trace recorded', 'This page forbids to ask how far it is.', [viewing(id)[0]]);
    }

    /** What the panel is made with; `phase` is reloading, collecting, armed, offline, expired, or nothing of these. */
    const bar = {
      phase: '', ICON, fetch, state, host, shadow, wrap, slot, local, perTab, OURS, HIDDEN, RUN, SESSION, el, icon, pressed, link, listen, setAttribute, append, pathOf,
      ask, mayAsk, follow, hide, show, paint, toast, dismiss, time, timing, firstByte, isActive, tracePath, sessionPath,
    };

    /** The panel, where the page's own policy in a `<meta>` lets it be loaded. */
    async function loaded() {
      if (permits('script-src-elem|script-src')) panel ??= (await (loading ??= import(location.origin + element.getAttribute('src').replace('toolbar.js', 'panel.js')))).panel(bar);
      return panel;
    }

    /** @param {import('./commands.js').Action} [action] instead of opening it */
    async function toggle(action) {
      try {
        const known = await loaded();
        if (known) return action ? known.run('act', action) : known.toggle();
      } catch { /* it cannot be had */ }
      window.open(`${OURS}plain`, '_blank', 'noopener');
    }

    /** @param {{ set(key: string, value: string): boolean }} [where] for longer than this page */
    function hide(where) {
      where?.set(HIDDEN, '1');
      panel?.close();
      dismiss();
      setAttribute(host, 'data-off', '');
    }

    function show() {
      if (host.hasAttribute('data-off')) perTab.set(HIDDEN, null);
      host.removeAttribute('data-off');
      top();
    }

    /** On top of what the page put there. */
    function top() {
      try {
        host.popover = 'manual';
        if (!host.matches(':popover-open')) host.showPopover();
      } catch { /* it is fixed in its place anyway */ }
    }

    // Staying there: bodies and roots are replaced, and unknown elements removed, by pages that know nothing of us.

    /** @type {any} */ let root = null;
    let returns = 0, lost = -1e4, isComing = false;
    const watcher = new MutationObserver(() => {
      if (isComing || (host.isConnected && root === rootOf(document))) return;
      isComing = true;
      const now = clock(performance);
      // Who removes us again and again is not fought, but waited for longer and longer.
      returns = now - lost > 5_000 ? 0 : returns + 1;
      lost = now;
      setTimeout(mount, Math.min(4_000, 50 * 2 ** Math.min(returns, 7)) - 50);
    });

    function mount() {
      root = rootOf(document);
      isComing = false;
      watcher.disconnect();
      watcher.observe(document, { childList: true });
      if (!root) return;
      watcher.observe(root, { childList: true });
      if (!host.isConnected || host.parentNode !== root) append(root, host);
      listen(window, 'keydown', pressedKey, true);
      top();
    }

    /** @param {KeyboardEvent} event */
    function pressedKey(event) {
      const { code, altKey, ctrlKey, metaKey, shiftKey } = event, target = pathOf(event)[0];
      const typed = (altKey ? 'Alt+' : '') + (ctrlKey ? 'Control+' : '') + (metaKey ? 'Meta+' : '') + (shiftKey ? 'Shift+' : '') + code;
      const isWriting = event.isComposing || target?.isContentEditable || /^(input|textarea|select)$/i.test(target?.tagName ?? '');
      if (typed !== state.keys || event.repeat || isWriting) return;
      event.preventDefault();
      toggle();
    }

    // Keys that are typed here are not the page's.
    each(host, ['keydown', 'keyup', 'keypress', 'input', 'focusin', 'click'], (event) => event.stopPropagation());

    // Other tabs start and stop the session as well.
    /** @param {string | null} id */
    function sessionIs(id) {
      if (id === null || id === (isActive() ? state.session.id : '')) return;
      state.session = id ? { kind: 'session', id, requests: 0 } : undefined;
      seen = 0;
      paint();
    }

    // Dragging to a corner.

    /** @type {{ x: number, y: number, isMoved: boolean, over: AbortController } | null} */ let drag = null;

    /** @param {PointerEvent} event */
    function grabbed(event) {
      if (event.button) return;
      drag?.over.abort();
      const over = new AbortController(), options = { __proto__: null, capture: true, signal: over.signal };
      drag = { x: event.clientX, y: event.clientY, isMoved: false, over };
      listen(window, 'pointermove', safely(dragged), options);
      listen(window, 'pointerup', safely(dropped), options);
      listen(window, 'pointercancel', safely(dropped), options);
    }

    /** @param {PointerEvent} event */
    function dragged(event) {
      if (!drag) return;
      const x = event.clientX - drag.x, y = event.clientY - drag.y;
      if (!drag.isMoved && Math.hypot(x, y) < 5) return;
      if (!drag.isMoved) slot.setPointerCapture(event.pointerId);
      drag.isMoved = true;
      panel?.close();
      wrap.style.transform = `translate(${x}px, ${y}px)`;
    }

    /** @param {PointerEvent} event */
    function dropped(event) {
      drag?.over.abort();
      wrap.style.transform = '';
      if (drag?.isMoved && event.type === 'pointerup') {
        const place = (event.clientY < window.innerHeight / 2 ? 't' : 'b') + (event.clientX < window.innerWidth / 2 ? 'l' : 'r');
        setAttribute(host, 'data-place', place);
        local.set(PLACE, place);
      }
      // The click that follows belongs to the drag.
      setTimeout(() => { drag = null; });
    }

    listen(slot, 'pointerdown', safely(grabbed));
    listen(slot, 'click', (/** @type {Event} */ event) => { if (drag?.isMoved) event.stopPropagation(); }, true);

    function dress() {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(CSS);
      shadow.adoptedStyleSheets = [sheet];
      // In a task of its own, as what it begins: on a slow processor each of them takes some milliseconds.
      setTimeout(safely(boot));
    }

    function boot() {
      const place = local.get(PLACE);
      setAttribute(host, 'data-place', /^[tb][lr]$/.test(place ?? '') ? place : state.corner);
      if (state.hidden || local.get(HIDDEN) || perTab.get(HIDDEN)) setAttribute(host, 'data-off', '');
      if (state.until * 1000 < date()) bar.phase = 'expired';
      // What a page that was rendered ahead was told may be old by now.
      if (isPrerendered) sessionIs(local.get(SESSION));
      else local.set(SESSION, isActive() ? state.session.id : '');
      listen(window, 'storage', (/** @type {StorageEvent} */ event) => { if (event.key === SESSION) sessionIs(event.newValue); });
      listen(window, 'pageshow', (/** @type {PageTransitionEvent} */ event) => {
        if (!event.persisted) return;
        // It left by a command, and is here again.
        if (bar.phase === 'reloading') bar.phase = '';
        sessionIs(local.get(SESSION));
        paint();
      });
      const { navigation } = /** @type {any} */ (window);
      const moved = () => { if (!state.hidden && !local.get(HIDDEN) && !perTab.get(HIDDEN)) host.removeAttribute('data-off'); };
      if (navigation) listen(navigation, 'currententrychange', moved);
      else listen(window, 'popstate', moved);
      paint();
      setTimeout(safely(mount));
      setTimeout(safely(() => {
        each(slot, ['pointerover', 'pointerdown', 'focusin'], () => loaded().catch(() => {}));
        if (isActive()) count();
        arrived();
      }));
    }

    /** Requests of this page that the edge has seen, beside those that it told of. */
    function count() {
      try {
        new PerformanceObserver(safely((/** @type {PerformanceObserverEntryList} */ list) => {
          const entries = /** @type {PerformanceResourceTiming[]} */ (list.getEntries());
          for (let at = 0; at < entries.length; at += 1) {
            const entry = /** @type {PerformanceResourceTiming} */ (entries[at]);
            if (entry.name.startsWith(`${location.origin}/`) && !entry.name.startsWith(OURS) && entry.transferSize > 0) seen += 1;
          }
          if (!bar.phase && isActive()) paint();
        })).observe({ type: 'resource', buffered: true });
      } catch { /* not in this browser */ }
    }
    setTimeout(safely(dress));
  }

  // After the page has had its turn: it hydrates and measures without us.
  function settled() {
    if (progress(document) === 'complete') return setTimeout(safely(build));
    listen(window, 'load', () => setTimeout(safely(build)), { __proto__: null, once: true });
  }
  if (isPrerendered) listen(document, 'prerenderingchange', settled, { __proto__: null, once: true });
  else settled();
})(); } catch { /* A page that breaks the language itself gets no toolbar, and no error of ours. */ }
