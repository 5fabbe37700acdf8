// The console's craft: contrast and names by axe in both themes, the keyboard, small windows, forced colours, motion, the
// time to the first paint. Pictures of all of it are left in `results/`.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { until } from '../lib/bare.js';
import { launch } from '../lib/browser.js';
import { configuration, startedApp } from '../lib/config.js';
import { ConsolePage, visit } from '../lib/console.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Browser } from 'playwright-core' */

const RESULTS = resolve(import.meta.dirname, '../results');

describe('the console\'s craft', () => {
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {ConsolePage} */ let console;

  before(async () => {
    await mkdir(RESULTS, { recursive: true });
    waylight = await Waylight.run(configuration({ app: startedApp() }));
    browser = await launch();
    console = await ConsolePage.open(browser, waylight);
    const { page } = console;
    await console.trace(['/', '/products/harbour-lantern', '/products/storm-lantern', '/failing', '/nowhere', '/slow']);
    await visit(waylight.origin, ['/', '/products/paper-moon', '/nowhere', '/failing', '/products/storm-lantern']);
    await page.locator('.log-row', { hasText: '/slow' }).waitFor();
    // The demo's own pages may fail as they are meant to.
    console.complaints = [];
  });

  after(async () => {
    await browser?.close();
    await waylight?.stop();
  });

  /** @param {string} name */
  const shoot = (name) => console.page.screenshot({ path: join(RESULTS, `${name}.png`) });

  for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
    test(`axe finds nothing, ${colorScheme}`, async () => {
      const { page } = console;
      await page.emulateMedia({ colorScheme });
      await console.goto('/logs');
      await page.locator('.log-row', { hasText: '/slow' }).first().waitFor();
      await console.judge(`the list, ${colorScheme}`);
      await shoot(`console-logs-${colorScheme}`);
      await page.locator('.log-row.page', { hasText: 'harbour-lantern' }).first().click();
      await page.getByRole('complementary', { name: 'Request' }).getByText('Total').waitFor();
      await console.judge(`the panel, ${colorScheme}`);
      await shoot(`console-panel-${colorScheme}`);
      await page.keyboard.press('Escape');
      await page.keyboard.press('?');
      await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
      await console.judge(`the help, ${colorScheme}`);
      await shoot(`console-help-${colorScheme}`);
      await page.keyboard.press('Escape');
      await page.keyboard.press('ControlOrMeta+k');
      await page.getByRole('combobox', { name: 'Jump to' }).waitFor();
      await console.judge(`the palette, ${colorScheme}`);
      await shoot(`console-palette-${colorScheme}`);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: /^Last 30/ }).click();
      await page.getByRole('menu', { name: 'Time range' }).waitFor();
      await console.judge(`a menu, ${colorScheme}`);
      await page.keyboard.press('Escape');
      await page.goto(`${waylight.origin}/_waylight/logs?q=nothing-is-called-so`);
      await page.getByRole('heading', { name: 'Nothing matches the search' }).waitFor();
      await console.judge(`nothing matches, ${colorScheme}`);
      await shoot(`console-empty-${colorScheme}`);
    });
  }

  test('a theme that was chosen is kept, whatever the system\'s is', async () => {
    const { page } = console;
    await page.emulateMedia({ colorScheme: 'light' });
    await console.goto('/logs');
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    const button = page.getByRole('button', { name: /^Theme/ });
    await button.click();
    assert.equal(await background(), light);
    await button.click();
    const dark = await background();
    assert.notEqual(dark, light);
    await page.reload();
    assert.equal(await background(), dark);
    await page.getByRole('button', { name: 'Theme: dark' }).click();
    assert.equal(await background(), light);
  });

  test('a journey by keyboard alone: from the address bar to a request and back', async () => {
    const { page } = console;
    await console.goto('/logs');
    await page.locator('.log-row').first().waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the content');
    await page.keyboard.press('Enter');
    /** @type {string[]} */
    const visited = [];
    for (let turn = 0; turn < 14; turn += 1) {
      await page.keyboard.press('Tab');
      visited.push(await page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? ''));
      if (visited.at(-1) === 'Requests, newest first') break;
    }
    assert.equal(visited.at(-1), 'Requests, newest first', visited.join(' | '));
    assert.ok(visited.includes('Search requests') && visited.includes('Traced requests only'), visited.join(' | '));
    await page.keyboard.press('ArrowDown');
    await page.getByRole('complementary', { name: 'Request' }).waitFor();
    const active = await page.evaluate(() => {
      const id = document.activeElement?.getAttribute('aria-activedescendant');
      return id ? document.getElementById(id)?.getAttribute('aria-selected') : null;
    });
    assert.equal(active, 'true', 'the active row is in the document');
    await page.keyboard.press('Escape');
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('aria-label')), 'Requests, newest first', 'the focus comes back');
    await page.locator('.log-row', { hasText: '/slow' }).first().click();
    const link = page.getByRole('link', { name: 'Trace', exact: true });
    await link.focus();
    await page.keyboard.press('Enter');
    await page.locator('.screen.t').waitFor();
    await page.waitForFunction(() => document.activeElement?.id === 'main', undefined, { timeout: 10_000 });
  });

  test('single letters can be switched off', async () => {
    const { page } = console;
    await console.goto('/logs');
    await page.locator('.log-row').first().waitFor();
    await page.keyboard.press('?');
    await page.getByRole('checkbox', { name: 'Single letters count' }).uncheck();
    await page.keyboard.press('Escape');
    await page.keyboard.press('t');
    await page.keyboard.press('p');
    assert.equal(new URL(page.url()).search, '');
    // A key that is pressed again while the palette is loaded opens no second one.
    await page.evaluate(() => {
      for (let time = 0; time < 2; time += 1) dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true, bubbles: true, cancelable: true }));
    });
    await page.getByRole('combobox', { name: 'Jump to' }).waitFor();
    assert.equal(await page.locator('dialog.palette').count(), 1);
    await page.keyboard.type('keyboard');
    await page.keyboard.press('Enter');
    await page.getByRole('checkbox', { name: 'Single letters count' }).check();
    await page.keyboard.press('Escape');
    await page.keyboard.press('t');
    await page.waitForFunction(() => location.search === '?traced=1');
  });

  for (const [name, width, height] of /** @type {const} */ ([['720 px', 720, 800], ['200 % zoom', 640, 400], ['a telephone', 380, 720]])) {
    test(`nothing is cut off at ${name}`, async () => {
      const { page } = console;
      await page.setViewportSize({ width, height });
      await console.goto('/logs');
      await page.locator('.log-row').first().waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'no sideways scrolling');
      await console.judge(`the list at ${name}`);
      await shoot(`console-logs-${width}`);
      await page.locator('.log-row').first().click();
      await page.getByRole('complementary', { name: 'Request' }).getByText('Total').waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'no sideways scrolling');
      await console.judge(`the panel at ${name}`);
      await shoot(`console-panel-${width}`);
      await page.getByRole('button', { name: 'Close' }).click();
      await page.locator('.log-row').first().waitFor();
      await page.setViewportSize({ width: 1440, height: 900 });
    });
  }

  test('forced colours keep what colours say, and less motion is no motion', async () => {
    const { page } = console;
    await page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce' });
    await console.goto('/logs');
    await page.locator('.log-row').first().click();
    await page.getByRole('complementary', { name: 'Request' }).getByText('Total').waitFor();
    const outline = await page.evaluate(() => {
      const row = document.querySelector('.log-row[aria-selected="true"]');
      return row ? getComputedStyle(row).outlineStyle : '';
    });
    assert.equal(outline, 'solid');
    const moving = await page.evaluate(() => document.getAnimations().length);
    assert.equal(moving, 0);
    await shoot('console-forced-colours');
    await page.emulateMedia({ forcedColors: 'none', reducedMotion: 'no-preference' });
  });

  test('no text can become markup or code, whatever a script does', async () => {
    // Of this tab the browser will complain, as it should.
    const page = await console.context.newPage();
    await console.goto('/logs', page);
    const tried = await page.evaluate(() => {
      const attempts = {
        markup: () => (document.body.innerHTML = '<b>x</b>'),
        policy: () => /** @type {any} */ (window).trustedTypes.createPolicy('x', { createHTML: (/** @type {string} */ text) => text }),
        script: () => (document.createElement('script').src = '/x.js'),
      };
      return Object.entries(attempts).map(([name, attempt]) => {
        try {
          attempt();
          return `${name} was let through`;
        } catch (error) {
          return error instanceof Error ? name : '';
        }
      });
    });
    assert.deepEqual(tried, ['markup', 'policy', 'script']);
    await page.close();
  });

  test('nobody without a sign-in gets a file of the console', async () => {
    const { page } = console;
    await console.goto('/logs');
    const script = await page.evaluate(() => document.querySelector('script[type="module"]')?.getAttribute('src') ?? '');
    const told = await page.evaluate(async (path) => {
      const answers = await Promise.all([fetch(path), fetch(path, { credentials: 'omit', cache: 'no-store' })]);
      return answers.map((answer) => `${answer.status} ${answer.headers.get('content-type')}`);
    }, script);
    assert.deepEqual(told[0], '200 text/javascript; charset=utf-8');
    assert.match(told[1] ?? '', /^404 text\/html/, 'the site answers itself');
    console.complaints = console.complaints.filter((complaint) => !/404 \(Not Found\)/.test(complaint));
  });

  test('the first paint is quick', async (context) => {
    const { page } = console;
    /** @type {number[]} */
    const paints = [];
    for (let turn = 0; turn < 5; turn += 1) {
      await console.goto('/logs');
      await page.locator('.log-row').first().waitFor();
      paints.push(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity));
    }
    // Told and not judged: a machine that tests is busy. docs/console.md tells what was measured.
    context.diagnostic(`first contentful paint of the Logs: ${paints.map((paint) => `${Math.round(paint)} ms`).join(', ')}`);
  });

  test('the browser had nothing to complain of', () => console.assertQuiet());
});

