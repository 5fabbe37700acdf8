// What scenarios of pages begin with: an origin, the edge in front of it, where spans and envelopes end up, a browser, and
// who sits at it.

import { launch, signIn } from './browser.js';
import { configuration } from './config.js';
import { EnvelopeCollector } from './envelope.js';
import { Receiver } from './receiver.js';
import { startSession } from './recorded.js';
import { Upstream } from './upstream.js';
import { Waylight } from './waylight.js';

/** @import { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core' */
/** @import { Handler } from './upstream.js' */
/** @typedef {Record<string, Handler>} Pages */
/**
 * @typedef {object} Wish
 * @property {Pages | ((dsn: string) => Pages)} [pages] what the origin answers, given the DSN of the collector; without it there is the demo
 * @property {'nobody' | 'person' | 'session'} [who] nobody in particular, somebody signed in, or with a tracing session
 * @property {string[]} [link] options of the sign-in link
 * @property {boolean} [sentry] whether the edge knows the collector as its Sentry project
 * @property {boolean} [receives] whether the receiver is one of the edge's back ends
 * @property {Partial<Parameters<typeof configuration>[0]>} [settings] of the edge
 * @property {BrowserContextOptions} [context]
 * @property {Parameters<typeof launch>[0]} [browser]
 */
/**
 * @typedef {object} Scene
 * @property {Upstream} upstream
 * @property {Waylight} waylight
 * @property {EnvelopeCollector} collector
 * @property {Receiver} receiver
 * @property {Browser} browser
 * @property {BrowserContext} context
 * @property {Page} page
 * @property {(path: string) => string} at the address of a path
 * @property {() => Promise<void>} close
 */

/**
 * Sets a scene. What was begun is ended again, also where this fails half-way.
 * @param {Wish} wish
 * @returns {Promise<Scene>}
 */
export async function scene({ pages, who = 'session', link = ['--role', 'admin'], sentry = false, receives = false, settings = {}, context: options = {}, browser: started }) {
  /** @type {(() => unknown)[]} the last one first */
  const ends = [];
  const close = async () => {
    for (const end of ends.splice(0)) await end();
  };
  /** @template T @param {T} begun @param {(begun: T) => unknown} end @returns {T} */
  const begin = (begun, end) => {
    ends.unshift(() => end(begun));
    return begun;
  };
  try {
    const collector = begin(await EnvelopeCollector.start(), (it) => it.stop());
    const receiver = begin(await Receiver.start(), (it) => it.stop());
    const upstream = begin(await Upstream.start((typeof pages === 'function' ? pages(collector.dsn) : pages) ?? {}), (it) => it.stop());
    const told = {
      upstream: upstream.url,
      ...(sentry ? { sentryDsn: collector.dsn } : {}),
      ...(receives ? { exports: [{ name: 'receiver', endpoint: receiver.httpUrl, protocol: /** @type {const} */ ('http/json') }] } : {}),
      ...settings,
    };
    const waylight = begin(pages ? await Waylight.run(configuration(told)) : await Waylight.demo(), (it) => it.stop());
    const browser = begin(await launch(started), (it) => it.close());
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const opening = async () => waylight.signInLink || waylight.link(...link);
    if (who === 'person') await signIn(page, await opening());
    if (who === 'session') await startSession(page, waylight, await opening());
    return { upstream, waylight, collector, receiver, browser, context, page, at: (path) => waylight.origin + path, close };
  } catch (error) {
    await close();
    throw error;
  }
}
