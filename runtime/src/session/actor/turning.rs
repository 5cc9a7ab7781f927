//! How a turn begins, goes on and ends.

use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_wire::frame::ServerFrame;

use super::super::error::SessionError;
use super::super::generation::Generation;
use super::super::state::Start;
use super::super::turn::TurnEvent;
use super::Actor;
use crate::clock;
use crate::dialogue::Keep;
use crate::outbox::REPLY_BYTES;

impl Actor {
    /// Starts answering, and goes on to the next turn where that is impossible.
    pub(super) fn begin(&mut self, mut start: Option<Start>) {
        while let Some(turn) = start.take() {
            let number = turn.turn;
            let outcome = match self.deps.contracts.get(&self.role) {
                Some(contract) => self.generate(contract, turn),
                None => Err(SessionError::NoRole(self.role.clone())),
            };
            if let Err(error) = outcome {
                tracing::warn!(session = %self.id, turn = number, %error, "a turn cannot be answered");
                self.tell_attached(error.code(), error.to_string());
                start = self.machine.failed(clock::unix_ms());
            }
        }
    }

    fn generate(&mut self, contract: Arc<Contract>, start: Start) -> Result<(), SessionError> {
        self.machine.keep(Keep::of(&contract));
        let generation = Generation::start(&self.deps, &self.id, contract, start)?;
        self.generation = Some(generation);
        Ok(())
    }

    pub(super) fn turn(&mut self, event: Option<Box<TurnEvent>>) {
        let now_ms = clock::unix_ms();
        let start = match event.map(|event| *event) {
            Some(TurnEvent::Released(piece)) => {
                if self.machine.released(now_ms, &piece) {
                    return;
                }
                let message = format!("the reply is longer than {REPLY_BYTES} bytes; what was said stands");
                self.tell_attached("reply_too_long", message);
                self.machine.failed(now_ms)
            }
            Some(TurnEvent::Ended(end)) => {
                if let Some((code, message)) = &end.failure {
                    self.tell_attached(code, message.clone());
                }
                self.machine.ended(now_ms, end)
            }
            None => {
                tracing::error!(session = %self.id, "a turn's task ended without a word");
                self.tell_attached("internal", "the reply was cut short by an internal error".to_owned());
                self.machine.failed(now_ms)
            }
        };
        self.generation = None;
        self.begin(start);
    }

    /// Tells whoever asked that the running turn cannot be answered.
    pub(super) fn tell_attached(&mut self, code: &str, message: String) {
        if self.machine.blame(code, &message, None) {
            return;
        }
        if let Some(attached) = &self.attached {
            let id = attached.id;
            self.machine.tell(id, ServerFrame::Error { code: code.to_owned(), message, id: None });
        }
    }
}
