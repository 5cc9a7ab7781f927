//! What several test files share.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]
#![allow(dead_code, reason = "each test file uses some of it")]

use std::path::{Path, PathBuf};

use rolecall_dsl::check::{Compiled, compile};
use rolecall_dsl::diagnostic::Finding;
use rolecall_dsl::source::Source;

/// A clerk with this between its braces, version and persona given.
pub(crate) fn clerk(body: &str) -> String {
    format!("role clerk {{\nversion 1.0.0\nlanguage en\npersona \"A clerk\"\n{body}\n}}")
}

/// A clerk with these rules.
pub(crate) fn rules(rules: &str) -> String {
    clerk(&format!("constraints {{\n{rules}\n}}"))
}

pub(crate) fn compile_text(text: &str) -> Compiled {
    compile(&Source::new("clerk.role", text))
}

/// The findings as `code line:column severity`, in order.
pub(crate) fn lines(findings: &[Finding]) -> Vec<String> {
    let line = |finding: &Finding| {
        let at = finding.source.position(finding.span.start);
        format!("{} {}:{} {}", finding.code, at.line, at.column, finding.severity)
    };
    findings.iter().map(line).collect()
}

/// The codes, in ascending order.
pub(crate) fn codes(text: &str) -> Vec<String> {
    sorted(&compile_text(text).findings)
}

pub(crate) fn sorted(findings: &[Finding]) -> Vec<String> {
    let mut codes: Vec<String> = findings.iter().map(|finding| finding.code.to_string()).collect();
    codes.sort();
    codes
}

/// The folder of this crate.
pub(crate) fn crate_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a folder with this ending, sorted by name.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == ending));
    paths.sort();
    paths
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every contract of the repository, and every example of the language reference and the code pages.
pub(crate) fn contracts_and_examples() -> Vec<String> {
    let root = crate_dir();
    let folders = ["../contracts", "../contracts/rejected", "../tests/contracts", "tests/corpus"];
    let mut texts: Vec<String> = Vec::new();
    for folder in folders.iter().map(|folder| root.join(folder)).filter(|folder| folder.exists()) {
        texts.extend(files(&folder, "role").iter().map(|path| read(path)));
    }
    for page in files(&root.join("spec"), "md").iter().chain(&files(&root.join("docs/codes"), "md")) {
        let page = read(page);
        let fences = page.split("\n```role").skip(1).filter_map(|rest| rest.split_once('\n'));
        texts.extend(fences.filter_map(|(_, rest)| rest.split_once("\n```")).map(|(text, _)| format!("{text}\n")));
    }
    texts
}
