//! Names in a text: a modest, deterministic reading.
//!
//! It takes what is written as a name: what stands in `《》`, and, if it is short and no sentence, in
//! quotation marks or backticks; code (`snake_case`, `a::b`, `f()`); Latin words within Chinese text;
//! capitalised words within English sentences. Beside names, words that both sides of a turn used
//! count as spoken of. It is no named-entity recogniser: a Chinese name without marks is found only
//! when both sides say it, and a capitalised word at the head of a sentence only where something else
//! shows that it is a name.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;
use rolecall_dsl::text::fold;

use super::pattern::pattern;
use super::points::sentences;

/// Names taken from one text; further ones are left out.
const MAX_NAMES: usize = 16;
/// Words taken from what both sides said.
const MAX_SHARED: usize = 8;
/// Characters of a word that both sides said, in Chinese.
const MAX_SHARED_CHARS: usize = 6;

static MARKED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"《([^《》\n]{1,40})》|「([^」\n]{1,16})」|『([^』\n]{1,16})』|“([^”\n]{1,24})”|"([^"\n]{1,24})"|`([^`\n]{1,40})`"#,
    )
});
static CODE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z0-9_]+)+|[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+|[A-Za-z_][A-Za-z0-9_.]*\(\)")
});
static LATIN: LazyLock<Regex> = LazyLock::new(|| pattern(r"[A-Za-z][A-Za-z0-9+#]*(?:[.-][A-Za-z0-9+#]+)*"));
static CAPITALISED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"\b[A-Z][A-Za-z0-9+#]*(?:[-'][A-Za-z0-9]+)*(?: [A-Z][A-Za-z0-9+#]*(?:[-'][A-Za-z0-9]+)*)*")
});

/// Capitalised words that are no names.
const PLAIN: &str = " is are was were do does did can could should would will have has had there here my your his her our \
    their i i'm i'd i'll i've ok okay yes no mr mrs ms dr ps tv am pm the a an this that these those it you we \
    they he she but and or if when what why how who which where not first second third finally then next last so also \
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september \
    october november december english chinese vs etc pros cons ";

/// Han characters that join words rather than making one.
const JOINING: &str = "的了是在我你您他她它们这那和与就也都不吗呢吧啊呀么什怎为有没会能要可以很太还再去来说个一二三四五六七八九十两\
    上下里中大小好多少对到给把被让从向但而且或如果因所请谢之其于着过得地将更最些点条看想用做写讲问答";

/// A text as names are compared: folded like forbidden terms are.
pub(super) fn fold(text: &str) -> String {
    fold::folded(text.trim())
}

/// Whether a folded text has a folded name in it, as a word of its own.
pub(super) fn mentions(text: &str, name: &str) -> bool {
    find(text, name).is_some()
}

/// Where a name begins in a text, as a word of its own.
pub(super) fn find(text: &str, name: &str) -> Option<usize> {
    let edge = |outside: Option<char>, inside: Option<char>| {
        let latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        !(latin(outside) && latin(inside))
    };
    if name.is_empty() {
        return None;
    }
    text.match_indices(name).map(|(at, _)| at).find(|at| {
        let before = text.get(..*at).and_then(|text| text.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|text| text.chars().next());
        edge(before, name.chars().next()) && edge(after, name.chars().next_back())
    })
}

/// The names in a text, each once, in order. `known` says that something is known to be a name.
pub(super) fn names(text: &str, known: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found: Vec<(usize, &str)> = Vec::new();
    for captures in MARKED.captures_iter(text) {
        let inside = captures.iter().skip(1).flatten().next();
        found.extend(inside.filter(|inside| is_name(inside.as_str())).map(|inside| (inside.start(), inside.as_str())));
    }
    found.extend(CODE.find_iter(text).map(|code| (code.start(), code.as_str())));
    if text.chars().any(is_han) {
        let words = LATIN.find_iter(text).filter(|word| word.len() > 1 && !is_plain(word.as_str()));
        found.extend(words.map(|word| (word.start(), word.as_str())));
    } else {
        capitalised(text, &known, &mut found);
    }
    found.sort_by_key(|(at, name)| (*at, std::cmp::Reverse(name.len())));
    let (mut names, mut keys, mut end): (Vec<String>, Vec<String>, usize) = (Vec::new(), Vec::new(), 0);
    for (at, name) in found {
        let key = fold(name);
        // What stands inside a longer name is no other.
        if at >= end && names.len() < MAX_NAMES && !key.is_empty() {
            end = at + name.len();
            if !keys.contains(&key) {
                names.push(name.trim().to_owned());
                keys.push(key);
            }
        }
    }
    names
}

/// Words that both sides of a turn used.
pub(super) fn shared(user: &str, reply: &str) -> Vec<String> {
    let mut found = shared_han(user, reply);
    let words = |text: &str| -> HashSet<String> {
        LATIN.find_iter(text).filter(|word| word.len() > 4).map(|word| word.as_str().to_ascii_lowercase()).collect()
    };
    let (asked, mut seen) = (words(user), HashSet::new());
    for word in LATIN.find_iter(reply) {
        let lower = word.as_str().to_ascii_lowercase();
        if asked.contains(&lower) && !is_joining_word(&lower) && seen.insert(lower) {
            found.push(word.as_str().to_owned());
        }
    }
    found.truncate(MAX_SHARED);
    found
}

/// The longest runs of Han characters, two to six, that stand on both sides and join nothing.
fn shared_han(user: &str, reply: &str) -> Vec<String> {
    let solid = |c: char| is_han(c) && !JOINING.contains(c);
    let pairs = |text: &str| -> HashSet<(char, char)> {
        text.chars().zip(text.chars().skip(1)).filter(|(a, b)| solid(*a) && solid(*b)).collect()
    };
    let asked = pairs(user);
    let (mut found, mut run): (Vec<String>, String) = (Vec::new(), String::new());
    let mut before = None;
    for c in reply.chars().chain(std::iter::once('\n')) {
        if before.is_some_and(|before| asked.contains(&(before, c))) {
            if run.is_empty() {
                run.extend(before);
            }
            run.push(c);
        } else if !run.is_empty() {
            let word = std::mem::take(&mut run);
            if word.chars().count() <= MAX_SHARED_CHARS && user.contains(&word) && !found.contains(&word) {
                found.push(word);
            }
        }
        before = Some(c);
        if found.len() >= MAX_SHARED {
            break;
        }
    }
    found
}

fn capitalised<'t>(text: &'t str, known: &impl Fn(&str) -> bool, found: &mut Vec<(usize, &'t str)>) {
    let mut heads: Vec<(usize, &str)> = Vec::new();
    for (sentence, _) in sentences(text) {
        let start = sentence.as_ptr().addr() - text.as_ptr().addr();
        let first = sentence.find(char::is_alphanumeric).unwrap_or(0);
        for word in CAPITALISED.find_iter(sentence) {
            let (mut at, mut name) = (word.start(), word.as_str());
            let head = at == first;
            // `The Hague Convention` at a head, and `I` anywhere, are words and not part of a name.
            while let Some((plain, rest)) = name.split_once(' ')
                && (is_plain(plain) || (head && known(rest)))
            {
                at += plain.len() + 1;
                name = rest;
            }
            if is_plain(name) || name.len() < 2 {
                continue;
            }
            let sure =
                at != first || !head || name.contains(' ') || name.chars().skip(1).any(|c| c.is_ascii_uppercase());
            if sure || known(name) { found.push((start + at, name)) } else { heads.push((start + at, name)) }
        }
    }
    let sure: Vec<&str> = found.iter().map(|(_, name)| *name).collect();
    found.extend(heads.into_iter().filter(|(_, name)| sure.contains(name)));
}

fn is_name(inside: &str) -> bool {
    let ends = |c| matches!(c, '。' | '！' | '？' | '，' | '；' | '!' | '?' | ',' | ';');
    !inside.trim().is_empty() && !inside.contains(ends) && inside.split(' ').count() <= 4
}

fn is_plain(word: &str) -> bool {
    PLAIN.contains(&format!(" {} ", word.to_ascii_lowercase()))
}

fn is_joining_word(word: &str) -> bool {
    const JOINING: &str = " about after again their there these those which would could should where while other \
        really think please tell first second third point points reason reasons ";
    JOINING.contains(&format!(" {word} "))
}

pub(super) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        names(text, |_| false)
    }

    // Fails when a name is missed, cut, or a plain word is taken for one.
    #[test]
    fn names_are_what_is_written_as_one() {
        assert_eq!(of("《史记》和“合纵”，还有「连横」。"), ["史记", "合纵", "连横"]);
        assert_eq!(of("他说“你好，大王！”"), [""; 0]);
        assert_eq!(of("我推荐用Rust和C++写，不用GPT-4。"), ["Rust", "C++", "GPT-4"]);
        assert_eq!(of("Call `push_str` or std::mem::take here."), ["push_str", "std::mem::take"]);
        assert_eq!(of("I recommend Rust. Go is simple, but I use Go and New York too."), ["Rust", "Go", "New York"]);
        assert_eq!(of("Walk daily. The sun helps. I know."), [""; 0]);
        assert_eq!(of("PostgreSQL is fine."), ["PostgreSQL"]);
        assert_eq!(names("Dracula is long.", |name| name == "Dracula"), ["Dracula"]);
    }

    #[test]
    fn words_of_both_sides_are_spoken_of() {
        assert_eq!(shared("合纵有什么好处？", "合纵之利有四。"), ["合纵"]);
        assert_eq!(shared("Is coffee good for memory?", "Coffee helps memory a little."), ["Coffee", "memory"]);
        assert_eq!(shared("你好吗", "我很好"), [""; 0]);
    }

    // Fails when a name is found inside another word.
    #[test]
    fn a_name_is_a_word_of_its_own() {
        assert!(mentions("let us go on", "go") && !mentions("good algorithms", "go"));
        assert!(mentions("用go写", "go"));
        assert!(!mentions("anything", ""));
    }
}
