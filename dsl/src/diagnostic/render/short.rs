//! `file:line:column: error[RC0203]: message`.

use crate::diagnostic::Finding;

pub(super) fn render(finding: &Finding, out: &mut String) {
    let at = finding.source.position(finding.span.start);
    let (file, severity, code, message) = (finding.source.name(), finding.severity, finding.code, &finding.message);
    out.push_str(&format!("{file}:{}:{}: {severity}[{code}]: {message}\n", at.line, at.column));
}
