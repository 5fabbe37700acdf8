// A trace taken out as one HTML file: it opens offline, shows every span, and what spans say stays text.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { launch } from '../lib/browser.js';
import { request } from '../lib/net.js';
import { Visitor } from '../lib/visitor.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Browser, Page } from 'playwright-core' */

const API = '/_waylight/api/v1';
const TRACE = '0badc0de0badc0de0badc0de0badc0de';
const SPANS = 2000;
const HOSTILE = [
  '</script><script>document.title = "broken"</script>',
  '<img src=x onerror="document.title = 1">',
  '\u202egnirts drawkcab\u2028',
  '\u{1f600}'.repeat(40),
  'x'.repeat(10_000),
];

/** @param {number} number */
const id = (number) => number.toString(16).padStart(16, '0');

/** A trace with hostile names, an orphan, and a span that ends before it began. */
function otlp() {
  const start = 1_700_000_000_000_000_000n;
  const spans = Array.from({ length: SPANS }, (_, at) => ({
    traceId: TRACE,
    spanId: id(at + 1),
    parentSpanId: at === 0 ? '' : at === 7 ? 'ffffffffffffffff' : id(1),
    name: at === 0 ? 'GET /' : (HOSTILE[at % 50] ?? `step ${at}`),
    startTimeUnixNano: String(start + BigInt(at) * 1000n),
    endTimeUnixNano: String(start + BigInt(at === 9 ? 0 : 5_000_000 - at)),
    attributes: [{ key: HOSTILE[0], value: { stringValue: HOSTILE[1] } }],
    status: at === 3 ? { code: 2, message: HOSTILE[1] } : {},
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: HOSTILE[1] } }] };
  return JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
}

describe('a trace as one HTML file', () => {
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {Page} */ let page;
  /** @type {string} */ let folder;
  /** @type {string[]} */ const faults = [];
  /** @type {string[]} */ const asked = [];

  before(async () => {
    waylight = await Waylight.demo();
    const visitor = new Visitor(waylight.origin);
    await visitor.signIn(waylight.signInLink);
    const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const imported = await request(`${waylight.origin}${API}/traces/import`, {
      method: 'POST',
      headers: { cookie, 'content-type': 'application/json', 'waylight-request': '1' },
      body: otlp(),
    });
    assert.equal(imported.status, 201, imported.text);
    const file = await visitor.get(`${API}/traces/${TRACE}?format=html`);
    assert.equal(file.status, 200, file.text);
    assert.match(String(file.headers['content-disposition']), /attachment/);
    folder = await mkdtemp(join(tmpdir(), 'waylight-export-'));
    const path = join(folder, 'trace.html');
    await writeFile(path, file.text);
    browser = await launch();
    const context = await browser.newContext({ offline: true });
    page = await context.newPage();
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('request', (one) => asked.push(one.url()));
    await page.goto(pathToFileURL(path).href);
  });

  after(async () => {
    await browser?.close();
    await waylight?.stop();
    if (folder) await rm(folder, { recursive: true });
  });

  test('it shows the trace, and asks nothing of any network', async () => {
    const tree = page.getByRole('tree', { name: 'Spans' });
    await tree.waitFor();
    assert.equal(await page.title(), `Trace ${TRACE}`);
    assert.match((await page.locator('header').textContent()) ?? '', new RegExp(`${SPANS} spans`));
    const first = page.getByRole('treeitem').first();
    assert.match((await first.getAttribute('aria-label')) ?? '', /^GET \//);
    assert.equal(await page.locator('#rows > div').evaluate((space) => space.clientHeight), SPANS * 24);
    const rows = await page.getByRole('treeitem').count();
    assert.ok(rows > 3 && rows < 200, `${rows} rows stand in the document`);
    assert.deepEqual(asked.filter((url) => !url.startsWith('file:')), []);
    assert.deepEqual(faults, []);
  });

  test('every span can be reached, and hostile texts stay texts', async () => {
    const tree = page.getByRole('tree', { name: 'Spans' });
    await tree.focus();
    const seen = new Set();
    for (let step = 0; step < 60; step += 1) {
      seen.add(await page.locator('#details h1').textContent());
      await page.keyboard.press('ArrowDown');
    }
    for (const name of HOSTILE) assert.ok(seen.has(name), `${name.slice(0, 40)} was not shown as it is`);
    assert.equal(await page.locator('script').count(), 2, 'no text became a script');
    assert.equal(await page.locator('img').count(), 0, 'nor an image');
    assert.equal(await page.title(), `Trace ${TRACE}`);
    await page.keyboard.press('End');
    assert.match((await page.locator('[aria-selected=true]').getAttribute('id')) ?? '', new RegExp(`${SPANS - 1}$`));
    assert.deepEqual(faults, []);
  });
});
