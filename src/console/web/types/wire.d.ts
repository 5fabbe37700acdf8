// What the API answers. Written from docs/openapi.json by a test, which fails where this file differs:
// WAYLIGHT_WRITE_TYPES=1 cargo test wire_types

export type Audit = {
  items: Array<{
    /** Seconds since the Unix epoch */
    at: number;
    client?: string;
    deed: string;
    host: string;
    /** Empty: whoever may reach the admin listener */
    person: string;
    role: string;
    subject: string;
    way: string;
  }>;
  /** `before` of the next page */
  next: string | null;
};

export type Clock = {
  contradictions: number;
  err_us: number;
  instance: string;
  maker: 'edge' | 'app' | 'browser';
  offset_us: number;
  samples: number;
  svc: string;
};

/** One entry for each span; `name`, `svc`, `stage`, `note` and `tag` are places in `strings`. Flags: 1 edge, 2 browser, 4 parent not here, 8 critical path, 16 events, 32 links, 64 spans missing below, 128 query, 256 call of another service, 512 ends before it begins */
export type Columns = {
  dur_us: Array<number>;
  flags: Array<number>;
  id: Array<string>;
  kind: Array<number>;
  name: Array<number>;
  note: Array<number>;
  own_us: Array<number>;
  parent: Array<string | null>;
  stage: Array<number>;
  start_us: Array<number>;
  status: Array<number>;
  svc: Array<number>;
  tag: Array<number>;
};

export type Contents = {
  cookies: number;
  headers: number;
  people: number;
  query: number;
  statements: number;
  tokens: number;
};

export type EraseWish = {
  person?: string;
  session?: string;
};

export type Erased = {
  recent_requests: number;
  requests: number;
  spans: number;
  traces: number;
};

export type FoundSpans = {
  /** There are more than the first 20,000 */
  more: boolean;
  spans: Array<string>;
};

export type Headers = {
  forwarded?: Array<Array<string>>;
  received?: Array<Array<string>>;
  sent?: Array<Array<string>>;
  upstream?: Array<Array<string>>;
} | null;

export type Histogram = {
  all: Array<number>;
  client_errors: Array<number>;
  /** Microseconds */
  from_us: number;
  server_errors: Array<number>;
  traced: Array<number>;
  /** Microseconds */
  width_us: number;
};

export type Imported = {
  spans: number;
  traces: Array<string>;
};

export type Judged = {
  items: Array<{
    actual: string;
    fault: {
      /** Where in the text, in letters from its beginning */
      at: number;
      message: string;
    } | null;
    limit: {
      of: 'ttfb' | 'duration';
      /** Microseconds after the request's beginning */
      us: number;
    } | null;
    /** null: it is no expectation, and `fault` says why; or spans are missing that would decide it, and `actual` says which */
    met: boolean | null;
    text: string;
  }>;
};

export type Kept = {
  trace_id: string;
};

export type LiftWish = {
  person: string;
};

export type Lifted = {
  lifted: string;
};

export type Me = {
  /** Where the whole console is, in a sentence; null where it is here. */
  elsewhere: string | null;
  expires_at: number;
  identity: string;
  may: Array<string>;
  name: string;
  role: 'guest' | 'viewer' | 'tracer' | 'admin';
  /** How much of his role is given here: `session`: this browser's own sessions, on a site's own origin; `all`. */
  scope: 'session' | 'all';
  session: {
    expires_at: number;
    id: string;
    spans_max: number;
    spans_used: number;
  } | null;
  version: string;
  way: string;
};

export type PageWish = {
  /** `interaction`: what the visitor does next on the page he has */
  arm?: 'load' | 'interaction';
  /** `bypass`: each request has the directive `no-cache` */
  cache?: 'default' | 'bypass';
  /** Needed unless `arm` is `interaction` */
  path?: string;
  /** How often the page is loaded; 1 */
  runs?: number;
};

/** RFC 9457 */
export type Problem = {
  /** Where in the parameter, in letters from its beginning */
  at?: number;
  detail: string;
  parameter?: string;
  status: number;
  title: string;
  type: string;
};

export type PurgeWish = {
  /** Everything */
  all?: boolean;
  /** Every URL that begins so */
  prefix?: string;
  /** Only stale from now on: it may still be validated, and answer where a stale response may */
  soft?: boolean;
  /** Whatever has this tag, in Cache-Tag or Surrogate-Key */
  tag?: string;
  /** This URL, with all of its variants */
  url?: string;
};

