//! No byte of what must not be said reaches a client, over chat completions and sessions, however the model cuts its words.
//!
//! The raw bytes of every answer are searched, and what is in them once JSON is read: by a plain matcher
//! that shares nothing with the product, and for the first letter of every match behind the words that
//! stand before it.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolecall_tests::api::{self, Person};
use rolecall_tests::clock::Dice;
use rolecall_tests::http::{self, Response};
use rolecall_tests::naive;
use rolecall_tests::server::{self, Options, Server};
use rolecall_tests::upstream::{LineEnd, Script, Upstream, directive};
use rolecall_tests::ws::{self, Hello};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Requests to each role for each text, a third of it in sessions; more of them in a release build (`make
/// laws`). Far more chunkings are tried in the gateway's own tests, where there are fewer sockets between.
const ROUNDS: usize = if cfg!(debug_assertions) { 3 } else { 15 };

/// Replies to one request for several.
const REPLIES: usize = 4;

const TERMS: &[&str] = &["password", "算法", "内部资料", "ai"];

/// Each mode of delivery, and each way to treat a match.
const ROLES: &[(&str, &str)] = &[
    ("token", r#"forbidden_terms TERMS"#),
    ("redacting", r#"forbidden_terms TERMS { on_violation redact "[removed]" }"#),
    ("rejecting", r#"forbidden_terms TERMS { on_violation reject }"#),
    ("sentences", r#"forbidden_terms TERMS response_style question >= 20%"#),
    ("redacting_sentences", r#"forbidden_terms TERMS { on_violation redact "某" } response_style question >= 20%"#),
    ("whole", r#"forbidden_terms TERMS response_style question >= 20%"#),
];

/// What the model says, with `‖` before the first letter of each match. No two letters of a match stand
/// together anywhere else.
const TEXTS: &[&str] = &[
    "今日天色已晚，用‖算法来推演，谁能不服？",
    "岂能如此？且看这‖算\u{200b}法如何。还有‖内部资料一份。",
    "It is late, is it not? The ‖password is 1234. Or ‖ＰＡＳＳＷＯＲＤ, if you like.",
    "Why so? Use ‖AI for it, or ‖А\u{200b}І. Then ‖p\u{ad}assword.",
    "用‖AI做，这份 draft 好吗？The ‖𝐩assword 在‖内\u{2060}部资料里。",
    "明白了吗？‖内部资料",
];

fn roles() -> Result<TempDir> {
    let folder = TempDir::with_prefix("rolecall-leaks-")?;
    let terms: Vec<String> = TERMS.iter().map(|term| format!("\"{term}\"")).collect();
    for (name, rules) in ROLES {
        let rules = rules.replace("TERMS", &terms.join(" | "));
        // Without a fallback a share is decided over the whole reply.
        let fallback = if *name == "whole" { "" } else { "fallback \"好。可以吗？\"" };
        let text = format!(
            "role {name} {{\n version 1.0.0\n language zh, en\n persona \"p\"\n stateful false\n \
             constraints {{ {rules} }}\n {fallback}\n}}\n"
        );
        std::fs::write(folder.path().join(format!("{name}.role")), text)?;
    }
    Ok(folder)
}

async fn server(upstream: &Upstream, roles: &Path) -> Result<Server> {
    Server::start(Options { contracts: roles.to_owned(), ..Options::upstream(&upstream.url()) }).await
}

/// A server in front of a model that says what it is told, and the dice for how that is cut.
struct Scene {
    server: Server,
    dice: Dice,
    /// What the server works with.
    guards: (Upstream, TempDir),
}

impl Scene {
    async fn open() -> Result<Self> {
        let guards = (Upstream::loopback().await?, roles()?);
        let server = server(&guards.0, guards.1.path()).await?;
        let seed = server::entropy();
        server::show("seed of the cuts", &seed.to_string());
        Ok(Self { server, dice: Dice::new(seed), guards })
    }
}

/// A text cut at random, said in a random dress.
fn said(text: &str, dice: &mut Dice) -> Script {
    let mut pieces = vec![String::new()];
    for c in text.chars().filter(|c| *c != '‖') {
        if dice.below(3) > 0 {
            pieces.push(String::new());
        }
        pieces.last_mut().iter_mut().for_each(|piece| piece.push(c));
    }
    pieces.retain(|piece| !piece.is_empty());
    let line_end = [LineEnd::Lf, LineEnd::CrLf, LineEnd::Cr][dice.index(3)];
    let write_bytes = if dice.below(2) == 0 { 0 } else { 1 + dice.index(40) };
    Script { pieces, line_end, write_bytes, escape: dice.below(2) == 0, noise: dice.below(3) == 0, ..Script::default() }
}

/// What asks for the text, first as it is, cut anew for each reply, then with its sentences in another
/// order, then for something harmless.
fn question(text: &str, dice: &mut Dice, replies: usize) -> String {
    let turned: Vec<&str> = text.split_inclusive(['？', '。', '?', '.']).rev().collect();
    let decent = "这样可以吗？好。";
    let mut scripts: Vec<Script> = (0..replies).map(|_| said(text, dice)).collect();
    scripts.extend([said(&turned.concat(), dice), said(decent, dice)]);
    directive(&scripts)
}

/// Says how many ways to cut were tried. Fails when they are fewer than there are requests.
fn tried(surface: &str, chunkings: usize) -> Result<()> {
    server::show("chunkings", &format!("{chunkings} over {surface}"));
    ensure!(chunkings >= ROLES.len() * TEXTS.len() * ROUNDS, "only {chunkings} chunkings over {surface}");
    Ok(())
}

/// Whatever of `text` a client must not see is not in `seen`.
fn judge(text: &str, seen: &str) -> Result<()> {
    ensure!(naive::forbidden(seen, TERMS).is_none() || is_word(seen), "a term in {seen:?}");
    for (at, _) in text.match_indices('‖') {
        let (before, behind) = text.split_at(at);
        let behind = behind.trim_start_matches('‖');
        let context: String = before.chars().rev().take(5).collect::<Vec<_>>().into_iter().rev().collect();
        let leaked = format!("{}{}", context.replace('‖', ""), behind.chars().next().context("no match")?);
        ensure!(!seen.contains(&leaked), "{leaked:?} of {text:?} in {seen:?}");
    }
    Ok(())
}

/// The plain matcher knows no word boundaries: `said` holds `ai`.
fn is_word(seen: &str) -> bool {
    let words = seen.to_lowercase();
    let holds = words.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "ai");
    !holds && naive::forbidden(seen, &TERMS[..3]).is_none()
}

/// The texts of a completion, one per choice, and its bytes.
fn completed(answer: &Response) -> Result<Vec<String>> {
    ensure!(answer.complete, "the answer was cut");
    let bodies: Vec<Value> = if answer.header("content-type").is_some_and(|kind| kind.contains("event-stream")) {
        let events = answer.events();
        let events = events.iter().filter(|event| *event != "[DONE]");
        events.map(|event| serde_json::from_str(event)).collect::<Result<_, _>>()?
    } else {
        vec![answer.json()?]
    };
    let mut texts = vec![String::new(); REPLIES];
    for choice in bodies.iter().flat_map(|body| body["choices"].as_array().into_iter().flatten()) {
        let index = choice["index"].as_u64().context("no index")?;
        let text = texts.get_mut(usize::try_from(index)?).context("another choice")?;
        for part in ["delta", "message"] {
            text.push_str(choice[part]["content"].as_str().unwrap_or_default());
        }
    }
    texts.push(String::from_utf8_lossy(&answer.body).into_owned());
    Ok(texts)
}

// Fails when a byte of a match leaves the server in a chat completion: streamed or whole, alone or among
// interleaved choices.
#[tokio::test(flavor = "multi_thread")]
async fn completions_leak_nothing() -> Result<()> {
    let Scene { server, mut dice, guards: _guards } = Scene::open().await?;
    let (mut shown, mut chunkings) = (0, 0);
    for (role, _) in ROLES {
        for text in TEXTS {
            for round in 0..ROUNDS {
                let choices = [1, REPLIES, 1][round % 3];
                let user = question(text, &mut dice, choices);
                chunkings += choices;
                let body = json!({"model": role, "stream": round % 3 != 2, "n": choices,
                    "messages": [{"role": "user", "content": user}]});
                let answer = http::post(server.address(), "/v1/chat/completions", &body).await?;
                // A refusal before the first word is an error in an answer that is not streamed.
                let seen = if answer.status == 200 { completed(&answer)? } else { vec![answer.text()] };
                shown += seen[0].len();
                for seen in seen {
                    judge(text, &seen).with_context(|| format!("{role}, round {round}, {user}"))?;
                }
            }
        }
    }
    ensure!(shown > 2_000, "only {shown} bytes were shown: the matches were not what was held back");
    tried("/v1/chat/completions", chunkings)
}

/// The words of an answer of `/v1/responses` or `/v1/messages`: as they streamed, or as they are, and the
/// bytes.
fn spoken(answer: &Response) -> Result<Vec<String>> {
    ensure!(answer.complete, "the answer was cut");
    let mut streamed = String::new();
    let bytes = String::from_utf8_lossy(&answer.body).into_owned();
    if answer.header("content-type").is_some_and(|kind| kind.contains("event-stream")) {
        for event in answer.events() {
            let event: Value = serde_json::from_str(&event)?;
            let kind = event["type"].as_str().context("an event without a type")?;
            if kind.ends_with(".output_text.delta") || kind == "content_block_delta" {
                let delta = event["delta"].as_str().or(event["delta"]["text"].as_str());
                streamed.push_str(delta.context("a delta without words")?);
            }
        }
    }
    Ok(vec![streamed, bytes])
}

// Fails when a byte of a match leaves the server in an answer of the Responses or the Messages API.
#[tokio::test(flavor = "multi_thread")]
async fn responses_and_messages_leak_nothing() -> Result<()> {
    let Scene { server, mut dice, guards: _guards } = Scene::open().await?;
    let (mut shown, mut chunkings) = (0, 0);
    for (role, _) in ROLES {
        for text in TEXTS {
            for round in 0..ROUNDS {
                let stream = round % 3 != 2;
                let user = question(text, &mut dice, 1);
                let responses = json!({"model": role, "stream": stream, "store": false, "input": user});
                let user = question(text, &mut dice, 1);
                chunkings += 1;
                let messages = json!({"model": role, "stream": stream, "max_tokens": 1000,
                    "messages": [{"role": "user", "content": user}]});
                for (path, body) in [("/v1/responses", responses), ("/v1/messages", messages)] {
                    let answer = http::post(server.address(), path, &body).await?;
                    ensure!(answer.status != 404 && answer.status != 400, "{path}: {}", answer.text());
                    for seen in spoken(&answer)? {
                        shown += seen.len();
                        judge(text, &seen).with_context(|| format!("{role}, {path}, {body}"))?;
                    }
                }
            }
        }
    }
    ensure!(shown > 2_000, "only {shown} bytes were shown");
    tried("/v1/responses and as many over /v1/messages", chunkings)
}

/// Whether a message is not the user's own.
fn is_ours(message: &&Value) -> bool {
    message["body"]["kind"] != "user"
}

// Fails when a byte of a match is pushed to a session, replayed to it, or found in its log.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_leak_nothing() -> Result<()> {
    let Scene { server, mut dice, guards: _guards } = Scene::open().await?;
    for (role, _) in ROLES {
        for text in TEXTS.iter().cycle().take(TEXTS.len() * ROUNDS / 3) {
            let mut person = Person::meet(server.address(), role).await?;
            let mut socket = person.attach().await?;
            let user = question(text, &mut dice, 1);
            let id = person.say(&mut socket, &user).await?;
            if dice.below(2) == 0 {
                // Away in the middle of the reply; what was missed is replayed.
                let _some = socket.within(Duration::from_millis(dice.below(20))).await?;
                socket.cut()?;
                socket = person.attach().await?;
            }
            person.hear_reply(&mut socket, &id).await?;
            let pushed: String = deltas(person.ledger.shown());
            let log = api::diff(server.address(), &person.session.token, 1).await?;
            let mut stale = ws::connect(server.address(), &Hello::fresh(&person.session.token)).await?;
            let mut replayed = Vec::new();
            stale
                .until("resumed", |frame| {
                    replayed.extend((frame["type"] == "message").then(|| frame.clone()));
                    Ok(())
                })
                .await?;
            for seen in [pushed, deltas(&log), deltas(&replayed)] {
                judge(text, &seen).with_context(|| format!("{role}, {user}"))?;
            }
            for message in log.iter().chain(&replayed).chain(person.ledger.shown()).filter(is_ours) {
                judge(text, &message.to_string()).with_context(|| format!("{role}: {message}"))?;
            }
        }
    }
    Ok(())
}

/// The pieces of replies, put together.
fn deltas(messages: &[Value]) -> String {
    messages.iter().filter(|m| m["body"]["kind"] == "delta").filter_map(|m| m["body"]["text"].as_str()).collect()
}

// Fails when a model goes on talking after its reply is lost.
#[tokio::test(flavor = "multi_thread")]
async fn the_call_of_a_dead_reply_ends_at_once() -> Result<()> {
    let (upstream, roles) = (Upstream::loopback().await?, roles()?);
    let server = server(&upstream, roles.path()).await?;
    // The gap is long enough that nothing follows by chance.
    let script = Script { gap_ms: 700, ..Script::say(&["这", "是算", "法", "，", "很", "难。"]) };
    for stream in [true, false] {
        let (sent, abandoned) = (upstream.sent(), upstream.abandoned());
        // Another name, so that its calls are counted anew.
        let script = Script { finish: format!("stop {stream}"), ..script.clone() };
        api::complete(server.address(), "rejecting", &directive(&[script]), stream).await?;
        for _ in 0..100 {
            if upstream.abandoned() > abandoned {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        ensure!(upstream.abandoned() == abandoned + 1, "the model was read to its end");
        ensure!(upstream.sent() == sent + 3, "{} deltas were read instead of 3", upstream.sent() - sent);
    }
    Ok(())
}
