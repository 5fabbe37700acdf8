// The search: what may come next is offered while somebody writes; what cannot be read is told of, with its place.

import { h } from '../../dom.js';
import { icon } from '../../icons.js';
import { place } from '../../elements/menu.js';
import { complete, suggestions, wholeId } from '../../model/find.js';

/** @import { Suggestion } from '../../model/find.js' */

/** Somebody who writes on is not searched for. */
const PAUSE_MS = 250;

export class Search {
  #input = h('input', {
    type: 'text', role: 'combobox', 'aria-expanded': 'false', 'aria-controls': 'search-list', 'aria-autocomplete': 'list', 'aria-label': 'Search requests',
    placeholder: 'status:5xx path:/api/* >200ms cache:miss', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', maxlength: '2048',
  });
  #list = h('div', { class: 'menu search-list', role: 'listbox', id: 'search-list', 'aria-label': 'Suggestions', popover: 'manual' });
  #fault = h('div', { class: 'search-fault', role: 'alert', id: 'search-fault', hidden: true });
  #clear = h('button', { class: 'icon-button clear', type: 'button', 'aria-label': 'Clear the search', hidden: true }, icon('close'));
  #field = h('label', { class: 'field search' }, icon('search'), this.#input, this.#clear, h('kbd', { 'aria-hidden': 'true' }, '/'));
  element = h('div', { class: 'search-box' }, this.#field, this.#list, this.#fault);
  /** @type {Suggestion[]} */
  #offered = [];
  #at = -1;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pause;
  #changed;
  #seen;

  /**
   * @param {(text: string) => void} changed
   * @param {(field: string) => string[]} seen values of a field that stand in the list
   */
  constructor(changed, seen) {
    this.#changed = changed;
    this.#seen = seen;
    const input = this.#input;
    input.addEventListener('input', () => {
      this.#offer();
      this.#later();
    });
    input.addEventListener('focus', () => this.#offer());
    input.addEventListener('click', () => this.#offer());
    input.addEventListener('blur', () => {
      this.#close();
      // Whoever goes elsewhere has written all of it; later, the address is another screen's.
      if (this.#pause !== undefined) this.#now();
    });
    input.addEventListener('keydown', (event) => this.#pressed(event));
    this.#clear.addEventListener('click', () => {
      this.text = '';
      this.#now();
      input.focus();
    });
  }

  get text() {
    return this.#input.value;
  }

  set text(text) {
    if (text !== this.#input.value) this.#input.value = text;
    this.#clear.hidden = text === '';
  }

  focus() {
    this.#input.focus();
    this.#input.select();
  }

  /** What is wrong with the search, and at which letter; null: nothing. @param {{ message: string, at?: number | undefined } | null} fault */
  tell(fault) {
    this.#field.classList.toggle('wrong', fault !== null);
    this.#fault.hidden = fault === null;
    if (fault === null) {
      this.#input.removeAttribute('aria-invalid');
      this.#input.removeAttribute('aria-describedby');
      this.#fault.replaceChildren();
      return;
    }
    this.#input.setAttribute('aria-invalid', 'true');
    this.#input.setAttribute('aria-describedby', 'search-fault');
    const text = this.text;
    const at = fault.at ?? 0;
    this.#fault.replaceChildren(
      h('code', null, text.slice(Math.max(0, at - 24), at), h('mark', null, text.slice(at).split(/\s/)[0] || ' ')),
      h('span', null, fault.message),
    );
  }

  #later() {
    this.#clear.hidden = this.text === '';
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.#now(), PAUSE_MS);
  }

  #now() {
    clearTimeout(this.#pause);
    this.#pause = undefined;
    this.#changed(this.text);
  }

  #offer() {
    this.#offered = suggestions(this.text, this.#input.selectionStart ?? this.text.length, this.#seen);
    this.#at = -1;
    if (this.#offered.length === 0) return this.#close();
    this.#list.replaceChildren(...this.#offered.map(({ label, hint }, index) =>
      h('div', { role: 'option', id: `suggestion-${index}`, 'aria-selected': 'false',
        onpointerdown: (/** @type {Event} */ event) => {
          event.preventDefault();
          this.#take(index);
        } },
      h('code', null, label), h('span', { class: 'hint' }, hint))));
    if (!this.#list.matches(':popover-open')) this.#list.showPopover();
    place(this.#list, this.#field);
    this.#input.setAttribute('aria-expanded', 'true');
    this.#input.removeAttribute('aria-activedescendant');
  }

  #close() {
    if (this.#list.matches(':popover-open')) this.#list.hidePopover();
    this.#input.setAttribute('aria-expanded', 'false');
    this.#input.removeAttribute('aria-activedescendant');
    this.#at = -1;
  }

  /** @param {number} index */
  #take(index) {
    const chosen = this.#offered[index];
    if (!chosen) return;
    const { text, at } = complete(this.text, this.#input.selectionStart ?? this.text.length, chosen.insert);
    this.#input.value = text;
    this.#input.setSelectionRange(at, at);
    this.#offer();
    this.#later();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const open = this.#list.matches(':popover-open');
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (!open) this.#offer();
      const count = this.#offered.length;
      if (count === 0) return;
      this.#at = event.key === 'ArrowDown' ? (this.#at + 1) % count : (this.#at + count - (this.#at < 0 ? 0 : 1)) % count;
      [...this.#list.children].forEach((item, index) => item.setAttribute('aria-selected', String(index === this.#at)));
      this.#input.setAttribute('aria-activedescendant', `suggestion-${this.#at}`);
      this.#list.children[this.#at]?.scrollIntoView({ block: 'nearest' });
    } else if ((event.key === 'Enter' || event.key === 'Tab') && open && this.#at >= 0) this.#take(this.#at);
    else if (event.key === 'Enter') {
      // What was copied out of a log: a trace is what the first suggestion says.
      const id = wholeId(this.text);
      if (id) this.text = `trace:${id}`;
      this.#close();
      this.#now();
    } else if (event.key === 'Escape') {
      if (open) this.#close();
      else this.#input.blur();
      event.stopPropagation();
    } else return;
    event.preventDefault();
  }
}
