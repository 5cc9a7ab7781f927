//! Passages in quotation marks.

use crate::text::profile::Profile;

/// Which quotation marks are open, and whether something stands in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Quoting {
    /// A bit for each kind.
    open: u8,
    /// A bit for each kind that is open and has something in it.
    filled: u8,
    /// A straight mark here would close, not open: it stands behind a letter or a terminator.
    behind: bool,
    quotation: bool,
}

/// What a character does to quotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::text) enum Mark {
    Open(u8),
    Close(u8),
    /// The straight mark, which does either.
    Straight,
}

const STRAIGHT: u8 = 8;

pub(in crate::text) fn mark(c: char) -> Option<Mark> {
    Some(match c {
        '“' => Mark::Open(1),
        '”' => Mark::Close(1),
        '「' => Mark::Open(2),
        '」' => Mark::Close(2),
        '『' => Mark::Open(4),
        '』' => Mark::Close(4),
        '"' | '＂' => Mark::Straight,
        _ => return None,
    })
}

impl Quoting {
    #[inline]
    pub(super) fn push(&mut self, profile: &Profile) {
        match profile.mark {
            Some(Mark::Open(kind)) => self.open(kind),
            Some(Mark::Close(kind)) => self.close(kind),
            Some(Mark::Straight) if self.open & STRAIGHT != 0 => self.close(STRAIGHT),
            Some(Mark::Straight) if !self.behind => self.open(STRAIGHT),
            None if profile.shown => self.filled |= self.open,
            Some(Mark::Straight) | None => {}
        }
        self.behind = profile.closes;
    }

    fn open(&mut self, kind: u8) {
        self.open |= kind;
        self.filled &= !kind;
    }

    fn close(&mut self, kind: u8) {
        self.quotation |= self.filled & kind != 0;
        self.open &= !kind;
        self.filled &= !kind;
    }

    pub(super) fn is_quotation(self) -> bool {
        self.quotation
    }

    pub(super) fn key(self) -> u64 {
        if self.quotation {
            return 1;
        }
        u64::from(self.behind) << 1 | u64::from(self.open) << 2 | u64::from(self.filled) << 8
    }
}

/// Whether a straight mark behind it closes, as the sentence machine judges it.
pub(in crate::text) fn closes(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '!' | '?')
}

/// What the machine sees of a character.
pub(super) fn letter(c: char) -> u32 {
    let mark = match mark(c) {
        None => 0,
        Some(Mark::Open(kind)) => u32::from(kind),
        Some(Mark::Close(kind)) => u32::from(kind) + 8,
        Some(Mark::Straight) => 15,
    };
    let shown = !c.is_whitespace() && !crate::text::fold::is_ignorable(c);
    mark | u32::from(closes(c)) << 4 | u32::from(shown) << 5
}
