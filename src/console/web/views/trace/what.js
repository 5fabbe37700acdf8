// "What is this?": for each kind of span, what happened, what it costs, what can be done. At most three short sentences.

import { FLAG } from '../../model/trace/columns.js';

/** @import { Trace } from '../../model/trace/columns.js' */

/** By stage, and by stage and outcome. @type {Record<string, string>} */
export const WHAT = {
  'request': 'All the time Waylight spent on this request, from its first byte to the last byte of the answer. Solid parts are Waylight\u2019s own work; faded parts went by in the steps below.',
  'tls_handshake': 'Browser and Waylight agreed on encryption, before any request could be sent. Later requests on the same connection do without it.',
  'route': 'Waylight compared host, path and method with your routes and took the first that fits. That takes microseconds; if it does not, look for costly patterns.',
  'middleware': 'A rule of yours that runs before the app is asked: a redirect, a rewrite, a change of headers. Every request that passes here pays for it, cached or not.',
  'inject': 'Something was added to this page, for you alone: you are signed in here and traced. Everybody else gets the page untouched.',
  'reserved': 'A page of Waylight\u2019s own answered. Your app was not asked.',
  'upstream.start': 'Your app was not running, so Waylight started it and waited until it took connections; the diamonds are lines that it wrote meanwhile. It runs on from now: only the first request after a start pays. One request after each deployment spares your visitors the wait, which `timeout_start` bounds.',
  'upstream.spawn': 'The operating system made the app\u2019s process. Nothing of the app has run yet.',
  'upstream.ready': 'The app\u2019s process was there, and Waylight waited until it accepted connections. What it loads at start is what it takes.',
  'upstream.wait': 'All connections to the app were in use, so this request waited for one. If that happens often, allow more connections, or look for what holds them.',
  'upstream.dns': 'The app\u2019s host name was looked up. The answer is remembered for as long as it says.',
  'upstream.connect': 'A new TCP connection to the app was opened, because no idle one was left. Where that is frequent, `pool_timeout_idle` is shorter than the pauses in your traffic.',
  'upstream.tls': 'Waylight and the app agreed on encryption. A resumed session saves a round trip.',
  'upstream.request': 'The request was with your app: sent, waited for, received. What is striped cannot be seen into; spans that the app sends by OpenTelemetry appear here.',
  'cache.lookup': 'Before the app was asked, Waylight looked for a stored copy of this answer. Looking costs next to nothing; what counts is what comes after.',
  'cache.lookup:HIT': 'A stored copy was still fresh and went straight back. Your app was not asked.',
  'cache.lookup:MISS': 'There was no stored copy that could be used, so the request went on to your app. Looking costs next to nothing; a miss costs what comes after it.',
  'cache.lookup:STALE': 'The stored copy had expired, and your rules allow it once more. The visitor had it at once; a fresh one is fetched afterwards.',
  'cache.revalidate': 'Waylight asked your app whether its stored copy is still right. If so, the copy counts for another while and is not sent again.',
  'cache.wait': 'Somebody else had asked for the same thing a moment before, and this request waited for that answer. Your app was asked once for both.',
  'cache.store': 'Waylight decided whether to keep this answer for the next visitor. If it did not, the header or the rule that said so stands below.',
  'pageload': 'From the start of the navigation until the page had come to rest, as this browser saw it. It ends when nothing happens any more, so its length says nothing about speed: look at LCP.',
  'navigation': 'The page changed without being loaded anew. It ends when nothing happens any more, so its length says nothing about speed.',
  'resource': 'A file that the page asked for, as the browser saw it; one that is BLOCKING held up the first paint. Waylight\u2019s part, where the file came through it, hangs below.',
  'browser': 'A step of the browser, as it measured it itself.',
  'browser.paint': 'Something appeared on the screen for the first time.',
  'ui.long_animation_frame': 'The page was busy for so long that it could not react or move. The script that took longest stands below.',
  'ui.webvital.lcp': 'The largest picture or text in view was on the screen. Under 2.5 s is good.',
  'ui.webvital.cls': 'The page jumped while it loaded. It has no length, only a size; under 0.1 is good.',
  'ui.interaction': 'The slowest answer to a click, a tap or a key so far. Under 200 ms is good.',
  'ui.action': 'What somebody did on the page, and all that it set off, until the page had come to rest. It was recorded because somebody asked for it.',
  'http.client': 'The page\u2019s script asked for something. Browser time less edge time is the network\u2019s.',
  'network.request': 'The way from the browser to Waylight: what the browser measured less what Waylight did. Derived from two clocks, not recorded; a queue in the browser counts, too.',
  'network.response': 'The way back: from Waylight\u2019s last byte to the browser\u2019s. Derived from two clocks, not recorded; a slow line or a busy page makes it long.',
  'running': 'It has not ended yet, so it has not been told of; spans below it have. It takes its place here when it ends.',
  'query': 'The app asked its database. Many short ones in a row are often one that could be asked once.',
  'call': 'The app called another service and waited for it. If that one sends spans too, they hang below.',
  'producer': 'The app put a message into a queue. Whoever takes it out works later, and nobody waits here for that.',
  'consumer': 'The app took a message out of a queue and worked on it.',
  'server': 'The app\u2019s own work on the request, as its OpenTelemetry SDK tells it.',
  'app': 'A step inside the app, as its OpenTelemetry SDK tells it. Solid parts are its own work; faded parts went by in the steps below.',
  'hole': 'Your app answered here, and sent no spans of its own, so what it did cannot be seen. One line in its environment mends that.',
};

/** The kind of a row, by which its text is found. @param {Trace} trace @param {number} row */
export function kindOf(trace, row) {
  if (trace.has(row, FLAG.RUNNING)) return 'running';
  const stage = trace.stage(row);
  const withTag = `${stage}:${trace.tag(row)}`;
  if (withTag in WHAT) return withTag;
  if (stage in WHAT) return stage;
  if (trace.has(row, FLAG.BROWSER)) {
    if (stage.startsWith('resource')) return 'resource';
    return ['ui.interaction', 'ui.action'].find((kind) => stage.startsWith(kind)) ?? 'browser';
  }
  if (trace.has(row, FLAG.QUERY)) return 'query';
  if (trace.has(row, FLAG.CALL)) return 'call';
  if (trace.kind[row] === 4) return 'producer';
  if (trace.kind[row] === 5) return 'consumer';
  return trace.kind[row] === 2 ? 'server' : 'app';
}
