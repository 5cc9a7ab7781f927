//! The system prompt compiled from a contract.

use crate::contract::{Contract, Language};

impl Contract {
    /// The system prompt compiled from persona, rules and style, in the contract's first language. Of
    /// guarded rules it has none: [`Contract::for_turn`] has those in force.
    #[must_use]
    pub fn prompt(&self) -> String {
        let language = self.languages.first().copied().unwrap_or(Language::En);
        let persona = self.persona.trim();
        let (introduction, speech, heading) = match language {
            Language::Zh => (format!("你的角色设定：{persona}"), self.speech_zh(), "每一次回答都必须遵守以下规则："),
            Language::En => (format!("Your role: {persona}"), self.speech_en(), "Every answer must keep these rules:"),
        };
        let mut prompt = format!("{introduction}\n{speech}");
        let rules: Vec<_> = self.rules.iter().filter(|rule| rule.guard.is_none()).collect();
        if !rules.is_empty() {
            prompt.push_str("\n\n");
            prompt.push_str(heading);
            for (number, rule) in (1..).zip(rules) {
                prompt.push_str(&format!("\n{number}. {}", rule.constraint.prompt(language)));
            }
        }
        if !self.style.is_empty() {
            prompt.push_str("\n\n");
            prompt.push_str(match language {
                Language::Zh => "语气以下面的话为例，不要照抄：",
                Language::En => "These examples show your tone; do not repeat them:",
            });
            for sample in &self.style {
                prompt.push_str(&format!("\n- {}", sample.value.trim()));
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
