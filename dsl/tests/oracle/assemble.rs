//! Replies built to order: so many sentences of each form, with the required texts put in.

use std::collections::BTreeSet;
use std::sync::Arc;

use rolecall_dsl::Program;
use rolecall_dsl::constraint::{Fact, Hints};
use rolecall_dsl::contract::Rule;
use rolecall_dsl::diagnostic::Severity;

use super::literal;
use super::sentences::{FORMS, Form, WORDINGS, Wording};

/// What the rules ask to be put together.
#[derive(Default)]
struct Order {
    least: u64,
    most: Option<u64>,
    least_chars: u64,
    /// Form, whether it is a lower bound, basis points.
    shares: Vec<(rolecall_dsl::text::rhetorical::Form, bool, u64)>,
    /// Each must stand somewhere; of the alternatives the first few that may be said.
    includes: Vec<Vec<String>>,
    starts: Vec<Vec<String>>,
    ends: Vec<Vec<String>>,
    wholes: Vec<String>,
}

/// The first reply built for these rules that `judge` takes, among at most `most` of them, likely ones
/// first. Nothing is promised of any.
pub(crate) fn first(
    rules: &[&Rule],
    program: &Arc<Program>,
    most: usize,
    mut judge: impl FnMut(&str) -> bool,
) -> Option<String> {
    let order = order(rules, program);
    let mut left = most;
    let mut take = |text: String| {
        left = left.saturating_sub(1);
        (left == 0 || judge(&text)).then_some(text)
    };
    let found = build(&order, &mut take);
    found.filter(|_| left > 0)
}

/// Replies built for these rules.
pub(crate) fn candidates(rules: &[&Rule], program: &Arc<Program>, most: usize) -> Vec<String> {
    let mut found = Vec::new();
    first(rules, program, most, |text| {
        found.push(text.to_owned());
        false
    });
    found
}

/// Gives texts to `take` until it keeps one.
fn build(order: &Order, take: &mut impl FnMut(String) -> Option<String>) -> Option<String> {
    let plain = ["好", "a", "Yes.", "好。"].map(String::from);
    for text in order.wholes.iter().cloned().chain(plain) {
        if let Some(text) = take(text) {
            return Some(text);
        }
    }
    for variant in 0..3 {
        let pick = |options: &Vec<String>| options[variant.min(options.len() - 1)].clone();
        let includes: Vec<String> = order.includes.iter().map(pick).collect();
        let start: String = order.starts.iter().map(pick).collect::<Vec<_>>().join(" ");
        let end: String = order.ends.iter().map(pick).collect::<Vec<_>>().join(" ");
        let mut bare_texts = Vec::new();
        bare(&includes, &start, &end, &mut bare_texts);
        for text in bare_texts {
            if let Some(text) = take(text) {
                return Some(text);
            }
        }
        for forms in compositions(order) {
            for (wording, style) in WORDINGS.iter().flat_map(|wording| (0..4).map(move |style| (wording, style))) {
                let extras = Extras::of(order, forms.len() as u64);
                let body = body(wording, &forms, &includes, style, extras);
                let mut text = format!("{start}{body}{end}");
                while (text.chars().filter(|c| !c.is_whitespace()).count() as u64) < order.least_chars
                    && text.len() < 200_000
                {
                    text.insert_str(start.len(), if wording.gap.is_empty() { "山" } else { "hm, " });
                }
                // The same without a sentence more.
                let open = body.trim_end_matches(['。', '.', '！', '!', '？', '?']);
                let closed = (!end.is_empty()).then(|| format!("{start}{open}{}{end}", wording.comma));
                for text in closed.into_iter().chain([text]) {
                    if let Some(text) = take(text) {
                        return Some(text);
                    }
                }
            }
        }
        if order.includes.iter().chain(&order.starts).chain(&order.ends).all(|options| options.len() == 1) {
            break;
        }
    }
    None
}

