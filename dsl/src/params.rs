//! Plugin parameters: the entries of a block as a JSON object.
//!
//! `{ min_score 0.7  mode "strict"  words ["a", "b"]  flag true  limits { low 1  high 2 } }`

use serde_json::{Map, Number, Value};

use crate::ast::{Arg, Body, Entry};
use crate::contract::{OnFailure, PolicyRef};
use crate::diagnostic::{Finding, codes};
use crate::source::Source;
use crate::span::{Span, Spanned};

/// The option that is read here and not given to the plugin.
const ON_FAILURE: &str = "on_failure";

/// Reads the blocks behind a plugin's name: the parameters as a JSON object, the place of each
/// top-level parameter, and `on_failure reject | allow | fallback`.
///
/// Percents become shares (`40%` is 0.4), durations milliseconds, sizes bytes, versions strings.
#[must_use]
pub fn read(
    bodies: &[Body],
    source: &Source,
    findings: &mut Vec<Finding>,
) -> (Map<String, Value>, Vec<(String, Span)>, OnFailure) {
    let mut reader = Reader { source, findings };
    let mut params = Map::new();
    let mut spans = Vec::new();
    let mut on_failure = None;
    for entry in bodies.iter().flat_map(|body| pairs(&body.entries)) {
        if entry.keyword.value == ON_FAILURE {
            reader.once(&mut on_failure, &entry);
        } else if let Some(value) = reader.value(&entry) {
            reader.insert(&mut params, &mut spans, &entry.keyword, value);
        }
    }
    (params, spans, on_failure.map_or_else(OnFailure::default, |(value, _)| value))
}

