//! References in English.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex, RegexSet};

use super::super::pattern::{any, pattern};
use super::super::points::own;
use super::super::{numeral, stance};
use super::ask::{Ask, Unit, What, Which, row};

const ORDINAL: &str = "(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|\
    fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|[0-9]{1,3}(?:st|nd|rd|th))";
const CARDINAL: &str = "(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|\
    seventeen|eighteen|nineteen|twenty|[0-9]{1,3})";
const UNIT: &str = "(?P<unit>points?|items?|sentences?|reasons?|suggestions?|tips?|arguments?|options?|ideas?|steps?|examples?|\
    bullets?|recommendations?|benefits?|advantages?|drawbacks?|claims?|ones?)";

/// With what a clause may go on behind `the second one`.
const GOES_ON: &str = " is was are were isn't wasn't sounds sound seems seem looks look makes make and or but too then though please \
    again in from means mean needs need do does don't doesn't more contradict contradicts first ";

static NUMBERED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i)\b(?:(?P<owner>your|the|that|its|my|his|her|their|our|a|an|another|this|no|every)\s+)?(?:(?P<age>earlier|previous|very|other)\s+)?(?P<numbers>{ORDINAL}(?:\s*(?:,|and|or|&)\s*(?:the\s+)?{ORDINAL})*)\s+(?:big\s+|main\s+)?{UNIT}\b"
    ))
});
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i)\b(?P<unit>points?|items?|reasons?|tips?|steps?|options?|suggestions?|bullets?|arguments?|ideas?)\s+(?:number\s+|no\.\s*|#\s*)?(?P<numbers>{CARDINAL}\b(?:\s*(?:,|\band\b|\bor\b|&|-|–|\bto\b|\bthrough\b|\bthru\b)\s*{CARDINAL}\b)*)"
    ))
});
static NUMBER: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"(?i)(?:\bnumber\s+|\bno\.\s*|#\s*)(?P<numbers>{CARDINAL})\b")));
static FROM_END: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i)\b(?:(?P<number>second|third|fourth|fifth)[ -]to[ -](?:the[ -])?last|next[ -]to[ -]last|penultimate)\s+{UNIT}\b"
    ))
});
static ENDS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i)\b(?:the|your)\s+(?P<side>first|last|final)\s+(?P<number>two|three|four|five|six|seven|eight|nine|ten|[0-9]{{1,2}})\b(?:\s+{UNIT}\b)?"
    ))
});
static LAST: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"(?i)\b(?:the|your)\s+(?:very\s+)?(?:last|final)\s+{UNIT}\b")));
static BARE: LazyLock<Regex> =
    LazyLock::new(|| pattern(&format!(r"(?i)\b(?:the|your)\s+(?P<number>{ORDINAL}|last)\b")));
