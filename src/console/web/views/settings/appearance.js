// How the console looks and listens, in this browser.

import { h } from '../../dom.js';

/** @import { Drawn } from './parts.js' */

const THEMES = /** @type {const} */ ([['auto', 'As the system'], ['light', 'Light'], ['dark', 'Dark']]);

/** @param {Drawn} drawn */
export function appearance({ place, body }) {
  const { keys } = place;
  const chosen = localStorage.getItem('waylight.theme') ?? 'auto';
  const choose = (/** @type {string} */ theme) => {
    if (theme === 'auto') {
      localStorage.removeItem('waylight.theme');
      delete document.documentElement.dataset['theme'];
    } else {
      localStorage.setItem('waylight.theme', theme);
      document.documentElement.dataset['theme'] = theme;
    }
    document.dispatchEvent(new CustomEvent('wl-theme'));
  };
  const letters = h('input', { type: 'checkbox', checked: keys.letters, onchange: () => (keys.letters = letters.checked) });
  body.replaceChildren(
    h('p', { class: 'muted' }, 'Kept in this browser only.'),
    h('fieldset', { class: 'choice' }, h('legend', null, 'Theme'), ...THEMES.map(([theme, label]) =>
      h('label', null, h('input', { type: 'radio', name: 'theme', value: theme, checked: theme === chosen, onchange: () => choose(theme) }), h('span', null, label)))),
    h('fieldset', { class: 'choice' }, h('legend', null, 'Keyboard'),
      h('label', null, letters, h('span', null, 'Single letters count, as J and K')),
      h('p', { class: 'muted' }, 'Off, if you speak to your computer or letters are pressed by accident. Chords with Ctrl or Cmd, arrows and Escape count in any case. ? lists them all.')));
}
