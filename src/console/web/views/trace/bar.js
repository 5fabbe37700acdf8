// The bar above the rows: find, kinds, switches, views.

import { h } from '../../dom.js';
import { icon } from '../../icons.js';
import { count, things } from '../../model/format.js';
import { CAT_WORDS } from '../../model/trace/columns.js';
import { DIRTY } from './board.js';

/** @import { Board, Mode } from './board.js' */

const KINDS = ['Edge', 'App', 'Fetch', 'Browser', 'Network'];
/** The colours of their marks; the names of tokens. */
const COLOURS = ['ink', 'violet', 'fetch', 'browser', 'ink3'];
/** @type {[Mode, string][]} */
const MODES = [['waterfall', 'Waterfall'], ['tree', 'Tree'], ['timeline', 'Timeline']];

/**
 * @typedef {object} Does
 * @property {(text: string) => void} find
 * @property {() => void} leave the field, for the rows
 * @property {() => void} table
 */

export class Bar {
  /** @param {Board} board @param {Does} does */
  constructor(board, does) {
    this.board = board;
    this.input = h('input', {
      type: 'search', placeholder: 'Find: name, svc:redis, >50ms', 'aria-label': 'Find spans', autocomplete: 'off', spellcheck: 'false',
    });
    this.input.addEventListener('input', () => does.find(this.input.value));
    this.input.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') board.nextMatch(event.shiftKey ? -1 : 1);
      else if (event.key === 'Escape') {
        event.preventDefault();
        event.stopPropagation();
        // First the text goes, then whoever wrote it.
        if (this.input.value === '') return does.leave();
        this.input.value = '';
        does.find('');
      }
    });
    this.hits = h('span', { class: 'tr-hits', role: 'status' });
    this.field = h('label', { class: 'field tr-find' }, icon('search'), this.input, this.hits, h('kbd', null, '/'));
    this.kinds = KINDS.map((label, cat) => {
      const number = h('span', { class: 'tr-number' });
      const swatch = h('span', { class: `tr-icon ${CAT_WORDS[cat]}` });
      swatch.style.color = `var(--${COLOURS[cat]})`;
      return { cat, number, button: toggle([swatch, label, number], () => board.toggleKind(cat)) };
    });
    this.path = toggle([h('i', { class: 'tr-path-mark' }), 'Critical path'], () => {
      board.critical = !board.critical;
      board.mark(DIRTY.VIEW | DIRTY.TRACE);
    });
    this.idle = toggle(['Fold idle'], () => {
      board.idle = !board.idle;
      board.relayout();
      board.mark(DIRTY.TRACE);
    });
    this.legend = h('span', { class: 'tr-key' }, h('i'), 'now', h('i', { class: 'ghost' }), 'before');
    this.changed = toggle(['Only differences'], () => {
      board.onlyChanged = !board.onlyChanged;
      board.relayout();
      board.mark(DIRTY.TRACE);
    });
    this.error = h('button', { class: 'button small tr-errors', type: 'button', title: 'Next error (E)', onclick: () => board.nextError() });
    this.modes = MODES.map(([mode, label]) => ({ mode, button: toggle([label], () => board.show(mode)) }));
    this.table = h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Read as a table', title: 'Read as a table', onclick: does.table }, icon('more'));
    this.element = h('div', { class: 'tr-bar-line', role: 'toolbar', 'aria-label': 'Spans' },
      this.field,
      h('div', { class: 'tr-kinds', role: 'group', 'aria-label': 'Kinds' }, ...this.kinds.map(({ button }) => button)),
      h('span', { class: 'tr-push' }), this.legend,
      this.changed, this.path, this.idle, this.error,
      h('div', { class: 'tr-modes', role: 'group', 'aria-label': 'View' }, ...this.modes.map(({ button }) => button)),
      this.table);
  }

  draw() {
    const { board } = this;
    const { trace } = board;
    for (const { cat, number, button } of this.kinds) {
      number.textContent = count(trace.kinds[cat] ?? 0);
      button.hidden = trace.kinds[cat] === 0;
      press(button, !board.hidden.has(cat));
    }
    press(this.path, board.critical);
    press(this.idle, board.idle);
    press(this.changed, board.onlyChanged);
    this.changed.hidden = this.legend.hidden = !board.comparison;
    this.path.hidden = board.comparison !== null;
    this.idle.hidden = board.mode === 'tree';
    this.error.hidden = trace.errors === 0;
    this.error.replaceChildren(icon('warn'), count(trace.errors), icon('down'));
    this.error.setAttribute('aria-label', `Next of ${things(trace.errors, 'error')}`);
    for (const { mode, button } of this.modes) press(button, board.mode === mode);
    if (document.activeElement !== this.input && this.input.value !== board.text) this.input.value = board.text;
    const { fault } = board.query;
    this.field.classList.toggle('wrong', fault !== null);
    this.field.classList.toggle('full', board.text !== '');
    this.hits.textContent = fault ?? (board.hits ? count(board.matches.length) : '');
    this.input.setAttribute('aria-invalid', String(fault !== null));
  }
}

/** @param {(Node | string)[]} children @param {() => void} act */
function toggle(children, act) {
  return h('button', { class: 'tr-toggle', type: 'button', 'aria-pressed': 'false', onclick: act }, ...children);
}

/** @param {HTMLElement} button @param {boolean} is */
function press(button, is) {
  button.setAttribute('aria-pressed', String(is));
}
