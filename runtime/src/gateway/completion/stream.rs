//! Replies as server-sent events.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use hyper::body::Frame;
use rolecall_wire::frame::Hit;

use super::{Completion, End, Event, sse, told};
use crate::gateway::error::ApiError;
use crate::session::turn::Usage;

/// How long a stream may be silent before a comment says that it lives: proxies cut silent ones. Some
/// replies are known whole before any of them goes out.
const QUIET: Duration = Duration::from_secs(15);

/// How a surface words a stream. Each function gives whole events, or nothing.
pub(crate) trait Wording: Send + 'static {
    /// What comes before everything.
    fn opening(&mut self) -> String;
    /// A piece of one of the replies.
    fn text(&mut self, choice: usize, piece: &str) -> String;
    /// The end of one of the replies. The whole text is in it; its pieces were sent already, its calls
    /// were not.
    fn ended(&mut self, choice: usize, end: &End) -> String;
    /// What comes behind the last end; `usage` is that of all the replies.
    fn closing(&mut self, usage: Usage) -> String;
    /// The failure that ends the stream.
    fn failed(&mut self, error: &ApiError) -> String;
}

/// Waits for the first event, so that a failure before the first text is an HTTP error, then streams. When
/// there is none for [`QUIET`], the stream begins without it.
///
/// # Errors
/// When a reply fails before anything was sent.
pub(crate) async fn respond(mut completion: Completion, wording: impl Wording) -> Result<Response, ApiError> {
    let first = match tokio::time::timeout(QUIET, completion.next()).await {
        Ok(Some(Err(error))) => return Err(error),
        Ok(first) => Some(first),
        Err(_quiet) => None,
    };
    completion.detach();
    let mut labels = HeaderMap::new();
    completion.label(&mut labels);
    told::announce(&mut labels);
    let streaming = Streaming { completion, wording, usage: Usage::default(), hits: Vec::new(), phase: Phase::Running };
    let frames = stream::unfold((streaming, Some(first)), |(mut streaming, first)| async move {
        let frame = match first {
            Some(first) => Some(streaming.begin(first)),
            None => streaming.frame().await,
        };
        frame.map(|frame| (frame, (streaming, None)))
    });
    let mut response = sse::response(frames);
    response.headers_mut().extend(labels);
    Ok(response)
}

/// What is sent next.
enum Phase {
    /// Whatever comes.
    Running,
    /// The trailers.
    Ended,
    /// Nothing.
    Done,
}

struct Streaming<W> {
    completion: Completion,
    wording: W,
    usage: Usage,
    hits: Vec<Hit>,
    phase: Phase,
}

/// As [`Completion::next`] gives it.
type Next = Option<Result<(usize, Event), ApiError>>;

impl<W: Wording> Streaming<W> {
    fn begin(&mut self, first: Option<Next>) -> Frame<Bytes> {
        let opening = self.wording.opening();
        let text = first.map_or_else(|| sse::KEEP_ALIVE.to_owned(), |first| self.worded(first));
        data(format!("{opening}{text}"))
    }

    async fn frame(&mut self) -> Option<Frame<Bytes>> {
        match self.phase {
            Phase::Running => Some(data(match tokio::time::timeout(QUIET, self.completion.next()).await {
                Ok(next) => self.worded(next),
                Err(_quiet) => sse::KEEP_ALIVE.to_owned(),
            })),
            Phase::Ended => {
                self.phase = Phase::Done;
                let mut trailers = HeaderMap::new();
                told::rules(&mut trailers, &self.hits);
                Some(Frame::trailers(trailers))
            }
            Phase::Done => None,
        }
    }

    fn worded(&mut self, next: Next) -> String {
        match next {
            Some(Ok((choice, Event::Text(piece)))) => self.wording.text(choice, piece.get()),
            Some(Ok((choice, Event::Ended(end)))) => {
                self.usage = self.usage.and(end.usage);
                self.hits.extend(end.hits.iter().cloned());
                self.wording.ended(choice, &end)
            }
            Some(Err(error)) => {
                self.phase = Phase::Ended;
                self.wording.failed(&error)
            }
            None => {
                self.phase = Phase::Ended;
                self.wording.closing(self.usage)
            }
        }
    }
}

fn data(text: String) -> Frame<Bytes> {
    Frame::data(Bytes::from(text))
}
