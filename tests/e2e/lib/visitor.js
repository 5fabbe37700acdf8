// A browser without a screen: cookies, forms and nothing else. What it sends is exactly known.

import assert from 'node:assert/strict';

import { request } from './net.js';

/** @import { Answer } from './net.js' */
/** @typedef {{ action: string, fields: Record<string, string>, label: string }} Form */

export class Visitor {
  /** @param {string} origin */
  constructor(origin) {
    this.origin = origin;
    /** @type {Map<string, string>} */
    this.cookies = new Map();
  }

  /**
   * @param {string} path or a whole URL
   * @param {Record<string, string>} [headers]
   */
  get(path, headers = {}) {
    return this.#send(path, { headers });
  }

  /**
   * @param {string} path or a whole URL
   * @param {Record<string, string>} [fields]
   * @param {Record<string, string>} [headers]
   */
  post(path, fields = {}, headers = {}) {
    return this.#send(path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: this.origin, ...headers },
      body: new URLSearchParams(fields).toString(),
    });
  }

  /**
   * Opens a page and submits the form whose button reads so.
   * @param {string} path
   * @param {RegExp} label
   * @param {Record<string, string>} [headers]
   */
  async submit(path, label, headers = {}) {
    const page = await this.get(path);
    const form = formsOf(page.text).find((candidate) => label.test(candidate.label));
    assert.ok(form, `no button ${label} on ${path} (${page.status}):\n${page.text}`);
    return this.post(new URL(form.action, new URL(path, this.origin)).href, form.fields, headers);
  }

  /** @param {string} link */
  async signIn(link) {
    const answer = await this.submit(link, /sign in/i);
    assert.ok(answer.status === 303 || answer.status === 200, `sign-in answered ${answer.status}: ${answer.text}`);
  }

  async startTracing() {
    const answer = await this.submit('/_waylight/plain', /^start/i);
    assert.ok(answer.status < 400, `start answered ${answer.status}: ${answer.text}`);
  }

  /**
   * @param {string} path
   * @param {{ method?: string, headers: Record<string, string>, body?: string }} options
   * @returns {Promise<Answer>}
   */
  async #send(path, { headers, ...options }) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await request(new URL(path, this.origin).href, {
      ...options,
      headers: { accept: 'text/html', ...(cookie ? { cookie } : {}), ...headers },
    });
    for (const line of answer.headers['set-cookie'] ?? []) this.#keep(line);
    return answer;
  }

  /** @param {string} line */
  #keep(line) {
    const [pair = '', ...attributes] = line.split(/;\s*/);
    const name = pair.slice(0, pair.indexOf('='));
    const value = pair.slice(pair.indexOf('=') + 1);
    const gone = attributes.some((attribute) => /^max-age=0$/i.test(attribute)) || value === '';
    if (gone) this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}

/**
 * The forms of Waylight's own pages; their HTML is regular enough for this.
 * @param {string} html
 * @returns {Form[]}
 */
export function formsOf(html) {
  return [...html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)].flatMap(([, head = '', inner = '']) => {
    const action = unescape(head.match(/action="([^"]*)"/)?.[1] ?? '');
    /** @type {Record<string, string>} */
    const hidden = {};
    for (const [tag] of inner.matchAll(/<input\b[^>]*>/g)) {
      const name = tag.match(/name="([^"]*)"/)?.[1];
      if (name) hidden[name] = unescape(tag.match(/value="([^"]*)"/)?.[1] ?? '');
    }
    return [...inner.matchAll(/<button\b([^>]*)>(.*?)<\/button>/gs)].map(([, button = '', text = '']) => {
      const name = button.match(/name="([^"]*)"/)?.[1];
      const value = unescape(button.match(/value="([^"]*)"/)?.[1] ?? '');
      const label = text.replace(/<[^>]*>/g, '').trim();
      const formaction = button.match(/formaction="([^"]*)"/)?.[1];
      const fields = name ? { ...hidden, [name]: value } : hidden;
      return { action: formaction === undefined ? action : unescape(formaction), fields, label };
    });
  });
}

/** @param {string} text */
function unescape(text) {
  return text.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
