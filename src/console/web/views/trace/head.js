// The head of a trace: what it is of, how it went, where the time went in one sentence, and what is worth a note.

import { append, h } from '../../dom.js';
import { icon } from '../../icons.js';
import { clock, day, duration, readable, things } from '../../model/format.js';
import { CAT, FLAG, HUES } from '../../model/trace/columns.js';
import { cut, share } from '../../model/trace/words.js';
import { title } from './rows.js';

/** @import { Board } from './board.js' */
/** @import { Request as RequestItem, Trace as Wire } from '../../types/wire.d.ts' */
/** @typedef {NonNullable<Wire['verdict']>['parts'][number]} Part */

/** A shift of a clock below this is none. */
const SKEW_US = 50;

/** @typedef {{ request: RequestItem | null }} Facts the request that the trace is about, where it is known */
/**
 * @typedef {object} Does
 * @property {() => void} back
 * @property {() => void} compare
 * @property {() => void} share
 * @property {() => void} link
 * @property {() => void} copyId
 * @property {() => void} budgets
 * @property {(() => void) | null} again
 * @property {(row: number) => void} select
 */

/**
 * @param {Board} board
 * @param {Facts} facts
 * @param {Does} does
 */
function head(board, { request }, does) {
  const { trace } = board;
  const { method, path } = subject(board, request);
  const status = request?.status ?? Number.parseInt(trace.entry >= 0 ? trace.tag(trace.entry) : '', 10);
  return h('header', { class: 'tr-head' },
    h('div', { class: 'tr-title' },
      h('button', { class: 'icon-button tr-back', type: 'button', 'aria-label': 'Back to the logs', onclick: does.back }, icon('chevron')),
      method && h('span', { class: 'tag mono' }, method),
      h('h1', { title: cut(path, 2000) }, h('bdi', null, cut(readable(path), 300))),
      board.comparison && h('span', { class: 'tag accent' }, `against ${day(board.comparison.before.wire.start_us)}, ${clock(board.comparison.before.wire.start_us)}`),
      Number.isFinite(status) && status > 0 && h('span', { class: `tag ${status >= 500 ? 'err' : status >= 400 ? 'warn' : 'ok'}` }, status),
      trace.errors > 0 && h('span', { class: 'tag err' }, icon('warn'), things(trace.errors, 'error')),
      state(trace),
      h('div', { class: 'tr-actions' },
        h('button', { class: 'button', type: 'button', onclick: does.compare }, 'Compare'),
        h('button', { class: 'button', type: 'button', onclick: does.share }, 'Export'),
        h('button', { class: 'button', type: 'button', onclick: does.link }, 'Copy link', h('kbd', null, 'L')),
        does.again && h('button', { class: 'button primary', type: 'button', onclick: does.again }, icon('replay'), 'Run again'))),
    meta(board, request, does),
    verdict(board, does));
}

/**
 * Everything above the rows: the head, notes, and pages where there are several.
 * @param {Board} board
 * @param {{ facts: Facts, does: Does, compact: boolean }} parts in the accordion there is no head
 */
export function top(board, { facts, does, compact }) {
  const list = [...board.budgets.map(judgement), ...notes(board)];
  return [
    compact ? null : head(board, facts, does),
    list.length > 0 ? h('ul', { class: 'tr-notes' }, ...list.map(({ tone, title: name, text, row }) =>
      h('li', { class: tone }, h('b', null, name), ' ', h('bdi', null, text), row >= 0 && h('button', { class: 'link-button', type: 'button', onclick: () => does.select(row) }, 'Show')))) : null,
    board.pages.length > 1 ? pageBar(board) : null,
  ].filter((node) => node !== null);
}

/**
 * Puts these parts there in place of what they were. The keyboard stays where it was, and a list of pages that somebody has open stays open.
 * @param {Element} place
 * @param {Element[]} parts
 */
