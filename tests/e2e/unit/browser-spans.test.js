// The pure part of the agent in traced pages: when a root ends, what spans are made of entries, vitals, and the message.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { actOf, edgeOf, endOf, frame, Idle, message, otlp, resource, route, selector, steps, Vitals } from '../../../src/console/web/toolbar/agent/spans.js';
import { spansOfJson } from '../lib/otlp.js';

/** A root, and a clock that is moved by hand. @param {number} [left] */
function idle(left = 30_000) {
  let now = 0;
  /** @type {{ at: number, run: () => void, isOff?: boolean }[]} */ const timers = [];
  /** @type {string[]} */ const ends = [];
  const root = new Idle(left, (run, ms) => {
    const timer = { at: now + ms, run, isOff: false };
    timers.push(timer);
    return () => { timer.isOff = true; };
  }, (reason) => ends.push(`${reason} at ${now}`));
  const pass = (/** @type {number} */ ms) => {
    for (const until = now + ms; ;) {
      const [next] = timers.filter((timer) => !timer.isOff && timer.at <= until).sort((a, b) => a.at - b.at);
      if (!next) return void (now = until);
      now = next.at;
      next.isOff = true;
      next.run();
    }
  };
  return { root, pass, ends };
}

describe('a root', () => {
  test('is over when nothing happened for a second', () => {
    const { root, pass, ends } = idle();
    root.ready();
    pass(900);
    root.begins('a');
    pass(5_000);
    root.ends('a', 5_900);
    pass(999);
    assert.deepEqual(ends, []);
    pass(1);
    assert.deepEqual([ends, root.latest], [['idleTimeout at 6900'], 5_900]);
    root.finish('documentHidden');
    assert.equal(ends.length, 1, 'it ends once');
  });

  test('of a page load does not end before its document is there', () => {
    const { root, pass, ends } = idle();
    root.begins('a');
    root.ends('a', 100);
    pass(4_000);
    root.ready();
    pass(1_000);
    assert.deepEqual(ends, ['idleTimeout at 5000']);
  });

  test('does not wait for one call longer than 15 s, nor for all longer than 30', () => {
    const one = idle();
    one.root.ready();
    one.root.begins('a');
    one.pass(14_999);
    assert.deepEqual(one.ends, []);
    one.pass(1);
    assert.deepEqual(one.ends, ['heartbeatFailed at 15000']);
    const many = idle();
    many.root.ready();
    for (let at = 0; at < 20; at += 1) {
      many.root.begins(`${at}`);
      many.pass(2_000);
      many.root.ends(`${at}`, at);
    }
    assert.deepEqual(many.ends, ['finalTimeout at 30000']);
  });

  test('ends with the last thing in it', () => {
    assert.equal(endOf(100, 2_000, 900), 900);
    assert.equal(endOf(100, 2_000, 0), 2_000, 'nothing was in it');
    assert.equal(endOf(100, 2_000, 9_000), 2_000);
    assert.equal(endOf(100, 90_000, 80_000), 30_100);
    assert.equal(endOf(100, 2_000, 50), 100);
  });
});

test('a path has the most exact of the patterns', () => {
  const patterns = ['/*', '/products/*', '/products/:slug', '/products/new', '/products/:slug/reviews', '/api/*rest'];
  for (const [path, expect] of [
    ['/', '/*'], ['/a/b', '/*'], ['/products', '/products/*'], ['/products/', '/products/*'], ['/products/7', '/products/:slug'], ['/products/new', '/products/new'],
    ['/products/7/reviews', '/products/:slug/reviews'], ['/products/7/more', '/products/*'], ['/api', '/api/*rest'], ['/api/x/y', '/api/*rest'],
  ]) assert.equal(route(patterns, path ?? ''), expect, path);
  assert.equal(route(['/a'], '/b'), '');
});

