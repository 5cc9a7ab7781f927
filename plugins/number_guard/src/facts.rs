use std::rc::Rc;

use rolecall_plugin::words::Scanner;

use super::figures::{Figure, figures};
use super::lexicon::{Lexicon, Mark};

/// What of a text must not differ between messages that say the same.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    figures: Vec<Figure>,
    said: Vec<Said>,
    /// Number signs that are no decimal digits.
    signs: Vec<char>,
    denials: usize,
}

/// A number or a time in words.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    name: &'static str,
    /// Whether it goes on with the number before it: 十二 is not 十、二.
    joined: bool,
    unit: Option<&'static str>,
}

impl Facts {
    /// Reads a text, in time linear in its length.
    pub(crate) fn read(text: &str, lexicon: &Lexicon) -> Self {
        let mut facts = Self {
            figures: figures(text, lexicon),
            said: Vec::new(),
            signs: text.chars().filter(|c| is_number_sign(*c)).collect(),
            denials: 0,
        };
        let mut scanner = Scanner::new(Rc::clone(&lexicon.marks));
        scanner.push(text);
        scanner.end();
        let mut number_end = None;
        while let Some(mark) = scanner.find() {
            let joined = number_end == Some(mark.span.start);
            match *mark.meaning {
                Mark::Denial => facts.denials += 1,
                // 一下 has no number in it, 十一下 has.
                Mark::OneBehindNumber if !joined => {}
                Mark::OneBehindNumber => facts.said.push(Said { name: "一", joined, unit: None }),
                Mark::Time(name) => facts.said.push(Said { name, joined: false, unit: None }),
                Mark::Number(name) => {
                    number_end = Some(mark.span.end);
                    let unit = lexicon.unit_behind(text, mark.span.end);
                    facts.said.push(Said { name, joined, unit });
                }
            }
        }
        facts
    }
}

/// Numbers that are no decimal digits.
fn is_number_sign(c: char) -> bool {
    let superscript = matches!(c, '²' | '³' | '¹' | '\u{2070}'..='\u{209C}');
    let fraction_or_roman = matches!(c, '¼'..='¾' | '\u{2150}'..='\u{218B}');
    let enclosed = matches!(c, '\u{2460}'..='\u{24FF}' | '\u{2776}'..='\u{2793}');
    let enclosed_chinese = matches!(c, '\u{3220}'..='\u{3229}' | '\u{3280}'..='\u{3289}');
    superscript || fraction_or_roman || enclosed || enclosed_chinese
}
