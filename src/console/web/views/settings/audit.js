// Who did what, newest first, page by page.

import { h } from '../../dom.js';
import { moment } from '../../model/format.js';
import { deed } from '../../model/house.js';
import { nothing, table } from './parts.js';

/** @import { Audit } from '../../types/wire.d.ts' */
/** @import { Drawn } from './parts.js' */

const PAGE = 50;

/** @param {Drawn} drawn */
export async function audit({ place, body, signal }) {
  const { api, router } = place;
  const said = h('span', { class: 'unseen', role: 'status' });
  const more = h('button', { class: 'button', type: 'button', onclick: () => void next() }, 'Earlier entries');
  /** @type {HTMLElement | null} */
  let rows = null;
  /** @type {string | null} */
  let before = null;
  const next = async () => {
    more.disabled = true;
    try {
      /** @type {Audit} */
      const page = await api.get('/audit', { query: { limit: PAGE, before }, signal });
      before = page.next;
      const fresh = table('Who did what', ['When', 'Who', 'Did', 'To', 'By', 'From'], page.items.map((entry) => [
        h('time', null, moment(entry.at * 1e6)), h('b', null, entry.person || 'operator'), deed(entry.deed), subject(entry, router),
        [entry.role, entry.way].filter(Boolean).join(', '), entry.client ?? '–',
      ]));
      if (rows) {
        const added = [...fresh.querySelectorAll('tbody tr')];
        rows.append(...added);
        said.textContent = `${added.length} more`;
        more.focus();
      } else if (page.items.length === 0) return body.replaceChildren(nothing('Nothing yet', 'Whatever somebody does with authority is written down here first.'));
      else {
        rows = fresh.querySelector('tbody');
        body.replaceChildren(h('p', { class: 'muted' }, 'Written down before it is done. It holds no token.'), fresh, h('div', { class: 'row' }, more, said));
      }
      more.hidden = before === null;
    } catch (error) {
      if (signal.aborted) return;
      if (!rows) throw error;
      said.textContent = error instanceof Error ? error.message : String(error);
    }
    more.disabled = false;
  };
  await next();
}

/** What it was done to; a session, as a link. @param {Audit['items'][number]} entry @param {Drawn['place']['router']} router */
function subject({ deed, subject }, router) {
  const [id] = /[0-9a-f]{32}$/.exec(subject) ?? [];
  const text = h('span', { class: 'subject' }, subject);
  return id && /session|page_trace/.test(`${deed} ${subject}`) ? h('a', { href: router.href(`/sessions/${id}`) }, text) : text;
}
