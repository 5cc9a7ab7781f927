//! The second stage: what is counted over the text as the client sees it.

use super::DeliveryMode;
use super::program::{Compiled, Program, Tracks};
use crate::constraint::{Reading, Recognizer, View};
use crate::text::characters::Characters;
use crate::text::pattern::Finder;
use crate::text::profile::Profile;
use crate::text::rhetorical::{Form, Forms};
use crate::text::sentence::{Boundary, Sentences};
use crate::text::styles::Styles;
use crate::text::terms::Search;
use crate::text::tongue::Tongue;
use crate::text::words::Words;

/// Counts of one reply.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    sentences: Sentences,
    /// The last boundary between sentences.
    boundary: Boundary,
    characters: Characters,
    /// Counted only for rules that bound them.
    words: Words,
    tongue: Option<Tongue>,
    /// Reads the forms of sentences.
    styles: Option<Styles>,
    /// By form, how many ended sentences have it.
    formed: [u64; Form::ALL.len()],
    required: Search,
    /// By required term, then by required pattern.
    found: Vec<bool>,
    finders: Vec<Finder>,
    machines: Vec<Box<dyn Recognizer>>,
    /// By machine, whether it accepts.
    accepted: Vec<bool>,
    finished: bool,
}

/// What one character changed.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) boundary: Option<Boundary>,
    /// A sentence began to count.
    pub(super) sentence: bool,
    /// The character counts.
    pub(super) char: bool,
    /// The character begins a word.
    pub(super) word: bool,
}

impl Tally {
    pub(super) fn new(program: &Program) -> Self {
        Self {
            sentences: Sentences::default(),
            boundary: Boundary { end: 0, next: 0 },
            characters: Characters::default(),
            words: Words::default(),
            tongue: program.reads_tongue.then(Tongue::default),
            styles: program.reads_forms.then(Styles::default),
            formed: [0; Form::ALL.len()],
            required: program.required.search(),
            found: vec![false; program.required.len() + program.finders.len()],
            finders: program.finders.iter().map(|pattern| Finder::new(pattern)).collect(),
            accepted: program.machines.iter().map(|machine| machine.accepts()).collect(),
            machines: program.machines.clone(),
            finished: false,
        }
    }

    /// Counts a character.
    #[inline]
    pub(super) fn push(&mut self, program: &Program, profile: &Profile) -> Counted {
        let c = profile.c;
        let event = self.sentences.read(profile);
        if let Some(boundary) = event.boundary {
            self.boundary = boundary;
        }
        let ended = self.styles.as_mut().and_then(|styles| styles.read(profile, &event));
        self.end_sentence(ended);
        if !program.required.is_empty() {
            let found = &mut self.found;
            self.required.read(&program.required, profile, &mut |hit| mark(found, hit.term));
        }
        for (index, (finder, pattern)) in self.finders.iter_mut().zip(&program.finders).enumerate() {
            finder.push(pattern, c);
            if finder.found() {
                mark(&mut self.found, program.required.len() + index);
            }
        }
        for (machine, accepted) in self.machines.iter_mut().zip(&mut self.accepted) {
            machine.push(c, &event);
            *accepted = machine.accepts();
        }
        if let Some(tongue) = &mut self.tongue {
            tongue.read(profile);
        }
        Counted {
            boundary: event.boundary,
            sentence: event.begins,
            char: self.characters.read(profile),
            word: !program.word_limits.is_empty() && self.words.read(profile),
        }
    }

    /// Takes as many of the next characters as decide nothing, and gives their bytes: within a sentence,
    /// where rules only count characters and read forms, and no limit is near. The outcome is the same
    /// as if [`Tally::push`] had taken them.
    pub(super) fn skim(&mut self, program: &Program, text: &str) -> usize {
        if !program.only_counts {
            return 0;
        }
        let Self { sentences, characters, styles, .. } = self;
        let count = characters.count();
        let room = program.char_limits.iter().filter_map(|limit| limit.most.checked_sub(count)).min();
        sentences.skim(text, room.unwrap_or(u64::MAX), |profile| {
            characters.read(profile);
            if let Some(styles) = styles {
                styles.flow(profile);
            }
        })
    }

    /// Ends the text and gives whether a sentence was open.
    pub(super) fn finish(&mut self, program: &Program) -> bool {
        let found = &mut self.found;
        self.required.finish(&program.required, &mut |hit| mark(found, hit.term));
        for (index, (finder, pattern)) in self.finders.iter().zip(&program.finders).enumerate() {
            if finder.found_at_end(pattern) {
                mark(&mut self.found, program.required.len() + index);
            }
        }
        let open = self.sentences.finish().is_some();
        self.end_sentence(self.styles.filter(|_| open).map(|styles| styles.forms()));
        self.finished = true;
        open
    }

