// OTLP traces as opentelemetry-proto 1.11 writes them: from protobuf or JSON into plain spans, every field checked.

import { checkJson, decode } from './protobuf.js';

/** @import { Message } from './protobuf.js' */

/**
 * @typedef {string | number | boolean | bigint | null | Value[] | { [key: string]: Value }} Value
 * @typedef {{ [key: string]: Value }} Attributes
 * @typedef {{ name: string, time: bigint, attributes: Attributes }} SpanEvent
 * @typedef {{ traceId: string, spanId: string, traceState: string, attributes: Attributes }} SpanLink
 * @typedef {object} Span
 * @property {string} traceId
 * @property {string} spanId
 * @property {string} parentSpanId empty for a root
 * @property {string} traceState
 * @property {string} name
 * @property {number} kind
 * @property {bigint} start nanoseconds since 1970
 * @property {bigint} end nanoseconds since 1970
 * @property {Attributes} attributes
 * @property {SpanEvent[]} events
 * @property {SpanLink[]} links
 * @property {{ code: number, message: string }} status
 * @property {number} flags
 * @property {string} scope
 * @property {Attributes} resource
 * @property {string} service
 */

export const KIND = Object.freeze({ internal: 1, server: 2, client: 3, producer: 4, consumer: 5 });
export const STATUS = Object.freeze({ unset: 0, ok: 1, error: 2 });

/** @type {Message} */
const ANY_VALUE = {
  1: { name: 'stringValue', type: 'string' },
  2: { name: 'boolValue', type: 'bool' },
  3: { name: 'intValue', type: 'int64' },
  4: { name: 'doubleValue', type: 'double' },
  5: { name: 'arrayValue', type: () => ({ 1: { name: 'values', type: () => ANY_VALUE, repeated: true } }) },
  6: { name: 'kvlistValue', type: () => ({ 1: { name: 'values', type: () => KEY_VALUE, repeated: true } }) },
  7: { name: 'bytesValue', type: 'bytes' },
};
/** @type {Message} */
const KEY_VALUE = { 1: { name: 'key', type: 'string' }, 2: { name: 'value', type: () => ANY_VALUE } };
/** @type {Message} */
const EVENT = {
  1: { name: 'timeUnixNano', type: 'fixed64' },
  2: { name: 'name', type: 'string' },
  3: { name: 'attributes', type: () => KEY_VALUE, repeated: true },
  4: { name: 'droppedAttributesCount', type: 'uint32' },
};
/** @type {Message} */
const LINK = {
  1: { name: 'traceId', type: 'hex' },
  2: { name: 'spanId', type: 'hex' },
  3: { name: 'traceState', type: 'string' },
  4: { name: 'attributes', type: () => KEY_VALUE, repeated: true },
  5: { name: 'droppedAttributesCount', type: 'uint32' },
  6: { name: 'flags', type: 'fixed32' },
};
/** @type {Message} */
const STATUS_MESSAGE = { 2: { name: 'message', type: 'string' }, 3: { name: 'code', type: 'enum' } };
/** @type {Message} */
const SPAN = {
  1: { name: 'traceId', type: 'hex' },
  2: { name: 'spanId', type: 'hex' },
  3: { name: 'traceState', type: 'string' },
  4: { name: 'parentSpanId', type: 'hex' },
  5: { name: 'name', type: 'string' },
  6: { name: 'kind', type: 'enum' },
  7: { name: 'startTimeUnixNano', type: 'fixed64' },
  8: { name: 'endTimeUnixNano', type: 'fixed64' },
  9: { name: 'attributes', type: () => KEY_VALUE, repeated: true },
  10: { name: 'droppedAttributesCount', type: 'uint32' },
  11: { name: 'events', type: () => EVENT, repeated: true },
  12: { name: 'droppedEventsCount', type: 'uint32' },
  13: { name: 'links', type: () => LINK, repeated: true },
  14: { name: 'droppedLinksCount', type: 'uint32' },
  15: { name: 'status', type: () => STATUS_MESSAGE },
  16: { name: 'flags', type: 'fixed32' },
};
/** @type {Message} */
const SCOPE = {
  1: { name: 'name', type: 'string' },
  2: { name: 'version', type: 'string' },
  3: { name: 'attributes', type: () => KEY_VALUE, repeated: true },
  4: { name: 'droppedAttributesCount', type: 'uint32' },
};
/** @type {Message} */
const SCOPE_SPANS = {
  1: { name: 'scope', type: () => SCOPE },
  2: { name: 'spans', type: () => SPAN, repeated: true },
  3: { name: 'schemaUrl', type: 'string' },
};
/** @type {Message} */
const ENTITY_REF = {
  1: { name: 'schemaUrl', type: 'string' },
  2: { name: 'type', type: 'string' },
  3: { name: 'idKeys', type: 'string', repeated: true },
  4: { name: 'descriptionKeys', type: 'string', repeated: true },
};
/** @type {Message} */
const RESOURCE = {
  1: { name: 'attributes', type: () => KEY_VALUE, repeated: true },
  2: { name: 'droppedAttributesCount', type: 'uint32' },
  3: { name: 'entityRefs', type: () => ENTITY_REF, repeated: true },
};
/** @type {Message} */
const RESOURCE_SPANS = {
  1: { name: 'resource', type: () => RESOURCE },
  2: { name: 'scopeSpans', type: () => SCOPE_SPANS, repeated: true },
  3: { name: 'schemaUrl', type: 'string' },
};
/** @type {Message} */
const REQUEST = { 1: { name: 'resourceSpans', type: () => RESOURCE_SPANS, repeated: true } };

