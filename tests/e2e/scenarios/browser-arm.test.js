// "Arm next interaction": what somebody does next on a page is recorded, with all that it sets off.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { signIn } from '../lib/browser.js';
import { configuration } from '../lib/config.js';
import { command, describe as tree, op, recorded } from '../lib/recorded.js';
import { Toolbar } from '../lib/toolbar.js';
import { isEdgeRoot } from '../lib/trace.js';
import { scene } from '../lib/scene.js';
import { htmlPage } from '../lib/upstream.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Browser, Page } from 'playwright-core' */
/** @import { Scene } from '../lib/scene.js' */
/** @import { Upstream } from '../lib/upstream.js' */

const PAGE = `<!doctype html><html><head><meta charset="utf-8"><title>a</title></head><body><button id="buy">Buy</button><input>
<script>document.querySelector('#buy').onclick = () => { const end = performance.now() + 90; while (performance.now() < end); fetch('/api/buy', { method: 'POST' }); };</script></body></html>`;

describe('the next interaction', () => {
  /** @type {Scene} */ let set;
  /** @type {Upstream} */ let upstream;
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {Page} */ let page;
  /** @type {Toolbar} */ let toolbar;

  before(async () => {
    set = await scene({ who: 'person', pages: { '/app': htmlPage(PAGE), '*': (_, response) => response.writeHead(200).end('{}') } });
    ({ upstream, waylight, browser, page } = set);
    toolbar = new Toolbar(page);
  });

  after(() => set?.close());

  /** @param {() => Promise<unknown>} act @param {Toolbar} [bar] @returns {Promise<string>} */
  async function armed(act, bar = toolbar) {
    await bar.choose('Arm next interaction');
    await bar.until('the armed bar', async () => /^Armed/.test(await bar.pill()));
    await bar.page.evaluate(() => fetch('/api/before'));
    await act();
    await bar.until('the trace', async () => /^Trace ready/.test(await bar.toast()));
    return (await bar.link('View trace'))?.split('/').at(-1) ?? '';
  }

  /** @param {string} id */
  async function assertClick(id) {
    const trace = await recorded(page, waylight, id, (it) => it.find(op('ui.action.click')) !== undefined && it.spans.some(isEdgeRoot));
    const { root } = trace;
    assert.equal(root, trace.the(op('ui.action.click', 'click button#buy')), tree(trace));
    const call = trace.the(op('http.client'));
    assert.equal(call.attributes['http.request.method'], 'POST');
    assert.equal(trace.parent(call), root);
    assert.deepEqual(trace.children(call).filter(isEdgeRoot).map((span) => span.attributes['url.path']), ['/api/buy']);
    assert.ok(Number(trace.the(op('ui.interaction.click')).attributes['browser.web_vital.inp.value']) >= 80);
    trace.the(op('ui.long_animation_frame'));
    assert.deepEqual(trace.spans.filter((span) => /before/.test(String(span.attributes['url.path'] ?? span.attributes['url.full']))), []);
  }

  test('is recorded on a page that was not traced, and nothing after it', async () => {
    await page.goto(`${waylight.origin}/app`);
    const id = await armed(() => page.locator('#buy').click());
    await assertClick(id);
    await page.evaluate(() => fetch('/api/later'));
    assert.equal(upstream.requestsTo('/api/before')[0]?.headers['traceparent']?.toString().includes(id), false);
    assert.equal(upstream.requestsTo('/api/later')[0]?.headers['traceparent']?.toString().includes(id), false);
    const again = await armed(() => page.locator('#buy').click());
    assert.notEqual(again, id);
    await assertClick(again);
  });

  test('leaves the page as it was, but for what somebody put around ours since', async () => {
    // Somebody whom nothing is traced of: who armed one is traced for a minute.
    const tab = await (await browser.newContext()).newPage(), bar = new Toolbar(tab);
    await signIn(tab, await waylight.link('--role', 'admin'));
    await tab.goto(`${waylight.origin}/app`);
    await tab.evaluate(`
      window.parts = () => [window.fetch, XMLHttpRequest.prototype.open, XMLHttpRequest.prototype.setRequestHeader, XMLHttpRequest.prototype.send];
      window.before = parts();`);
    const same = () => tab.evaluate('parts().map((part, at) => part === before[at])');
    await armed(() => tab.locator('#buy').click(), bar);
    assert.deepEqual(await same(), [true, true, true, true]);
    await armed(async () => {
      assert.deepEqual(await same(), [false, false, false, false], 'it is patched while it waits, so that the above means something');
      await tab.evaluate('{ const inner = window.fetch; window.theirs = window.fetch = (...args) => inner(...args); }');
      await tab.locator('#buy').click();
    }, bar);
    assert.deepEqual(await same(), [false, true, true, true]);
    assert.ok(await tab.evaluate('window.fetch === window.theirs'));
    const [request] = await Promise.all([tab.waitForRequest(/\/api\/theirs$/), tab.evaluate("fetch('/api/theirs')")]);
    assert.equal(request.headers()['traceparent'], undefined);
    await tab.context().close();
  });

  test('is recorded within a session, in a trace of its own', async () => {
    await command(page, waylight, 'session', { action: 'start' });
    await page.goto(`${waylight.origin}/app`);
    await assertClick(await armed(() => page.locator('#buy').click()));
    const id = await armed(() => page.locator('input').press('x'));
    const trace = await recorded(page, waylight, id, (it) => it.find(op('ui.action.press')) !== undefined);
    assert.equal(trace.root.name, 'press body > input');
    await toolbar.until('the blue bar', async () => /^Tracing/.test(await toolbar.pill()));
  });

  test('is no entry where browsers record nothing', async () => {
    const quiet = await Waylight.run(configuration({ upstream: upstream.url, extra: ['[toolbar]', 'browser_spans = false'] }));
    const tab = await (await browser.newContext()).newPage();
    await signIn(tab, await quiet.link('--role', 'admin'));
    await tab.goto(`${quiet.origin}/app`);
    const bar = new Toolbar(tab);
    await bar.open();
    assert.ok(!(await bar.entries()).includes('Arm next interaction'));
    await quiet.stop();
  });
});
