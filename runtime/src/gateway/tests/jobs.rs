//! The inference queue.

use std::time::Duration;

use super::*;

async fn session(house: &House) -> Value {
    house.post("/v1/sessions", &json!({"role": "clerk"})).await.json()
}

fn path(session: &Value) -> String {
    format!("/v1/sessions/{}/jobs", session["session_id"].as_str().unwrap())
}

/// Waits until a job is in this state, and gives it.
async fn until(house: &House, path: &str, state: &str) -> Value {
    for _ in 0..1_000 {
        let job = house.get(path).await.json();
        if job["state"] == state {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{path} never became {state}: {}", house.get(path).await.text);
}

async fn delete(house: &House, path: &str) -> Answer {
    house.send(Request::delete(path).body(Body::empty()).unwrap()).await
}

// Fails when a job without a client is not answered, is answered twice, or its reply is no ordinary turn.
#[tokio::test]
async fn a_job_is_answered_once_as_a_turn_of_its_session() {
    let house = House::open(says(&["Good ", "day."])).await;
    let session = session(&house).await;
    let (path, body) = (path(&session), json!({"job_id": "a", "text": "Greet them.", "priority": "high"}));
    let posted = house.post(&path, &body).await;
    assert_eq!(posted.status, StatusCode::ACCEPTED, "{}", posted.text);
    assert_eq!(posted.json()["state"], "queued");
    let done = until(&house, &format!("{path}/a"), "done").await;
    assert_eq!((&done["attempts"], &done["error"]), (&json!(0), &Value::Null));
    let again = house.post(&path, &body).await;
    assert_eq!((again.status, again.json()["state"].clone()), (StatusCode::ACCEPTED, json!("done")));
    let page = house.get_as("/v1/diff?from=1", session["session_token"].as_str().unwrap()).await.json();
    let said: Vec<Value> = page["messages"].as_array().unwrap().iter().map(|message| message["body"].clone()).collect();
    let kinds: Vec<&str> = said.iter().map(|body| body["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["user", "delta", "reply"], "{page:#}");
    assert_eq!((&said[0]["text"], &said[0]["id"]), (&json!("Greet them."), &json!("job:a")));
    assert_eq!(said[2]["text"], "Good day.");
    let metrics = house.get("/metrics").await.text;
    assert!(metrics.contains("jobs_total{outcome=\"done\",priority=\"high\"} 1"), "{metrics}");
}

// Fails when an error that nothing mends is tried again, its words are lost, or a dead letter is not found.
#[tokio::test]
async fn a_rejected_job_is_a_dead_letter() {
    let rejected = ModelError::Rejected { status: 403, message: "the key sk-123 may not".to_owned() };
    let house = House::open(Scripted(vec![Err(rejected)])).await;
    let path = path(&session(&house).await);
    house.post(&path, &json!({"job_id": "a", "text": "x"})).await;
    let dead = until(&house, &format!("{path}/a"), "dead").await;
    assert_eq!((&dead["attempts"], &dead["error"]["code"]), (&json!(1), &json!("model_rejected")));
    assert!(!dead.to_string().contains("sk-123"), "{dead}");
    let page = house.get("/v1/jobs?state=dead&limit=1").await.json();
    assert_eq!(page["jobs"], json!([dead]));
    let behind = house.get(&format!("/v1/jobs?state=dead&after={}", page["next"].as_str().unwrap())).await.json();
    assert_eq!(behind, json!({"jobs": [], "next": null}));
    let revived = house.send(Request::post(format!("{path}/a/retry")).body(Body::empty()).unwrap()).await;
    assert_eq!((revived.status, revived.json()["attempts"].clone()), (StatusCode::ACCEPTED, json!(0)));
    until(&house, &format!("{path}/a"), "dead").await;
    house.get("/v1/jobs?state=queued").await.refused(400, "invalid_query");
}

// Fails when a queue that is full takes more, does not say when to come back, or a cancelled job keeps its place.
#[tokio::test]
async fn a_full_queue_says_so() {
    let house = House::with(says(&["Hi."]), |config| (config.jobs_at_once, config.jobs_per_session) = (0, 1)).await;
    let path = path(&session(&house).await);
    let body = |id: &str| json!({"job_id": id, "text": "x"});
    assert_eq!(house.post(&path, &body("a")).await.status, StatusCode::ACCEPTED);
    assert_eq!(house.post(&path, &body("a")).await.status, StatusCode::ACCEPTED, "it is there already");
    let full = house.post(&path, &body("b")).await;
    full.refused(429, "queue_full");
    assert!(full.header("retry-after").parse::<u64>().unwrap() >= 1);
    house.get(&format!("{path}/b")).await.refused(404, "job_not_found");
    house
        .send(Request::post(format!("{path}/a/retry")).body(Body::empty()).unwrap())
        .await
        .refused(409, "job_not_dead");
    let cancelled = delete(&house, &format!("{path}/a")).await;
    assert_eq!((cancelled.status, cancelled.json()["state"].clone()), (StatusCode::OK, json!("cancelled")));
    delete(&house, &format!("{path}/c")).await.refused(404, "job_not_found");
    assert_eq!(house.post(&path, &body("b")).await.status, StatusCode::ACCEPTED);
}

// Fails when a wrong field is taken or not named, or a job is kept for a session that does not exist.
#[tokio::test]
async fn wrong_jobs_are_refused() {
    let house = House::open(says(&["Hi."])).await;
    let path = path(&session(&house).await);
    for (field, value) in [
        ("job_id", json!("")),
        ("job_id", json!("a/b")),
        ("job_id", json!("x".repeat(129))),
        ("expires_in", json!(0)),
        ("expires_in", json!(2_592_001)),
        ("max_attempts", json!(0)),
        ("max_attempts", json!(101)),
    ] {
        let mut body = json!({"job_id": "a", "text": "x"});
        body[field] = value;
        let answer = house.post(&path, &body).await;
        answer.refused(400, "invalid_field");
        assert_eq!(answer.param(), field);
    }
    house.post(&path, &json!({"job_id": "a", "text": " "})).await.refused(400, "message_empty");
    house.post(&path, &json!({"job_id": "a", "text": "x".repeat(70_000)})).await.refused(400, "message_too_long");
    house.post(&path, &json!({"job_id": "a", "text": "x", "priority": "urgent"})).await.refused(400, "invalid_body");
    for session in ["nobody", "s_00000000000000000000000000"] {
        let path = format!("/v1/sessions/{session}/jobs");
        house.post(&path, &json!({"job_id": "a", "text": "x"})).await.refused(404, "session_not_found");
    }
}
