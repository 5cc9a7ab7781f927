//! A stream that is read no faster than allowed. Who sends more waits, as on a slow network: nothing of it is lost,
//! nothing of it is kept here, and an honest client with much to say is not turned away. Only what a peer that has reset
//! the connection sent beyond its rate is dropped.

use std::io;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use governor::RateLimiter;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::buckets::{HouseClock, quota};
use crate::config::Allowance;

/// A stream that knows of its end before everything is read that came before.
pub(crate) trait Ends {
    /// Why it has ended, if it has.
    fn ended(&self) -> Option<io::Error>;
}

impl Ends for TcpStream {
    fn ended(&self) -> Option<io::Error> {
        self.take_error().unwrap_or_else(Some)
    }
}

/// A stream with its meter, if there is one.
#[derive(Debug)]
pub(crate) struct Metered<S> {
    stream: S,
    meter: Option<Meter>,
}

#[derive(Debug)]
struct Meter {
    limiter: RateLimiter<NotKeyed, InMemoryState, HouseClock, NoOpMiddleware<Duration>>,
    /// What the bucket holds; more is never owed.
    most: NonZeroU32,
    /// Bytes that were read and are not taken from the bucket yet.
    owed: Option<NonZeroU32>,
    /// Runs while the bucket has too few.
    waits: Option<Pin<Box<Sleep>>>,
    /// Whether the last read had to wait.
    waited: bool,
}

impl<S> Metered<S> {
    pub(crate) fn new(stream: S, allowance: Option<Allowance>) -> Self {
        let meter = allowance.map(|allowance| Meter {
            limiter: RateLimiter::new(quota(allowance), InMemoryState::default(), HouseClock),
            most: allowance.burst,
            owed: None,
            waits: None,
            waited: false,
        });
        Self { stream, meter }
    }
}

impl Meter {
    /// Waits until what was read is paid for.
    fn poll_paid(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(owed) = self.owed {
            if let Some(waits) = &mut self.waits {
                ready!(waits.as_mut().poll(cx));
                self.waits = None;
            }
            match self.limiter.check_n(owed) {
                Ok(Err(until)) => {
                    // At least a tick of the clock, which counts in milliseconds.
                    let wait = until.wait_time_from(HouseClock.now()).max(Duration::from_millis(1));
                    (self.waits, self.waited) = (Some(Box::pin(sleep(wait))), true);
                }
                // More than the bucket holds, which would be an error, is never owed.
                Ok(Ok(())) | Err(_) => self.owed = None,
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Ends + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, meter } = &mut *self;
        let Some(meter) = meter else { return Pin::new(stream).poll_read(cx, buf) };
        ready!(meter.poll_paid(cx));
        // What a flooding peer sent before it reset the connection is still there to be read, at this rate for minutes;
        // nobody waits for the answer.
        if std::mem::take(&mut meter.waited)
            && let Some(error) = stream.ended()
        {
            return Poll::Ready(Err(error));
        }
        let before = buf.filled().len();
        ready!(Pin::new(stream).poll_read(cx, buf))?;
        let read = buf.filled().len().saturating_sub(before);
        // A configured bucket holds what readers ask for at once.
        let read = u32::try_from(read).unwrap_or(u32::MAX).min(meter.most.get());
        meter.owed = NonZeroU32::new(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;
    use crate::clock;

    impl Ends for tokio::io::DuplexStream {
        fn ended(&self) -> Option<io::Error> {
            None
        }
    }

    // Fails when more is read than the burst and the rate allow, or what is sent beyond gets lost. Time is paused, so
    // what is asserted is the meter's arithmetic.
    #[tokio::test(start_paused = true)]
    async fn a_stream_is_read_at_its_rate() {
        let value = |number| NonZeroU32::new(number).unwrap();
        let allowance = Allowance { per_second: value(1_000), burst: value(2_000) };
        let (stream, mut peer) = duplex(64);
        let mut metered = Metered::new(stream, Some(allowance));
        let began = clock::monotonic_ms();
        let sending = async {
            peer.write_all(&[7; 12_000]).await.unwrap();
            drop(peer);
        };
        let mut heard = Vec::new();
        let (read, ()) = tokio::join!(metered.read_to_end(&mut heard), sending);
        assert_eq!((read.unwrap(), heard), (12_000, vec![7; 12_000]));
        let took = clock::monotonic_ms() - began;
        assert!((9_900..10_200).contains(&took), "{took} ms for 10,000 bytes beyond the burst");
    }
}
