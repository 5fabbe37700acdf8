// The bar above the list: search, lightning, my browser, chips, time, Live.

import { h } from '../../dom.js';
import { icon } from '../../icons.js';
import { menu } from '../../elements/menu.js';
import { toggled } from '../../model/find.js';
import { RANGES, rangeLabel, rangeOf } from '../../model/range.js';
import { Search } from './search.js';

/** @import { Live, Router } from '../../model/contract.js' */
/** @import { Item } from '../../elements/menu.js' */

/** Filters that a click adds to the search. */
const QUICK = /** @type {const} */ ([
  ['Server errors', 'status:5xx'], ['Any error', 'status:error'], ['Client errors', 'status:4xx'], ['Slower than 200 ms', '>200ms'],
  ['Slower than 1 s', '>1s'], ['Cache misses', 'cache:miss'], ['Cache hits', 'cache:hit'], ['Writes', '-method:GET'],
]);

export class Filters {
  #router;
  #stream;
  #traced = toggle('bolt', 'Traced requests only (T)', () => this.flip('traced', '1'));
  #mine = toggle('person', 'My browser only (M)', () => this.flip('browser', 'me'));
  #chips = h('span', { class: 'chips' });
  #more = h('button', { class: 'button small', type: 'button' }, icon('plus'), 'Filter');
  #range = h('button', { class: 'button small range', type: 'button' });
  #live = h('button', { class: 'button small live', type: 'button', onclick: () => this.flip('paused', '1') });
  search;
  element;

  /**
   * @param {Router} router
   * @param {Live} stream
   * @param {(field: string) => string[]} seen
   */
  constructor(router, stream, seen) {
    this.#router = router;
    this.#stream = stream;
    this.search = new Search((text) => router.replace({ q: text.trim() === '' ? null : text.trim() }), seen);
    this.element = h('div', { class: 'filters', role: 'search', 'aria-label': 'Filters' },
      this.search.element, this.#traced, this.#mine, this.#chips, h('span', { class: 'menu-place' }, this.#more),
      h('span', { class: 'push' }), h('span', { class: 'menu-place' }, this.#range), this.#live);
    menu(this.#more, 'Filters', () => QUICK.map(([label, term]) => ({ label, hint: h('code', null, term), run: () => this.#addTerm(term) })));
    menu(this.#range, 'Time range', () => this.#ranges());
    this.draw();
  }

  /** As the address says. */
  draw() {
    const { query } = this.#router;
    if (document.activeElement !== this.search.element.querySelector('input')) this.search.text = query['q'] ?? '';
    this.#traced.setAttribute('aria-pressed', String(query['traced'] === '1'));
    this.#mine.setAttribute('aria-pressed', String(query['browser'] === 'me'));
    this.#range.replaceChildren(icon('clock'), rangeLabel(query));
    const { slides } = rangeOf(query, 0);
    const live = slides && query['paused'] !== '1';
    this.#live.replaceChildren(h('i', { class: !live ? 'pulse off' : this.#stream.state === 'open' ? 'pulse' : 'pulse wait' }), live ? 'Live' : slides ? 'Paused' : 'Not live', h('kbd', null, 'P'));
    this.#live.disabled = !slides;
    this.#live.setAttribute('aria-pressed', String(live));
    this.#live.title = slides ? '' : 'A fixed time does not go on. Choose one that does.';
    this.#chips.replaceChildren(...(/** @type {const} */ (['session', 'page', 'trace'])).flatMap((name) => {
      const id = query[name];
      if (!id) return [];
      const label = name === 'page' ? 'page view' : name;
      const close = h('button', { class: 'icon-button', type: 'button', 'aria-label': `Remove the filter: ${label}`, onclick: () => this.#router.replace({ [name]: null }) }, icon('close'));
      return [h('span', { class: 'chip' }, label, h('b', { class: 'mono', title: id }, id.slice(0, 6)), close)];
    }));
  }

  /** Switches a filter on or off. @param {string} name @param {string} value */
  flip(name, value) {
    this.#router.replace({ [name]: this.#router.query[name] === value ? null : value });
  }

  /** @param {string} term */
  #addTerm(term) {
    const text = toggled(this.#router.query['q'] ?? '', term);
    this.search.text = text;
    this.#router.replace({ q: text || null });
  }

  /** @returns {Item[]} */
  #ranges() {
    const { query } = this.#router;
    const { slides } = rangeOf(query, 0);
    return RANGES.map(({ word, label }, index) => ({
      label, checked: slides && (query['range'] ?? RANGES[0].word) === word,
      run: () => this.#router.replace({ range: index === 0 ? null : word, from: null, to: null }),
    }));
  }
}

/**
 * @param {'bolt' | 'person'} name
 * @param {string} label
 * @param {() => void} run
 */
function toggle(name, label, run) {
  return h('button', { class: `icon-button toggle ${name}`, type: 'button', 'aria-pressed': 'false', 'aria-label': label.replace(/ \(.*/, ''), title: label, onclick: run }, icon(name));
}
