// The console in a browser: signed in, watched for whatever a browser complains about, judged by axe.

import assert from 'node:assert/strict';
import http from 'node:http';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

import { signIn } from './browser.js';

/** @import { Browser, BrowserContext, Page, BrowserContextOptions } from 'playwright-core' */
/** @import { Waylight } from './waylight.js' */

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export class ConsolePage {
  /**
   * A browser of its own, signed in at the site, as admin unless another role is named.
   * @param {Browser} browser
   * @param {Waylight} waylight
   * @param {BrowserContextOptions & { role?: string }} [options]
   */
  static async open(browser, waylight, { role = 'admin', ...options } = {}) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
    const link = waylight.signInLink || (await waylight.link('--role', role));
    waylight.signInLink = '';
    const console = new ConsolePage(context, await context.newPage(), waylight);
    await signIn(console.page, link);
    return console;
  }

  /**
   * @param {BrowserContext} context
   * @param {Page} page
   * @param {Waylight} waylight
   */
  constructor(context, page, waylight) {
    this.context = context;
    this.page = page;
    this.waylight = waylight;
    /** Whatever the browser complained about. @type {string[]} */
    this.complaints = [];
    this.watch(page);
  }

  /** @param {Page} page */
  watch(page) {
    page.on('pageerror', (error) => this.complaints.push(`${error.stack ?? error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(`${message.type()}: ${message.text()}`);
    });
  }

  /** Has this browser traced from now on, and asks for these paths one after another, each with all that it loads. @param {string[]} paths */
  async trace(paths) {
    await this.goto('/logs');
    await this.page.getByRole('button', { name: 'Start tracing' }).click();
    await this.page.getByRole('button', { name: 'Tracing' }).waitFor();
    const visitor = await this.tab();
    for (const path of paths) await visitor.goto(this.waylight.origin + path, { waitUntil: 'networkidle' });
    await visitor.close();
  }

  /** Another tab of the same browser. */
  async tab() {
    const page = await this.context.newPage();
    this.watch(page);
    return page;
  }

  /** @param {string} path below `/_waylight` @param {Page} [page] */
  async goto(path, page = this.page) {
    await page.goto(`${this.waylight.origin}/_waylight${path}`);
  }

  /** Rows that are in the document, in order. @param {Page} [page] */
  rows(page = this.page) {
    return page.evaluate(() =>
      [...document.querySelectorAll('.log-row')]
        .map((row) => ({
          at: Number(row.getAttribute('aria-rowindex')),
          id: row.id.slice('row-'.length),
          level: Number(row.getAttribute('aria-level')),
          path: row.querySelector('.path')?.textContent ?? '',
          status: row.querySelector('.status')?.textContent ?? '',
          selected: row.getAttribute('aria-selected') === 'true',
          traced: row.querySelector('.bolt svg') !== null,
          top: row.getBoundingClientRect().top,
        }))
        .sort((a, b) => a.at - b.at),
    );
  }

  /** What the API says, asked by the page's own sign-in. @param {string} path @returns {Promise<any>} */
  api(path) {
    return this.page.evaluate(async (address) => (await fetch(address)).json(), `/_waylight/api/v1${path}`);
  }

  /** Has axe judge what is shown. @param {string} what */
  async judge(what) {
    // The page's policy lets no script in; the browser itself does, in a world of its own.
    const session = await this.context.newCDPSession(this.page);
    const { frameTree } = await session.send('Page.getFrameTree');
    const { executionContextId } = await session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id, worldName: 'axe' });
    await session.send('Runtime.evaluate', { contextId: executionContextId, expression: AXE });
    const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
      contextId: executionContextId,
      awaitPromise: true,
      returnByValue: true,
      expression: `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then((found) =>
        found.violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + ' at ' + target + ': ' + failureSummary)))`,
    });
    await session.detach();
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
    assert.deepEqual(result.value, [], `axe: ${what}`);
  }

  /** The same in the light and in the dark. @param {string} what */
  async judgeBoth(what) {
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      await this.page.emulateMedia({ colorScheme });
      await this.judge(`${what}, ${colorScheme}`);
    }
    await this.page.emulateMedia({ colorScheme: null });
  }

  /** Nothing was complained of. @param {RegExp} [but] what is meant to fail */
  assertQuiet(but) {
    const found = this.complaints.filter((complaint) => !but?.test(complaint));
    assert.deepEqual(found, []);
  }

  async close() {
    await this.context.close();
  }
}

/**
 * Asks for these paths, one after another, as somebody without a sign-in.
 * @param {string} origin
 * @param {string[]} paths
 * @param {Record<string, string>} [headers]
 */
export async function visit(origin, paths, headers = {}) {
  const agent = new http.Agent({ keepAlive: true });
  for (const path of paths) await ask(agent, origin + path, headers);
  agent.destroy();
}

/**
 * Asks for paths at a steady rate until it is stopped.
 * @param {string} origin
 * @param {number} perSecond
 * @param {(count: number) => string} path
 */
export function traffic(origin, perSecond, path) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  const began = performance.now();
  let sent = 0;
  let running = true;
  /** @type {Set<Promise<unknown>>} */
  const open = new Set();
  const step = () => {
    if (!running) return;
    const due = ((performance.now() - began) / 1000) * perSecond;
    while (sent < due) {
      const asked = ask(agent, origin + path(sent), {}).catch(() => {});
      open.add(asked);
      void asked.then(() => open.delete(asked));
      sent += 1;
    }
    setTimeout(step, 10);
  };
  step();
  return {
    get sent() {
      return sent;
    },
    async stop() {
      running = false;
      await Promise.all(open);
      agent.destroy();
      return sent;
    },
  };
}

/**
 * @param {http.Agent} agent
 * @param {string} url
 * @param {Record<string, string>} headers
 * @returns {Promise<void>}
 */
function ask(agent, url, headers) {
  return new Promise((resolve, reject) => {
    http
      .get(url, { agent, headers }, (response) => {
        response.resume();
        response.on('end', resolve);
        response.on('error', reject);
      })
      .on('error', reject);
  });
}
