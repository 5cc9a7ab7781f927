//! What the user sees: replies and answers on standard output, notices on standard error.

use std::collections::BTreeMap;
use std::io::{self, Write};

use rolecall_client::{Advice, Body, Event, Hit, Message, Outcome, State, Status};

/// The two outputs, and what was shown so far.
#[derive(Debug)]
pub(super) struct Screen<O, E> {
    out: O,
    notices: E,
    /// The turn whose reply has begun.
    reply: Option<u64>,
    /// The turn of the user's last message, until its reply has ended.
    asked: Option<u64>,
    /// Whether the line has text on it.
    mid_line: bool,
    disconnected: bool,
    cut: Option<Cut>,
    /// How often each rule acted, by rule and action.
    hits: BTreeMap<(String, String), usize>,
}

/// A cut the user asked for.
#[derive(Debug)]
struct Cut {
    seq: u64,
    at_ms: u64,
}

impl<O: Write, E: Write> Screen<O, E> {
    pub(super) fn new(out: O, notices: E) -> Self {
        Self {
            out,
            notices,
            reply: None,
            asked: None,
            mid_line: false,
            disconnected: false,
            cut: None,
            hits: BTreeMap::new(),
        }
    }

    /// Whether a reply is coming.
    pub(super) fn reply_running(&self) -> bool {
        self.turn().is_some()
    }

    /// The turn whose reply is coming.
    pub(super) fn turn(&self) -> Option<u64> {
        self.reply.or(self.asked)
    }

    /// Whether there is no connection now.
    pub(super) const fn disconnected(&self) -> bool {
        self.disconnected
    }

    /// Whether a cut that the user asked for has not been made good yet.
    pub(super) const fn resuming(&self) -> bool {
        self.cut.is_some()
    }

    /// Shows an event.
    pub(super) fn show(&mut self, event: &Event, now_ms: u64) -> io::Result<()> {
        match event {
            Event::ReplyDelta { turn, text, .. } => self.piece(*turn, text),
            Event::Message(message) => self.message(message),
            Event::Connected { resumed, from, gap, .. } => {
                self.disconnected = false;
                match self.cut {
                    None if *resumed => self.note(&format!("connected again: resuming at seq {from}, {gap} missed")),
                    _ => Ok(()),
                }
            }
            Event::CaughtUp { from, to } => self.caught_up(*from, *to, now_ms),
            Event::Disconnected { code, reason, retry_in } => {
                // Said once, not for every attempt; the connection says when it is back.
                let known = std::mem::replace(&mut self.disconnected, true);
                match self.cut {
                    _ if known => Ok(()),
                    None => self.note(&format!("{reason} (code {code}); trying again in {} ms", retry_in.as_millis())),
                    Some(_) => Ok(()),
                }
            }
            Event::EpochChanged { from, to } => {
                self.note(&format!("the server's store went back: epoch {from} is followed by {to}"))
            }
            Event::Skipped { from, to } => self.note(&format!("the server no longer has messages {from} to {to}")),
            Event::Error { code, message, .. } => self.note(&format!("{code}: {message}")),
            _ => Ok(()),
        }
    }

    /// Shows what a command found out.
    pub(super) fn answer(&mut self, text: &str) -> io::Result<()> {
        self.fresh_line()?;
        write!(self.out, "{text}")?;
        self.out.flush()
    }

