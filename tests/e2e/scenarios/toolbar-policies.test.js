// The toolbar under policies: for each kind of policy, nothing new is reported, and the page's own scripts go on running.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { launch, signIn } from '../lib/browser.js';
import { configuration } from '../lib/config.js';
import { Toolbar } from '../lib/toolbar.js';
import { Upstream } from '../lib/upstream.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Browser, BrowserContext } from 'playwright-core' */

const INLINE = 'window.ran = (window.ran ?? 0) + 1;';
// printf '%s' INLINE | openssl dgst -sha256 -binary | base64
const HASH = (await crypto.subtle.digest('SHA-256', new TextEncoder().encode(INLINE)).then((digest) => Buffer.from(digest).toString('base64')));

/**
 * A page whose policies stand in the query: `csp` (several), `report`, and `meta`.
 * @type {import('../lib/upstream.js').Handler}
 */
const page = (request, response) => {
  const { searchParams } = new URL(request.url ?? '/', 'http://app');
  const meta = searchParams.getAll('meta').map((policy) => `<meta http-equiv="Content-Security-Policy" content="${policy}">`).join('');
  const [csp, report] = [searchParams.getAll('csp'), searchParams.getAll('report')];
  if (csp.length) response.setHeader('content-security-policy', csp);
  if (report.length) response.setHeader('content-security-policy-report-only', report);
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  response.end(`<!doctype html><html><head>${meta}<title>p</title><script nonce="abc">${INLINE}</script><style nonce="abc">body{color:#111}</style></head><body><p>text</p><script>${INLINE}</script></body></html>`);
};

/** Every case: policies, report-only ones, and what is in a `<meta>`. @type {{ csp?: string[], report?: string[], meta?: string[], alone?: boolean, plain?: boolean, none?: boolean }[]} */
const CASES = [
  {},
  { csp: ["script-src 'self'"] },
  { csp: ["script-src 'self' 'unsafe-inline'; connect-src 'self'"] },
  { csp: ["script-src 'unsafe-inline'; connect-src https://api.example"] },
  { csp: ["script-src https://cdn.example 'unsafe-inline' 'unsafe-eval'"] },
  { csp: ["script-src 'nonce-abc'; connect-src 'none'"] },
  { csp: ["script-src 'nonce-abc' 'unsafe-inline'"] },
  { csp: ["script-src 'nonce-abc' 'strict-dynamic'; object-src 'none'; base-uri 'none'"] },
  { csp: ["script-src 'strict-dynamic' 'nonce-abc' 'unsafe-inline' https: http:"] },
  { csp: [`script-src 'strict-dynamic' 'sha256-${HASH}'`] },
  { csp: [`script-src 'sha256-${HASH}'`] },
  { csp: ["script-src 'none'; connect-src 'none'"] },
  { csp: ["default-src 'none'"] },
  { csp: ["default-src 'none'; style-src 'nonce-abc'; script-src 'nonce-abc'"] },
  { csp: ["default-src 'self'; style-src 'none'"] },
  { csp: ["default-src 'self' 'unsafe-inline' data:"] },
  { csp: ["script-src-elem 'nonce-abc'; script-src 'none'"] },
  { csp: ["default-src 'none'; script-src-elem 'unsafe-inline'"] },
  { csp: ["script-src 'self' 'nonce-abc'", "script-src 'nonce-abc' 'strict-dynamic'"] },
  { csp: ["script-src 'unsafe-inline'", "script-src 'nonce-abc'"] },
  { csp: ["script-src 'nonce-abc', default-src 'self' 'nonce-abc'"] },
  { csp: ["require-trusted-types-for 'script'; trusted-types 'none'; script-src 'self' 'unsafe-inline'"] },
  { report: ["script-src 'none'; connect-src 'none'"] },
  { csp: ["script-src 'nonce-abc'"], report: ["require-trusted-types-for 'script'; default-src 'none'; report-uri /reports"] },
  { csp: ['sandbox allow-scripts'], none: true },
  { csp: ['sandbox allow-scripts allow-same-origin'] },
  { meta: ["script-src 'self' 'unsafe-inline'; connect-src 'self'"] },
  { meta: ["script-src 'self' 'unsafe-inline'; connect-src 'none'"], alone: true },
  { meta: ["script-src 'unsafe-inline'"], plain: true },
  { meta: ["script-src 'nonce-abc' 'strict-dynamic'"], plain: true },
  { meta: ["default-src 'none'"], plain: true, alone: true },
];

