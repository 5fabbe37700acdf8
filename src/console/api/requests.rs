//! Requests: the list, how many there were over time, and one with all that is known of it.

use serde_json::{Value, json};

use super::{Answered, Call, columns::micros, json as answer, problem::Problem, query::Query, traces::trace_id};
use crate::{
    console::{audit::Deed, scope::Reach},
    rules::{
        access::Action,
        find::Find,
        reading::miss::{self, Cached},
    },
    trace::{
        requests::row::{HeaderSets, Moment, RequestRow},
        store::query::{Histogram, Page, RequestQuery, Traced},
    },
};

/// Requests of a page, unless another number is asked for.
const LIMIT: usize = 100;
/// The most requests of a page.
const LIMIT_MAX: usize = 500;
/// Parts of a histogram, unless another number is asked for.
const BINS: usize = 150;
/// The most parts of a histogram.
const BINS_MAX: usize = 1_000;

/// What chooses requests.
const CHOICE: [&str; 8] = ["q", "from", "to", "session", "browser", "traced", "page", "trace"];

impl Call<'_> {
    pub(super) async fn requests(&self) -> Answered {
        let known: Vec<&str> = CHOICE.into_iter().chain(["before", "limit"]).collect();
        let query = Query::parse(self.request.uri(), &known)?;
        let page = match self.choice(&query)? {
            Some(choice) => self.shelf.requests.page(choice).await?,
            None => Page::default(),
        };
        let Page { items, next, mut excluded_by } = page;
        // Nobody is told how many requests there are that he cannot see.
        excluded_by.retain(|(name, _)| self.reach() == Reach::All || !matches!(*name, "browser" | "session"));
        let excluded: serde_json::Map<_, _> =
            excluded_by.into_iter().map(|(name, count)| (name.to_owned(), json!(count))).collect();
        Ok(answer(&json!({
            "items": items.iter().map(item).collect::<Vec<_>>(), "next": next.map(|place| place.to_string()), "excluded_by": excluded,
        })))
    }

    pub(super) async fn histogram(&self) -> Answered {
        let known: Vec<&str> = CHOICE.into_iter().chain(["bins"]).collect();
        let query = Query::parse(self.request.uri(), &known)?;
        let bins = query.number("bins", 1..=BINS_MAX)?.unwrap_or(BINS);
        let histogram = match self.choice(&query)? {
            Some(choice) => self.shelf.requests.histogram(choice, bins).await?,
            None => Histogram::default(),
        };
        let Histogram { from, width, bins } = histogram;
        let column = |pick: fn(&crate::trace::store::query::Bin) -> u64| bins.iter().map(pick).collect::<Vec<_>>();
        Ok(answer(&json!({
            "from_us": micros(from), "width_us": micros(width), "all": column(|bin| bin.all),
            "traced": column(|bin| bin.traced), "client_errors": column(|bin| bin.client_errors),
            "server_errors": column(|bin| bin.server_errors),
        })))
    }

    pub(super) async fn request_of(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let row = self.shelf.requests.request(self.request_id()?).await?.ok_or_else(|| Problem::missing("request"))?;
        if !self.reach().holds_row(&row) {
            return Err(self.console.beyond().into());
        }
        let mut shown = item(&row);
        shown["client"] = json!(row.client);
        shown["version"] = json!(row.version);
        shown["identity"] = json!(row.identity.map(|id| id.to_string()));
        shown["why_not_cached"] = json!(why(&row));
        shown["headers"] = row.headers.as_deref().map_or(Value::Null, headers);
        Ok(answer(&shown))
    }

    /// Keeps a recent request that nobody traced, with the coarse trace that its phases give.
    pub(super) async fn keep(&self) -> Answered {
        Query::parse(self.request.uri(), &[])?;
        let id = self.request_id()?;
        self.console.audited(self.visit, Action::Keep, Deed::Keep, &format!("request {id:032x}"))?;
        let kept = self.shelf.keeper.keep(id).await?;
        let trace = kept.ok_or_else(|| Problem::missing("recent request"))?;
        Ok(answer(&json!({ "trace_id": trace.to_string() })))
    }

    /// The id in the path.
    pub(super) fn request_id(&self) -> Result<u128, Problem> {
        let text = self.parameters.first().copied().unwrap_or_default();
        let is_hex = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        let id = is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        id.ok_or_else(|| Problem::bad("id", "an id of 32 hexadecimal digits is expected"))
    }

    /// What the parameters choose, of what is within reach; `None`: nothing can be.
    fn choice(&self, query: &Query) -> Result<Option<RequestQuery>, Problem> {
        let find = Find::parse(query.text("q").unwrap_or_default());
        let mine = query.word("browser", &[("me", ())])?;
        let trace = query.text("trace").map(|text| {
            let id = trace_id(text);
            id.ok_or_else(|| Problem::bad("trace", "a trace id of 32 hexadecimal digits is expected"))
        });
        let (from, to) = (query.moment("from")?, query.moment("to")?);
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            return Err(Problem::bad("from", "`from` is not before `to`"));
        }
        let choice = RequestQuery {
            find: find.map_err(|error| Problem::bad("q", error.message).at(error.at))?,
            from,
            to,
            session: query.id("session")?,
            identity: mine.map(|()| self.who.id),
            page: query.request_id("page")?,
            trace: trace.transpose()?,
            traced: query.word("traced", &[("1", Traced::Only), ("0", Traced::Any)])?.unwrap_or_default(),
            before: query.cursor("before")?,
            limit: query.number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT),
        };
        Ok(self.within(choice))
    }

    /// What is within reach of what is chosen; `None`: nothing can be.
    pub(super) fn within(&self, choice: RequestQuery) -> Option<RequestQuery> {
        match self.reach() {
            Reach::All => Some(choice),
            Reach::Identity(id) => Some(RequestQuery { identity: Some(id), ..choice }),
            Reach::Session(id) if choice.session.is_none_or(|asked| asked == id) => {
                Some(RequestQuery { session: Some(id), ..choice })
            }
            Reach::Session(_) | Reach::Nothing => None,
        }
    }
}

