// Draws docs/images: the demo in a browser, and what its terminal says. Run by `npm run screenshots`.

import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { launch, press, signIn } from './lib/browser.js';
import { SHOP, otlp, spanId } from './lib/made.js';
import { Waylight } from './lib/waylight.js';

/** @import { Browser, Page } from 'playwright-core' */

const IMAGES = resolve(import.meta.dirname, '../../docs/images');
const RESULTS = resolve(import.meta.dirname, 'results');
const PAGE = '/products/harbour-lantern';
/** The 16 colours of a terminal, the bright ones behind. */
const COLOURS = [
  '#5c6370', '#e06c75', '#98c379', '#e5c07b', '#61afef', '#c678dd', '#56b6c2', '#d7dae0',
  '#7f848e', '#ff7b86', '#b5e08f', '#ffd68a', '#82c4ff', '#e29bf5', '#7fd7e0', '#ffffff',
];

await mkdir(RESULTS, { recursive: true });
const waylight = await Waylight.demo([], { env: { NO_COLOR: '', CLICOLOR_FORCE: '1' } });
const browser = await launch();
try {
  const page = await browser.newPage({ viewport: { width: 760, height: 640 }, colorScheme: 'light' });
  const shoot = (/** @type {string} */ name) => page.screenshot({ path: join(RESULTS, `${name}.png`) });
  await page.goto(waylight.signInLink);
  await shoot('sign-in');
  await signIn(page, waylight.signInLink);
  await page.goto(`${waylight.origin}/_waylight/plain`);
  await shoot('signed-in');
  await press(page, /^start/i);
  await shoot('started');
  // The first request of all: its trace shows how the shop's process starts.
  const before = waylight.lines.items.length;
  await page.goto(`${waylight.origin}${PAGE}`);
  await page.getByText('★').first().waitFor();
  const shop = await shoot('product');
  await waylight.lines.until('the tree of the page', (lines) => lines.slice(before).some((line) => /render page/.test(line)));
  const said = waylight.lines.items.slice(before);
  await compose(browser, shop, said);
  for (const path of ['/', '/products', '/failing', '/nowhere', '/streaming']) {
    await page.goto(`${waylight.origin}${path}`);
    await shoot(path.slice(1) || 'home');
  }
  await logs(page);
  await sessions(page);
  await trace(page);
} finally {
  await browser.close();
  await waylight.stop();
}

/**
 * The Logs with one request open, in both themes.
 * @param {Page} page signed in
 */
async function logs(page) {
  await page.setViewportSize({ width: 1440, height: 900 });
  for (const [colorScheme, name] of /** @type {const} */ ([['light', 'console-logs'], ['dark', 'console-logs-dark']])) {
    await page.emulateMedia({ colorScheme });
    await page.goto(`${waylight.origin}/_waylight/logs`);
    await page.locator('.log-row.page', { hasText: PAGE }).last().click();
    await page.locator('wl-request ins').first().waitFor();
    await page.locator('wl-request [role="tree"], wl-request [role="treegrid"]').first().waitFor();
    await page.screenshot({ path: join(IMAGES, `${name}.png`) });
  }
}

/**
 * This browser's session, with its page views.
 * @param {Page} page signed in
 */
async function sessions(page) {
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(`${waylight.origin}/_waylight/sessions`);
  await page.locator('.session-table').getByRole('link').first().click();
  await page.locator('.says', { hasText: /./ }).nth(3).waitFor();
  await page.screenshot({ path: join(IMAGES, 'console-session.png') });
}

/**
 * A trace with a span chosen, in both themes.
 * @param {Page} page signed in
 */
async function trace(page) {
  const id = '7f3c9e10b2d44a61'.repeat(2);
  await page.request.post(`${waylight.origin}/_waylight/api/v1/traces/import`, {
    headers: { 'content-type': 'application/json', 'waylight-request': '1', origin: waylight.origin }, data: JSON.stringify(otlp(id, SHOP)),
  });
  for (const [colorScheme, name, query] of /** @type {const} */ ([['light', 'trace-light', `span=${spanId('8')}`], ['dark', 'trace-dark', `span=${spanId('9')}&v=20000,520000`]])) {
    await page.emulateMedia({ colorScheme });
    await page.goto(`${waylight.origin}/_waylight/t/${id}?${query}`);
    await page.locator('.tr-side .tr-list').first().waitFor();
    await page.screenshot({ path: join(IMAGES, `${name}.png`) });
  }
}

/**
 * Browser and terminal side by side.
 * @param {Browser} chromium
 * @param {Buffer} shop
 * @param {string[]} lines
 */
async function compose(chromium, shop, lines) {
  const page = await chromium.newPage({ viewport: { width: 1760, height: 700 } });
  await page.setContent(`<!doctype html><style>
    body { margin: 0; padding: 30px; display: flex; gap: 26px; background: #2b303b; }
    .window { border-radius: 12px; overflow: hidden; box-shadow: 0 14px 40px #0008; height: 640px; box-sizing: border-box; }
    img { display: block; width: 760px; height: 640px; object-fit: cover; object-position: top left; }
    pre { margin: 0; padding: 20px; flex: 1; background: #16191f; color: #cfd3db; font: 14px/1.5 'DejaVu Sans Mono', monospace; }
  </style><div class="window"><img src="data:image/png;base64,${shop.toString('base64')}"></div>
  <pre class="window">${lines.map(coloured).join('\n')}</pre>`);
  await page.screenshot({ path: join(IMAGES, 'demo.png') });
  await page.close();
}

/** A terminal's line as HTML. @param {string} line */
function coloured(line) {
  const escaped = line.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  let open = 0;
  // eslint-disable-next-line no-control-regex -- escape sequences begin with a control character
  const html = escaped.replace(/\u001b\[([\d;]*)m/g, (_, codes) => {
    const styles = codes.split(';').map(Number).map(style).filter(Boolean);
    const close = '</span>'.repeat(open);
    open = styles.length > 0 ? 1 : 0;
    return `${close}${open ? `<span style="${styles.join(';')}">` : ''}`;
  });
  return html + '</span>'.repeat(open);
}

/** @param {number} code of SGR */
function style(code) {
  if (code === 1) return 'font-weight:bold';
  if (code === 2) return 'opacity:.6';
  if (code >= 30 && code <= 37) return `color:${COLOURS[code - 30]}`;
  if (code >= 90 && code <= 97) return `color:${COLOURS[code - 82]}`;
  return '';
}
