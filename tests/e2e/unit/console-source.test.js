// Where the list of the Logs gets its requests from, with an API and a stream that the test plays.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';

import { Source } from '../../../src/console/web/views/logs/source.js';

/** @import { Api, Live, LiveListener, LiveState } from '../../../src/console/web/model/contract.js' */

/** The pages that are asked for, and what the stream says. */
function stage() {
  /** @type {{ path: string, query: any }[]} */
  const asked = [];
  /** @type {LiveListener | null} */
  let listener = null;
  /** @type {((state: LiveState) => void) | null} */
  let watcher = null;
  /** @type {Error | null} */
  let fault = null;
  /** @type {unknown[]} */
  const failed = [];
  let loaded = 0;
  const api = /** @type {any} */ ({
    get: async (/** @type {string} */ path, /** @type {{ query: any }} */ { query }) => {
      asked.push({ path, query });
      if (fault) throw fault;
      return path === '/requests' ? { items: [], next: null, excluded_by: {} } : { all: [] };
    },
  });
  const live = /** @type {any} */ ({
    follow: (/** @type {string[]} */ _, /** @type {LiveListener} */ heard) => ((listener = heard), () => (listener = null)),
    watch: (/** @type {(state: LiveState) => void} */ watch) => ((watcher = watch), () => (watcher = null)),
  });
  const source = new Source(/** @type {Api} */ (api), /** @type {Live} */ (live), {
    changed: () => {}, loaded: () => void (loaded += 1), failed: (error) => failed.push(error), histogram: () => {}, gap: () => {},
  });
  return {
    source, asked, failed,
    /** @param {Error | null} with_ */
    breaks: (with_) => (fault = with_),
    hears: () => listener?.([{ number: 1, name: 'request', data: { id: 'a', ts_us: 1, page_id: null, trace_id: null, session_id: null } }]),
    opens: () => watcher?.('open'),
    get loaded() {
      return loaded;
    },
    /** How often something was asked for. @param {string} path @param {string} [q] */
    count: (path, q) => asked.filter((one) => one.path === path && (q === undefined || one.query.q === q)).length,
  };
}

/** Lets answers arrive. */
const settle = () => new Promise((/** @type {(value?: undefined) => void} */ resolve) => setImmediate(resolve));

describe('the source of the Logs', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  test('another search is asked again too, whatever the one before was waiting for', async () => {
    const it = stage();
    await it.source.open({ q: 'first' });
    it.hears();
    await it.source.open({ q: 'second' });
    const [pages, bars] = [it.count('/requests', 'second'), it.count('/requests/histogram')];
    it.hears();
    mock.timers.tick(3000);
    await settle();
    assert.equal(it.count('/requests', 'second'), pages + 1, 'the list was asked for again');
    assert.equal(it.count('/requests/histogram'), bars + 1, 'and so were the bars');
    it.source.close();
  });

  test('what could not be had is asked for when the stream is back, and not before', async () => {
    const it = stage();
    it.breaks(new Error('no'));
    await it.source.open({ q: '(' });
    assert.equal(it.failed.length, 1);
    const before = it.count('/requests');
    it.hears();
    mock.timers.tick(5000);
    await settle();
    assert.equal(it.count('/requests'), before);
    it.breaks(null);
    it.opens();
    await settle();
    assert.equal(it.count('/requests'), before + 1);
    assert.equal(it.loaded, 1);
    it.source.close();
  });
});
