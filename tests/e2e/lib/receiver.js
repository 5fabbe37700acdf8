// A strict OTLP receiver: HTTP with protobuf or JSON, and gRPC. What it cannot read to the last field it refuses and
// remembers as a fault.

import http from 'node:http';
import http2 from 'node:http2';
import { gunzipSync } from 'node:zlib';

import { Inbox } from './events.js';
import { listen, readAll } from './net.js';
import { spansOfJson, spansOfProtobuf } from './otlp.js';
import { describeSpan, tracesOf } from './trace.js';

/** @import { Span } from './otlp.js' */
/** @import { Trace } from './trace.js' */

const GRPC_PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

export class Receiver {
  static async start() {
    const receiver = new Receiver();
    receiver.httpPort = await listen(receiver.http);
    receiver.grpcPort = await listen(receiver.grpc);
    return receiver;
  }

  constructor() {
    /** @type {Inbox<Span>} */
    this.spans = new Inbox(describeSpan);
    /** @type {string[]} */
    this.faults = [];
    /** @type {import('node:http').IncomingHttpHeaders[]} */
    this.headers = [];
    this.httpPort = 0;
    this.grpcPort = 0;
    this.http = http.createServer((request, response) => void this.#overHttp(request, response));
    this.grpc = http2.createServer();
    this.grpc.on('stream', (stream, headers) => void this.#overGrpc(stream, headers));
    /** @type {Set<http2.ServerHttp2Session>} */
    this.sessions = new Set();
    this.grpc.on('session', (session) => this.sessions.add(session));
  }

  get httpUrl() {
    return `http://127.0.0.1:${this.httpPort}/v1/traces`;
  }

  get grpcUrl() {
    return `http://127.0.0.1:${this.grpcPort}`;
  }

  get traces() {
    return tracesOf(this.spans.items);
  }

  /**
   * Waits for a whole trace that pleases `look`.
   * @param {string} what
   * @param {(trace: Trace) => unknown} look
   * @returns {Promise<Trace>}
   */
  trace(what, look) {
    return this.spans.until(what, (spans) => {
      if (this.faults.length > 0) throw new Error(`the receiver refused a message: ${this.faults.join('; ')}`);
      return tracesOf(spans).find((trace) => trace.complete && look(trace));
    });
  }

  stop() {
    this.http.closeAllConnections();
    this.http.close();
    for (const session of this.sessions) session.destroy();
    this.grpc.close();
  }

  /** @param {unknown} error */
  #refuse(error) {
    this.faults.push(String(error));
    this.spans.wake();
  }

  /**
   * @param {http.IncomingMessage} request
   * @param {http.ServerResponse} response
   */
  async #overHttp(request, response) {
    const type = request.headers['content-type'] ?? '';
    const body = await readAll(request);
    try {
      if (request.method !== 'POST' || request.url !== '/v1/traces') throw new Error(`${request.method} ${request.url}`);
      const plain = decoded(body, request.headers['content-encoding']);
      if (type === 'application/json') this.spans.push(...spansOfJson(plain.toString()));
      else if (type === 'application/x-protobuf') this.spans.push(...spansOfProtobuf(plain));
      else throw new Error(`content-type ${type}`);
      this.headers.push(request.headers);
      response.writeHead(200, { 'content-type': type }).end(type === 'application/json' ? '{}' : '');
    } catch (error) {
      this.#refuse(error);
      response.writeHead(400, { 'content-type': 'text/plain' }).end(String(error));
    }
  }

  /**
   * @param {http2.ServerHttp2Stream} stream
   * @param {http2.IncomingHttpHeaders} headers
   */
  async #overGrpc(stream, headers) {
    let status = '0';
    try {
      const body = await readAll(stream);
      if (headers[':path'] !== GRPC_PATH) throw new Error(`gRPC ${headers[':path']}`);
      if (headers['content-type'] !== 'application/grpc') throw new Error(`content-type ${headers['content-type']}`);
      const length = body.readUInt32BE(1);
      if (body.length !== length + 5) throw new Error('gRPC: not exactly one message');
      const coding = body[0] === 1 ? String(headers['grpc-encoding']) : undefined;
      this.spans.push(...spansOfProtobuf(decoded(body.subarray(5), coding)));
      this.headers.push(headers);
    } catch (error) {
      this.#refuse(error);
      status = '3';
    }
    if (stream.destroyed) return;
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.end(Buffer.alloc(5));
  }
}

/**
 * @param {Buffer} body
 * @param {string | undefined} coding
 */
function decoded(body, coding) {
  if (coding === undefined || coding === 'identity') return body;
  if (coding === 'gzip') return gunzipSync(body);
  throw new Error(`content coding ${coding}`);
}
