// What stands around the rows: bar, minimap, ruler, zoom, the line of keys, and the edge between names and bars.

import { h } from '../../dom.js';
import { icon } from '../../icons.js';
import { MOD } from '../../keys.js';

/** @import { Board } from './board.js' */

/** The width of the names: its bounds, and what an arrow key changes it by. */
export const NAMES = { min: 140, max: 900, step: 16 };

const KEYS = /** @type {[string[], string][]} */ ([
  [['\u2191', '\u2193'], 'move'], [['\u2190', '\u2192'], 'fold'], [['W', 'S'], 'zoom'], [['A', 'D'], 'pan'], [['F'], 'fit span'],
  [['0'], 'reset'], [['/'], 'find'], [['?'], 'all keys'],
]);

/**
 * @param {Board} board
 * @param {{ compact: boolean, scroll: HTMLElement, bar: HTMLElement, aside: HTMLElement, separator: HTMLElement }} parts
 */
export function frame(board, { compact, scroll, bar, aside, separator }) {
  const zoomed = h('output', { class: 'tr-percent', 'aria-label': 'Zoom' });
  const button = (/** @type {string} */ label, /** @type {Node | string} */ face, /** @type {() => void} */ act) =>
    h('button', { class: 'icon-button', type: 'button', 'aria-label': label, title: label, onclick: act }, face);
  return h('div', { class: `tr-frame${compact ? ' compact' : ''}` },
    h('div', { class: 'tr-top' }),
    h('div', { class: 'tr-body' },
      h('div', { class: 'tr-main' },
        bar,
        h('div', { class: 'tr-mini' }),
        h('div', { class: 'tr-ruler' }, h('span', { class: 'tr-heading' }, 'Span'), separator, h('div', { class: 'tr-scale', 'aria-hidden': 'true' })),
        h('div', { class: 'tr-stage' },
          h('div', { class: 'tr-grid', 'aria-hidden': 'true' }), scroll, h('div', { class: 'tr-over', 'aria-hidden': 'true' }),
          h('div', { class: 'tr-none', hidden: true })),
        h('div', { class: 'tr-zoom', role: 'group', 'aria-label': 'Zoom' },
          button('Zoom out', '\u2212', () => board.zoom(1.6)), zoomed, button('Zoom in', icon('plus'), () => board.zoom(0.625)),
          button('Undo the zoom', icon('replay'), () => board.glide(() => board.axis.back())),
          button('Show all of it', icon('fit'), () => board.glide(() => board.axis.reset()))),
        h('div', { class: 'tr-foot', 'aria-hidden': 'true' }, ...KEYS.map(([caps, text]) => h('span', null, ...caps.map((cap) => h('kbd', null, cap)), text)),
          h('span', { class: 'tr-push' }), h('span', null, `drag to zoom, ${MOD} and wheel too`))),
      aside));
}

/**
 * The edge between names and bars.
 * @param {{ left: () => number, set: (width: number) => void, from: () => number }} parts `from`: where the names begin in the window
 */
export function separator({ left, set, from }) {
  const bar = h('div', {
    class: 'tr-separator', role: 'separator', tabIndex: 0, 'aria-orientation': 'vertical', 'aria-label': 'Width of the names',
    'aria-valuemin': NAMES.min, 'aria-valuemax': NAMES.max,
  });
  bar.addEventListener('keydown', (event) => {
    const by = event.key === 'ArrowLeft' ? -NAMES.step : event.key === 'ArrowRight' ? NAMES.step : 0;
    if (by === 0) return;
    event.preventDefault();
    event.stopPropagation();
    set(left() + by);
  });
  bar.addEventListener('pointerdown', (event) => {
    event.preventDefault();
    bar.setPointerCapture(event.pointerId);
    const move = (/** @type {PointerEvent} */ moved) => set(moved.clientX - from());
    bar.addEventListener('pointermove', move);
    bar.addEventListener('lostpointercapture', () => bar.removeEventListener('pointermove', move), { once: true });
  });
  return bar;
}

const KEPT = 'waylight.names';

/** The width that somebody chose for the names, on this browser's pages. */
export function keptWidth() {
  try {
    const width = Number(localStorage.getItem(KEPT));
    return width >= NAMES.min ? width : null;
  } catch {
    return null;
  }
}

/** @param {number} width */
export function keepWidth(width) {
  try {
    localStorage.setItem(KEPT, String(Math.round(width)));
  } catch {
    // No storage: for this time only.
  }
}
