//! Tools on the surfaces beside chat completions: other words, the same judgement.

use super::tools::{Caller, calls};
use super::*;
use crate::enforce::Speaker;

/// A name and its arguments.
type Made = (Value, Value);

/// A surface's way to put the same things.
struct Surface {
    path: &'static str,
    tool: fn(&str) -> Value,
    said: fn(Value) -> Value,
    /// What stands behind a call, from the answer that made it.
    answered: fn(&Value) -> Vec<Value>,
    /// Names and arguments of the calls of an answer, and why it is over.
    told: fn(&Value) -> (Vec<Made>, Value),
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
}

fn surfaces() -> [Surface; 2] {
    let anthropic = Surface {
        path: "/v1/messages",
        tool: |name| json!({"name": name, "input_schema": schema()}),
        said: |messages| json!({"messages": messages}),
        answered: |answer| {
            let ids = answer["content"].as_array().unwrap().iter().filter(|block| block["type"] == "tool_use");
            let text = json!([{"type": "text", "text": "Rain"}]);
            let results: Vec<Value> = ids
                .map(
                    |used| json!({"type": "tool_result", "tool_use_id": used["id"], "content": text, "is_error": true}),
                )
                .collect();
            vec![
                json!({"role": "assistant", "content": answer["content"]}),
                json!({"role": "user", "content": results}),
            ]
        },
        told: |answer| {
            let used = answer["content"].as_array().unwrap().iter().filter(|block| block["type"] == "tool_use");
            (used.map(|used| (used["name"].clone(), used["input"].clone())).collect(), answer["stop_reason"].clone())
        },
    };
    let responses = Surface {
        path: "/v1/responses",
        tool: |name| json!({"type": "function", "name": name, "parameters": schema()}),
        said: |input| json!({"input": input}),
        answered: |answer| {
            let items = answer["output"].as_array().unwrap();
            let made = items.iter().filter(|item| item["type"] == "function_call");
            let outputs = made.map(|call| {
                let output = json!([{"type": "input_text", "text": "Error: Rain"}]);
                json!({"type": "function_call_output", "call_id": call["call_id"], "output": output})
            });
            items.iter().cloned().chain(outputs).collect()
        },
        told: |answer| {
            let made = answer["output"].as_array().unwrap().iter().filter(|item| item["type"] == "function_call");
            let read = |call: &Value| serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
            let reason = &answer["incomplete_details"]["reason"];
            let why = if reason.is_null() { &answer["status"] } else { reason };
            (made.map(|call| (call["name"].clone(), read(call))).collect(), why.clone())
        },
    };
    [anthropic, responses]
}

impl Surface {
    fn ask(&self, said: &[Value]) -> Value {
        let mut body = (self.said)(json!(said));
        body["model"] = json!("clerk");
        body["tools"] = json!([(self.tool)("weather"), (self.tool)("news")]);
        body
    }
}

fn hello() -> Vec<Value> {
    vec![json!({"role": "user", "content": "hello"})]
}

