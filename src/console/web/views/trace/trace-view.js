// <wl-trace trace="ID">: the trace viewer, as a page of its own or (`compact`) in the panel of the Logs. It loads the trace,
// follows it while it grows, keeps what is looked at in the address, and shows a designed state where there is nothing to
// show. What is drawn, the modules beside it draw.

import { copy, h, sheet, toast } from '../../dom.js';
import { icon } from '../../icons.js';
import { clock, duration, things } from '../../model/format.js';
import { Trace } from '../../model/trace/columns.js';
import { asked } from '../../model/trace/find.js';
import { cut } from '../../model/trace/words.js';
import { Bar } from './bar.js';
import { Board, DIRTY } from './board.js';
import { head, notes, subject } from './head.js';
import { listen } from './pointer.js';
import { Rows, title } from './rows.js';
import { drawRuler } from './ruler.js';

/** @import { Api, Keys, Live, Router } from '../../model/contract.js' */
/** @import { Comparison } from '../../model/trace/compare.js' */
/** @import { Request as RequestItem, Trace as Wire } from '../../types/wire.d.ts' */
/** @import { Mode } from './board.js' */
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
/** The width of the names, and its bounds. */
const NAMES = { page: 372, compact: 230, min: 140, step: 16 };
/** At most so many rows have no need of a minimap. */
const MINIMAP_ROWS_MIN = 13;
/** A stream that was open already follows a trace after so long at the latest. */
const OPEN_MS = 1500;
/** A growing trace is asked for anew after so long at the earliest. */
const GROW_MS = 250;
/** A trace that could not be had is asked for again so long after somebody answers. */
const AGAIN_MS = 1000;
/** The address is written when a gesture has rested for so long. */
const ADDRESS_MS = 200;
/** Folded spans that the address holds. */
const FOLDS_MAX = 24;
/** A trace that ended less than this long ago is followed, though nothing more is awaited. */
const FRESH_US = 60e6;
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
  /** Two traces in one, where this shows a comparison. @type {((trace: Trace) => Promise<Comparison>) | null} */
  comparing = null;

  /** @type {Board | null} */
  #board = null;
  /** @type {(() => void)[]} */
  #endings = [];
  #prefix = `tr${elements++}-`;
  /** What is loaded belongs to this turn. */
  #turn = 0;
  #timers = { grow: 0, address: 0, find: 0 };
  #isReading = false;
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
    end(this.router?.listen(() => this.#readAddress()));
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
      details: () => this.#focusSide(),
      find: () => this.querySelector('input')?.focus(),
      link: () => copy(this, this.link(), 'Link copied'),
      copySpan: () => this.#copySpan(),
      share: () => this.#share(),
      page: () => Math.max(1, Math.floor((this.#scroll?.clientHeight ?? 0) / ROW.page) - 2),
    })));
  }

  disconnectedCallback() {
    this.#turn++;
    for (const ending of this.#endings.splice(0)) ending();
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#follow?.();
    this.#resizes?.disconnect();
    this.#unescape = (this.#unescape?.(), null);
    this.#board = null;
  }

  attributeChangedCallback() {
    if (this.isConnected) void this.load();
  }

  /** Somebody answers again: what could not be had is asked for, while the page that says so stays. */
  #reconnect() {
    if (this.#board || !this.querySelector('.tr-nothing')) return;
    clearTimeout(this.#timers.grow);
    this.#timers.grow = window.setTimeout(() => void this.load('quietly'), AGAIN_MS);
  }

  /**
   * Loads the trace, and shows it or why it cannot be shown.
   * @param {'quietly' | 'anew'} [how]
   */
  async load(how = 'anew') {
    const { api } = this;
    if (!api) return;
    clearTimeout(this.#timers.grow);
    this.#timers.grow = 0;
    const turn = ++this.#turn;
    this.#board = null;
    this.#unescape = (this.#unescape?.(), null);
    this.#follow?.();
    if (how === 'anew') this.replaceChildren(h('div', { class: 'tr-loading', role: 'status' }, h('span', { class: 'unseen' }, 'Loading the trace')));
    try {
      const [wire, requests] = await Promise.all([
        /** @type {Promise<Wire>} */ (api.get(`/traces/${this.trace}`)), this.#requestsOf(), sheet('styles/trace.css')]);
      if (turn !== this.#turn) return;
      this.#requests = requests;
      const trace = new Trace(wire);
      const comparison = this.comparing ? await this.comparing(trace) : null;
      if (turn !== this.#turn) return;
      this.#build(trace, comparison);
    } catch (error) {
      if (turn === this.#turn && how === 'anew') await this.#failed(error);
    }
  }

  /** @returns {Promise<RequestItem[]>} */
  async #requestsOf() {
    try {
      const told = /** @type {{ items: RequestItem[] } | undefined} */ (await this.api?.get('/requests', { query: { trace: this.trace, limit: 100 } }));
      return told?.items ?? [];
    } catch {
      // Spans tell enough by themselves.
      return [];
    }
  }

  /** @param {unknown} error */
  async #failed(error) {
    const status = error instanceof Error && 'status' in error ? Number(error.status) : -1;
    const does = { again: () => void this.load(), logs: () => this.router?.push('/logs') };
    if (status === 404 && await this.#isArriving()) {
      await this.#say({ title: 'Still arriving', text: 'The request is known; its spans are on their way. They appear here as they come.', actions: [{ label: 'Look again', act: does.again }] });
      this.#followTrace();
      return;
    }
    if (status >= 0) {
      const { problemState } = await import('./states.js');
      return this.#say(problemState({ status, message: error instanceof Error ? error.message : '' }, does));
    }
    await this.#crashed(error);
  }

  /** A page instead of a trace. @param {State} state @param {Element} [into] */
  async #say(state, into = this) {
    const { statePage } = await import('./states.js');
    into.replaceChildren(statePage(state, into === this && !this.compact ? 'h1' : 'h2'));
  }

  async #isArriving() {
    try {
      const told = /** @type {{ state: string }} */ (await this.api?.get(`/traces/${this.trace}/status`));
      return told.state === 'open';
    } catch {
      return false;
    }
  }

  /** The viewer itself failed: what the server told is still of use. @param {unknown} error */
  #crashed(error) {
    this.#board = null;
    const message = error instanceof Error ? error.message : String(error);
    const show = async () => {
      const answer = await this.api?.file(`/traces/${this.trace}`);
      const raw = cut((await answer?.text()) ?? '', RAW_MAX);
      await this.#say({ title: 'The trace as it was told', text: 'Export it to read it elsewhere.', actions: [{ label: 'Export', act: () => this.#share() }], raw });
    };
    return this.#say({
      title: 'The viewer failed at this trace', text: `That is a fault of ours: \u201c${cut(message, 200)}\u201d. The trace itself is safe.`, tone: 'err',
      actions: [{ label: 'Show the raw JSON', act: () => void show(), primary: true }, { label: 'Export', act: () => this.#share() }, { label: 'Try again', act: () => void this.load() }],
    });
  }

  /** @type {HTMLElement | null} */ #scroll = null;
  /** @type {(() => void) | null} */ #follow = null;
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
    const scroll = h('div', { class: 'tr-scroll', role: 'tree', tabIndex: 0, 'aria-label': 'Spans' });
    this.#scroll = scroll;
    const height = this.compact ? ROW.compact : ROW.page;
    const rows = new Rows(board, { scroll, height, prefix: this.#prefix });
    const aside = h('aside', { class: 'tr-side', 'aria-label': 'Details of the span', tabIndex: -1, hidden: true });
    const bar = new Bar(board, {
      find: (text) => (board.find(text), this.#ask()),
      match: (step) => board.hits && board.next((row) => board.hits?.[row] === 1 && board.isOnPage(row), step),
      error: () => board.next((row) => board.trace.failed(row), 1),
      table: () => void import('./table.js').then(({ openTable }) => openTable(board, (row) => board.reveal(row))),
    });
    this.#views = { rows, minimap: null, bar, aside, lanes: null, side: null };
    this.replaceChildren(this.#frame({ scroll, bar, aside }));
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
      board.mark(DIRTY.VIEW);
    }, { passive: true });
    this.#resizes?.disconnect();
    this.#resizes = new ResizeObserver(() => this.#guarded(() => this.#measure()));
    this.#resizes.observe(this);
    this.#resizes.observe(scroll);
    this.#readAddress();
    this.#measure();
    board.flush();
    if (trace.wire.state !== 'done' || isFresh(trace)) this.#followTrace();
  }

  /** Anything that goes wrong while drawing is shown, not swallowed. @param {() => void} act */
  #guarded(act) {
    try {
      act();
    } catch (error) {
      void this.#crashed(error);
    }
  }

  /** @param {{ scroll: HTMLElement, bar: Bar, aside: HTMLElement }} parts */
  #frame({ scroll, bar, aside }) {
    const zoomed = h('output', { class: 'tr-percent', 'aria-label': 'Zoom' });
    const button = (/** @type {string} */ label, /** @type {Node | string} */ face, /** @type {(board: Board) => void} */ act) =>
      h('button', { class: 'icon-button', type: 'button', 'aria-label': label, title: label, onclick: () => this.#board && act(this.#board) }, face);
    const keys = /** @type {[string[], string][]} */ ([[['\u2191', '\u2193'], 'move'], [['\u2190', '\u2192'], 'fold'], [['W', 'S'], 'zoom'], [['A', 'D'], 'pan'], [['F'], 'fit span'], [['0'], 'reset'], [['/'], 'find'], [['?'], 'all keys']]);
    return h('div', { class: `tr-frame${this.compact ? ' compact' : ''}` },
      h('div', { class: 'tr-top' }),
      h('div', { class: 'tr-body' },
        h('div', { class: 'tr-main' },
          bar.element,
          h('div', { class: 'tr-mini' }),
          h('div', { class: 'tr-ruler' }, h('span', { class: 'tr-heading' }, 'Span'), this.#separator(), h('div', { class: 'tr-scale', 'aria-hidden': 'true' })),
          h('div', { class: 'tr-stage' },
            h('div', { class: 'tr-grid', 'aria-hidden': 'true' }), scroll, h('div', { class: 'tr-over', 'aria-hidden': 'true' }),
            h('div', { class: 'tr-none', hidden: true })),
          h('div', { class: 'tr-zoom', role: 'group', 'aria-label': 'Zoom' },
            button('Zoom out', '\u2212', (board) => board.zoom(1.6)), zoomed, button('Zoom in', icon('plus'), (board) => board.zoom(0.625)),
            button('Undo the zoom', icon('replay'), (board) => board.glide(() => board.axis.back())),
            button('Show all of it', icon('fit'), (board) => board.glide(() => board.axis.reset()))),
          h('div', { class: 'tr-foot', 'aria-hidden': 'true' }, ...keys.map(([caps, text]) => h('span', null, ...caps.map((cap) => h('kbd', null, cap)), text)),
            h('span', { class: 'tr-push' }), h('span', null, 'drag to zoom, Ctrl and wheel too'))),
        aside));
  }

  /** The edge between names and bars. */
  #separator() {
    const bar = h('div', { class: 'tr-separator', role: 'separator', tabIndex: 0, 'aria-orientation': 'vertical', 'aria-label': 'Width of the names', 'aria-valuemin': NAMES.min, 'aria-valuemax': 900 });
    const set = (/** @type {number} */ width) => {
      this.#names = Math.max(NAMES.min, Math.min(width, this.clientWidth - 200, 900));
      try {
        if (!this.compact) localStorage.setItem('waylight.names', String(Math.round(this.#names)));
      } catch {
        // No storage: for this time only.
      }
      this.#measure();
    };
    bar.addEventListener('keydown', (event) => {
      const by = event.key === 'ArrowLeft' ? -NAMES.step : event.key === 'ArrowRight' ? NAMES.step : 0;
      if (by === 0) return;
      event.preventDefault();
      event.stopPropagation();
      set(this.#left() + by);
    });
    bar.addEventListener('pointerdown', (event) => {
      event.preventDefault();
      bar.setPointerCapture(event.pointerId);
      const move = (/** @type {PointerEvent} */ moved) => set(moved.clientX - this.getBoundingClientRect().left);
      bar.addEventListener('pointermove', move);
      bar.addEventListener('lostpointercapture', () => bar.removeEventListener('pointermove', move), { once: true });
    });
    return bar;
  }

  get #isNarrow() {
    return this.clientWidth < (this.compact ? NARROW.compact : NARROW.page);
  }

  /** Where the lanes begin. */
  #left() {
    if (this.#isNarrow || this.#board?.mode === 'timeline') return 0;
    if (this.#names === 0) {
      const kept = this.compact ? NaN : Number(this.#kept('waylight.names'));
      this.#names = kept >= NAMES.min ? kept : this.compact ? NAMES.compact : NAMES.page;
    }
    return Math.max(NAMES.min, Math.min(this.#names, this.clientWidth * 0.5));
  }

  /** @param {string} key */
  #kept(key) {
    try {
      return localStorage.getItem(key) ?? '';
    } catch {
      return '';
    }
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
      if (dirty & DIRTY.SELECTION) {
        view.reach(view.activePlace());
        view.draw(DIRTY.VIEW);
      }
    }
    this.#drawNone();
    if (dirty & (DIRTY.VIEW | DIRTY.TRACE)) {
      views.minimap?.draw(dirty);
      const ruler = /** @type {HTMLElement} */ (this.querySelector('.tr-scale'));
      if (board.mode === 'tree') ruler.replaceChildren(...['Starts at', 'Duration', 'Own time', 'Own share', 'Service'].map((text, index) =>
        h('span', { class: `tr-cell${index === 3 ? ' wide' : index === 4 ? ' rest' : ''}` }, text)));
      else drawRuler(board, { ruler, grid: /** @type {HTMLElement} */ (this.querySelector('.tr-grid')) });
      const percent = /** @type {HTMLElement} */ (this.querySelector('.tr-percent'));
      percent.textContent = board.axis.zoom < 1000 ? `${Math.round(board.axis.zoom * 100)} %` : `\u00d7${Math.round(board.axis.zoom).toLocaleString('en-GB')}`;
    }
    if (dirty & DIRTY.SELECTION || dirty & DIRTY.TRACE) {
      this.classList.toggle('chosen', board.selected >= 0);
      views.aside.hidden = board.selected < 0;
      this.#escapable(board);
      if (views.side) views.side.draw();
      else if (board.selected >= 0) this.#loadSide();
    }
    this.#writeAddress();
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
      board.mark(DIRTY.VIEW | DIRTY.SELECTION);
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
    const top = this.querySelector('.tr-top');
    if (!board || !top) return;
    const request = this.#request();
    const list = notes(board, request);
    const { method, path } = subject(board, request);
    this.dispatchEvent(new CustomEvent('wl-told', { bubbles: true, detail: cut(`${method} ${path}`.trim(), 80) }));
    const header = this.compact ? null : head(board, { request, requests: this.#requests }, {
      compare: () => this.#compare(), share: () => this.#share(), link: () => void copy(this, this.link(), 'Link copied'),
      again: this.#again(request), select: (row) => board.reveal(row),
    });
    header?.querySelector('[data-do=back]')?.addEventListener('click', () => this.router?.push('/logs'));
    header?.querySelector('[data-do=copy-trace]')?.addEventListener('click', () => void copy(this, this.trace, 'Trace id copied'));
    top.replaceChildren(...[header, list.length > 0 ? h('ul', { class: 'tr-notes' }, ...list.map(({ tone, title: name, text, row }) =>
      h('li', { class: tone }, h('b', null, name), ' ', h('bdi', null, text), row >= 0 && h('button', { class: 'link-button', type: 'button', onclick: () => board.reveal(row) }, 'Show')))) : null,
    board.pages.length > 1 ? this.#pageBar() : null].filter((node) => node !== null));
  }

  /** The request that the trace is about. */
  #request() {
    const first = [...this.#requests].sort((a, b) => a.ts_us - b.ts_us);
    return first.find((request) => request.destination === 'document') ?? first[0] ?? null;
  }

  #pageBar() {
    const board = /** @type {Board} */ (this.#board);
    const { trace } = board;
    const choose = h('select', { 'aria-label': 'Page of the trace' }, ...board.pages.map((page, index) =>
      h('option', { value: String(index) }, `${index + 1}. ${cut(title(trace, page.first), 60)} at ${clock(trace.wire.start_us + page.from, 0)}, ${things(page.rows, 'span')}`)));
    choose.value = String(board.page);
    choose.addEventListener('change', () => board.turn(Number(choose.value)));
    const step = (/** @type {string} */ label, /** @type {number} */ by) => h('button', {
      class: 'button small', type: 'button', disabled: !board.pages[board.page + by], onclick: () => board.turn(board.page + by),
    }, label);
    return h('div', { class: 'tr-pages' },
      h('span', null, `This trace spans ${duration(trace.length)}: one page at a time.`), step('Earlier', -1), choose, step('Later', 1));
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
      : { title: 'All kinds are switched off', text: `${things(board.trace.count, 'span')} would be here.`, actions: [{ label: 'Show all kinds', act: () => (board.hidden.clear(), board.onlyChanged = false, board.relayout(), board.mark(DIRTY.TRACE)) }] }, none);
  }

  /** Asks the server which attributes say what is looked for. */
  #ask() {
    clearTimeout(this.#timers.find);
    const board = this.#board;
    if (!board) return;
    const missing = asked(board.query).filter((text) => text.length > 1 && !board.found.has(text));
    if (missing.length === 0) return;
    this.#timers.find = window.setTimeout(async () => {
      const answers = await Promise.all(missing.map(async (text) => {
        try {
          const told = /** @type {{ spans: string[] } | undefined} */ (await this.api?.get(`/traces/${this.trace}/spans`, { query: { q: text } }));
          return told?.spans ?? [];
        } catch {
          return [];
        }
      }));
      if (board !== this.#board) return;
      answers.forEach((spans, index) => board.found.set(/** @type {string} */ (missing[index]), new Set(spans.map((id) => board.trace.row(id)))));
      board.match();
      board.mark(DIRTY.ROWS | DIRTY.TRACE);
    }, 150);
  }

  #followTrace() {
    this.#follow?.();
    const { live } = this;
    if (!live) return;
    const ending = live.follow([`trace:${this.trace}`], (events) => {
      const concerns = events.some(({ name, data }) => name === 'gap' || (name.startsWith('trace.') && data.trace_id === this.trace));
      if (concerns) this.#grow();
    });
    // What came after the trace was read and before the stream was open, nobody told of.
    const unwatch = live.watch((state) => state === 'open' && this.#grow());
    const late = window.setTimeout(() => this.#grow(), OPEN_MS);
    this.#follow = () => {
      ending();
      unwatch();
      clearTimeout(late);
      this.#follow = null;
    };
  }

  /** More has come. Asked for as a whole: the server reads tree, path and verdict anew. */
  #grow() {
    if (this.#timers.grow) return;
    this.#timers.grow = window.setTimeout(async () => {
      this.#timers.grow = 0;
      const board = this.#board;
      if (!board) return void this.load();
      try {
        const wire = /** @type {Wire} */ (await this.api?.get(`/traces/${this.trace}`));
        if (this.#requests.length === 0) this.#requests = await this.#requestsOf();
        if (board !== this.#board) return;
        this.#anchored(() => {
          this.#views?.side?.forget();
          board.put(new Trace(wire));
          board.flush();
        });
        if (board.text) this.#ask();
      } catch (error) {
        if (error instanceof Error && 'status' in error) return;
        void this.#crashed(error);
      }
    }, GROW_MS);
  }

  /** Changes rows, and keeps the one that is looked at where it is. @param {() => void} change */
  #anchored(change) {
    const board = this.#board;
    const rows = this.#views?.rows;
    const scroll = this.#scroll;
    if (!board || !rows || !scroll || board.mode === 'timeline') return change();
    const hovered = scroll.querySelector('.tr-row:hover');
    const shown = [...rows.live.values()].find(({ element }) => element === hovered)
      ?? rows.live.get(Math.ceil(scroll.scrollTop / rows.height));
    const isAtTop = scroll.scrollTop === 0 && !hovered;
    if (!shown || isAtTop) return change();
    const id = board.trace.id_(shown.row < 0 ? ~shown.row : shown.row);
    const seenAt = shown.element.getBoundingClientRect().top;
    change();
    const place = board.placeOf(board.trace.row(id));
    if (place < 0) return;
    // What stands above may have changed its height, too; and folds when there is more to scroll.
    const settle = () => {
      const wanted = place * rows.height - (seenAt - scroll.getBoundingClientRect().top);
      scroll.scrollTop = Math.max(0, wanted);
    };
    settle();
    this.#collapse(scroll);
    settle();
    board.mark(DIRTY.VIEW);
  }

  #readAddress() {
    const board = this.#board;
    if (!board || !this.router || this.compact || this.#isReading) return;
    const { span, v, q, fold, cp, idle, view, page } = this.router.query;
    this.#isReading = true;
    const { trace } = board;
    board.folded = new Set((fold ?? '').split('.').map((id) => trace.row(id)).filter((row) => row >= 0));
    board.critical = cp !== '0';
    board.idle = idle === '1';
    board.mode = view === 'tree' || view === 'timeline' ? view : 'waterfall';
    const row = span ? trace.row(span) : -1;
    board.page = row >= 0 ? (board.pageOf[row] ?? 0) : Math.min(Math.max(0, Number(page ?? 1) - 1 || 0), Math.max(0, board.pages.length - 1));
    if ((q ?? '') !== board.text) {
      board.find(q ?? '');
      this.#ask();
    }
    board.layout();
    const [from, to] = (v ?? '').split(',').map(Number);
    board.settle();
    if (v && Number.isFinite(from) && Number.isFinite(to)) {
      const shown = board.axis.times;
      if (Math.abs(shown[0] - Number(from)) > 0.5 || Math.abs(shown[1] - Number(to)) > 0.5) board.axis.show(Number(from), Number(to));
    } else board.axis.view = [...board.axis.bounds];
    if (row >= 0) board.reveal(row);
    else board.select(-1);
    this.#isReading = false;
    board.mark(DIRTY.TRACE | DIRTY.ROWS | DIRTY.VIEW | DIRTY.SELECTION);
  }

  #writeAddress() {
    if (!this.router || this.compact || this.#isReading) return;
    clearTimeout(this.#timers.address);
    this.#timers.address = window.setTimeout(() => {
      if (!this.#board || !this.isConnected || this.#board.gliding) return;
      this.#isReading = true;
      this.router?.replace(this.#state());
      this.#isReading = false;
    }, ADDRESS_MS);
  }

  /** What the address holds. @returns {Record<string, string | null>} */
  #state() {
    const board = /** @type {Board} */ (this.#board);
    const { trace, axis } = board;
    const [from, to] = axis.times;
    const digits = to - from < 1000 ? 2 : 0;
    const folded = [...board.folded].slice(0, FOLDS_MAX).map((row) => trace.id_(row)).join('.');
    return {
      span: board.selected >= 0 ? trace.id_(board.selected) : null,
      v: axis.isWhole ? null : `${from.toFixed(digits)},${to.toFixed(digits)}`,
      q: board.text || null,
      fold: folded || null,
      cp: board.critical ? null : '0',
      idle: board.idle ? '1' : null,
      view: board.mode === 'waterfall' ? null : /** @type {Mode} */ (board.mode),
      page: board.page > 0 ? String(board.page + 1) : null,
    };
  }

  /** The address of exactly what is shown. */
  link() {
    const path = this.router?.href(`/t/${this.trace}`) ?? location.pathname;
    const url = new URL(path, location.origin);
    if (this.#board) for (const [name, value] of Object.entries(this.#state())) if (value !== null) url.searchParams.set(name, value);
    const versus = this.router?.query['vs'];
    if (versus && !this.compact) url.searchParams.set('vs', versus);
    return url.href.replaceAll('%2C', ',');
  }

  #share() {
    const { api } = this;
    if (api) void import('../share/share.js').then(({ openShare }) => openShare({ api, trace: this.trace, link: () => this.link() }));
  }

  #compare() {
    this.router?.push(`/compare?b=${this.trace}`);
  }

  /** Traces the page again, in a tab of its own; only what can be asked for without harm. @param {RequestItem | null} request */
  #again(request) {
    if (!request || request.method !== 'GET' || request.host !== location.hostname) return null;
    return async () => {
      const path = request.path + (request.query ? `?${request.query}` : '');
      try {
        await this.api?.post('/page-trace', { path });
        if (!window.open(path, '_blank', 'noopener')) location.assign(path);
      } catch (error) {
        this.dispatchEvent(toast(error instanceof Error ? error.message : String(error), 'error'));
      }
    };
  }

  async #copySpan() {
    const board = this.#board;
    if (!board || board.selected < 0) return;
    try {
      const span = await this.api?.get(`/traces/${this.trace}/spans/${board.trace.id_(board.selected)}`);
      await copy(this, JSON.stringify(span, null, 1), 'Span copied as JSON');
    } catch (error) {
      this.dispatchEvent(toast(error instanceof Error ? error.message : String(error), 'error'));
    }
  }

  #focusSide() {
    const board = this.#board;
    if (!board || board.selected < 0) return;
    const side = this.#views?.aside;
    if (side?.contains(document.activeElement)) this.#scroll?.focus();
    else side?.focus();
  }
}

/** Whether spans may still come: apps send theirs some seconds later, and slow ones later still. @param {Trace} trace */
function isFresh(trace) {
  return Date.now() * 1000 - (trace.wire.start_us + trace.length) < FRESH_US;
}

customElements.define('wl-trace', TraceView);
