// The time axis: what stretch is in view, where a moment lies in it, and how idle gaps are folded away.

/** The shortest view, in microseconds. */
export const VIEW_US_MIN = 10;
/** Steps that can be undone. */
const UNDO_MAX = 100;
/** A folded gap is drawn so wide, as a share of what is not idle. */
const FOLDED_SHARE = 0.02;

/** @typedef {[number, number]} Range */
/** @typedef {{ from: number, to: number, at: number, width: number }} Gap real time from and to, place and width when folded */

/** A mapping from real time to the place on a folded axis and back. Both grow together, piece by piece. */
class Folding {
  /** @param {Gap[]} gaps in order, apart */
  constructor(gaps) {
    this.gaps = gaps;
  }

  /** @param {number} time */
  to(time) {
    let shift = 0;
    for (const gap of this.gaps) {
      if (time <= gap.from) break;
      if (time < gap.to) return gap.at + ((time - gap.from) / (gap.to - gap.from)) * gap.width;
      shift = gap.at + gap.width - gap.to;
    }
    return time + shift;
  }

  /** @param {number} place */
  from(place) {
    let shift = 0;
    for (const gap of this.gaps) {
      if (place <= gap.at) break;
      if (place < gap.at + gap.width) return gap.from + ((place - gap.at) / gap.width) * (gap.to - gap.from);
      shift = gap.to - gap.at - gap.width;
    }
    return place + shift;
  }
}

export const UNFOLDED = new Folding([]);

/**
 * Folds the stretches in which nothing ran.
 * @param {Range[]} busy in any order
 * @param {Range} whole
 */
export function foldIdle(busy, whole) {
  const sorted = busy.filter(([from, to]) => to >= whole[0] && from <= whole[1]).sort((a, b) => a[0] - b[0]);
  /** @type {Range[]} */
  const idle = [];
  let at = whole[0];
  for (const [from, to] of sorted) {
    if (from > at) idle.push([at, from]);
    at = Math.max(at, to);
  }
  if (at < whole[1]) idle.push([at, whole[1]]);
  const rest = whole[1] - whole[0] - idle.reduce((sum, [from, to]) => sum + to - from, 0);
  const width = Math.max(rest * FOLDED_SHARE, 1);
  let shift = 0;
  /** @type {Gap[]} */
  const gaps = [];
  for (const [from, to] of idle) {
    if (to - from <= width * 2) continue;
    gaps.push({ from, to, at: from + shift, width });
    shift -= to - from - width;
  }
  return gaps.length > 0 ? new Folding(gaps) : UNFOLDED;
}

export class Axis {
  /** @param {Range} bounds what there is, in microseconds */
  constructor(bounds) {
    this.folding = UNFOLDED;
    /** Places, on the folded axis. @type {Range} */
    this.bounds = bounds;
    /** @type {Range} */
    this.view = [...bounds];
    /** @type {Range[]} */
    this.undo = [];
    this.width = 1000;
    /** Room on the right for the label of the longest bar, in pixels. */
    this.pad = 0;
  }

  get isWhole() {
    return this.view[0] <= this.bounds[0] && this.view[1] >= this.bounds[1];
  }

  /** How many times closer than the whole. */
  get zoom() {
    return (this.bounds[1] - this.bounds[0]) / (this.view[1] - this.view[0]);
  }

  /** The view in real time. @returns {Range} */
  get times() {
    return [this.folding.from(this.view[0]), this.folding.from(this.view[1])];
  }

  /** Pixels of one place. */
  get scale() {
    return Math.max(1, this.width - this.pad) / (this.view[1] - this.view[0]);
  }

  /** The pixel of a moment. @param {number} time */
  x(time) {
    return (this.folding.to(time) - this.view[0]) * this.scale;
  }

  /** The moment at a pixel. @param {number} x */
  time(x) {
    return this.folding.from(this.place(x));
  }

  /** @param {number} x */
  place(x) {
    return this.view[0] + x / this.scale;
  }

