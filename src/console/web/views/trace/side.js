// The sidebar: everything about the chosen span. What the columns know stands at once; attributes, events and links follow
// when the server has told them.

import { append, copy, h, sheet } from '../../dom.js';
import { icon as pictogram } from '../../icons.js';
import { duration, things } from '../../model/format.js';
import { FLAG } from '../../model/trace/columns.js';
import { cut, delta, share } from '../../model/trace/words.js';
import { details, list, readRequest, section } from './details.js';
import { usualOf } from './bars.js';
import { sayClock } from './head.js';
import { icon, tag, title } from './rows.js';
import { WHAT, kindOf } from './what.js';

// Nothing of this is drawn before its style sheet is there.
await sheet('styles/trace-side.css').catch(() => undefined);

/** @import { Api } from '../../model/contract.js' */
/** @import { Span as SpanDetail } from '../../types/wire.d.ts' */
/** @import { Board } from './board.js' */

const NAME_LETTERS_MAX = 12_000;
/** Spans whose details are kept. */
const KNOWN_MAX = 200;

/**
 * @typedef {object} Does
 * @property {(row: number) => void} select
 * @property {() => void} close
 * @property {(trace: string, span: string) => void} open another trace
 */

export class Side {
  /** @param {Board} board @param {{ element: HTMLElement, api: Api, does: Does }} parts */
  constructor(board, { element, api, does }) {
    this.board = board;
    this.api = api;
    this.does = does;
    this.element = element;
    /** @type {Map<string, Promise<SpanDetail>>} */
    this.known = new Map();
    /** What is shown, and the part of it that the server tells: once told, it does not change. */
    this.shown = '';
    this.rest = h('div');
    /** How far the trace was. */
    this.state = '';
  }

  draw() {
    const { board, element } = this;
    const { selected: row, trace } = board;
    if (row < 0) {
      this.shown = '';
      return element.replaceChildren();
    }
    const hasMoved = trace.moved(row) !== 0;
    const isDerived = trace.has(row, FLAG.DERIVED);
    const shown = `${trace.id_(row)} ${isDerived} ${board.onHole}`;
    const isSame = shown === this.shown;
    this.shown = shown;
    if (!isSame) this.rest = h('div', { class: 'tr-rest' }, h('p', { class: 'muted' }, 'Reading the span\u2026'));
    const { rest } = this;
    const top = isSame ? element.scrollTop : 0;
    const focused = document.activeElement;
    const label = element.contains(focused) ? focused?.getAttribute('aria-label') : null;
    element.replaceChildren(this.#top(row), ...(board.onHole ? [this.#hole(row)] : [
      figures(board, row), this.#inactivity(row), what(kindOf(trace, row)), this.#network(row), this.#compared(row), usually(board, row),
      hasMoved ? clock(board, row) : null, isDerived ? null : rest, hasMoved ? null : clock(board, row), this.#around(row)]).filter((node) => node !== null));
    element.scrollTop = top;
    // Whoever steps from span to span by these buttons goes on.
    const same = label ? element.querySelector(`[aria-label="${label}"]`) : rest.contains(focused) ? focused : null;
    if (same instanceof HTMLElement) same.focus({ preventScroll: true });
    const isFurther = trace.wire.state !== this.state;
    this.state = trace.wire.state;
    if (board.onHole || isDerived) return;
    if (isSame) return void (isFurther && this.#again(row));
    this.#told(trace.id_(row)).then(
      (span) => {
        // It may stand elsewhere by now.
        const now = board.trace.row(span.id);
        if (now >= 0) rest.replaceChildren(...details(board, now, span, { api: this.api, does: this.does }));
      },
      (error) => {
        // It is asked for again when there is more of the trace.
        if (rest === this.rest) this.shown = '';
        rest.replaceChildren(h('p', { class: 'tr-fault', role: 'alert' },
          error.status === 404 ? 'The span is not here any more.' : `Its attributes could not be read: ${error.message}`));
      },
    );
  }

  /** What is not known of a request may be now. @param {number} row */
  #again(row) {
    /** @type {HTMLElement | null} */
    const into = this.rest.querySelector('.tr-request:not(:has(.tr-headers))');
    if (into) this.#told(this.board.trace.id_(row)).then((span) => readRequest(into, span, this.api), () => undefined);
  }

