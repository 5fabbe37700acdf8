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
 * One site for every host, whose every path goes to an upstream that runs already or to an app that is started.
 * `extra` are lines behind the last route, `environment` the started app's, `grpc` the port where spans come in by gRPC,
 * `port` where clients connect, `onSite` what a sign-in reaches on the site's own origin,
 * `toolbar` whether pages get it, `sentry` more lines of its table.
 * @param {{ upstream?: string, app?: string[], exports?: Backend[], sentryDsn?: string, sentry?: string[], middleware?: boolean, extra?: string[],
 *   environment?: Record<string, string>, grpc?: number, port?: number, onSite?: 'all' | 'session', toolbar?: boolean }} options
 * @returns {string}
 */
export function configuration({ upstream, app, exports = [], sentryDsn, sentry = [], middleware = false, extra = [], environment = {}, grpc = 0, port = 0, onSite = 'all', toolbar = true }) {
  const variables = Object.entries(environment).map(([name, value]) => `${name} = ${quoted(value)}`);
  return [
    'workers = 2',
    '[[listener]]',
    `address = "127.0.0.1:${port}"`,
    '[admin]',
    'address = "127.0.0.1:0"',
    '[timeouts]',
    'drain = "2s"',
    '[access]',
    `on_site = "${onSite}"`,
    ...consoleDir(),
    '[trace]',
    '[receive]',
    'http = "127.0.0.1:0"',
    `grpc = "127.0.0.1:${grpc}"`,
    ...(sentryDsn ? ['[sentry]', `dsn = ${quoted(sentryDsn)}`, ...sentry] : []),
    ...(app
      ? ['[upstream.app.start]', `command = [${app.map(quoted).join(', ')}]`, 'port_variable = "PORT"', `env = { ${variables.join(', ')} }`]
      : ['[upstream.app]', `endpoints = [${quoted(upstream ?? '')}]`]),
    ...(middleware
      ? ['[middleware.mark]', 'type = "headers"', 'response_set = { x-edge = "waylight" }', '[middleware.small]', 'type = "compress"']
      : []),
    ...exports.flatMap(backend),
    '[[site]]',
    'hosts = ["*"]',
    ...(toolbar ? [] : ['inject_toolbar = false']),
    ...(middleware ? ['middleware = ["small", "mark"]'] : []),
    '[[site.route]]',
    'path = "/*"',
    'upstream = "app"',
    ...extra,
    '',
  ].join('\n');
}

/** Whoever works on the console needs no new binary for each change: `WAYLIGHT_CONSOLE_DIR` names the folder to serve. */
function consoleDir() {
  const folder = process.env['WAYLIGHT_CONSOLE_DIR'];
  return folder ? [`console_dir = ${quoted(folder)}`] : [];
}

/** @param {Backend} options */
function backend({ name, endpoint, protocol, headers = {} }) {
  const pairs = Object.entries(headers).map(([key, value]) => `${key} = ${quoted(value)}`);
  return [
    '[[export]]',
    `name = ${quoted(name)}`,
    `endpoint = ${quoted(endpoint)}`,
    `protocol = ${quoted(protocol)}`,
    'batch_delay = "20ms"',
    `headers = { ${pairs.join(', ')} }`,
  ];
}

/** @param {string} text */
function quoted(text) {
  return JSON.stringify(text);
}
