//! A connection that is closed so that the client still reads its answer.
//!
//! A server that closes a connection with unread bytes in it resets it, and the reset overtakes the answer: a build
//! tool whose 100 MB were refused would see "broken pipe" instead of the reason. So shutting down here means: say
//! that nothing more will come, then read and drop what the client still sends, within bounds.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::metrics::Metrics;

/// How long a client may go on sending after its answer.
const DRAIN_TIME: Duration = Duration::from_secs(30);
/// How long it may pause meanwhile.
const DRAIN_IDLE: Duration = Duration::from_secs(5);

/// The connection.
pub(crate) struct Connection<S> {
    stream: S,
    drain_bytes_max: u64,
    write_timeout: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    closing: Option<Closing>,
    metrics: Arc<Metrics>,
}

struct Closing {
    half_closed: bool,
    deadline: Instant,
    idle: Pin<Box<Sleep>>,
    bytes_left: u64,
}

impl<S> Connection<S> {
    /// Wraps a stream. `drain_bytes_max` is what is read and dropped at most, `write_timeout` how long the other
    /// side may take nothing of what we send.
    pub(crate) fn new(
        stream: S,
        drain_bytes_max: u64,
        write_timeout: Duration,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { stream, drain_bytes_max, write_timeout, stalled: None, closing: None, metrics }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    fn count_sent(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.metrics.sent_bytes.add(*bytes as u64);
        }
    }

    /// Turns a write that makes no progress for too long into an error, so that nobody holds a connection for ever.
    fn watch_write<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let timeout = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + timeout)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing of the answer")))
    }

    fn drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 16 * 1024];
        let Some(closing) = &mut self.closing else { return Poll::Ready(Ok(())) };
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Err(_)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => {
                    let read = buffer.filled().len() as u64;
                    closing.bytes_left = closing.bytes_left.saturating_sub(read);
                    if closing.bytes_left == 0 {
                        return Poll::Ready(Ok(()));
                    }
                    let pause_ends = Instant::now() + DRAIN_IDLE;
                    closing.idle.as_mut().reset(pause_ends.min(closing.deadline));
                }
                Poll::Pending => {
                    ready!(closing.idle.as_mut().poll(context));
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.metrics.received_bytes.add((buffer.filled().len() - before) as u64);
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.count_sent(&written);
        self.watch_write(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.count_sent(&written);
        self.watch_write(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch_write(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let bytes_left = self.drain_bytes_max;
        let closing = self.closing.get_or_insert_with(|| Closing {
            half_closed: false,
            deadline: Instant::now() + DRAIN_TIME,
            idle: Box::pin(sleep_until(Instant::now() + DRAIN_IDLE)),
            bytes_left,
        });
        if !closing.half_closed {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            if let Some(closing) = &mut self.closing {
                closing.half_closed = true;
            }
        }
        self.drain(context)
    }
}
