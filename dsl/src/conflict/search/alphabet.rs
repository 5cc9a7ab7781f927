//! The characters that a search tries: one for every set that its machines treat alike.

use std::collections::{BTreeSet, HashSet};

use unicode_normalization::char::is_combining_mark;

use super::disguises;
use super::machines::{Machines, Role};
use crate::text::characters::Characters;
use crate::text::fold::{Folded, folds};
use crate::text::rhetorical;
use crate::text::sample;
use crate::text::sentence::character_key;
use crate::text::styles;
use crate::text::terms::{is_gap, is_word};
use crate::text::tongue::Tongue;
use crate::text::variants::Variants;
use crate::text::words::Words;

/// What sentences are made of: words of both kinds of scripts, a terminator, a comma, spaces, and a
/// pair inside which no sentence ends.
const STRUCTURE: &str = "好x。，\n “”";

/// What may matter besides where full stops, quotation marks or the forms of sentences are at stake:
/// other terminators, digits, capital letters, another pair. Further marks (brackets of other kinds,
/// code, URLs) do nothing that these cannot, unless a rule names them.
const DETAILS: &str = ".1X？！?!《》\"的y";

/// Where sentences do not matter.
const PLAIN: &str = "好x1 。\n";

/// What joins two words to one, and a letter behind which a full stop does not.
const JOINTS: &str = "-.א";

/// Nobody sees them and they change no term; to everything else they are marks.
const INVISIBLE: &str = "\u{200B}\u{AD}\u{FE0F}\u{34F}\u{2060}\u{180E}\u{1}\u{E0100}";

/// The characters to try, natural ones first.
pub(super) fn letters(machines: &Machines) -> Vec<char> {
    let mut named: Vec<char> = machines.words_of_terms.iter().flat_map(|term| term.chars()).collect();
    for (pattern, _) in &machines.patterns {
        named.extend(sample::alphabet(pattern.source(), pattern.flags()));
    }
    let own: BTreeSet<char> = machines.recognizers.iter().flat_map(|(machine, _)| machine.alphabet()).collect();
    let mut candidates: Vec<char> = if machines.splits { STRUCTURE } else { PLAIN }.chars().collect();
    let marks = |c: &char| !c.is_alphanumeric() && !c.is_whitespace();
    if machines.reads_forms() || (machines.splits && named.iter().chain(&own).any(marks)) || !own.is_empty() {
        candidates.extend(DETAILS.chars());
    }
    if machines.words.most.is_some() || machines.words.least > 0 {
        candidates.extend(JOINTS.chars());
    }
    // Beginnings and ends are compared folded, as terms are whose variants are told apart.
    let plain = own.iter().flat_map(|c| folds(*c)).map(|fold| fold.ch).chain(machines.letters.iter().copied());
    let charset = Charset { letters: plain.collect(), variants: machines.variants.clone() };
    candidates.extend(&named);
    candidates.extend(&own);
    if machines.reads_forms() {
        candidates.extend(rhetorical::alphabet());
        candidates.extend(styles::ALPHABET.chars());
    }
    if !charset.letters.is_empty() || !charset.variants.is_empty() {
        candidates.extend(INVISIBLE.chars());
        candidates.extend(disguises::of(&charset));
    }
    // Marks may stand in any order behind a letter, so each multiplies the states: they are left out
    // where nothing asks for one.
    let required = |role: &Role| matches!(role, Role::Sets(_));
    let mut compared = charset.letters.iter().chain(&charset.variants);
    if !compared.any(|c| is_combining_mark(*c)) && !machines.patterns.iter().any(|(_, role)| required(role)) {
        candidates.retain(|c| !is_combining_mark(*c));
    }
    let letters: Vec<_> =
        machines.patterns.iter().map(|(pattern, role)| (pattern.letters(&candidates), *role)).collect();
    let mut seen = HashSet::new();
    let mut index = 0;
    candidates.retain(|c| {
        let by_pattern: Vec<usize> = letters.iter().filter_map(|(kinds, _)| kinds.of.get(index).copied()).collect();
        let fatal = letters.iter().any(|(kinds, role)| *role == Role::Kills && kinds.is_fatal(index));
        index += 1;
        !fatal && seen.insert((signature(*c, machines, &charset, &own), by_pattern))
    });
    candidates.retain(|c| !kills(*c, machines));
    candidates
}

/// Whether a character is forbidden by itself, wherever it stands.
fn kills(c: char, machines: &Machines) -> bool {
    let mut search = machines.terms.search();
    let mut killed = false;
    for letter in ['x', c] {
        search.push(&machines.terms, letter, &mut |hit| {
            killed |= letter == c && machines.term_roles.get(hit.term) == Some(&Role::Kills);
        });
    }
    killed
}

/// What terms are compared by.
#[derive(Debug, Default)]
pub(super) struct Charset {
    /// Folded characters, variants told apart.
    pub(super) letters: HashSet<char>,
    /// Folded characters where variants are alike, each as the form that stands for it.
    pub(super) variants: HashSet<char>,
}

impl Charset {
    /// Everything by which terms tell a character from others.
    fn sign(&self, c: char, signature: &mut Vec<u8>) {
        let folds = folds(c);
        let first = folds.first().map(|fold| fold.ch);
        signature.push(
            u8::from(folds.first().is_some_and(|fold| !fold.symbol && is_word(fold.ch)))
                | u8::from(folds.is_empty()) << 1
                | u8::from(first == Some(' ')) << 2
                | u8::from(first.is_some_and(is_gap)) << 3,
        );
        let read = |variants: bool| {
            let unite = move |fold: &Folded| if variants { Variants::get().fold(fold.ch) } else { fold.ch };
            folds.iter().map(unite).collect::<String>()
        };
        for (known, text) in [(&self.letters, read(false)), (&self.variants, read(true))] {
            if text.chars().any(|part| known.contains(&part)) {
                signature.extend(text.bytes());
            }
            signature.push(0xFF);
        }
    }
}

/// Everything by which some machine tells a character from others.
fn signature(c: char, machines: &Machines, charset: &Charset, own: &BTreeSet<char>) -> Vec<u8> {
    let mut signature = Vec::with_capacity(32);
    if machines.splits {
        signature.extend(character_key(c).to_le_bytes());
    }
    if machines.reads_forms() {
        signature.push(rhetorical::letter(c));
        signature.extend(styles::letter(c).to_le_bytes());
    }
    charset.sign(c, &mut signature);
    signature.push(u8::from(Characters::default().push(c)) | u8::from(c.is_whitespace()) << 1);
    if machines.words.least > 0 || machines.words.most.is_some() {
        // What it does at the beginning, inside of a word and behind a full stop.
        for before in ["", "x", "x.", "א"] {
            let mut words = Words::default();
            before.chars().for_each(|c| _ = words.push(c));
            signature.push(u8::from(words.push(c)));
            signature.extend(words.key().to_le_bytes().first());
        }
    }
    if !machines.speaks.is_empty() {
        let mut tongue = Tongue::default();
        tongue.push(c);
        signature.extend(tongue.key().into_iter().flat_map(u64::to_le_bytes));
    }
    if own.contains(&c) {
        signature.extend(u32::from(c).to_le_bytes());
    }
    signature
}
