// Small servers and clients on loopback.

import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';

/**
 * Starts to listen on a free port of loopback.
 * @param {net.Server} server
 * @returns {Promise<number>}
 */
export async function listen(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return /** @type {net.AddressInfo} */ (server.address()).port;
}

/** A port that nobody uses now, for programs that cannot choose one themselves. */
export async function freePort() {
  const server = net.createServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * @param {import('node:stream').Readable} stream
 * @returns {Promise<Buffer>}
 */
export async function readAll(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {http.IncomingHttpHeaders} headers
 * @property {string[]} rawHeaders
 * @property {string} text
 */

/**
 * One request, exactly as told: unlike `fetch`, it sends any header and follows no redirect.
 * @param {string} url
 * @param {{ method?: string, headers?: http.OutgoingHttpHeaders, body?: string }} [options]
 * @returns {Promise<Answer>}
 */
export async function request(url, { method = 'GET', headers = {}, body } = {}) {
  const outgoing = http.request(url, { method, headers, agent: false });
  outgoing.end(body);
  const [response] = /** @type {[http.IncomingMessage]} */ (await once(outgoing, 'response'));
  const text = (await readAll(response)).toString();
  return { status: response.statusCode ?? 0, headers: response.headers, rawHeaders: response.rawHeaders, text };
}
