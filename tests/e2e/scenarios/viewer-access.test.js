// The trace viewer for everybody: axe in both themes, narrow windows, less motion, forced colours, a keyboard alone.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { SHOP, spanId } from '../lib/made.js';
import { Desk } from '../lib/viewer.js';

const TRACE = 'b1'.repeat(16);
const OLDER = 'b2'.repeat(16);

describe('the trace viewer for everybody', () => {
  /** @type {Desk} */ let desk;
  before(async () => {
    desk = await Desk.start();
    await desk.import(TRACE, SHOP);
    await desk.import(OLDER, SHOP.filter(({ id }) => !['9', 'a', 'b'].includes(id)));
  });
  after(() => desk?.close());

  /** Every screen and what opens in it. @type {[string, () => Promise<unknown>][]} */
  const screens = [
    ['waterfall', () => desk.show(TRACE)],
    ['sidebar', async () => {
      await desk.show(TRACE, `?span=${spanId('8')}`);
      await desk.page.getByText('Why was it a miss?').waitFor();
    }],
    ['failed span', async () => {
      await desk.show(TRACE, `?span=${spanId('1c')}&q=status:error`);
      await desk.page.locator('.tr-why').waitFor();
    }],
    ['hole', async () => {
      await desk.show(TRACE, `?span=${spanId('1c')}`);
      await desk.focusRows();
      await desk.page.keyboard.press('ArrowDown');
      await desk.page.locator('.tr-mend').waitFor();
    }],
    ['tree', () => desk.show(TRACE, '?view=tree')],
    ['timeline', () => desk.show(TRACE, `?view=timeline&span=${spanId('f')}`)],
    ['comparison', () => desk.show(TRACE, `?vs=${OLDER}`)],
    ['choice of a comparison', async () => {
      await desk.page.goto(`${desk.origin}/_waylight/compare?b=${TRACE}`);
      await desk.page.locator('.cmp').waitFor();
    }],
    ['sharing', async () => {
      await desk.show(TRACE);
      await desk.page.getByRole('button', { name: 'Export' }).click();
      await desk.page.locator('.sh-summary', { hasText: 'spans' }).waitFor();
    }],
    ['table', async () => {
      await desk.show(TRACE);
      await desk.page.getByRole('button', { name: 'Read as a table' }).click();
      await desk.page.locator('.tr-table').waitFor();
    }],
    ['no trace', async () => {
      await desk.page.goto(`${desk.origin}/_waylight/t/${'ef'.repeat(16)}`);
      await desk.page.locator('.tr-nothing').waitFor();
    }],
  ];
  for (const [name, open] of screens) {
    test(`axe finds nothing: ${name}`, async () => {
      for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
        await desk.page.emulateMedia({ colorScheme });
        await open();
        await desk.judge(`${name}, ${colorScheme}`);
      }
      await desk.page.emulateMedia({ colorScheme: null });
    });
  }

  test('at 700 pixels names stand above bars, and nothing is cut off', async () => {
    await desk.page.setViewportSize({ width: 700, height: 1000 });
    await desk.show(TRACE);
    const row = desk.row('Edge request');
    const [name, bar] = await Promise.all([row.locator('.tr-name').boundingBox(), row.locator('.tr-bar').boundingBox()]);
    assert.ok(name && bar && name.y + name.height <= bar.y + 2, 'the name is above');
    assert.ok(await desk.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await row.click();
    const side = await desk.page.locator('.tr-side').boundingBox();
    assert.ok(side && side.x >= 0 && side.x + side.width <= 700, 'the sidebar lies over the rows');
    await desk.judge('narrow');
    await desk.page.setViewportSize({ width: 1440, height: 1200 });
  });

  test('at 200 % nothing is cut off, and bars are still right', async () => {
    await desk.page.setViewportSize({ width: 720, height: 600 });
    await desk.show(TRACE);
    assert.ok(await desk.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    const { bars } = await desk.geometry();
    const load = bars['Page load /products/:slug'];
    assert.ok(load && load.right <= 720);
    // Half of a laptop's screen: the head alone fills it, and rows are a scroll away.
    await desk.page.setViewportSize({ width: 640, height: 400 });
    await desk.show(TRACE);
    assert.ok(await desk.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await desk.row('Edge request').click();
    await desk.page.locator('.tr-side h2', { hasText: 'Edge request' }).waitFor();
    const room = await desk.page.locator('.tr-scroll').evaluate((element) => element.clientHeight);
    assert.ok(room >= 110, `${room} pixels of rows`);
    await desk.page.setViewportSize({ width: 1440, height: 1200 });
  });

  test('keys are called as the machine calls them', async () => {
    const page = await desk.tab();
    await page.addInitScript(() => Object.defineProperty(navigator, 'platform', { value: 'MacIntel' }));
    await page.goto(`${desk.origin}/_waylight/t/${TRACE}`);
    await page.getByText('drag to zoom, \u2318 and wheel too').waitFor();
    assert.equal(await page.locator('.jump kbd').textContent(), '\u2318K');
    assert.equal(await page.getByText('Ctrl').count(), 0);
    await page.close();
  });

  test('with less motion a zoom does not glide', async () => {
    await desk.page.emulateMedia({ reducedMotion: 'reduce' });
    await desk.show(TRACE);
    await desk.focusRows();
    const frames = await desk.page.evaluate(async () => {
      const widths = new Set();
      const look = () => widths.add(document.querySelector('.tr-bar')?.getBoundingClientRect().width);
      look();
      dispatchEvent(new KeyboardEvent('keydown', { key: 'w', bubbles: true }));
      for (let frame = 0; frame < 20; frame++) {
        await new Promise(requestAnimationFrame);
        look();
      }
      return widths.size;
    });
    assert.equal(frames, 2);
    await desk.page.emulateMedia({ reducedMotion: null });
  });

  test('with forced colours bars have outlines, and errors are told by shape', async () => {
    await desk.page.emulateMedia({ forcedColors: 'active' });
    await desk.show(TRACE);
    const outlines = await desk.page.evaluate(() => [...document.querySelectorAll('.tr-bar')].map((bar) => [bar.classList.contains('err'), getComputedStyle(bar).outlineStyle]));
    assert.ok(outlines.length > 10 && outlines.every(([isError, style]) => style === (isError ? 'dashed' : 'solid')), JSON.stringify(outlines));
    await desk.page.emulateMedia({ forcedColors: null });
  });

  test('the accordion in the logs has the same functions', async () => {
    await desk.post('/session', { action: 'start' });
    await desk.page.request.get(`${desk.origin}/products/harbour-lantern?accordion`);
    const trace = await desk.traced('/products/harbour-lantern', 'accordion');
    const { items } = JSON.parse(await desk.get(`/requests?trace=${trace}`));
    await desk.page.goto(`${desk.origin}/_waylight/logs/${items[0].id}`);
    const viewer = desk.page.locator('wl-request wl-trace');
    await viewer.locator('.tr-bar').first().waitFor({ state: 'attached' });
    const [zoom, room] = await Promise.all([viewer.locator('.tr-zoom').boundingBox(), desk.page.locator('.trace-content').boundingBox()]);
    assert.ok(zoom && room && zoom.y + zoom.height <= room.y + room.height, 'nothing of it is cut off');
    await viewer.locator('.tr-row', { hasText: 'Edge request' }).first().locator('.tr-text').click();
    await viewer.locator('.tr-side h2', { hasText: 'Edge request' }).waitFor();
    await desk.page.keyboard.press('ArrowDown');
    await viewer.locator('.tr-side h2', { hasText: 'Routing' }).waitFor();
    assert.ok(new URL(desk.page.url()).pathname.endsWith(items[0].id), 'its keys are not those of the list');
    await desk.page.keyboard.press('f');
    await desk.settled();
    assert.notEqual(await desk.status(), '100 %');
    await viewer.locator('.tr-find input').fill('kind:app');
    await viewer.locator('.tr-row.hit').first().waitFor();
    await desk.judge('accordion');
  });

  test('Enter presses what has the focus, and arrows scroll what has it', async () => {
    await desk.show(TRACE, `?span=${spanId('8')}`);
    const { keyboard, page } = { keyboard: desk.page.keyboard, page: desk.page };
    await page.locator('.tr-side .tr-list').first().waitFor();
    await page.getByRole('button', { name: 'Export' }).focus();
    await keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await keyboard.press('Escape');
    await page.getByRole('button', { name: 'Span below' }).focus();
    await keyboard.press('Enter');
    await desk.settled();
    assert.equal(desk.parameter('span'), spanId('9'));
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('aria-label')), 'Span below', 'and goes on from there');
    await page.locator('.tr-output').waitFor();
    await page.locator('.tr-side').focus();
    await keyboard.press('ArrowDown');
    await page.waitForFunction(() => (document.querySelector('.tr-side')?.scrollTop ?? 0) > 0);
    assert.equal(desk.parameter('span'), spanId('9'), 'the rows stay');
    await keyboard.press('Enter');
    await keyboard.press('ArrowDown');
    await desk.settled();
    assert.equal(desk.parameter('span'), spanId('a'), 'back in the rows');
    await page.getByRole('link', { name: 'Sessions' }).focus();
    await keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Sessions' }).waitFor();
  });

  test('Escape leaves the find field, first its text', async () => {
    await desk.show(TRACE);
    await desk.page.keyboard.press('/');
    await desk.page.keyboard.type('svc:postgres');
    await desk.page.keyboard.press('Escape');
    assert.equal(await desk.page.locator('.tr-find input').inputValue(), '');
    await desk.page.keyboard.press('Escape');
    assert.equal(await desk.page.evaluate(() => document.activeElement?.getAttribute('role')), 'tree');
  });

  test('a keyboard alone: from the logs into a trace, to the span to blame, its line copied', async () => {
    await desk.show(TRACE);
    const { keyboard } = desk.page;
    await keyboard.press('/');
    await keyboard.type('>100ms kind:fetch');
    await keyboard.press('Enter');
    await desk.settled();
    assert.equal(desk.parameter('span'), spanId('14'));
    await desk.focusRows();
    await keyboard.press('y');
    await desk.page.getByText('Span copied as JSON').first().waitFor();
    const copied = JSON.parse(await desk.page.evaluate(() => navigator.clipboard.readText()));
    assert.equal(copied.attributes['url.full'], 'http://inventory.internal/stock');
    await keyboard.press('x');
    await desk.page.getByRole('dialog').waitFor();
    await keyboard.press('Escape');
    assert.equal(await desk.page.getByRole('dialog').count(), 0);
    assert.equal(desk.parameter('span'), spanId('14'), 'the dialog alone was closed');
    await keyboard.press('Escape');
    await desk.settled();
    assert.equal(await desk.page.locator('.tr-side').isVisible(), false);
    assert.equal(desk.parameter('span'), null);
  });
});
