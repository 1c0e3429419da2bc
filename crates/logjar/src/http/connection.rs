//! A connection that is closed so that the client still reads its answer, and that waits for requests exactly as long
//! as it announces.
//!
//! A server that closes a connection with unread bytes in it resets it, and the reset overtakes the answer: a build
//! tool whose 100 MB were refused would see "broken pipe" instead of the reason. So shutting down here means: announce
//! that nothing more will come, then read and discard what the client still sends, within limits.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::metrics::Metrics;

/// How long a client may continue to send after its answer.
const DRAIN_TIME: Duration = Duration::from_secs(30);
/// How long it may pause while it does.
const DRAIN_IDLE: Duration = Duration::from_secs(5);

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For the head of a request, once it has begun; and for the first one to begin.
    pub(crate) head: Duration,
    /// Until the next request.
    pub(crate) next: Duration,
    /// To accept more of an answer.
    pub(crate) write: Duration,
}

/// Whether a request is being answered on a connection: odd while one is. Whoever answers reports it.
#[derive(Clone, Default)]
pub(crate) struct Answering(Arc<AtomicU64>);

/// Exists as long as a request is being answered.
pub(crate) struct Busy(Answering);

impl Answering {
    /// The head of a request has arrived.
    pub(crate) fn begin(&self) -> Busy {
        self.0.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    fn phase(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The connection.
pub(crate) struct Connection<S> {
    stream: S,
    drain_bytes_max: u64,
    patience: Patience,
    answering: Answering,
    /// The value of the counter at the last look.
    phase: u64,
    /// Whether part of a head has arrived.
    in_head: bool,
    waiting: Option<Pin<Box<Sleep>>>,
    stalled: Option<Pin<Box<Sleep>>>,
    closing: Option<Closing>,
    /// The other side took too long: there is nobody to read anything.
    given_up: bool,
    metrics: Arc<Metrics>,
}

struct Closing {
    half_closed: bool,
    drained: bool,
    deadline: Instant,
    idle: Pin<Box<Sleep>>,
    bytes_left: u64,
}

impl<S> Connection<S> {
    /// Wraps a stream. `drain_bytes_max` is the maximum that is read and discarded.
    pub(crate) fn new(
        stream: S,
        drain_bytes_max: u64,
        patience: Patience,
        answering: Answering,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            stream,
            drain_bytes_max,
            patience,
            phase: answering.phase(),
            answering,
            in_head: false,
            waiting: None,
            stalled: None,
            closing: None,
            given_up: false,
            metrics,
        }
    }

    fn timed_out(&mut self, what: &'static str) -> io::Error {
        self.given_up = true;
        io::Error::new(io::ErrorKind::TimedOut, what)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Closes it, unless that was already done.
    pub(crate) async fn close(mut self) {
        if !self.given_up {
            // Whether the client was there to read is not our concern.
            let _ = poll_fn(|context| Pin::new(&mut self).poll_shutdown(context)).await;
        }
    }

    fn count_sent(&mut self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.metrics.sent_bytes.add(*bytes as u64);
            // The rest of an answer is on its way: the wait for the next request has not begun.
            self.waiting = None;
        }
    }

    /// Turns a write that makes no progress for too long into an error, so that nobody holds a connection forever.
    fn watch_write<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let timeout = self.patience.write;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + timeout)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(self.timed_out("the client stopped reading the answer")))
    }

    /// Turns a read that waits too long for a request into an error. While a request is answered, whoever answers
    /// watches the time.
    fn watch_read(
        &mut self,
        context: &mut Context<'_>,
        read: Poll<io::Result<()>>,
        bytes: usize,
    ) -> Poll<io::Result<()>> {
        let phase = self.answering.phase();
        if phase != self.phase {
            self.phase = phase;
            self.in_head = false;
            self.waiting = None;
        }
        if phase % 2 == 1 {
            return read;
        }
        if bytes > 0 && !self.in_head {
            self.in_head = true;
            self.waiting = None;
        }
        if read.is_ready() && bytes == 0 {
            return read;
        }
        let time = if phase == 0 || self.in_head { self.patience.head } else { self.patience.next };
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + time)));
        if read.is_ready() {
            return read;
        }
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(self.timed_out("no complete request head arrived in time")))
    }

    fn drain(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 16 * 1024];
        let Some(closing) = &mut self.closing else { return Poll::Ready(()) };
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Ready(()),
                Poll::Ready(Ok(())) => {
                    let read = buffer.filled().len() as u64;
                    closing.bytes_left = closing.bytes_left.saturating_sub(read);
                    if closing.bytes_left == 0 {
                        return Poll::Ready(());
                    }
                    let pause_ends = Instant::now() + DRAIN_IDLE;
                    closing.idle.as_mut().reset(pause_ends.min(closing.deadline));
                }
                Poll::Pending => {
                    ready!(closing.idle.as_mut().poll(context));
                    return Poll::Ready(());
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
        let bytes = buffer.filled().len() - before;
        self.metrics.received_bytes.add(bytes as u64);
        self.watch_read(context, read, bytes)
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
            drained: false,
            deadline: Instant::now() + DRAIN_TIME,
            idle: Box::pin(sleep_until(Instant::now() + DRAIN_IDLE)),
            bytes_left,
        });
        if closing.drained {
            return Poll::Ready(Ok(()));
        }
        if !closing.half_closed {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            if let Some(closing) = &mut self.closing {
                closing.half_closed = true;
            }
        }
        ready!(self.drain(context));
        if let Some(closing) = &mut self.closing {
            closing.drained = true;
        }
        Poll::Ready(Ok(()))
    }
}
