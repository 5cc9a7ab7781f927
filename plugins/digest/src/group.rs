use std::collections::BTreeMap;

use rolecall_plugin::OfflineMessage;

/// A message by turn, time and position in the window.
type Place = (u64, u64, usize);

/// Positions of the window in groups of one role and intent, each in the order of turns. Continuous
/// turns are never in two groups, so a group is longer than `max_group` only if its turns are.
pub(crate) fn groups(window: &[OfflineMessage], max_group: usize) -> Vec<Vec<usize>> {
    let mut topics: BTreeMap<(&str, &str), Vec<Place>> = BTreeMap::new();
    for (position, message) in window.iter().enumerate() {
        let topic = topics.entry((&message.role, &message.intent)).or_default();
        topic.push((message.turn_id, message.created_at_ms, position));
    }
    let mut groups = Vec::new();
    for mut topic in topics.into_values() {
        topic.sort_unstable();
        let mut group: Vec<usize> = Vec::new();
        for run in topic.chunk_by(|a, b| b.0 - a.0 <= 1) {
            if !group.is_empty() && group.len() + run.len() > max_group {
                groups.push(std::mem::take(&mut group));
            }
            group.extend(run.iter().map(|(_, _, position)| position));
        }
        groups.push(group);
    }
    groups.sort_unstable_by_key(|group| group.iter().min().copied());
    groups
}
