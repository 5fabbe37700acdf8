// Having stored responses forgotten: one URL, all that begin so, whatever has a tag, or everything.

import { h, toast } from '../../dom.js';
import { confirm } from '../../elements/confirm.js';
import { things } from '../../model/format.js';

/** @import { Purged } from '../../types/wire.d.ts' */
/** @import { Drawn } from './parts.js' */

const KINDS = /** @type {const} */ ([
  ['url', 'This URL', 'the whole address, with its scheme'],
  ['prefix', 'URLs that begin so', 'their beginning, with the scheme'],
  ['tag', 'What has this tag', 'shoes'],
  ['all', 'Everything', ''],
]);

/** The form. @param {Drawn['place']} place */
export function purging({ api }) {
  const what = h('input', { id: 'purge-what', autocomplete: 'off', spellcheck: 'false', placeholder: KINDS[0][2] });
  const soft = h('input', { id: 'purge-soft', type: 'checkbox' });
  const fault = h('p', { class: 'fault', role: 'alert' });
  const kind = h('select', { id: 'purge-kind', onchange: () => {
    const chosen = KINDS.find(([key]) => key === kind.value);
    what.placeholder = chosen?.[2] ?? '';
    what.disabled = kind.value === 'all';
  } }, ...KINDS.map(([key, label]) => h('option', { value: key }, label)));
  const purge = async () => {
    /** @type {Purged} */
    const { purged } = await api.post('/cache/purge', { [kind.value]: kind.value === 'all' ? true : what.value.trim(), soft: soft.checked });
    return `${things(purged, 'stored response')} ${soft.checked ? 'made stale' : 'forgotten'}`;
  };
  const form = h('form', { class: 'form', onsubmit: async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    fault.textContent = '';
    try {
      if (kind.value === 'all') {
        await confirm({ title: 'Forget everything?', label: 'Purge', done: 'Everything was purged', run: purge,
          text: 'The upstreams are asked for each page again, all at once.' });
      } else {
        document.dispatchEvent(toast(await purge()));
      }
    } catch (error) {
      fault.textContent = error instanceof Error ? error.message : String(error);
    }
  } },
  h('div', { class: 'fields' },
    h('label', { htmlFor: 'purge-kind' }, 'What'), h('span', { class: 'field' }, kind),
    h('label', { htmlFor: 'purge-what' }, 'Which'), h('span', { class: 'field' }, what),
    h('label', { htmlFor: 'purge-soft' }, 'Only stale from now on'), h('span', null, soft)),
  fault, h('div', { class: 'row' }, h('button', { class: 'button' }, 'Purge')));
  return form;
}