  /**
   * Other bounds, as when a trace grows: whoever saw all of it still does, and whoever looked closer keeps his view.
   * @param {Range} whole real time
   * @param {Folding} folding
   * @param {number} [shift] what was at a moment is so much later now: the trace begins earlier
   */
  rebound(whole, folding, shift = 0) {
    const wasWhole = this.isWhole;
    const { view, folding: before } = this;
    /** @param {Range} places @returns {Range} */
    const moved = ([from, to]) => [folding.to(before.from(from) + shift), folding.to(before.from(to) + shift)];
    /** @type {Range} */
    const bounds = [folding.to(whole[0]), Math.max(folding.to(whole[1]), folding.to(whole[0]) + 1)];
    const isSame = bounds[0] === this.bounds[0] && bounds[1] === this.bounds[1]
      && folding.gaps.length === this.folding.gaps.length && shift === 0;
    if (isSame) return;
    this.folding = folding;
    this.bounds = bounds;
    this.undo = this.undo.map(moved);
    if (wasWhole) this.view = [...this.bounds];
    else this.#set(...moved(view));
  }

  /** Shows a stretch of real time, and remembers the one before. @param {number} from @param {number} to */
  show(from, to) {
    this.#remember();
    this.#set(this.folding.to(from), this.folding.to(to));
  }

  /** @param {number} from @param {number} to places */
  showPlaces(from, to) {
    this.#remember();
    this.#set(from, to);
  }

  /** A stretch with 8 % on either side. @param {number} from @param {number} to */
  fit(from, to) {
    const [a, z] = [this.folding.to(from), this.folding.to(to)];
    const margin = Math.max((z - a) * 0.08, VIEW_US_MIN / 2);
    this.showPlaces(a - margin, z + margin);
  }

  reset() {
    if (this.isWhole) return;
    this.#remember();
    this.view = [...this.bounds];
  }

  /** @returns {boolean} whether there was something to undo */
  back() {
    const last = this.undo.pop();
    if (!last) return false;
    this.#set(...last);
    return true;
  }

  /**
   * Zooms about a pixel, which keeps its moment.
   * @param {number} factor below 1 is closer
   * @param {number} x
   */
  zoomAt(factor, x) {
    const share = Math.min(1, Math.max(0, x / Math.max(1, this.width - this.pad)));
    const length = this.view[1] - this.view[0];
    const at = this.view[0] + length * share;
    const wanted = Math.max(VIEW_US_MIN, length * factor);
    this.#set(at - wanted * share, at + wanted * (1 - share));
  }

  /** Pans by a share of the view. @param {number} share */
  pan(share) {
    const by = (this.view[1] - this.view[0]) * share;
    this.moveTo(this.view[0] + by);
  }

  /** Keeps the length, and begins elsewhere. @param {number} from place */
  moveTo(from) {
    const length = this.view[1] - this.view[0];
    const start = Math.min(Math.max(from, this.bounds[0]), Math.max(this.bounds[0], this.bounds[1] - length));
    this.view = [start, start + length];
  }

  /** One step for a whole gesture: called when it begins. */
  mark() {
    this.#remember();
  }

  #remember() {
    const last = this.undo.at(-1);
    if (last && last[0] === this.view[0] && last[1] === this.view[1]) return;
    this.undo.push([...this.view]);
    if (this.undo.length > UNDO_MAX) this.undo.shift();
  }

  /** @param {number} from @param {number} to */
  #set(from, to) {
    const [low, high] = this.bounds;
    if (!(Number.isFinite(from) && Number.isFinite(to))) return;
    let [a, z] = from < to ? [from, to] : [to, from];
    const least = Math.min(VIEW_US_MIN, high - low);
    if (z - a < least) [a, z] = [(a + z - least) / 2, (a + z + least) / 2];
    if (z - a >= high - low) {
      this.view = [low, high];
      return;
    }
    if (a < low) [a, z] = [low, low + z - a];
    if (z > high) [a, z] = [high - (z - a), high];
    this.view = [a, z];
  }
}

/**
 * Round moments of a view, so many pixels apart at least.
 * @param {Axis} axis
 * @param {{ apart?: number, origin?: number }} [how] `origin`: the moment that is called 0
 * @returns {{ times: number[], step: number }}
 */
export function ticks(axis, { apart = 92, origin = 0 } = {}) {
  const raw = (axis.view[1] - axis.view[0]) / Math.max(1, (axis.width - axis.pad) / apart);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw * 0.999) ?? raw;
  /** @type {number[]} */
  const times = [];
  const last = axis.place(axis.width);
  const zero = axis.folding.to(origin);
  for (let index = Math.ceil((axis.view[0] - zero) / step); times.length < 60; index++) {
    const place = zero + index * step;
    if (place > last) break;
    const time = axis.folding.from(place);
    // Within a folded gap a moment means nothing.
    if (!axis.folding.gaps.some((gap) => place > gap.at && place < gap.at + gap.width)) times.push(time);
  }
  return { times, step };
}
