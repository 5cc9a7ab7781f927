//! What a message says: its number within its session and when its publisher sent it or was to send it, in 300 bytes that need no
//! escaping in any of the protocols, so that a client finds them in a frame without parsing it.

use std::sync::OnceLock;
use std::time::Instant;

use rolecall_tests::clock;

/// Bytes of a message.
pub(crate) const BYTES: usize = 300;

/// Digits of a number and of a time; neither runs out within a run.
const NUMBER: usize = 6;
const TIME: usize = 12;

/// What stands before the number.
const MARK: u8 = b'#';

/// What a message says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// From 1 in each session.
    pub(crate) number: u64,
    /// By [`micros`].
    pub(crate) sent: u64,
}

/// Microseconds since this program first asked.
pub(crate) fn micros() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(clock::now).elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// A message that is sent then, by [`micros`].
pub(crate) fn write(number: u64, sent: u64) -> String {
    let mut text = format!("#{number:0NUMBER$}@{sent:0TIME$} ");
    text.extend(std::iter::repeat_n('x', BYTES.saturating_sub(text.len())));
    text
}

/// The messages in a frame, in order.
pub(crate) fn read(frame: &[u8]) -> impl Iterator<Item = Stamp> {
    let mut rest = frame;
    std::iter::from_fn(move || {
        loop {
            let at = rest.iter().position(|byte| *byte == MARK)?;
            rest = rest.get(at + 1..)?;
            // A binary header may have the mark by chance, but no digits behind it.
            if let Some(stamp) = stamp(rest) {
                rest = rest.get(BYTES - 1..).unwrap_or_default();
                return Some(stamp);
            }
        }
    })
}

/// What stands behind a mark.
fn stamp(text: &[u8]) -> Option<Stamp> {
    let number = digits(text.get(..NUMBER)?)?;
    let sent = digits(text.get(NUMBER + 1..NUMBER + 1 + TIME)?)?;
    Some(Stamp { number, sent })
}

fn digits(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a message is overlooked, or its padding taken for another one.
    #[test]
    fn every_message_of_a_frame_is_found() {
        let (first, second) = (write(7, 70), write(8, 80));
        assert_eq!((first.len(), second.len()), (BYTES, BYTES));
        let frame = format!(r#"{{"publications":[{{"data":"{first}","offset":4}},{{"data":"{second}"}}]}}"#);
        let stamps: Vec<Stamp> = read(frame.as_bytes()).collect();
        assert_eq!(stamps, [Stamp { number: 7, sent: 70 }, Stamp { number: 8, sent: 80 }]);
        assert_eq!(read(br#"{"type":"resumed"}"#).next(), None);
        let numbers: Vec<u64> = read(format!("id #{first}").as_bytes()).map(|stamp| stamp.number).collect();
        assert_eq!(numbers, [7]);
    }
}
