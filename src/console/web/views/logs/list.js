// <wl-log>: the rows, of which only those that are seen are in the document. What somebody looks at stays where it is:
// under the pointer nothing moves at all, and elsewhere rows that come in above push nothing away.

import { h } from '../../dom.js';
import { icon } from '../../icons.js';
import { things } from '../../model/format.js';
import { anchored, visible } from '../../model/window.js';
import { RowView } from './row.js';

/** @import { Log, Row } from '../../model/log.js' */
/** @import { Request, Vital } from '../../types/wire.d.ts' */

/** The height of a row in pixels, as styles/logs.css has it. */
const ROW = 32;
const AHEAD = 8;
/** Older requests are asked for so many rows before the end. */
const MORE_BEFORE = 40;

const HEADS = /** @type {const} */ ([
  ['time', 'Time', ''], ['status', 'Status', ''], ['method', 'Method', ''], ['request', 'Request', ''], ['cache', 'Cache', ''],
  ['where', 'Where time went', 'Black: Waylight. Colour: the upstream. Stripes: reaching it. The length grows with the logarithm of the total.'],
  ['total', 'Total', ''], ['bolt', 'Traced', ''],
]);

export class LogList extends HTMLElement {
  /** @type {Row[]} */
  #rows = [];
  /** @type {Log | null} */
  #log = null;
  /** @type {Map<string, RowView>} */
  #drawn = new Map();
  /** @type {RowView[]} */
  #spare = [];
  /** @type {string | null} */
  #selected = null;
  #under = false;
  /** Requests that came while rows were held. */
  #waiting = 0;
  #drawing = 0;
  #sort = h('button', { class: 'sort', type: 'button', title: 'Slowest first (S)', onclick: () => this.dispatchEvent(new CustomEvent('wl-sort')) }, 'Total');
  #space = h('div', { class: 'log-space', role: 'rowgroup' });
  #head = h('div', { role: 'rowgroup', class: 'log-head' }, h('div', { role: 'row', 'aria-rowindex': '1' },
    HEADS.map(([name, label, title]) => h('span', { role: 'columnheader', class: name, title: title || null },
      name === 'bolt' ? h('span', { class: 'unseen' }, label) : name === 'total' ? this.#sort : label))));
  #scroll = h('div', { class: 'log-scroll', role: 'treegrid', 'aria-label': 'Requests, newest first', tabIndex: 0 }, this.#head, this.#space);
  #pill = h('button', { class: 'new-pill', type: 'button', hidden: true, onclick: () => this.#toTop() });
  #resize = new ResizeObserver(() => this.#draw());
  /** What is known of the vitals of a request that is seen. @type {(request: Request) => Vital[]} */
  vitals = () => [];
  /** Whether new requests are shown as they come. */
  live = true;

  connectedCallback() {
    this.append(this.#scroll, this.#pill);
    this.#resize.observe(this.#scroll);
    this.#scroll.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.#space.addEventListener('pointerenter', (event) => (this.#under = event.pointerType === 'mouse'));
    this.#space.addEventListener('pointerleave', () => {
      this.#under = false;
      this.settle();
    });
    this.#space.addEventListener('click', (event) => {
      const row = event.target instanceof Element ? event.target.closest('.log-row') : null;
      if (row) this.#choose(row.id.slice('row-'.length), 'open');
    });
    this.#scroll.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && this.#selected) this.#choose(this.#selected, 'open');
    });
  }

  disconnectedCallback() {
    this.#resize.disconnect();
    cancelAnimationFrame(this.#drawing);
  }

  /** @param {Log} log */
  set log(log) {
    this.#log = log;
    this.settle('now');
  }

  /** What comes first. @param {'newest' | 'slowest'} order */
  set order(order) {
    const column = order === 'slowest' ? 'descending' : 'none';
    this.#sort.parentElement?.setAttribute('aria-sort', column);
    this.#sort.replaceChildren(...(order === 'slowest' ? [icon('down'), 'Total'] : ['Total']));
    this.#scroll.setAttribute('aria-label', order === 'slowest' ? 'Requests, slowest first' : 'Requests, newest first');
  }

  get selected() {
    return this.#selected;
  }

  set selected(id) {
    if (id === this.#selected) return;
    this.#selected = id;
    if (id) this.#reveal(id);
    this.#draw('now');
  }

  /** Something came in; `added` are new. It is shown now, or when nothing is held any more. @param {number} added */
  changed(added) {
    if (added > 0 && (!this.live || this.#under || this.#selected || this.#scroll.scrollTop > 0)) this.#waiting += added;
    this.settle();
  }

  /** Shows what the log holds, unless rows are held. @param {'now'} [when] */
  settle(when) {
    const log = this.#log;
    if (!log) return;
    const held = (this.#under || !this.live) && this.#rows.length > 0;
    if (held && when !== 'now') return this.#tellWaiting();
    if (log.rows !== this.#rows) {
      const anchor = this.#anchor(log);
      const before = anchor === null ? -1 : this.#rows.findIndex(({ request }) => request.id === anchor);
      this.#rows = log.rows;
      this.#space.style.height = `${this.#rows.length * ROW}px`;
      this.#scroll.setAttribute('aria-rowcount', String(this.#rows.length + 1));
      const after = anchor === null ? -1 : log.place(anchor);
      const top = anchored({ top: this.#scroll.scrollTop, row: ROW, before, after });
      if (top !== this.#scroll.scrollTop) this.#scroll.scrollTop = top;
    }
    if (this.#scroll.scrollTop < ROW / 2) this.#waiting = 0;
    this.#tellWaiting();
    this.#draw('now');
  }

  /** More is known of what is shown. */
  refresh() {
    this.#draw();
  }

  /** Moves the selection by so many rows. @param {number} by */
  step(by) {
    const at = this.#selected === null ? -1 : this.#rows.findIndex(({ request }) => request.id === this.#selected);
    const to = at < 0 ? Math.round(this.#scroll.scrollTop / ROW) : at + by;
    const row = this.#rows[Math.max(0, Math.min(this.#rows.length - 1, to))];
    if (row) this.#choose(row.request.id, 'move');
  }

  /** To the first or the last row. @param {'first' | 'last'} end */
  jump(end) {
    const row = end === 'first' ? this.#rows[0] : this.#rows.at(-1);
    if (row) this.#choose(row.request.id, 'move');
  }

  /** Rows of a screenful. */
  get page() {
    return Math.max(1, Math.floor(this.#scroll.clientHeight / ROW) - 2);
  }

  /** @override */
  focus() {
    this.#scroll.focus({ preventScroll: true });
  }

  /** The row that must not move: the selected one where it is seen, else the first that is seen; none at the top. @param {Log} log */
  #anchor(log) {
    const top = this.#scroll.scrollTop;
    const selected = this.#rows.findIndex(({ request }) => request.id === this.#selected);
    const seen = selected >= 0 && (selected + 1) * ROW > top && selected * ROW < top + this.#scroll.clientHeight;
    if (seen && log.place(this.#selected) >= 0) return this.#selected;
    if (top === 0) return null;
    for (const { request } of this.#rows.slice(Math.floor(top / ROW))) if (log.place(request.id) >= 0) return request.id;
    return null;
  }

  /** @param {string} id @param {'open' | 'move'} how */
  #choose(id, how) {
    this.selected = id;
    this.dispatchEvent(new CustomEvent('wl-choose', { detail: { id, how } }));
  }

  /** @param {string} id */
  #reveal(id) {
    const at = this.#rows.findIndex(({ request }) => request.id === id);
    if (at < 0) return;
    const top = at * ROW;
    const room = this.#scroll.clientHeight - this.#head.offsetHeight;
    if (top < this.#scroll.scrollTop) this.#scroll.scrollTop = top;
    else if (top + ROW > this.#scroll.scrollTop + room) this.#scroll.scrollTop = top + ROW - room;
  }

  #toTop() {
    this.#waiting = 0;
    this.#scroll.scrollTop = 0;
    this.settle('now');
    this.#scroll.scrollTop = 0;
    this.settle('now');
    this.focus();
  }

  #scrolled() {
    if (this.#scroll.scrollTop < ROW / 2 && !this.#under && this.live) this.#waiting = 0;
    this.#tellWaiting();
    this.#draw();
    const left = this.#space.offsetHeight - this.#scroll.scrollTop - this.#scroll.clientHeight;
    if (left < MORE_BEFORE * ROW) this.dispatchEvent(new CustomEvent('wl-more'));
  }

  #tellWaiting() {
    this.#pill.hidden = this.#waiting === 0;
    // The name holds what is read on it, word for word: of one, too.
    const told = things(this.#waiting, 'new request');
    if (this.#waiting > 0) this.#pill.replaceChildren(icon('up'), told);
    this.#pill.setAttribute('aria-label', `Show ${told}`);
  }

  /** @param {'now'} [when] */
  #draw(when) {
    if (when === 'now') {
      cancelAnimationFrame(this.#drawing);
      this.#drawing = 0;
      return this.#drawRows();
    }
    this.#drawing ||= requestAnimationFrame(() => {
      this.#drawing = 0;
      this.#drawRows();
    });
  }

  #drawRows() {
    const [from, to] = visible({ top: this.#scroll.scrollTop, height: this.#scroll.clientHeight, row: ROW, count: this.#rows.length, ahead: AHEAD });
    const places = new Map(this.#rows.slice(from, to).map((row, index) => [row.request.id, from + index]));
    // The active row stays in the document: what is read aloud must be there.
    const active = this.#rows.findIndex(({ request }) => request.id === this.#selected);
    if (active >= 0 && this.#selected) places.set(this.#selected, active);
    if (active >= 0 && this.#selected) this.#scroll.setAttribute('aria-activedescendant', `row-${this.#selected}`);
    else this.#scroll.removeAttribute('aria-activedescendant');
    for (const [id, view] of this.#drawn) {
      if (places.has(id)) continue;
      this.#drawn.delete(id);
      this.#spare.push(view);
    }
    for (const [id, index] of places) {
      const row = this.#rows[index];
      if (!row) continue;
      let view = this.#drawn.get(id);
      if (!view) {
        view = this.#spare.pop() ?? new RowView();
        this.#drawn.set(id, view);
        if (!view.element.isConnected) this.#space.append(view.element);
      }
      view.show(row, { index, top: index * ROW, selected: id === this.#selected, vitals: this.vitals(row.request) });
    }
    for (const view of this.#spare) view.element.remove();
    this.#spare.length = Math.min(this.#spare.length, 40);
  }
}

customElements.define('wl-log', LogList);
