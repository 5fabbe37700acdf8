// The plain pages over http at a name that is not loopback: browsers send no Sec-Fetch-Site there, so all they say of where a
// form is from is its Origin.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { press, signIn } from '../lib/browser.js';
import { scene } from '../lib/scene.js';
import { htmlPage } from '../lib/upstream.js';

/** @import { Page } from 'playwright-core' */
/** @import { Scene } from '../lib/scene.js' */

const PAGE = '<!doctype html><html><head><title>shop</title></head><body>the shop</body></html>';

describe('plain http, not on loopback', () => {
  /** @type {Scene} */ let here;
  /** A form of somebody else's page, sent as it is opened. */
  let form = '';

  before(async () => {
    here = await scene({
      who: 'nobody',
      pages: {
        '/evil': (request, response) => htmlPage(`<!doctype html><meta name="referrer" content="no-referrer">${form}<script>document.forms[0].submit()</script>`)(request, response),
        '/hides': htmlPage('<!doctype html><html><head><meta name="referrer" content="no-referrer"><title>shop</title></head><body>the shop</body></html>'),
        '*': htmlPage(PAGE),
      },
      browser: { names: true },
    });
  });

  after(() => here?.close());

  /** The same address by the shop's name. @param {string} url */
  const named = (url) => {
    const { pathname, search, port } = new URL(url, here.waylight.origin);
    return `http://shop.test:${port}${pathname}${search}`;
  };

  /** What somebody else's page gets for a form that its visitor's browser sends. @param {Page} page @param {string} action */
  const forged = async (page, action) => {
    form = `<form method="post" action="${action}"></form>`;
    const answered = page.waitForResponse((response) => response.url() === action);
    await page.goto(`http://evil.test:${here.upstream.port}/evil`);
    const answer = await answered;
    const { origin, 'sec-fetch-site': site } = await answer.request().allHeaders();
    assert.deepEqual([origin, site], ['null', undefined], 'the browser says nothing else of it');
    return answer.status();
  };

  test('the forms work, from the sign-in to a visitor who agrees and stops', async () => {
    const { page } = here;
    const sent = /** @type {Promise<[string, string | undefined]>[]} */ ([]);
    page.on('request', (request) => {
      if (request.method() === 'POST') sent.push(request.allHeaders().then((headers) => [new URL(request.url()).pathname, headers['origin']]));
    });
    await signIn(page, named(await here.waylight.link('--role', 'admin')));
    for (const button of ['Start', 'Restart', 'Stop']) {
      await page.goto(named('/_waylight/plain'));
      await press(page, button);
    }
    await page.goto(named('/_waylight/plain'));
    await press(page, 'Make a trace link');
    const link = (await page.locator('pre.link').textContent())?.trim() ?? '';
    assert.match(link, /^http:\/\/shop\.test:/);
    await page.goto(named('/_waylight/plain'));
    await press(page, 'Sign out');

    await page.goto(link);
    await press(page, 'I agree');
    assert.equal(await page.textContent('body'), 'the shop');
    const seen = here.upstream.seen.at(-1);
    assert.equal(seen?.headers.referer?.includes('token'), false, 'the link\'s token stays here');
    assert.equal(await page.evaluate(() => document.referrer.includes('token')), false);
    await page.goto(named('/_waylight/'));
    await press(page, 'Stop');
    const own = named('/').slice(0, -1);
    assert.deepEqual((await Promise.all(sent)).map(([path, origin]) => [path.replace('/_waylight/', ''), origin]),
      ['sign-in', 'start', 'restart', 'stop', 'invite', 'sign-out', 'trace', 'stop'].map((path) => [path, own]));
  });

  test('a page that hides its address sends its half of a trace all the same', async () => {
    const page = await here.context.newPage();
    await signIn(page, named(await here.waylight.link('--role', 'admin')));
    await page.goto(named('/_waylight/plain'));
    await press(page, 'Start');
    const sent = page.waitForResponse((response) => response.url().endsWith('/_waylight/api/v1/spans'));
    await page.goto(named('/hides'));
    assert.equal((await sent).status(), 200);
    await here.context.clearCookies();
    await page.close();
  });

  test('nobody is signed in, or agrees, by somebody else\'s page', async () => {
    const page = await here.context.newPage();
    const link = named(await here.waylight.link());
    assert.equal(await forged(page, link), 403);
    const invitation = named(await here.waylight.link('--trace', '--site', 'shop.test'));
    assert.equal(await forged(page, invitation), 403);
    assert.deepEqual(await here.context.cookies(), []);
    // Neither was used up.
    await signIn(page, link);
    await page.goto(invitation);
    await press(page, 'I agree');
  });
});