describe('a month whose spans run out', () => {
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {ConsolePage} */ let console;

  before(async () => {
    const toml = configuration({ app: startedApp(), extra: ['[store]', 'spans_per_month_max = 200'] });
    waylight = await Waylight.run(toml);
    browser = await launch();
    console = await ConsolePage.open(browser, waylight);
  });

  after(async () => {
    await browser?.close();
    await waylight?.stop();
  });

  test('is told of at 80 and 95 %, and when tracing pauses, while the list goes on', async () => {
    const { page } = console;
    await console.goto('/logs');
    await page.getByRole('button', { name: 'Start tracing' }).click();
    await page.getByRole('button', { name: 'Tracing' }).waitFor();
    /** What the notice said at each level. @type {Map<string, string>} */
    const said = new Map();
    let counted = 0;
    // One request after another, each after spans of the one before are counted: no level is jumped over.
    for (let turn = 0; turn < 60 && !said.has('full'); turn += 1) {
      await page.request.get(`${waylight.origin}/products?turn=${turn}`);
      const { state, used } = await until('spans that count', async () => {
        const quota = await console.api('/quota');
        return quota.used > counted && quota;
      });
      counted = used;
      if (state === 'fine' || said.has(state)) continue;
      await page.reload();
      said.set(state, (await page.locator('.notice b').textContent()) ?? '');
    }
    assert.match(said.get('80') ?? said.get('95') ?? '', /^(80|95) % of this month's spans are used\.$/);
    assert.match(said.get('full') ?? '', /^Tracing is paused until \d+ \w+\.$/);
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      await page.emulateMedia({ colorScheme });
      await console.judge(`tracing paused, ${colorScheme}`);
    }
    await page.screenshot({ path: join(RESULTS, 'console-quota.png') });
    await page.request.get(`${waylight.origin}/products?turn=last`);
    await page.locator('.log-row', { hasText: '?turn=last' }).waitFor();
    console.assertQuiet();
  });
});
