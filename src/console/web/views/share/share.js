// Giving a trace away: a link to exactly this view for people who may sign in, a link or a file for those who may not, and
// files for other tools. First it says what is in it, and what of that is hidden in all of them.

import { copy, h, sheet, toast } from '../../dom.js';
import { dialog } from '../../elements/dialog.js';
import { count, moment } from '../../model/format.js';

await sheet('styles/share.css').catch(() => undefined);

/** @import { Api } from '../../model/contract.js' */
/** @typedef {'cookies' | 'tokens' | 'query' | 'headers' | 'people' | 'statements'} Kind */
/** @typedef {Record<Kind, number>} Contents */

/** What may be hidden, and whether it is unless somebody says otherwise. @type {[Kind, string, boolean][]} */
const KINDS = [
  ['cookies', 'Cookies', true], ['tokens', 'Tokens, keys, passwords', true], ['query', 'Values of queries', true],
  ['headers', 'All header fields', false], ['people', 'Addresses, browsers, names', false], ['statements', 'Database statements', false],
];

/** @type {[string, number][]} */
const LIVES = [['1 hour', 3600], ['1 day', 86_400], ['7 days', 7 * 86_400], ['30 days', 30 * 86_400]];

/** @type {['otlp' | 'har' | 'chrome', string, string][]} */
const FILES = [
  ['otlp', 'OpenTelemetry (OTLP JSON)', 'Waylight and any back end take it in again'],
  ['har', 'HAR', 'the requests, for a browser\u2019s developer tools'],
  ['chrome', 'Perfetto', 'for ui.perfetto.dev and chrome://tracing'],
];

/**
 * @param {{ api: Api, trace: string, link: () => string }} parts `link`: the address of exactly this view
 */
export function openShare({ api, trace, link }) {
  /** @type {Set<Kind>} */
  const hidden = new Set(KINDS.filter(([, , isHidden]) => isHidden).map(([kind]) => kind));
  const boxes = KINDS.map(([kind, label]) => {
    const number = h('span', { class: 'muted' });
    const box = h('input', { type: 'checkbox', checked: hidden.has(kind) });
    box.addEventListener('change', () => {
      if (box.checked) hidden.add(kind);
      else hidden.delete(kind);
      void preview();
    });
    return { kind, number, row: h('label', { class: 'sh-kind' }, box, h('span', null, label), number) };
  });
  const summary = h('p', { class: 'sh-summary', role: 'status' }, 'Looking through the trace\u2026');
  const life = h('select', { 'aria-label': 'How long the link lives' }, ...LIVES.map(([label, seconds]) => h('option', { value: String(seconds) }, label)));
  life.value = '86400';
  const result = h('div', { class: 'sh-result', role: 'status' });

  const ask = (/** @type {Record<string, unknown>} */ more) => api.post(`/traces/${trace}/share`, { redact: [...hidden], ...more });

  let turn = 0;
  async function preview() {
    const mine = ++turn;
    try {
      const told = /** @type {{ spans: number, requests: number, holds: Contents, shows: Contents }} */ (await ask({}));
      // What was chosen meanwhile is asked for by itself.
      if (mine !== turn) return;
      summary.setAttribute('role', 'status');
      let seen = 0;
      for (const { kind, number } of boxes) {
        const { [kind]: holds } = told.holds;
        const { [kind]: shows } = told.shows;
        seen += shows;
        number.textContent = holds === 0 ? 'none in it' : shows === 0 ? `${count(holds)} in it, hidden` : `${count(holds)} in it, ${count(shows)} seen`;
      }
      summary.textContent = `${count(told.spans)} spans, ${count(told.requests)} requests. ${seen === 0 ? 'Nothing of the kinds below is seen.' : `${count(seen)} of what stands below would be seen.`}`;
    } catch (error) {
      if (mine === turn) failed(error);
    }
  }

  async function makeLink() {
    try {
      const { path, expires_at: end } = /** @type {{ path: string, expires_at: number }} */ (await ask({ give: 'link', ttl: Number(life.value) }));
      const address = new URL(path, location.origin).href;
      const field = h('input', { type: 'text', readonly: true, value: address, 'aria-label': 'The link' });
      result.replaceChildren(h('div', { class: 'field' }, field), h('p', { class: 'muted' }, `Whoever has it sees the trace until ${moment(end * 1e6)}, or until your sign-in ends.`));
      await copy(result, address, 'Link copied');
      field.select();
    } catch (error) {
      failed(error);
    }
  }

  /** @param {unknown} error */
  function failed(error) {
    summary.textContent = error instanceof Error ? error.message : String(error);
    summary.setAttribute('role', 'alert');
  }

  async function saveHtml() {
    try {
      const answer = await api.file(`/traces/${trace}/share`, { body: { redact: [...hidden], give: 'file' } });
      save(await answer.blob(), `trace-${trace}.html`);
    } catch (error) {
      failed(error);
    }
  }

  /** @param {'otlp' | 'har' | 'chrome'} format */
  async function saveFile(format) {
    try {
      const answer = await api.file(`/traces/${trace}`, { query: { format, redact: [...hidden].join() } });
      const name = /filename="([^"]+)"/.exec(answer.headers.get('content-disposition') ?? '')?.[1];
      save(await answer.blob(), name ?? `trace-${trace}.json`);
    } catch (error) {
      failed(error);
    }
  }

  dialog({ title: 'Export and share', class: 'sh-dialog' },
    h('section', null, h('h3', null, 'For people who may sign in'), h('p', null, 'A link to exactly this span, view and filter.'),
      h('div', { class: 'row' }, h('button', { class: 'button', type: 'button', onclick: () => copy(document.body, link(), 'Link copied') }, 'Copy link'))),
    h('section', null, h('h3', null, 'What leaves'), summary,
      h('fieldset', { class: 'sh-kinds' }, h('legend', null, 'Hide'), ...boxes.map(({ row }) => row))),
    h('section', null, h('h3', null, 'For people without access'),
      h('div', { class: 'row' },
        h('button', { class: 'button primary', type: 'button', onclick: makeLink }, 'Make a link'), h('label', { class: 'row' }, 'that lives for', life),
        h('button', { class: 'button', type: 'button', onclick: saveHtml }, 'Save one HTML file')), result),
    h('section', null, h('h3', null, 'For other tools'), h('p', null, 'What is hidden above is hidden in these files, too.'),
      h('ul', { class: 'sh-files' }, ...FILES.map(([format, label, use]) => h('li', null,
        h('button', { class: 'button', type: 'button', onclick: () => saveFile(format) }, label), h('span', { class: 'muted' }, use))))));
  void preview();
}

/** @param {Blob} blob @param {string} name */
function save(blob, name) {
  const address = URL.createObjectURL(blob);
  h('a', { href: address, download: name }).click();
  document.body.dispatchEvent(toast(`${name} saved`));
  // The download has begun when the next task runs.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
