//! References in Chinese.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex, RegexSet};

use super::super::entities::is_han;
use super::super::pattern::{any, pattern};
use super::super::points::own;
use super::super::{numeral, stance};
use super::ask::{Ask, Unit, What, Which, row};

const N: &str = "[零〇一二两三四五六七八九十百0-9０-９]{1,5}";
const UNIT: &str = "(?P<unit>点|條|条|项|個|个|句话?|步|种|段话?|款|本|部|篇|位|家|方面)";
/// What a point may be called.
const NOUN: &str = "(?P<noun>理由|原因|建议|方案|例子|办法|方法|观点|论点|看法|意见|选项|步骤|要点|好处|坏处|优点|缺点|选择|措施|因素|内容)?";

/// With what a sentence may go on behind a point that is meant as one: `第三条怎么做`, not `第三条裤子`.
const GOES_ON: &str = "呢吗吧啊呀嘛我你您他们是的再能可怎为什有没不说讲展开详具请也都还就很太才会要该和与跟或及对让里中最更比指到底哪谁何如究靠站\
    值得难贵好坏错提先矛做听重找举补改问试练谈聊";

static NUMBERS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?P<back>倒数)?第[（(]?(?P<numbers>{N}(?:[、和与及,，]第?{N}|(?:点|条|项)?(?:[到至~—－～]|-)第?{N})*)[)）]?{UNIT}{NOUN}"
    ))
});
static ENDS: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"(?P<side>最后|最末|末尾|前|头|开头|后)(?:那|的)?(?P<number>{N}){UNIT}{NOUN}")));
static ALL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?P<lead>这|那|以上|上述|上面这?|前面这?|刚才这?|(?:你|您)(?:刚才)?(?:说|讲|列|提)(?:到|出)?的(?:这|那)?)(?P<number>{N}|几)(?P<unit>点|条|项|个){NOUN}"
    ))
});
static BESIDE: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"(?P<side>下|后|上|前)一(?P<unit>点|条|项|个|步){NOUN}")));
static REPLY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?:第(?P<number>{N})(?:次|条|个|轮)?(?:的)?|(?P<before>上上)(?:一)?(?:次|条|个|轮)(?:的)?|(?P<last>上一?|最后一?|刚才的?那?一?)(?:次|条|个|段)?(?:的)?)(?:回复|回答|答复|消息|发言)"
    ))
});
static LAST: LazyLock<Regex> = LazyLock::new(|| pattern("上一?条"));
static ONLY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(r"(?:刚才|刚刚|上面|前面|(?:你|您)(?:刚才|刚刚|之前)?说的)那一?(?P<unit>句话?|个|条|点){NOUN}"))
});
static EITHER: LazyLock<Regex> = LazyLock::new(|| pattern("前者|后者"));
static ABOUT: LazyLock<Regex> = LazyLock::new(|| {
    let you = "(?:你|您)";
    let when = "(?:刚才|刚刚|之前|前面|上面|上次|先前|是)";
    pattern(&format!(
        r"关于(?P<thing>[^，,。？?！!\n]{{1,30}}?)[，,]?\s*{you}{when}*(?:怎么|如何|咋)(?:说|看|讲|评价)|{you}对于?(?P<view>[^，,。？?！!\n]{{1,30}}?)的?(?:看法|态度|评价|立场)|{you}{when}+(?:怎么|如何)(?:说|评价|看待|形容|讲)(?P<said>[^，,。？?！!\n]+)|{you}(?:{when}+(?:说|讲|提|谈)(?:到|过|及)?|提到|说到|讲到|谈到|说过|提过|讲过)的(?P<mentioned>[^，,。？?！!\n]+)"
    ))
});
static CLAIM: LazyLock<Regex> = LazyLock::new(|| {
    let when = "(?:刚才|刚刚|之前|前面|上次|先前)";
    pattern(&format!(
        r"(?:你|您){when}?(?P<not>难道不是|不是){when}?(?:很|一直|都|还)?(?:(?:说|认为|觉得|讲)过?(?P<said>[^，,。？?！!\n]+)|(?P<act>(?:不)?(?:反对|支持|推荐|赞成|建议|喜欢))(?:我们?)?(?:去|用|使用|买|选)?(?P<object>[^，,。？?！!\n]+))|(?:你|您)(?:{when}(?:说|认为|觉得|讲)过?|(?:说|讲)过)(?P<told>[^的，,。？?！!\n][^，,。？?！!\n]*)"
    ))
});
/// At the head of a turn, so that nothing of the user's own comes before it.
static IT: LazyLock<Regex> =
    LazyLock::new(|| pattern("^(?:那么?|所以|可是|不过|但是?|你觉得|请问|，|,)*(?P<it>它)(?:[^们]|$)"));
