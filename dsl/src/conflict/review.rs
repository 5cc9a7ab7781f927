//! What an author may want to know about a contract that can be kept: rules without effect, and
//! choices that cost more than they look.

use unicode_script::{Script, UnicodeScript as _};

use super::analyse::implied;
use super::clause::{self, Clause};
use super::{blocking, language, report};
use crate::Contract;
use crate::constraint::{Class, Fact};
use crate::contract::{Language, Rule};
use crate::diagnostic::{Finding, codes};
use crate::text::fold::folded;
use crate::text::variants::Variants;

/// Han characters so common that forbidding one forbids most Chinese replies.
const COMMON: &str = "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实";

/// The notes and warnings about a contract, each a finding.
#[must_use]
pub fn review(contract: &Contract) -> Vec<Finding> {
    let mut findings = Vec::new();
    // A guarded rule may say nothing new in one scenario and much in another.
    let unguarded = blocking(contract.rules.iter().filter(|rule| rule.guard.is_none()));
    report::implied(&implied(&unguarded, language(contract)), &unguarded, &mut findings);
    for rule in &contract.rules {
        common_characters(rule, &mut findings);
        foreign_terms(rule, &contract.languages, &mut findings);
    }
    holds_reply(contract, &blocking(contract.rules.iter()), &mut findings);
    findings
}

fn common_characters(rule: &Rule, findings: &mut Vec<Finding>) {
    let Fact::Forbidden { terms, matching, .. } = rule.constraint.fact() else { return };
    for term in terms {
        let mut characters = term.chars().map(|c| if matching.variants { Variants::get().fold(c) } else { c });
        let (Some(character), None) = (characters.next(), characters.next()) else { continue };
        if COMMON.contains(character) {
            let message = format!("`{term}` is one of the commonest characters: most Chinese replies contain it");
            findings.push(
                Finding::new(codes::COMMON_CHARACTER, &rule.source, rule.span, message)
                    .with_help("forbid the whole word that is meant"),
            );
        }
    }
}

/// Required terms that are in none of the contract's languages.
fn foreign_terms(rule: &Rule, languages: &[Language], findings: &mut Vec<Finding>) {
    let Fact::Required { all, terms, .. } = rule.constraint.fact() else { return };
    let foreign: Vec<&String> = terms.iter().filter(|term| !languages.iter().any(|l| may_be(term, *l))).collect();
    // Of `any` terms one in the contract's language is enough.
    let required = if all || foreign.len() == terms.len() { foreign } else { Vec::new() };
    if let Some(term) = required.first() {
        let spoken: Vec<&str> = languages.iter().map(|l| if *l == Language::Zh { "zh" } else { "en" }).collect();
        let message = format!("every reply must contain `{term}`, and the role speaks {}", spoken.join(", "));
        findings.push(
            Finding::new(codes::FOREIGN_TERM, &rule.source, rule.span, message)
                .with_help("require a term of that language, or add the other language to `language`"),
        );
    }
}

/// Whether a term can be of a language: one with letters of the other script only cannot.
fn may_be(term: &str, language: Language) -> bool {
    let folded = folded(term);
    let mut letters = folded.chars().filter(|c| c.is_alphabetic()).map(|c| c.script() == Script::Han).peekable();
    letters.peek().is_none() || letters.any(|han| han == (language == Language::Zh))
}

/// A contract without a fallback whose rules are decided at the end cannot let anything out before.
fn holds_reply(contract: &Contract, rules: &[&Rule], findings: &mut Vec<Finding>) {
    let late = |class| match class {
        Class::Whole => true,
        Class::EndOnly | Class::Ratio => contract.fallback.is_none(),
        Class::Safety | Class::Judged => false,
    };
    let Some(rule) = rules.iter().find(|rule| late(rule.constraint.class())) else { return };
    let help = if rule.constraint.class() == Class::Whole {
        "such a reply means nothing before its end; readers see it all at once"
    } else {
        "add a `fallback`, and replies go out sentence by sentence"
    };
    let message = format!("replies are held until they are complete: `{}` is only decided at their end", rule.id);
    findings.push(Finding::new(codes::HOLDS_REPLY, &rule.source, rule.span, message).with_help(help));
}

/// Whether a rule is kept by every reply by itself, as the author surely knows.
pub(super) fn is_permission(rule: &Rule) -> bool {
    clause::broken(rule.constraint.as_ref()).is_empty()
        && matches!(clause::kept(rule.constraint.as_ref()), Some(Clause::Count { .. }))
}
