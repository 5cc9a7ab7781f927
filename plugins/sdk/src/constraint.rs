use std::rc::Rc;

use serde::de::DeserializeOwned;

use crate::{BadParam, Manifest, PolicyError, Violation};

/// Where a reply is spoken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The role that speaks.
    pub role: String,
    /// Its first language: `zh` or `en`.
    pub language: String,
}

/// Judges replies. The value is made once from its parameters, so that nothing is parsed per call.
///
/// Methods take `&Rc<Self>` so that a stream may keep what was compiled.
pub trait ConstraintPolicy: Sized + 'static {
    /// The parameters; unknown names are refused by the schema, wrong types by both.
    type Params: DeserializeOwned;
    /// The check of a growing reply; [`WholeOnly`] when only whole replies can be judged.
    type Stream: StreamCheck;

    /// What the policy says of itself.
    fn manifest() -> Manifest;

    /// Compiles the parameters.
    ///
    /// # Errors
    /// A parameter that fits the schema and yet cannot be used.
    fn create(params: Self::Params) -> Result<Self, BadParam>;

    /// Judges a whole reply. [`check_by_stream`] is this for policies that stream.
    ///
    /// # Errors
    /// [`PolicyError::Internal`]: the policy failed.
    fn check(self: &Rc<Self>, reply: &str, context: &Context) -> Result<Vec<Violation>, PolicyError>;

    /// Begins to judge a growing reply. However the reply is cut, the violations of all pushes and
    /// of the finish together must be those of `check`.
    fn open_stream(self: &Rc<Self>, _context: &Context) -> Option<Self::Stream> {
        None
    }
}

/// One growing reply.
pub trait StreamCheck: Sized + 'static {
    /// Whether there is such a check at all; only [`WholeOnly`] says no.
    const STREAMING: bool = true;

    /// The next piece, which may begin and end inside a word. Spans count from the beginning of
    /// the reply.
    ///
    /// # Errors
    /// [`PolicyError::Internal`]: the policy failed.
    fn push(&mut self, delta: &str) -> Result<Vec<Violation>, PolicyError>;

    /// The end of the reply.
    ///
    /// # Errors
    /// [`PolicyError::Internal`]: the policy failed.
    fn finish(self) -> Result<Vec<Violation>, PolicyError>;
}

/// The stream of a policy that judges whole replies only. Has no values.
#[derive(Debug)]
pub enum WholeOnly {}

impl StreamCheck for WholeOnly {
    const STREAMING: bool = false;

    fn push(&mut self, _delta: &str) -> Result<Vec<Violation>, PolicyError> {
        match *self {}
    }

    fn finish(self) -> Result<Vec<Violation>, PolicyError> {
        match self {}
    }
}

/// Judges a whole reply by the policy's own stream, so that both agree by construction.
///
/// # Errors
/// The stream's, or [`PolicyError::Internal`] when the policy opens none.
pub fn check_by_stream<P: ConstraintPolicy>(
    policy: &Rc<P>,
    reply: &str,
    context: &Context,
) -> Result<Vec<Violation>, PolicyError> {
    let mut stream = policy
        .open_stream(context)
        .ok_or_else(|| PolicyError::Internal("the policy judges by a stream and opened none".into()))?;
    let mut found = stream.push(reply)?;
    found.extend(stream.finish()?);
    Ok(found)
}