    pub(super) fn sentences(&self) -> u64 {
        self.sentences.begun()
    }

    pub(super) fn chars(&self) -> u64 {
        self.characters.count()
    }

    pub(super) fn words(&self) -> u64 {
        self.words.count()
    }

    pub(super) fn boundary(&self) -> Boundary {
        self.boundary
    }

    /// Where text must wait: because it may belong to a sentence too many, or, when replies go out
    /// sentence by sentence or a rule looks at whole ones, because it stands before a sentence that has not
    /// begun (`- `, `**`).
    pub(super) fn held_back(&self, program: &Program) -> Option<usize> {
        let machines = self.blocking(program).filter_map(Recognizer::held).min();
        let sentences = self.held_sentence(program);
        machines.into_iter().chain(sentences).min()
    }

    /// Where the text begins that keeps a rule's machine from ever accepting.
    pub(super) fn lost_from(&self, program: &Program) -> Option<usize> {
        let lost = |machine: &dyn Recognizer| machine.settled() == Some(false) || (self.finished && !machine.accepts());
        self.blocking(program).filter(|machine| lost(*machine)).filter_map(Recognizer::held).min()
    }

    /// The machines of rules that can block.
    fn blocking<'a>(&'a self, program: &'a Program) -> impl Iterator<Item = &'a dyn Recognizer> {
        let machines = self.machines.iter().zip(&program.blocking_machines);
        machines.filter(|(_, blocks)| **blocks).map(|(machine, _)| machine.as_ref())
    }

    fn held_sentence(&self, program: &Program) -> Option<usize> {
        let by_sentence =
            program.delivery_mode() != DeliveryMode::Token || self.blocking(program).any(Recognizer::reads_sentences);
        let waiting = self.sentences.waiting_start().filter(|_| by_sentence);
        let Some(most) = program.bounds.sentences else { return waiting };
        let beyond = if self.sentences.ended() >= most {
            Some(self.boundary.end)
        } else if self.sentences.begun() >= most {
            self.sentences.possible_end()
        } else {
            None
        };
        beyond.or(waiting)
    }

    /// The facts that a rule asked for.
    pub(super) fn view<'a>(&'a self, program: &'a Program, rule: &Compiled) -> View<'a> {
        let (mut found, mut formed, mut forming): (&[bool], _, _) = (&[], 0, None);
        let (mut lost, mut certain, mut reading) = (false, false, None);
        let mut machine = None;
        match &rule.tracks {
            Tracks::Counts => {}
            Tracks::Terms(terms) => {
                found = self.found.get(terms.clone()).unwrap_or_default();
                reading = Some(Reading { search: &self.required, terms: &program.required, first: terms.start });
            }
            Tracks::Pattern(index) => {
                let at = program.required.len() + index;
                found = self.found.get(at..=at).unwrap_or_default();
                let finder = self.finders.get(*index).zip(program.finders.get(*index));
                let left = program.bounds.chars.map(|most| most.saturating_sub(self.characters.count()));
                lost = finder.is_some_and(|(finder, pattern)| {
                    finder.is_dead(pattern) || left.is_some_and(|left| !finder.fits(pattern, left))
                });
            }
            Tracks::Machine(index) => {
                found = self.accepted.get(*index..=*index).unwrap_or_default();
                machine = self.machines.get(*index).map(AsRef::as_ref);
                let settled = machine.and_then(Recognizer::settled);
                (lost, certain) = (settled == Some(false), settled == Some(true));
            }
            Tracks::Form(form) => {
                formed = self.formed.get(*form as usize).copied().unwrap_or(0);
                forming = self.styles.and_then(|styles| styles.settled(*form));
            }
        }
        let sentences = if self.finished { self.sentences.total() } else { self.sentences.begun() };
        View {
            sentences,
            ended: if self.finished { sentences } else { self.sentences.ended() },
            chars: self.characters.count(),
            words: self.words.count(),
            tongue: self.tongue.unwrap_or_default(),
            formed,
            forming,
            found,
            machine,
            lost,
            certain,
            reading,
            bounds: program.bounds,
        }
    }

    fn end_sentence(&mut self, forms: Option<Forms>) {
        let Some(forms) = forms else { return };
        for (formed, form) in self.formed.iter_mut().zip(Form::ALL) {
            *formed += u64::from(forms.has(form));
        }
    }
}

fn mark(found: &mut [bool], index: usize) {
    if let Some(found) = found.get_mut(index) {
        *found = true;
    }
}
