//! The contracts in the repository: those that ship are flawless, those in `rejected/` give exactly
//! the findings beside them.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod support;

use rolecall_dsl::check::{compile, compile_with};
use rolecall_dsl::contract::Expect;
use rolecall_dsl::diagnostic::{Format, Severity, codes, render};
use rolecall_dsl::source::Source;
use support::{Folder, crate_dir, files, lines, read};

#[test]
fn shipped_contracts_have_no_findings() {
    let paths = files(&crate_dir().join("../contracts"), "role");
    assert!(paths.len() >= 3, "contracts are missing");
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let compiled = compile_with(&Source::new(name, &read(&path)), &Folder(crate_dir().join("../contracts")));
        // One contract shows the whole language, also what is not in effect yet.
        let told =
            compiled.findings.iter().filter(|finding| finding.code != codes::NOT_IN_EFFECT || name != "book_shop.role");
        let told: Vec<_> = told.cloned().collect();
        assert!(told.is_empty(), "{}", render(&told, Format::Human { color: false }));
        assert_eq!(compiled.contracts.len(), 1, "{name}");
        for contract in &compiled.contracts {
            assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(contract.name.as_str()));
            assert!(contract.fallback.is_some(), "{} has a fallback", contract.name);
            assert!(!contract.doc.is_empty(), "{} is documented", contract.name);
            let passing = contract.cases.iter().filter(|case| case.expect == Expect::Pass && case.reply.is_some());
            assert!(passing.count() >= 4, "{} shows the rehearsal model how to answer", contract.name);
            let violated = |id: &str| {
                contract.cases.iter().any(
                    |case| matches!(&case.expect, Expect::Violates(ids) if ids.iter().any(|named| named.value == id)),
                )
            };
            for rule in contract.rules.iter().filter(|rule| rule.severity == Severity::Error) {
                assert!(violated(&rule.id), "{}: no case breaks `{}`", contract.name, rule.id);
            }
        }
    }
}

/// What is there to be imported must be flawless in itself.
#[test]
fn shared_files_have_no_findings() {
    for path in files(&crate_dir().join("../contracts/shared"), "role") {
        let name = format!("shared/{}", path.file_name().and_then(|name| name.to_str()).expect("a name"));
        let compiled = compile_with(&Source::new(&name, &read(&path)), &Folder(crate_dir().join("../contracts")));
        assert!(compiled.findings.is_empty(), "{}", render(&compiled.findings, Format::Short));
    }
}

#[test]
fn rejected_contracts_give_the_findings_beside_them() {
    let paths = files(&crate_dir().join("../contracts/rejected"), "role");
    assert!(paths.len() >= 12, "rejected contracts are missing");
    let mut wrong = String::new();
    for path in &paths {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let compiled = compile(&Source::new(name, &read(path)));
        assert!(compiled.findings.iter().any(|finding| finding.severity == Severity::Error), "{name} is accepted");
        let found = lines(&compiled.findings).join("\n") + "\n";
        let beside = path.with_extension("expected");
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        // What only the runtime finds, which has the plugins, is tested there.
        let by_runtime = |line: &&str| ["RC0503", "RC0504", "RC0505"].iter().any(|code| line.starts_with(code));
        let expected: String =
            expected.lines().filter(|line| !by_runtime(line)).map(|line| format!("{line}\n")).collect();
        if found != expected {
            let shown = render(&compiled.findings, Format::Short);
            wrong.push_str(&format!("--- {name}: expected\n{expected}--- found\n{found}--- that is\n{shown}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_expectation_has_its_contract() {
    for path in files(&crate_dir().join("../contracts/rejected"), "expected") {
        assert!(path.with_extension("role").exists(), "{} is orphaned", path.display());
    }
}
