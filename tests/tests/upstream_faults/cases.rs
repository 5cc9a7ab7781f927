//! What a model's server can do to us, and what each comes to.

use rolecall_tests::upstream::Part;
use serde_json::{Value, json};

use super::{Case, Outcome, STORY, case, fails, says};

/// An event stream that ends with the connection.
pub(crate) const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";

pub(crate) fn text(text: impl Into<String>) -> Part {
    Part::Text(text.into())
}

/// Behind the head of an event stream.
fn stream(body: impl Into<String>) -> Vec<Part> {
    vec![text(HEAD), text(body)]
}

fn event(value: &Value) -> String {
    format!("data: {value}\n\n")
}

pub(crate) fn delta(content: &str) -> String {
    event(&json!({"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": null}]}))
}

fn finish() -> String {
    event(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
}

const DONE: &str = "data: [DONE]\n\n";

fn story() -> String {
    format!("{}{}{DONE}", delta(STORY), finish())
}

/// The bytes as one chunk of a chunked body.
fn chunk(bytes: &[u8]) -> Part {
    let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
    framed.extend_from_slice(bytes);
    framed.extend_from_slice(b"\r\n");
    Part::Bytes(framed)
}

/// The body as chunks of this size, with its end.
fn chunks(body: &str, size: usize) -> Vec<Part> {
    let mut parts = vec![text(CHUNKED)];
    parts.extend(body.as_bytes().chunks(size).map(chunk));
    parts.push(text("0\r\n\r\n"));
    parts
}

fn replaced(body: &str, from: &str, to: &[u8]) -> Vec<u8> {
    let (left, right) = body.split_once(from).unwrap_or((body, ""));
    [left.as_bytes(), to, right.as_bytes()].concat()
}

fn json_head(length: usize) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    )
}

pub(crate) fn text_faults() -> Vec<Case> {
    let broken = |said: &str| Outcome::Says(said.to_owned());
    let first = replaced(&delta("从前有座#"), "#", &[0xE5]);
    let second = replaced(&delta("#。"), "#", &[0xB1, 0xB1]);
    let split = [first, second, finish().into_bytes()].concat();
    vec![
        says("a character split over HTTP chunks", chunks(&story(), 1)),
        says("a character split over writes", {
            let body = story().into_bytes();
            let (left, right) = body.split_at(body.iter().position(|byte| *byte > 0x7F).unwrap_or(0) + 1);
            vec![text(HEAD), Part::Bytes(left.to_vec()), Part::Bytes(right.to_vec())]
        }),
        case(
            "a character split over events",
            vec![text(HEAD), Part::Bytes(split)],
            broken("从前有座\u{fffd}\u{fffd}\u{fffd}。"),
        ),
        case(
            "a byte that is no UTF-8, split over chunks",
            vec![
                text(CHUNKED),
                chunk(replaced(&delta("从前#"), "#", &[0xFF, 0xFE]).split_at(70).0),
                chunk(replaced(&delta("从前#"), "#", &[0xFF, 0xFE]).split_at(70).1),
                chunk(finish().as_bytes()),
                text("0\r\n\r\n"),
            ],
            broken("从前\u{fffd}\u{fffd}"),
        ),
        fails(
            "half of a surrogate pair",
            stream("data: {\"choices\":[{\"delta\":{\"content\":\"\\ud83d\"}}]}\n\n"),
            "model_bad_stream",
        ),
        case(
            "nothing but a null",
            stream(format!("{}{}", event(&json!({"choices": [{"delta": {"content": null}}]})), finish())),
            Outcome::Refused,
        ),
    ]
}

pub(crate) fn line_faults() -> Vec<Case> {
    let mixed = format!(
        "\u{feff}: hello\r\nretry: 10\r\revent: message\nid: 7\ndata: {}\ndata: {}\r\n\r\n\n\ndata:\n\n:\r\r{}{DONE}",
        "{\"choices\":[{\"delta\":",
        json!({"content": STORY}).to_string() + "}]}",
        finish().replace('\n', "\r"),
    );
    let crlf = story().replace('\n', "\r\n");
    vec![
        says("lines that end in CR", stream(story().replace('\n', "\r"))),
        says("lines that end in CRLF", stream(crlf.clone())),
        says("CRLF split over chunks", chunks(&crlf, 1)),
        says("a byte order mark, comments, other fields, data of two lines, mixed line ends", stream(mixed)),
        says("no [DONE]", stream(format!("{}{}", delta(STORY), finish()))),
        says("no blank line at the end", stream(format!("{}{}", delta(STORY), finish().trim_end().to_owned() + "\n"))),
        says("data behind [DONE]", stream(format!("{}{}data: {{oops\n\n", story(), delta("AI")))),
        fails("no finish reason", stream(format!("{}{DONE}", delta(STORY))), "model_cut"),
        fails("an event without an end", stream(format!("{}data: {{\"choi", delta(STORY))), "model_cut"),
        fails("an event that is not JSON", stream("data: {oops}\n\n"), "model_bad_stream"),
        fails("nothing", stream(""), "model_bad_stream"),
    ]
}

