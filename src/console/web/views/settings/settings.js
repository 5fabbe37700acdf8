// The settings: how Waylight works now, who there is, what the month has left. Sections on the left, one of them open.

import { h, sheet } from '../../dom.js';
import { tables } from '../../model/toml.js';
import { appearance } from './appearance.js';
import { audit } from './audit.js';
import { configuration } from './configuration.js';
import { cache, exports, keeping, redaction, upstreams } from './machine.js';
import { nothing } from './parts.js';
import { people } from './people.js';
import { quota } from './quota.js';

/** @import { Opened, Place } from '../../model/contract.js' */
/** @import { Me, Settings as Told } from '../../types/wire.d.ts' */
/** @import { Drawn } from './parts.js' */
/** @typedef {{ title: string, may: string, draw: (drawn: Drawn) => void | Promise<void> }} Section */

/** Sections by their part of the address, with what one must be allowed to for each. @type {Record<string, Section>} */
const SECTIONS = {
  quota: { title: 'Quota', may: 'read', draw: quota },
  keeping: { title: 'Retention', may: 'settings', draw: keeping },
  redaction: { title: 'Redaction', may: 'settings', draw: redaction },
  people: { title: 'People', may: 'read', draw: people },
  exports: { title: 'Export', may: 'settings', draw: exports },
  upstreams: { title: 'Upstreams', may: 'settings', draw: upstreams },
  cache: { title: 'Cache', may: 'settings', draw: cache },
  configuration: { title: 'Configuration', may: 'settings', draw: configuration },
  audit: { title: 'Audit log', may: 'audit', draw: audit },
  appearance: { title: 'Appearance', may: 'read', draw: appearance },
};

/** @param {Place} place @returns {Promise<Opened>} */
export async function open(place) {
  await sheet('styles/screens.css');
  const screen = new SettingsScreen(place);
  return { close: () => screen.close(), moved: (rest) => screen.moved(rest) };
}

class SettingsScreen {
  #place;
  #nav = h('nav', { class: 'sections', 'aria-label': 'Settings' });
  #body = h('section', { class: 'page section', tabIndex: 0 });
  #asking = new AbortController();
  #shown = '';

  /** @param {Place} place */
  constructor(place) {
    this.#place = place;
    place.main.replaceChildren(h('div', { class: 'settings-body' }, this.#nav, this.#body));
    this.moved(place.rest);
  }

  close() {
    this.#asking.abort();
  }

  /** @param {string[]} rest */
  moved([name = 'quota']) {
    if (name === this.#shown) return;
    this.#shown = name;
    const { router, me } = this.#place;
    this.#nav.replaceChildren(...Object.entries(SECTIONS).filter(([, { may }]) => me.may.includes(may)).map(([key, { title }]) =>
      h('a', { href: router.href(`/settings/${key}`), 'aria-current': key === name ? 'page' : null }, title)));
    this.#nav.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    void this.#draw(name);
  }

  /** @param {string} name */
  async #draw(name) {
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    const { api, me, title } = this.#place;
    const section = SECTIONS[name];
    if (!section) return this.#body.replaceChildren(h('h1', null, 'Settings'), nothing('There is no such section', 'Choose one of those that are listed.'));
    title(section.title);
    this.#body.setAttribute('aria-label', section.title);
    if (!me.may.includes(section.may)) return this.#body.replaceChildren(h('h1', null, section.title), forbidden(me));
    const body = h('div', { class: 'section-body' });
    this.#body.replaceChildren(h('h1', null, section.title), body);
    this.#body.scrollTop = 0;
    this.#body.setAttribute('aria-busy', 'true');
    try {
      /** @type {Told} */
      const settings = me.may.includes('settings') ? await api.get('/settings', { signal }) : EMPTY;
      if (signal.aborted) return;
      await section.draw({ place: this.#place, body, signal, settings, config: tables(settings.config), again: () => void this.#draw(name) });
    } catch (error) {
      if (signal.aborted) return;
      body.replaceChildren(nothing('This cannot be shown now', error instanceof Error ? error.message : String(error),
        h('button', { class: 'button', type: 'button', onclick: () => void this.#draw(name) }, 'Try again')));
    }
    if (!signal.aborted) this.#body.removeAttribute('aria-busy');
  }
}

/** @type {Told} */
const EMPTY = { config: '', processes: [], endpoints: [], store: null, receiver: null, exports: [] };

/** What one may not see here, and who or where one may. @param {Me} me */
function forbidden({ role, elsewhere }) {
  const why = elsewhere ?? `You are signed in as ${role}. An admin sees this: how Waylight works, whom it lets in, and who did what.`;
  return nothing('Not for you to see here', `${why[0]?.toUpperCase()}${why.slice(1)}`);
}