export function renew(place, parts) {
  const focused = document.activeElement;
  const [bar, fresh] = [place.querySelector('.tr-pages'), parts.at(-1)];
  if (focused instanceof HTMLSelectElement && bar?.contains(focused) && fresh?.matches('.tr-pages')) return renewPages(bar, { focused, fresh, above: parts.slice(0, -1) });
  const name = (/** @type {Element | null} */ one) => one?.getAttribute('aria-label') ?? one?.textContent;
  const alike = () => [...place.querySelectorAll('button')].filter((one) => name(one) === name(focused));
  const at = alike().findIndex((one) => one === focused);
  place.replaceChildren(...parts);
  alike()[at]?.focus({ preventScroll: true });
}

/** @param {Element} bar @param {{ focused: HTMLSelectElement, fresh: Element, above: Element[] }} parts */
function renewPages(bar, { focused, fresh, above }) {
  while (bar.previousSibling) bar.previousSibling.remove();
  bar.before(...above);
  [...fresh.children].forEach((child, at) => {
    if (!(child instanceof HTMLSelectElement)) return bar.children[at]?.replaceWith(child);
    const { value } = child;
    if (child.length !== focused.length) focused.replaceChildren(...child.options);
    if (focused.value !== value) focused.value = value;
  });
}

/** How a budget fared. @param {Board['budgets'][number]} budget */
function judgement({ text, met, actual, fault }) {
  const [tone, word] = met === null ? ['warn', 'Not decided'] : met ? ['ok', 'Met'] : ['err', 'Not met'];
  return { tone, title: cut(text, 200), text: fault ? `is no budget: ${fault.message}.` : `${word}, ${cut(actual, 200)}.`, row: -1 };
}

/** @param {Board} board */
function pageBar(board) {
  const { trace } = board;
  const choose = h('select', { 'aria-label': 'Page of the trace' }, ...board.pages.map((page, index) =>
    h('option', { value: String(index) }, `${index + 1}. ${cut(title(trace, page.first), 60)} at ${clock(trace.wire.start_us + page.from, 0)}, ${things(page.rows, 'span')}`)));
  choose.value = String(board.page);
  choose.addEventListener('change', () => board.turn(Number(choose.value)));
  const step = (/** @type {string} */ label, /** @type {number} */ by) => h('button', {
    class: 'button small', type: 'button', disabled: !board.pages[board.page + by], onclick: () => board.turn(board.page + by),
  }, label);
  return h('div', { class: 'tr-pages' },
    h('span', null, `This trace spans ${duration(trace.length)}: one page at a time.`), step('Earlier', -1), choose, step('Later', 1));
}

/** The request that a trace is about. @param {RequestItem[]} requests all of the trace */
export function about(requests) {
  const first = requests.toSorted((a, b) => a.ts_us - b.ts_us);
  return first.find((request) => request.destination === 'document') ?? first[0] ?? null;
}

/** What the trace is of. @param {Board} board @param {RequestItem | null} request */
export function subject({ trace }, request) {
  if (request) return { method: request.method, path: request.path + (request.query ? `?${request.query}` : '') };
  if (trace.entry < 0) return { method: '', path: 'An empty trace' };
  const name = trace.nameOf(trace.entry);
  const split = /^([A-Z]{3,7}) (\S.*)$/.exec(name);
  return split ? { method: split[1] ?? '', path: trace.note(trace.entry) || (split[2] ?? '') } : { method: '', path: name };
}

/** @param {Board['trace']} trace */
function state({ wire }) {
  if (wire.state === 'done') return null;
  const text = wire.state === 'open' ? 'Still arriving'
    : wire.waiting_for.length > 0 ? `Waiting for spans of ${wire.waiting_for.join(', ')}` : 'Waiting for spans of the app';
  return h('span', { class: 'tag accent tr-state', role: 'status' }, h('i', { class: 'tr-pulse' }), text);
}

