//! The language reference and the code pages are run: their examples give what their fences say.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod support;

use std::path::Path;

use rolecall_dsl::check::{Compiled, MAX_FINDINGS, compile_bytes};
use rolecall_dsl::conflict::review;
use rolecall_dsl::diagnostic::{Code, Format, codes, explain, render};
use rolecall_dsl::source::MAX_SOURCE_BYTES;
use support::{Files, clerk, crate_dir, files, read, rules, sorted};

/// One fenced example: where it begins, what it must give, its text, and the files beside it.
struct Example {
    line: usize,
    expected: Vec<String>,
    text: String,
    files: Files,
}

/// The examples of a page. A fence is marked `role`, the codes it gives, and `escaped` when
/// `<U+202E>` stands for a character that nobody could see in the page. A fence marked `file`, whose
/// first line is `// path`, is a file that the examples below it can import.
fn examples(page: &str) -> Vec<Example> {
    let mut found = Vec::new();
    let mut files = Files::default();
    let mut open: Option<(bool, Example)> = None;
    for (index, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(mark)) => {
                let mut words = mark.split(',');
                let is_role = words.next() == Some("role");
                let rest: Vec<String> = words.map(str::to_owned).collect();
                let escaped = rest.iter().any(|word| word == "escaped");
                let expected: Vec<String> = rest.into_iter().filter(|word| word != "escaped").collect();
                let kind = if is_role { expected } else { vec!["not a contract".to_owned()] };
                let files = files.clone();
                open = Some((escaped, Example { line: index + 1, expected: kind, text: String::new(), files }));
            }
            (Some(_), Some("")) => {
                let (escaped, mut example) = open.take().expect("an open fence");
                if escaped {
                    example.text = unescape(&example.text);
                }
                if example.expected == ["file"] {
                    let first = example.text.lines().next().and_then(|line| line.strip_prefix("// "));
                    files.0.push((first.expect("the path in the first line").to_owned(), example.text));
                } else if example.expected != ["not a contract"] {
                    example.expected.sort();
                    found.push(example);
                }
            }
            (Some((_, example)), _) => {
                example.text.push_str(line);
                example.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    found
}

fn unescape(text: &str) -> String {
    let mut parts = text.split("<U+");
    let mut out = parts.next().expect("a first part").to_owned();
    for part in parts {
        let (hex, rest) = part.split_once('>').expect("a closing `>`");
        let code = u32::from_str_radix(hex, 16).expect("a hexadecimal number");
        out.push(char::from_u32(code).expect("a character"));
        out.push_str(rest);
    }
    out
}

/// What is told of contracts that load; examples that are about something else leave it out.
const ADVICE: &[Code] = &[codes::IMPLIED_RULE, codes::COMMON_CHARACTER, codes::FOREIGN_TERM, codes::HOLDS_REPLY];

/// Fails when an example gives other codes than its fence names, or when a clean one gives no
/// contract.
fn run(path: &Path) -> usize {
    let examples = examples(&read(path));
    for example in &examples {
        let mut compiled = example.files.compile(&example.text);
        if example.expected.iter().any(|code| ADVICE.iter().any(|advice| advice.to_string() == *code)) {
            compiled.findings.extend(compiled.contracts.iter().flat_map(|contract| review(contract)));
        }
        let shown = render(&compiled.findings, Format::Short);
        let place = format!("{}:{}", path.display(), example.line);
        assert_eq!(sorted(&compiled.findings), example.expected, "{place}\n{shown}");
        if example.expected.is_empty() {
            assert!(!compiled.contracts.is_empty(), "{place}: no contract");
        }
    }
    examples.len()
}

#[test]
fn the_language_reference_holds() {
    let pages = files(&crate_dir().join("spec"), "md");
    let count: usize = pages.iter().map(|page| run(page)).sum();
    assert!(count >= 20, "only {count} examples found: the fences are not read");
}

/// Files that are too large or too strange to stand in a page.
fn generated(code: Code) -> Option<Compiled> {
    let bytes = match code {
        codes::SOURCE_TOO_LARGE => vec![b' '; MAX_SOURCE_BYTES + 1],
        codes::NOT_UTF8 => b"role clerk { persona \"\xC4\xE3\" }".to_vec(),
        codes::TOO_MANY_FINDINGS => {
            format!("role clerk {{\nversion 1.0.0\npersona \"A clerk\"\n{}}}", "= 1\n".repeat(MAX_FINDINGS + 5))
                .into_bytes()
        }
        codes::TOO_MANY_IMPORTS => return Some(many_imports()),
        codes::TOO_MANY_SCENARIOS => many_scenarios().into_bytes(),
        codes::TOO_MANY => rules(&"max_chars 9\n".repeat(257)).into_bytes(),
        _ => return None,
    };
    Some(compile_bytes("generated.role", &bytes))
}

fn many_imports() -> Compiled {
    let name = |number: usize| format!("shared/{number}.role");
    let files = (0..70).map(|number| (name(number), format!("rules r{number} {{ max_sentences 3 }}")));
    let imports: String = (0..70).map(|number| format!("import \"{}\"\n", name(number))).collect();
    Files(files.collect()).compile(&imports)
}

fn many_scenarios() -> String {
    let each = |line: fn(usize) -> String| (0..64).map(line).collect::<String>();
    let guards = each(|n| format!("when intent i{n} {{ max_chars {} }}\n", n + 10));
    let intents = each(|n| format!("i{n} \"sample {n}\"\n"));
    clerk(&format!("constraints {{\n{guards}}}\nintents {{\n{intents}}}"))
}

/// What only the runtime can find, because it needs plugins, a model or its settings. Its tests give these codes;
/// to the language alone their examples are flawless.
const FOUND_BY_THE_RUNTIME: &[Code] = &[
    codes::PLUGIN_MISSING,
    codes::PLUGIN_WORLD,
    codes::PARAMETER_REFUSED,
    codes::PLUGIN_FAILED,
    codes::WITNESS_REFUSED,
    codes::REHEARSAL_FAILS,
    codes::RULE_NOT_COVERED,
    codes::MUTANT_SURVIVES,
    codes::ROUTE_MISSING,
];

#[test]
fn every_code_has_a_page_whose_first_example_gives_it_alone() {
    for declared in codes::ALL {
        let (code, name) = (declared.code, declared.name);
        let title =
            format!("# {code} {name}\n\n{}: {}.\n", capitalised(&declared.severity.to_string()), declared.summary);
        assert!(declared.page.starts_with(&title), "{code}: the page does not begin with\n{title}");
        assert!(declared.page.contains("\n## Remedy\n"), "{code}: no remedy");
        assert_eq!(explain(&code.to_string()), Some(declared.page), "{code}: explain");
        if FOUND_BY_THE_RUNTIME.contains(&code) {
            assert!(!examples(declared.page).is_empty(), "{code}: no example");
            continue;
        }
        let findings = if let Some(compiled) = generated(code) {
            compiled.findings
        } else {
            let examples = examples(declared.page);
            let bad = examples.first().unwrap_or_else(|| panic!("{code}: no example"));
            assert_eq!(bad.expected, [code.to_string()], "{code}: the first example shows something else");
            let compiled = bad.files.compile(&bad.text);
            let advice = compiled.contracts.iter().flat_map(|contract| review(contract));
            compiled.findings.iter().cloned().chain(advice).collect()
        };
        let found = findings.iter().find(|finding| finding.code == code);
        let found = found.unwrap_or_else(|| panic!("{code} is not given: {}", render(&findings, Format::Short)));
        assert_eq!(found.severity, declared.severity, "{code}");
    }
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[test]
fn code_pages_hold_and_none_is_orphaned() {
    let pages = files(&crate_dir().join("docs/codes"), "md");
    for page in &pages {
        let stem = page.file_stem().and_then(|stem| stem.to_str()).expect("a name");
        assert!(codes::ALL.iter().any(|declared| declared.code.to_string() == stem), "{stem} is not a code");
        run(page);
    }
    assert_eq!(pages.len(), codes::ALL.len());
}

#[test]
fn codes_are_ascending_and_names_unique() {
    assert!(codes::ALL.is_sorted_by(|a, b| a.code < b.code), "lookup searches by halves");
    let mut names: Vec<&str> = codes::ALL.iter().map(|declared| declared.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), codes::ALL.len());
}

#[test]
fn explain_takes_the_forms_people_type() {
    for written in ["RC0203", "rc0203", "RC203", "203", " RC0203 "] {
        assert_eq!(explain(written), explain("RC0203"), "{written}");
    }
    assert!(explain("RC0203").is_some());
    for nothing in ["", "RC", "RC9999", "error", "99999999999999999999"] {
        assert_eq!(explain(nothing), None, "{nothing}");
    }
}
