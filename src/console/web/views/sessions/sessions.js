// The sessions: who is traced, who was, and what it came to. One of them is open beside the list.

import { h, sheet, toast } from '../../dom.js';
import { held, sessionsOf, sorted } from '../../model/sessions.js';
import { Links } from './links.js';
import { SessionPanel } from './panel.js';
import { SessionTable } from './table.js';

/** @import { LiveEvent, Opened, Place } from '../../model/contract.js' */
/** @import { Session, Sort } from '../../model/sessions.js' */
/** @import { Me, Sessions as Told } from '../../types/wire.d.ts' */

/** The list is asked for again at most so often. */
const ASK_MS = 2000;
/** What ended later than so long ago may not be stored yet: it is asked for once more. */
const STORED_MS = 1000;

/** @param {Place} place @returns {Promise<Opened>} */
export async function open(place) {
  await sheet('styles/screens.css');
  const screen = new Sessions(place);
  return { close: () => screen.close(), moved: (rest) => screen.moved(rest) };
}

class Sessions {
  #place;
  #table;
  #links;
  #panel;
  #body;
  #empty = h('div', { class: 'empty', hidden: true });
  #state = h('span', { class: 'row' });
  #sort = h('div', { class: 'segments', role: 'group', 'aria-label': 'Order' });
  /** @type {Session[]} */
  #sessions = [];
  /** Ids, as they are listed. @type {string[]} */
  #order = [];
  #open = '';
  #hovered = false;
  /** Whether an answer has come. */
  #asked = false;
  #asking = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #again;
  /** When something last ended. */
  #last = 0;
  #ends;
  /** @type {(() => void) | null} */
  #unescape = null;

