//! What ends a sentence in every script: Unicode's `Sentence_Break=STerm`.

/// The ranges of Unicode 16, in order.
const TERMINATORS: [(char, char); 84] = [
    ('\u{21}', '\u{21}'),
    ('\u{3F}', '\u{3F}'),
    ('\u{589}', '\u{589}'),
    ('\u{61D}', '\u{61F}'),
    ('\u{6D4}', '\u{6D4}'),
    ('\u{700}', '\u{702}'),
    ('\u{7F9}', '\u{7F9}'),
    ('\u{837}', '\u{837}'),
    ('\u{839}', '\u{839}'),
    ('\u{83D}', '\u{83E}'),
    ('\u{964}', '\u{965}'),
    ('\u{104A}', '\u{104B}'),
    ('\u{1362}', '\u{1362}'),
    ('\u{1367}', '\u{1368}'),
    ('\u{166E}', '\u{166E}'),
    ('\u{1735}', '\u{1736}'),
    ('\u{17D4}', '\u{17D5}'),
    ('\u{1803}', '\u{1803}'),
    ('\u{1809}', '\u{1809}'),
    ('\u{1944}', '\u{1945}'),
    ('\u{1AA8}', '\u{1AAB}'),
    ('\u{1B4E}', '\u{1B4F}'),
    ('\u{1B5A}', '\u{1B5B}'),
    ('\u{1B5E}', '\u{1B5F}'),
    ('\u{1B7D}', '\u{1B7F}'),
    ('\u{1C3B}', '\u{1C3C}'),
    ('\u{1C7E}', '\u{1C7F}'),
    ('\u{203C}', '\u{203D}'),
    ('\u{2047}', '\u{2049}'),
    ('\u{2CF9}', '\u{2CFB}'),
    ('\u{2E2E}', '\u{2E2E}'),
    ('\u{2E3C}', '\u{2E3C}'),
    ('\u{2E53}', '\u{2E54}'),
    ('\u{3002}', '\u{3002}'),
    ('\u{A4FF}', '\u{A4FF}'),
    ('\u{A60E}', '\u{A60F}'),
    ('\u{A6F3}', '\u{A6F3}'),
    ('\u{A6F7}', '\u{A6F7}'),
    ('\u{A876}', '\u{A877}'),
    ('\u{A8CE}', '\u{A8CF}'),
    ('\u{A92F}', '\u{A92F}'),
    ('\u{A9C8}', '\u{A9C9}'),
    ('\u{AA5D}', '\u{AA5F}'),
    ('\u{AAF0}', '\u{AAF1}'),
    ('\u{ABEB}', '\u{ABEB}'),
    ('\u{FE12}', '\u{FE12}'),
    ('\u{FE15}', '\u{FE16}'),
    ('\u{FE56}', '\u{FE57}'),
    ('\u{FF01}', '\u{FF01}'),
    ('\u{FF1F}', '\u{FF1F}'),
    ('\u{FF61}', '\u{FF61}'),
    ('\u{10A56}', '\u{10A57}'),
    ('\u{10F55}', '\u{10F59}'),
    ('\u{10F86}', '\u{10F89}'),
    ('\u{11047}', '\u{11048}'),
    ('\u{110BE}', '\u{110C1}'),
    ('\u{11141}', '\u{11143}'),
    ('\u{111C5}', '\u{111C6}'),
    ('\u{111CD}', '\u{111CD}'),
    ('\u{111DE}', '\u{111DF}'),
    ('\u{11238}', '\u{11239}'),
    ('\u{1123B}', '\u{1123C}'),
    ('\u{112A9}', '\u{112A9}'),
    ('\u{113D4}', '\u{113D5}'),
    ('\u{1144B}', '\u{1144C}'),
    ('\u{115C2}', '\u{115C3}'),
    ('\u{115C9}', '\u{115D7}'),
    ('\u{11641}', '\u{11642}'),
    ('\u{1173C}', '\u{1173E}'),
    ('\u{11944}', '\u{11944}'),
    ('\u{11946}', '\u{11946}'),
    ('\u{11A42}', '\u{11A43}'),
    ('\u{11A9B}', '\u{11A9C}'),
    ('\u{11C41}', '\u{11C42}'),
    ('\u{11EF7}', '\u{11EF8}'),
    ('\u{11F43}', '\u{11F44}'),
    ('\u{16A6E}', '\u{16A6F}'),
    ('\u{16AF5}', '\u{16AF5}'),
    ('\u{16B37}', '\u{16B38}'),
    ('\u{16B44}', '\u{16B44}'),
    ('\u{16D6E}', '\u{16D6F}'),
    ('\u{16E98}', '\u{16E98}'),
    ('\u{1BC9F}', '\u{1BC9F}'),
    ('\u{1DA88}', '\u{1DA88}'),
];

/// Whether a character ends a sentence wherever it stands. The full stop is none: it has other uses.
pub(super) fn is_terminator(c: char) -> bool {
    let after = TERMINATORS.partition_point(|(first, _)| *first <= c);
    after.checked_sub(1).and_then(|index| TERMINATORS.get(index)).is_some_and(|(_, last)| c <= *last)
}

#[cfg(test)]
mod tests {
    use regex_syntax::hir::{Class, HirKind};

    use super::super::class::{Class as Part, class};
    use super::TERMINATORS;

    /// A property of Unicode as another implementation knows it.
    fn property(pattern: &str) -> Vec<(char, char)> {
        match regex_syntax::parse(pattern).unwrap().kind() {
            HirKind::Class(Class::Unicode(ranges)) => ranges.iter().map(|range| (range.start(), range.end())).collect(),
            other => panic!("{other:?}"),
        }
    }

    // Fails when a script's terminator is missing, or the table is not in order.
    #[test]
    fn the_table_is_unicodes() {
        assert_eq!(TERMINATORS.to_vec(), property(r"\p{Sentence_Break=STerm}"));
        for (first, last) in TERMINATORS {
            assert!((first..=last).all(|c| class(c) == Part::Terminator), "{first}");
        }
    }

    // Fails when a character that ends lines or abbreviations for Unicode is something else here.
    #[test]
    fn full_stops_and_line_ends_are_unicodes() {
        let all = |pattern: &str, wanted: Part| {
            let mut ranges = property(pattern).into_iter().flat_map(|(first, last)| first..=last);
            ranges.all(|c| class(c) == wanted)
        };
        assert!(all(r"\p{Sentence_Break=ATerm}", Part::Period));
        assert!(all(r"[\p{Sentence_Break=Sep}\r\n]", Part::Newline));
        assert!(all(r"\p{Sentence_Break=Sp}", Part::Space));
    }
}
