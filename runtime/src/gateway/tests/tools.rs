//! Tools of the caller, offered to the model and called under the contract.

use std::sync::Mutex;

use super::*;
use crate::enforce::{CallPiece, Speaker};

const PATH: &str = "/v1/chat/completions";

/// Gives one answer after the other, and keeps what it was asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Caller {
    answers: Vec<Scripted>,
    asked: Arc<Mutex<Vec<Prompt>>>,
}

#[async_trait]
impl Model for Caller {
    fn name(&self) -> &str {
        "caller"
    }

    async fn stream(&self, prompt: Permitted<Prompt>) -> Result<ModelStream, ModelError> {
        let at = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(prompt.get().clone());
            asked.len() - 1
        };
        self.answers[at].stream(prompt).await
    }
}

impl Caller {
    pub(super) fn new(answers: Vec<Scripted>) -> Self {
        Self { answers, ..Self::default() }
    }

    pub(super) fn asked(&self) -> Vec<Prompt> {
        self.asked.lock().unwrap().clone()
    }
}

/// Says something, then calls tools, each with its arguments in pieces.
pub(super) fn calls(text: &str, calls: &[(&str, &[&str])], length: bool) -> Scripted {
    let mut chunks = vec![Ok(ModelChunk::Text(text.to_owned()))];
    for (index, (name, pieces)) in calls.iter().enumerate() {
        let index = Some(index as u64);
        let first =
            CallPiece { index, id: Some(format!("up{index:?}")), name: Some((*name).into()), ..CallPiece::default() };
        let pieces = pieces.iter().map(|piece| CallPiece { index, arguments: (*piece).into(), ..CallPiece::default() });
        chunks.extend(std::iter::once(first).chain(pieces).map(|piece| Ok(ModelChunk::Call(piece))));
    }
    chunks.push(Ok(ModelChunk::Stop { length }));
    Scripted(chunks)
}

fn offering(model: &str, stream: bool) -> Value {
    let city = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    let mut body = hello(model);
    body["stream"] = json!(stream);
    body["tools"] = json!([
        {"type": "function", "function": {"name": "weather", "description": "Tells it", "parameters": city}},
        {"type": "function", "function": {"name": "note"}},
    ]);
    body
}

/// Content, finish reason and (name, arguments) of the only choice, streamed or not.
fn told(answer: &Answer) -> (Value, Value, Vec<(Value, Value)>) {
    let pair = |call: &Value| (call["function"]["name"].clone(), call["function"]["arguments"].clone());
    let pairs = |calls: &Value| calls.as_array().map(|all| all.iter().map(pair).collect()).unwrap_or_default();
    if !answer.header("content-type").starts_with("text/event-stream") {
        let choice = &answer.json()["choices"][0];
        return (
            choice["message"]["content"].clone(),
            choice["finish_reason"].clone(),
            pairs(&choice["message"]["tool_calls"]),
        );
    }
    let events = events(answer);
    let deltas = || events.iter().map(|event| &event["choices"][0]["delta"]);
    let text: String = deltas().filter_map(|delta| delta["content"].as_str()).collect();
    let finish =
        events.iter().map(|event| event["choices"][0]["finish_reason"].clone()).find(|reason| !reason.is_null());
    let called = deltas().flat_map(|delta| pairs(&delta["tool_calls"])).collect();
    (if text.is_empty() { Value::Null } else { json!(text) }, finish.unwrap_or_default(), called)
}

// Fails when a call is not what OpenAI's clients read, comes in parts, or carries the upstream's own words.
#[tokio::test]
async fn a_call_has_openais_shape() {
    let script = calls("", &[("weather", &["{\"ci", "ty\":\"Xi'an\"}"]), ("note", &[""])], false);
    for stream in [false, true] {
        let house = House::open(Caller::new(vec![script.clone()])).await;
        let answer = house.post(PATH, &offering("clerk", stream)).await;
        let expected = vec![(json!("weather"), json!("{\"city\":\"Xi'an\"}")), (json!("note"), json!("{}"))];
        assert_eq!(told(&answer), (Value::Null, json!("tool_calls"), expected), "{}", answer.text);
        assert!(!answer.text.contains("up"), "{}", answer.text);
        let first = if stream {
            let events = events(&answer);
            let mut deltas = events.iter().map(|event| event["choices"][0]["delta"]["tool_calls"][0].clone());
            let first = deltas.find(|call| !call.is_null()).unwrap();
            assert_eq!(first["index"], 0);
            first
        } else {
            answer.json()["choices"][0]["message"]["tool_calls"][0].clone()
        };
        assert_eq!(first["type"], "function");
        assert!(first["id"].as_str().unwrap().starts_with("call_"));
    }
}

