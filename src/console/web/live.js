// One stream for all tabs of the console. A browser has six connections to a host over HTTP/1.1; six tabs with a stream
// each would leave the site none. So the visible tabs choose a leader (a Web Lock), which alone holds the stream and hands
// everything on (a BroadcastChannel). A hidden tab holds nothing; when it is seen again, it tells the last number it saw
// and the leader asks the server from there.

/** @import { Api, Live as Contract, LiveEvent, LiveListener, LiveState } from './model/contract.js' */
/** @typedef {{ topics: string[], listener: LiveListener }} Follow */
/** @typedef {{ topics: string[], seen: number | null }} Wish */
/**
 * What tabs tell each other.
 * @typedef {{ kind: 'wish', tab: string, wish: Wish } | { kind: 'left', tab: string } | { kind: 'lead' }
 *   | { kind: 'events', events: LiveEvent[] } | { kind: 'state', state: LiveState }} Message
 */

const NAME = 'waylight.live';
const EVENTS = ['request', 'request.patch', 'trace.spans', 'trace.state', 'quota', 'gap'];
/** What comes within so many milliseconds is one batch. */
const BATCH_MS = 16;
/** Traces that one stream follows. */
const TRACES_MAX = 8;
/** A stream that was refused is asked for again after so long, and then after longer. */
const RETRY_MS = [1000, 2000, 4000, 8000];

/** @implements {Contract} */
export class Live {
  /** @type {LiveState} */
  state = 'closed';
  #api;
  #tab = Math.random().toString(36).slice(2);
  #channel = new BroadcastChannel(NAME);
  /** @type {Set<Follow>} */
  #follows = new Set();
  /** @type {Set<(state: LiveState) => void>} */
  #watching = new Set();
  /** The last number that this tab saw. @type {number | null} */
  #seen = null;
  /** Ends this tab's wish to lead, and its leading. @type {AbortController | null} */
  #standing = null;
  /** @type {Leader | null} */
  #leader = null;

