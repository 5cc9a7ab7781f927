//! Imports, rule sets and `extends`.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod support;

use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::check::Compiled;
use rolecall_dsl::contract::Language;
use rolecall_dsl::diagnostic::{Format, Severity, render};
use support::{Files, clerk, compile_text, lines, rules};

fn only(compiled: &Compiled) -> Arc<Contract> {
    assert!(compiled.findings.is_empty(), "{}", render(&compiled.findings, Format::Short));
    Arc::clone(compiled.contracts.last().expect("a contract"))
}

fn ids(contract: &Contract) -> Vec<&str> {
    contract.rules.iter().map(|rule| &*rule.id).collect()
}

// Fails when rules of a set lose their place, their order, their options or their condition.
#[test]
fn sets_bring_their_rules() {
    let files = Files::new(&[
        (
            "shared/a.role",
            "import \"deep/b.role\"\nrules a { use b  polite: forbidden_terms \"x\" { severity warning } }",
        ),
        ("shared/deep/b.role", "rules b { max_chars 100\nwhen turn first { max_words_like: forbidden_terms \"y\" } }"),
    ]);
    let text = "import \"shared/a.role\"\n".to_owned()
        + &clerk("stateful true\nconstraints { max_chars 50  use a  when language en { use own } }")
        + "\nrules own { third: max_sentences 3 }";
    let contract = only(&files.compile(&text));
    assert_eq!(ids(&contract), ["max_chars", "max_chars_2", "polite", "max_words_like", "third"]);
    let at = |id: &str| contract.rules.iter().find(|rule| &*rule.id == id).expect("a rule");
    assert_eq!(at("max_chars_2").source.name(), "shared/deep/b.role");
    assert_eq!(at("max_chars_2").source.slice(at("max_chars_2").span), "max_chars 100");
    assert_eq!(at("polite").severity, Severity::Warning);
    assert_eq!(at("max_words_like").guard.as_ref().expect("a guard").to_string(), "first turn");
    assert_eq!(at("third").guard.as_ref().expect("a guard").to_string(), "language en");
}

// Fails when a set that comes by two ways collides with itself, or two different rules do not.
#[test]
fn a_set_comes_once() {
    let sets = "rules base { secrets: forbidden_terms \"x\" }\nrules a { use base }\nrules b { use base }\n";
    assert_eq!(ids(&only(&compile_text(&format!("{sets}{}", rules("use a\nuse b"))))), ["secrets"]);
    assert_eq!(support::codes(&format!("{sets}{}", rules("use a\nuse a"))), ["RC0102"]);
    let other = "rules c { secrets: forbidden_terms \"y\" }\n";
    let found = compile_text(&format!("{sets}{other}{}", rules("use a\nuse c"))).findings;
    assert_eq!(lines(&found), ["RC0207 11:5 error"]);
    assert_eq!(found[0].related.len(), 2, "both rules are shown");
}

// Fails when a role with a broken set is served, or every user of the set repeats its errors.
#[test]
fn a_broken_set_keeps_its_users_from_loading() {
    let text =
        format!("rules bad {{ max_sentnces 3 }}\n{}\nrole other {{ version 1.0.0 persona \"x\" }}", rules("use bad"));
    let compiled = compile_text(&text);
    assert_eq!(lines(&compiled.findings), ["RC0201 1:13 error"]);
    let names: Vec<&str> = compiled.contracts.iter().map(|contract| contract.name.as_str()).collect();
    assert_eq!(names, ["other"]);
}

// Fails when circles hang, or are told in the wrong file.
#[test]
fn circles_end() {
    let files = Files::new(&[
        ("a.role", "import \"b.role\"\nrules a { max_chars 9 }"),
        ("b.role", "import \"a.role\"\nrules b { max_chars 8 }"),
        ("back.role", "import \"clerk.role\"\nrules back { max_chars 7 }"),
    ]);
    let body = rules("max_chars 5");
    let found = files.compile(&format!("import \"a.role\"\n{body}")).findings;
    assert_eq!(lines(&found), ["RC0024 1:1 error"]);
    assert_eq!(found[0].related[0].source.name(), "a.role");
    assert!(found[0].related[0].message.contains("RC0023"), "{:?}", found[0].related);
    let found = files.compile(&format!("import \"back.role\"\n{body}")).findings;
    assert_eq!(lines(&found), ["RC0023 1:1 error"]);
    assert_eq!(found[0].related[0].source.name(), "back.role");
    assert_eq!(lines(&files.compile(&format!("import \"clerk.role\"\n{body}")).findings), ["RC0023 1:1 error"]);
    let sets = "rules a { use b }\nrules b { use c }\nrules c { use a }\n";
    assert_eq!(support::codes(&format!("{sets}{}", rules("use a"))), ["RC0707"]);
    let roles =
        "role a extends b { version 1.0.0 }\nrole b extends c { version 1.0.0 }\nrole c extends b { version 1.0.0 }";
    assert_eq!(lines(&compile_text(roles).findings), ["RC0113 1:16 error", "RC0112 2:16 error", "RC0112 3:16 error"]);
}

