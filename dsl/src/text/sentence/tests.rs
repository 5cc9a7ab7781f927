use proptest::prelude::*;

use super::*;

/// What a sentence is made of and what makes the machine look twice.
const PIECES: [&str; 30] = [
    "好",
    "的",
    "a",
    "Dr",
    "e.g",
    "www",
    "I",
    "1",
    "12",
    "，",
    "、",
    ":",
    "：",
    "-",
    " ",
    "  ",
    "\n",
    "。",
    "?",
    ".",
    "……",
    "“",
    "”",
    "(",
    ")",
    "`",
    "**",
    "https://a.b/",
    "\u{301}",
    "😀",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A character that is skimmed over and would have mattered shows here.
    #[test]
    fn skimming_changes_nothing(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..40), most in 1..9u64) {
        let text = pieces.concat();
        let (mut whole, mut machine, mut rest) = (Sentences::default(), Sentences::default(), text.as_str());
        while let Some(c) = rest.chars().next() {
            let skimmed = match machine.skim(rest, most, |_| {}) {
                0 => {
                    prop_assert_eq!(whole.push(c), machine.push(c));
                    c.len_utf8()
                }
                bytes => {
                    rest.split_at(bytes).0.chars().for_each(|c| assert_eq!(whole.push(c), Event::default()));
                    bytes
                }
            };
            rest = rest.split_at(skimmed).1;
            prop_assert_eq!(format!("{:?}", whole), format!("{:?}", machine));
        }
    }
}
