// What is on the table: a trace, which rows of it are seen, which stretch of time, what is chosen. Views draw it, controls
// change it; whatever changes is drawn once, with the next frame.

import { Axis, UNFOLDED, foldIdle } from '../../model/trace/axis.js';
import { match, parse } from '../../model/trace/find.js';
import { level, packed, treeRows } from '../../model/trace/layout.js';
import { pages } from '../../model/trace/pages.js';

/** @import { Trace } from '../../model/trace/columns.js' */
/** @import { Comparison } from '../../model/trace/compare.js' */
/** @import { Judged, Runs } from '../../types/wire.d.ts' */
/** @typedef {'waterfall' | 'tree' | 'timeline'} Mode */

/** What has to be drawn anew; `REACH`: what is chosen is to be seen; `SCROLL`: what comes into sight. */
export const DIRTY = { VIEW: 1, ROWS: 2, SELECTION: 4, TRACE: 8, REACH: 16, SCROLL: 32 };

/** A view glides to another one in so many milliseconds. */
const GLIDE_MS = 160;

export class Board {
  /** @param {Trace} trace @param {(dirty: number) => void} draw */
  constructor(trace, draw) {
    this.draw = draw;
    this.trace = trace;
    const { pages: list, of } = pages(trace);
    /** What a trace that lives long is cut into. */
    this.pages = list;
    this.pageOf = of;
    this.axis = new Axis([0, trace.length]);
    /** @type {Mode} */
    this.mode = 'waterfall';
    /** @type {Set<number>} */
    this.folded = new Set();
    /** Categories that are not shown. @type {Set<number>} */
    this.hidden = new Set();
    this.selected = -1;
    /** The hole below the selected row is meant, not the row. */
    this.onHole = false;
    this.query = parse('');
    this.text = '';
    /** @type {Map<string, Set<number>>} */
    this.found = new Map();
    /** @type {Uint8Array | null} */
    this.hits = null;
    this.critical = true;
    this.idle = false;
    this.page = 0;
    /** How budgets fared. @type {Judged['items']} */
    this.budgets = [];
    /** How long spans take otherwise, by their id. @type {Runs['spans']} */
    this.usual = {};
    /** Only rows that differ, in a comparison. */
    this.onlyChanged = false;
    /** @type {Comparison | null} */
    this.comparison = null;
    /** Rows that are seen, in order; a hole below row `r` is `~r`. */
    /** @type {Int32Array} */
    this.rows = new Int32Array();
    /** @type {Int32Array | null} */
    this.placeOf_ = null;
    /** @type {number[][]} */
    this.lanes = [];
    /** @type {Int32Array} */
    this.laneOf = new Int32Array();
    /** Where a glide goes. @type {[number, number] | null} */
    this.gliding = null;
    this.dirty_ = 0;
    this.frame = 0;
    this.layout();
    this.mark(DIRTY.TRACE | DIRTY.ROWS | DIRTY.VIEW | DIRTY.SELECTION);
  }

  /**
   * Another state of the same trace, grown: what is folded, chosen and looked at stays.
   * @param {Trace} trace
   * @param {Comparison | null} comparison of this state: it goes by rows
   */
  put(trace, comparison) {
    const old = this.trace;
    this.settle();
    this.trace = trace;
    this.comparison = comparison;
    const rowOf = (/** @type {number} */ row) => trace.row(old.id_(row));
    const head = this.pages[this.page]?.first;
    const { pages: list, of } = pages(trace);
    this.pages = list;
    this.pageOf = of;
    const page = head === undefined ? undefined : of[rowOf(head)];
    this.page = Math.max(0, Math.min(page ?? this.page, list.length - 1));
    this.folded = new Set([...this.folded].map(rowOf).filter((row) => row >= 0));
    if (this.selected >= 0) this.selected = rowOf(this.selected);
    // What was missing may have come.
    this.onHole &&= trace.holes.has(this.selected);
    this.found.clear();
    this.match();
    // A page load that is told late began before.
    this.layout(old.wire.start_us - trace.wire.start_us);
    this.mark(DIRTY.TRACE | DIRTY.ROWS | DIRTY.VIEW | DIRTY.SELECTION);
  }