// Fails when what is said with a call is lost or held for ever, or a role with rules of shape cannot call.
#[tokio::test]
async fn what_is_said_with_a_call_keeps_the_contract() {
    for (role, said, out) in [
        ("clerk", "Let me look.", json!("Let me look.")),
        // The last word could have become a match.
        ("clerk", "My pass", json!("My pass")),
        ("asker", "", Value::Null),
        ("asker", "\n\n", Value::Null),
        // Mended as any other reply is.
        ("asker", "Let me look.", json!("Let me look. ?")),
        ("问", "\n\n", Value::Null),
        ("问", "我看看。", json!("我看看。")),
        ("问", "我看看。再看看。三看看。", json!("我看看。")),
        ("asker", "Shall I look?", json!("Shall I look?")),
        ("短", "我看看。再看看。", json!("我看看。")),
    ] {
        for stream in [false, true] {
            let house = House::open(Caller::new(vec![calls(said, &[("note", &["{}"])], false)])).await;
            let answer = house.post(PATH, &offering(role, stream)).await;
            let (text, finish, called) = told(&answer);
            assert_eq!(text, out, "{role} {said}: {}", answer.text);
            let changed = out != said && !said.trim().is_empty();
            assert!(stream || changed != answer.header("x-rolecall-rules").is_empty(), "{role} {said}: {answer:?}");
            // Also behind a remark that a rule cut: what comes of the call is for the next turn to say.
            assert_eq!((finish, called.len()), (json!("tool_calls"), 1), "{role} {said}: {}", answer.text);
        }
    }
}

// Fails when a byte of a call goes out that the contract forbids, or its sisters do.
#[tokio::test]
async fn a_forbidden_call_goes_out_with_none_of_its_sisters() {
    let script = calls(
        "Fine. ",
        &[("weather", &["{\"city\":\"m.4rk\"}"]), ("note", &["{\"a\":\"\\u0070ass", "word\"}"])],
        false,
    );
    for stream in [false, true] {
        let house = House::open(Caller::new(vec![script.clone()])).await;
        let answer = house.post(PATH, &offering("clerk", stream)).await;
        assert_eq!(told(&answer), (json!("Fine. "), json!("content_filter"), vec![]), "{}", answer.text);
        assert!(!answer.text.contains("m.4rk") && !answer.text.contains("u0070"), "{}", answer.text);
        if !stream {
            assert_eq!(answer.header("x-rolecall-rules"), "secrets=reject");
        }
        let house = House::open(Caller::new(vec![script.clone()])).await;
        let answer = house.post(PATH, &offering("guard", stream)).await;
        let (text, finish, called) = told(&answer);
        assert!(text.as_str().unwrap().ends_with("Ask me later."), "{text}");
        assert_eq!((finish, called), (json!("content_filter"), vec![]));
    }
}

// Fails when the model is not told what was wrong with its call, or a wrong one goes out.
#[tokio::test]
async fn a_wrong_call_is_asked_for_again() {
    let wrong: &[(&str, &[&str])] = &[("weather", &["{\"city\":7}"])];
    let right: &[(&str, &[&str])] = &[("weather", &["{\"city\":\"Rome\"}"])];
    for (first, about) in [
        (calls("", wrong, false), "/city"),
        (calls("", &[("rm", &["{}"])], false), "one of the tools: weather, note"),
        (calls("", &[("note", &["{\"a\":"])], false), "not JSON"),
    ] {
        let model = Caller::new(vec![first, calls("", right, false)]);
        let house = House::open(model.clone()).await;
        let answer = house.post(PATH, &offering("clerk", false)).await;
        let (_, finish, called) = told(&answer);
        assert_eq!((finish, called.len()), (json!("tool_calls"), 1), "{}", answer.text);
        assert_eq!(called[0].1, "{\"city\":\"Rome\"}");
        let asked = model.asked();
        assert!(asked[1].broken.iter().any(|message| message.contains(about)), "{:?}", asked[1].broken);
        assert!(answer.header("x-rolecall-rules").ends_with("=repair"), "{answer:?}");
    }
    let model = Caller::new(vec![calls("", wrong, false); 3]);
    let answer = House::open(model.clone()).await.post(PATH, &offering("clerk", true)).await;
    assert_eq!(told(&answer), (Value::Null, json!("content_filter"), vec![]));
    assert_eq!(model.asked().len(), 3, "the ladder ends");
}

