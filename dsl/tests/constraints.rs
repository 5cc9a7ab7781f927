//! How rules are read: what is accepted, and what authors are told.

mod common;

use rolecall_dsl::compile;
use rolecall_dsl::constraint::Fact;
use rolecall_dsl::contract::Language;
use rolecall_dsl::source::Source;
use rolecall_dsl::text::rhetorical::Form;
use rolecall_dsl::text::terms::Matching;

/// `code: message` of every finding about these rules.
fn findings(rules: &str) -> Vec<String> {
    let text = format!("role test {{ version 1.0.0 language zh persona \"p\" constraints {{\n{rules}\n}} }}");
    let compiled = compile(&Source::new("test.role", &text));
    compiled.findings.iter().map(|finding| format!("{}: {}", finding.code, finding.message)).collect()
}

/// The replacement that the first finding offers.
fn fix(rules: &str) -> Option<String> {
    let text = format!("role test {{ version 1.0.0 language zh persona \"p\" constraints {{\n{rules}\n}} }}");
    let compiled = compile(&Source::new("test.role", &text));
    compiled.findings.first().and_then(|finding| finding.fix.clone()).map(|fix| fix.replacement)
}

#[test]
fn every_spelling_of_a_term_list_means_the_same() {
    for rules in [
        r#"forbidden_terms "AI" | "算法" | "2024""#,
        r#"forbidden_terms "AI|算法|2024""#,
        r#"forbidden_terms "AI | 算法" | "2024""#,
    ] {
        let contract = common::contract(rules);
        let terms = ["AI", "算法", "2024"].map(str::to_owned);
        let expected = Fact::Forbidden { terms: &terms, patterns: &[], matching: Matching::usual() };
        assert_eq!(contract.rules[0].constraint.fact(), expected, "{rules}");
    }
}

// Fails when a vocabulary fills the context of the model, or when only what the model is told is enforced.
#[test]
fn a_long_list_of_terms_is_named_in_part_and_enforced_whole() {
    let terms: Vec<String> = (1000..1450).map(|n| format!("禁语{n}")).collect();
    let contract = common::contract(&format!("forbidden_terms \"{}\"", terms.join("|")));
    let prompt = |language| contract.rules[0].constraint.prompt(language);
    for (language, more) in [(Language::Zh, "另外250个"), (Language::En, "nor 250 more")] {
        let prompt = prompt(language);
        assert!(prompt.contains("禁语1199") && !prompt.contains("禁语1200") && prompt.contains(more), "{prompt}");
    }
    assert!(!contract.program.check("有禁语1449。").passes());
}

#[test]
fn every_spelling_of_a_share_means_the_same() {
    for rules in [
        "response_style 反问句 >= 40%",
        "response_style rhetorical >= 40%",
        "response_style 反问句 ≥ 40%",
        "response_style \"反问句占比≥40%\"",
        "response_style \"反问句 >= 40%\"",
        "response_style \"反问句占比>=40.0％\"",
    ] {
        let contract = common::contract(rules);
        let share = Fact::Share { form: Form::Rhetorical, at_least: true, basis_points: 4000 };
        assert_eq!(contract.rules[0].constraint.fact(), share, "{rules}");
    }
    for (name, form) in [
        ("exclamation", Form::Exclamation),
        ("感叹句", Form::Exclamation),
        ("\"引用占比≥5%\"", Form::Quotation),
        ("quotation", Form::Quotation),
        ("列表项", Form::ListItem),
        ("list_item", Form::ListItem),
    ] {
        let rule = if name.starts_with('"') { name.to_owned() } else { format!("{name} >= 5%") };
        let contract = common::contract(&format!("response_style {rule}"));
        let share = Fact::Share { form, at_least: true, basis_points: 500 };
        assert_eq!(contract.rules[0].constraint.fact(), share, "{rule}");
    }
    let contract = common::contract("response_style question <= 33.3%");
    let share = Fact::Share { form: Form::Question, at_least: false, basis_points: 3330 };
    assert_eq!(contract.rules[0].constraint.fact(), share);
    assert_eq!(contract.rules[0].constraint.prompt(Language::Zh), "回答中问句不得超过全部句子的33.3%。");
}

