// The vitals that a page's trace tells are those of npm `web-vitals`, on the same page.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { describe as tree, hide, op, recorded, toldAgent } from '../lib/recorded.js';
import { scene } from '../lib/scene.js';
import { htmlPage } from '../lib/upstream.js';

/** @import { Scene } from '../lib/scene.js' */

const PAGE = `<!doctype html><html><head><meta charset="utf-8"><title>vitals</title>
<script type="module">
import { onCLS, onFCP, onINP, onLCP, onTTFB } from '/npm/web-vitals/dist/web-vitals.js';
for (const on of [onCLS, onFCP, onINP, onLCP, onTTFB]) on(({ name, value }) => localStorage.setItem('vital.' + name, value));
</script>
<style>.late{height:0}body{font:20px sans-serif}</style></head>
<body><p>first</p><div class="late"></div><div class="late"></div><h1 style="font-size:60px">The largest text of this page</h1><button id="slow">slow</button>
<script>
const grow = (at) => { document.querySelectorAll('.late')[at].style.height = '150px'; };
setTimeout(grow, 150, 0);
setTimeout(grow, 400, 1);
document.querySelector('#slow').onclick = () => { const end = performance.now() + 130; while (performance.now() < end); document.querySelector('p').textContent = 'done'; };
</script></body></html>`;

describe('the vitals of a page', () => {
  /** @type {Scene} */ let set;

  before(async () => { set = await scene({ pages: { '/vitals': (request, response) => void setTimeout(() => htmlPage(PAGE)(request, response), 60) } }); });
  after(() => set?.close());

  test('are those of web-vitals', async () => {
    const { page, waylight, at } = set;
    await page.goto(at('/vitals'));
    const { trace: id } = await toldAgent(page);
    await page.waitForFunction(() => [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('.late'))].every((each) => each.offsetHeight > 0));
    // Later than what would count as the click's own doing.
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 700)));
    for (let time = 0; time < 3; time += 1) await page.locator('#slow').click();
    // What a browser tells of a click comes after its frame: theirs says no more of what comes after the page is hidden.
    await page.evaluate(() => new Promise((/** @type {(told: void) => void} */ resolve) => {
      /** @type {Set<number>} */ const told = new Set();
      new PerformanceObserver((list) => {
        for (const entry of /** @type {PerformanceEventTiming[]} */ (list.getEntries())) if (entry.interactionId) told.add(entry.interactionId);
        if (told.size >= 3) resolve();
      }).observe({ type: 'event', buffered: true });
    }));
    await hide(page, waylight);
    const trace = await recorded(page, waylight, id, (it) => it.find(op('ui.webvital.cls')) !== undefined && it.find(op('pageload')) !== undefined);
    const theirs = await page.evaluate(() => Object.fromEntries(['CLS', 'FCP', 'INP', 'LCP', 'TTFB'].map((name) => [name, Number(localStorage.getItem(`vital.${name}`) ?? NaN)])));
    const load = trace.the(op('pageload'));
    /** @type {Record<string, number>} */ const ours = {};
    for (const span of [load, trace.the(op('ui.webvital.cls')), trace.the(op('ui.webvital.lcp')), trace.the(op('ui.interaction.click'))]) {
      for (const [key, value] of Object.entries(span.attributes)) {
        const name = key.match(/^browser\.web_vital\.(\w+)\.value$/)?.[1];
        if (name && name !== 'fp') ours[name.toUpperCase()] = Number(value);
      }
    }
    assert.deepEqual(Object.keys(ours).sort(), Object.keys(theirs).sort(), tree(trace));
    for (const [name, value] of Object.entries(theirs)) assert.ok(Math.abs(value - (ours[name] ?? NaN)) < 0.01, `${name}: ${value} there, ${ours[name]} here\n${tree(trace)}`);
    assert.ok((theirs['INP'] ?? 0) >= 120 && (theirs['CLS'] ?? 0) > 0, JSON.stringify(theirs));
    const click = trace.the(op('ui.interaction.click'));
    assert.equal(Number(click.end - click.start) / 1e6, ours['INP']);
    assert.equal(click.attributes['browser.interaction.target'], 'button#slow');
    assert.ok(trace.find(op('ui.long_animation_frame')), tree(trace));
    const { vitals } = await (await page.request.get(`${waylight.origin}/_waylight/api/v1/traces/${id}`)).json();
    assert.deepEqual(vitals.map((/** @type {any} */ vital) => vital.name).sort(), Object.keys(theirs).sort());
  });
});
