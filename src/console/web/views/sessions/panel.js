// One session: its numbers, what can be done about it, and its page views in the order in which they were made.

import { copy, h } from '../../dom.js';
import { icon } from '../../icons.js';
import { confirm } from '../../elements/confirm.js';
import { clock, count, day, duration, moment, readable, short, things } from '../../model/format.js';
import { visits } from '../../model/sessions.js';
import { vitalsOf } from '../../model/vitals.js';

/** @import { Place } from '../../model/contract.js' */
/** @import { Session, Visit } from '../../model/sessions.js' */
/** @import { Request, Requests, Status } from '../../types/wire.d.ts' */

const PAGE = 500;
/** Requests that are shown here; a session may have far more, and the Logs show them all. */
const REQUESTS_MAX = 2500;
/** Traces are read at most so many at a time, and only where they are short. */
const READING_MAX = 2;
const SPANS_MAX = 5000;

export class SessionPanel {
  #place;
  #out;
  #id = '';
  /** @type {Session | undefined} */
  #session;
  #asking = new AbortController();
  #head = h('header', { class: 'panel-head' });
  #facts = h('dl', { class: 'tiles' });
  #tools = h('div', { class: 'row tools-row' });
  #list = h('ol', { class: 'visits', 'aria-label': 'Page views' });
  #note = h('p', { class: 'muted note' });
  element = h('aside', { class: 'page panel', 'aria-label': 'Session', tabIndex: 0 }, this.#head, this.#facts, this.#tools, h('h3', null, 'Page views, in order'), this.#note, this.#list);
  /** Page views whose trace is still to be read, and those that are on the screen. @type {Map<Element, () => Promise<void>>} */
  #unread = new Map();
  #reading = 0;
  #watch = new IntersectionObserver((entries) => this.#seen(entries));
  /** @type {Set<Element>} */
  #onScreen = new Set();
  /** What traces said, by their id. @type {Map<string, Status>} */
  #traces = new Map();
  /** What is drawn. */
  #drawn = '';
  /** @type {Request | undefined} */
  #slowest;

  /**
   * @param {Place} place
   * @param {{ close: () => void, changed: () => void }} out
   */
  constructor(place, out) {
    this.#place = place;
    this.#out = out;
  }

  close() {
    this.#asking.abort();
    this.#watch.disconnect();
    this.#unread.clear();
    this.#id = '';
  }

  /** @param {string} id @param {Session | undefined} session @param {boolean} asked whether the list is here */
  show(id, session, asked) {
    const fresh = id !== this.#id;
    const grown = this.#session?.requests !== session?.requests;
    if (fresh) {
      this.close();
      this.#id = id;
      this.#asking = new AbortController();
      this.#list.replaceChildren();
      this.#drawn = '';
      this.#slowest = undefined;
      this.#traces.clear();
      this.#note.textContent = 'Reading…';
    }
    this.#session = session;
    if (session) this.#drawHead(session);
    else if (asked) this.#drawGone(id);
    if (fresh || grown) void this.#ask(id);
  }

  /** @param {string} id */
  #drawGone(id) {
    this.#place.title('Session');
    this.#head.replaceChildren(h('div', { class: 'panel-title' }, h('h2', null, `Session ${id.slice(0, 8)}`), this.#cross()));
    this.#facts.replaceChildren();
    this.#tools.replaceChildren();
  }

  #cross() {
    return h('span', { class: 'panel-tools' }, h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Close', title: 'Close (Esc)', onclick: () => this.#out.close() }, icon('close')));
  }

