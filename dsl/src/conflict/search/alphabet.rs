//! The characters that a search tries: one for every set that its machines treat alike.

use std::collections::{BTreeSet, HashSet};

use super::Level;
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

/// Characters for what sentences are made of: words of both kinds of scripts, terminators, a comma,
/// spaces, and a pair of each sort inside which no sentence ends. Other marks (brackets of further
/// kinds, code, URLs) do nothing that these cannot, unless a rule names them.
const STRUCTURE: &str = "好的x人Xy1。？！，.?! \n“”《》";

/// Where sentences do not matter.
const PLAIN: &str = "好x1 。";

/// The characters to try, natural ones first.
pub(super) fn letters(machines: &Machines) -> Vec<char> {
    let mut named: Vec<char> = machines.words_of_terms.iter().flat_map(|term| term.chars()).collect();
    for (pattern, _) in &machines.patterns {
        named.extend(sample::alphabet(pattern.source(), pattern.flags()));
    }
    let own: BTreeSet<char> = machines.recognizers.iter().flat_map(|(machine, _)| machine.alphabet()).collect();
    let structure = if machines.splits || machines.level == Level::Unsplit { STRUCTURE } else { PLAIN };
    let mut candidates: Vec<char> = structure.chars().collect();
    candidates.extend(named);
    candidates.extend(&own);
    if machines.reads_forms() {
        candidates.extend(rhetorical::alphabet());
        candidates.extend(styles::ALPHABET.chars());
    }
    let charset: HashSet<char> =
        machines.words_of_terms.iter().flat_map(|term| folded(term).chars().collect::<Vec<_>>()).collect();
    let by_pattern: Vec<Vec<usize>> =
        machines.patterns.iter().map(|(pattern, _)| pattern.letters(&candidates)).collect();
    let mut seen = HashSet::new();
    let mut index = 0;
    candidates.retain(|c| {
        let letters: Vec<usize> = by_pattern.iter().filter_map(|letters| letters.get(index).copied()).collect();
        index += 1;
        seen.insert((signature(*c, machines, &charset, &own), letters))
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
        signature.push(u8::from(Words::default().push(c)) | u8::from(c.is_alphanumeric()) << 1);
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
