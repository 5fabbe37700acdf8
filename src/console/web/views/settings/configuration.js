// The configuration that runs: every default shown, every secret hidden, searched as one types.

import { copy, h } from '../../dom.js';
import { icon } from '../../icons.js';
import { things } from '../../model/format.js';
import { found } from '../../model/toml.js';

/** @import { Drawn } from './parts.js' */

/** @param {Drawn} drawn */
export function configuration({ place, body, settings, config, signal }) {
  const { router, keys } = place;
  const said = h('p', { class: 'muted', role: 'status' });
  const list = h('div', { class: 'config' });
  const input = h('input', { type: 'search', placeholder: 'Find a setting', 'aria-label': 'Find a setting', autocomplete: 'off', spellcheck: 'false', value: router.query['find'] ?? '' });
  const draw = () => {
    const all = found(config, input.value);
    const number = all.reduce((sum, table) => sum + table.settings.length, 0);
    said.textContent = input.value.trim() === '' ? 'Defaults are shown, secrets are hidden. A change in the file counts when it is saved.'
      : number === 0 ? 'No setting is called so, or has that value.' : things(number, 'setting');
    list.replaceChildren(...all.map(({ head, settings }) => h('section', null, head ? h('h2', { class: 'mono' }, head) : null,
      h('dl', null, ...settings.map(({ key, value }) => h('div', null, h('dt', null, key), h('dd', { class: value === '"***"' ? 'muted' : '' }, value === '"***"' ? 'hidden' : value)))))));
  };
  input.addEventListener('input', () => {
    router.replace({ find: input.value.trim() || null });
    draw();
  });
  const take = h('button', { class: 'button small', type: 'button', onclick: () => void copy(take, settings.config, 'Configuration copied, secrets hidden') }, 'Copy as TOML');
  body.replaceChildren(h('div', { class: 'row' }, h('span', { class: 'field find' }, icon('search'), input), take), said, list);
  draw();
  const end = keys.add([{ keys: '/', label: 'Find a setting', group: 'Settings', run: () => input.focus() }]);
  signal.addEventListener('abort', end);
}
