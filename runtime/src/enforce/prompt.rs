//! What a model is asked.

use std::fmt::Write as _;
use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::contract::Language;

use super::{Permitted, ToolCall, ToolUse, Tools, UserText};
use crate::dialogue::Note;

/// Of a session's earlier lines the newest are sent, up to this many bytes of text; older ones are
/// left out. Callers who keep the dialogue themselves, as on the OpenAI surface, are refused instead.
pub const MAX_HISTORY_BYTES: usize = 64 << 10;

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The user.
    User,
    /// The role.
    Role,
    /// A tool that the role called.
    Tool,
}

/// An earlier line of the dialogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Who.
    pub speaker: Speaker,
    /// What.
    pub text: String,
    /// The tools that the role calls with it.
    pub calls: Vec<ToolCall>,
    /// Of a tool: the id of the call that it answers.
    pub answers: Option<String>,
    /// A caller's instruction, such as a system message: models hear it from the user, but it is no part of
    /// a turn.
    pub instruction: bool,
}

impl Line {
    /// A line without tools.
    #[must_use]
    pub fn said(speaker: Speaker, text: impl Into<String>) -> Self {
        Self { speaker, text: text.into(), calls: Vec::new(), answers: None, instruction: false }
    }

    /// The same as a caller's instruction.
    #[must_use]
    pub fn instructing(self) -> Self {
        Self { instruction: true, ..self }
    }

    /// What a model is sent of it, in bytes of text.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let calls = self.calls.iter().map(|call| call.id.len() + call.name.len() + call.arguments.len());
        self.text.len() + self.answers.as_ref().map_or(0, String::len) + calls.sum::<usize>()
    }
}

/// Whether nothing was answered yet: what a caller said before, instructions included, opens a dialogue.
#[must_use]
pub fn opens(history: &[Line]) -> bool {
    history.iter().all(|line| line.speaker != Speaker::Role)
}

/// What a caller may set for one turn (an OpenAI request's own parameters).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// 0.0–2.0; beats the contract's.
    pub temperature: Option<f64>,
    /// Upper bound on the model's tokens; the lower of this and the contract's holds.
    pub max_tokens: Option<u32>,
    /// What a model that draws lots starts from; models that know no seeds ignore it.
    pub seed: Option<u64>,
}

/// A question to a model, with everything that the contract adds to it.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// The role that answers.
    pub contract: Arc<Contract>,
    /// The compiled contract: persona and rules.
    pub system: String,
    /// What was said before, oldest first.
    pub lines: Vec<Line>,
    /// What the user says now.
    pub user: String,
    /// What was done with tools since: calls, each followed by its results.
    pub steps: Vec<Line>,
    /// What may be called.
    pub tools: Tools,
    /// The part of the reply that the user has already seen; the answer continues behind it.
    pub already: String,
    /// What the user refers to.
    pub notes: Vec<Note>,
    /// What must still come, one sentence each.
    pub still: Vec<String>,
    /// What was wrong with the attempt before, one sentence each.
    pub broken: Vec<String>,
    /// Whether that attempt called tools, or should have.
    pub calling: bool,
    /// 0 for the first attempt of a turn.
    pub attempt: u32,
    /// 0.0–2.0.
    pub temperature: Option<f64>,
    /// Upper bound on the model's tokens.
    pub max_tokens: Option<u32>,
    /// See [`Overrides::seed`].
    pub seed: Option<u64>,
}

/// What a further attempt's prompt says beyond the first one's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Additions {
    /// What the user has already seen.
    pub already: String,
    /// What must still come.
    pub still: Vec<String>,
    /// What was wrong.
    pub broken: Vec<String>,
    /// Whether it is about an answer that calls tools, or should.
    pub calling: bool,
}

/// The language in which a role's model is spoken to.
pub(super) fn language(contract: &Contract) -> Language {
    contract.languages.first().copied().unwrap_or(Language::En)
}

