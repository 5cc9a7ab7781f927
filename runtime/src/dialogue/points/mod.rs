//! The points of a reply: what it lists, else what it tells in order, else its sentences.

mod lines;
mod told;

use rolecall_dsl::text::sentence::{Sentences, split};
use rolecall_dsl::text::styles::Styles;

pub(super) use told::own;

/// The points of a text.
pub(super) struct Found<'t> {
    /// They are told as points; without, they are sentences.
    pub(super) listed: bool,
    pub(super) items: Vec<Item<'t>>,
}

/// A point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item<'t> {
    /// The number that it bears.
    pub(super) label: u32,
    /// Its words, without the marker.
    pub(super) text: &'t str,
}

/// Reads a text's points, top level only: what stands below a point belongs to it.
pub(super) fn points(text: &str) -> Found<'_> {
    for items in [lines::items(text), told::items(text)] {
        if items.len() > 1 {
            return Found { listed: true, items };
        }
    }
    let items = (1..).zip(split(text)).filter_map(|(label, range)| Some(Item { label, text: text.get(range)? }));
    Found { listed: false, items: items.collect() }
}

/// The sentences of a text, each with whether it is a question.
pub(super) fn sentences(text: &str) -> Vec<(&str, bool)> {
    let (mut machine, mut styles, mut forms) = (Sentences::default(), Styles::default(), Vec::new());
    for c in text.chars() {
        let event = machine.push(c);
        forms.extend(styles.push(c, &event));
    }
    forms.push(styles.forms());
    let texts = split(text).into_iter().filter_map(|range| text.get(range));
    texts.zip(forms.into_iter().map(|forms| forms.question)).collect()
}

/// A point without the white space and the joints around it.
fn trimmed(text: &str) -> &str {
    let joint = |c: char| c.is_whitespace() || matches!(c, '，' | '；' | '、' | ',' | ';');
    text.trim_start_matches(|c: char| joint(c) || matches!(c, ':' | '：')).trim_end_matches(joint)
}

#[cfg(test)]
mod tests {
    use super::points;

    fn of(text: &str) -> Vec<String> {
        let found = points(text);
        let items = found.items.iter().map(|item| format!("{} {}", item.label, item.text.replace('\n', "/")));
        std::iter::once(if found.listed { "listed" } else { "sentences" }.to_owned()).chain(items).collect()
    }

    // Fails when a marker is missed, what belongs to a point is cut off, or what does not is taken in.
    #[test]
    fn lists_are_read_by_line() {
        let numbered = ["listed", "1 地势", "2 漕运", "3 气候"];
        assert_eq!(of("理由：\n一、地势\n二、漕运\n三、气候"), numbered);
        assert_eq!(of("1. 地势\n2. 漕运\n3. 气候\n\n总之，宜迁。"), numbered);
        assert_eq!(of("**1. 地势**\n\n**2. 漕运**\n\n**3. 气候**"), ["listed", "1 地势**", "2 漕运**", "3 气候**"]);
        assert_eq!(of("### 1. 地势\n### 2. 漕运\n### 3. 气候"), numbered);
        assert_eq!(of("- 地势\n- 漕运\n- 气候"), numbered);
        assert_eq!(of("①地势\n②漕运\n③气候"), numbered);
        assert_eq!(of("4. a\n5. b"), ["listed", "4 a", "5 b"]);
        assert_eq!(of("1. a\n1. b\n1. c"), ["listed", "1 a", "2 b", "3 c"]);
        assert_eq!(of("```\n1. a\n2. b\n```"), ["sentences", "1 ```/1. a/2. b/```"]);
    }

    #[test]
    fn what_stands_below_a_point_belongs_to_it() {
        assert_eq!(of("1. a\n   - x\n   - y\n2. b\n   - z"), ["listed", "1 a/   - x/   - y", "2 b/   - z"]);
        assert_eq!(of("一、a\n1. x\n2. y\n二、b\n1. z\n2. w"), ["listed", "1 a/1. x/2. y", "2 b/1. z/2. w"]);
        assert_eq!(of("1. a\n\nmore\n\n2. b\n\nalso\n\nIn all, c."), ["listed", "1 a//more", "2 b//also"]);
        assert_eq!(of("Pros:\n- a\n- b\nCons:\n- c\n- d"), ["listed", "1 a", "2 b", "1 c", "2 d"]);
        assert_eq!(of("A:\n1. a\n2. b\nB:\n1. c\n2. d"), ["listed", "1 a", "2 b", "1 c", "2 d"]);
    }

    #[test]
    fn points_told_in_order_are_found() {
        assert_eq!(of("首先，甲。其次，乙。再次，丙。最后，丁。"), ["listed", "1 甲。", "2 乙。", "3 丙。", "4 丁。"]);
        assert_eq!(of("第一，甲；第二，乙；第三，丙。再说别的。"), ["listed", "1 甲", "2 乙", "3 丙。"]);
        assert_eq!(of("其一，甲。其二，乙。"), ["listed", "1 甲。", "2 乙。"]);
        assert_eq!(of("好处有二：（1）甲；（2）乙。"), ["listed", "1 甲", "2 乙。"]);
        assert_eq!(of("一是甲，二是乙。"), ["listed", "1 甲", "2 乙。"]);
        assert_eq!(
            of("First, a is so. Second, b is. Then c. Finally, d is. That is all."),
            ["listed", "1 a is so.", "2 b is.", "3 c.", "4 d is."]
        );
        assert_eq!(of("步骤一：甲。\n步骤二：乙。"), ["listed", "1 甲。", "2 乙。"]);
        assert_eq!(of("我第一次来，第二天就走。"), ["sentences", "1 我第一次来，第二天就走。"]);
        assert_eq!(of("最后一条路。首先想想。"), ["sentences", "1 最后一条路。", "2 首先想想。"]);
    }
}
