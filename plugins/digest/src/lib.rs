//! Policy `digest`: what waited for somebody arrives as a few messages instead of many.
//!
//! Messages of one role about one intent become one message that names its parts, in the order of
//! their turns; a message alone stays as it is. Parameters:
//!
//! - `max_group` (integer, default 20): so many messages are merged into one; a longer group is
//!   split, but never between turn n and turn n + 1. Messages without a turn (turn 0) may be split
//!   anywhere.
//!
//! A merged text has at most 64 KiB, and all of them together 768 KiB, which is what the server takes;
//! messages too long for that stay as they are.

mod group;
mod phrase;

use rolecall_plugin::{BadParam, DeliveryPolicy, Manifest, MergedGroup, OfflineMessage, PolicyError};
use serde::Deserialize;

/// Groups of more than this would be no digest.
const MAX_GROUP: usize = 500;
/// Bytes of one merged text: the server takes no longer one.
const MAX_TEXT_BYTES: usize = 64 << 10;
/// Bytes of all merged texts: the server takes 1 MiB, with everything around the texts.
const MAX_RESULT_BYTES: usize = 768 << 10;

/// The policy.
#[derive(Debug)]
pub struct Digest {
    max_group: usize,
}

/// The parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(default = "default_max_group")]
    max_group: usize,
}

fn default_max_group() -> usize {
    20
}

impl DeliveryPolicy for Digest {
    type Params = Params;

    fn manifest() -> Manifest {
        Manifest {
            name: "digest".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            doc: "Merges waiting messages of one role and intent into one that names its parts.".into(),
            params_schema: include_str!("../params.schema.json").into(),
            ..Manifest::default()
        }
    }

    fn create(params: Params) -> Result<Self, BadParam> {
        if (2..=MAX_GROUP).contains(&params.max_group) {
            Ok(Self { max_group: params.max_group })
        } else {
            Err(BadParam::new("max_group", format!("{} is not between 2 and {MAX_GROUP}", params.max_group)))
        }
    }

    fn merge(&self, window: &[OfflineMessage]) -> Result<Vec<MergedGroup>, PolicyError> {
        let mut room = MAX_RESULT_BYTES;
        let mut merged = Vec::new();
        for members in group::groups(window, self.max_group, MAX_TEXT_BYTES) {
            let parts: Vec<&OfflineMessage> = members.iter().filter_map(|member| window.get(*member)).collect();
            let text = (parts.len() > 1).then(|| phrase::digest(&parts));
            match text {
                Some(text) if text.len() <= room => {
                    room -= text.len();
                    merged.push(MergedGroup { members, text: Some(text) });
                }
                _ => merged.extend(members.into_iter().map(alone)),
            }
        }
        Ok(merged)
    }
}

fn alone(member: usize) -> MergedGroup {
    MergedGroup { members: vec![member], text: None }
}

rolecall_plugin::export_delivery!(Digest);

#[cfg(test)]
mod tests;
