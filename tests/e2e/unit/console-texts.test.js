// What people read and write in the console: numbers, searches, header fields, commands, times.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { complete, suggestions, termAt, terms, toggled } from '../../../src/console/web/model/find.js';
import { bytes, count, duration, readable, short, spoken, things } from '../../../src/console/web/model/format.js';
import { curl, difference } from '../../../src/console/web/model/headers.js';
import { matches } from '../../../src/console/web/model/palette.js';
import { fill, phasesOf } from '../../../src/console/web/model/phases.js';
import { siteAddress } from '../../../src/console/web/model/site.js';
import { rangeLabel, rangeOf } from '../../../src/console/web/model/range.js';

test('lengths of time', () => {
  const cases = [
    [0, '0'], [0.32, '320 ns'], [1, '1 µs'], [4.4, '4.4 µs'], [320, '320 µs'], [999.4, '999 µs'], [999.7, '1 ms'], [4432, '4.4 ms'], [99_960, '100 ms'],
    [464_100, '464 ms'], [999_600, '1.00 s'], [1_350_000, '1.35 s'], [12_340_000, '12.3 s'], [59_990_000, '60.0 s'], [125e6, '2 min 5 s'], [120e6, '2 min'],
    [2 * 3600e6 + 300e6, '2 h 5 min'], [-4432, '−4.4 ms'],
  ];
  for (const [us, text] of cases) assert.equal(duration(Number(us)), text);
  assert.equal(spoken(4432), '4.4 milliseconds');
  assert.equal(spoken(125e6), '2 minutes 5 seconds');
});

test('octets and counts', () => {
  assert.deepEqual([0, 999, 61_204, 999_600, 3e9].map(bytes), ['0 B', '999 B', '61.2 kB', '1 MB', '3 GB']);
  assert.deepEqual([7, 1234, 38_204, 1_000_000].map(count), ['7', '1,234', '38,204', '1,000,000']);
  assert.deepEqual([9_999, 38_204, 1_000_000, 2.5e9].map(short), ['9,999', '38.2 k', '1 M', '2.5 G']);
  assert.deepEqual([things(1, 'span'), things(24, 'span'), things(2, 'query', 'queries')], ['1 span', '24 spans', '2 queries']);
});

test('the terms of a search', () => {
  assert.deepEqual(terms(' a  "b c" path:"x y" -d').map((term) => term.text), ['a', '"b c"', 'path:"x y"', '-d']);
  assert.deepEqual(termAt('a status:5', 10), { text: 'status:5', at: 2 });
  assert.deepEqual(termAt('a ', 2), { text: '', at: 2 });
});

test('what may come next is offered', () => {
  const none = () => [];
  const labels = (/** @type {string} */ text, seen = /** @type {(field: string) => string[]} */ (none)) => suggestions(text, text.length, seen).map((one) => one.label);
  assert.deepEqual(labels('st'), ['status:']);
  assert.ok(labels('').includes('status:'));
  assert.deepEqual(labels('status:5'), ['status:5xx']);
  assert.deepEqual(labels('-cache:m'), ['cache:miss']);
  assert.equal(suggestions('-cache:m', 8, none)[0]?.insert, '-cache:miss');
  assert.deepEqual(labels('path:/a', (field) => (field === 'path' ? ['/api/cart', '/x'] : [])), ['path:/api/cart']);
  assert.equal(suggestions('route:', 6, () => ['a b'])[0]?.insert, 'route:"a b"');
  // What was copied out of a log.
  const trace = '0af7651916cd43dd8448eb211c80319c';
  for (const text of [trace, `00-${trace}-b7ad6b7169203331-01`, trace.toUpperCase()]) {
    assert.deepEqual(suggestions(text, text.length, none).map((one) => one.insert), [`trace:${trace}`, `id:${trace}`], text);
  }
  assert.deepEqual(suggestions('facade', 6, none), []);
  assert.deepEqual(labels('nothing-like-it'), []);
  assert.deepEqual(complete('a st b', 4, 'status:'), { text: 'a status: b', at: 9 });
  assert.deepEqual(complete('st', 2, 'status:5xx'), { text: 'status:5xx ', at: 11 });
  assert.equal(toggled('a status:5xx', 'status:5xx'), 'a');
  assert.equal(toggled('a', '>1s'), 'a >1s');
});

test('which time is meant', () => {
  const now = 10_000e6;
  assert.deepEqual(rangeOf({}, now), { from: now - 1800e6, to: null, slides: true });
  assert.deepEqual(rangeOf({ range: '5m' }, now), { from: now - 300e6, to: null, slides: true });
  assert.deepEqual(rangeOf({ range: 'all' }, now), { from: null, to: null, slides: true });
  assert.deepEqual(rangeOf({ from: '5', to: '9' }, now), { from: 5, to: 9, slides: false });
  assert.equal(rangeOf({ from: '9', to: '5' }, now).slides, true);
  assert.equal(rangeLabel({ range: '1h' }), 'Last hour');
  assert.match(rangeLabel({ from: '1000000', to: '61000000' }), /^1 Jan, \d\d:\d\d:01 – \d\d:\d\d:01$/);
});

test('header fields through the edge', () => {
  const lines = difference(
    [['Host', 'a.test'], ['Accept', 'x'], ['Cookie', 'a=1'], ['X-Same', '1'], ['X-Same', '2']],
    [['host', 'a.test'], ['x-forwarded-for', '203.0.113.7'], ['accept', 'y'], ['x-same', '1'], ['x-same', '2']],
  );
  assert.deepEqual(lines.map(({ mark, name, value }) => `${{ same: ' ', added: '+', removed: '-' }[mark]}${name}: ${value}`), [
    ' host: a.test', '+x-forwarded-for: 203.0.113.7', '-accept: x', '+accept: y', ' x-same: 1', ' x-same: 2', '-cookie: a=1',
  ]);
});

