//! What is written: bytes that say of themselves whether they are whole, and what was written together with them.

use anyhow::{Context, Result, ensure};
use rolecall_tests::clock::Dice;
use serde::{Deserialize, Serialize};

/// The first line of a log entry or a message; the rest follows from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Names the step that wrote it; no two steps of one directory have the same.
    pub token: u64,
    /// Which entry of the step.
    pub index: usize,
    /// Entries of the step.
    pub count: usize,
    /// What the step delivers, by its last entry.
    pub delivered: Vec<String>,
    /// Whether the step sets the state, to its token.
    pub state: bool,
    /// Whether the step leaves a reply unfinished.
    pub running: bool,
    /// Bytes behind the first line.
    pub filler: usize,
}

impl Header {
    /// Everything that is written.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(self)?;
        let mut dice = Dice::new(fingerprint(&bytes));
        bytes.push(b'\n');
        bytes.extend((0..self.filler).map(|_| u8::try_from(dice.below(256)).unwrap_or_default()));
        Ok(bytes)
    }

    /// Reads what [`bytes`](Self::bytes) wrote.
    ///
    /// # Errors
    /// When it is not exactly that.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let header: Self = serde_json::from_slice(line).context("nothing that was ever written")?;
        ensure!(header.bytes()? == bytes, "{header:?} is followed by other bytes than were written");
        Ok(header)
    }
}

/// FNV-1a over bytes: tells one content from another.
#[must_use]
pub fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

    use super::*;

    // Fails when a content that lost or changed a byte passes for whole.
    #[test]
    fn any_change_is_found() {
        let header = Header {
            token: 7,
            index: 1,
            count: 2,
            delivered: vec!["b1".to_owned()],
            state: true,
            running: false,
            filler: 40,
        };
        let bytes = header.bytes().unwrap();
        assert_eq!(Header::read(&bytes).unwrap(), header);
        for cut in 0..bytes.len() {
            assert!(Header::read(&bytes[..cut]).is_err(), "cut at {cut}");
            let mut flipped = bytes.clone();
            flipped[cut] ^= 1;
            assert!(Header::read(&flipped).is_err(), "flipped at {cut}");
        }
    }
}
