// What can be done with a trace, from its head and by keys: links, copies, export, comparing, tracing the page again.

import { copy, toast } from '../../dom.js';
import { FLAG } from '../../model/trace/columns.js';
import { stateOf } from './address.js';

/** @import { Api, Router } from '../../model/contract.js' */
/** @import { Request as RequestItem } from '../../types/wire.d.ts' */
/** @import { Board } from './board.js' */

/**
 * @typedef {object} Parts
 * @property {HTMLElement} from who asks
 * @property {Api | null} api
 * @property {Router | null} router
 * @property {string} trace
 * @property {Board | null} board
 * @property {boolean} compact
 */

/** The address of exactly what is shown. @param {Parts} parts */
export function link({ router, trace, board, compact }) {
  const url = new URL(router?.href(`/t/${trace}`) ?? location.pathname, location.origin);
  if (board) for (const [name, value] of Object.entries(stateOf(board))) if (value !== null) url.searchParams.set(name, value);
  const versus = router?.query['vs'];
  if (versus && !compact) url.searchParams.set('vs', versus);
  return url.href.replaceAll('%2C', ',');
}

/** @param {Parts} parts */
export function copyLink(parts) {
  void copy(parts.from, link(parts), 'Link copied');
}

/** @param {Parts} parts */
export function share(parts) {
  const { api, trace } = parts;
  if (api) void import('../share/share.js').then(({ openShare }) => openShare({ api, trace, link: () => link(parts) }));
}

/** @param {Parts} parts */
export async function copySpan({ from, api, trace, board }) {
  if (!api || !board || board.selected < 0) return;
  if (board.trace.has(board.selected, FLAG.DERIVED)) return void from.dispatchEvent(toast('No process recorded this: there is nothing to copy'));
  try {
    const span = await api.get(`/traces/${trace}/spans/${board.trace.id_(board.selected)}`);
    await copy(from, JSON.stringify(span, null, 1), 'Span copied as JSON');
  } catch (error) {
    from.dispatchEvent(toast(error instanceof Error ? error.message : String(error), 'error'));
  }
}

/** Traces the page again, in a tab of its own; only what can be asked for without harm. @param {Parts} parts @param {RequestItem | null} request */
export function again({ from, api }, request) {
  if (!api || !request || request.method !== 'GET' || request.host !== location.hostname) return null;
  return async () => {
    const path = request.path + (request.query ? `?${request.query}` : '');
    try {
      await api.post('/page-trace', { path });
      if (!window.open(path, '_blank', 'noopener')) location.assign(path);
    } catch (error) {
      from.dispatchEvent(toast(error instanceof Error ? error.message : String(error), 'error'));
    }
  };
}
