//! The cues as patterns, and their compilation into one automaton.
//!
//! The build script compiles them (it includes this file), because that takes half a second; the
//! library reads what it wrote.

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

/// Where a main clause begins: behind a bare comma `who` begins a relative one.
const MAIN: &str = "(^ *|(^| )(and|but|so|or|well|oh|then|really|look|because|after all),? )";

/// Where a cue's last word ends, and where its sentence does.
const END: &str = "([,.? ]|$)";
const STOP: &str = "( *[,.?]| *$)";

/// The text is normalised by `normal`: commas, `?` and `.` stand for every mark of their kind, one
/// space for everything else.
pub(super) const PATTERNS: [(Says, &str); 41] = [
    (Says::Cue, "(^|[^艰困])难道([^路理德]|$)"),
    (Says::Cue, "岂(不|能|敢|有|非|止|料|可|容|是|会|得)"),
    (Says::Cue, "(^|[^任如为几奈])何(必|苦|尝|曾|须|况|足)"),
    (Says::Cue, "(^|[^治公平保西心不晚早天延淮泰问])安(能[^力量]|能$|知)|焉(能|得|知|敢|有)|孰不|不亦[^乐]"),
    (Says::Cue, "(^ *|, *)安(有|得)"),
    (Says::WeakCue, "怎么?(能|会([^员议费]|$)|敢|可能|可以|好意思)"),
    (Says::WeakCue, "哪([里儿])?(能|会([^员议费]|$)|敢|有|是|轮得到)"),
    (Says::WeakCue, "谁(不|能不|能?无|又能|又会|叫|愿意|没|信)"),
    (Says::WeakCue, "谁说([^的]|$)"),
    (Says::Opens(Gap::Negated), "(^|[^是])不(正|就|也|都|正好)?是"),
    (Says::Closes(&[Gap::Negated]), "吗|[^什怎这那多要]么"),
    (Says::WeakCue, "(这|那)还(用|得)(说|了)|还等(什么|啥)"),
    (Says::Opens(Gap::Still), "(^|[^您])还(不|能|用|要)"),
    (Says::Closes(&[Gap::Still]), "(吗[?. ]*|呢 ?\\?[?. ]*)$"),
    (Says::WeakCue, "有(什么|啥)(用([^途法得什]|$)|好([^吃玩看听喝建推主办方消的地]|$)|可([^以能]|$))"),
    (Says::WeakCue, "有(什么|啥)(了不起|大不了)"),
    (Says::WeakCue, "凭(什么|啥)([^证]|$)"),
    (Says::Opens(Gap::AsFar), "(^|[^什])至于"),
    (Says::Closes(&[Gap::AsFar]), "(吗|[^什怎这那多]么)[?. ]*$"),
    (Says::WeakCue, "(^|[^打计预运核结清估总合推测])算(什么|啥|老几)([^时类]|$)"),
    (Says::WeakCue, "以为你是谁|也配([^备合有]|$)|(^|[^不没])好意思|能有几|[管犯]得着|就不怕([^了]|$)"),
    (Says::Indirect, "知道|清楚|明白|告诉|请问|想问|好奇|了解|研究|讨论|[无不]论|不管|问[他你我]|忘|猜|在于|记得|记不"),
    (
        Says::Cue,
        ", *(isn't|aren't|wasn't|weren't|don't|doesn't|didn't|hasn't|haven't|hadn't|can't|couldn't|won't|wouldn't|shouldn't|mustn't|needn't|ain't) (it|he|she|they|we|you|i|there|that|this|one)[?. ]*$",
    ),
    (
        Says::Cue,
        ", *((is|are|am|was|were|do|does|did|has|have|had|can|could|should|must) (it|he|she|they|we|you|i|there|that|this|one)|(will|would) (it|he|she|they|we|i|there|that|this|one)) ?\\?[?. ]*$",
    ),
    (Says::Cue, "MAINwho (doesn't|wouldn't)END"),
    (Says::Cue, "MAINwho cares(STOP| (about|what|if|how|who|whether|when|why|where|anyway)END)"),
    (Says::Cue, "MAINwho knew(STOP| (it|that|this|he|she|they|we|you|i|there|so)END)"),
    (Says::Cue, "MAINwho (am i to|could possibly|do you think you are|in (his|her|their) right mind)END"),
    (
        Says::Cue,
        "CLAUSEwhat('s| is) the (point|use)(STOP| (in|if|when|then|anyway)END| of ([a-z]+ing|an?|it|all|that)END)",
    ),
    (Says::Cue, "CLAUSEwhy botherEND"),
    (Says::Cue, "CLAUSEwhy on earth(STOP| (would|should|must|not|do|does)END)"),
    (Says::Cue, "CLAUSEwhy should (i|we) (bother|care|trust|believe)END"),
    (Says::Cue, "CLAUSEhow could (you|anyone|anybody)END"),
    (Says::Cue, "CLAUSEhow (dare|(was|were) (i|we) supposed to)END"),
    (Says::Cue, "CLAUSEsince when(STOP| [^h]| h[^a])"),
    (Says::Cue, "CLAUSEwhat good (is|are|was|were|does|do|did|will|would|can|could)END"),
    (Says::Cue, "CLAUSEwhat('s not to (like|love)| could be (better|worse))END"),
    (Says::Cue, "CLAUSE(need i say|would it kill you|have you no shame|who ?ever heard of)END"),
    (Says::Cue, "CLAUSEdo i look (like|stupid)END"),
    (Says::Cue, "CLAUSE(you call (this|that) an?|you expect me to believe)END"),
    (Says::Cue, "CLAUSEare you (kidding|out of your mind)END"),
];

/// Characters that the patterns do not tell apart: traditional forms, and particles of one use.
pub(super) const VARIANTS: [(char, char); 52] = [
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
    ('樂', '乐'),
    ('備', '备'),
    ('著', '着'),
    ('記', '记'),
    ('員', '员'),
    ('費', '费'),
    ('議', '议'),
    ('證', '证'),
    ('類', '类'),
];

/// The byte for characters that no pattern mentions.
pub(super) const OTHER: u8 = 0xFF;

/// The characters of the patterns outside ASCII, sorted, and the byte each is read as.
pub(super) fn letters() -> Vec<(char, u8)> {
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
    letters
}

/// A pattern with what its capitals stand for.
fn spelled(pattern: &str) -> String {
    let parts = [("CLAUSE", CLAUSE), ("MAIN", MAIN), ("END", END), ("STOP", STOP)];
    parts.iter().fold(pattern.to_owned(), |pattern, (name, part)| pattern.replace(name, part))
}

/// The patterns over those bytes: every other character is the same to them, which keeps the automaton
/// small.
#[allow(dead_code, reason = "only the build script compiles them")]
pub(super) fn encoded() -> Vec<String> {
    let letters = letters();
    let byte = |c: char| letters.iter().find(|(letter, _)| *letter == c).map_or(OTHER, |(_, byte)| *byte);
    let encode = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\x{:02X}", byte(c)) };
    PATTERNS.iter().map(|(_, pattern)| spelled(pattern).chars().map(encode).collect()).collect()
}