/** @param {Board} board @param {RequestItem | null} request @param {Does} does */
function meta({ trace }, request, { budgets, copyId }) {
  const at = trace.wire.start_us;
  const { clock: browser } = trace.wire;
  const parts = [
    request?.session_id && h('a', { href: `/_waylight/sessions/${request.session_id}` }, 'Session ', h('b', null, request.session_id.slice(0, 4))),
    h('span', null, `${day(at)}, `, h('b', null, clock(at))),
    request?.host && h('span', null, request.host),
    h('span', null, things(trace.spans, 'span')),
    h('button', { class: 'link-button mono', type: 'button', title: 'Copy the trace id', onclick: copyId }, `${trace.id.slice(0, 16)}\u2026${trace.id.slice(-4)}`),
    browser ? h('span', null, `Clock aligned \u00b1${duration(browser.err_us)}`) : null,
    h('button', { class: 'link-button', type: 'button', onclick: budgets }, 'Budgets'),
  ];
  return h('div', { class: 'tr-meta' }, ...parts.filter(Boolean));
}

/** The names of the verdict's parts. @type {Record<string, string>} */
const PARTS = {
  edge: 'Edge', handshake: 'TLS handshake', start: 'Cold start', connection: 'Connection', network: 'Edge to app',
  unseen: 'Upstream, unseen', app: 'App', browser: 'Browser',
};

/** @param {Board} board @param {Does} does */
function verdict(board, does) {
  const { trace, comparison } = board;
  const told = trace.wire.verdict;
  if (!told) return null;
  const stack = h('div', { class: 'tr-stack', role: 'img', 'aria-label': told.parts.map((part) => `${partName(part)} ${duration(part.us)}`).join(', ') });
  const legend = h('ul', { class: 'tr-legend' });
  for (const part of told.parts.filter(({ us }) => us > 0)) {
    const piece = h('i', { class: `tr-part of-${part.kind}`, title: `${partName(part)} ${duration(part.us)}` });
    piece.style.flexGrow = String(Math.max(part.us / told.total_us, 0.004));
    piece.style.setProperty('--c', `var(--${partColour(board, part)})`);
    stack.append(piece);
    const swatch = h('i', { class: `tr-swatch tr-part of-${part.kind}` });
    swatch.style.setProperty('--c', `var(--${partColour(board, part)})`);
    legend.append(h('li', null, swatch, h('span', null, h('bdi', null, partName(part))), h('b', null, duration(part.us))));
  }
  const say = h('p', { class: 'tr-say' });
  append(say, emphasised((comparison ?? told).sentence));
  const longest = blamed(trace);
  if (!comparison && longest >= 0) append(say, [' ', h('button', { class: 'link-button', type: 'button', onclick: () => does.select(longest) }, 'Show it')]);
  return h('div', { class: 'tr-verdict' }, h('div', null, stack, legend), say);
}

/** The verdict for whoever has the trace in a place of his own: its words, and what shows the span to blame. @param {Board | null} board null: there is none to be had */
export function saying(board) {
  const told = board?.trace.wire.verdict;
  const detail = board && told ? { say: emphasised(told.sentence), show: () => board.reveal(blamed(board.trace)) } : null;
  return new CustomEvent('wl-verdict', { bubbles: true, detail });
}

/** The row that was longest on the critical path; -1: there is none. @param {Board['trace']} trace */
function blamed({ critical }) {
  let [longest, most] = [-1, 0];
  for (const [row, parts] of critical) {
    const us = parts.reduce((sum, [from, to]) => sum + to - from, 0);
    if (us > most) [longest, most] = [row, us];
  }
  return longest;
}

