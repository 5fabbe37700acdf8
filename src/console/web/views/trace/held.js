// What a trace is held against: budgets, which this browser keeps and the server judges in the grammar of the command
// line's `--expect`, and other runs of the same request.

import { h, sheet } from '../../dom.js';
import { dialog } from '../../elements/dialog.js';
import { DIRTY } from './board.js';

// Nothing of this is drawn before its style sheet is there.
await sheet('styles/trace-held.css').catch(() => undefined);

/** @import { Api } from '../../model/contract.js' */
/** @import { Judged, Runs } from '../../types/wire.d.ts' */
/** @import { Board } from './board.js' */

const KEPT = 'waylight.budgets';
/** The server judges so many at once. */
const BUDGETS_MAX = 16;
/** Longer traces are not held against others. */
const SPANS_MAX = 20_000;

/** @returns {string[]} */
function keptBudgets() {
  try {
    return lines(localStorage.getItem(KEPT) ?? '');
  } catch {
    return [];
  }
}

/** @param {string[]} budgets */
function keep(budgets) {
  try {
    if (budgets.length > 0) localStorage.setItem(KEPT, budgets.join('\n'));
    else localStorage.removeItem(KEPT);
  } catch {
    // No storage: for this time only.
  }
}

/** @param {string} text */
function lines(text) {
  return text.split('\n').map((line) => line.trim()).filter(Boolean).slice(0, BUDGETS_MAX);
}

/** @param {Api} api @param {string} trace @param {string[]} budgets @returns {Promise<Judged['items']>} */
async function judged(api, trace, budgets) {
  if (budgets.length === 0) return [];
  const { items } = /** @type {Judged} */ (await api.get(`/traces/${trace}/expect`, { query: { e: budgets.join('\n') } }));
  return items;
}

/**
 * A trace that was opened, or grew; or somebody wants to say what it is held against.
 * @param {Api} api
 * @param {Board} board
 * @param {'first' | 'again' | 'open'} when
 */
export function hold(api, board, when) {
  if (when === 'open') return openBudgets(api, board);
  void judge(api, board);
  if (when === 'first' && !board.comparison) void compareRuns(api, board);
}

/** Has the kept budgets judged. @param {Api} api @param {Board} board */
async function judge(api, board) {
  const budgets = keptBudgets();
  if (budgets.length === 0 && board.budgets.length === 0) return;
  try {
    board.budgets = await judged(api, board.trace.id, budgets);
  } catch {
    // The trace is shown without; what is wrong, other parts of the page say.
    return;
  }
  board.mark(DIRTY.TRACE | DIRTY.VIEW);
}

/** How long its spans take otherwise. @param {Api} api @param {Board} board */
async function compareRuns(api, board) {
  if (board.trace.spans > SPANS_MAX) return;
  try {
    const told = /** @type {Runs} */ (await api.get(`/traces/${board.trace.id}/runs`));
    if (told.runs < 2) return;
    board.usual = told.spans;
  } catch {
    // It is shown without.
    return;
  }
  board.mark(DIRTY.ROWS | DIRTY.VIEW | DIRTY.SELECTION);
}

/** Asks for budgets. @param {Api} api @param {Board} board */
function openBudgets(api, board) {
  const field = h('textarea', { rows: 5, spellcheck: 'false', placeholder: 'ttfb<200ms\nspans(name=SELECT*)<10', 'aria-label': 'Budgets, one a line', value: keptBudgets().join('\n') });
  const fault = h('p', { role: 'alert' });
  const form = h('form', { method: 'dialog', class: 'tr-budget-form' },
    h('p', null, 'One a line, as ', h('code', null, 'waylight trace --expect'), ' takes them: ', h('code', null, 'ttfb<200ms'), ', ', h('code', null, 'duration<=1s'), ', ', h('code', null, 'status=200'), ', ',
      h('code', null, 'cache=hit'), ', ', h('code', null, 'spans(kind=client)<10'), ', ', h('code', null, 'span(route).duration<5ms'), '.'),
    field, fault,
    h('p', { class: 'muted' }, 'Kept in this browser, and judged for every trace that is opened here. The length of a page load or a navigation is never the measure.'),
    h('div', { class: 'row' }, h('button', { class: 'button primary', type: 'submit' }, 'Keep')));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const budgets = lines(field.value);
    try {
      const items = await judged(api, board.trace.id, budgets);
      const wrong = items.find((item) => item.fault);
      if (wrong?.fault) {
        fault.textContent = `${wrong.text}: ${wrong.fault.message}.`;
        return;
      }
      keep(budgets);
      board.budgets = items;
      board.mark(DIRTY.TRACE | DIRTY.VIEW);
      close();
    } catch (error) {
      fault.textContent = error instanceof Error ? error.message : String(error);
    }
  });
  const close = dialog({ title: 'Budgets' }, form);
  field.focus();
}
