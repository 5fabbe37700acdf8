// A modal dialog with a title: closed by Escape, its cross, or a click beside it; focus goes back where it was.

import { h } from '../dom.js';
import { icon } from '../icons.js';

/** @import { Child } from '../dom.js' */

/**
 * Opens a dialog. Gives what closes it.
 * @param {{ title: string, class?: string, bare?: boolean, closed?: () => void }} options `bare`: the title is for the ear only
 * @param {...Child} children
 */
export function dialog(options, ...children) {
  const focused = document.activeElement;
  const cross = h('button', { class: 'icon-button', type: 'button', 'aria-label': 'Close' }, icon('close'));
  const head = options.bare
    ? h('h2', { class: 'unseen', id: 'dialog-title' }, options.title)
    : h('div', { class: 'dialog-head' }, h('h2', { id: 'dialog-title' }, options.title), cross);
  const box = h('dialog', { class: `dialog ${options.class ?? ''}`, 'aria-labelledby': 'dialog-title' }, head, ...children);
  cross.addEventListener('click', () => box.close());
  box.addEventListener('click', (event) => {
    if (event.target === box) box.close();
  });
  box.addEventListener('close', () => {
    box.remove();
    if (focused instanceof HTMLElement) focused.focus();
    options.closed?.();
  });
  document.body.append(box);
  box.showModal();
  return () => box.close();
}
