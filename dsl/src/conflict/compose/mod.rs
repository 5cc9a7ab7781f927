//! Candidates put together from ready sentences: most contracts that can be kept are kept by one of
//! these, and it reads like a reply. Nothing here is relied on: the [`Court`](super::court::Court)
//! judges every candidate.

mod pieces;
pub(super) mod seeds;

use super::clause::Clause;
use super::linear::Profile;
use super::shapes::{self, Forms};
use crate::contract::Language;
use crate::text::characters::Characters;
use crate::text::rhetorical::Form;
use crate::text::words::Words;
use pieces::Pieces;
use seeds::Seed;

/// Candidates tried for one question.
const MOST: usize = 160;

/// From so many sentences on they are chosen in runs.
const RUNS: u64 = 64;

/// Sentences that a candidate is built of at most; beyond that it would only be long.
const SENTENCES: u64 = 20_000;

/// One way of putting a candidate together.
#[derive(Debug, Clone, Copy)]
struct Recipe {
    language: Language,
    /// The shortest sentences rather than the most natural ones.
    short: bool,
    joint: Joint,
    separator: Separator,
    /// Which of several alternatives is taken.
    choice: usize,
}

/// How what must occur is worked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joint {
    /// A sentence each.
    Own,
    /// All in one sentence.
    Comma,
    /// All in one rhetorical question.
    Cue,
    /// All in one sentence, in title marks, inside which no sentence ends.
    Title,
    /// As they are, without marks or spaces.
    Bare,
}

/// What stands between sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    /// A space where the language has one.
    Natural,
    Newline,
}

/// Candidates for a conjunction of clauses, the likeliest first. `allowed` says which seeds a
/// candidate may hold.
pub(super) fn candidates<'c>(
    clauses: &'c [Clause<'_>],
    profiles: &'c [Profile],
    language: Language,
    allowed: &'c dyn Fn(&Seed) -> bool,
) -> impl Iterator<Item = String> + 'c {
    let pieces = Pieces::new(clauses);
    let seeds: Vec<&Seed> = seeds::all().iter().filter(|seed| allowed(seed)).collect();
    let wholes: Vec<String> = pieces.wholes.clone();
    let recipes = recipes(&pieces, language);
    let profiles = profiles.iter().filter(|profile| profile.sentences <= SENTENCES);
    let built = profiles.flat_map(move |profile| {
        let (pieces, seeds) = (pieces.clone(), seeds.clone());
        recipes.clone().into_iter().filter_map(move |recipe| Draft { recipe, profile, seeds: &seeds }.build(&pieces))
    });
    wholes.into_iter().chain(built).take(MOST)
}

fn recipes(pieces: &Pieces, language: Language) -> Vec<Recipe> {
    let other = if language == Language::Zh { Language::En } else { Language::Zh };
    let joints: &[Joint] = match pieces.has_inner() {
        true => &[Joint::Own, Joint::Comma, Joint::Cue, Joint::Title, Joint::Bare],
        false => &[Joint::Own],
    };
    let mut recipes = Vec::new();
    for choice in 0..pieces.choices().clamp(2, 6) {
        for separator in [Separator::Natural, Separator::Newline] {
            for short in [false, true] {
                for language in [language, other] {
                    recipes.extend(joints.iter().map(|joint| Recipe {
                        language,
                        short,
                        joint: *joint,
                        separator,
                        choice,
                    }));
                }
            }
        }
    }
    recipes
}

/// One candidate in the making.
struct Draft<'d> {
    recipe: Recipe,
    profile: &'d Profile,
    seeds: &'d [&'d Seed],
}

