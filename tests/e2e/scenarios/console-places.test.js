// The whole console where it stands alone: on a host of its own, and on the admin listener, which shows its sign-in page.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { launch, signIn } from '../lib/browser.js';
import { configuration } from '../lib/config.js';
import { ConsolePage, visit } from '../lib/console.js';
import { Upstream } from '../lib/upstream.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Browser } from 'playwright-core' */

describe('the console beside the site', () => {
  /** @type {Upstream} */ let upstream;
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;

  before(async () => {
    upstream = await Upstream.start({ '*': (_, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('ok') });
    waylight = await Waylight.run(configuration({ upstream: upstream.url, onSite: 'session', extra: ['[[site]]', 'hosts = ["console.localhost"]', 'console = true'] }));
    browser = await launch();
    await visit(waylight.origin, ['/somebody-elses']);
  });

  after(async () => {
    await browser?.close();
    await waylight?.stop();
    upstream?.stop();
  });

  /** @param {ConsolePage} console @param {string} origin */
  const showsAll = async (console, origin) => {
    const { page } = console;
    await page.goto(`${origin}/_waylight/logs`);
    await page.locator('.log-row', { hasText: '/somebody-elses' }).click();
    await page.getByRole('complementary', { name: 'Request' }).getByText('Total').waitFor();
    assert.equal(await page.getByText('Here you reach your own sessions only').count(), 0);
    await page.goto(`${origin}/_waylight/settings/configuration`);
    await page.locator('.config dt').first().waitFor();
    console.assertQuiet();
  };

  test('on a host of its own', async () => {
    const { port } = new URL(waylight.origin);
    const origin = `http://console.localhost:${port}`;
    const link = await waylight.link('--role', 'admin', '--site', 'console.localhost');
    const context = await browser.newContext();
    const console = new ConsolePage(context, await context.newPage(), waylight);
    await signIn(console.page, link);
    await showsAll(console, origin);
    await context.close();
  });

  test('on the admin listener, by its sign-in page', async () => {
    const [, address] = await waylight.matchLine('the admin listener', /admin listener ready.*?(127\.0\.0\.1:\d+)/);
    const origin = `http://${address}`;
    const context = await browser.newContext();
    const console = new ConsolePage(context, await context.newPage(), waylight);
    await console.page.goto(`${origin}/_waylight/logs`);
    await console.page.getByRole('heading', { name: /sign in/i }).waitFor();
    const link = new URL(await waylight.link('--role', 'admin', '--site', '127.0.0.1'));
    await signIn(console.page, origin + link.pathname + link.search);
    console.complaints = [];
    await showsAll(console, origin);
    await context.close();
  });
});
