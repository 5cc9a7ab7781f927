//! Texts that break a contract, made from its own rules.

use rolecall_dsl::Contract;
use rolecall_dsl::constraint::Fact;
use rolecall_dsl::contract::Language;
use rolecall_dsl::diagnostic::Severity;

use crate::enforce::Prompt;

/// How far a text is drawn out to pass a bound.
const MAX_BYTES: usize = 64 << 10;

/// Terms of one rule that are tried.
const TERMS: usize = 8;

/// What patterns are often made to catch.
const CATCHES: [&str; 4] = ["1234567890", "https://example.com/x", "**a**", "someone@example.com"];

/// Texts that the checker does not pass behind what is there already; the answer itself where the
/// contract has no rule that a text of ours breaks.
pub(super) fn bad_texts(prompt: &Prompt, answer: &str) -> Vec<String> {
    let contract = &prompt.contract;
    let binding = contract.rules.iter().filter(|rule| rule.severity == Severity::Error);
    let mut texts: Vec<String> = binding.flat_map(|rule| against(&rule.constraint.fact(), contract, answer)).collect();
    texts.retain(|text| !contract.program.check(&format!("{}{text}", prompt.already)).passes());
    if texts.is_empty() {
        texts.push(answer.to_owned());
    }
    texts
}

/// Attempts to break one rule.
fn against(fact: &Fact<'_>, contract: &Contract, answer: &str) -> Vec<String> {
    let [plain, question, foreign] = sentences(contract);
    let times = |text: &str, count: u64| {
        let most = (MAX_BYTES / text.len().max(1)) as u64;
        text.repeat(usize::try_from(count.min(most)).unwrap_or(1))
    };
    match fact {
        Fact::Forbidden { terms, .. } => {
            let catches = CATCHES.iter().map(|catch| within(answer, catch));
            terms.iter().take(TERMS).map(|term| within(answer, term)).chain(catches).collect()
        }
        Fact::MaxSentences(most) => vec![format!("{answer}{}", times(plain, most + 2)), times(plain, most + 1)],
        Fact::MaxChars(most) | Fact::MaxWords(most) => vec![times(plain, most / 2 + 2), times(plain, *most)],
        Fact::Required { terms, .. } => {
            vec![terms.iter().fold(answer.to_owned(), |text, term| text.replace(term.as_str(), "")), plain.to_owned()]
        }
        Fact::Share { .. } => vec![times(plain, 2), times(question, 2)],
        Fact::Speaks { .. } => vec![times(foreign, 2)],
        Fact::MinSentences(_) | Fact::MinChars(_) => vec![plain.chars().take(1).collect(), plain.to_owned()],
        Fact::Pattern { .. } | Fact::Recognized(_) | Fact::Judged => {
            let catches = CATCHES.iter().map(|catch| within(answer, catch));
            catches.chain([times(plain, 2), times(question, 2), times(foreign, 2)]).collect()
        }
    }
}

/// The text with some words in its middle.
fn within(text: &str, words: &str) -> String {
    let half = text.chars().count() / 2;
    let at = text.char_indices().nth(half).map_or(text.len(), |(at, _)| at);
    let (left, right) = text.split_at_checked(at).unwrap_or((text, ""));
    // Words of alphabets count where they stand alone only.
    let gap = if words.is_ascii() { " " } else { "" };
    format!("{left}{gap}{words}{gap}{right}")
}

/// A plain sentence, a question, and a sentence in another language.
fn sentences(contract: &Contract) -> [&'static str; 3] {
    let (zh, en) = (["天色已晚，我们走吧。", "您想了解什么呢？"], ["This is how it is. ", "Would you like that? "]);
    match contract.languages.first() {
        Some(Language::En) => [en[0], en[1], zh[0]],
        Some(Language::Zh) | None => [zh[0], zh[1], en[0]],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enforce::testing::{ARTICLE, compile, prompt, role};

    // Fails when a rule that a model could break is kept by the model that is told to break rules.
    #[test]
    fn every_kind_of_rule_is_broken() {
        let rules = [
            "forbidden_terms \"AI\" | \"算法\"",
            "forbidden_terms /[0-9]{4,}/",
            "must_not_match /example/",
            "must_match /never said/",
            "max_sentences 2",
            "max_chars 40",
            "max_words 12",
            "required_terms all \"tea\" | \"milk\"",
            "response_style question >= 50%",
            "response_style question <= 10%",
            "min_sentences 2",
            "min_chars 30",
        ];
        for rule in rules {
            let contract = role("en", rule, "");
            let texts = bad_texts(prompt(&contract, "Hi", "").get(), "Have some tea and milk. Please do.");
            assert!(texts.iter().all(|text| !contract.program.check(text).passes()), "{rule}: {texts:?}");
        }
        let contract = compile(ARTICLE);
        let texts = bad_texts(prompt(&contract, "在吗", "").get(), "难道不是吗？");
        for term in ["AI", "算法", "2024"] {
            assert!(texts.iter().any(|text| text.contains(term)), "{texts:?}");
        }
    }

    // Fails when a contract that forbids nothing leaves a misbehaving model without words.
    #[test]
    fn without_a_rule_the_answer_stands() {
        let contract = role("en", "max_sentences 3 { severity warning }", "");
        assert_eq!(bad_texts(prompt(&contract, "Hi", "").get(), "Hello."), ["Hello."]);
    }
}