static RECENT: LazyLock<Regex> = LazyLock::new(|| pattern("刚才|刚刚|方才|上面|前面|上文|以上|上述"));
static EARLIER: LazyLock<Regex> = LazyLock::new(|| pattern("之前|先前|早先|早些时候|以前"));
static BEFORE: LazyLock<Regex> = LazyLock::new(|| pattern("上次|上回|上上次|上上回"));
static YOURS: LazyLock<Regex> =
    LazyLock::new(|| pattern("你|您|刚才|刚刚|方才|上面|前面|上次|之前|先前|上文|以上|上述|回复|回答|列表|清单"));

/// All that a phrase is found by. Most turns refer to nothing, which one search tells instead of many.
static ANY: LazyLock<RegexSet> =
    LazyLock::new(|| any(&[&NUMBERS, &ENDS, &ALL, &BESIDE, &REPLY, &LAST, &ONLY, &EITHER, &ABOUT, &CLAIM, &IT]));

/// The phrases of a turn that ask for something said before.
pub(super) fn asks(user: &str) -> Vec<Ask> {
    if !user.chars().any(is_han) || !ANY.is_match(user) {
        return Vec::new();
    }
    let reader = Reader { text: user, own: own(user) };
    let mut found = Vec::new();
    found.extend(NUMBERS.captures_iter(user).filter_map(|captures| reader.numbers(&captures)));
    found.extend(ENDS.captures_iter(user).filter_map(|captures| reader.ends(&captures)));
    found.extend(ALL.captures_iter(user).filter_map(|captures| reader.all(&captures)));
    found.extend(BESIDE.captures_iter(user).filter_map(|captures| reader.beside(&captures)));
    found.extend(ONLY.captures_iter(user).filter_map(|captures| reader.only(&captures)));
    found.extend(EITHER.find_iter(user).filter_map(|either| reader.either(either.range())));
    // A reply by which a point is named is no reference of its own.
    if found.is_empty() {
        found.extend(reader.replies());
    }
    found.extend(ABOUT.captures_iter(user).filter_map(|captures| reader.about(&captures)));
    found.extend(CLAIM.captures_iter(user).filter_map(|captures| reader.claim(&captures)));
    found
        .extend(IT.captures(user).and_then(|captures| reader.ask(captures.name("it")?.range(), What::It, Unit::Loose)));
    // What was said of a thing gives way to a point that it is named by: `你刚才说的第三点`.
    let points: Vec<Range<usize>> =
        found.iter().filter(|ask| is_point(&ask.what)).map(|ask| ask.phrase.clone()).collect();
    found.retain(|ask| is_point(&ask.what) || !points.iter().any(|point| overlap(point, &ask.phrase)));
    found
}

fn is_point(what: &What) -> bool {
    !matches!(what, What::About { .. } | What::Whole | What::It)
}

fn is_numbered(what: &What) -> bool {
    matches!(what, What::Numbers(_) | What::FromEnd(_))
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

struct Reader<'t> {
    text: &'t str,
    /// Where the user counts points of their own.
    own: Vec<usize>,
}

