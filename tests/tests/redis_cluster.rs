//! Two servers on a Redis Cluster of three masters: what happens to a part of it, or to one of them, in the middle of
//! replies.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rolecall_tests::api::Person;
use rolecall_tests::clock::{self, PATIENCE};
use rolecall_tests::cluster::Cluster;
use rolecall_tests::http::{self, Request};
use rolecall_tests::redis_cluster::RedisCluster;
use rolecall_tests::server::{Options, Server};
use rolecall_tests::upstream::{Script, Upstream, directive};
use rolecall_tests::ws::{self, Arrival, Opened, Socket};
use serde_json::Value;

/// Redis masters.
const MASTERS: usize = 3;

/// A reply of forty pieces, slow enough to be hit in the middle.
fn story(round: usize) -> String {
    let pieces = (0..40).map(|part| format!("第{round}回之{part}，且听下文分解。")).collect();
    directive(&[Script { pieces, gap_ms: 25, ..Script::default() }])
}

async fn two(redis: &RedisCluster, upstream: &Upstream) -> Result<Vec<Server>> {
    let options = Options { quiet: true, ..Options::upstream(&upstream.url()) };
    Cluster::servers(2, &options.flag("--node-lease", "1s"), redis.url()).await
}

/// People whose sessions are on each of the masters, so many on each, and where: slot and master.
async fn people(redis: &RedisCluster, to: &Server, each: usize) -> Result<Vec<(Person, (usize, usize))>> {
    let (mut people, mut counts) = (Vec::new(), [0; MASTERS]);
    for _ in 0..200 {
        if counts.iter().all(|count| *count == each) {
            return Ok(people);
        }
        let person = Person::meet(to.address(), "storyteller").await?;
        let place = redis.place(&person.session.id).await?;
        let count = counts.get_mut(place.1).context("no such master")?;
        if *count < each {
            *count += 1;
            people.push((person, place));
        }
    }
    bail!("the sessions are not spread over the masters: {counts:?}")
}

/// Hears so many messages more, in the middle of a reply.
async fn hear(person: &mut Person, socket: &mut Socket, messages: usize) -> Result<()> {
    let until = person.ledger.shown().len() + messages;
    while person.ledger.shown().len() < until {
        let Arrival::Frame(frame) = socket.next().await? else { bail!("cut too early") };
        person.ledger.frame(&frame)?;
    }
    Ok(())
}

/// Comes to a server that may not be able to serve the session yet, hears the reply to its end, and compares all that was
/// shown with the log.
async fn go_on(person: &mut Person, to: &Server, id: &str, text: &str) -> Result<()> {
    person.go_to(to.address());
    let began = clock::now();
    let mut socket = loop {
        match ws::open(to.address(), &person.hello()).await? {
            Opened::Live(_) => break person.attach().await?,
            Opened::Refused { status: 503, .. } => tokio::time::sleep(Duration::from_millis(50)).await,
            Opened::Refused { status, body } => bail!("refused with {status}: {body}"),
        }
        ensure!(began.elapsed() < PATIENCE, "the session is not served again");
    };
    if person.welcome.get("client_seq").and_then(Value::as_u64) < Some(person.said()) {
        person.repeat(&mut socket, text).await?;
    }
    person.hear_reply(&mut socket, id).await?;
    ensure!(person.ledger.count("user", "id", id) == 1, "{id} was said more than once");
    person.settle().await
}