test('a request as a command, whatever is in it', () => {
  const base = { method: 'GET', scheme: /** @type {const} */ ('http'), host: 'a.test', path: "/it's", query: 'a=1&b=$(x)' };
  assert.equal(curl(base).command, `curl 'http://a.test/it'\\''s?a=1&b=$(x)' --compressed`);
  assert.equal(
    curl({ ...base, method: 'POST', path: '/', query: '' }, { port: '8080', fields: [['Host', 'a.test'], ['accept', '*/*'], [':method', 'POST']] }).command,
    `curl 'http://a.test:8080/' --request 'POST' --header 'accept: */*' --compressed`,
  );
  assert.equal(curl({ ...base, path: '/a/../b', query: 'f[]={1}' }, { fields: [['x-empty', '']] }).command, `curl 'http://a.test/a/../b?f[]={1}' --globoff --path-as-is --header 'x-empty;' --compressed`);
});

test('a command goes without what was hidden, and says so', () => {
  const { command, hidden } = curl({ method: 'GET', scheme: 'https', host: 'a.test', path: '/', query: 'token=REDACTED' }, { fields: [['cookie', 'REDACTED'], ['accept', '*/*'], ['Authorization', 'REDACTED']] });
  assert.equal(command, "curl 'https://a.test/?token=REDACTED' --header 'accept: */*' --compressed");
  assert.deepEqual(hidden, ['values of the query', 'cookie', 'Authorization']);
});

test('an address is read as people write it, unless that could be taken for another', () => {
  for (const [sent, shown] of [
    ['/caf%C3%A9/%e3%83%86', '/caf\u00e9/\u30c6'], ['/%F0%9F%92%A5?q=%C3%BC', '/\u{1f4a5}?q=\u00fc'], ['/a%2Fb%20c%25%2e%2e', '/a%2Fb%20c%25%2e%2e'],
    ['/%E2%80%AEgpj', '/%E2%80%AEgpj'], ['/%E2%81%84%EF%BC%8F', '/%E2%81%84%EF%BC%8F'], ['/%D7%90/%D7%91', '/%D7%90/%D7%91'], ['/%CC%81', '/%CC%81'],
    ['/%D0%B0dmin', '/%D0%B0dmin'], ['/p%CE%B1y', '/p%CE%B1y'], ['/%D0%BF%D1%83%D1%82%D1%8C/a%2F%D0%BF', '/\u043f\u0443\u0442\u044c/a%2F\u043f'], ['/admin%E3%85%A4', '/admin%E3%85%A4'],
    ['/caf%C3%A9%EF%B8%8F', '/caf\u00e9%EF%B8%8F'], ['/%C3', '/%C3'], ['/%FF%FE', '/%FF%FE'], ['/%', '/%'],
  ]) assert.equal(readable(sent ?? ''), shown);
});

test('phases have names, and bars have lengths that tell', () => {
  const phases = phasesOf({ upstream: 'app', phases: [['route', 0, 5], ['connect', 5, 0], ['wait', 5, 20], ['respond', 25, 2]] });
  assert.deepEqual(phases.map(({ name, by }) => [name, by]), [['Routing', 'edge'], ['Reaching app', 'net'], ['Waiting for app', 'app'], ['Sending the response', 'edge']]);
  assert.equal(phasesOf({ upstream: '', phases: [['respond', 0, 1]] })[0]?.name, 'Answering');
  assert.equal(phasesOf({ upstream: '', phases: [['novel', 0, 1]] })[0]?.name, 'novel');
  const lengths = [0, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e9].map(fill);
  assert.ok(lengths.every((length, index) => length > 0 && length <= 1 && length >= (lengths[index - 1] ?? 0)));
});

test('where the site is, seen from elsewhere', () => {
  const config = (/** @type {string} */ address, tls = 'false') => `workers = 2\n\n[[listener]]\naddress = "${address}"\ntls = ${tls}\nhttp2 = true\n`;
  const here = { origin: 'http://127.0.0.1:9180', port: '9180' };
  assert.equal(siteAddress(config('0.0.0.0:8080'), here), 'http://localhost:8080');
  assert.equal(siteAddress(config('192.0.2.7:443', 'true'), here), 'https://192.0.2.7');
  assert.equal(siteAddress(config('[::]:8443', 'true'), here), 'https://localhost:8443');
  assert.equal(siteAddress(config('127.0.0.1:9180'), here), here.origin, 'it is here');
  assert.equal(siteAddress(config('127.0.0.1:0'), here), here.origin, 'nobody knows');
  assert.equal(siteAddress('', here), here.origin);
});

test('the palette finds by beginning, word, part and letters; an id goes where it leads', () => {
  const run = () => {};
  const commands = [{ label: 'Settings', run }, { label: 'Open the trace', run, jump: () => run }, { label: 'Show sessions', run }, { label: 'Pause', run }];
  assert.deepEqual(matches(commands, 'se').map((one) => one.label), ['Settings', 'Show sessions', 'Pause']);
  assert.deepEqual(matches(commands, 'sss').map((one) => one.label), ['Show sessions']);
  for (const id of ['a'.repeat(32), ` ${'A'.repeat(32)}\n`, `00-${'a'.repeat(32)}-b7ad6b7169203331-01`]) assert.deepEqual(matches(commands, id).map((one) => one.label), ['Open the trace'], id);
  assert.deepEqual(matches(commands, '~'), []);
});
