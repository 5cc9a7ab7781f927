//! House rules as tests. Written rules that nothing checks drift.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rolecall_tests::paths::root;

/// Folders that hold no source.
const SKIPPED: &[&str] = &["target", ".git", "node_modules", ".venv", ".rolecall", "fuzz/corpus"];
const TEXT: &[&str] = &[
    "rs", "toml", "md", "role", "pest", "wit", "py", "sh", "mk", "js", "ts", "txt", "json", "yml", "yaml", "expected",
];

struct Text {
    /// Relative to the repository, with `/`.
    path: String,
    text: String,
}

fn texts() -> Vec<Text> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a readable folder") {
            let entry = entry.expect("a readable entry");
            let path = relative(&root, &entry.path());
            if SKIPPED.iter().any(|skipped| path == *skipped) {
                continue;
            }
            if entry.file_type().expect("a file type").is_dir() {
                folders.push(entry.path());
            } else if is_text(&entry.path()) {
                let text = std::fs::read_to_string(entry.path()).expect(&path);
                found.push(Text { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 50, "only {} files found: the search is broken", found.len());
    found
}

fn relative(root: &Path, path: &Path) -> String {
    let parts: Vec<_> = path.strip_prefix(root).unwrap().iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

fn is_text(path: &Path) -> bool {
    let by_name = matches!(path.file_name().and_then(|name| name.to_str()), Some("Makefile" | "run"));
    by_name || path.extension().and_then(|ext| ext.to_str()).is_some_and(|ext| TEXT.contains(&ext))
}

fn sources() -> Vec<Text> {
    texts().into_iter().filter(|file| file.path.ends_with(".rs")).collect()
}

/// Whether a file below `src` holds tests or what they share.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.ends_with("/testing.rs") || path.contains("/tests/")
}

/// Lines that are code, numbered from 1: comments and everything behind `#[cfg(test)]` are left out.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let shipped = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    shipped
        .lines()
        .zip(1..)
        .map(|(line, number)| (number, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn report(title: &str, problems: &[String]) {
    assert!(problems.is_empty(), "{title}:\n  {}", problems.join("\n  "));
}

/// What the code below a path must not name, and why.
struct Rule {
    below: &'static str,
    except: &'static [&'static str],
    words: &'static [&'static str],
    why: &'static str,
}

const DIRECTIONS: &[Rule] = &[
    Rule {
        below: "sdk/wire/src",
        except: &[],
        words: &["tokio", "std::net", "std::time", "Instant", "SystemTime", "std::thread", "std::fs"],
        why: "the protocol is a value without clock, socket or thread",
    },
    Rule {
        below: "dsl/src",
        except: &[],
        words: &["tokio", "std::net", "Instant", "SystemTime", "std::thread", "std::fs", "std::env"],
        why: "the language knows no socket, clock, thread or file",
    },
    Rule {
        below: "dsl/src/contract",
        except: &[],
        words: &["crate::parse", "crate::ast"],
        why: "a contract does not know how it was written",
    },
    Rule {
        below: "runtime/src/dialogue",
        except: &[],
        words: &[
            "tokio",
            "crate::enforce",
            "crate::session",
            "crate::store",
            "crate::clock",
            "crate::gateway",
            "crate::model",
        ],
        why: "what is remembered follows from what was said, and from nothing else",
    },
    Rule {
        below: "runtime/src/enforce",
        except: &[],
        words: &["crate::connection", "crate::gateway", "crate::model"],
        why: "enforcement knows no transport and no model",
    },
    Rule {
        below: "runtime/src/store",
        except: &[],
        words: &["crate::session", "crate::connection", "crate::gateway", "rolecall_wire", "rolecall_dsl"],
        why: "a store knows sequence ids, epochs and bytes",
    },
    Rule {
        below: "runtime/src/outbox",
        except: &[],
        words: &["crate::connection", "crate::gateway", "crate::model"],
        why: "the outbox is read by connections, not the other way round",
    },
    Rule {
        below: "runtime/src/model",
        except: &[],
        words: &["crate::connection", "crate::gateway", "crate::outbox", "crate::offline", "crate::store"],
        why: "a model knows prompts and turns only",
    },
    Rule {
        below: "runtime/src",
        except: &["runtime/src/config", "runtime/src/main.rs"],
        words: &["env::var", "env::vars", "env::set_var"],
        why: "only `config` reads the environment",
    },
    Rule {
        below: "runtime/src",
        except: &["runtime/src/clock.rs"],
        words: &["Instant::now", "SystemTime::now"],
        why: "only `clock` reads the time",
    },
    Rule {
        below: "runtime/src",
        except: &["runtime/src/shutdown.rs"],
        words: &["tokio::spawn(", "task::spawn("],
        why: "every task has an owner: `Shutdown::spawn`",
    },
    Rule { below: "runtime/src", except: &[], words: &["wasmtime"], why: "only the plugin host sees wasmtime" },
    Rule {
        below: "sdk/client/src",
        except: &[],
        words: &["rolecall::", "rolecall_dsl"],
        why: "the client SDK stands without the server",
    },
    Rule {
        below: "tests/sim/src",
        except: &["tests/sim/src/bin", "tests/sim/src/main.rs", "tests/sim/src/mutants.rs", "tests/sim/src/sweep.rs"],
        words: &["Instant", "SystemTime", "std::time", "std::net", "std::fs", "std::env", "std::thread", "HashMap"],
        why: "a simulated run follows from its seed and from nothing else",
    },
    Rule {
        below: "tests/model/src",
        except: &["tests/model/src/main.rs", "tests/model/src/check.rs"],
        words: &["Instant", "SystemTime", "std::time", "std::net", "std::fs", "std::env", "std::thread", "HashMap"],
        why: "a state follows from the one before and the step, and from nothing else",
    },
];

// Fails when a module reaches past the rooms that the design puts between them.
#[test]
fn modules_depend_in_the_designed_direction() {
    let sources = sources();
    let mut problems = Vec::new();
    for rule in DIRECTIONS {
        let below = |file: &&Text| file.path.starts_with(rule.below) && !is_test(&file.path);
        let mut files = sources.iter().filter(below).peekable();
        assert!(files.peek().is_some(), "no file below {}: the rule guards nothing", rule.below);
        for file in files.filter(|file| !rule.except.iter().any(|path| file.path.starts_with(path))) {
            for (number, line) in code(&file.text) {
                for word in rule.words.iter().filter(|word| line.contains(**word)) {
                    problems.push(format!("{}:{number}: `{word}`: {}", file.path, rule.why));
                }
            }
        }
    }
    report("wrong direction", &problems);
}

// Fails when a file outgrows one noun, or an exception outlives its reason.
#[test]
fn files_stay_short() {
    let allowed: BTreeMap<String, usize> = entries("tests/long-files.txt")
        .iter()
        .map(|line| {
            let (path, lines) = line.split_once(' ').expect("PATH LINES");
            (path.to_owned(), lines.trim().parse().expect("a number"))
        })
        .collect();
    let mut problems = Vec::new();
    let mut used = 0;
    for file in sources() {
        let lines = file.text.lines().count();
        let limit = allowed.get(&file.path).copied();
        used += usize::from(limit.is_some());
        match limit {
            _ if lines > 500 => problems.push(format!("{}: {lines} lines; split it (500 is the end)", file.path)),
            None if lines > 400 => problems.push(format!("{}: {lines} lines; split it (target 400)", file.path)),
            Some(limit) if lines > limit => problems.push(format!("{}: grew from {limit} to {lines}", file.path)),
            Some(limit) if lines < limit => {
                problems.push(format!("{}: {lines} lines, listed with {limit}; shrink the entry", file.path));
            }
            _ => {}
        }
    }
    if used < allowed.len() {
        problems.push("tests/long-files.txt lists a file that does not exist".to_owned());
    }
    report("long files", &problems);
}

// Fails when a function needs scrolling. Relies on rustfmt: a body ends at its own indentation.
#[test]
fn functions_stay_short() {
    let mut problems = Vec::new();
    for file in sources() {
        let mut open: Option<(usize, usize, String)> = None;
        for (line, number) in file.text.lines().zip(1..) {
            let indent = line.len() - line.trim_start().len();
            let words = line.trim_start();
            if open.is_none() && is_function(words) && !words.ends_with(';') && !words.ends_with('}') {
                open = Some((indent, number, words.to_owned()));
            } else if let Some((depth, start, _)) = &open
                && *depth == indent
                && (words == "}" || words.ends_with(';') && number == *start + 1)
            {
                let length = number - start;
                if length > 70 {
                    problems.push(format!("{}:{start}: {length} lines", file.path));
                }
                open = None;
            }
        }
    }
    report("long functions (70 is the end)", &problems);
}

fn is_function(words: &str) -> bool {
    let mut rest = words;
    for prefix in ["pub(crate) ", "pub(super) ", "pub ", "const ", "async ", "unsafe "] {
        rest = rest.strip_prefix(prefix).unwrap_or(rest);
    }
    rest.starts_with("fn ")
}

// Fails when something unfinished or switched off is delivered.
#[test]
fn nothing_is_unfinished_or_skipped() {
    let marks = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("#[ig", "nore"),
        concat!("FIX", "ME"),
        concat!("mark.", "skip"),
        concat!("unittest.", "skip"),
        concat!("To be ", "written"),
    ];
    let mut problems = Vec::new();
    for file in texts().iter().filter(|file| file.path.ends_with(".rs") || file.path.ends_with(".py")) {
        for (line, number) in file.text.lines().zip(1..) {
            for mark in marks.iter().filter(|mark| line.contains(**mark)) {
                problems.push(format!("{}:{number}: {mark}", file.path));
            }
        }
    }
    report("unfinished", &problems);
}

