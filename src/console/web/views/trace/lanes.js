// The timeline: spans packed into lanes, each bar with its name in it. Lanes in sight only, and in each the spans in view;
// where there are more than a screen can show, neighbours are drawn as one.

import { h, sheet } from '../../dom.js';
import { CAT, CAT_WORDS, FLAG } from '../../model/trace/columns.js';
import { cut } from '../../model/trace/words.js';
import { DIRTY } from './board.js';
import { ownPieces, place } from './bars.js';
import { sayRow, title } from './rows.js';
import { Sight } from './sight.js';

await sheet('styles/trace-lanes.css').catch(() => undefined);

/** Lanes beyond sight, on either side. */
const MORE = 2;
/** Bars in the document at once. */
const BARS_MAX = 260;
/** A bar at least so wide has its name in it. */
const NAMED_MIN = 28;

/** @typedef {{ row: number, count: number, left: number, right: number, lane: number }} Drawn `count` spans, drawn as one */

export class Lanes extends Sight {
  /** The lanes that are drawn. */
  first = -1;
  last = -1;

  clear() {
    this.space.replaceChildren();
    this.first = -1;
  }

  /** @param {number} dirty */
  draw(dirty) {
    const { board } = this;
    this.fit(board.lanes.length);
    const [first, last] = this.inSight(board.lanes.length, MORE);
    if (!(dirty & ~(DIRTY.TRACE | DIRTY.SCROLL)) && first === this.first && last === this.last) return;
    this.first = first;
    this.last = last;
    const active = this.activePlace();
    const bars = this.#bars(first, last);
    if (active >= 0 && !bars.some((drawn) => drawn.row === board.selected)) {
      bars.push(this.#drawn(board.selected, active));
    }
    this.space.replaceChildren(...bars.map((drawn) => this.#bar(drawn)));
    this.tell(active >= 0 ? `b${board.selected}` : null);
  }

  activePlace() {
    const { board } = this;
    return board.selected < 0 ? -1 : (board.laneOf[board.selected] ?? -1);
  }

  /** The row of the bar that an event is about. @param {MouseEvent} event */
  at(event) {
    const block = event.target instanceof Element ? event.target.closest('.tr-block') : null;
    return block instanceof HTMLElement ? Number(block.dataset['row']) : undefined;
  }

  /** @param {number} first @param {number} last @returns {Drawn[]} */
  #bars(first, last) {
    for (let apart = 2; ; apart *= 2) {
      /** @type {Drawn[]} */
      const list = [];
      for (let lane = first; lane < last && list.length <= BARS_MAX; lane++) this.#lane(lane, apart, list);
      if (list.length <= BARS_MAX || apart > 512) return list.slice(0, BARS_MAX);
    }
  }

  /** @param {number} lane @param {number} apart @param {Drawn[]} list */
  #lane(lane, apart, list) {
    const { axis, trace } = this.board;
    const rows = this.board.lanes[lane] ?? [];
    const [from, to] = axis.times;
    // Spans of a lane do not overlap: they end in the order in which they begin.
    let low = 0;
    for (let high = rows.length; low < high;) {
      const middle = (low + high) >> 1;
      if (trace.at(trace.end, /** @type {number} */ (rows[middle])) < from) low = middle + 1;
      else high = middle;
    }
    /** @type {Drawn | null} */
    let open = null;
    for (let at = low; at < rows.length; at++) {
      const row = /** @type {number} */ (rows[at]);
      if (trace.at(trace.start, row) > to && axis.x(trace.at(trace.start, row)) > axis.width) break;
      const drawn = this.#drawn(row, lane);
      const isSmall = drawn.right - drawn.left < apart * 2;
      if (open && isSmall && drawn.left - open.right < apart && (open.count > 1 || open.right - open.left < apart * 2)) {
        open.count++;
        open.right = Math.max(open.right, drawn.right);
        continue;
      }
      list.push(drawn);
      open = drawn;
      if (list.length > BARS_MAX) return;
    }
  }

  /** @param {number} row @param {number} lane @returns {Drawn} */
  #drawn(row, lane) {
    const { axis, trace } = this.board;
    const left = Math.max(axis.x(trace.at(trace.start, row)), -8);
    const right = Math.min(Math.max(axis.x(trace.at(trace.end, row)), left + 2), axis.width + 8);
    return { row, lane, count: 1, left, right };
  }

  /** @param {Drawn} drawn */
  #bar({ row, lane, count, left, right }) {
    const { board, height } = this;
    const { trace } = board;
    const names = ['tr-block', CAT_WORDS[trace.at(trace.cat, row)]];
    if (trace.failed(row)) names.push('err');
    if (trace.waits(row)) names.push('waits');
    if (trace.has(row, FLAG.RUNNING)) names.push('running');
    if (row === board.selected) names.push('sel');
    if (board.hits && !board.hits[row]) names.push('dim');
    if (board.critical && trace.has(row, FLAG.CRITICAL)) names.push('critical');
    if (right - left < 10) names.push('tiny');
    const label = count > 1 ? `${count} spans, ${title(trace, row)} and more` : sayRow(board, row);
    const element = h('div', {
      class: names.join(' '), role: 'treeitem', id: `${this.prefix}b${row}`, 'aria-label': label,
      'aria-selected': String(row === board.selected), 'aria-level': trace.at(trace.depth, row) + 1, 'data-row': row,
    });
    place(element, { left, width: right - left });
    element.style.top = `${lane * height + 2}px`;
    element.style.setProperty('--c', `var(--${trace.colour(row)})`);
    if (count === 1 && right - left > NAMED_MIN && trace.at(trace.cat, row) !== CAT.BROWSER) {
      for (const piece of ownPieces(board, row, left, right).slice(0, 6)) {
        const own = h('i', { class: 's' });
        place(own, piece);
        element.append(own);
      }
    }
    if (right - left >= NAMED_MIN) element.append(h('bdi', null, count > 1 ? `${count} spans` : cut(title(trace, row), 80)));
    return element;
  }
}
