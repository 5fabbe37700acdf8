// What stands where there are no rows: the first run, a filter that leaves none, a failure. Never a blank page.

import { copy, h, toast } from '../../dom.js';
import { icon } from '../../icons.js';
import { count, things } from '../../model/format.js';

/** @import { Place } from '../../model/contract.js' */

/** What each condition is called, and how it is undone. @type {Record<string, { title: string, kept: string, undo: string, params: Record<string, string | null> }>} */
const GUILTY = {
  traced: { title: 'No traced requests here', kept: 'match the other filters; none of them was traced.', undo: 'Show untraced', params: { traced: null } },
  find: { title: 'Nothing matches the search', kept: 'match the other filters, but not the search.', undo: 'Clear the search', params: { q: null } },
  browser: { title: 'Nothing from your browser', kept: 'match the other filters; none came from this browser while it was signed in.', undo: 'Show all browsers', params: { browser: null } },
  session: { title: 'Nothing of this session', kept: 'match the other filters, of other sessions or of none.', undo: 'Show all sessions', params: { session: null } },
  time: { title: 'Nothing in this time', kept: 'match, at other times.', undo: 'Show everything that is kept', params: { range: 'all', from: null, to: null } },
  page: { title: 'Nothing of this page view', kept: 'match the other filters.', undo: 'Show all page views', params: { page: null } },
  trace: { title: 'Nothing of this trace', kept: 'match the other filters.', undo: 'Show all traces', params: { trace: null } },
};

/**
 * A filter leaves nothing: says which one, and undoes just that.
 * @param {Place} place
 * @param {[string, number][]} excluded by condition, most first
 */
export function emptied({ router, me, api }, excluded) {
  const [name, kept] = excluded[0] ?? ['', 0];
  const guilty = GUILTY[name];
  if (!guilty) {
    return state(bars('pale'), 'Nothing matches', 'Several filters together leave nothing; no single one of them is to blame.',
      button('Remove all filters', () => router.push('/logs')));
  }
  const start = name === 'traced' && me.may.includes('trace') && !me.session
    ? button('Start tracing session', () => void startSession(api), 'primary') : null;
  const others = excluded.slice(1).filter(([other]) => GUILTY[other]).map(([other, number]) =>
    button(`${GUILTY[other]?.undo} (${count(number)})`, () => router.replace(GUILTY[other]?.params ?? {})));
  // One out of a file, or of an app alone, has no request.
  const trace = name === 'find' ? /^trace:([\da-f]{32})$/.exec(router.query['q'] ?? '')?.[1] : null;
  const open = trace ? button('Open the trace', () => router.push(`/t/${trace}`), 'primary') : null;
  return state(bars('pale'), guilty.title, `${things(kept, 'request')} ${guilty.kept}`, start, open, button(guilty.undo, () => router.replace(guilty.params)), ...others);
}

/** Nothing was ever asked for. @param {string} site where it listens */
export function firstRun(site) {
  const line = h('pre', { class: 'address' }, h('span', { class: 'muted', 'aria-hidden': 'true' }, '$ '), `curl ${site}`);
  // From elsewhere the browser would not be let.
  const test = site === location.origin ? button('Send a test request', () => void fetch('/', { cache: 'no-store' }).catch(() => {})) : null;
  test?.prepend(h('span', { class: 'triangle', 'aria-hidden': 'true' }));
  return state(bars('grey'), 'No requests yet', 'Waylight is listening. Open your site through it, and this list fills by itself.', line, test,
    button('Copy the address', () => void copy(document, site, 'Address copied')));
}

/** What was searched for says nothing; why, stands beside it. @param {Place} place */
export function unreadable({ router }) {
  return state(bars('pale'), 'The search cannot be read', 'What is wrong stands below it.', button('Clear the search', () => router.replace({ q: null })));
}

/** It cannot be shown. @param {string} text @param {() => void} again */
export function failed(text, again) {
  return state(broken(), 'This cannot be shown now', text, button('Try again', again));
}

/** @param {Place['api']} api */
async function startSession(api) {
  try {
    await api.post('/session', { action: 'start' });
    location.reload();
  } catch (error) {
    document.dispatchEvent(toast(error instanceof Error ? error.message : String(error), 'error'));
  }
}

/**
 * @param {Element} picture
 * @param {string} title
 * @param {string} text
 * @param {...(HTMLElement | null)} more
 */
function state(picture, title, text, ...more) {
  const lines = more.filter((element) => element?.tagName === 'PRE');
  return h('div', { class: 'state-page', role: 'status' }, picture, h('h2', null, title), h('p', null, text), lines,
    h('div', { class: 'row' }, more.filter((element) => element?.tagName !== 'PRE')));
}

/** @param {string} label @param {() => void} run @param {string} [look] */
function button(label, run, look = '') {
  return h('button', { class: `button ${look}`, type: 'button', onclick: run }, label);
}

/** @param {string} look */
function bars(look) {
  return h('div', { class: `state-bars ${look}`, 'aria-hidden': 'true' }, h('i'), h('i'), h('i'));
}

function broken() {
  return h('div', { class: 'state-broken', 'aria-hidden': 'true' }, h('i'), icon('close'), h('i'));
}
