// The toolbar in pages that know nothing of it, or do not want it: it stays, and they do not notice.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { launch, signIn } from '../lib/browser.js';
import { configuration } from '../lib/config.js';
import { Toolbar } from '../lib/toolbar.js';
import { Upstream, htmlPage } from '../lib/upstream.js';
import { Waylight } from '../lib/waylight.js';

/** @import { Browser, BrowserContext, Page } from 'playwright-core' */

const BODY = '<h1>Shop</h1><p>Some text.</p><button id="b">Buy</button><input id="i">';
/** @param {string} head @param {string} [body] */
const html = (head, body = BODY) => htmlPage(`<!doctype html><html><head><title>shop</title>${head}</head><body>${body}</body></html>`);

const HOSTILE = `<script>
Object.prototype.headers = { x: 1 }; Object.prototype.method = 'PUT'; Object.prototype.token = 'no'; Object.prototype.hidden = 1;
const { push, map, [Symbol.iterator]: iterator } = Array.prototype;
Array.prototype.push = Array.prototype.map = Array.prototype[Symbol.iterator] = () => { throw new Error('mine'); };
window.addEventListener('load', () => {
  Object.assign(Array.prototype, { push, map, [Symbol.iterator]: iterator });
  window.setTimeout = window.fetch = document.createElement = document.querySelectorAll = () => { throw new Error('mine'); };
  Element.prototype.attachShadow = Element.prototype.append = EventTarget.prototype.addEventListener = () => { throw new Error('mine'); };
});
</script><img name="createElement" alt=""><form name="currentScript"></form>${['documentElement', 'hidden', 'prerendering', 'readyState'].map((name) => `<form name="${name}"></form>`).join('')}`;

