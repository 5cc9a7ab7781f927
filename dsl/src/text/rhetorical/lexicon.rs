//! The cues as patterns, and the automaton that reads them.

use std::sync::LazyLock;

use regex_automata::Anchored;
use regex_automata::dfa::dense::{self, DFA};
use regex_automata::dfa::{Automaton, StartKind};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::{start, syntax};

/// What a pattern says about the sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// A cue wherever it stands.
    Cue,
    /// A cue unless an indirect question began before it in the same clause.
    WeakCue,
    /// The head of a cue whose tail follows in the same clause.
    Opens(Gap),
    /// The tail of such cues.
    Closes(&'static [Gap]),
    /// From here to the end of the clause the question is indirect.
    Indirect,
}

/// A cue of two parts with words between them. As one pattern each, they would multiply the states of
/// the automaton.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// `不是…吗`
    Negated = 1,
    /// `还能…吗`
    Still = 2,
    /// `至于…吗`
    AsFar = 4,
}

/// Where a clause begins, for English.
const CLAUSE: &str = "(^ *|, *|(^| )(and|but|so|or|well|oh|then|because|after all) )";

/// The text is normalised by [`normal`]: commas, `?` and `.` stand for every mark of their kind, one
/// space for everything else.
pub(super) const PATTERNS: [(Says, &str); 28] = [
    (Says::Cue, "(^|[^艰困])难道([^路理德]|$)"),
    (Says::Cue, "岂(不|能|敢|有|非|止|料|可|容|是|会|得)"),
    (Says::Cue, "(^|[^任如为几奈])何(必|苦|尝|曾|须|况|足)"),
    (Says::Cue, "(^|[^治公平保西心不晚早天延淮泰问])安能([^力量]|$)|焉能|孰不"),
    (Says::WeakCue, "怎么?(能|会|敢|可能|可以|好意思)"),
    (Says::WeakCue, "哪([里儿])?(能|会|敢|有|是|轮得到)"),
    (Says::WeakCue, "谁(不|能不|叫|愿意|没)"),
    (Says::WeakCue, "谁说([^的]|$)"),
    (Says::Opens(Gap::Negated), "(^|[^是])不(正|就|也|都|正好)?是"),
    (Says::Closes(&[Gap::Negated]), "吗|[^什怎这那多要]么"),
    (Says::WeakCue, "(这|那)还(用|得)(说|了)"),
    (Says::Opens(Gap::Still), "还(不|能|用|要)"),
    (Says::Closes(&[Gap::Still]), "[吗呢][?. ]*$"),
    (Says::WeakCue, "有(什么|啥)(用([^途法]|$)|好([^吃玩看听喝建推主办方消地]|$)|可([^以能]|$))"),
    (Says::WeakCue, "有(什么|啥)(了不起|大不了)"),
    (Says::WeakCue, "凭(什么|啥)"),
    (Says::Opens(Gap::AsFar), "(^|[^什])至于"),
    (Says::Closes(&[Gap::AsFar]), "(吗|[^什怎这那多]么)[?. ]*$"),
    (Says::WeakCue, "(^|[^打计预运核结清估总合推测])算(什么|啥|老几)([^时]|$)"),
    (Says::Indirect, "知道|清楚|明白|告诉|请问|想问|好奇|了解|研究|讨论|[无不]论|不管|问[他你我]"),
    (
        Says::Cue,
        ", *(isn't|aren't|wasn't|weren't|don't|doesn't|didn't|hasn't|haven't|hadn't|can't|couldn't|won't|wouldn't|shouldn't|mustn't|needn't|ain't) (it|he|she|they|we|you|i|there|that|this|one)[?. ]*$",
    ),
    (
        Says::Cue,
        ", *(is|are|am|was|were|do|does|did|has|have|had|can|could|will|would|should|must) (it|he|she|they|we|you|i|there|that|this|one) ?\\?[?. ]*$",
    ),
    (Says::Cue, "CLAUSEwho (doesn't|wouldn't|cares|knew)([,.? ]|$)"),
    (Says::Cue, "CLAUSEwhat('s| is) the (point|use)([,.? ]|$)"),
    (Says::Cue, "CLAUSEwhy (bother|on earth)([,.? ]|$)"),
    (Says::Cue, "CLAUSEhow could (you|anyone|anybody)([,.? ]|$)"),
    (Says::Cue, "CLAUSEsince when([,.? ]|$)"),
    (Says::Cue, "CLAUSEwhat good (is|are|was|were|does|do|did|will|would|can|could)([,.? ]|$)"),
];

/// Characters that the patterns do not tell apart: traditional forms, and particles of one use.
const VARIANTS: [(char, char); 43] = [
    ('難', '难'),
    ('豈', '岂'),
    ('會', '会'),
    ('爲', '为'),
    ('為', '为'),
    ('幾', '几'),
    ('嘗', '尝'),
    ('須', '须'),
    ('況', '况'),
    ('麼', '么'),
    ('裡', '里'),
    ('裏', '里'),
    ('兒', '儿'),
    ('輪', '轮'),
    ('誰', '谁'),
    ('願', '愿'),
    ('沒', '没'),
    ('說', '说'),
    ('這', '这'),
    ('還', '还'),
    ('憑', '凭'),
    ('於', '于'),
    ('嗎', '吗'),
    ('計', '计'),
    ('預', '预'),
    ('運', '运'),
    ('結', '结'),
    ('總', '总'),
    ('測', '测'),
    ('時', '时'),
    ('問', '问'),
    ('聽', '听'),
    ('辦', '办'),
    ('訴', '诉'),
    ('請', '请'),
    ('無', '无'),
    ('討', '讨'),
    ('論', '论'),
    ('艱', '艰'),
    ('甚', '什'),
    ('嘛', '吗'),
    ('妳', '你'),
    ('她', '他'),
];

