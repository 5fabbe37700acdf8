// The API's client: JSON in and out, problems as errors, and whether there is anybody at the other end.

/** @import { Api as Contract, ApiState, Query, ReadOptions, WriteOptions } from './model/contract.js' */
/** @import { Problem as Told } from './types/wire.d.ts' */

export const BASE = '/_waylight/api/v1';

/** Why there is no answer. `status` is 0 where nobody answered. */
export class Problem extends Error {
  /** @param {Partial<Told> & { status: number, detail: string }} told */
  constructor({ status, detail, parameter, at }) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.parameter = parameter;
    this.at = at;
  }
}

/** @implements {Contract} */
export class Api {
  /** @type {ApiState} */
  state = 'online';
  /** @type {Set<(state: ApiState) => void>} */
  #watching = new Set();
  /** What was asked for ahead. @type {{ path: string, answer: Promise<Response> } | null} */
  #ahead = null;

  /** @param {(listener: ApiState) => void} listener */
  watch(listener) {
    this.#watching.add(listener);
    return () => void this.#watching.delete(listener);
  }

  /**
   * @template T
   * @param {string} path
   * @param {ReadOptions} [options]
   * @returns {Promise<T>}
   */
  async get(path, { query, signal } = {}) {
    const answer = await this.#ask(this.url(path, query), { signal: signal ?? null });
    return answer.json();
  }

  /**
   * What is there, and its tag; null if it is what was given this tag before.
   * @param {string} path
   * @param {string} tag '': none yet
   * @param {Query} [query]
   */
  async renew(path, tag, query) {
    const ahead = this.#ahead;
    this.#ahead = null;
    const isAhead = ahead !== null && ahead.path === path && tag === '';
    const answer = await (isAhead ? ahead.answer : this.#ask(this.url(path, query), { headers: tag ? { 'if-none-match': tag } : {} }));
    return answer.status === 304 ? null : { value: await answer.json(), tag: answer.headers.get('etag') ?? '' };
  }

  /** Asks for what a screen renews first of all, while the screen itself is on its way; what another one left is forgotten. @param {string | null} path */
  ahead(path) {
    this.#ahead = null;
    if (path === null) return;
    const answer = this.#ask(this.url(path), {});
    // Whoever takes it hears of it.
    answer.catch(() => {});
    this.#ahead = { path, answer };
  }

  /**
   * @template T
   * @param {string} path
   * @param {unknown} [body]
   * @param {WriteOptions} [options]
   * @returns {Promise<T>}
   */
  post(path, body = {}, options = {}) {
    return this.#write('POST', path, body, options);
  }

  /**
   * @template T
   * @param {string} path
   * @param {unknown} [body]
   * @param {WriteOptions} [options]
   * @returns {Promise<T>}
   */
  patch(path, body = {}, options = {}) {
    return this.#write('PATCH', path, body, options);
  }

  /**
   * @template T
   * @param {string} path
   * @param {WriteOptions} [options]
   * @returns {Promise<T>}
   */
  delete(path, options = {}) {
    return this.#write('DELETE', path, undefined, options);
  }

  /**
   * @param {string} path
   * @param {WriteOptions & { body?: unknown }} [options]
   */
  file(path, { query, signal, body } = {}) {
    const init = body === undefined ? {} : written('POST', body);
    return this.#ask(this.url(path, query), { ...init, signal: signal ?? null }, 'file');
  }

  /**
   * @param {string} path
   * @param {Query} [query]
   */
  url(path, query = {}) {
    const pairs = Object.entries(query).flatMap(([name, value]) =>
      value === null || value === undefined || value === '' ? [] : [[name, String(value)]],
    );
    const text = new URLSearchParams(pairs).toString();
    return `${BASE}${path}${text ? `?${text}` : ''}`;
  }

  /** Somebody found out otherwise: the stream broke, or lives. @param {ApiState} state */
  tell(state) {
    if (state === this.state) return;
    this.state = state;
    for (const listener of [...this.#watching]) listener(state);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} body
   * @param {WriteOptions} options
   */
  async #write(method, path, body, { query, signal }) {
    const answer = await this.#ask(this.url(path, query), { ...written(method, body), signal: signal ?? null });
    return answer.json();
  }

  /**
   * @param {string} url
   * @param {RequestInit} options
   * @param {'json' | 'file'} kind
   */
  async #ask(url, options, kind = 'json') {
    let answer;
    try {
      answer = await fetch(url, { credentials: 'same-origin', redirect: 'manual', ...options });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      this.tell('offline');
      throw new Problem({ status: 0, detail: 'Waylight does not answer.' });
    }
    const told = answer.headers.get('content-type') ?? '';
    if (told.startsWith('application/problem+json')) {
      const problem = /** @type {Told} */ (await answer.json());
      this.tell(problem.status === 401 ? 'signed-out' : 'online');
      throw new Problem(problem);
    }
    // Who is signed out is answered by the site itself, as if there were no console: so that nobody can tell.
    const ours = answer.status === 304 || answer.ok && (kind === 'file' || told.startsWith('application/json'));
    if (!ours) {
      this.tell(answer.status >= 500 ? 'offline' : 'signed-out');
      const detail = answer.status >= 500 ? 'Waylight does not answer.' : 'Your sign-in has ended.';
      throw new Problem({ status: answer.status >= 500 ? 0 : 401, detail });
    }
    this.tell('online');
    return answer;
  }
}

/** What a request needs that changes something. @param {string} method @param {unknown} body @returns {RequestInit} */
function written(method, body) {
  const headers = { 'content-type': 'application/json', 'waylight-request': '1' };
  return { method, headers, body: body === undefined ? null : JSON.stringify(body) };
}
