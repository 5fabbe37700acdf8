// The toolbar under policies: for each kind of policy and each mode of `toolbar.csp`, nothing new is reported, and the page's
// own scripts go on running.

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

/** @typedef {'extend' | 'reuse-only' | 'off'} Mode */
/**
 * Policies, report-only ones, and what is in a `<meta>`. `none`: in which modes the page has no toolbar, or in all; `alone`: in
 * which it may not ask, or in all; `plain`: it may not load its menu.
 * @typedef {{ csp?: string[], report?: string[], meta?: string[], none?: true | Mode[], alone?: true | Mode[], plain?: true }} Case
 */
/** A page whose policies must be extended. @type {Mode[]} */
const UNCHANGED = ['reuse-only', 'off'];
/** @type {Case[]} */
const CASES = [
  {},
  { csp: ["script-src 'self'"], none: ['off'] },
  { csp: ["script-src 'self' 'unsafe-inline'; connect-src 'self'"], none: ['off'] },
  { csp: ["script-src 'self'; connect-src https://api.example"], none: ['off'], alone: ['reuse-only'] },
  { csp: ["script-src 'unsafe-inline'; connect-src https://api.example"], none: UNCHANGED },
  { csp: ["script-src https://cdn.example 'unsafe-inline' 'unsafe-eval'"], none: UNCHANGED },
  { csp: ["script-src 'nonce-abc'; connect-src 'none'"], none: ['off'], alone: ['reuse-only'] },
  { csp: ["script-src 'nonce-abc' 'unsafe-inline'"], none: ['off'] },
  { csp: ["script-src 'nonce-abc' 'strict-dynamic'; object-src 'none'; base-uri 'none'"], none: ['off'] },
  { csp: ["script-src 'strict-dynamic' 'nonce-abc' 'unsafe-inline' https: http:"], none: ['off'] },
  { csp: [`script-src 'strict-dynamic' 'sha256-${HASH}'`], none: UNCHANGED },
  { csp: [`script-src 'sha256-${HASH}'`], none: UNCHANGED },
  { csp: ["script-src 'none'; connect-src 'none'"], none: UNCHANGED },
  { csp: ["connect-src 'none'"], alone: UNCHANGED },
  { csp: ["default-src 'none'"], none: UNCHANGED },
  { csp: ["default-src 'none'; style-src 'nonce-abc'; script-src 'nonce-abc'"], none: ['off'], alone: ['reuse-only'] },
  { csp: ["default-src 'self'; style-src 'none'"], none: ['off'] },
  { csp: ["default-src 'self' 'unsafe-inline' data:"], none: ['off'] },
  { csp: ["script-src-elem 'nonce-abc'; script-src 'none'"], none: ['off'] },
  { csp: ["default-src 'none'; script-src-elem 'unsafe-inline'"], none: UNCHANGED },
  { csp: ["script-src 'self' 'nonce-abc'", "script-src 'nonce-abc' 'strict-dynamic'"], none: ['off'] },
  { csp: ["script-src 'unsafe-inline'", "script-src 'nonce-abc'"], none: UNCHANGED },
  { csp: ["script-src 'nonce-abc', default-src 'self' 'nonce-abc'"], none: ['off'] },
  { csp: ["require-trusted-types-for 'script'; trusted-types 'none'; script-src 'self' 'unsafe-inline'"], none: ['off'] },
  { report: ["script-src 'none'; connect-src 'none'"], none: UNCHANGED },
  { csp: ["script-src 'nonce-abc'"], report: ["require-trusted-types-for 'script'; default-src 'none'; report-uri /reports"], none: UNCHANGED },
  { csp: ['sandbox allow-scripts'], none: true },
  { csp: ['sandbox allow-scripts allow-same-origin'] },
  { meta: ["script-src 'self' 'unsafe-inline'; connect-src 'self'"] },
  { meta: ["script-src 'self' 'unsafe-inline'; connect-src 'none'"], alone: true },
  { meta: ["script-src 'unsafe-inline'"], plain: true },
  { meta: ["script-src 'nonce-abc' 'strict-dynamic'"], plain: true },
  { meta: ["default-src 'none'"], plain: true, alone: true },
];

