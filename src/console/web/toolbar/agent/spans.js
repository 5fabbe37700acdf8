// What the agent makes of what a browser measured, as values: nothing here touches a page, a clock or the network.
// Names, operations and numbers are those of Sentry's browser SDK; vitals follow npm `web-vitals` 6.

/** How long nothing happens until a page load or a navigation is over; how long it lasts at most; how long a request may. */
export const IDLE_MS = 1_000, FINAL_MS = 30_000, CHILD_MS = 15_000;

/** @typedef {Record<string, string | number | boolean | undefined | null>} Attributes */
/** @typedef {{ op: string, name: string, start: number, end: number, id?: string | undefined, parent?: string | null, trace?: string, kind?: number, attributes?: Attributes, error?: string | undefined, link?: { trace: string, id: string } | undefined }} Span times in milliseconds after the time origin */

/** When a root ends that is ended at `end`, and whose last child ended at `latest`. @param {number} start @param {number} end @param {number} latest */
export const endOf = (start, end, latest) => Math.min(start + FINAL_MS, Math.max(start, Math.min(end, latest || Infinity)));

/** A root that ends by itself when nothing happens any more. */
export class Idle {
  /** @type {Set<string>} */ open = new Set();
  latest = 0;
  isOver = false;
  mayEnd = false;
  /** Takes back what ends it if nothing changes. */
  off = () => {};

  /** @param {number} left until the latest end @param {(run: () => void, ms: number) => () => void} later @param {(reason: string) => void} over */
  constructor(left, later, over) {
    this.later = later;
    this.over = over;
    this.offLast = later(() => this.finish('finalTimeout'), left);
  }

  /** It may end from now on: a page load does not before its document is there. */
  ready() {
    if (!this.mayEnd) {
      this.mayEnd = true;
      this.rest();
    }
  }

  rest() {
    if (this.isOver) return;
    this.off();
    const isAsking = this.open.size;
    if (isAsking || this.mayEnd) this.off = this.later(() => this.finish(isAsking ? 'heartbeatFailed' : 'idleTimeout'), isAsking ? CHILD_MS : IDLE_MS);
  }

  /** @param {string} id */
  begins(id) {
    this.open.add(id);
    this.rest();
  }

  /** @param {string} id @param {number} end */
  ends(id, end) {
    this.latest = Math.max(this.latest, end);
    this.open.delete(id);
    this.rest();
  }

  /** @param {string} reason */
  finish(reason) {
    if (this.isOver) return;
    this.isOver = true;
    this.off();
    this.offLast();
    this.over(reason);
  }
}

/** The site's pattern of a path, the most exact one. @param {string[]} patterns @param {string} path */
export function route(patterns, path) {
  const parts = path.split('/');
  let best = '', exact = '3';
  for (const pattern of patterns) {
    const wanted = pattern.split('/'), any = wanted.at(-1)?.startsWith('*');
    const rank = wanted.map((part, at) => (part.startsWith('*') ? '2' : part.startsWith(':') && parts[at] ? '1' : part === parts[at] ? '0' : 'x')).join('');
    if (!rank.includes('x') && (any ? parts.length >= wanted.length - 1 : parts.length === wanted.length) && rank < exact) [best, exact] = [pattern, rank];
  }
  return best;
}

/** The steps of a document's load: operation, name, what the names of its times begin with, and those of its end where that is another's. */
const STEPS = [
  ['redirect', 'Redirect', 'redirect'], ['cache', 'Browser cache', 'fetch', 'domainLookupStart'], ['dns', 'DNS', 'domainLookup'], ['connect', 'Connect', 'connect'],
  ['tls_ssl', 'TLS', 'secureConnection', 'connect'], ['request', 'Document request', 'request', 'response'], ['response', 'Document response', 'response'],
  ['unload_event', 'Unload', 'unloadEvent'], ['dom_content_loaded_event', 'DOMContentLoaded', 'domContentLoadedEvent'], ['load_event', 'Load', 'loadEvent'],
];

/** What happened of them. @param {any} entry @param {string | undefined} id of the span that the edge's hangs under @returns {Span[]} */
export const steps = (entry, id) => STEPS.flatMap(([op = '', name = '', from = '', to = from]) => {
  const start = entry[from + 'Start'], end = entry[to] ?? entry[to + 'End'], isRequest = op === 'request';
  // What did not happen is 0. The request is there in any case: the edge's span hangs under it.
  if (!isRequest && !(start > 0 && (end > start || (end > 0 && /_event/.test(op))))) return [];
  return { op: `browser.${op}`, name, start, end: Math.max(start, end), ...(isRequest && { id, kind: 3, attributes: measure(entry) }) };
});

/** What was measured of a request. @param {any} entry @returns {Attributes} */
export function measure(entry) {
  const [, name, version] = /^([a-z]+)[-/]?([\d.]*)/i.exec(entry.nextHopProtocol ?? '') ?? [];
  return {
    'url.full': entry.name, 'http.response.status_code': entry.responseStatus || undefined, 'http.response.size': entry.transferSize, 'http.response.body.size': entry.encodedBodySize,
    'network.protocol.name': name === 'h' ? 'http' : name, 'network.protocol.version': version || undefined,
  };
}

/** A file that the page loaded. @param {any} entry @param {string | undefined} id @returns {Span} */
export function resource(entry, id) {
  const { origin, host, pathname } = new URL(entry.name), { name, startTime, responseEnd, initiatorType } = entry;
  const attributes = { ...measure(entry), 'server.address': host, 'resource.render_blocking_status': entry.renderBlockingStatus };
  return { op: `resource.${initiatorType || 'other'}`, name: origin === location.origin ? pathname : name, start: startTime, end: Math.max(startTime, responseEnd), id, kind: 3, attributes };
}

