//! What comes out of a guest is checked before anybody uses it.

use std::ops::Range;

use crate::guest::Call;
use crate::guest::abi::said;
use crate::{BadGroups, BadSpan, CallError, MergedGroup, PolicyViolation};

/// Violations of one call; the first are kept.
const VIOLATIONS: usize = 256;
/// Spans of one violation; the first are kept.
const SPANS: usize = 64;
/// Bytes of a rule's name; the rest is cut off.
const RULE: usize = 128;
/// Bytes of a message; the rest is cut off.
const MESSAGE: usize = 2 << 10;
/// Bytes of a suggestion, which is left out when longer (half of it would be another text), and of
/// a merged text, which leaves its messages unmerged.
const TEXT: usize = 64 << 10;

/// Takes over violations of a text.
pub(crate) fn violations(
    call: &Call<'_>,
    text: &str,
    found: Vec<said::Violation>,
) -> Result<Vec<PolicyViolation>, CallError> {
    if found.len() > VIOLATIONS {
        tracing::warn!(plugin = call.plugin, found = found.len(), "only the first {VIOLATIONS} violations are kept");
    }
    found.into_iter().take(VIOLATIONS).map(|violation| violation_of(call, text, violation)).collect()
}

fn violation_of(call: &Call<'_>, text: &str, found: said::Violation) -> Result<PolicyViolation, CallError> {
    let rule = cut(&found.rule, RULE).to_owned();
    let mut spans: Vec<Range<usize>> = Vec::with_capacity(found.spans.len().min(SPANS));
    for span in found.spans.iter().take(SPANS) {
        let (start, end) = (span.start as usize, span.end as usize);
        if let Some(why) = wrong(text, spans.last(), start, end) {
            let (plugin, export, len) = (call.plugin.to_owned(), call.export, text.len());
            return Err(CallError::BadSpan { plugin, export, why, start, end, len, rule });
        }
        spans.push(start..end);
    }
    let suggestion = found.suggestion.filter(|suggestion| suggestion.len() <= TEXT);
    let message = cut(&found.message, MESSAGE).to_owned();
    Ok(PolicyViolation { rule, message, severity: found.severity, spans, suggestion })
}

fn wrong(text: &str, before: Option<&Range<usize>>, start: usize, end: usize) -> Option<BadSpan> {
    if start > end {
        Some(BadSpan::Reversed)
    } else if end > text.len() {
        Some(BadSpan::OutOfRange)
    } else if !text.is_char_boundary(start) || !text.is_char_boundary(end) {
        Some(BadSpan::InsideCharacter)
    } else if before.is_some_and(|before| start < before.end) {
        Some(BadSpan::OutOfOrder)
    } else {
        None
    }
}

/// Takes over a merge of a window of so many messages, in order.
pub(crate) fn groups(call: &Call<'_>, window: usize, groups: Vec<said::Group>) -> Result<Vec<MergedGroup>, CallError> {
    let lifted = partition(window, groups).map_err(|why| CallError::BadGroups {
        plugin: call.plugin.to_owned(),
        window,
        why,
    })?;
    if lifted.too_long > 0 {
        let (plugin, groups) = (call.plugin, lifted.too_long);
        tracing::warn!(plugin, groups, "merged texts of more than {TEXT} bytes; their messages stay unmerged");
    }
    Ok(lifted.groups)
}

/// Groups that partition their window.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lifted {
    groups: Vec<MergedGroup>,
    /// How many groups had too long a text. Long messages make long texts, which is not the
    /// plugin's fault: their messages come out one by one.
    too_long: usize,
}

fn partition(window: usize, groups: Vec<said::Group>) -> Result<Lifted, BadGroups> {
    let mut seen = vec![false; window];
    let mut lifted = Lifted::default();
    for group in groups {
        let mut members = Vec::with_capacity(group.members.len().min(window));
        for position in group.members {
            let at = position as usize;
            let slot = seen.get_mut(at).ok_or(BadGroups::OutOfRange(position))?;
            if std::mem::replace(slot, true) {
                return Err(BadGroups::Twice(at));
            }
            members.push(at);
        }
        members.sort_unstable();
        let first = *members.first().ok_or(BadGroups::Empty)?;
        match &group.text {
            None if members.len() > 1 => return Err(BadGroups::NoText(first)),
            Some(text) if text.len() > TEXT => {
                lifted.too_long += 1;
                lifted.groups.extend(members.into_iter().map(|at| MergedGroup { members: vec![at], text: None }));
            }
            _ => lifted.groups.push(MergedGroup { members, text: group.text }),
        }
    }
    if let Some(left) = seen.iter().position(|seen| !seen) {
        return Err(BadGroups::Left(left));
    }
    lifted.groups.sort_unstable_by(|a, b| a.members.cmp(&b.members));
    Ok(lifted)
}

/// The longest beginning of a text with at most so many bytes.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
