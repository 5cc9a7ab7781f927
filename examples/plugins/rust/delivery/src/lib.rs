//! Policy `my_policy`: messages that waited arrive together where they belong together.
//!
//! Consecutive messages of one role and one intent become one message, a line for each. Of two
//! messages with the same text one is enough.

use rolecall_plugin::{
    BadParam, DeliveryPolicy, Features, Manifest, MergedGroup, OfflineMessage, PolicyError, Verdict,
};
use serde::Deserialize;

/// Bytes of one merged text: the server takes no longer one.
const MAX_TEXT_BYTES: usize = 64 << 10;
/// Bytes of all merged texts: the server takes 1 MiB, with everything around the texts.
const MAX_RESULT_BYTES: usize = 768 << 10;

/// The policy.
#[derive(Debug)]
pub struct Policy;

/// The parameters: none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {}

impl DeliveryPolicy for Policy {
    type Params = Params;

    // What is left out is that of a policy without parameters.
    fn manifest() -> Manifest {
        Manifest {
            name: "my_policy".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            doc: "Joins consecutive messages of one intent.".into(),
            ..Manifest::default()
        }
    }

    fn create(_params: Params) -> Result<Self, BadParam> {
        Ok(Self)
    }

    fn merge(&self, window: &[OfflineMessage]) -> Result<Vec<MergedGroup>, PolicyError> {
        let mut room = MAX_RESULT_BYTES;
        let mut groups = Vec::new();
        let mut rest = window;
        while let Some(first) = rest.first() {
            let run = run(first, rest, room.min(MAX_TEXT_BYTES));
            let at = window.len() - rest.len();
            let text = (run.len() > 1).then(|| joined(run));
            room -= text.as_ref().map_or(0, String::len);
            groups.push(MergedGroup {
                members: (at..at + run.len()).collect(),
                text,
            });
            rest = rest.get(run.len()..).unwrap_or_default();
        }
        Ok(groups)
    }

    fn same(
        &self,
        a: &OfflineMessage,
        b: &OfflineMessage,
        _features: &Features,
    ) -> Result<Verdict, PolicyError> {
        let equal = a.text.trim() == b.text.trim();
        Ok(if equal {
            Verdict::Same
        } else {
            Verdict::Unsure
        })
    }
}

/// The messages at the beginning that are joined: at least one, and as many as fit into `room`.
fn run<'a>(
    first: &OfflineMessage,
    rest: &'a [OfflineMessage],
    room: usize,
) -> &'a [OfflineMessage] {
    let mut bytes = 0;
    let more = rest.iter().skip(1).take_while(|message| {
        bytes += 1 + message.text.len();
        let alike = (&first.role, &first.intent) == (&message.role, &message.intent);
        alike && first.text.len() + bytes <= room
    });
    let length = 1 + more.count();
    rest.get(..length).unwrap_or(rest)
}

fn joined(messages: &[OfflineMessage]) -> String {
    let texts: Vec<&str> = messages
        .iter()
        .map(|message| message.text.as_str())
        .collect();
    texts.join("\n")
}

rolecall_plugin::export_delivery!(Policy);

#[cfg(test)]
mod tests;
