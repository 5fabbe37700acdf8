// A trace in memory: the columns of the API in typed arrays, one entry a span, in the order of the tree. What can be read
// from the spans (own time, critical path, verdict, holes) the server has read; here stands what drawing needs besides.

/** @import { Trace as Wire } from '../../types/wire.d.ts' */
/** @typedef {{ out: number, back: number, error: number }} Way microseconds there and back, and how far the truth is from either at most */

/** Bits of `flags`, as docs/api.md lists them; the last two are the viewer's own (derived.js). */
export const FLAG = {
  EDGE: 1, BROWSER: 2, ORPHAN: 4, CRITICAL: 8, EVENTS: 16, LINKS: 32, HOLE: 64, QUERY: 128, CALL: 256, BACKWARDS: 512,
  DERIVED: 1024, RUNNING: 2048,
};

/** Who a span belongs to, for its colour, its shape and the chips. */
export const CAT = { EDGE: 0, APP: 1, FETCH: 2, BROWSER: 3, NETWORK: 4 };

/** The words of the categories, by their number. */
export const CAT_WORDS = ['edge', 'app', 'fetch', 'browser', 'network'];

/** The rows of the two ways of a browser's span, by its id. @param {string} id */
export const wayIds = (id) => /** @type {const} */ ([`${id}.out`, `${id}.back`]);

/** Times that were moved by less are not told as moved, in microseconds. */
const MOVED_US = 50;

/** Colours of services; the names of tokens. */
export const HUES = ['violet', 'teal', 'amber', 'rose', 'indigo', 'lime', 'orange', 'plum'];

/** What a browser ends when nothing happens any more. */
const IDLE = /^(?:pageload$|navigation$|ui\.action\.)/;

/** Rows whose own parts are kept. */
const PARTS_MAX = 500;

export class Trace {
  /** @type {Map<number, [number, number][]>} */
  #parts = new Map();

  /** @param {Wire} wire */
  constructor(wire) {
    const { spans, strings } = wire;
    const count = spans.id.length;
    this.wire = wire;
    this.id = wire.trace_id;
    this.count = count;
    this.strings = strings;
    this.ids = spans.id;
    this.name = Uint32Array.from(spans.name);
    this.svc = Uint32Array.from(spans.svc);
    this.stageAt = Uint32Array.from(spans.stage);
    this.noteAt = Uint32Array.from(spans.note);
    this.tagAt = Uint32Array.from(spans.tag);
    this.kind = Uint8Array.from(spans.kind);
    this.flags = Uint16Array.from(spans.flags);
    this.status = Uint8Array.from(spans.status);
    this.start = Float64Array.from(spans.start_us);
    this.end = new Float64Array(count);
    this.own = Float64Array.from(spans.own_us);
    this.parent = new Int32Array(count).fill(-1);
    this.depth = new Uint32Array(count);
    /** Spans of a subtree, itself included. */
    this.size = new Uint32Array(count).fill(1);
    /** The next sibling; -1 for none. */
    this.next = new Int32Array(count).fill(-1);
    this.cat = new Uint8Array(count);
    this.errors = 0;
    /** Rows that no process recorded. */
    this.derived = 0;
    this.maxDepth = 0;
    /** @type {Map<string, number>} */
    this.places = new Map();
    /** Services with a colour, in the order in which they appear. @type {{ svc: number, hue: number }[]} */
    this.services = [];
    /** @type {Map<number, number>} */
    this.hues = new Map();
    /** Stretches of the critical path, by row. @type {Map<number, [number, number][]>} */
    this.critical = new Map();
    /** Times and names of events, by row. @type {Map<number, [number, number][]>} */
    this.events = new Map();
    /** Between browser and edge, by row: of the browser's span, and of both ways. @type {Map<number, Way>} */
    this.ways = new Map();
    /** Rows below which spans of an app are missing, and the line that mends it. @type {Map<number, string | null>} */
    this.holes = new Map();
    this.#link(spans.parent);
    this.#classify();
    let last = 0;
    for (let row = 0; row < count; row++) {
      const end = /** @type {number} */ (this.start[row]) + Math.max(0, spans.dur_us[row] ?? 0);
      this.end[row] = end;
      if (end > last) last = end;
      if (this.status[row] === 2) this.errors++;
    }
    /** Microseconds from the first start to the last end; at least one, so that there is a scale. */
    this.length = Math.max(1, last);
    const entry = wire.entry === null ? -1 : this.row(wire.entry);
    this.entry = entry < 0 && count > 0 ? 0 : entry;
    this.#attach();
  }

