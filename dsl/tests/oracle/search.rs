//! Looking for a reply that the checker passes: replies that were vouched for, replies built to order,
//! then every text over the pieces, by increasing number of pieces.

use std::collections::VecDeque;
use std::sync::Arc;

use rolecall_dsl::contract::Rule;
use rolecall_dsl::diagnostic::Severity;
use rolecall_dsl::monitor::Residual;
use rolecall_dsl::{Monitor, Program};

use super::{assemble, pieces, program};

/// How much may be tried.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    /// Replies built to order.
    pub(crate) built: usize,
    /// Texts enumerated.
    pub(crate) tried: usize,
}

/// Enough for most files, and little enough for a thousand questions in CI.
pub(crate) const USUAL: Budget = Budget { built: 2_000, tried: 4_000 };

/// A reply that keeps all of these rules, judged by the checker alone; `None` says nothing.
pub(crate) fn reply(rules: &[&Rule], vouched: &[String], budget: Budget) -> Option<String> {
    let program = program(rules);
    if let Some(text) = vouched.iter().find(|text| program.check(text).passes()) {
        return Some(text.clone());
    }
    let judge = |text: &str| !text.trim().is_empty() && program.check(text).passes();
    let built = assemble::first(rules, &program, budget.built, judge);
    built.or_else(|| enumerate(&program, &pieces::pieces(rules), budget.tried))
}

/// The first text over the pieces that passes, shorter ones first, among at most `tried` of them.
pub(crate) fn enumerate(program: &Arc<Program>, pieces: &[String], tried: usize) -> Option<String> {
    let mut open: VecDeque<(Monitor, String)> = VecDeque::from([(program.monitor(), String::new())]);
    let mut left = tried;
    while let Some((monitor, text)) = open.pop_front() {
        for piece in pieces {
            if left == 0 {
                return None;
            }
            left -= 1;
            let mut next = monitor.clone();
            let step = next.push(piece);
            let broken = step.violations.iter().any(|violation| violation.severity == Severity::Error);
            if broken || step.residual == Residual::Dead {
                continue;
            }
            let longer = format!("{text}{piece}");
            if !longer.trim().is_empty() && program.check(&longer).passes() {
                return Some(longer);
            }
            if open.len() < tried {
                open.push_back((next, longer));
            }
        }
    }
    None
}

/// A reply that keeps `keep` and breaks `broken`.
pub(crate) fn escape(keep: &[&Rule], broken: &[&Rule], budget: Budget) -> Option<String> {
    let (kept, other) = (program(keep), program(broken));
    let escapes = |text: &String| !text.trim().is_empty() && kept.check(text).passes() && !other.check(text).passes();
    let mut texts = assemble::candidates(keep, &kept, budget.built);
    // What one side asks for is the likeliest thing for the other to refuse.
    let both: Vec<&Rule> = keep.iter().chain(broken).copied().collect();
    texts.extend(assemble::candidates(&both, &kept, budget.built));
    texts.extend(provocations(&texts, broken));
    if let Some(text) = texts.into_iter().find(escapes) {
        return Some(text);
    }
    let alphabet = pieces::pieces(&both);
    let mut frontier = vec![String::new()];
    let mut left = budget.tried;
    while !frontier.is_empty() && left > 0 {
        let mut next = Vec::new();
        for text in &frontier {
            for piece in alphabet.iter().take(left) {
                left -= 1;
                let longer = format!("{text}{piece}");
                if escapes(&longer) {
                    return Some(longer);
                }
                next.push(longer);
            }
        }
        frontier = next;
    }
    None
}

/// The texts with something added that the other rules refuse: their forbidden terms, more sentences,
/// more characters.
fn provocations(texts: &[String], broken: &[&Rule]) -> Vec<String> {
    use rolecall_dsl::constraint::Fact;
    let mut additions: Vec<String> = Vec::new();
    for rule in broken {
        match rule.constraint.fact() {
            Fact::Forbidden { terms, .. } => additions.extend(terms.iter().take(40).cloned()),
            Fact::MaxSentences(most) => {
                let most = usize::try_from(most).unwrap_or(usize::MAX).min(300);
                additions.extend(["好。".repeat(most), "Fine. ".repeat(most), "好？".repeat(most)]);
            }
            Fact::MaxChars(most) => {
                let most = usize::try_from(most).unwrap_or(usize::MAX).min(5_000);
                additions.extend(["山".repeat(most), "hm ".repeat(most)]);
            }
            Fact::Recognized(machine) => additions.extend(machine.hints().breakers),
            _ => {}
        }
        additions.extend(super::literal::texts(rule).into_iter().take(40));
    }
    additions.extend(
        ["好。", "何必？", "难道？", "What?", "It is. ", "！", "13800138000", "http://a.b", "😀", "2024", "a1"]
            .map(String::from),
    );
    let some = texts.iter().step_by((texts.len() / 25).max(1));
    let joined = |text: &String, more: &String| {
        [format!("{text}{more}"), format!("{more}{text}"), format!("{text} {more}"), format!("{text}\n{more}")]
    };
    some.flat_map(|text| additions.iter().flat_map(move |more| joined(text, more))).collect()
}
