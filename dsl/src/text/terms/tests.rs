use super::*;

/// Terms as [`Matching::usual`] has them.
fn usual(terms: &[&str]) -> Terms {
    with(terms, Matching::usual())
}

fn with(terms: &[&str], matching: &Matching) -> Terms {
    Terms::new(terms.iter().map(|text| (Sought { text, matching }, true)))
}

fn hits(terms: &Terms, text: &str) -> Vec<(usize, Range<usize>)> {
    terms.find_all(text).into_iter().map(|hit| (hit.term, hit.span)).collect()
}

fn found(terms: &[&str], text: &str) -> Vec<(usize, Range<usize>)> {
    hits(&usual(terms), text)
}

/// How much of a text is held when all of it was read.
fn held<'t>(terms: &Terms, text: &'t str) -> &'t str {
    let mut search = terms.search();
    text.chars().for_each(|c| search.push(terms, c, &mut |_| {}));
    search.hold(terms).map_or("", |from| text.get(from..).unwrap())
}

#[test]
fn nested_and_overlapping_terms_are_all_found() {
    assert_eq!(found(&["智能", "人工智能", "能体"], "人工智能体"), [(1, 0..12), (0, 6..12), (2, 9..15)]);
    assert_eq!(found(&["red car", "car"], "red\u{3000} car"), [(0, 0..10), (1, 7..10)]);
}

#[test]
fn spans_cover_the_original_characters() {
    assert_eq!(found(&["ai"], "用A\u{200B}\u{FE0F}I做"), [(0, 3..11)]);
    // One character that folds to several is taken whole.
    assert_eq!(found(&["会社"], "㍿の"), [(0, 0..3)]);
}

#[test]
fn a_sound_mark_makes_another_kana() {
    assert_eq!(found(&["か"], "か"), [(0, 0..3)]);
    assert_eq!(found(&["か"], "が"), []);
    assert_eq!(found(&["が"], "か\u{3099}"), [(0, 0..6)]);
    assert_eq!(found(&["ガ"], "ｶﾞ"), [(0, 0..6)]);
    // Katakana that looks like a Han character is one, but not with a sound mark.
    assert_eq!((found(&["人力"], "人カ"), found(&["人力"], "人ガ")), (vec![(0, 0..6)], vec![]));
}

#[test]
fn a_symbol_that_shows_letters_or_digits_cuts_no_word() {
    assert_eq!(found(&["openai"], "OpenAI™ OpenAI² OpenAI①"), [(0, 0..6), (0, 10..16), (0, 19..25)]);
    assert_eq!(found(&["ai"], "①AI ⑴ai"), [(0, 3..5), (0, 9..11)]);
    assert_eq!(found(&["ai"], "1AI AI1 sⒶⒾd"), []);
    assert_eq!(found(&["2024"], "②⓪②④ ٢٠٢٤ ２０２４ 𝟚𝟘𝟚𝟜"), [(0, 0..12), (0, 13..21), (0, 22..34), (0, 35..51)]);
}

#[test]
fn a_mark_is_part_of_a_word_only_on_what_is_one() {
    assert_eq!(found(&["ai"], "用\u{301}AI。"), [(0, 5..7)]);
    assert_eq!(found(&["ai"], "。\u{301}AI \u{93E}AI"), [(0, 5..7), (0, 11..13)]);
    assert_eq!(found(&["ai"], "x\u{301}AI e\u{301}\u{302}AI AI\u{301} क\u{93E}AI"), []);
}

#[test]
fn terms_that_cannot_be_matched_are_refused() {
    assert_eq!(fold_term(" \u{200B}"), Err(TermError::Empty));
    assert_eq!(fold_term("\u{301}a"), Err(TermError::Mark));
    assert_eq!(fold_term(&"a".repeat(LONGEST_TERM + 1)), Err(TermError::Long));
    assert_eq!(fold_term("  Ａ B "), Ok("a b".to_owned()));
}

#[test]
fn only_terms_that_hold_hold_text_back() {
    let sought = |text| Sought { text, matching: Matching::usual() };
    let terms = Terms::new([(sought("ab"), false), (sought("ac d"), true)]);
    let held = ["xyz a", "xyz ab", "xyz ac", "xyzac", "ac d"].map(|text| held(&terms, text));
    assert_eq!(held, ["a", "", "ac", "", "ac d"]);
}

