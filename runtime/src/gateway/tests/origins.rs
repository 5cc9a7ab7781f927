//! Which pages may call, as browsers put it.

use super::*;
use crate::config::{Origin, OriginRule};
use crate::gateway::peer::Peer;

const APP: &str = "https://app.example";

fn exact(origin: &str) -> OriginRule {
    OriginRule::Exact(Origin::parse(origin).unwrap())
}

/// A request of a page, to a server at `api.example`.
fn from_page(method: &str, path: &str, origin: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header(header::HOST, "api.example");
    request.header(header::ORIGIN, origin).body(Body::empty()).unwrap()
}

fn preflight(path: &str, origin: &str) -> Request<Body> {
    let mut request = from_page("OPTIONS", path, origin);
    for (name, value) in
        [("access-control-request-method", "POST"), ("access-control-request-headers", "authorization,content-type")]
    {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request
}

/// A server that others reach, with these rules.
async fn house(origins: Vec<OriginRule>) -> House {
    House::with(says(&["Hi."]), |config| {
        config.insecure = true;
        config.origins = origins;
    })
    .await
}

/// Every call of a session.
const CALLS: [(&str, &str); 7] = [
    ("GET", "/v1/session"),
    ("GET", "/v1/session/events"),
    ("POST", "/v1/session/poll"),
    ("GET", "/v1/session/poll?connection=c"),
    ("POST", "/v1/session/frames?connection=c"),
    ("POST", "/v1/heartbeat"),
    ("GET", "/v1/diff"),
];

// Fails when a foreign page gets as far as its token, or one of the server's own, of this machine or of the list does not.
#[tokio::test]
async fn foreign_pages_are_refused_at_every_call_of_a_session() {
    let house = house(vec![OriginRule::Loopback, exact(APP)]).await;
    for (method, path) in CALLS {
        for foreign in [
            "https://evil.example",
            "https://app.example.evil",
            "http://app.example",
            "https://app.example:8443",
            "null",
            "x",
        ] {
            house.send(from_page(method, path, foreign)).await.refused(403, "foreign_origin");
        }
        for known in [APP, "https://api.example", "http://api.example", "http://localhost:3000", "http://127.0.0.1"] {
            let answer = house.send(from_page(method, path, known)).await;
            assert_ne!(answer.status, StatusCode::FORBIDDEN, "{method} {path} {known}: {}", answer.text);
        }
    }
    assert!(house.get("/metrics").await.text.contains("refused_total{reason=\"foreign_origin\"} 42"));
    let image = Request::get("/v1/session/events?token=t").header("sec-fetch-site", "cross-site");
    house.send(image.body(Body::empty()).unwrap()).await.refused(403, "foreign_origin");
    let mut two = from_page("GET", "/v1/diff", APP);
    two.headers_mut().append(header::ORIGIN, APP.parse().unwrap());
    house.send(two).await.refused(403, "foreign_origin");
    house.get("/v1/diff").await.refused(401, "token_missing");
}

// Fails when a page of plain HTTP counts as the server's own where the server itself speaks TLS.
#[tokio::test]
async fn over_tls_the_own_origin_is_secure() {
    let house = house(Vec::new()).await;
    let ask = |origin| {
        let mut request = from_page("GET", "/v1/diff", origin);
        request.extensions_mut().insert(Peer { address: [192, 0, 2, 1].into(), secure: true });
        house.send(request)
    };
    ask("http://api.example:443").await.refused(403, "foreign_origin");
    ask("https://api.example").await.refused(401, "token_missing");
    house.send(from_page("GET", "/v1/diff", "http://localhost")).await.refused(403, "foreign_origin");
}

// Fails when a listed page cannot use what it may call, an error included, or an unlisted one can read an answer.
#[tokio::test]
async fn listed_pages_may_read_the_answers() {
    let house = house(vec![exact(APP)]).await;
    let allowed = "access-control-allow-origin";
    for path in ["/v1/chat/completions", "/v1/sessions", "/v1/heartbeat"] {
        let answer = house.send(preflight(path, APP)).await;
        assert_eq!((answer.status, answer.header(allowed)), (StatusCode::OK, APP), "{path}");
        assert_eq!(answer.header("access-control-allow-headers"), "authorization,content-type");
        assert!(answer.header("access-control-allow-methods").contains("POST"));
        assert!(answer.header("vary").contains("origin"));
        house.send(preflight(path, "https://evil.example")).await.refused(403, "foreign_origin");
    }
    let mut completion = post("/v1/chat/completions", hello("clerk").to_string());
    completion.headers_mut().extend(from_page("GET", "/", APP).headers().clone());
    let answer = house.send(completion).await;
    assert_eq!((answer.status, answer.header(allowed)), (StatusCode::OK, APP));
    assert!(answer.header("access-control-expose-headers").contains("x-rolecall-contract"));
    let refused = house.send(from_page("GET", "/v1/diff", APP)).await;
    refused.refused(401, "token_missing");
    assert_eq!(refused.header(allowed), APP);
    // Anthropic's clients get errors in another shape, and must be able to read them as well.
    let mut message = post("/v1/messages", "{}".to_owned());
    message.headers_mut().extend(from_page("GET", "/", APP).headers().clone());
    let refused = house.send(message).await;
    assert_eq!((refused.status, refused.header(allowed)), (StatusCode::BAD_REQUEST, APP));
    assert!(refused.header("vary").contains("origin"));
    assert_eq!(house.send(from_page("GET", "/v1/models", "https://evil.example")).await.header(allowed), "");
}

// Fails when `*` leaves somebody out, or what is no question of a browser's is answered as one.
#[tokio::test]
async fn all_pages_may_call_where_the_operator_says_so() {
    let house = house(vec![OriginRule::Any]).await;
    for (method, path) in CALLS {
        for origin in ["https://evil.example", "null"] {
            assert_ne!(house.send(from_page(method, path, origin)).await.status, StatusCode::FORBIDDEN, "{path}");
        }
    }
    assert_eq!(house.send(preflight("/v1/sessions", "null")).await.header("access-control-allow-origin"), "null");
    house.send(from_page("OPTIONS", "/v1/sessions", APP)).await.refused(405, "method_not_allowed");
}
