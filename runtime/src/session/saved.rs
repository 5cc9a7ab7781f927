//! What a session remembers between commits, as the store keeps it.

use prost::Message as _;
use rolecall_wire::heartbeat::Learned;

use super::error::SessionError;
use super::forks::Fork;
use super::job_mark::JobMark;
use super::places::Attempt;
use super::spoken::Spoken;
use super::turn::{Line, Speaker};
use crate::dialogue::{self, Keep};
use crate::ids::{Seq, SessionId, TokenGeneration};
use crate::store::StoreError;

/// Answers remembered, so that a repeated send gets its first answer.
pub(super) const ANSWERS: usize = 256;
/// Lines of dialogue kept for stateful roles: 20 turns.
const HISTORY_LINES: usize = 40;
/// Bytes of dialogue kept; the oldest lines go first.
const HISTORY_BYTES: usize = 32 * 1_024;
/// Version of the encoding: the first byte.
const VERSION: u8 = 1;

/// A session's durable state. The log has the words; this has what they do not say.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Saved {
    /// The number of the last turn.
    #[prost(uint64, tag = "1")]
    pub(super) turn: u64,
    /// The number of the last client send that was accepted. Refused ones use up no number.
    #[prost(uint64, tag = "2")]
    pub(super) client_seq: u64,
    /// The last sends, the last of them being `client_seq`.
    #[prost(message, repeated, tag = "3")]
    accepted: Vec<Accepted>,
    /// The turn that is being answered.
    #[prost(message, optional, tag = "4")]
    pub(super) running: Option<Waiting>,
    /// Turns that wait for it, in order.
    #[prost(message, repeated, tag = "5")]
    pub(super) queue: Vec<Waiting>,
    /// The dialogue so far, oldest first.
    #[prost(message, repeated, tag = "6")]
    history: Vec<Said>,
    /// Where the last epochs began, in order. Written before the store begins one: what is above its epoch never was.
    #[prost(message, repeated, tag = "7")]
    pub(super) forks: Vec<Fork>,
    /// What is remembered of the dialogue, as it encodes itself; nothing for roles that keep none.
    #[prost(bytes = "vec", tag = "8")]
    dialogue: Vec<u8>,
    /// What its connections have learned of their links, as JSON; nothing where they learn nothing.
    #[prost(string, tag = "9")]
    learned: String,
    /// The highest generation of the tokens that connections were opened with.
    #[prost(uint32, tag = "10")]
    token_generation: TokenGeneration,
    /// The last attempt to connect that was let in: of which run of a client (0 for unnumbered ones), and which one.
    #[prost(uint64, tag = "11")]
    instance: u64,
    #[prost(uint32, tag = "12")]
    attempt: u32,
    /// The line of copies that the store's data was in when this was written; nothing where the store loses nothing.
    #[prost(string, tag = "13")]
    lineage: String,
    /// The last jobs that were answered or cancelled, so that one that is taken again is skipped.
    #[prost(message, repeated, tag = "14")]
    pub(super) jobs: Vec<JobMark>,
    /// What the running reply had said when it was saved last; nothing while the log has all of it.
    #[prost(message, optional, tag = "17")]
    pub(super) spoken: Option<Spoken>,
    /// Everything up to here was acknowledged, as far as was known when something else changed.
    #[prost(uint64, tag = "18")]
    pub(super) acknowledged: Seq,
}

/// The one part of it that reading the log needs; the rest is passed over.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Admission {
    #[prost(uint32, tag = "10")]
    token_generation: TokenGeneration,
}

/// Refuses a token of a lower generation than one that was used.
///
/// # Errors
/// [`SessionError::Replayed`].
pub(super) fn admit(used: TokenGeneration, presented: TokenGeneration) -> Result<(), SessionError> {
    if presented < used { Err(SessionError::Replayed { presented, used }) } else { Ok(()) }
}

/// A turn to be answered.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Waiting {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub(super) turn: u64,
    /// Where the user's message is in the log; the reply is behind it.
    #[prost(uint64, tag = "2")]
    pub(super) seq: Seq,
    /// What the user said.
    #[prost(string, tag = "3")]
    pub(super) text: String,
    /// The job that it answers; the log has nothing of it before its reply is whole.
    #[prost(message, optional, tag = "4")]
    pub(super) job: Option<JobMark>,
}

