//! The Responses API in OpenAI's shapes.

use super::*;

const PATH: &str = "/v1/responses";

fn asked(model: &str) -> Value {
    json!({"model": model, "input": "hello"})
}

fn streamed(model: &str) -> Value {
    json!({"model": model, "input": "hello", "stream": true})
}

/// The events of a stream; their names must be their types, and their numbers count up from 0.
fn events(answer: &Answer) -> Vec<Value> {
    let lines = answer.text.trim_end().split("\n\n").enumerate();
    lines
        .map(|(number, lines)| {
            let (name, data) = lines.split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(name.strip_prefix("event: "), data["type"].as_str(), "{lines}");
            assert_eq!(data["sequence_number"], json!(number), "{lines}");
            data
        })
        .collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

// Fails when a field of the response is missing, misnamed or of another type.
#[tokio::test]
async fn a_whole_response_has_openais_shape() {
    let house = House::open(says(&["Good ", "day."])).await;
    let mut request = asked("clerk");
    request["metadata"] = json!({"a": "b"});
    request["instructions"] = json!("Be kind.");
    request["temperature"] = json!(0.5);
    request["max_output_tokens"] = json!(50);
    let answer = house.post(PATH, &request).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let body = answer.json();
    assert!(body["id"].as_str().unwrap().starts_with("resp_"));
    assert_eq!(
        (&body["object"], &body["status"], &body["model"]),
        (&json!("response"), &json!("completed"), &json!("clerk"))
    );
    assert_eq!((&body["error"], &body["incomplete_details"]), (&Value::Null, &Value::Null));
    let part = json!({"type": "output_text", "text": "Good day.", "annotations": [], "logprobs": []});
    let message = json!({"type": "message", "id": body["output"][0]["id"], "status": "completed",
                         "role": "assistant", "content": [part]});
    assert_eq!(body["output"], json!([message]));
    assert_eq!((&body["metadata"], &body["instructions"]), (&json!({"a": "b"}), &json!("Be kind.")));
    assert_eq!((&body["temperature"], &body["max_output_tokens"]), (&json!(0.5), &json!(50)));
    let usage = &body["usage"];
    assert_eq!([&usage["input_tokens"], &usage["output_tokens"], &usage["total_tokens"]], [11, 7, 18]);
    assert_eq!(
        (&usage["input_tokens_details"]["cached_tokens"], &usage["output_tokens_details"]["reasoning_tokens"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(body["store"], false, "nothing is stored, and the response says so");
    assert_eq!(answer.header("x-rolecall-contract"), "clerk@1.2.3");
}

// Fails when an event is missing, doubled, out of order or about another item.
#[tokio::test]
async fn a_stream_has_openais_events() {
    let house = House::open(says(&["Good ", "day."])).await;
    let events = events(&house.post(PATH, &streamed("clerk")).await);
    let kinds = kinds(&events);
    let (head, rest) = kinds.split_at(4);
    let (deltas, tail) = rest.split_at(rest.len() - 4);
    assert_eq!(
        head,
        ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added"]
    );
    assert!(!deltas.is_empty() && deltas.iter().all(|kind| *kind == "response.output_text.delta"), "{kinds:?}");
    assert_eq!(
        tail,
        ["response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed"]
    );
    let text: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    let last = &events.last().unwrap()["response"];
    let item = &last["output"][0];
    for event in &events[2..events.len() - 1] {
        let id = if event["item"].is_null() { &event["item_id"] } else { &event["item"]["id"] };
        assert_eq!((id, &event["output_index"]), (&item["id"], &json!(0)));
    }
    assert_eq!((text.as_str(), &item["content"][0]["text"]), ("Good day.", &json!("Good day.")));
    assert_eq!(events[events.len() - 4]["text"], "Good day.");
    assert_eq!(events[events.len() - 2]["item"], *item);
    assert_eq!((&last["usage"]["total_tokens"], &last["id"]), (&json!(18), &events[0]["response"]["id"]));
    assert_eq!(
        (&events[0]["response"]["status"], &events[0]["response"]["usage"]),
        (&json!("in_progress"), &Value::Null)
    );
}

// Fails when a refused reply is shown, keeps an empty item, or looks complete.
#[tokio::test]
async fn a_refused_reply_is_incomplete() {
    let house = House::open(says(&["pass", "word is olive."])).await;
    for (role, text) in [("clerk", None), ("guard", Some("Ask me later."))] {
        let answer = house.post(PATH, &asked(role)).await;
        let events = events(&house.post(PATH, &streamed(role)).await);
        let last = events.last().unwrap();
        assert_eq!(last["type"], "response.incomplete");
        for body in [&answer.json(), &last["response"]] {
            assert_eq!(
                (&body["status"], &body["incomplete_details"]["reason"]),
                (&json!("incomplete"), &json!("content_filter"))
            );
            assert_eq!(body["output"][0]["content"][0]["text"].as_str(), text);
        }
        assert!(answer.header("x-rolecall-rules").starts_with("secrets="));
        assert!(events.iter().all(|event| !event.to_string().contains("olive")), "{events:?}");
    }
}

// Fails when the model's own limit looks like a natural end.
#[tokio::test]
async fn a_reply_that_ran_into_the_token_limit_is_incomplete() {
    let chunks = vec![Ok(ModelChunk::Text("Good day.".to_owned())), Ok(ModelChunk::Stop { length: true })];
    let house = House::open(Scripted(chunks)).await;
    let body = house.post(PATH, &asked("clerk")).await.json();
    assert_eq!(
        (&body["status"], &body["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("max_output_tokens"))
    );
}

// Fails when what the model's server filtered looks complete.
#[tokio::test]
async fn a_reply_that_was_filtered_upstream_is_incomplete() {
    let house = House::open(filtered("Good day.")).await;
    let body = house.post(PATH, &asked("clerk")).await.json();
    assert_eq!(
        (&body["status"], &body["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("content_filter"))
    );
    let events = events(&house.post(PATH, &streamed("clerk")).await);
    assert_eq!(events.last().unwrap()["type"], "response.incomplete");
}

// Fails when a failure in the middle looks like an end, or what was shown is lost.
#[tokio::test]
async fn a_failure_in_the_middle_is_told_and_nothing_follows() {
    let text = Ok(ModelChunk::Text("One sentence is out. And more ".to_owned()));
    let house = House::open(Scripted(vec![text, Err(ModelError::Cut("reset".to_owned()))])).await;
    let events = events(&house.post(PATH, &streamed("clerk")).await);
    let [.., failed, error] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(
        (&error["type"], &error["error"]["code"], &error["code"]),
        (&json!("error"), &json!("model_cut"), &json!("model_cut"))
    );
    assert_eq!((&failed["type"], &failed["response"]["status"]), (&json!("response.failed"), &json!("failed")));
    assert_eq!(failed["response"]["error"]["code"], "server_error");
    let shown: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert!(shown.starts_with("One sentence"));
    assert_eq!(failed["response"]["output"][0]["content"][0]["text"], shown);
    assert_eq!(failed["response"]["output"][0]["status"], "incomplete");
}

// Fails when a failure before the first text gives status 200.
#[tokio::test]
async fn a_failure_before_the_first_text_is_an_http_error() {
    let house = House::open(Scripted(vec![Err(ModelError::Unavailable("refused".to_owned()))])).await;
    for body in [asked("clerk"), streamed("clerk")] {
        house.post(PATH, &body).await.refused(503, "model_unavailable");
    }
    house.post(PATH, &asked("nobody")).await.refused(404, "model_not_found");
}

// Fails when a parameter that would change the reply is ignored, or a harmless one is refused.
#[tokio::test]
async fn parameters_are_carried_out_or_refused() {
    let house = House::open(says(&["Hi."])).await;
    for (name, value) in [
        ("previous_response_id", json!("resp_1")),
        ("conversation", json!({"id": "conv_1"})),
        ("background", json!(true)),
        ("prompt", json!({"id": "p"})),
        ("reasoning", json!({"effort": "low"})),
        ("text", json!({"format": {"type": "json_object"}})),
        ("text", json!({"verbosity": "low"})),
        ("truncation", json!("auto")),
        ("include", json!(["message.output_text.logprobs"])),
        ("top_logprobs", json!(2)),
        ("context_management", json!([])),
        ("seed", json!(1)),
    ] {
        let mut body = asked("clerk");
        body[name] = value;
        let answer = house.post(PATH, &body).await;
        assert!(answer.refused(400, "unsupported_parameter").contains(name));
        assert_eq!(answer.param(), name);
    }
    let mut body = asked("clerk");
    for (name, value) in [
        ("store", json!(true)),
        ("background", json!(false)),
        ("previous_response_id", json!(null)),
        ("reasoning", json!({"effort": null})),
        ("text", json!({"format": {"type": "text"}, "verbosity": "medium"})),
        ("include", json!(["reasoning.encrypted_content"])),
        ("stream_options", json!({"include_obfuscation": false})),
        ("parallel_tool_calls", json!(true)),
        ("truncation", json!("disabled")),
        ("top_p", json!(1)),
        ("user", json!("u")),
    ] {
        body[name] = value;
    }
    assert_eq!(house.post(PATH, &body).await.status, StatusCode::OK);
}

// Fails when a malformed field is taken, or the error does not name it.
#[tokio::test]
async fn wrong_fields_are_named() {
    let house = House::open(says(&["Hi."])).await;
    let with = |input: Value| json!({"model": "clerk", "input": input});
    for (body, code, param) in [
        (json!({"input": "x"}), "missing_parameter", "model"),
        (json!({"model": "clerk"}), "missing_parameter", "input"),
        (with(json!(7)), "invalid_parameter", "input"),
        (with(json!([])), "missing_messages", "input"),
        (with(json!([{"role": "user"}])), "invalid_parameter", "input[0]"),
        (with(json!([{"role": "bard", "content": "x"}])), "invalid_parameter", "input[0].role"),
        (with(json!([{"type": "item_reference", "id": "msg_1"}])), "unsupported_content", "input[0].type"),
        (with(json!([{"type": "reasoning", "id": "rs_1"}])), "unsupported_content", "input[0].type"),
        (
            with(json!([{"role": "user", "content": [{"type": "input_image", "image_url": "u"}]}])),
            "unsupported_content",
            "input[0].content[0]",
        ),
        (with(json!([{"role": "assistant", "content": "x"}])), "last_message_not_user", "input"),
        (with(json!(" \n")), "message_refused", "input"),
    ] {
        let answer = house.post(PATH, &body).await;
        answer.refused(400, code);
        assert_eq!(answer.param(), param, "{body}");
    }
    for (name, value) in [
        ("stream", json!("yes")),
        ("temperature", json!(3)),
        ("max_output_tokens", json!(0)),
        ("instructions", json!(7)),
        ("metadata", json!("m")),
    ] {
        let mut body = asked("clerk");
        body[name] = value;
        assert_eq!(house.post(PATH, &body).await.param(), name);
    }
}
