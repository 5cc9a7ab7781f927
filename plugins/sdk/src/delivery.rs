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

/// What the host has computed about the texts of two messages, `a` and `b`, as they are: nothing is
/// folded or trimmed. In native tests, [`crate::testing::features()`] computes the same.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Features {
    /// Characters (Unicode scalar values) of `a`.
    pub a_chars: u32,
    /// Characters of `b`.
    pub b_chars: u32,
    /// 1 - d / n, where d is the Levenshtein distance in characters and n the characters of the longer
    /// text; 1 when both are empty.
    pub edit_similarity: f64,
    /// The cosine of the texts' embeddings, -1 to 1; `None` when they were not embedded.
    pub embedding_similarity: Option<f64>,
    /// The numbers of `a` that are written in digits: each longest run of decimal digits of any script,
    /// in the order of the text, written with the digits 0 to 9. `-1,200.50 kg` has the numbers 1, 200
    /// and 50.
    pub a_numbers: Vec<String>,
    /// The numbers of `b`.
    pub b_numbers: Vec<String>,
}

/// How two messages, `a` and `b`, relate by what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Each says all that the other says: one of them is enough, whichever.
    Same,
    /// `a` says all that `b` says, and more: `a` is enough, `b` is not.
    Contains,
    /// `b` says all that `a` says, and more: `b` is enough, `a` is not.
    Contained,
    /// Each says something that the other does not: both are needed.
    Different,
    /// The policy does not know; the host decides as it would without the policy.
    Unsure,
}

impl Verdict {
    /// The verdict about the same two messages in the other order.
    ///
    /// ```
    /// use rolecall_plugin::Verdict;
    ///
    /// assert_eq!(Verdict::Contains.swapped(), Verdict::Contained);
    /// assert_eq!(Verdict::Same.swapped(), Verdict::Same);
    /// ```
    #[must_use]
    pub fn swapped(self) -> Self {
        match self {
            Self::Contains => Self::Contained,
            Self::Contained => Self::Contains,
            Self::Same | Self::Different | Self::Unsure => self,
        }
    }
}

/// Merges messages that waited, and tells which of them say the same. The value is made once from its
/// parameters.
///
/// A guard for numbers: what differs in a number is different, however similar it looks.
///
/// ```
/// use rolecall_plugin::testing::Delivery;
/// use rolecall_plugin::{
///     BadParam, DeliveryPolicy, Features, Manifest, MergedGroup, OfflineMessage, PolicyError, Verdict,
/// };
///
/// struct Numbers;
///
/// #[derive(serde::Deserialize)]
/// struct Params {}
///
/// impl DeliveryPolicy for Numbers {
///     type Params = Params;
///
///     fn manifest() -> Manifest {
///         Manifest {
///             name: "numbers".into(),
///             version: "1.0.0".into(),
///             doc: "Keeps messages apart that differ in a number.".into(),
///             ..Manifest::default()
///         }
///     }
///
///     fn create(_params: Params) -> Result<Self, BadParam> {
///         Ok(Self)
///     }
///
///     fn merge(&self, window: &[OfflineMessage]) -> Result<Vec<MergedGroup>, PolicyError> {
///         Ok((0..window.len()).map(|at| MergedGroup { members: vec![at], text: None }).collect())
///     }
///
///     fn same(&self, _a: &OfflineMessage, _b: &OfflineMessage, features: &Features) -> Result<Verdict, PolicyError> {
///         let alike = features.a_numbers == features.b_numbers;
///         Ok(if alike { Verdict::Unsure } else { Verdict::Different })
///     }
/// }
///
/// rolecall_plugin::export_delivery!(Numbers);
///
/// let policy = Delivery::<Numbers>::create("{}").unwrap();
/// assert_eq!(policy.same("Order 1234 left.", "Order 1235 left.").unwrap(), Verdict::Different);
/// assert_eq!(policy.same("Order 1234 left.", "Order 1234 left!").unwrap(), Verdict::Unsure);
/// ```
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

    /// Says how two messages relate. Swapping them must give the [`Verdict::swapped`] one. A policy that
    /// only merges leaves this out and is unsure.
    ///
    /// # Errors
    /// [`PolicyError::Internal`]: the policy failed.
    fn same(&self, _a: &OfflineMessage, _b: &OfflineMessage, _features: &Features) -> Result<Verdict, PolicyError> {
        Ok(Verdict::Unsure)
    }
}
