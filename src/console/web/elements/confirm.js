// A question before something that cannot be undone: what will happen, and a button that says what it does.

import { h, toast } from '../dom.js';
import { dialog } from './dialog.js';

/**
 * Asks, and does it. While it is done nothing else can be pressed; what went wrong is said in the dialog.
 * @param {{ title: string, text: string, label: string, done: string, run: () => Promise<unknown> }} question `done`: what is
 *   said afterwards
 * @returns {Promise<boolean>} whether it was done
 */
export function confirm({ title, text, label, done, run }) {
  return new Promise((resolve) => {
    let isDone = false;
    const fault = h('p', { class: 'fault', role: 'alert' });
    const no = h('button', { class: 'button', type: 'button', onclick: () => close() }, 'Cancel');
    const yes = h('button', { class: 'button danger', type: 'button', onclick: async () => {
      yes.disabled = true;
      try {
        await run();
        isDone = true;
        close();
        document.dispatchEvent(toast(done));
      } catch (error) {
        yes.disabled = false;
        fault.textContent = error instanceof Error ? error.message : String(error);
      }
    } }, label);
    const close = dialog({ title, class: 'confirm', closed: () => resolve(isDone) }, h('p', null, text), fault, h('div', { class: 'row' }, no, yes));
    no.focus();
  });
}
