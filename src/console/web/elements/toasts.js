// Short messages in a corner. What went wrong stays until it is closed: it may have to be read twice.

import { h } from '../dom.js';
import { icon } from '../icons.js';

/** @import { ToastEvent, ToastKind } from '../model/contract.js' */

const STAYS_MS = 4000;
const SHOWN_MAX = 4;

export class Toasts extends HTMLElement {
  #said = h('div', { role: 'status', class: 'toast-list' });
  #failed = h('div', { role: 'alert', class: 'toast-list' });

  connectedCallback() {
    this.append(this.#failed, this.#said);
    document.addEventListener('wl-toast', (event) => {
      const { text, kind } = /** @type {ToastEvent} */ (event).detail;
      this.show(text, kind);
    });
  }

  /**
   * @param {string} text
   * @param {ToastKind} [kind]
   */
  show(text, kind = 'status') {
    const list = kind === 'error' ? this.#failed : this.#said;
    const close = h('button', { class: 'icon-button', 'aria-label': 'Dismiss', type: 'button' }, icon('close'));
    const toast = h('div', { class: `toast ${kind}` }, icon(kind === 'error' ? 'warn' : 'check'), h('span', null, text), close);
    close.addEventListener('click', () => toast.remove());
    list.append(toast);
    while (list.children.length > SHOWN_MAX) list.firstElementChild?.remove();
    if (kind === 'status') setTimeout(() => toast.remove(), STAYS_MS);
  }
}

customElements.define('wl-toasts', Toasts);
