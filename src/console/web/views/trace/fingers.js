// Fingers on the lanes: two of them zoom and pan, one pans to the sides. Up and down the browser itself scrolls (`touch-action`),
// and a tap is a click. Loaded where there is something to touch.

import { DIRTY } from './board.js';

/** @import { Board } from './board.js' */

/** Pixels before one finger pans. */
const PAN_MIN = 8;
/** Fingers closer than so many pixels are so far apart. */
const SPREAD_MIN = 24;

/** @typedef {{ middle: number, spread: number, count: number }} Grip where fingers are, in pixels of the lanes */

/** @param {Board} board @param {{ scroll: HTMLElement, x: (event: MouseEvent) => number }} parts */
export function listenToFingers(board, { scroll, x }) {
  /** By pointer. @type {Map<number, number>} */
  const fingers = new Map();
  /** @type {Grip | null} what they held before */
  let held = null;
  let isMoving = false;

  // What a finger came down on is drawn anew while it moves.
  const keep = () => fingers.forEach((_, id) => scroll.setPointerCapture(id));
  /** What fingers are where; whoever has more or fewer of them takes hold anew. */
  const hold = () => {
    const places = [...fingers.values()];
    held = places.length > 0 ? gripOf(places) : null;
    if (!held) isMoving = false;
    if (isMoving || places.length > 1) keep();
  };
  scroll.addEventListener('pointerdown', (event) => {
    if (event.pointerType !== 'touch' || board.mode === 'tree' || x(event) < 0) return;
    // The first of all: what another one came down on may have gone before it was lifted.
    if (event.isPrimary) fingers.clear();
    fingers.set(event.pointerId, x(event));
    hold();
  });
  scroll.addEventListener('pointermove', (event) => {
    if (!held || !fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, x(event));
    const now = gripOf([...fingers.values()]);
    if (!isMoving) {
      if (now.count === 1 && Math.abs(now.middle - held.middle) < PAN_MIN) return;
      isMoving = true;
      keep();
      board.settle();
      // One gesture, one step to undo.
      board.axis.mark();
    }
    board.axis.zoomAt(held.spread / now.spread, held.middle);
    board.axis.pan((held.middle - now.middle) / Math.max(1, board.axis.width - board.axis.pad));
    held = now;
    board.mark(DIRTY.VIEW);
  });
  for (const name of /** @type {const} */ (['pointerup', 'pointercancel'])) {
    scroll.addEventListener(name, (event) => {
      if (fingers.delete(event.pointerId)) hold();
    });
  }
}

/** @param {number[]} places @returns {Grip} */
function gripOf(places) {
  const low = Math.min(...places);
  const high = Math.max(...places);
  return { middle: (low + high) / 2, spread: Math.max(high - low, SPREAD_MIN), count: places.length };
}
