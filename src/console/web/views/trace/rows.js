// The rows: those in sight and a few more are in the document, each of one height, and are used again as the reader
// scrolls. The chosen one stays there wherever it is, since assistive technology speaks of it.

import { append, h } from '../../dom.js';
import { duration, readable, spoken } from '../../model/format.js';
import { CAT_WORDS, FLAG } from '../../model/trace/columns.js';
import { cut, share } from '../../model/trace/words.js';
import { DIRTY } from './board.js';
import { bar, holeBar, place, usualOf } from './bars.js';
import { Sight } from './sight.js';

/** @import { Board } from './board.js' */

/** Rows beyond sight, on either side. */
const MORE = 4;
/** Levels that are indented; deeper ones are not, or names would have no room. */
const LEVELS_MAX = 18;
const NAME_LETTERS_MAX = 240;
/** @type {Record<string, string>} */
const IDLE_TITLES = { pageload: 'Page load', navigation: 'Navigation' };

/** @typedef {{ element: HTMLElement, name: HTMLElement, lane: HTMLElement, said: HTMLElement, row: number, place: number }} Row */

export class Rows extends Sight {
  /** By place. @type {Map<number, Row>} */
  live = new Map();
  /** @type {Row[]} */
  spare = [];
  /** Where the pointer is over the rows. `:hover` would lag behind what is scrolled under it. @type {number | null} */
  #pointer = null;

