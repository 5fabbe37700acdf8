// How the console looks and listens, in this browser.

import { h } from '../../dom.js';
import { THEMES, choose, theme } from '../../themes.js';

/** @import { Drawn } from './parts.js' */

const LABELS = { auto: 'As the system', light: 'Light', dark: 'Dark' };

/** @param {Drawn} drawn */
export function appearance({ place, body, signal }) {
  const { keys } = place;
  const radios = THEMES.map((name) => h('input', { type: 'radio', name: 'theme', value: name, onchange: () => choose(name) }));
  const show = () => radios.forEach((radio) => (radio.checked = radio.value === theme()));
  // The button at the top chooses, too.
  document.addEventListener('wl-theme', show, { signal });
  show();
  const letters = h('input', { type: 'checkbox', checked: keys.letters, onchange: () => (keys.letters = letters.checked) });
  body.replaceChildren(
    h('p', { class: 'muted' }, 'Kept in this browser only.'),
    h('fieldset', { class: 'choice' }, h('legend', null, 'Theme'), ...radios.map((radio, index) =>
      h('label', null, radio, h('span', null, LABELS[THEMES[index] ?? 'auto'])))),
    h('fieldset', { class: 'choice' }, h('legend', null, 'Keyboard'),
      h('label', null, letters, h('span', null, 'Single letters count, as J and K')),
      h('p', { class: 'muted' }, 'Off, if you speak to your computer or letters are pressed by accident. Chords with Ctrl or Cmd, arrows and Escape count in any case. ? lists them all.')));
}
