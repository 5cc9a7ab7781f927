//! `rolecall store`: sessions backed up, checked and exported while their server runs, and what is told when they cannot be.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, Result, ensure};
use rolecall_tests::api::{self, Person};
use rolecall_tests::clock::{self, PATIENCE};
use rolecall_tests::http::{self, Request};
use rolecall_tests::ledger::Ledger;
use rolecall_tests::server::{self, Options, Server};
use rolecall_tests::upstream::{Script, Upstream, directive};
use rolecall_tests::ws::{self, Arrival, Hello, Socket};
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

/// Comes back where the ledger ends; ids may be left out before what comes next.
async fn come_back(server: &Server, person: &mut Person) -> Result<Socket> {
    let mut socket = ws::connect(server.address(), &person.hello()).await?;
    let Arrival::Frame(welcome) = socket.next().await? else { anyhow::bail!("no welcome") };
    person.ledger.welcome(&welcome)?;
    ensure!(welcome["epoch"].as_u64() > Some(1), "no new epoch: {welcome}");
    let ledger = &mut person.ledger;
    socket.until("resumed", |frame| ledger.frame(frame)).await?;
    Ok(socket)
}

/// A session's log, over the ids that are left out.
async fn log(server: &Server, person: &Person) -> Result<Vec<Value>> {
    let page = Request::new("GET", "/v1/diff?from=1&limit=1000").bearer(&person.session.token);
    let page = page.send(server.address()).await?.expect(200)?;
    Ok(page["messages"].as_array().with_context(|| format!("no messages in {page}"))?.clone())
}

/// Whether a log shows under each id what was shown under it.
fn agrees(ledger: &Ledger, log: &[Value]) -> Result<()> {
    for stored in log {
        let shown = ledger.shown().iter().find(|shown| shown["seq"] == stored["seq"]);
        ensure!(shown.is_none_or(|shown| shown["body"] == stored["body"]), "shown {shown:?}\nstored {stored}");
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
    let mut socket = come_back(&server, &mut person).await?;
    while person.ledger.count("delivery", "text", "Note waits.") == 0 {
        let Arrival::Frame(frame) = socket.next().await? else { anyhow::bail!("cut") };
        person.ledger.frame(&frame)?;
    }
    drop(socket);
    talk(&mut person, 3..5).await?;
    person.ledger.equals(&log(&server, &person).await?)?;
    // Of the other one the end may be missing, which the client is told (P5); what is there is what was shown.
    drop(come_back(&server, &mut other).await?);
    agrees(&other.ledger, &log(&server, &other).await?)?;
    server.stop().await
}

// Fails when a server that starts on a backup goes on with ids that were given to other messages behind the backup, or tells
// a client that has seen them that it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_gives_no_id_twice() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let mut server = Server::start(Options::upstream(&upstream.url())).await?;
    let (mut idle, mut busy) =
        (Person::meet(server.address(), "storyteller").await?, Person::meet(server.address(), "storyteller").await?);
    talk(&mut idle, 0..1).await?;
    // One is backed up in the middle of a reply.
    let pieces = (0..30).map(|piece| format!("慢说第{piece}句，且听下文分解。")).collect();
    let mut socket = busy.attach().await?;
    let id = busy.say(&mut socket, &directive(&[Script { pieces, gap_ms: 200, ..Script::default() }])).await?;
    while busy.ledger.shown().len() < 4 {
        let Arrival::Frame(frame) = socket.next().await? else { anyhow::bail!("cut") };
        busy.ledger.frame(&frame)?;
    }
    let backup = server.home().join("backup");
    expect(&store(&["backup".as_ref(), &server.data(), &backup]).await?, DONE, "2 sessions")?;
    busy.hear_reply(&mut socket, &id).await?;
    drop(socket);
    talk(&mut idle, 1..3).await?;
    server.kill()?;
    dirs::restore(&backup, &server.data())?;
    server.restart().await?;

    // Neither client comes back: another one of the idle session talks first, and the unfinished reply goes on by itself.
    let mut socket = ws::connect(server.address(), &Hello::fresh(&idle.session.token)).await?;
    let Arrival::Frame(welcome) = socket.next().await? else { anyhow::bail!("no welcome") };
    let said = welcome["client_seq"].as_u64().context("no client_seq")?;
    socket.say(said + 1, "another", &story(7)).await?;
    let mut given = 0;
    while given <= idle.ledger.last_seq() {
        let Arrival::Frame(frame) = socket.next().await? else { anyhow::bail!("cut") };
        ensure!(frame["type"] != "error", "{frame}");
        let replied = frame["body"]["kind"] == "reply" && frame["turn"].as_u64() > Some(1);
        given = frame["seq"].as_u64().filter(|_| replied).unwrap_or(given);
        ensure!(!replied || given > idle.ledger.last_seq(), "{given} was given before: {frame}");
    }
    let started = clock::now();
    while log(&server, &busy).await?.last().is_none_or(|last| last["body"]["kind"] != "reply") {
        ensure!(started.elapsed() < PATIENCE, "nobody goes on with the reply");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for person in [&idle, &busy] {
        agrees(&person.ledger, &log(&server, person).await?)?;
        let last = person.ledger.last_seq();
        let asked = json!({"session_token": person.session.token, "last_sequence_id": last, "epoch": 1});
        let stands = http::post(server.address(), "/v1/reconnect", &asked).await?.json()?;
        ensure!(stands["regressed"] == true && stands["resumed"] == false, "{stands}");
    }
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
    for command in ["check", "export", "repair"] {
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

// Fails when a last write with a hole, as a machine that fails leaves it, keeps everything before it from being read, is
// dropped without being asked for, or cannot be dropped; when a server does not start then or a client is not told.
#[tokio::test(flavor = "multi_thread")]
async fn a_last_write_with_a_hole_is_dropped_when_asked_for() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let mut server = Server::start(Options::upstream(&upstream.url())).await?;
    let mut person = Person::meet(server.address(), "storyteller").await?;
    talk(&mut person, 0..3).await?;
    expect(&store(&["repair".as_ref(), &server.data()]).await?, CALL, "stop the server")?;
    server.stop().await?;
    expect(&store(&["repair".as_ref(), &server.data()]).await?, DONE, "nothing to repair")?;
    let journal = server.data().join("store/db/0.jnl");
    let mut bytes = fs::read(&journal)?;
    let written = bytes.iter().rposition(|byte| *byte != 0).context("an empty journal")? + 1;
    bytes[written - 60..written - 40].fill(0);
    fs::write(&journal, &bytes)?;

    let refused = server.restart().await.err().context("a server starts on it")?;
    ensure!(format!("{refused:#}").contains("rolecall store repair"), "{refused:#}");
    expect(&store(&["check".as_ref(), &server.data()]).await?, DAMAGED, "rolecall store repair")?;
    let exported = store(&["export".as_ref(), &server.data()]).await?;
    expect(&exported, DAMAGED, "且听下文分解")?;
    expect(&store(&["backup".as_ref(), &server.data(), &server.home().join("backup")]).await?, DAMAGED, "last step")?;
    ensure!(fs::read(&journal)? == bytes, "it was dropped by a look");
    expect(&store(&["repair".as_ref(), &server.data()]).await?, DONE, "dropped the last write")?;
    expect(&store(&["check".as_ref(), &server.data()]).await?, DONE, "nothing damaged")?;
    server.restart().await?;
    drop(come_back(&server, &mut person).await?);
    agrees(&person.ledger, &log(&server, &person).await?)?;
    server.stop().await
}