pub(crate) fn json_faults() -> Vec<Case> {
    let nested = || Part::Times(100_000, "[".into());
    let error = |error: Value| stream(format!("{}{}", delta("从前"), event(&json!({ "error": error }))));
    let choices = |first: u32, second: u32| {
        let said = |index: u32| {
            let content = if index == 0 { STORY } else { "AI" };
            json!({"index": index, "delta": {"content": content}, "finish_reason": null})
        };
        let both = event(&json!({"choices": [said(first), said(second)]}));
        let end = |index: u32| event(&json!({"choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]}));
        stream(format!("{both}{}{}{}", event(&json!({"choices": [said(1)]})), end(1), end(0)))
    };
    vec![
        says("two choices", choices(0, 1)),
        says("two choices, the second first", choices(1, 0)),
        says("no choices in between", stream(format!("{}{}", event(&json!({"choices": []})), story()))),
        fails("no choices at all", stream(format!("{}{DONE}", event(&json!({"choices": []})))), "model_bad_stream"),
        fails("an error in the stream", error(json!({"message": "overloaded"})), "model_unavailable"),
        fails("an error that is a text", error(json!("overloaded")), "model_unavailable"),
        fails(
            "events nested too deep",
            vec![
                text(HEAD),
                text("data: "),
                nested(),
                text(
                    "

",
                ),
            ],
            "model_bad_stream",
        ),
        fails("a document nested too deep", vec![text(json_head(100_000)), nested()], "model_bad_stream"),
        fails("an empty document", vec![text(json_head(2)), text("{}")], "model_bad_stream"),
        fails("a document that ends early", vec![text(json_head(5_000)), text("{\"choices\": [")], "model_cut"),
        fails(
            "a huge document",
            vec![text(json_head(8 << 20)), Part::Times(8 << 10, " ".repeat(1 << 10))],
            "model_too_large",
        ),
        says("a document instead of a stream", {
            let whole =
                json!({"choices": [{"index": 0, "message": {"content": STORY}, "finish_reason": "stop"}]}).to_string();
            vec![text(json_head(whole.len())), text(whole)]
        }),
    ]
}

pub(crate) fn http_faults() -> Vec<Case> {
    let status = |line: &str| vec![text(format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"))];
    let typed = |kind: &str, more: &str| text(HEAD.replace("text/event-stream", &format!("{kind}{more}")));
    let informed = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    vec![
        fails("a redirect", status("302 Found\r\nlocation: http://127.0.0.1:1/"), "model_rejected"),
        fails("a redirect of a post", status("307 Temporary Redirect\r\nlocation: /v1/other"), "model_rejected"),
        says("1xx before the answer", vec![text(informed), text(HEAD), text(story())]),
        fails("another protocol", status("101 Switching Protocols\r\nupgrade: x"), "model_rejected"),
        fails("no content", status("204 No Content"), "model_bad_stream"),
        fails("a page", vec![typed("text/html", ""), text("<html><body>Welcome</body></html>\n")], "model_bad_stream"),
        says("a stream of another type", vec![typed("text/plain", ""), text(story())]),
        fails(
            "compressed, unasked",
            vec![typed("text/event-stream", "\r\ncontent-encoding: gzip"), Part::Bytes(vec![0x1F, 0x8B, 8, 0, 0, 0])],
            "model_bad_stream",
        ),
        fails("closed at once", vec![text("")], "model_unavailable"),
        fails("closed in the head", vec![text("HTTP/1.1 200 O")], "model_unavailable"),
        fails("not HTTP", vec![text("SSH-2.0-OpenSSH_9.9\r\n"), Part::Hold], "model_unavailable"),
        fails(
            "a head without an end",
            vec![text("HTTP/1.1 200 OK\r\n"), Part::Forever("a: b\r\n".into())],
            "model_unavailable",
        ),
        fails("chunks cut short", vec![text(CHUNKED), chunk(delta(STORY).as_bytes())], "model_cut"),
        fails("a chunk of a wrong size", vec![text(CHUNKED), text("zz\r\nhello\r\n")], "model_cut"),
        fails("a chunk of a boundless size", vec![text(CHUNKED), text("ffffffffffffffffff\r\nhello\r\n")], "model_cut"),
        says("half closed", vec![text(HEAD), text(story()), Part::HalfClose]),
        says(
            "kept open behind the finish reason",
            vec![text(HEAD), text(format!("{}{}", delta(STORY), finish())), Part::Hold],
        ),
        says("kept open behind [DONE]", vec![text(HEAD), text(story()), Part::Hold]),
        fails("silent from the start", vec![text(HEAD), Part::Hold], "model_timeout"),
        fails("silent before the head", vec![Part::Hold], "model_timeout"),
        fails("silent in the middle", vec![text(HEAD), text(delta("从前")), Part::Hold], "model_stalled"),
    ]
}

pub(crate) fn floods() -> Vec<Case> {
    let megabyte = delta("#");
    let (before, behind) = megabyte.split_once('#').unwrap_or_default();
    let megabyte = vec![text(HEAD), text(before), Part::Times(333_333, "山".into()), text(behind), text(finish())];
    vec![
        says(
            "an event of two megabytes behind the end",
            vec![text(HEAD), text(story()), Part::Times(2 << 10, "x".repeat(1 << 10))],
        ),
        fails(
            "an event of two megabytes",
            vec![text(HEAD), text("data: "), Part::Times(2 << 10, "x".repeat(1 << 10))],
            "model_too_large",
        ),
        fails(
            "a line without an end",
            vec![text(HEAD), text("data: "), Part::Forever("x".repeat(4096))],
            "model_too_large",
        ),
        fails("data lines without an end", vec![text(HEAD), Part::Forever("data: x\n".into())], "model_too_large"),
        fails(
            "comments without an end",
            vec![text(HEAD), Part::Forever(format!(": {}\n", "x".repeat(4096)))],
            "model_too_large",
        ),
        fails(
            "pages without an end",
            vec![text("HTTP/1.1 500 X\r\n\r\n"), Part::Forever("x".repeat(4096))],
            "model_unavailable",
        ),
        fails("text without an end", vec![text(HEAD), Part::Forever(delta(&"山".repeat(5_000)))], "model_too_large"),
        case("a delta of a megabyte", megabyte, Outcome::Says("山".repeat(333_333))),
    ]
}
