//! The characters that a search tries: one for every set that its machines treat alike.

use std::collections::{BTreeSet, HashSet};

use unicode_normalization::char::is_combining_mark;

use super::disguises;
use super::machines::{Machines, Role};
use crate::text::characters::Characters;
use crate::text::fold::folded;
use crate::text::rhetorical;
use crate::text::sample;
use crate::text::sentence::character_key;
use crate::text::styles;
use crate::text::terms::is_word;
use crate::text::tongue::Tongue;
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
    let charset: HashSet<char> =
        machines.words_of_terms.iter().flat_map(|term| folded(term).chars().collect::<Vec<_>>()).collect();
    // Beginnings and ends are compared folded, as terms are.
    let charset: HashSet<char> =
        own.iter().flat_map(|c| folded(&c.to_string()).chars().collect::<Vec<_>>()).chain(charset).collect();
    candidates.extend(&named);
    candidates.extend(&own);
    if machines.reads_forms() {
        candidates.extend(rhetorical::alphabet());
        candidates.extend(styles::ALPHABET.chars());
    }
    if !charset.is_empty() {
        candidates.extend(INVISIBLE.chars());
        candidates.extend(disguises::of(&charset));
    }
    // Marks may stand in any order behind a letter, so each multiplies the states: they are left out
    // where nothing asks for one.
    let required = |role: &Role| matches!(role, Role::Sets(_));
    if !charset.iter().any(|c| is_combining_mark(*c)) && !machines.patterns.iter().any(|(_, role)| required(role)) {
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

/// Everything by which some machine tells a character from others.
fn signature(c: char, machines: &Machines, charset: &HashSet<char>, own: &BTreeSet<char>) -> Vec<u8> {
    let mut signature = Vec::with_capacity(32);
    if machines.splits {
        signature.extend(character_key(c).to_le_bytes());
    }
    if machines.reads_forms() {
        signature.push(rhetorical::letter(c));
        signature.extend(styles::letter(c).to_le_bytes());
    }
    let fold = folded(&c.to_string());
    let known = fold.chars().any(|part| charset.contains(&part));
    signature.push(
        u8::from(fold.chars().next().is_some_and(is_word))
            | u8::from(fold.is_empty()) << 1
            | u8::from(fold == " ") << 2,
    );
    if known {
        signature.extend(fold.bytes());
    }
    signature.push(0xFF);
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
