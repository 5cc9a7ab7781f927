//! What is known of files that are looked at now and then.

/// The facts of files when they were last read, and what came of it.
#[derive(Debug, Clone)]
pub(super) struct Seen<F> {
    facts: Option<F>,
    taken: bool,
}

impl<F: PartialEq> Seen<F> {
    /// Files that are in force, as they were before they were read.
    pub(super) fn at_start(facts: Option<F>) -> Self {
        Self { facts, taken: true }
    }

    /// Whether files with these facts are to be read: not while one of them is gone, for then it is being replaced; and
    /// not as they are known, unless they could not be used and are tried `again`: rights, for one, change without a
    /// change of the file.
    pub(super) fn calls_for(&self, found: Option<&F>, again: bool) -> bool {
        found.is_some() && (self.facts.as_ref() != found || (again && !self.taken))
    }

    /// Notes what came of a reading. Says whether that is news: what fails as before was said then.
    pub(super) fn note(&mut self, found: Option<F>, taken: bool) -> bool {
        let news = taken || self.taken || self.facts != found;
        *self = Self { facts: found, taken };
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a change is passed over, an unchanged file is read each time, one that could not be used is never tried
    // again, or its fault is said each time.
    #[test]
    fn files_are_read_when_that_may_help() {
        let mut seen = Seen::at_start(Some(1));
        assert!(!seen.calls_for(Some(&1), true) && !seen.calls_for(None, true) && seen.calls_for(Some(&2), false));
        assert!(seen.note(Some(2), false), "a first fault is said");
        assert!(seen.calls_for(Some(&2), true) && !seen.calls_for(Some(&2), false));
        assert!(!seen.note(Some(2), false), "and not again");
        assert!(seen.note(Some(3), false), "another file's is");
        assert!(seen.note(Some(3), true) && !seen.calls_for(Some(&3), true));
    }
}