/// The patterns as one automaton over an alphabet of their own characters: every other character is
/// the same to them, which keeps the automaton small.
pub(super) struct Lexicon {
    /// The characters of the patterns outside ASCII, sorted, and the byte each is read as.
    letters: Vec<(char, u8)>,
    pub(super) dfa: DFA<Vec<u32>>,
    pub(super) start: StateID,
}

/// The byte for characters that no pattern mentions.
const OTHER: u8 = 0xFF;

pub(super) static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    let written = || PATTERNS.iter().flat_map(|(_, pattern)| pattern.chars()).filter(|c| !c.is_ascii());
    // Variants of one character share a byte.
    let plain = |c: char| VARIANTS.iter().find(|(variant, _)| *variant == c).map_or(c, |(_, plain)| *plain);
    let mut distinct: Vec<char> = written().map(plain).collect();
    distinct.sort_unstable();
    distinct.dedup();
    // Normalised text has no control characters and no capitals, so their bytes are free.
    let free = (0x80..OTHER).chain(0x01..0x20).chain(b'A'..=b'Z');
    let bytes: Vec<(char, u8)> = distinct.into_iter().zip(free).collect();
    let byte = |c: char| bytes.iter().find(|(letter, _)| *letter == plain(c)).map_or(OTHER, |(_, byte)| *byte);
    let mut letters: Vec<(char, u8)> =
        written().chain(VARIANTS.iter().map(|(variant, _)| *variant)).map(|c| (c, byte(c))).collect();
    letters.sort_unstable();
    letters.dedup();
    let patterns: Vec<String> = PATTERNS
        .iter()
        .flat_map(|(_, pattern)| std::iter::once(pattern.replace("CLAUSE", CLAUSE)))
        .map(|pattern| {
            pattern.chars().map(|c| if c.is_ascii() { c.to_string() } else { format!("\\x{:02X}", byte(c)) }).collect()
        })
        .collect();
    #[allow(clippy::expect_used, reason = "the patterns are constant and built by the tests")]
    let dfa = dense::Builder::new()
        .configure(dense::Config::new().start_kind(StartKind::Unanchored).match_kind(regex_automata::MatchKind::All))
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .thompson(thompson::Config::new().utf8(false))
        .build_many(&patterns)
        .expect("constant patterns compile");
    let start = dfa.start_state(&start::Config::new().anchored(Anchored::No)).unwrap_or_default();
    Lexicon { letters, dfa, start }
});

impl Lexicon {
    /// The byte that a normalised character is read as.
    pub(super) fn byte(&self, c: char) -> u8 {
        match u8::try_from(c) {
            Ok(ascii @ 0..0x80) => ascii,
            _ => {
                let found = self.letters.binary_search_by_key(&c, |letter| letter.0).ok();
                found.and_then(|index| self.letters.get(index)).map_or(OTHER, |letter| letter.1)
            }
        }
    }
}

/// Builds the automaton, which takes a while, unless that was done before.
pub(crate) fn prepare() {
    LazyLock::force(&LEXICON);
}

/// The byte that stands for a character: characters with the same byte are the same to the patterns.
pub(crate) fn letter(c: char) -> u8 {
    LEXICON.byte(normal(c))
}

/// Every character that the patterns know, in all its variants.
pub(crate) fn alphabet() -> Vec<char> {
    let mut found: Vec<char> = LEXICON.letters.iter().map(|letter| letter.0).collect();
    let ascii = PATTERNS.iter().flat_map(|(_, pattern)| pattern.chars());
    found.extend(ascii.filter(|c| c.is_ascii_lowercase() || *c == '\''));
    found.extend("?？⁇⁈⁉‽﹖.。!！…｡．⋯‥,，、;；:：—– ’".chars());
    found.sort_by_key(|c| (VARIANTS.iter().any(|(variant, _)| variant == c), *c));
    found.dedup();
    found
}

/// Whether a sentence that has asked (or not) asks still, with this character behind it: a question
/// mark or `吗` asks, and what may stand behind them takes nothing back.
pub(super) fn asks(before: bool, normal: char) -> bool {
    match normal {
        '?' | '吗' | '嗎' | '嘛' => true,
        '.' | ' ' => before,
        _ => false,
    }
}

/// The character as the patterns see it.
pub(super) fn normal(c: char) -> char {
    match c {
        '?' | '？' | '⁇' | '⁈' | '⁉' | '‽' | '﹖' => '?',
        '.' | '。' | '!' | '！' | '…' | '｡' | '．' | '⋯' | '‥' => '.',
        ',' | '，' | '、' | ';' | '；' | ':' | '：' | '—' | '–' | '\n' => ',',
        '\'' | '’' => '\'',
        c if c.is_alphanumeric() => c.to_ascii_lowercase(),
        _ => ' ',
    }
}