/// A send that was accepted.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Accepted {
    /// The client's id of it.
    #[prost(string, tag = "1")]
    pub(super) id: String,
    /// The place of the committed message.
    #[prost(uint64, tag = "2")]
    pub(super) seq: Seq,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Said {
    #[prost(bool, tag = "1")]
    by_role: bool,
    #[prost(string, tag = "2")]
    text: String,
}

/// What is known about a client's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// It is the next one.
    Next,
    /// Numbers before it are missing.
    Gap,
    /// It was accepted; the id tells whether for the same message.
    Accepted(Accepted),
    /// It was accepted too long ago to tell where it is.
    Forgotten,
}

impl Saved {
    /// Reads what the store has; nothing at all is a new session.
    pub(super) fn decode_stored(bytes: &[u8], id: &SessionId) -> Result<Self, StoreError> {
        decode(bytes, id)
    }

    /// The highest generation that was used, of what the store has.
    pub(super) fn stored_generation(bytes: &[u8], id: &SessionId) -> Result<TokenGeneration, StoreError> {
        decode::<Admission>(bytes, id).map(|admission| admission.token_generation)
    }

    /// The highest generation of the tokens that connections were opened with.
    pub(super) fn token_generation(&self) -> TokenGeneration {
        self.token_generation
    }

    /// A connection is opened with a token of this generation. Says whether that is new.
    pub(super) fn use_token(&mut self, generation: TokenGeneration) -> bool {
        let newer = generation > self.token_generation;
        self.token_generation = self.token_generation.max(generation);
        newer
    }

    /// The last attempt to connect that was let in.
    pub(super) fn latest(&self) -> Option<Attempt> {
        (self.instance != 0).then_some(Attempt { instance: self.instance, attempt: self.attempt })
    }

    /// A connection is let in.
    pub(super) fn let_in(&mut self, attempt: Option<Attempt>) {
        (self.instance, self.attempt) = attempt.map_or((0, 0), |attempt| (attempt.instance, attempt.attempt));
    }

