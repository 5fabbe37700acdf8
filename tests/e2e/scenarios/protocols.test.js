// The same traces over each protocol of OTLP, taken by our own strict receiver and by somebody else's collector.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { configuration, startedApp } from '../lib/config.js';
import { assertEdgeTrace, edgeRoot, stageOf, stagesOf } from '../lib/edge.js';
import { Receiver } from '../lib/receiver.js';
import { Rotel } from '../lib/rotel.js';
import { Visitor } from '../lib/visitor.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Protocol } from '../lib/config.js' */

const PATH = '/products/harbour-lantern';

for (const protocol of /** @type {Protocol[]} */ (['http/protobuf', 'http/json', 'grpc'])) {
  describe(`over ${protocol}`, () => {
    /** @type {Receiver} */ let own;
    /** @type {Receiver} */ let behindRotel;
    /** @type {Rotel} */ let rotel;
    /** @type {Waylight} */ let waylight;
    /** @type {Visitor} */ let visitor;

    before(async () => {
      own = await Receiver.start();
      behindRotel = await Receiver.start();
      rotel = await Rotel.start(new URL(behindRotel.httpUrl).origin);
      const grpc = protocol === 'grpc';
      waylight = await Waylight.run(
        configuration({
          app: startedApp(),
          middleware: true,
          exports: [
            { name: 'own', endpoint: grpc ? own.grpcUrl : own.httpUrl, protocol, headers: { 'x-key': 'own-secret' } },
            { name: 'rotel', endpoint: grpc ? rotel.grpcUrl : rotel.httpUrl, protocol },
          ],
        }),
      );
      visitor = new Visitor(waylight.origin);
      await visitor.signIn(await waylight.link());
      await visitor.startTracing();
    });

    after(async () => {
      await waylight?.stop();
      await rotel?.stop();
      own?.stop();
      behindRotel?.stop();
    });

    test('the first request shows the app\'s start, its spans, and every stage', async () => {
      const page = await visitor.get(PATH);
      assert.equal(page.status, 200, page.text);
      for (const [name, receiver] of Object.entries({ own, rotel: behindRotel })) {
        const trace = await receiver.trace(`the page, by ${name}`, (it) => it.find('render page'));
        assertEdgeTrace(trace, { path: PATH });
        const root = edgeRoot(trace, PATH);
        const stages = stagesOf(trace);
        for (const stage of ['route', 'middleware', 'inject', 'upstream.start', 'upstream.spawn', 'upstream.ready', 'upstream.connect']) {
          assert.ok(stages.includes(stage), `no ${stage} in\n${trace.describe()}`);
        }
        const start = trace.the((span) => stageOf(span) === 'upstream.start');
        for (const part of ['upstream.spawn', 'upstream.ready']) {
          assert.equal(trace.parent(trace.the((span) => stageOf(span) === part)), start, trace.describe());
        }
        assert.equal(root.attributes['http.route'] !== undefined, true, trace.describe());
        assert.ok(page.text.includes(`content="${trace.id}-${root.spanId}-1"`), 'the page names its trace');
      }
    });

    test('the next request has a trace of its own, without a start', async () => {
      await visitor.get('/slow');
      const trace = await own.trace('the slow page', (it) => it.find('render page') && it.find((span) => span.attributes['url.path'] === '/slow'));
      assertEdgeTrace(trace, { path: '/slow' });
      assert.ok(!stagesOf(trace).includes('upstream.start'), trace.describe());
    });

    test('a failing page is an error of the app, and of the request', async () => {
      await visitor.get('/failing');
      const trace = await own.trace('the failing page', (it) => it.find((span) => span.attributes['url.path'] === '/failing' && span.service !== 'waylight') && it.find((span) => stageOf(span) === 'request'));
      assertEdgeTrace(trace, { path: '/failing', status: 500 });
      assert.equal(edgeRoot(trace, '/failing').status.code, 2, trace.describe());
    });

    test('headers go to their own back end only; both got everything, well formed', async () => {
      assert.equal(await waylight.stop(), 0);
      assert.deepEqual(own.faults, []);
      assert.deepEqual(behindRotel.faults, []);
      assert.ok(own.headers.every((headers) => headers['x-key'] === 'own-secret'));
      const ids = (/** @type {Receiver} */ receiver) => new Set(receiver.spans.items.map((span) => span.spanId));
      const expected = ids(own);
      await behindRotel.spans.until('all spans, by rotel', () => ids(behindRotel).size >= expected.size);
      assert.deepEqual([...ids(behindRotel)].sort(), [...expected].sort());
    });
  });
}