/**
 * @param {Buffer} bytes an ExportTraceServiceRequest
 * @returns {Span[]}
 */
export function spansOfProtobuf(bytes) {
  return spansOfMessage(decode(bytes, REQUEST));
}

/**
 * @param {string} text an ExportTraceServiceRequest in JSON
 * @returns {Span[]}
 */
export function spansOfJson(text) {
  const message = JSON.parse(text);
  checkJson(message, REQUEST);
  return spansOfMessage(message);
}

/**
 * @param {any} message
 * @returns {Span[]}
 */
function spansOfMessage(message) {
  /** @type {Span[]} */
  const spans = [];
  for (const resourceSpans of message.resourceSpans ?? []) {
    const resource = attributesOf(resourceSpans.resource?.attributes);
    const service = resource['service.name'];
    check(typeof service === 'string' && service !== '', 'a resource has no service.name');
    for (const scopeSpans of resourceSpans.scopeSpans ?? []) {
      check((scopeSpans.spans ?? []).length > 0, 'a scope has no spans');
      const scope = scopeSpans.scope?.name ?? '';
      for (const raw of scopeSpans.spans) {
        spans.push({ ...spanOf(raw), scope, resource, service: /** @type {string} */ (service) });
      }
    }
  }
  check(spans.length > 0, 'a message has no spans');
  return spans;
}

/**
 * @param {any} raw
 * @returns {Omit<Span, 'scope' | 'resource' | 'service'>}
 */
function spanOf(raw) {
  const name = raw.name ?? '';
  check(name !== '', 'a span has no name');
  const kind = raw.kind ?? 0;
  check(kind >= 1 && kind <= 5, `${name}: kind ${kind}`);
  const start = BigInt(raw.startTimeUnixNano ?? 0);
  const end = BigInt(raw.endTimeUnixNano ?? 0);
  check(start > 0n, `${name}: no start`);
  check(end >= start, `${name}: ends before it starts`);
  const parentSpanId = raw.parentSpanId ?? '';
  if (parentSpanId !== '') checkId(parentSpanId, 16, `${name}: parent span id`);
  check(parentSpanId !== raw.spanId, `${name}: is its own parent`);
  const status = { code: raw.status?.code ?? 0, message: raw.status?.message ?? '' };
  check(status.code >= 0 && status.code <= 2, `${name}: status ${status.code}`);
  check(status.code === STATUS.error || status.message === '', `${name}: a status message without an error`);
  return {
    traceId: checkId(raw.traceId, 32, `${name}: trace id`),
    spanId: checkId(raw.spanId, 16, `${name}: span id`),
    parentSpanId,
    traceState: raw.traceState ?? '',
    name,
    kind,
    start,
    end,
    attributes: attributesOf(raw.attributes),
    events: (raw.events ?? []).map((/** @type {any} */ event) => eventOf(event, name)),
    links: (raw.links ?? []).map((/** @type {any} */ link) => linkOf(link, name)),
    status,
    flags: raw.flags ?? 0,
  };
}

/**
 * @param {any} raw
 * @param {string} owner
 * @returns {SpanEvent}
 */
function eventOf(raw, owner) {
  const name = raw.name ?? '';
  check(name !== '', `${owner}: an event has no name`);
  const time = BigInt(raw.timeUnixNano ?? 0);
  check(time > 0n, `${owner}: event ${name} has no time`);
  return { name, time, attributes: attributesOf(raw.attributes) };
}

/**
 * @param {any} raw
 * @param {string} owner
 * @returns {SpanLink}
 */
function linkOf(raw, owner) {
  return {
    traceId: checkId(raw.traceId, 32, `${owner}: a link's trace id`),
    spanId: checkId(raw.spanId, 16, `${owner}: a link's span id`),
    traceState: raw.traceState ?? '',
    attributes: attributesOf(raw.attributes),
  };
}

/**
 * @param {any[] | undefined} list
 * @returns {Attributes}
 */
function attributesOf(list) {
  /** @type {Attributes} */
  const attributes = {};
  for (const { key, value } of list ?? []) {
    check(typeof key === 'string' && key !== '', 'an attribute has no key');
    check(!Object.hasOwn(attributes, key), `attribute ${key} stands twice`);
    attributes[key] = valueOf(value ?? {});
  }
  return attributes;
}

/**
 * @param {any} raw
 * @returns {Value}
 */
function valueOf(raw) {
  const keys = Object.keys(raw);
  check(keys.length <= 1, `a value of several kinds: ${keys.join(', ')}`);
  switch (keys[0]) {
    case undefined: return null;
    case 'intValue': return Number(raw.intValue);
    case 'arrayValue': return (raw.arrayValue.values ?? []).map(valueOf);
    case 'kvlistValue': return attributesOf(raw.kvlistValue.values);
    default: return raw[keys[0]];
  }
}

/**
 * @param {unknown} id
 * @param {number} length
 * @param {string} what
 * @returns {string}
 */
function checkId(id, length, what) {
  const good = typeof id === 'string' && id.length === length && /^[0-9a-f]+$/.test(id) && !/^0+$/.test(id);
  check(good, `${what}: ${JSON.stringify(id)}`);
  return /** @type {string} */ (id);
}

/**
 * @param {boolean} holds
 * @param {string} fault
 */
function check(holds, fault) {
  if (!holds) throw new Error(`OTLP: ${fault}`);
}