  /** @param {string} id */
  #told(id) {
    const known = this.known.get(id);
    if (known) return known;
    if (this.known.size >= KNOWN_MAX) this.known.clear();
    /** @type {Promise<SpanDetail>} */
    const told = this.api.get(`/traces/${this.board.trace.id}/spans/${id}`);
    this.known.set(id, told);
    told.catch(() => this.known.delete(id));
    return told;
  }

  /** @param {number} row */
  #top(row) {
    const { board, does } = this;
    const { trace } = board;
    const name = board.onHole ? 'Nothing from inside the app' : title(trace, row);
    const above = trace.ancestors(row).slice(-2);
    return h('div', { class: 'tr-side-head' },
      h('div', { class: 'tr-side-title' },
        icon(board, row),
        h('h2', { title: cut(name, 500) }, h('bdi', null, cut(name, 160))),
        !board.onHole && tag(board, row),
        h('span', { class: 'tr-push' }),
        h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Span above', onclick: () => board.move(-1) }, pictogram('up')),
        h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Span below', onclick: () => board.move(1) }, pictogram('down')),
        h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Close details', onclick: does.close }, pictogram('close'))),
      above.length > 0 && h('p', { class: 'tr-crumbs' }, ...above.flatMap((up, index) => [
        index > 0 ? ' \u203a ' : '',
        h('button', { class: 'link-button', type: 'button', onclick: () => does.select(up) }, h('bdi', null, cut(title(trace, up), 60)))])),
      name.length > 160 && h('details', { class: 'tr-long' }, h('summary', null, 'The whole name'), h('pre', { tabIndex: 0 }, cut(name, NAME_LETTERS_MAX))));
  }

  /** @param {number} row */
  #inactivity(row) {
    if (!this.board.trace.endsByInactivity(row)) return null;
    return h('p', { class: 'tr-aside' }, 'This span ends when the page has come to rest. Verdict, budgets and comparisons never use its length.');
  }

  /** What lies between browser and edge: computed, not measured. @param {number} row */
  #network(row) {
    const way = this.board.trace.ways.get(row);
    if (!way) return null;
    return section('Network', 'derived', h('p', null, 'Browser time less edge time: the wire, the browser\u2019s queue, its limit of connections. Together they are exact; how they divide is as sure as the clocks are. The verdict counts none of it.'),
      list([['On the way there', duration(way.out)], ['On the way back', duration(way.back)], ['Together', duration(way.out + way.back)], ['Clock error', `\u00b1${duration(way.error)}`]]));
  }

  /** @param {number} row */
  #compared(row) {
    const { comparison, trace } = this.board;
    if (!comparison || trace.endsByInactivity(row)) return null;
    const other = comparison.pair[row] ?? -1;
    if (other < 0) return section('Compared', '', h('p', null, 'New: the other trace has no such span.'));
    const spread = comparison.spreads.get(row);
    const before = comparison.before.duration(other);
    return section('Compared', '', list([
      ['Now', duration(trace.duration(row))], ['Before', duration(before)], ['Difference', delta(trace.duration(row) - before)],
      ...(spread ? /** @type {[string, string][]} */ ([[`In ${spread.runs} runs`, `${duration(spread.low)} to ${duration(spread.high)}`]]) : []),
    ]));
  }

  /** @param {number} row */
  #hole(row) {
    const { trace } = this.board;
    const mend = trace.holes.get(row) ?? null;
    const line = mend ?? '[receive]\nhttp = "127.0.0.1:4318"';
    const button = h('button', { class: 'button', type: 'button' }, pictogram('copy'), 'Copy');
    button.addEventListener('click', () => copy(button, line, 'Copied'));
    return h('div', null, what('hole'), section('What mends it', '',
      h('p', null, mend ? 'Set this in the app\u2019s environment, start it again, and load the page once more:'
        : 'This instance takes in no spans. Set this in its configuration; then the line for the app stands here:'),
      h('pre', { class: 'tr-mend' }, line), h('div', { class: 'row' }, button),
      h('p', { class: 'muted' }, 'The app needs an OpenTelemetry SDK. An app that Waylight starts is told this by itself.')));
  }

  /** @param {number} row */
  #around(row) {
    const { board, does } = this;
    const { trace } = board;
    const parent = trace.at(trace.parent, row);
    const siblings = parent >= 0 ? trace.children(parent) : [];
    const at = siblings.indexOf(row);
    /** @type {[string, HTMLElement | string][]} */
    const rows = [];
    const link = (/** @type {number} */ to) => h('button', { class: 'link-button', type: 'button', onclick: () => does.select(to) }, h('bdi', null, cut(title(trace, to), 80)));
    const before = siblings[at - 1];
    const after = siblings[at + 1];
    if (before !== undefined) rows.push(['Before', link(before)]);
    if (after !== undefined) rows.push(['After', link(after)]);
    const inside = trace.at(trace.size, row) - 1;
    if (inside > 0) rows.push(['Inside', things(inside, 'span')]);
    return rows.length > 0 ? section('Around it', '', list(rows)) : null;
  }
}

/** @param {Board} board @param {number} row */
function figures({ trace }, row) {
  const whole = trace.entry >= 0 ? trace.duration(trace.entry) : trace.length;
  const isIdle = trace.endsByInactivity(row);
  const figure = (/** @type {string} */ label, /** @type {string} */ value) => h('div', null, h('dt', null, label), h('dd', null, value));
  return h('dl', { class: 'tr-figures' }, figure('Duration', duration(trace.duration(row))), figure('Own time', duration(trace.at(trace.own, row))),
    figure('Of the request', isIdle ? '\u2013' : share(trace.duration(row), whole)));
}

/** How long it takes in other runs. @param {Board} board @param {number} row */
function usually(board, row) {
  const told = usualOf(board, row);
  if (!told) return null;
  const [runs, low, p50, p95, high] = told;
  return section('Usually', things(runs, 'run'), list([
    ['Half of them within', duration(p50)], ['95 of 100 within', duration(p95)], ['All', `${duration(low)} to ${duration(high)}`]]));
}

/** Whose clock its times are by. @param {Board} board @param {number} row */
function clock({ trace }, row) {
  if (trace.has(row, FLAG.EDGE | FLAG.DERIVED)) return null;
  const clocks = trace.clocks(row);
  const told = clocks.map((one) => h('p', null, h('bdi', null, `${one.instance && clocks.length > 1 ? `${cut(one.instance, 80)}: ` : ''}${sayClock(one)}.`)));
  const none = h('p', { class: 'muted' }, 'Nothing ties this process to the others in time: its times are its own.');
  return section('Clock', '', ...(told.length > 0 ? told : [none]));
}

/** @param {string} kind */
function what(kind) {
  const text = WHAT[kind] ?? '';
  const box = h('div', { class: 'tr-what' }, h('strong', null, pictogram('help'), 'What is this?'));
  // A setting's name reads as one.
  append(box, [h('p', null, ...text.split('`').map((part, index) => (index % 2 ? h('code', null, part) : part)))]);
  return h('section', { class: 'tr-section' }, box);
}

