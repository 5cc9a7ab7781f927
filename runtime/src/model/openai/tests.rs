//! Against a server on loopback that says exactly what each test wants.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;
use crate::enforce::testing::{prompt, role};
use crate::enforce::{Additions, CallPiece, Line, Overrides, Prompt, Speaker, admit};
use crate::model::ModelChunk;
use crate::session::turn::Usage;

/// Answers every connection with the same bytes, in these pieces, and closes it.
struct Server {
    base: String,
    requests: mpsc::Receiver<(String, Value)>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn saying(pieces: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let (seen, requests) = mpsc::channel(8);
        #[allow(clippy::disallowed_methods, reason = "the test owns the task and aborts it")]
        let task = tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let request = read_request(&mut socket).await;
                for piece in &pieces {
                    if socket.write_all(piece).await.is_err() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                let _ = socket.shutdown().await;
                let _ = seen.try_send(request);
            }
        });
        Self { base, requests, task }
    }

    /// A successful event stream.
    async fn streaming(body: &str) -> Self {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        // Split inside characters and between CR and LF.
        let pieces = format!("{head}{body}").into_bytes().chunks(7).map(<[u8]>::to_vec).collect();
        Self::saying(pieces).await
    }

    async fn failing(head: &str, body: &str) -> Self {
        Self::saying(vec![
            format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
                .into_bytes(),
        ])
        .await
    }

    fn model(&self) -> OpenAi {
        model(&self.base)
    }
}

async fn read_request(socket: &mut tokio::net::TcpStream) -> (String, Value) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse::<usize>().ok()).unwrap();
            if body.len() >= length {
                return (head.to_owned(), serde_json::from_str(body).unwrap());
            }
        }
        match socket.read(&mut buffer).await.unwrap() {
            0 => return (text, Value::Null),
            n => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}

fn model(base: &str) -> OpenAi {
    let key = Secret::new("sk-secret");
    OpenAi::new(OpenAiConfig {
        base_url: base.into(),
        model: "m".into(),
        key: Some(key),
        proxy: None,
        limits: CallLimits::default(),
    })
    .unwrap()
}

async fn ask(model: &OpenAi) -> Result<Vec<Result<ModelChunk, ModelError>>, ModelError> {
    let contract = role("en", "max_sentences 3", "");
    let stream = model.stream(prompt(&contract, "Hi", "")).await?;
    Ok(tokio::time::timeout(Duration::from_secs(20), stream.collect()).await.expect("the stream ends"))
}

fn text(content: &str) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": null}]}))
}

fn finish(reason: &str) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}))
}

/// Fails when text, usage or the stop is lost, or `[DONE]` is waited for.
#[tokio::test]
async fn a_stream_is_read_with_and_without_its_extras() {
    let role = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\r\n\r\n: ping\r\n\r\n";
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n";
    for done in ["data: [DONE]\n\n", "data: [DONE]", ""] {
        let body = format!("{role}{}{}{}{usage}{done}", text("好的"), text("，走吧。"), finish("stop"));
        let chunks = ask(&Server::streaming(&body).await.model()).await.unwrap();
        let expected = [
            ModelChunk::Text("好的".into()),
            ModelChunk::Text("，走吧。".into()),
            ModelChunk::Usage(Usage { prompt_tokens: 5, completion_tokens: 2, ..Usage::default() }),
            ModelChunk::Stop { length: false },
        ];
        assert_eq!(chunks.into_iter().map(Result::unwrap).collect::<Vec<_>>(), expected);
    }
    let chunks = ask(&Server::streaming(&format!("{}{}", text("a"), finish("length"))).await.model()).await.unwrap();
    assert_eq!(chunks.last(), Some(&Ok(ModelChunk::Stop { length: true })));
}

