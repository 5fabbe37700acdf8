// What axe finds on a page.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** @import { Page } from 'playwright-core' */

const source = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * Faults, each with where it is; empty where there are none.
 * @param {Page} page
 * @returns {Promise<string[]>}
 */
export async function faults(page) {
  await page.evaluate(await source);
  const { violations } = await page.evaluate(() => /** @type {any} */ (window)['axe'].run(document, { resultTypes: ['violations'] }));
  return violations.flatMap((/** @type {any} */ { id, help, nodes }) =>
    nodes.slice(0, 5).map((/** @type {any} */ node) => `${id}: ${help}: ${node.target.join(' ')}: ${node.failureSummary?.replaceAll('\n', ' ')}`));
}
