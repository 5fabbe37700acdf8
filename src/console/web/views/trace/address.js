// What is looked at in a trace, as the address holds it: a link shows somebody else the same.

import { CAT_WORDS } from '../../model/trace/columns.js';
import { DIRTY } from './board.js';

/** @import { Router } from '../../model/contract.js' */
/** @import { Board, Mode } from './board.js' */

/** The address is written when a gesture has rested for so long. */
const ADDRESS_MS = 200;
/** Folded spans that the address holds. */
const FOLDS_MAX = 24;

export class Address {
  #board;
  #router;
  #ask;
  #isReading = false;
  #writing = 0;

  /**
   * @param {Board} board
   * @param {{ router: Router, ask: () => void }} parts `ask`: another search was read
   */
  constructor(board, { router, ask }) {
    this.#board = board;
    this.#router = router;
    this.#ask = ask;
  }

  /** Nothing is written any more. */
  end() {
    clearTimeout(this.#writing);
  }

  read() {
    if (this.#isReading) return;
    const board = this.#board;
    const { span, v, q, fold, cp, idle, view, page, hide, diff } = this.#router.query;
    this.#isReading = true;
    const { trace } = board;
    board.folded = new Set((fold ?? '').split('.').map((id) => trace.row(id)).filter((row) => row >= 0));
    board.hidden = new Set((hide ?? '').split('.').map((word) => CAT_WORDS.indexOf(word)).filter((cat) => cat >= 0));
    board.onlyChanged = diff === '1';
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

  /** Soon. */
  write() {
    if (this.#isReading) return;
    clearTimeout(this.#writing);
    this.#writing = window.setTimeout(() => {
      if (this.#board.gliding) return;
      this.#isReading = true;
      this.#router.replace(stateOf(this.#board));
      this.#isReading = false;
    }, ADDRESS_MS);
  }
}

/** What the address holds. @param {Board} board @returns {Record<string, string | null>} */
export function stateOf(board) {
  const { trace, axis } = board;
  const [from, to] = axis.times;
  const digits = to - from < 1000 ? 2 : 0;
  const folded = [...board.folded].slice(0, FOLDS_MAX).map((row) => trace.id_(row)).join('.');
  return {
    span: board.selected >= 0 ? trace.id_(board.selected) : null,
    v: axis.isWhole ? null : `${from.toFixed(digits)},${to.toFixed(digits)}`,
    q: board.text || null,
    fold: folded || null,
    hide: [...board.hidden].sort().map((cat) => CAT_WORDS[cat]).join('.') || null,
    diff: board.onlyChanged ? '1' : null,
    cp: board.critical ? null : '0',
    idle: board.idle ? '1' : null,
    view: board.mode === 'waterfall' ? null : /** @type {Mode} */ (board.mode),
    page: board.page > 0 ? String(board.page + 1) : null,
  };
}