/// The required texts with nothing but a separator between them.
fn bare(includes: &[String], start: &str, end: &str, found: &mut Vec<String>) {
    for separator in ["", " ", "，", "\n", ", "] {
        let mut parts: Vec<&str> = [start].into_iter().chain(includes.iter().map(String::as_str)).collect();
        parts.push(end);
        parts.retain(|part| !part.is_empty());
        found.push(parts.join(separator));
        parts.reverse();
        found.push(parts.join(separator));
    }
    if includes.len() <= 5 {
        found.extend(overlapped(includes).into_iter().map(|text| format!("{start}{text}{end}")));
    }
    let quoted = includes.iter().map(|text| format!("《{text}》")).collect::<String>();
    found.push(format!("{start}{quoted}{end}"));
}

/// The texts in every order, each joined to the one before by what they share.
fn overlapped(texts: &[String]) -> Vec<String> {
    if texts.is_empty() {
        return vec![String::new()];
    }
    let mut found = Vec::new();
    for (index, first) in texts.iter().enumerate() {
        let others: Vec<String> =
            texts.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, t)| t.clone()).collect();
        for rest in overlapped(&others) {
            let shared = (0..=first.len().min(rest.len()))
                .rev()
                .find(|length| rest.is_char_boundary(*length) && first.ends_with(&rest[..*length]));
            found.push(if first.contains(&rest) {
                first.clone()
            } else {
                format!("{first}{}", &rest[shared.unwrap_or(0)..])
            });
        }
    }
    found
}

/// A body with the sentences of these forms.
fn body(wording: &Wording, forms: &[Form], includes: &[String], style: usize, extras: Extras) -> String {
    let mut forms = forms.to_vec();
    if style % 2 == 1 {
        forms.reverse();
    }
    let (count, terms) = (forms.len().max(1), includes.len());
    let mut sentences: Vec<String> = Vec::new();
    for (index, form) in forms.iter().enumerate() {
        // All terms in the last sentence, or spread over all of them.
        let share: Vec<&str> = match style {
            0 | 1 if index + 1 == count => includes.iter().map(String::as_str).collect(),
            0 | 1 => Vec::new(),
            _ => (0..terms).filter(|term| term % count == index).map(|term| includes[term].as_str()).collect(),
        };
        let what = match style {
            2 => share.iter().map(|term| format!("“{term}”")).collect::<Vec<_>>().join(wording.comma),
            _ => share.join(wording.comma),
        };
        sentences.push(extras.put_on(wording.sentence(*form, &what), *form, index as u64, count as u64));
    }
    sentences.join(if extras.items > 0 { "\n" } else { wording.gap })
}

/// How many sentences have something that any sentence can have.
#[derive(Debug, Clone, Copy, Default)]
struct Extras {
    /// From the last one on, if it is no question.
    exclamations: u64,
    quotations: u64,
    items: u64,
}

impl Extras {
    /// As many as the shares of `n` sentences ask for.
    fn of(order: &Order, n: u64) -> Self {
        use rolecall_dsl::text::rhetorical::Form as Metric;
        let least = |metric: Metric| {
            let shares = order.shares.iter().filter(|share| share.0 == metric && share.1);
            shares.map(|share| (share.2 * n).div_ceil(10_000)).max().unwrap_or(0)
        };
        Self {
            exclamations: least(Metric::Exclamation),
            quotations: least(Metric::Quotation),
            items: least(Metric::ListItem),
        }
    }

    /// The sentence at `index` of `count` with what it is to have.
    fn put_on(self, sentence: String, form: Form, index: u64, count: u64) -> String {
        let mut sentence = sentence;
        let ends = ['。', '.', '！', '!', '；', '…'];
        if count - index <= self.exclamations && !matches!(form, Form::Asked | Form::Question) {
            sentence = format!("{}！", sentence.trim_end_matches(ends));
        } else if self.exclamations == 0 && form == Form::Cried {
            sentence = sentence.replace(['！', '!'], "。");
        }
        if index < self.quotations {
            sentence = format!("“好”{sentence}");
        }
        if index < self.items { format!("- {sentence}") } else { sentence }
    }
}