  /** @param {Board} board @param {{ scroll: HTMLElement, height: number, prefix: string }} parts */
  constructor(board, parts) {
    super(board, parts);
    this.scroll.addEventListener('pointermove', ({ clientY }) => (this.#pointer = clientY));
    this.scroll.addEventListener('pointerleave', () => (this.#pointer = null));
  }

  clear() {
    this.space.replaceChildren();
    this.live.clear();
    this.spare = [];
  }

  /** @param {number} dirty */
  draw(dirty) {
    const count = this.board.rows.length;
    if (dirty & DIRTY.ROWS) {
      this.fit(count);
      // The last first: each is used again where it stood, and what is read out stays in order.
      for (const [place, row] of [...this.live].toReversed()) this.#free(place, row);
    }
    const [first, last] = this.inSight(count, MORE);
    const active = this.activePlace();
    for (const [place, row] of this.live) {
      if ((place < first || place >= last) && place !== active) this.#free(place, row);
    }
    for (let place = first; place < last; place++) this.#show(place, dirty);
    if (active >= 0) this.#show(active, dirty);
    // Ids are of what is shown: one that is not has none that another has by now.
    for (const { element } of this.spare) {
      element.hidden = true;
      element.removeAttribute('id');
    }
    this.tell(active >= 0 ? String(active) : null);
  }

  activePlace() {
    const { board } = this;
    if (board.selected < 0) return -1;
    const place = board.placeOf(board.selected);
    return place >= 0 && board.onHole ? place + 1 : place;
  }

  /**
   * Changes rows, and keeps the one that is looked at where it is.
   * @param {() => void} change
   * @param {() => void} settled what stands above may take more or less room now
   */
  hold(change, settled) {
    const { board, scroll } = this;
    const pointed = this.#pointer === null ? undefined : this.live.get(this.#placeAt(this.#pointer));
    const [first, last] = this.inSight(board.rows.length, 0);
    const active = this.activePlace();
    const looked = pointed ?? (active >= first && active < last ? this.live.get(active) : undefined);
    const shown = looked ?? this.live.get(Math.ceil(scroll.scrollTop / this.height));
    const isAtTop = scroll.scrollTop === 0 && !looked;
    if (!shown || isAtTop) return change();
    const isHole = shown.row < 0;
    const id = board.trace.id_(isHole ? ~shown.row : shown.row);
    const seenAt = shown.element.getBoundingClientRect().top;
    change();
    const row = board.trace.row(id);
    const span = board.placeOf(row);
    if (span < 0) return;
    const place = isHole && board.trace.holes.has(row) ? span + 1 : span;
    const settle = () => {
      const wanted = place * this.height - (seenAt - scroll.getBoundingClientRect().top);
      scroll.scrollTop = Math.max(0, wanted);
    };
    settle();
    settled();
    settle();
    board.mark(DIRTY.SCROLL);
  }

  /** The row that an event is about. @param {MouseEvent} event */
  at(event) {
    return this.board.rows[this.#placeAt(event.clientY)];
  }

  /** @param {number} clientY */
  #placeAt(clientY) {
    return Math.floor((clientY - this.scroll.getBoundingClientRect().top + this.scroll.scrollTop) / this.height);
  }

  /** @param {number} place @param {Row} row */
  #free(place, row) {
    this.live.delete(place);
    this.spare.push(row);
  }

  /** @param {number} place @param {number} dirty */
  #show(place, dirty) {
    const { board } = this;
    let row = this.live.get(place);
    const isNew = !row;
    if (!row) {
      row = this.spare.pop() ?? this.#make();
      this.live.set(place, row);
      row.place = place;
      row.row = /** @type {number} */ (board.rows[place]);
      row.element.hidden = false;
      row.element.style.transform = `translateY(${place * this.height}px)`;
      row.element.id = `${this.prefix}${place}`;
      this.#fill(row);
    }
    if (isNew || dirty & DIRTY.SELECTION) {
      const isActive = row.row < 0 ? board.onHole && ~row.row === board.selected : !board.onHole && row.row === board.selected;
      row.element.classList.toggle('sel', isActive);
      row.element.setAttribute('aria-selected', String(isActive));
    }
    if (isNew || dirty & DIRTY.VIEW) {
      row.lane.replaceChildren(...(board.mode === 'tree' ? cells(board, row.row)
        : row.row < 0 ? holeBar(board, ~row.row) : bar(board, row.row)));
    }
  }

  /** @returns {Row} */
  #make() {
    // What is drawn is said in words of its own.
    const said = h('span', { class: 'unseen' });
    const name = h('div', { class: 'tr-name', 'aria-hidden': 'true' });
    const lane = h('div', { class: 'tr-lane', 'aria-hidden': 'true' });
    const element = h('div', { class: 'tr-row', role: 'treeitem' }, said, name, lane);
    this.space.append(element);
    return { element, name, lane, said, row: 0, place: 0 };
  }

  /** @param {Row} shown */
  #fill({ element, name, said, row, place }) {
    const { board } = this;
    const { trace } = board;
    const span = row < 0 ? ~row : row;
    const depth = trace.at(trace.depth, span) + (row < 0 ? 1 : 0);
    const hit = board.hits ? board.hits[span] === 1 : true;
    element.classList.toggle('dim', !hit);
    element.classList.toggle('hit', board.hits !== null && hit && row >= 0);
    element.setAttribute('aria-level', String(depth + 1));
    element.setAttribute('aria-posinset', String(place + 1));
    element.setAttribute('aria-setsize', String(board.rows.length));
    name.replaceChildren(guides(depth));
    if (row < 0) {
      element.removeAttribute('aria-expanded');
      said.textContent = 'No spans from inside the app; the details have the line that mends it';
      append(name, [h('span', { class: 'tr-chevron none' }), h('span', { class: 'tr-icon hole' }),
        h('span', { class: 'tr-text' }, board.trace.wire.state === 'partial' ? 'Waiting for spans of the app' : 'Nothing from inside the app')]);
      return;
    }
    const isParent = trace.at(trace.size, row) > 1;
    const isOpen = isParent && !board.folded.has(row);
    if (isParent) element.setAttribute('aria-expanded', String(isOpen));
    else element.removeAttribute('aria-expanded');
    said.textContent = sayRow(board, row);
    append(name, [
      h('span', { class: `tr-chevron${isParent ? (isOpen ? ' open' : '') : ' none'}` }),
      icon(board, row),
      text(board, row),
      tag(board, row),
      isParent && !isOpen && h('span', { class: 'tr-count' }, `+${trace.at(trace.size, row) - 1}`),
    ]);
  }
}

/** @param {number} depth */
function guides(depth) {
  const element = h('span', { class: 'tr-guides' });
  element.style.width = `${Math.min(depth, LEVELS_MAX) * 14}px`;
  return element;
}

/** @param {Board} board @param {number} row */
export function icon({ trace }, row) {
  const element = h('span', { class: `tr-icon ${CAT_WORDS[trace.at(trace.cat, row)]}${trace.has(row, FLAG.QUERY) ? ' query' : ''}` });
  element.style.color = `var(--${trace.colour(row)})`;
  return element;
}

/** @param {Board} board @param {number} row */
function text({ trace }, row) {
  const note = noteOf(trace, row);
  return h('span', { class: 'tr-text' }, h('bdi', null, cut(title(trace, row), NAME_LETTERS_MAX)), note && h('em', null, note));
}