  /** @param {Api & { tell: (state: Api['state']) => void }} api */
  constructor(api) {
    this.#api = api;
    this.#channel.addEventListener('message', ({ data }) => this.#heard(data));
    document.addEventListener('visibilitychange', () => this.#stand());
    addEventListener('pagehide', () => this.#leave());
    addEventListener('pageshow', () => this.#stand());
  }

  /**
   * @param {string[]} topics
   * @param {LiveListener} listener
   */
  follow(topics, listener) {
    const follow = { topics, listener };
    this.#follows.add(follow);
    this.#stand();
    return () => {
      this.#follows.delete(follow);
      this.#stand();
    };
  }

  /** @param {(state: LiveState) => void} listener */
  watch(listener) {
    this.#watching.add(listener);
    return () => void this.#watching.delete(listener);
  }

  /** Asks again at once, where a stream was refused. */
  retry() {
    this.#leader?.connect();
  }

  /** @returns {Wish} */
  get #wish() {
    return { topics: [...new Set([...this.#follows].flatMap((follow) => follow.topics))], seen: this.#seen };
  }

  /** Takes part, or leaves, as is right now. */
  #stand() {
    if (document.visibilityState !== 'visible' || this.#follows.size === 0) return this.#leave();
    if (this.#leader) return this.#leader.wish(this.#tab, this.#wish);
    this.#say({ kind: 'wish', tab: this.#tab, wish: this.#wish });
    if (this.#standing) return;
    this.#standing = new AbortController();
    const { signal } = this.#standing;
    // Over plain HTTP there are no locks; then each visible tab is its own leader.
    if (!navigator.locks) return this.#lead(signal, () => {});
    navigator.locks
      .request(NAME, { signal }, () => new Promise((/** @type {(value?: undefined) => void} */ release) => this.#lead(signal, release)))
      .catch(() => {}); // No longer wanted.
  }

  #leave() {
    if (!this.#standing) return;
    this.#standing.abort();
    this.#standing = null;
    this.#say({ kind: 'left', tab: this.#tab });
    this.#tell('closed');
  }

  /**
   * @param {AbortSignal} signal
   * @param {() => void} release
   */
  #lead(signal, release) {
    if (signal.aborted) return release();
    const shared = Boolean(navigator.locks);
    const leader = new Leader(this.#api, {
      events: (events) => {
        if (shared) this.#say({ kind: 'events', events });
        this.#take(events);
      },
      state: (state) => {
        if (shared) this.#say({ kind: 'state', state });
        this.#tell(state);
      },
    });
    this.#leader = leader;
    signal.addEventListener('abort', () => {
      leader.close();
      this.#leader = null;
      release();
    });
    leader.wish(this.#tab, this.#wish);
    if (shared) this.#say({ kind: 'lead' });
  }

  /** @param {Message} message */
  #heard(message) {
    switch (message.kind) {
      case 'wish':
        this.#leader?.wish(message.tab, message.wish);
        if (this.#leader) this.#say({ kind: 'state', state: this.state });
        break;
      case 'left':
        this.#leader?.left(message.tab);
        break;
      case 'lead':
        if (this.#standing) this.#say({ kind: 'wish', tab: this.#tab, wish: this.#wish });
        break;
      case 'events':
        if (this.#standing) this.#take(message.events);
        break;
      case 'state':
        if (this.#standing) this.#tell(message.state);
        break;
    }
  }

  /** Events that this tab has not seen. @param {LiveEvent[]} events */
  #take(events) {
    const seen = this.#seen;
    const fresh = seen === null ? events : events.filter((event) => event.number > seen);
    const last = fresh.at(-1);
    if (!last) return;
    this.#seen = last.number;
    for (const { listener } of [...this.#follows]) listener(fresh);
  }

  /** @param {LiveState} state */
  #tell(state) {
    if (state === this.state) return;
    this.state = state;
    for (const listener of [...this.#watching]) listener(state);
  }

  /** @param {Message} message */
  #say(message) {
    this.#channel.postMessage(message);
  }
}

/** The stream itself, for the wishes of all tabs. */
class Leader {
  #api;
  #out;
  /** @type {Map<string, Wish>} */
  #wishes = new Map();
  /** @type {EventSource | null} */
  #source = null;
  #topics = '';
  /** The last number that came. @type {number | null} */
  #number = null;
  /** @type {LiveEvent[]} */
  #batch = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #flushing;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retrying;
  #refused = 0;

  /**
   * @param {Api & { tell: (state: Api['state']) => void }} api
   * @param {{ events: (events: LiveEvent[]) => void, state: (state: LiveState) => void }} out
   */
  constructor(api, out) {
    this.#api = api;
    this.#out = out;
  }

  /**
   * @param {string} tab
   * @param {Wish} wish
   */
  wish(tab, wish) {
    // Who wishes last stands last.
    this.#wishes.delete(tab);
    this.#wishes.set(tab, wish);
    const all = [...new Set([...this.#wishes.values()].flatMap((other) => other.topics))];
    // One trace too many, and the server would refuse them all: the latest count.
    const traces = all.filter((topic) => topic.startsWith('trace:')).slice(-TRACES_MAX);
    const topics = [...all.filter((topic) => !topic.startsWith('trace:')), ...traces].sort().join(',');
    const behind = wish.seen !== null && (this.#number === null || wish.seen < this.#number);
    if (!this.#source || topics !== this.#topics || behind) {
      this.#topics = topics;
      if (wish.seen !== null && behind) this.#number = wish.seen;
      this.connect();
    }
  }

  /** @param {string} tab */
  left(tab) {
    this.#wishes.delete(tab);
  }

  connect() {
    this.#flush();
    this.#drop();
    this.#out.state('connecting');
    const source = new EventSource(this.#api.url('/stream', { topics: this.#topics, after: this.#number }));
    this.#source = source;
    source.addEventListener('open', () => {
      this.#refused = 0;
      this.#api.tell('online');
      this.#out.state('open');
    });
    source.addEventListener('error', () => this.#broke(source));
    for (const name of EVENTS) source.addEventListener(name, (event) => this.#came(name, event));
  }

  close() {
    this.#flush();
    this.#drop();
    this.#out.state('closed');
  }

  #drop() {
    clearTimeout(this.#retrying);
    this.#source?.close();
    this.#source = null;
  }

  /** @param {EventSource} source */
  #broke(source) {
    if (source !== this.#source) return;
    this.#out.state('connecting');
    // Says whether nobody answers, or whether the sign-in has ended.
    this.#api.get('/me').catch(() => {});
    // A browser comes back by itself to what broke, and not to what was refused.
    if (source.readyState !== EventSource.CLOSED) return;
    const wait = RETRY_MS[Math.min(this.#refused, RETRY_MS.length - 1)];
    this.#refused += 1;
    this.#retrying = setTimeout(() => this.connect(), wait);
  }

  /**
   * @param {string} name
   * @param {MessageEvent<string>} event
   */
  #came(name, event) {
    const number = Number(event.lastEventId);
    this.#number = number;
    this.#batch.push({ number, name, data: JSON.parse(event.data) });
    this.#flushing ??= setTimeout(() => this.#flush(), BATCH_MS);
  }

  #flush() {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    const events = this.#batch;
    this.#batch = [];
    if (events.length > 0) this.#out.events(events);
  }
}
