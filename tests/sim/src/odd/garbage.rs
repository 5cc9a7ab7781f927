//! Bytes that are not a frame, with the close code that each deserves.

use rolecall_wire::close;

use crate::chance::Chance;

/// Spoils a well-formed BSP frame. `max` is the largest payload that the receiver takes.
pub(super) fn spoil(chance: &mut Chance, frame: &[u8], max: usize) -> (&'static str, Vec<u8>, u16) {
    let mut bytes = frame.to_vec();
    let set = |bytes: &mut Vec<u8>, at: usize, value: u8| {
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
    };
    match chance.below(8) {
        0 => {
            set(&mut bytes, 0, b'G');
            ("another magic", bytes, close::BAD_FRAME)
        }
        1 => {
            set(&mut bytes, 2, 2);
            ("another version", bytes, close::BAD_VERSION)
        }
        2 => {
            let declared = u32::try_from(max).unwrap_or(u32::MAX).saturating_add(1).to_be_bytes();
            (3..).zip(declared).for_each(|(at, byte)| set(&mut bytes, at, byte));
            ("a payload above the limit", bytes, close::TOO_LARGE)
        }
        3 => {
            bytes.push(0);
            ("a byte behind the frame", bytes, close::BAD_FRAME)
        }
        4 => {
            bytes.pop();
            ("less payload than declared", bytes, close::BAD_FRAME)
        }
        5 => {
            bytes.truncate(5);
            ("less than a header", bytes, close::BAD_FRAME)
        }
        6 => {
            (7..11).for_each(|at| set(&mut bytes, at, 0xff));
            ("a bomb", bytes, close::TOO_LARGE)
        }
        _ => {
            let longer = bytes.get(7).copied().unwrap_or(0).wrapping_add(1);
            set(&mut bytes, 7, longer);
            ("a lying size", bytes, close::BAD_FRAME)
        }
    }
}