static ALL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i)\b(?:all\s+(?:of\s+)?(?:the\s+|these\s+|those\s+|your\s+)?|(?P<lead>the|these|those|your)\s+)(?P<number>two|three|four|five|six|seven|eight|nine|ten|[0-9]{{1,2}})\b(?:\s+{UNIT}\b)?"
    ))
});
static BESIDE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\bthe\s+(?P<side>next|following|previous|preceding)\s+(?P<unit>points?|items?|reasons?|tips?|steps?|ones?)\b",
    )
});
static EITHER: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\bthe\s+(?P<side>former|latter)\b"));
static REPLY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?i)\b(?P<owner>your|the)\s+(?:(?P<number>{ORDINAL})|(?P<age>earlier)|(?:very\s+)?(?:last|latest|previous|most recent))\s+(?P<unit>answer|reply|response|message|list)\b"
    ))
});
static BEFORE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\b(?:last time|the time before|before that)\b"));
static EARLIER: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\b(?:earlier|previously)\b"));
static YOURS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b(?:your|you (?:just |also )?(?:said|mentioned|listed|gave|made|told)|above)\b"));
static ABOUT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\bwhat\s+(?:did\s+you|have\s+you|you(?:'ve|\s+have)?)\s+(?:just\s+|already\s+|earlier\s+)?(?:say|said|mention|mentioned|mean|meant)\s+(?:about|on|regarding|of)\s+(?P<thing>[^.,;?!\n]+)|\b(?:you|you've|you have)\s+(?:just\s+|already\s+|earlier\s+|previously\s+)?(?:said|mentioned|told me)\s+(?:something\s+|anything\s+|a bit\s+)?about\s+(?P<told>[^.,;?!\n]+)|\bthe\s+(?P<mentioned>[^.,;?!\n]{2,30}?)\s+(?:that\s+)?you\s+(?:just\s+)?mentioned",
    )
});
static CLAIM: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:(?P<not>(?:didn't|did not|haven't|weren't|aren't)\s+you)\s+(?:just\s+|already\s+|earlier\s+)?(?:say|said|claim|claimed|against|for|in favou?r of|(?P<act>recommend|recommended|advise against|prefer|oppose))|(?P<thought>i\s+thought\s+you)\s+(?:just\s+)?(?:said|claimed|were\s+(?:for|against|in favou?r of)|recommended|advised against|liked|preferred)|you\s+(?:just\s+|also\s+|earlier\s+)?(?:said|claimed|told me|recommended|advised against))\s+(?:that\s+)?(?:to\s+use\s+|to\s+)?(?P<said>[^.,;?!\n]+)",
    )
});
static IT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:about|of|with|like|use|using|for|against|prefer|recommend)\s+(?P<it>it|that one|this one)\s*[.?!]*\s*$",
    )
});

/// All that a phrase is found by. Most turns refer to nothing, which one search tells instead of many.
static ANY: LazyLock<RegexSet> = LazyLock::new(|| {
    any(&[
        &NUMBERED, &NAMED, &NUMBER, &FROM_END, &ENDS, &LAST, &BARE, &ALL, &BESIDE, &EITHER, &REPLY, &ABOUT, &CLAIM, &IT,
    ])
});

/// The phrases of a turn that ask for something said before.
pub(super) fn asks(user: &str) -> Vec<Ask> {
    if !user.contains(|c: char| c.is_ascii_alphanumeric()) || !ANY.is_match(user) {
        return Vec::new();
    }
    let reader = Reader { text: user, own: own(user) };
    let mut found = Vec::new();
    found.extend(NUMBERED.captures_iter(user).filter_map(|captures| reader.numbered(&captures)));
    found.extend(NAMED.captures_iter(user).filter_map(|captures| reader.named(&captures)));
    found.extend(NUMBER.captures_iter(user).filter_map(|captures| reader.number(&captures)));
    found.extend(FROM_END.captures_iter(user).filter_map(|captures| reader.counted_back(&captures)));
    found.extend(ENDS.captures_iter(user).filter_map(|captures| reader.ends(&captures)));
    found.extend(LAST.captures_iter(user).filter_map(|captures| reader.last(&captures)));
    found.extend(BARE.captures_iter(user).filter_map(|captures| reader.bare(&captures)));
    found.extend(ALL.captures_iter(user).filter_map(|captures| reader.all(&captures)));
    found.extend(BESIDE.captures_iter(user).filter_map(|captures| reader.beside(&captures)));
    found.extend(EITHER.captures_iter(user).filter_map(|captures| reader.either(&captures)));
    // A reply by which a point is named is no reference of its own.
    let pointed = !found.is_empty();
    found.extend(REPLY.captures_iter(user).filter(|_| !pointed).filter_map(|captures| reader.whole(&captures)));
    found.extend(ABOUT.captures_iter(user).filter_map(|captures| reader.about(&captures)));
    found.extend(CLAIM.captures_iter(user).filter_map(|captures| reader.claim(&captures)));
    found.extend(IT.captures(user).and_then(|captures| reader.it(&captures)));
    let points: Vec<Range<usize>> =
        found.iter().filter(|ask| !matches!(ask.what, What::About { .. })).map(|ask| ask.phrase.clone()).collect();
    found.retain(|ask| {
        !matches!(ask.what, What::About { .. })
            || !points.iter().any(|point| point.start < ask.phrase.end && ask.phrase.start < point.end)
    });
    found
}

