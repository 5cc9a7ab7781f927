//! BSP version 1: `magic u16 | version u8 | payload_len u32 | payload`, big endian, the payload an
//! LZ4 block behind its decompressed size (u32, little endian, as LZ4 libraries write it).

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::{DecodeError, EncodeError};
use crate::limits::{MAX_DECOMPRESSED, MAX_RATIO, RATIO_FLOOR};

/// `BS`.
pub const MAGIC: u16 = 0x4253;
/// The version of this module.
pub const VERSION: u8 = 1;
/// Bytes before the payload.
pub const HEADER_LEN: usize = 7;

const PREFIX_LEN: usize = 4;

/// Packs an envelope's bytes into a frame of at most `max` bytes of payload.
pub(super) fn pack(envelope: &[u8], max: usize) -> Result<Bytes, EncodeError> {
    let mut payload = lz4_flex::block::compress_prepend_size(envelope);
    if envelope.len() > decompressed_limit(payload.len()) {
        // Legal LZ4 of a text so repetitive that a receiver would take it for a bomb: say it plainly.
        payload = literals(envelope);
    }
    let len = payload.len();
    let declared = u32::try_from(len).ok().filter(|_| len <= max).ok_or(EncodeError::TooLarge { len, max })?;
    let mut frame = Vec::with_capacity(HEADER_LEN + len);
    frame.extend_from_slice(&MAGIC.to_be_bytes());
    frame.push(VERSION);
    frame.extend_from_slice(&declared.to_be_bytes());
    frame.extend_from_slice(&payload);
    Ok(Bytes::from(frame))
}

/// The envelope's bytes of exactly one frame.
pub(super) fn unpack(bytes: &[u8], max_payload: usize) -> Result<Vec<u8>, DecodeError> {
    let header = Header::parse(bytes, max_payload)?.ok_or(DecodeError::Short { len: bytes.len() })?;
    let rest = bytes.get(HEADER_LEN..).unwrap_or_default();
    match rest.len().checked_sub(header.payload_len) {
        Some(0) => inflate(rest),
        Some(extra) => Err(DecodeError::Trailing { extra }),
        None => Err(DecodeError::Truncated { declared: header.payload_len, actual: rest.len() }),
    }
}

/// The first frame of a stream, and what follows it.
pub type Split<'a> = (&'a [u8], &'a [u8]);

/// Splits the first frame off a byte stream of frames back to back: the frame, and what follows.
/// `None` when the frame is not complete yet.
///
/// # Errors
/// When the stream does not continue with a header of an acceptable frame; there is no way to find
/// the next one.
pub fn split(stream: &[u8], max_payload: usize) -> Result<Option<Split<'_>>, DecodeError> {
    let Some(header) = Header::parse(stream, max_payload)? else { return Ok(None) };
    Ok(stream.split_at_checked(HEADER_LEN + header.payload_len))
}

struct Header {
    payload_len: usize,
}