/// How many sentences of which form, for numbers of sentences that the rules allow.
fn compositions(order: &Order) -> Vec<Vec<Form>> {
    use rolecall_dsl::text::rhetorical::Form as Metric;
    let least = order.least.max(1);
    let most = order.most.unwrap_or(10_000);
    let mut numbers: Vec<u64> = (least..=most.min(least + 11)).collect();
    numbers.extend([20, 33, 50, 100, 1_000, 10_000].into_iter().filter(|n| least <= *n && *n <= most));
    let mut found = Vec::new();
    for n in numbers {
        let bounds = |metric: Metric| {
            let of = |low: bool| order.shares.iter().filter(move |share| share.0 == metric && share.1 == low);
            let low = of(true).map(|share| (share.2 * n).div_ceil(10_000)).max().unwrap_or(0);
            let high = of(false).map(|share| share.2 * n / 10_000).min().unwrap_or(n);
            (low, high)
        };
        let (rhetorical, questions) = (bounds(Metric::Rhetorical), bounds(Metric::Question));
        if rhetorical.0 > rhetorical.1 || questions.0 > questions.1 {
            continue;
        }
        let ends = |(low, high): (u64, u64)| BTreeSet::from([low, high.min(low + 2).max(low)]);
        for r in ends(rhetorical) {
            for q in ends(questions) {
                for both in BTreeSet::from([r.min(q), (r + q).saturating_sub(n)]) {
                    let (cried, asked) = (r - both, both);
                    let question = q - both;
                    let Some(plain) = n.checked_sub(cried + asked + question) else { continue };
                    let counts = [asked, cried, question, plain];
                    let forms = FORMS.iter().zip(counts).flat_map(|(form, count)| (0..count).map(|_| *form));
                    found.push(forms.collect());
                }
            }
        }
    }
    found.truncate(120);
    found
}

fn order(rules: &[&Rule], program: &Arc<Program>) -> Order {
    let mut order = Order::default();
    for rule in rules {
        match rule.constraint.fact() {
            Fact::MinSentences(n) => order.least = order.least.max(n),
            Fact::MaxSentences(n) => order.most = Some(order.most.map_or(n, |most| most.min(n))),
            Fact::MinChars(n) => order.least_chars = order.least_chars.max(n),
            Fact::Share { form, at_least, basis_points } => {
                order.shares.push((form, at_least, u64::from(basis_points)));
            }
            Fact::Required { all: true, terms, .. } => {
                order.includes.extend(terms.iter().map(|term| vec![term.clone()]));
            }
            Fact::Required { all: false, terms, .. } => order.includes.push(sayable(terms, program)),
            Fact::Pattern { must: true, .. } => pattern(rule, &mut order),
            Fact::Recognized(machine) => hints(machine.hints(), &mut order),
            _ => {}
        }
    }
    order
}

fn pattern(rule: &Rule, order: &mut Order) {
    let Some(matches) = literal::matches(rule) else { return };
    if matches.texts.is_empty() {
        return;
    }
    match (matches.at_start, matches.at_end) {
        (true, true) => order.wholes.extend(matches.texts),
        (true, false) => order.starts.push(matches.texts),
        (false, true) => order.ends.push(matches.texts),
        (false, false) => order.includes.push(matches.texts),
    }
}

fn hints(hints: Hints, order: &mut Order) {
    order.wholes.extend(hints.wholes);
    for (texts, place) in
        [(hints.starts, &mut order.starts), (hints.ends, &mut order.ends), (hints.includes, &mut order.includes)]
    {
        if !texts.is_empty() {
            place.push(texts);
        }
    }
}

/// The alternatives that break nothing by being said, those that do behind them, shortest first.
fn sayable(terms: &[String], program: &Arc<Program>) -> Vec<String> {
    let breaks = |term: &String| {
        let mut monitor = program.monitor();
        let mut violations = monitor.push(term).violations;
        // What waits for a boundary shows with one.
        violations.extend(monitor.push(" ").violations);
        violations.iter().any(|violation| violation.severity == Severity::Error)
    };
    let mut sorted: Vec<(bool, usize, String)> =
        terms.iter().map(|term| (breaks(term), term.chars().count(), term.clone())).collect();
    sorted.sort();
    sorted.into_iter().map(|(_, _, term)| term).take(3).collect()
}
