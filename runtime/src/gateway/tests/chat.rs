//! Chat completions in OpenAI's shapes.

use super::*;

const PATH: &str = "/v1/chat/completions";

fn streamed(model: &str, options: &Value) -> Value {
    let mut body = hello(model);
    body["stream"] = json!(true);
    if !options.is_null() {
        body["stream_options"] = options.clone();
    }
    body
}

fn text(events: &[Value]) -> String {
    events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect()
}

// Fails when a field of the un-streamed object is missing, misnamed or of another type.
#[tokio::test]
async fn a_whole_reply_has_openais_shape() {
    let house = House::open(says(&["Good ", "day."])).await;
    let answer = house.post(PATH, &hello("clerk")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let body = answer.json();
    assert!(body["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(body["created"].as_u64().unwrap() > 1_600_000_000);
    assert_eq!((&body["object"], &body["model"]), (&json!("chat.completion"), &json!("clerk")));
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": "Good day.", "refusal": null},
                        "logprobs": null, "finish_reason": "stop"});
    assert_eq!(body["choices"], json!([choice]));
    let usage = json!({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
                       "prompt_tokens_details": {"cached_tokens": 3},
                       "completion_tokens_details": {"reasoning_tokens": 2}});
    assert_eq!(body["usage"], usage);
    assert_eq!(answer.header("x-rolecall-delivery"), "token");
    assert_eq!(body["id"], format!("chatcmpl-{}", answer.header("x-rolecall-trace")));
    assert_eq!(answer.header("x-rolecall-contract"), "clerk@1.2.3");
    assert_eq!(answer.header("x-rolecall-rules"), "");
}

// Fails when chunks lack the role first, the finish reason last, or `[DONE]` behind everything.
#[tokio::test]
async fn a_stream_has_openais_shape() {
    let house = House::open(says(&["Good ", "day."])).await;
    let answer = house.post(PATH, &streamed("clerk", &Value::Null)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert!(answer.header("content-type").starts_with("text/event-stream"));
    let events = events(&answer);
    let (done, chunks) = events.split_last().unwrap();
    assert_eq!(*done, "[DONE]");
    assert_eq!(text(chunks), "Good day.");
    assert_eq!(chunks[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    for (index, chunk) in chunks.iter().enumerate() {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!((&chunk["id"], &chunk["created"]), (&chunks[0]["id"], &chunks[0]["created"]));
        let expected = if index + 1 == chunks.len() { json!("stop") } else { Value::Null };
        assert_eq!(chunk["choices"][0]["finish_reason"], expected);
        assert!(chunk.get("usage").is_none(), "usage was not asked for");
    }
}

// Fails when the usage that was asked for does not come as the last chunk, alone, once.
#[tokio::test]
async fn usage_comes_in_a_chunk_of_its_own_when_asked_for() {
    let house = House::open(says(&["Hi."])).await;
    let events = events(&house.post(PATH, &streamed("clerk", &json!({"include_usage": true}))).await);
    let last = &events[events.len() - 2];
    assert_eq!((&last["choices"], &last["usage"]["total_tokens"]), (&json!([]), &json!(18)));
    assert!(events[..events.len() - 2].iter().all(|chunk| chunk["usage"].is_null()));
}

// Fails when a cut is not an ordinary end, or its rule is not told.
#[tokio::test]
async fn a_reply_that_a_rule_cut_stops_and_names_the_rule() {
    let house = House::open(says(&["一句。", "两句。", "三句。"])).await;
    let answer = house.post(PATH, &hello("短")).await;
    let body = answer.json();
    assert_eq!(body["choices"][0]["message"]["content"], "一句。");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer.header("x-rolecall-rules"), "%E9%95%BF%E5%BA%A6=truncate");
    assert_eq!(answer.header("x-rolecall-contract"), "%E7%9F%AD@1.0.0");
}

// Fails when a forbidden reply is shown, or looks like an ordinary end.
#[tokio::test]
async fn a_refused_reply_is_content_filter() {
    let house = House::open(says(&["The pass", "word is olive."])).await;
    let answer = house.post(PATH, &hello("clerk")).await;
    assert!(!answer.text.contains("password") && !answer.text.contains("olive"), "{}", answer.text);
    assert_eq!(answer.json()["choices"][0]["finish_reason"], "content_filter");
    assert!(answer.header("x-rolecall-rules").starts_with("secrets="));
    let events = events(&house.post(PATH, &streamed("clerk", &Value::Null)).await);
    assert!(!text(&events).contains("password"));
    assert_eq!(events[events.len() - 2]["choices"][0]["finish_reason"], "content_filter");
}

// Fails when the fallback in the reply's place looks like a reply of the model's.
#[tokio::test]
async fn a_fallback_is_content_filter() {
    let house = House::open(says(&["The password is olive."])).await;
    let answer = house.post(PATH, &hello("guard")).await;
    let choice = &answer.json()["choices"][0];
    assert_eq!(
        (&choice["message"]["content"], &choice["finish_reason"]),
        (&json!("Ask me later."), &json!("content_filter"))
    );
    assert_eq!(answer.header("x-rolecall-rules"), "secrets=fallback");
    let events = events(&house.post(PATH, &streamed("guard", &Value::Null)).await);
    assert_eq!(events[events.len() - 2]["choices"][0]["finish_reason"], "content_filter");
}

// Fails when a caller's context disappears silently because it is too long.
#[tokio::test]
async fn context_that_would_be_left_out_is_refused() {
    let house = House::open(says(&["Hi."])).await;
    let limit = crate::enforce::MAX_HISTORY_BYTES;
    let with = |system: usize, earlier: usize| {
        json!({"model": "clerk", "messages": [
            {"role": "system", "content": "s".repeat(system)},
            {"role": "assistant", "content": "a".repeat(earlier)},
            {"role": "user", "content": "hello"},
        ]})
    };
    assert_eq!(house.post(PATH, &with(10, limit - 10)).await.status, StatusCode::OK);
    for (system, earlier) in [(limit + 1, 0), (10, limit - 9)] {
        let answer = house.post(PATH, &with(system, earlier)).await;
        let message = answer.refused(400, "context_length_exceeded");
        assert!(message.contains(&limit.to_string()), "{message}");
        assert_eq!(answer.param(), "messages");
    }
}

// Fails when a caller is told another time than the model's server asked for, or its words.
#[tokio::test]
async fn a_rate_limit_is_passed_on_with_its_time() {
    let after = std::time::Duration::from_millis(41_500);
    for (retry_after, expected) in [(Some(after), "42"), (None, "1")] {
        let limited = ModelError::RateLimited { message: "org-4711 is over quota".to_owned(), retry_after };
        let house = House::open(Scripted(vec![Err(limited)])).await;
        for body in [hello("clerk"), streamed("clerk", &Value::Null)] {
            let answer = house.post(PATH, &body).await;
            answer.refused(429, "model_rate_limited");
            assert_eq!(answer.header("retry-after"), expected);
            assert!(!answer.text.contains("org-4711"), "{}", answer.text);
        }
    }
}

// Fails when the model's own limit looks like a natural end.
#[tokio::test]
async fn a_reply_that_ran_into_the_token_limit_says_length() {
    let chunks = vec![Ok(ModelChunk::Text("Good day.".to_owned())), Ok(ModelChunk::Stop { length: true })];
    let house = House::open(Scripted(chunks)).await;
    let answer = house.post(PATH, &hello("clerk")).await;
    assert_eq!(answer.json()["choices"][0]["finish_reason"], "length");
}

// Fails when what the model's server filtered looks like a natural end, or what came before is lost.
#[tokio::test]
async fn a_reply_that_was_filtered_upstream_is_content_filter() {
    let house = House::open(filtered("Good day.")).await;
    let choice = &house.post(PATH, &hello("clerk")).await.json()["choices"][0];
    assert_eq!(
        (&choice["message"]["content"], &choice["finish_reason"]),
        (&json!("Good day."), &json!("content_filter"))
    );
    let events = events(&house.post(PATH, &streamed("clerk", &Value::Null)).await);
    assert_eq!(text(&events), "Good day.");
    assert_eq!(events[events.len() - 2]["choices"][0]["finish_reason"], "content_filter");
}

// Fails when a model that fails before its first text gives status 200.
#[tokio::test]
async fn a_failure_before_the_first_text_is_an_http_error() {
    let limited = ModelError::RateLimited { message: "slow down".to_owned(), retry_after: None };
    for (error, status, code) in [
        (ModelError::Unavailable("refused".to_owned()), 503, "model_unavailable"),
        (limited, 429, "model_rate_limited"),
        (ModelError::Stalled(std::time::Duration::from_secs(1)), 504, "model_stalled"),
    ] {
        let house = House::open(Scripted(vec![Err(error)])).await;
        house.post(PATH, &hello("clerk")).await.refused(status, code);
        house.post(PATH, &streamed("clerk", &Value::Null)).await.refused(status, code);
    }
}

// Fails when a failure in the middle looks like an end, or what was shown is lost.
#[tokio::test]
async fn a_failure_in_the_middle_is_an_error_event_and_nothing_follows() {
    let text_then_cut = vec![
        Ok(ModelChunk::Text("One sentence is out. And more ".to_owned())),
        Err(ModelError::Cut("reset".to_owned())),
    ];
    let house = House::open(Scripted(text_then_cut)).await;
    let events = events(&house.post(PATH, &streamed("clerk", &Value::Null)).await);
    let (last, before) = events.split_last().unwrap();
    assert_eq!(last["error"]["code"], "model_cut", "{events:?}");
    assert!(text(before).starts_with("One sentence"), "{events:?}");
    assert!(before.iter().all(|event| event["choices"][0]["finish_reason"].is_null()));
}

// Fails when a parameter that would change the reply is ignored, or a harmless one is refused.
#[tokio::test]
async fn parameters_are_carried_out_or_refused() {
    let house = House::open(says(&["Hi."])).await;
    for (name, value) in [
        ("logprobs", json!(true)),
        ("response_format", json!({"type": "json_object"})),
        ("stop", json!("\n")),
        ("top_p", json!(0.5)),
        ("presence_penalty", json!(1)),
        ("guided_json", json!({})),
        ("stop_token_ids", json!([1])),
        ("chat_id", json!("extra")),
        ("reasoning_effort", json!("low")),
        ("audio", json!({})),
    ] {
        let mut body = hello("clerk");
        body[name] = value;
        let answer = house.post(PATH, &body).await;
        assert!(answer.refused(400, "unsupported_parameter").contains(name));
        assert_eq!(answer.param(), name);
    }
    let mut body = hello("clerk");
    for (name, value) in [
        ("n", json!(1)),
        ("tools", json!([])),
        ("tool_choice", json!("auto")),
        ("logprobs", json!(false)),
        ("response_format", json!({"type": "text"})),
        ("stop", json!(null)),
        ("top_p", json!(1)),
        ("user", json!("u")),
        ("metadata", json!({"a": "b"})),
        ("store", json!(true)),
        ("guided_json", json!(null)),
        ("temperature", json!(0.5)),
        ("seed", json!(1)),
        ("max_tokens", json!(50)),
        ("frequency_penalty", json!(0.0)),
    ] {
        body[name] = value;
    }
    assert_eq!(house.post(PATH, &body).await.status, StatusCode::OK);
}

// Fails when a malformed field is taken, or the error does not name it.
#[tokio::test]
async fn wrong_fields_are_named() {
    let house = House::open(says(&["Hi."])).await;
    for (body, code, param) in [
        (json!({"messages": []}), "missing_parameter", "model"),
        (json!({"model": "clerk"}), "missing_parameter", "messages"),
        (json!({"model": "clerk", "messages": []}), "missing_messages", "messages"),
        (json!({"model": "clerk", "messages": "hi"}), "invalid_parameter", "messages"),
        (json!({"model": 1, "messages": []}), "invalid_parameter", "model"),
        (json!({"model": "clerk", "messages": [{"role": "user"}]}), "invalid_parameter", "messages[0].content"),
        (json!({"model": "clerk", "messages": [{"content": "x"}]}), "invalid_parameter", "messages[0]"),
        (
            json!({"model": "clerk", "messages": [{"role": "bard", "content": "x"}]}),
            "invalid_parameter",
            "messages[0].role",
        ),
        (
            json!({"model": "clerk", "messages": [{"role": "function", "content": "x"}]}),
            "unsupported_content",
            "messages[0].role",
        ),
        (
            json!({"model": "clerk", "messages": [{"role": "assistant", "content": "x"}]}),
            "last_message_not_user",
            "messages",
        ),
        (
            json!({"model": "clerk", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
            "unsupported_content",
            "messages[0].content[0]",
        ),
    ] {
        let answer = house.post(PATH, &body).await;
        answer.refused(400, code);
        assert_eq!(answer.param(), param, "{body}");
    }
    for (name, value) in
        [("stream", json!("yes")), ("temperature", json!(3)), ("max_tokens", json!(0)), ("stream_options", json!({}))]
    {
        let mut body = hello("clerk");
        body[name] = value;
        assert_eq!(house.post(PATH, &body).await.param(), name);
    }
    let mut blank = hello("clerk");
    blank["messages"][0]["content"] = json!(" \n");
    house.post(PATH, &blank).await.refused(400, "message_refused");
}

// Fails when a wrong type is told in Rust's terms or without its place, or a misspelt name without the right one.
#[tokio::test]
async fn wrong_types_and_names_are_explained() {
    let house = House::open(says(&["Hi."])).await;
    let with = |name: &str, value: Value| {
        let mut body = hello("clerk");
        body[name] = value;
        body
    };
    let saying = |content: Value| with("messages", json!([{"role": "user", "content": content}]));
    let wanted = "expected a string or an array of parts";
    for (body, param, words) in [
        (saying(json!(7)), "messages[0].content", wanted),
        (saying(json!(["hi"])), "messages[0].content[0]", "found string \"hi\", expected an object"),
        (saying(json!([{"type": "text", "text": 7}])), "messages[0].content[0].text", "found integer `7`"),
        (saying(json!([{"type": "text"}])), "messages[0].content[0].text", "is missing"),
        (with("n", json!("two")), "n", "found string \"two\", expected a whole number"),
        (with("stream", json!("yes")), "stream", "expected true or false"),
        (with("stream_options", json!({"include_usage": 1})), "stream_options.include_usage", "found integer `1`"),
        (with("tool_choice", json!(7)), "tool_choice", "name a function"),
        (with("temprature", json!(1)), "temprature", "did you mean `temperature`?"),
        (with("max_token", json!(9)), "max_token", "did you mean `max_tokens`?"),
        (with("min_tokens", json!(9)), "min_tokens", "leave it out"),
        (json!({"model": "clerk", "mesages": []}), "messages", "did you mean it by `mesages`?"),
    ] {
        let answer = house.post(PATH, &body).await;
        assert_eq!((answer.status.as_u16(), answer.param()), (400, json!(param)), "{}", answer.text);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(words) && message.contains(&format!("`{param}`")), "{message}");
    }
}

// Fails when parts of a message are lost, or roles OpenAI has are refused.
#[tokio::test]
async fn messages_of_every_text_shape_are_read() {
    let house = House::open(says(&["Hi."])).await;
    let body = json!({"model": "clerk", "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
        {"role": "user", "name": "Ann", "content": "Hello"},
        {"role": "assistant", "content": null, "tool_calls": []},
        {"role": "user", "content": [{"type": "text", "text": "And "}, {"type": "text", "text": "now?"}]},
    ]});
    assert_eq!(house.post(PATH, &body).await.status, StatusCode::OK);
}

// Fails when more completions run at once than the operator allows.
#[tokio::test]
async fn more_completions_than_allowed_are_turned_away() {
    let house = House::with(says(&["Hi."]), |config| config.max_completions = 1).await;
    let place = Arc::clone(&house.app.completions).try_acquire_owned().unwrap();
    let answer = house.post(PATH, &hello("clerk")).await;
    answer.refused(429, "too_many_completions");
    assert_eq!(answer.header("retry-after"), "1");
    drop(place);
    assert_eq!(house.post(PATH, &hello("clerk")).await.status, StatusCode::OK);
}

/// Says one sentence, then nothing, and tells when it was dropped.
#[derive(Debug)]
struct Endless(tokio_util::sync::CancellationToken);

#[async_trait]
impl Model for Endless {
    fn name(&self) -> &str {
        "endless"
    }

    async fn stream(&self, _prompt: Permitted<Prompt>) -> Result<ModelStream, ModelError> {
        let dropped = self.0.clone().drop_guard();
        let first = stream::iter([Ok(ModelChunk::Text("One. ".to_owned()))]);
        let rest = stream::once(async move {
            let _dropped = dropped;
            std::future::pending().await
        });
        Ok(first.chain(rest).boxed())
    }
}

// Fails when a client that goes away leaves its call to the model running.
#[tokio::test]
async fn a_disconnect_cancels_the_model() {
    let house = House::open(says(&[])).await;
    let dropped = tokio_util::sync::CancellationToken::new();
    let model = Arc::new(Endless(dropped.clone()));
    let (app, _report) = App::with_model(house.app.config.clone(), model).await.unwrap();
    let request = post(PATH, streamed("clerk", &Value::Null).to_string());
    let response = crate::gateway::router(app).oneshot(request).await.unwrap();
    let mut body = response.into_body().into_data_stream();
    assert!(body.next().await.is_some());
    assert!(!dropped.is_cancelled());
    drop(body);
    tokio::time::timeout(std::time::Duration::from_secs(10), dropped.cancelled()).await.unwrap();
}
