// The whole trace in a strip: what is in view is a brush that can be drawn, moved, and pulled at its edges. The only
// canvas of the viewer, drawn in slices, so that a long trace never holds up a frame.

import { h, sheet } from '../../dom.js';
import { duration, things } from '../../model/format.js';
import { DIRTY } from './board.js';
import { vitals } from './ruler.js';

/** @import { Board } from './board.js' */

await sheet('styles/trace-minimap.css').catch(() => undefined);

const HEIGHT = 56;
/** Spans between two looks at the clock, and the milliseconds of a slice. */
const SLICE = 400;
const SLICE_MS = 5;
/** Pixels about an edge that take hold of it. */
const EDGE = 7;

export class Minimap {
  /** @param {Board} board @param {Element} into */
  constructor(board, into) {
    this.board = board;
    this.canvas = h('canvas', { 'aria-hidden': 'true' });
    this.brush = h('div', { class: 'tr-brush' });
    this.before = h('div', { class: 'tr-shade' });
    this.after = h('div', { class: 'tr-shade' });
    this.facts = h('div', { class: 'tr-facts' });
    this.probe = h('i', { hidden: true });
    this.strip = h('div', { class: 'tr-strip' }, this.probe, this.canvas, this.before, this.after, this.brush);
    into.replaceChildren(this.facts, this.strip);
    this.strip.addEventListener('pointerdown', (event) => this.#grab(event));
    this.strip.addEventListener('dblclick', () => board.glide(() => board.axis.reset()));
    this.drawn = '';
    this.width = 0;
    this.slice = 0;
  }

  /** @param {number} dirty */
  draw(dirty) {
    const { board } = this;
    const { axis, trace } = board;
    if (dirty & DIRTY.TRACE) {
      const length = axis.bounds[1] - axis.bounds[0];
      this.facts.replaceChildren(h('b', null, things(board.pages.length > 1 ? (board.pages[board.page]?.rows ?? 0) : trace.spans, 'span')),
        h('span', null, duration(length)));
    }
    const [low, high] = axis.bounds;
    // Measured when something but the view changed: a zoom changes neither width nor colours.
    const isNew = (dirty & ~DIRTY.VIEW) !== 0 || this.width === 0;
    if (isNew) this.width = Math.max(0, Math.round(this.strip.clientWidth - axis.pad));
    const { width } = this;
    const left = ((axis.view[0] - low) / (high - low)) * width;
    const right = ((axis.view[1] - low) / (high - low)) * width;
    const isWhole = axis.isWhole;
    this.brush.hidden = this.before.hidden = this.after.hidden = isWhole;
    if (!isWhole) {
      this.brush.style.left = `${left}px`;
      this.brush.style.width = `${Math.max(2, right - left)}px`;
      this.before.style.width = `${left}px`;
      this.after.style.left = `${right}px`;
    }
    if (!isNew) return;
    const scheme = `${width}|${devicePixelRatio}|${low}|${high}|${getComputedStyle(this.strip).color}|${trace.count}|${trace.errors}|${board.rows.length}`;
    if (scheme !== this.drawn && width > 0) {
      this.drawn = scheme;
      this.#paint(width);
    }
  }

  /** @param {number} width */
  #paint(width) {
    const { board, canvas } = this;
    const { axis, trace } = board;
    const ratio = devicePixelRatio || 1;
    // As far as the lanes' longest bar, so that what lies below each other is one moment.
    canvas.style.width = `${width}px`;
    canvas.width = width * ratio;
    canvas.height = HEIGHT * ratio;
    const context = canvas.getContext('2d');
    if (!context) return;
    context.scale(ratio, ratio);
    const colour = resolver(this.probe);
    const [low, high] = axis.bounds;
    const scale = width / (high - low);
    const depth = Math.max(6, Math.min(trace.maxDepth + 1, 24));
    const line = (HEIGHT - 12) / depth;
    const thick = Math.max(1, Math.min(4, line - 0.6));
    const run = ++this.slice;
    // Pixels that are drawn, by level: of many short spans on one of them the first is seen, and those that failed.
    const drawn = new Uint8Array(depth * (width + 1));
    const strip = (/** @type {number} */ from) => {
      if (run !== this.slice) return;
      const began = performance.now();
      let row = from;
      while (row < trace.count && (row % SLICE !== 0 || row === from || performance.now() - began < SLICE_MS)) {
        const level = Math.min(trace.at(trace.depth, row), depth - 1);
        const x = (axis.folding.to(trace.at(trace.start, row)) - low) * scale;
        const end = (axis.folding.to(trace.at(trace.end, row)) - low) * scale;
        const isFailed = trace.failed(row);
        const pixel = level * (width + 1) + Math.max(0, Math.floor(x));
        if ((end - x > 1.5 || isFailed || drawn[pixel] === 0) && board.isShown(row)) {
          drawn[pixel] = 1;
          context.globalAlpha = trace.cat[row] === 3 ? 0.45 : trace.at(trace.size, row) > 1 ? 0.5 : 0.9;
          context.fillStyle = colour(isFailed ? 'err' : trace.colour(row));
          context.fillRect(x, 6 + level * line, Math.max(1, end - x), thick);
        }
        row++;
      }
      if (row < trace.count) return void requestAnimationFrame(() => strip(row));
      context.globalAlpha = 1;
      for (const { time, rating } of vitals(board)) {
        context.fillStyle = colour(rating === 'good' ? 'ok' : rating === 'mid' ? 'warn' : rating === 'poor' ? 'err' : 'ink3');
        context.fillRect((axis.folding.to(time) - low) * scale, 2, 1, HEIGHT - 4);
      }
    };
    strip(0);
  }

