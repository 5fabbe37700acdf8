//! `[requests]` and `[receive]`, as they are meant.

use super::{HIDDEN, Writer};
use crate::config::model::{Forward, Receive, ReceiveKeep, Requests, StoreRequests};

impl Writer {
    pub(super) fn requests(&mut self, requests: &Requests) {
        self.table("[requests]");
        self.set("recent_max", requests.recent_max);
        self.word("store", if requests.store == StoreRequests::All { "all" } else { "traced" });
        self.set("store_per_second_max", requests.store_per_second_max);
        self.names("keep", &requests.keep);
        self.set("keep_spans_per_minute_max", requests.keep_spans_per_minute_max);
    }

    pub(super) fn receive(&mut self, receive: &Receive) {
        self.table("[receive]");
        for (key, address) in [("http", receive.http), ("grpc", receive.grpc)] {
            self.word(key, &address.map_or_else(|| "off".to_owned(), |address| address.to_string()));
        }
        if receive.token.is_some() {
            self.set("token", HIDDEN);
        }
        self.word("keep", if receive.keep == ReceiveKeep::Traced { "traced" } else { "all" });
        self.word(
            "forward",
            match receive.forward {
                Forward::None => "none",
                Forward::Traced => "traced",
                Forward::All => "all",
            },
        );
        self.size("message_bytes_max", receive.message_bytes_max as u64);
        self.size("bytes_max", receive.bytes_max as u64);
        self.set("spans_per_second_max", receive.spans_per_second_max);
        self.size("waiting_bytes_max", receive.waiting_bytes_max as u64);
        self.duration("waiting_max", receive.waiting_max);
        self.set("traces_max", receive.traces_max);
        self.set("spans_per_trace_max", receive.spans_per_trace_max);
        let header = receive.request_id_header.as_ref().map_or("off", |name| name.as_str());
        self.word("request_id_header", header);
    }
}
