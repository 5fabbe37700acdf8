// The Logs: every request, as it comes. The address says which, and which one is open beside the list.

import { Problem } from '../../api.js';
import { h, sheet } from '../../dom.js';
import { readable } from '../../model/format.js';
import { siteAddress } from '../../model/site.js';
import { Filters } from './filters.js';
import { HistogramView } from './histogram.js';
import { LogList } from './list.js';
import { RequestPanel } from './panel.js';
import { Source } from './source.js';
import { Vitals } from './vitals.js';
import { emptied, failed, firstRun, unreadable } from './states.js';

/** @import { Opened, Place } from '../../model/contract.js' */
/** @import { Request, Requests } from '../../types/wire.d.ts' */

/** What in the address chooses requests; when one of them changes, others are listed. */
const CHOICE = ['q', 'session', 'browser', 'traced', 'page', 'trace', 'from', 'to', 'range', 'sort'];
/** A gap is told of at most so often. */
const GAP_TOLD_MS = 60_000;
/** Values of a field that are offered in the search. */
const SEEN_MAX = 24;

/** @param {Place} place @returns {Promise<Opened>} */
export async function open(place) {
  await sheet('styles/logs.css');
  const screen = new Logs(place);
  return { close: () => screen.close(), moved: (rest) => screen.moved(rest) };
}

class Logs {
  #place;
  #list = new LogList();
  #histogram = new HistogramView();
  #filters;
  #source;
  #panel;
  #vitals;
  #rows = h('div', { class: 'log-rows' }, this.#list);
  #empty = h('div', { class: 'log-empty', hidden: true });
  #body;
  #choice = '';
  /** When a gap was last told of. */
  #gapTold = -Infinity;
  #ends;
  /** Ends what Escape does while the panel is open. @type {(() => void) | null} */
  #unescape = null;