#[test]
fn variants_are_alike_unless_told_apart() {
    assert_eq!(found(&["头发"], "頭髮、頭發、头发"), [(0, 0..6), (0, 9..15), (0, 18..24)]);
    assert_eq!(found(&["乾淨"], "干净"), [(0, 0..6)]);
    let terms = with(&["头发"], Matching::exact());
    assert_eq!(hits(&terms, "頭髮头发"), [(0, 6..12)]);
    assert_eq!((held(&terms, "頭"), held(&terms, "头")), ("", "头"));
}

#[test]
fn terms_of_rules_with_other_ways_do_not_meet() {
    let sought = |text, matching| (Sought { text, matching }, true);
    let (exact, usual) = (Matching::exact(), Matching::usual());
    let terms = Terms::new([sought("里", exact), sought("裡", usual), sought("裡", exact)]);
    assert_eq!(hits(&terms, "里"), [(0, 0..3), (1, 0..3)]);
    assert_eq!(hits(&terms, "裡"), [(2, 0..3), (1, 0..3)]);
}

#[test]
fn a_match_inside_an_exception_is_none() {
    let matching =
        Matching { exceptions: vec!["明日本来".into(), "今日本店".into()], ..Matching::usual().clone() };
    let terms = with(&["日本", "本来"], &matching);
    assert_eq!(hits(&terms, "明日本来"), []);
    assert_eq!(hits(&terms, "明日本来本来"), [(1, 12..18)]);
    assert_eq!(hits(&terms, "明日本"), [(0, 3..9)]);
    assert_eq!(hits(&terms, "明日本人"), [(0, 3..9)]);
    assert_eq!(hits(&terms, "日本来"), [(0, 0..6), (1, 3..9)]);
    // The end of one exception may be the beginning of another.
    assert_eq!(hits(&terms, "今日本店明日本來"), []);
}

#[test]
fn an_exception_excuses_the_terms_of_its_own_rule_only() {
    let excused = Matching { exceptions: vec!["明日本来".into()], ..Matching::usual().clone() };
    let sought = |text, matching| (Sought { text, matching }, true);
    let terms = Terms::new([sought("日本", &excused), sought("日本", Matching::usual())]);
    assert_eq!(hits(&terms, "明日本来"), [(1, 3..9)]);
}

#[test]
fn exceptions_are_found_where_terms_would_be() {
    let matching = Matching { exceptions: vec!["open AI".into()], ..Matching::usual().clone() };
    let terms = with(&["AI"], &matching);
    assert_eq!(hits(&terms, "Open AI. ＯＰＥＮ АІ"), []);
    assert_eq!(hits(&terms, "reopen AI"), [(0, 7..9)]);
    assert_eq!(hits(&terms, "open AIs AI"), [(0, 9..11)]);
}

#[test]
fn text_that_may_become_an_exception_is_held_and_no_more() {
    let matching =
        Matching { exceptions: vec!["明日本来的".into(), "冠军队".into()], ..Matching::usual().clone() };
    let terms = with(&["日本", "军队"], &matching);
    let held = |text| held(&terms, text);
    assert_eq!(
        [held("明"), held("明日"), held("明日本"), held("明日本来"), held("明日本来的")],
        ["", "日", "日本", "日本来", ""]
    );
    // It ends as its term does, so nothing that begins so can be a match.
    assert_eq!([held("军"), held("冠军"), held("军军")], ["军", "", "军"]);
}

#[test]
fn what_is_sure_to_be_excused_is_not_held_for_it_alone() {
    let matching = Matching { exceptions: vec!["open AI".into()], ..Matching::usual().clone() };
    let terms = with(&["AI", "AIR"], &matching);
    let held = |text| held(&terms, text);
    // `AIR` may still come of it, which is no exception.
    assert_eq!([held("open A"), held("open AI"), held("an A")], ["A", "AI", "A"]);
    let terms = with(&["AI"], &matching);
    assert_eq!([self::held(&terms, "open A"), self::held(&terms, "open AI")], ["", ""]);
    assert_eq!([self::held(&terms, "reopen A"), self::held(&terms, "reopen AI")], ["A", "AI"]);
}

