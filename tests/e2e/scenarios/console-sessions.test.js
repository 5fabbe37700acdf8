// The sessions, as somebody uses them: started here, read in order, revoked, erased, and made for a visitor by a link.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { launch } from '../lib/browser.js';
import { configuration, startedApp } from '../lib/config.js';
import { ConsolePage } from '../lib/console.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Browser, Page } from 'playwright-core' */

describe('the sessions', () => {
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {ConsolePage} */ let console;

  before(async () => {
    waylight = await Waylight.run(configuration({ app: startedApp() }));
    browser = await launch();
    console = await ConsolePage.open(browser, waylight);
  });

  after(async () => {
    await browser?.close();
    await waylight?.stop();
  });

  /** Pages that the browser opens, one after another. @param {string[]} paths */
  const browse = async (paths) => {
    const tab = await console.context.newPage();
    for (const path of paths) await tab.goto(waylight.origin + path, { waitUntil: 'networkidle' });
    await tab.close();
  };
  const rows = () => console.page.locator('.session-table tbody tr');
  /** @param {RegExp | string} name @param {Page} [page] */
  const button = (name, page = console.page) => page.getByRole('button', { name });

  test('the first one is started here; it fills while it is looked at', async () => {
    const { page } = console;
    await console.goto('/sessions');
    await page.getByRole('heading', { name: 'No sessions yet' }).waitFor();
    await console.judgeBoth('no sessions');
    await button('Start tracing this browser').click();
    await rows().getByText('this browser').waitFor();
    assert.equal(await rows().locator('.share i:not([hidden])').count(), 0, 'nothing is no bar');
    await browse(['/', '/products/harbour-lantern', '/nowhere', '/failing']);
    await rows().first().getByText('1 failed').waitFor();
    const cells = await rows().first().locator('td').allTextContents();
    assert.match(cells[0] ?? '', /Active/);
    const [session] = (await console.api('/sessions')).kept;
    assert.equal(session.pages, 4);
    assert.equal(cells[4], String(session.pages));
    assert.equal(session.traces > 0 && session.spans > session.traces, true);
  });

  test('its page views stand in order, each with its trace and its requests', async () => {
    const { page } = console;
    await rows().first().getByRole('link').click();
    const panel = page.getByRole('complementary', { name: 'Session' });
    await panel.locator('.visit').nth(3).waitFor();
    const paths = await panel.locator('.visit .path').allTextContents();
    assert.deepEqual(paths.filter((path) => path.startsWith('/')), ['/', '/products/harbour-lantern', '/nowhere', '/failing']);
    await panel.locator('.says', { hasText: /Failed with 500/ }).waitFor();
    const traced = await panel.locator('.visit:not(.others) .path').evaluateAll((links) => links.map((link) => link.getAttribute('href')));
    assert.ok(traced.every((href) => /^\/_waylight\/t\/[0-9a-f]{32}$/.test(href ?? '')), String(traced));
    await console.judgeBoth('a session');
    await panel.getByRole('link', { name: 'Its requests in the Logs' }).click();
    await page.locator('.log-row', { hasText: '/failing' }).waitFor();
    assert.match(page.url(), /\/logs\?session=[0-9a-f]{32}/);
    await page.goBack();
    await panel.locator('.visit').first().waitFor();
    await page.keyboard.press('Escape');
    await panel.waitFor({ state: 'detached' });
    assert.match(page.url(), /\/sessions$/);
  });

  test('the largest come first where that is asked for, and the address says so', async () => {
    const { page } = console;
    // The menu of the shell would do, too; here the session of before is to stay the larger one.
    await console.page.evaluate(() => fetch('/_waylight/api/v1/session', { method: 'POST', headers: { 'content-type': 'application/json', 'waylight-request': '1' }, body: '{"action":"restart"}' }));
    await browse(['/nowhere']);
    await console.goto('/sessions');
    await rows().nth(1).waitFor();
    assert.match((await rows().first().textContent()) ?? '', /Active/);
    await page.keyboard.press('l');
    await page.waitForURL(/sort=spans/);
    await rows().first().getByText('Ended').waitFor();
    await page.reload();
    await rows().first().getByText('Ended').waitFor();
    await page.getByRole('button', { name: 'Latest' }).click();
    await rows().first().getByText('Active').waitFor();
  });

  test('by keyboard alone: down, open, the next one, close', async () => {
    const { page } = console;
    await console.goto('/sessions');
    await rows().nth(1).waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    const panel = page.getByRole('complementary', { name: 'Session' });
    await panel.waitFor();
    const first = page.url();
    await page.keyboard.press('j');
    await page.waitForFunction((url) => location.href !== url, first);
    await page.keyboard.press('k');
    await page.waitForFunction((url) => location.href === url, first);
    await page.keyboard.press('Escape');
    await panel.waitFor({ state: 'detached' });
    assert.equal(await page.evaluate(() => document.activeElement?.closest('tr') !== null), true, 'the focus is where one was');
  });

  test('revoking asks first, and then the browser is not traced any more', async () => {
    const { page } = console;
    await console.goto('/sessions');
    await rows().getByText('this browser').waitFor();
    await rows().filter({ hasText: 'this browser' }).getByRole('link').click();
    await button('Revoke…').click();
    const dialog = page.getByRole('dialog', { name: 'Revoke this session?' });
    await dialog.waitFor();
    await console.judgeBoth('a question');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'detached' });
    assert.equal((await console.api('/sessions')).live.length, 1, 'nothing was done');
    await button('Revoke…').click();
    await dialog.getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('The session is revoked').waitFor();
    assert.equal((await console.api('/sessions')).live.length, 0);
    assert.equal((await console.api('/me')).session, null);
  });

  test('erasing removes what was kept', async () => {
    const { page } = console;
    await console.goto('/sessions?sort=spans');
    await rows().nth(1).waitFor();
    await rows().first().getByRole('link').click();
    await button('Erase…').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Erase' }).click();
    await page.getByText('Erased', { exact: true }).waitFor();
    await page.getByRole('complementary', { name: 'Session' }).waitFor({ state: 'detached' });
    assert.equal((await console.api('/sessions')).kept.length, 1);
  });

  test('a link has a visitor traced once he agrees, once; and can be ended before', async () => {
    const { page } = console;
    await console.goto('/sessions');
    const make = async () => {
      await button('Trace a visitor…').click();
      const dialog = page.getByRole('dialog', { name: 'Trace a visitor' });
      await dialog.getByLabel('Opens the page').fill('/products/storm-lantern');
      await dialog.getByLabel('Minutes traced').fill('5');
      await dialog.getByRole('button', { name: 'Make the link' }).click();
      const link = (await dialog.locator('pre.link').textContent()) ?? '';
      await console.judgeBoth('a link');
      await page.keyboard.press('Escape');
      return link;
    };
    const used = await make();
    const other = await browser.newContext();
    const visitor = await other.newPage();
    await visitor.goto(used);
    await visitor.getByRole('button', { name: 'I agree' }).click();
    await visitor.waitForURL(/storm-lantern/);
    await rows().getByText('visitor of').waitFor();
    await console.goto('/sessions');
    await rows().first().waitFor();
    assert.equal(await page.getByRole('heading', { name: 'Links that nobody has used yet' }).isVisible(), false, 'it was used');
    const ended = await make();
    await button('End the link to /products/storm-lantern').click();
    await page.getByText('The link does not work any more').waitFor();
    const answer = await visitor.goto(ended);
    assert.equal(answer?.status(), 410);
    await other.close();
  });

  test('who only reads is offered nothing that he may not do', async () => {
    waylight.signInLink = await waylight.link('--role', 'viewer');
    const reader = await ConsolePage.open(browser, waylight);
    await reader.goto('/sessions');
    await reader.page.locator('.session-table tbody tr').first().waitFor();
    await reader.page.locator('.session-table tbody tr').first().getByRole('link').click();
    await reader.page.getByRole('complementary', { name: 'Session' }).getByRole('link', { name: 'Its requests in the Logs' }).waitFor();
    for (const name of ['Revoke…', 'Erase…', 'Trace a visitor…', /Trace this browser/]) assert.equal(await button(name, reader.page).count(), 0, String(name));
    reader.assertQuiet();
    await reader.close();
  });

  test('an unknown session, and a server that is gone, are told', async () => {
    const { page } = console;
    await console.goto(`/sessions/${'0'.repeat(32)}`);
    await page.getByRole('heading', { name: 'Session 00000000' }).waitFor();
    await page.getByText('Nothing is kept of it').waitFor();
    console.assertQuiet();
    await console.goto('/logs');
    await page.locator('.log-row').first().waitFor();
    await page.route('**/api/v1/sessions', (route) => route.abort());
    await page.getByRole('link', { name: 'Sessions', exact: true }).click();
    await page.getByRole('heading', { name: 'The sessions cannot be shown now' }).waitFor();
    await page.unroute('**/api/v1/sessions');
    await button('Try again').click();
    await rows().first().waitFor();
    console.assertQuiet(/net::ERR_FAILED|Failed to load resource/);
  });
});