  /** @param {Place} place */
  constructor(place) {
    this.#place = place;
    const { router, api, live, keys } = place;
    this.#filters = new Filters(router, live, (field) => this.#seen(field));
    this.#vitals = new Vitals(api, () => this.#list.refresh());
    this.#list.vitals = (request) => this.#vitals.of(request);
    this.#panel = new RequestPanel(place, { step: (by) => this.#list.step(by), close: () => this.#select(null) });
    this.#source = new Source(api, live, {
      changed: (added) => this.#changed(added),
      loaded: (excluded) => void this.#loaded(excluded),
      failed: (error) => this.#failed(error),
      histogram: (histogram) => (this.#histogram.data = histogram),
      gap: () => this.#tellGap(),
    });
    this.#rows.append(this.#empty);
    this.#body = h('div', { class: 'logs-body' }, h('h1', { class: 'unseen' }, 'Logs'), h('section', { class: 'logs-left', 'aria-label': 'Requests' }, this.#filters.element, this.#histogram, this.#rows));
    place.main.replaceChildren(this.#body);
    this.#list.addEventListener('wl-choose', (event) => this.#chosen(/** @type {CustomEvent} */ (event).detail));
    this.#list.addEventListener('wl-sort', () => this.#filters.flip('sort', 'slow'));
    this.#list.addEventListener('wl-more', () => void this.#source.more());
    this.#histogram.addEventListener('wl-range', (event) => {
      const { from, to } = /** @type {CustomEvent} */ (event).detail;
      const { q, session, browser, traced, page, trace } = router.query;
      const kept = Object.entries({ q, session, browser, traced, page, trace }).flatMap(([name, value]) => (value ? [[name, value]] : []));
      // The browser's way back undoes it.
      router.push(`${router.path}?${new URLSearchParams([...kept, ['from', String(from)], ['to', String(to)]])}`);
    });
    this.#ends = [this.#bindings(keys), live.watch(() => this.#filters.draw())];
    this.moved(place.rest);
  }

  close() {
    this.#source.close();
    this.#vitals.end();
    this.#unescape?.();
    for (const end of this.#ends) end();
  }

  /** The address changed. @param {string[]} rest */
  moved([id = '']) {
    const { query } = this.#place.router;
    this.#filters.draw();
    this.#list.live = query['paused'] !== '1';
    this.#list.order = query['sort'] === 'slow' ? 'slowest' : 'newest';
    this.#source.paused = query['paused'] === '1';
    const choice = CHOICE.map((name) => query[name] ?? '').join('\n');
    if (choice !== this.#choice || this.#source.log.size === 0 && this.#choice === '') {
      this.#choice = choice;
      this.#filters.search.tell(null);
      void this.#source.open(query);
      this.#list.log = this.#source.log;
    } else this.#list.settle();
    this.#show(id);
  }

  /** @param {import('../../model/contract.js').Keys} keys */
  #bindings(keys) {
    const group = 'Logs';
    // What is not a letter moves within whatever has the focus; here, when that is nothing in particular, or the list.
    const here = (/** @type {() => void} */ run) => () => {
      const focused = document.activeElement;
      if (focused && focused !== document.body && focused.id !== 'main' && !this.#list.contains(focused)) return false;
      this.#list.focus();
      run();
      return undefined;
    };
    return keys.add([
      { keys: 'j', label: 'Next request', group, run: () => this.#list.step(1) },
      { keys: 'k', label: 'Previous request', group, run: () => this.#list.step(-1) },
      { keys: ['ArrowDown', 'ArrowUp'], label: 'The same, in the list', group, run: (event) => here(() => this.#list.step(event.key === 'ArrowDown' ? 1 : -1))() },
      { keys: ['PageDown', 'PageUp'], label: 'A screenful', group, run: (event) => here(() => this.#list.step(this.#list.page * (event.key === 'PageDown' ? 1 : -1)))() },
      { keys: ['Home', 'End'], label: 'Newest, oldest that is listed', group, run: (event) => here(() => this.#list.jump(event.key === 'Home' ? 'first' : 'last'))() },
      { keys: 'o', label: 'Open the trace on a page of its own', group, run: () => this.#openTrace() },
      { keys: '/', label: 'Search', group, run: () => this.#filters.search.focus() },
      { keys: 't', label: 'Traced requests only', group, run: () => this.#filters.flip('traced', '1') },
      { keys: 'm', label: 'My browser only', group, run: () => this.#filters.flip('browser', 'me') },
      { keys: 's', label: 'Slowest first', group, run: () => this.#filters.flip('sort', 'slow') },
      { keys: 'p', label: 'Pause, go on', group, run: () => this.#filters.flip('paused', '1') },
    ]);
  }

  #openTrace() {
    const trace = this.#panel.isConnected ? this.#panel.trace : null;
    if (!trace) return false;
    this.#place.router.push(`/t/${trace}`);
    return undefined;
  }

  /** @param {{ id: string, how: 'open' | 'move' }} chosen */
  #chosen({ id, how }) {
    const wasOpen = this.#panel.isConnected;
    this.#select(id);
    if (how === 'open' && !wasOpen && document.activeElement !== this.#list) this.#list.focus();
  }

  /** @param {string | null} id */
  #select(id) {
    const { router } = this.#place;
    const path = id === null ? '/logs' : `/logs/${id}`;
    // The way back leads to where one was before the panel, not through every row that was looked at.
    if (id !== null && !this.#panel.isConnected) router.push(path + location.search);
    else router.put(path + location.search);
  }

  /** Shows a request beside the list; '': none. @param {string} id */
  #show(id) {
    this.#list.selected = id === '' ? null : id;
    this.#body.classList.toggle('open', id !== '');
    if (id === '') {
      if (this.#panel.isConnected) {
        this.#panel.remove();
        this.#list.focus();
      }
      this.#unescape?.();
      this.#unescape = null;
      this.#place.title('Logs');
      this.#list.settle();
      return;
    }
    if (!this.#panel.isConnected) this.#body.append(this.#panel);
    this.#unescape ??= this.#place.keys.escape(() => this.#select(null));
    const known = this.#source.log.get(id);
    if (known) this.#place.title(`${known.method} ${readable(known.path)}`);
    void this.#panel.show(id, known);
  }

  /** @param {number} added */
  #changed(added) {
    this.#list.changed(added);
    const shown = this.#list.selected ? this.#source.log.get(this.#list.selected) : undefined;
    if (shown) this.#panel.patch(shown);
  }

  /** @param {Record<string, number> | null} excluded */
  async #loaded(excluded) {
    this.#filters.search.tell(null);
    if (excluded === null || this.#source.log.size > 0) return this.#tell(null);
    const names = Object.entries(excluded).sort((a, b) => b[1] - a[1]);
    const filtered = names.some(([name]) => name !== 'time');
    if (names.length > 0 && filtered) return this.#tell(emptied(this.#place, names.filter(([name]) => filtered || name !== 'time')));
    const isChosen = ['q', 'session', 'browser', 'traced', 'page', 'trace'].some((name) => this.#place.router.query[name]);
    if (isChosen && names.length === 0) return this.#tell(emptied(this.#place, []));
    // Nothing in the last minutes, or nothing ever?
    /** @type {Requests} */
    const ever = await this.#place.api.get('/requests', { query: { limit: 1 } }).catch(() => ({ items: [], next: null, excluded_by: {} }));
    if (this.#source.log.size > 0) return this.#tell(null);
    return this.#tell(ever.items.length > 0 ? emptied(this.#place, names) : firstRun(await this.#site()));
  }

  /** Where the site is; who may not read the configuration is told where he is. */
  async #site() {
    if (!this.#place.me.may.includes('settings')) return location.origin;
    /** @type {{ config: string } | null} */
    const settings = await this.#place.api.get('/settings').catch(() => null);
    return settings ? siteAddress(settings.config, location) : location.origin;
  }

  /** @param {unknown} error */
  #failed(error) {
    if (error instanceof Problem && error.parameter === 'q') {
      this.#filters.search.tell({ message: error.message, at: error.at });
      return this.#tell(unreadable(this.#place));
    }
    if (this.#source.log.size === 0) this.#tell(failed(error instanceof Error ? error.message : String(error), () => this.#anew()));
  }

  /** Said once in a while: where there is more than a stream can carry, it is so all the time. */
  #tellGap() {
    if (performance.now() - this.#gapTold < GAP_TOLD_MS) return;
    this.#gapTold = performance.now();
    this.#place.toast('The stream had missed something; the list is complete again');
  }

  #anew() {
    this.#choice = '\0';
    this.moved([this.#list.selected ?? '']);
  }

  /** @param {HTMLElement | null} state */
  #tell(state) {
    this.#empty.hidden = state === null;
    this.#empty.replaceChildren(...(state ? [state] : []));
    this.#list.classList.toggle('bare', state !== null);
  }

  /** @param {string} field */
  #seen(field) {
    const pick = /** @type {Record<string, (request: Request) => string>} */ ({
      path: (request) => request.path, host: (request) => request.host, route: (request) => request.route, upstream: (request) => request.upstream,
      error: (request) => request.error, person: (request) => request.person, status: (request) => String(request.status),
    })[field];
    if (!pick) return [];
    return [...new Set(this.#source.log.rows.map(({ request }) => pick(request)).filter(Boolean))].slice(0, SEEN_MAX);
  }
}
