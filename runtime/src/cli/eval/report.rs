//! What an evaluation gives, and how it is written.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use rolecall_dsl::diagnostic::escaped;
use serde_json::{Value, json};

use super::Thresholds;
use super::score::{Confusion, ratio, wilson};
use super::suite::{Judged, Suite};

/// One suite, judged and summed up.
#[derive(Debug)]
pub(super) struct Evaluation {
    suite: Suite,
    judged: Vec<Judged>,
    groups: Vec<Group>,
    thresholds: Thresholds,
}

/// Cases that are counted together: of one language, split and, where asked for, class.
#[derive(Debug)]
struct Group {
    name: String,
    language: &'static str,
    split: String,
    class: Option<String>,
    cases: u64,
    right: u64,
    confusion: Confusion,
}

/// A figure of a group, with the least it must be, if something was asked.
struct Figure {
    name: &'static str,
    value: Option<f64>,
    least: Option<f64>,
}

impl Evaluation {
    /// Sums up what was judged. Thresholds hold for each language and split; classes are too small for
    /// them.
    pub(super) fn new(suite: Suite, judged: Vec<Judged>, classes: bool, thresholds: Thresholds) -> Self {
        let mut groups = BTreeMap::new();
        for case in &judged {
            let whole = (case.language, case.split.clone(), None);
            let part = (case.language, case.split.clone(), Some(case.class.clone()));
            for key in std::iter::once(whole).chain(classes.then_some(part)) {
                let group: &mut Group = groups.entry(key.clone()).or_insert_with(|| Group::new(key));
                group.cases += 1;
                group.right += u64::from(case.right);
                group.confusion += case.confusion;
            }
        }
        Self { suite, judged, groups: groups.into_values().collect(), thresholds }
    }

    /// Whether every group reaches what was asked for.
    pub(super) fn is_good_enough(&self) -> bool {
        self.groups.iter().all(|group| self.figures(group).iter().all(Figure::is_good_enough))
    }

    fn figures(&self, group: &Group) -> [Figure; 2] {
        let asked = if group.class.is_none() { self.thresholds } else { Thresholds::default() };
        let figure = |name, value, least| Figure { name, value, least };
        [
            figure("precision", group.confusion.precision(), asked.precision),
            figure("recall", group.confusion.recall(), asked.recall),
        ]
    }

    fn failures(&self) -> impl Iterator<Item = &Judged> {
        self.judged.iter().filter(|case| !case.right)
    }

    fn table(&self, out: &mut String, failures: bool) -> fmt::Result {
        let width = self.groups.iter().map(|group| group.name.len()).max().unwrap_or_default().max(10);
        writeln!(
            out,
            "{:width$}  cases  precision  recall      F1     tp     fp     fn     tn  accuracy (95 %)",
            self.suite.name()
        )?;
        for group in &self.groups {
            let Confusion { tp, fp, fn_, tn } = group.confusion;
            let [precision, recall] = self.figures(group).map(|figure| shown(figure.value));
            writeln!(
                out,
                "{:width$}  {:>5}  {precision:>9}  {recall:>6}  {:>6}  {tp:>5}  {fp:>5}  {fn_:>5}  {tn:>5}  {}",
                group.name,
                group.cases,
                shown(group.confusion.f1()),
                group.accuracy(),
            )?;
        }
        for group in &self.groups {
            for figure in self.figures(group).iter().filter(|figure| !figure.is_good_enough()) {
                writeln!(out, "  BELOW  {}: {figure}", group.name)?;
            }
        }
        for case in self.failures().filter(|_| failures) {
            writeln!(out, "  {}  {}: {}", case.place, case.class, case.told())?;
        }
        Ok(())
    }

    fn json(&self, failures: bool) -> Value {
        let failures: Vec<Value> = self.failures().filter(|_| failures).map(Judged::json).collect();
        json!({
            "suite": self.suite.name(),
            "good_enough": self.is_good_enough(),
            "groups": self.groups.iter().map(Group::json).collect::<Vec<_>>(),
            "failures": failures,
        })
    }

