// What the trace viewer tells of a trace: critical path and own time against figures made by hand, the hole, hostile and
// broken spans, states, comparison, sharing, and a trace of 50,000 spans.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';

import { SHOP, otlp, spanId } from '../lib/made.js';
import { Desk } from '../lib/viewer.js';

/** @import { MadeSpan } from '../lib/made.js' */

const ids = (/** @type {number} */ number) => number.toString(16).padStart(2, '0').repeat(16);
const SHOP_TRACE = ids(0xa1);

/** @param {Partial<MadeSpan> & { id: string, from: number, to: number }} span @returns {MadeSpan} */
const app = (span) => ({ name: `span ${span.id}`, ...span });
/** @param {Partial<MadeSpan> & { id: string, from: number, to: number, stage: string }} span @returns {MadeSpan} */
const edge = (span) => ({ name: span.stage, maker: 'edge', ...span });

describe('what the viewer tells', () => {
  /** @type {Desk} */ let desk;
  before(async () => {
    desk = await Desk.start();
    await desk.import(SHOP_TRACE, SHOP);
  });
  after(() => desk?.close());

  test('critical path and own time are as computed by hand', async () => {
    // Two roots, overlapping children, one that began before its parent, one that outlives it, an orphan.
    const trace = ids(0xa2);
    await desk.import(trace, [
      edge({ id: '1', name: 'GET /', stage: 'request', kind: 2, from: 100, to: 200 }),
      app({ id: '2', parent: '1', from: 90, to: 120 }),
      app({ id: '3', parent: '1', from: 130, to: 160 }),
      app({ id: '4', parent: '1', from: 150, to: 180 }),
      app({ id: '5', parent: '1', from: 195, to: 230 }),
      app({ id: '6', parent: 'ffff', from: 300, to: 310 }),
      app({ id: '7', from: 400, to: 420 }),
    ]);
    await desk.show(trace);
    // Of 100 to 200: 120 to 130 and 180 to 195 are nobody else's.
    const own = async (/** @type {string} */ id) => {
      await desk.show(trace, `?span=${spanId(id)}`);
      return desk.page.locator('.tr-figures dd').allTextContents();
    };
    assert.deepEqual(await own('1'), ['100 ms', '25 ms', '100 %']);
    assert.deepEqual(await own('4'), ['30 ms', '30 ms', '30 %']);
    const { lane, bars } = await desk.geometry();
    const scale = (lane.width - 74) / 330_000;
    const pieces = await desk.page.evaluate(() => [...document.querySelectorAll('.tr-row:not([hidden])')].flatMap((row) => {
      const name = row.querySelector('.tr-text bdi')?.textContent ?? '';
      const box = (/** @type {Element} */ element) => ({ name, left: element.getBoundingClientRect().left, width: element.getBoundingClientRect().width });
      return [{ own: [...row.querySelectorAll('.s')].map(box), path: [...row.querySelectorAll('.tr-cp')].map(box) }];
    }));
    assert.ok(bars['Edge request']);
    /** @param {'own' | 'path'} kind @param {string} name */
    const stretches = (kind, name) => pieces.flatMap((row) => row[kind]).filter((piece) => piece.name === name)
      .map((piece) => [Math.round((piece.left - lane.left) / scale / 1000) + 90, Math.round(piece.width / scale / 1000)]);
    assert.deepEqual(stretches('own', 'Edge request'), [[120, 10], [180, 15]]);
    // Backwards from the end: 5 from 195, itself, 4 from 150; 3 had not ended by then, so itself; 2 until 120.
    assert.deepEqual(stretches('path', 'Edge request'), [[120, 30], [180, 15]]);
    assert.deepEqual(stretches('path', 'span 4'), [[150, 30]]);
    assert.deepEqual(stretches('path', 'span 3'), []);
    assert.deepEqual(stretches('path', 'span 6'), []);
    assert.match((await desk.page.locator('.tr-notes').textContent()) ?? '', /1 orphan/);
  });

  test('clocks that are apart are moved together, and it is said', async () => {
    const trace = ids(0xa3);
    await desk.import(trace, [
      edge({ id: '1', name: 'GET /', stage: 'request', kind: 2, from: 0, to: 100 }),
      edge({ id: '2', parent: '1', name: 'GET', stage: 'upstream.request', kind: 3, from: 10, to: 90, attributes: { 'http.response.status_code': 200 } }),
      app({ id: '3', parent: '2', kind: 2, from: 20, to: 80, svc: 'late' }),
    ], { shift: { late: 5000 } });
    await desk.show(trace);
    assert.match((await desk.page.locator('.tr-notes').textContent()) ?? '', /Times of late are moved by −5\.00 s, right to ±10 ms \(1 sample\)/);
    const { bars } = await desk.geometry();
    const [upstream, late] = [bars['Upstream request'], bars['span 3']];
    assert.ok(upstream && late && late.left > upstream.left && late.right < upstream.right);
  });

  test('a page load is never told as slow, and why is said', async () => {
    await desk.show(SHOP_TRACE, `?span=${spanId('1')}`);
    assert.match((await desk.page.locator('.tr-aside').textContent()) ?? '', /never use its length/);
    assert.match((await desk.page.locator('.tr-say').textContent()) ?? '', /of 464 ms/);
    assert.equal((await desk.page.locator('.tr-figures dd').allTextContents())[2], '–');
  });

  test('vitals stand on the ruler at their moments', async () => {
    await desk.show(SHOP_TRACE);
    const { lane } = await desk.geometry();
    const flags = await desk.page.locator('.tr-flag').evaluateAll((list) => list.map((flag) => ({ text: flag.textContent, tone: flag.className, left: flag.getBoundingClientRect().left })));
    assert.deepEqual(flags.map(({ text, tone }) => [text, tone]), [['TTFB 441 ms', 'tr-flag good'], ['FCP 605 ms', 'tr-flag good'], ['LCP 742 ms', 'tr-flag good']]);
    const scale = (lane.width - 74) / 1283;
    for (const [index, at] of [441, 604.5, 742].entries()) assert.ok(Math.abs((flags[index]?.left ?? 0) - lane.left - at * scale) <= 1);
  });

  test('find: names, services, lengths, outcomes, attributes; matches are stepped through', async () => {
    await desk.show(SHOP_TRACE);
    const hits = async (/** @type {string} */ text) => {
      await desk.page.locator('.tr-find input').fill(text);
      await desk.settled();
      return (await desk.page.locator('.tr-row.hit:not([hidden]) .tr-text bdi').allTextContents()).sort();
    };
    assert.deepEqual(await hits('svc:postgres'), ['SELECT products', 'SELECT reviews']);
    assert.deepEqual(await hits('kind:fetch >100ms'), ['fetch GET', 'GET shop.example'].sort());
    assert.deepEqual(await hits('status:error kind:edge'), ['Edge request', 'Upstream request']);
    await desk.page.locator('.tr-find input').fill('db.query.text:reviews');
    await desk.page.locator('.tr-hits', { hasText: /^1$/ }).waitFor();
    assert.deepEqual(await desk.page.locator('.tr-row.hit:not([hidden]) .tr-text bdi').allTextContents(), ['SELECT reviews']);
    await hits('svc:postgres');
    await desk.focusRows();
    await desk.page.keyboard.press('n');
    await desk.settled();
    assert.equal(desk.parameter('span'), spanId('12'));
    await desk.page.keyboard.press('n');
    await desk.settled();
    assert.equal(desk.parameter('span'), spanId('13'));
    await desk.page.keyboard.press('p');
    await desk.settled();
    assert.equal(desk.parameter('span'), spanId('12'));
    await hits('>soon');
    assert.match((await desk.page.locator('.tr-hits').textContent()) ?? '', /such as >50ms/);
    await hits('');
    await desk.page.getByRole('button', { name: /^Edge/ }).click();
    await desk.settled();
    assert.ok(!(await desk.names()).includes('Edge request'));
  });

  test('where an app sent no spans there is a hole, with the line that mends it', async () => {
    const trace = ids(0xa5);
    await desk.import(trace, [
      edge({ id: '1', name: 'GET /', stage: 'request', kind: 2, from: 0, to: 100 }),
      edge({ id: '2', parent: '1', name: 'GET', stage: 'upstream.request', kind: 3, from: 10, to: 90, attributes: { 'http.response.status_code': 200, 'waylight.upstream': 'app' } }),
    ], { began: Date.now() - 60_000 });
    await desk.show(trace);
    const row = desk.page.locator('.tr-row', { hasText: 'Nothing from inside the app' });
    const hole = await row.locator('.tr-hole').boundingBox();
    const { bars } = await desk.geometry();
    assert.ok(hole && bars['Upstream request'] && Math.abs(hole.x - bars['Upstream request'].left) <= 1);
    const [whole, unseen] = await desk.page.evaluate(() => ['.tr-stack', '.tr-stack [title^="Upstream, unseen"]'].map((part) => document.querySelector(part)?.getBoundingClientRect().width ?? 0));
    assert.ok(whole && unseen && Math.abs(unseen / whole - 0.8) < 0.03, `what was not seen is ${unseen} of ${whole} in the verdict, and took 80 of 100 ms`);
    await row.click();
    assert.match((await desk.page.locator('.tr-mend').textContent()) ?? '', /^OTEL_EXPORTER_OTLP_ENDPOINT=http:\/\/127\.0\.0\.1:\d+$/);
  });

  test('names that mean harm stay text', async () => {
    const trace = ids(0xa6);
    const rtl = '\u202egnp.exe\u202c';
    const html = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    await desk.import(trace, [
      app({ id: '1', name: html, from: 0, to: 100 }), app({ id: '2', parent: '1', name: rtl, from: 0, to: 50 }),
      app({ id: '3', parent: '1', name: 'x'.repeat(10_240), from: 0, to: 50 }), app({ id: '4', parent: '1', name: '🐝🧑‍🚀'.repeat(20), from: 0, to: 50 }),
      app({ id: '5', parent: '1', name: '', from: 10, to: 20, attributes: { [html]: html, [rtl]: rtl } }), app({ id: '6', parent: '1', name: 'backwards', from: 60, to: 30 }),
      app({ id: '7', parent: '8', name: 'ring', from: 0, to: 5 }), app({ id: '8', parent: '7', name: 'ring too', from: 0, to: 5 }), app({ id: '9', parent: '9', name: 'itself', from: 0, to: 5 }),
    ]);
    await desk.show(trace, `?span=${spanId('5')}`);
    const names = await desk.names();
    assert.ok(names.includes(html) && names.includes('(no name)') && names.includes('backwards'), names.join('\n'));
    assert.equal(await desk.page.locator('img').count(), 0);
    assert.match(await desk.page.title(), /Waylight|trace/i);
    await desk.page.locator('.tr-list', { hasText: '<img' }).waitFor();
    assert.equal(await desk.page.locator('.tr-row:not([hidden])').count(), 9, 'rings are broken up, and nothing is lost');
    assert.ok(await desk.row('gnp').locator('bdi').evaluate((element) => getComputedStyle(element).unicodeBidi.includes('isolate')));
    assert.match((await desk.page.locator('.tr-notes').textContent()) ?? '', /Ends before it begins/);
    const tall = await desk.page.evaluate(() => Math.max(...[...document.querySelectorAll('.tr-row')].map((row) => row.scrollHeight)));
    assert.ok(tall <= 30, `rows are one line: ${tall}`);
    await desk.show(trace, `?span=${spanId('3')}`);
    await desk.page.getByText('The whole name').click();
    assert.equal(((await desk.page.locator('.tr-long pre').textContent()) ?? '').length, 10_240);
  });

  test('a long address and long names push nothing out of sight', async () => {
    const trace = ids(0xb6);
    const long = 'a-name-without-an-end-'.repeat(40);
    await desk.import(trace, [
      edge({ id: '1', name: `GET /${long}`, stage: 'request', kind: 2, from: 0, to: 100, attributes: { 'url.path': `/${long}`, 'http.request.method': 'GET', 'http.response.status_code': 200 } }),
      app({ id: '2', parent: '1', name: long, svc: long, from: 10, to: 90 }),
    ]);
    await desk.show(trace, `?span=${spanId('2')}`);
    assert.ok(await desk.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'no sideways scrolling');
    for (const name of ['Export', 'Copy link', 'Close']) {
      const box = await desk.page.getByRole('button', { name }).first().boundingBox();
      assert.ok(box && box.x + box.width <= 1440, `${name} is in sight`);
    }
  });

  test('a trace that lives for hours is read page by page', async () => {
    const trace = ids(0xa8);
    const hour = 3_600_000;
    await desk.import(trace, [
      { id: '1', name: '/', from: 0, to: 2000, maker: 'browser', stage: 'pageload' },
      edge({ id: '2', parent: '1', name: 'GET /', stage: 'request', kind: 2, from: 5, to: 400 }),
      { id: '3', name: '/cart', from: hour, to: hour + 1000, maker: 'browser', stage: 'navigation' },
      edge({ id: '4', parent: '3', name: 'GET /cart', stage: 'request', kind: 2, from: hour + 5, to: hour + 700 }),
      edge({ id: '5', parent: '2', name: 'GET /late', stage: 'request', kind: 2, from: 3 * hour, to: 3 * hour + 50 }),
    ]);
    await desk.show(trace);
    const bar = desk.page.locator('.tr-pages');
    assert.match((await bar.textContent()) ?? '', /This trace spans 3 h/);
    assert.deepEqual(await desk.names(), ['Page load /', 'Edge request']);
    const width = (await desk.geometry()).bars['Edge request']?.width ?? 0;
    assert.ok(width > 80, `a page fills its axis: ${width}`);
    await bar.getByRole('button', { name: 'Later' }).click();
    await desk.settled();
    assert.deepEqual(await desk.names(), ['Navigation /cart', 'Edge request']);
    const focused = () => desk.page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent);
    assert.equal(await focused(), 'Later', 'the keyboard stays');
    await bar.getByRole('combobox').focus();
    await bar.getByRole('combobox').selectOption('2');
    await desk.settled();
    assert.deepEqual(await desk.names(), ['Edge request']);
    assert.equal(await focused(), 'Page of the trace');
    assert.ok(await bar.getByRole('button', { name: 'Later' }).isDisabled());
    await bar.getByRole('button', { name: 'Earlier' }).click();
    await desk.settled();
    assert.equal(await bar.getByRole('combobox').inputValue(), '1');
    await desk.show(trace, `?span=${spanId('5')}`);
    assert.deepEqual(await desk.names(), ['Edge request']);
  });

  test('idle time folds to a sliver that says how long it was', async () => {
    const trace = ids(0xa9);
    await desk.import(trace, [
      { id: '1', name: '/', from: 0, to: 9000, maker: 'browser', stage: 'pageload' },
      app({ id: '2', parent: '1', from: 0, to: 400 }), app({ id: '3', parent: '1', from: 8400, to: 8800 }),
    ]);
    await desk.show(trace);
    const before = (await desk.geometry()).bars['span 3'];
    await desk.focusRows();
    await desk.page.keyboard.press('g');
    await desk.settled();
    const after_ = (await desk.geometry()).bars['span 3'];
    assert.ok(before && after_ && after_.width > before.width * 5, `${before?.width} became ${after_?.width}`);
    assert.match((await desk.page.locator('.tr-gap-length').first().textContent()) ?? '', /^8\.00 s$/);
    assert.equal(desk.parameter('idle'), '1');
  });

  test('what is not there, not allowed or broken is a page that says so', async () => {
    const state = async (/** @type {string} */ path) => {
      await desk.page.goto(`${desk.origin}/_waylight/t/${path}`);
      await desk.page.locator('.tr-nothing h1').waitFor();
      return desk.page.locator('.tr-nothing h1').textContent();
    };
    assert.equal(await state(ids(0xee)), 'This trace is not here');
    assert.equal(await state('0000'), 'This is no trace');
    for (const [status, title] of /** @type {[number, string][]} */ ([[403, 'You may not see this'], [500, 'The trace could not be read'], [503, 'Nothing is kept here']])) {
      const body = JSON.stringify({ type: 'about:blank', title: 'no', status, detail: 'for a reason' });
      await desk.page.route('**/api/v1/traces/*', (route) => route.fulfill({ status, contentType: 'application/problem+json', body }));
      assert.equal(await state(SHOP_TRACE), title);
      await desk.page.unroute('**/api/v1/traces/*');
    }
    await desk.page.route('**/api/v1/traces/*', (route) => route.abort());
    assert.equal(await state(SHOP_TRACE), 'No connection');
    await desk.page.unroute('**/api/v1/traces/*');
    await desk.page.getByRole('button', { name: 'Try again' }).click();
    await desk.page.locator('.tr-bar').first().waitFor({ state: 'attached' });
    // An answer that the viewer cannot read: the raw one is offered.
    await desk.page.route('**/api/v1/traces/*', (route) => route.fulfill({ contentType: 'application/json', body: '{"spans":17}' }));
    assert.equal(await state(SHOP_TRACE), 'The viewer failed at this trace');
    await desk.page.getByRole('button', { name: 'Show the raw JSON' }).click();
    await desk.page.locator('.tr-raw').waitFor({ state: 'attached' });
    assert.equal(await desk.page.locator('.tr-raw').textContent(), '{"spans":17}');
    await desk.page.unroute('**/api/v1/traces/*');
  });

  test('two traces in one: ghosts, differences, what is new', async () => {
    const older = ids(0xaa);
    await desk.import(older, SHOP.filter(({ id }) => !['9', 'a', 'b'].includes(id)).map((span) => (span.id === '14' ? { ...span, to: 365 } : span)));
    await desk.show(SHOP_TRACE, `?vs=${older}`);
    assert.match((await desk.row('Process cold start').textContent()) ?? '', /178 ms\s*new/);
    const call = desk.page.locator('.tr-row', { has: desk.page.locator('em', { hasText: 'inventory' }) });
    assert.match((await call.textContent()) ?? '', /134 ms\s*\+70 ms/);
    const [bar, ghost] = await Promise.all([call.locator('.tr-bar').boundingBox(), call.locator('.tr-ghost').boundingBox()]);
    assert.ok(bar && ghost && Math.abs(ghost.width / bar.width - 64 / 134) < 0.03, 'a ghost is as long as it was');
    assert.match((await desk.page.locator('.tr-say').textContent()) ?? '', /New: Upstream start \+178 ms\. Changed: fetch GET \+70 ms/);
    await desk.page.getByRole('button', { name: 'Only differences' }).click();
    await desk.settled();
    assert.deepEqual((await desk.names()).sort(), ['Process cold start', 'Spawn process', 'Wait for readiness', 'fetch GET'].sort());
  });

  test('a trace that is not there any more is no reason to show nothing', async () => {
    await desk.show(SHOP_TRACE, `?vs=${ids(0xef)}`);
    await desk.page.getByText('The trace to compare with is not here any more').waitFor();
    assert.ok((await desk.names()).includes('Edge request'));
  });

  test('a trace that is not there any more is told of once, and not asked for again, while the other grows', async () => {
    const gone = ids(0xef);
    await desk.post('/session', { action: 'start' });
    const path = '/api/products/harbour-lantern/reviews';
    await desk.page.request.get(`${desk.origin}${path}?alone`);
    const trace = await desk.traced(path, 'alone');
    const { start_us, entry } = JSON.parse(await desk.get(`/traces/${trace}`));
    let asked = 0;
    const counted = (/** @type {import('playwright-core').Request} */ request) => (asked += Number(request.url().endsWith(`/traces/${gone}`)));
    desk.page.on('request', counted);
    await desk.show(trace, `?vs=${gone}`);
    for (const number of [1, 2]) {
      await desk.tell(trace, [{ id: `c00${number}`, name: `part ${number}`, parent: entry, from: number, to: number + 1 }], { began: start_us / 1000 });
      await desk.row(`part ${number}`).waitFor();
    }
    desk.page.off('request', counted);
    assert.equal(asked, 1);
    assert.equal(await desk.page.getByText('The trace to compare with is not here any more').count(), 1);
  });

  test('marks that lie on each other are one', async () => {
    const trace = ids(0xb5);
    await desk.import(trace, [{ id: '1', name: '/', from: 0, to: 1000, maker: 'browser', stage: 'pageload', attributes: { 'browser.web_vital.ttfb.value': 100, 'browser.web_vital.fcp.value': 500, 'browser.web_vital.lcp.value': 500 } }]);
    await desk.show(trace);
    assert.deepEqual(await desk.page.locator('.tr-flag').allTextContents(), ['TTFB 100 ms', 'FCP \u00b7 LCP 500 ms']);
  });

  test('sharing says what is in it, hides what is chosen, and the link needs no sign-in', async () => {
    const trace = ids(0xab);
    await desk.import(trace, [app({ id: '1', name: 'GET /', from: 0, to: 10, attributes: { 'http.request.header.cookie': 'sid=topsecret', 'db.query.text': 'SELECT 1', 'url.full': 'http://a.example/?token=hush&page=2' } })]);
    await desk.show(trace);
    await desk.focusRows();
    await desk.page.keyboard.press('x');
    const dialog = desk.page.getByRole('dialog');
    await dialog.getByText('1 in it, hidden').first().waitFor();
    await dialog.getByText('1 in it, 1 seen').first().waitFor();
    await dialog.getByRole('checkbox', { name: /Database statements/ }).check();
    await dialog.getByRole('button', { name: 'Make a link' }).click();
    const link = await dialog.getByRole('textbox', { name: 'The link' }).inputValue();
    const stranger = await desk.browser.newContext();
    const file = await (await stranger.request.get(link)).text();
    await stranger.close();
    assert.match(file, /^<!doctype html>/i);
    for (const secret of ['topsecret', 'SELECT 1', 'hush']) assert.ok(!file.includes(secret), `${secret} is in it`);
    const [download] = await Promise.all([desk.page.waitForEvent('download'), dialog.getByRole('button', { name: 'Save one HTML file' }).click()]);
    const saved = await readFile(/** @type {string} */ (await download.path()), 'utf8');
    assert.ok(!saved.includes('topsecret'));
    const [spans] = await Promise.all([desk.page.waitForEvent('download'), dialog.getByRole('button', { name: 'OpenTelemetry (OTLP JSON)' }).click()]);
    const otlp = await readFile(/** @type {string} */ (await spans.path()), 'utf8');
    for (const secret of ['topsecret', 'SELECT 1', 'hush']) assert.ok(!otlp.includes(secret), `${secret} is in the file for other tools`);
    await desk.page.keyboard.press('Escape');
    assert.equal(await dialog.count(), 0);
  });

  test('what is exported comes in again, and the requests are a HAR', async () => {
    await desk.show(SHOP_TRACE);
    await desk.page.getByRole('button', { name: 'Export' }).click();
    const take = async (/** @type {string} */ name) => {
      const [download] = await Promise.all([desk.page.waitForEvent('download'), desk.page.getByRole('dialog').getByRole('button', { name }).click()]);
      return readFile(/** @type {string} */ (await download.path()), 'utf8');
    };
    const spans = await take('OpenTelemetry (OTLP JSON)');
    const har = JSON.parse(await take('HAR'));
    assert.equal(har.log.version, '1.2');
    assert.ok(JSON.parse(await take('Perfetto')).traceEvents.length >= SHOP.length);
    const copy = ids(0xac);
    const answer = await desk.post('/traces/import', JSON.parse(spans.replaceAll(SHOP_TRACE, copy)));
    assert.equal(answer.status, 201, answer.text);
    await desk.show(copy);
    const names = await desk.names();
    await desk.show(SHOP_TRACE);
    assert.deepEqual(await desk.names(), names);
  });

  test('a trace out of a file is opened from the palette, and what is none is told of', async () => {
    const trace = ids(0xb7);
    const lines = [app({ id: '1', name: 'from a file', from: 0, to: 100 }), app({ id: '2', parent: '1', name: 'its second line', from: 10, to: 90 })].map((span) => JSON.stringify(otlp(trace, [span])));
    const { page } = desk;
    /** @param {string} name @param {string} text */
    const choose = async (name, text) => {
      await page.goto(`${desk.origin}/_waylight/compare`);
      const chooser = page.waitForEvent('filechooser');
      await page.keyboard.press('ControlOrMeta+k');
      await page.getByRole('combobox', { name: 'Jump to' }).fill('from a file');
      await page.keyboard.press('Enter');
      await (await chooser).setFiles({ name, mimeType: 'application/json', buffer: Buffer.from(text) });
    };
    await choose('spans.jsonl', `${lines.join('\n')}\n`);
    await desk.row('its second line').waitFor();
    assert.equal(new URL(page.url()).pathname, `/_waylight/t/${trace}`);
    await choose('notes.json', 'no JSON at all');
    await page.getByText('notes.json was not taken in: it is no JSON.').waitFor();
    await page.goto(`${desk.origin}/_waylight/compare`);
    const chooser = page.waitForEvent('filechooser');
    await page.getByRole('button', { name: 'Open a file' }).click();
    await (await chooser).setFiles({ name: 'spans.json', mimeType: 'application/json', buffer: Buffer.from(lines[0] ?? '') });
    await desk.row('from a file').waitFor();
  });

  test('a bar that is out of sight says on which side it is', async () => {
    await desk.show(SHOP_TRACE, '?v=600000,700000');
    await desk.row('Routing').locator('.tr-off:not(.after)').waitFor();
    await desk.show(SHOP_TRACE, '?v=0,20000');
    await desk.row('Upstream request').locator('.tr-off.after').waitFor();
    assert.equal(await desk.row('Page load').locator('.tr-off').count(), 0);
  });

  test('a file that blocked the first paint says so in its row', async () => {
    await desk.show(SHOP_TRACE);
    assert.equal(await desk.row('site.css').locator('.tr-tag').textContent(), 'BLOCKING');
  });

  test('the table holds what the rows show', async () => {
    await desk.show(SHOP_TRACE);
    await desk.page.getByRole('button', { name: 'Read as a table' }).click();
    await desk.page.locator('.tr-table').waitFor();
    const rows = await desk.page.locator('.tr-table tbody tr').count();
    // With both ways of the three requests that the browser sent.
    assert.equal(rows, SHOP.length + 6);
    await desk.page.getByRole('heading', { name: `${SHOP.length} spans as a table` }).waitFor();
    await desk.page.getByRole('dialog').getByRole('button', { name: 'SELECT reviews' }).click();
    await desk.settled();
    assert.equal(desk.parameter('span'), spanId('13'));
  });

  test('rows say everything to whoever does not see them', async () => {
    await desk.show(SHOP_TRACE);
    assert.equal(await desk.row('Cache lookup').locator('.unseen').textContent(),
      'Cache lookup, miss, 700 microseconds, edge, starts at 37 milliseconds, on critical path');
    const row = desk.row('render route');
    assert.deepEqual(await Promise.all(['aria-level', 'aria-expanded', 'aria-posinset', 'aria-setsize'].map((name) => row.getAttribute(name))), ['6', 'true', '16', '35']);
  });

  test('50,000 spans: few elements, and the last is as near as the first', async () => {
    const trace = ids(0xad);
    const COUNT = 50_000;
    for (let first = 0; first < COUNT; first += 12_500) {
      await desk.import(trace, Array.from({ length: 12_500 }, (_, index) => {
        const number = first + index;
        const from = number === 0 ? 0 : ((number * 7919) % 90_000) / 10;
        return app({ id: (number + 1).toString(16), name: number % 3 ? `step ${number}` : `SELECT ${number}`, svc: `svc${number % 7}`, from, to: number === 0 ? 10_000 : from + (number % 90) / 10,
          ...(number > 0 ? { parent: number < 50 ? '1' : ((number % 49) + 2).toString(16) } : {}) });
      }));
    }
    await desk.show(trace);
    const elements = () => desk.page.evaluate(() => document.querySelectorAll('*').length);
    assert.ok((await elements()) < 800, `${await elements()} elements`);
    await desk.focusRows();
    await desk.page.keyboard.press('End');
    await desk.settled();
    assert.ok((await elements()) < 800, `${await elements()} elements`);
    assert.equal(await desk.page.locator('[aria-selected=true]').getAttribute('aria-posinset'), String(COUNT));
    await desk.page.locator('.tr-find input').fill('svc:svc3 SELECT');
    await desk.settled();
    assert.match((await desk.page.locator('.tr-hits').textContent()) ?? '', /^2,38\d$/);
    await desk.show(trace, '?view=timeline&v=100000,900000');
    assert.ok((await elements()) < 800, `${await elements()} elements`);
  });
});
