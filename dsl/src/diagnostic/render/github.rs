//! GitHub workflow commands: one annotation a finding, its further places in the text, because an
//! annotation has one place.

use crate::diagnostic::{Finding, Severity};

pub(super) fn render(finding: &Finding, out: &mut String) {
    let command = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let start = finding.source.position(finding.span.start);
    let end = finding.source.position(finding.span.end);
    // Columns are only understood for places on one line.
    let place = if start.line == end.line {
        format!("line={},col={},endColumn={}", start.line, start.column, end.column)
    } else {
        format!("line={},endLine={}", start.line, end.line)
    };
    let help = finding.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    let mut message = finding.message.clone();
    for related in &finding.related {
        let at = related.source.position(related.span.start);
        message.push_str(&format!("\n{}:{}:{}: {}", related.source.name(), at.line, at.column, related.message));
    }
    let message = data(&(message + &help));
    out.push_str(&format!(
        "::{command} file={},{place},title={}::{message}\n",
        property(finding.source.name()),
        finding.code
    ));
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
