// `?`: what every key does, and the switch for single letters.

import { h } from '../dom.js';
import { APPLE, MOD } from '../keys.js';
import { dialog } from './dialog.js';

/** @import { Binding } from '../model/contract.js' */
/** @import { Keys } from '../keys.js' */

/** @type {Record<string, string>} */
const NAMES = {
  ArrowUp: '↑', ArrowDown: '↓', ArrowLeft: '←', ArrowRight: '→', Escape: 'Esc', ' ': 'Space', PageUp: 'PgUp', PageDown: 'PgDn',
  mod: MOD, shift: APPLE ? '⇧' : 'Shift', alt: APPLE ? '⌥' : 'Alt',
};

/** A key as caps: of `mod+k`, `⌘` and `K`. @param {string} key */
export function caps(key) {
  const parts = key === '+' ? ['+'] : key.split('+');
  return parts.map((part) => h('kbd', null, NAMES[part] ?? (part.length === 1 ? part.toUpperCase() : part)));
}

/** @param {Keys} keys */
export function openHelp(keys) {
  /** @type {Map<string, Binding[]>} */
  const groups = new Map();
  for (const binding of keys.bindings) groups.set(binding.group, [...(groups.get(binding.group) ?? []), binding]);
  const lists = [...groups].map(([group, bindings]) =>
    h('section', null, h('h3', null, group), h('dl', { class: 'keys' }, bindings.flatMap((binding) => [
      h('dt', null, [binding.keys].flat().map((key) => h('span', { class: 'chord' }, caps(key)))),
      h('dd', null, binding.label),
    ]))),
  );
  const letters = h('input', { type: 'checkbox', checked: keys.letters, onchange: () => (keys.letters = letters.checked) });
  dialog(
    { title: 'Keyboard', class: 'help' },
    h('div', { class: 'help-lists' }, lists),
    h('label', { class: 'switch-row' }, letters, h('span', null, 'Single letters count')),
  );
}
