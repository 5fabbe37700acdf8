// Sentry envelopes, as browser SDKs post them: a collector that answers like Sentry, and a reader.

import http from 'node:http';

import { Inbox } from './events.js';
import { listen, readAll } from './net.js';

/**
 * @typedef {{ headers: Record<string, any>, items: { headers: Record<string, any>, payload: Buffer }[] }} Envelope
 * @typedef {object} BrowserSpan
 * @property {string} traceId
 * @property {string} spanId
 * @property {string | undefined} parentSpanId
 * @property {string} name
 * @property {string | undefined} op
 * @property {boolean} isSegment
 */

const NEWLINE = 0x0a;

/**
 * @param {Buffer} bytes
 * @returns {Envelope}
 */
export function parseEnvelope(bytes) {
  let at = 0;
  const line = () => {
    const end = bytes.indexOf(NEWLINE, at);
    const slice = bytes.subarray(at, end < 0 ? bytes.length : end);
    at = end < 0 ? bytes.length : end + 1;
    return slice;
  };
  const headers = JSON.parse(line().toString());
  const items = [];
  while (at < bytes.length) {
    const head = line();
    if (head.length === 0) continue;
    const itemHeaders = JSON.parse(head.toString());
    if (typeof itemHeaders.length === 'number') {
      const payload = bytes.subarray(at, at + itemHeaders.length);
      if (payload.length !== itemHeaders.length) throw new Error('envelope: an item is cut off');
      at += itemHeaders.length + 1;
      items.push({ headers: itemHeaders, payload });
    } else {
      items.push({ headers: itemHeaders, payload: line() });
    }
  }
  return { headers, items };
}

/**
 * All spans of an envelope, whether it has transactions or span items of the second version.
 * @param {Envelope} envelope
 * @returns {BrowserSpan[]}
 */
export function browserSpans(envelope) {
  return envelope.items.flatMap(({ headers, payload }) => {
    if (headers['type'] === 'span') {
      const items = JSON.parse(payload.toString()).items ?? [];
      return items.map((/** @type {any} */ span) => ({
        traceId: span.trace_id,
        spanId: span.span_id,
        parentSpanId: span.parent_span_id,
        name: span.name,
        op: span.attributes?.['sentry.op']?.value,
        isSegment: span.is_segment === true,
      }));
    }
    if (headers['type'] === 'transaction') {
      const event = JSON.parse(payload.toString());
      const trace = event.contexts.trace;
      return [{ ...trace, name: event.transaction, isSegment: true }, ...(event.spans ?? [])].map((span) => ({
        traceId: span.trace_id,
        spanId: span.span_id,
        parentSpanId: span.parent_span_id,
        name: span.name ?? span.description,
        op: span.op,
        isSegment: span.isSegment === true,
      }));
    }
    return [];
  });
}

export class EnvelopeCollector {
  static async start() {
    const collector = new EnvelopeCollector();
    collector.port = await listen(collector.server);
    return collector;
  }

  constructor() {
    /** @type {Inbox<Envelope>} */
    this.envelopes = new Inbox((envelope) => JSON.stringify(envelope.items.map((item) => item.headers)));
    /** How they came. @type {{ url: string, headers: http.IncomingHttpHeaders }[]} */
    this.posts = [];
    this.port = 0;
    this.server = http.createServer((request, response) => {
      response.setHeader('access-control-allow-origin', '*');
      response.setHeader('access-control-allow-headers', '*');
      void readAll(request).then((body) => {
        if (request.method === 'POST') {
          this.posts.push({ url: request.url ?? '', headers: request.headers });
          this.envelopes.push(parseEnvelope(body));
        }
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
  }

  /** A DSN of project 42 that points here. */
  get dsn() {
    return `http://e2e@127.0.0.1:${this.port}/42`;
  }

  /** What the errors say that were reported. */
  get errors() {
    return this.envelopes.items.flatMap(({ items }) =>
      items
        .filter(({ headers }) => headers['type'] === 'event')
        .flatMap(({ payload }) => JSON.parse(payload.toString()).exception?.values ?? [])
        .map((/** @type {{ value: string }} */ exception) => exception.value),
    );
  }

  get spans() {
    return this.envelopes.items.flatMap(browserSpans);
  }

  /**
   * @param {string} what
   * @param {(span: BrowserSpan) => boolean} look
   * @returns {Promise<BrowserSpan>}
   */
  span(what, look) {
    return this.envelopes.until(what, () => this.spans.find(look));
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
