use std::collections::BTreeSet;

use super::report::{json, junit, table};
use super::suite::language;
use super::*;

fn source(text: &str) -> Source {
    Source { name: "own.tsv".into(), text: text.to_owned().into() }
}

fn judged(text: &str) -> Result<Vec<suite::Judged>, String> {
    Suite::Rhetorical.judge(&[source(text)]).map_err(|error| error.to_string())
}

const ROWS: &str = "split\tlabel\tclass\ttext\n\
    dev\tyes\tqi\t岂能如此？\n\
    dev\tyes\tno_cue\t你以为呢？\n\
    dev\tno\tplain\t你来吗？\n\
    test\tno\tcue\tWhy bother?\n";

fn evaluation(thresholds: Thresholds) -> Evaluation {
    Evaluation::new(Suite::Rhetorical, judged(ROWS).unwrap(), false, thresholds)
}

// Fails when the sets that ship lose cases, their balance, or their split.
#[test]
fn the_labelled_sentences_are_enough_and_balanced() {
    let cases = Suite::Rhetorical.judge(&rhetorical::bundled()).unwrap();
    let texts: BTreeSet<&str> = cases.iter().map(|case| case.text.as_str()).collect();
    assert_eq!(texts.len(), cases.len(), "a sentence stands in the set twice");
    for (language, least) in [("zh", 300), ("en", 150)] {
        let of: Vec<_> = cases.iter().filter(|case| case.language == language).collect();
        assert!(of.len() >= least, "{language}: {}", of.len());
        let share = |holds: &dyn Fn(&&&suite::Judged) -> bool| of.iter().filter(holds).count() * 100 / of.len();
        assert!((40..=60).contains(&share(&|case| case.class.starts_with("yes"))), "{language} is not balanced");
        assert!((45..=55).contains(&share(&|case| case.split == "dev")), "{language} is not split in halves");
    }
    assert_eq!(cases.iter().filter(|case| !matches!(case.language, "zh" | "en")).count(), 0);
}

// Fails when the machine departs from its own conformance file.
#[test]
fn every_boundary_of_the_conformance_file_is_found() {
    let cases = Suite::Sentences.judge(&Suite::Sentences.bundled()).unwrap();
    assert!(cases.len() >= 300 && cases.iter().all(|case| case.right));
}

// Fails when a line that says nothing clear is counted, or the place and the remedy are not told.
#[test]
fn bad_lines_are_told_with_their_place_and_remedy() {
    let header = "# a comment\nsplit\tlabel\tclass\ttext\n";
    let told = |row: &str| judged(&format!("{header}{row}\n")).unwrap_err();
    assert_eq!(told("dev\tyes\tqi"), "own.tsv:3 has 3 columns instead of 4; put one tab between two of them");
    assert_eq!(told("dev\tmaybe\tqi\t好？"), "own.tsv:3: the label is `maybe`; write yes or no");
    assert_eq!(told("train\tyes\tqi\t好？"), "own.tsv:3: the split is `train`; write dev or test");
    let several = told("dev\tyes\tqi\t好。好？");
    assert_eq!(several, "own.tsv:3 has 2 sentences; write one in each line, because each has its own label");
    assert!(told("").starts_with("own.tsv holds no case"));
    assert!(judged("dev\tyes\tqi\t好？\n").unwrap_err().starts_with("own.tsv:1: the first line"));
    let breaks = Suite::Sentences.judge(&[source("÷ 0061\n")]).unwrap_err().to_string();
    assert_eq!(breaks, "own.tsv:1: a case ends with ÷; write it behind `0061`");
    // Windows line ends and a byte order mark are what editors leave.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("\u{FEFF}{}", ROWS.replace('\n', "\r\n"))).unwrap();
    assert_eq!(Suite::Rhetorical.judge(&[Source::read(file.path()).unwrap()]).unwrap().len(), 4);
    std::fs::write(file.path(), [0xFF]).unwrap();
    assert!(Source::read(file.path()).unwrap_err().to_string().ends_with("is not UTF-8; save it in that encoding"));
}

// Fails when cases are counted in the wrong group or column.
#[test]
fn groups_are_counted_apart() {
    let report: serde_json::Value = serde_json::from_str(&json(&[evaluation(Thresholds::default())], true)).unwrap();
    let groups = report["suites"][0]["groups"].as_array().unwrap();
    let names: Vec<_> = groups.iter().map(|it| (it["language"].as_str(), it["split"].as_str())).collect();
    assert_eq!(names, [(Some("en"), Some("test")), (Some("zh"), Some("dev"))]);
    let zh = &groups[1];
    assert_eq!((zh["precision"].as_f64(), zh["recall"].as_f64()), (Some(1.0), Some(0.5)));
    assert_eq!((zh["cases"].as_u64(), zh["right"].as_u64()), (Some(3), Some(2)));
    assert_eq!(zh["confusion"]["true_negatives"].as_u64(), Some(1));
    let wrong = report["suites"][0]["failures"].as_array().unwrap();
    assert_eq!(wrong.iter().map(|it| it["place"].as_str().unwrap()).collect::<Vec<_>>(), ["own.tsv:3", "own.tsv:5"]);
}