struct Reader<'t> {
    text: &'t str,
    /// Where the user counts points of their own.
    own: Vec<usize>,
}

impl Reader<'_> {
    fn numbered(&self, captures: &Captures<'_>) -> Option<Ask> {
        let phrase = captures.get(0)?.range();
        let owner = captures.name("owner").map(|owner| owner.as_str().to_ascii_lowercase());
        if !matches!(owner.as_deref(), None | Some("your" | "the" | "that" | "its")) || self.is_own(captures) {
            return None;
        }
        let unit = unit(captures);
        if unit == Unit::Loose && !self.goes_on(phrase.end) {
            return None;
        }
        let numbers = row(&captures.name("numbers")?.as_str().to_ascii_lowercase(), numeral::parse);
        let earlier = captures.name("age").is_some_and(|age| age.as_str().eq_ignore_ascii_case("earlier"));
        let ask = self.ask(phrase, What::Numbers(numbers), unit);
        Some(if earlier { Ask { which: Which::Earlier, ..ask } } else { ask })
    }

    fn named(&self, captures: &Captures<'_>) -> Option<Ask> {
        let phrase = captures.get(0)?.range();
        // `3 point 5`, `at this point two of us`, `point 5 percent`, `starting point one`.
        let before = self.word_before(phrase.start);
        let foreign = [
            "this", "that", "what", "which", "no", "some", "starting", "boiling", "my", "his", "her", "their", "our",
            "a",
        ];
        let after = self.word_behind(phrase.end);
        if numeral::parse(&before).is_some()
            || foreign.contains(&before.as_str())
            || matches!(after.as_str(), "percent" | "degrees" | "dollars" | "of" | "people" | "times")
            || self.text.get(phrase.end..).is_some_and(|rest| rest.starts_with(['%', '.']) && is_digit_behind(rest))
        {
            return None;
        }
        let numbers = row(&captures.name("numbers")?.as_str().to_ascii_lowercase(), numeral::parse);
        Some(self.ask(phrase, What::Numbers(numbers), unit(captures)))
    }

    fn number(&self, captures: &Captures<'_>) -> Option<Ask> {
        let phrase = captures.get(0)?.range();
        let before = self.word_before(phrase.start);
        let ranked = [
            "he", "she", "it", "who", "they", "we", "i", "ranks", "ranked", "he's", "she's", "it's", "became", "phone",
            "room",
        ];
        let words: Vec<&str> = self.before(phrase.start).split_whitespace().rev().take(2).collect();
        let subject = words.get(1).is_some_and(|word| ranked.contains(&word.to_ascii_lowercase().as_str()));
        let is = matches!(before.as_str(), "is" | "was" | "are" | "am" | "were");
        if ranked.contains(&before.as_str()) || (is && subject) || !self.goes_on_closely(phrase.end) {
            return None;
        }
        let numbers = row(&captures.name("numbers")?.as_str().to_ascii_lowercase(), numeral::parse);
        Some(self.ask(phrase, What::Numbers(numbers), Unit::Loose))
    }

    fn counted_back(&self, captures: &Captures<'_>) -> Option<Ask> {
        let number =
            captures.name("number").map_or(Some(2), |word| numeral::parse(&word.as_str().to_ascii_lowercase()))?;
        Some(self.ask(captures.get(0)?.range(), What::FromEnd(number), unit(captures)))
    }

    fn ends(&self, captures: &Captures<'_>) -> Option<Ask> {
        let phrase = captures.get(0)?.range();
        let number = numeral::parse(captures.name("number")?.as_str())?;
        let bare = captures.name("unit").is_none();
        if bare && !self.goes_on(phrase.end) {
            return None;
        }
        let first = captures.name("side")?.as_str().eq_ignore_ascii_case("first");
        let what = if first { What::First(number) } else { What::Last(number) };
        Some(self.ask(phrase, what, if bare { Unit::Loose } else { unit(captures) }))
    }

    fn last(&self, captures: &Captures<'_>) -> Option<Ask> {
        let phrase = captures.get(0)?.range();
        let unit = unit(captures);
        (unit != Unit::Loose || self.goes_on(phrase.end)).then(|| self.ask(phrase, What::Last(1), unit))
    }

    /// `the third`, at the end of a clause.
    fn bare(&self, captures: &Captures<'_>) -> Option<Ask> {
        let phrase = captures.get(0)?.range();
        let ends =
            self.word_behind(phrase.end).is_empty() && !self.text.get(phrase.end..)?.starts_with(['-', '\'', '’']);
        let ranked = matches!(self.word_before(phrase.start).as_str(), "is" | "was" | "were" | "are" | "on" | "came");
        if !ends || ranked {
            return None;
        }
        let number = captures.name("number")?.as_str().to_ascii_lowercase();
        let what = if number == "last" { What::Last(1) } else { What::Numbers(row(&number, numeral::parse)) };
        Some(self.ask(phrase, what, Unit::Loose))
    }

    fn all(&self, captures: &Captures<'_>) -> Option<Ask> {
        let phrase = captures.get(0)?.range();
        let bare = captures.name("unit").is_none();
        let all = captures.name("lead").is_none();
        // `the three` alone may be anybody.
        if bare && !(all && self.goes_on(phrase.end)) {
            return None;
        }
        let number = numeral::parse(captures.name("number")?.as_str())?;
        Some(self.ask(phrase, What::All(Some(number)), Unit::Loose))
    }

    fn beside(&self, captures: &Captures<'_>) -> Option<Ask> {
        let phrase = captures.get(0)?.range();
        let unit = unit(captures);
        if unit == Unit::Loose && !self.goes_on(phrase.end) {
            return None;
        }
        let side = captures.name("side")?.as_str().to_ascii_lowercase();
        let what = if matches!(side.as_str(), "next" | "following") { What::Next } else { What::Previous };
        Some(self.ask(phrase, what, unit))
    }

    fn either(&self, captures: &Captures<'_>) -> Option<Ask> {
        let phrase = captures.get(0)?.range();
        let before = self.before(phrase.start).to_ascii_lowercase();
        // `tea and coffee, but the latter …` refers to the user's own words.
        if before.contains(" and ") || before.contains(" or ") {
            return None;
        }
        let former = captures.name("side")?.as_str().eq_ignore_ascii_case("former");
        Some(self.ask(phrase, if former { What::Former } else { What::Latter }, Unit::Point))
    }

    fn whole(&self, captures: &Captures<'_>) -> Option<Ask> {
        let yours = captures.name("owner")?.as_str().eq_ignore_ascii_case("your");
        let list = captures.name("unit")?.as_str().eq_ignore_ascii_case("list");
        if !yours || list {
            return None;
        }
        Some(Ask { which: which(captures), ..self.ask(captures.get(0)?.range(), What::Whole, Unit::Point) })
    }

    fn about(&self, captures: &Captures<'_>) -> Option<Ask> {
        let sure = captures.name("thing").or_else(|| captures.name("told"));
        let text = sure.or_else(|| captures.name("mentioned"))?.as_str();
        let what = What::About { text: unarticled(text).to_owned(), certain: sure.is_some() };
        Some(self.ask(captures.get(0)?.range(), what, Unit::Point))
    }

    /// What the user takes the role to have said.
    fn claim(&self, captures: &Captures<'_>) -> Option<Ask> {
        let text = captures.name("said")?.as_str();
        let phrase = captures.get(0)?.range();
        let denied = captures.name("not").or_else(|| captures.name("thought")).is_some();
        let takes_side = stance::claimed(self.text.get(phrase.clone())?).is_some();
        let what = What::About { text: unarticled(text).to_owned(), certain: denied && takes_side };
        Some(self.ask(phrase, what, Unit::Point))
    }

    fn it(&self, captures: &Captures<'_>) -> Option<Ask> {
        let it = captures.name("it")?.range();
        let before = self.before(it.start).to_ascii_lowercase();
        let owned = [" my ", " the ", " a ", " an ", " his ", " her ", " this ", " that "];
        let own = before.contains([',', '.', ';', ':']) || owned.iter().any(|word| format!(" {before}").contains(word));
        (!own).then(|| self.ask(it, What::It, Unit::Loose))
    }

    fn ask(&self, phrase: Range<usize>, what: What, unit: Unit) -> Ask {
        let sentence = self.sentence(&phrase);
        let reply = REPLY.captures(sentence);
        let which = match &reply {
            Some(captures) => which(captures),
            None if BEFORE.is_match(sentence) => Which::Before,
            None if EARLIER.is_match(sentence) => Which::Earlier,
            None => Which::Latest,
        };
        let anchored = reply.is_some() || YOURS.is_match(sentence);
        Ask { phrase, what, which, unit, anchored }
    }

    /// The sentence around a phrase, roughly.
    fn sentence(&self, phrase: &Range<usize>) -> &str {
        let ends = |c| matches!(c, '.' | '!' | '?' | ';' | '\n');
        let start = self.before(phrase.start).rfind(ends).map_or(0, |at| at + 1);
        let end =
            self.text.get(phrase.end..).and_then(|rest| rest.find(ends)).map_or(self.text.len(), |at| phrase.end + at);
        self.text.get(start..end).unwrap_or(self.text)
    }

    fn is_own(&self, captures: &Captures<'_>) -> bool {
        captures.name("numbers").is_some_and(|numbers| self.own.contains(&numbers.start()))
    }

    fn before(&self, at: usize) -> &str {
        self.text.get(..at).unwrap_or_default()
    }

    fn word_before(&self, at: usize) -> String {
        let before = self.before(at).trim_end();
        let word = before.rsplit(|c: char| !(c.is_alphanumeric() || c == '\'')).next().unwrap_or_default();
        word.to_ascii_lowercase()
    }

    /// The next word; empty at the end of a clause.
    fn word_behind(&self, at: usize) -> String {
        let rest = self.text.get(at..).unwrap_or_default().trim_start_matches(' ');
        rest.chars()
            .take_while(|c| c.is_alphanumeric() || matches!(c, '\'' | '’'))
            .collect::<String>()
            .to_ascii_lowercase()
    }

    fn goes_on(&self, at: usize) -> bool {
        let word = self.word_behind(at);
        word.is_empty() || GOES_ON.contains(&format!(" {word} "))
    }

    /// The same where a place or a rank may follow: `number two in the company`.
    fn goes_on_closely(&self, at: usize) -> bool {
        self.goes_on(at) && !matches!(self.word_behind(at).as_str(), "in" | "from")
    }
}

fn is_digit_behind(rest: &str) -> bool {
    rest.starts_with('%') || rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit())
}

fn which(captures: &Captures<'_>) -> Which {
    if let Some(number) = captures.name("number") {
        return Which::Number(numeral::parse(&number.as_str().to_ascii_lowercase()).unwrap_or(u32::MAX));
    }
    let list = captures.name("unit").is_some_and(|unit| unit.as_str().eq_ignore_ascii_case("list"));
    match (captures.name("age").is_some(), list) {
        (true, _) => Which::Earlier,
        (false, true) => Which::Latest,
        (false, false) => Which::Back(0),
    }
}

fn unit(captures: &Captures<'_>) -> Unit {
    let word = captures.name("unit").map(|unit| unit.as_str().to_ascii_lowercase()).unwrap_or_default();
    match word.trim_end_matches('s') {
        "point" | "item" => Unit::Point,
        "sentence" => Unit::Sentence,
        "one" => Unit::Loose,
        _ => Unit::Named,
    }
}

fn unarticled(text: &str) -> &str {
    let text = text.trim();
    ["the ", "The ", "a ", "an "].iter().find_map(|article| text.strip_prefix(article)).unwrap_or(text)
}
