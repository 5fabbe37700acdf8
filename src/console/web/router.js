// The address bar: it holds everything that is shown, so that a link shows somebody else the same.

/** @import { Router as Contract } from './model/contract.js' */

const BASE = '/_waylight';

/** Where links of the console lead; everything else below `/_waylight/` is a page or a file of its own. */
const SCREENS = /^\/_waylight\/(?:$|(?:logs|t|sessions|compare|settings)(?:\/|$))/;

/** @implements {Contract} */
export class Router {
  path = '/';
  /** @type {Readonly<Record<string, string | undefined>>} */
  query = {};
  logs = '/logs';
  /** @type {Set<() => void>} */
  #listening = new Set();

  constructor() {
    this.#read();
    addEventListener('popstate', () => this.#moved());
    document.addEventListener('click', (event) => this.#clicked(event));
  }

  /** @param {Record<string, string | null>} params */
  replace(params) {
    const next = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(params)) {
      if (value === null) next.delete(name);
      else next.set(name, value);
    }
    // Readable: what a query may hold as it is stays as it is.
    const text = next.toString().replaceAll('%3A', ':').replaceAll('%2F', '/').replaceAll('%2C', ',').replaceAll('%3E', '>');
    if (text === location.search.slice(1)) return;
    history.replaceState(history.state, '', `${location.pathname}${text ? `?${text}` : ''}`);
    this.#moved();
  }

  /** @param {string} path */
  push(path) {
    const to = this.href(path);
    if (to !== location.pathname + location.search) history.pushState(null, '', to);
    this.#moved();
  }

  /** Another address instead of this one: of the same thing. @param {string} path */
  put(path) {
    history.replaceState(null, '', this.href(path));
    this.#moved();
  }

  /** @param {() => void} listener */
  listen(listener) {
    this.#listening.add(listener);
    return () => void this.#listening.delete(listener);
  }

  /** @param {string} path */
  href(path) {
    return BASE + path;
  }

  #read() {
    this.path = location.pathname.startsWith(BASE) ? location.pathname.slice(BASE.length) || '/' : '/';
    this.query = Object.fromEntries(new URLSearchParams(location.search));
    if (/^\/logs(\/|$)/.test(this.path)) this.logs = this.path + location.search;
  }

  #moved() {
    this.#read();
    for (const listener of [...this.#listening]) listener();
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement);
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute('download') || link.hash) return;
    const url = new URL(link.href, location.href);
    if (url.origin !== location.origin || !SCREENS.test(url.pathname)) return;
    event.preventDefault();
    this.push(url.pathname.slice(BASE.length) + url.search);
  }
}