/** @param {Board['trace']} trace @param {number} row */
function noteOf(trace, row) {
  const note = trace.note(row);
  if (!trace.has(row, FLAG.EDGE) || trace.stage(row) !== 'request' || trace.has(row, FLAG.RUNNING)) return note;
  const name = trace.nameOf(row);
  return note ? `${name.split(' ')[0]} ${readable(note)}` : name;
}

/** @param {Board} board @param {number} row */
export function tag({ trace }, row) {
  const word = trace.tag(row);
  if (trace.failed(row)) return h('span', { class: 'tr-tag err' }, word && word !== 'ERROR' ? word : 'error');
  return word ? h('span', { class: `tr-tag${tone(word)}` }, word) : null;
}

/** @param {string} word */
export function tone(word) {
  if (word === 'COLD') return ' acc';
  if (/^(?:MISS|STALE|BYPASS)$/.test(word) || /retry|slow/.test(word)) return ' warn';
  if (/^[45]\d\d/.test(word)) return ' err';
  return /^(?:HIT|REVALIDATED)$/.test(word) ? ' ok' : '';
}

/**
 * A span's name as a reader who does not know the stages understands it.
 * @param {Board['trace']} trace
 * @param {number} row
 */
export function title(trace, row) {
  const name = trace.nameOf(row);
  if (!trace.has(row, FLAG.EDGE)) return trace.endsByInactivity(row) ? `${IDLE_TITLES[trace.stage(row)] ?? 'Action'} ${name}` : name;
  switch (trace.stage(row)) {
    case 'request': return 'Edge request';
    case 'route': return 'Routing';
    case 'inject': return 'HTML injection';
    case 'upstream.start': return 'Process cold start';
    case 'upstream.request': return 'Upstream request';
    default: return name;
  }
}

/** The whole of a row, for those who do not see it. @param {Board} board @param {number} row */
export function sayRow(board, row) {
  const { trace, comparison } = board;
  const parts = [cut(title(trace, row), NAME_LETTERS_MAX)];
  if (trace.stage(row) === 'request') parts.push(cut(noteOf(trace, row), NAME_LETTERS_MAX));
  const word = trace.tag(row);
  if (word) parts.push(word.toLowerCase());
  if (trace.failed(row)) parts.push('failed');
  parts.push(spoken(trace.duration(row)), CAT_WORDS[trace.at(trace.cat, row)] === 'edge' ? 'edge' : trace.service(row));
  parts.push(`starts at ${spoken(trace.at(trace.start, row))}`);
  if (trace.has(row, FLAG.RUNNING)) parts.push('still running');
  const way = trace.ways.get(row);
  if (way && trace.has(row, FLAG.DERIVED)) parts.push(`derived, right to plus or minus ${spoken(way.error)}`);
  const moved = trace.moved(row);
  if (moved) parts.push(`clock moved by ${moved < 0 ? 'minus ' : ''}${spoken(Math.abs(moved))}`);
  const told = usualOf(board, row);
  if (told) parts.push(`usually ${spoken(told[2])} to ${spoken(told[3])}`);
  if (trace.has(row, FLAG.CRITICAL)) parts.push('on critical path');
  const verdict = comparison?.verdicts[row];
  if (verdict && verdict !== 'same') parts.push(verdict === 'noise' ? 'within noise' : verdict);
  return parts.join(', ');
}

/** The columns of the tree. @param {Board} board @param {number} row @returns {HTMLElement[]} */
function cells({ trace }, row) {
  if (row < 0) return [];
  const whole = trace.entry >= 0 ? trace.duration(trace.entry) : trace.length;
  const part = trace.endsByInactivity(row) ? 0 : Math.min(1, trace.at(trace.own, row) / Math.max(1, whole));
  const meter = h('i', { class: 'tr-meter', hidden: part === 0 });
  meter.style.setProperty('--c', `var(--${trace.colour(row)})`);
  place(meter, { left: 0, width: part * 96 });
  return [
    h('span', { class: 'tr-cell' }, duration(trace.at(trace.start, row))),
    h('span', { class: 'tr-cell strong' }, duration(trace.duration(row))),
    h('span', { class: 'tr-cell' }, duration(trace.at(trace.own, row))),
    h('span', { class: 'tr-cell wide' }, h('span', { class: 'tr-rail' }, meter),
      h('span', null, trace.endsByInactivity(row) ? '\u2013' : share(trace.at(trace.own, row), whole))),
    h('span', { class: 'tr-cell rest' }, trace.service(row)),
  ];
}
