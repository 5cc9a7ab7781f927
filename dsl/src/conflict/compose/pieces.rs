//! What a candidate must hold.

use crate::conflict::clause::{Clause, Things};
use crate::text::fold::folded;
use crate::text::sample::samples;

/// Matches of a pattern that are tried.
const SAMPLES: usize = 8;

/// Texts compared with each other; more of them are all said, whatever they hold.
const COMPARED: usize = 64;

/// Alternatives kept of one clause.
const ALTERNATIVES: usize = 64;

/// Texts that must occur, by place.
#[derive(Debug, Clone, Default)]
pub(super) struct Pieces {
    /// Of each of these lists one text must occur.
    groups: Vec<Vec<String>>,
    starts: Vec<String>,
    ends: Vec<String>,
    /// Whole replies.
    pub(super) wholes: Vec<String>,
}

impl Pieces {
    pub(super) fn new(clauses: &[Clause<'_>]) -> Self {
        let mut pieces = Self::default();
        for clause in clauses {
            match clause {
                Clause::Any(things) => pieces.any(things),
                Clause::All(things) => {
                    pieces.groups.extend(things.terms.iter().map(|term| vec![term.text.to_owned()]));
                    pieces.groups.extend(
                        things.patterns.iter().map(|pattern| samples(pattern.source(), pattern.flags(), SAMPLES)),
                    );
                }
                Clause::Machine { machine, accepts } => {
                    let hints = machine.hints();
                    if *accepts {
                        pieces.starts.extend(hints.starts);
                        pieces.ends.extend(hints.ends);
                        pieces.wholes.extend(hints.wholes);
                        pieces.groups.extend((!hints.includes.is_empty()).then_some(hints.includes));
                    } else if !hints.breakers.is_empty() {
                        pieces.groups.push(hints.breakers);
                    }
                }
                _ => {}
            }
        }
        pieces.groups.retain(|group| !group.is_empty());
        pieces
    }

    /// What an anchored pattern matches goes to its end of the reply.
    fn any(&mut self, things: &Things<'_>) {
        let texts: Vec<String> = alternatives(things).collect();
        let (starts, ends) = match (things.terms.as_slice(), things.patterns.as_slice()) {
            ([], [pattern]) => anchors(pattern.source()),
            _ => (false, false),
        };
        match (starts, ends) {
            (true, true) => self.wholes.extend(texts),
            (true, false) if self.starts.is_empty() => self.starts = texts,
            (false, true) if self.ends.is_empty() => self.ends = texts,
            _ => self.groups.push(texts),
        }
    }

    pub(super) fn has_inner(&self) -> bool {
        !self.groups.is_empty()
    }

    /// How many choices there are to try.
    pub(super) fn choices(&self) -> usize {
        let lists = self.groups.iter().map(Vec::len).chain([self.starts.len(), self.ends.len()]);
        lists.max().unwrap_or(1)
    }

    pub(super) fn start(&self, choice: usize) -> &str {
        pick(&self.starts, choice)
    }

    pub(super) fn end(&self, choice: usize) -> &str {
        pick(&self.ends, choice)
    }

    /// What must occur anywhere, without what another of the texts holds already.
    pub(super) fn inner(&self, choice: usize) -> Vec<&str> {
        let picked: Vec<&str> = self.groups.iter().map(|group| pick(group, choice)).collect();
        if picked.len() > COMPARED {
            return picked;
        }
        let whole: Vec<String> =
            picked.iter().chain([&self.start(choice), &self.end(choice)]).map(|text| folded(text)).collect();
        let held = |index: usize, text: &String| {
            whole.iter().enumerate().any(|(other, longer)| {
                other != index && longer.contains(text.as_str()) && (longer.len() > text.len() || other < index)
            })
        };
        let kept = picked.iter().zip(&whole).enumerate().filter(|(index, (_, text))| !held(*index, text));
        kept.map(|(_, (text, _))| *text).collect()
    }
}

/// Whether a pattern is bound to the beginning of a text, and to its end, as far as its first and last
/// characters show.
fn anchors(pattern: &str) -> (bool, bool) {
    let ends = pattern.ends_with("\\z") || (pattern.ends_with('$') && !pattern.ends_with("\\$"));
    (pattern.starts_with('^') || pattern.starts_with("\\A"), ends)
}

fn alternatives<'t>(things: &'t Things<'_>) -> impl Iterator<Item = String> + 't {
    let terms = things.terms.iter().map(|term| term.text.to_owned());
    let patterns = things.patterns.iter().flat_map(|pattern| samples(pattern.source(), pattern.flags(), SAMPLES));
    terms.chain(patterns).take(ALTERNATIVES)
}

fn pick(texts: &[String], choice: usize) -> &str {
    texts.get(choice % texts.len().max(1)).map_or("", String::as_str)
}