    /// What the store gets.
    pub(super) fn encode_stored(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded_len().saturating_add(1));
        out.push(VERSION);
        // A vector grows, so this cannot fail.
        let _ = self.encode(&mut out);
        out
    }

    /// What connections have learned. What cannot be read is learned again: it decides how often is asked, and
    /// nothing that a user sees.
    pub(super) fn learned(&self) -> Learned {
        serde_json::from_str(&self.learned).unwrap_or_default()
    }

    /// Remembers what they have learned.
    pub(super) fn learn(&mut self, learned: &Learned) {
        let nothing = *learned == Learned::default();
        self.learned = if nothing { String::new() } else { serde_json::to_string(learned).unwrap_or_default() };
    }

    /// What is known about a client's number.
    pub(super) fn known(&self, client_seq: u64) -> Known {
        let next = self.client_seq.saturating_add(1);
        if client_seq >= next {
            return if client_seq == next { Known::Next } else { Known::Gap };
        }
        let back = usize::try_from(self.client_seq.saturating_sub(client_seq)).unwrap_or(usize::MAX);
        self.accepted.iter().rev().nth(back).cloned().map_or(Known::Forgotten, Known::Accepted)
    }

    /// Remembers that the next send was accepted.
    pub(super) fn accept(&mut self, id: String, seq: Seq) {
        self.client_seq = self.client_seq.saturating_add(1);
        self.accepted.push(Accepted { id, seq });
        drop_front(&mut self.accepted, ANSWERS);
    }

    /// The line of copies that the store's data was in when this was written.
    pub(super) fn lineage(&self) -> &str {
        &self.lineage
    }

    /// Notes where the store's data is now. Only for who knows that nothing is lost behind its back.
    pub(super) fn set_lineage(&mut self, lineage: &str) {
        if self.lineage != lineage {
            lineage.clone_into(&mut self.lineage);
        }
    }

    /// Remembers what was said in the turn that is over.
    pub(super) fn remember(&mut self, user: String, role: String, keep: Keep) {
        self.dialogue = if keep == Keep::NOTHING {
            Vec::new()
        } else {
            let mut state = self.dialogue().unwrap_or_else(|| self.reread(keep));
            state.push(&user, &role, keep);
            state.encode()
        };
        self.history.push(Said { by_role: false, text: user });
        self.history.push(Said { by_role: true, text: role });
        let mut bytes = 0usize;
        let fitting = self.history.iter().rev().take_while(|said| {
            bytes = bytes.saturating_add(said.text.len());
            bytes <= HISTORY_BYTES
        });
        // Whole turns only: a dialogue begins with the user.
        let lines = fitting.count().min(HISTORY_LINES);
        drop_front(&mut self.history, lines - lines % 2);
    }

    /// What is remembered of the dialogue; `None` when nothing is, or only in the lines, as an earlier
    /// release left it.
    pub(super) fn dialogue(&self) -> Option<dialogue::State> {
        if self.dialogue.is_empty() { None } else { dialogue::State::decode(&self.dialogue) }
    }

    /// What there is to remember of the lines that are kept, before the turn that is over.
    fn reread(&self, keep: Keep) -> dialogue::State {
        let mut lines = self.history.as_chunks::<2>().0.iter();
        let turns = std::iter::from_fn(|| lines.next().map(|[user, role]| (user.text.as_str(), role.text.as_str())));
        // Turns without a reply count as well: then it is only not known which reply was the first.
        let answered = self.turn.saturating_sub(self.queue.len() as u64 + 1);
        dialogue::State::of(answered.saturating_sub(self.history.len() as u64 / 2), turns, keep)
    }

    /// The dialogue so far.
    pub(super) fn history(&self) -> Vec<Line> {
        let speaker = |said: &Said| if said.by_role { Speaker::Role } else { Speaker::User };
        let line = |said: &Said| Line::said(speaker(said), said.text.clone());
        self.history.iter().map(line).collect()
    }
}

pub(super) fn decode<T: prost::Message + Default>(bytes: &[u8], id: &SessionId) -> Result<T, StoreError> {
    let damaged = |detail: String| StoreError::Corrupt { what: format!("the state of session {id}"), detail };
    match bytes.split_first() {
        None => Ok(T::default()),
        Some((&VERSION, rest)) => T::decode(rest).map_err(|error| damaged(error.to_string())),
        Some((other, _)) => Err(damaged(format!("format {other} is not known; it may be of a newer release"))),
    }
}

