//! Everything that can happen to a session, as one closed set.

use rolecall_wire::frame::{ClientFrame, Hello};
use tokio::sync::oneshot;

use super::attach::Attachment;
use super::error::SessionError;
use super::jobs::{JobEnd, JobOrder};
use super::places::Attempt;
use super::state::ConnectionId;
use super::turn::TurnEvent;
use crate::ids::{Seq, TokenGeneration};
use crate::offline::Window;
use crate::store::{Committed, Fence, StoreError};

/// What others ask of a session's actor.
#[derive(Debug)]
pub(super) enum Command {
    /// A client connects, with a token of this generation.
    Attach(Box<Hello>, TokenGeneration, oneshot::Sender<Result<Attachment, SessionError>>),
    /// A client's frame.
    Frame(ConnectionId, Box<ClientFrame>),
    /// A message was posted; whether it is urgent.
    Posted(bool),
    /// Nothing: the session is to be in memory, which it then is.
    Wake,
    /// A connection came to another process, of this attempt: the session is to go there.
    Release(Attempt),
    /// The client is to go to another process, so many ms from now.
    Leave(u32),
    /// Somebody who is no connection wants a turn stopped.
    Cancel(u64),
    /// A job of the queue is to be answered.
    Job(Box<JobOrder>, oneshot::Sender<JobEnd>),
    /// It is to be cancelled, if it is being answered.
    CancelJob(String),
    /// How far the client has acknowledged, and with which fence the session is held.
    Acknowledged(oneshot::Sender<(Fence, Seq)>),
    /// Others may own the session by now, or messages wait that nobody told of.
    Look,
}

/// What happens to a session's actor.
#[derive(Debug)]
pub(super) enum Event {
    /// The process goes down.
    Stop,
    /// The commit under way ended.
    Committed(Result<Committed, StoreError>),
    /// Somebody asks something.
    Command(Command),
    /// The running turn reports; `None` when its task is gone without an end.
    Turn(Option<Box<TurnEvent>>),
    /// Messages for delivery are ready.
    Assembled(Result<Window, StoreError>),
    /// The attached connection is gone.
    Detached,
    /// Nothing has happened for long.
    Idle,
}