/** In the page: what was reported there, and how often its own script ran. */
const noted = () => {
  const { told, ran } = /** @type {{ told: string[], ran?: number }} */ (/** @type {unknown} */ (window));
  return { told: [...told].sort(), ran: ran ?? 0 };
};

for (const mode of /** @type {Mode[]} */ (['extend', ...UNCHANGED])) describe(`the toolbar under policies, csp = "${mode}"`, () => {
  /** @type {Upstream} */ let upstream;
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {BrowserContext} */ let stranger;
  /** @type {BrowserContext} */ let person;

  before(async () => {
    upstream = await Upstream.start({ '*': page });
    waylight = await Waylight.run(configuration({ upstream: upstream.url, extra: ['[toolbar]', `csp = "${mode}"`] }));
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
    const response = await tab.goto(waylight.origin + path);
    const fields = (await response?.headersArray() ?? []).filter(({ name }) => /^content-security-policy/i.test(name)).map(({ name, value }) => `${name}: ${value}`);
    await look(new Toolbar(tab));
    const seen = await tab.evaluate(noted);
    await tab.close();
    return { ...seen, fields };
  }

  for (const { csp = [], report = [], meta = [], none, alone, plain } of CASES) {
    /** @param {true | Mode[] | undefined} modes */
    const holds = (modes) => modes === true || modes?.includes(mode) === true;
    test([...csp, ...report.map((it) => `report-only ${it}`), ...meta.map((it) => `meta ${it}`)].join(' | ') || 'no policy', async () => {
      const query = new URLSearchParams([...csp.map((it) => ['csp', it]), ...report.map((it) => ['report', it]), ...meta.map((it) => ['meta', it])]);
      const path = `/?${query}`;
      const before = await visit(stranger, path, async () => {});
      const seen = await visit(person, path, async (toolbar) => {
        if (holds(none)) return assert.equal(await toolbar.page.locator('script[src$="/toolbar/toolbar.js"], waylight-toolbar').count(), 0);
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
        if (holds(alone)) return;
        await Promise.all([toolbar.page.waitForEvent('load'), toolbar.click('li > *', 'Run page trace')]);
        // The answer is there: it was allowed to ask. Nobody waits for spans that this app does not send.
        await toolbar.until('an answer', async () => /^(Collecting the trace [1-9]|Trace ready)/.test(await toolbar.toast()));
      });
      if (mode !== 'extend') assert.deepEqual(seen.fields, before.fields, 'no policy is changed');
      assert.deepEqual(seen.told, before.told, 'nothing new is reported');
      assert.equal(seen.ran, before.ran, "the page's own scripts run");
    });
  }

  // A policy that the edge cannot extend, and one that it may not.
  const silent = { extend: [{ meta: "script-src 'self' 'unsafe-inline'; connect-src 'none'" }], 'reuse-only': [{ csp: "script-src 'nonce-abc'; connect-src 'none'" }, { csp: "connect-src 'none'" }], off: [{ csp: "connect-src 'none'" }] };
  for (const policy of silent[mode]) test(`where the page may not ask, a command is a navigation that works once: ${Object.values(policy)}`, async () => {
    const path = `/?${new URLSearchParams(policy)}`, before = await visit(stranger, path, async () => {});
    const tab = await person.newPage();
    const toolbar = new Toolbar(tab);
    await tab.goto(waylight.origin + path);
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
    const seen = await tab.evaluate(noted);
    assert.deepEqual(seen, { told: before.told, ran: before.ran }, "nothing new is reported, and the page's own scripts run");
    const again = await tab.goto(commands[0] ?? '');
    assert.equal(again?.status(), 403, 'a token works once');
    await tab.close();
  });
});