// Fails when a call, its result or a text beside it is lost or reordered on the way to the model.
#[tokio::test]
async fn calls_go_out_and_their_results_come_back() {
    for surface in surfaces() {
        let both: [(&str, &[&str]); 2] = [("weather", &["{\"ci", "ty\":\"西安\"}"]), ("news", &["{\"city\":\"b\"}"])];
        let model = Caller::new(vec![calls("Wait. ", &both, false), says(&["It rains."])]);
        let house = House::open(model.clone()).await;
        let mut said = hello();
        let answer = house.post(surface.path, &surface.ask(&said)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let (made, why) = (surface.told)(&answer.json());
        let expected = [("weather", "西安"), ("news", "b")].map(|(name, city)| (json!(name), json!({"city": city})));
        assert_eq!(made, expected);
        assert!(why == "tool_use" || why == "completed", "{why}");
        said.extend((surface.answered)(&answer.json()));
        let answer = house.post(surface.path, &surface.ask(&said)).await;
        assert!(answer.text.contains("It rains."), "{}", answer.text);
        let asked = model.asked();
        let steps = &asked[1].steps;
        let speakers: Vec<Speaker> = steps.iter().map(|line| line.speaker).collect();
        assert_eq!(speakers, [Speaker::Role, Speaker::Tool, Speaker::Tool], "{}", surface.path);
        assert_eq!((steps[0].text.as_str(), steps[0].calls.len()), ("Wait. ", 2));
        for (call, result) in steps[0].calls.iter().zip(&steps[1..]) {
            assert_eq!((result.answers.as_ref(), result.text.as_str()), (Some(&call.id), "Error: Rain"));
        }
    }
}

// Fails when a forbidden argument shows anywhere in an answer, whole or streamed.
#[tokio::test]
async fn a_forbidden_argument_never_shows() {
    for surface in surfaces() {
        let script = calls("", &[("weather", &["{\"city\":\"pass", "word\"}"])], false);
        for stream in [false, true] {
            let house = House::open(Caller::new(vec![script.clone()])).await;
            let mut body = surface.ask(&hello());
            body["stream"] = json!(stream);
            let answer = house.post(surface.path, &body).await;
            assert!(!answer.text.contains("password") && !answer.text.contains("word\\\""), "{}", answer.text);
            assert!(answer.text.contains("refusal") || answer.text.contains("content_filter"), "{}", answer.text);
        }
    }
}

// Fails when a wrong tool, choice, call or result is taken, or the error names another field.
#[tokio::test]
async fn wrong_tools_are_named() {
    let house = House::open(says(&["Hi."])).await;
    let [anthropic, responses] = surfaces();
    let refused = async |surface: &Surface, adjust: &dyn Fn(&mut Value)| {
        let mut body = surface.ask(&hello());
        adjust(&mut body);
        let answer = house.post(surface.path, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        answer.param().as_str().unwrap_or_default().to_owned()
    };
    for surface in [&anthropic, &responses] {
        assert_eq!(refused(surface, &|body| body["tools"][1]["name"] = json!("weather")).await, "tools[1].name");
        assert_eq!(refused(surface, &|body| body["tools"][0]["name"] = json!("a b")).await, "tools[0].name");
        assert_eq!(refused(surface, &|body| body["tools"][1]["type"] = json!("web_search")).await, "tools[1].type");
        assert_eq!(refused(surface, &|body| body["tool_choice"] = json!({"type": "odd"})).await, "tool_choice");
    }
    let schema = json!({"type": "objekt"});
    let at = refused(&anthropic, &|body| body["tools"][0]["input_schema"] = schema.clone()).await;
    assert_eq!(at, "tools[0].input_schema");
    let at = refused(&responses, &|body| body["tools"][0]["parameters"] = schema.clone()).await;
    assert_eq!(at, "tools[0].parameters");
    let nobody = json!({"type": "tool", "name": "nobody"});
    assert_eq!(refused(&anthropic, &|body| body["tool_choice"] = nobody.clone()).await, "tool_choice");
    let nobody = json!({"type": "function", "name": "nobody"});
    assert_eq!(refused(&responses, &|body| body["tool_choice"] = nobody.clone()).await, "tool_choice");
    let stray = json!([{"type": "tool_result", "tool_use_id": "x", "content": "y"}]);
    let at = refused(&anthropic, &|body| body["messages"][0]["content"] = stray.clone()).await;
    assert_eq!(at, "messages[0].content[0]");
    let stray = json!({"type": "function_call_output", "call_id": "x", "output": "y"});
    assert_eq!(refused(&responses, &|body| body["input"][0] = stray.clone()).await, "input[0]");
}

// Fails when a call's events are not those that clients build a call from, or stand at a wrong index.
#[tokio::test]
async fn calls_are_streamed_as_blocks_and_items() {
    for (surface, expected) in surfaces().iter().zip([
        vec!["content_block_start", "content_block_delta", "content_block_stop"],
        vec![
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
        ],
    ]) {
        for (text, index) in [("", 0), ("Wait. ", 1)] {
            let script = calls(text, &[("weather", &["{\"city\":\"b\"}"])], false);
            let house = House::open(Caller::new(vec![script])).await;
            let mut body = surface.ask(&hello());
            body["stream"] = json!(true);
            let answer = house.post(surface.path, &body).await;
            let events = events(&answer);
            let place = |event: &Value| event.get("index").or_else(|| event.get("output_index")).cloned();
            let of_call = events.iter().filter(|event| place(event) == Some(json!(index)));
            let kinds: Vec<&str> = of_call.map(|event| event["type"].as_str().unwrap()).collect();
            assert_eq!(kinds, expected, "{}", answer.text);
        }
    }
}