impl Draft<'_> {
    fn build(&self, pieces: &Pieces) -> Option<String> {
        let choice = self.recipe.choice;
        let inner = self.inner(&pieces.inner(choice));
        let (start, end) = (pieces.start(choice), pieces.end(choice));
        // The start and the end may or may not be sentences of their own: seeds are added or left out
        // until the count is right.
        let mut wanted = self.profile.sentences;
        for _ in 0..3 {
            let text = self.assemble(start, &inner, end, wanted)?;
            let found = shapes::of(&text).len() as u64;
            if found == self.profile.sentences {
                return Some(text);
            }
            wanted = (wanted + self.profile.sentences).checked_sub(found)?;
        }
        None
    }

    /// The sentences that hold what must occur.
    fn inner(&self, pieces: &[&str]) -> Vec<String> {
        if pieces.is_empty() {
            return Vec::new();
        }
        let (comma, stop) = if self.recipe.language == Language::Zh { ("，", "。") } else { (", ", ".") };
        let ended = |text: &str| text.ends_with(['。', '！', '？', '.', '!', '?', '…', '\n']);
        let close = |text: String| if ended(&text) { text } else { format!("{text}{stop}") };
        match self.recipe.joint {
            Joint::Own => pieces.iter().map(|piece| close((*piece).to_owned())).collect(),
            Joint::Comma => vec![close(pieces.join(comma))],
            Joint::Cue if self.recipe.language == Language::Zh => vec![format!("难道{}吗？", pieces.join("，"))],
            Joint::Cue => vec![format!("Who cares, {}?", pieces.join(", "))],
            Joint::Title => vec![format!("《{}》{stop}", pieces.join("》《"))],
            Joint::Bare => vec![pieces.concat()],
        }
    }

    fn assemble(&self, start: &str, inner: &[String], end: &str, wanted: u64) -> Option<String> {
        let mut forms: Vec<Forms> = inner.iter().flat_map(|text| shapes::of(text)).collect();
        forms.extend(shapes::of(end));
        let missing = wanted.saturating_sub(forms.len() as u64);
        let chosen = self.choose(&forms, missing)?;
        let mut parts: Vec<String> = chosen.iter().map(|seed| seed.text.to_owned()).collect();
        parts.extend(inner.iter().cloned());
        if !end.is_empty() {
            parts.push(end.to_owned());
        }
        let mut text = start.to_owned();
        self.pad(&mut text, &parts);
        self.pad_words(&mut text, &parts);
        for (index, part) in parts.iter().enumerate() {
            self.separate(&mut text, part, index > 0);
            text.push_str(part);
        }
        Some(text)
    }

    /// Seeds so that the forms come out right.
    fn choose(&self, have: &[Forms], missing: u64) -> Option<Vec<&Seed>> {
        let count = |form: &Form| have.iter().filter(|forms| shapes::has(**forms, *form)).count() as u64;
        let mut need: Vec<u64> = Vec::new();
        let mut room: Vec<u64> = Vec::new();
        for (form, (fewest, most)) in Form::ALL.iter().zip(self.profile.forms) {
            need.push(fewest.saturating_sub(count(form)));
            room.push(most.checked_sub(count(form))?);
        }
        let mut chosen = Vec::new();
        let offset = self.recipe.choice;
        let mut left = missing;
        while left > 0 {
            let index = chosen.len();
            let fits = |seed: &&&Seed| {
                Form::ALL.iter().zip(&room).all(|(form, room)| *room > 0 || !shapes::has(seed.forms, *form))
            };
            let score = |seed: &Seed| {
                let helps = Form::ALL
                    .iter()
                    .zip(&need)
                    .filter(|(form, need)| **need > 0 && shapes::has(seed.forms, **form))
                    .count();
                let wastes = Form::ALL
                    .iter()
                    .zip(&need)
                    .filter(|(form, need)| **need == 0 && shapes::has(seed.forms, **form))
                    .count();
                let foreign = seed.language.is_none_or(|language| language != self.recipe.language);
                let fresh =
                    chosen.iter().rev().take(8).filter(|other: &&&Seed| std::ptr::eq(**other, seed)).count().min(3);
                let length = if self.recipe.short { seed.chars } else { 0 };
                // A rule may allow each sentence once.
                let (first, last) = if offset == 1 { (fresh, 0) } else { (0, fresh) };
                (std::cmp::Reverse(helps), foreign, first, length, wastes, last)
            };
            let start = (index + offset) % self.seeds.len().max(1);
            let rotated = self
                .seeds
                .iter()
                .skip(if self.recipe.short { 0 } else { start * usize::from(offset > 0) })
                .chain(self.seeds);
            let seed = rotated.filter(fits).min_by_key(|seed| score(seed))?;
            let of_seed = |(at, form): (usize, &Form)| shapes::has(seed.forms, *form).then_some(at);
            let touched: Vec<usize> = Form::ALL.iter().enumerate().filter_map(of_seed).collect();
            // Many sentences are taken in runs: one by one the choice would cost more than the answer.
            let times = if left <= RUNS {
                1
            } else {
                let bounds = touched.iter().filter_map(|at| match (need.get(*at)?, room.get(*at)?) {
                    (0, room) => Some(*room),
                    (need, _) => Some(*need),
                });
                bounds.min().unwrap_or(left).clamp(1, left)
            };
            for at in touched {
                if let (Some(need), Some(room)) = (need.get_mut(at), room.get_mut(at)) {
                    *need = need.saturating_sub(times);
                    *room = room.saturating_sub(times);
                }
            }
            chosen.extend(std::iter::repeat_n(*seed, usize::try_from(times).ok()?));
            left -= times;
        }
        need.iter().all(|need| *need == 0).then_some(chosen)
    }

    /// Lengthens the reply to what is asked at least.
    fn pad(&self, text: &mut String, parts: &[String]) {
        let count = |text: &str| {
            let mut characters = Characters::default();
            text.chars().for_each(|c| _ = characters.push(c));
            characters.count()
        };
        let have = count(text) + parts.iter().map(|part| count(part)).sum::<u64>();
        let mut missing = self.profile.chars.0.saturating_sub(have);
        let phrases: [&str; 2] = match (self.recipe.language, self.recipe.choice % 2) {
            (Language::Zh, 0) => ["此外还有一点，", "嗯"],
            (Language::Zh, _) => ["再说一遍，", "好"],
            (Language::En, 0) => ["and then again, ", "x"],
            (Language::En, _) => ["as we said, ", "o"],
        };
        for phrase in phrases {
            let length = count(phrase).max(1);
            while missing >= length {
                text.push_str(phrase);
                missing -= length;
            }
        }
    }

    /// Adds words to what is asked at least.
    fn pad_words(&self, text: &mut String, parts: &[String]) {
        let count = |text: &str| {
            let mut words = Words::default();
            text.chars().for_each(|c| _ = words.push(c));
            words.count()
        };
        let have = count(text) + parts.iter().map(|part| count(part)).sum::<u64>();
        let word = if self.recipe.language == Language::Zh { "好" } else { "so " };
        for _ in have..self.profile.words.0.min(SENTENCES) {
            text.push_str(word);
        }
    }

    fn separate(&self, text: &mut String, next: &str, between: bool) {
        let Some(last) = text.chars().next_back() else { return };
        let unended = last.is_alphanumeric() && self.recipe.joint != Joint::Bare && between;
        if next.starts_with("- ") || unended || self.recipe.separator == Separator::Newline {
            text.push('\n');
        } else if self.recipe.joint != Joint::Bare && last.is_ascii() && !last.is_whitespace() {
            text.push(' ');
        }
    }
}
