// How quick the trace viewer is: `npm run measure`, with WAYLIGHT_BIN naming a release build. Prints figures and asserts
// nothing: a machine that is busy is no fault of the viewer's. docs/performance.md has the figures of one machine.

import { configuration, startedApp } from './lib/config.js';
import { Desk } from './lib/viewer.js';
import { Waylight } from './lib/waylight.js';

/** @import { MadeSpan } from './lib/made.js' */

const RUNS = 3;
const FRAMES = 180;
/** Spans of one import. */
const PART = 12_500;

/** @param {number} number @returns {MadeSpan} */
function made(number) {
  const from = number === 0 ? 0 : ((number * 7919) % 90_000) / 10;
  return {
    id: (number + 1).toString(16), name: number % 3 ? `step ${number % 400}` : `SELECT items ${number % 50}`, svc: `svc${number % 7}`,
    kind: number % 3 ? 1 : 3, from, to: number === 0 ? 10_000 : from + (number % 90) / 10 + 0.1,
    ...(number % 997 === 996 ? { error: 'it failed' } : {}),
    ...(number > 0 ? { parent: number < 50 ? '1' : ((number % 49) + 2).toString(16) } : {}),
  };
}

// A trace has fewer spans than that, unless it is said.
const desk = await Desk.start(await Waylight.run(configuration({ app: startedApp(), extra: ['[store]', 'spans_per_trace_max = 300_000'] })));
const { page } = desk;
await page.addInitScript(() => {
  new MutationObserver((_, observer) => {
    if (!document.querySelector('.tr-bar')) return;
    observer.disconnect();
    // The frame after the one in which bars were made.
    requestAnimationFrame(() => requestAnimationFrame(() => Reflect.set(window, 'shownAt', performance.now())));
  }).observe(document, { subtree: true, childList: true });
});

/** @param {number[]} values @param {number} share */
const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN;

const devtools = await page.context().newCDPSession(page);
/** Of scripts: objects, and what typed arrays hold. In millions of octets. */
async function heap() {
  const { usedSize, backingStorageSize = 0 } = /** @type {{ usedSize: number, backingStorageSize?: number }} */ (await devtools.send('Runtime.getHeapUsage'));
  return ((usedSize + backingStorageSize) / 1e6).toFixed(1);
}

for (const [index, count] of [50_000, 200_000].entries()) {
  const trace = `c${index}`.repeat(16);
  for (let first = 0; first < count; first += PART) await desk.import(trace, Array.from({ length: PART }, (_, at) => made(first + at)));
  /** @type {{ shown: number, asked: number, server: number }[]} */
  const loads = [];
  for (let run = 0; run < RUNS; run++) {
    await desk.show(trace);
    loads.push(await page.evaluate((id) => {
      const told = performance.getEntriesByType('resource').find((entry) => entry.name.endsWith(`/traces/${id}`));
      const { startTime, responseEnd } = /** @type {PerformanceResourceTiming} */ (told);
      return { shown: Reflect.get(window, 'shownAt'), asked: startTime, server: responseEnd - startTime };
    }, trace));
  }
  const figures = await page.evaluate(async (frames) => {
    const scroll = /** @type {HTMLElement} */ (document.querySelector('.tr-scroll'));
    const box = scroll.getBoundingClientRect();
    const wheel = (/** @type {WheelEventInit} */ how) => scroll.dispatchEvent(new WheelEvent('wheel', { bubbles: true, cancelable: true, clientX: box.left + box.width * 0.6, clientY: box.top + 200, ...how }));
    /** @param {(frame: number) => void} act */
    const run = async (act) => {
      /** @type {number[]} */
      const lengths = [];
      let last = await new Promise(requestAnimationFrame);
      for (let frame = 0; frame < frames; frame++) {
        act(frame);
        const now = await new Promise(requestAnimationFrame);
        lengths.push(now - last);
        last = now;
      }
      return lengths;
    };
    const zoom = await run((frame) => wheel({ ctrlKey: true, deltaY: Math.floor(frame / 60) % 2 ? 24 : -24 }));
    for (let turn = 0; turn < 30; turn++) wheel({ ctrlKey: true, deltaY: -40 });
    const pan = await run((frame) => wheel({ shiftKey: true, deltaY: Math.floor(frame / 60) % 2 ? -30 : 30 }));
    const rows = await run((frame) => (scroll.scrollTop += frame < frames / 2 ? 180 : -180));
    return { zoom, pan, rows, elements: document.querySelectorAll('*').length };
  }, FRAMES);
  const before = await heap();
  await devtools.send('HeapProfiler.collectGarbage');
  const after = await heap();
  const ms = (/** @type {number} */ value) => value.toFixed(1);
  const frame = (/** @type {number[]} */ lengths) => `p50 ${ms(quantile(lengths, 0.5))}, p95 ${ms(quantile(lengths, 0.95))} ms`;
  process.stdout.write([
    `${count} spans`,
    `  from the navigation to the first bars  ${ms(quantile(loads.map(({ shown }) => shown), 0.5))} ms (asked for after ${ms(quantile(loads.map(({ asked }) => asked), 0.5))}, of it ${ms(quantile(loads.map(({ server }) => server), 0.5))} ms for the answer)`,
    `  a frame while zooming                  ${frame(figures.zoom)}`,
    `  a frame while panning                  ${frame(figures.pan)}`,
    `  a frame while scrolling                ${frame(figures.rows)}`,
    `  elements ${figures.elements}, heap ${after} MB (${before} MB before it was collected)`, '',
  ].join('\n'));
}
await desk.close();
