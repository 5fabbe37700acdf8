// What the documentation promises, asked with curl.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { configuration } from '../lib/config.js';
import { curl } from '../lib/curl.js';
import { freePort } from '../lib/net.js';
import { Receiver } from '../lib/receiver.js';
import { Upstream, htmlPage } from '../lib/upstream.js';
import { Waylight } from '../lib/waylight.js';

const PAGE = '<!doctype html><html><head><title>app</title></head><body>the app</body></html>';

describe('with curl', () => {
  /** @type {Receiver} */ let receiver;
  /** @type {Upstream} */ let upstream;
  /** @type {Waylight} */ let waylight;

  before(async () => {
    receiver = await Receiver.start();
    upstream = await Upstream.start({ '*': htmlPage(PAGE) });
    waylight = await Waylight.run(
      configuration({
        upstream: upstream.url,
        exports: [{ name: 'receiver', endpoint: receiver.httpUrl, protocol: 'http/json' }],
        extra: [
          '[upstream.gone]',
          `endpoints = ["http://127.0.0.1:${await freePort()}"]`,
          '[[site.route]]',
          'path = "/gone"',
          'upstream = "gone"',
          '[[site.route]]',
          'path = "/old/:page"',
          'redirect = { to = "/new/{page}?{query}", status = 308 }',
          '[[site.route]]',
          'path = "/ping"',
          'respond = { status = 200, body = "pong" }',
        ],
      }),
    );
  });

  after(async () => {
    await waylight?.stop();
    upstream?.stop();
    receiver?.stop();
  });

  test('a force header has one request traced, once, here only', async () => {
    const url = `${waylight.origin}/forced`;
    const header = await waylight.forceHeader(url);
    assert.match(header, /^waylight-trace: \S{40,}$/i);
    assert.equal((await curl('-H', header, url)).status, 200);
    const trace = await receiver.trace('the forced request', (it) => it.find((span) => span.attributes['url.path'] === '/forced'));
    assert.equal(trace.root.attributes['waylight.trigger'], 'force');
    await curl('-H', header, url);
    await curl('-H', await waylight.forceHeader(url), `${waylight.origin}/elsewhere`);
    await curl('-H', 'Waylight-Trace: made-up', `${waylight.origin}/made-up`);
    const traced = upstream.seen.map(({ path, headers }) => [path, headers['traceparent'] !== undefined]);
    assert.deepEqual(traced, [['/forced', true], ['/forced', false], ['/elsewhere', false], ['/made-up', false]]);
    for (const { headers, path } of upstream.seen) assert.equal(headers['waylight-trace'], undefined, path);
  });

  test('an upstream that is not there is a 502 that says so, in the form asked for', async () => {
    const html = await curl('-H', 'accept: text/html', `${waylight.origin}/gone`);
    assert.equal(html.status, 502);
    assert.match(String(html.headers.get('proxy-status')), /error=connection_refused/);
    assert.match(String(html.headers.get('content-type')), /^text\/html/);
    const json = await curl('-H', 'accept: application/json', `${waylight.origin}/gone`);
    assert.equal(json.headers.get('content-type'), 'application/problem+json');
    assert.equal(JSON.parse(json.text).error, 'connection_refused');
  });

  test('redirects and answers of its own', async () => {
    const moved = await curl(`${waylight.origin}/old/a%20b?x=1`);
    assert.equal(moved.status, 308);
    assert.equal(moved.headers.get('location'), '/new/a%20b?x=1');
    assert.equal((await curl(`${waylight.origin}/ping`)).text, 'pong');
  });

  test('the upstream learns who asked, and nothing that a stranger made up', async () => {
    await curl('-H', 'x-forwarded-for: 6.6.6.6', '-H', 'forwarded: for=6.6.6.6', '-H', 'x-real-ip: 6.6.6.6', `${waylight.origin}/who`);
    const [seen] = upstream.requestsTo('/who');
    assert.equal(seen?.headers['x-forwarded-for'], '127.0.0.1');
    assert.equal(seen?.headers['x-forwarded-proto'], 'http');
    assert.equal(seen?.headers['x-forwarded-host'], new URL(waylight.origin).host);
    assert.equal(seen?.headers['forwarded'], undefined);
    assert.equal(seen?.headers['x-real-ip'], undefined);
    assert.match(String(seen?.headers['via']), /^1\.1 waylight/);
    assert.equal(seen?.headers['host'], new URL(waylight.origin).host);
  });

  test('HTTP/2 by prior knowledge', async () => {
    const answer = await curl('--http2-prior-knowledge', `${waylight.origin}/h2`);
    assert.equal(answer.status, 200);
    assert.equal(answer.text, PAGE);
  });

  test('a request that can be understood in two ways is refused', async () => {
    const answer = await curl('-H', 'transfer-encoding: chunked', '-H', 'content-length: 3', '-d', 'abc', `${waylight.origin}/two-ways`);
    assert.equal(answer.status, 400);
    assert.deepEqual(upstream.requestsTo('/two-ways'), []);
  });
});

test('without a file: waylight --upstream URL', async (t) => {
  const upstream = await Upstream.start({ '*': htmlPage(PAGE) });
  t.after(() => upstream.stop());
  const waylight = await Waylight.spawn(['--upstream', upstream.url, '--listen', '127.0.0.1:0']);
  t.after(() => waylight.stop());
  const said = await waylight.matchLine('the address', /listening.*?(http:\/\/127\.0\.0\.1:\d+)/);
  assert.equal((await curl(`${said[1]}/`)).text, PAGE);
  assert.equal(await waylight.stop(), 0);
});
