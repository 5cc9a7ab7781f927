//! Reading arguments, with findings that say what a kind takes.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::ast::{Arg, Body, Entry};
use crate::diagnostic::{Code, Finding, codes};
use crate::source::Source;
use crate::span::{Span, Spanned};
use crate::text::pattern::{Pattern, Use};
use crate::text::terms::fold_term;
use crate::text::variants::Variants;

/// What one rule's arguments are read with.
pub(super) struct Reader<'a> {
    entry: &'a Entry,
    source: &'a Source,
    findings: &'a mut Vec<Finding>,
    /// How the rule is written.
    usage: &'static str,
    /// Terms that differ in variants only are the same.
    variants: bool,
}

/// What a term list holds.
#[derive(Debug, Default)]
pub(super) struct Alternatives {
    /// Terms, as written.
    pub(super) terms: Vec<String>,
    /// Patterns.
    pub(super) patterns: Vec<Arc<Pattern>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        entry: &'a Entry,
        source: &'a Source,
        findings: &'a mut Vec<Finding>,
        usage: &'static str,
    ) -> Self {
        Self { entry, source, findings, usage, variants: false }
    }

    /// Takes terms that differ in variants only as the same.
    pub(super) fn unites_variants(&mut self, variants: bool) {
        self.variants = variants;
    }

    /// Adds a finding with the usage as help and gives nothing.
    pub(super) fn wrong<T>(&mut self, code: Code, span: Span, message: impl Into<String>) -> Option<T> {
        let finding = Finding::new(code, self.source, span, message).with_help(format!("write `{}`", self.usage));
        self.add(finding)
    }

    /// Adds a finding and gives nothing.
    pub(super) fn add<T>(&mut self, finding: Finding) -> Option<T> {
        self.findings.push(finding);
        None
    }

    pub(super) fn source(&self) -> &'a Source {
        self.source
    }

    pub(super) fn args(&self) -> &'a [Spanned<Arg>] {
        &self.entry.args
    }

    pub(super) fn blocks(&self) -> &'a [Body] {
        &self.entry.blocks
    }

    /// Adds a finding for a rule without arguments.
    pub(super) fn nothing<T>(&mut self) -> Option<T> {
        let message = format!("`{}` says nothing", self.entry.keyword.value);
        self.wrong(codes::WRONG_ARGUMENTS, self.entry.keyword.span, message)
    }

    /// Whether the rule is written without arguments, as it must be; a finding otherwise.
    pub(super) fn bare(&mut self) -> Option<()> {
        let Some(arg) = self.args().first() else { return Some(()) };
        let message = format!("`{}` takes no argument", self.entry.keyword.value);
        self.wrong(codes::WRONG_ARGUMENTS, arg.span, message)
    }

    /// Words with bars between them; `what` says what each of them is.
    pub(super) fn words(&mut self, what: &str) -> Option<Vec<Spanned<String>>> {
        let mut words = Vec::new();
        let mut expects_word = true;
        for arg in self.args() {
            match &arg.value {
                Arg::Bar if !expects_word => {}
                Arg::Word(word) if expects_word => words.push(Spanned::new(word.clone(), arg.span)),
                Arg::Word(_) | Arg::Comma if !expects_word => {
                    self.missing_bar(arg);
                    return None;
                }
                _ => return self.wrong(codes::WRONG_ARGUMENTS, arg.span, format!("{what} is expected here")),
            }
            expects_word = !expects_word;
        }
        if expects_word {
            let span = self.args().last().map_or(self.entry.keyword.span, |arg| arg.span);
            return self.wrong(codes::WRONG_ARGUMENTS, span, format!("{what} is missing here"));
        }
        Some(words)
    }

    /// The one argument of the rule.
    pub(super) fn only(&mut self) -> Option<&'a Spanned<Arg>> {
        match self.args() {
            [] => self.nothing(),
            [arg] => Some(arg),
            [_, more, ..] => {
                let message = format!("`{}` takes one argument", self.entry.keyword.value);
                self.wrong(codes::WRONG_ARGUMENTS, more.span, message)
            }
        }
    }

    /// The one argument, a whole number within a range.
    pub(super) fn number(&mut self, range: &RangeInclusive<u64>) -> Option<u64> {
        let arg = self.only()?;
        match arg.value {
            Arg::Int(number) if range.contains(&number) => Some(number),
            Arg::Int(number) => {
                let message = format!("{number} is not between {} and {}", range.start(), range.end());
                self.wrong(codes::ARGUMENT_OUT_OF_RANGE, arg.span, message)
            }
            _ => {
                let message = format!("`{}` takes a whole number", self.entry.keyword.value);
                self.wrong(codes::WRONG_ARGUMENTS, arg.span, message)
            }
        }
    }

    /// The one argument, a pattern.
    pub(super) fn pattern(&mut self, purpose: Use) -> Option<Arc<Pattern>> {
        let arg = self.only()?;
        match &arg.value {
            Arg::Regex { pattern, flags } => self.compile(pattern, flags, purpose, arg.span),
            _ => {
                let message = format!("`{}` takes a pattern between slashes", self.entry.keyword.value);
                self.wrong(codes::WRONG_ARGUMENTS, arg.span, message)
            }
        }
    }

    /// Alternatives with bars between them: strings, whose own bars separate as well, and patterns
    /// where a purpose for them is given. Every wrong one gets its finding.
    pub(super) fn alternatives(&mut self, args: &[Spanned<Arg>], patterns: Option<Use>) -> Option<Alternatives> {
        let before = self.findings.len();
        let mut read = Alternatives::default();
        let mut folded: HashMap<String, Span> = HashMap::new();
        let mut expects_item = true;
        for arg in args {
            match (&arg.value, patterns) {
                (Arg::Bar, _) if !expects_item => {
                    expects_item = true;
                    continue;
                }
                (_, _) if !expects_item => self.missing_bar(arg),
                (Arg::Str(text), _) => self.terms(text, arg.span, &mut read.terms, &mut folded),
                (Arg::Regex { pattern, flags }, Some(purpose)) => {
                    read.patterns.extend(self.compile(pattern, flags, purpose, arg.span));
                }
                (Arg::List(items), _) => {
                    let inner: Vec<_> = items.iter().filter(|item| item.value != Arg::Comma).cloned().collect();
                    self.list(&inner, arg.span);
                }
                _ => {
                    self.wrong::<()>(codes::WRONG_ARGUMENTS, arg.span, "a term is written in quotes");
                }
            }
            expects_item = false;
        }
        if expects_item {
            let span = args.last().map_or(self.entry.keyword.span, |arg| arg.span);
            self.wrong::<()>(codes::WRONG_ARGUMENTS, span, "a term is missing here");
        }
        let repeated = |finding: &Finding| finding.code == codes::REPEATED_TERM;
        self.findings.iter().skip(before).all(repeated).then_some(read)
    }

    fn list(&mut self, items: &[Spanned<Arg>], span: Span) {
        let written: Vec<&str> = items.iter().map(|item| self.source.slice(item.span)).collect();
        let finding = Finding::new(codes::WRONG_ARGUMENTS, self.source, span, "terms are separated by `|`, not listed")
            .with_help(format!("write `{}`", self.usage))
            .with_fix(span, written.join(" | "));
        self.findings.push(finding);
    }

    fn missing_bar(&mut self, arg: &Spanned<Arg>) {
        let mut finding =
            Finding::new(codes::WRONG_ARGUMENTS, self.source, arg.span, "`|` is missing between the terms")
                .with_help(format!("write `{}`", self.usage));
        if arg.value == Arg::Comma {
            finding = finding.with_fix(arg.span, " |");
        }
        self.findings.push(finding);
    }

    fn terms(&mut self, text: &str, span: Span, terms: &mut Vec<String>, seen: &mut HashMap<String, Span>) {
        for term in text.split('|').map(str::trim) {
            match fold_term(term) {
                Err(error) => {
                    let message = format!("`{term}` cannot be a term: {error}");
                    self.wrong::<()>(codes::EMPTY_TERM, span, message);
                }
                Ok(folded) => {
                    let unite = |c| if self.variants { Variants::get().fold(c) } else { c };
                    let folded: String = folded.chars().map(unite).collect();
                    if let Some(first) = seen.get(&folded) {
                        let message =
                            format!("`{term}` is listed twice; letter case, width and look-alikes do not matter");
                        let finding = Finding::new(codes::REPEATED_TERM, self.source, span, message)
                            .with_related(*first, "the first one");
                        self.findings.push(finding);
                    } else {
                        seen.insert(folded, span);
                        terms.push(term.to_owned());
                    }
                }
            }
        }
    }

    fn compile(&mut self, pattern: &str, flags: &str, purpose: Use, span: Span) -> Option<Arc<Pattern>> {
        use crate::text::pattern::PatternError as E;
        let error = match Pattern::new(pattern, flags, purpose) {
            Ok(pattern) => return Some(Arc::new(pattern)),
            Err(error) => error,
        };
        let help = match error {
            E::Syntax(_) => {
                "patterns are written as in the Rust crate `regex`, without look-around and back-references"
            }
            E::Flag(_) => {
                "the flags are `i` (ignore case), `m` (lines), `s` (dot matches newline) and `x` (free spacing)"
            }
            E::Empty => "make a part of it obligatory, for example `+` in place of `*`",
            E::WordBoundary => "write `(?-u:\\b)`, which looks at ASCII words only",
            E::Size => "make its repetitions smaller, or `\\d` and `\\w` ASCII: `[0-9]`, `[A-Za-z0-9_]`",
        };
        let message = format!("this pattern cannot be used: {error}");
        self.add(Finding::new(codes::INVALID_PATTERN, self.source, span, message).with_help(help))
    }
}

/// Names in backticks, for help texts.
pub(super) fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Terms as they are shown to a model.
pub(super) fn quoted(terms: &[String], language: crate::contract::Language) -> String {
    match language {
        crate::contract::Language::Zh => terms.iter().map(|t| format!("“{t}”")).collect::<Vec<_>>().join("、"),
        crate::contract::Language::En => terms.iter().map(|t| format!("\"{t}\"")).collect::<Vec<_>>().join(", "),
    }
}