  /** @param {Place} place */
  constructor(place) {
    this.#place = place;
    this.#table = new SessionTable(place);
    this.#links = new Links(place);
    this.#panel = new SessionPanel(place, { close: () => this.#select(''), changed: () => void this.#ask() });
    const list = h('section', { class: 'page list', 'aria-label': 'Sessions', tabIndex: 0 },
      h('header', { class: 'page-head' }, h('h1', null, 'Sessions'), this.#sort, h('span', { class: 'push' }), this.#links.button, this.#state),
      this.#table.element, this.#empty, this.#links.element);
    this.#body = h('div', { class: 'beside' }, list);
    place.main.replaceChildren(this.#body);
    // What stands under the pointer stays there; what is new comes when it has left.
    this.#table.element.addEventListener('pointerenter', () => (this.#hovered = true));
    this.#table.element.addEventListener('pointerleave', () => {
      this.#hovered = false;
      this.#draw();
    });
    const told = () => {
      this.#drawState();
      void this.#ask();
    };
    document.addEventListener('wl-me', told);
    const group = 'Sessions';
    this.#ends = [
      () => document.removeEventListener('wl-me', told),
      place.live.follow(['requests', 'quota'], (events) => this.#heard(events)),
      place.keys.add([
        { keys: ['j', 'ArrowDown'], label: 'Next session', group, run: (event) => this.#step(event, 1) },
        { keys: ['k', 'ArrowUp'], label: 'Previous session', group, run: (event) => this.#step(event, -1) },
        { keys: 'l', label: 'Largest first, latest first', group, run: () => this.#turn() },
      ]),
    ];
    this.#drawState();
    this.moved(place.rest);
    void this.#ask();
    void this.#links.ask();
  }

  close() {
    this.#asking.abort();
    clearTimeout(this.#again);
    this.#panel.close();
    this.#unescape?.();
    for (const end of this.#ends) end();
  }

  /** The address changed. @param {string[]} rest */
  moved([id = '']) {
    this.#order = [];
    this.#sort.replaceChildren(...(/** @type {const} */ ([['latest', 'Latest'], ['spans', 'Largest']])).map(([sort, label]) =>
      h('button', { type: 'button', 'aria-pressed': String(this.#sorting === sort), onclick: () => this.#sorting !== sort && this.#turn() }, label)));
    const was = this.#open;
    this.#open = id;
    this.#body.classList.toggle('open', id !== '');
    if (id === '') {
      this.#panel.element.remove();
      this.#panel.close();
      this.#unescape?.();
      this.#unescape = null;
      this.#place.title('Sessions');
      this.#table.focus(was);
    } else {
      if (!this.#panel.element.isConnected) this.#body.append(this.#panel.element);
      this.#unescape ??= this.#place.keys.escape(() => this.#select(''));
    }
    this.#draw();
  }

  /** By an arrow in the table only: elsewhere it scrolls. @param {KeyboardEvent} event @param {1 | -1} by */
  #step(event, by) {
    const at = document.activeElement;
    if (event.key.length > 1 && at && at !== document.body && at.id !== 'main' && !this.#table.element.contains(at)) return false;
    this.#table.step(by);
    return undefined;
  }

  /** @returns {Sort} */
  get #sorting() {
    return this.#place.router.query['sort'] === 'spans' ? 'spans' : 'latest';
  }

  #turn() {
    this.#place.router.replace({ sort: this.#sorting === 'spans' ? null : 'spans' });
  }

  /** @param {string} id */
  #select(id) {
    this.#place.router.push(`/sessions${id ? `/${id}` : ''}${location.search}`);
  }

  /** @param {LiveEvent[]} events */
  #heard(events) {
    if (!events.some(({ name, data }) => name === 'gap' || name === 'quota' || (name === 'request' && data.session_id))) return;
    this.#last = Date.now();
    this.#again ??= setTimeout(() => this.#askAgain(), ASK_MS);
  }

  #askAgain() {
    const fresh = Date.now() - this.#last < STORED_MS;
    this.#again = fresh ? setTimeout(() => this.#askAgain(), ASK_MS) : undefined;
    void this.#ask();
  }

  async #ask() {
    const { signal } = this.#asking;
    try {
      /** @type {Told} */
      const told = await this.#place.api.get('/sessions', { signal });
      this.#sessions = sessionsOf(told);
      this.#asked = true;
      this.#empty.replaceChildren();
      this.#draw();
    } catch (error) {
      // What is listed stays; the shell says that the connection is lost.
      if (!signal.aborted && this.#sessions.length === 0) this.#fail(error);
    }
  }

  #draw() {
    const fresh = sorted(this.#sessions, this.#sorting);
    const shown = this.#hovered && this.#order.length > 0 ? held(fresh, this.#order) : fresh;
    this.#order = shown.map(({ id }) => id);
    this.#table.draw(shown, this.#open);
    this.#table.element.hidden = shown.length === 0;
    if (shown.length > 0) this.#empty.hidden = true;
    else if (this.#asked) this.#tellNone();
    if (this.#open) this.#panel.show(this.#open, this.#sessions.find(({ id }) => id === this.#open), this.#asked);
  }

  #tellNone() {
    const { me } = this.#place;
    this.#empty.hidden = false;
    const start = me.may.includes('trace') && !me.session
      ? h('button', { class: 'button primary', type: 'button', onclick: () => void this.#act('start') }, 'Start tracing this browser') : null;
    this.#empty.replaceChildren(h('div', { class: 'state-page' }, h('h2', null, 'No sessions yet'),
      h('p', null, me.may.includes('trace')
        ? 'A session has everything traced that one browser asks for, until it is stopped. Nobody else is.'
        : 'A session has everything traced that one browser asks for. Whoever may trace can start one.'),
      h('div', { class: 'row' }, start)));
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#empty.hidden = false;
    this.#empty.replaceChildren(h('div', { class: 'state-page' }, h('h2', null, 'The sessions cannot be shown now'),
      h('p', null, error instanceof Error ? error.message : String(error)),
      h('div', { class: 'row' }, h('button', { class: 'button', type: 'button', onclick: () => void this.#ask() }, 'Try again'))));
  }

  /** What this browser can do about itself. */
  #drawState() {
    const { me } = this.#place;
    if (!me.may.includes('trace')) return;
    const button = (/** @type {string} */ label, /** @type {'start' | 'stop'} */ action, look = '') =>
      h('button', { class: `button small ${look}`, type: 'button', onclick: () => void this.#act(action) }, label);
    this.#state.replaceChildren(me.session ? button('Stop tracing this browser', 'stop') : button('Trace this browser', 'start', 'primary'));
  }

  /** @param {'start' | 'stop'} action */
  async #act(action) {
    const { api, me, main } = this.#place;
    try {
      await api.post('/session', { action });
      /** @type {Me} */
      const now = await api.get('/me');
      Object.assign(me, now);
      document.dispatchEvent(new CustomEvent('wl-me'));
      main.dispatchEvent(toast(action === 'start' ? 'This browser is traced from now on' : 'This browser is not traced any more'));
    } catch (error) {
      main.dispatchEvent(toast(error instanceof Error ? error.message : String(error), 'error'));
    }
  }
}
