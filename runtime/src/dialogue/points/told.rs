//! Points that are told in order within running text: `第一，…第二，…`, `首先…其次…最后`, `First, … Finally, …`.

use std::sync::LazyLock;

use regex::Regex;
use rolecall_dsl::text::sentence::split;

use super::super::numeral;
use super::super::pattern::pattern;
use super::super::state::MAX_POINTS;
use super::lines::circled;
use super::{Item, trimmed};

/// How a text counts: its own numbers go on with its own only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// `第一`.
    Ordinal,
    /// `其一`.
    Among,
    /// `一是`, `一来`.
    Being,
    /// `首先`, `其次`.
    Order,
    /// `（1）`.
    Parenthesis,
    /// `①`.
    Circle,
    /// `first`, `second`, `then`.
    English,
    /// `步骤一：`, `Step 1:`.
    Labelled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    Number(u32),
    /// `其次`, `then`.
    Next,
    /// `最后`, `finally`.
    Last,
}

#[derive(Debug, Clone, Copy)]
struct Cue {
    family: Family,
    rank: Rank,
    start: usize,
    end: usize,
}

const FAMILIES: [Family; 8] = [
    Family::Order,
    Family::Ordinal,
    Family::Among,
    Family::Being,
    Family::English,
    Family::Labelled,
    Family::Parenthesis,
    Family::Circle,
];

/// A cue at the beginning of a clause; what a clause may begin with is read along.
static CUE: LazyLock<Regex> = LazyLock::new(|| {
    let han = "[一二三四五六七八九十]{1,3}";
    let text = format!(
        r"(?x)
        (?: ^ | [\n。！？；：，,;:.!?] ) [\s”」』）)*\#]*
        (?: (?P<cue>
              第 (?P<ordinal>{han}|[0-9]{{1,2}}) (?:[点条项步]|个[^\s，,：:。]{{0,2}}|方面)? (?:[，,、：:\ ]|就?是|在于)
            | 其 (?P<among>{han}) (?:[，,、：:]|是|曰|在于)?
            | (?P<being>[一二三四五六七八九]) (?:[是来则]|者[，,]) [，,]?
            | (?P<first>首先) [，,]?
            | (?P<next>其次|再次|再者|然后|接着) [，,]?
            | (?P<last>最后) [，,]?
            | (?:步骤|理由|原因|方法|方案|建议|要点) (?P<label>{han}|[0-9]{{1,2}}) [、：:]
            | (?i:step|point|reason|tip|option|suggestion)\ (?P<enlabel>[0-9]{{1,2}}|[A-Za-z]{{3,6}}) [:.]
            | (?i:(?P<en>first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)(?:ly)?) (?:,|:|\ of\ all,)
            | (?i:then|next),?\ (?P<ennext>)
            | (?i:finally|lastly|last),\ (?P<enlast>)
        ))"
    );
    pattern(&text)
});
/// Marks that count wherever they stand.
static MARK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"[（(](?P<number>[一二三四五六七八九十]{1,3}|[0-9]{1,2})[)）]|(?P<circle>[\x{2460}-\x{2473}\x{2776}-\x{277F}])",
    )
});

/// The points told in order; none when a text does not count to two.
pub(super) fn items(text: &str) -> Vec<Item<'_>> {
    let cues = cues(text);
    let told = FAMILIES.iter().map(|family| sequences(&cues, *family)).filter(|told| told.len() > 1);
    let told = told.min_by_key(|told| told.first().map_or(usize::MAX, |(_, cue)| cue.start)).unwrap_or_default();
    cut(text, told.get(..=MAX_POINTS).unwrap_or(&told))
}

/// Where a text counts points of its own (`第一，我没空；第二，…`): its ordinals refer to nothing.
pub(in crate::dialogue) fn own(text: &str) -> Vec<usize> {
    let cues = cues(text);
    let told = FAMILIES.iter().flat_map(|family| {
        let told = sequences(&cues, *family);
        if told.len() > 1 { told } else { Vec::new() }
    });
    let paused = |cue: &Cue| text.get(..cue.end).is_some_and(|read| read.ends_with(['，', ',', '、', '：', ':']));
    told.filter(|(_, cue)| paused(cue)).map(|(_, cue)| cue.start).collect()
}

