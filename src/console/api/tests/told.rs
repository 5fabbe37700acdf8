//! What people were told of is there when they ask for it.

use std::{sync::Arc, time::Duration};

use opentelemetry::trace::TraceId;

use crate::{
    console::api::{Shelf, traces::load},
    trace::{
        quota::Quota,
        store::{
            sqlite::SqliteStore,
            testing::{settings, spans},
        },
    },
};
#[tokio::test]
async fn spans_of_a_trace_that_is_watched_are_read_before_their_time_to_be_written_comes() {
    let directory = tempfile::tempdir().unwrap();
    let (mut settings, quota) = (settings(), Arc::new(Quota::unlimited()));
    settings.flush_interval = Duration::from_secs(3_600);
    let store = Arc::new(SqliteStore::start(directory.path(), &settings, Arc::clone(&quota), Arc::default()).unwrap());
    let (sink, id) = (store.ahead(), TraceId::from(7));
    let shelf = Shelf::of(store, quota);
    sink.write(spans([7])).await.unwrap();
    assert!(load(&shelf, id).await.is_err(), "nobody was told of it");
    let watching = shelf.hub.watch(id);
    assert!(load(&shelf, id).await.is_ok());
    drop(watching);
}
