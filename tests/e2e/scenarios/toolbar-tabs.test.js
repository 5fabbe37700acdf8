// Six tabs of a site over HTTP/1.1, where a browser has six connections: with toolbars, agents and the console, nothing waits
// for a connection that is never free.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { within } from '../lib/events.js';
import { scene } from '../lib/scene.js';
import { Toolbar } from '../lib/toolbar.js';
import { htmlPage } from '../lib/upstream.js';

/** @import { Page } from 'playwright-core' */
/** @import { Scene } from '../lib/scene.js' */

const TABS = 6;
const AT_ONCE_MS = 10_000;

describe('six tabs over HTTP/1.1', () => {
  /** @type {Scene} */ let set;

  before(async () => {
    set = await scene({ pages: { '/app': htmlPage('<!doctype html><html><head><title>a</title></head><body>app</body></html>'), '*': (_, response) => response.writeHead(200).end('{}') } });
  });
  after(() => set?.close());

  /** Whether every page is answered, all asking at once. @param {Page[]} pages */
  const answered = (pages) => within(Promise.all(pages.map((page, at) => page.evaluate((number) => fetch(`/api/${number}`).then(({ status }) => status), at))), 'answers in all tabs', AT_ONCE_MS);

  test('nothing starves: neither pages, nor toolbars, nor consoles', async () => {
    const { context, at } = set;
    /** @type {Page[]} */ const pages = [];
    /** @type {Page[]} */ const consoles = [];
    for (let tab = 0; tab < TABS; tab += 1) {
      const page = await context.newPage();
      await page.goto(at('/app'));
      pages.push(page);
    }
    const toolbars = pages.map((page) => new Toolbar(page));
    await Promise.all(toolbars.map((bar) => bar.until('the blue bar', async () => /^Tracing/.test(await bar.pill()))));
    assert.deepEqual(await answered(pages), Array(TABS).fill(200));

    for (let tab = 0; tab < TABS; tab += 1) {
      const page = await context.newPage();
      await page.goto(at('/_waylight/logs'));
      await page.getByRole('button', { name: /live/i }).first().waitFor();
      consoles.push(page);
    }
    assert.deepEqual(await answered([...pages, ...consoles]), Array(2 * TABS).fill(200));
    const [bar] = toolbars;
    assert.ok(bar);
    await bar.page.bringToFront();
    await Promise.all([bar.page.waitForEvent('load'), within(bar.choose('Restart tracing session'), 'the command', AT_ONCE_MS)]);
    // The others made no request of the new one yet.
    await Promise.all(toolbars.slice(1).map((each) => each.until('the new session', async () => /^Tracing 0 /.test(await each.pill()))));
    assert.deepEqual(await answered(pages), Array(TABS).fill(200));
  });
});