impl Header {
    /// `None` when there are too few bytes to tell.
    fn parse(bytes: &[u8], max_payload: usize) -> Result<Option<Self>, DecodeError> {
        let Some((magic, rest)) = bytes.split_first_chunk::<2>() else { return Ok(None) };
        let found = u16::from_be_bytes(*magic);
        if found != MAGIC {
            return Err(DecodeError::Magic { found });
        }
        let Some((&found, rest)) = rest.split_first() else { return Ok(None) };
        if found != VERSION {
            return Err(DecodeError::Version { found });
        }
        let Some((len, _)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let payload_len = usize::try_from(u32::from_be_bytes(*len)).unwrap_or(usize::MAX);
        if payload_len > max_payload {
            return Err(DecodeError::TooLarge { len: payload_len, max: max_payload });
        }
        Ok(Some(Self { payload_len }))
    }
}

fn inflate(payload: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let short = DecodeError::Truncated { declared: PREFIX_LEN, actual: payload.len() };
    let (prefix, block) = payload.split_first_chunk::<PREFIX_LEN>().ok_or(short)?;
    let declared = usize::try_from(u32::from_le_bytes(*prefix)).unwrap_or(usize::MAX);
    let allowed = decompressed_limit(payload.len());
    if declared > allowed {
        return Err(DecodeError::Bomb { declared, payload: payload.len(), allowed });
    }
    let mut envelope = vec![0; declared];
    let actual = lz4_flex::block::decompress_into(block, &mut envelope).map_err(|e| DecodeError::Lz4(e.to_string()))?;
    if actual != declared {
        return Err(DecodeError::LyingLength { declared, actual });
    }
    Ok(envelope)
}

fn decompressed_limit(payload_len: usize) -> usize {
    payload_len.saturating_mul(MAX_RATIO).clamp(RATIO_FLOOR, MAX_DECOMPRESSED)
}

/// An LZ4 block that holds its content as one run of literals, behind its size.
fn literals(content: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(PREFIX_LEN + content.len() + content.len() / 255 + 2);
    block.extend_from_slice(&u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes());
    match content.len().checked_sub(15) {
        None => block.push(u8::try_from(content.len() << 4).unwrap_or(0xf0)),
        Some(mut more) => {
            block.push(0xf0);
            while more >= 255 {
                block.push(255);
                more -= 255;
            }
            block.push(u8::try_from(more).unwrap_or(254));
        }
    }
    block.extend_from_slice(content);
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_PAYLOAD;
    use proptest::prelude::*;

    proptest! {
        /// Fails if a frame does not come back, or the size of a prefix is trusted.
        #[test]
        fn what_is_packed_comes_back(content in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let frame = pack(&content, MAX_PAYLOAD).unwrap();
            prop_assert_eq!(unpack(&frame, MAX_PAYLOAD).unwrap(), content);
        }

        /// Fails if a literal run is not what an LZ4 decoder reads, at any length.
        #[test]
        fn literal_blocks_are_lz4(content in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            prop_assert_eq!(inflate(&literals(&content)).unwrap(), content);
        }

        /// Fails if any bytes panic, or decode to more than the limit.
        #[test]
        fn no_bytes_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), honest in any::<bool>()) {
            if honest {
                bytes = pack(&bytes, MAX_PAYLOAD).unwrap().to_vec();
                let at = bytes.len() / 2;
                bytes[at] ^= 0x41;
            }
            if let Ok(content) = unpack(&bytes, MAX_PAYLOAD) {
                prop_assert!(content.len() <= RATIO_FLOOR);
            }
        }
    }

    /// Fails if a very repetitive but honest text cannot be sent: its ratio is that of a bomb.
    #[test]
    fn a_repetitive_text_is_no_bomb() {
        let content = vec![b'h'; 200_000];
        assert_eq!(unpack(&pack(&content, MAX_PAYLOAD).unwrap(), MAX_PAYLOAD).unwrap(), content);
    }

    /// Fails if memory is taken for a size that the payload cannot honestly have.
    #[test]
    fn bombs_and_lies_are_told_apart() {
        let mut frame = pack(b"hello hello hello hello", MAX_PAYLOAD).unwrap().to_vec();
        frame[HEADER_LEN..HEADER_LEN + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(unpack(&frame, MAX_PAYLOAD), Err(DecodeError::Bomb { .. })));
        frame[HEADER_LEN..HEADER_LEN + 4].copy_from_slice(&24u32.to_le_bytes());
        assert_eq!(unpack(&frame, MAX_PAYLOAD), Err(DecodeError::LyingLength { declared: 24, actual: 23 }));
        frame[HEADER_LEN..HEADER_LEN + 4].copy_from_slice(&22u32.to_le_bytes());
        assert!(matches!(unpack(&frame, MAX_PAYLOAD), Err(DecodeError::Lz4(_))));
    }

    /// Fails if a header fault is not named, or a stream loses its place.
    #[test]
    fn headers_are_held_to_what_is_there() {
        let frame = pack(b"abc", MAX_PAYLOAD).unwrap();
        let payload = frame.len() - HEADER_LEN;
        let with = |at: usize, value: u8| {
            let mut bytes = frame.to_vec();
            bytes[at] = value;
            unpack(&bytes, MAX_PAYLOAD).unwrap_err()
        };
        assert_eq!(with(0, b'X'), DecodeError::Magic { found: 0x5853 });
        assert_eq!(with(2, 2), DecodeError::Version { found: 2 });
        assert!(matches!(with(3, 1), DecodeError::TooLarge { .. }));
        assert_eq!(with(6, 200), DecodeError::Truncated { declared: 200, actual: payload });
        assert_eq!(with(6, 5), DecodeError::Trailing { extra: payload - 5 });
        assert_eq!(unpack(&frame[..6], MAX_PAYLOAD), Err(DecodeError::Short { len: 6 }));

        let mut stream = frame.to_vec();
        stream.extend_from_slice(&frame);
        stream.extend_from_slice(&frame[..9]);
        let (first, rest) = split(&stream, MAX_PAYLOAD).unwrap().unwrap();
        let (second, rest) = split(rest, MAX_PAYLOAD).unwrap().unwrap();
        assert_eq!((first, second), (&frame[..], &frame[..]));
        assert_eq!(split(rest, MAX_PAYLOAD), Ok(None));
        assert!(split(b"GET / HTTP", MAX_PAYLOAD).is_err());
    }
}
