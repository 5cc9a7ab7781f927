//! SARIF 2.1.0: one log with one run.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::diagnostic::codes::{self, Declaration};
use crate::diagnostic::{Finding, Fix, Severity};
use crate::source::Source;
use crate::span::Span;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What relative addresses are relative to: the folder in which the check was run.
const ROOT: &str = "%SRCROOT%";

pub(super) fn render(findings: &[Finding]) -> String {
    let mut seen = HashMap::new();
    let results: Vec<Value> = findings.iter().map(|finding| result(finding, &mut seen)).collect();
    let driver = json!({
        "name": "rolecall",
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": codes::ALL.iter().map(rule).collect::<Vec<_>>(),
    });
    let run = json!({
        "tool": { "driver": driver },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": { ROOT: { "description": { "text": "The folder in which the check was run." } } },
        "results": results,
    });
    let log = json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": [run] });
    format!("{log:#}\n")
}

fn rule(declared: &Declaration) -> Value {
    json!({
        "id": declared.code,
        "name": declared.name,
        "shortDescription": { "text": sentence(declared.summary) },
        "help": { "text": declared.page, "markdown": declared.page },
        "defaultConfiguration": { "level": level(declared.severity) },
    })
}

fn result(finding: &Finding, seen: &mut HashMap<String, u32>) -> Value {
    let mut text = sentence(&finding.message);
    if let Some(help) = &finding.help {
        text.push_str(&format!(" Help: {}", sentence(help)));
    }
    let mut result = json!({
        "ruleId": finding.code,
        "level": level(finding.severity),
        "message": { "text": text },
        "locations": [{ "physicalLocation": place(&finding.source, finding.span) }],
        "partialFingerprints": { "rolecallFinding/v1": fingerprint(finding, seen) },
    });
    let Some(fields) = result.as_object_mut() else { return result };
    if let Some(index) = codes::ALL.iter().position(|declared| declared.code == finding.code) {
        fields.insert("ruleIndex".to_owned(), json!(index));
    }
    if !finding.related.is_empty() {
        let related = finding.related.iter().zip(1..).map(|(related, id)| {
            json!({
                "id": id,
                "physicalLocation": place(&related.source, related.span),
                "message": { "text": sentence(&related.message) },
            })
        });
        fields.insert("relatedLocations".to_owned(), related.collect());
    }
    if let Some(fix) = &finding.fix {
        fields.insert("fixes".to_owned(), json!([proposal(finding, fix)]));
    }
    result
}

fn proposal(finding: &Finding, fix: &Fix) -> Value {
    let text = finding.help.clone().unwrap_or_else(|| format!("write `{}`", fix.replacement));
    json!({
        "description": { "text": sentence(&text) },
        "artifactChanges": [{
            "artifactLocation": artifact(&finding.source),
            "replacements": [{
                "deletedRegion": region(&finding.source, fix.span),
                "insertedContent": { "text": fix.replacement },
            }],
        }],
    })
}

fn place(source: &Source, span: Span) -> Value {
    json!({ "artifactLocation": artifact(source), "region": region(source, span) })
}

fn region(source: &Source, span: Span) -> Value {
    let (start, end) = (source.position(span.start), source.position(span.end.max(span.start)));
    json!({
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    })
}

/// The address of a file: relative to [`ROOT`] unless it is absolute, everything that is not plain in
/// an address written as `%E6…`.
fn artifact(source: &Source) -> Value {
    let path = source.name().replace('\\', "/");
    let relative = path.strip_prefix("./").unwrap_or(&path);
    let mut uri = String::new();
    for byte in relative.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    if relative.starts_with('/') {
        return json!({ "uri": format!("file://{uri}") });
    }
    json!({ "uri": uri, "uriBaseId": ROOT })
}

/// Names a finding by its code, file and line's text, so that it stays the same finding when lines
/// above it come and go.
fn fingerprint(finding: &Finding, seen: &mut HashMap<String, u32>) -> String {
    let start = finding.source.line_start(finding.span.start) as usize;
    let line = finding.source.text().get(start..).and_then(|rest| rest.lines().next()).unwrap_or("");
    let words: Vec<&str> = line.split_whitespace().collect();
    let key = format!("{}\n{}\n{}", finding.code, finding.source.name(), words.join(" "));
    let count = seen.entry(key.clone()).or_default();
    *count += 1;
    let hash = blake3::hash(format!("{key}\n{count}").as_bytes()).to_hex();
    hash.chars().take(32).collect()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// Messages here are sentences with a full stop.
fn sentence(text: &str) -> String {
    let stop = if text.ends_with(['.', '?', '!', '。', '？', '！']) { "" } else { "." };
    format!("{text}{stop}")
}