  /**
   * Rows come parents first. A parent counts only while its subtree is still being listed: whatever else a span claims,
   * the rows stay a tree.
   * @param {(string | null)[]} parents
   */
  #link(parents) {
    /** @type {number[]} */
    const above = [];
    /** @type {Map<number, number>} */
    const lastOf = new Map();
    for (let row = 0; row < this.count; row++) {
      const named = parents[row];
      const parent = named === null || named === undefined ? -1 : (this.places.get(named) ?? -1);
      const isAbove = parent >= 0 && above[/** @type {number} */ (this.depth[parent])] === parent;
      const depth = isAbove ? /** @type {number} */ (this.depth[parent]) + 1 : 0;
      above.length = depth;
      above.push(row);
      this.depth[row] = depth;
      this.parent[row] = isAbove ? parent : -1;
      if (depth > this.maxDepth) this.maxDepth = depth;
      const before = lastOf.get(isAbove ? parent : -1);
      if (before !== undefined) this.next[before] = row;
      lastOf.set(isAbove ? parent : -1, row);
      this.places.set(/** @type {string} */ (this.ids[row]), row);
    }
    for (let row = this.count - 1; row > 0; row--) {
      const parent = /** @type {number} */ (this.parent[row]);
      if (parent >= 0) this.size[parent] = this.at(this.size, parent) + this.at(this.size, row);
    }
  }

  #classify() {
    const { hues } = this;
    for (let row = 0; row < this.count; row++) {
      const flags = this.at(this.flags, row);
      const isCall = (flags & FLAG.CALL) !== 0;
      if (flags & FLAG.DERIVED) this.derived++;
      if (flags & FLAG.EDGE) this.cat[row] = CAT.EDGE;
      else if (flags & FLAG.DERIVED && !(flags & FLAG.RUNNING)) this.cat[row] = CAT.NETWORK;
      else if (isCall || (flags & FLAG.BROWSER && this.stage(row) === 'http.client')) this.cat[row] = CAT.FETCH;
      else if (flags & FLAG.BROWSER) this.cat[row] = CAT.BROWSER;
      else this.cat[row] = CAT.APP;
      const svc = this.at(this.svc, row);
      if (this.cat[row] === CAT.APP && !hues.has(svc)) {
        hues.set(svc, hues.size);
        this.services.push({ svc, hue: (hues.size - 1) % HUES.length });
      }
    }
  }

  #attach() {
    for (const [id, from, length] of this.wire.critical) {
      const row = this.row(id);
      if (row < 0) continue;
      const list = this.critical.get(row);
      if (list) list.push([from, from + length]);
      else this.critical.set(row, [[from, from + length]]);
    }
    for (const [row, at, name] of this.wire.events) {
      const list = this.events.get(row);
      if (list) list.push([at, name]);
      else this.events.set(row, [[at, name]]);
    }
    for (const [browser, , out, back, error] of this.wire.network) {
      for (const id of [browser, ...wayIds(browser)]) {
        const row = this.row(id);
        if (row >= 0) this.ways.set(row, { out, back, error });
      }
    }
    this.holes = new Map(this.wire.holes.map((hole) => [this.row(hole.span), hole.mend]));
    this.holes.delete(-1);
  }

  /**
   * An element that is there: rows are made by us.
   * @param {ArrayLike<number>} column
   * @param {number} row
   */
  at(column, row) {
    return /** @type {number} */ (column[row]);
  }

  /** Spans that were recorded. */
  get spans() {
    return this.count - this.derived;
  }

  /** The row of a span; -1 if it is not here. @param {string} id */
  row(id) {
    return this.places.get(id) ?? -1;
  }

  /** @param {number} row */
  id_(row) {
    return /** @type {string} */ (this.ids[row]);
  }

  /** @param {number} place */
  text(place) {
    return this.strings[place] ?? '';
  }

  /** @param {number} row */
  nameOf(row) {
    return this.text(this.at(this.name, row)) || '(no name)';
  }

  /** @param {number} row */
  stage(row) {
    return this.text(this.at(this.stageAt, row));
  }

  /** @param {number} row */
  note(row) {
    return this.text(this.at(this.noteAt, row));
  }

  /** @param {number} row */
  tag(row) {
    return this.text(this.at(this.tagAt, row));
  }

  /** @param {number} row */
  service(row) {
    return this.text(this.at(this.svc, row));
  }

  /** Microseconds, exact to the nanosecond as they came: sums of such numbers are not. @param {number} row */
  duration(row) {
    return Math.round((this.at(this.end, row) - this.at(this.start, row)) * 1000) / 1000;
  }

  /** @param {number} row @param {number} flag */
  has(row, flag) {
    return (this.at(this.flags, row) & flag) !== 0;
  }

  /** @param {number} row */
  failed(row) {
    return this.status[row] === 2;
  }

  /** Page loads, navigations, and what an action set off end when nothing happens any more: their length says nothing. @param {number} row */
  endsByInactivity(row) {
    return this.has(row, FLAG.BROWSER) && IDLE.test(this.stage(row));
  }

  /**
   * How far the clock of a row's process was moved, and how sure that is; several where processes share a name. None of
   * the edge's: it is what the others are compared with.
   * @param {number} row
   */
  clocks(row) {
    if (this.has(row, FLAG.EDGE | FLAG.DERIVED)) return [];
    const maker = this.has(row, FLAG.BROWSER) ? 'browser' : 'app';
    return this.wire.clocks.filter((clock) => clock.maker === maker && clock.svc === this.service(row));
  }

  /** By how much a row's times were moved; 0 where that is nothing worth a word. @param {number} row */
  moved(row) {
    const by = this.clocks(row)[0]?.offset_us ?? 0;
    return Math.abs(by) > MOVED_US ? by : 0;
  }

  /** Whether its own time is a wait for something that cannot be seen into. @param {number} row */
  waits(row) {
    if (!this.has(row, FLAG.EDGE)) return false;
    const stage = this.stage(row);
    return stage === 'upstream.request' || stage === 'upstream.wait' || stage === 'cache.wait';
  }

  /** The name of the token with a row's colour. @param {number} row */
  colour(row) {
    switch (this.cat[row]) {
      case CAT.EDGE: return 'ink';
      case CAT.FETCH: return 'fetch';
      case CAT.BROWSER: return 'browser';
      case CAT.NETWORK: return 'ink3';
      default: return /** @type {string} */ (HUES[(this.hues.get(this.at(this.svc, row)) ?? 0) % HUES.length]);
    }
  }

  /** Rows from the root to a row's parent. @param {number} row */
  ancestors(row) {
    /** @type {number[]} */
    const list = [];
    for (let up = this.at(this.parent, row); up >= 0; up = this.at(this.parent, up)) list.push(up);
    return list.reverse();
  }

  /** Direct children, in order. @param {number} row */
  children(row) {
    /** @type {number[]} */
    const list = [];
    if (this.at(this.size, row) > 1) for (let child = row + 1; child >= 0; child = this.at(this.next, child)) list.push(child);
    return list;
  }

  /**
   * The parts of a span in which none of its children ran: its own work. Positions, for drawing; how long they are
   * together the server says (`own`).
   * @param {number} row
   * @returns {[number, number][]}
   */
  ownParts(row) {
    const known = this.#parts.get(row);
    if (known) return known;
    const parts = this.#partsOf(row);
    // A bar is drawn anew with each frame of a zoom.
    if (this.#parts.size >= PARTS_MAX) this.#parts.clear();
    this.#parts.set(row, parts);
    return parts;
  }

  /** @param {number} row */
  #partsOf(row) {
    const start = this.at(this.start, row);
    const end = this.at(this.end, row);
    /** @type {[number, number][]} */
    const parts = [];
    let at = start;
    if (this.at(this.size, row) > 1) {
      // Children stand in the order in which they began.
      for (let child = row + 1; child >= 0 && at < end; child = this.at(this.next, child)) {
        const from = this.at(this.start, child);
        if (from > at) parts.push([at, Math.min(from, end)]);
        at = Math.max(at, this.at(this.end, child));
      }
    }
    if (at < end || end === start) parts.push([at, end]);
    return parts;
  }
}
