//! Which web pages may call. A browser names the page's origin in `Origin`: with each WebSocket, with each request
//! that another origin's page makes and reads, and with each that is no plain `GET`. Where a page asks for something
//! without reading it (an image, a script) there is only `Sec-Fetch-Site`. Programs send neither, and pass.
//!
//! Session tokens travel in headers and never in cookies, so a foreign page has nothing to ride on; that it is
//! refused keeps a token that got away from being used in somebody's browser.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::error::ApiError;
use super::peer::Peer;
use super::wrong_method;
use crate::app::App;
use crate::config::{Origin, OriginRule};

/// What a page of another origin may read of an answer, besides what browsers show anyway.
const EXPOSED: [HeaderName; 5] = [
    header::RETRY_AFTER,
    HeaderName::from_static("x-rolecall-contract"),
    HeaderName::from_static("x-rolecall-delivery"),
    HeaderName::from_static("x-rolecall-rules"),
    HeaderName::from_static("x-rolecall-trace"),
];

/// How long a browser may remember what a page was allowed. None remembers longer than two hours.
const REMEMBERED: std::time::Duration = std::time::Duration::from_secs(600);

/// Refuses foreign pages.
pub(super) async fn require_known_origin(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let at = Target::of(request.headers(), request.uri(), request.extensions());
    if is_foreign(&app.config.origins, request.headers(), &at) {
        return refusal().into_response();
    }
    next.run(request).await
}

/// Refuses to answer a browser that asks for a foreign page whether it may call, by name and not by silence; and what
/// is no such question, which the layer below would take for one.
pub(super) async fn judge_preflight(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if request.method() != Method::OPTIONS {
        return next.run(request).await;
    }
    if !request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return wrong_method(Method::OPTIONS, request.uri().clone()).await.into_response();
    }
    let at = Target::of(request.headers(), request.uri(), request.extensions());
    if is_foreign(&app.config.origins, request.headers(), &at) {
        return refusal().into_response();
    }
    next.run(request).await
}

/// Lets the pages that may call read the answers.
pub(super) fn cors(app: &App) -> CorsLayer {
    let rules = app.config.origins.clone();
    let known = move |origin: &HeaderValue, parts: &Parts| {
        knows(&rules, origin, &Target::of(&parts.headers, &parts.uri, &parts.extensions))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(known))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
        .max_age(REMEMBERED)
}

/// Where a request goes, as far as it tells.
struct Target<'a> {
    host: &'a str,
    /// Whether it came over TLS to this very process. Where it did not, a proxy may have ended the TLS.
    secure: bool,
}

impl<'a> Target<'a> {
    fn of(headers: &'a HeaderMap, uri: &'a Uri, extensions: &axum::http::Extensions) -> Self {
        let in_header = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = uri.authority().map(Authority::as_str).or(in_header).unwrap_or_default();
        Self { host, secure: extensions.get::<Peer>().is_some_and(|peer| peer.secure) }
    }
}

fn is_foreign(rules: &[OriginRule], headers: &HeaderMap, at: &Target<'_>) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) => !knows(rules, origin, at),
        // No browser sends two.
        (Some(_), Some(_)) => true,
        (None, _) => {
            let cross_site = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
            cross_site && !rules.contains(&OriginRule::Any)
        }
    }
}

fn knows(rules: &[OriginRule], origin: &HeaderValue, at: &Target<'_>) -> bool {
    let parsed = origin.to_str().ok().and_then(Origin::parse);
    let at_home = parsed.as_ref().is_some_and(|page| page.is_at(at.host) && (page.scheme() == "https" || !at.secure));
    at_home
        || rules.iter().any(|rule| match rule {
            OriginRule::Any => true,
            OriginRule::Loopback => parsed.as_ref().is_some_and(Origin::is_loopback),
            OriginRule::Opaque => origin == "null",
            OriginRule::Exact(known) => parsed.as_ref() == Some(known),
        })
}

fn refusal() -> ApiError {
    let message = "pages of this origin may not call this server; its operator lists those that may in `origins`";
    ApiError::new(StatusCode::FORBIDDEN, "foreign_origin", message)
}
