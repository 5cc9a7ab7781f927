//! One request for replies of a role, however it was put: what every HTTP surface has in common.
//!
//! A surface reads its own parameters ([`Fields`]) and its own messages ([`Dialogue`]) into a
//! [`Request`], [`start`](Completion::start)s it, and words what comes of it: a whole answer
//! ([`Completion::whole`]) or a stream ([`respond`], by its own [`Wording`]). Each of the replies asked
//! for is a turn of its own, judged by its own monitor; their events are merged here.
//!
//! When one of several replies fails, all of them do: the request is one, and none of the surfaces has a
//! word for a part of it. What was streamed before stands.

mod content;
mod dialogue;
mod end;
mod fields;
mod sse;
mod stream;
mod told;
mod tools;
mod turn;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::http::StatusCode;
use rolecall_dsl::Contract;
use rolecall_dsl::monitor::DeliveryMode;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) use content::{Content, instructs};
pub(crate) use dialogue::{Dialogue, Said};
pub(crate) use end::{End, Finish};
pub(crate) use fields::{Fields, Neutral, is_empty};
pub(crate) use sse::{event_line, event_stream};
pub(crate) use stream::{Wording, respond};
pub(crate) use told::acts;
pub(crate) use tools::tools;
use turn::Turn;

use super::error::ApiError;
use crate::app::App;
use crate::enforce::{self, Permitted, Tools};
use crate::ids;
use crate::session::turn::{Overrides, ToolUse, TurnEvent, TurnRequest, remembered};

/// Replies that one request may ask for.
pub(crate) const MAX_CHOICES: usize = 8;

/// A request that a role can answer.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The role.
    pub(crate) contract: Arc<Contract>,
    /// What was said, the user last.
    pub(crate) dialogue: Dialogue,
    /// The caller's parameters. A seed is each reply's own: the first gets it as it is, the next ones
    /// count on from it.
    pub(crate) overrides: Overrides,
    /// What may be called.
    pub(crate) tools: Tools,
    /// How many replies, 1 to [`MAX_CHOICES`].
    pub(crate) choices: usize,
}

/// Replies on their way. Dropping it, as a disconnect does, cancels their turns.
#[derive(Debug)]
pub(crate) struct Completion {
    /// Names this request: 26 letters and digits.
    pub(crate) id: String,
    /// The role.
    pub(crate) contract: Arc<Contract>,
    /// How the replies go out.
    mode: DeliveryMode,
    /// The turns that are not over, by choice.
    turns: Vec<Option<Turn>>,
    /// The choice that is looked at first, so that none is passed over.
    first: usize,
    _cancel: DropGuard,
}

/// What happened to one of the replies.
#[derive(Debug)]
pub(crate) enum Event {
    /// The next piece of its text; never empty.
    Text(Permitted<String>),
    /// Its end. A reply that failed has none: the request fails instead.
    Ended(Box<End>),
}