// Fails when a threshold is not held, or held by what it was not asked of.
#[test]
fn thresholds_hold_for_each_group() {
    let good = |precision, recall| evaluation(Thresholds { precision, recall }).is_good_enough();
    assert!(good(None, None) && good(None, Some(0.5)));
    // English finds its only one wrongly; Chinese finds one of two.
    assert!(!good(Some(0.5), None) && !good(None, Some(0.6)));
    let shown = table(&[evaluation(Thresholds { precision: None, recall: Some(0.6) })], true);
    assert!(shown.contains("BELOW  zh dev: recall is 0.500, and 0.600 is asked for"), "{shown}");
    assert!(shown.contains("own.tsv:5  no cue: Why bother?\n    found: rhetorical"), "{shown}");
}

// Fails when a build server cannot read the report, or sees no failure where the exit code tells one.
#[test]
fn junit_has_a_test_for_each_figure() {
    let xml = junit(&[evaluation(Thresholds { precision: Some(0.9), recall: None })], true);
    assert_eq!(xml.matches("<testsuite ").count(), 2, "{xml}");
    assert_eq!((xml.matches("<testcase ").count(), xml.matches("<failure ").count()), (4, 1), "{xml}");
    assert!(xml.contains("own.tsv:5: Why bother?&#10;    found: rhetorical"), "{xml}");
}

#[test]
fn shares_are_read_in_both_forms() {
    assert_eq!((share("0.9"), share("90%"), share("1")), (Ok(0.9), Ok(0.9), Ok(1.0)));
    assert!(["90", "-1%", "101%", "nan", "", "much"].iter().all(|text| share(text).is_err()));
}

#[test]
fn languages_are_told_by_script() {
    let all = ["用AI做", "use AI", "これは本だ", "2024…"].map(language);
    assert_eq!(all, ["zh", "en", "ja", "other"]);
}

// Fails when the reference shows other figures than the program.
#[test]
fn the_reference_shows_what_is_printed() {
    let chapter = include_str!("../../../../dsl/spec/15-evaluating.md");
    let evaluate = |suite: Suite| {
        let judged = suite.judge(&suite.bundled()).unwrap();
        Evaluation::new(suite, judged, false, Thresholds::default())
    };
    let evaluations = [Suite::Rhetorical, Suite::Sentences].map(evaluate);
    let shown = table(&evaluations, false);
    println!("{shown}");
    assert!(chapter.contains(&format!("```text\n{shown}```\n")), "15-evaluating.md does not show\n{shown}");
}

/// By class, cases and those that are right.
fn classes(suite: Suite) -> std::collections::BTreeMap<String, (usize, usize)> {
    let mut classes = std::collections::BTreeMap::<String, (usize, usize)>::new();
    for case in suite.judge(&suite.bundled()).unwrap() {
        let class = classes.entry(case.class).or_default();
        *class = (class.0 + 1, class.1 + usize::from(case.right));
    }
    classes
}

// Fails when a set is read in part, or its answers are put beside the wrong cases.
#[test]
fn terms_and_references_are_measured_by_class() {
    let terms = classes(Suite::Terms);
    let all = |kind: &str| terms.iter().filter(|(class, _)| class.starts_with(kind)).map(|it| it.1.0).sum::<usize>();
    assert!(all("disguised") >= 1_500 && all("ordinary") >= 400, "{terms:?}");
    assert_eq!(terms["disguised plain"].0, terms["disguised plain"].1);
    assert_eq!(terms["disguised accent"].1, 0);
    let references = classes(Suite::References);
    assert!(references.values().map(|it| it.0).sum::<usize>() >= 260, "{references:?}");
    assert!(references.values().all(|(cases, right)| right * 10 >= cases * 9), "{references:?}");
}

// Fails when a set of terms is judged by nothing, or a mistake in one is not told with its place.
#[test]
fn mistakes_in_sets_of_terms_are_told() {
    let named = |name: &str, text: &str| Source { name: name.to_owned().into(), text: text.to_owned().into() };
    let attack = named("a.tsv", "# terms\nx/a\t\"AI\"\t用⟦AI⟧做\nx/b\t\"AI\"\t用⟦A1⟧做\n");
    let (plain, contract) = (named("b.tsv", "y/a\t他said\n"), "role a { version 1.0.0 language zh persona \"p\" }");
    let judged = Suite::Terms.judge(&[attack, plain.clone(), named("c.role", contract)]).unwrap();
    assert_eq!(judged.iter().map(|case| case.right).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(judged.iter().map(|case| case.place.as_str()).collect::<Vec<_>>(), ["a.tsv:2", "a.tsv:3", "b.tsv:1"]);
    let told = |sources: &[Source]| Suite::Terms.judge(sources).unwrap_err().to_string();
    assert!(told(std::slice::from_ref(&plain)).contains("name its .role file"));
    assert!(told(&[plain, named("c.role", "role a {")]).contains("`rolecall verify c.role`"));
    assert!(told(&[named("a.tsv", "#\nx/a\t\"AI\"\tno marks\n")]).starts_with("a.tsv:2: the text has no match"));
    assert!(told(&[named("a.tsv", "#\nx/a\tforbid\t⟦a⟧\n")]).starts_with("a.tsv:2: x/a: "));
}
