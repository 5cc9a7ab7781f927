//! Letters of other alphabets that look like Latin ones.

use unicode_script::{Script, UnicodeScript};

/// The ASCII letter, in lower case, that a letter of a Latin-like alphabet can be taken for, by the
/// prototypes of UTS #39.
///
/// ASCII is its own prototype here: UTS #39 equates `I`, `l` and `1`, which would make `Al` a hit for
/// `AI`. A letter without a Latin look-alike takes the one of its other case, so that folding keeps
/// case variants together wherever only one of them looks Latin.
pub(crate) fn latin(c: char) -> Option<char> {
    if c.is_ascii() || !has_lookalikes(c) {
        return None;
    }
    small_capital(c).or_else(|| prototype(c)).or_else(|| {
        let mut other = c.to_uppercase();
        let single = other.next().filter(|other_case| *other_case != c);
        single.filter(|_| other.next().is_none()).and_then(prototype)
    })
}

/// The letter of a small capital that UTS #39 keeps apart.
fn small_capital(c: char) -> Option<char> {
    const CAPITALS: [(char, char); 15] = [
        ('ᴀ', 'a'),
        ('ʙ', 'b'),
        ('ᴅ', 'd'),
        ('ᴇ', 'e'),
        ('ꜰ', 'f'),
        ('ɢ', 'g'),
        ('ʜ', 'h'),
        ('ᴊ', 'j'),
        ('ᴋ', 'k'),
        ('ʟ', 'l'),
        ('ᴍ', 'm'),
        ('ɴ', 'n'),
        ('ᴘ', 'p'),
        ('ꞯ', 'q'),
        ('ᴛ', 't'),
    ];
    CAPITALS.iter().find(|(capital, _)| *capital == c).map(|(_, letter)| *letter)
}

/// The ASCII letter in a circle or square that Unicode gives no compatibility decomposition. Pairs of
/// regional indicators are flags, not letters.
pub(crate) fn framed(c: char) -> Option<char> {
    let first = match c {
        '\u{1F150}'..='\u{1F169}' => 0x1F150,
        '\u{1F170}'..='\u{1F189}' => 0x1F170,
        _ => return None,
    };
    u8::try_from(u32::from(c) - first).ok().map(|index| char::from(b'a' + index))
}

fn prototype(c: char) -> Option<char> {
    let mut bytes = [0; 4];
    let mut skeleton = unicode_security::skeleton(c.encode_utf8(&mut bytes));
    let letter = skeleton.next().filter(char::is_ascii_alphabetic)?;
    if skeleton.next().is_some() {
        return None;
    }
    // The prototype of every `I` is `l`; a capital that looks so is an `I`.
    Some(if letter == 'l' && !c.is_lowercase() { 'i' } else { letter.to_ascii_lowercase() })
}

fn has_lookalikes(c: char) -> bool {
    matches!(
        c.script(),
        Script::Latin
            | Script::Greek
            | Script::Cyrillic
            | Script::Armenian
            | Script::Coptic
            | Script::Cherokee
            | Script::Lisu
            | Script::Deseret
    )
}