export type Purged = {
  purged: number;
};

export type Quota = {
  limit: number;
  /** Seconds since the Unix epoch */
  resets_at: number;
  state: 'fine' | '80' | '95' | 'full';
  used: number;
};

export type ReplayWish = {
  cache?: 'default' | 'bypass';
  request_id: string;
  /** 1 */
  runs?: number;
};

export type Replayed = {
  runs: Array<{
    status: number;
    trace_id: string | null;
  }>;
  session_id: string;
  wished: number;
};

export type Request = {
  bytes: number;
  cache: {
    reason: string;
    status: string;
  };
  destination: string;
  /** Microseconds */
  dur_us: number;
  error: string;
  host: string;
  id: string;
  method: string;
  page_id: string | null;
  path: string;
  person: string;
  phases: Array<[string, number, number]>;
  query: string;
  route: string;
  scheme: 'http' | 'https';
  session_id: string | null;
  /** 0: the client left before there was one */
  status: number;
  trace_id: string | null;
  trigger: string;
  /** Microseconds */
  ts_us: number;
  ttfb_us: number | null;
  upstream: string;
};

export type RequestDetail = {
  client: string;
  headers: Headers;
  id: string;
  identity: string | null;
  version: string;
  why_not_cached: string;
  ts_us: unknown;
  method: unknown;
  path: unknown;
  status: unknown;
  phases: unknown;
};

export type Requests = {
  excluded_by: Record<string, number>;
  items: Array<Request>;
  /** `before` of the next page */
  next: string | null;
};

export type RevokeWish = {
  identity?: string;
  person?: string;
};

export type Revoked = {
  /** An id, or the name of a person */
  revoked: string;
};

export type Runs = {
  /** Runs that were read, this one included; at most 12 */
  runs: number;
  /** By span: in how many runs it was, and in microseconds the shortest, half of them, 95 of 100, the longest */
  spans: Record<string, [number, number, number, number, number]>;
};

export type Session = {
  /** With `arm: interaction`: what the browser records it under */
  browser?: {
    trace: string;
    /** The value of `Waylight-Upload` */
    upload: string;
  } | null;
  path?: string | null;
  runs?: number;
  session: {
    expires_at: number;
    id: string;
    kind: string;
    spans_max: number;
  } | null;
};

export type SessionWish = {
  action: 'start' | 'stop' | 'restart';
};

export type Sessions = {
  kept: Array<{
    failed: number;
    /** Microseconds */
    first_us: number;
    host: string;
    id: string;
    /** Microseconds */
    last_us: number;
    pages: number;
    person: string;
    requests: number;
    spans: number;
    traces: number;
  }>;
  live: Array<{
    expires_at: number;
    host: string;
    id: string;
    kind: string;
    mine: boolean;
    person: string;
    since: number;
    spans_max: number;
    spans_used: number;
  }>;
};

export type Settings = {
  /** The effective configuration in TOML, secrets hidden */
  config: string;
  endpoints: Array<{
    /** Since it was configured */
    attempts: number;
    /** Empty: the process that is started on demand */
    endpoint: string;
    /** Without an answer, of whatever status */
    failed: number;
    /** Since the last answer */
    failed_in_a_row: number;
    last_failure: {
      /** Seconds since the Unix epoch */
      at: number;
      /** A type of RFC 9209 */
      error: string;
    } | null;
    upstream: string;
  }>;
  exports: Array<{
    authority: string;
    /** Refused for good, or for too long */
    dropped_failed: number;
    /** The queue was full */
    dropped_queue: number;
    /** Not sent before the end */
    dropped_shutdown: number;
    last_error: {
      /** Microseconds */
      at_us: number;
      message: string;
    } | null;
    name: string;
    queue_bytes: number;
    queue_spans: number;
    rejected: number;
    retries: number;
    sent: number;
  }>;
  processes: Array<{
    /** The last start came to nothing */
    failed: boolean;
    pid: number | null;
    port: number | null;
    /** Ready since, in seconds since the Unix epoch */
    since: number | null;
    starts: number;
    state: 'idle' | 'starting' | 'ready' | 'draining';
    upstream: string;
  }>;
  receiver: string | null;
  store: {
    bytes: number;
    kind: string;
    /** Microseconds */
    oldest_us: number | null;
    requests: number;
    spans: number;
  } | null;
};