impl Prompt {
    /// The first attempt's prompt. Of the history it carries as many turns as the contract's
    /// `state { history }` lets it.
    #[must_use]
    pub fn first(
        contract: Arc<Contract>,
        history: Vec<Line>,
        user: Permitted<UserText>,
        already: &str,
        overrides: &Overrides,
    ) -> Permitted<Self> {
        let temperature =
            overrides.temperature.or(contract.model.temperature).filter(|t| t.is_finite()).map(|t| t.clamp(0.0, 2.0));
        let max_tokens = match (overrides.max_tokens, contract.model.max_tokens) {
            (Some(caller), Some(role)) => Some(caller.min(role)),
            (caller, role) => caller.or(role),
        };
        Permitted::new(Self {
            system: contract.prompt(),
            lines: recent(carried(history, contract.state.history)),
            user: user.into_inner().text,
            steps: Vec::new(),
            tools: Tools::default(),
            already: already.to_owned(),
            notes: Vec::new(),
            still: Vec::new(),
            broken: Vec::new(),
            calling: false,
            attempt: 0,
            temperature,
            max_tokens,
            seed: overrides.seed,
            contract,
        })
    }

    /// The same with tools.
    #[must_use]
    pub fn with_tools(prompt: Permitted<Self>, used: ToolUse) -> Permitted<Self> {
        Permitted::new(Self { steps: used.steps, tools: used.tools, ..prompt.into_inner() })
    }

    /// The prompt with what the user's words refer to in the dialogue.
    #[must_use]
    pub fn noting(prompt: Permitted<Self>, notes: Vec<Note>) -> Permitted<Self> {
        Permitted::new(Self { notes, ..prompt.into_inner() })
    }

    /// The prompt of a further attempt, when the one before took as many tokens as `counted`. Behind text
    /// that is out it has only what that left of the limit, which is one on the reply and not on an attempt.
    #[must_use]
    pub fn again(&self, additions: Additions, counted: u64) -> Permitted<Self> {
        let Additions { already, still, broken, calling } = additions;
        let counted = if already.is_empty() { 0 } else { u32::try_from(counted).unwrap_or(u32::MAX) };
        let max_tokens = self.max_tokens.map(|limit| limit.saturating_sub(counted).max(1));
        let attempt = self.attempt + 1;
        Permitted::new(Self { already, still, broken, calling, attempt, max_tokens, ..self.clone() })
    }

    /// What a model must be told beyond the contract and the dialogue, in the contract's first
    /// language; `None` when there is nothing.
    #[must_use]
    pub fn instructions(&self) -> Option<String> {
        let language = language(&self.contract);
        let zh = language == Language::Zh;
        let mut text = String::new();
        if !self.notes.is_empty() {
            let refers = if zh {
                "用户这句话的所指(供你理解,不要复述本段):"
            } else {
                "What the user refers to (for you; do not repeat this):"
            };
            let _ = writeln!(text, "{refers}");
        }
        for note in &self.notes {
            let _ = writeln!(text, "{}", note.say(language));
        }
        let wrong = match (self.calling, zh) {
            (false, true) => "你上一次的回复没有遵守以下规则:",
            (false, false) => "Your previous reply broke these rules:",
            (true, true) => "你上一次的回复或其中的工具调用有以下问题:",
            (true, false) => "This was wrong with your previous reply or its tool calls:",
        };
        let (missing, behind) = if zh {
            (
                "回复中还必须做到:",
                "你的回复已经有一部分展示给用户(见上一条助手消息)。请紧接其后继续写,不要重复已经写过的内容。",
            )
        } else {
            (
                "The reply must still:",
                "A part of your reply was already shown to the user (the assistant message above). Continue right behind it and do not repeat any of it.",
            )
        };
        list(&mut text, wrong, &self.broken);
        list(&mut text, missing, &self.still);
        if !self.already.is_empty() {
            let _ = writeln!(text, "{behind}");
        }
        (!text.is_empty()).then(|| text.trim_end().to_owned())
    }
}

fn list(text: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(text, "{title}");
    for item in items {
        let _ = writeln!(text, "- {item}");
    }
}

/// The newest turns that the contract lets a prompt carry; a turn begins with the user's line, or the first of
/// several that were answered together. Those that nobody has answered are of the turn that is asked for, and
/// stay. So does what a caller instructs, which belongs to no turn.
fn carried(mut history: Vec<Line>, turns: Option<u32>) -> Vec<Line> {
    let Some(turns) = turns else { return history };
    let answered = history.iter().rposition(|line| line.speaker != Speaker::User).map_or(0, |last| last + 1);
    let mut speaker = None;
    let mut begins: Vec<usize> = Vec::new();
    for (index, line) in history.iter().enumerate().take(answered).filter(|(_, line)| !line.instruction) {
        let before = speaker.replace(line.speaker);
        if line.speaker == Speaker::User && before != Some(Speaker::User) {
            begins.push(index);
        }
    }
    let surplus = match usize::try_from(turns).unwrap_or(usize::MAX).checked_sub(1) {
        // What stands before the first turn that is carried goes; with fewer turns all stays.
        Some(newer) => begins.iter().rev().nth(newer).copied().unwrap_or(0),
        None => answered,
    };
    let mut place = 0;
    history.retain(|line| {
        place += 1;
        line.instruction || place > surplus
    });
    history
}

