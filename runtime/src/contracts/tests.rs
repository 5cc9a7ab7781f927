//! Folders of contracts: what runs, what is refused, and that one never takes another along.

use std::path::PathBuf;

use rolecall_dsl::diagnostic::codes;
use tempfile::TempDir;

use super::*;

fn role(name: &str, rules: &str) -> String {
    format!(
        "role {name} {{\n    version 1.0.0\n    language en\n    persona \"x\"\n    constraints {{ {rules} }}\n}}\n"
    )
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

fn names(contracts: &Contracts) -> Vec<String> {
    contracts.list().iter().map(|contract| contract.name.clone()).collect()
}

// Fails when files are missed or taken that should not be.
#[test]
fn a_folder_is_read_recursively_without_rejected_and_hidden_ones() {
    let good = |name| role(name, "max_sentences 3");
    let dir = folder(&[
        ("a.role", &good("a")),
        ("sub/deeper/b.role", &good("b")),
        ("sub/rejected/c.role", &good("c")),
        ("rejected/d.role", "nonsense"),
        (".hidden/e.role", &good("e")),
        ("notes.txt", "nonsense"),
    ]);
    let (contracts, findings) = Contracts::load(dir.path()).unwrap();
    assert_eq!((names(&contracts), findings.len()), (vec!["a".to_owned(), "b".to_owned()], 0));
    let (rejected, findings) = Contracts::load(&dir.path().join("rejected")).unwrap();
    assert!(names(&rejected).is_empty() && !findings.is_empty(), "a folder that is asked for by name is read");
}

// Fails when a broken role takes its neighbours along, or is refused without its reason.
#[test]
fn only_what_is_broken_is_refused() {
    let pair = format!("{}{}", role("good", "max_sentences 3"), role("bad", "max_sentnces 3"));
    let dir = folder(&[("pair.role", &pair), ("empty.role", ""), ("other.role", &role("other", "max_chars 9"))]);
    std::fs::write(dir.path().join("binary.role"), [0xff, 0xfe, 0x00]).unwrap();
    let (contracts, _findings) = Contracts::load(dir.path()).unwrap();
    assert_eq!(names(&contracts), ["good", "other"]);
    let bad = contracts.refusal("bad").unwrap();
    assert_eq!(bad.findings.iter().map(|f| f.code).collect::<Vec<_>>(), [codes::UNKNOWN_KIND]);
    assert_eq!(contracts.refusal("binary").unwrap().findings[0].code, codes::NOT_UTF8);
    assert!(contracts.refusal("empty").is_some() && contracts.refusal("good").is_none());
}

// Fails when of two roles with one name one wins by chance.
#[test]
fn two_roles_of_one_name_are_both_refused() {
    let (first, second) = (role("twin", "max_sentences 1"), role("twin", "max_sentences 2"));
    let dir = folder(&[("a.role", &first), ("b.role", &second), ("c.role", &role("other", "max_sentences 3"))]);
    let (contracts, findings) = Contracts::load(dir.path()).unwrap();
    assert_eq!(names(&contracts), ["other"]);
    assert_eq!(findings.iter().map(|f| f.code).collect::<Vec<_>>(), [codes::DUPLICATE_ROLE]);
    assert!(findings[0].message.contains("a.role:1"), "{}", findings[0].message);
    assert!(contracts.refusal("twin").is_some());
}

// Fails when what is imported is not found, served as a role of its own, or its errors are lost.
#[test]
fn shared_files_are_imported_and_not_served() {
    let clerk = |set: &str| format!("import \"../shared/house.role\"\n{}", role("clerk", &format!("use {set}")));
    let house = format!("rules safety {{ secrets: forbidden_terms \"password\" }}\n{}", role("base", "max_chars 9"));
    let dir = folder(&[("shop/clerk.role", &clerk("safety")), ("shared/house.role", &house)]);
    let (contracts, findings) = Contracts::load(dir.path()).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(names(&contracts), ["clerk"]);
    assert_eq!(&*contracts.get("clerk").unwrap().rules[0].id, "secrets");

    let broken = house.replace("forbidden_terms", "forbiden_terms");
    let dir = folder(&[("shop/clerk.role", &clerk("safety")), ("shared/house.role", &broken)]);
    let (contracts, findings) = Contracts::load(dir.path()).unwrap();
    let mut seen: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    seen.sort();
    assert_eq!(seen, [codes::IMPORT_BROKEN, codes::UNKNOWN_KIND], "once where it is, once where it is imported");
    assert!(names(&contracts).is_empty() && contracts.refusal("clerk").is_some());
}

// Fails when a folder that is not there is an empty one.
#[test]
fn a_missing_folder_is_an_error() {
    let error = Contracts::load(&PathBuf::from("/nonexistent/contracts")).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/contracts"), "{error}");
}

// Fails when a file as large as memory is read whole.
#[test]
fn a_file_that_is_too_large_is_a_finding() {
    let dir = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(dir.path().join("huge.role")).unwrap();
    file.set_len(1 << 40).unwrap();
    let (contracts, findings) = Contracts::load(dir.path()).unwrap();
    assert_eq!(findings.iter().map(|f| f.code).collect::<Vec<_>>(), [codes::SOURCE_TOO_LARGE]);
    assert!(contracts.refusal("huge").is_some());
}

// Fails when a link that leads in a circle is followed forever.
#[cfg(unix)]
#[test]
fn a_circle_of_links_ends() {
    let dir = folder(&[("a.role", &role("a", "max_sentences 3"))]);
    std::os::unix::fs::symlink(dir.path(), dir.path().join("again")).unwrap();
    assert!(role_files(dir.path()).unwrap().len() <= 17);
}
