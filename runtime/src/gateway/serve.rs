//! The accept loop: one owned, bounded task per connection.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use super::error::ApiError;
use super::held::Held;
use super::limits::{self, Metered};
use super::peer::Peer;
use super::tls::{Hello, Tls, plain_http};
use super::turned_away::turn_away;
use crate::app::App;

/// The largest head of a request, in bytes; larger ones get status 431.
const MAX_HEAD_BYTES: usize = 64 * 1_024;

/// How long to wait after the system could not accept (no file descriptors left).
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Connections that are told at once why they are not let in. Beyond, they are closed without a word.
const COURTESIES: usize = 64;

/// What is known of a connection before anything is said on it.
type Stream = Held<Metered<TcpStream>>;

/// Serves connections until the stop signal. At most `max_connections` live at once; more wait in the system's
/// backlog until one ends. Upgraded connections count like all others.
pub async fn serve(listener: TcpListener, app: Arc<App>) {
    let router = super::router(Arc::clone(&app));
    let stop = app.shutdown.signal();
    let places = Arc::new(Semaphore::new(app.config.max_connections.min(Semaphore::MAX_PERMITS)));
    let courtesies = Arc::new(Semaphore::new(COURTESIES));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, place, peer)) => match limits::admit(&app, peer) {
                Ok(()) => app.shutdown.spawn(connection(stream, place, peer, Arc::clone(&app), router.clone())),
                Err(error) => refuse(&app, stream, error, &courtesies),
            },
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit, IpAddr)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // Replies are many small writes; waiting to fill packets would be felt. It only fails on a stream
    // that its peer has reset, which the first read finds out.
    let _reset_already = stream.set_nodelay(true);
    Ok((stream, place, peer.ip().to_canonical()))
}

/// Tells a few why, in a short task of their own. Where TLS is spoken nobody is: that would cost the handshake, which is
/// what a flood is after.
fn refuse(app: &App, stream: TcpStream, error: ApiError, courtesies: &Arc<Semaphore>) {
    app.metrics.refused("too_many_connections");
    if let (None, Ok(courtesy)) = (&app.tls, Arc::clone(courtesies).try_acquire_owned()) {
        app.shutdown.spawn(async move {
            turn_away(stream, &error).await;
            drop(courtesy);
        });
    }
}

async fn connection(stream: TcpStream, place: OwnedSemaphorePermit, address: IpAddr, app: Arc<App>, router: Router) {
    match app.tls.clone() {
        None => {
            let stream = held(stream, place, &app);
            http(stream, Peer { address, secure: false }, &app, router).await;
        }
        // Apart, so that connections without it are not as large as those with it.
        Some(tls) => Box::pin(secured(tls, stream, place, address, &app, router)).await,
    }
}

async fn secured(tls: Tls, stream: TcpStream, place: OwnedSemaphorePermit, address: IpAddr, app: &App, router: Router) {
    let stop = app.shutdown.signal();
    let handshake = tokio::time::timeout(app.config.tls_patience, handshake(&tls, stream, place, app));
    let secured = tokio::select! {
        secured = handshake => secured.unwrap_or(Err("tls_timeout")),
        () = stop.cancelled() => return,
    };
    match secured {
        Ok(stream) => http(stream, Peer { address, secure: true }, app, router).await,
        Err(reason) => {
            tracing::debug!(%address, reason, "no TLS came about");
            app.metrics.refused(reason);
        }
    }
}

/// Speaks TLS; what speaks HTTP is told so.
async fn handshake(
    tls: &Tls,
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    app: &App,
) -> Result<TlsStream<Stream>, &'static str> {
    match Hello::peek(&stream).await {
        Hello::Tls => tls.accept(held(stream, place, app)).await.map_err(|_broken| "tls_handshake"),
        Hello::Http => {
            turn_away(stream, &plain_http()).await;
            Err("plain_http")
        }
        Hello::Nothing => Err("tls_handshake"),
    }
}

fn held(stream: TcpStream, place: OwnedSemaphorePermit, app: &App) -> Stream {
    Held::new(Metered::new(stream, app.config.connection_bytes), place)
}

/// Answers the requests of a connection.
async fn http<S>(stream: S, peer: Peer, app: &App, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let asked = AtomicBool::new(false);
    let service = service_fn(|mut request: hyper::Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(Body::new))
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(app.config.head_patience)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = std::pin::pin!(serving);
    let stop = app.shutdown.signal();
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            // Idle connections close at once; a request that is being answered is answered.
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(peer = %peer.address, %error, "connection ended");
        if let Some(reason) = reason(&error, asked.load(Ordering::Relaxed)) {
            app.metrics.refused(reason);
        }
    }
}

/// Why a connection was given up, if it was its peer's doing. One that asked before and is silent now is only idle.
fn reason(error: &hyper::Error, asked: bool) -> Option<&'static str> {
    if error.is_timeout() {
        return (!asked).then_some("head_timeout");
    }
    if error.is_parse_too_large() {
        return Some("head_too_large");
    }
    error.is_parse().then_some("not_http")
}
