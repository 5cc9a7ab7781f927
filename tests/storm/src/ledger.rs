//! What an application was shown, against what the server's log has.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use rolecall_client::{Body, Event, Session};
use rolecall_tests::clock;
use rolecall_tests::http::Request;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::absence::Absence;
use crate::user::ended;

/// Sums over all clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Messages shown to applications.
    pub shown: u64,
    /// Messages that users sent and the server accepted.
    pub accepted: u64,
    /// Times that connections were resumed.
    pub resumed: u64,
    /// In the log, and never shown; or accepted, and not in the log.
    pub lost: u64,
    /// Shown twice, or said twice in the log.
    pub duplicated: u64,
    /// Shown before one with a lower sequence id.
    pub reordered: u64,
    /// Shown otherwise than the log has it.
    pub altered: u64,
    /// Shown, and not in the log: sent before it was durable.
    pub invented: u64,
    /// Turns of the log without an end, with several, with something behind it, or whose pieces are not what it says.
    #[serde(default)]
    pub torn: u64,
}

impl Account {
    pub(crate) const fn add(&mut self, other: Self) {
        self.shown += other.shown;
        self.accepted += other.accepted;
        self.resumed += other.resumed;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.altered += other.altered;
        self.invented += other.invented;
        self.torn += other.torn;
    }

    /// Whether nothing was wrong.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.lost + self.duplicated + self.reordered + self.altered + self.invented + self.torn == 0
    }
}

/// One application's notes.
#[derive(Default)]
pub(crate) struct Heard {
    /// What was shown, in that order: sequence id, and what it said.
    shown: Vec<(u64, u64)>,
    replies: u64,
    resumed: u64,
    /// What was accepted: its sequence id and text.
    pub(crate) said: Vec<(u64, String)>,
    pub(crate) session: Option<Session>,
    /// When it had no connection.
    pub(crate) absence: Absence,
    /// Whether it had one when it became calm.
    pub(crate) was_here: bool,
}

impl Heard {
    pub(crate) fn note(&mut self, event: Event) -> Result<()> {
        if let Some(why) = ended(&event) {
            bail!("{why}");
        }
        self.absence.note(&event, clock::now());
        match event {
            Event::ReplyDelta { seq, text, .. } => self.shown.push((seq, digest("delta", &text))),
            Event::Message(message) => {
                let (kind, text) = match &message.body {
                    Body::User { text, .. } => ("user", text),
                    Body::Delta { text } => ("delta", text),
                    Body::Reply { text, .. } => ("reply", text),
                    Body::Delivery { text, .. } => ("delivery", text),
                };
                self.replies += u64::from(kind == "reply");
                self.shown.push((message.seq, digest(kind, text)));
            }
            Event::Connected { resumed, .. } => self.resumed += u64::from(resumed),
            _ => {}
        }
        Ok(())
    }

    /// Whether every message that was accepted has been answered.
    pub(crate) fn is_complete(&self) -> bool {
        self.replies >= self.said.len() as u64
    }

    /// Compares the notes with the log, which is read over plain HTTP from the server itself.
    pub(crate) async fn settle(self, server: SocketAddr) -> Result<Account> {
        let session = self.session.as_ref().context("the session was not kept")?;
        let token = session.saved().position.token;
        let log = read_log(server, &token).await?;
        session.close().await;
        let mut account = Account {
            shown: self.shown.len() as u64,
            accepted: self.said.len() as u64,
            resumed: self.resumed,
            ..Account::default()
        };
        let mut seen: HashMap<u64, u64> = HashMap::new();
        let mut last = 0;
        for (seq, what) in &self.shown {
            account.reordered += u64::from(*seq < last);
            last = last.max(*seq);
            account.duplicated += u64::from(seen.insert(*seq, *what).is_some());
        }
        for Entry { seq, kind, text, .. } in &log {
            match seen.remove(seq) {
                None => account.lost += 1,
                Some(shown) => account.altered += u64::from(shown != digest(kind, text)),
            }
        }
        account.invented = seen.len() as u64;
        account.torn = torn(&log);
        let users: Vec<&Entry> = log.iter().filter(|entry| entry.kind == "user").collect();
        for (seq, text) in &self.said {
            let times = users.iter().filter(|entry| entry.text == *text).count() as u64;
            let there = users.iter().any(|entry| entry.seq == *seq && entry.text == *text);
            account.lost += u64::from(!there);
            account.duplicated += times.saturating_sub(1);
        }
        Ok(account)
    }
}

fn digest(kind: &str, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, text).hash(&mut hasher);
    hasher.finish()
}

/// A message of the log.
#[derive(Debug)]
struct Entry {
    seq: u64,
    turn: u64,
    kind: String,
    text: String,
}

/// How many turns are not a user's words, pieces, and one end that is their sum.
fn torn(log: &[Entry]) -> u64 {
    let mut turns: HashMap<u64, (String, u64, bool)> = HashMap::new();
    for entry in log.iter().filter(|entry| entry.kind != "delivery") {
        let (said, ends, whole) = turns.entry(entry.turn).or_insert((String::new(), 0, true));
        *whole &= *ends == 0;
        match entry.kind.as_str() {
            "delta" => said.push_str(&entry.text),
            "reply" => {
                *whole &= *said == entry.text;
                *ends += 1;
            }
            _ => {}
        }
    }
    turns.values().filter(|(_, ends, whole)| *ends != 1 || !*whole).count() as u64
}

async fn read_log(server: SocketAddr, token: &str) -> Result<Vec<Entry>> {
    let (mut log, mut from) = (Vec::new(), Some(1));
    while let Some(next) = from {
        let request = Request::new("GET", &format!("/v1/diff?from={next}&limit=1000")).bearer(token);
        let answer = request.send(server).await?;
        ensure!(answer.status == 200, "the log answers {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        let page: Value = serde_json::from_slice(&answer.body)?;
        let messages = page.get("messages").and_then(Value::as_array).context("a page without messages")?;
        for message in messages {
            let text_of = |name: &str| message.pointer(&format!("/body/{name}")).and_then(Value::as_str);
            let number = |name: &str| message.get(name).and_then(Value::as_u64);
            log.push(Entry {
                seq: number("seq").context("a message without seq")?,
                turn: number("turn").context("a message without turn")?,
                kind: text_of("kind").context("a message without kind")?.to_owned(),
                text: text_of("text").context("a message without text")?.to_owned(),
            });
        }
        from = page.get("next").and_then(Value::as_u64);
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a reply with two ends, none, or another text than its pieces counts as whole.
    #[test]
    fn torn_replies_are_found() {
        let entry = |turn, kind: &str, text: &str| Entry { seq: 0, turn, kind: kind.into(), text: text.into() };
        let whole = [("user", "?"), ("delta", "a"), ("delta", "b"), ("reply", "ab")];
        let turn = |turn, said: &[(&str, &str)]| -> Vec<Entry> {
            said.iter().map(|(kind, text)| entry(turn, kind, text)).collect()
        };
        let both: Vec<Entry> = turn(1, &whole).into_iter().chain(turn(2, &whole)).collect();
        assert_eq!(torn(&both), 0);
        for (said, what) in [
            (&whole[..3], "no end"),
            (&[&whole[..], &whole[3..]].concat()[..], "two ends"),
            (&[&whole[..], &whole[1..2]].concat()[..], "more behind the end"),
            (&[&whole[..2], &whole[3..]].concat()[..], "a piece is missing"),
        ] {
            assert_eq!(torn(&turn(1, said)), 1, "{what}");
        }
    }
}
