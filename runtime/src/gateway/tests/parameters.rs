//! Parameters and messages of chat completions whose reading is finer than a type.

use super::tools::Caller;
use super::*;

const PATH: &str = "/v1/chat/completions";

// Fails when a seed below 0 is refused or changed on its way, or one that OpenAI does not have is taken.
#[tokio::test]
async fn a_seed_has_a_sign() {
    for (seed, carried) in [(-7, u64::MAX - 6), (i64::MIN, 1 << 63), (i64::MAX, u64::MAX >> 1), (0, 0)] {
        let model = Caller::new(vec![says(&["Hi."])]);
        let mut body = hello("clerk");
        body["seed"] = json!(seed);
        let answer = House::open(model.clone()).await.post(PATH, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(model.asked()[0].seed, Some(carried), "{seed}");
    }
    let house = House::open(says(&["Hi."])).await;
    for seed in [json!(u64::MAX), json!(1.5), json!("7")] {
        let mut body = hello("clerk");
        body["seed"] = seed;
        let answer = house.post(PATH, &body).await;
        assert!(answer.refused(400, "invalid_parameter").contains("from -9223372036854775808"), "{}", answer.text);
        assert_eq!(answer.param(), "seed");
    }
}

// Fails when an option of streams passes that nobody carries out, or the error does not say where it stands.
#[tokio::test]
async fn options_of_streams_are_carried_out_or_refused() {
    let house = House::open(says(&["Hi."])).await;
    let streamed = |options: Value| {
        let mut body = hello("clerk");
        body["stream"] = json!(true);
        body["stream_options"] = options;
        body
    };
    for (name, remedy) in
        [("continuous_usage_stats", "leave it out"), ("include_usge", "did you mean `stream_options.include_usage`?")]
    {
        let mut options = json!({"include_usage": true});
        options[name] = json!(true);
        let answer = house.post(PATH, &streamed(options)).await;
        let message = answer.refused(400, "unsupported_parameter");
        assert!(message.contains(&format!("`stream_options.{name}`")) && message.contains(remedy), "{message}");
        assert_eq!(answer.param(), format!("stream_options.{name}"));
    }
    let answer = house.post(PATH, &streamed(json!("usage"))).await;
    assert!(answer.refused(400, "invalid_parameter").contains("expected an object"), "{}", answer.text);
    let options = json!({"include_usage": null, "include_obfuscation": false, "continuous_usage_stats": null});
    assert_eq!(house.post(PATH, &streamed(options)).await.status, StatusCode::OK);
}

// Fails when what an assistant said as it refused is lost on its way to the model.
#[tokio::test]
async fn a_refusal_is_what_the_assistant_said() {
    let refusing = |role: &str, content: Value, refusal: Value| {
        let mut body = hello("clerk");
        let said = json!({"role": role, "content": content, "refusal": refusal});
        body["messages"] = json!([{"role": "user", "content": "How?"}, said, {"role": "user", "content": "Why?"}]);
        body
    };
    let part = json!([{"type": "refusal", "refusal": "I can't."}]);
    for (content, refusal) in [
        (Value::Null, json!("I can't.")),
        (part, Value::Null),
        (json!("I can't."), Value::Null),
        (json!("I "), json!("can't.")),
    ] {
        let model = Caller::new(vec![says(&["Hi."])]);
        let answer = House::open(model.clone()).await.post(PATH, &refusing("assistant", content, refusal)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(model.asked()[0].lines[1].text, "I can't.");
    }
    let house = House::open(says(&["Hi."])).await;
    let answer = house.post(PATH, &refusing("user", json!("x"), json!("I can't."))).await;
    answer.refused(400, "invalid_parameter");
    assert_eq!(answer.param(), "messages[1].refusal");
    assert_eq!(house.post(PATH, &refusing("user", json!("x"), Value::Null)).await.status, StatusCode::OK);
}

// Fails when a limit on tokens does not end the rehearsal model's answer, or a surface does not say that it did.
#[tokio::test]
async fn the_rehearsal_model_stops_at_a_limit_on_every_surface() {
    let house = House::open(crate::model::Rehearsal::default()).await;
    let said = json!([{"role": "user", "content": "Hi"}]);
    for (path, limit, dialogue, text, reason) in [
        (PATH, "max_tokens", "messages", "/choices/0/message/content", ("/choices/0/finish_reason", "length")),
        ("/v1/messages", "max_tokens", "messages", "/content/0/text", ("/stop_reason", "max_tokens")),
        (
            "/v1/responses",
            "max_output_tokens",
            "input",
            "/output/0/content/0/text",
            ("/incomplete_details/reason", "max_output_tokens"),
        ),
    ] {
        let answer = house.post(path, &json!({"model": "clerk", limit: 1, dialogue: said})).await.json();
        assert_eq!(answer.pointer(text), Some(&json!("I he")), "{path}: {answer}");
        assert_eq!(answer.pointer(reason.0), Some(&json!(reason.1)), "{path}: {answer}");
    }
}
