// Which time is shown: the last so long, or from one moment to another.

import { clock, day, moment } from './format.js';

/** @typedef {{ from: number | null, to: number | null, slides: boolean }} Range microseconds since the Unix epoch */

const SECOND = 1e6;
/** What is offered. The first is what is shown unless something else is asked for. */
export const RANGES = /** @type {const} */ ([
  { word: '30m', label: 'Last 30 minutes', us: 1800 * SECOND },
  { word: '5m', label: 'Last 5 minutes', us: 300 * SECOND },
  { word: '10m', label: 'Last 10 minutes', us: 600 * SECOND },
  { word: '1h', label: 'Last hour', us: 3600 * SECOND },
  { word: '6h', label: 'Last 6 hours', us: 6 * 3600 * SECOND },
  { word: '24h', label: 'Last 24 hours', us: 86_400 * SECOND },
  { word: '7d', label: 'Last 7 days', us: 7 * 86_400 * SECOND },
  { word: 'all', label: 'Everything that is kept', us: Infinity },
]);

/**
 * The range that an address names.
 * @param {Readonly<Record<string, string | undefined>>} query
 * @param {number} now microseconds since the Unix epoch
 * @returns {Range}
 */
export function rangeOf(query, now) {
  const from = Number(query['from']);
  const to = Number(query['to']);
  if (query['from'] && query['to'] && from < to) return { from: Math.round(from), to: Math.round(to), slides: false };
  const known = RANGES.find((range) => range.word === query['range']) ?? RANGES[0];
  return { from: known.us === Infinity ? null : Math.round(now - known.us), to: null, slides: true };
}

/** @param {Readonly<Record<string, string | undefined>>} query */
export function rangeLabel(query) {
  const { from, to, slides } = rangeOf(query, 0);
  if (slides || from === null || to === null) return (RANGES.find((range) => range.word === query['range']) ?? RANGES[0]).label;
  return day(from) === day(to) ? `${day(from)}, ${clock(from, 0)} – ${clock(to, 0)}` : `${moment(from)} – ${moment(to)}`;
}
