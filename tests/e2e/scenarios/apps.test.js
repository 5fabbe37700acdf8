// Apps with SDKs of their own, whose spans come in by OTLP over HTTP and gRPC: one request of a tracing session gives one
// tree, in Waylight's own store and in a back end that spans are forwarded to.

import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { configuration } from '../lib/config.js';
import { edgeRoot, stageOf } from '../lib/edge.js';
import { freePort } from '../lib/net.js';
import { Receiver } from '../lib/receiver.js';
import { Visitor } from '../lib/visitor.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Trace } from '../lib/trace.js' */

const PYTHON = resolve(import.meta.dirname, '../../../.venv/bin/python');
const APPS = resolve(import.meta.dirname, '../apps');
const API = '/_waylight/api/v1';

/** @type {Record<string, string[]>} */
const COMMANDS = { node: [process.execPath, `${APPS}/node.cjs`], python: [PYTHON, `${APPS}/app.py`] };

for (const language of ['node', 'python'])
  for (const protocol of ['http/protobuf', 'grpc']) {
    describe(`an app in ${language} that sends its spans over ${protocol}`, () => {
      /** @type {Receiver} */ let receiver;
      /** @type {Waylight} */ let waylight;
      /** @type {Visitor} */ let visitor;

      before(async () => {
        receiver = await Receiver.start();
        // Known beforehand, since the app's environment names it.
        const grpc = await freePort();
        waylight = await Waylight.run(
          configuration({
            app: COMMANDS[language] ?? [],
            exports: [{ name: 'receiver', endpoint: receiver.httpUrl, protocol: 'http/protobuf' }],
            grpc,
            environment: {
              OTEL_BSP_SCHEDULE_DELAY: '200',
              OTEL_METRICS_EXPORTER: 'none',
              OTEL_LOGS_EXPORTER: 'none',
              ...(protocol === 'grpc'
                ? {
                    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
                    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${grpc}`,
                    OTEL_EXPORTER_OTLP_INSECURE: 'true',
                  }
                : {}),
            },
          }),
        );
        visitor = new Visitor(waylight.origin);
        await visitor.signIn(await waylight.link());
        await visitor.startTracing();
      });

      after(async () => {
        await waylight?.stop();
        receiver?.stop();
      });

      /** Asks for `path`, and waits until the back end has the app's spans of it. @param {string} path */
      const traced = async (path) => {
        const answer = await visitor.get(path);
        assert.equal(answer.status, 200, answer.text);
        assert.match(answer.text, new RegExp(`hello from ${language}`));
        return receiver.trace(`${path}, the app included`, (trace) => {
          const ours = trace.find((span) => span.attributes['url.path'] === path && stageOf(span) === 'request');
          return ours && trace.find('render');
        });
      };

      /** The spans of `trace` as the API gives them, once it has as many as the back end. @param {Trace} trace */
      const stored = async (trace) => {
        const deadline = Date.now() + 15_000;
        for (;;) {
          const answer = await visitor.get(`${API}/traces/${trace.id}`, { accept: 'application/json' });
          // What is stored is written in batches: until then there is no such trace.
          const { spans, strings, state } = answer.status === 404
            ? { spans: { id: [] }, strings: [], state: 'not stored' }
            : JSON.parse(answer.text);
          if (spans.id.length >= trace.spans.length) return spans;
          assert.ok(Date.now() < deadline, `${state}: ${spans.id.length} of ${trace.spans.length} spans, ${strings}`);
        }
      };

      /** The tree is one, and the app's part hangs under the attempt that asked it. @param {Trace} trace @param {string} path */
      const assertJoined = (trace, path) => {
        const attempt = trace.the((span) => stageOf(span) === 'upstream.request');
        const render = trace.the('render');
        assert.equal(trace.root, edgeRoot(trace, path));
        assert.equal(render.service, 'app', 'its own resource stays');
        assert.ok(trace.isBelow(render, attempt), trace.describe());
        // An app's SDK may end its span after the response was read, so only the tree is looked at, and no times.
        assert.equal(trace.byId.size, trace.spans.length, `a span id stands twice:\n${trace.describe()}`);
      };

      test('one request gives one tree, which reaches the back end', async () => {
        assertJoined(await traced('/hello'), '/hello');
      });

      test('the same tree stands in the API', async () => {
        const trace = await traced('/again');
        const spans = await stored(trace);
        /** @type {Map<string, string>} */
        const parents = new Map(spans.id.map((/** @type {string} */ id, /** @type {number} */ at) => [id, spans.parent[at]]));
        for (const span of trace.spans) assert.ok(parents.has(span.spanId), `${span.name} is not in the store`);
        const roots = [...parents.values()].filter((parent) => !parents.has(parent));
        assert.equal(roots.length, 1, 'one root');
      });

      if (language === 'python') {
        test('a trace that the app began anew is joined by the request\'s name', async () => {
          const trace = await traced('/anew');
          assertJoined(trace, '/anew');
          const root = trace.the((span) => span.service === 'app' && span.name === 'GET');
          assert.equal(root.links.length, 1, 'it links to where it came from');
          assert.notEqual(root.links[0]?.traceId, trace.id);
        });
      }

      test('every span was well formed', () => {
        assert.deepEqual(receiver.faults, []);
      });
    });
  }
