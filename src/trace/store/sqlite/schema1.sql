-- One row for each request: what the Logs show of it. Numbers of 64 bits without a sign are kept bit by bit.
CREATE TABLE request (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    start INTEGER NOT NULL,
    duration INTEGER NOT NULL,
    first_byte INTEGER,
    method TEXT NOT NULL,
    scheme TEXT NOT NULL,
    host TEXT NOT NULL,
    path TEXT NOT NULL,
    query TEXT NOT NULL,
    version TEXT NOT NULL,
    status INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    route TEXT NOT NULL,
    upstream TEXT NOT NULL,
    cache TEXT NOT NULL,
    cache_reason TEXT NOT NULL,
    error TEXT NOT NULL,
    client TEXT NOT NULL,
    destination TEXT NOT NULL,
    page BLOB,
    identity BLOB,
    person TEXT NOT NULL,
    session BLOB,
    trace BLOB,
    trigger_word TEXT NOT NULL,
    -- Nine octets each: which moment, and nanoseconds after the start, the lowest octet first.
    moments BLOB NOT NULL,
    -- Four lists of names and values in JSON, zstd. Last, so that lists of requests need not read it.
    headers BLOB
) STRICT;
CREATE INDEX request_trace ON request (trace) WHERE trace IS NOT NULL;
CREATE INDEX request_session ON request (session) WHERE session IS NOT NULL;
CREATE INDEX request_person ON request (person) WHERE person <> '';

-- One row for each batch of spans of one trace: an ExportTraceServiceRequest of OTLP in protobuf, zstd.
CREATE TABLE batch (
    seq INTEGER PRIMARY KEY,
    trace BLOB NOT NULL,
    received INTEGER NOT NULL,
    spans INTEGER NOT NULL,
    -- Octets before compression.
    size INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
CREATE INDEX batch_trace ON batch (trace, spans);

-- Spans written in each hour since the Unix epoch: what the quota is counted by.
CREATE TABLE written (
    hour INTEGER PRIMARY KEY,
    spans INTEGER NOT NULL
) STRICT;
