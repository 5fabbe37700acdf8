// The console in a browser, signed in, and what the tests of its trace viewer look at.

import assert from 'node:assert/strict';

import { launch, signIn } from './browser.js';
import { configuration, startedApp } from './config.js';
import { ConsolePage } from './console.js';
import { otlp, spanId } from './made.js';
import { Waylight } from './waylight.js';

/** @import { Browser } from 'playwright-core' */
/** @import { MadeSpan } from './made.js' */

/** @typedef {{ left: number, right: number, width: number, top: number }} Box */

export class Desk extends ConsolePage {
  /**
   * An instance, the demo unless there is one, and a browser that is signed in there.
   * @param {Waylight} [running]
   */
  static async start(running) {
    const waylight = running ?? (await Waylight.run(configuration({ app: startedApp() })));
    const browser = await launch();
    const context = await browser.newContext({ viewport: { width: 1440, height: 1200 }, permissions: ['clipboard-read', 'clipboard-write'] });
    const desk = new Desk(context, await context.newPage(), waylight);
    await signIn(desk.page, waylight.signInLink || (await waylight.link('--role', 'admin')));
    return desk;
  }

  get origin() {
    return this.waylight.origin;
  }

  get browser() {
    return /** @type {Browser} */ (this.context.browser());
  }

  /** @override */
  async close() {
    await this.browser.close();
    await this.waylight.stop();
    // Answers that say no are designed states, and told by the browser all the same.
    this.assertQuiet(/Failed to load resource/);
  }

  /**
   * Takes a trace in, through the API.
   * @param {string} trace
   * @param {MadeSpan[]} spans
   * @param {Parameters<typeof otlp>[2]} [how]
   */
  async import(trace, spans, how) {
    const answer = await this.post('/traces/import', otlp(trace, spans, how));
    assert.equal(answer.status, 201, answer.text);
  }

  /** @param {string} path @param {unknown} body */
  async post(path, body) {
    const answer = await this.page.request.post(`${this.origin}/_waylight/api/v1${path}`, {
      headers: { 'content-type': 'application/json', 'waylight-request': '1', origin: this.origin }, data: JSON.stringify(body),
    });
    return { status: answer.status(), text: await answer.text() };
  }

  /** @param {string} path */
  async get(path) {
    const answer = await this.page.request.get(`${this.origin}/_waylight/api/v1${path}`);
    assert.equal(answer.status(), 200, `${path}: ${answer.status()}`);
    return answer.text();
  }

  /**
   * Sends spans as an app does, to the receiver of the instance.
   * @param {string} trace
   * @param {MadeSpan[]} spans
   * @param {Parameters<typeof otlp>[2]} [how]
   */
  async tell(trace, spans, how) {
    const { receiver } = JSON.parse(await this.get('/settings'));
    const answer = await fetch(`http://${receiver}/v1/traces`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(otlp(trace, spans, how)),
    });
    assert.equal(answer.status, 200, await answer.text());
    const last = spanId(spans.at(-1)?.id ?? '');
    await this.page.evaluate(async ([id, span]) => {
      while (!(await fetch(`/_waylight/api/v1/traces/${id}/spans/${span}`)).ok) await new Promise(requestAnimationFrame);
    }, [trace, last]);
  }

  /** The trace of a request by its path and query, once it can be read. @param {string} path @param {string} query @returns {Promise<string>} */
  async traced(path, query) {
    return this.page.evaluate(async ([wanted, how]) => {
      for (;;) {
        const { items } = await (await fetch(`/_waylight/api/v1/requests?q=${encodeURIComponent(`path:${wanted}`)}&traced=1`)).json();
        const id = items.find((/** @type {any} */ item) => item.query === how)?.trace_id;
        if (id && (await fetch(`/_waylight/api/v1/traces/${id}`)).ok) return id;
        await new Promise(requestAnimationFrame);
      }
    }, [path, query]);
  }

  /** Opens a trace and waits until it is drawn. @param {string} trace @param {string} [query] */
  async show(trace, query = '') {
    await this.page.goto(`${this.origin}/_waylight/t/${trace}${query}`);
    await this.page.locator('wl-trace .tr-bar, wl-trace .tr-block, wl-trace .tr-cell').first().waitFor({ state: 'attached' });
    await this.settled();
  }

  /** Waits until nothing glides any more and the address is written. */
  async settled() {
    await this.page.waitForFunction(() => new Promise((resolve) => {
      let last = '';
      let same = 0;
      const look = () => {
        const bars = [...document.querySelectorAll('.tr-bar, .tr-block')].map((bar) => {
          const box = bar.getBoundingClientRect();
          return `${box.left.toFixed(2)} ${box.width.toFixed(2)} ${box.top.toFixed(2)}`;
        }).join();
        same = bars + location.href === last ? same + 1 : 0;
        last = bars + location.href;
        // Longer than a glide and than the pause before the address is written.
        if (same > 20) resolve(true);
        else requestAnimationFrame(look);
      };
      look();
    }));
  }

  /** The row of a span by what it is called. @param {string | RegExp} name */
  row(name) {
    return this.page.locator('.tr-row:not([hidden])').filter({ has: this.page.locator('.tr-text', { hasText: name }) }).first();
  }

  /** Names of rows in sight, from the top. @returns {Promise<string[]>} */
  names() {
    return this.page.evaluate(() => [...document.querySelectorAll('.tr-row:not([hidden])')]
      .map((row) => ({ top: row.getBoundingClientRect().top, name: (row.querySelector('.tr-text bdi') ?? row.querySelector('.tr-text'))?.textContent ?? '' }))
      .sort((a, b) => a.top - b.top).map(({ name }) => name));
  }

  /**
   * Where bars are, by the name of their row, and where the lanes are.
   * @returns {Promise<{ lane: Box, bars: Record<string, Box> }>}
   */
  geometry() {
    return this.page.evaluate(() => {
      const box = (/** @type {Element} */ element) => {
        const { left, right, width, top } = element.getBoundingClientRect();
        return { left, right, width, top };
      };
      /** @type {Record<string, { left: number, right: number, width: number, top: number }>} */
      const bars = {};
      for (const row of document.querySelectorAll('.tr-row:not([hidden])')) {
        const bar = row.querySelector('.tr-bar');
        const name = row.querySelector('.tr-text bdi')?.textContent ?? '';
        const first = bars[name];
        // Of several with one name, the topmost.
        if (bar && (!first || box(bar).top < first.top)) bars[name] = box(bar);
      }
      const lane = document.querySelector('.tr-row:not([hidden]) .tr-lane');
      return { lane: box(/** @type {Element} */ (lane)), bars };
    });
  }

  /** The stretch in view, as the address has it. @returns {[number, number] | null} */
  get view() {
    const v = new URL(this.page.url()).searchParams.get('v');
    return v ? /** @type {[number, number]} */ (v.split(',').map(Number)) : null;
  }

  /** @param {string} name */
  parameter(name) {
    return new URL(this.page.url()).searchParams.get(name);
  }

  async status() {
    return this.page.locator('.tr-percent').textContent();
  }

  /** Puts the keyboard where rows are. */
  async focusRows() {
    await this.page.locator('.tr-scroll').focus();
  }
}