/// Reads `policy "plugin" { … }`: the plugin's name, which is also the name of its file, and its
/// parameters.
#[must_use]
pub fn policy(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<PolicyRef> {
    let name = match entry.args.as_slice() {
        [Spanned { value: Arg::Str(name), span }] => Spanned::new(name.clone(), *span),
        args => {
            let span = args.first().map_or(entry.keyword.span, |arg| arg.span);
            findings.push(
                Finding::new(codes::WRONG_PARAMETER, source, span, "`policy` takes one plugin's name in quotes")
                    .with_help("write `policy \"plugin_name\"` or `policy \"plugin_name\" { … }`"),
            );
            return None;
        }
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.value.is_empty() || name.value.len() > 64 || !name.value.chars().all(plain) {
        findings.push(
            Finding::new(codes::WRONG_PARAMETER, source, name.span, "this is not the name of a plugin").with_help(
                "a plugin is named like its file in `plugins/`, without `.wasm`: ASCII letters, digits, `_` and `-`",
            ),
        );
        return None;
    }
    let (params, param_spans, on_failure) = read(&entry.blocks, source, findings);
    Some(PolicyRef { plugin: name.value, span: name.span, params, param_spans, on_failure })
}

/// One entry per parameter: the parser cannot tell `a true b on` from three arguments of `a`, but
/// names and values take turns.
fn pairs(entries: &[Entry]) -> Vec<Entry> {
    entries.iter().flat_map(|entry| entry.split(|index, _| index % 2 == 1)).collect()
}

fn boolean(word: &str) -> Option<bool> {
    match word {
        "true" | "on" => Some(true),
        "false" | "off" => Some(false),
        _ => None,
    }
}

struct Reader<'a> {
    source: &'a Source,
    findings: &'a mut Vec<Finding>,
}

impl Reader<'_> {
    fn wrong(&mut self, span: Span, message: impl Into<String>, help: &str) {
        self.findings.push(Finding::new(codes::WRONG_PARAMETER, self.source, span, message).with_help(help));
    }

    fn once(&mut self, seen: &mut Option<(OnFailure, Span)>, entry: &Entry) {
        const CHOICES: [&str; 3] = ["reject", "allow", "fallback"];
        let choice = match entry.args.as_slice() {
            [Spanned { value: Arg::Word(word), .. }] if entry.blocks.is_empty() => match word.as_str() {
                "reject" => Some(OnFailure::Reject),
                "allow" => Some(OnFailure::Allow),
                "fallback" => Some(OnFailure::Fallback),
                _ => None,
            },
            _ => None,
        };
        let Some(choice) = choice else {
            let written = entry.args.first().map_or(entry.span, |arg| arg.span);
            self.findings.push(
                Finding::new(codes::WRONG_OPTION, self.source, entry.span, "`on_failure` does not take this value")
                    .with_help("write `on_failure reject`, `on_failure allow` or `on_failure fallback`")
                    .did_you_mean(self.source.slice(written), written, CHOICES),
            );
            return;
        };
        match seen {
            Some((_, first)) => self.duplicate(ON_FAILURE, entry.keyword.span, *first),
            None => *seen = Some((choice, entry.keyword.span)),
        }
    }

    fn insert(
        &mut self,
        params: &mut Map<String, Value>,
        spans: &mut Vec<(String, Span)>,
        name: &Spanned<String>,
        value: Value,
    ) {
        if let Some((_, first)) = spans.iter().find(|(seen, _)| *seen == name.value) {
            return self.duplicate(&name.value, name.span, *first);
        }
        spans.push((name.value.clone(), name.span));
        params.insert(name.value.clone(), value);
    }

    fn duplicate(&mut self, name: &str, span: Span, first: Span) {
        self.findings.push(
            Finding::new(codes::DUPLICATE_PARAMETER, self.source, span, format!("`{name}` is given twice"))
                .with_related(first, "given here first"),
        );
    }

    /// The value of one `name value` or `name { … }` entry.
    fn value(&mut self, entry: &Entry) -> Option<Value> {
        if let Some(label) = &entry.label {
            self.wrong(label.span, "a parameter has no label", "write the name, a space and the value");
            return None;
        }
        match (entry.args.as_slice(), entry.blocks.as_slice()) {
            ([arg], []) => self.literal(arg),
            ([], [body]) => Some(Value::Object(self.object(body))),
            ([], []) => {
                let name = &entry.keyword.value;
                self.wrong(entry.span, format!("parameter `{name}` has no value"), "write a value behind the name");
                None
            }
            ([_, more, ..], _) => {
                let help = match more.value {
                    Arg::Comma => "parameters are separated by spaces or lines, not by commas",
                    Arg::Op(_) => "write the name, a space and the value",
                    _ => "write several values as a list: `[1, 2]`",
                };
                self.wrong(more.span, format!("parameter `{}` takes one value", entry.keyword.value), help);
                None
            }
            (_, [body, ..]) => {
                let message = format!("parameter `{}` takes one value or one block", entry.keyword.value);
                self.wrong(body.span, message, "remove one of them");
                None
            }
        }
    }

    fn object(&mut self, body: &Body) -> Map<String, Value> {
        let mut map = Map::new();
        let mut spans = Vec::new();
        for entry in pairs(&body.entries) {
            if let Some(value) = self.value(&entry) {
                self.insert(&mut map, &mut spans, &entry.keyword, value);
            }
        }
        map
    }

    fn literal(&mut self, arg: &Spanned<Arg>) -> Option<Value> {
        let value = match &arg.value {
            Arg::Str(text) | Arg::Semver(text) => Value::String(text.clone()),
            Arg::Int(n) | Arg::Duration(n) | Arg::Size(n) => Value::from(*n),
            Arg::Float(x) => self.number(*x, arg.span),
            Arg::Percent(points) => Value::from(f64::from(*points) / 10_000.0),
            Arg::Word(word) => match boolean(word) {
                Some(flag) => Value::Bool(flag),
                None => {
                    let quoted = format!("\"{word}\"");
                    let message = format!("`{word}` is not a value");
                    self.findings.push(
                        Finding::new(codes::WRONG_PARAMETER, self.source, arg.span, message)
                            .with_help("put the text in quotes")
                            .with_fix(arg.span, quoted),
                    );
                    return None;
                }
            },
            Arg::List(items) => {
                let written = items.iter().filter(|item| item.value != Arg::Comma);
                Value::Array(written.filter_map(|item| self.literal(item)).collect())
            }
            _ => {
                self.wrong(arg.span, "this is not a value of a parameter", "write a text, a number, a list or `true`");
                return None;
            }
        };
        Some(value)
    }

    /// A negative whole number reaches the tree as a float, but is one for the plugin's schema.
    fn number(&self, x: f64, span: Span) -> Value {
        if let Ok(whole) = self.source.slice(span).parse::<i64>() {
            return Value::from(whole);
        }
        Number::from_f64(x).map_or(Value::Null, Value::Number)
    }
}