/** The trace, and the span in it, that the edge says an entry's request belongs to; others have metrics of that name, too. @param {any} entry @returns {string[]} */
export const edgeOf = (entry) => entry.serverTiming?.find((/** @type {any} */ { name, description }) => name === 'edge' && /^[\da-f]{32}-[\da-f]{16}$/.test(description))?.description.split('-') ?? [];

/** A frame or a task that took long, and the script that took longest in it. @param {any} entry @returns {Span} */
export function frame({ startTime, duration, blockingDuration, scripts }) {
  /** @type {any} */ let script;
  for (const each of scripts ?? []) if (each.duration > (script?.duration ?? 0)) script = each;
  const attributes = script && { 'code.filepath': script.sourceURL, 'code.function': script.sourceFunctionName, 'browser.script.invoker': script.invoker, 'browser.script.invoker_type': script.invokerType, 'browser.script.duration': script.duration };
  return { op: 'ui.long_animation_frame', name: 'Long animation frame', start: startTime, end: startTime + duration, attributes: { ...attributes, 'browser.frame.blocking_duration': blockingDuration } };
}

/** An element, as a person who looks for it would write it. @param {any} element */
export function selector(element) {
  let text = '';
  for (let depth = 0; depth < 3 && element?.localName && element.localName !== 'html'; depth += 1) {
    const kind = element.classList?.[0];
    text = `${element.localName}${element.id ? `#${element.id}` : kind ? `.${kind}` : ''}${text && ` > ${text}`}`;
    if (element.id) break;
    element = element.parentNode;
  }
  return text || undefined;
}

/** What an event is, for a person. @param {string} name */
export const actOf = (name) => (/^key|^input|composition/.test(name) ? 'press' : /^drag|^drop/.test(name) ? 'drag' : /over|out|enter|leave/.test(name) ? 'hover' : 'click');

/** The vitals of one page load. */
export class Vitals {
  shift = 0;
  /** @type {any[]} the shifts of the worst window */ shifts = [];
  /** @type {any} */ largest = null;
  /** @type {any[]} the longest interactions, each with its longest event, the longest first */ slowest = [];
  /** @type {any[]} the shifts of the current one */ #window = [];
  /** @type {number[]} */ #ids = [Infinity, 0];

  /** @param {any} entry */
  shifted(entry) {
    if (entry.hadRecentInput) return;
    const window = this.#window, at = entry.startTime;
    if (!(at - window.at(-1)?.startTime < 1_000 && at - window[0].startTime < 5_000)) window.length = 0;
    window.push(entry);
    const value = window.reduce((sum, each) => sum + each.value, 0);
    if (value > this.shift) [this.shift, this.shifts] = [value, [...window]];
  }

  /** @param {any} entry */
  acted(entry) {
    const { interactionId: id, duration } = entry;
    // Where the browser does not count interactions: their ids grow by seven.
    if (!id) return;
    this.#ids = [Math.min(/** @type {number} */ (this.#ids[0]), id), Math.max(/** @type {number} */ (this.#ids[1]), id)];
    const known = this.slowest.find((each) => each.interactionId === id);
    if (known?.duration >= duration) return;
    this.slowest = [...this.slowest.filter((each) => each !== known), entry].sort((a, b) => b.duration - a.duration).slice(0, 10);
  }

  /** The interaction that stands for all: of each fifty, the slowest does not count. @param {number | undefined} count of interactions, where the browser tells */
  slow(count = this.slowest.length ? (/** @type {number} */ (this.#ids[1]) - /** @type {number} */ (this.#ids[0])) / 7 + 1 : 0) {
    return this.slowest[Math.min(this.slowest.length - 1, Math.floor(count / 50))];
  }
}

/** Times in nanoseconds since the epoch, as a text. @param {number} origin @param {number} ms */
const nanos = (origin, ms) => `${Math.round((origin + ms) * 1_000)}000`;

/** @param {Attributes} attributes */
const pairs = (attributes) => Object.entries(attributes).filter(([, value]) => (value ?? '') !== '').map(([key, value]) => ({
  key, value: typeof value === 'number' ? (Number.isInteger(value) ? { intValue: `${value}` } : { doubleValue: value }) : typeof value === 'boolean' ? { boolValue: value } : { stringValue: `${value}`.slice(0, 2_000) },
}));

/** A span as OTLP has it. @param {Span} span whose ids are all known @param {number} origin */
export const otlp = ({ op, name, start, end, id, parent, trace, kind, attributes, error, link }, origin) => ({
  traceId: trace, spanId: id, parentSpanId: parent || undefined, name: name.slice(0, 500), kind: kind ?? 1, startTimeUnixNano: nanos(origin, start), endTimeUnixNano: nanos(origin, end),
  attributes: pairs({ 'sentry.op': op, ...attributes, 'error.type': error }), status: error ? { code: 2, message: error } : undefined,
  links: link && [{ traceId: link.trace, spanId: link.id, attributes: pairs({ 'sentry.link.type': parent ? 'request_trace' : 'previous_trace' }) }],
});

/** A message of spans that are JSON already. @param {string[]} spans @param {number} dropped */
export const message = (spans, dropped) => `{"resourceSpans":[{"resource":{"attributes":${JSON.stringify(pairs({ 'service.name': 'browser', 'browser.spans_dropped': dropped || undefined }))}},"scopeSpans":[{"scope":{},"spans":[${spans.join()}]}]}]}`;
