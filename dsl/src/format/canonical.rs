//! The one spelling of what can be spelt in two ways.

use super::tree::{Piece, head};
use crate::parse::dedent;

/// A `"""…"""` text of several lines.
#[derive(Debug)]
pub(super) struct BlockString {
    /// Its lines without the indent that they share.
    pub(super) lines: Vec<String>,
}

/// `≥` is `>=`, `≤` is `<=`.
pub(super) fn joint(text: &str) -> &str {
    match text {
        "≥" => ">=",
        "≤" => "<=",
        other => other,
    }
}

/// `40％` is `40%`.
pub(super) fn percent(text: &str) -> String {
    text.replace('％', "%")
}

/// A text in triple quotes gets the indent of its entry, when that leaves its value alone.
pub(super) fn block_string(text: &str) -> Piece {
    let raw = text.strip_prefix("\"\"\"").and_then(|rest| rest.strip_suffix("\"\"\"")).unwrap_or("");
    if !raw.contains('\n') {
        return Piece::Literal(text.to_owned());
    }
    let value = dedent(raw);
    let lines: Vec<String> = value.split('\n').map(str::to_owned).collect();
    let rewritten = format!("\n{value}\n");
    // A lone carriage return, or white space at the end of a first line, is part of the value.
    if value.is_empty() || dedent(&rewritten) != value || value.contains('\r') {
        let unified = raw.replace("\r\n", "\n");
        let kept = if dedent(&unified) == value { &unified } else { raw };
        return Piece::Literal(format!("\"\"\"{kept}\"\"\""));
    }
    Piece::BlockString(BlockString { lines })
}

/// The pieces of a rule, respelt.
pub(super) fn rule(pieces: Vec<Piece>) -> Vec<Piece> {
    match head(&pieces) {
        "forbidden_terms" | "required_terms" => pieces.into_iter().flat_map(alternatives).collect(),
        "response_style" => share_of(pieces),
        _ => pieces,
    }
}

fn alternatives(piece: Piece) -> Vec<Piece> {
    let Piece::Literal(text) = &piece else { return vec![piece] };
    let Some(terms) = terms(text) else { return vec![piece] };
    let mut pieces = Vec::new();
    for term in terms {
        if !pieces.is_empty() {
            pieces.push(Piece::Joint("|".to_owned()));
        }
        pieces.push(Piece::Literal(term));
    }
    pieces
}

/// `"AI|算法"` as `"AI"`, `"算法"`; nothing when there is no bar in it or a term would be empty.
pub(super) fn terms(text: &str) -> Option<Vec<String>> {
    let inside = text.strip_prefix('"')?.strip_suffix('"')?;
    // A text in triple quotes keeps its form.
    if !inside.contains('|') || inside.starts_with('"') {
        return None;
    }
    let terms: Vec<&str> = inside.split('|').map(str::trim).collect();
    let whole = terms.iter().all(|term| !term.is_empty());
    whole.then(|| terms.into_iter().map(|term| format!("\"{term}\"")).collect())
}

fn share_of(mut pieces: Vec<Piece>) -> Vec<Piece> {
    let arguments = pieces.iter().filter(|piece| !matches!(piece, Piece::Block(_) | Piece::Comment(_)));
    let mut arguments =
        arguments.skip_while(|piece| !matches!(piece, Piece::Word(word) if !word.ends_with(':'))).skip(1);
    let (Some(Piece::Literal(text)), None) = (arguments.next(), arguments.next()) else { return pieces };
    let Some([metric, comparison, share]) = share(text) else { return pieces };
    let Some(at) = pieces.iter().position(|piece| matches!(piece, Piece::Literal(_))) else { return pieces };
    pieces.splice(at..=at, [Piece::Word(metric), Piece::Joint(comparison), Piece::Literal(share)]);
    // A word must stand on the line of the word before it: comments go behind the three.
    let comments = pieces.iter().take(at).filter(|piece| matches!(piece, Piece::Comment(_))).count();
    if comments > 0 {
        let (before, rest): (Vec<Piece>, Vec<Piece>) = split_at(pieces, at);
        let (moved, mut kept): (Vec<Piece>, Vec<Piece>) =
            before.into_iter().partition(|piece| matches!(piece, Piece::Comment(_)));
        let (three, behind) = split_at(rest, 3);
        kept.extend(three);
        kept.extend(moved);
        kept.extend(behind);
        return kept;
    }
    pieces
}

fn split_at(mut pieces: Vec<Piece>, at: usize) -> (Vec<Piece>, Vec<Piece>) {
    let rest = pieces.split_off(at.min(pieces.len()));
    (pieces, rest)
}

/// `"反问句占比≥40%"` as metric, comparison and share; nothing when it is not of that form.
pub(super) fn share(text: &str) -> Option<[String; 3]> {
    let inside = text.strip_prefix('"')?.strip_suffix('"')?;
    let signs = [(">=", ">="), ("≥", ">="), ("<=", "<="), ("≤", "<=")];
    let (name, comparison, rest) =
        signs.iter().find_map(|(sign, plain)| inside.split_once(sign).map(|(name, rest)| (name, *plain, rest)))?;
    let number = rest.trim().strip_suffix(['%', '％'])?.trim();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 2 {
        return None;
    }
    let mut name = name.trim();
    for suffix in ["占比", "佔比", "比例", " share", " ratio"] {
        name = name.strip_suffix(suffix).unwrap_or(name).trim();
    }
    let mut chars = name.chars();
    let begins = chars.next().is_some_and(unicode_ident::is_xid_start);
    let is_word = begins && chars.all(|c| c == '_' || unicode_ident::is_xid_continue(c));
    is_word.then(|| [name.to_owned(), comparison.to_owned(), format!("{number}%")])
}
