//! The accept loop: one owned, bounded task per connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use super::held::Held;
use crate::shutdown::Shutdown;

/// How long a client may take to send a request's head.
const HEAD_PATIENCE: Duration = Duration::from_secs(15);

/// The largest head of a request, in bytes; larger ones get status 431.
const MAX_HEAD_BYTES: usize = 64 * 1_024;

/// How long to wait after the system could not accept (no file descriptors left).
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Serves connections until the stop signal. At most `limit` live at once; more wait in the system's
/// backlog until one ends. Upgraded connections count like all others.
pub async fn serve(listener: TcpListener, router: Router, limit: usize, shutdown: Shutdown) {
    let stop = shutdown.signal();
    let places = Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                shutdown.spawn(connection(stream, peer, router.clone(), shutdown.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> io::Result<(Held<TcpStream>, SocketAddr)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // Replies are many small writes; waiting to fill packets would be felt. It only fails on a stream
    // that its peer has reset, which the first read finds out.
    let _reset_already = stream.set_nodelay(true);
    Ok((Held::new(stream, place), peer))
}

async fn connection(stream: Held<TcpStream>, peer: SocketAddr, router: Router, shutdown: Shutdown) {
    let service = service_fn(move |request: hyper::Request<Incoming>| router.clone().oneshot(request.map(Body::new)));
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    let stop = shutdown.signal();
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            // Idle connections close at once; a request that is being answered is answered.
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended");
    }
}
