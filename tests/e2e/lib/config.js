// The proxy.toml of a test.

import { BINARY } from './waylight.js';

/** @typedef {'grpc' | 'http/protobuf' | 'http/json'} Protocol */
/**
 * @typedef {object} Backend
 * @property {string} name
 * @property {string} endpoint
 * @property {Protocol} protocol
 * @property {Record<string, string>} [headers]
 */

/** The demo's instrumented app, started on demand. */
export function startedApp() {
  return [BINARY, 'demo-app'];
}

/**
 * @param {{ upstream?: string, app?: string[], exports?: Backend[], sentryDsn?: string, middleware?: boolean, extra?: string }} options
 * @returns {string}
 */
export function configuration({ upstream, app, exports = [], sentryDsn, middleware = false, extra = '' }) {
  const text = JSON.stringify;
  return `TODO ${text([upstream, app, exports, sentryDsn, middleware, extra])}`;
}