describe('the toolbar in all kinds of pages', () => {
  /** @type {Upstream} */ let upstream;
  /** @type {Waylight} */ let waylight;
  /** @type {Browser} */ let browser;
  /** @type {BrowserContext} */ let context;
  /** @type {Page} */ let page;
  /** @type {Toolbar} */ let toolbar;
  /** @type {string[]} */ let errors;

  before(async () => {
    upstream = await Upstream.start({
      '/base': html('<base href="https://elsewhere.example/">'),
      '/css': html('<style>*,*::before{all:unset!important;position:static!important;transform:scale(9)!important;font:90px fantasy!important}html>:not(head){opacity:0!important;display:none!important}</style>'),
      '/frames': html('', '<iframe src="/" width="300" height="200"></iframe><p>outside</p>'),
      '/frozen': html('<script>Object.freeze(Object.prototype);Object.freeze(Array.prototype);Object.freeze(Element.prototype);Object.freeze(window.JSON);</script>'),
      '/hostile': html(HOSTILE),
      '/lcp': html('', '<h1 id="big" style="font-size:80px;width:500px">The largest text</h1>'),
      '/overridden': html('<script>window.fetch = () => { throw new TypeError("mine"); };</script>'),
      '/clearing': html('<script>setInterval(() => document.querySelectorAll("html > :not(head, body)").forEach((each) => each.remove()), 100)</script>'),
      '/rtl': htmlPage(`<!doctype html><html dir="rtl"><head><title>shop</title></head><body>${BODY}</body></html>`),
      '/removing': html('<script>new MutationObserver(() => document.querySelectorAll("html > :not(head, body)").forEach((each) => each.remove())).observe(document, { childList: true, subtree: true })</script>'),
      '*': html(''),
    });
    waylight = await Waylight.run(configuration({ upstream: upstream.url }));
    browser = await launch();
    context = await browser.newContext();
    page = await context.newPage();
    page.on('pageerror', (error) => errors.push(error.message));
    errors = [];
    toolbar = new Toolbar(page);
    await signIn(page, await waylight.link());
  });

  after(async () => {
    await browser?.close();
    await waylight?.stop();
    upstream?.stop();
  });

  const isThere = () => toolbar.until('the bar', () => toolbar.part('.pill b'));
  /** @param {string} path */
  const visit = async (path) => {
    errors = [];
    await page.goto(waylight.origin + path);
    return isThere();
  };
  /** Whether a click at its place is the toolbar's. */
  const isOnTop = async () => {
    const { x, y, width, height } = await isThere();
    return page.evaluate(([x, y]) => document.elementFromPoint(x ?? 0, y ?? 0)?.localName === 'waylight-toolbar', [x + width / 2, y + height / 2]);
  };

  test('a style sheet that resets everything does not reach it', async () => {
    await visit('/css');
    const pill = await toolbar.part('.pill');
    const view = page.viewportSize();
    assert.equal(pill?.height, 38);
    assert.equal(Math.round((pill?.x ?? 0) + (pill?.width ?? 0)), (view?.width ?? 0) - 16);
    assert.ok(await isOnTop());
    await toolbar.open();
    assert.equal((await toolbar.part('.panel'))?.width, 348);
  });

  test('a base elsewhere does not lead it astray', async () => {
    await visit('/base');
    await toolbar.open();
    assert.equal(await toolbar.link('View previous session traces'), '/_waylight/sessions');
    await Promise.all([page.waitForEvent('load'), toolbar.choose('Run page trace')]);
    await toolbar.until('the trace', async () => /^Trace ready/.test(await toolbar.toast()));
  });

  test('frozen and overridden built-ins do not break it, and it does not break the page', async () => {
    await visit('/frozen');
    await toolbar.open();
    assert.deepEqual(errors, []);
    // What is broken until the page has loaded is what the toolbar begins with; what is broken then, what it goes on with.
    const { width } = await visit('/hostile');
    assert.ok(width > 0);
    assert.equal(await page.locator('#b').innerText(), 'Buy');
    assert.deepEqual(errors, []);
  });

  test('a page that removes what it does not know is not fought', async () => {
    await page.goto(`${waylight.origin}/removing`);
    const times = await page.evaluate(
      () => new Promise((resolve) => {
        let count = 0;
        const observer = new MutationObserver((changes) => { for (const change of changes) count += change.addedNodes.length; });
        observer.observe(document.documentElement, { childList: true });
        setTimeout(() => resolve(count), 3_000);
      }),
    );
    assert.ok(Number(times) > 0 && Number(times) < 12, `it came back ${times} times in three seconds`);
  });

  test('a page that removes every unknown element ten times a second has none for most of the time, and no error', async () => {
    await visit('/clearing');
    const frames = 120;
    const there = await page.evaluate(async (all) => {
      let count = 0;
      for (let frame = 0; frame < all; frame += 1) {
        await new Promise(requestAnimationFrame);
        if (document.querySelector('waylight-toolbar')) count += 1;
      }
      return count;
    }, frames);
    assert.ok(there < frames / 2, `it was there in ${there} of ${frames} frames`);
    await isThere();
    assert.deepEqual(errors, []);
  });

  test('where the page put something broken in place of fetch, commands are navigations', async () => {
    // In a traced page the toolbar would have the browser's own.
    const tab = await (await browser.newContext()).newPage(), bar = new Toolbar(tab);
    await signIn(tab, await waylight.link());
    await tab.goto(`${waylight.origin}/overridden`);
    const [asked] = await Promise.all([tab.waitForRequest(/_waylight\/command\?do=page/), bar.choose('Run page trace')]);
    assert.match(asked.url(), /to=%2Foverridden/);
    await bar.until('the traced page', async () => (await tab.locator('script[data-waylight*="trace"]').count()) > 0);
    await tab.context().close();
  });

  test('corners are corners in a page that reads from right to left, too', async () => {
    await visit('/rtl');
    for (const [place, x, y] of /** @type {const} */ ([['bl', 16, undefined], ['tl', 16, 16], ['br', undefined, undefined]])) {
      await page.evaluate((where) => { localStorage.setItem('waylight.place', where); }, place);
      await page.reload();
      await isThere();
      const pill = await toolbar.part('.pill'), view = page.viewportSize();
      assert.equal(Math.round(pill?.x ?? 0), x ?? (view?.width ?? 0) - 16 - Math.round(pill?.width ?? 0), place);
      if (y) assert.equal(pill?.y, y, place);
    }
    await page.evaluate(() => localStorage.clear());
  });

  test('it keeps still for whoever wants that, and is drawn in the colours of a system that forces them', async () => {
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await visit('/');
    assert.deepEqual(await toolbar.style('.pill', 'transition-property', 'animation-name'), ['none', 'none']);
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    assert.deepEqual(await toolbar.style('.pill', 'transition-property'), ['background']);
    await page.emulateMedia({ reducedMotion: null, forcedColors: 'active' });
    await toolbar.open();
    const [canvas, text] = await page.evaluate(() => ['Canvas', 'CanvasText'].map((color) => {
      const made = document.body.appendChild(Object.assign(document.createElement('i'), { style: `color:${color}` }));
      return getComputedStyle(made).color;
    }));
    for (const part of ['.pill', '.panel']) assert.deepEqual(await toolbar.style(part, 'background-color', 'color', 'border-top-style'), [canvas, text, 'solid'], part);
    const [outline, fill] = await toolbar.style('dl i', 'outline-style', 'background-color');
    assert.deepEqual([outline, fill !== canvas], ['solid', true], 'bars keep their fill and an outline');
    assert.deepEqual(await toolbar.style('[aria-selected]', 'outline-style'), ['solid']);
    assert.deepEqual(await toolbar.style('li button svg', 'color'), [text], 'icons are seen');
    await page.emulateMedia({ forcedColors: null });
  });

  test('LCP is framed in the page while the pointer is on it, and nothing of the page changes', async () => {
    await visit('/lcp');
    const before = await page.content();
    await toolbar.open();
    const told = await toolbar.until('LCP', () => toolbar.part('h2 span', 'LCP'));
    await page.mouse.move(told.x + 5, told.y + 5);
    const frame = await toolbar.until('the frame', () => toolbar.part('.frame'));
    const element = await page.locator('#big').boundingBox();
    assert.deepEqual([frame.x, frame.y, frame.width, frame.height], [element?.x, element?.y, element?.width, element?.height]);
    assert.equal(await page.content(), before);
    await page.mouse.move(5, 5);
    await toolbar.until('its absence', async () => !(await toolbar.part('.frame')));
    await page.keyboard.press('Escape');
  });

  test('its menu is a modal dialog above one of the page, and the focus goes back', async () => {
    await visit('/');
    await page.evaluate(() => {
      const dialog = document.createElement('dialog');
      const button = document.createElement('button');
      button.id = 'inside';
      dialog.append(button);
      document.body.append(dialog);
      dialog.showModal();
      button.focus();
    });
    await page.keyboard.press('Alt+Shift+KeyT');
    await toolbar.until('the palette', () => toolbar.part('.panel:modal li'));
    await page.keyboard.type('previous');
    assert.deepEqual(await toolbar.entries(), ['View previous session traces']);
    await page.keyboard.press('Escape');
    const after = await page.evaluate(() => [document.activeElement?.id, document.querySelector('dialog')?.open]);
    assert.deepEqual(after, ['inside', true]);
  });

  test('it survives pushState, a new body and a new document element', async () => {
    await visit('/');
    await page.evaluate(() => history.pushState(null, '', '/route/2'));
    assert.ok(await isOnTop());
    await page.evaluate(() => { document.body = document.createElement('body'); });
    assert.ok(await isOnTop());
    await page.evaluate(() => {
      const root = document.createElement('html');
      root.append(document.createElement('head'), document.createElement('body'));
      document.replaceChild(root, document.documentElement);
    });
    await toolbar.until('its return', async () => (await toolbar.exists()) === 1);
    assert.ok(await isOnTop());
    await page.keyboard.press('Alt+Shift+KeyT');
    await toolbar.until('the menu', () => toolbar.part('.panel li'));
  });

  test('frames have none', async () => {
    await visit('/frames');
    assert.equal(await toolbar.exists(), 1);
    for (const frame of page.frames().slice(1)) {
      assert.equal(await frame.evaluate(() => document.querySelectorAll('waylight-toolbar, script[data-waylight]').length), 0);
    }
  });

  test('it is not printed', async () => {
    await visit('/');
    await page.emulateMedia({ media: 'print' });
    assert.equal(await toolbar.isShown(), false);
    await page.emulateMedia({ media: null });
    assert.equal(await toolbar.isShown(), true);
  });

  test('nothing of the page is patched, and its layout does not shift', async () => {
    const look = () => {
      const native = (/** @type {any} */ value) => /\[native code\]/.test(Function.prototype.toString.call(value));
      const names = { fetch: window.fetch, open: XMLHttpRequest.prototype.open, send: XMLHttpRequest.prototype.send, pushState: history.pushState, replaceState: history.replaceState, listen: EventTarget.prototype.addEventListener, attach: Element.prototype.attachShadow };
      return { globals: Object.keys(window).sort(), native: Object.entries(names).map(([name, value]) => [name, native(value)]), own: Object.keys(history) };
    };
    await visit('/');
    await toolbar.open();
    await page.keyboard.press('Escape');
    const shift = await page.evaluate(
      () => new Promise((resolve) => {
        let sum = 0;
        new PerformanceObserver((list) => { for (const entry of /** @type {any[]} */ (list.getEntries())) if (!entry.hadRecentInput) sum += entry.value; }).observe({ type: 'layout-shift', buffered: true });
        setTimeout(() => resolve(sum), 200);
      }),
    );
    assert.equal(shift, 0);
    const seen = await page.evaluate(look);
    const stranger = await (await browser.newContext()).newPage();
    await stranger.goto(waylight.origin);
    assert.deepEqual(seen, await stranger.evaluate(look));
    await stranger.context().close();
  });

  test('pages stay in the back/forward cache', async () => {
    await visit('/');
    await page.evaluate(() => {
      addEventListener('pageshow', (event) => { Object.assign(window, { persisted: event.persisted }); });
    });
    await page.goto(`${waylight.origin}/other`);
    await isThere();
    await page.goBack();
    const reasons = await page.evaluate(() => JSON.stringify(/** @type {any} */ (performance.getEntriesByType('navigation')[0])?.notRestoredReasons ?? null));
    assert.doesNotMatch(reasons, /unload|websocket|broadcast|serviceworker/i);
    await isThere();
  });

  test('it is dragged to a corner and stays there', async () => {
    const { x, y } = await visit('/');
    await page.mouse.move(x + 4, y + 4);
    await toolbar.until('the panel to be loaded', () => toolbar.isLoaded());
    await page.mouse.down();
    await page.mouse.move(300, 200, { steps: 3 });
    await page.mouse.move(40, 40, { steps: 3 });
    await page.mouse.up();
    const corner = await toolbar.part('.pill');
    assert.deepEqual([corner?.x, corner?.y], [16, 16]);
    assert.equal(await toolbar.part('.panel li'), undefined, 'a drag is no click');
    await page.reload();
    const again = await isThere().then(() => toolbar.part('.pill'));
    assert.deepEqual([again?.x, again?.y], [16, 16]);
    await page.evaluate(() => localStorage.clear());
  });

  test('it is dragged by the first finger that touches it', async () => {
    const context = await browser.newContext({ hasTouch: true }), tab = await context.newPage(), bar = new Toolbar(tab);
    await signIn(tab, await waylight.link());
    await tab.goto(waylight.origin);
    const { x, y } = await bar.until('the bar', () => bar.part('.pill b'));
    const client = await context.newCDPSession(tab);
    const touch = (/** @type {'touchStart' | 'touchMove' | 'touchEnd'} */ type, /** @type {{ x: number, y: number }[]} */ ...touchPoints) => client.send('Input.dispatchTouchEvent', { type, touchPoints });
    await touch('touchStart', { x: x + 4, y: y + 4 });
    for (const [toX, toY] of [[300, 200], [120, 90], [40, 40]]) await touch('touchMove', { x: toX ?? 0, y: toY ?? 0 });
    await touch('touchEnd');
    await bar.until('the corner', async () => {
      const corner = await bar.part('.pill');
      return corner?.x === 16 && corner.y === 16;
    });
    await context.close();
  });

  test('it hides on a page, for a session, from the start; and the shortcut shows it', async () => {
    await visit('/');
    await toolbar.choose('Hide on this page');
    await toolbar.until('its absence', async () => !(await toolbar.isShown()));
    await page.reload();
    await isThere();
    await toolbar.choose('Hide for this session');
    await page.reload();
    await toolbar.until('the hidden bar', async () => (await toolbar.exists()) === 1);
    assert.equal(await toolbar.isShown(), false);
    await page.focus('#i');
    await page.keyboard.press('Alt+Shift+KeyT');
    assert.equal(await toolbar.isShown(), false, 'somebody is typing');
    await page.focus('#b');
    await page.keyboard.press('Alt+Shift+KeyT');
    await toolbar.until('the menu', () => toolbar.part('.panel li'));
    await toolbar.choose('Start hidden');
    await page.reload();
    await toolbar.until('the hidden bar', async () => (await toolbar.exists()) === 1);
    assert.equal(await toolbar.isShown(), false);
    await page.evaluate(() => { localStorage.clear(); sessionStorage.clear(); });
  });
});