    /// Shows a notice.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        self.fresh_line()?;
        writeln!(self.notices, "[{text}]")?;
        self.notices.flush()
    }

    /// Shows that the connection is cut at the user's wish.
    pub(super) fn cut(&mut self, seq: u64, now_ms: u64) -> io::Result<()> {
        self.cut = Some(Cut { seq, at_ms: now_ms });
        self.answer(&format!("[connection cut at seq {seq}]\n"))
    }

    /// Shows the state of things.
    pub(super) fn status(&mut self, status: &Status) -> io::Result<()> {
        let state = match status.state {
            State::Idle | State::Connecting | State::Handshaking => "connecting",
            State::Active => "connected",
            State::Waiting => "waiting to reconnect",
            State::Closed => "ended",
        };
        let rtt = status.rtt.map_or_else(|| "unknown".into(), |rtt| format!("{} ms", rtt.as_millis()));
        let mut text = format!(
            "{state} · rtt {rtt} · seq {} · epoch {} · waiting to be accepted {}\n",
            status.last_seq, status.epoch, status.unaccepted
        );
        let total: usize = self.hits.values().sum();
        text.push_str(&format!("rules that acted so far: {total}\n"));
        for ((rule, action), count) in &self.hits {
            text.push_str(&format!("  {rule}: {action} × {count}\n"));
        }
        self.answer(&text)
    }

    fn piece(&mut self, turn: u64, text: &str) -> io::Result<()> {
        self.reply = Some(turn);
        write!(self.out, "{text}")?;
        if let Some(last) = text.chars().last() {
            self.mid_line = last != '\n';
        }
        self.out.flush()
    }

    fn message(&mut self, message: &Message) -> io::Result<()> {
        match &message.body {
            // The user sees what they typed.
            Body::User { .. } => {
                self.asked = Some(message.turn);
                Ok(())
            }
            // Pieces come as their own event.
            Body::Delta { .. } => Ok(()),
            Body::Reply { text, outcome, hits } => {
                if self.reply.take().is_none() && !text.is_empty() {
                    // No piece came before it.
                    self.piece(message.turn, text)?;
                    self.reply = None;
                }
                self.asked = self.asked.filter(|turn| *turn > message.turn);
                self.fresh_line()?;
                self.outcome(*outcome)?;
                self.count(hits)
            }
            Body::Delivery { text, parts, .. } => {
                let merged =
                    if parts.len() > 1 { format!("{} messages in one", parts.len()) } else { "a message".into() };
                self.answer(&format!("[{merged} while you were away] {text}\n"))
            }
        }
    }

    fn outcome(&mut self, outcome: Outcome) -> io::Result<()> {
        match outcome {
            Outcome::Complete | Outcome::Repaired => Ok(()),
            Outcome::Fallback => self.note("the contract's fallback was said"),
            Outcome::Refused => self.note("no reply kept the contract; what was shown stands"),
            Outcome::Cancelled => self.note("stopped"),
            Outcome::Failed => self.note("the model failed; what was shown stands"),
        }
    }

    fn count(&mut self, hits: &[Hit]) -> io::Result<()> {
        for hit in hits {
            *self.hits.entry((hit.rule.clone(), hit.action.clone())).or_default() += 1;
            self.note(&format!("{} ({}): {}", hit.rule, hit.action, hit.message))?;
        }
        Ok(())
    }

    fn caught_up(&mut self, from: u64, to: u64, now_ms: u64) -> io::Result<()> {
        let Some(cut) = self.cut.take() else { return Ok(()) };
        let missed = (to + 1).saturating_sub(from);
        let took = now_ms.saturating_sub(cut.at_ms);
        self.answer(&format!("[resumed from seq {}: {missed} missed, {took} ms]\n", cut.seq))
    }

    /// Ends a line that has text on it.
    fn fresh_line(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.mid_line) {
            writeln!(self.out)?;
            self.out.flush()?;
        }
        Ok(())
    }
}

