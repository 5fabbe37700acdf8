// Who there is, what each role may do, and ending sign-ins: others' and one's own.

import { h } from '../../dom.js';
import { confirm } from '../../elements/confirm.js';
import { count, moment } from '../../model/format.js';
import * as house from '../../model/house.js';
import { sessionsOf } from '../../model/sessions.js';
import { facts, table } from './parts.js';

/** @import { Audit, Sessions } from '../../types/wire.d.ts' */
/** @import { Drawn } from './parts.js' */

const ROLES = /** @type {const} */ ([
  ['viewer', 'reads requests, traces and sessions; exports and shares them'],
  ['tracer', 'also has his own browser traced, single pages, and visitors who agree'],
  ['admin', 'also ends other people’s sessions and sign-ins, erases, keeps, and sees how Waylight works'],
]);
const WAYS = /** @type {Record<string, string>} */ ({ link: 'a sign-in link', token: 'a token', proxy: 'a proxy in front', oidc: 'single sign-on', 'trace-link': 'a trace link' });
/** As many deeds are read to know who there is. */
const DEEDS = 1000;

/** @param {Drawn} drawn */
export async function people({ place, body, signal, again }) {
  const { api, me } = place;
  const none = /** @type {Audit} */ ({ items: [], next: null });
  /** @type {[Sessions, Audit]} */
  const [sessions, audit] = await Promise.all([api.get('/sessions', { signal }), me.may.includes('audit') ? api.get('/audit', { query: { limit: DEEDS }, signal }) : none]);
  const sees = me.may.includes('audit');
  const known = house.people(audit.items, sessionsOf(sessions));
  body.replaceChildren(
    h('h2', null, 'You'),
    facts([
      ['Name', me.name], ['Role', me.role], ['Signed in by', WAYS[me.way] ?? me.way], ['Until', moment(me.expires_at * 1e6)],
      ['May', me.may.join(', ')],
    ]),
    h('div', { class: 'row' }, h('button', { class: 'button', type: 'button', onclick: () => void signOut(place) }, 'Sign out…')),
    ...(sees ? [h('h2', null, 'Everybody'), list(place, known, again)] : []),
    h('h2', null, 'Roles'),
    facts(ROLES.map(([role, text]) => [role, text])),
    h('p', { class: 'muted' }, 'Who has which role is set where they sign in: by ', h('code', null, 'waylight link --role'), ', a token, the proxy in front, or single sign-on.'));
}

/**
 * @param {Drawn['place']} place
 * @param {house.Person[]} known
 * @param {() => void} again
 */
function list({ api, me }, known, again) {
  if (known.length === 0) return h('p', { class: 'muted' }, 'Nobody has signed in yet, as far as the audit log goes back.');
  const revoke = async (/** @type {string} */ name) => {
    const done = await confirm({
      title: `Revoke ${name}?`, label: 'Revoke', done: `${name} is signed out everywhere`,
      text: 'All sign-ins, sessions, links and visitors of this name end at once. Whoever comes by it stays out, whatever he shows, until he is let in again.',
      run: () => api.post('/revoke', { person: name }),
    });
    if (done) again();
  };
  const lift = async (/** @type {string} */ name) => {
    const done = await confirm({
      title: `Let ${name} in again?`, label: 'Let in', done: `${name} may sign in again`,
      text: 'By a token, a proxy, single sign-on or a new link. What he had before stays revoked.',
      run: () => api.post('/lift', { person: name }),
    });
    if (done) again();
  };
  const button = (/** @type {string} */ name, /** @type {boolean} */ out) => {
    if (!me.may.includes('revoke') || name === me.name) return '';
    return out ? h('button', { class: 'button small', type: 'button', 'aria-label': `Let ${name} in again`, onclick: () => void lift(name) }, 'Let in…')
      : h('button', { class: 'button small', type: 'button', 'aria-label': `Revoke ${name}`, onclick: () => void revoke(name) }, 'Revoke…');
  };
  return table('Everybody', ['Name', 'Role', 'Signs in by', 'Last seen', '#Sessions now', '#Visitors now', ''], known.map(({ name, role, ways, seen, sessions, visitors, out }) => [
    h('span', null, h('b', null, name), name === me.name ? h('span', { class: 'muted' }, ' (you)') : null, out ? h('span', { class: 'tag warn' }, 'revoked') : null), role || '–',
    ways.map((way) => WAYS[way] ?? way).join(', ') || '–', seen ? moment(seen * 1e6) : '–', count(sessions), count(visitors),
    button(name, out),
  ]));
}

/** @param {Drawn['place']} place */
async function signOut({ api }) {
  const done = await confirm({
    title: 'Sign out?', label: 'Sign out', done: 'Signed out',
    text: 'This browser’s session ends, too. To come back you need a new sign-in link, or whatever you signed in by.',
    run: () => api.post('/sign-out'),
  });
  // The console is gone for this browser; the site itself is there for everybody.
  if (done) location.assign('/');
}
