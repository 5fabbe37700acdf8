// What the details of a span tell by its kind, and what is worth a note above the rows: every kind's text, what it shows
// first, a cold start, a stale answer, a retry, a slow client.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { SHOP, spanId } from '../lib/made.js';
import { Desk } from '../lib/viewer.js';

/** @import { MadeSpan } from '../lib/made.js' */

const ids = (/** @type {number} */ number) => number.toString(16).padStart(2, '0').repeat(16);
const SHOP_TRACE = ids(0xa1);

/** @param {Partial<MadeSpan> & { id: string, from: number, to: number, stage: string }} span @returns {MadeSpan} */
const edge = (span) => ({ name: span.stage, maker: 'edge', ...span });

describe('what details and notes tell', () => {
  /** @type {Desk} */ let desk;
  before(async () => {
    desk = await Desk.start();
    await desk.import(SHOP_TRACE, SHOP);
  });
  after(() => desk?.close());

  test('every kind of the edge has its text, and its bar has no colour, in both themes', async () => {
    const stages = ['tls_handshake', 'route', 'middleware', 'inject', 'reserved', 'upstream.start', 'upstream.spawn', 'upstream.ready',
      'upstream.wait', 'upstream.dns', 'upstream.connect', 'upstream.tls', 'upstream.request', 'cache.lookup', 'cache.revalidate', 'cache.wait', 'cache.store'];
    const trace = ids(0xa4);
    await desk.import(trace, [edge({ id: '1', name: 'GET /', stage: 'request', kind: 2, from: 0, to: 100 }),
      ...stages.map((stage, index) => edge({ id: (index + 2).toString(16), parent: '1', stage, from: index * 5, to: index * 5 + 4 }))]);
    /** @type {Set<string>} */
    const texts = new Set();
    for (let index = 0; index <= stages.length; index++) {
      await desk.show(trace, `?span=${spanId((index + 1).toString(16))}`);
      const text = (await desk.page.locator('.tr-what p').textContent()) ?? '';
      assert.ok(text.length > 40 && (text.match(/[.!?](?:\s|$)/g)?.length ?? 0) <= 3, `${stages[index - 1]}: ${text}`);
      texts.add(text);
    }
    assert.equal(texts.size, stages.length + 1, 'each has one of its own');
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      await desk.page.emulateMedia({ colorScheme });
      const colours = await desk.page.evaluate(() => [...document.querySelectorAll('.tr-bar.edge')].flatMap((bar) =>
        [getComputedStyle(bar, '::before'), ...[...bar.querySelectorAll('.s')].map((part) => getComputedStyle(part))].map((style) => style.backgroundColor)));
      assert.ok(colours.length > stages.length);
      for (const colour of colours) {
        const [red = 0, green = 0, blue = 0] = (colour.match(/[\d.]+/g) ?? []).map(Number);
        assert.ok(Math.max(red, green, blue) - Math.min(red, green, blue) <= 8, `${colour} is a colour`);
      }
    }
    await desk.page.emulateMedia({ colorScheme: null });
  });

  test('every kind shows first what it is about', async () => {
    /** What a span of each stage says, and what its details make of it. @type {[string, Record<string, string | number | boolean | string[]>, string][]} */
    const kinds = [
      ['tls_handshake', { 'tls.client.server_name': 'shop.example', 'tls.resumed': true }, 'Nameshop.exampleResumedtrue'],
      ['route', { 'waylight.route.name': '/products/:slug', 'waylight.route.missed': ['/products/new: the path differs', '/api/*: the method differs'] },
        'Rule/products/:slugNear misses/products/new: the path differs, /api/*: the method differs'],
      ['middleware', { 'waylight.middleware.name': 'mark', 'waylight.headers.request': 'removed x-secret', 'waylight.headers.response': 'set x-edge' }, 'RulemarkRequestremoved x-secretResponseset x-edge'],
      ['cache.lookup', { 'cache.key': 'https://shop.example/', 'cache.reason': 'fresh', 'cache.age': 2, 'cache.ttl': 58, 'cache.tier': 'memory' }, 'Keyhttps://shop.example/ReasonfreshAge2.00 sFresh for58.0 sTiermemory'],
      ['upstream.start', { 'process.command': 'node server.js', 'process.pid': 7, 'server.port': 3000, 'waylight.upstream.last_stop': '12.0 s before, by itself' }, 'Commandnode server.jsProcess7Port3000Last stop12.0 s before, by itself'],
      ['upstream.dns', { 'dns.question.name': 'app.internal' }, 'Nameapp.internal'],
      ['upstream.connect', { 'network.peer.address': '127.0.0.1', 'network.peer.port': 3000 }, 'Address127.0.0.1Port3000'],
      ['upstream.tls', { 'tls.server.name': 'app.internal', 'tls.protocol.version': '1.3', 'tls.cipher': 'TLS13_AES_256_GCM_SHA384', 'tls.resumed': false }, 'Nameapp.internalVersion1.3CipherTLS13_AES_256_GCM_SHA384Resumedfalse'],
      ['upstream.request', { 'waylight.upstream': 'app', 'waylight.upstream.connection_reused': true, 'waylight.upstream.request_sent_us': 400, 'waylight.upstream.first_byte_us': 80_000 },
        'UpstreamappConnection reusedtrueRequest sentafter 400 µsFirst octetafter 80 ms'],
      ['inject', { 'waylight.inject.result': 'injected', 'waylight.inject.bytes': 412, 'waylight.inject.toolbar': 'injected', 'waylight.inject.nonce': 'reused', 'waylight.inject.csp': "script-src: 'nonce'" },
        "ResultinjectedAdded412 BToolbarinjectedNoncereusedPolicyscript-src: 'nonce'"],
    ];
    const trace = ids(0xb9);
    await desk.import(trace, [edge({ id: '1', name: 'GET /', stage: 'request', kind: 2, from: 0, to: 100 }),
      ...kinds.map(([stage, attributes], index) => edge({ id: (index + 2).toString(16), parent: '1', stage, attributes, from: index * 5, to: index * 5 + 4 }))]);
    for (const [index, [stage, , told]] of kinds.entries()) {
      await desk.show(trace, `?span=${spanId((index + 2).toString(16))}`);
      const facts = desk.page.locator('.tr-section', { has: desk.page.getByRole('heading', { name: 'In short' }) });
      assert.equal(await facts.locator('dl').textContent(), told, stage);
    }
  });

  test('notes tell of a cold start, and its output stands in the sidebar', async () => {
    await desk.show(SHOP_TRACE);
    assert.match((await desk.page.locator('.tr-notes').textContent()) ?? '', /Cold start\. The app was not running; starting it took 178 ms, 38 % of the request/);
    await desk.page.locator('.tr-notes li', { hasText: 'Cold start' }).getByRole('button').click();
    await desk.page.locator('.tr-output').waitFor();
    assert.match((await desk.page.locator('.tr-output').textContent()) ?? '', /\+0\.081 {2}listening on :3000/);
  });

  test('notes tell of a stale answer, a retry and a slow client, and lead to them', async () => {
    const trace = ids(0xb8);
    await desk.import(trace, [
      edge({ id: '1', name: 'GET /', stage: 'request', kind: 2, from: 0, to: 2000 }),
      edge({ id: '2', parent: '1', name: 'Cache lookup', stage: 'cache.lookup', from: 1, to: 2, attributes: { 'cache.hit': true, 'cache.reason': 'stale-while-revalidate' } }),
      edge({ id: '3', parent: '1', name: 'GET', stage: 'upstream.request', kind: 3, from: 3, to: 10, error: '', attributes: { 'error.type': 'connection_refused' } }),
      edge({ id: '4', parent: '1', name: 'GET', stage: 'upstream.request', kind: 3, from: 11, to: 1990, attributes: {
        'http.response.status_code': 200, 'http.request.resend_count': 1, 'waylight.body.pieces': 12, 'waylight.body.upstream_us': 90_000, 'waylight.body.stall_us': 60_000, 'waylight.body.client_us': 1_700_000 } }),
    ]);
    await desk.show(trace);
    const notes = desk.page.locator('.tr-notes li');
    for (const [name, span] of [['Stale.', '2'], ['Retried.', '4'], ['Slow client.', '4']]) {
      await notes.filter({ hasText: name }).getByRole('button', { name: 'Show' }).click();
      await desk.settled();
      assert.equal(desk.parameter('span'), spanId(span ?? ''), name);
    }
    const side = desk.page.locator('.tr-side');
    await side.getByText('Waited for the client').waitFor();
    assert.match((await side.textContent()) ?? '', /Pieces12Waited for the app90 msLongest pause60 msWaited for the client1\.70 s/);
  });

  test('a miss says why', async () => {
    await desk.show(SHOP_TRACE, `?span=${spanId('8')}`);
    await desk.page.getByText('Why was it a miss?').waitFor();
    assert.match((await desk.page.locator('.tr-why').textContent()) ?? '', /Cache-Control: private, no-store/);
  });

  test('events, links, the process and the library stand below, and a link leads to its trace', async () => {
    const [trace, other] = [ids(0xba), ids(0xbb)];
    await desk.import(other, [{ id: 'e1', name: 'the message', from: 0, to: 10, kind: 4 }]);
    await desk.import(trace, [{ id: '1', name: 'work', from: 0, to: 100, kind: 5, events: [{ name: 'taken', at: 5, attributes: { queue: 'orders' } }], links: [{ trace: other, span: 'e1' }] }]);
    await desk.show(trace, `?span=${spanId('1')}`);
    const side = desk.page.locator('.tr-side');
    await side.getByRole('heading', { name: 'Events' }).waitFor();
    const text = (await side.textContent()) ?? '';
    assert.match(text, /taken at \+5 msqueueorders/);
    assert.match(text, /Process2service\.nameshop/);
    assert.match(text, /LibraryNamemadeVersion1/);
    assert.match(text, /took a message out of a queue/);
    await side.getByRole('button', { name: `${other.slice(0, 16)}\u2026` }).click();
    await desk.page.waitForURL((url) => url.pathname.endsWith(other));
    await desk.page.locator('.tr-side h2', { hasText: 'the message' }).waitFor();
    assert.equal(desk.parameter('span'), spanId('e1'));
  });
});
