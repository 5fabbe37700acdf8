// What the month has left, and what it went to.

import { h } from '../../dom.js';
import { count, moment, short, things } from '../../model/format.js';
import { endsAt, spentOn } from '../../model/house.js';
import { sessionsOf, sorted } from '../../model/sessions.js';
import { facts, meter, named, table } from './parts.js';

/** @import { Quota, Sessions } from '../../types/wire.d.ts' */
/** @import { Drawn } from './parts.js' */

const LARGEST = 5;
const HUES = ['violet', 'teal', 'amber', 'rose', 'indigo', 'lime', 'orange', 'plum'];

/** @param {Drawn} drawn */
export async function quota({ place, body, signal }) {
  const { api, router } = place;
  /** @type {[Quota, Sessions]} */
  const [quota, known] = await Promise.all([api.get('/quota', { signal }), api.get('/sessions', { signal })]);
  const sessions = sessionsOf(known);
  const { used, limit, resets_at: reset } = quota;
  const bounded = limit < Number.MAX_SAFE_INTEGER;
  const left = Math.max(0, limit - used);
  const share = bounded ? (used / Math.max(1, limit)) * 100 : 0;
  const end = endsAt(quota, Math.floor(Date.now() / 1000));
  const sum = `${count(used)} of ${count(limit)} spans are used`;
  const look = { fine: ['ok', 'Fine'], 80: ['warn', '80 % are used'], 95: ['err', '95 % are used'], full: ['err', 'Full: no new trace begins'] }[quota.state];
  body.replaceChildren(
    h('p', { class: 'big' }, bounded ? h('b', null, count(left)) : 'No limit', bounded ? ` of ${short(limit)} spans are left this month` : ` is set; ${count(used)} spans were stored this month`),
    bounded ? meter(used, limit, sum, look[0] === 'ok' ? '' : look[0]) : '',
    facts([
      ['Used', `${count(used)}${bounded ? `, ${share < 1 && used > 0 ? 'less than 1' : Math.floor(share)} %` : ''}`],
      ['State', h('span', { class: `tag ${look[0]}` }, look[1] ?? '')],
      ['Begins anew', `${moment(reset * 1e6)}, ${days(reset - Date.now() / 1e3)}`],
      ['At this pace', left === 0 ? 'none are left' : end === null ? 'it lasts for the month' : `it is full on ${moment(end * 1e6)}`],
      ['Changed by', ['the setting', named('store.spans_per_month_max')]],
    ]),
    h('p', { class: 'muted' }, 'When it is full, no new trace begins; one that has begun is finished. The site is not affected, and requests are still listed.'),
    ...spent(quota, sessions),
    h('h2', null, 'Largest sessions'),
    sessions.length === 0 ? h('p', { class: 'muted' }, 'There are none yet.')
      : table('Largest sessions', ['Who', 'Began', '#Requests', '#Spans'], sorted(sessions, 'spans').slice(0, LARGEST).map(({ id, person, from, requests, spans }) =>
        [h('a', { href: router.href(`/sessions/${id}?sort=spans`) }, person || 'somebody'), moment(from), count(requests), count(spans)])));
}

/** @param {number} seconds */
function days(seconds) {
  const whole = Math.floor(seconds / 86_400);
  return whole < 1 ? 'within a day' : `in ${things(whole, 'day')}`;
}

/** @param {Quota} quota @param {import('../../model/sessions.js').Session[]} sessions */
function spent(quota, sessions) {
  const parts = spentOn(quota, sessions);
  if (parts.length === 0) return [];
  const named = parts.map(({ name, spans }, index) => ({ spans, name: name || 'ratio, rules, and what is not kept any more', hue: name ? HUES[index % HUES.length] : 'grey' }));
  const bar = h('div', { class: 'stack', 'aria-hidden': 'true' }, ...named.map(({ spans, hue }) => {
    const part = h('i', { class: `hue ${hue}` });
    part.style.flexGrow = String(spans);
    return part;
  }));
  return [h('h2', null, 'What it went to'), bar, h('ul', { class: 'legend' }, ...named.map(({ name, spans, hue }) =>
    h('li', null, h('i', { class: `hue ${hue}`, 'aria-hidden': 'true' }), h('span', null, name), h('b', null, things(spans, 'span')))))];
}