impl Reader<'_> {
    fn numbers(&self, captures: &Captures<'_>) -> Option<Ask> {
        let phrase = captures.get(0)?.range();
        let numbers = row(captures.name("numbers")?.as_str(), numeral::parse);
        let what = match (captures.name("back"), numbers.as_slice()) {
            (None, _) => What::Numbers(numbers),
            (Some(_), [number]) => What::FromEnd(*number),
            (Some(_), _) => return None,
        };
        if self.own.contains(&phrase.start) || !self.is_theirs(phrase.start) {
            return None;
        }
        self.pointed(phrase, what, captures)
    }

    fn ends(&self, captures: &Captures<'_>) -> Option<Ask> {
        let phrase = captures.get(0)?.range();
        let number = numeral::parse(captures.name("number")?.as_str()).unwrap_or(u32::MAX);
        let before = self.before(phrase.start).chars().next_back();
        let what = match captures.name("side")?.as_str() {
            // `后一点` is the next one, and `前一点` the one before.
            "后" | "前" if number == 1 => return None,
            "后" if before.is_some_and(|c| "以之今然背午最随".contains(c)) => return None,
            "前" if before.is_some_and(|c| "提以之面".contains(c)) && !YOURS.is_match(self.clause(phrase.start)) =>
            {
                return None;
            }
            "后" | "最后" | "最末" | "末尾" => What::Last(number),
            _ => What::First(number),
        };
        if !self.is_theirs(phrase.start) {
            return None;
        }
        self.pointed(phrase, what, captures)
    }

    fn all(&self, captures: &Captures<'_>) -> Option<Ask> {
        let phrase = captures.get(0)?.range();
        let number = captures.name("number")?.as_str();
        let count = if number == "几" { None } else { Some(numeral::parse(number).unwrap_or(u32::MAX)) };
        if count.is_some_and(|count| count < 2) {
            return None;
        }
        let pointing = matches!(captures.name("lead")?.as_str(), "这" | "那");
        let unit = if pointing { Unit::Loose } else { Unit::Point };
        if !self.goes_on(phrase.end) || (captures.name("unit")?.as_str() == "个" && captures.name("noun").is_none()) {
            return None;
        }
        self.ask(phrase, What::All(count), unit).map(|ask| Ask { anchored: ask.anchored || !pointing, ..ask })
    }

    fn beside(&self, captures: &Captures<'_>) -> Option<Ask> {
        let phrase = captures.get(0)?.range();
        let unit = captures.name("unit")?.as_str();
        // `上一条` is the last message.
        if self.text.get(phrase.clone())? == "上一条" {
            return None;
        }
        let before = self.before(phrase.start).chars().next_back();
        // `早上一点`, `往上一点`, `下一点雨`.
        if before.is_some_and(|c| "早晚往靠朝向稍再以之最然".contains(c)) || !self.goes_on(phrase.end) {
            return None;
        }
        let next = matches!(captures.name("side")?.as_str(), "下" | "后");
        let unit = if unit == "个" { Unit::Loose } else { Unit::Point };
        self.ask(phrase, if next { What::Next } else { What::Previous }, unit)
    }

    /// A point by its word: the word must be one, or what follows must show that it is meant as one.
    fn pointed(&self, phrase: Range<usize>, what: What, captures: &Captures<'_>) -> Option<Ask> {
        let unit = match (captures.name("unit")?.as_str(), captures.name("noun")) {
            ("点" | "条" | "條" | "项", _) => Unit::Point,
            ("句" | "句话" | "段" | "段话", _) => Unit::Sentence,
            (_, Some(_)) | ("步" | "方面", None) => Unit::Named,
            _ => Unit::Loose,
        };
        // `第三点` is hardly ever anything else; `最后一点`, `第三条` and `第二个` may be of anything.
        let sure = captures.name("noun").is_some() || (captures.name("unit")?.as_str() == "点" && is_numbered(&what));
        (sure || self.goes_on(phrase.end)).then(|| self.ask(phrase, what, unit))?
    }

    fn only(&self, captures: &Captures<'_>) -> Option<Ask> {
        let phrase = captures.get(0)?.range();
        let unit = captures.name("unit")?.as_str();
        let goes_on = captures.name("noun").is_some() || self.goes_on(phrase.end);
        let unit = if unit.starts_with('句') { Unit::Sentence } else { Unit::Point };
        goes_on.then(|| self.ask(phrase, What::Only, unit))?
    }

    fn either(&self, phrase: Range<usize>) -> Option<Ask> {
        // `茶和咖啡，后者…` refers to the user's own words.
        if self.before(phrase.start).contains(['和', '与', '跟', '或', '、'])
            || self.before(phrase.start).contains("还是")
        {
            return None;
        }
        let what = if self.text.get(phrase.clone())? == "前者" { What::Former } else { What::Latter };
        self.ask(phrase, what, Unit::Point)
    }

    /// Replies asked for as a whole.
    fn replies(&self) -> Vec<Ask> {
        let mut found: Vec<Ask> = Vec::new();
        for (range, which) in reply_phrases(self.text) {
            let says_you = self.clause(range.start).contains(['你', '您']) || which == Which::Back(0);
            if says_you {
                found.extend(self.ask(range, What::Whole, Unit::Point).map(|ask| Ask { which, ..ask }));
            }
        }
        for last in LAST.find_iter(self.text) {
            let free = !found.iter().any(|ask| overlap(&ask.phrase, &last.range()));
            if free && self.goes_on(last.end()) {
                let ask = self.ask(last.range(), What::Whole, Unit::Point);
                found.extend(ask.map(|ask| Ask { which: Which::Back(0), ..ask }));
            }
        }
        found
    }

    fn about(&self, captures: &Captures<'_>) -> Option<Ask> {
        let open = |name| captures.name(name).map(|text: regex::Match<'_>| (text.as_str(), true));
        let (text, certain) = open("thing").or_else(|| open("view")).or_else(|| {
            let text = captures.name("said").or_else(|| captures.name("mentioned"))?;
            Some((text.as_str(), false))
        })?;
        let what = What::About { text: text.to_owned(), certain };
        self.ask(captures.get(0)?.range(), what, Unit::Point)
    }

    /// What the user takes the role to have said.
    fn claim(&self, captures: &Captures<'_>) -> Option<Ask> {
        let text = ["said", "object", "told"].iter().find_map(|name| captures.name(name))?.as_str();
        let takes_side = captures.name("act").is_some() || stance::claimed(text).is_some();
        let certain = captures.name("not").is_some() && takes_side;
        let what = What::About { text: text.to_owned(), certain };
        self.ask(captures.get(0)?.range(), what, Unit::Point)
    }

    fn ask(&self, phrase: Range<usize>, what: What, unit: Unit) -> Option<Ask> {
        let clause = self.clause(phrase.start);
        let replies = reply_phrases(clause);
        let which = if let Some((_, which)) = replies.last() {
            *which
        } else if BEFORE.is_match(clause) {
            Which::Before
        } else if EARLIER.is_match(clause) && !RECENT.is_match(clause) {
            Which::Earlier
        } else {
            Which::Latest
        };
        Some(Ask { phrase, what, which, unit, anchored: YOURS.is_match(clause) })
    }

    fn before(&self, at: usize) -> &str {
        self.text.get(..at).unwrap_or_default()
    }

    /// The clause up to a place.
    fn clause(&self, at: usize) -> &str {
        let before = self.before(at);
        let ends = |c| matches!(c, '。' | '！' | '？' | '，' | '；' | '!' | '?' | ',' | ';' | '\n');
        before.rfind(ends).and_then(|at| before.get(at..)).unwrap_or(before)
    }

    /// Whether a point at a place may be the role's: `我的第二点`, `合同第三条` are not.
    fn is_theirs(&self, at: usize) -> bool {
        let clause = self.clause(at);
        match clause.chars().next_back() {
            Some('的') => YOURS.is_match(clause) || clause.ends_with("说的"),
            // `有没有第二种方法` asks for one that was not said.
            Some('我' | '他' | '她' | '界' | '有') => false,
            Some(c) if "法约同程例规定则款》章案书纲".contains(c) => YOURS.is_match(clause),
            _ => true,
        }
    }

    fn goes_on(&self, at: usize) -> bool {
        match self.text.get(at..).and_then(|rest| rest.chars().next()) {
            None => true,
            Some(c) if is_han(c) => GOES_ON.contains(c),
            Some(c) => !c.is_alphanumeric(),
        }
    }
}

fn reply_phrases(text: &str) -> Vec<(Range<usize>, Which)> {
    let read = |captures: Captures<'_>| {
        let which = match (captures.name("number"), captures.name("before")) {
            (Some(number), _) => Which::Number(numeral::parse(number.as_str()).unwrap_or(u32::MAX)),
            (None, Some(_)) => Which::Back(1),
            (None, None) => Which::Back(0),
        };
        Some((captures.get(0)?.range(), which))
    };
    REPLY.captures_iter(text).filter_map(read).collect()
}
