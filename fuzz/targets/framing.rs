//! A client's requests: how its octets are cut into reads decides nothing.

use bytes::BytesMut;
use http::HeaderMap;
use waylight::rules::framing::{
    Bounds, Fault,
    content::Part,
    request::{Head, Requests},
};

/// The first octet chooses the size of reads; the rest is what a client sends.
pub(super) fn run(data: &[u8]) {
    let Some((&choice, octets)) = data.split_first() else { return };
    let whole = follow(octets, octets.len().max(1));
    let parts = follow(octets, usize::from(choice) + 1);
    assert_eq!(whole, parts, "the reads decide");
}

/// What was read of a client's octets.
#[derive(Debug, Default, PartialEq)]
struct Read {
    heads: Vec<Head>,
    content: Vec<u8>,
    trailers: Vec<HeaderMap>,
    fault: Option<Fault>,
}

fn follow(octets: &[u8], size: usize) -> Read {
    let bounds = Bounds { head_bytes_max: 4096, fields_max: 32, target_bytes_max: 1024 };
    let (mut requests, mut input, mut read) = (Requests::new(bounds), BytesMut::new(), Read::default());
    for piece in octets.chunks(size) {
        input.extend_from_slice(piece);
        read.fault = take(&mut requests, &mut input, &mut read).err();
        if read.fault.is_some() {
            break;
        }
    }
    read
}

/// Reads as much as is there.
fn take(requests: &mut Requests, input: &mut BytesMut, read: &mut Read) -> Result<(), Fault> {
    loop {
        let before = input.len();
        if requests.content().is_over() {
            read.heads.extend(requests.head(input)?);
        } else {
            match requests.part(input)? {
                Some(Part::Data(data)) => read.content.extend_from_slice(&data),
                Some(Part::Trailers(trailers)) => read.trailers.push(trailers),
                None => {}
            }
        }
        if input.len() == before {
            return Ok(());
        }
    }
}