/// Waits until the log has the end of a reply, and looks at it: all that was shown is at its beginning, and of the reply
/// there is one end, which is the sum of its pieces. A node that was started anew may have lost something, for all that is
/// known of it, so the ids behind it need not follow those before.
async fn ends_once(person: &Person, server: &Server, id: &str) -> Result<()> {
    let began = clock::now();
    loop {
        let log = read_log(server, &person.session.token).await?;
        for (shown, stored) in person.ledger.shown().iter().zip(&log) {
            ensure!(
                ["seq", "turn", "body"].iter().all(|field| shown.get(field) == stored.get(field)),
                "{shown} {stored}"
            );
        }
        ensure!(person.ledger.shown().len() <= log.len(), "what was shown is lost: {log:?}");
        let body =
            |message: &Value, field: &str| message.pointer(&format!("/body/{field}")).cloned().unwrap_or_default();
        let users: Vec<&Value> = log.iter().filter(|it| body(it, "kind") == "user" && body(it, "id") == id).collect();
        let [user] = users.as_slice() else { bail!("said {} times: {log:?}", users.len()) };
        let turn: Vec<&Value> = log.iter().filter(|it| it.get("turn") == user.get("turn")).collect();
        let text = |kind: &str| -> Vec<String> {
            let of_kind = turn.iter().filter(|it| body(it, "kind") == kind);
            of_kind.filter_map(|it| body(it, "text").as_str().map(str::to_owned)).collect()
        };
        match text("reply").as_slice() {
            [] => ensure!(began.elapsed() < PATIENCE, "the reply does not end: {log:?}"),
            [end] => {
                ensure!(text("delta").concat() == *end, "the pieces are not the reply: {log:?}");
                return Ok(());
            }
            ends => bail!("{} ends: {log:?}", ends.len()),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// All messages of a session in order, holes between epochs left out; one that cannot be read yet is waited for.
async fn read_log(server: &Server, token: &str) -> Result<Vec<Value>> {
    let (mut all, mut next, began): (Vec<Value>, u64, _) = (Vec::new(), 1, clock::now());
    loop {
        let answer = Request::new("GET", &format!("/v1/diff?from={next}")).bearer(token).send(server.address()).await?;
        if answer.status == 503 && began.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        let answer = answer.expect(200)?;
        let page = answer.get("messages").and_then(Value::as_array).context("no messages")?;
        let Some(last) = page.last() else { return Ok(all) };
        next = last.get("seq").and_then(Value::as_u64).context("no seq")? + 1;
        all.extend(page.iter().cloned());
    }
}

/// What `/readyz` says, once it says this.
async fn readiness(server: &Server, status: u16, wanted: &str) -> Result<()> {
    let began = clock::now();
    loop {
        let answer = http::get(server.address(), "/readyz").await?;
        if answer.status == status && answer.text().contains(wanted) {
            return Ok(());
        }
        ensure!(began.elapsed() < PATIENCE, "/readyz stays {}: {}", answer.status, answer.text());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

// Fails when a reply is lost, ends twice or not at all, or a piece of one comes twice, because the server that made it was
// killed while its session, on whichever node of a cluster, went to another server; or when a replica that dies is felt.
#[tokio::test(flavor = "multi_thread")]
async fn replies_on_all_slots_survive_a_killed_server_and_a_killed_replica() -> Result<()> {
    let (mut redis, upstream) = (RedisCluster::start(MASTERS, &[]).await?, Upstream::loopback().await?);
    let replica = redis.add_replica(1).await?;
    let mut nodes = two(&redis, &upstream).await?;
    let [dies, lives] = nodes.as_mut_slice() else { bail!("not two servers") };
    let mut talks = Vec::new();
    for (number, (mut person, _)) in people(&redis, dies, 3).await?.into_iter().enumerate() {
        let text = story(number);
        let mut socket = person.attach().await?;
        let id = person.say(&mut socket, &text).await?;
        hear(&mut person, &mut socket, 2).await?;
        talks.push((person, socket, id, text));
    }
    redis.kill(replica)?;
    for (person, socket, id, _) in &mut talks {
        hear(person, socket, 1).await?;
        ensure!(person.ledger.reply_to(id).is_none(), "the reply was over before the kill");
    }
    dies.kill()?;
    for (person, _, id, text) in &mut talks {
        go_on(person, lives, id, text).await?;
        ensure!(person.ledger.epoch() == 1, "nothing was lost, yet the epoch is {}", person.ledger.epoch());
    }
    // The other way round, to the one that was started again.
    dies.restart().await?;
    for (number, (person, _, _, _)) in talks.iter_mut().enumerate() {
        let text = story(100 + number);
        person.go_to(lives.address());
        let mut socket = person.attach().await?;
        let id = person.say(&mut socket, &text).await?;
        hear(person, &mut socket, 2).await?;
        go_on(person, dies, &id, &text).await?;
    }
    Ok(())
}

// Fails when a reply is lost, repeated or ends twice because the slot of its session is moved to another node meanwhile, or
// the session cannot go on there. A node that has a slot newly may have taken over from one that failed: the session's
// connection is let go once, and an epoch begins.
#[tokio::test(flavor = "multi_thread")]
async fn replies_survive_the_move_of_their_slots() -> Result<()> {
    let (redis, upstream) = (RedisCluster::start(MASTERS, &[]).await?, Upstream::loopback().await?);
    let nodes = two(&redis, &upstream).await?;
    let server = nodes.first().context("no server")?;
    let mut talks = Vec::new();
    for (number, (mut person, place)) in people(&redis, server, 2).await?.into_iter().enumerate() {
        let mut socket = person.attach().await?;
        let id = person.say(&mut socket, &story(number)).await?;
        hear(&mut person, &mut socket, 2).await?;
        talks.push((person, socket, id, place));
    }
    for (person, _, id, (slot, from)) in &mut talks {
        ensure!(person.ledger.reply_to(id).is_none(), "the reply was over before the move");
        redis.move_slot(*slot, *from, (*from + 1) % MASTERS).await?;
    }
    for (number, (person, _, id, _)) in talks.iter_mut().enumerate() {
        ends_once(person, server, id).await?;
        // Where the connection is let go once more, the reply is made all the same.
        let mut socket = person.attach().await?;
        let next = person.say(&mut socket, &story(200 + number)).await?;
        ends_once(person, server, &next).await?;
    }
    Ok(())
}

// Fails when a node of the cluster that is away takes sessions with it that other nodes have, when a server that serves
// these is taken out of its balancer, cannot be started, says nothing of it, or stays so when the node is back; or when what
// was on that node is lost or comes twice then.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_the_cluster_that_is_away_takes_only_its_own_sessions() -> Result<()> {
    const AWAY: usize = 2;
    let partial = ["--cluster-require-full-coverage", "no"];
    let (mut redis, upstream) = (RedisCluster::start(MASTERS, &partial).await?, Upstream::loopback().await?);
    let mut nodes = two(&redis, &upstream).await?;
    let [server, other] = nodes.as_mut_slice() else { bail!("not two servers") };
    readiness(server, 200, "\"ready\"").await?;
    let mut talks = Vec::new();
    for (number, (mut person, (_, master))) in people(&redis, server, 2).await?.into_iter().enumerate() {
        let text = story(number);
        let mut socket = person.attach().await?;
        let id = person.say(&mut socket, &text).await?;
        hear(&mut person, &mut socket, 2).await?;
        talks.push((person, socket, id, text, master));
    }
    redis.kill(AWAY)?;
    readiness(server, 200, "\"degraded\"").await?;
    other.kill()?;
    other.restart().await?;
    readiness(other, 200, "\"degraded\"").await?;
    for (person, socket, id, text, master) in &mut talks {
        if *master == AWAY {
            let opened = ws::open(server.address(), &person.hello()).await?;
            ensure!(matches!(opened, Opened::Refused { status: 503, .. }), "{opened:?}");
        } else {
            person.hear_reply(socket, id).await?;
            // New replies, too, and on another server: what the one that is away has of these two keeps neither.
            person.ask(socket, &story(300)).await?;
            go_on(person, other, id, text).await?;
        }
    }
    redis.restart(AWAY).await?;
    readiness(server, 200, "\"ready\"").await?;
    for (person, _, id, _, master) in &talks {
        if *master == AWAY {
            ends_once(person, server, id).await?;
        } else {
            person.settle().await?;
        }
    }
    // Where the rest refuses, too, there is nothing that this server could do for anybody.
    for master in 0..MASTERS {
        redis.kill(master)?;
    }
    readiness(server, 503, "store_unavailable").await
}
