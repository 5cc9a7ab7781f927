use serde::de::DeserializeOwned;

use crate::{BadParam, Manifest, PolicyError};

/// A message that waits for somebody who is away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfflineMessage {
    /// The sender's id of the message.
    pub id: String,
    /// Who speaks.
    pub role: String,
    /// What it is about.
    pub intent: String,
    /// 0 low, 1 normal, 2 high.
    pub priority: u8,
    /// The turn it belongs to.
    pub turn_id: u64,
    /// The text.
    pub text: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_at_ms: u64,
}

/// Messages that are delivered as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedGroup {
    /// Positions in the window. Every position is in exactly one group.
    pub members: Vec<usize>,
    /// The text that stands for them; `None` leaves a single message as it is.
    pub text: Option<String>,
}

/// Merges messages that waited. The value is made once from its parameters.
pub trait DeliveryPolicy: Sized + 'static {
    /// The parameters.
    type Params: DeserializeOwned;

    /// What the policy says of itself.
    fn manifest() -> Manifest;

    /// Compiles the parameters.
    ///
    /// # Errors
    /// A parameter that fits the schema and yet cannot be used.
    fn create(params: Self::Params) -> Result<Self, BadParam>;

    /// Puts the messages of a window into groups, each message into exactly one. A group of two or
    /// more needs a text.
    ///
    /// # Errors
    /// [`PolicyError::Internal`]: the policy failed.
    fn merge(&self, window: &[OfflineMessage]) -> Result<Vec<MergedGroup>, PolicyError>;
}
