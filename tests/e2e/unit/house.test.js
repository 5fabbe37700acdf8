// What the architecture test holds Rust to, for scripts and style sheets: no file grows too long, and each says what it is.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '../../..');
const LINES_MAX = 500;

/** @param {string} below @returns {string[]} */
function files(below) {
  return readdirSync(join(ROOT, below), { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'results') return [];
    const path = join(below, entry.name);
    return entry.isDirectory() ? files(path) : [path];
  });
}

const known = [...files('src'), ...files('tests/e2e')].filter((path) => /\.(m?js|cjs|css)$/.test(path));

test('no file grows too long', () => {
  assert.ok(known.length > 100, 'they are where they are looked for');
  const long = known.map((path) => [path, readFileSync(join(ROOT, path), 'utf8').split('\n').length - 1]).filter(([, lines]) => Number(lines) > LINES_MAX);
  assert.deepEqual(long, []);
});

test('every script says what it is', () => {
  const silent = known.filter((path) => !path.endsWith('.css')).filter((path) => {
    const [first = '', second = ''] = readFileSync(join(ROOT, path), 'utf8').split('\n');
    return !/^\/[/*]/.test(first === '"use strict";' || first.startsWith('#!') ? second : first);
  });
  assert.deepEqual(silent, []);
});
