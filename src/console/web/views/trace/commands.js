// The keyboard of the trace viewer.

import { DIRTY } from './board.js';
import { fit } from './pointer.js';

/** @import { Binding } from '../../model/contract.js' */
/** @import { Board } from './board.js' */

/** A key zooms by this, and pans by this share of the view. */
const ZOOM = 0.7;
const PAN = 0.2;

/**
 * @typedef {object} Does
 * @property {() => Board | null} board
 * @property {() => boolean} applies whether keys are meant for this viewer
 * @property {(key: string) => boolean} onRows whether a key that means something to every control is meant for the rows
 * @property {() => void} details opens or closes the sidebar
 * @property {() => void} find
 * @property {() => void} link
 * @property {() => void} copySpan
 * @property {() => void} share
 * @property {() => number} page rows of a screen
 */

/** @param {Does} does @returns {Binding[]} */
export function bindings(does) {
  /**
   * @param {string} group
   * @returns {(keys: string | string[], label: string, run: (board: Board) => void) => Binding}
   */
  const of = (group) => (keys, label, run) => ({
    keys, label, group,
    run: (event) => {
      const board = does.board();
      if (!board || !does.applies()) return false;
      // A button is pressed by Enter, and details are scrolled by arrows.
      if (event.key.length > 1 && !does.onRows(event.key)) return false;
      run(board);
      return true;
    },
  });
  const span = of('Spans');
  const time = of('Time');
  const key = of('Trace');
  return [
    span(['ArrowDown', 'j'], 'Next span', (board) => board.move(1)),
    span(['ArrowUp', 'k'], 'Previous span', (board) => board.move(-1)),
    span('ArrowRight', 'Unfold, or to the first child', right),
    span('ArrowLeft', 'Fold, or to the parent', left),
    span('Enter', 'Details', does.details),
    span('Home', 'First span', (board) => board.pick(0)),
    span('End', 'Last span', (board) => board.pick(board.rows.length - 1)),
    span('PageDown', 'A screen down', (board) => board.move(does.page())),
    span('PageUp', 'A screen up', (board) => board.move(-does.page())),
    time(['w', '+', '='], 'Zoom in', (board) => board.zoom(ZOOM)),
    time(['s', '-'], 'Zoom out', (board) => board.zoom(1 / ZOOM)),
    time('a', 'Pan to the left', (board) => pan(board, -PAN)),
    time('d', 'Pan to the right', (board) => pan(board, PAN)),
    time('f', 'Fit the span', (board) => fit(board, board.selected)),
    time('0', 'Show all of it', (board) => (board.settle(), board.glide(() => board.axis.reset()))),
    time('z', 'Undo a zoom', (board) => (board.settle(), board.glide(() => board.axis.back()))),
    span('[', 'Fold one level', (board) => board.level('fold')),
    span(']', 'Unfold one level', (board) => board.level('unfold')),
    key('c', 'Critical path', (board) => {
      board.critical = !board.critical;
      board.mark(DIRTY.VIEW | DIRTY.TRACE);
    }),
    time('g', 'Fold idle time', (board) => {
      board.idle = !board.idle;
      board.relayout();
      board.mark(DIRTY.TRACE);
    }),
    span('e', 'Next error', (board) => board.nextError()),
    span('n', 'Next match', (board) => board.nextMatch(1)),
    span('p', 'Previous match', (board) => board.nextMatch(-1)),
    key('/', 'Find', does.find),
    key('l', 'Copy link', does.link),
    key('y', 'Copy the span', does.copySpan),
    key('x', 'Export', does.share),
  ];
}

/** @param {Board} board @param {number} share */
function pan(board, share) {
  board.settle();
  board.glide(() => {
    board.axis.mark();
    board.axis.pan(share);
  });
}

/** @param {Board} board */
function right(board) {
  const { selected: row, trace } = board;
  if (row < 0) return board.move(1);
  if (board.onHole || trace.at(trace.size, row) < 2) return;
  if (board.folded.has(row)) board.fold(row, false);
  else board.select(row + 1);
}

/** @param {Board} board */
function left(board) {
  const { selected: row, trace } = board;
  if (row < 0) return;
  if (board.onHole) return board.select(row);
  const isOpen = trace.at(trace.size, row) > 1 && !board.folded.has(row);
  if (isOpen) board.fold(row, true);
  else if (trace.at(trace.parent, row) >= 0) board.select(trace.at(trace.parent, row));
}