impl Completion {
    /// Starts the turns of a request.
    ///
    /// # Errors
    /// Words that are not let in, and places that are not there: each reply takes one of the server's
    /// places, and a request gets all of its own or none.
    pub(crate) fn start(app: &App, request: Request) -> Result<Self, ApiError> {
        let Request { contract, dialogue, overrides, tools, choices } = request;
        let Dialogue { history, user, steps, field } = dialogue;
        let tools = ToolUse::new(tools, steps)
            .map_err(|bad| ApiError::invalid("tools_refused", bad.to_string()).param(field))?;
        let id = ids::random_digits()
            .map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "no_randomness", error.to_string()))?;
        let mode = app.turns.delivery_mode(&contract, &user, enforce::opens(&history));
        let user = app
            .turns
            .admit(&contract, &user)
            .map_err(|refused| ApiError::invalid("message_refused", refused.to_string()).param(field))?;
        let places = places(app, choices)?;
        // Read once: each of the replies answers the same words.
        let dialogue = remembered(&contract, &history);
        let cancel = CancellationToken::new();
        tracing::debug!(trace = %id, role = %contract.name, choices, "completion");
        let turns = places.into_iter().enumerate().map(|(choice, place)| {
            let offset = u64::try_from(choice).unwrap_or(u64::MAX);
            let overrides =
                Overrides { seed: overrides.seed.map(|seed| seed.wrapping_add(offset)), ..overrides.clone() };
            let turn = TurnRequest {
                id: trace_id(&id, choice),
                session: None,
                contract: Arc::clone(&contract),
                history: history.clone(),
                dialogue: dialogue.clone(),
                user: user.clone(),
                already: String::new(),
                overrides,
                tools: tools.clone(),
            };
            Some(Turn::new(app, turn, place, cancel.clone()))
        });
        let turns = turns.collect();
        let mut completion = Self { id, contract, mode, turns, first: 0, _cancel: cancel.drop_guard() };
        if choices > 1 {
            // Side by side, on as many processors as there are.
            completion.detach();
        }
        Ok(completion)
    }

    /// What happens next, and to which of the replies; `None` when all are over, or one has failed.
    /// Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Result<(usize, Event), ApiError>> {
        if self.turns.iter().all(Option::is_none) {
            return None;
        }
        let (choice, event) = poll_fn(|cx| self.poll(cx)).await;
        let event = match event {
            Some(TurnEvent::Released(piece)) => Ok(Event::Text(piece)),
            Some(TurnEvent::Ended(end)) => End::of(end).map(|end| Event::Ended(Box::new(end))),
            None => Err(lost()),
        };
        match &event {
            Ok(Event::Text(_)) => {}
            Ok(Event::Ended(_)) => self.turns.iter_mut().skip(choice).take(1).for_each(|turn| *turn = None),
            Err(_) => self.turns.clear(),
        }
        Some(event.map(|event| (choice, event)))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(usize, Option<TurnEvent>)> {
        let count = self.turns.len();
        for choice in (self.first..count).chain(0..self.first.min(count)) {
            if let Some(Some(turn)) = self.turns.get_mut(choice)
                && let Poll::Ready(event) = turn.poll(cx)
            {
                self.first = choice + 1;
                return Poll::Ready((choice, event));
            }
        }
        Poll::Pending
    }

    /// Lets the turns run by themselves: they keep their time however slowly what they tell is read.
    fn detach(&mut self) {
        self.turns.iter_mut().flatten().for_each(Turn::detach);
    }

    /// Waits for all of the replies; their ends in the order of the choices.
    ///
    /// # Errors
    /// When one fails.
    pub(crate) async fn whole(&mut self) -> Result<Vec<End>, ApiError> {
        let mut ends: Vec<(usize, End)> = Vec::with_capacity(self.turns.len());
        while let Some(event) = self.next().await {
            if let (choice, Event::Ended(end)) = event? {
                ends.push((choice, *end));
            }
        }
        ends.sort_by_key(|(choice, _)| *choice);
        Ok(ends.into_iter().map(|(_, end)| end).collect())
    }
}

/// The id under which the trace of a reply is kept: the first reply's is the request's own.
fn trace_id(request: &str, choice: usize) -> String {
    if choice == 0 { request.to_owned() } else { format!("{request}.{choice}") }
}

/// A place for each of the replies, or for none.
fn places(app: &App, choices: usize) -> Result<Vec<OwnedSemaphorePermit>, ApiError> {
    let limit = app.config.max_completions;
    if choices > limit {
        let message = format!("{choices} replies are asked for at once; this server gives at most {limit}");
        return Err(ApiError::invalid("invalid_parameter", message).param("n"));
    }
    let wanted = u32::try_from(choices).unwrap_or(u32::MAX);
    let Ok(mut places) = Arc::clone(&app.completions).try_acquire_many_owned(wanted) else {
        let message = format!("{limit} completions are being answered; try again shortly");
        return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_completions", message));
    };
    let mut each: Vec<OwnedSemaphorePermit> = (1..choices).filter_map(|_| places.split(1)).collect();
    each.push(places);
    Ok(each)
}

fn lost() -> ApiError {
    let message = "the turn ended without a result; see the server's log";
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "turn_lost", message)
}
