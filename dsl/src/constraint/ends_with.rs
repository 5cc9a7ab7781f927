//! `ends_with "text" | /pattern/`: the reply ends with one of these.
//!
//! White space and invisible characters behind it do not count. Texts are compared as terms are (letter
//! case, width and look-alikes do not matter), without regard to what stands before. A match of a
//! pattern must end with the last character.

use std::sync::Arc;

use super::edge::Edge;
use super::{Class, Constraint, Demand, Fact, Hints, Recognizer, View};
use crate::ast::Entry;
use crate::contract::Language;
use crate::diagnostic::Finding;
use crate::monitor::Residual;
use crate::source::Source;
use crate::text::fold::{Folder, is_ignorable};
use crate::text::least;
use crate::text::pattern::{Run, Use};
use crate::text::sentence::Event;

pub(super) const KEYWORD: &str = "ends_with";

#[derive(Debug)]
struct EndsWith {
    edge: Arc<Edge>,
    end: End,
}

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let edge = Edge::read(entry, source, findings, r#"ends_with "one" | "another" | /pattern/"#, Use::End)?;
    let end = End::new(&edge);
    Some(Arc::new(EndsWith { edge, end }))
}

/// The end of a reply so far.
#[derive(Debug, Clone)]
struct End {
    edge: Arc<Edge>,
    folder: Folder,
    /// The longest end of what was read, folded, that begins a text.
    tail: Vec<char>,
    /// A text stood at the last character that counts.
    ended: bool,
    runs: Vec<Run>,
    /// A match ended at the last character that counts.
    matched: bool,
}

impl End {
    fn new(edge: &Arc<Edge>) -> Self {
        Self {
            folder: Folder::default(),
            tail: Vec::new(),
            ended: false,
            runs: edge.patterns.iter().map(|pattern| Run::new(pattern)).collect(),
            matched: false,
            edge: Arc::clone(edge),
        }
    }

    /// The next folded character.
    fn step(&mut self, c: char) {
        self.tail.push(c);
        while !self.begins(&self.tail) {
            self.tail.remove(0);
        }
        if c != ' ' {
            let texts = &self.edge.texts;
            let ends = |from: usize| {
                self.tail.get(from..).is_some_and(|end| texts.binary_search_by(|t| t.as_slice().cmp(end)).is_ok())
            };
            self.ended = (0..self.tail.len()).any(ends);
        }
    }

    /// Whether some text begins so.
    fn begins(&self, tail: &[char]) -> bool {
        let first = self.edge.texts.partition_point(|text| text.as_slice() < tail);
        tail.is_empty() || self.edge.texts.get(first).is_some_and(|text| text.starts_with(tail))
    }
}

impl Recognizer for End {
    fn push(&mut self, c: char, _event: &Event) {
        let mut folder = std::mem::take(&mut self.folder);
        folder.push(c, 0, &mut |folded| self.step(folded.ch));
        self.folder = folder;
        for (run, pattern) in self.runs.iter_mut().zip(&self.edge.patterns) {
            run.push(pattern, c);
        }
        if !c.is_whitespace() && !is_ignorable(c) {
            self.matched = self.runs.iter().zip(&self.edge.patterns).any(|(run, pattern)| run.matches(pattern));
        }
    }

    fn accepts(&self) -> bool {
        if self.matched || !self.folder.is_waiting() {
            return self.matched || self.ended;
        }
        let mut ended = self.clone();
        let mut folder = std::mem::take(&mut ended.folder);
        folder.finish(&mut |folded| ended.step(folded.ch));
        ended.ended
    }

    /// Whatever was said, the end may still come.
    fn settled(&self) -> Option<bool> {
        None
    }

    fn fits(&self, left: u64) -> bool {
        let behind = |(text, rest): (&Vec<char>, &Vec<u64>)| least::after(&self.tail, text, rest) <= left;
        self.accepts()
            || self.edge.texts.iter().zip(self.edge.rest()).any(behind)
            || self.runs.iter().zip(&self.edge.patterns).any(|(run, pattern)| run.fits(pattern, left))
    }

    fn key(&self) -> Vec<u64> {
        let mut key = vec![u64::from(self.ended), u64::from(self.matched), self.tail.len() as u64];
        key.extend(self.tail.iter().map(|c| u64::from(u32::from(*c))));
        key.push(self.folder.key());
        key.extend(self.runs.iter().map(Run::key));
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
        Hints { ends: self.edge.examples().into_iter().filter(keeps).collect(), ..Hints::default() }
    }

    fn reads_sentences(&self) -> bool {
        false
    }

    fn boxed(&self) -> Box<dyn Recognizer> {
        Box::new(self.clone())
    }
}

impl Constraint for EndsWith {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::EndOnly
    }

    fn prompt(&self, language: Language) -> String {
        let shown = self.edge.shown(language);
        match (language, self.edge.is_single()) {
            (Language::Zh, true) => format!("回答必须以{shown}结尾。"),
            (Language::Zh, false) => format!("回答必须以下列之一结尾：{shown}。"),
            (Language::En, true) => format!("The answer must end with {shown}."),
            (Language::En, false) => format!("The answer must end with one of these: {shown}."),
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact::Recognized(&self.end)
    }

    fn demand(&self) -> Demand<'_> {
        Demand::Recognize(&self.end)
    }

    fn outlook(&self, view: &View<'_>) -> Residual {
        view.recognized()
    }

    fn closings(&self) -> Vec<String> {
        self.edge.written.clone()
    }

    fn broken(&self, view: &View<'_>) -> Option<String> {
        (!view.is_found()).then(|| format!("the reply does not end with {}", self.edge.named()))
    }

    fn missing(&self, view: &View<'_>, language: Language) -> Option<String> {
        if view.is_found() {
            return None;
        }
        let shown = self.edge.shown(language);
        Some(match (language, self.edge.written.len() > 1) {
            (Language::Zh, false) => format!("最后还必须说{shown}，并以此结束。"),
            (Language::Zh, true) => format!("最后还必须说其中之一，并以此结束：{shown}。"),
            (Language::En, false) => format!("At the very end, {shown} must still come."),
            (Language::En, true) => format!("At the very end, one of these must still come: {shown}."),
        })
    }
}
