// <wl-trace trace="ID">: the trace viewer, as a page of its own or (`compact`) in the panel of the Logs. It loads the trace,
// follows it while it grows, keeps what is looked at in the address, and shows a designed state where there is nothing to
// show. What is drawn, the modules beside it draw.

import { copy, h, sheet } from '../../dom.js';
import { things } from '../../model/format.js';
import { cut } from '../../model/trace/words.js';
import { again, copyLink, copySpan, share } from './actions.js';
import { Address } from './address.js';
import { Bar } from './bar.js';
import { Board, DIRTY } from './board.js';
import { NAMES, frame, keepWidth, keptWidth, separator } from './frame.js';
import { about, renew, saying, subject, top } from './head.js';
import { listen } from './pointer.js';
import { Rows } from './rows.js';
import { drawHeads, drawRuler } from './ruler.js';
import { Growth } from './growth.js';
import { Finder, isArriving, mayGrow, readRequests } from './source.js';

/** @import { Api, Keys, Live, Router } from '../../model/contract.js' */
/** @import { Trace } from '../../model/trace/columns.js' */
/** @import { Comparison } from '../../model/trace/compare.js' */
/** @import { Request as RequestItem } from '../../types/wire.d.ts' */
/** @import { Lanes } from './lanes.js' */
/** @import { Minimap } from './minimap.js' */
/** @import { Side } from './side.js' */
/** @import { State } from './states.js' */

/** Heights of a row: on the page, in the accordion, with the name above the bar. */
const ROW = { page: 28, compact: 24, stacked: 46 };
/** The height of a lane. */
const LANE = 26;
/** Room at the right end for the length of the longest bar. */
const PAD = 74;
/** Below these widths names stand above bars. */
const NARROW = { page: 720, compact: 480 };
/** The width of the names, until somebody chooses another. */
const WIDTH = { page: 372, compact: 230 };
/** At most so many rows have no need of a minimap. */
const MINIMAP_ROWS_MIN = 13;
/** A trace that could not be had is asked for again so long after somebody answers. */
const AGAIN_MS = 1000;
/** Letters of a raw answer that are shown. */
const RAW_MAX = 200_000;

let elements = 0;

export class TraceView extends HTMLElement {
  static observedAttributes = ['trace'];

  /** @type {Api | null} */
  api = null;
  /** @type {Router | null} */
  router = null;
  /** @type {Live | null} */
  live = null;
  /** @type {Keys | null} */
  keys = null;
  /** Two traces in one, where this shows a comparison. @type {((trace: Trace) => Promise<Comparison | null>) | null} */
  comparing = null;

  /** @type {Board | null} */
  #board = null;
  /** @type {(() => void)[]} */
  #endings = [];
  #prefix = `tr${elements++}-`;
  /** What is loaded belongs to this turn. */
  #turn = 0;
  #trying = 0;
  /** @type {Growth | null} */
  #growth = null;
  /** @type {RequestItem[]} */
  #requests = [];
  #names = 0;

  get compact() {
    return this.hasAttribute('compact');
  }

  get trace() {
    return this.getAttribute('trace') ?? '';
  }

