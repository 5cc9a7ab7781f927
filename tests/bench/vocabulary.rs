//! Terms by the hundred thousand, and replies written in the same characters.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Result;
use rolecall_dsl::Contract;
use rolecall_dsl::check::{ImportError, Imports, compile_with};
use rolecall_dsl::source::Source;
use rolecall_tests::clock::Dice;

use super::check::first;

/// Terms of one file.
const FILE: usize = 20_000;

/// What most words are written with.
const COMMON: &str = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指几九区强放决西被干做必战先回则任取据处队南给色光门即保治北造百规热领七海口东导器压志世金增争济阶油思术极交受联什认六共权收证改清己美再采转更单风切打白教速花带安场身车例真务具万每目至达走积示议声报斗完类八离华名确才科张信马节话米整空元况今集温传土许步群广石记需段研界拉林律叫且究观越织装影算低持音众书布复容儿须际商非验连断深难近矿千周委素技备半办青省列习响约支般史感劳便团往酸历市克何除消构府称太准精值号率族维划选标写存候毛亲快效斯院查江型眼王按格养易置派层片始却专状育厂京识适属圆包火住调满县局照参红细引听该铁价严";

/// Characters as the dice have them.
fn draw(dice: &mut Dice, characters: &[char], count: usize) -> String {
    let pick = |dice: &mut Dice| {
        let index = usize::try_from(dice.below(characters.len() as u64)).unwrap_or_default();
        characters.get(index).copied().unwrap_or('的')
    };
    (0..count).map(|_| pick(dice)).collect()
}

/// Replies of 300 characters in three sentences, two of them rhetorical.
pub(crate) fn replies(count: usize) -> Vec<String> {
    let (mut dice, characters) = (Dice::new(7), COMMON.chars().collect::<Vec<_>>());
    let mut clauses = |n: usize| (0..n).map(|_| draw(&mut dice, &characters, 11)).collect::<Vec<_>>().join("，");
    (0..count).map(|_| format!("岂能{}乎？{}。岂能{}乎？", clauses(8), clauses(8), clauses(8))).collect()
}

/// Distinct terms of two to six characters, none of which occurs in these replies.
pub(crate) fn terms(count: usize, replies: &[String]) -> Vec<String> {
    let (mut dice, characters) = (Dice::new(11), COMMON.chars().collect::<Vec<_>>());
    let (mut known, mut terms) = (HashSet::new(), Vec::with_capacity(count));
    let mut pairs = HashSet::new();
    for reply in replies {
        let characters: Vec<char> = reply.chars().collect();
        pairs.extend(characters.windows(2).map(|pair| pair.iter().collect::<String>()));
    }
    while terms.len() < count {
        let length = 2 + usize::try_from(dice.below(5)).unwrap_or_default();
        let term = draw(&mut dice, &characters, length);
        let occurs = match length {
            2 => pairs.contains(&term),
            _ => replies.iter().any(|reply| reply.contains(&term)),
        };
        if !occurs && known.insert(term.clone()) {
            terms.push(term);
        }
    }
    terms
}

/// A contract against these terms, in files as large as may be, each with a rule set of its own.
pub(crate) fn contract(terms: &[String]) -> Result<Arc<Contract>> {
    let files: Vec<&[String]> = terms.chunks(FILE).collect();
    let names = || (0..files.len()).map(|n| (format!("terms{n}"), format!("terms{n}.role")));
    let imports: String = names().map(|(_, file)| format!("import \"{file}\"\n")).collect();
    let uses: String = names().map(|(set, _)| format!(" use {set}\n")).collect();
    let text = format!(
        "{imports}role vast {{\n version 1.0.0\n language zh\n persona \"策士\"\n stateful false\n constraints {{\n max_sentences 3\n{uses} response_style 反问句 >= 40%\n }}\n}}\n"
    );
    first(compile_with(&Source::new("vast.role", &text), &Files(files)))
}

/// The files of the terms, by number.
struct Files<'a>(Vec<&'a [String]>);

impl Imports for Files<'_> {
    fn load(&self, _from: &Source, path: &str) -> Result<Source, ImportError> {
        let number =
            path.strip_prefix("terms").and_then(|rest| rest.strip_suffix(".role")).and_then(|n| n.parse().ok());
        let number: usize = number.ok_or(ImportError::NotFound)?;
        let terms = self.0.get(number).ok_or(ImportError::NotFound)?;
        let text = format!("rules terms{number} {{\n forbidden_terms \"{}\"\n}}\n", terms.join("|"));
        Ok(Source::new(path, &text))
    }
}
