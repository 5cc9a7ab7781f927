//! Tools and several choices, through the real program: nothing of a forbidden match leaves, whatever the
//! model does with it.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use rolecall_tests::http::{Request, Response};
use rolecall_tests::server::{Options, Server};
use rolecall_tests::upstream::{Call, Script, Upstream, directive};
use serde_json::{Value, json};

const TERM: &str = "password";

const ROLE: &str = r#"role keeper {
    version 1.0.0
    language en
    persona "Keeps secrets"
    stateful false
    constraints { secrets: forbidden_terms "password" | "算法" { on_violation reject } }
}
"#;

/// Stands in every call that must not go out. The full stop keeps it out of what chance puts into an id.
const MARK: &str = "m.4rk";

async fn server(folder: &std::path::Path, url: &str) -> Result<Server> {
    std::fs::write(folder.join("keeper.role"), ROLE)?;
    Server::start(Options { contracts: folder.to_owned(), ..Options::upstream(url) }).await
}

async fn ask(to: SocketAddr, scripts: &[Script], n: usize, stream: bool) -> Result<Response> {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let body = json!({
        "model": "keeper", "n": n, "stream": stream,
        "messages": [{"role": "user", "content": directive(scripts)}],
        "tools": [{"type": "function", "function": {"name": "look", "parameters": schema}}],
    });
    let answer = Request::post("/v1/chat/completions", &body).header("te", "trailers").send(to).await?;
    ensure!(answer.status == 200 && answer.complete, "{} {}", answer.status, answer.text());
    Ok(answer)
}

/// Every string of a JSON value, decoded as often as it holds JSON.
fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            found.push(text.clone());
            if let Ok(inner) = serde_json::from_str::<Value>(text) {
                strings(&inner, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            found.push(name.clone());
            strings(member, found);
        }),
        _ => {}
    }
}

/// What clients see of each choice: its text, its calls' arguments and its finish reason.
fn choices(answer: &Response, n: usize) -> Result<Vec<(String, Vec<String>, String)>> {
    let mut seen = vec![(String::new(), Vec::new(), String::new()); n];
    let mut read = |choice: &Value, part: &str| -> Result<()> {
        let index = usize::try_from(choice["index"].as_u64().context("no index")?)?;
        let seen = seen.get_mut(index).context("an index beyond n")?;
        seen.0.push_str(choice[part]["content"].as_str().unwrap_or_default());
        for call in choice[part]["tool_calls"].as_array().into_iter().flatten() {
            ensure!(call["function"]["name"] == "look" && call["id"].is_string(), "not a whole call: {call}");
            seen.1.push(call["function"]["arguments"].as_str().context("no arguments")?.to_owned());
        }
        seen.2.push_str(choice["finish_reason"].as_str().unwrap_or_default());
        Ok(())
    };
    if answer.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
        let mut events = answer.events();
        ensure!(events.pop().as_deref() == Some("[DONE]"), "no end: {}", answer.text());
        for event in events {
            let event: Value = serde_json::from_str(&event)?;
            ensure!(event["object"] == "chat.completion.chunk", "not a chunk: {event}");
            event["choices"].as_array().into_iter().flatten().try_for_each(|choice| read(choice, "delta"))?;
        }
    } else {
        let body = answer.json()?;
        body["choices"].as_array().context("no choices")?.iter().try_for_each(|choice| read(choice, "message"))?;
    }
    Ok(seen)
}

/// Nothing of a match, in any encoding, nor of a call that held one.
fn clean(answer: &Response) -> Result<()> {
    let text = answer.text();
    let documents: Vec<Value> = match answer.json() {
        Ok(whole) => vec![whole],
        Err(_events) => answer.events().iter().filter_map(|event| serde_json::from_str(event).ok()).collect(),
    };
    let mut found = vec![text.clone()];
    documents.iter().for_each(|document| strings(document, &mut found));
    for said in found {
        let folded = said.to_lowercase();
        ensure!(!folded.contains(TERM) && !folded.contains("算法") && !folded.contains(MARK), "{said:?} in {text}");
    }
    Ok(())
}

/// A text in JSON, as it is, or every character as an escape, or every other one.
fn written(text: &str, escaped: impl Fn(usize) -> bool) -> String {
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        if escaped(at) { out.push_str(&format!("\\u{:04x}", u32::from(c))) } else { out.push(c) }
    }
    out
}

