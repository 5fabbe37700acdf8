// Web vitals in words: as a trace tells and judges them, in the order in which people look at them.

import { duration } from './format.js';

/** @import { Vital } from '../types/wire.d.ts' */

const VITALS = /** @type {const} */ (['TTFB', 'FCP', 'LCP', 'INP', 'CLS']);
const LOOKS = /** @type {const} */ ({ good: 'ok', 'needs-improvement': 'warn', poor: 'err' });
/** In words, too: nothing by its colour alone. */
const SAYS = /** @type {const} */ ({ good: 'good', 'needs-improvement': 'needs improvement', poor: 'poor' });
/** Those that are told without a moment: of several, the worst counts. Of the others, the first page load's. */
const WORST = new Set(['INP', 'CLS']);

/**
 * @param {Vital[]} told
 * @param {readonly string[]} [names] only these
 */
export function vitalsOf(told, names = VITALS) {
  return names.flatMap((name) => {
    const all = told.filter((one) => one.name === name);
    const vital = WORST.has(name) ? all.toSorted((a, b) => b.value - a.value)[0] : all[0];
    if (!vital) return [];
    const text = `${name} ${name === 'CLS' ? vital.value.toFixed(2) : duration(vital.value * 1e3)}`;
    return [{ text, look: LOOKS[vital.rating], says: SAYS[vital.rating] }];
  });
}
