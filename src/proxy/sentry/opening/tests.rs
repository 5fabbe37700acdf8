use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http_body::Frame;

use super::*;

/// Pieces, and how many empty ones come before each.
struct Pieces(Vec<&'static str>, usize, usize);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.1 > 0 {
            self.1 -= 1;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::new()))));
        }
        self.1 = self.2;
        let piece = self.0.pop();
        Poll::Ready(piece.map(|piece| Ok(Frame::data(Bytes::from(piece)))))
    }
}

#[tokio::test]
async fn empty_pieces_take_no_room() {
    let body = Body::boxed(Pieces(vec!["\nrest", "{}"], 1_000, 1_000));
    let opening = Opening::read(body, None).await.unwrap();
    assert_eq!((opening.line(), &opening.read), (&b"{}"[..], &VecDeque::from(["{}".into(), "\nrest".into()])));
}