fn cues(text: &str) -> Vec<Cue> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(captures) = CUE.captures_at(text, at)
        && let Some(cue) = captures.name("cue")
    {
        // What ends one cue may begin the next clause.
        at = text.get(..cue.end()).and_then(|read| read.char_indices().next_back()).map_or(cue.end(), |(last, _)| last);
        let number = |name| captures.name(name).and_then(|word| numeral::parse(word.as_str())).map(Rank::Number);
        let has = |name| captures.name(name).is_some();
        let (family, rank) = if has("first") {
            (Family::Order, Some(Rank::Number(1)))
        } else if has("next") {
            (Family::Order, Some(Rank::Next))
        } else if has("last") {
            (Family::Order, Some(Rank::Last))
        } else if has("ennext") {
            (Family::English, Some(Rank::Next))
        } else if has("enlast") {
            (Family::English, Some(Rank::Last))
        } else if has("ordinal") {
            (Family::Ordinal, number("ordinal"))
        } else if has("among") {
            (Family::Among, number("among"))
        } else if has("being") {
            (Family::Being, number("being"))
        } else if has("en") {
            (Family::English, number("en"))
        } else {
            (Family::Labelled, number("label").or_else(|| number("enlabel")))
        };
        found.extend(rank.map(|rank| Cue { family, rank, start: cue.start(), end: cue.end() }));
    }
    for captures in MARK.captures_iter(text) {
        let Some(mark) = captures.get(0) else { continue };
        let circle = captures.name("circle").and_then(|sign| circled(sign.as_str().chars().next()?));
        let number = captures.name("number").and_then(|word| numeral::parse(word.as_str()));
        let family = if circle.is_some() { Family::Circle } else { Family::Parenthesis };
        let rank = circle.or(number).map(Rank::Number);
        found.extend(rank.map(|rank| Cue { family, rank, start: mark.start(), end: mark.end() }));
    }
    found.sort_by_key(|cue| cue.start);
    found
}

/// The cues of a family that count from one without a gap, each with its number; a text may count anew.
fn sequences(cues: &[Cue], family: Family) -> Vec<(u32, Cue)> {
    let mut told: Vec<(u32, Cue)> = Vec::new();
    let mut closed = true;
    for cue in cues {
        // `最后` ends every Chinese way to count.
        let closes = cue.rank == Rank::Last && cue.family == Family::Order && family != Family::English;
        if cue.family != family && !closes {
            continue;
        }
        let last = told.last().map_or(0, |(number, _)| *number);
        match cue.rank {
            Rank::Number(1) => {
                // A lone `1` was none.
                if last == 1 {
                    told.pop();
                }
                told.push((1, *cue));
                closed = false;
            }
            Rank::Number(number) if !closed && number == last.saturating_add(1) => told.push((number, *cue)),
            Rank::Next if !closed => told.push((last.saturating_add(1), *cue)),
            Rank::Last if !closed => {
                told.push((last.saturating_add(1), *cue));
                closed = true;
            }
            _ => {}
        }
    }
    if told.last().is_some_and(|(number, _)| *number == 1) {
        told.pop();
    }
    told
}

/// The text of each point: up to the next cue. The last one has no more sentences than the longest
/// before it.
fn cut<'t>(text: &'t str, told: &[(u32, Cue)]) -> Vec<Item<'t>> {
    let ends: Vec<usize> = split(text).into_iter().map(|range| range.end).collect();
    let sentences = |from: usize, to: usize| ends.iter().filter(|end| (from..to).contains(*end)).count();
    let mut items = Vec::with_capacity(told.len());
    let mut longest = 1;
    for (index, (label, cue)) in told.iter().enumerate() {
        let next = told.get(index + 1);
        let end = match next {
            Some((number, next)) if *number > *label => {
                longest = longest.max(sentences(cue.end, next.start));
                next.start
            }
            // The last of its list.
            _ => {
                let bound = next.map_or(text.len(), |(_, next)| next.start);
                let end = ends.iter().filter(|end| **end > cue.end).nth(longest - 1).copied().unwrap_or(bound);
                longest = 1;
                end.min(bound)
            }
        };
        items.extend(text.get(cue.end..end).map(|text| Item { label: *label, text: trimmed(text) }));
    }
    items
}