/// Fails when an answer that its server filtered looks like one that came to its end.
#[tokio::test]
async fn a_filtered_answer_says_so() {
    let filtered = finish("content_filter");
    let chunks = ask(&Server::streaming(&format!("{}{filtered}", text("a"))).await.model()).await.unwrap();
    assert_eq!(chunks, [Ok(ModelChunk::Text("a".into())), Ok(ModelChunk::Filtered)]);
    // Nothing may be left of it.
    assert_eq!(ask(&Server::streaming(&filtered).await.model()).await.unwrap(), [Ok(ModelChunk::Filtered)]);
    let body = json!({"choices": [{"message": {"content": null}, "finish_reason": "content_filter"}]});
    let server = Server::failing("200 OK\r\ncontent-type: application/json", &body.to_string()).await;
    assert_eq!(ask(&server.model()).await.unwrap(), [Ok(ModelChunk::Filtered)]);
}

/// Fails when a cut or broken stream passes for an answer.
#[tokio::test]
async fn cut_and_broken_streams_have_their_own_errors() {
    let cases = [
        (text("a"), "model_cut"),
        (format!("{}data: {{\"choi", text("a")), "model_cut"),
        (format!("{}data: [DONE]\n\n", text("a")), "model_cut"),
        (String::new(), "model_bad_stream"),
        ("<html>hello</html>\n\n".into(), "model_bad_stream"),
        ("data: {oops}\n\n".into(), "model_bad_stream"),
        (format!("{}data: {{\"error\":{{\"message\":\"overloaded\"}}}}\n\n", text("a")), "model_unavailable"),
        (format!("data: {}\n\n", "x".repeat(answer::MAX_BYTES)), "model_too_large"),
    ];
    for (body, code) in cases {
        let chunks = ask(&Server::streaming(&body).await.model()).await.unwrap();
        let (last, before) = chunks.split_last().unwrap();
        assert_eq!(last.as_ref().unwrap_err().code(), code, "{last:?}");
        assert!(before.iter().all(Result::is_ok));
    }
    // A connection that breaks before the announced length.
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 5000\r\n\r\n";
    let server = Server::saying(vec![format!("{head}{}", text("a")).into_bytes()]).await;
    assert_eq!(ask(&server.model()).await.unwrap().last().unwrap().as_ref().unwrap_err().code(), "model_cut");
}

