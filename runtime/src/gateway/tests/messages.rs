//! Messages for people who are away.

use super::*;

async fn session(house: &House) -> String {
    let body = house.post("/v1/sessions", &json!({"role": "clerk"})).await.json();
    body["session_id"].as_str().unwrap().to_owned()
}

fn message(id: &str) -> Value {
    json!({"biz_id": id, "role": "support", "intent": "shipping", "priority": "high", "turn_id": 3,
           "text": "Your order has left.", "created_at": "2026-01-31T08:00:00+08:00"})
}

// Fails when a message is taken twice under one id, or a repeat is an error.
#[tokio::test]
async fn a_message_is_taken_once() {
    let house = House::open(says(&["Hi."])).await;
    let path = format!("/v1/sessions/{}/messages", session(&house).await);
    let first = house.post(&path, &message("b1")).await;
    assert_eq!((first.status, first.json()), (StatusCode::ACCEPTED, json!({"biz_id": "b1", "state": "queued"})));
    let again = house.post(&path, &message("b1")).await;
    assert_eq!((again.status, again.json()), (StatusCode::ACCEPTED, json!({"biz_id": "b1", "state": "waiting"})));
    let mut timed = message("b2");
    timed["created_at"] = json!(1_767_225_600_000u64);
    assert_eq!(house.post(&path, &timed).await.status, StatusCode::ACCEPTED);
}

// Fails when a wrong field is taken, or not named.
#[tokio::test]
async fn wrong_messages_are_refused() {
    let house = House::open(says(&["Hi."])).await;
    let path = format!("/v1/sessions/{}/messages", session(&house).await);
    for (field, value) in [
        ("biz_id", json!("")),
        ("biz_id", json!("x".repeat(129))),
        ("text", json!("  ")),
        ("text", json!("x".repeat(70_000))),
        ("intent", json!("x".repeat(200))),
        ("created_at", json!("yesterday")),
    ] {
        let mut body = message("b1");
        body[field] = value;
        let answer = house.post(&path, &body).await;
        answer.refused(400, "invalid_field");
        assert_eq!(answer.param(), field);
    }
    let mut body = message("b1");
    body["priority"] = json!("urgent");
    assert!(house.post(&path, &body).await.refused(400, "invalid_body").contains("urgent"));
    let mut body = message("b1");
    body["created_at"] = json!(true);
    let answer = house.post(&path, &body).await;
    assert!(answer.refused(400, "invalid_body").contains("`created_at`: write RFC 3339"), "{}", answer.text);
    assert_eq!(answer.param(), "created_at");
    for session in ["nobody", "s_00000000000000000000000000"] {
        let answer = house.post(&format!("/v1/sessions/{session}/messages"), &message("b1")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
    }
}
