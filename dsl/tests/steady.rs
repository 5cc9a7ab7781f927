//! A stream that goes on allocates nothing: whatever a delta needs, the monitor and the step already
//! have from the deltas before it.

mod common;
mod counting;

use common::program;
use counting::allocated;
use rolecall_dsl::monitor::{Residual, Step};

const ZH: &str = "昔者苏秦说六国以合纵，张仪说秦王以连横。难道天下之势已定了吗？“纵横之间，”他说，“岂能无人？”……\n";
const EN: &str = "Dr. Smith said it isn't over, is it? See https://example.org/a?b (or `code`) for 3.14 reasons. \
                  \"Who knew?\" he asked!\n";
const MIXED: &str =
    "用 GPT 做 café：ＡＢＣ、Привет、ひらがな、한국어、👍🏽🇨🇳 e\u{301}\u{200B}x。\n1. 第一点\n- 第二点；\n";
/// Heads of the terms below, given up at the last character, and disguises.
const HEADS: &str =
    "算算算 A A\u{200B}\u{301} ai2 人工智人工 智能人工智 red red ca aaaaaaab aaaaaaab Ａ ２０２ 202 AI3 明日本来\n";

/// Rules that follow everything and are broken by none of the texts.
const RULES: [&str; 3] = [
    r#"forbidden_terms "算法" | "AI" | "人工智能体" | "red car" | "2024" | "aaaaaaaaaaaaaac" max_sentences 10000
       forbidden_terms "日本" { except "明日本来" }
       response_style 反问句 <= 100%"#,
    r#"forbidden_terms "算法" | "人工智能体" { on_violation redact "[x]" } max_chars 1000000 max_words 1000000
       response_style list_item >= 0% language zh >= 1%"#,
    r#"must_not_match /q{3}x/ must_not_match /[a-z]{2}$/ required_terms all "无处可寻" | "nowhere" must_match /zz[0-9]/
       min_sentences 9999 response_style quotation <= 100% response_style exclamation <= 100%"#,
];

// Fails when a delta costs an allocation, however many came before it: at thousands of streams the
// allocator would be what they wait for.
#[test]
fn deltas_of_a_running_stream_allocate_nothing() {
    for rules in RULES {
        let program = program(rules);
        for text in [ZH, EN, MIXED, HEADS] {
            for size in [1, 2, 7] {
                let characters: Vec<char> = text.chars().collect();
                let deltas: Vec<String> = characters.chunks(size).map(|delta| delta.iter().collect()).collect();
                let (mut monitor, mut step) = (program.monitor(), Step::default());
                let mut released = 0;
                let mut pass = || {
                    for delta in &deltas {
                        monitor.push_into(delta, &mut step);
                        released += step.released.len();
                        let told = step.violations.first().map(|violation| violation.message.clone());
                        assert_eq!((told, step.residual == Residual::Dead), (None, false), "{rules} {text}");
                    }
                };
                // The buffers grow to what such a text needs.
                (0..4).for_each(|_| pass());
                let ((), cost) = allocated(|| (0..64).for_each(|_| pass()));
                assert_eq!(cost.calls, 0, "{rules}\n{text}\ndeltas of {size}");
                assert!(released > 32 * text.len(), "{rules} {text}: {released}");
            }
        }
    }
}
