//! The state of one dialogue, and what each turn changes in it.

use rolecall_dsl::contract;

use super::reference::{Target, resolve};
use super::snapshot::{Entity, Focus, Point, Reply, Snapshot};
use super::{entities, points, stance};

/// Replies whose points are kept; the oldest goes first.
pub const MAX_REPLIES: usize = 20;
/// Points of one reply; what stands behind them cannot be referred to, and is told to be missing.
pub const MAX_POINTS: usize = 32;
/// Bytes of one point; a longer one is kept up to there, and quoted as a beginning.
pub const MAX_POINT_BYTES: usize = 480;
/// Things spoken of; the one that was not spoken of for longest goes first.
pub const MAX_ENTITIES: usize = 32;
/// Bytes of the sentence in which a thing was spoken of; a longer one is kept up to there.
pub const MAX_SAID_BYTES: usize = 240;
/// Bytes of all texts together. The oldest reply goes first, down to the latest, then the things not
/// spoken of for longest.
pub const MAX_BYTES: usize = 16 << 10;
/// Bytes of a line that are read; what a longer one says behind them is not kept.
pub const MAX_READ_BYTES: usize = 64 << 10;

/// Sentences of one reply that are read for stances: its last ones that name a thing spoken of. Those
/// before them are kept as what was said of a thing, but not as how the role stood to it.
const MAX_STANCE_SENTENCES: usize = 64;

/// What a contract wants to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// The points of replies.
    pub points: bool,
    /// The things spoken of.
    pub entities: bool,
}

impl Keep {
    /// Nothing at all.
    pub const NOTHING: Self = Self { points: false, entities: false };

    /// What a contract wants: nothing for a role that is not stateful.
    #[must_use]
    pub fn of(contract: &contract::Contract) -> Self {
        let contract::State { points, entities, .. } = contract.state;
        if contract.stateful { Self { points, entities } } else { Self::NOTHING }
    }
}

/// What is remembered of a dialogue. Bounded, whatever is said; a turn costs as much as its own text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State(pub(super) Snapshot);

