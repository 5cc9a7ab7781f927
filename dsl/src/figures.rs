//! How well terms are found: recall over disguised terms and false positives over ordinary text.
//!
//! The sets are published beside the tests (`dsl/tests/terms`); whoever reads the files brings their text.

use std::ops::Range;
use std::sync::Arc;

use crate::contract::{OnViolation, Rule};
use crate::diagnostic::Severity;
use crate::monitor::Step;
use crate::source::Source;
use crate::{Program, constraint, parse};

/// A text of a set, and where in it something must be found.
#[derive(Debug, Clone)]
pub struct Case {
    /// `CLASS/CASE`, unique in its set.
    pub name: String,
    /// The arguments of `forbidden_terms`; empty where the set has one contract for all texts.
    pub rule: String,
    /// The text.
    pub text: String,
    /// The bytes of the disguised term; none in ordinary text.
    pub place: Option<Range<usize>>,
}

/// A line that is no case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct SetError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub message: String,
}

/// What was counted over the cases of one class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figure {
    /// What stands before the slash of its cases.
    pub class: String,
    /// How many there are.
    pub cases: usize,
    /// The cases in which something was found.
    pub found: Vec<String>,
    /// The cases in which nothing was.
    pub missed: Vec<String>,
    /// Bytes of matches that were released before they were found.
    pub leaked: usize,
}

impl Case {
    /// What stands before the slash of the name.
    #[must_use]
    pub fn class(&self) -> &str {
        self.name.split_once('/').map_or(self.name.as_str(), |(class, _)| class)
    }

    /// The rule, compiled.
    ///
    /// # Errors
    /// The rule is not one that the language reads.
    pub fn program(&self) -> Result<Arc<Program>, String> {
        let text = format!("role set {{ constraints {{ forbidden_terms {} }} }}", self.rule);
        let source = Source::new(self.name.as_str(), text.as_str());
        let mut findings = Vec::new();
        let file = parse::parse(&source, &mut findings);
        let items = file.roles.iter().flat_map(|role| &role.items);
        let entry = items.filter_map(|item| item.body.as_ref()).flat_map(|body| &body.entries).next();
        let constraint = entry.and_then(|entry| constraint::build(entry, &source, &mut findings));
        match (constraint, entry, findings.first()) {
            (Some(constraint), Some(entry), None) => Ok(Arc::new(Program::new(&[Rule {
                id: "set".into(),
                constraint,
                on_violation: OnViolation::default(),
                severity: Severity::Error,
                guard: None,
                source: source.clone(),
                span: entry.span,
            }]))),
            (_, _, finding) => Err(finding.map_or_else(|| "no rule".to_owned(), |finding| finding.message.clone())),
        }
    }
}

/// Reads a set of disguised terms: name, rule and text, the match between `⟦` and `⟧`.
///
/// # Errors
/// Names the first line that is no case.
pub fn attacks(set: &str) -> Result<Vec<Case>, SetError> {
    lines(set, |fields| match fields {
        [name, rule, text] => {
            let text = unescaped(text)?;
            let parts: Vec<&str> = text.split(['⟦', '⟧']).collect();
            let [before, place, after] = parts.as_slice() else {
                return Err("the text has no match between `⟦` and `⟧`".to_owned());
            };
            let place_at = before.len()..before.len() + place.len();
            let text = [*before, place, after].concat();
            Ok(Case { name: (*name).to_owned(), rule: unescaped(rule)?, text, place: Some(place_at) })
        }
        _ => Err("a case has a name, a rule and a text".to_owned()),
    })
}

/// Reads a set of ordinary texts: name and text.
///
/// # Errors
/// Names the first line that is no case.
pub fn ordinary(set: &str) -> Result<Vec<Case>, SetError> {
    lines(set, |fields| match fields {
        [name, text] => Ok(Case { name: (*name).to_owned(), rule: String::new(), text: unescaped(text)?, place: None }),
        _ => Err("a case has a name and a text".to_owned()),
    })
}

/// By class, what is found of disguised terms when a text comes character by character.
///
/// # Errors
/// Names the first case, counted from 1, whose rule cannot be read.
pub fn recall(cases: &[Case]) -> Result<Vec<Figure>, SetError> {
    let mut figures = Vec::new();
    let mut compiled: Option<(&str, Arc<Program>)> = None;
    for (case, line) in cases.iter().zip(1..) {
        let program = match &compiled {
            Some((rule, program)) if *rule == case.rule => Arc::clone(program),
            _ => case.program().map_err(|message| SetError { line, message: format!("{}: {message}", case.name) })?,
        };
        add(&mut figures, case, &program);
        compiled = Some((&case.rule, program));
    }
    Ok(figures)
}

/// By class, what a contract finds in texts when they come character by character.
#[must_use]
pub fn found(cases: &[Case], program: &Arc<Program>) -> Vec<Figure> {
    let mut figures = Vec::new();
    cases.iter().for_each(|case| add(&mut figures, case, program));
    figures
}

fn add(figures: &mut Vec<Figure>, case: &Case, program: &Arc<Program>) {
    let mut monitor = program.monitor();
    let (mut released, mut found) = (0, false);
    let mut count = |step: Step| {
        released += step.released.len();
        found |= !step.violations.is_empty();
    };
    for c in case.text.chars() {
        count(monitor.push(c.encode_utf8(&mut [0; 4])));
    }
    count(monitor.finish());
    let at = figures.iter().position(|figure: &Figure| figure.class == case.class()).unwrap_or_else(|| {
        figures.push(Figure { class: case.class().to_owned(), ..Figure::default() });
        figures.len() - 1
    });
    let Some(figure) = figures.get_mut(at) else { return };
    figure.cases += 1;
    if found {
        figure.leaked += case.place.as_ref().map_or(0, |place| released.saturating_sub(place.start));
        figure.found.push(case.name.clone());
    } else {
        figure.missed.push(case.name.clone());
    }
}

fn lines(set: &str, read: impl Fn(&[&str]) -> Result<Case, String>) -> Result<Vec<Case>, SetError> {
    let numbered = set.lines().zip(1..).filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    let case = |(text, line): (&str, usize)| {
        read(&text.split('\t').collect::<Vec<_>>()).map_err(|message| SetError { line, message })
    };
    numbered.map(case).collect()
}

/// `\u{200B}` and `\\`.
fn unescaped(written: &str) -> Result<String, String> {
    let mut text = String::with_capacity(written.len());
    let mut rest = written;
    while let Some((before, behind)) = rest.split_once('\\') {
        text.push_str(before);
        if let Some(behind) = behind.strip_prefix('\\') {
            text.push('\\');
            rest = behind;
            continue;
        }
        let code = behind.strip_prefix("u{").and_then(|behind| behind.split_once('}'));
        let character = code.and_then(|(code, _)| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        let (Some(character), Some((_, behind))) = (character, code) else {
            return Err("`\\` is written `\\\\`, and a character by its code point `\\u{200B}`".to_owned());
        };
        text.push(character);
        rest = behind;
    }
    text.push_str(rest);
    Ok(text)
}
