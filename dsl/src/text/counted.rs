//! Numbers with what they count, in English.

/// `1 sentence`, `2 sentences`: a noun whose plural has an s.
pub(crate) fn counted(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}
