//! `/openapi.json` holds for what is served: every route, who may call it, and what is said.

use std::collections::BTreeSet;

use super::*;
use crate::gateway::routes::{self, Access};

fn document() -> Value {
    serde_json::from_str(crate::gateway::openapi::DOCUMENT).unwrap()
}

/// The schema of this name with all that it refers to.
fn schema(name: &str) -> jsonschema::Validator {
    let components = document()["components"].take();
    let root = json!({"$ref": format!("#/components/schemas/{name}"), "components": components});
    jsonschema::options().should_validate_formats(true).build(&root).unwrap()
}

fn holds(name: &str, value: &Value) {
    let problems: Vec<String> =
        schema(name).iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(problems.is_empty(), "{name}: {problems:#?}\n{value:#}");
}

// Fails when a route is not described, when one that is not served is, or when the wrong key is named.
#[test]
fn every_route_is_described_and_nothing_else() {
    let document = document();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let keyed = operation["security"] == json!([{"bearer_key": []}, {"header_key": []}]);
            described.insert((method.to_uppercase(), path.clone(), keyed));
        }
    }
    let served: BTreeSet<_> = routes::table()
        .iter()
        .map(|route| (route.method.to_string(), route.path.to_owned(), route.access == Access::Key))
        .collect();
    assert_eq!(described, served);
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}

// Fails when the table and the router part ways: a described route that nobody answers.
#[tokio::test]
async fn every_described_route_is_served() {
    let house = House::open(says(&["Hi."])).await;
    let served = house.get("/openapi.json").await;
    assert_eq!((served.status, served.json()), (StatusCode::OK, document()));
    for route in routes::table() {
        let path = route.path.replace("{role}", "clerk").replace("{sid}", "s_00000000000000000000000000");
        let path = path.replace("{job}", "report-7").replace("{biz_id}", "b");
        let request = Request::builder().method(route.method).uri(&path).body(Body::empty()).unwrap();
        let answer = house.send(request).await;
        assert!(!answer.text.contains("no_such_endpoint"), "{path}: {}", answer.text);
        assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
}

/// What is asked, in which words it is answered, and the schemas of both and of a stream's events.
fn models() -> Vec<(&'static str, Value, [&'static str; 3])> {
    let said = json!([{"role": "user", "content": "hello"}]);
    let chat = json!({"model": "clerk", "messages": said, "stream_options": null, "n": 1, "seed": -7});
    let responses = json!({"model": "clerk", "input": said, "instructions": "Be kind.", "metadata": {"a": "b"}});
    let messages = json!({"model": "clerk", "messages": said, "system": "Be kind.", "max_tokens": 9});
    vec![
        ("/v1/chat/completions", chat, ["ChatRequest", "ChatCompletion", "ChatCompletionChunk"]),
        ("/v1/responses", responses, ["ResponseRequest", "Response", "ResponseEvent"]),
        ("/v1/messages", messages, ["MessagesRequest", "Message", "MessageEvent"]),
    ]
}

// Fails when a reply, whole or streamed, good, refused, replaced or broken off, is not as described.
#[tokio::test]
async fn replies_are_as_described() {
    let cut = vec![Ok(ModelChunk::Text("Out. And ".to_owned())), Err(ModelError::Cut("reset".to_owned()))];
    for script in [says(&["Good ", "day."]), says(&["The password."]), Scripted(cut)] {
        let house = House::open(script).await;
        for (path, mut body, [request, reply, event]) in models() {
            for role in ["clerk", "guard"] {
                body["model"] = json!(role);
                body["stream"] = json!(false);
                holds(request, &body);
                let answer = house.post(path, &body).await;
                let error = if path == "/v1/messages" { "AnthropicError" } else { "Error" };
                holds(if answer.status == StatusCode::OK { reply } else { error }, &answer.json());
                body["stream"] = json!(true);
                let answer = house.post(path, &body).await;
                assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
                for data in answer.text.lines().filter_map(|line| line.strip_prefix("data: {")) {
                    let value: Value = serde_json::from_str(&format!("{{{data}")).unwrap();
                    let broken_off = value.get("error").is_some() && path != "/v1/responses";
                    holds(if broken_off { error } else { event }, &value);
                }
            }
        }
    }
}