#[test]
fn gaps_are_short_and_hold_no_words() {
    let matching = Matching { gaps: true, ..Matching::usual().clone() };
    let terms = with(&["人工智能", "AI", "C++"], &matching);
    for text in ["人 工 智 能", "人*工*智*能", "人工\n智能", "人·工——智能", "A.I", "A. I", "a_i", "ai", "C++"]
    {
        assert_eq!(terms.find_all(text).len(), 1, "{text}");
    }
    for text in
        ["人工，智能", "人a工智能", "人....工智能", "a ice", "ta i", "A, I", "s a i d".trim_start_matches('s'), "C"]
    {
        let expected = usize::from(text == " a i d");
        assert_eq!(terms.find_all(text).len(), expected, "{text}");
    }
    assert_eq!([held(&terms, "人 * "), held(&terms, "人****"), held(&terms, "A . ")], ["人 * ", "", "A . "]);
}

#[test]
fn exceptions_of_terms_with_gaps_have_gaps() {
    let matching = Matching { gaps: true, exceptions: vec!["明日本来".into()], ..Matching::usual().clone() };
    let terms = with(&["日本"], &matching);
    assert_eq!(hits(&terms, "明 日*本 来"), []);
    assert_eq!(hits(&terms, "明 日*本 去"), [(0, 4..11)]);
    assert_eq!(held(&terms, "明 日*本 "), "日*本 ");
}

/// A character that is skimmed over and would have been part of a match, or a boundary of one, shows here.
#[test]
fn skimming_changes_nothing() {
    let gaps = Matching { gaps: true, ..Matching::usual().clone() };
    let except = Matching { exceptions: vec!["明日本来".into()], ..Matching::usual().clone() };
    let terms = ["AI", "算法", "人工智能", "red car", "2024", "か", "日本", "人 民", "人工湖"];
    let texts = [
        "用АI做，said A\u{301}I, A I 人 工智能算 法。算法，人工算法人工湖人*民人工",
        "ＡＩ、\u{200B}2024年 v2024 が か\u{3099}かx red  car①AI 202 red2024",
        "x\u{301}\u{301}\u{301}用\u{301}AI x\u{301}\u{301}\u{301}用AI，明日本来去日本明日本去",
    ];
    for terms in [usual(&terms), with(&terms, &gaps), with(&terms, &except)] {
        for text in texts {
            let mut skimmed = 0;
            for (cut, _) in text.char_indices() {
                let (mut each, mut skims) = (terms.search(), terms.search());
                let (mut expected, mut found) = (vec![], vec![]);
                for delta in <[&str; 2]>::from(text.split_at(cut)) {
                    delta.chars().for_each(|c| each.push(&terms, c, &mut |hit| expected.push(hit)));
                    skimmed += read_skimming(&terms, &mut skims, delta, &mut found);
                    assert_eq!((&found, skims.hold(&terms)), (&expected, each.hold(&terms)), "{text}, cut at {cut}");
                }
                each.finish(&terms, &mut |hit| expected.push(hit));
                skims.finish(&terms, &mut |hit| found.push(hit));
                assert_eq!(found, expected, "{text}, cut at {cut}");
                assert!(!found.is_empty(), "{text}");
            }
            assert!(skimmed > 0, "{text}");
        }
    }
}

/// Reads a delta as a monitor does, and gives the bytes skimmed over.
fn read_skimming(terms: &Terms, search: &mut Search, mut delta: &str, found: &mut Vec<Hit>) -> usize {
    let mut skimmed = 0;
    while let Some(c) = delta.chars().next() {
        let mut bytes = search.skim(terms, delta);
        skimmed += bytes;
        if bytes == 0 {
            search.push(terms, c, &mut |hit| found.push(hit));
            bytes = c.len_utf8();
            search.let_go(terms, profile::of(c), delta.split_at(bytes).1);
        }
        delta = delta.split_at(bytes).1;
    }
    skimmed
}
