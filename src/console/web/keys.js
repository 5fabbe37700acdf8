// The keyboard: one listener, and what each key does where one is. Single letters can be switched off, since speech and
// a slip of the hand press them, too (WCAG 2.1.4).

/** @import { Binding, Keys as Contract } from './model/contract.js' */

const SWITCH = 'waylight.letters';

/** Whether keys are called as Apple calls them, and what the one that makes a chord is called. */
export const APPLE = /Mac|iP(hone|ad)/.test(navigator.platform);
export const MOD = APPLE ? '\u2318' : 'Ctrl';

/** @implements {Contract} */
export class Keys {
  /** @type {Binding[]} */
  #bindings = [];
  /** @type {(() => void)[]} */
  #escapes = [];

  constructor() {
    addEventListener('keydown', (event) => this.#pressed(event));
  }

  /** @param {Binding[]} bindings */
  add(bindings) {
    this.#bindings.push(...bindings);
    return () => void (this.#bindings = this.#bindings.filter((binding) => !bindings.includes(binding)));
  }

  /** @param {() => void} close */
  escape(close) {
    this.#escapes.push(close);
    return () => void (this.#escapes = this.#escapes.filter((other) => other !== close));
  }

  /** All that counts now, for the help: of two with one key, the later. */
  get bindings() {
    return this.#bindings;
  }

  /** Whether single letters count. */
  get letters() {
    return localStorage.getItem(SWITCH) !== 'off';
  }

  set letters(count) {
    localStorage.setItem(SWITCH, count ? 'on' : 'off');
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.defaultPrevented || event.isComposing) return;
    const name = nameOf(event);
    // What the browser itself shows above the page, it closes itself.
    const above = document.querySelector('dialog[open], [popover="auto"]:popover-open');
    if (name === 'Escape') {
      if (above) return;
      const close = this.#escapes.at(-1);
      if (close) {
        event.preventDefault();
        close();
      }
      return;
    }
    const chord = name.startsWith('mod+');
    if (!chord && (isTyping(event) || above)) return;
    if (!chord && [...event.key].length === 1 && event.key !== ' ' && !this.letters) return;
    for (const binding of this.#bindings.toReversed()) {
      if (![binding.keys].flat().includes(name)) continue;
      if (binding.run(event) === false) continue;
      event.preventDefault();
      return;
    }
  }
}

/** A key as bindings name it. @param {KeyboardEvent} event */
export function nameOf(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.altKey) return `alt+${key}`;
  if (event.metaKey || event.ctrlKey) return `mod+${event.shiftKey ? 'shift+' : ''}${key}`;
  // What is typed with Shift, as `?`, is a key of its own.
  const shifted = event.shiftKey && (event.key.length > 1 || event.key.toLowerCase() !== event.key.toUpperCase());
  return shifted ? `shift+${key}` : key;
}

/** Whether somebody writes. @param {KeyboardEvent} event */
function isTyping(event) {
  const target = event.composedPath()[0];
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !['checkbox', 'radio', 'button', 'range'].includes(target.type);
  return target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}
