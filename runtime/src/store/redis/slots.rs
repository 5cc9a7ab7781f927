//! Which node of a cluster serves which key.

use std::fmt;

use redis::Value;

/// Slots of a cluster.
pub(super) const SLOTS: u16 = 16_384;
/// Most nodes of which a map tells: more than a cluster has.
const NODES: usize = 10_000;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
}

/// Which node serves which slot, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SlotMap {
    nodes: Vec<Endpoint>,
    /// How many slots each of them serves.
    counts: Vec<u32>,
    /// Places in `nodes`, one for each slot.
    owners: Vec<Option<u16>>,
    replicas: Vec<Endpoint>,
}

/// The slot of a key: of what is in its first braces, if that is something.
pub(super) fn slot(key: &str) -> u16 {
    let inside = |rest: &str| rest.split_once('}').map(|(tag, _)| tag.to_owned()).filter(|tag| !tag.is_empty());
    let tag = key.split_once('{').and_then(|(_, rest)| inside(rest));
    crc16(tag.as_deref().unwrap_or(key).as_bytes()) % SLOTS
}

/// CRC-16/XMODEM, as the cluster specification has it.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0u16, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
            },
        )
    })
}

/// What stands in braces in a key of this slot.
pub(super) fn tag(wanted: u16) -> String {
    // One of 16,384 fits, so a million are enough for every slot; a test tries all of them.
    (0u32..1_000_000).map(|n| format!("settle:{n}")).find(|tag| slot(tag) == wanted).unwrap_or_default()
}

impl Endpoint {
    /// Reads `HOST:PORT`. A server that does not know its own address leaves the host away: it is where it was asked.
    pub(super) fn parse(text: &str, asked: &Self) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = if host.is_empty() || host == "?" { &asked.host } else { host };
        Some(Self { host: host.to_owned(), port: port.parse().ok()? })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl SlotMap {
    /// Knows no node.
    pub(super) fn empty() -> Self {
        Self { nodes: Vec::new(), counts: Vec::new(), owners: vec![None; usize::from(SLOTS)], replicas: Vec::new() }
    }

    /// Reads an answer to `CLUSTER SLOTS`; `None` when it is none.
    pub(super) fn read(answer: &Value, asked: &Endpoint) -> Option<Self> {
        let mut map = Self::empty();
        for range in array(answer)? {
            let [first, last, nodes @ ..] = array(range)? else { return None };
            let (first, last) = (number(first)?, number(last)?);
            let [owner, replicas @ ..] = nodes else { return None };
            let owner = map.place(node(owner, asked)?)?;
            for slot in first..=last {
                map.owners.get(usize::from(slot))?;
                map.give(slot, owner);
            }
            for replica in replicas.iter().filter_map(|replica| node(replica, asked)) {
                if !map.replicas.contains(&replica) {
                    map.replicas.push(replica);
                }
            }
        }
        Some(map)
    }

    /// The node that serves a slot.
    pub(super) fn owner(&self, slot: u16) -> Option<&Endpoint> {
        let place = (*self.owners.get(usize::from(slot))?)?;
        self.nodes.get(usize::from(place))
    }

    /// Notes that a node serves a slot.
    pub(super) fn moved(&mut self, slot: u16, node: Endpoint) {
        if let Some(place) = self.place(node) {
            self.give(slot, place);
        }
    }

    /// The nodes that serve slots.
    pub(super) fn owners(&self) -> impl Iterator<Item = &Endpoint> {
        self.nodes.iter().zip(&self.counts).filter(|(_, count)| **count > 0).map(|(node, _)| node)
    }

    /// The nodes that could take over.
    pub(super) fn replicas(&self) -> &[Endpoint] {
        &self.replicas
    }

    /// A slot that no node serves.
    pub(super) fn uncovered(&self) -> Option<u16> {
        if self.counts.iter().sum::<u32>() == u32::from(SLOTS) {
            return None;
        }
        self.owners.iter().position(Option::is_none).and_then(|slot| u16::try_from(slot).ok())
    }

    /// One of the slots that a node serves; another one for another `turn`, as far as there are.
    pub(super) fn slot_of(&self, node: &Endpoint, turn: usize) -> Option<u16> {
        let place = self.nodes.iter().position(|known| known == node)?;
        let mine = |owner: &Option<u16>| owner.is_some_and(|owner| usize::from(owner) == place);
        let slots: Vec<usize> =
            self.owners.iter().enumerate().filter(|(_, owner)| mine(owner)).map(|(slot, _)| slot).collect();
        let slot = slots.get(turn.wrapping_mul(997).checked_rem(slots.len())?)?;
        u16::try_from(*slot).ok()
    }

    fn give(&mut self, slot: u16, place: u16) {
        let Some(owner) = self.owners.get_mut(usize::from(slot)) else { return };
        let before = owner.replace(place);
        for (place, by) in before.map(|before| (before, -1)).into_iter().chain([(place, 1)]) {
            if let Some(count) = self.counts.get_mut(usize::from(place)) {
                *count = count.saturating_add_signed(by);
            }
        }
    }

    fn place(&mut self, node: Endpoint) -> Option<u16> {
        let known = self.nodes.iter().position(|known| *known == node);
        let place = known.unwrap_or(self.nodes.len());
        if known.is_none() {
            if place >= NODES {
                return None;
            }
            self.nodes.push(node);
            self.counts.push(0);
        }
        u16::try_from(place).ok()
    }
}

fn node(value: &Value, asked: &Endpoint) -> Option<Endpoint> {
    let [host, port, ..] = array(value)? else { return None };
    let host: Option<String> = redis::from_redis_value_ref(host).ok()?;
    let host = host.filter(|host| !host.is_empty() && host != "?").unwrap_or_else(|| asked.host.clone());
    Some(Endpoint { host, port: number(port)? })
}

fn array(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(items) => Some(items),
        _ => None,
    }
}

