//! OTLP messages from apps, in both encodings, and the framing of gRPC.

use bytes::Bytes;
use waylight::trace::receive::{Encoding, decode, message};

/// The data is a message.
pub(super) fn run(data: &[u8]) {
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let _ = decode(encoding, Bytes::copy_from_slice(data));
    }
    if let Some((_, framed)) = message(&Bytes::copy_from_slice(data)) {
        assert_eq!(framed.len() + 5, data.len());
        let _ = decode(Encoding::Protobuf, framed);
    }
}
