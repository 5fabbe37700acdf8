// A page that comes in parts: the tags are in the first one, and no part waits for the next.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import { configuration } from '../lib/config.js';
import { edgeRoot } from '../lib/edge.js';
import { within } from '../lib/events.js';
import { Receiver } from '../lib/receiver.js';
import { Upstream } from '../lib/upstream.js';
import { Visitor } from '../lib/visitor.js';
import { Waylight } from '../lib/waylight.js';

describe('a streaming page', () => {
  /** @type {Receiver} */ let receiver;
  /** @type {Upstream} */ let upstream;
  /** @type {Waylight} */ let waylight;
  /** @type {Visitor} */ let visitor;
  /** The response that the upstream is in the middle of. @type {http.ServerResponse} */ let streaming;

  before(async () => {
    receiver = await Receiver.start();
    upstream = await Upstream.start({
      '/stream': (_, response) => {
        streaming = response;
        response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
        response.write('<!doctype html><html><HE');
      },
    });
    waylight = await Waylight.run(
      configuration({
        toolbar: false,
        upstream: upstream.url,
        exports: [{ name: 'receiver', endpoint: receiver.httpUrl, protocol: 'http/json' }],
      }),
    );
    visitor = new Visitor(waylight.origin);
    await visitor.signIn(await waylight.link());
    await visitor.startTracing();
  });

  after(async () => {
    await waylight?.stop();
    upstream?.stop();
    receiver?.stop();
  });

  const open = async () => {
    const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const outgoing = http.get(`${waylight.origin}/stream`, { agent: false, headers: { accept: 'text/html', cookie } });
    const [response] = /** @type {[http.IncomingMessage]} */ (await within(once(outgoing, 'response'), 'the head'));
    return response;
  };

  /**
   * Reads until the text so far pleases.
   * @param {http.IncomingMessage} response
   * @param {RegExp} pattern
   */
  const readUntil = async (response, pattern) => {
    let text = '';
    while (!pattern.test(text)) {
      const chunk = response.read();
      if (chunk === null) await within(once(response, 'readable'), `${pattern}, after ${JSON.stringify(text)}`);
      else text += chunk;
    }
    return text;
  };

  test('each part arrives before the next is sent, even where a tag was cut in two', async () => {
    const response = await open();
    streaming.write('AD class="x"><title>slow</title></head><body><p>first</p>');
    const first = await readUntil(response, /first<\/p>/);
    assert.match(first, /<HEAD class="x"><meta name="sentry-trace" content="[^"]+"\/>/);
    streaming.write('<p>second</p>');
    assert.equal(await readUntil(response, /second<\/p>/), '<p>second</p>');
    streaming.end('<p>last</p></body></html>');
    assert.equal(await readUntil(response, /<\/html>/), '<p>last</p></body></html>');
    const trace = await receiver.trace('the whole stream', (it) => it.find((span) => span.attributes['url.path'] === '/stream'));
    assert.equal(edgeRoot(trace, '/stream').status.code, 0, trace.describe());
  });

  test('a visitor who leaves in the middle leaves a whole trace with an error', async () => {
    const seen = new Set(receiver.traces.map((trace) => trace.id));
    const response = await open();
    streaming.write('AD><body><p>first</p>');
    await readUntil(response, /first<\/p>/);
    const gone = once(streaming, 'close');
    response.destroy();
    await within(gone, 'the upstream to be left alone');
    const trace = await receiver.trace('the abandoned stream', (it) => !seen.has(it.id) && it.find((span) => span.attributes['url.path'] === '/stream'));
    trace.assertSound();
    assert.ok(edgeRoot(trace, '/stream').attributes['error.type'], trace.describe());
  });
});