// Fails when a text only works, or only makes sense, on the machine it was written on.
#[test]
fn no_path_of_a_machine_is_written_down() {
    let places = [
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
        concat!("/wo", "rk/"),
        concat!("C:", "\\Users"),
    ];
    let mut problems = Vec::new();
    for file in texts() {
        for (line, number) in file.text.lines().zip(1..) {
            for place in places.iter().filter(|place| line.contains(**place)) {
                problems.push(format!("{}:{number}: {place}", file.path));
            }
        }
    }
    report("machine paths", &problems);
}

#[test]
fn no_banned_word_is_used() {
    let banned: Vec<String> = entries("tests/banned-words.txt").iter().map(|word| word.to_lowercase()).collect();
    assert!(!banned.is_empty(), "the list is empty");
    let mut problems = Vec::new();
    // The roles of the corpus speak as people of their trade do.
    let exempt = |path: &str| {
        ["tests/banned-words.txt", "tests/tests/tidy.rs"].contains(&path) || path.starts_with("dsl/tests/corpus/")
    };
    for file in texts().iter().filter(|file| !exempt(&file.path)) {
        for (line, number) in file.text.lines().zip(1..) {
            let lower = line.to_lowercase();
            let words = || lower.split(|c: char| !(c.is_alphanumeric() || c == '-'));
            for word in banned.iter().filter(|word| words().any(|w| w == word.as_str())) {
                problems.push(format!("{}:{number}: {word}", file.path));
            }
        }
    }
    report("banned words", &problems);
}

