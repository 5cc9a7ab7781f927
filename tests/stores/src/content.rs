//! What is committed: texts of the size that is asked for, made before anything is measured.

use anyhow::{Context, Result};
use bytes::Bytes;
use rolecall_tests::clock::Dice;
use rolecall_tests::replies;

/// Different texts; handing one out costs a count and no copy.
const TEXTS: usize = 1_024;
/// Different states.
const STATES: usize = 64;

/// Messages and states.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    messages: Vec<Bytes>,
    states: Vec<Bytes>,
}

impl Content {
    /// Messages and states of these sizes, in bytes; a state of none is not given.
    pub(crate) fn new(message: usize, state: usize) -> Result<Self> {
        // Characters of ordinary replies in an order of their own, so that no compression finds a text in another one.
        let characters: Vec<char> = replies::ordinary().concat().chars().collect();
        let mut dice = Dice::new(1);
        let mut text = |bytes: usize| {
            let mut text = String::with_capacity(bytes.saturating_add(4));
            while text.len() < bytes {
                text.extend(characters.get(dice.index(characters.len())));
            }
            let mut bytes_of_it = text.into_bytes();
            bytes_of_it.truncate(bytes);
            Bytes::from(bytes_of_it)
        };
        let messages = (0..TEXTS).map(|_| text(message)).collect();
        let states = if state == 0 { Vec::new() } else { (0..STATES).map(|_| text(state)).collect() };
        Ok(Self { messages, states })
    }

    /// The message of a number.
    pub(crate) fn message(&self, number: usize) -> Result<Bytes> {
        self.messages.get(number % TEXTS).cloned().context("there are no messages")
    }

    /// The state that goes with it, where commits carry one.
    pub(crate) fn state(&self, number: usize) -> Option<Bytes> {
        self.states.get(number % STATES).cloned()
    }
}
