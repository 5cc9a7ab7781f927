//! `rolecall store`: sessions backed up, checked and exported while their server runs, and what is told when they cannot be.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, Result, ensure};
use rolecall_tests::api::{self, Person};
use rolecall_tests::server::{self, Options, Server};
use rolecall_tests::upstream::{Script, Upstream, directive};
use rolecall_tests::{dirs, paths};
use serde_json::{Value, json};

const DONE: i32 = 0;
const DAMAGED: i32 = 1;
const CALL: i32 = 2;

/// Runs `rolecall store` as its user does.
async fn store(arguments: &[&Path]) -> Result<Output> {
    let binary = paths::binary()?;
    let arguments: Vec<PathBuf> = arguments.iter().map(|argument| argument.to_path_buf()).collect();
    let run = move || server::bare(&binary, Path::new("/tmp")).arg("store").args(arguments).output();
    Ok(tokio::task::spawn_blocking(run).await??)
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

fn expect(output: &Output, code: i32, words: &str) -> Result<()> {
    let text = said(output);
    ensure!(
        output.status.code() == Some(code) && text.contains(words),
        "not {code} with {words:?}: {output:?}\n{text}"
    );
    ensure!(!text.contains("panicked"), "a panic shows: {text}");
    Ok(())
}

/// A reply of a few pieces.
fn story(part: usize) -> String {
    let pieces = (0..6).map(|piece| format!("第{part}回之{piece}，且听下文分解。")).collect();
    directive(&[Script { pieces, ..Script::default() }])
}

async fn talk(person: &mut Person, parts: std::ops::Range<usize>) -> Result<()> {
    let mut socket = person.attach().await?;
    for part in parts {
        let id = person.say(&mut socket, &story(part)).await?;
        person.hear_reply(&mut socket, &id).await?;
    }
    Ok(())
}

fn note(id: &str) -> Value {
    json!({"biz_id": id, "role": "storyteller", "intent": "support", "priority": "normal", "turn_id": 1, "text": format!("Note {id}.")})
}

// Fails when a backup of a running server mixes two moments, leaves out what was acknowledged before it, loses the keys of
// tokens, disturbs the server, or is not what a server starts on.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_server_is_restored_by_starting_on_it() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let mut server = Server::start(Options::upstream(&upstream.url())).await?;
    let (mut person, mut other) =
        (Person::meet(server.address(), "storyteller").await?, Person::meet(server.address(), "storyteller").await?);
    talk(&mut person, 0..3).await?;
    ensure!(api::post(server.address(), &person.session, &note("waits")).await?.status < 300, "not taken in");
    let backup = server.home().join("backup");
    // Somebody talks meanwhile: what is copied of them is whole, whatever it is.
    let data = server.data();
    let arguments = [Path::new("backup"), &data, &backup];
    let (copied, talked) = tokio::join!(store(&arguments), talk(&mut other, 0..4));
    talked?;
    expect(&copied?, DONE, "2 sessions")?;
    expect(&store(&["check".as_ref(), &backup]).await?, DONE, "nothing damaged")?;
    expect(&store(&["check".as_ref(), &server.data()]).await?, DONE, "nothing damaged")?;
    let before = api::diff(server.address(), &person.session.token, 1).await?;

    server.kill()?;
    dirs::restore(&backup, &server.data())?;
    server.restart().await?;
    // The token is still good, the log is the same, the message still waits, and the talk goes on.
    ensure!(api::diff(server.address(), &person.session.token, 1).await? == before, "the log is another one");
    ensure!(!api::post(server.address(), &person.session, &note("waits")).await?.text().contains("delivered"), "gone");
    let mut socket = person.attach().await?;
    while person.ledger.count("delivery", "text", "Note waits.") == 0 {
        let rolecall_tests::ws::Arrival::Frame(frame) = socket.next().await? else { anyhow::bail!("cut") };
        person.ledger.frame(&frame)?;
    }
    drop(socket);
    talk(&mut person, 3..5).await?;
    person.settle().await?;
    // Of the other one the end may be missing, which the client is told (P5); what is there is whole.
    drop(other.attach().await?);
    other.ledger.verify()?;
    server.stop().await
}

