//! A stream that is read in large pieces and given on in small ones.
//!
//! The WebSocket below a connection keeps a buffer of the size that it reads at once for as long as it lives. With this
//! between, that is some bytes for a connection that only beats, and one system call still takes what has come.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are read at once.
const CHUNK: usize = 4 * 1_024;

/// A stream, and what was read of it and not given on yet.
#[derive(Debug)]
pub(super) struct Ahead<S> {
    stream: S,
    read: Bytes,
}

impl<S> Ahead<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, read: Bytes::new() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Ahead<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, read } = &mut *self;
        if !read.is_empty() {
            buf.put_slice(&read.split_to(read.len().min(buf.remaining())));
            if read.is_empty() {
                // An empty part would still hold the whole.
                *read = Bytes::new();
            }
            return Poll::Ready(Ok(()));
        }
        if buf.remaining() >= CHUNK {
            return Pin::new(stream).poll_read(cx, buf);
        }
        let mut chunk = [MaybeUninit::uninit(); CHUNK];
        let mut chunk = ReadBuf::uninit(&mut chunk);
        ready!(Pin::new(stream).poll_read(cx, &mut chunk))?;
        let come = chunk.filled();
        let (now, later) = come.split_at_checked(buf.remaining()).unwrap_or((come, &[]));
        buf.put_slice(now);
        if !later.is_empty() {
            *read = Bytes::copy_from_slice(later);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Ahead<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
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

    // Fails when bytes get lost, doubled or out of order between large reads and small ones, or the end is not seen.
    #[tokio::test]
    async fn what_comes_is_given_on_whole() {
        let sent: Vec<u8> = (0..=u8::MAX).cycle().take(3 * CHUNK + 17).collect();
        for step in [1, 7, 128, CHUNK - 1, CHUNK, 2 * CHUNK] {
            let (stream, mut peer) = duplex(CHUNK + 5);
            let mut ahead = Ahead::new(stream);
            let sending = async {
                peer.write_all(&sent).await.unwrap();
                drop(peer);
            };
            let reading = async {
                let (mut heard, mut buf) = (Vec::new(), vec![0; step]);
                loop {
                    match ahead.read(&mut buf).await.unwrap() {
                        0 => return heard,
                        some => heard.extend_from_slice(&buf[..some]),
                    }
                }
            };
            let ((), heard) = tokio::join!(sending, reading);
            assert!(heard == sent, "in steps of {step}");
            assert!(ahead.read.is_empty());
        }
    }
}
