//! Requests as rows of the table `request`, and back.

use std::sync::LazyLock;

use opentelemetry::trace::TraceId;
use rusqlite::{Connection, OptionalExtension as _, Row, Statement, params};

use crate::{
    error::BoxError,
    rules::session::Id,
    trace::{
        requests::row::{CacheOutcome, HeaderSets, Moment, RequestRow},
        store::{StoreError, index::Seq},
    },
};

/// All but `seq`, in the order in which they are read and written.
const COLUMNS: &[&str] = &[
    "id",
    "start",
    "duration",
    "first_byte",
    "method",
    "scheme",
    "host",
    "path",
    "query",
    "version",
    "status",
    "bytes",
    "route",
    "upstream",
    "cache",
    "cache_reason",
    "error",
    "client",
    "destination",
    "page",
    "identity",
    "person",
    "session",
    "trace",
    "trigger_word",
    "moments",
    "headers",
];
const HEADERS: usize = COLUMNS.len();
const ZSTD_LEVEL: i32 = 3;
/// The largest header sets that are read back, in octets; a head is much smaller.
const HEADERS_BYTES_MAX: usize = 4 << 20;

static PUT: LazyLock<String> = LazyLock::new(|| {
    let numbered: Vec<String> = (1..=COLUMNS.len() + 1).map(|number| format!("?{number}")).collect();
    let again: Vec<String> = COLUMNS[1..].iter().map(|column| format!("{column} = excluded.{column}")).collect();
    format!(
        "INSERT INTO request (seq, {}) VALUES ({}) ON CONFLICT (id) DO UPDATE SET {} RETURNING seq",
        COLUMNS.join(", "),
        numbered.join(", "),
        again.join(", ")
    )
});
/// Without header sets.
static BARE: LazyLock<String> = LazyLock::new(|| format!("seq, {}, NULL", COLUMNS[..COLUMNS.len() - 1].join(", ")));
static WHOLE: LazyLock<String> = LazyLock::new(|| format!("seq, {}", COLUMNS.join(", ")));
static BY_SEQ: LazyLock<String> = LazyLock::new(|| format!("SELECT {} FROM request WHERE seq = ?1", *BARE));
static BY_ID: LazyLock<String> = LazyLock::new(|| format!("SELECT {} FROM request WHERE id = ?1", *WHOLE));
static BY_TRACE: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM request WHERE trace = ?1 ORDER BY start, id", *WHOLE));
static BEFORE: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM request WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2", *BARE));

/// Prepares [`put`].
pub(super) fn prepare_put(db: &Connection) -> rusqlite::Result<rusqlite::CachedStatement<'_>> {
    db.prepare_cached(&PUT)
}

/// Writes a row with the number `seq`, or with that of the row with its id. Gives its number.
pub(super) fn put(statement: &mut Statement<'_>, seq: Seq, row: &RequestRow) -> Result<Seq, StoreError> {
    let headers = row.headers.as_ref().map(|headers| pack(headers)).transpose().map_err(StoreError::Failed)?;
    let page = row.page.map(u128::to_be_bytes);
    let identity = row.identity.map(Id::to_bytes);
    let session = row.session.map(Id::to_bytes);
    let trace = row.trace.map(TraceId::to_bytes);
    let moments: Vec<u8> =
        row.moments.iter().flat_map(|(moment, at)| std::iter::once(number(*moment)).chain(at.to_le_bytes())).collect();
    let seq: i64 = statement.query_row(
        params![
            seq.cast_signed(),
            row.id.to_be_bytes(),
            row.start.cast_signed(),
            row.duration.cast_signed(),
            row.first_byte.map(u64::cast_signed),
            row.method,
            row.scheme,
            row.host,
            row.path,
            row.query,
            row.version,
            row.status,
            row.bytes.cast_signed(),
            row.route,
            row.upstream,
            row.cache.status,
            row.cache.reason,
            row.error,
            row.client,
            row.destination,
            page,
            identity,
            row.person,
            session,
            trace,
            row.trigger,
            moments,
            headers,
        ],
        |row| row.get(0),
    )?;
    Ok(seq.cast_unsigned())
}

/// The row with a number, without its header sets.
pub(super) fn by_seq(db: &Connection, seq: Seq) -> Result<Option<RequestRow>, StoreError> {
    let row = db.prepare_cached(&BY_SEQ)?.query_row([seq.cast_signed()], read).optional()?;
    Ok(row.map(|(_, row)| row))
}

