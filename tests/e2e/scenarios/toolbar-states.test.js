// Each state of the toolbar that no other scenario brings about: how far a trace is, a month that is used up, a proxy that does
// not answer, a sign-in that is over, and somebody who may only look.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { signIn } from '../lib/browser.js';
import { configuration } from '../lib/config.js';
import { startSession } from '../lib/recorded.js';
import { scene } from '../lib/scene.js';
import { Toolbar } from '../lib/toolbar.js';
import { htmlPage } from '../lib/upstream.js';
import { Waylight } from '../lib/waylight.js';

/** @import { BrowserContext, Route } from 'playwright-core' */
/** @import { Scene } from '../lib/scene.js' */

const STATUS = /\/_waylight\/api\/v1\/traces\/[0-9a-f]{32}\/status$/;
const VIEWS = ['View previous session traces', 'Hide on this page', 'Hide for this session', 'Start hidden'];

describe('the states of the toolbar', () => {
  /** @type {Scene} */ let set;

  before(async () => {
    set = await scene({ who: 'nobody', pages: { '*': htmlPage('<!doctype html><html><head><title>a</title></head><body>app</body></html>') } });
  });
  after(() => set?.close());

  /** Somebody who is signed in. @param {(toolbar: Toolbar, context: BrowserContext) => Promise<void>} look @param {string[]} link */
  async function signedIn(look, ...link) {
    const context = await set.browser.newContext();
    const page = await context.newPage();
    await signIn(page, await set.waylight.link(...link));
    await page.goto(set.at('/app'));
    const toolbar = new Toolbar(page);
    await toolbar.until('the bar', () => toolbar.part('.pill b'));
    await look(toolbar, context);
    await context.close();
  }

  /** Runs a page trace whose state is told by `answers`, one after another; the last one stays. @param {Toolbar} toolbar @param {((route: Route) => Promise<void>)[]} answers */
  async function followed(toolbar, answers) {
    await toolbar.page.route(STATUS, (route) => (answers.length > 1 ? answers.shift() : answers[0])?.(route));
    await Promise.all([toolbar.page.waitForEvent('load'), toolbar.choose('Run page trace')]);
  }

  /** @param {object} status */
  const says = (status) => (/** @type {Route} */ route) => route.fulfill({ status: 200, contentType: 'application/json', headers: { 'waylight-response': '1' }, body: JSON.stringify(status) });

  const waiting = { state: 'partial', spans: 12, waiting_for: ['shop', 'stock'] };

  test('a trace that is collected tells how many spans there are, and what is awaited', () => signedIn(async (toolbar) => {
    await followed(toolbar, [says(waiting)]);
    await toolbar.until('the toast', async () => (await toolbar.toast()) === 'Collecting the trace 12 spans so far. Waiting for shop, stock to report.');
    assert.equal(await toolbar.pill(), 'Collecting');
    await toolbar.page.unroute(STATUS);
    await toolbar.page.route(STATUS, says({ state: 'done', spans: 30, waiting_for: [], verdict: 'The shop took half of it.' }));
    await toolbar.until('the end', async () => /^Trace ready 30 spans\. The shop took half of it\./.test(await toolbar.toast()));
    assert.match(await toolbar.pill(), / TTFB/);
  }));

  test('a trace that was awaited in vain says whose spans it lacks', () => signedIn(async (toolbar) => {
    await followed(toolbar, [says(waiting), says({ state: 'done', spans: 12, waiting_for: [] })]);
    await toolbar.until('the end', async () => /^Trace ready, but shop, stock sent no spans 12 spans\./.test(await toolbar.toast()));
    assert.match((await toolbar.link('View trace')) ?? '', /^\/_waylight\/t\/[0-9a-f]{32}$/);
  }));

  test('a proxy that does not answer meanwhile is told of, and the trace can still be opened', () => signedIn(async (toolbar) => {
    await followed(toolbar, [(route) => route.abort()]);
    await toolbar.until('the toast', async () => /^Waylight cannot be reached The trace is recorded all the same\./.test(await toolbar.toast()));
    assert.equal(await toolbar.pill(), 'Offline');
    assert.match((await toolbar.link('View trace')) ?? '', /^\/_waylight\/t\/[0-9a-f]{32}$/);
  }));

  test('a sign-in whose time is over while the page stands says so, and offers what needs none', () => signedIn(async (toolbar) => {
    await toolbar.page.addInitScript(() => {
      const { now } = Date;
      Date.now = () => now() + 400 * 86_400_000;
    });
    await toolbar.page.reload();
    await toolbar.until('the state', async () => (await toolbar.pill()) === 'Signed out');
    await toolbar.open();
    assert.deepEqual(await toolbar.entries(), VIEWS);
  }));

  test('who may only look is offered nothing that traces', () => signedIn(async (toolbar) => {
    await toolbar.open();
    assert.deepEqual(await toolbar.entries(), VIEWS);
  }, '--role', 'viewer'));

  test('its corner, its shortcut and whether it shows itself are settings, and a site may do without it', async () => {
    const placed = ['[toolbar]', 'corner = "top-left"', 'shortcut = "Control+Shift+K"', 'start = "hidden"'];
    for (const settings of [{ extra: placed }, { toolbar: false }]) {
      const waylight = await Waylight.run(configuration({ upstream: set.upstream.url, ...settings }));
      const context = await set.browser.newContext();
      const page = await context.newPage(), toolbar = new Toolbar(page);
      try {
        await signIn(page, await waylight.link());
        await page.goto(`${waylight.origin}/app`);
        if (settings.toolbar === false) {
          assert.equal(await page.locator('script[data-waylight]').count(), 0);
          continue;
        }
        await toolbar.until('the hidden bar', async () => (await toolbar.exists()) === 1);
        assert.equal(await toolbar.isShown(), false);
        await page.keyboard.press('Alt+Shift+KeyT');
        assert.equal(await toolbar.isLoaded(), false, 'another shortcut than its own');
        await page.keyboard.press('Control+Shift+KeyK');
        await toolbar.until('the menu', () => toolbar.part('.panel li'));
        const pill = await toolbar.part('.pill');
        assert.deepEqual([pill?.x, pill?.y], [16, 16]);
      } finally {
        await context.close();
        await waylight.stop();
      }
    }
  });

  test('a month that is almost used up, and one that is, are told in the bar, the menu and by commands', async () => {
    // A page has some spans only, and the next one waits until they are counted, so that no level is jumped over.
    const waylight = await Waylight.run(configuration({ upstream: set.upstream.url, extra: ['[toolbar]', 'browser_spans = false', '[store]', 'spans_per_month_max = 120'] }));
    const context = await set.browser.newContext();
    const page = await context.newPage(), toolbar = new Toolbar(page);
    try {
      await startSession(page, waylight);
      const used = async () => (await (await page.request.get(`${waylight.origin}/_waylight/api/v1/quota`)).json()).used;
      /** @type {Set<string>} */ const seen = new Set();
      for (let turn = 0; turn < 90 && !seen.has('Full'); turn += 1) {
        const before = await used();
        await page.goto(`${waylight.origin}/app?turn=${turn}`);
        await toolbar.until('the bar', () => toolbar.part('.pill b'));
        const badge = await toolbar.part('.badge.amber');
        if (badge && /80|95|Full/.test(badge.text)) seen.add(badge.text);
        if (!seen.has('Full')) await toolbar.until('its spans are counted', async () => (await used()) > before);
      }
      assert.ok([...seen].some((text) => /^(80|95) %$/.test(text)) && seen.has('Full'), [...seen].join());
      await toolbar.open();
      assert.equal((await toolbar.part('.quota'))?.text, 'The month’s spans are used up: nothing is traced.');
      await toolbar.choose('Run without cache');
      await toolbar.until('the toast', async () => /^Monthly span limit reached Pages work as before; tracing starts again on /.test(await toolbar.toast()));
      assert.equal(await toolbar.link('See the quota'), '/_waylight/settings');
    } finally {
      await context.close();
      await waylight.stop();
    }
  });
});