#[test]
fn wrong_arguments_are_named_with_their_remedy() {
    for (rules, wanted) in [
        ("max_sentences", "RC0202: `max_sentences` says nothing"),
        ("max_sentences \"3\"", "RC0202: `max_sentences` takes a whole number"),
        ("max_sentences 0", "RC0203: 0 is not between 1 and 10000"),
        ("max_sentences 3 4", "RC0202: `max_sentences` takes one argument"),
        ("forbidden_terms", "RC0202: `forbidden_terms` says nothing"),
        ("forbidden_terms \"a\" \"b\"", "RC0202: `|` is missing between the terms"),
        ("forbidden_terms \"a\", \"b\"", "RC0202: `|` is missing between the terms"),
        ("forbidden_terms \"a||b\"", "RC0204: `` cannot be a term: it is empty or shows nothing"),
        ("forbidden_terms \"a\" |", "RC0202: a term is missing here"),
        ("forbidden_terms [\"a\", \"b\"]", "RC0202: terms are separated by `|`, not listed"),
        ("forbidden_terms /a*/", "RC0205: this pattern cannot be used: it matches the empty text, and so everywhere"),
        ("must_match \"a\"", "RC0202: `must_match` takes a pattern between slashes"),
        ("required_terms some \"a\"", "RC0202: `some` is neither `any` nor `all`"),
        ("required_terms /a/", "RC0202: a term is written in quotes"),
        ("response_style 40%", "RC0202: a share has a metric, a comparison and a percentage"),
        ("response_style rhetoric >= 40%", "RC0206: there is no metric `rhetoric`"),
        ("no_urls 3", "RC0202: `no_urls` takes no argument"),
        ("script hann", "RC0202: there is no script `hann`"),
        ("script han latin", "RC0202: `|` is missing between the terms"),
        ("script \"han\"", "RC0202: a script is expected here"),
        ("script han |", "RC0202: a script is missing here"),
        ("response_style exclamations >= 40%", "RC0206: there is no metric `exclamations`"),
        ("format xml", "RC0202: there is no format `xml`"),
        ("format json 3", "RC0202: behind `json` stands a JSON Schema in quotes, or nothing"),
        ("language fr", "RC0202: `fr` is neither `zh` nor `en`"),
        ("language zh <= 50%", "RC0202: a share of words is compared by `>=`"),
        ("language zh >= 0%", "RC0203: the share is above 0% and at most 100%"),
        ("language zh >= 50", "RC0202: a share is a percentage: 50%"),
        ("language", "RC0202: `language` says nothing"),
        ("starts_with /a*/", "RC0205: this pattern cannot be used: it matches the empty text, and so everywhere"),
        ("ends_with \"\"", "RC0204: `` cannot be a term: it is empty or shows nothing"),
        ("max_repeat 0", "RC0203: 0 is not between 1 and 100"),
        ("max_words 0", "RC0203: 0 is not between 1 and 1000000"),
        ("min_chars x", "RC0202: `min_chars` takes a whole number"),
        ("response_style question >= 140%", "RC0203: a share is at most 100%"),
        ("response_style question > 40%", "RC0202: a share is compared by `>=` or `<=`"),
        ("response_style \"反问句占比40%\"", "RC0202: a share has a comparison, `>=` or `<=`"),
        ("response_style \"反问句≥四成\"", "RC0202: a share is a percentage such as `40%`"),
    ] {
        assert_eq!(findings(rules).first().map(String::as_str), Some(wanted), "{rules}");
    }
}

#[test]
fn tools_get_a_replacement_where_one_is_sure() {
    assert_eq!(fix("max_sentence 3").as_deref(), Some("max_sentences"));
    assert_eq!(fix("response_style question >= 40").as_deref(), Some("40%"));
    assert_eq!(fix("response_style question > 40%").as_deref(), Some(">="));
    assert_eq!(fix("response_style rhetoricl >= 40%").as_deref(), Some("rhetorical"));
    assert_eq!(fix("forbidden_terms [\"a\", \"b\"]").as_deref(), Some("\"a\" | \"b\""));
}

/// Authors who list both would believe that case or width matter.
#[test]
fn a_term_listed_twice_is_a_warning() {
    let found = findings("forbidden_terms \"AI\" | \"ａｉ\"");
    assert!(found[0].starts_with("RC0306: `ａｉ` is listed twice"), "{found:?}");
}

#[test]
fn every_kind_tells_a_model_what_to_do_in_both_languages() {
    let rules = r#"max_sentences 3 min_sentences 1 max_chars 200 forbidden_terms "AI" | /sk-[a-z]+/
        required_terms any "a" | "b" must_match /a/ must_not_match /b/ response_style question >= 10% policy "tone"
        min_chars 5 max_words 80 script han | latin no_urls no_emoji no_markdown
        starts_with "a" | /b/ ends_with "c" language zh >= 30% max_repeat 2 format json"#;
    let contract = common::contract(rules);
    assert_eq!(contract.rules.len(), rolecall_dsl::constraint::keywords().len());
    let metrics = ["rhetorical", "question", "exclamation", "quotation", "list_item"];
    let shares = metrics.map(|metric| format!("response_style {metric} >= 40% response_style {metric} <= 60%"));
    let schema = "format json \"{\\\"type\\\": \\\"array\\\"}\"";
    let more = "starts_with \"a\" ends_with \"b\" | \"c\" language en max_words 1 min_chars 1 max_repeat 1 script thai | runic";
    let metrics = common::contract(&format!("{} {schema} {more}", shares.join(" ")));
    for rule in contract.rules.iter().chain(&metrics.rules) {
        let [zh, en] = [Language::Zh, Language::En].map(|language| rule.constraint.prompt(language));
        assert!(zh.ends_with('。') && en.ends_with('.'), "{zh} {en}");
        assert!(zh.chars().any(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c)), "{zh}");
    }
}
