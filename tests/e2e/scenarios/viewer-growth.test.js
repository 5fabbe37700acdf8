// A trace that grows while somebody looks at it: nothing moves under the pointer, what is known is not sent again, and it is
// said what is still awaited.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { merged } from '../../../src/console/web/model/trace/merge.js';
import { Desk } from '../lib/viewer.js';

/** @import { MadeSpan } from '../lib/made.js' */

const ids = (/** @type {number} */ number) => number.toString(16).padStart(2, '0').repeat(16);

/** @param {Partial<MadeSpan> & { id: string, from: number, to: number }} span @returns {MadeSpan} */
const app = (span) => ({ name: `span ${span.id}`, ...span });
/** @param {Partial<MadeSpan> & { id: string, from: number, to: number, stage: string }} span @returns {MadeSpan} */
const edge = (span) => ({ name: span.stage, maker: 'edge', ...span });

describe('a trace that grows', () => {
  /** @type {Desk} */ let desk;
  before(async () => {
    desk = await Desk.start();
  });
  after(() => desk?.close());

  test('a trace that grows moves nothing that is looked at', async () => {
    // A request that is traced, and an app that tells of it bit by bit.
    await desk.post('/session', { action: 'start' });
    await desk.page.request.get(`${desk.origin}/api/products/harbour-lantern/reviews?grows`);
    const trace = await desk.traced('/api/products/harbour-lantern/reviews', 'grows');
    /** @type {{ start_us: number, entry: string }} */
    const told = JSON.parse(await desk.get(`/traces/${trace}`));
    const began = told.start_us / 1000;
    /** @param {number} number @param {number} from */
    const part = (number, from) => app({ id: (number + 4096).toString(16), name: `part ${number}`, parent: told.entry, from, to: from + 5 });
    await desk.tell(trace, Array.from({ length: 60 }, (_, index) => part(index * 2, index * 20 + 10)), { began });
    await desk.show(trace);
    await desk.page.locator('.tr-scroll').evaluate((element) => (element.scrollTop = 500));
    await desk.settled();
    const count = Number((await desk.page.locator('.tr-facts b').textContent())?.replace(/\D/g, ''));
    const watched = desk.row('part 44');
    await watched.hover();
    await desk.page.getByRole('button', { name: 'Export' }).focus();
    const before = await watched.boundingBox();
    const seen = await desk.names();
    await desk.tell(trace, Array.from({ length: 60 }, (_, index) => part(index * 2 + 1, index * 20)), { began });
    await desk.page.waitForFunction((least) => Number(document.querySelector('.tr-facts b')?.textContent?.replace(/\D/g, '')) >= least, count + 60);
    await desk.settled();
    assert.equal(await desk.page.evaluate(() => document.activeElement?.textContent), 'Export', 'the keyboard stays where it was');
    const after = await desk.row('part 44').boundingBox();
    assert.ok(before && after && Math.abs(before.y - after.y) <= 1, `${before?.y} and ${after?.y}`);
    const then = (await desk.names()).filter((name) => seen.includes(name));
    assert.ok(then.length > 5);
    assert.deepEqual(then, seen.filter((name) => then.includes(name)), 'none overtook another');
  });

  test('a trace of 50,000 spans that grows is not sent again', async (context) => {
    await desk.post('/session', { action: 'start' });
    const path = '/api/products/harbour-lantern/reviews';
    await desk.page.request.get(`${desk.origin}${path}?long`);
    const trace = await desk.traced(path, 'long');
    const { start_us, entry } = JSON.parse(await desk.get(`/traces/${trace}`));
    const began = start_us / 1000;
    /** @param {number} number @param {number} from */
    const part = (number, from) => app({ id: (number + 65_536).toString(16), name: `part ${number % 500}`, parent: number % 50 ? (number - (number % 50) + 65_536).toString(16) : entry, from, to: from + 5 });
    for (let first = 0; first < 50_000; first += 12_500) await desk.import(trace, Array.from({ length: 12_500 }, (_, at) => part(first + at, (first + at) / 10)), { began });
    /** @type {Promise<{ address: URL, octets: number, told: any }>[]} */
    const heard = [];
    const hear = (/** @type {import('playwright-core').Response} */ response) => {
      const address = new URL(response.url());
      if (!address.pathname.endsWith(`/traces/${trace}`) || response.status() !== 200) return;
      heard.push(response.text().then((text) => ({ address, octets: text.length, told: JSON.parse(text) })));
    };
    desk.page.on('response', hear);
    await desk.show(trace);
    const shown = () => desk.page.locator('.tr-facts b').textContent().then((text) => Number(text?.replace(/\D/g, '')));
    const count = await shown();
    assert.ok(count >= 50_000);
    await desk.tell(trace, [part(90_000, 10), part(90_001, 11), part(90_050, 6000)], { began });
    await desk.page.waitForFunction((least) => Number(document.querySelector('.tr-facts b')?.textContent?.replace(/\D/g, '')) >= least, count + 3);
    desk.page.off('response', hear);
    const [first, ...more] = await Promise.all(heard);
    assert.ok(first && first.octets > 3_000_000 && !first.address.searchParams.has('after'));
    assert.ok(more.length > 0);
    /** @type {import('../../../src/console/web/types/wire.d.ts').Trace | null} */
    let known = first.told;
    for (const { address, octets, told } of more) {
      assert.equal(address.searchParams.get('after'), known?.version);
      assert.ok(octets < 200_000, `${octets} octets for a few spans`);
      known = merged(known, told);
    }
    context.diagnostic(`the whole: ${first.octets} octets; then ${more.map(({ octets, told }) => `${octets} with ${told.spans.id.length} rows`).join(', ')}`);
    // What was put together is what somebody is told who opens it now.
    const whole = JSON.parse(await desk.get(`/traces/${trace}`));
    assert.ok(known);
    assert.deepEqual([known.spans.id, known.spans.start_us, known.spans.own_us, known.spans.flags], [whole.spans.id, whole.spans.start_us, whole.spans.own_us, whole.spans.flags]);
    const names = (/** @type {typeof whole} */ it) => it.spans.name.map((/** @type {number} */ place) => it.strings[place]);
    assert.deepEqual(names(known), names(whole));
  });

  test('a trace that grows is compared anew, and the way back from a comparison is open', async () => {
    await desk.post('/session', { action: 'start' });
    const path = '/api/products/harbour-lantern/reviews';
    /** @type {string[]} */
    const traces = [];
    for (const query of ['older', 'newer']) {
      await desk.page.request.get(`${desk.origin}${path}?${query}`);
      traces.push(await desk.traced(path, query));
    }
    const [older = '', newer = ''] = traces;
    /** @param {string} trace @param {string} id @param {string} name @param {number} from */
    const grow = async (trace, id, name, from) => {
      const { start_us, entry } = JSON.parse(await desk.get(`/traces/${trace}`));
      await desk.tell(trace, [app({ id, name, parent: entry, from, to: from + 5 })], { began: start_us / 1000 });
    };
    await grow(older, 'b001', 'known before', 30);
    await grow(newer, 'b002', 'known before', 30);
    await desk.show(newer);
    await desk.page.getByRole('button', { name: 'Compare' }).click();
    await desk.page.locator('.cmp-list .alike button').first().click();
    await desk.page.locator('wl-compare .tr-row').first().waitFor();
    await desk.page.goBack();
    await desk.page.waitForURL((url) => url.pathname.endsWith(newer) && !url.searchParams.has('vs'));
    await desk.show(newer, `?vs=${older}`);
    await desk.row('known before').waitFor();
    await grow(newer, 'b003', 'came later', 1);
    await desk.row('came later').waitFor();
    assert.match((await desk.row('came later').textContent()) ?? '', /new/);
    assert.doesNotMatch((await desk.row('known before').textContent()) ?? '', /new/);
  });

  test('a trace whose end has not come is open, and one without the app\'s spans is waited for', async () => {
    const began = Date.now();
    const trace = ids(0xa7);
    await desk.import(trace, [edge({ id: '2', name: 'Route', stage: 'route', parent: '1', from: 0, to: 1 })], { began });
    await desk.show(trace);
    assert.match((await desk.page.locator('.tr-state').textContent()) ?? '', /Still arriving/);
    await desk.import(trace, [
      edge({ id: '1', name: 'GET /', stage: 'request', kind: 2, from: 0, to: 900 }),
      edge({ id: '3', parent: '1', name: 'GET', stage: 'upstream.request', kind: 3, from: 10, to: 90, attributes: { 'waylight.upstream': 'app', 'http.response.status_code': 200 } }),
    ], { began: Date.now() });
    await desk.show(trace);
    assert.match((await desk.page.locator('.tr-state').textContent()) ?? '', /Waiting for spans of app/);
  });
});