  /** @param {number} dirty */
  mark(dirty) {
    this.dirty_ |= dirty;
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => this.flush());
  }

  flush() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const dirty = this.dirty_;
    this.dirty_ = 0;
    if (dirty) this.draw(dirty);
  }

  /** @param {number} row */
  isShown(row) {
    const { trace } = this;
    return (this.pages.length < 2 || this.pageOf[row] === this.page)
      && !this.hidden.has(trace.at(trace.cat, row))
      && (!this.onlyChanged || !this.comparison || this.comparison.verdicts[row] !== 'same');
  }

  /** What rows there are, and how long. @param {number} [shift] so much later is what was there */
  layout(shift) {
    const { trace } = this;
    const shown = (/** @type {number} */ row) => this.isShown(row);
    const rows = treeRows(trace, { folded: this.folded, shown });
    this.rows = this.#withHoles(rows);
    this.placeOf_ = null;
    if (this.mode === 'timeline') {
      const { lane, lanes } = packed(trace, shown);
      this.laneOf = lane;
      this.lanes = lanes;
    }
    const page = this.pages.length > 1 ? this.pages[this.page] : undefined;
    /** @type {[number, number]} */
    const whole = page ? [page.from, Math.max(page.to, page.from + 1)] : [0, trace.length];
    const comparison = this.comparison;
    if (comparison) whole[1] = Math.max(whole[1], comparison.before.length + comparison.shift);
    this.axis.rebound(whole, this.idle ? foldIdle(this.#busy(), whole) : UNFOLDED, shift);
  }

  /** @param {Int32Array} rows */
  #withHoles(rows) {
    const { trace } = this;
    const holes = rows.reduce((count, row) => count + (trace.holes.has(row) ? 1 : 0), 0);
    if (holes === 0) return rows;
    const list = new Int32Array(rows.length + holes);
    let at = 0;
    for (const row of rows) {
      list[at++] = row;
      if (trace.holes.has(row)) list[at++] = ~row;
    }
    return list;
  }

  /** When something ran: all but page loads and navigations, which last until nothing does. @returns {[number, number][]} */
  #busy() {
    const { trace } = this;
    /** @type {[number, number][]} */
    const busy = [];
    for (let row = 0; row < trace.count; row++) {
      if (!trace.endsByInactivity(row)) busy.push([trace.at(trace.start, row), trace.at(trace.end, row)]);
    }
    return busy;
  }

  /** The place of a row among those seen; -1: folded away or hidden. @param {number} row @returns {number} */
  placeOf(row) {
    if (!this.placeOf_) {
      const places = new Int32Array(this.trace.count).fill(-1);
      this.rows.forEach((shown, place) => shown >= 0 && (places[shown] = place));
      this.placeOf_ = places;
    }
    return this.placeOf_[row] ?? -1;
  }

  /** @param {number} row @param {{ hole?: boolean }} [how] */
  select(row, { hole = false } = {}) {
    if (row === this.selected && hole === this.onHole) return;
    this.selected = row;
    this.onHole = hole;
    this.mark(DIRTY.SELECTION | DIRTY.REACH);
  }

  /** Selects a row wherever it is: unfolds what hides it, turns to its page. @param {number} row */
  reveal(row) {
    if (row < 0) return;
    const { trace } = this;
    const page = this.pageOf[row] ?? 0;
    let changed = this.hidden.delete(trace.at(trace.cat, row));
    for (const above of trace.ancestors(row)) changed = this.folded.delete(above) || changed;
    if (page !== this.page) this.turn(page);
    else if (changed) this.relayout();
    this.select(row);
    this.mark(DIRTY.REACH);
  }

  relayout() {
    this.layout();
    this.mark(DIRTY.ROWS | DIRTY.VIEW);
  }

  /** To another page of the trace. @param {number} page */
  turn(page) {
    this.page = Math.max(0, Math.min(page, this.pages.length - 1));
    this.axis.view = [...this.axis.bounds];
    this.axis.undo = [];
    this.relayout();
    this.mark(DIRTY.TRACE);
  }

  /** @param {number} row @param {boolean} [fold] */
  fold(row, fold = !this.folded.has(row)) {
    if (this.trace.at(this.trace.size, row) < 2 || fold === this.folded.has(row)) return false;
    if (fold) this.folded.add(row);
    else this.folded.delete(row);
    this.relayout();
    return true;
  }

  /** @param {'fold' | 'unfold'} how */
  level(how) {
    level(this.trace, this.folded, how);
    this.relayout();
  }

  /** @param {Mode} mode */
  show(mode) {
    this.mode = mode;
    this.relayout();
    this.mark(DIRTY.TRACE);
  }

  /** @param {number} cat */
  toggleKind(cat) {
    if (!this.hidden.delete(cat)) this.hidden.add(cat);
    this.relayout();
    this.mark(DIRTY.TRACE);
  }

  /** @param {string} text */
  find(text) {
    this.text = text;
    this.query = parse(text);
    this.searched();
  }

  /** What is looked for, or found, is another. */
  searched() {
    this.match();
    this.mark(DIRTY.ROWS | DIRTY.TRACE);
  }

  match() {
    const { terms } = this.query;
    this.hits = terms.length > 0 ? match(this.trace, this.query, this.found) : null;
  }

  /** Rows that match, wherever they are. */
  get matches() {
    /** @type {number[]} */
    const rows = [];
    this.hits?.forEach((hit, row) => hit && this.isOnPage(row) && rows.push(row));
    return rows;
  }

  /** @param {number} row */
  isOnPage(row) {
    return this.pages.length < 2 || this.pageOf[row] === this.page;
  }

  /** To the next row of a list, round the end. @param {(row: number) => boolean} holds @param {1 | -1} step */
  next(holds, step) {
    const { count } = this.trace;
    for (let tried = 1, row = this.selected; tried <= count; tried++) {
      row = row < 0 && step < 0 ? count - 1 : (row + step + count) % count;
      if (holds(row)) return this.reveal(row), true;
    }
    return false;
  }

  /** To the next row of this page that matches. @param {1 | -1} step */
  nextMatch(step) {
    return this.hits !== null && this.next((row) => this.hits?.[row] === 1 && this.isOnPage(row), step);
  }

  /** To the next row that failed. */
  nextError() {
    return this.next((row) => this.trace.failed(row), 1);
  }

  /** Moves the selection among the rows that are seen. @param {number} by */
  move(by) {
    const { rows } = this;
    if (rows.length === 0) return;
    let at = this.selected < 0 ? (by > 0 ? -1 : rows.length) : this.placeOf(this.selected);
    if (at >= 0 && this.onHole) at++;
    this.pick(Math.max(0, Math.min(at + by, rows.length - 1)));
  }

  /** @param {number} place */
  pick(place) {
    const row = this.rows[place];
    if (row === undefined) return;
    this.select(row < 0 ? ~row : row, { hole: row < 0 });
  }

  /**
   * Changes the view, gliding to it unless the reader wants no motion.
   * @param {() => void} change
   */
  glide(change) {
    const from = /** @type {[number, number]} */ ([...this.axis.view]);
    change();
    const to = this.axis.view;
    if (matchMedia('(prefers-reduced-motion: reduce)').matches || (from[0] === to[0] && from[1] === to[1])) {
      this.mark(DIRTY.VIEW);
      return;
    }
    const began = performance.now();
    const target = /** @type {[number, number]} */ ([...to]);
    this.gliding = target;
    const step = (/** @type {number} */ now) => {
      // Whatever else changes the view ends the glide.
      if (this.gliding !== target) return;
      const share = Math.min(1, Math.max(0, (now - began) / GLIDE_MS));
      const eased = 1 - (1 - share) ** 3;
      this.axis.view = share === 1 ? target
        : [from[0] + (target[0] - from[0]) * eased, from[1] + (target[1] - from[1]) * eased];
      if (share < 1) requestAnimationFrame(step);
      else this.gliding = null;
      this.mark(DIRTY.VIEW);
    };
    this.axis.view = from;
    requestAnimationFrame(step);
  }

  /** Zooms about the middle. @param {number} factor below 1 is closer */
  zoom(factor) {
    this.settle();
    this.glide(() => {
      this.axis.mark();
      this.axis.zoomAt(factor, (this.axis.width - this.axis.pad) / 2);
    });
  }

  /** Ends a glide where it was going. */
  settle() {
    if (this.gliding) this.axis.view = this.gliding;
    this.gliding = null;
  }
}
