// What stands around every screen: the bar at the top, notices, the palette and the help.

import { append, h, toast } from './dom.js';
import { icon } from './icons.js';
import { menu } from './elements/menu.js';
import { APPLE, MOD } from './keys.js';
import { clock, count, day, duration, short } from './model/format.js';
import { THEMES, choose, theme } from './themes.js';

/** @import { Api, LiveEvent, Router } from './model/contract.js' */
/** @import { Command } from './model/palette.js' */
/** @import { Me, Quota } from './types/wire.d.ts' */
/** @import { Keys } from './keys.js' */
/** @import { Live } from './live.js' */
/** @typedef {{ api: Api, router: Router, live: Live, keys: Keys, me: Promise<Me> }} Parts */

/** A stream that is lost for so long is told of. */
const LOST_MS = 1500;
const SCOPE_TOLD = 'waylight.scope-told';
const TAB_NAMES = /** @type {const} */ (['logs', 'sessions', 'compare', 'settings']);

export class Shell {
  #parts;
  #notices = /** @type {HTMLElement} */ (document.getElementById('notices'));
  #quota = h('a', { class: 'quota', hidden: true });
  #session = h('button', { class: 'button small session', type: 'button', hidden: true });
  #theme = h('button', { class: 'icon-button', type: 'button', onclick: () => this.#turnTheme() });
  /** @type {HTMLElement | null} */
  #lost = null;
  /** @type {HTMLElement | null} */
  #full = null;
  /** When something last came. */
  #came = Date.now();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #losing;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    const { api, live, keys, router, me } = parts;
    const host = document.getElementById('host');
    if (host) host.textContent = location.host;
    const tools = document.getElementById('tools');
    const jump = h('button', { class: 'button small jump', type: 'button', title: 'Jump to', onclick: () => this.#openPalette() },
      icon('search'), h('span', null, 'Jump to…'), h('kbd', null, APPLE ? `${MOD}K` : `${MOD} K`));
    const help = h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Keyboard help', onclick: () => this.#openHelp() }, icon('help'));
    const account = h('a', { class: 'icon-button', href: '/_waylight/plain', 'aria-label': 'Your sign-in and the plain page', title: 'Your sign-in' }, icon('person'));
    this.#quota.setAttribute('href', router.href('/settings'));
    if (tools) append(tools, [this.#quota, h('span', { class: 'menu-place' }, this.#session), jump, this.#theme, help, account]);
    void me.then((who) => {
      this.#offerSession(who);
      this.#tellScope(who);
    }, () => {});
    this.#nameTheme();
    document.addEventListener('wl-theme', () => this.#nameTheme());
    keys.add([
      { keys: 'mod+k', label: 'Jump to anything', group: 'Everywhere', run: () => this.#openPalette() },
      { keys: '?', label: 'This help', group: 'Everywhere', run: () => this.#openHelp() },
      { keys: 'Escape', label: 'Close the topmost thing', group: 'Everywhere', run: () => false },
    ]);
    api.watch(() => this.#weigh());
    live.watch((state) => {
      this.#weigh();
      // What it was meanwhile is in no stream.
      if (state === 'open') this.#askQuota();
    });
    live.follow(['quota'], (events) => this.#heard(events));
  }

  /** Which screen is open. @param {string} name */
  mark(name) {
    const tab = name === 't' ? 'logs' : name;
    document.querySelectorAll('.tabs a').forEach((link) => {
      if (link.getAttribute('href') === this.#parts.router.href(`/${tab}`)) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    });
  }

  /** @param {LiveEvent[]} events */
  #heard(events) {
    this.#came = Date.now();
    const last = events.findLast((event) => event.name === 'quota');
    if (last) this.#showQuota(last.data);
  }

  #askQuota() {
    this.#parts.api.get('/quota').then((/** @type {Quota} */ quota) => this.#showQuota(quota)).catch(() => {});
  }

  /** @param {Quota} quota */
  #showQuota(quota) {
    const { used, limit, state } = quota;
    const left = Math.max(0, limit - used);
    const until = day(quota.resets_at * 1e6);
    const meter = h('meter', { min: '0', max: String(Math.max(1, limit)), value: Math.min(used, limit), 'aria-hidden': 'true' });
    this.#quota.replaceChildren(meter, h('span', null, `${short(used)} / ${short(limit)} spans`));
    this.#quota.className = `quota ${state === 'fine' ? '' : state === '80' ? 'warn' : 'err'}`;
    this.#quota.title = `${count(left)} of ${count(limit)} spans are left until ${until}`;
    this.#quota.hidden = false;
    this.#full?.remove();
    this.#full = state === 'fine' ? null : this.#quotaNotice(quota, until);
    if (this.#full) this.#notices.append(this.#full);
  }

  /** @param {Quota} quota @param {string} until */
  #quotaNotice({ used, limit, state }, until) {
    const full = state === 'full';
    const title = full ? `Tracing is paused until ${until}.` : `${state} % of this month's spans are used.`;
    const text = full
      ? `${count(used)} of ${count(limit)} spans. The site is not affected; stored traces stay readable, requests are still listed.`
      : `${count(limit - used)} are left until ${until}.`;
    return h('div', { class: `notice ${full ? 'err' : 'warn'}`, role: 'status' }, icon('warn'), h('b', null, title), h('span', null, text),
      h('a', { href: this.#parts.router.href('/sessions') }, 'Largest sessions'));
  }

  /** Whether something is lost, a moment later: a stream that is opened anew is not. */
  #weigh() {
    const { api, live } = this.#parts;
    const bad = () => api.state !== 'online' || live.state === 'connecting';
    if (!bad()) {
      clearTimeout(this.#losing);
      this.#losing = undefined;
      this.#lost?.remove();
      this.#lost = null;
      return;
    }
    this.#losing ??= setTimeout(() => {
      this.#losing = undefined;
      if (bad()) this.#showLost();
    }, LOST_MS);
  }

  #showLost() {
    this.#lost?.remove();
    const { api, live } = this.#parts;
    const out = api.state === 'signed-out';
    const again = () => {
      api.get('/me').then(() => live.retry()).catch(() => {});
    };
    this.#lost = h('div', { class: `notice ${out ? 'warn' : 'err'}`, role: 'alert' }, icon('warn'),
      h('b', null, out ? 'Your sign-in has ended.' : 'Connection lost.'),
      h('span', null, out ? 'What you see stays. Sign in again to go on.'
        : `Last update ${clock(this.#came * 1000, 0)}. What you see stays; trying again.`),
      out ? h('a', { href: '/_waylight/sign-in' }, 'Sign in') : h('button', { class: 'link-button', type: 'button', onclick: again }, 'Try now'));
    this.#notices.prepend(this.#lost);
  }

  /** On a site's own origin one sees one's own requests only: said once, until it is closed. @param {Me} who */
  #tellScope({ elsewhere }) {
    if (!elsewhere || sessionStorage.getItem(SCOPE_TOLD)) return;
    const close = h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Close' }, icon('close'));
    const notice = h('div', { class: 'notice info', role: 'status' }, icon('person'), h('span', null, `${elsewhere[0]?.toUpperCase()}${elsewhere.slice(1)}.`), close);
    close.addEventListener('click', () => {
      sessionStorage.setItem(SCOPE_TOLD, 'yes');
      notice.remove();
    });
    this.#notices.append(notice);
  }

  /** Starting, stopping and seeing this browser's session. @param {Me} who */
  #offerSession(who) {
    if (!who.may.includes('trace')) return;
    const act = async (/** @type {'start' | 'stop' | 'restart'} */ action, /** @type {string} */ said) => {
      try {
        await this.#parts.api.post('/session', { action });
        Object.assign(who, await this.#parts.api.get('/me'));
        document.dispatchEvent(new CustomEvent('wl-me'));
        this.#session.dispatchEvent(toast(said));
      } catch (error) {
        this.#session.dispatchEvent(toast(error instanceof Error ? error.message : String(error), 'error'));
      }
    };
    const draw = () => {
      this.#session.classList.toggle('on', who.session !== null);
      this.#session.replaceChildren(h('i', { class: 'dot' }), who.session ? 'Tracing' : 'Start tracing');
      this.#session.hidden = false;
    };
    // Screens start and stop it, too.
    document.addEventListener('wl-me', draw);
    // Before the menu's own listener: without a session there is nothing to choose from.
    this.#session.addEventListener('click', (event) => {
      if (who.session) return;
      event.stopImmediatePropagation();
      void act('start', 'This browser is traced from now on');
    });
    menu(this.#session, 'This browser\u2019s session', () => {
      const { session } = who;
      if (!session) return [];
      const { router } = this.#parts;
      const left = duration(Math.max(0, session.expires_at * 1e6 - Date.now() * 1e3));
      return [
        { text: `This browser is traced. ${count(session.spans_used)} of ${count(session.spans_max)} spans, for another ${left}.` },
        'line',
        { label: 'Its requests', run: () => router.push(`/logs?session=${session.id}`) },
        { label: 'Its slowest requests', run: () => router.push(`/logs?session=${session.id}&range=all&sort=slow`) },
        { label: 'Stop', run: () => void act('stop', 'This browser is not traced any more') },
        { label: 'Restart, with a full budget', run: () => void act('restart', 'A new session was started') },
      ];
    });
    draw();
  }

  #turnTheme() {
    choose(THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length] ?? 'auto');
  }

