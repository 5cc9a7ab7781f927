//! Ready sentences that candidates are put together from.

use std::sync::LazyLock;

use crate::conflict::shapes::{self, Forms};
use crate::contract::Language;

/// One ready sentence.
#[derive(Debug)]
pub(in crate::conflict) struct Seed {
    pub(in crate::conflict) text: &'static str,
    pub(in crate::conflict) language: Option<Language>,
    pub(in crate::conflict) forms: Forms,
    pub(in crate::conflict) chars: u64,
}

/// Chinese ones, the first being preferred. Every form comes with several cues and endings, because a
/// contract may forbid any of them.
const ZH: [&str; 45] = [
    "好的。",
    "这件事我来说明。",
    "请看下面的安排。",
    "一切照常进行。",
    "今天天气不错。",
    "先生所言甚善。",
    "难道不是这样吗？",
    "岂能坐视不理？",
    "何必如此着急？",
    "谁不想成功呢？",
    "这不是很好吗？",
    "凭什么放弃？",
    "哪里有这样的道理？",
    "怎么能就此罢休？",
    "这还用说？",
    "有什么了不起？",
    "还不快走吗？",
    "至于这么生气吗？",
    "焉能不胜？",
    "孰不爱国？",
    "岂有此理！",
    "何苦来哉！",
    "何必如此。",
    "岂能如此。",
    "难道如此。",
    "谁不如此。",
    "您需要帮助吗？",
    "现在出发？",
    "要看看吗。",
    "好吗",
    "太好了！",
    "恭喜你！",
    "他说“好”。",
    "书名《春秋》。",
    "古人说：“行。”",
    "难道“好”吗？",
    "“好”吗？",
    "“好”！",
    "好。",
    "嗯。",
    "何必。",
    "何必？",
    "好？",
    "好！",
    "“好”。",
];

/// English ones.
const EN: [&str; 36] = [
    "All right.",
    "Here is the plan.",
    "It works as usual.",
    "Thank you for waiting.",
    "The weather is fine.",
    "We will take care of it.",
    "Who doesn't like that?",
    "What's the point of waiting?",
    "Why bother?",
    "How could you?",
    "Since when?",
    "What good is that?",
    "It is late, isn't it?",
    "You don't mind, do you?",
    "Who cares?",
    "Who knew!",
    "Why bother!",
    "Who cares.",
    "Why bother.",
    "Since when.",
    "How could anyone.",
    "Do you need help?",
    "Is it late?",
    "Ready?",
    "Great!",
    "Congratulations!",
    "He said \"fine\".",
    "They call it “home”.",
    "Is it \"fine\"?",
    "“Fine”!",
    "Who said \"fine\", who cares?",
    "Fine.",
    "Ok.",
    "Ok?",
    "Ok!",
    "\"Ok\".",
];

/// Ones of no language.
const PLAIN: [&str; 9] = ["1.", "42.", "……", "?", "!", "1?", "1!", "😀", "~"];

/// Lines of lists; each stands on a line of its own.
const LINES: [&str; 8] =
    ["- 好的。", "- 何必如此？", "- 好吗？", "- 太好了！", "- Fine.", "- Who cares?", "- Ready?", "- Great!"];

static SEEDS: LazyLock<Vec<Seed>> = LazyLock::new(|| {
    let seed = |text: &'static str, language| {
        let forms = shapes::of(text).first().copied().unwrap_or_default();
        let chars = text.chars().filter(|c| !c.is_whitespace()).count() as u64;
        Seed { text, language, forms, chars }
    };
    let line = |text: &'static str| seed(text, Some(if text.is_ascii() { Language::En } else { Language::Zh }));
    let zh = ZH.iter().map(|text| seed(text, Some(Language::Zh)));
    let en = EN.iter().map(|text| seed(text, Some(Language::En)));
    let plain = PLAIN.iter().map(|text| seed(text, None));
    zh.chain(en).chain(plain).chain(LINES.iter().map(|text| line(text))).collect()
});

/// Every ready sentence.
pub(in crate::conflict) fn all() -> &'static [Seed] {
    &SEEDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::rhetorical::Form;

    /// A seed that is two sentences, or a form without a seed in a language, makes candidates miss.
    #[test]
    fn every_form_has_seeds_of_both_languages() {
        for seed in all() {
            assert_eq!(shapes::of(seed.text).len(), 1, "{}", seed.text);
        }
        for form in Form::ALL {
            for language in [Language::Zh, Language::En] {
                let has = |seed: &&Seed| seed.language == Some(language) && shapes::has(seed.forms, form);
                assert!(all().iter().filter(has).count() >= 3, "{form:?} {language:?}");
            }
        }
    }
}
