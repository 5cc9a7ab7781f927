//! `no_emoji`: no emoji occurs.
//!
//! An emoji is a character that Unicode shows as one by default (`😀`, `✅`, `🇨🇳`), another one that a
//! variation selector turns into one (`❤️`), one with a skin tone, or a keycap (`1️⃣`), each with all that is
//! joined to it. Plain digits, `#`, `*`, `©`, `❤`, `→`, `★` and faces of letters such as `:-)` are none.

use std::sync::{Arc, LazyLock};

use super::args::Reader;
use super::{Class, Constraint, Demand, Fact, View};
use crate::ast::Entry;
use crate::contract::Language;
use crate::diagnostic::Finding;
use crate::monitor::Residual;
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

#[derive(Debug)]
struct NoEmoji;

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    Reader::new(entry, source, findings, KEYWORD).bare()?;
    Some(Arc::new(NoEmoji))
}

impl Constraint for NoEmoji {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::Safety
    }

    fn prompt(&self, language: Language) -> String {
        match language {
            Language::Zh => "回答中不得出现表情符号（emoji）。".to_owned(),
            Language::En => "Use no emoji.".to_owned(),
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact::Forbidden { terms: &[], patterns: &PATTERNS }
    }

    fn demand(&self) -> Demand<'_> {
        Demand::Forbid { terms: &[], patterns: &PATTERNS }
    }

    /// The monitor itself knows about matches.
    fn outlook(&self, _view: &View<'_>) -> Residual {
        Residual::Open
    }
}