describe('the toolbar under policies', () => {
  /** @type {Upstream} */ let upstream;
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {BrowserContext} */ let stranger;
  /** @type {BrowserContext} */ let person;

  before(async () => {
    upstream = await Upstream.start({ '*': page });
    waylight = await Waylight.run(configuration({ upstream: upstream.url }));
    browser = await launch();
    stranger = await browser.newContext();
    person = await browser.newContext();
    for (const context of [stranger, person]) {
      await context.addInitScript(() => {
        const told = /** @type {string[]} */ ([]);
        Object.assign(window, { told });
        document.addEventListener('securitypolicyviolation', (event) => {
          // The browser asks for it when it likes.
          if (!event.blockedURI.endsWith('favicon.ico')) told.push(`${event.disposition} ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`);
        });
      });
    }
    await signIn(await person.newPage(), await waylight.link());
  });

  after(async () => {
    await browser?.close();
    await waylight?.stop();
    upstream?.stop();
  });

  /** @param {BrowserContext} context @param {string} path @param {(toolbar: Toolbar) => Promise<void>} look */
  async function visit(context, path, look) {
    const tab = await context.newPage();
    await tab.goto(waylight.origin + path);
    await look(new Toolbar(tab));
    const seen = await tab.evaluate(() => {
      const { told, ran } = /** @type {{ told: string[], ran?: number }} */ (/** @type {unknown} */ (window));
      return { told: [...told].sort(), ran: ran ?? 0 };
    });
    await tab.close();
    return seen;
  }

  for (const { csp = [], report = [], meta = [], alone = false, plain = false, none = false } of CASES) {
    test([...csp, ...report.map((it) => `report-only ${it}`), ...meta.map((it) => `meta ${it}`)].join(' | ') || 'no policy', async () => {
      const query = new URLSearchParams([...csp.map((it) => ['csp', it]), ...report.map((it) => ['report', it]), ...meta.map((it) => ['meta', it])]);
      const path = `/?${query}`;
      const before = await visit(stranger, path, async () => {});
      const seen = await visit(person, path, async (toolbar) => {
        if (none) return assert.equal(await toolbar.exists(), 0);
        await toolbar.until('the bar', () => toolbar.part('.pill b'));
        if (plain) {
          const [opened] = await Promise.all([toolbar.page.context().waitForEvent('page'), toolbar.click('.pill button')]);
          await opened.waitForLoadState();
          assert.equal(new URL(opened.url()).pathname, '/_waylight/plain');
          await opened.close();
          return;
        }
        await toolbar.open();
        const style = await toolbar.part('.panel');
        assert.equal(style?.width, 348, 'its styles count');
        if (alone) return;
        await Promise.all([toolbar.page.waitForEvent('load'), toolbar.click('li > *', 'Run page trace')]);
        // The answer is there: it was allowed to ask. Nobody waits for spans that this app does not send.
        await toolbar.until('an answer', async () => /^(Collecting the trace [1-9]|Trace ready)/.test(await toolbar.toast()));
      });
      assert.deepEqual(seen.told, before.told, 'nothing new is reported');
      assert.equal(seen.ran, before.ran, "the page's own scripts run");
    });
  }

  test('where the page may not ask, a command is a navigation that works once', async () => {
    const tab = await person.newPage();
    const toolbar = new Toolbar(tab);
    const policy = new URLSearchParams({ meta: "script-src 'self' 'unsafe-inline'; connect-src 'none'" });
    await tab.goto(`${waylight.origin}/?${policy}`);
    await toolbar.until('the bar', () => toolbar.part('.pill b'));
    /** @type {string[]} */ const commands = [];
    tab.on('request', (request) => { if (request.url().includes('/_waylight/command')) commands.push(request.url()); });
    await Promise.all([tab.waitForEvent('load'), toolbar.choose('Start tracing session')]);
    await toolbar.until('the blue bar', async () => /^Tracing/.test(await toolbar.pill()));
    assert.equal(commands.length, 1);
    await Promise.all([tab.waitForEvent('load'), toolbar.choose('Stop tracing session')]);
    await toolbar.until('the idle bar', async () => / TTFB/.test(await toolbar.pill()));
    await Promise.all([tab.waitForEvent('load'), toolbar.choose('Run page trace')]);
    await toolbar.until('the end', async () => /^Trace recorded/.test(await toolbar.toast()));
    const again = await tab.goto(commands[0] ?? '');
    assert.equal(again?.status(), 403, 'a token works once');
    await tab.close();
  });
});
