//! Numbers against numbers: sentences, characters and shares.

use super::facts;
use crate::constraint::Fact;
use crate::contract::Rule;
use crate::diagnostic::{Finding, codes};
use crate::source::Source;

/// Shares are in basis points, so any feasible pair of bounds is met by this many sentences.
const ALL_SHARES: u64 = 10_000;

pub(super) fn check(rules: &[&Rule], source: &Source, findings: &mut Vec<Finding>) {
    let smallest = |mut bounds: Vec<(_, u64)>| {
        bounds.sort_by_key(|(_, limit)| *limit);
        bounds.into_iter().next()
    };
    let max_sentences: Option<(&Rule, u64)> = smallest(facts(rules, |fact| match fact {
        Fact::MaxSentences(limit) => Some(limit),
        _ => None,
    }));
    let max_chars: Option<(&Rule, u64)> = smallest(facts(rules, |fact| match fact {
        Fact::MaxChars(limit) => Some(limit),
        _ => None,
    }));
    let min_sentences = facts(rules, |fact| match fact {
        Fact::MinSentences(limit) => Some(limit),
        _ => None,
    });
    for (min, least) in &min_sentences {
        if let Some((max, most)) = max_sentences.filter(|(_, most)| least > most) {
            let message = format!("at least {least} sentences are asked for, at most {most} allowed");
            findings.push(
                Finding::new(codes::MIN_ABOVE_MAX, source, min.span, message)
                    .with_related(max.span, "the upper bound")
                    .with_help("lower the minimum or raise the maximum"),
            );
        }
        if let Some((max, most)) = max_chars.filter(|(_, most)| least > most) {
            let message = format!("{least} sentences do not fit into {most} characters");
            findings.push(
                Finding::new(codes::NO_ROOM, source, min.span, message)
                    .with_related(max.span, "the characters allowed")
                    .with_help("allow more characters or ask for fewer sentences"),
            );
        }
    }
    let least = min_sentences.iter().map(|(_, least)| *least).max().unwrap_or(0);
    shares(rules, least, max_sentences, source, findings);
}

/// A lower and an upper bound on one metric, and the numbers of sentences that are allowed.
fn shares(rules: &[&Rule], least: u64, cap: Option<(&Rule, u64)>, source: &Source, findings: &mut Vec<Finding>) {
    let shares = facts(rules, |fact| match fact {
        Fact::Share { form, at_least, basis_points } => Some((form, at_least, u64::from(basis_points))),
        _ => None,
    });
    for (low, (metric, at_least, from)) in &shares {
        for (high, (other, other_at_least, to)) in &shares {
            if !at_least || *other_at_least || metric != other {
                continue;
            }
            let most = cap.map_or(ALL_SHARES, |(_, most)| most.min(ALL_SHARES));
            if reachable(*from, *to, least, most) {
                continue;
            }
            let (from_text, to_text) = (percent(*from), percent(*to));
            let mut finding = if from > to {
                let message = format!("at least {from_text} and at most {to_text} of the sentences cannot both be");
                Finding::new(codes::SHARE_UNREACHABLE, source, low.span, message)
            } else {
                let message = format!("with at most {most} sentences no share lies between {from_text} and {to_text}");
                Finding::new(codes::SHARE_UNREACHABLE, source, low.span, message)
            };
            finding = finding.with_related(high.span, "the upper bound of the share");
            if let Some((cap, _)) = cap.filter(|_| from <= to) {
                finding = finding.with_related(cap.span, "the number of sentences allowed");
            }
            findings.push(finding.with_help("widen the range of the share, or allow more sentences"));
        }
    }
}

/// Whether some `k` of some `n` sentences, `least..=most` of them, is a share of `from..=to` basis
/// points.
fn reachable(from: u64, to: u64, least: u64, most: u64) -> bool {
    if from > to {
        return false;
    }
    // Bounds that exclude each other have a finding of their own.
    if least >= ALL_SHARES || least > most {
        return true;
    }
    (least.max(1)..=most).any(|n| {
        let fewest = (from * n).div_ceil(ALL_SHARES);
        fewest <= n && fewest * ALL_SHARES <= to * n
    })
}

fn percent(basis_points: u64) -> String {
    let (whole, rest) = (basis_points / 100, basis_points % 100);
    if rest == 0 { format!("{whole}%") } else { format!("{whole}.{rest:02}%") }
}