pub(super) fn drop_front<T>(items: &mut Vec<T>, kept: usize) {
    let surplus = items.len().saturating_sub(kept);
    items.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a field is not stored, or an unknown format is read as an empty session.
    #[test]
    fn survives_the_store() {
        let id = SessionId::random().unwrap();
        let mut saved = Saved { turn: 7, acknowledged: 9, ..Saved::default() };
        saved.running = Some(Waiting { turn: 7, seq: 12, text: "问".into(), job: None });
        let job = JobMark { id: "report".into(), created_ms: u64::MAX, cancelled: false, reply: 0 };
        saved.queue.push(Waiting { turn: 8, seq: 13, text: "再问".into(), job: Some(job.clone()) });
        saved.mark_job(JobMark { cancelled: true, ..job.clone() });
        assert!(saved.job_mark(&job).is_some_and(|mark| mark.cancelled));
        assert!(saved.job_mark(&JobMark { created_ms: 1, ..job }).is_none(), "another one of the same name");
        saved.accept("a".into(), 12);
        assert!(saved.use_token(3) && !saved.use_token(2));
        saved.let_in(Some(Attempt { instance: u64::MAX, attempt: 9 }));
        assert!(saved.latest().is_some_and(|latest| (latest.instance, latest.attempt) == (u64::MAX, 9)));
        saved.remember("你好".into(), "何以教我？".into(), Keep::NOTHING);
        let learned: Learned = serde_json::from_str(r#"{"3g": {"interval_ms": 20000, "proven_ms": 20000}}"#).unwrap();
        assert_ne!(learned, Learned::default());
        saved.learn(&learned);
        assert_eq!(saved.learned(), learned);
        let stored = saved.encode_stored();
        assert_eq!(Saved::decode_stored(&stored, &id).unwrap(), saved);
        assert_eq!(Saved::stored_generation(&stored, &id).unwrap(), 3);
        assert_eq!(Saved::stored_generation(&[], &id).unwrap(), 0);
        assert_eq!(Saved::decode_stored(&[], &id).unwrap(), Saved::default());
        // What was learned decides how often is asked, and nothing else.
        assert_eq!(Saved { learned: "{".into(), ..Saved::default() }.learned(), Learned::default());
        for damaged in [&[9][..], &[VERSION, 0xff, 0xff]] {
            assert!(matches!(Saved::decode_stored(damaged, &id), Err(StoreError::Corrupt { .. })));
            assert!(matches!(Saved::stored_generation(damaged, &id), Err(StoreError::Corrupt { .. })));
        }
    }

    // Fails when a repeat is taken for a new message, or gets another message's answer.
    #[test]
    fn tells_repeats_apart() {
        let mut saved = Saved::default();
        for n in 1..=300u64 {
            assert_eq!(saved.known(n), Known::Next);
            saved.accept(format!("id{n}"), n * 2);
        }
        assert_eq!(saved.known(302), Known::Gap);
        for n in [300, 170, 45] {
            assert_eq!(saved.known(n), Known::Accepted(Accepted { id: format!("id{n}"), seq: n * 2 }));
        }
        assert_eq!(saved.known(44), Known::Forgotten);
        assert_eq!(saved.known(0), Known::Forgotten);
    }

    // Fails when the state grows with the dialogue, or a reply is kept without its question.
    #[test]
    fn bounds_the_dialogue_in_turns_and_bytes() {
        let mut saved = Saved::default();
        for n in 0..50 {
            saved.remember(format!("q{n}"), format!("a{n}"), Keep::NOTHING);
        }
        assert_eq!(saved.history().len(), HISTORY_LINES);
        assert_eq!(saved.history()[0], Line::said(Speaker::User, "q30"));
        saved.remember("长".repeat(4_000), "答".repeat(4_000), Keep::NOTHING);
        saved.remember("长".repeat(4_000), "短".into(), Keep::NOTHING);
        assert_eq!(saved.history().len() % 2, 0);
        assert!(saved.history().iter().map(|line| line.text.len()).sum::<usize>() <= HISTORY_BYTES);
        saved.remember("too long".repeat(9_000), "x".into(), Keep::NOTHING);
        assert!(saved.history().is_empty());
    }

    // Fails when a state that is missing, damaged or of another reading is not made anew from the lines,
    // when a restart changes it, or when a role that keeps nothing leaves something behind.
    #[test]
    fn remembers_the_dialogue_over_restarts_and_releases() {
        let keep = Keep { points: true, entities: true };
        let id = SessionId::random().unwrap();
        let mut saved = Saved { turn: 1, ..Saved::default() };
        saved.remember("给三个建议".into(), "1. 早睡\n2. 早起\n3. 喝水".into(), keep);
        let state = saved.dialogue().unwrap();
        assert_eq!(state.points(1).unwrap(), ["早睡", "早起", "喝水"]);
        assert_eq!(Saved::decode_stored(&saved.encode_stored(), &id).unwrap().dialogue(), Some(state));
        for dialogue in [Vec::new(), b"damaged".to_vec()] {
            let mut old = Saved { turn: 2, dialogue, ..saved.clone() };
            assert_eq!(old.dialogue(), None);
            old.remember("谢谢".into(), "不客气。".into(), keep);
            let mut new = Saved { turn: 2, ..saved.clone() };
            new.remember("谢谢".into(), "不客气。".into(), keep);
            assert_eq!(old.dialogue(), new.dialogue());
        }
        saved.remember("好".into(), "好。".into(), Keep::NOTHING);
        assert_eq!((saved.dialogue(), saved.dialogue.len()), (None, 0));
    }
}