// Fails when long chains overflow the stack, or doubling sets fill the memory.
#[test]
fn chains_are_bounded() {
    let persona = "version 1.0.0 language en persona \"x\"";
    let roles: String = (0..3000).map(|n| format!("role r{n} extends r{} {{ {persona} }}\n", n + 1)).collect();
    let compiled = compile_text(&format!("{roles}role r3000 {{ {persona} }}"));
    assert_eq!(compiled.contracts.len(), 17, "sixteen and the last one");
    let sets: String = (0..3000).map(|n| format!("rules s{n} {{ use s{} }}\n", n + 1)).collect();
    let compiled = compile_text(&format!("{sets}rules s3000 {{ max_chars 9 }}\n{}", rules("use s0")));
    assert!(compiled.contracts.is_empty());
    let doubling: String = (1..40)
        .map(|n| {
            format!("rules s{n} {{ when turn first {{ use s{0} }} use t{0} }}\nrules t{n} {{ use s{0} }}\n", n - 1)
        })
        .collect();
    let text = format!("rules s0 {{ max_chars 9 }}\nrules t0 {{ max_chars 8 }}\n{doubling}{}", rules("use s15"));
    assert!(compile_text(&text).findings.len() <= 201);
    let deep = Files(
        (0..40)
            .map(|n| (format!("{n}.role"), format!("import \"{}.role\"\nrules r{n} {{ max_chars 9 }}", n + 1)))
            .collect(),
    );
    assert_eq!(
        lines(&deep.compile(&format!("import \"0.role\"\n{}", rules("max_chars 5"))).findings),
        ["RC0024 1:1 error"]
    );
}

const PARENT: &str = "role base {\n    version 2.0.0\n    language en\n    persona \"A base\"\n    stateful true\n\
    \x20   model { temperature 0.6  max_tokens 300 }\n    style [\"Certainly.\"]\n\
    \x20   constraints { brief: max_sentences 5  forbidden_terms \"x\"  when intent refund { wide: max_chars 500 } }\n\
    \x20   intents { refund \"refund please\"  hours \"opening hours\" }\n    fallback \"Sorry.\"\n    state { history 5 turns }\n\
    \x20   delivery { expire 3d }\n    heartbeat { timeout 40s }\n\
    \x20   cases { case \"a\" { reply \"Yes.\" expect pass } }\n}\n";

// Fails when a field is lost on its way to a child, or comes although it is the parent's own.
#[test]
fn a_child_has_what_it_does_not_say() {
    let child = "role child extends base { version 1.0.0 }";
    let contract = only(&compile_text(&format!("{PARENT}{child}")));
    let parent = contract.parent.as_ref().expect("a parent");
    assert_eq!((parent.name.as_str(), contract.version.to_string()), ("base", "1.0.0".to_owned()));
    assert_eq!((contract.persona.as_str(), contract.languages.as_slice()), ("A base", &[Language::En][..]));
    assert!(contract.stateful && contract.cases.is_empty() && contract.style.len() == 1);
    assert_eq!((&contract.model, contract.state, contract.heartbeat), (&parent.model, parent.state, parent.heartbeat));
    assert_eq!((&contract.delivery, &contract.fallback), (&parent.delivery, &parent.fallback));
    assert_eq!(ids(&contract), ["brief", "forbidden_terms", "wide"]);
    assert_eq!(contract.intents.len(), 2);
    let fallback = contract.fallback.as_ref().expect("a fallback");
    assert_eq!(contract.source.slice(fallback.span), "base", "it stands where the child names its parent");
}

// Fails when a label does not replace, or a rule without one does.
#[test]
fn a_child_adds_and_replaces_by_label() {
    let child = "role child extends base {\n    version 1.0.0\n    persona \"Own\"\n    model { temperature 0.1 }\n\
        constraints { brief: max_sentences 2  forbidden_terms \"y\"  all: max_chars 400 }\n    intents { refund \"my money back\" }\n}";
    let contract = only(&compile_text(&format!("{PARENT}{child}")));
    assert_eq!(ids(&contract), ["brief", "forbidden_terms", "forbidden_terms_2", "all", "wide"]);
    assert_eq!(contract.source.slice(contract.rules[0].span), "brief: max_sentences 2");
    assert_eq!(
        (contract.persona.as_str(), contract.model.max_tokens, contract.model.temperature),
        ("Own", Some(300), Some(0.1))
    );
    let intents: Vec<&str> = contract.intents.iter().map(|intent| intent.samples[0].value.as_str()).collect();
    assert_eq!(intents, ["opening hours", "my money back"]);
    let digest = |parent: &str| only(&compile_text(&format!("{parent}{child}"))).digest.clone();
    assert_ne!(digest(PARENT), digest(&PARENT.replace("Sorry.", "Sorry!")), "another parent is another contract");
}

// Fails when findings about what is inherited point into the wrong file.
#[test]
fn findings_about_inherited_texts_stand_in_the_child() {
    let files = Files::new(&[("base.role", PARENT)]);
    let child = "import \"base.role\"\nrole child extends base {\n    version 1.0.0\n    constraints { long: min_sentences 2 }\n}";
    let found = files.compile(child).findings;
    assert_eq!(lines(&found), ["RC0401 2:20 error"]);
    assert_eq!(found[0].source.name(), "clerk.role");
}

// Fails when a child's own words leave a parent's rule without any turn, and nobody is told.
#[test]
fn a_parents_guard_must_still_hold() {
    let parent = "role base {\n    version 1.0.0\n    language zh, en\n    persona \"A base\"\n    stateful true\n\
        constraints { when language zh { a: max_chars 90 }  when turn later { b: max_sentences 3 } }\n}\n";
    let child = |fields: &str| {
        let text = format!("{parent}role child extends base {{ version 1.0.0 {fields} }}");
        lines(&compile_text(&text).findings)
    };
    assert_eq!(child(""), Vec::<String>::new());
    assert_eq!(child("language en  stateful false"), ["RC0313 6:34 error", "RC0109 8:20 error", "RC0703 8:20 error"]);
    assert_eq!(child("language en  constraints { a: max_chars 80 }"), Vec::<String>::new());
}