/// What the user can do about an end.
pub(super) const fn advise(advice: Advice) -> &'static str {
    match advice {
        Advice::Reauthenticate => "start a new session",
        Advice::Stop => "trying again cannot help",
        Advice::Resume | Advice::RetryLater => "try again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn delta(seq: u64, text: &str) -> Event {
        Event::ReplyDelta { seq, turn: 1, text: text.into() }
    }

    fn reply(text: &str, outcome: Outcome, hits: Vec<Hit>) -> Event {
        let body = Body::Reply { text: text.into(), outcome, hits };
        Event::Message(Message { seq: 9, turn: 1, at_ms: 0, body })
    }

    fn show(events: &[(u64, Event)], cut_before: Option<usize>) -> (String, String) {
        let (mut out, mut notices) = (Vec::new(), Vec::new());
        let mut screen = Screen::new(&mut out, &mut notices);
        for (at, (now, event)) in events.iter().enumerate() {
            if cut_before == Some(at) {
                screen.cut(4, *now).unwrap();
            }
            screen.show(event, *now).unwrap();
        }
        (String::from_utf8(out).unwrap(), String::from_utf8(notices).unwrap())
    }

    /// Fails if a streamed reply is not exactly its text and one line end, or is shown twice.
    #[test]
    fn a_streamed_reply_is_shown_once() {
        let streamed =
            [(0, delta(2, "臣闻")), (0, delta(3, "之。")), (0, reply("臣闻之。", Outcome::Complete, vec![]))];
        assert_eq!(show(&streamed, None), ("臣闻之。\n".into(), String::new()));
        let whole = [(0, reply("I see.", Outcome::Complete, vec![]))];
        assert_eq!(show(&whole, None), ("I see.\n".into(), String::new()));
    }

    /// Fails if a cut in the middle of a reply hides where it resumed, what was missed or how long
    /// it took, or the notices mix with the reply.
    #[test]
    fn a_cut_shows_its_resume() {
        let lost = Event::Disconnected { code: 1006, reason: "lost".into(), retry_in: Duration::ZERO };
        let back = Event::Connected { role: "r".into(), resumed: true, from: 5, gap: 2 };
        let events = [
            (100, delta(4, "臣")),
            (200, lost.clone()),
            (230, back.clone()),
            (240, delta(5, "闻")),
            (250, delta(6, "之")),
            (260, Event::CaughtUp { from: 5, to: 6 }),
            (300, reply("臣闻之", Outcome::Complete, vec![])),
        ];
        let (out, notices) = show(&events, Some(1));
        assert_eq!(out, "臣\n[connection cut at seq 4]\n闻之\n[resumed from seq 4: 2 missed, 60 ms]\n");
        assert_eq!(notices, "");

        let (out, notices) = show(&events, None);
        assert_eq!(out, "臣\n闻之\n");
        assert_eq!(
            notices,
            "[lost (code 1006); trying again in 0 ms]\n[connected again: resuming at seq 5, 2 missed]\n"
        );
    }

    /// Fails if a reply cannot be stopped before its first piece, or counts as running after its end.
    #[test]
    fn a_turn_runs_from_the_question_to_the_end_of_the_reply() {
        let (mut out, mut notices) = (Vec::new(), Vec::new());
        let mut screen = Screen::new(&mut out, &mut notices);
        let user = Body::User { id: "m".into(), text: "何如".into() };
        screen.show(&Event::Message(Message { seq: 1, turn: 1, at_ms: 0, body: user }), 0).unwrap();
        assert_eq!(screen.turn(), Some(1));
        screen.show(&delta(2, "善"), 0).unwrap();
        assert!(screen.reply_running());
        screen.show(&reply("善", Outcome::Complete, vec![]), 0).unwrap();
        assert_eq!(screen.turn(), None);
    }

    /// Fails if rules that acted are not counted, or the status hides a field.
    #[test]
    fn the_status_counts_the_rules_that_acted() {
        let hit = |rule: &str| Hit { rule: rule.into(), action: "truncate".into(), message: "cut".into() };
        let (mut out, mut notices) = (Vec::new(), Vec::new());
        let mut screen = Screen::new(&mut out, &mut notices);
        for _ in 0..2 {
            screen.show(&reply("", Outcome::Repaired, vec![hit("brief"), hit("calm")]), 0).unwrap();
        }
        let rtt = Some(Duration::from_millis(7));
        screen.status(&Status { state: State::Active, rtt, last_seq: 12, epoch: 3, unaccepted: 1 }).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "connected · rtt 7 ms · seq 12 · epoch 3 · waiting to be accepted 1\n\
             rules that acted so far: 4\n  brief: truncate × 2\n  calm: truncate × 2\n"
        );
        assert_eq!(String::from_utf8(notices).unwrap().lines().count(), 4);
    }
}
