// An upstream that does what a test tells it and remembers what it got.

import http from 'node:http';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize, resolve } from 'node:path';

import { build } from 'esbuild';

import { listen } from './net.js';

const MODULES = resolve(import.meta.dirname, '../node_modules');
const PAGES = resolve(import.meta.dirname, '../pages');
const TYPES = /** @type {Record<string, string>} */ ({ '.js': 'text/javascript', '.mjs': 'text/javascript' });

/** Where a page finds the packages that its modules name: the real SDK, as npm delivers it, without a bundler. */
export const IMPORT_MAP = JSON.stringify({
  imports: {
    '@sentry/browser': '/npm/@sentry/browser/build/npm/esm/prod/index.js',
    '@sentry/browser-utils': '/npm/@sentry/browser-utils/build/esm/index.js',
    '@sentry/core': '/npm/@sentry/core/build/esm/index.js',
    '@sentry/core/browser': '/npm/@sentry/core/build/esm/browser.js',
    '@sentry/feedback': '/npm/@sentry/feedback/build/npm/esm/index.js',
    '@sentry/replay': '/npm/@sentry/replay/build/npm/esm/index.js',
    '@sentry/replay-canvas': '/npm/@sentry/replay-canvas/build/npm/esm/index.js',
    '@sentry/conventions/attributes': '/npm/@sentry/conventions/dist/attributes.mjs',
    '@sentry/conventions/metrics': '/npm/@sentry/conventions/dist/metrics.mjs',
    '@sentry/conventions/op': '/npm/@sentry/conventions/dist/op.mjs',
    'web-vitals': '/npm/web-vitals/dist/web-vitals.js',
  },
});

const TEN = '/npm/sentry-browser-10/node_modules/@sentry';

/** The same for the version before. */
export const IMPORT_MAP_10 = JSON.stringify({
  imports: {
    '@sentry/browser': '/npm/sentry-browser-10/build/npm/esm/prod/index.js',
    '@sentry/browser-utils': `${TEN}/browser-utils/build/esm/index.js`,
    '@sentry/core': `${TEN}/core/build/esm/index.js`,
    '@sentry/core/browser': `${TEN}/core/build/esm/browser.js`,
    '@sentry/feedback': `${TEN}/feedback/build/npm/esm/index.js`,
    '@sentry/replay': `${TEN}/replay/build/npm/esm/index.js`,
    '@sentry/replay-canvas': `${TEN}/replay-canvas/build/npm/esm/index.js`,
    '@sentry/conventions/attributes': `${TEN}/conventions/dist/attributes.mjs`,
    '@sentry/conventions/op': `${TEN}/conventions/dist/op.mjs`,
  },
});

/**
 * @typedef {(request: http.IncomingMessage, response: http.ServerResponse) => void} Handler
 * @typedef {{ method: string, path: string, headers: http.IncomingHttpHeaders, rawHeaders: string[] }} Seen
 */

export class Upstream {
  /** @param {Record<string, Handler>} handlers by path, query not counted; `*` takes what no other does */
  static async start(handlers) {
    const upstream = new Upstream(handlers);
    upstream.port = await listen(upstream.server);
    return upstream;
  }

  /** @param {Record<string, Handler>} handlers */
  constructor(handlers) {
    this.port = 0;
    /** @type {Seen[]} */
    this.seen = [];
    this.server = http.createServer((request, response) => {
      const path = (request.url ?? '/').replace(/\?.*/, '');
      const { method = '', headers, rawHeaders } = request;
      this.seen.push({ method, path, headers, rawHeaders });
      if (path.startsWith('/npm/')) void module(path.slice('/npm/'.length), response);
      else (handlers[path] ?? handlers['*'] ?? notFound)(request, response);
    });
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** @param {string} path */
  requestsTo(path) {
    return this.seen.filter((request) => request.path === path);
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** @param {string} html @returns {Handler} */
export function htmlPage(html) {
  return (_, response) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html);
}

/** @type {Handler} */
const notFound = (_, response) => response.writeHead(404, { 'content-type': 'text/plain' }).end('the app has no such page');

/**
 * @param {string} path
 * @param {http.ServerResponse} response
 */
async function module(path, response) {
  try {
    const bytes = await readFile(join(MODULES, normalize(`/${path}`)));
    response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'text/plain' }).end(bytes);
  } catch {
    response.writeHead(404).end();
  }
}

/** A script of `pages/`. @param {string} name @returns {Handler} */
export function scriptFile(name) {
  return (_, response) => {
    response.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' });
    createReadStream(join(PAGES, name)).pipe(response);
  };
}

/** A script of `pages/` with the packages that it needs, as an app's own bundle is. @param {string} name @returns {Promise<Handler>} */
export async function bundle(name) {
  const { outputFiles: [file] } = await build({ entryPoints: [join(PAGES, name)], bundle: true, write: false, platform: 'browser', format: 'iife' });
  return (_, response) => response.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' }).end(file?.contents);
}
