// A browser without a driver's settings, spoken to by its own protocol: Playwright forbids pages to render others ahead.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { CHROMIUM } from './browser.js';

/** @typedef {{ targetId: string, type: string, subtype?: string, url: string }} Target */

export class Bare {
  static async start() {
    const directory = await mkdtemp(join(tmpdir(), 'waylight-bare-'));
    const args = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-component-update', '--disable-sync', `--user-data-dir=${directory}`, '--remote-debugging-pipe', 'about:blank'];
    const child = spawn(CHROMIUM, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    return new Bare(child, directory);
  }

  /** @param {import('node:child_process').ChildProcess} child @param {string} directory */
  constructor(child, directory) {
    const [, , , commands, answers] = /** @type {any} */ (child.stdio);
    this.child = child;
    this.directory = directory;
    this.commands = /** @type {import('node:stream').Writable} */ (commands);
    this.number = 0;
    this.isGone = false;
    /** @type {Map<number, (answer: any) => void>} */
    this.waiting = new Map();
    /** It is gone, and answers nothing any more. @type {Promise<void>} */
    this.gone = new Promise((resolve) => {
      child.once('exit', () => {
        this.isGone = true;
        for (const answer of this.waiting.values()) answer({ error: { message: 'the browser is gone' } });
        resolve();
      });
    });
    // What is written to one that is gone.
    this.commands.on('error', () => undefined);
    let rest = '';
    answers.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      const messages = (rest + text).split('\0');
      rest = messages.pop() ?? '';
      for (const message of messages.map((each) => JSON.parse(each))) {
        this.waiting.get(message.id)?.(message);
        this.waiting.delete(message.id);
      }
    });
  }

  /** @param {string} method @param {object} [params] @param {string} [sessionId] @returns {Promise<any>} */
  async send(method, params = {}, sessionId) {
    assert.ok(!this.isGone, `${method}: the browser is gone`);
    const id = (this.number += 1);
    /** @type {any} */ const answer = await new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.commands.write(`${JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) })}\0`);
    });
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result;
  }

  /** A new tab at this address, left alone: one that is spoken to renders no other page ahead. @param {string} url @returns {Promise<string>} its id */
  async leave(url) {
    return (await this.send('Target.createTarget', { url })).targetId;
  }

  /** A new tab at this address. @param {string} url */
  async open(url) {
    return this.attach(await this.leave(url));
  }

  /** The tab that shows a page of this path, which is no longer only rendered ahead. @param {string} path */
  shows(path) {
    return until(`a tab at ${path}`, async () => {
      const { targetInfos } = await this.send('Target.getTargets');
      const found = /** @type {Target[]} */ (targetInfos).find(({ type, subtype, url }) => type === 'page' && !subtype && new URL(url).pathname === path);
      return found && this.attach(found.targetId);
    });
  }

  /** @param {string} targetId */
  async attach(targetId) {
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    return new Tab(this, sessionId, targetId);
  }

  async stop() {
    await this.send('Browser.close').catch(() => this.child.kill());
    await this.gone;
    await rm(this.directory, { recursive: true, force: true });
  }
}

export class Tab {
  /** @param {Bare} browser @param {string} sessionId @param {string} targetId */
  constructor(browser, sessionId, targetId) {
    this.close = () => browser.send('Target.closeTarget', { targetId });
    this.send = (/** @type {string} */ method, /** @type {object} */ params) => browser.send(method, params, sessionId);
  }

  /** What a function returns in the page. @template T @param {(...values: any[]) => T} act @param {...unknown} values @returns {Promise<Awaited<T>>} */
  async run(act, ...values) {
    const expression = `(${act.toString()})(...${JSON.stringify(values)})`;
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
    return result.value;
  }

  /** What a function returns in the page, as soon as that is something. @template T @param {string} what @param {(...values: any[]) => T} act @param {...unknown} values */
  until(what, act, ...values) {
    return until(what, () => this.run(act, ...values));
  }
}

/** @template T @param {string} what @param {() => Promise<T>} look @returns {Promise<NonNullable<T>>} */
export async function until(what, look) {
  for (const end = Date.now() + 20_000; ; ) {
    const found = await look().catch(() => undefined);
    if (found) return found;
    assert.ok(Date.now() < end, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
