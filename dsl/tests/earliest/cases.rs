//! Small contracts, and letters over which all their replies are tried.

/// Rules whose every reply over a few letters is tried.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) rules: &'static str,
    pub(crate) letters: &'static str,
    /// Beginnings up to this length are judged.
    pub(crate) length: usize,
    /// So many further letters are tried.
    pub(crate) further: usize,
    /// No longer text than this needs to be tried.
    pub(crate) longest: usize,
}

const fn case(
    name: &'static str,
    rules: &'static str,
    letters: &'static str,
    length: usize,
    further: usize,
    longest: usize,
) -> Case {
    Case { name, rules, letters, length, further, longest }
}

pub(crate) const CASES: &[Case] = &[
    case("max_sentences", "max_sentences 2", "好a。，\n ", 5, 2, 9),
    case("max_chars", "max_chars 3", "好a \u{301}", 5, 1, 9),
    case("max_words", "max_words 2", "好a -。", 5, 1, 9),
    case("min_sentences with max_chars", "min_sentences 2 max_chars 3", "好。\na", 4, 4, 8),
    case("min_sentences with max_words", "min_sentences 3 max_words 3", "好。\na", 4, 5, 9),
    case("min_chars with max_words", "min_chars 3 max_words 1", "好a。 ", 5, 3, 8),
    case("share with max_sentences", "response_style exclamation >= 40% max_sentences 3", "好！。，", 6, 3, 9),
    case(
        "share that must not be with max_sentences",
        "response_style question <= 40% max_sentences 3",
        "好？。，",
        6,
        3,
        9,
    ),
    case("share of all", "response_style question >= 100%", "好？\n，", 5, 3, 8),
    case("share with max_words", "response_style question >= 60% max_words 3", "好？。，", 5, 4, 9),
    case("cue with max_sentences", "response_style 反问句 >= 50% max_sentences 2", "何必好。，", 5, 4, 9),
    case("cue with max_chars", "response_style 反问句 >= 100% max_chars 3", "何必好。", 3, 3, 3),
    case("list items", "response_style list_item >= 100% max_sentences 2", "- 好\n。", 4, 4, 9),
    case("list items with a share", "response_style list_item >= 50% max_sentences 2", "-好 \n", 5, 4, 9),
    case("lines of questions", "response_style question >= 60% max_sentences 2", "好？\n，", 5, 3, 9),
    case(
        "two shares",
        "response_style question >= 60% response_style exclamation >= 30% max_sentences 3",
        "好？！。",
        4,
        6,
        10,
    ),
    case("required with max_chars", "required_terms all \"甲乙\" | \"丙丁\" max_chars 5", "甲乙丙丁好", 5, 5, 5),
    case("any with max_chars", "required_terms any \"甲乙丙\" | \"丁\" max_chars 3", "甲乙丙丁", 3, 3, 3),
    case("overlapping with max_chars", "required_terms all \"甲乙\" | \"乙丙\" max_chars 4", "甲乙丙好", 4, 4, 4),
    case("nested with max_chars", "required_terms all \"甲乙丙\" | \"乙\" max_chars 4", "甲乙丙好", 4, 4, 4),
    case("words with max_chars", "required_terms any \"ab\" max_chars 3", "abx ", 4, 4, 8),
    case("ligatures with max_chars", "required_terms any \"fig\" max_chars 2", "ﬁgfi", 3, 3, 5),
    case("one for four with max_chars", "required_terms any \"株式会社\" max_chars 2", "株㍿好", 3, 2, 3),
    case("ends_with one for four", "ends_with \"株式会社\" max_chars 2", "株㍿好", 3, 2, 3),
    case("required with max_words", "required_terms any \"甲乙\" max_words 3", "甲乙a ", 4, 3, 7),
    case("required with max_sentences", "required_terms any \"乙\" max_sentences 1", "甲乙。，\n", 4, 3, 7),
    case(
        "required, share and max_sentences",
        "required_terms any \"乙\" response_style exclamation >= 60% max_sentences 2",
        "甲乙！。，",
        5,
        3,
        8,
    ),
    case("pattern with max_chars", "must_match /甲乙|[0-9]{2}/ max_chars 3", "甲乙1 ", 4, 4, 8),
    case("pattern at the start", "must_match /^甲乙/", "甲乙 ", 4, 2, 6),
    case("starts_with", "starts_with \"甲乙\" | \"Ab\"", "甲乙aＢ ", 5, 3, 9),
    case("starts_with and max_chars", "starts_with \"甲乙丙\" | \"甲丁\" max_chars 3", "甲乙丙丁", 3, 3, 3),
    case("starts_with a pattern", "starts_with /甲+乙/ max_sentences 1", "甲乙。a", 4, 3, 7),
    case("ends_with and max_chars", "ends_with \"乙丙\" max_chars 3", "甲乙丙 ", 4, 4, 8),
    case("ends_with alternatives", "ends_with \"甲乙丙\" | \"丁\" max_chars 4", "甲乙丙丁", 4, 4, 4),
    case("ends_with and required", "ends_with \"乙\" required_terms any \"甲\" max_chars 2", "甲乙丙", 2, 2, 2),
    case("max_repeat", "max_repeat 1 max_sentences 2", "好啊。\n，", 5, 2, 9),
    case("language", "language zh >= 100%", "好a1，", 4, 2, 6),
    case("language with max_chars", "language zh >= 60% max_chars 3", "好a1 ", 4, 3, 6),
    case("language with max_words", "language en >= 60% max_words 3", "好a1 ", 5, 4, 8),
    case("forbidden", "forbidden_terms \"甲乙\" | \"ab\"", "甲乙ab ", 4, 2, 9),
    case("forbidden and max_chars", "forbidden_terms \"甲乙\" max_chars 2", "甲乙好", 4, 1, 6),
    case("forbidden and required", "forbidden_terms \"甲乙\" required_terms any \"乙丙\"", "甲乙丙", 4, 3, 7),
    case("forbidden pattern", "must_not_match /甲.乙/ min_chars 2", "甲乙 。", 4, 2, 7),
    case(
        "redacted and max_chars",
        "forbidden_terms \"甲乙\" { on_violation redact \"某\" } max_chars 2",
        "甲乙好",
        4,
        2,
        6,
    ),
    case("json", "format json", "[]1, ", 3, 4, 9),
    case("json with max_chars", "format json max_chars 4", "[]\"1:", 4, 4, 4),
    case("json with deep max_chars", "format json max_chars 5", "[]1, ", 5, 5, 7),
];