// Fails when a dependency is added without saying what for.
// Fails when the digits that a plugin's tests read are not those that the host reads: a guest crate must not
// depend on the language, so each has the table.
#[test]
fn guests_and_the_language_read_the_same_digits() {
    let table = |path: &str| {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        let (_, behind) = text.split_once("const ZEROS").unwrap();
        behind.split_once("];").unwrap().0.to_owned()
    };
    assert_eq!(table("dsl/src/text/digits.rs"), table("plugins/sdk/src/testing/digits.rs"));
}

#[test]
fn every_dependency_has_a_reason() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("[workspace.dependencies]").nth(1).expect("a list of dependencies");
    let section = section.split("\n[").next().unwrap_or(section);
    let dependencies: Vec<&str> = section.lines().filter(|line| line.contains(" = ")).collect();
    assert!(dependencies.len() > 30, "the list is not read: {}", dependencies.len());
    let reasoned = |line: &str| line.split_once('#').is_some_and(|(_, reason)| reason.trim().len() > 5);
    let problems: Vec<String> = dependencies
        .iter()
        .filter(|line| !line.contains("path = ") && !reasoned(line))
        .map(|line| (*line).to_owned())
        .collect();
    report("dependencies without a reason", &problems);
}

// Fails when a finding has a code that nobody explains, or a page explains a code that is gone.
#[test]
fn every_diagnostic_code_has_its_page() {
    let declared: Vec<String> =
        rolecall_dsl::diagnostic::codes::ALL.iter().map(|declaration| declaration.code.to_string()).collect();
    assert!(declared.len() > 10, "the list is not read: {declared:?}");
    let pages: Vec<PathBuf> = std::fs::read_dir(root().join("dsl/docs/codes"))
        .expect("the pages")
        .map(|entry| entry.unwrap().path())
        .collect();
    let paged: Vec<String> = pages.iter().filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    let mut problems: Vec<String> =
        declared.iter().filter(|code| !paged.contains(code)).map(|code| format!("{code}: no page")).collect();
    let stray = paged.iter().filter(|page| page.starts_with("RC") && !declared.contains(page));
    problems.extend(stray.map(|page| format!("{page}: no such code")));
    report("code pages", &problems);
}

fn entries(path: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}
