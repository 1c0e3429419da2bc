//! Bodies of answers: ready bytes, parts of stored files, and what the router produces.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};

use crate::storage::body::RangeBody;

/// The body of an answer.
pub enum Answer {
    /// Bytes in memory.
    Ready(Full<Bytes>),
    /// Part of a stored file.
    Stored(RangeBody),
    /// The body that an axum handler made.
    Router(axum::body::Body),
}

impl Answer {
    /// No bytes.
    pub fn empty() -> Self {
        Self::Ready(Full::new(Bytes::new()))
    }

    /// These bytes.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::Ready(Full::new(bytes.into()))
    }
}

/// An answer with something that is kept until all of it has been passed on.
pub(crate) struct Held<T> {
    answer: Answer,
    _held: T,
}

impl<T> Held<T> {
    /// Keeps something until the answer has been passed on.
    pub(crate) fn new(answer: Answer, held: T) -> Self {
        Self { answer, _held: held }
    }
}

impl<T: Unpin> Body for Held<T> {
    type Data = Bytes;
    type Error = <Answer as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.answer).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.answer.size_hint()
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.get_mut() {
            Self::Ready(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Self::Stored(body) => {
                body.poll_next(context).map(|next| next.map(|read| read.map(Frame::data).map_err(Into::into)))
            }
            Self::Router(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Ready(body) => body.is_end_stream(),
            Self::Stored(body) => body.left() == 0,
            Self::Router(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Ready(body) => body.size_hint(),
            Self::Stored(body) => SizeHint::with_exact(body.left()),
            Self::Router(body) => body.size_hint(),
        }
    }
}
