//! Commits through the real server: sessions that talk, each with a client that hears every message, and what is saved of them.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::future::try_join_all;
use rolecall_tests::api::Person;
use rolecall_tests::redis::Redis;
use rolecall_tests::server::{Options, Server};
use rolecall_tests::ws::{Arrival, Socket};
use rolecall_tests::{clock, process};

use super::Scale;
use crate::sessions::share;
use crate::table::Row;

/// Turns per second of all sessions together, where latency is measured: what either store keeps up with easily.
const RATE: f64 = 50.0;

/// What was found.
pub(crate) struct Talks {
    pub(crate) rows: Vec<Row>,
    /// Bytes of a session's state behind the talk.
    pub(crate) state: usize,
}

/// A server with people in it.
struct House {
    name: &'static str,
    server: Server,
    redis: Option<Redis>,
    people: Vec<(Person, Socket)>,
}

/// What people met with.
#[derive(Default)]
struct Heard {
    /// From saying something to seeing it committed, in milliseconds.
    said: Vec<f64>,
    /// To the end of the reply.
    replied: Vec<f64>,
}

pub(crate) async fn measure(scale: &Scale) -> Result<Talks> {
    let embedded = House::open("embedded store", None, scale.people).await?;
    let redis = Redis::start().await?.quiet();
    let on_redis = House::open("Redis store, aof", Some(redis), scale.people).await?;
    let mut houses = [embedded, on_redis];
    let mut paced = [Heard::default(), Heard::default()];
    for house in &mut houses {
        house.talk(2, None).await?;
    }
    // In turns, as everything here.
    for _ in 0..scale.turns {
        for (house, paced) in houses.iter_mut().zip(&mut paced) {
            paced.add(house.talk(1, Some(RATE)).await?);
        }
    }
    let mut rows = vec![Row::new("through the server: sessions, one client each", scale.people as f64, "")];
    for (number, (house, paced)) in houses.iter_mut().zip(paced).enumerate() {
        let base = rows.get(1..5).filter(|_| number > 0).map(|rows| rows.iter().map(|row| row.value).collect());
        rows.extend(paced.rows(house.name, base.unwrap_or_default()));
    }
    for house in &mut houses {
        rows.extend(house.flat_out(scale.turns).await?);
    }
    let [embedded, on_redis] = houses;
    embedded.settle().await?;
    let (state, kept) = on_redis.kept().await?;
    on_redis.settle().await?;
    rows.extend(kept);
    Ok(Talks { rows, state })
}

impl House {
    async fn open(name: &'static str, redis: Option<Redis>, people: usize) -> Result<Self> {
        let options = Options { quiet: true, ..Options::default() };
        let mut options = options.flag("--rehearsal-pace", "0ms").flag("--log-level", "warn");
        // All clients have one address.
        options = options.flag("--address-requests", "off").flag("--address-connections", "off");
        if let Some(redis) = &redis {
            options = options.flag("--store", "redis").flag("--redis-url", &redis.url());
            options = options.flag("--redis-durability", "aof");
        }
        let server = Server::start(options).await?;
        let to = server.address();
        let people = try_join_all((0..people).map(|_| async move {
            let mut person = Person::meet(to, "storyteller").await?;
            let socket = person.attach().await?;
            Ok::<_, anyhow::Error>((person, socket))
        }));
        Ok(Self { name, people: people.await?, server, redis })
    }

    /// Lets everybody say so many things and hear the replies, at a rate or at once.
    async fn talk(&mut self, turns: usize, rate: Option<f64>) -> Result<Heard> {
        let start = clock::now();
        let count = self.people.len();
        let talks = self.people.iter_mut().enumerate().map(|(place, (person, socket))| async move {
            let mut heard = Heard::default();
            for turn in 0..turns {
                if let Some(rate) = rate {
                    let due = Duration::from_secs_f64((turn * count + place) as f64 / rate);
                    tokio::time::sleep(due.saturating_sub(start.elapsed())).await;
                }
                heard.turn(person, socket, turn).await?;
            }
            Ok::<_, anyhow::Error>(heard)
        });
        let mut all = Heard::default();
        try_join_all(talks).await.context(self.name)?.into_iter().for_each(|heard| all.add(heard));
        Ok(all)
    }

