// Links that have a visitor traced, once he agrees: made, listed while they can be used, and ended.

import { copy, h, toast } from '../../dom.js';
import { dialog } from '../../elements/dialog.js';
import { duration } from '../../model/format.js';

/** @import { Place } from '../../model/contract.js' */
/** @import { TraceLinkMade, TraceLinks } from '../../types/wire.d.ts' */

export class Links {
  #place;
  element = h('section', { class: 'block', hidden: true, 'aria-labelledby': 'links-title' });
  /** Opens the dialog; nothing where one may not. @type {HTMLButtonElement | null} */
  button;

  /** @param {Place} place */
  constructor(place) {
    this.#place = place;
    this.button = this.#may ? h('button', { class: 'button small', type: 'button', onclick: () => this.#wish() }, 'Trace a visitor…') : null;
  }

  get #may() {
    return this.#place.me.may.includes('invite');
  }

  async ask() {
    if (!this.#may) return;
    try {
      /** @type {TraceLinks} */
      const { items } = await this.#place.api.get('/trace-links');
      this.#draw(items);
    } catch {
      // The list above says what is wrong.
    }
  }

  /** @param {TraceLinks['items']} items */
  #draw(items) {
    this.element.hidden = items.length === 0;
    const end = async (/** @type {string} */ id) => {
      try {
        await this.#place.api.delete(`/trace-links/${id}`);
        this.element.dispatchEvent(toast('The link does not work any more'));
      } catch (error) {
        this.element.dispatchEvent(toast(error instanceof Error ? error.message : String(error), 'error'));
      }
      await this.ask();
    };
    this.element.replaceChildren(h('h2', { id: 'links-title' }, 'Links that nobody has used yet'),
      h('table', { class: 'table' },
        h('thead', null, h('tr', null, ...['Opens', 'At', 'By', 'Works for another', ''].map((label) => h('th', { scope: 'col' }, label || h('span', { class: 'unseen' }, 'End'))))),
        h('tbody', null, ...items.map(({ id, path, host, person, mine, expires_at }) => h('tr', null,
          h('td', { class: 'mono' }, path), h('td', null, host), h('td', null, mine ? 'you' : person), h('td', null, duration(Math.max(0, expires_at * 1e6 - Date.now() * 1e3))),
          h('td', { class: 'number' }, h('button', { class: 'button small', type: 'button', 'aria-label': `End the link to ${path}`, onclick: () => void end(id) }, 'End')))))));
  }

  #wish() {
    const { api } = this.#place;
    const field = (/** @type {string} */ id, /** @type {string} */ label, /** @type {import('../../dom.js').Props} */ props) =>
      [h('label', { htmlFor: id }, label), h('span', { class: 'field' }, h('input', { id, autocomplete: 'off', spellcheck: 'false', ...props }))];
    const fault = h('p', { class: 'fault', role: 'alert' });
    const form = h('form', { class: 'form', onsubmit: async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const value = (/** @type {string} */ id) => /** @type {HTMLInputElement | null} */ (form.querySelector(`#${id}`))?.value.trim() ?? '';
      const minutes = Number(value('link-minutes'));
      const requests = Number(value('link-requests'));
      try {
        /** @type {TraceLinkMade} */
        const { url } = await api.post('/trace-links', {
          path: value('link-path') || '/', ...(value('link-site') ? { site: value('link-site') } : {}),
          ...(minutes > 0 ? { seconds: Math.round(minutes * 60) } : {}), ...(requests > 0 ? { requests_max: Math.round(requests) } : {}),
        });
        made(url);
      } catch (error) {
        fault.textContent = error instanceof Error ? error.message : String(error);
      }
    } },
    h('p', null, 'Makes a link for whoever should show you a problem. It works once, within minutes. The visitor sees what is recorded, and is traced only if he agrees.'),
    h('div', { class: 'fields' },
      field('link-path', 'Opens the page', { placeholder: '/', value: '/', required: true }),
      field('link-site', 'At the site', { placeholder: 'this one', inputmode: 'url' }),
      field('link-minutes', 'Minutes traced', { type: 'number', min: '1', placeholder: 'as many as are allowed' }),
      field('link-requests', 'Requests, at most', { type: 'number', min: '1', placeholder: 'as many as are allowed' })),
    fault, h('div', { class: 'row' }, h('button', { class: 'button primary' }, 'Make the link')));
    const body = h('div', { class: 'dialog-body' }, form);
    dialog({ title: 'Trace a visitor', class: 'confirm' }, body);
    const made = (/** @type {string} */ url) => {
      const take = h('button', { class: 'button primary', type: 'button', onclick: () => void copy(take, url, 'Link copied') }, 'Copy the link');
      body.replaceChildren(h('p', null, 'Send this to the visitor. It is shown only now. His session then stands in the list, under your name.'),
        h('pre', { class: 'link' }, url), h('div', { class: 'row' }, take));
      take.focus();
      void this.ask();
    };
    /** @type {HTMLInputElement | null} */ (form.querySelector('input'))?.select();
  }
}
