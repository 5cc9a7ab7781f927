//! JUnit: a suite for each file, a case for each role and one for the file itself.

use crate::ast::Role;
use crate::diagnostic::{Finding, Severity};
use crate::parse::parse;
use crate::source::Source;
use crate::span::Span;

/// A file that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JunitFile {
    /// The file, as it was named to the checker.
    pub name: String,
    /// What was checked in it, such as its roles. What is found outside of all of them belongs to the
    /// case `file`, which every file has.
    pub cases: Vec<JunitCase>,
}

impl JunitFile {
    /// A file and its roles, those with errors included.
    #[must_use]
    pub fn of(source: &Source) -> Self {
        let roles = parse(source, &mut Vec::new()).roles;
        let case = |role: &Role| JunitCase { name: format!("role {}", role.name.value), span: role.span };
        Self { name: source.name().to_owned(), cases: roles.iter().map(case).collect() }
    }
}

/// A part of a file that passes or fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JunitCase {
    /// Its name, such as `role clerk`.
    pub name: String,
    /// Where it is.
    pub span: Span,
}

/// The case of what belongs to the file as a whole.
const WHOLE: &str = "file";

/// One JUnit document: every file named, and every other one that has findings. A case fails when
/// an error is found in it; warnings and notes are its output.
#[must_use]
pub fn junit(files: &[JunitFile], findings: &[Finding]) -> String {
    let mut suites: Vec<Suite<'_>> = files.iter().map(Suite::new).collect();
    for finding in findings {
        let name = finding.source.name();
        let index = suites.iter().position(|suite| suite.name == name).unwrap_or_else(|| {
            suites.push(Suite { name, cases: vec![Case::new(WHOLE, None)] });
            suites.len() - 1
        });
        if let Some(suite) = suites.get_mut(index) {
            suite.add(finding);
        }
    }
    let tests: usize = suites.iter().map(|suite| suite.cases.len()).sum();
    let failures: usize = suites.iter().map(Suite::failures).sum();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"rolecall\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">\n"
    );
    for suite in &suites {
        suite.write(&mut out);
    }
    out.push_str("</testsuites>\n");
    out
}

struct Suite<'a> {
    name: &'a str,
    /// The file's own case first.
    cases: Vec<Case<'a>>,
}

struct Case<'a> {
    name: &'a str,
    span: Option<Span>,
    findings: Vec<&'a Finding>,
}

impl<'a> Case<'a> {
    fn new(name: &'a str, span: Option<Span>) -> Self {
        Self { name, span, findings: Vec::new() }
    }

    fn errors(&self) -> impl Iterator<Item = &&'a Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error)
    }

    fn write(&self, file: &str, out: &mut String) {
        out.push_str(&format!(
            "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\"",
            escaped(file),
            escaped(self.name),
            escaped(file)
        ));
        if self.findings.is_empty() {
            return out.push_str("/>\n");
        }
        out.push_str(">\n");
        let lines = |findings: &mut dyn Iterator<Item = &&Finding>| {
            findings.map(|finding| described(finding)).collect::<Vec<_>>().join("\n")
        };
        if let Some(first) = self.errors().next() {
            let text = lines(&mut self.errors());
            out.push_str(&format!(
                "      <failure type=\"{}\" message=\"{}\">{}</failure>\n",
                first.code,
                escaped(&first.message),
                escaped(&text)
            ));
        }
        let others = lines(&mut self.findings.iter().filter(|finding| finding.severity != Severity::Error));
        if !others.is_empty() {
            out.push_str(&format!("      <system-out>{}</system-out>\n", escaped(&others)));
        }
        out.push_str("    </testcase>\n");
    }
}

impl<'a> Suite<'a> {
    fn new(file: &'a JunitFile) -> Self {
        let own = file.cases.iter().map(|case| Case::new(&case.name, Some(case.span)));
        Self { name: &file.name, cases: std::iter::once(Case::new(WHOLE, None)).chain(own).collect() }
    }

    fn failures(&self) -> usize {
        self.cases.iter().filter(|case| case.errors().next().is_some()).count()
    }

    fn add(&mut self, finding: &'a Finding) {
        let holds = |span: Span| span.start <= finding.span.start && finding.span.end <= span.end;
        let index = self.cases.iter().position(|case| case.span.is_some_and(holds)).unwrap_or(0);
        if let Some(case) = self.cases.get_mut(index) {
            case.findings.push(finding);
        }
    }

    fn write(&self, out: &mut String) {
        out.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\">\n",
            escaped(self.name),
            self.cases.len(),
            self.failures()
        ));
        for case in &self.cases {
            case.write(self.name, out);
        }
        out.push_str("  </testsuite>\n");
    }
}

/// A finding with its places and its help.
fn described(finding: &Finding) -> String {
    let mut text = String::new();
    super::short::render(finding, &mut text);
    for related in &finding.related {
        let at = related.source.position(related.span.start);
        text.push_str(&format!("  {}:{}:{}: {}\n", related.source.name(), at.line, at.column, related.message));
    }
    if let Some(help) = &finding.help {
        text.push_str(&format!("  help: {help}\n"));
    }
    text.trim_end().to_owned()
}

/// Text as XML 1.0 can hold it, in attributes and between tags. What XML has no way to write becomes
/// U+FFFD.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\t' => out.push_str("&#9;"),
            '\u{0}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            _ => out.push(c),
        }
    }
    out
}