describe('entries', () => {
  test('of a load are its steps; what did not happen is left out', () => {
    const entry = {
      name: 'https://shop.example/', redirectStart: 0, redirectEnd: 0, fetchStart: 2, domainLookupStart: 3, domainLookupEnd: 9, connectStart: 9, connectEnd: 30, secureConnectionStart: 0,
      requestStart: 31, responseStart: 80, responseEnd: 90, unloadEventStart: 0, unloadEventEnd: 0, domContentLoadedEventStart: 120, domContentLoadedEventEnd: 120, loadEventStart: 0, loadEventEnd: 0,
      transferSize: 900, encodedBodySize: 600, nextHopProtocol: 'h2', responseStatus: 200,
    };
    const made = steps(entry, 'f'.repeat(16));
    assert.deepEqual(made.map(({ op, start, end }) => [op, start, end]), [
      ['browser.cache', 2, 3], ['browser.dns', 3, 9], ['browser.connect', 9, 30], ['browser.request', 31, 90], ['browser.response', 80, 90], ['browser.dom_content_loaded_event', 120, 120],
    ]);
    const request = made.find(({ op }) => op === 'browser.request');
    assert.equal(request?.id, 'f'.repeat(16));
    assert.deepEqual([request?.attributes?.['network.protocol.name'], request?.attributes?.['network.protocol.version']], ['http', '2']);
  });

  test('of a file say which span of the edge hangs below', () => {
    Object.assign(globalThis, { location: { origin: 'https://shop.example' } });
    const [trace, span] = ['c'.repeat(32), 'a'.repeat(16)];
    const entry = { name: 'https://shop.example/a.js?b', startTime: 5, responseEnd: 9, initiatorType: 'script', nextHopProtocol: 'http/1.1', serverTiming: ['', 'abc-def', `${trace}-${span}`].map((description) => ({ name: 'edge', description })) };
    const made = resource(entry, 'def');
    assert.deepEqual([made.op, made.name, made.start, made.end, made.id, made.kind], ['resource.script', '/a.js', 5, 9, 'def', 3]);
    assert.deepEqual([made.attributes?.['network.protocol.name'], made.attributes?.['network.protocol.version']], ['http', '1.1']);
    assert.deepEqual(edgeOf(entry), [trace, span], 'a cache of the site\'s has an edge as well');
    assert.deepEqual(edgeOf({}), []);
    assert.equal(resource({ ...entry, name: 'https://cdn.example/x.png' }, undefined).name, 'https://cdn.example/x.png');
    assert.equal(resource({ ...entry, responseEnd: 0 }, undefined).end, 5, 'another origin does not tell');
  });

  test('of a long frame name the script that took longest', () => {
    const made = frame({ startTime: 1, duration: 80, blockingDuration: 30, scripts: [{ duration: 5, invoker: 'a' }, { duration: 60, invoker: 'b', sourceURL: '/app.js' }] });
    assert.deepEqual([made.attributes?.['browser.script.invoker'], made.attributes?.['code.filepath'], made.end], ['b', '/app.js', 81]);
    assert.equal(frame({ startTime: 1, duration: 80 }).op, 'ui.long_animation_frame', 'of a long task nothing more is known');
  });

  test('name elements and acts as people would', () => {
    const body = { localName: 'body', classList: [] }, list = { localName: 'ul', classList: ['menu', 'wide'], parentNode: body };
    assert.equal(selector({ localName: 'li', classList: [], parentNode: list }), 'body > ul.menu > li');
    assert.equal(selector({ localName: 'button', id: 'buy', parentNode: list }), 'button#buy');
    assert.equal(selector(null), undefined);
    assert.deepEqual(['pointerup', 'click', 'keydown', 'input', 'dragstart', 'mouseover'].map(actOf), ['click', 'click', 'press', 'press', 'drag', 'hover']);
  });
});

describe('vitals', () => {
  test('CLS is the worst window: less than a second between shifts, less than five in all', () => {
    const vitals = new Vitals();
    for (const [startTime, value] of [[100, 0.1], [900, 0.1], [2_000, 0.15], [2_500, 0.01]]) vitals.shifted({ startTime, value });
    vitals.shifted({ startTime: 2_600, value: 9, hadRecentInput: true });
    assert.ok(Math.abs(vitals.shift - 0.2) < 1e-9, `${vitals.shift}`);
    assert.deepEqual(vitals.shifts.map(({ startTime }) => startTime), [100, 900]);
    const long = new Vitals();
    for (let at = 0; at < 10; at += 1) long.shifted({ startTime: at * 900, value: 0.01 });
    assert.ok(Math.abs(long.shift - 0.06) < 1e-9, 'the window is over after five seconds');
  });

  test('INP is the slowest interaction, but for one of each fifty', () => {
    const vitals = new Vitals();
    assert.equal(vitals.slow(0), undefined);
    vitals.acted({ interactionId: 0, duration: 900 });
    for (let at = 1; at <= 60; at += 1) vitals.acted({ interactionId: at * 7, duration: at * 8 });
    vitals.acted({ interactionId: 420, duration: 500 });
    vitals.acted({ interactionId: 420, duration: 100 });
    assert.equal(vitals.slow(60)?.duration, 472, 'the second slowest');
    assert.equal(vitals.slow()?.duration, 472, 'where the browser does not count');
    assert.equal(vitals.slow(10)?.duration, 500);
  });
});

test('a message is OTLP', () => {
  const [trace, id] = ['c'.repeat(32), 'a'.repeat(16)], load = otlp({ op: 'pageload', name: '/', start: 0, end: 1, id, parent: null, trace, link: { trace, id } }, 1_700_000_000_000);
  const [root] = spansOfJson(message([JSON.stringify(load)], 0));
  assert.deepEqual([root?.links[0]?.attributes['sentry.link.type'], root?.parentSpanId], ['previous_trace', '']);
  const span = otlp({ op: 'http.client', name: 'GET shop.example', start: 1.25, end: 2.5, id: 'a'.repeat(16), parent: 'b'.repeat(16), trace: 'c'.repeat(32), kind: 3, error: '503', attributes: { whole: 7, part: 0.5, is: true, none: undefined, text: 'x'.repeat(3_000) }, link: { trace: 'd'.repeat(32), id: 'e'.repeat(16) } }, 1_700_000_000_000);
  const [read] = spansOfJson(message([JSON.stringify(span)], 3));
  assert.ok(read);
  assert.deepEqual([read.start, read.end, read.kind, read.status.code], [1_700_000_000_001_250_000n, 1_700_000_000_002_500_000n, 3, 2]);
  assert.deepEqual(Object.keys(read.attributes), ['sentry.op', 'whole', 'part', 'is', 'text', 'error.type']);
  assert.equal(String(read.attributes['text']).length, 2_000);
  assert.equal(read.links[0]?.attributes['sentry.link.type'], 'request_trace');
  assert.equal(Number(read.resource['browser.spans_dropped']), 3);
});
