// The agent's second half: spans of what the browser measured and `patch.js` noted, for the trace of the page, and of what
// follows in it. It sends them to Waylight, in parts, and what is left when the page goes. Nothing that fails here reaches
// the page. `spans.js` says what each span is; all three are sent as one script (`joined.rs`).

import { Idle, Vitals, actOf, edgeOf, endOf, frame, measure, message, otlp, resource, route, selector, steps } from './spans.js';

/** @import { Span } from './spans.js' */
/** @typedef {{ kind: string, trace: string, id: string, start: number, url: string, path: string, isOpen: boolean, idle?: Idle, calls?: Map<string, Call>, link?: { trace: string, id: string } | undefined, until?: any, act?: Act }} Root `until`: when it ended */
/** @typedef {{ op: string, name: string, saw(entry: any): void, over(): void }} Act an interaction that was armed: `arm.js` */
/** @typedef {Span & { isShared: boolean, text: string, bytes: number }} Ready `text`: what is sent, once it is written */
/** @typedef {{ id: string, root: Root, url: URL, method: string, start: number, isTold: boolean, end: number, status: number, error?: string, isDone?: boolean }} Call */
/** @typedef {{ told: any, root: Root | null, isOn: boolean, events: [string, any][], wrap(): void, unwrap(): void, tell(kind: string, what: any): void, begin(kind: string, trace: string, start: number): void, send(body: string, isKept: boolean, page?: string): Promise<Response>, hex(octets: number): string, now(): number, stringify: typeof JSON.stringify, theirs(): boolean }} Agent `page`: the trace that the page's address stands for from now on */
/** @typedef {{ agent: Agent, actOf: typeof actOf, selector: typeof selector, interaction(entry: any, root: Root): void, later(run: () => void, ms: number): () => void, flush(isLast?: boolean): void, hidden(event: Event): void }} Running */

// Before the page can put its own there.
const { setTimeout, clearTimeout } = window;
/** A slow processor needs a millisecond for each: so many spans or entries are dealt with at once. */
const AT_ONCE = 6;
const SPANS_MAX = 2_000, MANY = 100, MESSAGE_BYTES_MAX = 59_000, FLIGHT_BYTES_MAX = 64_000, LAST_BYTES = 24_000, JOIN_MS = 300, FLUSH_MS = 500, LATE_MS = 3_000, PREVIOUS_MS = 3_600_000;
const PREVIOUS = 'waylight.previous', ACTS = ['click', 'keydown'];