fn recent(mut history: Vec<Line>) -> Vec<Line> {
    let mut left = MAX_HISTORY_BYTES;
    let kept = history
        .iter()
        .rev()
        .take_while(|line| {
            let fits = line.bytes() <= left;
            left = left.saturating_sub(line.bytes());
            fits
        })
        .count();
    history.drain(..history.len() - kept);
    history
}

#[cfg(test)]
mod tests {
    use super::{Additions, Line, Speaker, carried};
    use crate::enforce::testing::{prompt, role};

    fn dialogue(turns: usize) -> Vec<Line> {
        let line = Line::said;
        (0..turns).flat_map(|n| [line(Speaker::User, format!("q{n}")), line(Speaker::Role, format!("a{n}"))]).collect()
    }

    // Fails when a contract's history is not kept to, or a turn is cut in half.
    #[test]
    fn a_contract_bounds_the_history() {
        let first = |turns, limit| carried(dialogue(turns), limit).first().map(|line| line.text.clone());
        assert_eq!(first(5, None).as_deref(), Some("q0"));
        assert_eq!(first(5, Some(2)).as_deref(), Some("q3"));
        assert_eq!(first(5, Some(5)).as_deref(), Some("q0"));
        assert_eq!(first(5, Some(9)).as_deref(), Some("q0"));
        assert_eq!(first(5, Some(0)), None);
        assert_eq!(carried(dialogue(5), Some(2)).len(), 4);
        assert!(carried(Vec::new(), Some(0)).is_empty());
    }

    // Fails when what a caller instructs is counted as a turn, or goes with the turns that are left out.
    #[test]
    fn instructions_stay_and_are_no_turns() {
        let mut lines = dialogue(3);
        lines.insert(0, Line::said(Speaker::User, "s0").instructing());
        lines.insert(5, Line::said(Speaker::User, "s1").instructing());
        let texts = |turns| carried(lines.clone(), turns).into_iter().map(|line| line.text).collect::<Vec<String>>();
        assert_eq!(texts(Some(0)), ["s0", "s1"]);
        assert_eq!(texts(Some(1)), ["s0", "s1", "q2", "a2"]);
        assert_eq!(texts(Some(2)), ["s0", "q1", "a1", "s1", "q2", "a2"]);
        assert_eq!(texts(Some(3)).len(), 8);
        assert_eq!(texts(None).len(), 8);
    }

    // Fails when a question is cut from the words that go on with it, in the turn that is asked for or before.
    #[test]
    fn lines_without_an_answer_between_them_are_one_turn() {
        let mut lines = dialogue(2);
        lines.insert(1, Line::said(Speaker::User, "q0, more"));
        lines.insert(1, Line::said(Speaker::User, "s0").instructing());
        lines.push(Line::said(Speaker::User, "q2"));
        lines.push(Line::said(Speaker::User, "s1").instructing());
        let texts = |turns| carried(lines.clone(), Some(turns)).into_iter().map(|line| line.text).collect::<Vec<_>>();
        assert_eq!(texts(0), ["s0", "q2", "s1"]);
        assert_eq!(texts(1), ["s0", "q1", "a1", "q2", "s1"]);
        assert_eq!(texts(2), ["q0", "s0", "q0, more", "a0", "q1", "a1", "q2", "s1"]);
        assert_eq!(texts(3), texts(2));
    }

    // Fails when a role's model is told in another language, or of its calls as if they were rules.
    #[test]
    fn a_prompt_keeps_to_the_roles_language() {
        let first = prompt(&role("zh", "max_sentences 3", ""), "在吗?", "");
        let additions = |calling| Additions { broken: vec!["一".to_owned()], calling, ..Additions::default() };
        let told = |calling| first.get().again(additions(calling), 0).get().instructions().unwrap();
        assert!(told(true).contains("工具调用") && !told(false).contains("工具调用"));
        assert!([told(true), told(false)].iter().all(|told| !told.contains(|c: char| c.is_ascii_alphabetic())));
    }
}
