//! `[console]`: bounds of the console, its API and its live views.

use super::super::{
    document::Table,
    model::ConsoleLimits,
    value::{GIB, KIB, MIB},
};

pub(super) fn console(table: &Table<'_>) -> ConsoleLimits {
    let console = ConsoleLimits {
        streams_max: table.or("streams_max", 1_024, |value| value.count(1..=65_536)),
        batch_events_max: table.or("batch_events_max", 256, |value| value.count(1..=65_536)),
        replay_batches_max: table.or("replay_batches_max", 64, |value| value.count(1..=65_536)),
        traces_followed_max: table.or("traces_followed_max", 1_024, |value| value.count(1..=65_536)),
        deliveries_per_second_max: table.or("deliveries_per_second_max", 500, |value| value.count(1..=1_000_000)),
        delivered_events_per_second_max: table
            .or("delivered_events_per_second_max", 32_768, |value| value.count(1..=1_000_000_000)),
        bodies_max: table.or("bodies_max", 2_048, |value| value.count(1..=65_536)),
        import_bytes_max: table
            .or("import_bytes_max", 16 * MIB as usize, |value| value.size(KIB as usize..=GIB as usize)),
        import_spans_max: table.or("import_spans_max", 200_000, |value| value.count(1..=10_000_000)),
        sign_in_failures_max: table.or("sign_in_failures_max", 10, |value| value.count(1..=10_000)),
        upload_bytes_max: table
            .or("upload_bytes_max", 60 * KIB as usize, |value| value.size(KIB as usize..=MIB as usize)),
        uploads_per_minute_max: table.or("uploads_per_minute_max", 120, |value| value.count(0..=1_000_000)),
        replays_per_minute_max: table.or("replays_per_minute_max", 60, |value| value.count(0..=1_000_000)),
    };
    table.check();
    console
}
