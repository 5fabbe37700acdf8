// The icons: 16 by 16, lines of 1.5. Drawn for this console.

import { svg } from './dom.js';

/** Lines, and filled shapes (those begin with `!`). */
const ICONS = {
  search: 'M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9M10.400 10.400 13.500 13.500',
  bolt: '!M9.200 1 3 9.200h4.200L6.600 15 13 6.600H8.600z',
  person: 'M8 2.500a2.700 2.700 0 1 0 0 5.400 2.700 2.700 0 0 0 0-5.400M2.800 14c.5-3 2.500-4.500 5.200-4.500s4.700 1.500 5.200 4.500',
  close: 'm4 4 8 8M12 4l-8 8',
  up: 'M8 12.500v-9M4 7.500l4-4 4 4',
  down: 'M8 3.500v9M4 8.500l4 4 4-4',
  chevron: 'm6 4 4 4-4 4',
  moon: 'M13.200 9.800A5.500 5.500 0 0 1 6.200 2.800a5.500 5.500 0 1 0 7 7z',
  sun: 'M8 5.200a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600M8 1.500v1.200M8 13.300v1.200M1.500 8h1.200M13.300 8h1.200M3.400 3.400l.9.9M11.700 11.700l.9.9M3.400 12.600l.9-.9M11.700 4.300l.9-.9',
  auto: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M8 2v12M8 5.500 12.500 4M8 8.500 13.900 7M8 11.500 13.300 10',
  help: 'M6 6.200a2 2 0 1 1 2.900 1.800c-.6.300-.9.700-.9 1.500M8 12v.1M8 1.800a6.200 6.200 0 1 0 0 12.400A6.200 6.200 0 0 0 8 1.800',
  plus: 'M8 3v10M3 8h10',
  clock: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M8 4.800V8l2.200 1.500',
  link: 'M6.800 9.200a2.600 2.600 0 0 0 3.700 0l2.200-2.200A2.600 2.600 0 0 0 9 3.300l-.7.700M9.200 6.800a2.600 2.600 0 0 0-3.700 0L3.300 9A2.600 2.600 0 0 0 7 12.700l.7-.7',
  copy: 'M5.500 5.500h7v7h-7zM3.500 10.500v-7h7',
  keep: 'M4 2.500h8v11l-4-3-4 3z',
  out: 'M9 3h4v4M13 3 7.500 8.500M11 9.500V13H3V5h3.500',
  replay: 'M13 8a5 5 0 1 1-1.500-3.600M13 2.500v2.800h-2.800',
  check: 'm3.500 8.500 3 3 6-7',
  warn: 'M8 2.200 14.300 13H1.700zM8 6.500v3M8 11.300v.1',
  fit: 'M2.500 6V2.500H6M10 2.500h3.500V6M13.500 10v3.500H10M6 13.500H2.500V10',
  more: '!M2.500 6.800h2.400v2.400H2.500zM6.800 6.800h2.400v2.400H6.800zM11.100 6.800h2.400v2.400h-2.400z',
};

/** @typedef {keyof typeof ICONS} IconName */

/**
 * An icon, which says nothing by itself.
 * @param {IconName} name
 */
export function icon(name) {
  const path = ICONS[name];
  const filled = path.startsWith('!');
  return svg(
    'svg',
    { viewBox: '0 0 16 16', class: filled ? 'icon filled' : 'icon', 'aria-hidden': 'true', focusable: 'false' },
    svg('path', { d: filled ? path.slice(1) : path }),
  );
}
