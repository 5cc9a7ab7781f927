//! Runs policies natively, as the host would: same parameters, same results, same rules for spans
//! and groups. Its assertions panic with a reason, as assertions in tests do.
#![allow(clippy::panic, reason = "assertions for tests")]

use std::cell::RefCell;
use std::rc::Rc;

use crate::guest::parse_params;
use crate::log::Level;
use crate::{
    ConstraintPolicy, Context, DeliveryPolicy, Features, MergedGroup, OfflineMessage, PolicyError, StreamCheck,
    Verdict, Violation,
};

mod digits;
mod features;
pub(crate) mod host;

use features::swapped;

pub use features::features;
pub use host::{clear_kv, set_clock, set_embedder};

thread_local! {
    static LOG: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

/// The lines logged by this thread since the last call.
#[must_use]
pub fn take_log() -> Vec<(Level, String)> {
    LOG.with(RefCell::take)
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn record(level: Level, message: &str) {
    LOG.with(|log| log.borrow_mut().push((level, message.to_owned())));
}

/// A constraint policy under test.
#[derive(Debug)]
pub struct Constraint<P> {
    policy: Rc<P>,
    context: Context,
}

impl<P: ConstraintPolicy> Constraint<P> {
    /// Makes the policy from JSON parameters.
    ///
    /// # Errors
    /// Parameters that the policy refuses.
    pub fn create(params: &str) -> Result<Self, PolicyError> {
        let policy = Rc::new(P::create(parse_params(params)?)?);
        Ok(Self { policy, context: Context { role: "test".into(), language: "zh".into() } })
    }

    /// Speaks as somebody else.
    #[must_use]
    pub fn with_context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// Judges a whole reply.
    ///
    /// # Errors
    /// The policy's.
    pub fn check(&self, reply: &str) -> Result<Vec<Violation>, PolicyError> {
        let found = self.policy.check(reply, &self.context)?;
        found.iter().for_each(|violation| assert_spans(reply, violation));
        Ok(found)
    }

    /// Judges a reply in pieces; `None` when the policy does not stream.
    ///
    /// # Errors
    /// The policy's.
    pub fn stream(&self, pieces: &[&str]) -> Result<Option<Vec<Violation>>, PolicyError> {
        let Some(mut stream) = self.policy.open_stream(&self.context) else { return Ok(None) };
        let mut found = Vec::new();
        let mut text = String::new();
        for piece in pieces {
            text.push_str(piece);
            let new = stream.push(piece)?;
            new.iter().for_each(|violation| assert_spans(&text, violation));
            found.extend(new);
        }
        let last = stream.finish()?;
        last.iter().for_each(|violation| assert_spans(&text, violation));
        found.extend(last);
        Ok(Some(found))
    }

    /// Asserts that the reply gets the same judgement whole, cut at each place once, and in single
    /// characters.
    ///
    /// # Panics
    /// When it does not, naming the cut.
    pub fn assert_streams(&self, reply: &str) {
        assert!(P::Stream::STREAMING, "the policy's `Stream` is `WholeOnly`");
        let whole = match self.check(reply) {
            Ok(found) => found,
            Err(error) => panic!("check failed: {error}"),
        };
        let cuts = reply.char_indices().map(|(at, _)| reply.split_at(at)).map(|(a, b)| vec![a, b]);
        let mut buffer = [0; 4];
        let singles: Vec<String> = reply.chars().map(|c| c.encode_utf8(&mut buffer).to_owned()).collect();
        for pieces in cuts.chain([singles.iter().map(String::as_str).collect()]) {
            match self.stream(&pieces) {
                Ok(Some(found)) => assert_eq!(found, whole, "judged in the pieces {pieces:?}"),
                Ok(None) => panic!("`open_stream` returned none although the policy's type streams"),
                Err(error) => panic!("the stream failed: {error}"),
            }
        }
    }
}

/// A delivery policy under test.
#[derive(Debug)]
pub struct Delivery<P> {
    policy: P,
}

impl<P: DeliveryPolicy> Delivery<P> {
    /// Makes the policy from JSON parameters.
    ///
    /// # Errors
    /// Parameters that the policy refuses.
    pub fn create(params: &str) -> Result<Self, PolicyError> {
        Ok(Self { policy: P::create(parse_params(params)?)? })
    }

    /// Merges a window, and asserts that the groups partition it and that groups of two or more
    /// have a text.
    ///
    /// # Errors
    /// The policy's.
    ///
    /// # Panics
    /// When they do not.
    pub fn merge(&self, window: &[OfflineMessage]) -> Result<Vec<MergedGroup>, PolicyError> {
        let groups = self.policy.merge(window)?;
        let mut members: Vec<usize> = groups.iter().flat_map(|group| group.members.iter().copied()).collect();
        members.sort_unstable();
        assert!(members.iter().copied().eq(0..window.len()), "the groups do not partition the window: {members:?}");
        for group in &groups {
            assert!(!group.members.is_empty(), "an empty group");
            assert!(group.members.len() < 2 || group.text.is_some(), "a merged group without a text: {group:?}");
        }
        Ok(groups)
    }

    /// Compares two texts with their [`features()`], in both orders, and asserts that the verdicts are the
    /// same but for the order.
    ///
    /// # Errors
    /// The policy's.
    ///
    /// # Panics
    /// When they are not.
    pub fn same(&self, a: &str, b: &str) -> Result<Verdict, PolicyError> {
        let message = |text: &str| OfflineMessage { text: text.to_owned(), ..OfflineMessage::default() };
        self.same_messages(&message(a), &message(b), &features(a, b))
    }

    /// As [`Delivery::same`], for policies that look at more than the texts.
    ///
    /// # Errors
    /// The policy's.
    ///
    /// # Panics
    /// When the order matters.
    pub fn same_messages(
        &self,
        a: &OfflineMessage,
        b: &OfflineMessage,
        features: &Features,
    ) -> Result<Verdict, PolicyError> {
        let verdict = self.policy.same(a, b, features)?;
        let swapped = self.policy.same(b, a, &swapped(features))?;
        assert_eq!(swapped, verdict.swapped(), "{verdict:?}, and in the other order {swapped:?}: {a:?}, {b:?}");
        Ok(verdict)
    }
}

fn assert_spans(text: &str, violation: &Violation) {
    let mut end = 0;
    for span in &violation.spans {
        assert!(
            end <= span.start && span.start <= span.end && text.get(span.clone()).is_some(),
            "the host refuses the span {span:?} of {violation:?}: it is reversed, out of order, outside the text or inside a character"
        );
        end = span.end;
    }
}
