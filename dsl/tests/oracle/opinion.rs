//! What the oracle makes of a contract whose verdict is written down.

use std::fmt::Write as _;

use super::exhaust::{Shown, exhaust};
use super::file::File;
use super::{hitting_sets, named, search, without};

/// What is left after the conflicts are removed, at most so many ways per file.
const MOST_RESTS: usize = 24;

/// What looking for a reply that should not exist may cost.
const REFUTING: search::Budget = search::Budget { built: 300, tried: 1_500 };

/// What the oracle makes of a file.
pub(crate) struct Opinion {
    /// The verdict was proved, one way or the other.
    pub(crate) decided: bool,
    /// Every minimal set too, and that there is no other.
    pub(crate) complete: bool,
    /// What contradicts the file.
    pub(crate) wrong: String,
}

/// Tries to keep the rules without as few as the conflicts allow, and to prove each conflict.
pub(crate) fn opinion(file: &File) -> Opinion {
    let mut wrong = String::new();
    let rests = hitting_sets(&file.conflicts, MOST_RESTS);
    let mut complete = true;
    for gone in &rests {
        // Without conflicts nothing goes, and all rules are kept.
        if search::reply(&without(&file.rules, gone), &file.replies, search::USUAL).is_none() {
            complete = false;
            let _ = writeln!(wrong, "  nothing was found that keeps all but {gone:?}");
        }
    }
    let mut proved = 0;
    for set in &file.conflicts {
        let members = named(&file.rules, set);
        let shown = match exhaust(&members) {
            // What cannot be proved may still be refuted.
            Shown::Undecided => search::reply(&members, &[], REFUTING).map_or(Shown::Undecided, Shown::Reply),
            shown => shown,
        };
        match shown {
            Shown::Impossible => proved += 1,
            Shown::Reply(text) => {
                let _ = writeln!(wrong, "  {set:?} is no conflict: {text:?}");
            }
            Shown::Undecided => complete = false,
        }
    }
    let decided = if file.conflicts.is_empty() { complete } else { proved > 0 };
    Opinion { decided, complete, wrong }
}
