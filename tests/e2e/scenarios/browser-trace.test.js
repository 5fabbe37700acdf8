// The browser's half of a trace: what it did for a page stands in the page's trace, and what it asked for has the edge's half
// below it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { launch } from '../lib/browser.js';
import { stageOf } from '../lib/edge.js';

import { describe as tree, isOfBrowser, op, opOf, recorded, startSession, toldAgent } from '../lib/recorded.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Browser, Page } from 'playwright-core' */

describe('a page of the demo', () => {
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {Page} */ let page;

  before(async () => {
    waylight = await Waylight.demo();
    browser = await launch();
    page = await (await browser.newContext()).newPage();
    await startSession(page, waylight, waylight.signInLink);
  });

  after(async () => {
    await browser?.close();
    await waylight?.stop();
  });

  test('is one tree, from the page load down to the database', async () => {
    await page.goto(`${waylight.origin}/products/harbour-lantern`);
    const { trace: id } = await toldAgent(page);
    const trace = await recorded(page, waylight, id, (trace) => trace.find(op('pageload')) !== undefined && trace.spans.some((span) => !isOfBrowser(span) && stageOf(span) === undefined));
    const text = tree(trace);
    const root = trace.root;
    assert.equal(opOf(root), 'pageload', text);
  });
});
