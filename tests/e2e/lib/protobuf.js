// Reads protobuf by a table of fields, into the JSON form that OTLP/JSON has. Strict: a field that the table does not
// name, or one of another wire type, is a fault. Reading by hand keeps this receiver independent of what it checks.

/**
 * @typedef {'string' | 'bool' | 'uint32' | 'enum' | 'int64' | 'fixed64' | 'fixed32' | 'double' | 'hex' | 'bytes'} Scalar
 * @typedef {{ name: string, type: Scalar | (() => Message), repeated?: boolean }} Field
 * @typedef {Record<number, Field>} Message
 */

const VARINT = 0;
const I64 = 1;
const LEN = 2;
const I32 = 5;

/** @type {Record<Scalar, number>} */
const WIRE_TYPES = {
  string: LEN, bool: VARINT, uint32: VARINT, enum: VARINT, int64: VARINT, fixed64: I64, fixed32: I32, double: I64,
  hex: LEN, bytes: LEN,
};

class Reader {
  /** @param {Buffer} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  get done() {
    return this.at >= this.bytes.length;
  }

  /** @returns {bigint} */
  varint() {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const octet = this.bytes[this.at++];
      if (octet === undefined) throw new Error('protobuf: a varint is cut off');
      value |= BigInt(octet & 0x7f) << shift;
      if (octet < 0x80) return value;
    }
    throw new Error('protobuf: a varint is longer than ten octets');
  }

  /** @param {number} length */
  take(length) {
    if (this.at + length > this.bytes.length) throw new Error('protobuf: a field is cut off');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

/**
 * @param {Reader} reader
 * @param {Scalar} type
 */
function scalar(reader, type) {
  switch (type) {
    case 'string': return new TextDecoder('utf-8', { fatal: true }).decode(reader.take(Number(reader.varint())));
    case 'hex': return reader.take(Number(reader.varint())).toString('hex');
    case 'bytes': return reader.take(Number(reader.varint())).toString('base64');
    case 'bool': return reader.varint() !== 0n;
    case 'uint32':
    case 'enum': return Number(reader.varint());
    case 'int64': return BigInt.asIntN(64, reader.varint()).toString();
    case 'fixed64': return reader.take(8).readBigUInt64LE().toString();
    case 'fixed32': return reader.take(4).readUInt32LE();
    case 'double': return reader.take(8).readDoubleLE();
  }
}

/**
 * @param {Buffer} bytes
 * @param {Message} message
 * @returns {Record<string, any>}
 */
export function decode(bytes, message) {
  const reader = new Reader(bytes);
  /** @type {Record<string, any>} */
  const result = {};
  while (!reader.done) {
    const tag = Number(reader.varint());
    const number = tag >>> 3;
    const field = message[number];
    if (!field) throw new Error(`protobuf: no field ${number} is known here`);
    const expected = typeof field.type === 'function' ? LEN : WIRE_TYPES[field.type];
    if ((tag & 7) !== expected) throw new Error(`protobuf: ${field.name} has wire type ${tag & 7}`);
    const value = typeof field.type === 'function'
      ? decode(reader.take(Number(reader.varint())), field.type())
      : scalar(reader, field.type);
    if (field.repeated) (result[field.name] ??= []).push(value);
    else result[field.name] = value;
  }
  return result;
}

/** @type {Record<Scalar, (value: unknown) => boolean>} */
const JSON_FORMS = {
  string: (value) => typeof value === 'string',
  bytes: (value) => typeof value === 'string',
  hex: (value) => typeof value === 'string' && /^([0-9a-f]{2})*$/.test(value),
  bool: (value) => typeof value === 'boolean',
  uint32: (value) => Number.isInteger(value),
  enum: (value) => Number.isInteger(value),
  fixed32: (value) => Number.isInteger(value),
  int64: (value) => typeof value === 'string' && /^-?\d+$/.test(value),
  fixed64: (value) => typeof value === 'string' && /^\d+$/.test(value),
  double: (value) => typeof value === 'number',
};

/**
 * The same table, for a message that came as JSON: names, nesting and the form of each value.
 * @param {unknown} value
 * @param {Message} message
 * @param {string} path
 */
export function checkJson(value, message, path = '$') {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${path}: not an object`);
  const fields = new Map(Object.values(message).map((field) => [field.name, field]));
  for (const [name, inner] of Object.entries(value)) {
    const field = fields.get(name);
    if (!field) throw new Error(`${path}.${name}: no such field`);
    // The JSON mapping of protobuf takes null for a field that is not there.
    if (inner === null) continue;
    if (field.repeated && !Array.isArray(inner)) throw new Error(`${path}.${name}: not a list`);
    const items = field.repeated ? inner : [inner];
    for (const [index, item] of items.entries()) {
      const place = field.repeated ? `${path}.${name}[${index}]` : `${path}.${name}`;
      if (typeof field.type === 'function') checkJson(item, field.type(), place);
      else if (!JSON_FORMS[field.type](item)) throw new Error(`${place}: ${JSON.stringify(item)} is no ${field.type}`);
    }
  }
}
