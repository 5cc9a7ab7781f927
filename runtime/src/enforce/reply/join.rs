//! How two pieces of a reply are put together.

/// `next` with what must stand between it and `out`.
pub(super) fn behind(out: &str, next: &str) -> String {
    let (Some(last), Some(first)) = (out.chars().next_back(), next.chars().next()) else {
        return next.to_owned();
    };
    // Sentences of scripts with spaces are told apart by one; Han text has none.
    let spaced = last.is_ascii() && !last.is_whitespace() && first.is_ascii() && !first.is_whitespace();
    if spaced { format!(" {next}") } else { next.to_owned() }
}

/// `next` as a model's continuation of `out`: only a finished sentence is set off by a space, for
/// anything else may continue in the middle of a word.
pub(super) fn continued(out: &str, next: &str) -> String {
    let finished = out.ends_with(['.', '!', '?', '"', ')']);
    let new_word = next.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    if finished && new_word { format!(" {next}") } else { next.to_owned() }
}

/// The longest prefix of at most `bytes` bytes that ends on a character boundary.
pub(super) fn prefix(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_spaced_scripts_get_a_space() {
        assert_eq!(behind("Hi.", "Bye."), " Bye.");
        assert_eq!(behind("Hi. ", "Bye."), "Bye.");
        assert_eq!(behind("好。", "再见。"), "再见。");
        assert_eq!(behind("", "Bye."), "Bye.");
        assert_eq!(continued("It shi", "ps."), "ps.");
        assert_eq!(continued("It ships.", "Anything else?"), " Anything else?");
        assert_eq!(continued("It costs 3.", "14"), "14");
    }
}
