//! A turn being answered in a task of its own.

use std::sync::Arc;

use rolecall_dsl::Contract;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::registry::Deps;
use super::state::Start;
use super::turn::{Overrides, Refused, ToolUse, TurnEvent, TurnRequest};
use crate::ids::SessionId;

/// Reports that may wait for the actor; the model's reader waits beyond it.
const REPORTS: usize = 16;

/// A running turn's task, from outside. Dropping it ends the task without a report.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) events: mpsc::Receiver<TurnEvent>,
    cancel: CancellationToken,
}

impl Generation {
    /// Starts answering. The words were let in when they were sent; they pass the door again, since
    /// the contract may have changed while they waited.
    ///
    /// The task waits for one of the slots that all sessions share, so that a restart does not call the
    /// model for every unfinished reply at once.
    pub(super) fn start(
        deps: &Deps,
        session: &SessionId,
        contract: Arc<Contract>,
        start: Start,
    ) -> Result<Self, Refused> {
        let user = deps.turns.admit(&contract, &start.text)?;
        let Start { turn, history, dialogue, already, .. } = start;
        let history = if contract.stateful { history } else { Vec::new() };
        let (id, session) = (format!("{session}.{turn}"), Some(session.to_string()));
        let tools = ToolUse::default();
        let overrides = Overrides::default();
        let request = TurnRequest { id, session, contract, history, dialogue, user, already, overrides, tools };
        let (reports, events) = mpsc::channel(REPORTS);
        let cancel = CancellationToken::new();
        let (turns, slots, stop) = (deps.turns.clone(), Arc::clone(&deps.slots), cancel.clone());
        deps.shutdown.spawn(Box::pin(async move {
            let _slot = tokio::select! {
                biased;
                // A turn that is cancelled while it waits calls no model, and needs no slot to end.
                () = stop.cancelled() => None,
                slot = slots.acquire_owned() => slot.ok(),
            };
            turns.run(request, reports, stop).await;
        }));
        Ok(Self { events, cancel })
    }

    /// Asks for an early end, which is then reported.
    pub(super) fn cancel(&self) {
        self.cancel.cancel();
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        // With the receiver closed first, the task's last words are not heard.
        self.events.close();
        self.cancel.cancel();
    }
}
