// Cmd/Ctrl-K: everything by its name, and any request or trace by its id.

import { h } from '../dom.js';
import { matches } from '../model/palette.js';
import { dialog } from './dialog.js';
import { caps } from './help.js';

/** @import { Command } from '../model/palette.js' */

/** @param {Command[]} commands */
export function openPalette(commands) {
  const list = h('ul', { role: 'listbox', id: 'palette-list', 'aria-label': 'Commands' });
  const input = h('input', {
    type: 'text', role: 'combobox', 'aria-controls': 'palette-list', 'aria-expanded': 'true', 'aria-autocomplete': 'list',
    'aria-label': 'Jump to', placeholder: 'Jump to a screen, a request, a trace…', autocomplete: 'off', spellcheck: 'false',
  });
  const close = dialog({ title: 'Jump to', class: 'palette', bare: true }, input, list);
  /** @type {Command[]} */
  let shown = [];
  let at = 0;

  const run = (/** @type {Command | undefined} */ command) => {
    if (!command) return;
    close();
    command.run();
  };
  const point = (/** @type {number} */ to) => {
    at = Math.max(0, Math.min(shown.length - 1, to));
    [...list.children].forEach((item, index) => item.setAttribute('aria-selected', String(index === at)));
    const item = list.children[at];
    item?.scrollIntoView({ block: 'nearest' });
    if (item) input.setAttribute('aria-activedescendant', item.id);
    else input.removeAttribute('aria-activedescendant');
  };
  const draw = () => {
    shown = matches(commands, input.value);
    list.replaceChildren(...shown.map((command, index) =>
      h('li', { role: 'option', id: `palette-${index}`, onclick: () => run(command), onpointermove: () => index !== at && point(index) },
        h('span', null, command.label), h('span', { class: 'hint' }, command.keys ? caps(command.keys) : command.hint ?? '')),
    ));
    if (shown.length === 0) list.append(h('li', { class: 'none', role: 'option', 'aria-disabled': 'true' }, 'Nothing of that name'));
    point(0);
  };
  input.addEventListener('input', draw);
  input.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown') point(at + 1);
    else if (event.key === 'ArrowUp') point(at - 1);
    else if (event.key === 'Enter') run(shown[at]);
    else return;
    event.preventDefault();
  });
  draw();
  input.focus();
}
