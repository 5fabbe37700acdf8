// Making elements. Texts are always texts: nothing here, or anywhere in the console, reads markup.

/** @import { ToastEvent, ToastKind } from './model/contract.js' */
/** @typedef {Node | string | number | null | undefined | false} Child */
/** @typedef {Record<string, unknown>} Props */

/**
 * An element. Of `props`, what begins with `on` is listened to (`onclick`), what is a property of the element is set
 * (`hidden`, `disabled`, `value`, `textContent`), and everything else becomes an attribute.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Props | null} [props]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) put(element, name, value);
  append(element, children);
  return element;
}

const PROPERTIES = new Set(['hidden', 'disabled', 'value', 'checked', 'textContent', 'tabIndex', 'htmlFor', 'open', 'className']);

/**
 * @param {HTMLElement} element
 * @param {string} name
 * @param {unknown} value
 */
function put(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith('on') && typeof value === 'function') {
    element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
  } else if (PROPERTIES.has(name)) Reflect.set(element, name, value);
  else element.setAttribute(name === 'class' ? 'class' : name, value === true ? '' : String(value));
}

/**
 * @param {Node} parent
 * @param {(Child | Child[])[]} children
 */
export function append(parent, children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    parent.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

const SVG = 'http://www.w3.org/2000/svg';

/**
 * An element of SVG.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {...SVGElement} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/**
 * An event by which any element asks for a toast.
 * @param {string} text
 * @param {ToastKind} [kind]
 * @returns {ToastEvent}
 */
export function toast(text, kind = 'status') {
  return new CustomEvent('wl-toast', { bubbles: true, composed: true, detail: { text, kind } });
}

/**
 * Copies a text, and says so.
 * @param {EventTarget} from
 * @param {string} text
 * @param {string} said
 */
export async function copy(from, text, said) {
  try {
    // Over plain HTTP there is no such thing.
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyBySelection(text);
    from.dispatchEvent(toast(said));
  } catch {
    from.dispatchEvent(toast('The browser did not let this be copied.', 'error'));
  }
}

/** @param {string} text */
function copyBySelection(text) {
  const field = h('textarea', { value: text, class: 'unseen', 'aria-hidden': 'true' });
  const focused = document.activeElement;
  // Beside an open dialog nothing can be selected.
  ([...document.querySelectorAll('dialog:modal')].at(-1) ?? document.body).append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  if (!done) throw new Error('not copied');
}

/** @type {Map<string, Promise<void>>} */
const sheets = new Map();

/**
 * A style sheet of the console, loaded once: `styles/trace.css`. Resolves when it counts.
 * @param {string} name
 */
export function sheet(name) {
  const href = new URL(name, import.meta.url).href;
  const known = sheets.get(href);
  if (known) return known;
  const loading = new Promise((/** @type {(value?: undefined) => void} */ resolve, reject) => {
    const link = h('link', { rel: 'stylesheet', href, onload: () => resolve(), onerror: () => reject(new Error(`${name} did not load`)) });
    document.head.append(link);
  });
  sheets.set(href, loading);
  return loading;
}