// Fails when `tool_choice` or `parallel_tool_calls` is only passed on and not kept to.
#[tokio::test]
async fn the_callers_choice_is_kept_to() {
    let note: &[(&str, &[&str])] = &[("note", &["{}"])];
    let weather: &[(&str, &[&str])] = &[("weather", &["{\"city\":\"Rome\"}"])];
    let named = json!({"type": "function", "function": {"name": "weather"}});
    for (choice, first) in
        [(json!("required"), says(&["Hm. "])), (named.clone(), says(&["Hm. "])), (named, calls("Hm. ", note, false))]
    {
        let model = Caller::new(vec![first, calls("", weather, false)]);
        let mut body = offering("clerk", false);
        body["tool_choice"] = choice;
        let answer = House::open(model.clone()).await.post(PATH, &body).await;
        let (text, finish, called) = told(&answer);
        assert_eq!((text, finish), (json!("Hm. "), json!("tool_calls")), "{}", answer.text);
        assert_eq!(called[0].0, "weather");
        assert_eq!(model.asked()[1].already, "Hm. ");
    }
    let mut body = offering("clerk", false);
    body["tool_choice"] = json!("none");
    let model = Caller::new(vec![calls("", note, false), says(&["Hi."])]);
    let answer = House::open(model).await.post(PATH, &body).await;
    assert_eq!(told(&answer), (json!("Hi."), json!("stop"), vec![]));
    let mut body = offering("clerk", false);
    body["parallel_tool_calls"] = json!(false);
    let answer = House::open(Caller::new(vec![calls("", &[note[0], weather[0]], false)])).await.post(PATH, &body).await;
    assert_eq!(told(&answer).2, vec![(json!("note"), json!("{}"))]);
}

// Fails when a call that the token limit has cut goes out, or the limit looks like something else.
#[tokio::test]
async fn a_call_that_the_limit_cut_is_left_out() {
    let whole: (&str, &[&str]) = ("note", &["{\"a\":1}"]);
    let cut: (&str, &[&str]) = ("note", &["{\"a\":"]);
    for (script, count) in
        [(calls("", &[whole, cut], true), 1), (calls("", &[cut], true), 0), (calls("", &[whole], true), 1)]
    {
        let answer = House::open(Caller::new(vec![script])).await.post(PATH, &offering("clerk", false)).await;
        let (_, finish, called) = told(&answer);
        assert_eq!((finish, called.len()), (json!("length"), count), "{}", answer.text);
    }
}

// Fails when what was done with tools does not reach the model, or not in its order.
#[tokio::test]
async fn results_go_on_with_the_reply() {
    let model = Caller::new(vec![says(&["Rain."])]);
    let house = House::open(model.clone()).await;
    let call =
        |id: &str, name: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}});
    let mut body = offering("clerk", false);
    body["messages"] = json!([
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": null, "tool_calls": [call("a", "note")]},
        {"role": "tool", "tool_call_id": "a", "content": "noted"},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "I look.", "tool_calls": [call("b", "weather"), call("c", "note")]},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "noted"}]},
        {"role": "tool", "tool_call_id": "b", "content": "{\"rain\":true}"},
    ]);
    let answer = house.post(PATH, &body).await;
    assert_eq!(told(&answer), (json!("Rain."), json!("stop"), vec![]), "{}", answer.text);
    let asked = model.asked().remove(0);
    let speakers = |lines: &[crate::enforce::Line]| lines.iter().map(|line| line.speaker).collect::<Vec<_>>();
    assert_eq!(speakers(&asked.lines), [Speaker::User, Speaker::Role, Speaker::Tool, Speaker::Role]);
    assert_eq!(asked.user, "Weather?");
    assert_eq!(speakers(&asked.steps), [Speaker::Role, Speaker::Tool, Speaker::Tool]);
    assert_eq!(asked.steps[0].calls.len(), 2);
    assert_eq!(asked.steps[1].answers.as_deref(), Some("c"));
    assert_eq!(asked.tools.offered().len(), 2);
}