// Fails when an export leaves something out, shows it otherwise than the server does, or ends with 0 although it is partial.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_shows_what_the_server_shows() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let mut server = Server::start(Options::upstream(&upstream.url())).await?;
    let mut person = Person::meet(server.address(), "storyteller").await?;
    talk(&mut person, 0..3).await?;
    let waiting = note("n1");
    ensure!(api::post(server.address(), &person.session, &waiting).await?.status < 300, "not taken in");
    let log = api::diff(server.address(), &person.session.token, 1).await?;

    let live = store(&["export".as_ref(), &server.data()]).await?;
    server.stop().await?;
    let stopped = store(&["export".as_ref(), &server.data()]).await?;
    expect(&live, DONE, "")?;
    ensure!(live.stdout == stopped.stdout, "{}\n{}", said(&live), said(&stopped));
    let lines = String::from_utf8(live.stdout)?;
    let lines: Vec<Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let of = |kind: &str| lines.iter().filter(|line| line["type"] == kind).collect::<Vec<_>>();
    ensure!(lines.iter().all(|line| line["session"] == *person.session.id), "{lines:?}");
    ensure!(of("session").len() == 1 && of("session")[0]["role"] == "storyteller", "{:?}", of("session"));
    ensure!(of("position")[0]["head"] == log.len() && of("position")[0]["epoch"] == 1, "{:?}", of("position"));
    ensure!(of("entry").len() == log.len(), "{} of {} entries", of("entry").len(), log.len());
    for (line, shown) in of("entry").into_iter().zip(&log) {
        let same = ["seq", "turn", "at_ms", "body"].iter().all(|field| line[*field] == shown[*field]);
        ensure!(same, "exported {line}\nshown {shown}");
    }
    ensure!(of("waiting").len() == 1 && of("waiting")[0]["message"]["text"] == waiting["text"], "{:?}", of("waiting"));
    Ok(())
}

// Fails when a directory that cannot be used is taken for a store, something is written into it, or nobody is told what to do.
#[tokio::test]
async fn what_cannot_be_used_is_refused_with_the_remedy() -> Result<()> {
    let home = tempfile::tempdir()?;
    let missing = home.path().join("missing");
    let foreign = home.path().join("foreign");
    fs::create_dir_all(foreign.join("store"))?;
    fs::write(foreign.join("store/letters.txt"), "mine")?;
    for command in ["check", "export"] {
        expect(&store(&[command.as_ref(), &missing]).await?, CALL, "name the data directory")?;
        expect(&store(&[command.as_ref(), &foreign]).await?, CALL, "holds no rolecall store")?;
    }
    expect(&store(&["backup".as_ref(), &foreign, &missing]).await?, CALL, "holds no rolecall store")?;
    ensure!(!missing.exists() && fs::read_dir(foreign.join("store"))?.count() == 1, "something was written");

    let mut server = Server::start(Options::default()).await?;
    let data = server.data();
    Person::meet(server.address(), "storyteller").await?;
    expect(&store(&["backup".as_ref(), &data, &foreign]).await?, CALL, "exists already")?;
    let below = missing.join("below");
    expect(&store(&["backup".as_ref(), &data, &below]).await?, CALL, "name another place")?;
    server.stop().await?;
    // In use by somebody who does not answer.
    let lock = File::options().write(true).open(data.join("store/lock"))?;
    lock.try_lock()?;
    expect(&store(&["check".as_ref(), &data]).await?, CALL, "in use by another process")?;
    drop(lock);
    fs::write(data.join("store/rolecall-store"), "rolecall store, format 9\n")?;
    expect(&store(&["check".as_ref(), &data]).await?, CALL, "use the matching release")
}

// Fails when a backup that does not fit is left behind half, called whole, or ends in a panic.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_does_not_fit_is_no_backup() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let mut server = Server::start(Options::upstream(&upstream.url())).await?;
    let mut person = Person::meet(server.address(), "storyteller").await?;
    talk(&mut person, 0..2).await?;
    let room = server.home().join("room");
    fs::create_dir(&room)?;
    // A file system of its own in a name space of its own: 16 KiB hold the key and no database.
    let script = "mount -t tmpfs -o size=16k none \"$2\" && \"$0\" store backup \"$1\" \"$2/copy\"; code=$?; ls \"$2\"; exit $code";
    let mut command = server::bare(Path::new("unshare"), server.home());
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
    let output = command.arg(paths::binary()?).arg(server.data()).arg(&room).output();
    let output = output.context("`unshare` is missing; run: apt-get install util-linux")?;
    let needs = "user name spaces are refused here; run: sysctl -w kernel.unprivileged_userns_clone=1";
    ensure!(!said(&output).contains("unshare failed") && !said(&output).contains("must be superuser"), "{needs}");
    expect(&output, CALL, "make room or name another disk")?;
    ensure!(output.stdout.is_empty(), "something is left: {}", said(&output));
    // The server has not noticed.
    talk(&mut person, 2..3).await?;
    person.settle().await?;
    server.stop().await
}

// Fails when a check calls a damaged store whole, does not say where it is damaged, or ends in a panic.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_what_is_damaged_and_where() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let mut server = Server::start(Options::upstream(&upstream.url())).await?;
    let mut person = Person::meet(server.address(), "storyteller").await?;
    talk(&mut person, 0..4).await?;
    server.stop().await?;
    let journal = server.data().join("store/db/0.jnl");
    let mut bytes = fs::read(&journal)?;
    let middle = bytes.iter().rposition(|byte| *byte != 0).context("an empty journal")? / 2;
    bytes[middle] ^= 0x20;
    fs::write(&journal, bytes)?;
    let output = store(&["check".as_ref(), &server.data()]).await?;
    expect(&output, DAMAGED, "0.jnl")?;
    expect(&output, DAMAGED, "from a backup")?;
    let refused = server.restart().await;
    ensure!(refused.is_err_and(|error| format!("{error:#}").contains("0.jnl")), "a server starts on it");
    Ok(())
}