/** The first clause is the news. @param {string} text @returns {(string | HTMLElement)[]} */
function emphasised(text) {
  const end = text.search(/[:(]|\.(?=\s|$)/);
  return end < 0 ? [text] : [h('b', null, text.slice(0, end)), text.slice(end)];
}

/** @param {Part} part */
function partName(part) {
  return part.svc ?? PARTS[part.kind] ?? part.kind;
}

/** @param {Board} board @param {Part} part */
function partColour({ trace }, part) {
  switch (part.kind) {
    case 'app': {
      const row = trace.services.find(({ svc }) => trace.text(svc) === part.svc);
      return row ? (HUES[row.hue] ?? 'ink3') : 'fetch';
    }
    case 'network': case 'connection': case 'handshake': return 'ink3';
    case 'browser': return 'browser';
    default: return 'ink';
  }
}

/**
 * What is worth a note, each with the row that it is about.
 * @param {Board} board
 * @returns {{ tone: string, title: string, text: string, row: number }[]}
 */
function notes({ trace }) {
  /** @type {{ tone: string, title: string, text: string, row: number }[]} */
  const list = [];
  const total = trace.entry >= 0 ? trace.duration(trace.entry) : 0;
  for (let row = 0, left = trace.kinds[CAT.EDGE] ?? 0; left > 0 && list.length < 6; row++) {
    if (!trace.has(row, FLAG.EDGE) || trace.has(row, FLAG.RUNNING)) continue;
    left--;
    const stage = trace.stage(row);
    const tag = trace.tag(row);
    if (stage === 'upstream.start') {
      list.push({ tone: 'accent', title: 'Cold start.', text: `The app was not running; starting it took ${duration(trace.duration(row))}, ${share(trace.duration(row), total)} of the request.`, row });
    } else if (tag === 'STALE') {
      list.push({ tone: 'warn', title: 'Stale.', text: 'The answer was older than it should be, and was allowed to be.', row });
    } else if (stage === 'upstream.request') {
      if (tag.includes('retry')) list.push({ tone: 'warn', title: 'Retried.', text: 'An attempt failed, and was made again.', row });
      if (tag.includes('slow client')) list.push({ tone: 'warn', title: 'Slow client.', text: 'Its answer was waited for less than the client that took it in: the app was not what was slow.', row });
    }
  }
  for (const repeat of trace.wire.repeats.slice(0, 2)) {
    list.push({
      tone: 'warn', title: repeat.query ? 'Repeated query.' : 'Repeated step.',
      text: `${cut(repeat.name, 60)} ran ${repeat.count} times under one span, ${duration(repeat.total_us)} together.${repeat.query ? ' One query for all may do.' : ''}`,
      row: trace.row(repeat.first),
    });
  }
  const { firstBackwards: backwards, orphans } = trace;
  if (backwards >= 0) list.push({ tone: 'warn', title: 'Ends before it begins.', text: 'At least one span says so; it is drawn where it began.', row: backwards });
  for (const clock of trace.wire.clocks.filter(({ offset_us, contradictions }) => Math.abs(offset_us) > SKEW_US || contradictions > 0).slice(0, 3)) {
    list.push({ tone: '', title: 'Clocks.', text: `${sayClock(clock, `of ${clock.svc} `)}.`, row: -1 });
  }
  if (orphans > 0) list.push({ tone: '', title: orphans === 1 ? '1 orphan.' : `${orphans} orphans.`, text: 'Their parents are not here: on their way, not sampled, or never sent.', row: trace.firstOrphan });
  return list;
}

/**
 * What was done to the times of a process, and how sure that is.
 * @param {Wire['clocks'][number]} clock
 * @param {string} [whose]
 */
export function sayClock({ offset_us, err_us, samples, contradictions }, whose = '') {
  const from = `${things(samples, 'sample')}${contradictions ? `, ${contradictions} contradict${contradictions === 1 ? 's' : ''}` : ''}`;
  return Math.abs(offset_us) > 0 ? `Times ${whose}are moved by ${duration(offset_us)}, right to \u00b1${duration(err_us)} (${from})`
    : `Times ${whose}are left as they are, right to \u00b1${duration(err_us)} (${from})`;
}
