// A trace in memory: the columns of the API in typed arrays, one entry a span, in the order of the tree. What can be read
// from the spans (own time, critical path, verdict, holes) the server has read; here stands what drawing needs besides.

/** @import { Columns, Trace as Wire } from '../../types/wire.d.ts' */
/** @typedef {Omit<Wire, 'spans'>} Head what is told of a trace but for its spans */
/** @typedef {Head & { spans: { [Name in keyof Columns]: ArrayLike<Columns[Name][number]> } }} Told a trace as it was told, or as it is kept */
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

/** Rows that something is told of by their span's id: what was made at an edge or a browser, stretches of the critical path, holes. */
const MARKED = FLAG.EDGE | FLAG.BROWSER | FLAG.DERIVED | FLAG.CRITICAL | FLAG.HOLE;

/** So many rows are looked for one by one. */
const LOOKED_MAX = 8;

/** Rows whose own parts are kept. */
const PARTS_MAX = 500;

export class Trace {
  /** @type {Map<number, [number, number][]>} */
  #parts = new Map();

  /** @type {Map<string, number> | null} */
  #places = null;
  /** Rows that were asked for by the id of their span. */
  #looked = 0;

  /** @param {Told} told */
  constructor({ spans, ...wire }) {
    const count = spans.id.length;
    this.wire = wire;
    this.id = wire.trace_id;
    this.count = count;
    this.strings = wire.strings;
    /** As they were told, in little room: what a trace that grows is made of again. */
    this.columns = {
      id: /** @type {string[]} */ (spans.id), parent: /** @type {(string | null)[]} */ (spans.parent),
      name: new Uint32Array(spans.name), svc: new Uint32Array(spans.svc), stage: new Uint32Array(spans.stage),
      note: new Uint32Array(spans.note), tag: new Uint32Array(spans.tag), kind: new Uint8Array(spans.kind),
      flags: new Uint16Array(spans.flags), status: new Uint8Array(spans.status), start_us: new Float64Array(spans.start_us),
      dur_us: new Float64Array(spans.dur_us), own_us: new Float64Array(spans.own_us),
    };
    const { columns } = this;
    this.ids = columns.id;
    this.name = columns.name;
    this.svc = columns.svc;
    this.stageAt = columns.stage;
    this.noteAt = columns.note;
    this.tagAt = columns.tag;
    this.kind = columns.kind;
    this.flags = columns.flags;
    this.status = columns.status;
    this.start = columns.start_us;
    this.own = columns.own_us;
    this.end = new Float64Array(count);
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
    /** How many rows there are of each category, but for those that still run. */
    this.kinds = CAT_WORDS.map(() => 0);
    /** Rows whose parents are not here, and the first of them; the first that says it ended before it began. */
    this.orphans = 0;
    this.firstOrphan = -1;
    this.firstBackwards = -1;
    this.maxDepth = 0;
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
    this.#link();
    this.#classify();
    let last = 0;
    for (let row = 0; row < count; row++) {
      const end = this.at(this.start, row) + Math.max(0, this.at(columns.dur_us, row));
      this.end[row] = end;
      if (end > last) last = end;
      if (this.status[row] === 2) this.errors++;
    }
    /** Microseconds from the first start to the last end; at least one, so that there is a scale. */
    this.length = Math.max(1, last);
    this.entry = count > 0 ? 0 : -1;
    this.#attach();
  }

