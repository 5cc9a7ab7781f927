//! Sessions over HTTP: opening, standing, catching up.

use super::*;
use crate::ids::SessionId;

async fn open(house: &House) -> (String, String) {
    let answer = house.post("/v1/sessions", &json!({"role": "clerk", "network": "4g", "user": "ann"})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let body = answer.json();
    assert_eq!((&body["next_sequence_id"], &body["epoch"]), (&json!(1), &json!(1)));
    assert!(body["ws_url"].as_str().unwrap().ends_with("/v1/session"));
    (body["session_id"].as_str().unwrap().to_owned(), body["session_token"].as_str().unwrap().to_owned())
}

// Fails when a new session's answer lacks a field, or its token opens another session.
#[tokio::test]
async fn a_session_is_opened_with_a_token_of_its_own() {
    let house = House::open(says(&["Hi."])).await;
    let (id, token) = open(&house).await;
    let claims = house.app.tokens.verify(&token).unwrap();
    assert_eq!((claims.sid.as_str(), claims.role.as_str()), (id.as_str(), "clerk"));
    let (other, _) = open(&house).await;
    assert_ne!(id, other);
    house.post("/v1/sessions", &json!({"role": "nobody"})).await.refused(404, "model_not_found");
    house.post("/v1/sessions", &json!({"role": "clerk", "network": "5g"})).await.refused(400, "invalid_body");
    let user = "x".repeat(1_000);
    house.post("/v1/sessions", &json!({"role": "clerk", "user": user})).await.refused(400, "user_too_long");
}

// Fails when a bad token passes, a place is believed that no connection opens with, or when a client that is behind, level or ahead is told wrong.
#[tokio::test]
async fn a_returning_client_is_told_where_it_stands() {
    let house = House::open(says(&["Hi."])).await;
    let (id, token) = open(&house).await;
    let at = |token: &str, last: u64| json!({"session_token": token, "last_sequence_id": last});
    let level = house.post("/v1/reconnect", &at(&token, 0)).await.json();
    assert_eq!(
        level,
        json!({"session_id": id, "epoch": 1, "next_sequence_id": 1, "resumed": true, "regressed": false, "forked_at": null, "missing": null})
    );
    let ahead = house.post("/v1/reconnect", &at(&token, 7)).await.json();
    assert_eq!((&ahead["resumed"], &ahead["regressed"]), (&json!(false), &json!(true)));
    for (last, epoch) in [(99_999_999, 1), (0, 99_999_999)] {
        let body = json!({"session_token": token, "last_sequence_id": last, "epoch": epoch});
        house.post("/v1/reconnect", &body).await.refused(400, "last_seq_impossible");
    }
    house.post("/v1/reconnect", &at("x.y.z", 0)).await.refused(401, "token_invalid");
    house.post("/v1/reconnect", &at("", 0)).await.refused(401, "token_invalid");
    let gone = house.app.tokens.issue(&SessionId::random().unwrap(), "clerk", 1).unwrap();
    assert_eq!(house.post("/v1/reconnect", &at(&gone, 0)).await.status, StatusCode::NOT_FOUND);
}

// Fails when the log can be read without a token, or with wrong ranges, or an error does not say which are right.
#[tokio::test]
async fn missed_messages_are_for_the_bearer_only() {
    let house = House::open(says(&["Hi."])).await;
    let (id, token) = open(&house).await;
    let page = house.get_as("/v1/diff?from=1", &token).await.json();
    assert_eq!(page, json!({"session_id": id, "epoch": 1, "messages": [], "skipped": [], "next": null, "head": 0}));
    house.get("/v1/diff?from=1").await.refused(401, "token_missing");
    house.get_as("/v1/diff?from=1", "nonsense").await.refused(401, "token_invalid");
    for (query, param, said) in [
        ("from=abc", "from", "`from` is `abc`; write a whole number from 0 to 18446744073709551615"),
        ("from=-1", "from", "`from` is `-1`"),
        ("limit=0", "limit", "`limit` is `0`; write a whole number from 1 to 1000"),
        ("limit=100000", "limit", "from 1 to 1000"),
        ("form=1", "form", "`form` is no parameter here; there are `from` and `limit`"),
        ("from=1&from=2", "from", "`from` is there twice"),
    ] {
        let answer = house.get_as(&format!("/v1/diff?{query}"), &token).await;
        assert!(answer.refused(400, "invalid_query").contains(said), "{query}");
        assert_eq!(answer.param(), param, "{query}");
    }
}
