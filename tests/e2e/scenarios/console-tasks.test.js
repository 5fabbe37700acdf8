// Seven things that somebody wants who has never been here before, and ten more, each from the Logs, with the number of
// clicks that docs/console.md tells.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { launch } from '../lib/browser.js';
import { configuration, startedApp } from '../lib/config.js';
import { ConsolePage } from '../lib/console.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Browser, Locator } from 'playwright-core' */

const DOCS = readFileSync(resolve(import.meta.dirname, '../../../docs/console.md'), 'utf8');

describe('seven tasks, and ten more', () => {
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {ConsolePage} */ let console;
  let clicks = 0;

  before(async () => {
    waylight = await Waylight.run(configuration({ app: startedApp() }));
    browser = await launch();
    console = await ConsolePage.open(browser, waylight);
    await console.trace(['/', '/products/harbour-lantern', '/products/harbour-lantern?again', '/failing', '/slow', '/nowhere']);
    await console.page.locator('.log-row', { hasText: '/nowhere' }).waitFor();
  });

  after(async () => {
    await browser?.close();
    await waylight?.stop();
  });

  /** @param {Locator} what */
  const click = async (what) => {
    clicks += 1;
    await what.click();
  };

  /** @param {string} task as the documentation calls it @param {() => Promise<void>} steps */
  const task = (task, steps) =>
    test(task, async () => {
      clicks = 0;
      await console.goto('/logs');
      await console.page.locator('.log-row').first().waitFor();
      await console.page.mouse.move(700, 10);
      await steps();
      const told = DOCS.match(new RegExp(`^\\| ${task} \\| (\\d+) \\|`, 'm'))?.[1];
      assert.equal(clicks, Number(told), `docs/console.md says ${told}`);
    });

  /** @param {string} text */
  const row = (text) => console.page.locator('.log-row', { hasText: text }).first();
  /** @param {string} name @param {'button' | 'link' | 'menuitem' | 'menuitemradio'} [role] */
  const named = (name, role = 'button') => console.page.getByRole(role, { name, exact: true }).first();

  task('find the slowest request of my session', async () => {
    await click(console.page.getByRole('button', { name: 'Tracing' }));
    await click(named('Its slowest requests', 'menuitem'));
    await console.page.waitForFunction(() => document.querySelector('.log-row[aria-rowindex="2"] .path')?.textContent === '/slow');
  });

  task('why was this no cache hit', async () => {
    await click(row('/products/harbour-lantern'));
    await console.page.getByRole('region', { name: 'Facts' }).getByText('Cache', { exact: true }).waitFor();
  });

  task('which span is to blame', async () => {
    await click(row('/slow'));
    await console.page.locator('.panel-verdict', { hasText: /^Slow because of the app: / }).waitFor();
    await click(named('Show it'));
    const chosen = console.page.locator('wl-request wl-trace .tr-row[aria-selected="true"]');
    await chosen.waitFor();
    const isSeen = (/** @type {Element} */ one) => {
      const { left, top, height } = one.getBoundingClientRect();
      // Where its name is: the details may lie over its bar.
      return one.contains(document.elementFromPoint(left + 60, top + height / 2));
    };
    assert.ok(await chosen.evaluate(isSeen), 'it is seen');
    // And where the trace is folded.
    const fold = console.page.locator('wl-request .fold');
    await fold.click();
    await named('Show it').click();
    await chosen.waitFor();
    assert.equal(await fold.getAttribute('aria-expanded'), 'true');
    assert.ok(await chosen.evaluate(isSeen), 'it is seen, folded before');
  });

  task('what changed between two runs', async () => {
    await click(row('/products/harbour-lantern?again'));
    await click(console.page.locator('wl-request').getByRole('link', { name: 'Compare' }));
    await click(console.page.getByRole('main').getByRole('button', { name: /harbour-lantern/ }).first());
    await console.page.locator('wl-compare').waitFor();
  });

  task('share a trace with somebody without access', async () => {
    await click(row('/products/harbour-lantern'));
    await click(named('Trace', 'link'));
    await click(console.page.getByRole('button', { name: 'Export' }));
    await click(named('Make a link'));
    assert.match(await console.page.getByRole('textbox', { name: 'The link' }).inputValue(), /\/_waylight\/api\/v1\/shared\//);
  });

  task('find all 5xx of the last ten minutes that have traces', async () => {
    await click(named('Filter'));
    await click(console.page.getByRole('menuitem', { name: 'Server errors' }));
    await click(named('Traced requests only'));
    await click(console.page.getByRole('button', { name: 'Last 30 minutes' }));
    await click(named('Last 10 minutes', 'menuitemradio'));
    await row('/failing').waitFor();
    await console.page.waitForFunction(() => [...document.querySelectorAll('.log-row')].every((one) => one.querySelector('.status')?.textContent?.startsWith('5')));
  });

  task('see only what failed', async () => {
    await click(named('Filter'));
    await click(console.page.getByRole('menuitem', { name: 'Any error' }));
    await row('/failing').waitFor();
    await row('/nowhere').waitFor({ state: 'detached' });
  });

  task('see only what my browser asked for', async () => {
    await click(named('My browser only'));
    await row('/slow').waitFor();
    assert.equal(new URL(console.page.url()).search, '?browser=me');
  });

  task('where the time of a request went', async () => {
    await click(row('/nowhere'));
    await console.page.getByRole('region', { name: 'Where time went' }).getByText('Total').waitFor();
  });

  task('what Waylight changed in its header fields', async () => {
    await click(row('/slow'));
    await console.page.getByRole('region', { name: 'Header fields' }).locator('ins', { hasText: 'traceparent: ' }).waitFor();
  });

  task('have a request as a command', async () => {
    await click(row('/slow'));
    await click(named('Copy as cURL'));
    await console.page.getByText('Copied as cURL').waitFor();
  });

  task('send a request again, traced', async () => {
    await click(row('/nowhere'));
    await click(named('Replay traced'));
    await console.page.waitForURL(/\/_waylight\/t\/[0-9a-f]{32}/);
  });

  task('what a session asked for', async () => {
    await click(named('Sessions', 'link'));
    await click(console.page.locator('.session-table tbody').getByRole('link').last());
    await click(named('Its requests in the Logs', 'link'));
    await row('/slow').waitFor();
  });

  task('whether a back end loses spans', async () => {
    await click(named('Settings', 'link'));
    await click(console.page.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name: 'Export' }));
    await console.page.getByRole('heading', { name: 'No back ends' }).waitFor();
  });

  task('what a setting is right now', async () => {
    await click(named('Settings', 'link'));
    await click(console.page.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name: 'Configuration' }));
    await console.page.locator('.config dt').first().waitFor();
  });

  task('how many spans are left this month', async () => {
    const quota = console.page.locator('.quota');
    await quota.waitFor();
    assert.match((await quota.textContent()) ?? '', /^[\d,.]+ k?( k| M)? ?\/ 1 M spans$/);
    assert.match((await quota.getAttribute('title')) ?? '', /^[\d,]+ of 1,000,000 spans are left until /);
  });

  task('stop tracing this browser', async () => {
    await click(console.page.getByRole('button', { name: 'Tracing' }));
    await click(named('Stop', 'menuitem'));
    await console.page.getByRole('button', { name: 'Start tracing' }).waitFor();
  });
});
