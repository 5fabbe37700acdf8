// Pages that a browser renders ahead, before anybody asked for them (speculation rules): the toolbar and the agent in them.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Bare, until } from '../lib/bare.js';
import { describe as tree, op, recorded } from '../lib/recorded.js';
import { scene } from '../lib/scene.js';
import { htmlPage } from '../lib/upstream.js';

/** @import { Tab } from '../lib/bare.js' */
/** @import { Scene } from '../lib/scene.js' */

/** Has another page rendered ahead, and goes there when it may. */
const AHEAD = `<script type="speculationrules">{"prerender":[{"urls":["/ahead"],"eagerness":"immediate"}]}</script>
<script>(function go() { fetch('/go').then(({ ok }) => { if (ok) location.href = '/ahead'; else setTimeout(go, 30); }); })();</script>`;
/** @param {string} head @param {string} body */
const html = (head, body) => htmlPage(`<!doctype html><html><head><meta charset="utf-8"><title>a</title>${head}</head><body>${body}</body></html>`);

describe('a page that is rendered ahead', () => {
  /** @type {Scene} */ let set;
  /** @type {Bare} */ let bare;
  /** @type {Tab} */ let first;
  let mayGo = false;

  before(async () => {
    set = await scene({
      who: 'person',
      pages: {
        '/app': html('', 'app'), '/start': html(AHEAD, 'start'),
        '/go': (_, response) => response.writeHead(mayGo ? 200 : 404).end(),
        '/ahead': html("<script>window.wasAhead = document.prerendering; fetch('/api/ahead');</script>", '<h1 style="font-size:60px">The largest text of this page</h1>'),
        '*': (_, response) => response.writeHead(200).end('{}'),
      },
    });
    bare = await Bare.start();
    first = await bare.open(await set.waylight.link('--role', 'admin'));
    await first.until('the button', () => {
      const button = document.querySelector('button');
      if (button) Object.assign(window, { isLeft: true });
      button?.click();
      return button !== null;
    });
    await first.until('the page behind it', () => !('isLeft' in window) && document.readyState === 'complete');
  });

  after(async () => {
    await bare?.stop();
    await set?.close();
  });

  /** @param {Tab} tab @param {string} path */
  async function visit(tab, path) {
    await tab.send('Page.navigate', { url: set.at(path) });
    await tab.until('the toolbar', (there) => location.pathname === there && document.querySelector('waylight-toolbar') !== null, path);
  }

  /** Opens the page that was rendered ahead, when `meanwhile` is done. @param {() => Promise<unknown>} meanwhile */
  async function ahead(meanwhile) {
    const known = set.upstream.requestsTo('/api/ahead').length;
    mayGo = false;
    await bare.leave(set.at('/start'));
    await until('a page that is rendered ahead', async () => set.upstream.requestsTo('/api/ahead').length > known);
    await meanwhile();
    mayGo = true;
    const seen = await bare.shows('/ahead');
    await seen.until('the toolbar', () => document.querySelector('waylight-toolbar') !== null);
    assert.equal(await seen.run(() => /** @type {any} */ (window).wasAhead), true);
    return seen;
  }

  const session = () => localStorage.getItem('waylight.session');

  test('gets the toolbar when it is seen, and tells other tabs nothing that is old', async () => {
    await visit(first, '/app');
    assert.equal(await first.run(session), '');
    const seen = await ahead(async () => {
      await first.run(() => fetch('/_waylight/api/v1/session', { method: 'POST', headers: { 'waylight-request': '1', 'content-type': 'application/json' }, body: '{"action":"start"}' }).then(({ status }) => status));
      await visit(first, '/app');
      await first.until('the session', session);
    });
    assert.match((await seen.run(session)) ?? '', /^[0-9a-f]{32}$/);
    await seen.close();
  });

  test('is one tree in a session, with its vitals from when it was seen', async () => {
    const { page, waylight } = set;
    const seen = await ahead(async () => {});
    const id = await seen.run(() => JSON.parse(document.querySelector('script[src$="/agent/patch.js"]')?.getAttribute('data-waylight') ?? '{}').trace);
    const { activated, painted } = await seen.until('a paint', () => {
      const [paint] = performance.getEntriesByName('first-contentful-paint');
      return paint && { activated: /** @type {any} */ (performance.getEntriesByType('navigation')[0]).activationStart, painted: paint.startTime };
    });
    assert.ok(activated > 0 && painted > activated);
    await recorded(page, waylight, id, (it) => it.find(op('pageload')) !== undefined);
    await seen.run(() => { setTimeout(() => { location.href = '/_waylight/plain'; }); });
    const trace = await recorded(page, waylight, id, (it) => it.find(op('ui.webvital.lcp')) !== undefined && it.find(op('http.client')) !== undefined);
    const load = trace.the(op('pageload')), lcp = trace.the(op('ui.webvital.lcp'));
    assert.equal(trace.root, load, tree(trace));
    assert.ok(Math.abs(Number(load.attributes['browser.web_vital.fcp.value']) - (painted - activated)) < 0.01, tree(trace));
    assert.ok(Number(lcp.attributes['browser.web_vital.lcp.value']) >= painted - activated - 0.01, tree(trace));
  });
});
