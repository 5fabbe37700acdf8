// OTLP in JSON, made by hand, to be imported: traces whose every figure is known.

/**
 * @typedef {object} MadeSpan
 * @property {string} id 16 hexadecimal digits, or fewer
 * @property {string} [parent]
 * @property {string} name
 * @property {number} from milliseconds after the beginning
 * @property {number} to
 * @property {'edge' | 'browser' | 'app'} [maker]
 * @property {string} [svc]
 * @property {number} [kind]
 * @property {string} [stage]
 * @property {Record<string, string | number | boolean | string[]>} [attributes]
 * @property {string} [error]
 * @property {{ name: string, at: number, attributes?: Record<string, string | number> }[]} [events]
 * @property {{ trace: string, span: string }[]} [links]
 */

/** Where made traces begin: long enough ago that nothing more is awaited. */
const BEGAN_MS = Date.now() - 60_000;

/** @param {string} id */
export const spanId = (id) => id.padStart(16, '0');

/**
 * @param {string} trace 32 hexadecimal digits
 * @param {MadeSpan[]} spans
 * @param {{ shift?: Record<string, number>, began?: number }} [how] `shift`: milliseconds by which the clock of a service is wrong
 */
export function otlp(trace, spans, { shift = {}, began = BEGAN_MS } = {}) {
  /** @type {Map<string, { resource: unknown, scopeSpans: { scope: unknown, spans: unknown[] }[] }>} */
  const processes = new Map();
  for (const span of spans) {
    const maker = span.maker ?? 'app';
    const svc = span.svc ?? (maker === 'edge' ? 'waylight' : maker === 'browser' ? 'browser' : 'shop');
    const key = `${maker} ${svc}`;
    const process = processes.get(key) ?? {
      resource: { attributes: attributes({
        'service.name': svc,
        ...(maker === 'edge' ? { 'telemetry.sdk.name': 'waylight' } : maker === 'browser' ? { 'telemetry.sdk.language': 'webjs' } : {}),
      }) },
      scopeSpans: [{ scope: { name: maker === 'edge' ? 'waylight' : 'made', version: '1' }, spans: [] }],
    };
    processes.set(key, process);
    const nanos = (/** @type {number} */ ms) => String(BigInt(Math.round((began + ms + (shift[svc] ?? 0)) * 1000)) * 1000n);
    process.scopeSpans[0]?.spans.push({
      traceId: trace, spanId: spanId(span.id), ...(span.parent ? { parentSpanId: spanId(span.parent) } : {}),
      name: span.name, kind: span.kind ?? 1, startTimeUnixNano: nanos(span.from), endTimeUnixNano: nanos(span.to),
      attributes: attributes({ ...(span.stage ? { [maker === 'edge' ? 'waylight.stage' : 'sentry.op']: span.stage } : {}), ...span.attributes }),
      status: span.error === undefined ? {} : { code: 2, message: span.error },
      events: (span.events ?? []).map((event) => ({ name: event.name, timeUnixNano: nanos(event.at), attributes: attributes(event.attributes ?? {}) })),
      links: (span.links ?? []).map((link) => ({ traceId: link.trace, spanId: spanId(link.span), attributes: [] })),
    });
  }
  return { resourceSpans: [...processes.values()] };
}

/** @param {Record<string, string | number | boolean | string[]>} values */
function attributes(values) {
  return Object.entries(values).map(([key, value]) => ({ key, value: wrapped(value) }));
}

