// The pointer over the lanes: drag to zoom, wheel, double click, and the line that says which moment it is at.

import { h } from '../../dom.js';
import { duration } from '../../model/format.js';
import { DIRTY } from './board.js';

/** @import { Board } from './board.js' */

/** Pixels before a press is a drag. */
const DRAG_MIN = 4;
/** A wheel that rests so long ends a gesture: it is one step to undo. */
const WHEEL_REST_MS = 350;

/**
 * @typedef {object} Parts
 * @property {HTMLElement} scroll where rows are
 * @property {HTMLElement} over lies over the lanes, and shows the crosshair and the drag
 * @property {() => number} left where lanes begin in `scroll`, in pixels
 * @property {(event: MouseEvent) => number | undefined} at the row at a point, negative for holes
 * @property {() => void} chosen a row was pressed
 * @property {(close: () => void) => () => void} escape
 */

/** @param {Board} board @param {Parts} parts */
export function listen(board, parts) {
  const { scroll, over } = parts;
  const cross = h('div', { class: 'tr-cross', hidden: true }, h('span'));
  const drag = h('div', { class: 'tr-drag', hidden: true }, h('span'));
  over.append(cross, drag);
  const x = (/** @type {MouseEvent} */ event) => event.clientX - scroll.getBoundingClientRect().left - parts.left();
  const hasLanes = () => board.mode !== 'tree';

  scroll.addEventListener('pointermove', (event) => {
    const at = x(event);
    const isIn = hasLanes() && at >= 0 && at <= board.axis.width && drag.hidden && event.pointerType !== 'touch';
    cross.hidden = !isIn;
    if (!isIn) return;
    cross.style.left = `${at}px`;
    const first = board.pages.length > 1 ? (board.pages[board.page]?.from ?? 0) : 0;
    const label = /** @type {HTMLElement} */ (cross.firstChild);
    label.textContent = duration(Math.max(0, board.axis.time(at) - first));
    cross.classList.toggle('before', board.axis.width - at < 60);
  });
  scroll.addEventListener('pointerleave', () => (cross.hidden = true));

  let dragged = false;
  scroll.addEventListener('pointerdown', (event) => {
    const from = x(event);
    dragged = false;
    if (event.button !== 0 || from < 0 || !hasLanes() || event.pointerType === 'touch') return;
    // Not where the scrollbar is.
    if (from > board.axis.width) return;
    /** @type {(() => void) | null} */
    let unescape = null;
    const end = () => {
      removeEventListener('pointermove', moved);
      removeEventListener('pointerup', up);
      removeEventListener('pointercancel', end);
      unescape?.();
      drag.hidden = true;
    };
    const ends = (/** @type {PointerEvent} */ move) => {
      const to = Math.max(0, Math.min(x(move), board.axis.width));
      return from < to ? [from, to] : [to, from];
    };
    const moved = (/** @type {PointerEvent} */ move) => {
      if (!dragged && Math.abs(x(move) - from) <= DRAG_MIN) return;
      if (!dragged) {
        dragged = true;
        unescape = parts.escape(end);
        cross.hidden = true;
      }
      const [a, z] = /** @type {[number, number]} */ (ends(move));
      drag.hidden = false;
      drag.style.left = `${a}px`;
      drag.style.width = `${z - a}px`;
      /** @type {HTMLElement} */ (drag.firstChild).textContent = duration(board.axis.time(z) - board.axis.time(a));
    };
    const up = (/** @type {PointerEvent} */ last) => {
      end();
      if (!dragged) return;
      const [a, z] = /** @type {[number, number]} */ (ends(last));
      board.settle();
      board.glide(() => board.axis.showPlaces(board.axis.place(a), board.axis.place(z)));
    };
    addEventListener('pointermove', moved);
    addEventListener('pointerup', up);
    addEventListener('pointercancel', end);
  });

  scroll.addEventListener('click', (event) => {
    if (dragged) return;
    const found = parts.at(event);
    if (found === undefined) return;
    const row = found < 0 ? ~found : found;
    const chevron = event.target instanceof Element && event.target.closest('.tr-chevron');
    if (chevron && found >= 0 && board.fold(row)) return;
    board.select(row, { hole: found < 0 });
    parts.chosen();
  });

  scroll.addEventListener('dblclick', (event) => {
    if (!hasLanes()) return;
    const found = parts.at(event);
    const isBar = event.target instanceof Element && event.target.closest('.tr-bar, .tr-block, .tr-name');
    board.settle();
    if (found === undefined || !isBar) return board.glide(() => board.axis.reset());
    fit(board, found < 0 ? ~found : found);
  });

  wheel(board, parts, x);
  if (navigator.maxTouchPoints > 0) void import('./fingers.js').then(({ listenToFingers }) => listenToFingers(board, { scroll, x }));
}

/** Shows one span, with some room about it. @param {Board} board @param {number} row */
export function fit(board, row) {
  const { trace } = board;
  if (row < 0) return;
  board.settle();
  board.glide(() => board.axis.fit(trace.at(trace.start, row), trace.at(trace.end, row)));
}

/**
 * @param {Board} board
 * @param {Parts} parts
 * @param {(event: MouseEvent) => number} x
 */
function wheel(board, { scroll }, x) {
  let last = -Infinity;
  scroll.addEventListener('wheel', (event) => {
    if (board.mode === 'tree') return;
    const isZoom = event.ctrlKey || event.metaKey;
    const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (!isZoom && !sideways) return;
    event.preventDefault();
    const { axis } = board;
    board.settle();
    if (event.timeStamp - last > WHEEL_REST_MS) axis.mark();
    last = event.timeStamp;
    const unit = event.deltaMode === 1 ? 16 : 1;
    if (isZoom) axis.zoomAt(Math.exp(Math.max(-120, Math.min(120, event.deltaY * unit)) * 0.004), x(event));
    else axis.pan(((event.deltaX || event.deltaY) * unit) / Math.max(1, axis.width));
    board.mark(DIRTY.VIEW);
  }, { passive: false });
}