/** @param {Agent} agent @returns {Running} what `arm.js` needs of it */
export function start(agent) {
  const { performance, document, location } = window, origin = performance.timeOrigin, { now } = agent;
  const timing = () => /** @type {any} */ (performance.getEntriesByType('navigation')[0]), activation = timing()?.activationStart ?? 0;
  const vitals = new Vitals(), encoder = new TextEncoder();
  /** @type {Root[]} the latest last */ const roots = [];
  /** @type {Ready[]} */ let ready = [];
  /** @type {any[]} entries that nothing was made of yet */ const entries = [];
  /** @type {any[]} entries of requests that no call was found for yet */ let unclaimed = [];
  /** @type {Set<string>} */ const used = new Set();
  let dropped = 0, inFlight = 0, due = 0, firstPaint = 0, firstContent = 0, isFinal = false, isBack = false;
  let firstHidden = performance.getEntriesByType('visibility-state').find(({ name, startTime }) => name === 'hidden' && startTime >= activation)?.startTime ?? (document.visibilityState === 'hidden' ? 0 : Infinity);
  const told = { shift: -1, slow: 0 };
  /** @type {any} */ let flushing = 0;
  const load = () => roots.find((root) => root.kind === 'pageload');
  /** @template {any[]} T @param {(...values: T) => unknown} act @returns {(...values: T) => void} */
  const safely = (act) => (...values) => { try { act(...values); } catch { /* nothing of it is the page's */ } };
  /** @param {string} name @param {(event: any) => unknown} act */
  const listen = (name, act) => window.addEventListener(name, safely(act), true);
  /** @param {() => void} run @param {number} ms */
  const later = (run, ms) => { const timer = setTimeout(safely(run), ms); return () => clearTimeout(timer); };

  /** A span that an edge's hangs under, or may: nobody else tells it. @param {Span} span @param {Root | undefined} root @param {boolean} [isShared] a page's own SDK tells it as well, and then we do not */
  function add(span, root, isShared = false) {
    if (!root || !agent.isOn || span.end < span.start) return;
    if (ready.length >= SPANS_MAX) return void (dropped += 1);
    const whole = { parent: root.id, trace: root.trace, ...span, id: span.id ?? agent.hex(8), isShared: isShared && !(root.kind === 'interaction' && !(span.start > root.until)), text: '', bytes: 0 };
    // First what others hang under: if the page goes, not everything may be sent.
    if (span.op === 'browser.request' || !whole.parent) ready.unshift(whole);
    else ready.push(whole);
    if (root.idle && !root.idle.isOver) root.idle.latest = Math.max(root.idle.latest, span.end);
    else soon(LATE_MS);
    if (ready.length > MANY) soon(FLUSH_MS);
  }

  /** @param {Span} span @param {Root | undefined} root */
  const addShared = (span, root) => add(span, root, true);

  // Roots.

  /** @param {number} at */
  const rootAt = (at) => roots.findLast((root) => root.start <= at);

  /** @param {Root} root */
  function began(root) {
    const previous = roots.at(-1), isLoad = root.kind === 'pageload';
    previous?.idle?.finish(previous.kind === 'interaction' ? 'interactionInterrupted' : 'cancelled');
    if (roots.push(root) > 8) roots.splice(1, 1);
    root.calls = new Map();
    // Files that follow name the page's address only: the edge is to know whose it is now.
    if (root.kind === 'navigation' && agent.isOn && !agent.theirs() && maySend()) void agent.send(message([], 0), true, root.trace).catch(() => {});
    later(() => { root.link = previousOf(root); }, 0);
    root.idle = new Idle((root.start || activation) + 30_000 - now(), later, (reason) => ended(root, reason));
    if (isLoad && document.readyState === 'loading') document.addEventListener('readystatechange', safely(() => root.idle?.ready()));
    else root.idle.ready();
  }

  /** @param {Root} root @param {string} reason */
  function ended(root, reason) {
    const { idle, start, kind, id, url, path } = /** @type {Root & { idle: Idle }} */ (root), isLoad = kind === 'pageload';
    catchUp();
    root.isOpen = false;
    const entry = timing();
    if (isLoad && entry) for (const span of steps(entry, agent.told.doc)) {
      const isRequest = span.op === 'browser.request';
      // Its answer is still coming.
      if (isRequest && !entry.responseEnd) span.end = Math.max(span.start, now());
      add(span, root, !isRequest);
    }
    const end = root.until = endOf(start || activation, now(), idle.latest), pattern = (isLoad && agent.told.route) || route(agent.told.routes ?? [], path);
    settle(root, end);
    const { act } = root;
    const since = (/** @type {number} */ at) => (isLoad && at && at < firstHidden ? Math.max(0, at - activation) : undefined);
    addShared({
      op: act?.op ?? kind, name: act?.name ?? (pattern || path), start, end, id, parent: null, link: root.link,
      attributes: {
        'url.full': url, 'http.route': pattern, 'sentry.idle_span_finish_reason': reason, 'browser.navigation.type': isLoad ? entry?.type : undefined,
        'browser.web_vital.ttfb.value': isLoad && entry ? Math.max(0, entry.responseStart - activation) : undefined, 'browser.web_vital.fcp.value': since(firstContent), 'browser.web_vital.fp.value': since(firstPaint),
      },
    }, root);
    act?.over();
    soon(FLUSH_MS);
  }

  /** Tells calls that are still open. @param {Root} root @param {number} end */
  const settle = ({ calls }, end) => calls?.forEach((call) => (call.end ? answered(call, 0) : tellCall(call, null, Math.max(call.start, end))));

  /** The trace before this one, of this tab, where it is not long ago. @param {Root} root */
  function previousOf({ trace, id, start }) {
    try {
      const store = sessionStorage, [known, span, at] = JSON.parse(store.getItem(PREVIOUS) ?? '[]'), when = origin + start;
      store.setItem(PREVIOUS, agent.stringify([trace, id, when]));
      return known && known !== trace && when - at < PREVIOUS_MS ? { trace: known, id: span } : undefined;
    } catch { return undefined; }
  }

  // Requests of scripts, joined to what the browser measured of them.

  /** @param {Call} call */
  function called(call) {
    call.root.calls?.set(call.id, call);
    if (!call.root.idle?.isOver) call.root.idle?.begins(call.id);
  }

  /** What the browser measured of a call that was answered. @param {Call} call */
  function measured(call) {
    catchUp();
    const entry = unclaimed.find((each) => each.name === call.url.href.replace(/#.*/, '') && each.startTime >= call.start - 1 && each.startTime <= call.end);
    unclaimed = unclaimed.filter((each) => each !== entry);
    return entry;
  }

  /** @param {Call} call @param {number} [until] */
  function answered(call, until = now() + JOIN_MS) {
    if (call.isDone) return;
    const entry = measured(call);
    if (!entry && now() < until) return void later(() => answered(call, until), 50);
    tellCall(call, entry, call.end);
  }

  /** @param {Call} call @param {any} entry @param {number} end */
  function tellCall(call, entry, end) {
    const { id, root, url, method, start, status, error } = call;
    call.isDone = true;
    end = Math.max(end, entry?.responseEnd ?? 0);
    root.calls?.delete(id);
    const attributes = {
      ...(entry && measure(entry)), 'url.full': url.href, 'server.address': url.host, 'http.request.method': method, 'http.response.status_code': status || undefined, 'sentry.status': call.end ? undefined : 'cancelled',
    };
    add({ op: 'http.client', name: `${method} ${url.host}`, start, end, id, kind: 3, attributes, error: error ?? (status >= 400 ? `${status}` : undefined) }, root);
    if (!root.idle?.isOver) root.idle?.ends(id, end);
  }

  // What the browser measured.

  /** Makes spans of entries, the next ones in another task. */
  function deal() {
    entries.splice(0, AT_ONCE).forEach(take);
    if (entries.length) later(deal, 0);
  }

  /** Makes spans of all that is known by now. */
  function catchUp() {
    entries.push(...observer.takeRecords());
    entries.splice(0).forEach(take);
  }

  /** @param {any} entry */
  function take(entry) {
    const { entryType, startTime, duration, name } = entry, root = rootAt(startTime);
    if (entryType === 'resource') {
      const [trace, id] = edgeOf(entry);
      if (name.startsWith(`${location.origin}/_waylight/`)) return;
      if (/^(fetch|xmlhttprequest)$/.test(entry.initiatorType)) return void (unclaimed = [...unclaimed.slice(-200), entry]);
      const home = roots.find((each) => each.trace === trace), isJoined = home && id && !used.has(id);
      if (isJoined && used.add(id).size > SPANS_MAX) used.delete([...used][0] ?? '');
      // The edge did not know whose it was, and gave it a trace of its own; what the browser kept was asked for long ago.
      const link = trace && id && !home && entry.transferSize ? { trace, id } : undefined;
      add({ ...resource(entry, isJoined ? id : undefined), link }, isJoined ? home : root, !isJoined);
    } else if (entryType === 'paint') {
      if (name === 'first-contentful-paint') firstContent = startTime;
      else firstPaint = startTime;
      addShared({ op: 'browser.paint', name, start: startTime, end: startTime }, load());
    } else if (entryType === 'mark' || entryType === 'measure') {
      const least = root?.kind === 'pageload' ? (timing()?.requestStart ?? 0) : 0;
      addShared({ op: entryType, name, start: Math.max(least, startTime), end: Math.max(least, startTime + duration) }, root ?? load());
    } else if (/^long/.test(entryType)) addShared(frame(entry), rootAt(startTime + duration));
    else if (entryType === 'layout-shift') { if (!isBack) vitals.shifted(entry); }
    else if (entryType === 'largest-contentful-paint') { if (!isFinal && startTime < firstHidden) vitals.largest = entry; }
    else {
      if (!isBack && (entryType === 'first-input' || duration >= 40)) vitals.acted(entry);
      roots.at(-1)?.act?.saw(entry);
    }
  }

  /** @param {any} entry @param {Root | undefined} root */
  function interaction(entry, root) {
    const { name, startTime, duration } = entry, target = selector(entry.target);
    addShared({ op: `ui.interaction.${actOf(name)}`, name: target ?? name, start: startTime, end: startTime + duration, attributes: { 'browser.web_vital.inp.value': duration, 'browser.interaction.type': name, 'browser.interaction.target': target } }, root);
  }

  /** The largest paint is known as soon as somebody does something. */
  function final() {
    const { largest } = vitals, root = load();
    if (isFinal || !root) return;
    catchUp();
    isFinal = true;
    const value = largest?.startTime - activation;
    if (!(value > 0 && value <= 60_000)) return;
    const { startTime, element, url, size } = largest, target = selector(element);
    const attributes = { 'browser.web_vital.lcp.value': value, 'browser.web_vital.lcp.element': target, 'browser.web_vital.lcp.url': url, 'browser.web_vital.lcp.size': size };
    addShared({ op: 'ui.webvital.lcp', name: target ?? 'Largest contentful paint', start: startTime, end: startTime, attributes }, root);
    soon(FLUSH_MS);
  }

  /** The page is hidden, and may not come back. @param {Event} event */
  function hidden({ type }) {
    const root = load();
    firstHidden = Math.min(firstHidden, now());
    catchUp();
    final();
    roots.at(-1)?.idle?.finish('documentHidden');
    // A tab that is only looked away from goes on with its calls.
    if (type === 'pagehide') roots.forEach((root) => settle(root, now()));
    if (root && firstContent && vitals.shift > told.shift) {
      told.shift = vitals.shift;
      const at = vitals.shifts[0]?.startTime ?? firstContent, attributes = Object.fromEntries(vitals.shifts.flatMap((shift) => shift.sources ?? []).slice(0, 5).map((source, index) => [`browser.web_vital.cls.source.${index + 1}`, selector(source.node)]));
      addShared({ op: 'ui.webvital.cls', name: 'Layout shift', start: at, end: at, attributes: { 'browser.web_vital.cls.value': vitals.shift, ...attributes } }, root);
    }
    const slow = vitals.slow(/** @type {any} */ (performance).interactionCount);
    if (slow && slow.duration > told.slow) {
      told.slow = slow.duration;
      interaction(slow, rootAt(slow.startTime));
    }
    flush(true);
  }

  // Sending.

  /** @param {number} ms */
  function soon(ms) {
    const at = now() + ms;
    if (flushing && due <= at) return;
    clearTimeout(flushing);
    due = at;
    flushing = setTimeout(safely(() => flush()), ms);
  }

  /** Whether policies in `<meta>`, which the edge cannot extend, surely let us send. */
  const maySend = () => [...document.querySelectorAll('meta[http-equiv="content-security-policy" i]')].every((/** @type {any} */ { content }) => {
    const [, list] = /connect-src([^;]*)/i.exec(content) ?? /default-src([^;]*)/i.exec(content) ?? [];
    return list === undefined || /\s(\*|'self')(\s|$)/i.test(list);
  });

  /** Writes spans as they are sent; false where some are left for another task. @param {boolean} [isLast] all of them now */
  function written(isLast) {
    // Known by now: an SDK may have come late.
    const theirs = agent.theirs();
    if (theirs) ready = ready.filter(({ isShared }) => !isShared);
    let left = isLast ? Infinity : AT_ONCE;
    for (const span of ready) {
      if (span.text) continue;
      if ((left -= 1) < 0) return false;
      // The page load that it hung under is not ours then.
      const parent = theirs && span.trace === agent.told.trace ? (span.op === 'browser.request' ? null : agent.told.edge) : span.parent;
      span.text = agent.stringify(otlp({ ...span, parent }, origin));
      span.bytes = encoder.encode(span.text).length + 1;
    }
    return true;
  }

  /** @param {boolean} [isLast] what does not fit into what may still be sent goes all the same */
  function flush(isLast) {
    clearTimeout(flushing);
    flushing = 0;
    if (!maySend()) agent.unwrap();
    // A page that still loads may bring an SDK along.
    if (!isLast && document.readyState !== 'complete') return soon(FLUSH_MS);
    if (!written(isLast)) return soon(0);
    for (let most = isLast ? 8_000 : MESSAGE_BYTES_MAX; ready.length && agent.isOn; most = MESSAGE_BYTES_MAX) {
      // Room is left for what a page tells when it goes: that begins with a short message.
      const room = FLIGHT_BYTES_MAX - inFlight - (isLast ? 0 : LAST_BYTES);
      if (!isLast || room > 2_000) most = Math.min(most, room);
      let bytes = 200, count = 0;
      for (const span of ready) {
        if (count && bytes + span.bytes > most) break;
        bytes += span.bytes;
        count += 1;
      }
      const fits = bytes < room;
      if (!fits && !isLast && inFlight) return soon(FLUSH_MS);
      void send(ready.splice(0, count).map(({ text }) => text), fits ? bytes : 0);
    }
  }

  /** @param {string[]} spans @param {number} bytes that are in flight though the page goes */
  async function send(spans, bytes) {
    inFlight += bytes;
    try {
      const { status, headers } = await agent.send(message(spans, dropped), bytes > 0);
      // The session is over, or the page's own server answers: nothing of what follows would be taken.
      if ([401, 403, 404].includes(status) || (status < 500 && ![413, 429].includes(status) && !headers.has('waylight-response'))) agent.unwrap();
      else if (status >= 400) dropped += spans.length;
    } catch {
      // The page's own requests share the room: then it goes without.
      if (bytes) void send(spans, 0);
      else dropped += spans.length;
    }
    inFlight -= bytes;
  }

  const observer = new PerformanceObserver(safely((list) => {
    entries.push(...list.getEntries());
    deal();
  }));
  /** @type {Record<string, (what: any) => void>} */
  const handlers = {
    root: began, call: called, end: answered,
    redirect: ({ at, url }) => addShared({ op: 'navigation.redirect', name: 'Redirect', start: at, end: at, attributes: { 'url.full': url } }, roots.at(-1)),
  };
  agent.tell = safely((kind, what) => handlers[kind]?.(what));
  agent.events.splice(0).forEach(([kind, what]) => agent.tell(kind, what));
  // In a task of its own, too.
  later(() => {
    const types = PerformanceObserver.supportedEntryTypes ?? [];
    for (const type of ['resource', 'paint', 'mark', 'measure', types.includes('long-animation-frame') ? 'long-animation-frame' : 'longtask', 'layout-shift', 'largest-contentful-paint', 'event', 'first-input']) {
      if (types.includes(type)) observer.observe(/** @type {any} */ ({ type, buffered: true, durationThreshold: 16 }));
    }
  }, 0);
  for (const name of ACTS) listen(name, (event) => { if (event.isTrusted) later(final, 0); });
  listen('visibilitychange', (event) => { if (document.visibilityState === 'hidden') hidden(event); });
  listen('pagehide', hidden);
  // What shifts or is slow from then on is no page load's.
  listen('pageshow', (event) => { isBack ||= event.persisted; });
  return { agent, actOf, selector, interaction, later, flush, hidden: safely(hidden) };
}