/// A number. The client would cut it to a smaller type.
fn number(value: &Value) -> Option<u16> {
    let number: i64 = redis::from_redis_value_ref(value).ok()?;
    u16::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SessionId;
    use crate::store::redis::keys::Keys;

    // Fails when a key is looked for in another slot than the one the cluster has it in; the numbers are of the cluster
    // specification and of `CLUSTER KEYSLOT`.
    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        for (key, expected) in [
            ("", 0),
            ("foo", 12_182),
            ("{foo}.bar", 12_182),
            ("a{foo}{x}", 12_182),
            ("foo{}{bar}", 8_363),
            ("{", 4_092),
        ] {
            assert_eq!(slot(key), expected, "{key}");
        }
    }

    // Fails when keys of one session are in two slots.
    #[test]
    fn a_session_has_one_slot() {
        let keys = Keys::new("rolecall:", crate::store::Node::begin("a").unwrap());
        for _ in 0..100 {
            let id = SessionId::random().unwrap();
            let all = keys.all(&id);
            assert!(all.iter().all(|key| slot(key) == slot(id.as_str())), "{all:?}");
        }
    }

    // Fails when a node cannot be written to because no key of its slots is found.
    #[test]
    fn every_slot_has_a_tag() {
        for wanted in (0..SLOTS).step_by(511).chain([SLOTS - 1]) {
            assert_eq!(slot(&tag(wanted)), wanted);
        }
    }

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn range(first: i64, last: i64, nodes: &[(&str, i64)]) -> Value {
        let nodes = nodes.iter().map(|(host, port)| Value::Array(vec![text(host), Value::Int(*port), text("id")]));
        Value::Array([Value::Int(first), Value::Int(last)].into_iter().chain(nodes).collect())
    }

    // Fails when a slot is given to the wrong node, one without an owner to any, or a node is not found that leaves its
    // host away.
    #[test]
    fn maps_are_read() {
        let asked = Endpoint { host: "seed".to_owned(), port: 1 };
        let answer = Value::Array(vec![range(0, 9, &[("a", 7), ("b", 8)]), range(11, 16_383, &[("", 9)])]);
        let mut map = SlotMap::read(&answer, &asked).unwrap();
        assert_eq!(map.owner(9).unwrap().to_string(), "a:7");
        assert_eq!(map.owner(16_383).unwrap().to_string(), "seed:9");
        assert_eq!((map.owner(10), map.uncovered()), (None, Some(10)));
        assert_eq!(map.replicas(), [Endpoint { host: "b".to_owned(), port: 8 }]);
        assert_eq!(map.owners().count(), 2);
        for slot in 0..10 {
            map.moved(slot, Endpoint { host: "b".to_owned(), port: 8 });
        }
        assert!(map.owners().all(|node| node.host != "a"), "it serves nothing any more");
        for slot in 0..10 {
            map.moved(slot, Endpoint { host: "a".to_owned(), port: 7 });
        }
        map.moved(10, Endpoint::parse("::1:80", &asked).unwrap());
        assert_eq!((map.owner(10).unwrap().to_string().as_str(), map.uncovered()), ("[::1]:80", None));
        assert_eq!(Endpoint::parse(":81", &asked).unwrap().to_string(), "seed:81");
        let first = Endpoint { host: "a".to_owned(), port: 7 };
        assert!((0..20).all(|turn| map.slot_of(&first, turn).unwrap() < 10));
        assert_ne!(map.slot_of(&first, 0), map.slot_of(&first, 1));
        assert_eq!(map.slot_of(&asked, 0), None);
    }

    // Fails when an answer that is none takes the process down.
    #[test]
    fn no_answer_panics() {
        let asked = Endpoint { host: "seed".to_owned(), port: 1 };
        for wrong in [
            Value::Nil,
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![range(0, 16_384, &[("a", 7)])]),
            Value::Array(vec![range(-1, 4, &[("a", 7)])]),
            Value::Array(vec![range(0, 4, &[("a", 70_000)])]),
            Value::Array(vec![range(0, 4, &[])]),
        ] {
            assert!(SlotMap::read(&wrong, &asked).is_none(), "{wrong:?}");
        }
        assert_eq!(Endpoint::parse("nothing", &asked), None);
    }
}
