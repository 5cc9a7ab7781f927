//! `starts_with "text" | /pattern/`: the reply begins with one of these.
//!
//! White space and invisible characters before it do not count. Texts are compared as terms are (letter
//! case, width and look-alikes do not matter), without regard to what follows: `Hi` begins `History`. A
//! pattern must match from the first character on.

use std::sync::Arc;

use super::edge::Edge;
use super::{Class, Constraint, Demand, Fact, Hints, Recognizer, View};
use crate::ast::Entry;
use crate::contract::Language;
use crate::diagnostic::Finding;
use crate::monitor::Residual;
use crate::source::Source;
use crate::text::fold::{Folder, is_ignorable};
use crate::text::pattern::{Run, Use};
use crate::text::sentence::Event;

pub(super) const KEYWORD: &str = "starts_with";

#[derive(Debug)]
struct StartsWith {
    edge: Arc<Edge>,
    start: Start,
}

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let edge = Edge::read(entry, source, findings, r#"starts_with "one" | "another" | /pattern/"#, Use::Start)?;
    let start = Start::new(&edge);
    Some(Arc::new(StartsWith { edge, start }))
}

/// The beginning of a reply, read.
#[derive(Debug, Clone)]
struct Start {
    edge: Arc<Edge>,
    verdict: Option<bool>,
    /// Something visible was read.
    begun: bool,
    folder: Folder,
    /// Folded characters read; all of `live` agree on them.
    read: usize,
    /// The texts that still fit, which are neighbours in the order of texts.
    live: (usize, usize),
    /// The patterns that can still match, by their numbers.
    runs: Vec<(usize, Run)>,
}

impl Start {
    fn new(edge: &Arc<Edge>) -> Self {
        Self {
            verdict: None,
            begun: false,
            folder: Folder::default(),
            read: 0,
            live: (0, edge.texts.len()),
            runs: edge.patterns.iter().enumerate().map(|(index, pattern)| (index, Run::new(pattern))).collect(),
            edge: Arc::clone(edge),
        }
    }

    /// The next folded character.
    fn step(&mut self, c: char) {
        let (low, high) = self.live;
        let live = self.edge.texts.get(low..high).unwrap_or_default();
        let at = |text: &Vec<char>| text.get(self.read).copied();
        let from = low + live.partition_point(|text| at(text) < Some(c));
        let to = low + live.partition_point(|text| at(text) <= Some(c));
        self.read += 1;
        self.live = if from < to { (from, to) } else { (0, 0) };
        // The shortest of those that begin alike comes first.
        if self.edge.texts.get(from).is_some_and(|text| from < to && text.len() == self.read) {
            self.verdict = Some(true);
        }
    }
}

impl Recognizer for Start {
    fn push(&mut self, c: char, _event: &Event) {
        if self.verdict.is_some() || (!self.begun && (c.is_whitespace() || is_ignorable(c))) {
            return;
        }
        self.begun = true;
        let edge = Arc::clone(&self.edge);
        let mut matched = false;
        self.runs.retain_mut(|(index, run)| {
            let Some(pattern) = edge.patterns.get(*index) else { return false };
            matched |= run.push(pattern, c);
            !run.is_dead(pattern)
        });
        let mut folder = std::mem::take(&mut self.folder);
        folder.push(c, 0, &mut |folded| {
            if self.verdict.is_none() {
                self.step(folded.ch);
            }
        });
        self.folder = folder;
        if matched {
            self.verdict = Some(true);
        } else if self.verdict.is_none() && self.live.0 == self.live.1 && self.runs.is_empty() {
            self.verdict = Some(false);
        }
    }

    fn accepts(&self) -> bool {
        if let Some(verdict) = self.verdict {
            return verdict;
        }
        let fits = |(index, run): &(usize, Run)| self.edge.patterns.get(*index).is_some_and(|p| run.matches(p));
        if self.begun && self.runs.iter().any(fits) {
            return true;
        }
        if !self.folder.is_waiting() {
            return false;
        }
        let mut ended = self.clone();
        let mut folder = std::mem::take(&mut ended.folder);
        folder.finish(&mut |folded| ended.step(folded.ch));
        ended.verdict == Some(true)
    }

    fn settled(&self) -> Option<bool> {
        self.verdict
    }

    fn fits(&self, left: u64) -> bool {
        let (low, high) = self.live;
        let near = |rest: &Vec<u64>| rest.get(self.read).is_some_and(|least| *least <= left);
        self.verdict == Some(true)
            || self.edge.rest().get(low..high).unwrap_or_default().iter().any(near)
            || self.runs.iter().any(|(index, run)| self.edge.patterns.get(*index).is_some_and(|p| run.fits(p, left)))
    }

    fn held(&self) -> Option<usize> {
        (self.verdict != Some(true)).then_some(0)
    }

    fn key(&self) -> Vec<u64> {
        let (low, high) = self.live;
        match self.verdict {
            Some(verdict) => return vec![1 + u64::from(verdict)],
            None if low == high => {
                let runs = self.runs.iter().flat_map(|(index, run)| [*index as u64, run.key()]);
                return [0, 0].into_iter().chain(runs).collect();
            }
            None => {}
        }
        let mut key = vec![0, low as u64, high as u64, self.read as u64, u64::from(self.begun)];
        key.push(self.folder.key());
        key.extend(self.runs.iter().flat_map(|(index, run)| [*index as u64, run.key()]));
        key
    }

    fn alphabet(&self) -> Vec<char> {
        self.edge.alphabet()
    }

    fn hints(&self) -> Hints {
        let keeps = |text: &String| {
            let mut trial = Self::new(&self.edge);
            text.chars().for_each(|c| trial.push(c, &Event::default()));
            trial.accepts()
        };
        Hints { starts: self.edge.examples().into_iter().filter(keeps).collect(), ..Hints::default() }
    }

    fn reads_sentences(&self) -> bool {
        false
    }

    fn boxed(&self) -> Box<dyn Recognizer> {
        Box::new(self.clone())
    }
}

impl Constraint for StartsWith {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::Safety
    }

    fn prompt(&self, language: Language) -> String {
        let shown = self.edge.shown(language);
        match (language, self.edge.is_single()) {
            (Language::Zh, true) => format!("回答必须以{shown}开头。"),
            (Language::Zh, false) => format!("回答必须以下列之一开头：{shown}。"),
            (Language::En, true) => format!("The answer must begin with {shown}."),
            (Language::En, false) => format!("The answer must begin with one of these: {shown}."),
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact::Recognized(&self.start)
    }

    fn demand(&self) -> Demand<'_> {
        Demand::Recognize(&self.start)
    }

    fn outlook(&self, view: &View<'_>) -> Residual {
        view.recognized()
    }

    /// Those texts behind which a sentence may begin: `Dear reader,` and not `Dear`.
    fn openings(&self) -> Vec<String> {
        let apart = |text: &&String| text.trim_end().ends_with(|c: char| !c.is_alphanumeric());
        self.edge.written.iter().filter(apart).cloned().collect()
    }

    fn broken(&self, view: &View<'_>) -> Option<String> {
        (!view.is_found()).then(|| format!("the reply does not begin with {}", self.edge.named()))
    }

    fn missing(&self, view: &View<'_>, language: Language) -> Option<String> {
        (!view.is_found()).then(|| self.prompt(language))
    }
}