  /** @param {Session} session */
  #drawHead(session) {
    const { id, person, kind, active, from, to, ends, spans, spansMax, requests, pages, failed, host } = session;
    const { me, router } = this.#place;
    this.#place.title(`Session of ${person}`);
    const whose = `${kind === 'guest' ? 'Visitor of ' : ''}${person || 'somebody'}`;
    this.#head.replaceChildren(
      h('div', { class: 'panel-title' }, h('h2', null, whose), h('span', { class: `tag ${active ? 'accent' : ''}` }, active ? 'Active' : 'Ended'),
        me.session?.id === id ? h('span', { class: 'tag' }, 'this browser') : null, this.#cross()),
      h('div', { class: 'meta' }, h('span', null, moment(from)), h('span', null, active && ends ? `ends in ${duration(Math.max(0, ends - Date.now() * 1e3))}` : `last request ${moment(to)}`),
        h('span', null, host), h('button', { class: 'mono plain-button', type: 'button', title: 'Copy the id', onclick: () => void copy(this.element, id, 'Id copied') }, id.slice(0, 8))));
    const tile = (/** @type {string} */ label, /** @type {import('../../dom.js').Child} */ value, look = '') => h('div', null, h('dt', null, label), h('dd', { class: look }, value));
    const slowest = this.#slowest;
    this.#facts.replaceChildren(tile('Page views', count(pages)), tile('Requests', count(requests)), tile('Failed', count(failed), failed > 0 ? 'err' : ''),
      tile(spansMax === null ? 'Spans' : `Spans of ${short(spansMax)}`, count(spans)),
      slowest ? tile(`Slowest: ${readable(slowest.path)}`, h('a', { href: router.href(`/logs/${slowest.id}?session=${id}&range=all`), title: slowest.path }, duration(slowest.dur_us))) : '');
    const mine = person === me.name;
    const button = (/** @type {string} */ label, /** @type {() => void} */ run) => h('button', { class: 'button small', type: 'button', onclick: run }, label);
    this.#tools.replaceChildren(h('a', { class: 'button small', href: router.href(`/logs?session=${id}&range=all`) }, 'Its requests in the Logs'));
    if (active && me.may.includes(mine ? 'trace' : 'revoke')) this.#tools.append(button('Revoke…', () => void this.#revoke(session)));
    if (me.may.includes('erase')) this.#tools.append(button('Erase…', () => void this.#erase(session)));
  }

  /** @param {Session} session */
  async #revoke({ id, person }) {
    const done = await confirm({
      title: 'Revoke this session?', label: 'Revoke', done: 'The session is revoked',
      text: `The browser of ${person} is not traced from its next request on, whichever worker answers. What was traced stays.`,
      run: () => this.#place.api.delete(`/sessions/${id}`),
    });
    if (done) this.#out.changed();
  }

  /** @param {Session} session */
  async #erase({ id, requests, spans, active }) {
    const done = await confirm({
      title: 'Erase what this session left?', label: 'Erase', done: 'Erased',
      text: `${things(requests, 'request')} and ${things(spans, 'span')} are removed for good${active ? '; the session itself goes on, revoke it to end it' : ''}. Spans that were used count for the month all the same.`,
      run: () => this.#place.api.post('/erase', { session: id }),
    });
    if (!done) return;
    this.#out.changed();
    if (!active) this.#out.close();
  }

  /** @param {string} id */
  async #ask(id) {
    const { signal } = this.#asking;
    /** @type {Request[]} */
    const requests = [];
    try {
      /** @type {string | null} */
      let before = null;
      do {
        /** @type {Requests} */
        const page = await this.#place.api.get('/requests', { query: { session: id, before, limit: PAGE }, signal });
        requests.push(...page.items);
        before = page.next;
      } while (before !== null && requests.length < REQUESTS_MAX);
      this.#slowest = requests.reduce((/** @type {Request | undefined} */ most, one) => (most && most.dur_us >= one.dur_us ? most : one), undefined);
      if (this.#session) this.#drawHead(this.#session);
      this.#draw(visits(requests), before !== null);
    } catch (error) {
      if (!signal.aborted) this.#note.textContent = error instanceof Error ? error.message : String(error);
    }
  }

  /** @param {Visit[]} found @param {boolean} cut */
  #draw(found, cut) {
    const key = JSON.stringify(found.map(({ head, requests, trace }) => [head.id, requests.length, trace]));
    this.#note.textContent = found.length === 0
      ? 'Nothing is kept of it: no request came yet, or its time is over.'
      : cut ? `Only the latest ${count(REQUESTS_MAX)} requests are shown here. The Logs have them all.` : '';
    this.#note.hidden = this.#note.textContent === '';
    if (key === this.#drawn) return;
    this.#drawn = key;
    this.#watch.disconnect();
    this.#unread.clear();
    this.#onScreen.clear();
    const began = found[0]?.head.ts_us ?? 0;
    const longest = Math.max(1, ...found.map(lasted));
    this.#list.replaceChildren(...found.map((visit, index) => this.#visit(visit, index, { began, longest })));
  }

  /** @param {Visit} visit @param {number} index @param {{ began: number, longest: number }} whole */
  #visit(visit, index, { began, longest }) {
    const { isPage, head, requests, failed, trace } = visit;
    const { router } = this.#place;
    const length = lasted(visit);
    const tags = h('span', { class: 'row vitals' });
    const says = h('p', { class: 'says' });
    const status = h('span', { class: `tag ${head.status >= 500 || head.status === 0 ? 'err' : head.status >= 400 ? 'warn' : 'ok'}` }, head.status === 0 ? 'gone' : String(head.status));
    const name = isPage ? readable(head.path) : things(requests.length, 'request outside a page view', 'requests outside of page views');
    const logs = isPage ? `/logs?page=${head.id}&range=all` : `/logs/${head.id}?session=${this.#id}&range=all`;
    const to = isPage && trace ? `/t/${trace}` : logs;
    const item = h('li', { class: isPage ? 'visit' : 'visit others' },
      h('time', { class: 'mono', title: `${day(head.ts_us)}, ${clock(head.ts_us)}` }, index === 0 ? clock(head.ts_us, 0) : `+${duration(head.ts_us - began)}`),
      h('div', { class: 'visit-body' },
        h('div', { class: 'visit-line' }, isPage ? status : null, h('a', { class: 'path', href: router.href(to), title: head.path }, name), tags,
          failed > 0 ? h('span', { class: 'tag err' }, `${count(failed)} failed`) : null, isPage ? bar(head.ttfb_us ?? 0, length, longest) : null),
        h('div', { class: 'meta' }, isPage ? h('span', null, `first octet ${head.ttfb_us === null ? '–' : duration(head.ttfb_us)}`) : null,
          h('span', null, `${duration(length)} until the last answer`), isPage ? h('span', null, things(requests.length, 'request')) : null,
          h('a', { href: router.href(logs) }, 'Logs')), says));
    if (isPage && trace && this.#isShort()) {
      this.#unread.set(item, () => this.#read(trace, tags, says));
      this.#watch.observe(item);
    }
    return item;
  }

  /** Whether the traces of this session are short enough to be read one by one. */
  #isShort() {
    const { spans, traces } = this.#session ?? { spans: 0, traces: 1 };
    return spans / Math.max(1, traces) <= SPANS_MAX;
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #seen(entries) {
    for (const { target, isIntersecting } of entries) this.#onScreen[isIntersecting ? 'add' : 'delete'](target);
    this.#next();
  }

  #next() {
    const item = [...this.#onScreen].find((element) => this.#unread.has(element));
    const read = item && this.#unread.get(item);
    if (!read || this.#reading >= READING_MAX) return;
    this.#unread.delete(item);
    this.#watch.unobserve(item);
    this.#reading += 1;
    void read().finally(() => {
      this.#reading -= 1;
      this.#next();
    });
    this.#next();
  }

  /** @param {string} id @param {HTMLElement} tags @param {HTMLElement} says */
  async #read(id, tags, says) {
    try {
      const trace = this.#traces.get(id) ?? /** @type {Status} */ (await this.#place.api.get(`/traces/${id}/status`, { signal: this.#asking.signal }));
      if (trace.state === 'done') this.#traces.set(id, trace);
      tags.replaceChildren(...vitalsOf(trace.vitals).map(({ text, look, says: rating }) => h('span', { class: `tag ${look}`, title: rating }, text, h('span', { class: 'unseen' }, `, ${rating}`))),
        trace.state === 'partial' ? h('span', { class: 'tag warn' }, 'partial') : '');
      says.textContent = trace.verdict ?? '';
    } catch {
      // It is shown without; the trace's own page says what is wrong.
    }
  }
}

/** From the first request to the last answer, in microseconds. @param {Visit} visit */
function lasted({ head, requests }) {
  return requests.reduce((end, { ts_us, dur_us }) => Math.max(end, ts_us + dur_us), 0) - head.ts_us;
}

/** How long it took beside the others: until the first octet, and then. @param {number} first @param {number} length @param {number} longest */
function bar(first, length, longest) {
  const parts = [first, Math.max(0, length - first)].map((us) => {
    const part = h('i');
    part.style.width = `${(us / longest) * 100}%`;
    return part;
  });
  return h('span', { class: 'visit-bar', 'aria-hidden': 'true', title: `${duration(first)} until the first octet, ${duration(length)} in all` }, ...parts);
}
