// What the toolbar and the agent cost a page: `npm run measure-toolbar`. The processor is slowed down four times, as a
// mid-range phone is; of each task of the page's main thread that ran scripts of ours the longest one is told, in the
// processor's time of that thread, since others may use the machine: in a browser's first load, in which nothing is compiled
// yet, and in later ones. Prints figures and asserts nothing.

import { launch } from './lib/browser.js';
import { configuration, startedApp } from './lib/config.js';
import { startSession } from './lib/recorded.js';
import { Waylight } from './lib/waylight.js';

const RUNS = 7;
const SLOWER = 4;
const OURS = /\/_waylight\/assets\//;

/** @import { Browser, Page } from 'playwright-core' */
/** @typedef {{ name: string, ph: string, ts: number, dur?: number, tdur?: number, tid: number, args?: any }} TraceEvent */

/** How long something ran, in milliseconds. @param {TraceEvent | undefined} event */
const took = (event) => (event?.tdur ?? event?.dur ?? 0) / 1e3;

/** What ran, as a person would look for it. @param {TraceEvent} event */
function named({ name, args }) {
  const { url = '', fileName = url, functionName, lineNumber } = args?.data ?? {};
  const file = String(fileName).split('/').at(-1);
  return name === 'FunctionCall' ? `${file}:${lineNumber} ${functionName || 'anonymous'}` : `${file} ${name}`;
}

/** The tasks with scripts of ours, in milliseconds, the longest first, and what of them is ours. @param {TraceEvent[]} events */
function tasks(events) {
  const ours = events.filter(({ name, args }) => /^(EvaluateScript|v8\.compile|FunctionCall|v8\.evaluateModule)$/.test(name) && OURS.test(JSON.stringify(args?.data ?? {})));
  const whole = events.filter(({ name, ph }) => ph === 'X' && /RunTask$/.test(name));
  const told = whole.flatMap((task) => {
    const { ts, dur = 0, tid } = task;
    const within = ours.filter((event) => event.tid === tid && event.ts >= ts && event.ts < ts + dur);
    const longest = within.reduce((best, event) => (took(event) > took(best) ? event : best), within[0]);
    return longest ? [{ task: took(task), script: took(longest), name: named(longest) }] : [];
  });
  return told.sort((a, b) => b.script - a.script);
}

/** One load of the demo's page, and the longest of our scripts in it. @param {string} what @param {Browser} browser @param {Page} page */
async function load(what, browser, page) {
  await page.goto('about:blank');
  await browser.startTracing(page, { categories: ['toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline', 'v8'] });
  await page.goto(`${waylight.origin}/products/harbour-lantern`, { waitUntil: 'networkidle' });
  // The agent sends half a second after the page load is over, which is a second after its last call.
  await page.waitForResponse(/\/api\/v1\/spans$/);
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  const told = tasks(traceEvents);
  const shift = await page.evaluate(() => performance.getEntriesByType('layout-shift').length);
  process.stdout.write(`${what}: scripts of ours ${told.slice(0, 5).map(({ script, task, name }) => `${name} ${script.toFixed(1)} (task ${task.toFixed(1)})`).join(', ')} ms; layout shifts ${shift}\n`);
  return told[0]?.script ?? 0;
}

/** A browser with a session, slowed down. */
async function begun() {
  const browser = await launch();
  const page = await (await browser.newContext()).newPage();
  await startSession(page, waylight);
  await (await page.context().newCDPSession(page)).send('Emulation.setCPUThrottlingRate', { rate: SLOWER });
  return { browser, page };
}

/** @param {string} what @param {number[]} longest */
function tell(what, longest) {
  longest.sort((a, b) => a - b);
  process.stdout.write(`longest script of ours in a task, ${what}: median of ${RUNS} ${longest[Math.floor(RUNS / 2)]?.toFixed(1)} ms, at most ${longest.at(-1)?.toFixed(1)} ms at ${SLOWER} times slower\n`);
}

const waylight = await Waylight.run(configuration({ app: startedApp() }));
/** @type {number[]} */ const first = [];
for (let run = 1; run <= RUNS; run += 1) {
  const { browser, page } = await begun();
  first.push(await load(`first load ${run}`, browser, page));
  await browser.close();
}
/** @type {number[]} */ const later = [];
const { browser, page } = await begun();
await load('first load', browser, page);
for (let run = 1; run <= RUNS; run += 1) later.push(await load(`later load ${run}`, browser, page));
await browser.close();
tell("a browser's first load", first);
tell('a later load', later);
await waylight.stop();
