//! The state as it is stored with its session.

use prost::Message as _;

use super::entities;
use super::stance::Stance;
use super::state::{MAX_BYTES, MAX_ENTITIES, MAX_POINTS, MAX_REPLIES, State};

/// The reading that made a state. A state of another one is not used: it is made anew from the dialogue.
const READING: u32 = 1;

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Snapshot {
    #[prost(uint32, tag = "1")]
    reading: u32,
    /// Replies before those that are kept.
    #[prost(uint64, tag = "2")]
    pub(super) forgotten: u64,
    /// Oldest first.
    #[prost(message, repeated, tag = "3")]
    pub(super) replies: Vec<Reply>,
    /// The one spoken of last is the last.
    #[prost(message, repeated, tag = "4")]
    pub(super) entities: Vec<Entity>,
    #[prost(message, optional, tag = "5")]
    pub(super) focus: Option<Focus>,
}

/// What is kept of a reply.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Reply {
    /// Its points were told as such; without, they are its sentences.
    #[prost(bool, tag = "1")]
    pub(super) listed: bool,
    #[prost(message, repeated, tag = "2")]
    pub(super) points: Vec<Point>,
    /// There were more points.
    #[prost(bool, tag = "3")]
    pub(super) cut: bool,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Point {
    /// The number that it bears, which need not be its place: lists go on over replies.
    #[prost(uint32, tag = "1")]
    pub(super) label: u32,
    #[prost(string, tag = "2")]
    pub(super) text: String,
    /// It was longer.
    #[prost(bool, tag = "3")]
    pub(super) cut: bool,
}

/// Something that was spoken of. Replies are numbered from 1; 0 is none.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Entity {
    /// As it was first written.
    #[prost(string, tag = "1")]
    pub(super) name: String,
    /// A name, and not just a word that both sides used.
    #[prost(bool, tag = "2")]
    pub(super) named: bool,
    /// The last turn in which anybody spoke of it.
    #[prost(uint64, tag = "3")]
    pub(super) met_in: u64,
    /// The last reply that speaks of it, and its last sentence that does.
    #[prost(uint64, tag = "4")]
    pub(super) said_in: u64,
    #[prost(string, tag = "5")]
    pub(super) said: String,
    /// How the role stood to it last, and the sentence that says so.
    #[prost(enumeration = "Held", tag = "6")]
    held: i32,
    #[prost(uint64, tag = "7")]
    held_in: u64,
    #[prost(string, tag = "8")]
    held_said: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
enum Held {
    Nothing = 0,
    For = 1,
    Against = 2,
    Neutral = 3,
}

/// The point last referred to.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Focus {
    #[prost(uint64, tag = "1")]
    pub(super) reply: u64,
    /// Its place, from 1.
    #[prost(uint32, tag = "2")]
    pub(super) point: u32,
}

impl Snapshot {
    /// Of a dialogue whose first replies are not at hand.
    pub(super) fn behind(forgotten: u64) -> Self {
        Self { reading: READING, forgotten, ..Self::default() }
    }
}

impl State {
    /// The state as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Snapshot { reading: READING, ..self.0.clone() }.encode_to_vec()
    }

    /// Reads a state back; `None` when the bytes are none, or of a reading that is not this one, so that
    /// it must be made from the dialogue again.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        Snapshot::decode(bytes).ok().and_then(Self::restore)
    }

    fn restore(snapshot: Snapshot) -> Option<Self> {
        let state = Self(snapshot);
        // No dialogue is that long; counting on from there must not overflow.
        let counts = state.0.forgotten < 1 << 48
            && state.0.replies.len() <= MAX_REPLIES
            && state.0.entities.len() <= MAX_ENTITIES
            && state.0.replies.iter().all(|reply| reply.points.len() <= MAX_POINTS);
        (state.0.reading == READING && counts && state.bytes() <= MAX_BYTES).then_some(state)
    }
}

impl Reply {
    pub(super) fn bytes(&self) -> usize {
        self.points.iter().map(|point| point.text.len()).sum()
    }

    /// The places of the points that bear a number.
    pub(super) fn places(&self, label: u32) -> Vec<usize> {
        let labelled = self.points.iter().zip(1..).filter(|(point, _)| point.label == label);
        labelled.map(|(_, place)| place).collect()
    }

    /// Whether there is more than one list, so that a number may mean either.
    pub(super) fn is_split(&self) -> bool {
        !self.points.is_sorted_by(|a, b| a.label < b.label)
    }
}

impl Entity {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// The name as names are compared.
    pub(super) fn key(&self) -> String {
        entities::fold(&self.name)
    }

    pub(super) fn bytes(&self) -> usize {
        self.name.len() + self.said.len() + self.held_said.len()
    }

    /// How the role stood to it last, in which reply and in which words.
    pub(super) fn view(&self) -> Option<(Stance, u64, &str)> {
        let stance = match self.held() {
            Held::Nothing => return None,
            Held::For => Stance::For,
            Held::Against => Stance::Against,
            Held::Neutral => Stance::Neutral,
        };
        Some((stance, self.held_in, &self.held_said))
    }

    pub(super) fn hold(&mut self, stance: Stance, reply: u64, said: &str) {
        let held = match stance {
            Stance::For => Held::For,
            Stance::Against => Held::Against,
            Stance::Neutral => Held::Neutral,
        };
        self.held = held as i32;
        self.held_in = reply;
        said.clone_into(&mut self.held_said);
    }
}
