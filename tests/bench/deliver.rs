//! Committed messages: many sessions talk at once, every message is durable before it is sent.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use rolecall_tests::api::Person;
use rolecall_tests::server::{Options, Server};
use rolecall_tests::{clock, process};

use super::table::Row;

const PEOPLE: usize = 100;
const TURNS: usize = 20;

pub(crate) async fn run() -> Result<Vec<Row>> {
    let options = Options { quiet: true, ..Options::default() };
    let options = options.flag("--rehearsal-pace", "0ms").flag("--log-level", "warn");
    let server = Server::start(options).await?;
    let (to, pid) = (server.address(), server.pid()?);
    let mut people = Vec::new();
    for _ in 0..PEOPLE {
        let mut person = Person::meet(to, "storyteller").await?;
        let socket = person.attach().await?;
        people.push((person, socket));
    }
    let cpu = process::cpu(pid)?;
    let start = clock::now();
    let talks = people.into_iter().map(|(mut person, mut socket)| async move {
        for turn in 0..TURNS {
            person.ask(&mut socket, &format!("第{turn}问：天下大势如何？")).await?;
        }
        Ok::<_, anyhow::Error>(person)
    });
    let people = futures_util::future::try_join_all(talks).await?;
    let seconds = start.elapsed().as_secs_f64();
    let cpu = process::cpu(pid)? - cpu;
    for person in &people {
        person.settle().await?;
    }
    let messages: usize = people.iter().map(|person| person.ledger.shown().len()).sum();
    let each = messages as f64;
    let synced = fsyncs_per_second(server.home())?;
    Ok(vec![
        Row::new("committed and delivered messages", each / seconds, "1/s")
            .against("fsynced appends to one file", synced),
        Row::new("server CPU per committed message", cpu * 1e6 / each, "µs"),
    ])
}

/// How often the disk of a folder makes 300 bytes durable, one after the other.
pub(crate) fn fsyncs_per_second(folder: &Path) -> Result<f64> {
    let mut file = std::fs::File::create(folder.join("appends"))?;
    let start = clock::now();
    for _ in 0..200 {
        file.write_all(&[b'x'; 300])?;
        file.sync_data()?;
    }
    Ok(200.0 / start.elapsed().as_secs_f64())
}
