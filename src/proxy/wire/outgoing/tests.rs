use tokio::io::AsyncReadExt as _;

use super::*;

/// What `fill` puts in, as it comes out of a stream that takes few octets at a time.
async fn written(fill: impl Fn(&mut Outgoing)) -> String {
    let (mut near, mut far) = tokio::io::duplex(7);
    let mut out = Outgoing::default();
    fill(&mut out);
    let mut read = Vec::new();
    let writing = async {
        std::future::poll_fn(|cx| out.poll(cx, &mut near)).await.unwrap();
        assert!(out.has_gone() && out.has_room());
        drop(near);
    };
    tokio::join!(writing, async { far.read_to_end(&mut read).await.unwrap() });
    assert_eq!(out.written(), read.len() as u64);
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn chunks_are_the_same_whether_copied_or_not() {
    for size in [1, COPIED_BYTES_MAX, COPIED_BYTES_MAX + 1, 3 * COPIED_BYTES_MAX] {
        let data = "x".repeat(size);
        let fill = |more| {
            let data = Bytes::from(data.clone());
            move |out: &mut Outgoing| {
                field(out.own(), "a", b"b");
                out.chunk(data.clone(), more);
            }
        };
        assert_eq!(written(fill(More::Yes)).await, format!("a: b\r\n{size:x}\r\n{data}\r\n"));
        assert_eq!(written(fill(More::No)).await, format!("a: b\r\n{size:x}\r\n{data}\r\n0\r\n\r\n"));
    }
    assert_eq!(written(|out| out.chunk(Bytes::new(), More::Yes)).await, "");
    assert_eq!(written(|out| out.chunk(Bytes::new(), More::No)).await, "0\r\n\r\n");
}

#[tokio::test]
async fn only_what_may_trail_is_written_as_a_trailer() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("1"));
    for name in [
        "content-length",
        "transfer-encoding",
        "cookie",
        "set-cookie",
        "forwarded",
        "via",
        "x-real-ip",
        "x-forwarded-for",
        "x-forwarded-user",
        "x_forwarded_for",
        "content_length",
        "waylight-trace",
        "waylight-upload",
        "waylight-page",
        "proxy",
        "upgrade",
    ] {
        trailers.insert(name, HeaderValue::from_static("9"));
    }
    assert_eq!(written(|out| out.trailers(&trailers)).await, "0\r\nx-sum: 1\r\n\r\n");
}

#[tokio::test]
async fn lengths_are_written_in_digits() {
    for octets in [0, 7, 10, 1024, u64::MAX] {
        assert_eq!(written(|out| content_length(out.own(), octets)).await, format!("content-length: {octets}\r\n"));
    }
}

/// Takes everything, and lets it go only when it is flushed for the second time, as TLS does with a full socket.
#[derive(Default)]
struct Holding {
    held: usize,
    flushes: usize,
    gone: usize,
}

impl AsyncWrite for Holding {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.held += octets.len();
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushes += 1;
        if self.flushes == 1 {
            return Poll::Pending;
        }
        self.gone = self.held;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn nothing_has_gone_that_is_held_back() {
    let mut io = Holding::default();
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let mut out = Outgoing::default();
    out.data(Bytes::from_static(b"octets"));
    assert!(out.poll(&mut cx, &mut io).is_pending());
    assert!(!out.has_gone() && out.has_room());
    assert!(out.poll(&mut cx, &mut io).is_ready());
    assert!(out.has_gone());
    assert_eq!((io.gone, io.flushes), (6, 2));
    assert!(out.poll(&mut cx, &mut io).is_ready());
    assert_eq!(io.flushes, 2, "what has gone need not go again");
}
