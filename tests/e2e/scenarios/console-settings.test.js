// The settings, as somebody uses them: what is left, what is kept and hidden, who there is, how Waylight fares.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { launch } from '../lib/browser.js';
import { configuration, startedApp } from '../lib/config.js';
import { ConsolePage } from '../lib/console.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Browser } from 'playwright-core' */

const RESULTS = resolve(import.meta.dirname, '../results');
const SECTIONS = ['Quota', 'Retention', 'Redaction', 'People', 'Export', 'Upstreams', 'Cache', 'Configuration', 'Audit log', 'Appearance'];

describe('the settings', () => {
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {ConsolePage} */ let console;

  before(async () => {
    await mkdir(RESULTS, { recursive: true });
    // Nobody listens at port 1: a back end that loses its spans.
    const exports = [{ name: 'jaeger', endpoint: 'http://127.0.0.1:1', protocol: /** @type {const} */ ('grpc') }];
    // Nor at port 2: an endpoint that never answers, beside one that does.
    const extra = ['[[site.route]]', 'path = "/half"', 'upstream = "half"', '[upstream.half]', 'endpoints = ["http://127.0.0.1:1", "http://127.0.0.1:2"]'];
    waylight = await Waylight.run(configuration({ app: startedApp(), exports, extra }));
    browser = await launch();
    console = await ConsolePage.open(browser, waylight);
    await console.goto('/sessions');
    await console.page.getByRole('button', { name: 'Start tracing this browser' }).click();
    await console.page.locator('.session-table').waitFor();
    const tab = await console.tab();
    for (const path of ['/', '/products/harbour-lantern', '/failing', '/half']) await tab.goto(waylight.origin + path, { waitUntil: 'networkidle' });
    await tab.close();
    // The demo's own pages may fail as they are meant to.
    console.complaints = [];
  });

  after(async () => {
    await browser?.close();
    await waylight?.stop();
  });

  /** @param {string} name @param {ConsolePage} [of] */
  const section = async (name, of = console) => {
    await of.page.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name, exact: true }).click();
    await of.page.getByRole('heading', { name, exact: true, level: 1 }).waitFor();
    await of.page.locator('.section:not([aria-busy]) .section-body > *').first().waitFor();
  };

  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    test(`axe finds nothing in any section, ${colorScheme}`, async () => {
      const { page } = console;
      await page.emulateMedia({ colorScheme });
      await console.goto('/settings');
      for (const name of SECTIONS) {
        await section(name);
        await console.judge(`${name}, ${colorScheme}`);
        await page.screenshot({ path: join(RESULTS, `console-settings-${name.toLowerCase().replace(' ', '-')}-${colorScheme}.png`) });
      }
      console.assertQuiet();
    });
  }

  test('the quota says what is left, until when, and what the month went to', async () => {
    const { page } = console;
    await console.goto('/settings');
    await section('Quota');
    const { used, limit } = await console.api('/quota');
    assert.ok(used > 0);
    await page.getByText('of 1 M spans are left this month').waitFor();
    assert.match((await page.locator('.big b').textContent()) ?? '', new RegExp(`^${String(limit - used).slice(0, 3)},`));
    const [largest] = await page.locator('.section table tbody tr td:last-child').allTextContents();
    assert.equal(Number(largest?.replaceAll(',', '')) > 0, true);
    await page.locator('.section table tbody a').first().click();
    await page.getByRole('complementary', { name: 'Session' }).locator('.visit').first().waitFor();
  });

  test('retention, redaction and the upstream are told as they are set, and as they are', async () => {
    const { page } = console;
    await console.goto('/settings/keeping');
    await page.getByText('store.keep_traces').waitFor();
    assert.match((await page.locator('.facts-list').first().textContent()) ?? '', /on disk/);
    await section('Redaction');
    await page.getByText('trace.redact_query').waitFor();
    await section('Upstreams');
    const card = page.locator('.card', { has: page.getByRole('heading', { name: 'app' }) });
    await card.getByText('Ready', { exact: true }).waitFor();
    const [process] = (await console.api('/settings')).processes;
    assert.match((await card.textContent()) ?? '', new RegExp(`${process.pid} at port ${process.port}`));
    assert.match((await card.locator('.endpoints').textContent()) ?? '', /^its process answers, 0 of \d+ attempts failed$/);
    const half = page.locator('.card', { has: page.getByRole('heading', { name: 'half' }) });
    await half.getByText('Does not answer', { exact: true }).waitFor();
    assert.match((await half.locator('.endpoints').textContent()) ?? '', /http:\/\/127\.0\.0\.1:1 no answer, \d times? in a row, \d of \d attempts? failed; last connection refused, /);
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      await page.emulateMedia({ colorScheme });
      await console.judge(`upstreams, ${colorScheme}`);
      await page.screenshot({ path: join(RESULTS, `console-upstreams-${colorScheme}.png`) });
    }
    await page.emulateMedia({ colorScheme: null });
    await card.getByRole('link', { name: /failed$/ }).click();
    await page.locator('.log-row', { hasText: '/failing' }).waitFor();
  });

  test('a back end that does not answer shows its last error', async () => {
    const { page } = console;
    await console.goto('/settings/exports');
    const card = page.locator('.card', { has: page.getByRole('heading', { name: 'jaeger' }) });
    await card.getByText(/Had an error|Losing spans/).waitFor();
    assert.notEqual(await card.locator('.fault').textContent(), '');
  });

  test('a setting is found by its name or its value, secrets stay hidden, and the address keeps the search', async () => {
    const { page } = console;
    await console.goto('/settings/configuration');
    await page.locator('.config dt').first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('port_variable');
    await page.getByText('1 setting', { exact: true }).waitFor();
    assert.deepEqual(await page.locator('.config dt').allTextContents(), ['port_variable']);
    await page.reload();
    await page.locator('.config dt').first().waitFor();
    assert.deepEqual(await page.locator('.config dt').allTextContents(), ['port_variable']);
    await page.getByRole('searchbox', { name: 'Find a setting' }).fill('nothing is called so');
    await page.getByText('No setting is called so').waitFor();
    assert.equal(await page.locator('.config').getByText('***').count(), 0);
  });

  test('the audit log is read page by page', async () => {
    const { page } = console;
    await console.goto('/settings/audit');
    await page.getByRole('cell', { name: 'signed in' }).first().waitFor();
    // More than a page of deeds.
    await page.evaluate(async () => {
      for (let turn = 0; turn < 30; turn += 1) {
        await fetch('/_waylight/api/v1/session', { method: 'POST', headers: { 'content-type': 'application/json', 'waylight-request': '1' }, body: '{"action":"restart"}' });
      }
    });
    await page.reload();
    const rows = page.locator('.section tbody tr');
    await rows.nth(49).waitFor();
    const before = await rows.count();
    await page.getByRole('button', { name: 'Earlier entries' }).click();
    await rows.nth(before).waitFor();
    await page.getByRole('cell', { name: 'signed in' }).last().waitFor();
    const whole = (await console.api('/audit?limit=1000')).items.length;
    assert.equal(await rows.count(), whole, 'each entry once');
    assert.equal(await page.getByRole('button', { name: 'Earlier entries' }).isVisible(), false);
  });

  test('people: one is revoked after a question, and he is out at once', async () => {
    const { page } = console;
    waylight.signInLink = await waylight.link('--name', 'Bob', '--role', 'tracer');
    const bob = await ConsolePage.open(browser, waylight);
    await bob.goto('/settings');
    await bob.page.getByRole('navigation', { name: 'Settings' }).getByRole('link').first().waitFor();
    assert.deepEqual(await bob.page.getByRole('navigation', { name: 'Settings' }).getByRole('link').allTextContents(), ['Quota', 'People', 'Appearance']);
    await bob.goto('/settings/audit');
    await bob.page.getByRole('heading', { name: 'Not for you to see here' }).waitFor();
    await bob.judgeBoth('not for everybody');
    await section('People', bob);
    assert.equal(await bob.page.getByRole('heading', { name: 'Everybody' }).count(), 0);
    await console.goto('/settings/people');
    const row = page.getByRole('row', { name: /Bob/ });
    await row.getByRole('button', { name: 'Revoke Bob' }).click();
    await page.getByRole('dialog', { name: 'Revoke Bob?' }).getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('Bob is signed out everywhere').waitFor();
    const answer = await bob.page.request.get(`${waylight.origin}/_waylight/api/v1/me`);
    assert.notEqual(answer.headers()['content-type'], 'application/json');
    // His live stream ended at that moment, and asked once more.
    bob.assertQuiet(/404 \(Not Found\)/);
    await bob.close();
  });

  test('stored responses are purged, and who did it is written down', async () => {
    const { page } = console;
    await console.goto('/settings/cache');
    await page.getByLabel('What', { exact: true }).selectOption('Everything');
    await page.getByRole('button', { name: 'Purge' }).click();
    await page.getByRole('dialog', { name: 'Forget everything?' }).getByRole('button', { name: 'Purge' }).click();
    await page.getByText('Everything was purged').waitFor();
    await page.getByLabel('What', { exact: true }).selectOption('What has this tag');
    await page.getByLabel('Which').fill('shoes');
    await page.getByLabel('Only stale from now on').check();
    await page.getByRole('button', { name: 'Purge' }).click();
    await page.getByText('0 stored responses made stale').waitFor();
    await page.getByLabel('What', { exact: true }).selectOption('This URL');
    await page.getByLabel('Which').fill('shoes');
    await page.getByRole('button', { name: 'Purge' }).click();
    await page.getByRole('alert').getByText('write a whole URL').waitFor();
    const { items } = await console.api('/audit');
    const purges = items.filter((/** @type {{ deed: string }} */ { deed }) => deed === 'purge').map((/** @type {{ subject: string }} */ { subject }) => subject);
    assert.deepEqual(purges, ['tag shoes (soft)', 'everything (hard)']);
    console.complaints = [];
  });

  test('the theme and the single letters are chosen here, too', async () => {
    const { page } = console;
    await page.emulateMedia({ colorScheme: 'light' });
    await console.goto('/settings/appearance');
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.getByRole('radio', { name: 'Dark' }).check();
    assert.notEqual(await background(), light);
    await page.getByRole('button', { name: 'Theme: dark' }).waitFor();
    await page.getByRole('radio', { name: 'As the system' }).check();
    await page.getByRole('checkbox', { name: /^Single letters/ }).uncheck();
    await console.goto('/sessions');
    await page.locator('.session-table').waitFor();
    await page.keyboard.press('l');
    assert.equal(new URL(page.url()).search, '');
    await console.goto('/settings/appearance');
    await page.getByRole('checkbox', { name: /^Single letters/ }).check();
  });

  for (const [name, width, height] of /** @type {const} */ ([['720 px', 720, 800], ['200 % zoom', 640, 400], ['a telephone', 380, 720]])) {
    test(`nothing is cut off at ${name}`, async () => {
      const { page } = console;
      await page.setViewportSize({ width, height });
      for (const path of ['/settings/quota', '/settings/upstreams', '/settings/configuration', '/settings/people', '/sessions']) {
        await console.goto(path);
        await page.locator('.section:not([aria-busy]) .section-body > *, .session-table').first().waitFor();
        const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(over <= 0, `${path} is ${over} pixels too wide`);
        const inner = await page.locator('.page').first().evaluate((box) => box.scrollWidth - box.clientWidth);
        assert.ok(inner <= 0, `${path} scrolls sideways by ${inner} pixels`);
      }
      await console.judge(name);
      await page.setViewportSize({ width: 1440, height: 900 });
    });
  }

  test('forced colours keep what is chosen apart', async () => {
    const { page } = console;
    await page.emulateMedia({ forcedColors: 'active' });
    await console.goto('/settings/quota');
    const outline = await page.locator('.sections [aria-current]').evaluate((link) => getComputedStyle(link).outlineStyle);
    assert.equal(outline, 'solid');
    await page.emulateMedia({ forcedColors: 'none' });
  });

  test('signing out ends the console for this browser', async () => {
    const { page } = console;
    await console.goto('/settings/people');
    await page.getByRole('button', { name: 'Sign out…' }).click();
    await page.getByRole('dialog', { name: 'Sign out?' }).getByRole('button', { name: 'Sign out' }).click();
    await page.waitForURL(`${waylight.origin}/`);
    const answer = await page.request.get(`${waylight.origin}/_waylight/settings`);
    assert.doesNotMatch(await answer.text(), /id="host"/, 'nothing tells that there is a console');
  });
});

test('on a site\'s own origin an admin is told where the rest is', async () => {
  const waylight = await Waylight.run(configuration({ app: startedApp(), onSite: 'session' }));
  const browser = await launch();
  try {
    const console = await ConsolePage.open(browser, waylight);
    const { page } = console;
    await console.goto('/settings');
    const offered = page.getByRole('navigation', { name: 'Settings' }).getByRole('link');
    await offered.first().waitFor();
    assert.ok(!(await offered.allTextContents()).includes('Configuration'));
    await console.goto('/settings/configuration');
    await page.getByRole('heading', { name: 'Not for you to see here' }).waitFor();
    const { elsewhere } = await console.api('/me');
    assert.ok((await page.locator('.section').textContent())?.includes(elsewhere.slice(1)), elsewhere);
    await console.judgeBoth('settings on a site\'s own origin');
    console.assertQuiet();
  } finally {
    await browser.close();
    await waylight.stop();
  }
});