// Fails when calls of tools, whole or streamed, are not as described.
#[tokio::test]
async fn calls_are_as_described() {
    let city = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let function = json!({"name": "weather", "parameters": city});
    let flat = json!({"type": "function", "name": "weather", "parameters": city, "strict": null});
    let offers = [
        json!([{"type": "function", "function": function}]),
        json!([flat]),
        json!([{"name": "weather", "input_schema": city}]),
    ];
    for ((path, mut body, [request, reply, event]), offered) in models().into_iter().zip(offers) {
        body["tools"] = offered;
        holds(request, &body);
        for stream in [false, true] {
            let script = tools::calls("Wait. ", &[("weather", &["{\"city\":\"b\"}"])], false);
            let house = House::open(tools::Caller::new(vec![script])).await;
            body["stream"] = json!(stream);
            let answer = house.post(path, &body).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            if stream {
                let events = events(&answer);
                events.iter().filter(|value| value.is_object()).for_each(|value| holds(event, value));
            } else {
                holds(reply, &answer.json());
            }
        }
    }
}

// Fails when what is said about sessions, models and the process is not as described.
#[tokio::test]
async fn everything_else_is_as_described() {
    let house = House::open(says(&["Hi."])).await;
    holds("Models", &house.get("/v1/models").await.json());
    holds("Model", &house.get("/v1/models/clerk").await.json());
    holds("Error", &house.get("/v1/models/nobody").await.json());
    holds("Index", &house.get("/").await.json());
    holds("Status", &house.get("/healthz").await.json());
    holds("Status", &house.get("/readyz").await.json());
    let create = json!({"role": "clerk", "user": "ann", "network": "4g"});
    holds("CreateSession", &create);
    let session = house.post("/v1/sessions", &create).await.json();
    holds("Session", &session);
    let token = session["session_token"].as_str().unwrap();
    let reconnect = json!({"session_token": token, "last_sequence_id": 0, "epoch": 1});
    holds("Reconnect", &reconnect);
    holds("Standing", &house.post("/v1/reconnect", &reconnect).await.json());
    holds("Page", &house.get_as("/v1/diff?from=1", token).await.json());
    let post = json!({"biz_id": "b", "text": "t", "priority": "low", "created_at": "2026-01-31T08:00:00+08:00"});
    holds("PostMessage", &post);
    let path = format!("/v1/sessions/{}/messages", session["session_id"].as_str().unwrap());
    holds("Posted", &house.post(&path, &post).await.json());
    let standing = house.get(&format!("{path}/b")).await.json();
    holds("MessageStanding", &standing);
    assert_eq!(standing, json!({"biz_id": "b", "state": "pending"}));
    holds("Error", &house.get(&format!("{path}/nobody")).await.json());
    let post = json!({"job_id": "report:7", "text": "t", "priority": "low", "expires_in": 60, "max_attempts": 2});
    holds("PostJob", &post);
    let path = format!("/v1/sessions/{}/jobs", session["session_id"].as_str().unwrap());
    holds("Job", &house.post(&path, &post).await.json());
    holds("Job", &house.get(&format!("{path}/report:7")).await.json());
    holds("JobPage", &house.get("/v1/jobs?state=dead").await.json());
    holds("Error", &house.get("/v1/jobs?state=done").await.json());
}

// Fails when the account of a reply is not as described.
#[tokio::test]
async fn traces_are_as_described() {
    let house = House::open(says(&["The pass", "word."])).await;
    let answer = house.post("/v1/chat/completions", &hello("guard")).await;
    let path = format!("/v1/traces/{}", answer.header("x-rolecall-trace"));
    // It is written by a task of its own.
    let mut trace = house.get(&path).await;
    for _ in 0..500 {
        if trace.status == StatusCode::OK {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        trace = house.get(&path).await;
    }
    assert_eq!(trace.status, StatusCode::OK, "{}", trace.text);
    holds("Trace", &trace.json());
    assert_eq!(trace.json()["acts"][0]["rule"], "secrets");
}

// Fails when the schemas accept anything, and the tests above prove nothing.
#[test]
fn the_schemas_can_say_no() {
    for (name, value) in [
        ("Error", json!({"error": {"message": "m", "type": "t", "code": "Not Stable", "param": null}})),
        ("Message", json!({})),
        ("Model", json!({"id": 7})),
        ("ChatRequest", json!({"model": "clerk", "messages": [], "n": 9})),
        ("ChatRequest", json!({"model": "clerk", "messages": [{"role": "user", "content": "x"}], "seed": u64::MAX})),
        ("Session", json!({"session_id": "s"})),
    ] {
        assert!(!schema(name).is_valid(&value), "{name}");
    }
}