// Fails when calls and results that do not belong together are passed on, or the error does not say where.
#[tokio::test]
async fn dialogues_with_tools_are_checked() {
    let house = House::open(says(&["Hi."])).await;
    let user = json!({"role": "user", "content": "x"});
    let call = json!({"id": "a", "type": "function", "function": {"name": "note", "arguments": "{}"}});
    let calling = json!({"role": "assistant", "tool_calls": [call]});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "y"});
    for (messages, code, param) in [
        (json!([user, calling, user]), "invalid_parameter", "messages[2]"),
        (json!([user, calling]), "invalid_parameter", "messages"),
        (json!([user, result("a")]), "invalid_parameter", "messages[1]"),
        (json!([user, calling, result("b")]), "invalid_parameter", "messages[2]"),
        (json!([user, calling, result("a"), result("a")]), "invalid_parameter", "messages[3]"),
        (json!([calling, result("a")]), "last_message_not_user", "messages"),
        (json!([user, {"role": "tool", "content": "y"}]), "invalid_parameter", "messages[1].tool_call_id"),
        (
            json!([{"role": "user", "content": "x", "tool_calls": [call]}]),
            "invalid_parameter",
            "messages[0].tool_calls",
        ),
        (
            json!([user, {"role": "assistant", "tool_calls": [{"id": 1}]}]),
            "invalid_parameter",
            "messages[1].tool_calls[0].id",
        ),
        (
            json!([user, calling, {"role": "tool", "tool_call_id": "a", "content": "y".repeat(65 << 10)}]),
            "tools_refused",
            "messages",
        ),
    ] {
        let answer = house.post(PATH, &json!({"model": "clerk", "messages": messages})).await;
        answer.refused(400, code);
        assert_eq!(answer.param(), param, "{}", answer.text);
    }
}

// Fails when a tool that cannot be judged by is taken, or the error does not name the field.
#[tokio::test]
async fn tools_on_offer_are_checked() {
    let house = House::open(says(&["Hi."])).await;
    let function = |function: Value| json!([{"type": "function", "function": function}]);
    let deep = (0..200).fold(json!({}), |inner, _| json!({"properties": {"a": inner}}));
    for (field, value, code, param) in [
        ("tools", json!({}), "invalid_parameter", "tools"),
        ("tools", json!([{"type": "custom", "custom": {}}]), "unsupported_parameter", "tools[0].type"),
        ("tools", function(json!({})), "invalid_parameter", "tools[0].function"),
        ("tools", function(json!({"name": "no name"})), "invalid_tools", "tools[0].function.name"),
        ("tools", function(json!({"name": "a", "parameters": []})), "invalid_tools", "tools[0].function.parameters"),
        (
            "tools",
            function(json!({"name": "a", "parameters": {"$ref": "http://x"}})),
            "invalid_tools",
            "tools[0].function.parameters",
        ),
        ("tools", function(json!({"name": "a", "description": "x".repeat(200 << 10)})), "invalid_tools", "tools"),
        ("tool_choice", json!("always"), "invalid_parameter", "tool_choice"),
        ("tool_choice", json!("required"), "invalid_tools", "tool_choice"),
        ("tool_choice", json!({"type": "allowed_tools"}), "invalid_parameter", "tool_choice"),
        ("parallel_tool_calls", json!("no"), "invalid_parameter", "parallel_tool_calls"),
        ("functions", json!([{"name": "a"}]), "unsupported_parameter", "functions"),
        ("response_format", json!({"type": "json_object"}), "unsupported_parameter", "response_format"),
        ("response_format", json!({"type": "json_schema"}), "unsupported_parameter", "response_format"),
    ] {
        let mut body = hello("clerk");
        body[field] = value;
        let answer = house.post(PATH, &body).await;
        answer.refused(400, code);
        assert_eq!(answer.param(), param, "{}", answer.text);
    }
    let mut body = hello("clerk");
    body["tools"] = function(json!({"name": "a", "parameters": deep}));
    house.post(PATH, &body).await.refused(400, "invalid_json");
}

// Fails when JSON is promised where nothing enforces it, or refused where the contract does.
#[tokio::test]
async fn json_is_promised_where_the_contract_demands_it() {
    let house = House::open(says(&["{\"a\": 1}"])).await;
    let mut body = hello("formed");
    body["response_format"] = json!({"type": "json_object"});
    let answer = house.post(PATH, &body).await;
    assert_eq!(told(&answer).0, "{\"a\": 1}", "{}", answer.text);
}
