// Traces with a browser's half, as the API gives them back to whoever is signed in.

import assert from 'node:assert/strict';

import { signIn } from './browser.js';
import { spansOfJson } from './otlp.js';
import { Trace } from './trace.js';

/** @import { Page } from 'playwright-core' */
/** @import { Span } from './otlp.js' */
/** @import { Waylight } from './waylight.js' */

/** The operation of a browser's span, the stage of an edge's. @param {Span} span @returns {string} */
export const opOf = (span) => String(span.attributes['sentry.op'] ?? span.attributes['waylight.stage'] ?? '');

/** @param {Span} span */
export const isOfBrowser = (span) => span.service === 'browser';

/** @param {string} op @param {string} [name] */
export const op = (op, name) => (/** @type {Span} */ span) => opOf(span) === op && isOfBrowser(span) && (name === undefined || span.name === name);

/** What the agent of a page is told. @param {Page} page @returns {Promise<any>} */
export function toldAgent(page) {
  return page.evaluate(() => JSON.parse(document.querySelector('script[src$="/agent/patch.js"]')?.getAttribute('data-waylight') ?? 'null'));
}

/** Signs in, and starts a session. @param {Page} page @param {Waylight} waylight @param {string} [link] */
export async function startSession(page, waylight, link) {
  await signIn(page, link ?? (await waylight.link('--role', 'admin')));
  await command(page, waylight, 'session', { action: 'start' });
}

/** @param {Page} page @param {Waylight} waylight @param {string} path @param {unknown} body */
export async function command(page, waylight, path, body) {
  const answer = await page.request.post(`${waylight.origin}/_waylight/api/v1/${path}`, {
    headers: { 'content-type': 'application/json', 'waylight-request': '1', origin: waylight.origin }, data: JSON.stringify(body),
  });
  assert.equal(answer.status(), 200, await answer.text());
  return answer.json();
}

/**
 * A trace as it is stored, once `isWhole` says so.
 * @param {Page} page that is signed in
 * @param {Waylight} waylight
 * @param {string} id
 * @param {(trace: Trace) => boolean} isWhole
 * @returns {Promise<Trace>}
 */
export async function recorded(page, waylight, id, isWhole) {
  const end = Date.now() + 20_000;
  /** @type {Trace | undefined} */ let trace;
  for (;;) {
    const answer = await page.request.get(`${waylight.origin}/_waylight/api/v1/traces/${id}?format=otlp`);
    if (answer.ok()) {
      trace = new Trace(spansOfJson(await answer.text()));
      if (isWhole(trace)) return trace;
    }
    if (Date.now() > end) assert.fail(`the trace ${id} did not become whole:\n${trace ? describe(trace) : await answer.text()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The tree as text, with operations. @param {Trace} trace */
export function describe(trace) {
  /** @type {string[]} */
  const lines = [`trace ${trace.id}`];
  const walk = (/** @type {Span} */ span, /** @type {string} */ indent) => {
    lines.push(`${indent}${span.service} · ${opOf(span)} · ${span.name} (${Number(span.end - span.start) / 1e6} ms)`);
    for (const child of trace.children(span)) walk(child, `${indent}  `);
  };
  for (const root of trace.roots) walk(root, '  ');
  return lines.join('\n');
}

/** Has a page hidden for good, as its tab's closing does: another page takes its place. @param {Page} page @param {Waylight} waylight */
export function hide(page, waylight) {
  return page.goto(`${waylight.origin}/_waylight/plain`);
}

/** The trace that a request named. @param {{ headers: import('node:http').IncomingHttpHeaders } | undefined} request */
export function traceIn(request) {
  const id = String(request?.headers['traceparent'] ?? '').split('-')[1];
  assert.ok(id, 'the request names no trace');
  return id;
}

/** Waits until the agent of a page runs. @param {Page} page */
export async function runs(page) {
  await page.waitForFunction(() => /** @type {any} */ (document)[Symbol.for('waylight.agent')]?.then(() => true));
}
