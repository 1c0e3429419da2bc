//! Answers that are made piece by piece, with one JSON value per line.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::{HeaderValue, header};
use hyper::body::Frame;
use tokio::sync::mpsc::Receiver;

/// An answer whose body comes through a channel, and ends when there are no more senders.
pub(super) fn response(pieces: Receiver<io::Result<Bytes>>) -> Response {
    let mut response = Response::new(Body::new(Pieces(pieces)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

struct Pieces(Receiver<io::Result<Bytes>>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
