//! The Messages API in Anthropic's shapes.

use super::*;

const PATH: &str = "/v1/messages";

fn streamed(model: &str) -> Value {
    let mut body = hello(model);
    body["stream"] = json!(true);
    body
}

/// The events of a stream; their names must be their types.
fn events(answer: &Answer) -> Vec<Value> {
    let lines = answer.text.trim_end().split("\n\n");
    lines
        .map(|lines| {
            let (name, data) = lines.split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(name.strip_prefix("event: "), data["type"].as_str(), "{lines}");
            data
        })
        .collect()
}

/// Requires an error of this status, class and code in Anthropic's shape.
fn refused(answer: &Answer, status: u16, class: &str, code: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    let body = answer.json();
    let named = [&body["type"], &body["error"]["type"], &body["error"]["code"]];
    assert_eq!(named, ["error", class, code], "{}", answer.text);
    assert!(!body["error"]["message"].as_str().unwrap().is_empty());
}

// Fails when a field of the message is missing, misnamed or of another type.
#[tokio::test]
async fn a_whole_message_has_anthropics_shape() {
    let house = House::open(says(&["Good ", "day."])).await;
    let answer = house.post(PATH, &hello("clerk")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let mut body = answer.json();
    assert!(body["id"].take().as_str().unwrap().starts_with("msg_"));
    let usage = json!({"input_tokens": 8, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 3,
                       "output_tokens": 7});
    let text = json!({"type": "text", "text": "Good day.", "citations": null});
    assert_eq!(
        body,
        json!({"id": null, "type": "message", "role": "assistant", "model": "clerk", "content": [text],
               "stop_reason": "end_turn", "stop_sequence": null, "stop_details": null, "usage": usage})
    );
    assert_eq!(answer.header("x-rolecall-contract"), "clerk@1.2.3");
}

// Fails when an event is missing, doubled or out of order.
#[tokio::test]
async fn a_stream_has_anthropics_events() {
    let house = House::open(says(&["Good ", "day."])).await;
    let events = events(&house.post(PATH, &streamed("clerk")).await);
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let (head, rest) = kinds.split_at(2);
    let (deltas, tail) = rest.split_at(rest.len() - 3);
    assert_eq!(head, ["message_start", "content_block_start"]);
    assert!(!deltas.is_empty() && deltas.iter().all(|kind| *kind == "content_block_delta"), "{kinds:?}");
    assert_eq!(tail, ["content_block_stop", "message_delta", "message_stop"]);
    assert_eq!(events[0]["message"]["content"], json!([]));
    let text: String = events.iter().filter_map(|event| event["delta"]["text"].as_str()).collect();
    assert_eq!(text, "Good day.");
    let end = &events[events.len() - 2];
    assert_eq!((&end["delta"]["stop_reason"], &end["usage"]["output_tokens"]), (&json!("end_turn"), &json!(7)));
}

// Fails when a refused reply is shown, keeps an empty block, or does not name its rule.
#[tokio::test]
async fn a_refused_reply_is_a_refusal() {
    let house = House::open(says(&["pass", "word is olive."])).await;
    for (role, text) in [("clerk", None), ("guard", Some("Ask me later."))] {
        let body = house.post(PATH, &hello(role)).await.json();
        assert_eq!(body["content"][0]["text"].as_str(), text);
        assert_eq!(body["stop_reason"], "refusal");
        let details = &body["stop_details"];
        assert_eq!((&details["type"], &details["category"]), (&json!("refusal"), &Value::Null));
        let explanation = details["explanation"].as_str().unwrap();
        assert!(explanation.contains("`secrets`") && !explanation.contains("password"), "{explanation}");
        let events = events(&house.post(PATH, &streamed(role)).await);
        assert_eq!(events[events.len() - 2]["delta"]["stop_reason"], "refusal");
        assert_eq!(events.iter().any(|event| event["type"] == "content_block_start"), text.is_some());
        assert!(events.iter().all(|event| !event.to_string().contains("olive")), "{events:?}");
    }
}

// Fails when the model's own limit looks like a natural end.
#[tokio::test]
async fn a_reply_that_ran_into_the_token_limit_says_so() {
    let chunks = vec![Ok(ModelChunk::Text("Good day.".to_owned())), Ok(ModelChunk::Stop { length: true })];
    let house = House::open(Scripted(chunks)).await;
    assert_eq!(house.post(PATH, &hello("clerk")).await.json()["stop_reason"], "max_tokens");
}

// Fails when what the model's server filtered looks like a natural end, or like the contract's doing.
#[tokio::test]
async fn a_reply_that_was_filtered_upstream_is_a_refusal() {
    let house = House::open(filtered("Good day.")).await;
    let body = house.post(PATH, &hello("clerk")).await.json();
    assert_eq!((&body["content"][0]["text"], &body["stop_reason"]), (&json!("Good day."), &json!("refusal")));
    assert_eq!(body["stop_details"]["explanation"], "the model's server filtered the reply");
    let events = events(&house.post(PATH, &streamed("clerk")).await);
    assert_eq!(events[events.len() - 2]["delta"]["stop_reason"], "refusal");
}

// Fails when an error of any origin comes in a shape that Anthropic's clients do not read.
#[tokio::test]
async fn errors_have_anthropics_shape() {
    let house = House::open(says(&["Hi."])).await;
    refused(&house.post(PATH, &hello("nobody")).await, 404, "not_found_error", "model_not_found");
    refused(&house.send(post(PATH, "{")).await, 400, "invalid_request_error", "invalid_json");
    refused(&house.get(PATH).await, 405, "invalid_request_error", "method_not_allowed");
    refused(&house.post("/v1/messages/batches", &json!({})).await, 404, "not_found_error", "no_such_endpoint");
    let huge = format!("{{\"model\": \"{}\"}}", "x".repeat(crate::gateway::MAX_BODY_BYTES));
    refused(&house.send(post(PATH, huge)).await, 413, "request_too_large", "body_too_large");
    let foreign = Request::post(PATH).header(header::HOST, "evil.example").body(Body::empty()).unwrap();
    refused(&house.send(foreign).await, 403, "permission_error", "foreign_host");
    let models = Request::get("/v1/models/nobody").header("anthropic-version", "2023-06-01");
    refused(&house.send(models.body(Body::empty()).unwrap()).await, 404, "not_found_error", "model_not_found");
    let limited = ModelError::RateLimited { message: "slow down".to_owned(), retry_after: None };
    for (error, status, class, code) in [
        (limited, 429, "rate_limit_error", "model_rate_limited"),
        (ModelError::Unavailable("refused".to_owned()), 503, "overloaded_error", "model_unavailable"),
        (ModelError::Stalled(std::time::Duration::from_secs(1)), 504, "timeout_error", "model_stalled"),
        (ModelError::Cut("reset".to_owned()), 502, "api_error", "model_cut"),
    ] {
        let house = House::open(Scripted(vec![Err(error)])).await;
        for body in [hello("clerk"), streamed("clerk")] {
            let answer = house.post(PATH, &body).await;
            refused(&answer, status, class, code);
            assert_eq!(answer.header("retry-after"), if status == 429 { "1" } else { "" });
        }
    }
}

// Fails when a failure in the middle looks like an end.
#[tokio::test]
async fn a_failure_in_the_middle_is_an_error_event_and_nothing_follows() {
    let text = Ok(ModelChunk::Text("One sentence is out. And more ".to_owned()));
    let house = House::open(Scripted(vec![text, Err(ModelError::Cut("reset".to_owned()))])).await;
    let events = events(&house.post(PATH, &streamed("clerk")).await);
    let (last, before) = events.split_last().unwrap();
    assert_eq!((&last["type"], &last["error"]["code"]), (&json!("error"), &json!("model_cut")), "{events:?}");
    assert!(before.iter().all(|event| event["type"] != "message_delta"), "{events:?}");
}

// Fails when a parameter that would change the reply is ignored, or a harmless one is refused.
#[tokio::test]
async fn parameters_are_carried_out_or_refused() {
    let house = House::open(says(&["Hi."])).await;
    for (name, value) in [
        ("thinking", json!({"type": "enabled", "budget_tokens": 1024})),
        ("thinking", json!({"type": "adaptive"})),
        ("stop_sequences", json!(["\n"])),
        ("top_k", json!(1)),
        ("top_p", json!(0.5)),
        ("output_config", json!({"effort": "low"})),
        ("container", json!("c")),
        ("context_management", json!({})),
        ("mcp_servers", json!([{}])),
        ("speed", json!("fast")),
    ] {
        let mut body = hello("clerk");
        body[name] = value;
        let answer = house.post(PATH, &body).await;
        refused(&answer, 400, "invalid_request_error", "unsupported_parameter");
        assert_eq!(answer.param(), name);
    }
    let mut body = hello("clerk");
    for (name, value) in [
        ("max_tokens", json!(50)),
        ("temperature", json!(1)),
        ("metadata", json!({"user_id": "u"})),
        ("thinking", json!({"type": "disabled"})),
        ("stop_sequences", json!([])),
        ("system", json!([{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}])),
        ("service_tier", json!("standard_only")),
        ("container", json!(null)),
        ("top_p", json!(1)),
    ] {
        body[name] = value;
    }
    assert_eq!(house.post(PATH, &body).await.status, StatusCode::OK);
}

// Fails when a malformed field is taken, or the error does not name it.
#[tokio::test]
async fn wrong_fields_are_named() {
    let house = House::open(says(&["Hi."])).await;
    let with = |messages: Value| json!({"model": "clerk", "max_tokens": 9, "messages": messages});
    let image = json!({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}});
    let prefilled = json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]);
    for (body, code, param) in [
        (json!({"messages": []}), "missing_parameter", "model"),
        (json!({"model": "clerk"}), "missing_parameter", "messages"),
        (with(json!([])), "missing_messages", "messages"),
        (with(json!([{"role": "user"}])), "invalid_parameter", "messages[0]"),
        (with(json!([{"role": "bard", "content": "x"}])), "invalid_parameter", "messages[0].role"),
        (with(json!([{"role": "user", "content": 7}])), "invalid_parameter", "messages[0].content"),
        (with(json!([{"role": "user", "content": [image]}])), "unsupported_content", "messages[0].content[0]"),
        (with(prefilled), "last_message_not_user", "messages"),
    ] {
        let answer = house.post(PATH, &body).await;
        refused(&answer, 400, "invalid_request_error", code);
        assert_eq!(answer.param(), param, "{body}");
    }
    for (name, value) in
        [("stream", json!("yes")), ("temperature", json!(1.5)), ("max_tokens", json!(0)), ("system", json!(7))]
    {
        let mut body = hello("clerk");
        body[name] = value;
        assert_eq!(house.post(PATH, &body).await.param(), name);
    }
}