impl State {
    /// The state of a dialogue whose first `forgotten` replies are not at hand, from its turns: what the
    /// user said and what the role answered.
    #[must_use]
    pub fn of<'t>(forgotten: u64, turns: impl IntoIterator<Item = (&'t str, &'t str)>, keep: Keep) -> Self {
        let mut state = Self(Snapshot::behind(forgotten));
        for (user, reply) in turns {
            state.push(user, reply, keep);
        }
        state
    }

    /// Takes in a turn that is over.
    pub fn push(&mut self, user: &str, reply: &str, keep: Keep) {
        self.keep(keep);
        let (user, reply) = (beginning(user, MAX_READ_BYTES), beginning(reply, MAX_READ_BYTES));
        self.refocus(user, keep);
        let number = self.replies().saturating_add(1);
        if keep.points {
            let kept = read_points(reply);
            if kept.listed {
                self.0.focus = None;
            }
            self.0.replies.push(kept);
        } else {
            self.0.forgotten = self.0.forgotten.saturating_add(1);
        }
        if keep.entities {
            self.meet(user, reply, number);
        }
        self.bound();
    }

    /// How many replies there were, those that are not kept any more included.
    #[must_use]
    pub fn replies(&self) -> u64 {
        self.0.forgotten.saturating_add(self.0.replies.len() as u64)
    }

    /// The texts of a reply's points, if it is kept; replies count from 1.
    #[must_use]
    pub fn points(&self, reply: u64) -> Option<Vec<&str>> {
        Some(self.reply(reply)?.points.iter().map(|point| point.text.as_str()).collect())
    }

    /// Bytes of all texts that are kept.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let replies = self.0.replies.iter().map(Reply::bytes).sum::<usize>();
        replies + self.0.entities.iter().map(Entity::bytes).sum::<usize>()
    }

    pub(super) fn reply(&self, number: u64) -> Option<&Reply> {
        let index = number.checked_sub(self.0.forgotten)?.checked_sub(1)?;
        self.0.replies.get(usize::try_from(index).ok()?)
    }

    /// The replies that are kept with their numbers, the latest first.
    pub(super) fn latest_first(&self) -> impl Iterator<Item = (u64, &Reply)> {
        let numbers = self.0.forgotten.saturating_add(1)..;
        let numbered: Vec<_> = numbers.zip(&self.0.replies).collect();
        numbered.into_iter().rev()
    }

    /// What the contract does not want any more goes.
    fn keep(&mut self, keep: Keep) {
        if !keep.points {
            self.0.forgotten = self.replies();
            self.0.replies.clear();
            self.0.focus = None;
        }
        if !keep.entities {
            self.0.entities.clear();
        }
    }

    /// The point that the user speaks of stays in focus, so that "the next one" is found.
    fn refocus(&mut self, user: &str, keep: Keep) {
        let named: Vec<_> = resolve(user, self, keep)
            .into_iter()
            .filter_map(|reference| match reference.target {
                Target::Points { reply, points } => Some((reply, points)),
                _ => None,
            })
            .collect();
        if let [(reply, points)] = named.as_slice()
            && let [point] = points.as_slice()
        {
            self.0.focus = Some(Focus { reply: *reply, point: u32::try_from(*point).unwrap_or(u32::MAX) });
        }
    }

    /// Notes what both sides spoke of, and how the role stood to it.
    fn meet(&mut self, user: &str, reply: &str, number: u64) {
        let shared = entities::shared(user, reply);
        let mut keys: Vec<String> = self.0.entities.iter().map(Entity::key).collect();
        for (text, named) in [(user, true), (reply, true)] {
            for name in entities::names(text, |name| keys.contains(&entities::fold(name))) {
                self.know(&name, named, number, &mut keys);
            }
        }
        for name in shared {
            self.know(&name, false, number, &mut keys);
        }
        self.hear(reply, number, &keys);
    }

    /// Notes what a reply says of the things spoken of, whose folded names are `keys`, in their order.
    fn hear(&mut self, reply: &str, number: u64, keys: &[String]) {
        let folded =
            points::sentences(reply).into_iter().map(|(text, question)| (text, question, entities::fold(text)));
        let about = |folded: &str| keys.iter().any(|key| entities::mentions(folded, key));
        let sentences: Vec<(&str, bool, String)> = folded.filter(|(_, _, folded)| about(folded)).collect();
        let unread = sentences.len().saturating_sub(MAX_STANCE_SENTENCES);
        for (at, (sentence, question, folded)) in sentences.iter().enumerate() {
            let read = !*question && at >= unread;
            let clauses = if read { stance::Clauses::of(folded, keys) } else { stance::Clauses::default() };
            let said = beginning(sentence, MAX_SAID_BYTES);
            for (entity, key) in self.0.entities.iter_mut().zip(keys) {
                if !entities::mentions(folded, key) {
                    continue;
                }
                entity.said = said.to_owned();
                entity.said_in = number;
                if let Some(view) = clauses.stance(key, keys) {
                    entity.hold(view, number, said);
                }
            }
        }
    }

    /// Notes that something was spoken of, as the latest thing. `keys` are the folded names of the things
    /// spoken of, in their order, and stay so.
    fn know(&mut self, name: &str, named: bool, number: u64, keys: &mut Vec<String>) {
        let key = entities::fold(name);
        let at = keys.iter().position(|known| *known == key);
        let mut entity = at.map_or_else(|| Entity::new(name), |at| self.0.entities.remove(at));
        if let Some(at) = at {
            keys.remove(at);
        }
        entity.named |= named;
        entity.met_in = number;
        self.0.entities.push(entity);
        keys.push(key);
        let surplus = self.0.entities.len().saturating_sub(MAX_ENTITIES);
        self.0.entities.drain(..surplus);
        keys.drain(..surplus);
    }

    fn bound(&mut self) {
        while self.0.replies.len() > MAX_REPLIES || (self.bytes() > MAX_BYTES && self.0.replies.len() > 1) {
            self.0.replies.remove(0);
            self.0.forgotten = self.0.forgotten.saturating_add(1);
        }
        while self.bytes() > MAX_BYTES && !self.0.entities.is_empty() {
            self.0.entities.remove(0);
        }
        let forgotten = self.0.forgotten;
        self.0.focus = self.0.focus.take().filter(|focus| focus.reply > forgotten);
    }
}

fn read_points(reply: &str) -> Reply {
    let found = points::points(reply);
    let cut = found.items.len() > MAX_POINTS || reply.len() >= MAX_READ_BYTES - 3;
    let points = found.items.into_iter().take(MAX_POINTS).map(|item| {
        let text = beginning(item.text, MAX_POINT_BYTES);
        Point { label: item.label, text: text.to_owned(), cut: text.len() < item.text.len() }
    });
    Reply { listed: found.listed, points: points.collect(), cut }
}

/// The first bytes of a text, whole characters only.
pub(super) fn beginning(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}