  /**
   * Rows come parents first. A parent counts only while its subtree is still being listed: whatever else a span claims,
   * the rows stay a tree. Each row is looked at once on the way up, however deep the tree is: what does not lie above the
   * next row is never above another.
   */
  #link() {
    const { ids } = this;
    const { parent: parents } = this.columns;
    /** @type {number[]} */
    const above = [];
    /** The last child so far, by the parent's row and one; what has no parent hangs under 0. */
    const lastOf = new Int32Array(this.count + 1).fill(-1);
    for (let row = 0; row < this.count; row++) {
      const named = parents[row];
      let depth = named === null ? 0 : above.length;
      while (depth > 0 && ids[/** @type {number} */ (above[depth - 1])] !== named) depth--;
      const parent = above[depth - 1] ?? -1;
      // One text for both, wherever it was told twice.
      if (parent >= 0) parents[row] = this.id_(parent);
      above.length = depth;
      above.push(row);
      this.depth[row] = depth;
      this.parent[row] = parent;
      if (depth > this.maxDepth) this.maxDepth = depth;
      const before = this.at(lastOf, parent + 1);
      if (before >= 0) this.next[before] = row;
      lastOf[parent + 1] = row;
    }
    for (let row = this.count - 1; row > 0; row--) {
      const parent = /** @type {number} */ (this.parent[row]);
      if (parent >= 0) this.size[parent] = this.at(this.size, parent) + this.at(this.size, row);
    }
  }

  #classify() {
    const { hues, flags: column, services, svc: svcs, cat: cats } = this;
    for (let row = 0; row < this.count; row++) {
      const flags = this.at(column, row);
      if (flags & FLAG.DERIVED) this.derived++;
      if (flags & FLAG.ORPHAN && this.orphans++ === 0) this.firstOrphan = row;
      if (flags & FLAG.BACKWARDS && this.firstBackwards < 0) this.firstBackwards = row;
      const cat = this.#catOf(row, flags);
      cats[row] = cat;
      if (!(flags & FLAG.RUNNING)) this.kinds[cat] = (this.kinds[cat] ?? 0) + 1;
      if (cat !== CAT.APP) continue;
      const svc = this.at(svcs, row);
      if (hues.has(svc)) continue;
      hues.set(svc, hues.size);
      services.push({ svc, hue: (hues.size - 1) % HUES.length });
    }
  }

  /** @param {number} row @param {number} flags */
  #catOf(row, flags) {
    if (flags & FLAG.EDGE) return CAT.EDGE;
    if (flags & FLAG.DERIVED && !(flags & FLAG.RUNNING)) return CAT.NETWORK;
    if (flags & FLAG.CALL || (flags & FLAG.BROWSER && this.stage(row) === 'http.client')) return CAT.FETCH;
    return flags & FLAG.BROWSER ? CAT.BROWSER : CAT.APP;
  }

  #attach() {
    const { wire } = this;
    /** Rows of which something besides is told. @type {Map<string, number>} */
    const marked = new Map();
    for (let row = 0; row < this.count; row++) if (this.at(this.flags, row) & MARKED) marked.set(this.id_(row), row);
    const rowOf = (/** @type {string} */ id) => marked.get(id) ?? this.row(id);
    const entry = wire.entry === null ? -1 : rowOf(wire.entry);
    if (entry >= 0) this.entry = entry;
    for (const [id, from, length] of wire.critical) {
      const row = rowOf(id);
      if (row < 0) continue;
      const list = this.critical.get(row);
      if (list) list.push([from, from + length]);
      else this.critical.set(row, [[from, from + length]]);
    }
    for (const [row, at, name] of wire.events) {
      const list = this.events.get(row);
      if (list) list.push([at, name]);
      else this.events.set(row, [[at, name]]);
    }
    for (const [browser, , out, back, error] of wire.network) {
      for (const id of [browser, ...wayIds(browser)]) {
        const row = marked.get(id);
        if (row !== undefined) this.ways.set(row, { out, back, error });
      }
    }
    for (const { span, mend } of wire.holes) {
      const row = rowOf(span);
      if (row >= 0) this.holes.set(row, mend);
    }
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
    if (id === '') return -1;
    // A few are looked for one by one: for a long trace a table takes a while to make, and room.
    if (this.#looked++ < LOOKED_MAX) return this.ids.indexOf(id);
    if (!this.#places) {
      this.#places = new Map();
      for (let row = 0; row < this.count; row++) this.#places.set(this.id_(row), row);
    }
    return this.#places.get(id) ?? -1;
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