  connectedCallback() {
    this.classList.add('tr');
    const end = (/** @type {(() => void) | undefined} */ ending) => ending && this.#endings.push(ending);
    end(this.router?.listen(() => this.#address?.read()));
    end(this.api?.watch((state) => state === 'online' && this.#reconnect()));
    // The minimap's colours are read, not inherited.
    const recolour = () => this.#board?.mark(DIRTY.TRACE);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', recolour);
    const themes = new MutationObserver(recolour);
    themes.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    this.#endings.push(() => dark.removeEventListener('change', recolour), () => themes.disconnect());
    void this.#bind();
    void this.load();
  }

  /** The keyboard. */
  async #bind() {
    const { bindings } = await import('./commands.js');
    if (!this.isConnected || !this.keys) return;
    this.#endings.push(this.keys.add(bindings({
      board: () => this.#board,
      applies: () => !this.compact || this.contains(document.activeElement),
      onRows: (key) => {
        const at = document.activeElement;
        return !at || at === document.body || at.id === 'main' || at === this.#scroll || (key === 'Enter' && at === this.#views?.aside);
      },
      details: () => this.#focusSide(),
      find: () => this.querySelector('input')?.focus(),
      link: () => copyLink(this.#parts),
      copySpan: () => void copySpan(this.#parts),
      share: () => share(this.#parts),
      page: () => Math.max(1, Math.floor((this.#scroll?.clientHeight ?? 0) / ROW.page) - 2),
    })));
  }

  disconnectedCallback() {
    this.#turn++;
    for (const ending of this.#endings.splice(0)) ending();
    this.#clear();
  }

  /** Ends whatever belongs to the trace that is shown. */
  #clear() {
    clearTimeout(this.#trying);
    this.#growth = (this.#growth?.end(), null);
    this.#resizes?.disconnect();
    this.#unescape = (this.#unescape?.(), null);
    this.#address = (this.#address?.end(), null);
    this.#finder = (this.#finder?.end(), null);
    this.#board = null;
  }

  /** What actions go by. @returns {import('./actions.js').Parts} */
  get #parts() {
    return { from: this, api: this.api, router: this.router, trace: this.trace, board: this.#board, compact: this.compact };
  }

  attributeChangedCallback() {
    if (this.isConnected) void this.load();
  }

  /** Somebody answers again: what could not be had is asked for, while the page that says so stays. */
  #reconnect() {
    if (this.#board || !this.querySelector('.tr-nothing')) return;
    clearTimeout(this.#trying);
    this.#trying = window.setTimeout(() => void this.load('quietly'), AGAIN_MS);
  }

  /**
   * Loads the trace, and shows it or why it cannot be shown.
   * @param {'quietly' | 'anew'} [how]
   */
  async load(how = 'anew') {
    const { api } = this;
    if (!api) return;
    const turn = ++this.#turn;
    this.#clear();
    if (how === 'anew') this.replaceChildren(h('div', { class: 'tr-loading', role: 'status' }, h('span', { class: 'unseen' }, 'Loading the trace')));
    const growth = this.#growth = new Growth(api, this.trace);
    try {
      const [trace, requests] = await Promise.all([growth.read(), readRequests(api, this.trace), sheet('styles/trace.css')]);
      if (turn !== this.#turn || !trace) return;
      this.#requests = requests;
      const comparison = this.comparing ? await this.comparing(trace) : null;
      if (turn !== this.#turn) return;
      this.#build(trace, comparison);
    } catch (error) {
      if (turn === this.#turn && how === 'anew') await this.#failed(error);
    }
  }

  /** @param {unknown} error */
  async #failed(error) {
    const status = error instanceof Error && 'status' in error ? Number(error.status) : -1;
    const does = { again: () => void this.load(), logs: () => this.router?.push(this.router.logs) };
    if (status === 404 && this.api && await isArriving(this.api, this.trace)) {
      await this.#say({ title: 'Still arriving', text: 'The request is known; its spans are on their way. They appear here as they come.', actions: [{ label: 'Look again', act: does.again }] });
      this.#follow();
      return;
    }
    // What was sent a moment ago may not even be known as a request.
    if (status === 404) this.#trying = window.setTimeout(() => void this.load('quietly'), AGAIN_MS);
    if (status >= 0) {
      const { problemState } = await import('./states.js');
      return this.#say(problemState({ status, message: error instanceof Error ? error.message : '' }, does));
    }
    await this.#crashed(error);
  }

  /** A page instead of a trace. @param {State} state @param {Element} [into] */
  async #say(state, into = this) {
    const { statePage } = await import('./states.js');
    if (into === this) this.dispatchEvent(saying(null));
    into.replaceChildren(statePage(state, into === this && !this.compact ? 'h1' : 'h2'));
  }

  /** The viewer itself failed: what the server told is still of use. @param {unknown} error */
  #crashed(error) {
    this.#clear();
    const message = error instanceof Error ? error.message : String(error);
    const show = async () => {
      const answer = await this.api?.file(`/traces/${this.trace}`);
      const raw = cut((await answer?.text()) ?? '', RAW_MAX);
      await this.#say({ title: 'The trace as it was told', text: 'Export it to read it elsewhere.', actions: [{ label: 'Export', act: () => share(this.#parts) }], raw });
    };
    return this.#say({
      title: 'The viewer failed at this trace', text: `That is a fault of ours: \u201c${cut(message, 200)}\u201d. The trace itself is safe.`, tone: 'err',
      actions: [{ label: 'Show the raw JSON', act: () => void show(), primary: true }, { label: 'Export', act: () => share(this.#parts) }, { label: 'Try again', act: () => void this.load() }],
    });
  }

  /** @type {HTMLElement | null} */ #scroll = null;
  /** @type {Address | null} */ #address = null;
  /** @type {Finder | null} */ #finder = null;
  /** @type {ResizeObserver | null} */ #resizes = null;
  /** What takes Escape back. @type {(() => void) | null} */ #unescape = null;
  /** What is not needed for the first rows comes later. @type {{ rows: Rows, minimap: Minimap | null, bar: Bar, aside: HTMLElement, lanes: Lanes | null, side: Side | null } | null} */ #views = null;

  /** @param {Trace} trace @param {Comparison | null} comparison */
  #build(trace, comparison) {
    const { api } = this;
    if (!api) return;
    const board = new Board(trace, (dirty) => this.#guarded(() => this.#draw(dirty)));
    board.comparison = comparison;
    if (comparison) board.layout();
    this.#board = board;
    const finder = new Finder(api, board);
    this.#finder = finder;
    if (this.router && !this.compact) this.#address = new Address(board, { router: this.router, ask: () => finder.ask() });
    const scroll = h('div', { class: 'tr-scroll', role: 'tree', tabIndex: 0, 'aria-label': 'Spans' });
    this.#scroll = scroll;
    const height = this.compact ? ROW.compact : ROW.page;
    const rows = new Rows(board, { scroll, height, prefix: this.#prefix });
    const aside = h('aside', { class: 'tr-side', 'aria-label': 'Details of the span', tabIndex: -1, hidden: true });
    const bar = new Bar(board, {
      find: (text) => (board.find(text), finder.ask()),
      leave: () => scroll.focus({ preventScroll: true }),
      table: () => void import('./table.js').then(({ openTable }) => openTable(board, (row) => board.reveal(row))),
    });
    this.#views = { rows, minimap: null, bar, aside, lanes: null, side: null };
    const edge = separator({ left: () => this.#left(), set: (width) => this.#setNames(width), from: () => this.getBoundingClientRect().left });
    this.replaceChildren(frame(board, { compact: this.compact, scroll, bar: bar.element, aside, separator: edge }));
    const over = /** @type {HTMLElement} */ (this.querySelector('.tr-over'));
    listen(board, {
      scroll, over,
      left: () => this.#left(),
      at: (event) => (board.mode === 'timeline' ? this.#views?.lanes?.at(event) : rows.at(event)),
      chosen: () => scroll.focus({ preventScroll: true }),
      escape: (close) => this.keys?.escape(close) ?? (() => undefined),
    });
    scroll.addEventListener('scroll', () => {
      this.#collapse(scroll);
      board.mark(DIRTY.SCROLL);
    }, { passive: true });
    this.#resizes = new ResizeObserver(() => this.#guarded(() => this.#measure()));
    this.#resizes.observe(this);
    this.#resizes.observe(scroll);
    this.#address?.read();
    this.#measure();
    board.flush();
    if (board !== this.#board) return;
    // A page's trace goes on as long as somebody has the page.
    if (!this.compact || mayGrow(trace)) this.#follow();
    void this.#held('first');
  }

  /** Budgets, and other runs. @param {'first' | 'again' | 'open'} when */
  async #held(when) {
    const { api } = this;
    const board = this.#board;
    if (!this.compact && api && board) (await import('./held.js')).hold(api, board, when);
  }

  /** Anything that goes wrong while drawing is shown, not swallowed. @param {() => void} act */
  #guarded(act) {
    try {
      act();
    } catch (error) {
      void this.#crashed(error);
    }
  }

  /** @param {number} width */
  #setNames(width) {
    this.#names = Math.max(NAMES.min, Math.min(width, this.clientWidth - 200, NAMES.max));
    if (!this.compact) keepWidth(this.#names);
    this.#measure();
  }

  get #isNarrow() {
    return this.clientWidth < (this.compact ? NARROW.compact : NARROW.page);
  }

  /** Where the lanes begin. */
  #left() {
    if (this.#isNarrow || this.#board?.mode === 'timeline') return 0;
    if (this.#names === 0) this.#names = this.compact ? WIDTH.compact : keptWidth() ?? WIDTH.page;
    return Math.max(NAMES.min, Math.min(this.#names, this.clientWidth * 0.5));
  }

  #measure() {
    const board = this.#board;
    const scroll = this.#scroll;
    const views = this.#views;
    if (!board || !scroll || !views) return;
    const isNarrow = this.#isNarrow;
    const left = this.#left();
    this.classList.toggle('narrow', isNarrow);
    this.style.setProperty('--names', `${left}px`);
    this.querySelector('.tr-separator')?.setAttribute('aria-valuenow', String(Math.round(left)));
    const height = isNarrow ? ROW.stacked : this.compact ? ROW.compact : ROW.page;
    this.style.setProperty('--row', `${height}px`);
    if (height !== views.rows.height) {
      views.rows.height = height;
      views.rows.clear();
    }
    board.axis.width = Math.max(60, scroll.clientWidth - left);
    board.axis.pad = Math.min(PAD, board.axis.width / 4);
    board.mark(DIRTY.VIEW | DIRTY.ROWS | DIRTY.TRACE);
  }

  /** @param {number} dirty */
  #draw(dirty) {
    const board = this.#board;
    const views = this.#views;
    const scroll = this.#scroll;
    if (!board || !views || !scroll) return;
    const { rows, lanes, bar } = views;
    if (dirty & DIRTY.TRACE) {
      this.#drawTop();
      const mode = this.querySelector('.tr-frame')?.getAttribute('data-mode');
      if (mode !== board.mode) {
        this.querySelector('.tr-frame')?.setAttribute('data-mode', board.mode);
        rows.clear();
        lanes?.clear();
        scroll.scrollTop = 0;
        this.#measure();
      }
      const isShort = board.rows.length < MINIMAP_ROWS_MIN || board.mode === 'tree';
      /** @type {HTMLElement} */ (this.querySelector('.tr-mini')).hidden = isShort;
      if (!isShort && !views.minimap) this.#loadMinimap();
      bar.draw();
    }
    const isTimeline = board.mode === 'timeline';
    rows.space.hidden = isTimeline;
    if (lanes) lanes.space.hidden = !isTimeline;
    const view = isTimeline ? lanes : rows;
    if (!view) this.#loadLanes();
    else {
      view.draw(dirty);
      // Asking where things are makes the browser lay them out: not while somebody zooms.
      if (dirty & DIRTY.REACH) {
        view.reach(view.activePlace());
        view.draw(DIRTY.SCROLL);
      }
    }
    if (!(dirty & ~DIRTY.SCROLL)) return;
    this.#drawNone();
    if (dirty & (DIRTY.VIEW | DIRTY.TRACE)) {
      views.minimap?.draw(dirty);
      const ruler = /** @type {HTMLElement} */ (this.querySelector('.tr-scale'));
      if (board.mode === 'tree') drawHeads(ruler);
      else drawRuler(board, { ruler, grid: /** @type {HTMLElement} */ (this.querySelector('.tr-grid')) });
      const percent = /** @type {HTMLElement} */ (this.querySelector('.tr-percent'));
      percent.textContent = board.axis.zoom < 100 ? `${Math.round(board.axis.zoom * 100)} %` : `\u00d7${Math.round(board.axis.zoom).toLocaleString('en-GB')}`;
    }
    if (dirty & DIRTY.SELECTION || dirty & DIRTY.TRACE) {
      this.classList.toggle('chosen', board.selected >= 0);
      views.aside.hidden = board.selected < 0;
      this.#escapable(board);
      if (views.side) views.side.draw();
      else if (board.selected >= 0) this.#loadSide();
    }
    this.#address?.write();
  }

  /** Escape closes the sidebar, and nothing below it. @param {Board} board */
  #escapable(board) {
    if (board.selected < 0) this.#unescape = (this.#unescape?.(), null);
    else this.#unescape ??= this.keys?.escape(() => (board.select(-1), this.#scroll?.focus())) ?? null;
  }

  #loadMinimap() {
    const board = this.#board;
    void import('./minimap.js').then(({ Minimap: Made }) => {
      const place = this.querySelector('.tr-mini');
      if (!this.#views || !board || board !== this.#board || this.#views.minimap || !place) return;
      this.#views.minimap = new Made(board, place);
      board.mark(DIRTY.VIEW | DIRTY.TRACE);
    });
  }

  #loadLanes() {
    const board = this.#board;
    const scroll = this.#scroll;
    void import('./lanes.js').then(({ Lanes: Made }) => {
      if (!this.#views || !board || !scroll || board !== this.#board || this.#views.lanes) return;
      this.#views.lanes = new Made(board, { scroll, height: LANE, prefix: this.#prefix });
      board.mark(DIRTY.VIEW | DIRTY.SELECTION | DIRTY.REACH);
    });
  }

  #loadSide() {
    const { api } = this;
    const board = this.#board;
    void import('./side.js').then(({ Side: Made }) => {
      if (!this.#views || !board || !api || board !== this.#board || this.#views.side) return;
      this.#views.side = new Made(board, { element: this.#views.aside, api, does: {
        select: (row) => board.reveal(row),
        close: () => (board.select(-1), this.#scroll?.focus()),
        open: (trace, span) => this.router?.push(`/t/${trace}?span=${span}`),
      } });
      this.#views.side.draw();
    });
  }

  /** The verdict makes room for rows once somebody scrolls. @param {HTMLElement} scroll */
  #collapse(scroll) {
    const top = /** @type {HTMLElement} */ (this.querySelector('.tr-top'));
    const isFar = scroll.scrollTop > 90 && scroll.scrollHeight - scroll.clientHeight > 400;
    if (isFar) top.classList.add('collapsed');
    else if (scroll.scrollTop === 0) top.classList.remove('collapsed');
  }

  #drawTop() {
    const board = this.#board;
    const place = this.querySelector('.tr-top');
    if (!board || !place) return;
    const request = about(this.#requests);
    this.dispatchEvent(new CustomEvent('wl-told', { bubbles: true, detail: cut(Object.values(subject(board, request)).join(' ').trim(), 80) }));
    if (this.compact) this.dispatchEvent(saying(board));
    renew(place, top(board, { facts: { request }, compact: this.compact, does: {
      back: () => this.router?.push(this.router.logs), compare: () => this.router?.push(`/compare?b=${this.trace}`),
      share: () => share(this.#parts), link: () => copyLink(this.#parts), copyId: () => void copy(this, this.trace, 'Trace id copied'),
      again: again(this.#parts, request), budgets: () => void this.#held('open'), select: (row) => board.reveal(row),
    } }));
  }

  #drawNone() {
    const board = this.#board;
    const none = /** @type {HTMLElement} */ (this.querySelector('.tr-none'));
    if (!board) return;
    none.hidden = board.rows.length > 0;
    if (none.hidden) return;
    const isEmpty = board.trace.count === 0;
    void this.#say(isEmpty
      ? { title: 'No spans', text: 'The trace is there, and nothing is in it yet.', actions: [{ label: 'Look again', act: () => void this.load() }] }
      : { title: 'All kinds are switched off', text: `${things(board.trace.spans, 'span')} would be here.`, actions: [{ label: 'Show all kinds', act: () => (board.hidden.clear(), board.onlyChanged = false, board.relayout(), board.mark(DIRTY.TRACE)) }] }, none);
  }

  #follow() {
    this.#growth?.follow(this.live, () => this.#grow());
  }

  /** More may have come. */
  async #grow() {
    const board = this.#board;
    const { api } = this;
    const growth = this.#growth;
    if (!board || !api || !growth) return void this.load();
    try {
      const trace = await growth.read();
      if (!trace || board !== this.#board) return;
      const comparison = this.comparing ? await this.comparing(trace) : null;
      if (this.#requests.length === 0) this.#requests = await readRequests(api, this.trace);
      if (board !== this.#board) return;
      this.#hold(() => {
        board.put(trace, comparison);
        board.flush();
      });
      if (board.text) this.#finder?.ask();
      void this.#held('again');
    } catch (error) {
      if (board !== this.#board || (error instanceof Error && 'status' in error)) return;
      void this.#crashed(error);
    }
  }

  /** Changes rows, and keeps the one that is looked at where it is. @param {() => void} change */
  #hold(change) {
    const rows = this.#views?.rows;
    const scroll = this.#scroll;
    if (!rows || !scroll || this.#board?.mode === 'timeline') return change();
    // The verdict folds when there is more to scroll.
    rows.hold(change, () => this.#collapse(scroll));
  }

  #focusSide() {
    const board = this.#board;
    if (!board || board.selected < 0) return;
    const side = this.#views?.aside;
    (side?.contains(document.activeElement) ? this.#scroll : side)?.focus();
  }
}

customElements.define('wl-trace', TraceView);