// Fails when a byte of a match, or of a call that holds one, leaves in any of four choices, however the
// arguments are escaped and wherever they are split.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_forbidden_leaves_in_arguments() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let folder = tempfile::TempDir::new()?;
    let server = server(folder.path(), &upstream.url()).await?;
    let mut asked = 0;
    for term in [TERM, "算法", "PassWord"] {
        for spelt in [written(term, |_| false), written(term, |_| true), written(term, |at| at % 2 == 1)] {
            let arguments = format!("{{\"city\":\"{MARK} {spelt}\"}}");
            let nested = serde_json::to_string(&arguments)?;
            let nested = format!("{{\"city\":{nested}}}");
            let cuts: Vec<usize> = arguments.char_indices().map(|(at, _)| at).skip(1).collect();
            for (round, cut) in cuts.into_iter().enumerate() {
                let (head, tail) = arguments.split_at(cut);
                let fine = Call { name: "look".into(), pieces: vec![format!("{{\"city\":\"{MARK}\"}}")] };
                let mut sisters = Script::call("look", &[head, tail]);
                sisters.calls.insert(0, fine);
                let (said, rest) = term.split_at(term.char_indices().nth(1).map_or(0, |(at, _)| at));
                let scripts = [
                    sisters,
                    Script::say(&["So: ", said, rest, " ", MARK]),
                    Script::call("look", &["{\"city\":", "\"Rome\"}"]),
                    Script { pieces: vec!["Fine.".into()], ..Script::call("look", &[&nested]) },
                ];
                let answer = ask(server.address(), &scripts, 4, round % 2 == 0).await?;
                clean(&answer)?;
                let mut seen = choices(&answer, 4)?;
                // The upstream hands its scripts to whoever comes first.
                seen.sort();
                let filtered = |text: &str| (text.to_owned(), Vec::new(), "content_filter".to_owned());
                let called = (String::new(), vec!["{\"city\":\"Rome\"}".to_owned()], "tool_calls".to_owned());
                let expected = vec![filtered(""), called, filtered("Fine."), filtered("So: ")];
                ensure!(seen == expected, "{arguments} cut at {cut}: {seen:?}");
                asked += 1;
            }
        }
    }
    ensure!(asked > 150, "only {asked} requests");
    Ok(())
}

// Fails when the rules that acted on a stream are told in a chunk or nowhere, or when a client that takes no
// trailers gets some.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_names_its_rules_in_trailers() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let folder = tempfile::TempDir::new()?;
    let server = server(folder.path(), &upstream.url()).await?;
    let scripts = [Script::say(&["The pass", "word."])];
    let answer = ask(server.address(), &scripts, 1, true).await?;
    ensure!(answer.header("trailer") == Some("x-rolecall-rules"), "{answer:?}");
    ensure!(answer.header("x-rolecall-contract") == Some("keeper@1.0.0"), "{answer:?}");
    ensure!(answer.header("x-rolecall-delivery") == Some("token"), "{answer:?}");
    ensure!(answer.trailers == [("x-rolecall-rules".to_owned(), "secrets=reject".to_owned())], "{answer:?}");
    let body =
        json!({"model": "keeper", "stream": true, "messages": [{"role": "user", "content": directive(&scripts)}]});
    let plain = Request::post("/v1/chat/completions", &body).send(server.address()).await?;
    ensure!(plain.complete && plain.trailers.is_empty(), "{plain:?}");
    ensure!(plain.text().ends_with("data: [DONE]\n\n"), "{plain:?}");
    Ok(())
}

// Fails when tools, their results or the choice do not reach the upstream in OpenAI's words.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_with_tools_reaches_the_upstream() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let folder = tempfile::TempDir::new()?;
    let server = server(folder.path(), &upstream.url()).await?;
    let mut script = Script::call("look", &["{\"city\":", "\"Rome\"}"]);
    script.write_bytes = 3;
    let scripts = [script, Script::say(&["It rains."])];
    let tool = json!({"type": "function", "function": {"name": "look", "description": "Looks", "strict": true,
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}});
    let mut body = json!({"model": "keeper", "tools": [tool], "tool_choice": "required", "parallel_tool_calls": false,
        "messages": [{"role": "user", "content": directive(&scripts)}]});
    let first = Request::post("/v1/chat/completions", &body).send(server.address()).await?.expect(200)?;
    let message = &first["choices"][0]["message"];
    ensure!(first["choices"][0]["finish_reason"] == "tool_calls" && message["content"].is_null(), "{first}");
    let call = message["tool_calls"][0].clone();
    ensure!(call["function"]["arguments"] == "{\"city\":\"Rome\"}" && call["id"] != "up_0", "{first}");
    let messages = body["messages"].as_array_mut().context("messages")?;
    messages.push(message.clone());
    messages.push(json!({"role": "tool", "tool_call_id": call["id"], "content": "rain"}));
    body["tool_choice"] = json!("auto");
    let second = Request::post("/v1/chat/completions", &body).send(server.address()).await?.expect(200)?;
    ensure!(second["choices"][0]["message"]["content"] == "It rains.", "{second}");
    let requests = upstream.requests();
    let [one, two] = requests.as_slice() else { anyhow::bail!("{} requests", requests.len()) };
    ensure!(one["tools"] == json!([tool]) && one["tool_choice"] == "required", "{one}");
    ensure!(one["parallel_tool_calls"] == false && two.get("tool_choice").is_none(), "{two}");
    let messages = two["messages"].as_array().context("messages")?;
    let roles: Vec<&str> = messages.iter().filter_map(|message| message["role"].as_str()).collect();
    ensure!(roles == ["system", "user", "assistant", "tool"], "{roles:?}");
    ensure!(messages[2]["tool_calls"] == json!([call]) && messages[3]["tool_call_id"] == call["id"], "{two}");
    Ok(())
}
