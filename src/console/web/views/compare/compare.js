// Choosing what to compare: the traced requests of late, those of the same address first. Two chosen are shown in one.

import { h, sheet } from '../../dom.js';
import { duration, moment, readable } from '../../model/format.js';

/** @import { Opened, Place } from '../../model/contract.js' */
/** @import { Request, Requests } from '../../types/wire.d.ts' */

/** Requests that are offered. */
const OFFERED_MAX = 200;

/** @param {Place} place @returns {Promise<Opened>} */
export async function open(place) {
  await sheet('styles/share.css');
  const { api, router, main, me } = place;
  const { items } = /** @type {Requests} */ (await api.get('/requests', { query: { traced: 1, limit: OFFERED_MAX } }));
  // One for each trace: the first of its requests, which is the page where there is one.
  const traced = [...new Map(items.flatMap((item) => (item.trace_id ? [[item.trace_id, item]] : []))).values()];
  const draw = () => {
    const { a, b } = router.query;
    // In its own place: the way back leads past it.
    if (a && b && a !== b) return router.put(`/t/${b}?vs=${a}`);
    const now = traced.find((item) => item.trace_id === b);
    const before = traced.find((item) => item.trace_id === a);
    const chosen = now ?? before;
    const alike = (/** @type {Request} */ item) => chosen !== undefined && item.path === chosen.path && item.method === chosen.method;
    const offered = traced.filter((item) => item.trace_id !== a && item.trace_id !== b).sort((one, other) => Number(alike(other)) - Number(alike(one)));
    const choose = (/** @type {Request} */ item) => {
      // The later one is what is judged, the earlier one what it is judged by.
      if (!chosen) router.replace({ b: item.trace_id });
      else if (chosen.ts_us >= item.ts_us) router.replace({ a: item.trace_id, b: chosen.trace_id });
      else router.replace({ a: chosen.trace_id, b: item.trace_id });
    };
    const known = b ?? a;
    main.replaceChildren(h('div', { class: 'cmp' },
      h('h1', null, 'Compare two traces'),
      h('p', null, known ? 'Now choose the one to compare it with. Requests of the same address come first.' : 'Choose one, then another: both are drawn in one waterfall, with what changed beside each span.'),
      me.may.includes('keep') ? h('p', null, 'A trace out of a file, as Export saves it, can be compared, too: ',
        h('button', { class: 'link-button', type: 'button', onclick: () => void import('../../elements/file.js').then(({ openFile }) => openFile({ api, router })) }, 'Open a file\u2026')) : null,
      known ? h('p', { class: 'cmp-chosen' }, h('b', null, chosen ? `${chosen.method} ${readable(chosen.path)}` : `Trace ${known.slice(0, 16)}\u2026`), chosen ? ` of ${moment(chosen.ts_us)}, ${duration(chosen.dur_us)} ` : ' ',
        h('button', { class: 'link-button', type: 'button', onclick: () => router.replace({ a: null, b: null }) }, 'Choose another')) : null,
      offered.length > 0
        ? h('ul', { class: 'cmp-list' }, ...offered.map((item) => h('li', { class: alike(item) ? 'alike' : '' },
          h('button', { type: 'button', onclick: () => (chosen || !known ? choose(item) : router.push(`/t/${known}?vs=${item.trace_id}`)) },
            h('span', { class: 'muted' }, moment(item.ts_us)), h('span', { class: 'tag mono' }, item.method), h('bdi', { title: item.path }, readable(item.path)), h('span', { class: 'cmp-figure' }, String(item.status)), h('span', { class: 'cmp-figure' }, duration(item.dur_us))))))
        : h('p', null, 'There is no other traced request yet. Start a tracing session, or run a page trace, and load the page twice.')));
  };
  draw();
  return { close: () => main.replaceChildren(), moved: draw };
}