/// Fails when the fault of a refusal is told wrongly, or the key leaks into a message.
#[tokio::test]
async fn refusals_say_whose_fault_they_are() {
    let cases = [
        ("400 Bad Request", r#"{"error":{"message":"context too long"}}"#, "model_rejected", "context too long"),
        ("404 Not Found", r#"{"error":"model \"m\" not found"}"#, "model_rejected", "not found"),
        ("422 X", r#"{"detail":"bad field"}"#, "model_rejected", "bad field"),
        ("401 Unauthorized", r#"{"error":{"message":"wrong key sk-secret"}}"#, "model_auth", "wrong key [key]"),
        ("503 X", "<html><head><title>503 Busy</title></head><body>x</body></html>", "model_unavailable", "503 Busy"),
        ("502 X", "<p>bad <b>gateway</b></p>", "model_unavailable", "bad gateway"),
        ("500 X", "", "model_unavailable", "HTTP 500"),
        ("302 Found\r\nlocation: http://127.0.0.1:9/", "", "model_rejected", "HTTP 302"),
        ("429 X\r\nretry-after: 7", r#"{"message":"slow down"}"#, "model_rate_limited", "slow down"),
    ];
    for (head, body, code, message) in cases {
        let error = ask(&Server::failing(head, body).await.model()).await.unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
        assert!(error.to_string().contains(message), "{error}");
        assert!(!error.to_string().contains("sk-secret"), "{error}");
        if let ModelError::RateLimited { retry_after, .. } = error {
            assert_eq!(retry_after, Some(Duration::from_secs(7)));
        }
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    assert_eq!(ask(&model(&base)).await.unwrap_err().code(), "model_unavailable");
}

/// Fails when a server that repeats the key, in a stream or a document of status 200, makes it known,
/// or when what it says is not kept short and on one line.
#[tokio::test]
async fn what_a_server_repeats_is_masked_and_short() {
    let long = "z".repeat(3000);
    let report = json!({"error": {"message": format!("bad key Bearer sk-secret\n\u{1b}[1m {long}")}}).to_string();
    // The key lies across the place where the words are cut.
    let across = json!({"error": {"message": format!("{} sk-secret {long}", "z".repeat(295))}}).to_string();
    let events = [format!("data: {report}\n\n"), format!("data: {across}\n\n"), format!("data: sk-secret {long}\n\n")];
    let mut errors = Vec::new();
    for body in &events {
        errors.push(ask(&Server::streaming(body).await.model()).await.unwrap().pop().unwrap().unwrap_err());
    }
    for head in ["200 OK\r\ncontent-type: application/json", "400 Bad Request", "503 Unavailable"] {
        for body in [&report, &across] {
            errors.push(ask(&Server::failing(head, body).await.model()).await.unwrap_err());
        }
    }
    assert_eq!(errors.len(), 9);
    for error in errors {
        let text = error.to_string();
        assert!(!text.contains("sk-se") && !error.outward().contains("sk-se"), "{text}");
        assert!(text.chars().count() < 400 && !text.contains(char::is_control), "{text}");
        assert!(text.contains("[key]") || text.ends_with('…'), "{text}");
    }
}

/// Fails when a client hears the server's words about what is not the client's doing.
#[test]
fn clients_hear_the_servers_words_about_their_own_request_only() {
    let said = "upstream-words";
    let rejected = |status| ModelError::Rejected { status, message: said.into() };
    assert!(rejected(400).outward().contains(said));
    for error in [
        rejected(404),
        ModelError::Auth { status: 401, message: said.into() },
        ModelError::RateLimited { message: said.into(), retry_after: None },
        ModelError::Unavailable(said.into()),
        ModelError::Cut(said.into()),
        ModelError::BadStream(said.into()),
        ModelError::Config(said.into()),
    ] {
        assert!(!error.outward().contains(said) && error.to_string().contains(said), "{error}");
    }
}

/// Fails when two messages of one speaker stand next to each other, which many chat templates refuse.
#[tokio::test]
async fn neighbouring_lines_of_a_speaker_are_one_message() {
    let mut server = Server::streaming(&format!("{}{}", text("a"), finish("stop"))).await;
    let contract = role("en", "max_sentences 3", "");
    let line = Line::said;
    let lines = vec![
        line(Speaker::User, "Context."),
        line(Speaker::User, "Hi"),
        line(Speaker::Role, ""),
        line(Speaker::User, "Still there?"),
        line(Speaker::Role, "Yes."),
        line(Speaker::Role, "Here."),
    ];
    let first = Prompt::first(contract, lines, admit("Good.").unwrap(), "", &Overrides::default());
    let again = first.get().again(Additions { broken: vec!["it was long".into()], ..Additions::default() }, 0);
    server.model().stream(again).await.unwrap().collect::<Vec<_>>().await;
    let (_, body) = server.requests.recv().await.unwrap();
    let said: Vec<(&str, &str)> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .skip(1)
        .map(|m| (m["role"].as_str().unwrap(), m["content"].as_str().unwrap()))
        .collect();
    assert_eq!(said[..2], [("user", "Context.\n\nHi\n\nStill there?"), ("assistant", "Yes.\n\nHere.")]);
    assert_eq!((said.len(), said[2].0), (3, "user"));
    assert!(said[2].1.starts_with("Good.\n\n") && said[2].1.contains("it was long"), "{}", said[2].1);
}

/// Fails when a server that does not stream is not understood.
#[tokio::test]
async fn a_whole_json_answer_is_read() {
    let body = json!({"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 2}});
    let server = Server::failing("200 OK\r\ncontent-type: application/json", &body.to_string()).await;
    let chunks: Vec<_> = ask(&server.model()).await.unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(chunks.first(), Some(&ModelChunk::Text("Hello.".into())));
    assert_eq!(chunks.last(), Some(&ModelChunk::Stop { length: false }));
    // Calls alone are an answer too, and some servers write their arguments as JSON.
    let call = json!({"id": "a", "function": {"name": "look", "arguments": {"city": "Rome"}}});
    let body =
        json!({"choices": [{"message": {"content": null, "tool_calls": [call]}, "finish_reason": "tool_calls"}]});
    let server = Server::failing("200 OK\r\ncontent-type: application/json", &body.to_string()).await;
    let chunks: Vec<_> = ask(&server.model()).await.unwrap().into_iter().map(Result::unwrap).collect();
    let arguments = "{\"city\":\"Rome\"}".to_owned();
    let piece = CallPiece { index: None, id: Some("a".into()), name: Some("look".into()), arguments };
    assert_eq!(chunks, [ModelChunk::Call(piece), ModelChunk::Stop { length: false }]);
    let server = Server::failing("200 OK\r\ncontent-type: application/json", "{}").await;
    assert_eq!(ask(&server.model()).await.unwrap_err().code(), "model_bad_stream");
}

/// Fails when the contract, the dialogue or the repair instructions do not reach the model.
#[tokio::test]
async fn the_request_carries_contract_dialogue_and_repair() {
    let mut server = Server::streaming(&format!("{}{}", text("a"), finish("stop"))).await;
    let contract = role("en", "max_sentences 3", "model { temperature 0.6 max_tokens 300 }");
    let lines = vec![Line::said(Speaker::User, "Hi"), Line::said(Speaker::Role, "Hello.")];
    let overrides = Overrides { max_tokens: Some(900), ..Overrides::default() };
    let first = Prompt::first(contract, lines, admit("How?").unwrap(), "", &overrides);
    let (still, broken) = (vec!["ask a question".into()], vec!["it was long".into()]);
    let additions = Additions { already: "So.".into(), still, broken, calling: false };
    let again = first.get().again(additions, 0);
    server.model().stream(again).await.unwrap().collect::<Vec<_>>().await;
    let (head, body) = server.requests.recv().await.unwrap();
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1"), "{head}");
    assert!(head.contains("authorization: Bearer sk-secret"), "{head}");
    assert_eq!(body["stream"], true);
    assert_eq!(body["stream_options"]["include_usage"], true);
    assert_eq!((&body["temperature"], &body["max_tokens"]), (&json!(0.6), &json!(300)));
    let said: Vec<(&str, &str)> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (m["role"].as_str().unwrap(), m["content"].as_str().unwrap()))
        .collect();
    let roles: Vec<&str> = said.iter().map(|m| m.0).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user", "assistant", "user"]);
    assert_eq!(said[0].1, first.get().system);
    assert_eq!(said[4].1, "So.");
    for part in ["ask a question", "it was long", "Continue right behind it"] {
        assert!(said[5].1.contains(part), "{}", said[5].1);
    }
}

/// Fails when every call opens a connection of its own, which with TLS costs more than the gateway itself.
#[tokio::test]
async fn a_connection_is_used_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let (seen, mut connections) = mpsc::channel(8);
    #[allow(clippy::disallowed_methods, reason = "the test owns the task and aborts it")]
    let task = tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            seen.send(()).await.unwrap();
            while read_request(&mut socket).await.1 != Value::Null {
                let body = format!("{}{}data: [DONE]\n\n", text("a"), finish("stop"));
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
                let answer = format!("{head}{:x}\r\n{body}\r\n", body.len());
                socket.write_all(answer.as_bytes()).await.unwrap();
                // The end of the body comes by itself, as from most servers.
                tokio::task::yield_now().await;
                socket.write_all(b"0\r\n\r\n").await.unwrap();
            }
        }
    });
    let model = model(&base);
    for _ in 0..3 {
        assert_eq!(ask(&model).await.unwrap().pop(), Some(Ok(ModelChunk::Stop { length: false })));
    }
    connections.recv().await.unwrap();
    assert!(connections.try_recv().is_err(), "a call has opened another connection");
    task.abort();
}

#[test]
fn base_urls_may_end_in_a_slash_and_bad_ones_are_named() {
    for base in ["http://h:1/v1", "http://h:1/v1/", " http://h:1/v1// "] {
        assert_eq!(endpoint(base).unwrap().as_str(), "http://h:1/v1/chat/completions");
    }
    for base in ["", "h:1/v1", "ftp://h/v1", "http://h/v1?x=pw", "http://", "http://u:pw@h/v1"] {
        let error = endpoint(base).unwrap_err();
        assert!(error.code() == "model_config" && !error.to_string().contains("pw"), "{error}");
    }
}

/// Fails when a key shows up in a log line.
#[test]
fn keys_are_redacted() {
    assert!(!format!("{:?}", model("http://h/v1")).contains("sk-secret"));
}
