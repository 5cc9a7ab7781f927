use std::collections::BTreeMap;

use rolecall_plugin::OfflineMessage;

use super::phrase;

/// A message by turn, time and position in the window.
type Place = (u64, u64, usize);

/// Positions of the window in groups of one role and intent, each in the order of turns. A run of
/// continuous turns is never in two groups, so a group is longer than `max_group` only if its turns
/// are; only a run that does not fit into one text of `max_bytes` is split.
pub(crate) fn groups(window: &[OfflineMessage], max_group: usize, max_bytes: usize) -> Vec<Vec<usize>> {
    let mut topics: BTreeMap<(&str, &str), Vec<Place>> = BTreeMap::new();
    for (position, message) in window.iter().enumerate() {
        let topic = topics.entry((&message.role, &message.intent)).or_default();
        topic.push((message.turn_id, message.created_at_ms, position));
    }
    let bytes_of = |place: &Place| window.get(place.2).map_or(0, phrase::item_bytes);
    let mut groups = Vec::new();
    for ((role, intent), mut topic) in topics {
        topic.sort_unstable();
        let room = max_bytes.saturating_sub(phrase::header_bytes(role, intent));
        let mut group = Group::default();
        for run in topic.chunk_by(continuous) {
            let bytes: usize = run.iter().map(bytes_of).sum();
            if group.members.len() + run.len() > max_group || group.bytes + bytes > room {
                group.end(&mut groups);
            }
            for place in run {
                if group.bytes + bytes_of(place) > room {
                    group.end(&mut groups);
                }
                group.members.push(place.2);
                group.bytes += bytes_of(place);
            }
        }
        group.end(&mut groups);
    }
    groups.sort_unstable_by_key(|group| group.iter().min().copied());
    groups
}

/// Whether one message belongs right behind another. Turn 0 is that of messages without a turn:
/// several of them are no run.
fn continuous(a: &Place, b: &Place) -> bool {
    match b.0 - a.0 {
        0 => a.0 != 0,
        difference => difference == 1,
    }
}

/// A group that grows.
#[derive(Default)]
struct Group {
    members: Vec<usize>,
    bytes: usize,
}

impl Group {
    fn end(&mut self, groups: &mut Vec<Vec<usize>>) {
        if !self.members.is_empty() {
            groups.push(std::mem::take(&mut self.members));
        }
        self.bytes = 0;
    }
}
