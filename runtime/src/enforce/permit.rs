//! The proof that a value passed the contract.

/// A value that enforcement let through. Only `enforce` can make one, so code that forgets the
/// contract does not compile:
///
/// ```compile_fail,E0624
/// use rolecall::enforce::Permitted;
///
/// let unchecked = Permitted::new("whatever the model said".to_owned());
/// ```
///
/// ```compile_fail,E0423
/// use rolecall::enforce::Permitted;
///
/// let unchecked = Permitted("whatever the model said".to_owned());
/// ```
///
/// And nothing but what was let through goes on, to a model or to the log:
///
/// ```compile_fail,E0308
/// # async fn ask(model: &dyn rolecall::model::Model, prompt: rolecall::enforce::Prompt) {
/// let stream = model.stream(prompt).await;
/// # }
/// ```
///
/// ```compile_fail,E0308
/// let said = rolecall::outbox::ReplyText::default().push(&"whatever the model said".to_owned());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permitted<T>(T);

impl<T> Permitted<T> {
    /// Vouches for a value. Callable within `enforce` only.
    pub(super) fn new(value: T) -> Self {
        Self(value)
    }

    /// The value.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// The value, by move.
    pub fn into_inner(self) -> T {
        self.0
    }
}