    /// Everybody at once, as fast as they can.
    async fn flat_out(&mut self, turns: usize) -> Result<Vec<Row>> {
        let (before, messages) = (self.cpu()?, self.messages());
        let start = clock::now();
        self.talk(turns, None).await?;
        let seconds = start.elapsed().as_secs_f64();
        let (after, messages) = (self.cpu()?, (self.messages() - messages) as f64);
        let each = |before: f64, after: f64| (after - before) * 1e6 / messages;
        let mut rows = vec![
            Row::new(format!("{}: committed and delivered", self.name), messages / seconds, "1/s"),
            Row::new("  server CPU per message", each(before.0, after.0), "µs"),
        ];
        if self.redis.is_some() {
            rows.push(Row::new("  redis-server CPU per message", each(before.1, after.1), "µs"));
        }
        Ok(rows)
    }

    /// Processor time of the server, and of Redis.
    fn cpu(&self) -> Result<(f64, f64)> {
        let redis = self.redis.as_ref().map(|redis| process::cpu_exact(redis.pid()?)).transpose()?;
        Ok((process::cpu_exact(self.server.pid()?)?, redis.unwrap_or_default()))
    }

    fn messages(&self) -> usize {
        self.people.iter().map(|(person, _)| person.ledger.shown().len()).sum()
    }

    /// The size of the state that a commit saves, beside the texts of a turn.
    async fn kept(&self) -> Result<(usize, Vec<Row>)> {
        let redis = self.redis.as_ref().context("no Redis here")?;
        let (person, _) = self.people.first().context("nobody there")?;
        let key = format!("rolecall:{{{}}}:state", person.session.id);
        let state: usize = redis.ask(&["HSTRLEN", &key, "state"]).await?.concat().parse()?;
        let (shown, turns) = (person.ledger.shown(), person.said() as f64);
        let texts: usize = shown.iter().filter_map(|message| message["body"]["text"].as_str()).map(str::len).sum();
        let what = format!("state that a commit saves behind {turns} turns");
        let rows = vec![Row::new(what, state as f64, "B").against("texts of a turn", texts as f64 / turns)];
        Ok((state, rows))
    }

    /// Nothing was lost, doubled or reordered.
    async fn settle(self) -> Result<()> {
        for (person, _) in &self.people {
            person.settle().await?;
        }
        Ok(())
    }
}

impl Heard {
    fn add(&mut self, other: Self) {
        self.said.extend(other.said);
        self.replied.extend(other.replied);
    }

    /// Says something and hears everything up to the end of the reply.
    async fn turn(&mut self, person: &mut Person, socket: &mut Socket, turn: usize) -> Result<()> {
        let start = clock::now();
        let id = person.say(socket, &format!("第{turn}问：天下大势如何？")).await?;
        let mut committed = false;
        while person.ledger.reply_to(&id).is_none() {
            let Arrival::Frame(frame) = socket.next().await? else { bail!("cut in the middle of a turn") };
            if !committed && frame["type"] == "message" && frame["body"]["id"] == id.as_str() {
                committed = true;
                self.said.push(start.elapsed().as_secs_f64() * 1e3);
            }
            person.ledger.frame(&frame)?;
        }
        self.replied.push(start.elapsed().as_secs_f64() * 1e3);
        Ok(())
    }

    /// The figures, each against one of a base, where there is one.
    fn rows(self, name: &str, base: Vec<f64>) -> Vec<Row> {
        let count = self.said.len();
        let [said50, said99] = share::of(self.said, [50, 99]);
        let [replied50, replied99] = share::of(self.replied, [50, 99]);
        let rows = vec![
            Row::new(format!("{name}: said to committed and shown, p50 of {count}"), said50, "ms"),
            Row::new("  the same, p99", said99, "ms"),
            Row::new("  said to the end of the reply, p50", replied50, "ms"),
            Row::new("  the same, p99", replied99, "ms"),
        ];
        let mut base = base.into_iter();
        let against = |row: Row| match base.next() {
            Some(value) => row.against("embedded store", value),
            None => row,
        };
        rows.into_iter().map(against).collect()
    }
}
