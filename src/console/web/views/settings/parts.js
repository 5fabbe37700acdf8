// What the sections of the settings are made of.

import { h } from '../../dom.js';

/** @import { Child } from '../../dom.js' */
/** @import { Place } from '../../model/contract.js' */
/** @import { Settings } from '../../types/wire.d.ts' */
/** @import { Table } from '../../model/toml.js' */
/**
 * What a section is drawn from. `settings` and `config` are there for who may see them.
 * @typedef {object} Drawn
 * @property {Place} place
 * @property {HTMLElement} body
 * @property {AbortSignal} signal ends what is still asked for
 * @property {Settings} settings
 * @property {Table[]} config
 * @property {() => void} again draws it anew
 */

/** Names and values. @param {[string, Child | Child[]][]} pairs */
export function facts(pairs) {
  return h('dl', { class: 'facts-list' }, ...pairs.flatMap(([name, value]) => [h('dt', null, name), h('dd', null, ...[value].flat())]));
}

/**
 * @param {string} caption for the ear
 * @param {string[]} columns those that begin with `#` hold numbers
 * @param {Child[][]} rows
 */
export function table(caption, columns, rows) {
  const look = columns.map((column) => (column.startsWith('#') ? 'number' : ''));
  return h('div', { class: 'scroll', tabIndex: 0, role: 'region', 'aria-label': caption }, h('table', { class: 'table' }, h('caption', { class: 'unseen' }, caption),
    h('thead', null, h('tr', null, ...columns.map((column, index) => h('th', { scope: 'col', class: look[index] ?? '' }, column.replace('#', '') || h('span', { class: 'unseen' }, 'Action'))))),
    h('tbody', null, ...rows.map((row) => h('tr', null, ...row.map((child, index) => h('td', { class: look[index] ?? '' }, child)))))));
}

/**
 * A part of a whole.
 * @param {number} value
 * @param {number} most
 * @param {string} label
 * @param {string} [look]
 */
export function meter(value, most, label, look = '') {
  const part = h('i', { hidden: value <= 0 });
  part.style.width = `${Math.min(100, (value / Math.max(1, most)) * 100)}%`;
  return h('div', { class: `meter ${look}`, role: 'meter', 'aria-label': label, 'aria-valuemin': '0', 'aria-valuemax': String(Math.max(1, most)), 'aria-valuenow': String(Math.min(value, most)) }, part);
}

/** A setting by its name, as it stands in the file. @param {string} name */
export function named(name) {
  return h('code', { class: 'setting' }, name);
}

/** Nothing to show, and why. @param {string} title @param {string} text @param {...Child} more */
export function nothing(title, text, ...more) {
  return h('div', { class: 'state-page' }, h('h2', null, title), h('p', null, text), h('div', { class: 'row' }, ...more));
}
