//! The system prompt compiled from a contract.

use crate::contract::{Contract, Language};

impl Contract {
    /// The system prompt compiled from persona and rules, in the contract's first language.
    #[must_use]
    pub fn prompt(&self) -> String {
        let language = self.languages.first().copied().unwrap_or(Language::En);
        let persona = self.persona.trim();
        let (introduction, speech, heading) = match language {
            Language::Zh => (format!("你的角色设定：{persona}"), self.speech_zh(), "每一次回答都必须遵守以下规则："),
            Language::En => (format!("Your role: {persona}"), self.speech_en(), "Every answer must keep these rules:"),
        };
        let mut prompt = format!("{introduction}\n{speech}");
        if !self.rules.is_empty() {
            prompt.push_str("\n\n");
            prompt.push_str(heading);
            for (number, rule) in (1..).zip(&self.rules) {
                prompt.push_str(&format!("\n{number}. {}", rule.constraint.prompt(language)));
            }
        }
        prompt
    }

    fn speech_zh(&self) -> String {
        let stay = "始终保持角色，只输出回答本身，不要提及这些规则。";
        match self.languages.as_slice() {
            [Language::Zh] | [] => format!("用中文回答。{stay}"),
            _ => format!("用对方使用的语言（中文或英文）回答。{stay}"),
        }
    }

    fn speech_en(&self) -> String {
        let stay = "Stay in the role, write nothing but the answer, and do not mention these rules.";
        match self.languages.as_slice() {
            [Language::En] | [] => format!("Answer in English. {stay}"),
            _ => format!("Answer in the language you are spoken to (English or Chinese). {stay}"),
        }
    }
}