/** @param {string | number | boolean | string[]} value @returns {object} */
function wrapped(value) {
  if (Array.isArray(value)) return { arrayValue: { values: value.map(wrapped) } };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'string') return { stringValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/** A page of a shop, with everything in it: browser, edge, cold start, app, database, calls, an error. */
export const SHOP = /** @type {MadeSpan[]} */ ([
  { id: '1', name: '/products/:slug', from: 0, to: 1283, maker: 'browser', stage: 'pageload', attributes: { 'browser.web_vital.ttfb.value': 441, 'browser.web_vital.fcp.value': 604.5, 'browser.web_vital.lcp.value': 742 } },
  { id: '2', parent: '1', name: 'dns', from: 0, to: 6.8, maker: 'browser', stage: 'browser.dns' },
  { id: '3', parent: '1', name: 'connect', from: 7, to: 25.8, maker: 'browser', stage: 'browser.connect' },
  { id: '4', parent: '1', name: 'request', from: 26, to: 510, maker: 'browser', stage: 'browser.request', kind: 3 },
  { id: '5', parent: '4', name: 'GET /products/:slug', from: 32, to: 496, maker: 'edge', stage: 'request', kind: 2, attributes: { 'url.path': '/products/aurora-lamp', 'http.request.method': 'GET', 'http.route': '/products/:slug', 'http.response.status_code': 200, 'client.address': '127.0.0.1', 'network.protocol.version': '2', 'waylight.trigger': 'session', 'http.response.body.size': 61_200 } },
  { id: '6', parent: '5', name: 'Route', from: 32.1, to: 32.42, maker: 'edge', stage: 'route', attributes: { 'waylight.route.name': '/products/:slug', 'waylight.route.missed': ['/products/new: the path differs'] } },
  { id: '7', parent: '5', name: 'headers', from: 32.5, to: 33.2, maker: 'edge', stage: 'middleware', attributes: { 'waylight.middleware.name': 'security' } },
  { id: '8', parent: '5', name: 'Cache lookup', from: 37, to: 37.7, maker: 'edge', stage: 'cache.lookup', attributes: { 'cache.hit': false, 'cache.reason': 'no-store', 'cache.explanation': 'the answer before said Cache-Control: private, no-store, so nothing was kept', 'cache.key': 'https://shop.example/products/aurora-lamp' } },
  { id: '9', parent: '5', name: 'Upstream start', from: 38, to: 216, maker: 'edge', stage: 'upstream.start', attributes: { 'waylight.upstream.cold': true, 'process.command': 'node server.js', 'process.pid': 4121 }, events: [{ name: 'output', at: 69, attributes: { stream: 'stdout', line: 'loading config/production' } }, { name: 'output', at: 115, attributes: { stream: 'stdout', line: 'pool: 4 connections' } }, { name: 'output', at: 119, attributes: { stream: 'stdout', line: 'listening on :3000' } }] },
  { id: 'a', parent: '9', name: 'Spawn process', from: 38, to: 42.1, maker: 'edge', stage: 'upstream.spawn' },
  { id: 'b', parent: '9', name: 'Wait for readiness', from: 42.1, to: 216, maker: 'edge', stage: 'upstream.ready' },
  { id: 'c', parent: '5', name: 'Connect', from: 216, to: 216.5, maker: 'edge', stage: 'upstream.connect', attributes: { 'network.peer.address': '127.0.0.1', 'network.peer.port': 3000, 'server.address': '127.0.0.1' } },
  { id: 'd', parent: '5', name: 'GET', from: 217, to: 485, maker: 'edge', stage: 'upstream.request', kind: 3, attributes: { 'waylight.upstream': 'app', 'server.address': '127.0.0.1', 'server.port': 3000, 'http.response.status_code': 200, 'http.request.method': 'GET' } },
  { id: 'e', parent: 'd', name: 'GET /products/[slug]', from: 220, to: 469, kind: 2 },
  { id: 'f', parent: 'e', name: 'render route', from: 223, to: 468, attributes: { 'code.function.name': 'app/products/[slug]/page' } },
  { id: '10', parent: 'f', name: 'getProduct', from: 224, to: 299.5 },
  { id: '11', parent: '10', name: 'fetch GET', from: 225, to: 256.8, kind: 3, attributes: { 'url.full': 'http://catalog.internal/p/1', 'http.request.method': 'GET', 'http.response.status_code': 200 } },
  { id: '12', parent: '10', name: 'SELECT products', from: 260, to: 297.1, kind: 3, svc: 'postgres', attributes: { 'db.system.name': 'postgresql', 'db.query.text': 'SELECT * FROM products WHERE slug = $1' } },
  { id: '13', parent: 'f', name: 'SELECT reviews', from: 300, to: 349.6, kind: 3, svc: 'postgres', attributes: { 'db.system.name': 'postgresql', 'db.query.text': 'SELECT * FROM reviews', 'db.response.returned_rows': 128 } },
  { id: '14', parent: 'f', name: 'fetch GET', from: 301, to: 435, kind: 3, attributes: { 'url.full': 'http://inventory.internal/stock', 'http.request.method': 'GET', 'http.response.status_code': 200 } },
  { id: '15', parent: 'f', name: 'renderToStream', from: 436, to: 466.8, events: [{ name: 'shell ready', at: 440 }] },
  { id: '16', parent: '5', name: 'Inject', from: 441, to: 441.7, maker: 'edge', stage: 'inject', attributes: { 'waylight.inject.result': 'injected', 'waylight.inject.bytes': 412, 'waylight.inject.place': 'head' } },
  { id: '17', parent: '1', name: 'https://shop.example/site.css', from: 514, to: 541, maker: 'browser', stage: 'resource.link', kind: 3, attributes: { 'url.full': 'https://shop.example/site.css', 'http.response.body.size': 14_000, 'resource.render_blocking_status': 'blocking' } },
  { id: '18', parent: '17', name: 'GET /site.css', from: 518, to: 533, maker: 'edge', stage: 'request', kind: 2, attributes: { 'url.path': '/site.css', 'http.response.status_code': 200 } },
  { id: '19', parent: '18', name: 'Cache lookup', from: 518.2, to: 518.6, maker: 'edge', stage: 'cache.lookup', attributes: { 'cache.hit': true, 'cache.reason': 'fresh', 'cache.explanation': 'the stored response is 2 s old and fresh for another 58 s', 'cache.age': 2, 'cache.ttl': 58, 'cache.tier': 'memory' } },
  { id: '1a', parent: '1', name: 'GET shop.example', from: 720, to: 1080, maker: 'browser', stage: 'http.client', kind: 3, error: 'the answer was 503' },
  { id: '1b', parent: '1a', name: 'GET /api/stock', from: 728, to: 1070, maker: 'edge', stage: 'request', kind: 2, error: '', attributes: { 'url.path': '/api/stock', 'http.response.status_code': 503, 'error.type': '503' } },
  { id: '1c', parent: '1b', name: 'GET', from: 730, to: 1069, maker: 'edge', stage: 'upstream.request', kind: 3, error: '', attributes: { 'waylight.upstream': 'api', 'server.address': '127.0.0.1', 'server.port': 3001, 'http.response.status_code': 503, 'http.request.resend_count': 1, 'error.type': '503' } },
]);
