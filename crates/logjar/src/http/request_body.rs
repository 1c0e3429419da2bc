//! What happens to a body that was not read to its end because its request was refused.
//!
//! A connection with an unread body in it has to be closed, and the client must know: otherwise it sends its next
//! request into a connection that is closing. So a small rest is read and discarded, and the connection stays open;
//! with a larger one, or one that the client holds back (`Expect: 100-continue`), the answer says `Connection: close`.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::{Request, Response};
use tokio::sync::oneshot;

use super::body::Answer;
use super::lists::has;

/// The largest rest that is read and discarded.
const SMALL: u64 = 256 * 1024;
/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The body of a request; if it is dropped unread, it goes back to whoever waits for it.
pub(crate) struct RequestBody {
    body: Option<Incoming>,
    unread: Option<oneshot::Sender<Incoming>>,
}

/// Waits for the body of an answered request.
pub(crate) struct Unread {
    body: oneshot::Receiver<Incoming>,
    is_held_back: bool,
}

impl RequestBody {
    /// The body of a request that has none.
    pub(crate) fn none() -> Self {
        Self { body: None, unread: None }
    }
}

/// Watches the body.
pub(crate) fn watch(request: Request<Incoming>) -> (Request<RequestBody>, Unread) {
    let (sender, receiver) = oneshot::channel();
    let is_held_back = has(request.headers(), &header::EXPECT, "100-continue");
    let request = request.map(|body| RequestBody { body: Some(body), unread: Some(sender) });
    (request, Unread { body: receiver, is_held_back })
}

impl Unread {
    /// Reads a small rest, or makes the answer say that the connection closes.
    pub(crate) async fn settle(mut self, response: &mut Response<Answer>) {
        let Ok(mut body) = self.body.try_recv() else { return };
        let is_small = body.size_hint().upper().is_some_and(|length| length <= SMALL);
        if is_small && !self.is_held_back {
            let drained = async { while let Some(Ok(_)) = body.frame().await {} };
            if tokio::time::timeout(PATIENCE, drained).await.is_ok() && body.is_end_stream() {
                return;
            }
        }
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let unread = self.body.take().filter(|body| !body.is_end_stream());
        if let (Some(body), Some(sender)) = (unread, self.unread.take()) {
            // Nobody waits any more if the connection is gone.
            let _ = sender.send(body);
        }
    }
}