  #nameTheme() {
    const names = { auto: 'as the system', light: 'light', dark: 'dark' };
    const chosen = theme();
    const label = `Theme: ${names[chosen]}`;
    this.#theme.setAttribute('aria-label', label);
    this.#theme.title = label;
    this.#theme.replaceChildren(icon(chosen === 'auto' ? 'auto' : chosen === 'light' ? 'sun' : 'moon'));
  }

  async #openHelp() {
    const { openHelp } = await import('./elements/help.js');
    openHelp(this.#parts.keys);
  }

  async #openPalette() {
    const { openPalette } = await import('./elements/palette.js');
    const { api, router, keys, me } = this.#parts;
    const may = await me.then((who) => who.may, () => /** @type {string[]} */ ([]));
    // Looked for once nothing is awaited any more: the key may have been pressed again meanwhile.
    if (document.querySelector('dialog.palette')) return;
    /** @type {Command[]} */
    const commands = [
      ...TAB_NAMES.map((name) => ({ label: `${name[0]?.toUpperCase()}${name.slice(1)}`, hint: 'Screen', run: () => router.push(`/${name}`) })),
      { label: 'Open the trace', run: () => {}, jump: (id) => () => router.push(`/t/${id}`) },
      { label: 'Open the request', run: () => {}, jump: (id) => () => router.push(`/logs/${id}`) },
      { label: 'Requests of the session', run: () => {}, jump: (id) => () => router.push(`/logs?session=${id}`) },
      ...(may.includes('keep') ? [{ label: 'Open a trace from a file', hint: 'OTLP in JSON', run: () => void import('./elements/file.js').then(({ openFile }) => openFile({ api, router })) }] : []),
      { label: 'Change the theme', hint: 'Light, dark, as the system', run: () => this.#turnTheme() },
      { label: 'Keyboard help', keys: '?', run: () => void this.#openHelp() },
      { label: 'Plain page: sign-out, links for visitors', hint: 'Page', run: () => location.assign('/_waylight/plain') },
      ...keys.bindings.filter((binding) => binding.group !== 'Everywhere' && !/^(Arrow|Home|End|Page)/.test(String([binding.keys].flat()[0])))
        .map((binding) => ({
          label: binding.label, keys: String([binding.keys].flat()[0]),
          run: () => void binding.run(new KeyboardEvent('keydown')),
        })),
    ];
    openPalette(commands);
  }
}
