//! Policy `hello`: a reply does not open with “hi” or “嗨”, but with a proper greeting.
//!
//! The smallest policy that ships, to copy and to learn from. It has one parameter:
//!
//! - `greeting` (string): what to say instead; without it “您好” for a role whose first language is
//!   Chinese, else “Hello”.
//!
//! ```role
//! opening: policy "hello" { greeting "Welcome" }
//! ```
//!
//! It judges whole replies, so the server holds a reply back until it is complete. How to judge a reply
//! while it grows is shown by `classical_tone` and `politeness`.

use std::rc::Rc;

use rolecall_plugin::{BadParam, ConstraintPolicy, Context, Manifest, PolicyError, Violation, WholeOnly};
use serde::Deserialize;

/// Greetings too casual to open a reply with.
const CASUAL: [&str; 7] = ["hi", "hey", "yo", "嗨", "嘿", "哈喽", "哈囉"];

/// The policy, made once from its parameters.
#[derive(Debug)]
pub struct Hello {
    greeting: Option<String>,
}

/// The parameters. The schema says the same to the author of a contract, before any reply is judged.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    greeting: Option<String>,
}

impl ConstraintPolicy for Hello {
    type Params = Params;
    type Stream = WholeOnly;

    fn manifest() -> Manifest {
        Manifest {
            name: "hello".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            doc: "Wants a proper greeting where a reply opens with a casual one.".into(),
            params_schema: include_str!("../params.schema.json").into(),
            ..Manifest::default()
        }
    }

    fn create(Params { greeting }: Params) -> Result<Self, BadParam> {
        match greeting {
            // The schema cannot say this; what it says has been checked already.
            Some(text) if text.trim().is_empty() => Err(BadParam::new("greeting", "an empty greeting greets nobody")),
            greeting => Ok(Self { greeting }),
        }
    }

    fn check(self: &Rc<Self>, reply: &str, context: &Context) -> Result<Vec<Violation>, PolicyError> {
        let opening = reply.trim_start();
        let word = opening.split(|c: char| !c.is_alphabetic() && c != '-').next().unwrap_or_default();
        if !CASUAL.contains(&word.to_lowercase().as_str()) {
            return Ok(Vec::new());
        }
        let usual = if context.language == "zh" { "您好" } else { "Hello" };
        // Spans are bytes of the reply, so what was trimmed off counts.
        let start = reply.len() - opening.len();
        let violation = Violation::new("casual_greeting", format!("“{word}” is too casual to open a reply with"))
            .at(start..start + word.len())
            .suggest(self.greeting.as_deref().unwrap_or(usual));
        Ok(vec![violation])
    }
}

rolecall_plugin::export_constraint!(Hello);

#[cfg(test)]
mod tests;