/// A request as lists show it.
pub(super) fn item(row: &RequestRow) -> Value {
    json!({
        "id": format!("{:032x}", row.id), "ts_us": micros(row.start), "method": row.method, "scheme": row.scheme,
        "host": row.host, "path": row.path, "query": row.query, "status": row.status,
        "cache": { "status": row.cache.status, "reason": row.cache.reason }, "route": row.route, "upstream": row.upstream,
        "dur_us": micros(row.duration), "ttfb_us": row.first_byte.map(micros), "bytes": row.bytes,
        "destination": row.destination, "page_id": row.page.map(|page| format!("{page:032x}")),
        "session_id": row.session.map(|session| session.to_string()), "person": row.person,
        "trace_id": row.trace.map(|trace| trace.to_string()), "trigger": row.trigger, "phases": phases(row),
        "error": row.error,
    })
}

/// The time between each two moments: its kind, when it began after the request's beginning, and its length, in
/// microseconds.
fn phases(row: &RequestRow) -> Vec<Value> {
    let mut phases = Vec::with_capacity(row.moments.len() + 1);
    let mut at = 0;
    for &(moment, nanos) in &row.moments {
        let kind = match moment {
            Moment::Routed => "route",
            Moment::Chosen => "choose",
            Moment::Connected => "connect",
            Moment::Sent => "send",
            Moment::FirstByte => "wait",
        };
        phases.push(json!([kind, micros(at), micros(nanos.saturating_sub(at))]));
        at = nanos.max(at);
    }
    phases.push(json!(["respond", micros(at), micros(row.duration.saturating_sub(at))]));
    phases
}

/// Why there was no answer in a cache.
fn why(row: &RequestRow) -> String {
    let upstream = row.headers.as_deref().and_then(|sets| {
        sets.upstream.iter().find(|(name, _)| name.eq_ignore_ascii_case("cache-status")).map(|(_, value)| &**value)
    });
    miss::explain(Cached { status: &row.cache.status, reason: &row.cache.reason, upstream })
}

fn headers(sets: &HeaderSets) -> Value {
    let list =
        |fields: &[(Box<str>, Box<str>)]| fields.iter().map(|(name, value)| json!([name, value])).collect::<Value>();
    json!({
        "received": list(&sets.received), "forwarded": list(&sets.forwarded), "upstream": list(&sets.upstream),
        "sent": list(&sets.sent),
    })
}
