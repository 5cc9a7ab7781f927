//! The policies compared.

use rolecall_wire::heartbeat::{Learned, Mode};

use super::cell::Cell;
use super::fixed::Fixed;
use super::machines::{Machines, Setup};
use super::pair::{Out, Pair};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Policy {
    /// Our machines, in a mode, with a timeout.
    Ours { mode: Mode, timeout_ms: u32 },
    /// A Ping each interval, and a timeout behind it.
    Fixed { interval_s: u64, timeout_s: u64 },
}

impl Policy {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Ours { mode: Mode::Table, .. } => "the article's rule".to_owned(),
            Self::Ours { mode: Mode::Adaptive, timeout_ms: 30_000 } => "**adaptive**".to_owned(),
            Self::Ours { mode: Mode::Adaptive, timeout_ms } => {
                format!("**adaptive**, timeout {} s", timeout_ms / 1_000)
            }
            Self::Fixed { interval_s, timeout_s } => format!("{interval_s}/{timeout_s} s"),
        }
    }

    pub(crate) fn open(&self, cell: &Cell, learned: Learned, seed: u64, now: u64, out: &mut Out) -> Box<dyn Pair> {
        match *self {
            Self::Fixed { interval_s, timeout_s } => Box::new(Fixed::new(interval_s * 1_000, timeout_s * 1_000, now)),
            Self::Ours { mode, timeout_ms } => {
                let setup = Setup { mode, timeout_ms, sees_pings: seed.is_multiple_of(2), learned, seed };
                Box::new(Machines::new(cell, setup, now, out))
            }
        }
    }
}
