//! Names that no project builds under.

/// What one of the languages keeps for itself.
const WORDS: &str = "
    abstract and as assert async auto await become box break case catch char class const continue
    crate debugger def default del delete do double dyn elif else enum except export extends extern
    false final finally float fn for from function gen global goto if impl import in inline
    instanceof int is lambda let long loop macro match mod move mut new nonlocal not null or
    override pass priv pub raise ref register restrict return self short signed sizeof static struct
    super switch this throw trait true try type typedef typeof union unsafe unsigned unsized use var
    virtual void volatile where while with yield
";

/// The crates that projects are built from, and the modules that they have or import.
const NAMES: &str = "
    constraint core delivery rolecall_plugin serde serde_json std test wit_world
";

/// Whether no plugin can have this name.
pub(super) fn is_reserved(name: &str) -> bool {
    WORDS.split_whitespace().chain(NAMES.split_whitespace()).any(|reserved| reserved == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails when a word of one of the languages makes a project that does not build, or a part of a word counts.
    #[test]
    fn words_and_crates_are_reserved() {
        for name in ["fn", "lambda", "typeof", "sizeof", "yield", "serde", "rolecall_plugin", "wit_world", "constraint"]
        {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["politeness", "function_words", "lamb", "", "classical_tone"] {
            assert!(!is_reserved(name), "{name}");
        }
    }
}
