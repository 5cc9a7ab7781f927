//! Fields of version 2: varints (as Protobuf's), signed differences, strings behind their length.

use alloc::string::String;
use alloc::vec::Vec;

use super::super::DecodeError;

/// Most bytes of a varint of 64 bits.
const MOST: u32 = 10;

/// Writes a frame.
#[derive(Debug)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn new(kind: u8) -> Self {
        Self(Vec::from([kind]))
    }

    pub(super) fn uint(&mut self, mut value: u64) -> &mut Self {
        loop {
            let low = value.to_le_bytes()[0] & 0x7f;
            value >>= 7;
            if value == 0 {
                self.0.push(low);
                return self;
            }
            self.0.push(low | 0x80);
        }
    }

    /// How far `value` is from `base`, small either way; any two numbers have a difference (it wraps).
    pub(super) fn difference(&mut self, value: u64, base: u64) -> &mut Self {
        let difference = value.wrapping_sub(base).cast_signed();
        self.uint(((difference << 1) ^ (difference >> 63)).cast_unsigned())
    }

    /// A number of an enumeration, which is never negative.
    pub(super) fn number(&mut self, number: i32) -> &mut Self {
        self.uint(number.unsigned_abs().into())
    }

    /// Somebody's words, as UTF-8 or as UTF-16, whichever is shorter.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        let Some(units) = wide(text) else {
            self.uint((text.len() as u64) << 1);
            self.0.extend_from_slice(text.as_bytes());
            return self;
        };
        self.uint((units as u64) << 1 | 1);
        self.0.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
        self
    }

    pub(super) fn string(&mut self, text: &str) -> &mut Self {
        self.uint(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }
}

/// How many UTF-16 code units a text has, where so written it is shorter than as UTF-8: Chinese is, by a third.
fn wide(text: &str) -> Option<usize> {
    let units = text.chars().map(char::len_utf16).sum::<usize>();
    (2 * units < text.len()).then_some(units)
}

/// Reads a frame's fields; every length is held to the bytes that are there.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn uint(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        let mut value = 0u64;
        for at in 0..MOST {
            let (byte, rest) = self.0.split_first().ok_or(DecodeError::Field(field))?;
            self.0 = rest;
            let low = u64::from(byte & 0x7f);
            let shifted = low << (7 * at);
            if shifted >> (7 * at) != low {
                break;
            }
            value |= shifted;
            if byte & 0x80 == 0 {
                // One way to write each number: what ends in nothing is longer than it must be.
                return if at > 0 && low == 0 { Err(DecodeError::Field(field)) } else { Ok(value) };
            }
        }
        Err(DecodeError::Field(field))
    }

    pub(super) fn uint32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        u32::try_from(self.uint(field)?).map_err(|_| DecodeError::Field(field))
    }

    pub(super) fn number(&mut self, field: &'static str) -> Result<i32, DecodeError> {
        i32::try_from(self.uint(field)?).map_err(|_| DecodeError::Field(field))
    }

    pub(super) fn difference(&mut self, base: u64, field: &'static str) -> Result<u64, DecodeError> {
        let coded = self.uint(field)?;
        Ok(base.wrapping_add((coded >> 1) ^ (coded & 1).wrapping_neg()))
    }

    pub(super) fn string(&mut self, field: &'static str) -> Result<String, DecodeError> {
        let length = self.uint(field)?;
        self.utf8(length, field)
    }

    pub(super) fn text(&mut self, field: &'static str) -> Result<String, DecodeError> {
        let length = self.uint(field)?;
        if length & 1 == 0 {
            let text = self.utf8(length >> 1, field)?;
            return if wide(&text).is_none() { Ok(text) } else { Err(DecodeError::Field(field)) };
        }
        let bytes = self.bytes((length >> 1).saturating_mul(2))?;
        let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_be_bytes(*unit));
        let text = char::decode_utf16(units).collect::<Result<String, _>>().map_err(|_| DecodeError::Field(field))?;
        if wide(&text).is_some() { Ok(text) } else { Err(DecodeError::Field(field)) }
    }

    fn utf8(&mut self, length: u64, field: &'static str) -> Result<String, DecodeError> {
        core::str::from_utf8(self.bytes(length)?).map(Into::into).map_err(|_| DecodeError::Field(field))
    }

    fn bytes(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        let declared = usize::try_from(length).unwrap_or(usize::MAX);
        let truncated = DecodeError::Truncated { declared, actual: self.0.len() };
        let (bytes, rest) = self.0.split_at_checked(declared).ok_or(truncated)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// The frame ends here.
    pub(super) const fn end(&self) -> Result<(), DecodeError> {
        match self.0.len() {
            0 => Ok(()),
            extra => Err(DecodeError::Trailing { extra }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Fails if a number or a difference does not come back, or is written longer than it must be.
        #[test]
        fn numbers_come_back(value: u64, base: u64) {
            let mut writer = Writer::new(0);
            writer.uint(value).difference(value, base).difference(base.wrapping_add(3), base);
            let mut reader = Reader(&writer.0[1..]);
            prop_assert_eq!(reader.uint("a"), Ok(value));
            prop_assert_eq!(reader.difference(base, "b"), Ok(value));
            prop_assert_eq!(reader.0.len(), 1);
            prop_assert_eq!(reader.difference(base, "c"), Ok(base.wrapping_add(3)));
            prop_assert_eq!(reader.end(), Ok(()));
        }

        /// Fails if bytes panic, or a number has two spellings.
        #[test]
        fn every_spelling_is_the_only_one(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut reader = Reader(&bytes);
            if let Ok(value) = reader.uint("n") {
                let mut writer = Writer::new(0);
                writer.uint(value);
                prop_assert_eq!(&writer.0[1..], &bytes[..bytes.len() - reader.0.len()]);
            }
        }
    }
}
