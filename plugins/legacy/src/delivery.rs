use super::bindings::exports::rolecall::policy::delivery::{GuestPolicy, Policy};
use super::bindings::rolecall::policy::types::{MergedGroup, OfflineMessage, PolicyError};

/// Joins a whole window.
pub(crate) struct Joiner;

impl GuestPolicy for Joiner {
    fn create(params: String) -> Result<Policy, PolicyError> {
        super::word(&params).map(|_| Policy::new(Self))
    }

    fn merge(&self, window: Vec<OfflineMessage>) -> Result<Vec<MergedGroup>, PolicyError> {
        if window.is_empty() {
            return Ok(Vec::new());
        }
        let members = (0..).take(window.len()).collect();
        let texts: Vec<String> = window.into_iter().map(|message| message.text).collect();
        Ok(vec![MergedGroup { members, text: Some(texts.join(" + ")) }])
    }
}
