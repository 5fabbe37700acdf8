// What an outsider can and cannot do. Raw requests, so that every octet is ours.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { configuration } from '../lib/config.js';
import { Receiver } from '../lib/receiver.js';
import { Upstream, htmlPage } from '../lib/upstream.js';
import { Visitor, formsOf } from '../lib/visitor.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Seen } from '../lib/upstream.js' */

const PAGE = '<!doctype html><html><head><title>app</title></head><body>the app</body></html>';
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('outsiders and insiders', () => {
  /** @type {Receiver} */ let receiver;
  /** @type {Upstream} */ let upstream;
  /** @type {Waylight} */ let waylight;
  /** @type {string[]} */ const links = [];

  const newLink = async () => {
    const link = await waylight.link();
    links.push(link);
    return link;
  };
  const lastSeen = () => /** @type {Seen} */ (upstream.seen.at(-1));

  before(async () => {
    receiver = await Receiver.start();
    upstream = await Upstream.start({ '*': htmlPage(PAGE) });
    waylight = await Waylight.run(
      configuration({
        toolbar: false,
        upstream: upstream.url,
        exports: [{ name: 'receiver', endpoint: receiver.httpUrl, protocol: 'http/protobuf' }],
      }),
    );
  });

  after(async () => {
    await waylight?.stop();
    upstream?.stop();
    receiver?.stop();
  });

  test('the reserved path does not show itself to strangers', async () => {
    const stranger = new Visitor(waylight.origin);
    for (const path of ['/_waylight/', '/_waylight/start', '/_waylight/nothing', '/_waylight']) {
      const answer = await stranger.get(path);
      assert.equal(answer.text, PAGE, `${path} is the app's`);
      assert.equal(lastSeen().path, path);
    }
    const posted = await stranger.post('/_waylight/start');
    assert.equal(posted.text, PAGE);
    assert.equal(lastSeen().method, 'POST');
  });

  test('a link with a broken token is a path like any other', async () => {
    const link = new URL(await newLink());
    const broken = link.href.replace(/[\w-](?=.{4}$)/, (letter) => (letter === 'A' ? 'B' : 'A'));
    assert.notEqual(broken, link.href);
    assert.equal((await new Visitor(waylight.origin).get(broken)).text, PAGE);
  });

  test('GET of a link consumes nothing, POST consumes it, a second POST is refused', async () => {
    const link = await newLink();
    const visitor = new Visitor(waylight.origin);
    const first = await visitor.get(link);
    const again = await visitor.get(link);
    assert.equal(first.status, 200);
    assert.equal(again.status, 200);
    assert.equal(visitor.cookies.size, 0, 'looking signs nobody in');
    assert.match(String(first.headers['content-security-policy']), /frame-ancestors 'none'/);
    assert.equal(first.headers['referrer-policy'], 'strict-origin');
    assert.match(String(first.headers['cache-control']), /no-store/);

    const [form] = formsOf(first.text);
    assert.ok(form, first.text);
    const target = new URL(form.action || link, link).href;
    const used = await visitor.post(target, form.fields);
    assert.equal(used.status, 303, used.text);
    const cookie = String(used.headers['set-cookie']?.[0]);
    assert.match(cookie, /^waylight=/);
    assert.match(cookie, /HttpOnly/i);
    assert.match(cookie, /SameSite=Lax/i);

    const thief = new Visitor(waylight.origin);
    const refused = await thief.post(target, form.fields);
    assert.notEqual(refused.status, 303);
    assert.equal(thief.cookies.size, 0);
    assert.equal((await thief.get('/_waylight/')).text, PAGE);
  });

  test('signing in alone records nothing, and the cookie stays at the edge', async () => {
    const visitor = new Visitor(waylight.origin);
    await visitor.signIn(await newLink());
    await visitor.get('/signed-in', { cookie: `mine=1; waylight=${visitor.cookies.get('waylight')}; yours=2` });
    assert.equal(lastSeen().headers.cookie, 'mine=1; yours=2');
    assert.equal(lastSeen().headers.traceparent, undefined);

    await visitor.startTracing();
    const page = await visitor.get('/traced');
    assert.match(page.text, /<head><meta name="sentry-trace"/);
    assert.equal(lastSeen().headers.cookie, undefined);
    assert.match(String(lastSeen().headers.traceparent), /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[13]$/);
    assert.match(String(page.headers['cache-control']), /private/);
    await receiver.trace('the traced request', (it) => it.find((span) => span.attributes['url.path'] === '/traced'));
  });

  test('a forged, borrowed or doubled cookie does nothing', async () => {
    const visitor = new Visitor(waylight.origin);
    await visitor.signIn(await newLink());
    await visitor.startTracing();
    const real = String(visitor.cookies.get('waylight'));
    const middle = Math.floor(real.length / 2);
    const forged = real.slice(0, middle) + (real[middle] === 'A' ? 'B' : 'A') + real.slice(middle + 1);
    const stranger = new Visitor(waylight.origin);
    const tries = {
      forged: `waylight=${forged}`,
      empty: 'waylight=',
      doubled: `waylight=${real}; waylight=${real}`,
      prefixed: `__Host-waylight=${real}`,
    };
    for (const [what, cookie] of Object.entries(tries)) {
      const answer = await stranger.get(`/${what}`, { cookie });
      assert.equal(answer.text, PAGE, `${what}: the page stays as it was`);
      assert.equal(lastSeen().headers.traceparent, undefined, what);
      assert.equal(lastSeen().headers.cookie, undefined, `${what}: not even a bad one reaches the app`);
    }
    const elsewhere = await stranger.get('/elsewhere', { cookie: `waylight=${real}`, host: 'other.example' });
    assert.equal(elsewhere.text, PAGE, 'a session is bound to its host');
  });

  test('an outsider\'s sampled traceparent turns nothing on and passes untouched', async () => {
    const headers = { traceparent: TRACEPARENT, tracestate: 'a=1', baggage: 'k=v' };
    const answer = await new Visitor(waylight.origin).get('/sampled', headers);
    assert.equal(answer.text, PAGE);
    assert.equal(lastSeen().headers.traceparent, TRACEPARENT);
    assert.equal(lastSeen().headers.tracestate, 'a=1');
    assert.equal(lastSeen().headers.baggage, 'k=v');
  });

  test('a form from another site is refused', async () => {
    const visitor = new Visitor(waylight.origin);
    await visitor.signIn(await newLink());
    const answer = await visitor.submit('/_waylight/plain', /^start/i, {
      origin: 'http://evil.example',
      'sec-fetch-site': 'cross-site',
    });
    assert.equal(answer.status, 403);
    assert.equal((await visitor.get('/after')).text, PAGE, 'no session was started');
  });

  test('after Stop nothing is recorded, and a kept cookie of the stopped session is dead', async () => {
    const visitor = new Visitor(waylight.origin);
    await visitor.signIn(await newLink());
    await visitor.startTracing();
    const kept = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const stopped = await visitor.submit('/_waylight/plain', /^stop/i);
    assert.ok(stopped.status < 400, stopped.text);
    assert.equal((await visitor.get('/stopped')).text, PAGE);
    assert.equal((await new Visitor(waylight.origin).get('/kept', { cookie: kept })).text, PAGE);
  });

  test('Run page trace leads to the page and traces it', async () => {
    const visitor = new Visitor(waylight.origin);
    await visitor.signIn(await newLink());
    const answer = await visitor.submit('/_waylight/plain', /run page trace/i);
    assert.equal(answer.status, 303);
    assert.equal(answer.headers.location, '/');
    assert.match((await visitor.get('/')).text, /<meta name="traceparent"/);
    await receiver.trace('the page', (it) => it.find((span) => span.attributes['url.path'] === '/'));
  });

  test('what was never traced was never exported; no token stands in a log or a span', async () => {
    assert.equal(await waylight.stop(), 0);
    assert.deepEqual(receiver.faults, []);
    const traced = new Set(receiver.spans.items.map((span) => span.attributes['url.path']).filter(Boolean));
    for (const path of ['/signed-in', '/forged', '/doubled', '/elsewhere', '/sampled', '/after', '/stopped', '/kept']) {
      assert.ok(!traced.has(path), `${path} was recorded`);
    }
    const everything = waylight.lines.items.join('\n') + JSON.stringify(receiver.spans.items, (_, value) =>
      typeof value === 'bigint' ? String(value) : value);
    for (const link of links) {
      const token = link.slice(link.search(/[=/][^=/]*$/) + 1);
      assert.ok(token.length > 20, `no token in ${link}`);
      assert.ok(!everything.includes(token), 'a token was written down');
    }
  });
});
