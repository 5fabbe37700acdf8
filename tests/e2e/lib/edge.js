// What the edge promises of each traced request.

import assert from 'node:assert/strict';

import { KIND } from './otlp.js';

/** @import { Span } from './otlp.js' */
/** @import { Trace } from './trace.js' */

/** @param {Span} span */
export function stageOf(span) {
  return /** @type {string | undefined} */ (span.attributes['waylight.stage']);
}

/** @param {Trace} trace */
export function stagesOf(trace) {
  return trace.spans.map(stageOf).filter((stage) => stage !== undefined);
}

/**
 * The trace that a page's tags name, all of them alike.
 * @param {Record<string, string | undefined>} tags
 * @returns {string}
 */
export function traceOf(tags) {
  const id = tags['traceparent']?.split('-')[1];
  assert.ok(id, 'the page has no traceparent tag');
  assert.equal(tags['sentry-trace']?.split('-')[0], id, 'two tags, two traces');
  return id;
}

/**
 * The edge's span of the request for `path`.
 * @param {Trace} trace
 * @param {string} path
 * @returns {Span}
 */
export function edgeRoot(trace, path) {
  return trace.the((span) => stageOf(span) === 'request' && span.attributes['url.path'] === path);
}

/**
 * One request through the edge to an instrumented app: routing, an attempt at the upstream, the app's spans below it,
 * times nested, and the page's tags naming the root.
 * @param {Trace} trace
 * @param {{ path: string, tags?: Record<string, string | undefined>, status?: number }} expected
 */
export function assertEdgeTrace(trace, { path, tags, status = 200 }) {
  const tree = trace.describe();
  trace.assertSound();
  const root = edgeRoot(trace, path);
  assert.equal(root.kind, KIND.server, tree);
  assert.equal(root.attributes['http.request.method'], 'GET', tree);
  assert.equal(root.attributes['http.response.status_code'], status, tree);
  assert.equal(root.attributes['url.scheme'], 'http', tree);
  if (tags) assert.equal(tags['sentry-trace']?.split('-')[1], root.spanId, `the tags name another span:\n${tree}`);

  const stages = trace.children(root).map(stageOf);
  assert.ok(stages.includes('route'), `no routing below the root:\n${tree}`);
  const attempt = trace.the((span) => stageOf(span) === 'upstream.request' && trace.isBelow(span, root));
  assert.equal(attempt.kind, KIND.client, tree);
  const served = trace.children(attempt).filter((span) => span.service !== root.service);
  assert.equal(served.length, 1, `the app's server span is not below the attempt:\n${tree}`);
  assert.equal(served[0]?.kind, KIND.server, tree);
}
