// A menu below a button: arrow keys, Home, End, first letters; closed by Escape or a click elsewhere (the browser's own
// popover), which also returns the focus.

import { h } from '../dom.js';

/** @import { Child } from '../dom.js' */
/** @typedef {{ label: Child, hint?: Child, checked?: boolean, run: () => void } | { text: string } | 'line'} Item */

/**
 * A button that opens a menu. `items` is asked each time it opens.
 * @param {HTMLButtonElement} button
 * @param {string} label for the ear
 * @param {() => Item[]} items
 */
export function menu(button, label, items) {
  const list = h('div', { class: 'menu', role: 'menu', 'aria-label': label, popover: 'auto' });
  button.setAttribute('aria-haspopup', 'menu');
  button.setAttribute('aria-expanded', 'false');
  button.after(list);
  const entries = () => /** @type {HTMLElement[]} */ ([...list.querySelectorAll('[role^="menuitem"]')]);
  list.addEventListener('toggle', (event) => {
    const isOpen = event.newState === 'open';
    button.setAttribute('aria-expanded', String(isOpen));
    if (isOpen) (entries().find((entry) => entry.getAttribute('aria-checked') === 'true') ?? entries()[0])?.focus();
  });
  list.addEventListener('keydown', (event) => {
    if (event.key === 'Tab') list.hidePopover();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const all = entries();
    const at = all.findIndex((entry) => entry === document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    const to = next === undefined
      ? [...all.slice(at + 1), ...all.slice(0, at + 1)].find((entry) => event.key.length === 1 && entry.textContent?.toLowerCase().startsWith(event.key.toLowerCase()))
      : all[(next + all.length) % all.length];
    // What means nothing here is the browser's: the space bar presses the entry.
    if (!to) return;
    event.preventDefault();
    event.stopPropagation();
    to.focus();
  });
  button.addEventListener('click', () => {
    if (list.matches(':popover-open')) return list.hidePopover();
    list.replaceChildren(...items().map((item) => entry(item, () => list.hidePopover())));
    list.showPopover();
    place(list, button);
  });
  return list;
}

/**
 * @param {Item} item
 * @param {() => void} close
 */
function entry(item, close) {
  if (item === 'line') return h('hr');
  if ('text' in item) return h('div', { class: 'text' }, item.text);
  const { label, hint, checked, run } = item;
  return h('button', {
    type: 'button', role: checked === undefined ? 'menuitem' : 'menuitemradio', 'aria-checked': checked === undefined ? null : String(checked),
    onclick: () => {
      close();
      run();
    },
  }, h('span', null, label), hint || checked ? h('span', { class: 'hint' }, hint ?? '✓') : null);
}

/**
 * Puts a popover below what it belongs to, within the window.
 * @param {HTMLElement} list
 * @param {HTMLElement} at
 */
export function place(list, at) {
  const box = at.getBoundingClientRect();
  const left = Math.max(8, Math.min(box.left, innerWidth - list.offsetWidth - 8));
  const below = box.bottom + 5;
  const top = below + list.offsetHeight > innerHeight - 8 ? Math.max(8, box.top - list.offsetHeight - 5) : below;
  list.style.position = 'fixed';
  list.style.left = `${left}px`;
  list.style.top = `${top}px`;
}
