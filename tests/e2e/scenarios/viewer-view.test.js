// The trace viewer: bars are where the data say, at every zoom; and every way to zoom, pan, move and come back.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { SHOP, spanId } from '../lib/made.js';
import { Desk } from '../lib/viewer.js';

const TRACE = '51'.repeat(16);
/** Names of rows, and their spans. */
const ROWS = { 'Page load /products/:slug': '1', request: '4', 'Edge request': '5', 'Upstream request': 'd', 'render route': 'f' };
const PAD = 74;

describe('the view of a trace', () => {
  /** @type {Desk} */ let desk;
  before(async () => {
    desk = await Desk.start();
    await desk.import(TRACE, SHOP);
  });
  after(() => desk?.close());
  beforeEach(() => desk.show(TRACE));

  /** Compares every bar in sight with its span. @param {[number, number]} view microseconds */
  async function assertGeometry([from, to]) {
    const { lane, bars } = await desk.geometry();
    const scale = (lane.width - PAD) / (to - from);
    let compared = 0;
    for (const [name, id] of Object.entries(ROWS)) {
      const span = SHOP.find((candidate) => candidate.id === id);
      const box = bars[name];
      assert.ok(span, name);
      const left = (span.from * 1000 - from) * scale;
      const right = (span.to * 1000 - from) * scale;
      if (right < 0 || left > lane.width) continue;
      assert.ok(box, `${name} is in view and not drawn`);
      // Bars end a little out of sight, where they go on.
      const expected = { left: Math.max(left, -8), right: Math.min(Math.max(right, Math.max(left, -8) + 2), lane.width + 8) };
      assert.ok(Math.abs(box.left - lane.left - expected.left) <= 1, `${name} begins at ${box.left - lane.left}, not ${expected.left}`);
      assert.ok(Math.abs(box.right - lane.left - expected.right) <= 1, `${name} ends at ${box.right - lane.left}, not ${expected.right}`);
      compared++;
    }
    assert.ok(compared >= 2, `${compared} bars compared`);
  }

  test('a trace is asked for once, before the viewer that shows it', async () => {
    /** @type {string[]} */
    const asked = [];
    // Later it is asked whether there is more.
    const hear = (/** @type {import('playwright-core').Request} */ request) => void (request.headers()['if-none-match'] ?? asked.push(new URL(request.url()).pathname));
    desk.page.on('request', hear);
    await desk.show(TRACE);
    desk.page.off('request', hear);
    const [first = -1, ...more] = asked.flatMap((path, at) => (path.endsWith(`/api/v1/traces/${TRACE}`) ? [at] : []));
    assert.deepEqual(more, []);
    assert.ok(first >= 0 && first < asked.findIndex((path) => path.endsWith('/views/trace/trace-view.js')), asked.join('\n'));
  });

  test('bars equal the data within a pixel, at three zooms', async () => {
    await assertGeometry([0, 1_283_000]);
    for (const view of /** @type {[number, number][]} */ ([[20_000, 560_000], [216_000, 224_000]])) {
      await desk.show(TRACE, `?v=${view.join(',')}`);
      assert.deepEqual(desk.view, view);
      await assertGeometry(view);
    }
  });

  test('a drag zooms on release, Escape calls it off, Z goes back', async () => {
    const { lane } = await desk.geometry();
    const at = (/** @type {number} */ share) => lane.left + (lane.width - PAD) * share;
    const { mouse, keyboard } = desk.page;
    await mouse.move(at(0.25), lane.top + 200);
    await mouse.down();
    await mouse.move(at(0.5), lane.top + 220, { steps: 4 });
    assert.match((await desk.page.locator('.tr-drag').textContent()) ?? '', /^32\d ms$/);
    await keyboard.press('Escape');
    await mouse.up();
    await desk.settled();
    assert.equal(desk.view, null);

    await mouse.move(at(0.25), lane.top + 200);
    await mouse.down();
    await mouse.move(at(0.5), lane.top + 220, { steps: 4 });
    await mouse.up();
    await desk.settled();
    const view = desk.view;
    assert.ok(view && Math.abs(view[0] - 320_750) < 4000 && Math.abs(view[1] - 641_500) < 4000, String(view));
    await assertGeometry(view);

    await desk.focusRows();
    await keyboard.press('z');
    await desk.settled();
    assert.equal(desk.view, null);
  });

  test('a press that moves less than a drag chooses the row', async () => {
    await desk.row('getProduct').locator('.tr-bar').click();
    await desk.settled();
    assert.equal(desk.parameter('span'), spanId('10'));
    assert.equal(await desk.page.locator('.tr-side h2').textContent(), 'getProduct');
  });

  test('the wheel with Ctrl zooms at the pointer; with Shift it pans; alone it scrolls rows', async () => {
    const { lane } = await desk.geometry();
    const x = lane.left + (lane.width - PAD) / 4;
    await desk.page.mouse.move(x, lane.top + 150);
    await desk.page.keyboard.down('Control');
    for (let turn = 0; turn < 6; turn++) await desk.page.mouse.wheel(0, -100);
    await desk.page.keyboard.up('Control');
    await desk.settled();
    const closer = desk.view;
    assert.ok(closer, 'it zoomed');
    assert.ok(Math.abs(closer[0] + (closer[1] - closer[0]) / 4 - 320_750) < 3000, `the moment under the pointer stayed: ${closer}`);
    await assertGeometry(closer);

    await desk.page.keyboard.down('Shift');
    await desk.page.mouse.wheel(0, 100);
    await desk.page.keyboard.up('Shift');
    await desk.settled();
    const panned = desk.view;
    assert.ok(panned && panned[0] > closer[0], `${panned}`);
    assert.ok(Math.abs(panned[1] - panned[0] - (closer[1] - closer[0])) <= 2, 'it is as long as before');

    const before = await desk.page.locator('.tr-scroll').evaluate((element) => element.scrollTop);
    await desk.page.mouse.wheel(0, 200);
    await desk.page.waitForFunction((top) => (document.querySelector('.tr-scroll')?.scrollTop ?? 0) > top, before);
    await desk.settled();
    assert.deepEqual(desk.view, panned);
  });

  test('buttons and keys: in, out, pan, fit, reset, undo', async () => {
    const zoom = desk.page.getByRole('group', { name: 'Zoom' });
    await zoom.getByRole('button', { name: 'Zoom in' }).click();
    await desk.settled();
    assert.equal(await desk.status(), '160 %');
    await zoom.getByRole('button', { name: 'Undo the zoom' }).click();
    await desk.settled();
    assert.equal(await desk.status(), '100 %');

    await desk.focusRows();
    for (const key of ['w', 'w', 'd']) await desk.page.keyboard.press(key);
    await desk.settled();
    const near = desk.view;
    assert.ok(near);
    await desk.page.keyboard.press('a');
    await desk.settled();
    assert.ok(desk.view && desk.view[0] < near[0]);
    await desk.page.keyboard.press('s');
    await desk.settled();
    assert.ok(desk.view && desk.view[1] - desk.view[0] > near[1] - near[0]);

    await desk.row('getProduct').locator('.tr-text').click();
    await desk.page.keyboard.press('f');
    await desk.settled();
    // 75.5 ms, and 8 % on either side.
    assert.deepEqual(desk.view, [217_960, 305_540]);
    await desk.page.keyboard.press('0');
    await desk.settled();
    assert.equal(desk.view, null);
    await desk.page.keyboard.press('z');
    await desk.settled();
    assert.deepEqual(desk.view, [217_960, 305_540]);
  });

  test('a double click fits a bar, and on empty space shows all', async () => {
    await desk.row('Upstream request').locator('.tr-bar').dblclick();
    await desk.settled();
    assert.deepEqual(desk.view, [195_560, 506_440]);
    await desk.row('dns').locator('.tr-lane').dblclick({ position: { x: 300, y: 12 } });
    await desk.settled();
    assert.equal(desk.view, null);
  });

  test('the minimap: draw a brush, move it, pull an edge', async () => {
    const strip = await desk.page.locator('.tr-strip').boundingBox();
    assert.ok(strip);
    const { mouse } = desk.page;
    // As far as the lanes: what lies below each other is one moment.
    const at = (/** @type {number} */ share) => strip.x + (strip.width - PAD) * share;
    const drag = async (/** @type {number} */ from, /** @type {number} */ to) => {
      await mouse.move(at(from), strip.y + 40);
      await mouse.down();
      await mouse.move(at((from + to) / 2), strip.y + 40);
      await mouse.move(at(to), strip.y + 40);
      await mouse.up();
      await desk.settled();
      return /** @type {[number, number]} */ (desk.view);
    };
    const near = (/** @type {number[]} */ view, /** @type {number[]} */ shares) => view.forEach((time, index) => {
      assert.ok(Math.abs(time / 1_283_000 - Number(shares[index])) < 0.012, `${time / 1_283_000} is not ${shares[index]}`);
    });
    near(await drag(0.2, 0.4), [0.2, 0.4]);
    near(await drag(0.3, 0.5), [0.4, 0.6]);
    near(await drag(0.6, 0.8), [0.4, 0.8]);
    near(await drag(0.4, 0.3), [0.3, 0.8]);
  });

  test('kinds that are switched off stand in the address, and come back with it', async () => {
    await desk.page.getByRole('button', { name: /^Browser/ }).click();
    await desk.page.getByRole('button', { name: /^Network/ }).click();
    await desk.settled();
    assert.equal(desk.parameter('hide'), 'browser.network');
    await desk.page.reload();
    await desk.row('Edge request').waitFor();
    assert.ok(!(await desk.names()).some((name) => /^(dns|Network)/.test(name)));
    assert.equal(await desk.page.getByRole('button', { name: /^Browser/ }).getAttribute('aria-pressed'), 'false');
    await desk.page.getByRole('button', { name: /^Browser/ }).click();
    await desk.page.getByRole('button', { name: /^Network/ }).click();
    await desk.settled();
    assert.equal(desk.parameter('hide'), null);
  });

  test('the pointer says which moment it is at', async () => {
    const { lane } = await desk.geometry();
    await desk.page.mouse.move(lane.left + (lane.width - PAD) / 2, lane.top + 100);
    await desk.page.locator('.tr-cross:not([hidden])').waitFor();
    assert.match((await desk.page.locator('.tr-cross').textContent()) ?? '', /^64\d ms$/);
  });

  test('the keyboard alone: move, fold, unfold, ends, levels, errors', async () => {
    await desk.focusRows();
    const press = async (/** @type {string[]} */ ...keys) => {
      for (const key of keys) await desk.page.keyboard.press(key);
      await desk.settled();
    };
    const chosen = () => desk.parameter('span');
    await press('ArrowDown');
    assert.equal(chosen(), spanId('1'));
    await press('j', 'j');
    assert.equal(chosen(), spanId('3'));
    await press('k');
    assert.equal(chosen(), spanId('2'));
    await press('End');
    assert.equal(chosen(), `${spanId('1a')}.back`, 'the way back of the last call');
    await press('Home', 'ArrowLeft');
    assert.deepEqual(await desk.names(), ['Page load /products/:slug']);
    assert.equal(desk.parameter('fold'), spanId('1'));
    await press('ArrowRight');
    assert.equal((await desk.names()).length > 10, true);
    await press('ArrowRight');
    assert.equal(chosen(), spanId('2'));
    await press('ArrowLeft');
    assert.equal(chosen(), spanId('1'));
    await press('e');
    assert.equal(chosen(), spanId('1a'));
    await press('e');
    assert.equal(chosen(), spanId('1b'));
    const rows = (await desk.names()).length;
    await press('Home', '[', '[');
    assert.ok((await desk.names()).length < rows);
    await press(']', ']');
    assert.equal(desk.parameter('fold'), null);
    const active = await desk.page.locator('.tr-scroll').getAttribute('aria-activedescendant');
    assert.equal(await desk.page.locator(`#${active}`).getAttribute('aria-selected'), 'true');
    await press('Enter');
    assert.equal(await desk.page.evaluate(() => document.activeElement?.className), 'tr-side');
  });

  test('every other key: screens, plus and minus, the critical path', async () => {
    await desk.focusRows();
    const { keyboard } = desk.page;
    await keyboard.press('Home');
    await keyboard.press('PageDown');
    await desk.settled();
    assert.ok((await desk.page.locator('.tr-row.sel').getAttribute('aria-posinset')) !== '1');
    await keyboard.press('PageUp');
    await desk.settled();
    assert.equal(desk.parameter('span'), spanId('1'));
    for (const [key, percent] of [['+', '143 %'], ['=', '204 %'], ['-', '143 %'], ['-', '100 %']]) {
      await keyboard.press(key ?? '');
      await desk.settled();
      assert.equal(await desk.status(), percent, key);
    }
    assert.ok((await desk.page.locator('.tr-cp').count()) > 0);
    await keyboard.press('c');
    await desk.settled();
    assert.equal(await desk.page.locator('.tr-cp').count(), 0);
    assert.equal(desk.parameter('cp'), '0');
    assert.equal(await desk.page.getByRole('button', { name: 'Critical path' }).getAttribute('aria-pressed'), 'false');
    await keyboard.press('c');
    await desk.settled();
    assert.ok((await desk.page.locator('.tr-cp').count()) > 0);
  });

  test('the verdict makes room once somebody scrolls, and comes back', async () => {
    await desk.page.setViewportSize({ width: 1440, height: 700 });
    await desk.show(TRACE);
    const verdict = desk.page.locator('.tr-verdict');
    assert.ok(await verdict.isVisible());
    await desk.page.locator('.tr-scroll').evaluate((rows) => rows.scrollTo(0, 300));
    await verdict.waitFor({ state: 'hidden' });
    await desk.page.locator('.tr-scroll').evaluate((rows) => rows.scrollTo(0, 0));
    await verdict.waitFor();
    await desk.page.setViewportSize({ width: 1440, height: 1200 });
  });

  test('a link restores span, view, filter, folds, switches and the kind of view', async () => {
    await desk.show(TRACE, `?span=${spanId('14')}&v=200000,480000&q=svc%3Apostgres&fold=${spanId('10')}&cp=0`);
    assert.equal(await desk.page.locator('.tr-side h2').textContent(), 'fetch GET');
    assert.ok(await desk.page.locator('.tr-row.sel').evaluate((row) => row.getBoundingClientRect().bottom <= innerHeight), 'the span is in sight');
    assert.equal(await desk.page.locator('.tr-find input').inputValue(), 'svc:postgres');
    assert.equal(await desk.page.locator('.tr-cp').count(), 0);
    assert.equal(await desk.row('getProduct').getAttribute('aria-expanded'), 'false');
    await desk.page.keyboard.press('l');
    await desk.page.getByText('Link copied').first().waitFor();
    const link = await desk.page.evaluate(() => navigator.clipboard.readText());
    const read = new URL(link).searchParams;
    assert.deepEqual(['span', 'v', 'q', 'fold', 'cp'].map((name) => read.get(name)),
      [spanId('14'), '200000,480000', 'svc:postgres', spanId('10'), '0']);
    await desk.show(TRACE, '?view=timeline');
    assert.ok((await desk.page.locator('.tr-block').count()) > 15);
    await desk.show(TRACE, '?view=tree');
    assert.match((await desk.row(/^Connect/).textContent()) ?? '', /500 µs/);
  });

  test('the timeline packs spans into lanes, where data say', async () => {
    await desk.show(TRACE, '?view=timeline');
    const blocks = await desk.page.evaluate(() => [...document.querySelectorAll('.tr-block')].map((block) => {
      const { left, right, top, bottom } = block.getBoundingClientRect();
      return { left, right, top, bottom, row: Number(block.getAttribute('data-row')) };
    }));
    for (const one of blocks) {
      for (const other of blocks) {
        const overlaps = one.row < other.row && one.top < other.bottom && other.top < one.bottom && one.left < other.right - 2 && other.left < one.right - 2;
        assert.ok(!overlaps, `${one.row} and ${other.row} lie on each other`);
      }
    }
    await desk.page.locator('.tr-block', { hasText: 'render route' }).click();
    await desk.settled();
    assert.equal(desk.parameter('span'), spanId('f'));
  });

  test('two fingers zoom and pan, one pans sideways and scrolls rows, a tap chooses', async () => {
    const context = await desk.browser.newContext({ viewport: { width: 1100, height: 900 }, hasTouch: true, storageState: await desk.context.storageState() });
    const touched = new Desk(context, await context.newPage(), desk.waylight);
    const loaded = touched.page.waitForResponse(/\/fingers\.js$/);
    await touched.show(TRACE);
    await loaded;
    await touched.settled();
    const session = await context.newCDPSession(touched.page);
    /** @param {'touchStart' | 'touchMove' | 'touchEnd'} type @param {[number, number][]} points */
    const touch = (type, ...points) => session.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
    const { lane, bars } = await touched.geometry();
    const middle = lane.left + lane.width * 0.4;
    const top = bars['Edge request']?.top ?? 0;

    await touch('touchStart', [middle - 50, top]);
    await touch('touchStart', [middle - 50, top], [middle + 50, top]);
    for (let step = 1; step <= 10; step++) await touch('touchMove', [middle - 50 - 5 * step, top], [middle + 50 + 5 * step, top]);
    await touched.settled();
    assert.equal(await touched.status(), '200 %', 'twice as far apart is twice as close');
    const zoomed = /** @type {[number, number]} */ (touched.view);
    for (let step = 1; step <= 10; step++) await touch('touchMove', [middle - 100 - 4 * step, top], [middle + 100 - 4 * step, top]);
    await touch('touchEnd');
    await touched.settled();
    assert.equal(await touched.status(), '200 %');
    const panned = /** @type {[number, number]} */ (touched.view);
    assert.ok(panned[0] > zoomed[0] + 10_000, `${zoomed} to ${panned}`);

    await touch('touchStart', [middle, top]);
    for (let step = 1; step <= 10; step++) await touch('touchMove', [middle + 4 * step, top]);
    await touch('touchEnd');
    await touched.settled();
    assert.ok((touched.view?.[0] ?? 0) < panned[0] - 10_000, 'one finger pans back');
    const before = touched.view;
    await touch('touchStart', [middle, top + 160]);
    for (let step = 1; step <= 10; step++) await touch('touchMove', [middle, top + 160 - 12 * step]);
    await touch('touchEnd');
    await touched.page.waitForFunction(() => (document.querySelector('.tr-scroll')?.scrollTop ?? 0) > 40);
    // A tap on what still rolls stops it, and chooses nothing.
    await touched.settled();
    assert.deepEqual(touched.view, before, 'the browser scrolled');
    await touch('touchStart', [middle, top + 40]);
    await touch('touchEnd');
    await touched.page.locator('.tr-row.sel').waitFor();
    // A gesture was one step each.
    await touched.focusRows();
    for (let step = 0; step < 2; step++) await touched.page.keyboard.press('z');
    await touched.settled();
    assert.equal(touched.view, null);
    touched.assertQuiet();
    await context.close();
  });

  test('the edge between names and bars moves by arrow keys', async () => {
    const edge = desk.page.getByRole('separator', { name: 'Width of the names' });
    const wide = Number(await edge.getAttribute('aria-valuenow'));
    await edge.focus();
    await desk.page.keyboard.press('ArrowLeft');
    await desk.settled();
    assert.equal(Number(await edge.getAttribute('aria-valuenow')), wide - 16);
    await desk.page.keyboard.press('ArrowRight');
    const box = await edge.boundingBox();
    assert.ok(box);
    await desk.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await desk.page.mouse.down();
    await desk.page.mouse.move(box.x + box.width / 2 + 60, box.y + 10, { steps: 3 });
    await desk.page.mouse.up();
    await desk.settled();
    assert.ok(Math.abs(Number(await edge.getAttribute('aria-valuenow')) - wide - 60) <= 4, 'and by dragging');
    // The next time it is where it was left.
    await desk.show(TRACE);
    assert.ok(Math.abs(Number(await edge.getAttribute('aria-valuenow')) - wide - 60) <= 4);
    await desk.page.evaluate(() => localStorage.removeItem('waylight.names'));
  });
});
