// A trace of 200,000 spans: opened, walked to its end, zoomed, searched, and read as a timeline, without a complaint of the
// browser's. How quick that is, `npm run measure` tells.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { configuration, startedApp } from '../lib/config.js';
import { Desk } from '../lib/viewer.js';
import { Waylight } from '../lib/waylight.js';

const COUNT = 200_000;
/** Spans of one import. */
const PART = 12_500;

test('200,000 spans are a trace like any other', async () => {
  const desk = await Desk.start(await Waylight.run(configuration({ app: startedApp(), extra: ['[store]', 'spans_per_trace_max = 300_000'] })));
  const { page } = desk;
  try {
    const trace = 'c2'.repeat(16);
    for (let first = 0; first < COUNT; first += PART) {
      await desk.import(trace, Array.from({ length: PART }, (_, index) => {
        const number = first + index;
        const from = number === 0 ? 0 : ((number * 7919) % 90_000) / 10;
        return { id: (number + 1).toString(16), name: `step ${number % 400}`, svc: `svc${number % 7}`, from, to: number === 0 ? 10_000 : from + 1 + (number % 90) / 10,
          ...(number > 0 ? { parent: number < 50 ? '1' : ((number % 49) + 2).toString(16) } : {}) };
      }));
    }
    await desk.show(trace);
    const elements = () => page.evaluate(() => document.querySelectorAll('*').length);
    assert.match((await page.locator('.tr-facts b').textContent()) ?? '', /^200,000 spans$/);
    assert.ok((await elements()) < 800, `${await elements()} elements`);
    await desk.focusRows();
    await page.keyboard.press('End');
    await page.keyboard.press('f');
    await desk.settled();
    assert.equal(await page.locator('[aria-selected=true]').getAttribute('aria-posinset'), String(COUNT));
    assert.notEqual(desk.view, null);
    await page.locator('.tr-find input').fill('name:"step 7" svc:svc3');
    await page.locator('.tr-hits', { hasText: /^[\d,]+$/ }).waitFor();
    await page.getByRole('button', { name: 'Timeline' }).click();
    await page.locator('.tr-block').first().waitFor();
    assert.ok((await elements()) < 800, `${await elements()} elements`);
  } finally {
    await desk.close();
  }
});
