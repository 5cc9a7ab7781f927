//! What is stored under which key.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `{sid}:state` | hash | what the session was created with, its position, the actor's state |
//! | `{sid}:log` | stream | entries; the id of an entry is `<seq>-0`, so Redis itself takes no id twice |
//! | `{sid}:in` | stream | waiting items in order of arrival |
//! | `{sid}:waits` | hash | `biz_id` of a waiting item → its expiry and its id in `{sid}:in` |
//! | `{sid}:due` | sorted set | expiry and `biz_id` of waiting items, in that order |
//! | `{sid}:done` | hash | `biz_id` of a delivered item → its sequence id, and when |
//! | `{sid}:aged` | sorted set | delivered `biz_id`s by when, so that the oldest go first |
//! | `{node:NAME}:lease` | string | which process of the node lives; expires, see [`nodes`](super::nodes) |
//! | `{node:NAME}:contact` | string | how that process is reached by the others, and with which key; expires |
//! | `{node:NAME}:bell:PROCESS` | list | what that process is to be told |
//! | `{running:N}` | hash | session → mark: sessions that may have an unfinished reply, see [`running`](super::running) |
//! | `{jobs}:…` | | the inference queue, see `scripts/jobs/common.lua`: in one slot, since one order goes through all of it |
//! | `{settle}` | string | what is written to learn how far writes are durable, see [`settling`](super::settling); `{settle:N}` on a node of a cluster |
//!
//! All keys begin with the prefix of the settings. What is in braces decides the slot of a cluster: a session's keys
//! share one, so one script may touch them all. Deliveries are a hash with an order beside it instead of keys that expire
//! one by one, because their number is bounded per session, and because the writer's clock decides when they are forgotten.
//!
//! No consumer group reads `{sid}:in`. A group shares a stream among consumers, and remembers for each what it has taken and not
//! settled; the one consumer of an inbox is whoever owns the session, and its claim says so (`scripts/claim.lua`). So the claim
//! and its fence do what XREADGROUP and XAUTOCLAIM would: the owner reads, and what a dead one left waiting is the next
//! owner's. What XACK would do is part of the step that says the messages (`scripts/commit.lua`): one script looks at fence and
//! head, marks the ids as delivered, takes them out and appends. An acknowledgement beside it could be lost between the two.
//!
//! The end of all keys of a session is moved by each step that uses it (`scripts/common.lua`); an unfinished reply takes it away. The
//! session's format is raised by the first write of a release with another one, so that an earlier release refuses it.
//!
//! Integers in values are decimal, of 20 digits where scripts compare them.

use crate::ids::SessionId;
use crate::store::Node;

/// Parts of the list of unfinished replies.
pub(super) const RUNNING_PARTS: u32 = 16;

/// Makes keys.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: Box<str>,
    node: Node,
}

impl Keys {
    pub(super) fn new(prefix: &str, node: Node) -> Self {
        Self { prefix: prefix.into(), node }
    }

    /// What all of them begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What a connection is called: by it, the server's list of connections shows whose it is.
    pub(super) fn connection_name(&self) -> String {
        format!("rolecall:{}{}", self.prefix, self.node)
    }

    /// This process.
    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    pub(super) fn lease(&self, node: &Node) -> String {
        format!("{}{{node:{}}}:lease", self.prefix, node.name())
    }

    pub(super) fn contact(&self, node: &Node) -> String {
        format!("{}{{node:{}}}:contact", self.prefix, node.name())
    }

    pub(super) fn bell(&self, node: &Node) -> String {
        format!("{}{{node:{}}}:bell:{}", self.prefix, node.name(), node.incarnation())
    }

    pub(super) fn state(&self, id: &SessionId) -> String {
        self.of(id, "state")
    }

    pub(super) fn log(&self, id: &SessionId) -> String {
        self.of(id, "log")
    }

    pub(super) fn inbox(&self, id: &SessionId) -> String {
        self.of(id, "in")
    }

    pub(super) fn waits(&self, id: &SessionId) -> String {
        self.of(id, "waits")
    }

    pub(super) fn due(&self, id: &SessionId) -> String {
        self.of(id, "due")
    }

    pub(super) fn done(&self, id: &SessionId) -> String {
        self.of(id, "done")
    }

    pub(super) fn aged(&self, id: &SessionId) -> String {
        self.of(id, "aged")
    }

    /// The part of the list of unfinished replies that a session belongs to.
    pub(super) fn part_of(id: &SessionId) -> u32 {
        let sum = id.as_str().bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
        sum % RUNNING_PARTS
    }

    /// Its key.
    pub(super) fn running_of(&self, id: &SessionId) -> String {
        self.running(Self::part_of(id))
    }

    /// A part of the list of unfinished replies.
    pub(super) fn running(&self, part: u32) -> String {
        format!("{}{{running:{part}}}", self.prefix)
    }

    /// All of the inference queue, in the order in which its scripts take them.
    pub(super) fn jobs(&self) -> [String; 12] {
        ["job", "text", "line", "taken", "place", "lapses", "ready", "later", "pending", "dead", "ended", "count"]
            .map(|what| format!("{}{{jobs}}:{what}", self.prefix))
    }

    pub(super) fn settle(&self) -> String {
        self.settle_by("settle")
    }

    /// The same with what decides its slot.
    pub(super) fn settle_by(&self, tag: &str) -> String {
        format!("{}{{{tag}}}", self.prefix)
    }

    /// All of a session, in the order in which a step takes them.
    pub(super) fn all(&self, id: &SessionId) -> [String; 7] {
        [self.state(id), self.log(id), self.inbox(id), self.waits(id), self.due(id), self.done(id), self.aged(id)]
    }

    fn of(&self, id: &SessionId, what: &str) -> String {
        format!("{}{{{id}}}:{what}", self.prefix)
    }
}

/// A number of 20 digits, which compares as text like the number.
pub(super) fn padded(number: u64) -> String {
    format!("{number:020}")
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when keys of one session fall into two slots, two prefixes meet, or one session's keys are another's.
    #[test]
    fn a_session_has_one_slot() {
        let node = Node::begin("a").unwrap();
        let keys = Keys::new("rolecall:", node.clone());
        let id = SessionId::random().unwrap();
        for key in keys.all(&id) {
            assert!(key.starts_with(&format!("rolecall:{{{id}}}:")), "{key}");
            assert_ne!(key, Keys::new("other:", node.clone()).state(&id));
        }
        assert!(keys.running_of(&id).starts_with("rolecall:{running:"));
        // So does a node have one.
        assert_eq!(keys.lease(&node), "rolecall:{node:a}:lease");
        assert!(keys.bell(&node).starts_with("rolecall:{node:a}:bell:"));
        assert_ne!(keys.bell(&node), keys.bell(&Node::begin("a").unwrap()));
    }

    // Fails when numbers of 64 bits are cut or compare otherwise as text.
    #[test]
    fn padded_numbers_compare_as_numbers() {
        let numbers = [0, 9, 10, 1 << 53, u64::MAX - 1, u64::MAX];
        assert!(numbers.windows(2).all(|pair| padded(pair[0]) < padded(pair[1])));
        assert_eq!(padded(u64::MAX), "18446744073709551615");
    }
}
