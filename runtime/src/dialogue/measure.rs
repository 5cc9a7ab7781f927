//! How well references are resolved: cases in files, and the figures over them.

use std::ops::Range;

use super::reference::{Reference, Target, resolve};
use super::stance::Stance;
use super::state::{Keep, State};

/// The project's own cases, by language.
pub const CASES: [(&str, &str); 2] =
    [("zh", include_str!("../../tests/references/zh.txt")), ("en", include_str!("../../tests/references/en.txt"))];

/// Which part a case belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Looked at while the reader was written.
    Dev,
    /// Not looked at.
    Test,
}

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its part.
    pub part: Part,
    /// The name of its dialogue, and its line in the file.
    pub place: (String, usize),
    /// What was said before: what the user said and what the role answered.
    pub turns: Vec<(String, String)>,
    /// The user's turn.
    pub user: String,
    /// What it refers to, as the file says it.
    pub expected: Vec<String>,
}

/// The cases of a file.
#[derive(Debug, Clone, Default)]
pub struct Cases(pub Vec<Case>);

impl Cases {
    /// Reads a file; its own head describes the format.
    ///
    /// # Errors
    /// What is wrong with which line.
    pub fn read(text: &str) -> Result<Self, String> {
        let (mut name, mut turns, mut asked) = (String::new(), Vec::new(), None);
        let mut cases = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let said = |text: &str| text.trim().replace("\\n", "\n");
            let wrong = |what: &str| format!("line {number}: {what}");
            match line.split_at_checked(1) {
                None | Some(("#", _)) => {}
                Some(("@", rest)) => {
                    name = rest.trim().to_owned();
                    turns = Vec::new();
                }
                Some((">", rest)) => asked = Some(said(rest)),
                Some(("<", rest)) => turns.push((asked.take().ok_or_else(|| wrong("nobody asked"))?, said(rest))),
                Some(_) => {
                    let fields: Vec<&str> = line.split('\t').collect();
                    let [part, user, expected] = fields.as_slice() else {
                        return Err(wrong("write the part, the user's turn and what it refers to, with tabs between"));
                    };
                    let part = match *part {
                        "dev" => Part::Dev,
                        "test" => Part::Test,
                        _ => return Err(wrong("the part is `dev` or `test`")),
                    };
                    let expected = if *expected == "-" {
                        Vec::new()
                    } else {
                        expected.split(';').map(|one| one.trim().to_owned()).collect()
                    };
                    let place = (name.clone(), number);
                    cases.push(Case { part, place, turns: turns.clone(), user: (*user).to_owned(), expected });
                }
            }
        }
        Ok(Self(cases))
    }

    /// Those of one part.
    #[must_use]
    pub fn of(&self, part: Part) -> Self {
        Self(self.0.iter().filter(|case| case.part == part).cloned().collect())
    }
}

/// How well a set of cases went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Cases in all.
    pub cases: usize,
    /// Cases whose every reference was found and is right, and that have no other.
    pub right: usize,
    /// Cases with a reference in which one was found, in which one was missed, and cases without one in
    /// which one was found all the same.
    pub found: usize,
    /// See [`found`](Self::found).
    pub missed: usize,
    /// See [`found`](Self::found).
    pub invented: usize,
    /// References that were bound to something that is not meant.
    pub wrong: usize,
    /// What went wrong, one line per case.
    pub failures: Vec<String>,
}

impl Figures {
    /// The share of cases that are right, in basis points.
    #[must_use]
    pub fn accuracy(&self) -> usize {
        share(self.right, self.cases)
    }

    /// Of the turns in which a reference was found, the share that has one, in basis points.
    #[must_use]
    pub fn precision(&self) -> usize {
        share(self.found, self.found + self.invented)
    }

    /// Of the turns that have a reference, the share in which one was found, in basis points.
    #[must_use]
    pub fn recall(&self) -> usize {
        share(self.found, self.found + self.missed)
    }
}

fn share(part: usize, whole: usize) -> usize {
    (part * 10_000).checked_div(whole).unwrap_or(10_000)
}

/// Resolves every case and counts.
#[must_use]
pub fn measure(cases: &Cases) -> Figures {
    let keep = Keep { points: true, entities: true };
    let mut figures = Figures { cases: cases.0.len(), ..Figures::default() };
    for case in &cases.0 {
        let state = State::of(0, case.turns.iter().map(|(user, role)| (user.as_str(), role.as_str())), keep);
        let references = resolve(&case.user, &state, keep);
        let bound: Vec<String> = references
            .iter()
            .zip(case.expected.iter().map(Some).chain(std::iter::repeat(None)))
            .map(|(r, e)| shown(r, e))
            .collect();
        let wrong = bound.iter().filter(|one| *one != "?" && !case.expected.contains(one)).count();
        figures.wrong += wrong;
        match (case.expected.is_empty(), bound.is_empty()) {
            (false, false) => figures.found += 1,
            (false, true) => figures.missed += 1,
            (true, false) => figures.invented += 1,
            (true, true) => {}
        }
        if bound == case.expected {
            figures.right += 1;
        } else {
            let (name, line) = &case.place;
            let phrases: Vec<&str> = references.iter().filter_map(|r| phrase(&case.user, &r.phrase)).collect();
            figures.failures.push(format!(
                "line {line} ({name}): {:?} should be {:?}, is {bound:?} by {phrases:?}",
                case.user, case.expected
            ));
        }
    }
    figures
}

fn phrase<'t>(user: &'t str, range: &Range<usize>) -> Option<&'t str> {
    user.get(range.clone())
}

/// A reference as the files write it; a stance only where one is expected.
fn shown(reference: &Reference, expected: Option<&String>) -> String {
    match &reference.target {
        Target::Points { reply, points } => {
            let points: Vec<String> = points.iter().map(ToString::to_string).collect();
            format!("{reply}:{}", points.join(","))
        }
        Target::Reply(reply) => format!("{reply}:*"),
        Target::About { name, reply, stance, .. } => {
            let plain = format!("about {name} @{reply}");
            match expected {
                Some(expected) if *expected == plain => plain,
                _ => format!("{plain} {}", stance.map_or("nothing", Stance::name)),
            }
        }
        Target::Unknown(_) => "?".to_owned(),
    }
}
