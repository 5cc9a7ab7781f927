//! Where what a store holds comes from: whether something acknowledged may have been lost behind a session's back.

/// The line of copies that a store's data is in. A server of it that takes over from another one may lack what that one
/// acknowledged last, and nothing in the data says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lineage {
    /// Its name; empty for a store that loses nothing that it acknowledged.
    pub id: String,
    /// Whether the server has taken over from another one. One that was started anew since may have forgotten it.
    pub took_over: bool,
    /// Whether a server that is started anew has everything that it had acknowledged, and is always the one that is found:
    /// if it has not taken over, another name is its own of before.
    pub outlives_restarts: bool,
    /// Whether it is a copy of an earlier moment, behind which the original may have gone on. A copy has a name of its own:
    /// what was written under another one, or under none, is older than it.
    pub is_copy: bool,
}

impl Lineage {
    /// The lineage of a copy with a name of its own.
    #[must_use]
    pub fn of_copy(id: String) -> Self {
        Self { id, is_copy: true, ..Self::default() }
    }

    /// Whether something may be lost of what was written under a name. What was written under none is not known to be,
    /// except in a copy.
    #[must_use]
    pub fn doubts(&self, written_under: &str) -> bool {
        if self.is_copy {
            return written_under != self.id;
        }
        let other = !written_under.is_empty() && !self.id.is_empty() && written_under != self.id;
        other && (self.took_over || !self.outlives_restarts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a server that took over is trusted like the one before, or one that was started anew and lost nothing is
    // not.
    #[test]
    fn only_what_may_be_lost_is_doubted() {
        let started_anew = Lineage { id: "b".to_owned(), took_over: false, outlives_restarts: true, is_copy: false };
        let took_over = Lineage { took_over: true, ..started_anew.clone() };
        let one_of_many = Lineage { outlives_restarts: false, ..started_anew.clone() };
        for (lineage, doubts) in [(started_anew, false), (took_over, true), (one_of_many, true)] {
            assert_eq!(lineage.doubts("a"), doubts, "{lineage:?}");
            assert!(!lineage.doubts("b") && !lineage.doubts(""), "{lineage:?}");
        }
        assert!(!Lineage::default().doubts("a"), "a store that keeps everything");
    }

    // Fails when what a copy has from before it was made is taken for all there was: the original may have gone on.
    #[test]
    fn what_a_copy_did_not_write_itself_is_doubted() {
        let copy = Lineage::of_copy("c".to_owned());
        assert!(copy.doubts("") && copy.doubts("b"));
        assert!(!copy.doubts("c"));
    }
}