    fn junit(&self, out: &mut String, failures: bool) -> fmt::Result {
        for group in &self.groups {
            let figures = self.figures(group);
            let below = figures.iter().filter(|figure| !figure.is_good_enough()).count();
            let name = escaped(&format!("{} {}", self.suite.name(), group.name));
            writeln!(out, "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{below}\">", figures.len())?;
            for figure in &figures {
                write!(out, "    <testcase name=\"{}\" classname=\"{name}\">", figure.name)?;
                if !figure.is_good_enough() {
                    write!(out, "<failure message=\"{}\"/>", escaped(&figure.to_string()))?;
                }
                writeln!(out, "<system-out>{}</system-out></testcase>", escaped(&shown(figure.value)))?;
            }
            let wrong: Vec<String> = self
                .failures()
                .filter(|case| failures && group.has(case))
                .map(|case| format!("{}: {}", case.place, case.told()))
                .collect();
            if !wrong.is_empty() {
                writeln!(out, "    <system-out>{}</system-out>", escaped(&wrong.join("\n")))?;
            }
            writeln!(out, "  </testsuite>")?;
        }
        Ok(())
    }
}

impl Group {
    fn new((language, split, class): (&'static str, String, Option<String>)) -> Self {
        let words = [language, &split, class.as_deref().unwrap_or_default()];
        let name = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        Self { name, language, split, class, cases: 0, right: 0, confusion: Confusion::default() }
    }

    fn has(&self, case: &Judged) -> bool {
        let class = self.class.as_ref().is_none_or(|class| *class == case.class);
        class && self.language == case.language && self.split == case.split
    }

    /// The share of cases that are right in whole, and where it likely lies.
    fn accuracy(&self) -> String {
        let Some((low, high)) = wilson(self.right, self.cases) else { return "–".to_owned() };
        let share = ratio(self.right, self.cases).unwrap_or_default();
        format!("{share:.3} ({low:.3}–{high:.3})")
    }

    fn json(&self) -> Value {
        let interval = wilson(self.right, self.cases);
        json!({
            "language": self.language,
            "split": self.split,
            "class": self.class,
            "cases": self.cases,
            "right": self.right,
            "precision": self.confusion.precision(),
            "recall": self.confusion.recall(),
            "f1": self.confusion.f1(),
            "confusion": self.confusion,
            "accuracy": ratio(self.right, self.cases),
            "accuracy_low": interval.map(|it| it.0),
            "accuracy_high": interval.map(|it| it.1),
        })
    }
}

impl Judged {
    fn told(&self) -> String {
        format!("{}\n    found: {}", self.text, self.found)
    }

    fn json(&self) -> Value {
        json!({
            "place": self.place,
            "language": self.language,
            "split": self.split,
            "class": self.class,
            "text": self.text,
            "found": self.found,
        })
    }
}

impl Figure {
    /// A figure of nothing (no positive case) fails no threshold.
    fn is_good_enough(&self) -> bool {
        self.value.zip(self.least).is_none_or(|(value, least)| value >= least)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.name, shown(self.value))?;
        self.least.map_or(Ok(()), |least| write!(f, ", and {least:.3} is asked for"))
    }
}

fn shown(figure: Option<f64>) -> String {
    figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.3}"))
}

/// For people.
pub(super) fn table(evaluations: &[Evaluation], failures: bool) -> String {
    let mut out = String::new();
    for (index, evaluation) in evaluations.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        // Writing to a string cannot fail.
        let _infallible = evaluation.table(&mut out, failures);
    }
    out
}

/// One object.
pub(super) fn json(evaluations: &[Evaluation], failures: bool) -> String {
    let suites: Vec<Value> = evaluations.iter().map(|evaluation| evaluation.json(failures)).collect();
    format!("{:#}\n", json!({ "suites": suites }))
}

/// A test suite for each group, a test for each figure.
pub(super) fn junit(evaluations: &[Evaluation], failures: bool) -> String {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"rolecall eval\">\n".to_owned();
    for evaluation in evaluations {
        // Writing to a string cannot fail.
        let _infallible = evaluation.junit(&mut out, failures);
    }
    out + "</testsuites>\n"
}
