// The documentation's links lead somewhere: pages, sections and images.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '../../..');
const PAGES = [ROOT, join(ROOT, 'docs')].flatMap((folder) =>
  readdirSync(folder).filter((name) => name.endsWith('.md')).map((name) => join(folder, name)),
);

/** The anchors of a page's headings, as code hosts make them. @param {string} page */
function anchors(page) {
  return [...readFileSync(page, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').trim().replace(/\s/g, '-'),
  );
}

for (const page of PAGES) {
  test(`links of ${page.slice(ROOT.length + 1)}`, () => {
    const text = readFileSync(page, 'utf8').replace(/```[^]*?```/g, '');
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = '', section] = target.split('#');
      const file = path === '' ? page : resolve(dirname(page), path);
      assert.ok(existsSync(file), `${target} is not there`);
      if (section) assert.ok(anchors(file).includes(section), `${target}: no such section`);
    }
  });
}
