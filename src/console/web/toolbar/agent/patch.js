// The agent's first half, in pages of traced sessions only: it runs before the page's own scripts, tells requests of theirs
// the trace that they belong to, and notes when they and navigations happen. `main.js` makes spans of that. A page may
// override or freeze whatever it likes: what is used is taken first, and nothing that fails here reaches the page.

import { start } from './main.js';

(() => {
  'use strict';
  const { apply } = Reflect, { stringify, parse } = JSON, { getPrototypeOf, keys, prototype } = Object;
  /** @type {(method: any) => (self: any, ...rest: any[]) => any} */
  const uncurried = Function.prototype.bind.bind(Function.prototype.call);
  const { fetch, performance, location, document, crypto, Headers, Request, Promise, Proxy, URL, Uint8Array, XMLHttpRequest, setTimeout } = window;
  const then = uncurried(Promise.prototype.then), listen = uncurried(EventTarget.prototype.addEventListener), now = performance.now.bind(performance);
  const has = uncurried(Headers.prototype.has), set = uncurried(Headers.prototype.set), recall = uncurried(WeakMap.prototype.get), keep = uncurried(WeakMap.prototype.set);
  const element = /** @type {any} */ (document.currentScript), told = element?.getAttribute('data-waylight'), EVENTS_MAX = 2_000, REDIRECT_MS = 1_500;

  /** @param {number} octets */
  function hex(octets) {
    const bytes = crypto.getRandomValues(new Uint8Array(octets));
    let text = '';
    for (let at = 0; at < octets; at += 1) text += ((bytes[at] ?? 0) + 256).toString(16).slice(1);
    return text;
  }

  /** @type {import('./main.js').Agent} what both halves share */
  const agent = {
    told: told ? { __proto__: null, ...parse(told) } : null, root: null, isOn: true, events: [], wrap, unwrap, tell, begin, send, hex, now, stringify, theirs,
  };

  /** @type {import('./main.js').Agent['tell']} */
  function tell(kind, what) {
    if (agent.events.length < EVENTS_MAX) agent.events[agent.events.length] = [kind, what];
  }

  /** @type {import('./main.js').Agent['begin']} */
  function begin(kind, trace, start) {
    agent.root = { kind, trace, id: hex(8), start, url: location.href, path: location.pathname, isOpen: true };
    agent.tell('root', agent.root);
  }

  /** @type {import('./main.js').Agent['send']} */
  function send(body, keepalive, page) {
    const headers = { __proto__: null, 'content-type': 'application/json', 'waylight-request': '1', 'waylight-upload': agent.told.upload, ...(page && { 'waylight-page': page }) };
    // The address of the page goes to its own server, whatever its policy is for others.
    const wish = { __proto__: null, method: 'POST', headers, body, keepalive, priority: page ? 'high' : 'low', referrerPolicy: 'same-origin' };
    return fetch(`${location.origin}/_waylight/api/v1/spans`, /** @type {any} */ (wish));
  }

  /** Whether the page has a tracer of its own: requests and page loads are its to tell. */
  function theirs() {
    const { __SENTRY__, [Symbol.for('opentelemetry.js.api.1')]: api } = /** @type {any} */ (window);
    return !!(__SENTRY__ || api?.trace);
  }

  /** A request that begins; null if it is not for us to tell of. @param {any} address @param {unknown} method @returns {import('./main.js').Call | null} */
  function called(address, method) {
    const { root } = agent;
    if (!agent.isOn || !root || theirs()) return null;
    const url = new URL(address, document.baseURI), isOwn = url.origin === location.origin;
    if (!/^https?:/.test(url.protocol) || (isOwn && url.pathname.startsWith('/_waylight/'))) return null;
    const isTold = isOwn || agent.told?.to?.includes(url.origin);
    return { id: hex(8), root, url, method: `${method}`.toUpperCase(), start: now(), isTold, end: 0, status: 0 };
  }

  /** @param {string} name */
  const meta = (name) => /** @type {any} */ (document.querySelector(`meta[name="${name}"]`))?.content ?? '';

  /** Trace context for a request: what is there already stays. @param {import('./main.js').Call} call @param {(name: string) => boolean} isThere @param {(name: string, value: string) => void} write */
  function propagate({ id, root: { trace } }, isThere, write) {
    // As the head of the trace decided, and of a trace that begins here under its own id.
    const decided = /-[01]$/.exec(meta('sentry-trace'))?.[0] ?? '';
    const baggage = trace === agent.told?.trace ? meta('baggage') : meta('baggage').replace(/sentry-transaction=[^,]*,?/, '').replace(/(sentry-trace_id=)[^,]*/, `$1${trace}`);
    write('traceparent', `00-${trace}-${id}-01`);
    write('sentry-trace', `${trace}-${id}${decided}`);
    if (baggage && !isThere('baggage')) write('baggage', baggage);
  }

  /** @type {{ owner: any, name: string, ours: any, native?: any, made?: any }[]} functions of the page's with ours around them */
  const places = [];

  /** To the page a function looks as before. @param {any} owner @param {string} name @param {(native: any, self: any, args: any) => any} ours */
  function around(owner, name, ours) {
    places[places.length] = { owner, name, ours: { __proto__: null, apply: ours } };
  }

  /** Puts ours around the page's functions. */
  function wrap() {
    for (let at = 0; at < places.length; at += 1) {
      const place = /** @type {any} */ (places[at]), { owner, name, ours } = place;
      if (!place.made) try { place.native = owner[name]; owner[name] = place.made = new Proxy(place.native, ours); } catch { /* it is frozen, and stays */ }
    }
  }

  /** Nothing is recorded any more: the page has its functions back, but those that somebody else has put his around since. */
  function unwrap() {
    agent.isOn = false;
    for (let at = 0; at < places.length; at += 1) {
      const place = /** @type {any} */ (places[at]), { owner, name, native, made } = place;
      try {
        if (made && owner[name] === made) {
          owner[name] = native;
          place.made = null;
        }
      } catch { /* it was frozen since */ }
    }
  }

  around(window, 'fetch', (native, self, args) => {
    /** @type {any} */ let call = null;
    let given = args;
    try {
      const input = args[0], init = args[1], isRequest = input instanceof Request;
      call = called(isRequest ? input.url : input, init?.method ?? (isRequest ? input.method : 'GET'));
      if (call) {
        const headers = new Headers(init?.headers ?? (isRequest ? input.headers : undefined));
        if (has(headers, 'traceparent') || has(headers, 'sentry-trace')) call = null;
        // What is no plain object, such as another request, may not be looked through.
        else if (call.isTold && (init === undefined || getPrototypeOf(init) === prototype)) {
          propagate(call, (name) => has(headers, name), (name, value) => set(headers, name, value));
          // A request that is given anything forgets these (Fetch Standard, `Request` constructor).
          const kept = isRequest && !(init && keys(init).length) ? { referrer: input.referrer, referrerPolicy: input.referrerPolicy } : null;
          given = [input, { __proto__: init ?? null, ...kept, headers }];
        }
      }
    } catch {
      call = null;
      given = args;
    }
    const made = apply(native, self, given);
    if (!call) return made;
    agent.tell('call', call);
    try {
      return then(made, (/** @type {any} */ answer) => { ended(call, answer.status); return answer; }, (/** @type {any} */ error) => { ended(call, 0, error); throw error; });
    } catch {
      return made;
    }
  });

  /** @param {import('./main.js').Call} call @param {number} status @param {any} [error] */
  function ended(call, status, error) {
    try {
      call.end = now();
      call.status = status;
      if (error) call.error = `${error.name}`;
      agent.tell('end', call);
    } catch { /* nothing of it is the page's */ }
  }

  const opened = new WeakMap(), { setRequestHeader } = XMLHttpRequest.prototype;
  around(XMLHttpRequest.prototype, 'open', (native, self, args) => {
    const made = apply(native, self, args);
    keep(opened, self, { method: args[0], address: args[1], names: ' ' });
    return made;
  });
  around(XMLHttpRequest.prototype, 'setRequestHeader', (native, self, args) => {
    const made = apply(native, self, args), known = recall(opened, self);
    if (known) known.names += `${args[0]} `.toLowerCase();
    return made;
  });
  around(XMLHttpRequest.prototype, 'send', (native, self, args) => {
    try {
      const known = recall(opened, self), call = known && !/ (traceparent|sentry-trace) /.test(known.names) && called(known.address, known.method);
      if (call) {
        if (call.isTold) propagate(call, (name) => known.names.includes(` ${name} `), (name, value) => apply(setRequestHeader, self, [name, value]));
        agent.tell('call', call);
        listen(self, 'loadend', () => ended(call, self.status, self.status ? null : { name: 'NetworkError' }), { __proto__: null, once: true });
      }
    } catch { /* it is sent as it is */ }
    return apply(native, self, args);
  });

  // Navigations within the page, each of which is a trace of its own.

  const place = () => location.pathname + location.search;
  let last = place(), acted = -REDIRECT_MS;

  function moved() {
    const { root, isOn } = agent, at = now(), from = last;
    last = place();
    if (!isOn || !root || last === from) return;
    // A page that sends on at once has not been navigated by anybody.
    if (root.isOpen && at - root.start < REDIRECT_MS && at - acted > REDIRECT_MS) agent.tell('redirect', { at, url: location.href });
    else begin('navigation', hex(16), at);
  }

  const { navigation } = /** @type {any} */ (window), acts = () => { acted = now(); };
  if (navigation) listen(navigation, 'currententrychange', moved);
  else {
    const after = (/** @type {any} */ native, /** @type {any} */ self, /** @type {any} */ args) => { const made = apply(native, self, args); moved(); return made; };
    around(History.prototype, 'pushState', after);
    around(History.prototype, 'replaceState', after);
    listen(window, 'popstate', moved, true);
  }
  listen(window, 'click', acts, true);
  listen(window, 'keydown', acts, true);
  listen(window, 'pageshow', (/** @type {PageTransitionEvent} */ event) => {
    last = place();
    if (event.persisted && agent.isOn && agent.root) begin('navigation', hex(16), event.timeStamp);
  }, true);

  if (agent.told) {
    wrap();
    // The toolbar's script, which stands before ours, asks as we do.
    if (element.previousElementSibling) element.previousElementSibling.ours = fetch;
    begin('pageload', agent.told.trace, 0);
  }
  // The second half has a task of its own: on a slow processor each takes some milliseconds. A page that is rendered ahead is
  // seen later, or never. `arm.js` finds the agent there.
  /** @type {any} */ (document)[Symbol.for('waylight.agent')] = new Promise((resolve) => {
    /** @type {import('./main.js').Running | undefined} */ let running;
    const run = () => { try { resolve(running ??= start(agent)); } catch { unwrap(); } return running; };
    if (/** @type {any} */ (document).prerendering === true) listen(document, 'prerenderingchange', run, { __proto__: null, once: true });
    else setTimeout(run);
    // A page that goes before tells its load all the same: the edge's spans hang under it.
    listen(window, 'pagehide', (/** @type {Event} */ event) => {
      if (!running && agent.told && agent.isOn) run()?.hidden(event);
    }, true);
  });
})();
