//! Parameters of the API, and the cursors in them: what is read as a place in a list is written again as it was.

use http::Uri;
use waylight::{console::api::query::Query, trace::store::query::Cursor};

/// The data is a query string, and a cursor.
pub(super) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(place) = Cursor::parse(text) {
        assert_eq!(Cursor::parse(&place.to_string()), Some(place));
    }
    let known = ["before", "q", "limit", "session"];
    let Ok(uri) = format!("/?{text}").parse::<Uri>() else { return };
    let Ok(query) = Query::parse(&uri, &known) else { return };
    if let Ok(Some(place)) = query.cursor("before") {
        assert_eq!(query.text("before").map(str::to_owned), Some(place.to_string()));
    }
    for name in known {
        query.number::<u64>(name, 1..=100).ok();
        query.moment(name).ok();
        query.id(name).ok();
        query.request_id(name).ok();
    }
}
