// Words for numbers of a trace that the console has elsewhere no use for.

import { duration } from '../format.js';

/** A difference, with its sign. @param {number} us */
export function delta(us) {
  return us > 0 ? `+${duration(us)}` : duration(us);
}

/** `0.05 %`, `14 %`. @param {number} part @param {number} whole */
export function share(part, whole) {
  if (!(whole > 0)) return '\u2013';
  const cent = (part / whole) * 100;
  const digits = cent >= 9.95 || cent === 0 ? 0 : cent < 0.995 ? 2 : 1;
  return `${cent.toFixed(digits).replace(/\.0+$/, '')} %`;
}

/** A text cut to so many letters, never within one. @param {string} text @param {number} max */
export function cut(text, max) {
  if (text.length <= max) return text;
  return `${[...text.slice(0, max * 2)].slice(0, max).join('')}\u2026`;
}