  /** @param {PointerEvent} event */
  #grab(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    const { board, strip } = this;
    const { axis } = board;
    const { left } = strip.getBoundingClientRect();
    const perPixel = (axis.bounds[1] - axis.bounds[0]) / Math.max(1, this.width);
    const placeAt = (/** @type {number} */ x) => axis.bounds[0] + (x - left) * perPixel;
    const start = placeAt(event.clientX);
    const [from, to] = axis.view;
    const slack = (event.pointerType === 'touch' ? 2 * EDGE : EDGE) * perPixel;
    const grip = axis.isWhole ? 'draw' : Math.abs(start - from) < slack ? 'left' : Math.abs(start - to) < slack ? 'right'
      : start > from && start < to ? 'move' : 'draw';
    board.settle();
    axis.mark();
    strip.setPointerCapture(event.pointerId);
    const moved = (/** @type {PointerEvent} */ move) => {
      const at = placeAt(move.clientX);
      const undo = axis.undo.length;
      if (grip === 'move') axis.moveTo(from + at - start);
      else if (grip === 'left') axis.showPlaces(Math.min(at, to - 1), to);
      else if (grip === 'right') axis.showPlaces(from, Math.max(at, from + 1));
      else if (Math.abs(move.clientX - event.clientX) > 4) axis.showPlaces(start, at);
      // One gesture, one step.
      axis.undo.length = Math.min(axis.undo.length, undo);
      board.mark(DIRTY.VIEW);
    };
    const ended = () => {
      strip.removeEventListener('pointermove', moved);
      if (grip === 'draw' && !axis.isWhole && axis.view[0] === from && axis.view[1] === to) {
        axis.moveTo(start - (to - from) / 2);
        board.mark(DIRTY.VIEW);
      }
    };
    strip.addEventListener('pointermove', moved);
    strip.addEventListener('lostpointercapture', ended, { once: true });
  }
}

/**
 * Tokens as colours that a canvas understands: computed once each, of an element that wears them.
 * @param {HTMLElement} probe
 */
function resolver(probe) {
  /** @type {Map<string, string>} */
  const colours = new Map();
  return (/** @type {string} */ name) => {
    const known = colours.get(name);
    if (known) return known;
    probe.style.color = `var(--${name})`;
    const { color } = getComputedStyle(probe);
    colours.set(name, color);
    return color;
  };
}
