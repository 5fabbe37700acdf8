// `waylight check`: all faults at once, each with its place and a hint.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { configuration } from '../lib/config.js';
import { Waylight } from '../lib/waylight.js';

const SOUND = configuration({ upstream: 'http://127.0.0.1:3000' });
const SECRET = 'a-secret-that-nobody-may-ever-see-printed';

/** @param {string} toml */
async function check(toml) {
  const waylight = await Waylight.spawn(['check', '--config', 'proxy.toml'], { files: { 'proxy.toml': toml } });
  const code = await waylight.exited;
  await waylight.stop();
  return { code, text: waylight.lines.items.join('\n') };
}

test('a sound file has no faults', async () => {
  const { code, text } = await check(SOUND);
  assert.equal(code, 0, text);
});

test('faults of different tables are reported together, with line, column and hint', async () => {
  const faulty = `${SOUND}
[limits]
conections_max = 7
[access]
secrets = ["${SECRET}"]
session_ttl = "soon"
`;
  const { code, text } = await check(faulty);
  assert.equal(code, 3, text);
  const line = faulty.split('\n').findIndex((it) => it.startsWith('conections_max')) + 1;
  assert.ok(text.includes(`${line}:1`), text);
  assert.match(text, /did you mean `connections_max`/);
  assert.match(text, /session_ttl/);
  assert.ok(!text.includes(SECRET), 'a secret was printed');
  assert.ok(!text.includes('\u001b'), 'no colours in a pipe');
});

test('a file that is no TOML is refused with its place', async () => {
  const { code, text } = await check('[[listener\n');
  assert.equal(code, 3, text);
  assert.match(text, /1:\d+/);
});

test('a file that is not there is named', async () => {
  const waylight = await Waylight.spawn(['check', '--config', 'nowhere.toml']);
  const code = await waylight.exited;
  await waylight.stop();
  assert.notEqual(code, 0);
  assert.match(waylight.lines.items.join('\n'), /nowhere\.toml/);
});
