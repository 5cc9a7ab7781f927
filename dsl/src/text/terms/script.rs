//! Which characters form words, and which may stand in the gaps of a term.

use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript};

/// Whether a folded character is a letter, a digit or a mark of a script that puts spaces between
/// words, so that a match may not begin or end next to it.
pub(crate) fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    if matches!(c, '\u{3000}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}') {
        return false;
    }
    (c.is_alphanumeric() || is_combining_mark(c)) && !is_unspaced(c.script())
}

/// Whether a folded character may stand between the characters of a term that has gaps: white space and
/// symbols, but not what prose puts between words, for `今日，本店` is not `日本`.
pub(crate) fn is_gap(c: char) -> bool {
    !(c.is_alphanumeric()
        || is_combining_mark(c)
        || matches!(c, ',' | ';' | ':' | '!' | '?' | '。' | '、' | '，' | '；' | '：' | '！' | '？' | '…'))
}

/// Whether it is a voicing mark of kana, which changes the character before it.
pub(super) fn is_sound_mark(c: char) -> bool {
    matches!(c, '\u{3099}' | '\u{309A}')
}

/// Whether it is a kana, or a Han character that a kana is a form of, which a sound mark may change.
pub(super) fn is_kana(c: char) -> bool {
    matches!(c, '力' | '卜' | '夕' | '八') || matches!(c.script(), Script::Hiragana | Script::Katakana)
}

fn is_unspaced(script: Script) -> bool {
    matches!(
        script,
        Script::Han
            | Script::Hiragana
            | Script::Katakana
            | Script::Hangul
            | Script::Bopomofo
            | Script::Yi
            | Script::Thai
            | Script::Lao
            | Script::Khmer
            | Script::Myanmar
            | Script::Tibetan
    )
}
