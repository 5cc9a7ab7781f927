//! What happens to a machine, step by step, on a clock that jumps.

use arbitrary::{Arbitrary, Result, Unstructured};

/// Most steps of one life.
const MOST: usize = 256;

/// Steps, each with the pause before it.
///
/// Each is made of bytes of its own. A derived list would end after two steps on average, and a text in one of them
/// would take half of what is left.
#[derive(Debug)]
pub struct Steps<T>(pub Vec<(Pause, T)>);

impl<'a, T: Arbitrary<'a>> Arbitrary<'a> for Steps<T> {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let mut steps = Vec::new();
        while !input.is_empty() && steps.len() < MOST {
            let length = usize::from(input.int_in_range(6..=72_u8)?).min(input.len());
            let mut own = Unstructured::new(input.bytes(length)?);
            steps.push(<(Pause, T)>::arbitrary(&mut own)?);
        }
        Ok(Self(steps))
    }
}

/// How far time goes on before a step. A monotonic clock never goes back, and counts for no longer than this.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Pause {
    None,
    Little(u8),
    Milliseconds(u16),
    /// A laptop that was closed.
    Jump(u32),
    /// Exactly until the machine asks to be called.
    UntilDue,
}

/// Nine thousand years.
const END: u64 = 1 << 48;

impl Pause {
    /// The time after this pause.
    pub fn after(self, now: u64, due: Option<u64>) -> u64 {
        let later = match self {
            Self::None => now,
            Self::Little(ms) => now + u64::from(ms),
            Self::Milliseconds(ms) => now + u64::from(ms),
            Self::Jump(ms) => now + u64::from(ms),
            Self::UntilDue => due.map_or(now, |due| due.max(now)),
        };
        later.min(END)
    }
}
