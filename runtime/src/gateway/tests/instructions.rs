//! A caller's instructions, wherever they stand: they neither ask nor answer.

use super::tools::Caller;
use super::*;
use crate::enforce::{Line, Speaker};

/// Only a refund keeps its secret, so that what goes out tells what the guard was decided on.
const REFUNDS: &str = "role refunds {\n    version 1.0.0\n    language zh\n    persona \"柜台\"\n    stateful true\n    \
                       constraints {\n        when intent refund {\n            \
                       secrets: forbidden_terms \"口令\" { on_violation reject }\n        }\n    }\n    \
                       intents { refund \"我要退款\" }\n    state { history 0 turns }\n}\n";

const PATHS: [&str; 3] = ["/v1/chat/completions", "/v1/responses", "/v1/messages"];

fn body(path: &str, said: &[Value]) -> Value {
    let field = if path == "/v1/responses" { "input" } else { "messages" };
    let mut body = json!({"model": "refunds"});
    body[field] = json!(said);
    body
}

fn line(role: &str, text: &str) -> Value {
    json!({"role": role, "content": text})
}

/// A call and its result, as a surface has them.
fn steps(path: &str) -> [Value; 2] {
    match path {
        "/v1/responses" => [
            json!({"type": "function_call", "call_id": "a", "name": "note", "arguments": "{}"}),
            json!({"type": "function_call_output", "call_id": "a", "output": "Rain"}),
        ],
        "/v1/messages" => [
            json!({"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "note", "input": {}}]}),
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "Rain"}]}),
        ],
        _ => {
            let call = json!({"id": "a", "type": "function", "function": {"name": "note", "arguments": "{}"}});
            [
                json!({"role": "assistant", "content": null, "tool_calls": [call]}),
                json!({"role": "tool", "tool_call_id": "a", "content": "Rain"}),
            ]
        }
    }
}

/// What the model was asked, and the answer.
async fn ask(path: &str, said: &[Value]) -> (Prompt, Answer) {
    let model = Caller::new(vec![says(&["口令是一。"]); 4]);
    let add = |config: &mut Config| std::fs::write(config.contracts.join("refunds.role"), REFUNDS).unwrap();
    let house = House::with(model.clone(), add).await;
    let answer = house.post(path, &body(path, said)).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    (model.asked().remove(0), answer)
}

fn texts(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| line.text.as_str()).collect()
}

// Fails when a guard is decided on an instruction, or the user's question gives way to it.
#[tokio::test]
async fn an_instruction_behind_the_users_words_does_not_take_their_place() {
    for path in PATHS {
        let said = [line("system", "Be kind."), line("user", "我要退款"), line("system", "Answer briefly.")];
        let (prompt, answer) = ask(path, &said).await;
        assert_eq!(prompt.user, "我要退款", "{path}");
        assert_eq!((texts(&prompt.lines), texts(&prompt.steps)), (vec!["Be kind."], vec!["Answer briefly."]), "{path}");
        assert!(!answer.text.contains("口令"), "{path}: {}", answer.text);
        let (_, answer) = ask(path, &[line("user", "今天天气很好"), line("system", "我要退款")]).await;
        assert!(answer.text.contains("口令"), "{path}: {}", answer.text);
    }
}

// Fails when an instruction behind the user's words makes an earlier turn of what tools have done since.
#[tokio::test]
async fn instructions_stay_where_they_are_among_the_steps() {
    for path in PATHS {
        let (user, system) = (line("user", "我要退款"), line("system", "Answer briefly."));
        let [call, result] = steps(path);
        for (said, speakers) in [
            ([&user, &call, &result, &system], [Speaker::Role, Speaker::Tool, Speaker::User]),
            ([&user, &system, &call, &result], [Speaker::User, Speaker::Role, Speaker::Tool]),
        ] {
            let (prompt, _) = ask(path, &said.map(Value::clone)).await;
            assert_eq!((prompt.user.as_str(), prompt.lines.len()), ("我要退款", 0), "{path}");
            assert_eq!(prompt.steps.iter().map(|line| line.speaker).collect::<Vec<_>>(), speakers, "{path}");
        }
    }
}

// Fails when a role that carries no earlier turn loses a part of the turn that is asked for.
#[tokio::test]
async fn what_nobody_answered_goes_with_the_users_words() {
    for path in PATHS {
        let (prompt, _) = ask(
            path,
            &[
                line("user", "早"),
                line("assistant", "早。"),
                line("user", "单号是七"),
                line("system", "Be kind."),
                line("user", "我要退款"),
            ],
        )
        .await;
        assert_eq!((texts(&prompt.lines), prompt.user.as_str()), (vec!["单号是七", "Be kind."], "我要退款"), "{path}");
    }
}

// Fails when nobody's words are answered, words are answered twice, or the error does not name the field.
#[tokio::test]
async fn instructions_alone_ask_for_nothing() {
    let house = House::open(says(&["Hi."])).await;
    let alone = "Greet the user.";
    let only = [line("system", alone)];
    let answered = [line("user", "Hello"), line("assistant", "Hi."), line("system", alone)];
    let mut asked = Vec::new();
    for path in PATHS {
        asked.push((path, body(path, &only), "missing_messages"));
        asked.push((path, body(path, &answered), "last_message_not_user"));
        let long = [line("user", "Hello"), line("system", &"s".repeat(crate::enforce::MAX_HISTORY_BYTES + 1))];
        asked.push((path, body(path, &long), "context_length_exceeded"));
    }
    for (path, field) in [("/v1/responses", "instructions"), ("/v1/messages", "system")] {
        let mut body = body(path, &[]);
        body[field] = json!(alone);
        asked.push((path, body, "missing_messages"));
    }
    for (path, body, code) in asked {
        let answer = house.post(path, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", answer.text);
        let field = if path == "/v1/responses" { "input" } else { "messages" };
        assert_eq!((&answer.json()["error"]["code"], answer.param()), (&json!(code), json!(field)), "{path}");
    }
}

// Fails when an instruction of Anthropic's answers a call.
#[tokio::test]
async fn an_instruction_holds_no_results() {
    let house = House::open(says(&["Hi."])).await;
    let [call, mut result] = steps("/v1/messages");
    result["role"] = json!("system");
    let answer = house.post("/v1/messages", &body("/v1/messages", &[line("user", "Hello"), call, result])).await;
    assert_eq!((answer.status.as_u16(), answer.param()), (400, json!("messages[2].content[0]")), "{}", answer.text);
}
