//! Whether a recent request is one that is asked for. A store answers the same question in its own way.

use super::row::RequestRow;
use crate::trace::store::query::{BINS_MAX, Bin, Cursor, Histogram, RequestQuery, Traced};

/// Whether a request is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is.
    In,
    /// This condition alone keeps it out.
    Out(&'static str),
    /// It is on a page before, or more than one condition keeps it out.
    Elsewhere,
}

/// Whether `query` asks for `row`.
pub(super) fn verdict(query: &RequestQuery, row: &RequestRow) -> Verdict {
    if query.before.is_some_and(|before| Cursor { start: row.start, id: row.id } >= before) {
        return Verdict::Elsewhere;
    }
    let in_time = query.from.is_none_or(|from| row.start >= from) && query.to.is_none_or(|to| row.start < to);
    let conditions = [
        ("time", in_time),
        ("session", query.session.is_none_or(|session| row.session == Some(session))),
        ("browser", query.identity.is_none_or(|identity| row.identity == Some(identity))),
        ("page", query.page.is_none_or(|page| row.page == Some(page))),
        ("trace", query.trace.is_none_or(|trace| row.trace == Some(trace))),
        ("traced", query.traced == Traced::Any || row.is_traced()),
        ("find", query.find.matches(row)),
    ];
    let mut broken = conditions.iter().filter(|(_, holds)| !holds);
    match (broken.next(), broken.next()) {
        (None, _) => Verdict::In,
        (Some((name, _)), None) => Verdict::Out(name),
        (Some(_), Some(_)) => Verdict::Elsewhere,
    }
}

/// The query with an end, where it has none: that of the latest of `rows`.
pub(super) fn with_end(mut query: RequestQuery, rows: &[RequestRow]) -> RequestQuery {
    let last = rows.iter().map(|row| row.start).max();
    query.to = query.to.or_else(|| last.map(|last| last + 1));
    query
}

/// A histogram over the query's time; without a beginning, from the first of `rows`.
pub(super) fn empty_histogram(query: &RequestQuery, rows: &[RequestRow], bins: usize) -> Histogram {
    let first = rows.iter().map(|row| row.start).min();
    let (from, to) = (query.from.or(first).unwrap_or_default(), query.to.unwrap_or_default());
    let bins = bins.clamp(1, BINS_MAX);
    let width = to.saturating_sub(from).div_ceil(bins as u64).max(1);
    Histogram { from, width, bins: vec![Bin::default(); bins] }
}

/// Counts `row` where it belongs.
pub(super) fn count(histogram: &mut Histogram, row: &RequestRow) {
    let at = row.start.checked_sub(histogram.from).map(|since| since / histogram.width.max(1));
    let bin = at.and_then(|at| usize::try_from(at).ok()).and_then(|at| histogram.bins.get_mut(at));
    let Some(bin) = bin else { return };
    bin.all += 1;
    bin.traced += u64::from(row.is_traced());
    bin.client_errors += u64::from(row.status / 100 == 4);
    bin.server_errors += u64::from(row.status / 100 == 5 || row.status == 0);
}