/// The row with an id.
pub(super) fn by_id(db: &Connection, id: u128) -> Result<Option<RequestRow>, StoreError> {
    let row = db.prepare_cached(&BY_ID)?.query_row([id.to_be_bytes()], read).optional()?;
    Ok(row.map(|(_, row)| row))
}

/// The rows of a trace, oldest first.
pub(super) fn by_trace(db: &Connection, trace: TraceId) -> Result<Vec<RequestRow>, StoreError> {
    let mut statement = db.prepare_cached(&BY_TRACE)?;
    let rows = statement.query_map([trace.to_bytes()], read)?;
    Ok(rows.map(|row| row.map(|(_, row)| row)).collect::<rusqlite::Result<_>>()?)
}

/// The last `limit` rows with numbers below `seq`, in ascending order, without header sets.
pub(super) fn before(db: &Connection, seq: Seq, limit: usize) -> rusqlite::Result<Vec<(Seq, RequestRow)>> {
    let mut statement = db.prepare_cached(&BEFORE)?;
    let rows = statement.query_map(params![seq.cast_signed(), limit as i64], read)?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    rows.reverse();
    Ok(rows)
}

fn read(row: &Row<'_>) -> rusqlite::Result<(Seq, RequestRow)> {
    let unsigned = |column: usize| row.get::<_, i64>(column).map(i64::cast_unsigned);
    let text = |column: usize| row.get::<_, Box<str>>(column);
    let octets = |column: usize| row.get::<_, Option<[u8; 16]>>(column);
    let headers: Option<Vec<u8>> = row.get(HEADERS)?;
    let read = RequestRow {
        id: u128::from_be_bytes(row.get(1)?),
        start: unsigned(2)?,
        duration: unsigned(3)?,
        first_byte: row.get::<_, Option<i64>>(4)?.map(i64::cast_unsigned),
        method: text(5)?,
        scheme: if *text(6)? == *"https" { "https" } else { "http" },
        host: text(7)?,
        path: text(8)?,
        query: text(9)?,
        version: match &*text(10)? {
            "1.0" => "1.0",
            "2" => "2",
            _ => "1.1",
        },
        status: row.get(11)?,
        bytes: unsigned(12)?,
        route: text(13)?,
        upstream: text(14)?,
        cache: CacheOutcome { status: text(15)?, reason: text(16)? },
        error: text(17)?,
        client: text(18)?,
        destination: text(19)?,
        page: octets(20)?.map(u128::from_be_bytes),
        identity: octets(21)?.map(Id::from_bytes),
        person: text(22)?,
        session: octets(23)?.map(Id::from_bytes),
        trace: octets(24)?.map(TraceId::from_bytes),
        trigger: text(25)?,
        moments: moments(&row.get::<_, Vec<u8>>(26)?),
        // Header sets that cannot be read are as good as none: the rest of the row is still worth showing.
        headers: headers.and_then(|packed| unpack(&packed).ok()),
    };
    Ok((unsigned(0)?, read))
}

/// Four lists of names and values, in JSON.
type Lists = [Vec<(Box<str>, Box<str>)>; 4];

fn pack(headers: &HeaderSets) -> Result<Vec<u8>, BoxError> {
    let HeaderSets { received, forwarded, upstream, sent } = headers;
    Ok(zstd::bulk::compress(&serde_json::to_vec(&[received, forwarded, upstream, sent])?, ZSTD_LEVEL)?)
}

fn unpack(packed: &[u8]) -> Result<Box<HeaderSets>, BoxError> {
    let json = zstd::bulk::decompress(packed, HEADERS_BYTES_MAX)?;
    let [received, forwarded, upstream, sent]: Lists = serde_json::from_slice(&json)?;
    Ok(Box::new(HeaderSets { received, forwarded, upstream, sent }))
}

const MOMENTS: [Moment; 5] = [Moment::Routed, Moment::Chosen, Moment::Connected, Moment::Sent, Moment::FirstByte];

fn number(moment: Moment) -> u8 {
    MOMENTS.iter().zip(0..).find(|(known, _)| **known == moment).map_or(0, |(_, number)| number)
}

fn moments(packed: &[u8]) -> Vec<(Moment, u64)> {
    let (entries, _) = packed.as_chunks::<9>();
    let entry = |[moment, at @ ..]: &[u8; 9]| Some((*MOMENTS.get(usize::from(*moment))?, u64::from_le_bytes(*at)));
    entries.iter().filter_map(entry).collect()
}
