//! Decimal digits of all scripts.

/// The zeros of Unicode's decimal digits (general category Nd) beyond ASCII, to version 17.0; the other
/// digits of each script follow its zero.
const ZEROS: [u32; 73] = [
    0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20,
    0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0,
    0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x10D40, 0x11066, 0x110F0, 0x11136, 0x111D0,
    0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x116D0, 0x116DA, 0x11730, 0x118E0, 0x11950, 0x11BF0, 0x11C50,
    0x11D50, 0x11DA0, 0x11DE0, 0x16A60, 0x16AC0, 0x16B50, 0x16D70, 0x1CCF0, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC,
    0x1D7F6, 0x1E140, 0x1E2F0, 0x1E5F1, 0x1E950, 0x1FBF0,
];

/// The ASCII digit of the same value, for a decimal digit of any script.
pub(crate) fn ascii(c: char) -> Option<char> {
    let code = u32::from(c);
    let zero = ZEROS.partition_point(|zero| *zero <= code).checked_sub(1).and_then(|at| ZEROS.get(at))?;
    char::from_digit(code.checked_sub(*zero)?, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_are_known() {
        for (digits, value) in [("٢۲२২๒２𝟚𝟸", '2'), ("٠०０𝟘", '0'), ("９९𝟿", '9')] {
            assert!(digits.chars().all(|c| ascii(c) == Some(value)), "{digits}");
        }
        assert!("二〇②²Ⅱ٪५̣a".chars().filter(|c| *c != '५').all(|c| ascii(c).is_none()));
        assert!(ZEROS.is_sorted() && ZEROS.iter().all(|zero| char::from_u32(*zero).is_some()));
    }

    /// A script that was forgotten would show here.
    #[test]
    fn runs_of_ten_numeric_characters_that_are_digits_are_listed() {
        for zero in ZEROS {
            // Digits newer than the standard library's tables are not numeric to it.
            let numeric = (zero..zero + 10).filter_map(char::from_u32).filter(|c| c.is_numeric()).count();
            assert!(numeric == 10 || numeric == 0, "{zero:X}");
        }
    }
}
