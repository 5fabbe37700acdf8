//! OTLP messages from apps, in both encodings.

use bytes::Bytes;
use waylight::trace::receive::{Encoding, decode};

/// The data is a message.
pub(super) fn run(data: &[u8]) {
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let _ = decode(encoding, Bytes::copy_from_slice(data));
    }
}
