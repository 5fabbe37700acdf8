//! `[console]`, as it is written out.

use super::Writer;
use crate::config::model::ConsoleLimits;

impl Writer {
    pub(super) fn console(&mut self, console: &ConsoleLimits) {
        self.table("[console]");
        self.set("streams_max", console.streams_max);
        self.set("batch_events_max", console.batch_events_max);
        self.set("replay_batches_max", console.replay_batches_max);
        self.set("traces_followed_max", console.traces_followed_max);
        self.set("deliveries_per_second_max", console.deliveries_per_second_max);
        self.set("delivered_events_per_second_max", console.delivered_events_per_second_max);
        self.set("bodies_max", console.bodies_max);
        self.size("import_bytes_max", console.import_bytes_max as u64);
        self.set("import_spans_max", console.import_spans_max);
        self.set("sign_in_failures_max", console.sign_in_failures_max);
        self.size("upload_bytes_max", console.upload_bytes_max as u64);
        self.set("uploads_per_minute_max", console.uploads_per_minute_max);
        self.set("replays_per_minute_max", console.replays_per_minute_max);
    }
}