export type ShareWish = {
  give?: 'preview' | 'link' | 'file';
  redact?: Array<'cookies' | 'tokens' | 'query' | 'headers' | 'people' | 'statements'>;
  ttl?: number;
};

export type Shared = {
  holds: Contents;
  requests: number;
  shows: Contents;
  spans: number;
  trace_id: string;
} | {
  expires_at: number;
  path: string;
};

export type Span = {
  attributes: Record<string, unknown>;
  dropped_attributes: number;
  /** Microseconds */
  dur_us: number;
  events: Array<{
    attributes: Record<string, unknown>;
    name: string;
    /** Microseconds */
    ts_us: number;
  }>;
  id: string;
  kind: number;
  links: Array<{
    attributes: Record<string, unknown>;
    span_id: string;
    trace_id: string;
  }>;
  name: string;
  resource: Record<string, unknown>;
  scope: {
    attributes: Record<string, unknown>;
    name: string;
    version: string;
  } | null;
  /** Microseconds */
  start_us: number;
  status: {
    code: number;
    message: string;
  };
  trace_id: string;
};

export type Status = {
  requests: number;
  spans: number;
  state: 'open' | 'partial' | 'done';
  trace_id: string;
  verdict: string | null;
  /** Of the browser's spans; empty where none carries them */
  vitals: Array<Vital>;
  waiting_for: Array<string>;
};

export type Trace = {
  clock: Clock | null;
  clocks: Array<Clock>;
  critical: Array<[string, number, number]>;
  entry: string | null;
  /** The first 10,000 events: the place of its span in the columns, microseconds after `start_us`, the place of its name in `strings` */
  events: Array<[number, number, number]>;
  holes: Array<{
    mend: string | null;
    span: string;
  }>;
  /** The first 2,000 requests of browsers whose edge half is here, derived from both: the browser's span, the edge's, microseconds there, back, and how far the truth is from either at most */
  network: Array<[string, string, number, number, number]>;
  repeats: Array<{
    count: number;
    first: string;
    name: string;
    parent: string;
    query: boolean;
    /** Microseconds */
    total_us: number;
  }>;
  /** There with `after` only: `spans`, `events` and `strings` have what is new or another, and the rest stands as it did */
  since?: {
    /** From this row on, from that row on before, so many; between them stand the spans of this answer, in order */
    kept: Array<[number, number, number]>;
    /** Added to the times of what stands as it did: the trace begins earlier or later than was known */
    shift_us: number;
    version: string;
  };
  spans: Columns;
  /** Microseconds */
  start_us: number;
  state: 'open' | 'partial' | 'done';
  strings: Array<string>;
  trace_id: string;
  verdict: {
    parts: Array<{
      kind: string;
      svc: string | null;
      /** Microseconds */
      us: number;
    }>;
    sentence: string;
    /** Microseconds */
    total_us: number;
  } | null;
  /** What `after` takes */
  version: string;
  /** Of the browser's spans; empty where none carries them */
  vitals: Array<Vital>;
  waiting_for: Array<string>;
};

export type TraceLinkMade = {
  url: string;
};

export type TraceLinkWish = {
  /** The page that the visitor is led to */
  path: string;
  /** At most `access.guest_requests_max`, which is also the default */
  requests_max?: number;
  /** How long he is traced; at most `access.guest_ttl`, which is also the default */
  seconds?: number;
  /** The site by its origin; needed where the console is not at a site */
  site?: string;
};

export type TraceLinks = {
  items: Array<{
    expires_at: number;
    host: string;
    id: string;
    mine: boolean;
    path: string;
    person: string;
    requests_max: number;
    seconds: number;
  }>;
};

export type Uploaded = {
  partialSuccess?: {
    errorMessage: string;
    rejectedSpans: string;
  };
};

export type Vital = {
  /** Microseconds after `start_us` */
  at_us: number | null;
  name: 'TTFB' | 'FCP' | 'LCP' | 'INP' | 'CLS';
  rating: 'good' | 'needs-improvement' | 'poor';
  span: string;
  /** Milliseconds; of CLS a size */
  value: number;
};
