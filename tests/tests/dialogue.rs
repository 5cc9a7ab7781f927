//! `刚才你说的第三点，再展开`: what a user refers to reaches the model word by word, on every way in.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use anyhow::{Context, Result, ensure};
use rolecall_tests::api::Person;
use rolecall_tests::http;
use rolecall_tests::server::{Options, Server};
use rolecall_tests::upstream::{Script, Upstream, directive};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Of the dialogue itself the prompts of `forgetful` carry nothing, so that what they quote is remembered.
const ROLES: &str = r#"
role adviser { version 1.0.0 language zh persona "谋士" stateful true }
role forgetful { version 1.0.0 language zh persona "谋士" stateful true state { history 0 turns } }
role pointless { version 1.0.0 language zh persona "谋士" stateful true state { points off  entities off } }
role stateless { version 1.0.0 language zh persona "谋士" stateful false }
role counsel { version 1.0.0 language en persona "A counsellor" stateful true }
"#;
const ADVICE: [&str; 5] = ["迁都之利有三：\n一、地势险要；", "\n二、漕运便", "利；\n三、粮食可", "以", "北上。"];
const THIRD: &str = "> 粮食可以北上。";

async fn start() -> Result<(Upstream, Server, TempDir)> {
    let upstream = Upstream::loopback().await?;
    let contracts = TempDir::with_prefix("rolecall-roles-")?;
    std::fs::write(contracts.path().join("roles.role"), ROLES)?;
    let options = Options { contracts: contracts.path().to_owned(), ..Options::upstream(&upstream.url()) };
    let server = Server::start(options).await?;
    Ok((upstream, server, contracts))
}

/// The last message of the last request: the user's words and what is said to them.
fn asked(upstream: &Upstream) -> Result<String> {
    let request = upstream.requests().last().cloned().context("the model was not asked")?;
    let last = request["messages"].as_array().and_then(|messages| messages.last()).context("no messages")?;
    ensure!(last["role"] == "user", "the last message is not the user's: {last}");
    Ok(last["content"].as_str().context("no text")?.to_owned())
}

// Fails when a session does not find the third point, forgets it over a `kill -9`, or guesses a seventh.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_finds_the_third_point_even_after_a_kill() -> Result<()> {
    let (upstream, mut server, _contracts) = start().await?;
    for role in ["adviser", "forgetful"] {
        let mut person = Person::meet(server.address(), role).await?;
        let mut socket = person.attach().await?;
        person.ask(&mut socket, &directive(&[Script::say(&ADVICE)])).await?;
        let ask = format!("刚才你说的第三点，再展开{}", directive(&[Script::say(&["正是。"])]));
        person.ask(&mut socket, &ask).await?;
        let told = asked(&upstream)?;
        ensure!(told.contains("“第三点”") && told.contains(THIRD), "{role}: {told}");
        drop(socket);

        server.kill()?;
        server.restart().await?;
        let mut socket = person.attach().await?;
        person.ask(&mut socket, &format!("第三点呢？{}", directive(&[Script::say(&["粮道既通。"])]))).await?;
        let told = asked(&upstream)?;
        ensure!(told.contains("往前数第 2 次") && told.contains(THIRD), "{role} after the restart: {told}");
        person.ask(&mut socket, &format!("第七点呢？{}", directive(&[Script::say(&["请问何指？"])]))).await?;
        let told = asked(&upstream)?;
        ensure!(told.contains("“第七点”") && told.contains("不要猜测") && !told.contains("> "), "{role}: {told}");
        person.settle().await?;
    }
    Ok(())
}

async fn complete(server: &Server, role: &str, stream: bool, said: &[(&str, &str)]) -> Result<()> {
    let messages: Vec<Value> = said.iter().map(|(role, text)| json!({"role": role, "content": text})).collect();
    let body = json!({"model": role, "stream": stream, "messages": messages});
    let answer = http::post(server.address(), "/v1/chat/completions", &body).await?;
    ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    Ok(())
}

// Fails when the messages that are sent along are not read, or a role keeps what it says it does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_chat_completion_finds_the_third_point_in_the_messages_sent_along() -> Result<()> {
    let (upstream, server, _contracts) = start().await?;
    let advice = ADVICE.concat();
    let dialogue =
        [("system", "简短些"), ("user", "为何迁都？"), ("assistant", &advice), ("user", "刚才你说的第三点，再展开")];
    for stream in [false, true] {
        for role in ["adviser", "forgetful"] {
            complete(&server, role, stream, &dialogue).await?;
            let told = asked(&upstream)?;
            ensure!(told.contains("“第三点”") && told.contains(THIRD), "{role}: {told}");
        }
        for role in ["pointless", "stateless"] {
            complete(&server, role, stream, &dialogue).await?;
            let told = asked(&upstream)?;
            ensure!(told == "刚才你说的第三点，再展开", "{role}: {told}");
        }
        let english =
            [("user", "Why?"), ("assistant", "1. Safe.\n2. Cheap."), ("user", "Expand on your second point.")];
        complete(&server, "counsel", stream, &english).await?;
        let told = asked(&upstream)?;
        ensure!(told.contains("\"your second point\"") && told.contains("> Cheap."), "{told}");
    }
    complete(&server, "adviser", false, &[("user", "第三方怎么看？")]).await?;
    ensure!(asked(&upstream)? == "第三方怎么看？", "{}", asked(&upstream)?);
    Ok(())
}
