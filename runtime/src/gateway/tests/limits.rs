//! How much one address and one session may do.

use std::net::IpAddr;
use std::num::NonZeroU32;

use super::*;
use crate::config::{Allowance, Secret};
use crate::gateway::peer::Peer;

const KEY: &str = "an-api-key-of-a-good-length";

/// So many, and no more for the time of a test.
fn only(burst: u32) -> Option<Allowance> {
    Some(Allowance { per_second: NonZeroU32::MIN, burst: NonZeroU32::new(burst).unwrap() })
}

/// A request over a connection from an address.
fn from(address: &str, headers: &[(&'static str, &str)]) -> Request<Body> {
    let mut request = Request::get("/healthz").body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer { address: address.parse().unwrap(), secure: false });
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    request
}

// Fails when an address has more requests than allowed, takes another's, is not told when to come back, or has more by
// the headers that it writes.
#[tokio::test]
async fn requests_without_a_key_are_rationed_by_address() {
    let house = House::with(says(&["Hi."]), |config| {
        config.address_requests = only(3);
        config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        config.api_keys = vec![Secret::new(KEY)];
    })
    .await;
    for round in 0..3 {
        let forwarded = format!("203.0.113.{round}");
        let answer = house.send(from("192.0.2.1", &[("x-forwarded-for", &forwarded)])).await;
        assert_eq!(answer.status, StatusCode::OK, "{round}");
    }
    let beyond = house.send(from("192.0.2.1", &[("x-forwarded-for", "203.0.113.9")])).await;
    beyond.refused(429, "too_many_requests");
    assert_eq!(beyond.header("retry-after"), "1");
    assert_eq!(house.send(from("192.0.2.2", &[])).await.status, StatusCode::OK);

    // Behind a proxy each caller has his own.
    for caller in ["203.0.113.1", "203.0.113.2"] {
        for _ in 0..3 {
            assert_eq!(house.send(from("10.0.0.1", &[("x-forwarded-for", caller)])).await.status, StatusCode::OK);
        }
        house.send(from("10.0.0.1", &[("x-forwarded-for", caller)])).await.refused(429, "too_many_requests");
    }
    // Who has a key is known by it; a wrong one is none.
    let (right, wrong) = (format!("Bearer {KEY}"), format!("Bearer {KEY}x"));
    for _ in 0..5 {
        assert_eq!(house.send(from("192.0.2.1", &[("authorization", &right)])).await.status, StatusCode::OK);
    }
    house.send(from("192.0.2.1", &[("authorization", &wrong)])).await.refused(429, "too_many_requests");
    let metrics = house.get("/metrics").await;
    metrics.refused(401, "api_key_missing");
    let seen = house.app.metrics.render().unwrap();
    assert!(seen.contains("refused_total{reason=\"too_many_requests\"} 4"), "{seen}");
}

// Fails when whoever has a session's token can open its connections without end, over any transport, or one session
// pays for another.
#[tokio::test]
async fn a_token_opens_so_many_connections() {
    let house = House::with(says(&["Hi."]), |config| config.session_connections = only(2)).await;
    let token = |session: Answer| session.json()["session_token"].as_str().unwrap().to_owned();
    let clerk = json!({"role": "clerk"});
    let create = || house.post("/v1/sessions", &clerk);
    let (mine, other) = (token(create().await), token(create().await));
    let open = |token: &str| {
        let request = Request::post("/v1/session/poll").header(header::AUTHORIZATION, format!("Bearer {token}"));
        house.send(request.body(Body::empty()).unwrap())
    };
    for _ in 0..2 {
        assert_eq!(open(&mine).await.status, StatusCode::CREATED);
    }
    open(&mine).await.refused(429, "too_many_resumes");
    house.get_as("/v1/session/events", &mine).await.refused(429, "too_many_resumes");
    assert_eq!(open(&other).await.status, StatusCode::CREATED);
}

// Fails when an address opens more connections than allowed, or the users behind a trusted proxy share one allowance.
#[tokio::test]
async fn connections_are_admitted_by_address() {
    let house = House::with(says(&["Hi."]), |config| {
        config.address_connections = only(2);
        config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    })
    .await;
    let admitted = |address: &str| {
        let address: IpAddr = address.parse().unwrap();
        (0..9).filter(|_| crate::gateway::limits::admit(&house.app, address).is_ok()).count()
    };
    assert_eq!((admitted("192.0.2.1"), admitted("2001:db8::1"), admitted("2001:db8::2")), (2, 2, 0));
    assert_eq!(admitted("10.0.0.1"), 9);
}
