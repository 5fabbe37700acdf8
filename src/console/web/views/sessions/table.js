// The table of sessions. A row is kept for as long as its session is listed, so that what has the focus keeps it.

import { h } from '../../dom.js';
import { count, duration, moment, things } from '../../model/format.js';

/** @import { Place } from '../../model/contract.js' */
/** @import { Session } from '../../model/sessions.js' */

const KINDS = { guest: 'visitor of', page: 'one page', session: '', '': '' };

export class SessionTable {
  #place;
  #rows = h('tbody');
  /** @type {Map<string, HTMLTableRowElement>} */
  #known = new Map();
  element = h('table', { class: 'table session-table', hidden: true }, h('caption', { class: 'unseen' }, 'Sessions'),
    h('thead', null, h('tr', null, ...['State', 'Who', 'Began', 'Lasted', 'Page views', 'Requests', 'Traces', 'Spans'].map((label, index) =>
      h('th', { scope: 'col', class: COLUMNS[index] ?? '' }, label)))), this.#rows);

  /** @param {Place} place */
  constructor(place) {
    this.#place = place;
  }

  /** @param {Session[]} sessions @param {string} open */
  draw(sessions, open) {
    const most = Math.max(1, ...sessions.map(({ spans }) => spans));
    const focused = document.activeElement;
    const rows = sessions.map((session) => {
      const row = this.#known.get(session.id) ?? h('tr', { id: `session-${session.id}` });
      this.#known.set(session.id, row);
      this.#fill(row, session, most);
      row.classList.toggle('selected', session.id === open);
      row.querySelector('a')?.setAttribute('aria-current', String(session.id === open));
      return row;
    });
    const listed = new Set(sessions.map(({ id }) => id));
    for (const id of this.#known.keys()) if (!listed.has(id)) this.#known.delete(id);
    if (rows.length !== this.#rows.children.length || rows.some((row, index) => row !== this.#rows.children[index])) this.#rows.replaceChildren(...rows);
    if (focused instanceof HTMLElement && focused.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
  }

  /** Moves to the row so many further on. @param {number} by */
  step(by) {
    const links = [...this.#rows.querySelectorAll('a')];
    const at = links.findIndex((link) => link === document.activeElement);
    const from = at < 0 ? links.findIndex((link) => link.getAttribute('aria-current') === 'true') : at;
    const to = from < 0 ? (by > 0 ? 0 : links.length - 1) : from + by;
    links[Math.max(0, Math.min(links.length - 1, to))]?.focus();
    // An open session follows.
    if (links.some((link) => link.getAttribute('aria-current') === 'true')) links[Math.max(0, Math.min(links.length - 1, to))]?.click();
  }

  /** Where one was before. @param {string} id */
  focus(id) {
    this.#known.get(id)?.querySelector('a')?.focus();
  }

  /** @param {HTMLTableRowElement} row @param {Session} session @param {number} most */
  #fill(row, session, most) {
    const { me, router } = this.#place;
    const { id, person, kind, active, from, to, spans, requests, pages, traces, failed } = session;
    const key = JSON.stringify([session, most, me.session?.id === id]);
    if (row.dataset['key'] === key) return;
    row.dataset['key'] = key;
    const mine = me.session?.id === id;
    const bar = h('i');
    bar.hidden = spans === 0;
    bar.style.width = `${Math.max(2, (spans / most) * 100)}%`;
    const known = row.querySelector('a');
    const link = known ?? h('a', { href: router.href(`/sessions/${id}`), onclick: (/** @type {MouseEvent} */ event) => this.#clicked(event, id) });
    link.replaceChildren(h('b', null, person || 'somebody'));
    row.replaceChildren(
      cell(0, h('span', { class: `tag ${active ? 'accent' : ''}` }, h('i', { class: `dot ${active ? 'on' : ''}` }), active ? 'Active' : 'Ended')),
      cell(1, KINDS[kind] ? h('span', { class: 'muted' }, `${KINDS[kind]} `) : null, link, mine ? h('span', { class: 'tag' }, 'this browser') : null,
        failed > 0 ? h('span', { class: 'tag err' }, `${count(failed)} failed`) : null),
      cell(2, moment(from)), cell(3, to > from ? duration(to - from) : '–'), cell(4, count(pages)), cell(5, count(requests)), cell(6, count(traces)),
      cell(7, h('span', { class: 'share', 'aria-hidden': 'true' }, bar), h('span', { title: things(spans, 'span') }, count(spans))));
  }

  /** Beside the list, with the order it has. @param {MouseEvent} event @param {string} id */
  #clicked(event, id) {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.#place.router.push(`/sessions/${id}${location.search}`);
  }
}

/** Their classes, by which narrow windows leave some out. */
const COLUMNS = ['state', 'who', 'began', 'lasted number', 'pages number', 'requests number', 'traces number', 'spans number'];

/** @param {number} column @param {...import('../../dom.js').Child} children */
function cell(column, ...children) {
  return h('td', { class: COLUMNS[column] ?? '' }, ...children);
}
