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
   * @param {string | string[]} keys
   * @param {string} label
   * @param {(board: Board) => void} run
   * @returns {Binding}
   */
  const key = (keys, label, run) => ({
    keys, label, group: 'Trace',
    run: (event) => {
      const board = does.board();
      if (!board || !does.applies()) return false;
      // A button is pressed by Enter, and details are scrolled by arrows.
      if (event.key.length > 1 && !does.onRows(event.key)) return false;
      run(board);
      return true;
    },
  });
  return [
    key(['ArrowDown', 'j'], 'Next span', (board) => board.move(1)),
    key(['ArrowUp', 'k'], 'Previous span', (board) => board.move(-1)),
    key('ArrowRight', 'Unfold, or to the first child', right),
    key('ArrowLeft', 'Fold, or to the parent', left),
    key('Enter', 'Details', does.details),
    key('Home', 'First span', (board) => board.pick(0)),
    key('End', 'Last span', (board) => board.pick(board.rows.length - 1)),
    key('PageDown', 'A screen down', (board) => board.move(does.page())),
    key('PageUp', 'A screen up', (board) => board.move(-does.page())),
    key(['w', '+', '='], 'Zoom in', (board) => board.zoom(ZOOM)),
    key(['s', '-'], 'Zoom out', (board) => board.zoom(1 / ZOOM)),
    key('a', 'Pan to the left', (board) => pan(board, -PAN)),
    key('d', 'Pan to the right', (board) => pan(board, PAN)),
    key('f', 'Fit the span', (board) => fit(board, board.selected)),
    key('0', 'Show all of it', (board) => (board.settle(), board.glide(() => board.axis.reset()))),
    key('z', 'Undo a zoom', (board) => (board.settle(), board.glide(() => board.axis.back()))),
    key('[', 'Fold one level', (board) => board.level('fold')),
    key(']', 'Unfold one level', (board) => board.level('unfold')),
    key('c', 'Critical path', (board) => {
      board.critical = !board.critical;
      board.mark(DIRTY.VIEW | DIRTY.TRACE);
    }),
    key('g', 'Fold idle time', (board) => {
      board.idle = !board.idle;
      board.relayout();
      board.mark(DIRTY.TRACE);
    }),
    key('e', 'Next error', (board) => board.nextError()),
    key('n', 'Next match', (board) => board.nextMatch(1)),
    key('p', 'Previous match', (board) => board.nextMatch(-1)),
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
