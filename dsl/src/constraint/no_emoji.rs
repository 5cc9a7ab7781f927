//! `no_emoji`: no emoji occurs.
//!
//! An emoji is a character that Unicode shows as one by default (`😀`, `✅`, `🇨🇳`), another one that a
//! variation selector turns into one (`❤️`), one with a skin tone, or a keycap (`1️⃣`), each with all that is
//! joined to it. Plain digits, `#`, `*`, `©`, `❤`, `→`, `★` and faces of letters such as `:-)` are none.

use std::sync::{Arc, LazyLock};

use super::Constraint;
use super::args::Reader;
use super::unwanted::Unwanted;
use crate::ast::Entry;
use crate::diagnostic::Finding;
use crate::source::Source;
use crate::text::pattern::{Pattern, builtin};

pub(super) const KEYWORD: &str = "no_emoji";

static PATTERNS: LazyLock<Vec<Arc<Pattern>>> = LazyLock::new(|| {
    let symbol = r"[\p{Emoji}&&[^0-9#*]]";
    let one = format!(
        r"(?:\p{{Emoji_Presentation}}\x{{FE0F}}?|{symbol}\x{{FE0F}}|\p{{Emoji_Modifier_Base}}\p{{Emoji_Modifier}}|[0-9\x23*]\x{{FE0F}}?\x{{20E3}})"
    );
    let joined = format!(r"(?:\x{{200D}}{symbol}\x{{FE0F}}?\p{{Emoji_Modifier}}?)*");
    let sequence = format!(r"(?:{one}\p{{Emoji_Modifier}}?{joined}[\x{{E0020}}-\x{{E007F}}]*)+");
    vec![builtin("an emoji", &sequence)]
});

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    Reader::new(entry, source, findings, KEYWORD).bare()?;
    Some(Arc::new(Unwanted {
        keyword: KEYWORD,
        patterns: &PATTERNS,
        zh: "回答中不得出现表情符号（emoji）。",
        en: "Use no emoji.",
    }))
}
