//! Who is let in, and how those who are not are told.

use rolecall_wire::frame::Hello;

use super::*;
use crate::config::Secret;
use crate::ids::SessionId;
use crate::store::{Commit, InboxItem, NewSession};

const KEY: &str = "an-api-key-of-a-good-length";

fn with_key(request: Request<Body>, key: &str) -> Request<Body> {
    with_header(request, "authorization", &format!("Bearer {key}"))
}

fn with_header(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

// Fails when a route for applications can be called without a key, or with a part of one.
#[tokio::test]
async fn keys_guard_what_applications_call() {
    let house = House::with(says(&["Hi."]), |config| {
        config.api_keys = vec![Secret::new("other-key-other-key"), Secret::new(KEY)];
    })
    .await;
    let requests = || {
        vec![
            post("/v1/sessions", json!({"role": "clerk"}).to_string()),
            post("/v1/chat/completions", hello("clerk").to_string()),
            post("/v1/responses", "{}"),
            post("/v1/messages", "{}"),
            post("/v1/sessions/s_00000000000000000000000000/messages", "{\"biz_id\":\"b\",\"text\":\"t\"}"),
            Request::get("/v1/models").body(Body::empty()).unwrap(),
            Request::get("/metrics").body(Body::empty()).unwrap(),
        ]
    };
    let code = |answer: &Answer| answer.json()["error"]["code"].clone();
    for request in requests() {
        let answer = house.send(request).await;
        assert_eq!((answer.status.as_u16(), code(&answer)), (401, json!("api_key_missing")));
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    for wrong in ["n-api-key-of-a-good-length", "an-api-key-of-a-good-lengt", "x", "an-api-key-of-a-good-lengtH"] {
        for request in requests() {
            let answer = house.send(with_key(request, wrong)).await;
            assert_eq!((answer.status.as_u16(), code(&answer)), (401, json!("api_key_invalid")));
        }
        for request in requests() {
            assert_eq!(house.send(with_header(request, "x-api-key", wrong)).await.status, StatusCode::UNAUTHORIZED);
        }
    }
    for request in requests().into_iter().map(|request| with_key(request, KEY)) {
        assert_ne!(house.send(request).await.status, StatusCode::UNAUTHORIZED);
    }
    for request in requests().into_iter().map(|request| with_header(request, "x-api-key", KEY)) {
        assert_ne!(house.send(request).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(house.get("/healthz").await.status, StatusCode::OK);
}

// Fails when a web page can reach an open server under a name of its own.
#[tokio::test]
async fn an_open_server_answers_to_loopback_names_only() {
    let house = House::open(says(&["Hi."])).await;
    let ask = |host: &str| Request::get("/v1/models").header(header::HOST, host).body(Body::empty()).unwrap();
    for host in
        ["127.0.0.1:8420", "localhost:8420", "localhost", "[::1]:8420", "127.8.8.8", "LOCALHOST.", "a.localhost:1"]
    {
        assert_eq!(house.send(ask(host)).await.status, StatusCode::OK, "{host}");
    }
    for host in ["evil.example:8420", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "user@evil", ""] {
        house.send(ask(host)).await.refused(403, "foreign_host");
    }
}

// Fails when a form on a foreign page can post here without the browser asking first.
#[tokio::test]
async fn bodies_must_say_that_they_are_json() {
    let house = House::open(says(&["Hi."])).await;
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"]
    {
        let request = Request::post("/v1/sessions").header(header::CONTENT_TYPE, content_type);
        house.send(request.body(Body::from("{}")).unwrap()).await.refused(415, "unsupported_media_type");
    }
    let request = Request::post("/v1/sessions").header(header::CONTENT_TYPE, "Application/JSON; charset=utf-8");
    house.send(request.body(Body::from("{}")).unwrap()).await.refused(400, "invalid_body");
}

// Fails when a wrong path, method or body is answered in another shape, or without its place.
#[tokio::test]
async fn wrong_requests_are_named() {
    let house = House::open(says(&["Hi."])).await;
    assert!(house.get("/v1/nothing").await.refused(404, "no_such_endpoint").contains("/v1/nothing"));
    assert!(house.get("/v1/sessions").await.refused(405, "method_not_allowed").contains("GET"));
    let broken = house.send(post("/v1/sessions", "{\n  \"role\": }")).await.refused(400, "invalid_json");
    assert!(broken.contains("line 2"), "{broken}");
    let wrong = house.send(post("/v1/sessions", "{\"role\": 7}")).await.refused(400, "invalid_body");
    assert!(wrong.contains("`role`: found integer `7`, expected a string (line 1 "), "{wrong}");
    // Also where its fields, in their order, would do.
    for (path, body) in [("/v1/chat/completions", "[]"), ("/v1/sessions", " [\"clerk\", null]")] {
        let list = house.send(post(path, body)).await.refused(400, "invalid_body");
        assert!(list.contains("found an array, expected an object"), "{list}");
    }
    let unknown = house.post("/v1/sessions", &json!({"role": "clerk", "rol": 1})).await.refused(400, "invalid_body");
    assert!(unknown.contains("rol"), "{unknown}");
    let huge = format!("{{\"role\": \"{}\"}}", "x".repeat(crate::gateway::MAX_BODY_BYTES));
    house.send(post("/v1/sessions", huge)).await.refused(413, "body_too_large");
}

// Fails when a refused contract is not named with its finding, takes others along, or counts as an overload.
#[tokio::test]
async fn refused_and_unknown_roles_are_told_apart() {
    let house = House::open(says(&["Hi."])).await;
    for (path, body) in [("/v1/chat/completions", hello("broken")), ("/v1/sessions", json!({"role": "broken"}))] {
        let message = house.post(path, &body).await.refused(503, "contract_rejected");
        assert!(message.contains("broken.role:6:") && message.contains("RC0201"), "{message}");
    }
    house.get("/v1/models/broken").await.refused(503, "contract_rejected");
    for path in ["/v1/chat/completions", "/v1/messages"] {
        let body = json!({"model": "broken", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]});
        let refused = house.post(path, &body).await;
        assert_eq!(refused.json()["error"]["type"], "api_error", "{path}: to wait does not help");
    }
    let unknown = house.post("/v1/chat/completions", &hello("clark")).await;
    assert!(unknown.refused(404, "model_not_found").contains("did you mean `clerk`?"));
    assert_eq!(unknown.param(), "model");
    let models = house.get("/v1/models").await.json();
    let ids: Vec<&str> = models["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!((models["object"].as_str(), ids), (Some("list"), vec!["asker", "clerk", "formed", "guard", "短", "问"]));
    assert_eq!(house.get("/v1/models/clerk").await.json()["object"], "model");
    assert_eq!(house.get("/readyz").await.status, StatusCode::OK);
}

// Fails when the metrics cannot be scraped, or a stopping server still calls itself ready.
#[tokio::test]
async fn operators_see_metrics_and_readiness() {
    let house = House::open(says(&["Hi."])).await;
    let metrics = house.get("/metrics").await;
    assert!(metrics.text.contains("tasks_live") && metrics.header("content-type").starts_with("text/plain"));
    assert!(house.get("/").await.text.contains("clerk"));
    assert!(house.app.end().await, "tasks outlived the shutdown");
    house.get("/readyz").await.refused(503, "shutting_down");
}

// Fails when a server whose disk takes no more calls itself ready, or alive no more, or lets clients in
// whose messages it cannot keep.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_that_cannot_write_is_not_ready() {
    let house = House::with(says(&["Hi."]), |config| config.store = StoreKind::Embedded).await;
    assert_eq!(house.get("/readyz").await.status, StatusCode::OK);
    let created = house.app.sessions.create("clerk", "").await.unwrap();
    let hello = Hello::default();
    drop(house.app.sessions.attach(&created.id, &hello, 0).await.unwrap());
    crate::store::fill_disk(&house.app.config.data);
    house.post("/v1/sessions", &json!({"role": "clerk"})).await.refused(503, "store_unavailable");
    let message = house.get("/readyz").await.refused(503, "store_unavailable");
    assert!(message.contains("check the disk and restart"), "{message}");
    assert_eq!(house.get("/healthz").await.status, StatusCode::OK);
    let refused = house.app.sessions.attach(&created.id, &hello, 0).await.map(|_| ()).unwrap_err();
    assert_eq!((refused.status(), refused.code()), (503, "store_unavailable"), "{refused}");
}

// Fails when messages vanish from inboxes uncounted, or are counted at every scrape.
#[tokio::test]
async fn expired_messages_are_counted_once() {
    let house = House::open(says(&["Hi."])).await;
    let id = SessionId::random().unwrap();
    let new = NewSession { id: id.clone(), role: "clerk".into(), user: String::new(), created_ms: 0 };
    house.app.store.create(new).await.unwrap();
    for biz_id in ["a", "b"] {
        let item = InboxItem { biz_id: biz_id.into(), bytes: "x".into(), expires_ms: 1 };
        house.app.store.enqueue(&id, item).await.unwrap();
    }
    house.app.store.commit(&id, 1, Commit::default()).await.unwrap();
    for _ in 0..2 {
        let metrics = house.get("/metrics").await.text;
        assert!(metrics.contains("offline_messages_total{bucket=\"batch\",outcome=\"expired\"} 2"), "{metrics}");
    }
}
