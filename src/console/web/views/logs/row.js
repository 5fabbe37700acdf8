// One row of the Logs, made once and filled again whenever it shows another request.

import { h } from '../../dom.js';
import { icon } from '../../icons.js';
import { clock, duration, moment, readable } from '../../model/format.js';
import { fill, joined, phasesOf } from '../../model/phases.js';
import { vitalsOf } from '../../model/vitals.js';

/** @import { Row } from '../../model/log.js' */
/** @import { Request, Vital } from '../../types/wire.d.ts' */

/** The vitals that have room in a row. */
const SHOWN = ['LCP', 'INP', 'CLS'];

export class RowView {
  #time = h('span', { role: 'gridcell', class: 'time mono' });
  #status = h('span', { class: 'tag' });
  #method = h('span', { role: 'gridcell', class: 'method mono' });
  #guide = h('span', { class: 'guide', 'aria-hidden': 'true' });
  #path = h('span', { class: 'path' });
  #query = h('span', { class: 'query' });
  #note = h('span', { class: 'tag note' });
  #vitals = h('span', { class: 'vitals' });
  #cache = h('span', { class: 'tag' });
  #bar = h('span', { class: 'bar', 'aria-hidden': 'true' });
  #total = h('span', { role: 'gridcell', class: 'total mono' });
  #bolt = h('span', { role: 'gridcell', class: 'bolt' });
  element = h('div', { role: 'row', class: 'log-row' },
    this.#time,
    h('span', { role: 'gridcell', class: 'status' }, this.#status),
    this.#method,
    h('span', { role: 'gridcell', class: 'request' }, this.#guide, this.#path, this.#query, this.#note, this.#vitals),
    h('span', { role: 'gridcell', class: 'cache' }, this.#cache),
    h('span', { role: 'gridcell', class: 'where' }, this.#bar),
    this.#total, this.#bolt);
  /** @type {Request | null} */
  #shown = null;
  #kind = '';
  #told = '';

  /**
   * @param {Row} row
   * @param {{ index: number, top: number, selected: boolean, vitals: Vital[] }} place
   */
  show({ request, kind, last }, { index, top, selected, vitals }) {
    const { element } = this;
    element.style.transform = `translateY(${top}px)`;
    element.setAttribute('aria-rowindex', String(index + 2));
    element.setAttribute('aria-selected', String(selected));
    element.setAttribute('aria-level', kind === 'part' ? '2' : '1');
    element.id = `row-${request.id}`;
    const form = `${kind} ${last ? 'last' : ''}`;
    if (form !== this.#kind) {
      this.#kind = form;
      element.className = `log-row ${form}`;
    }
    if (request !== this.#shown) this.#fill(request);
    this.#tell(vitals);
  }

  /** @param {Request} request */
  #fill(request) {
    this.#shown = request;
    this.#time.textContent = clock(request.ts_us, 1);
    this.#time.title = moment(request.ts_us);
    const { text, look } = statusOf(request);
    this.#status.textContent = text;
    this.#status.className = `tag ${look}`;
    this.#method.textContent = request.method;
    this.#path.textContent = readable(request.path);
    this.#query.textContent = request.query ? `?${readable(request.query)}` : '';
    this.#path.parentElement?.setAttribute('title', `${request.host}${request.path}${request.query ? `?${request.query}` : ''}`);
    const note = request.error && request.error !== 'client_disconnected' ? request.error.replaceAll('_', ' ') : '';
    this.#note.textContent = note;
    this.#note.hidden = note === '';
    this.#note.className = 'tag note err';
    this.#cache.textContent = request.cache.status ? request.cache.status.toUpperCase() : '–';
    this.#cache.className = request.cache.status ? `tag ${cacheLook(request.cache.status)}` : 'none';
    this.#cache.title = request.cache.reason;
    this.#drawBar(request);
    this.#total.textContent = duration(request.dur_us);
    const traced = request.trace_id !== null;
    if (traced !== this.#bolt.hasChildNodes()) {
      this.#bolt.replaceChildren(...(traced ? [icon('bolt'), h('span', { class: 'unseen' }, 'traced')] : []));
    }
  }

  /** @param {Vital[]} vitals */
  #tell(vitals) {
    const told = vitalsOf(vitals, SHOWN);
    const key = told.map(({ text }) => text).join();
    if (key === this.#told) return;
    this.#told = key;
    this.#vitals.replaceChildren(...told.map(({ text, look, says }) => h('span', { class: `tag ${look}`, title: says }, text, h('span', { class: 'unseen' }, `, ${says}`))));
  }

  /** @param {Request} request */
  #drawBar(request) {
    const failed = request.status >= 500 || request.status === 0;
    const phases = phasesOf(request).filter((phase) => phase.length > 0);
    const parts = joined(phases);
    const total = Math.max(1, request.dur_us);
    const bar = this.#bar;
    bar.style.width = `${(fill(request.dur_us) * 100).toFixed(1)}%`;
    while (bar.children.length > parts.length) bar.lastElementChild?.remove();
    while (bar.children.length < parts.length) bar.append(h('i'));
    parts.forEach(({ by, length }, index) => {
      const part = /** @type {HTMLElement} */ (bar.children[index]);
      part.className = by === 'app' && failed ? 'err' : by;
      part.style.flexGrow = String(Math.max(0.01, length / total));
    });
    this.#bar.parentElement?.setAttribute('title', phases.map((phase) => `${phase.name} ${duration(phase.length)}`).join('\n'));
  }
}

/** A status, and how it looks; never by its colour alone. @param {Pick<Request, 'status'>} request */
export function statusOf({ status }) {
  if (status === 0) return { text: 'gone', look: 'warn', says: 'The client left before there was an answer.' };
  const look = status >= 500 ? 'err' : status >= 400 ? 'warn' : status >= 200 && status < 300 ? 'ok' : '';
  return { text: String(status), look, says: '' };
}

/** @param {string} status */
export function cacheLook(status) {
  return { hit: 'ok', miss: 'warn', stale: 'accent', revalidated: 'accent' }[status] ?? '';
}
