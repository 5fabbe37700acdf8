// Headless Chromium, and what a person does in it.

import { chromium } from 'playwright-core';

/** @import { Browser, Page } from 'playwright-core' */

/** Where it is. */
export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/**
 * @param {{ keepsPages?: boolean, names?: boolean }} [how] `keepsPages`: with the back/forward cache that people's browsers
 * have; `names`: every `*.test` is this machine, and yet no loopback to the browser
 * @returns {Promise<Browser>}
 */
export function launch({ keepsPages = false, names = false } = {}) {
  return chromium.launch({
    executablePath: CHROMIUM,
    ...(keepsPages ? { ignoreDefaultArgs: ['--disable-back-forward-cache'] } : {}),
    args: [
      ...(names ? ['--host-resolver-rules=MAP *.test 127.0.0.1'] : []),
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/**
 * Opens a sign-in link and confirms it, as a person does.
 * @param {Page} page
 * @param {string} link
 */
export async function signIn(page, link) {
  await page.goto(link);
  await press(page, /sign in/i);
}

/**
 * Presses a button of Waylight's plain page and waits for the page that follows.
 * @param {Page} page
 * @param {RegExp | string} name
 */
export async function press(page, name) {
  await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name }).first().click()]);
}

/**
 * The tags that Waylight put into the page's head.
 * @param {Page} page
 * @returns {Promise<Record<string, string | undefined>>}
 */
export async function metaTags(page) {
  return page.evaluate(() => {
    /** @type {Record<string, string | undefined>} */
    const tags = {};
    for (const name of ['sentry-trace', 'traceparent', 'baggage']) {
      const found = document.head.querySelectorAll(`meta[name="${name}"]`);
      if (found.length > 1) throw new Error(`${found.length} tags ${name}`);
      tags[name] = found[0]?.getAttribute('content') ?? undefined;
    }
    return tags;
  });
}
