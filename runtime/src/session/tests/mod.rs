mod asleep;
mod attempts;
mod faults;
mod jobs;
mod keeping;
mod lifecycle;
mod long;
mod lost;
mod machine;
mod missed;
mod nodes;
mod offline;
mod receipts;
mod replies;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use rolecall_wire::frame::{Body, ClientFrame, Hello, Message, ServerFrame};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::*;
use crate::enforce::testing::{Doubles, compile};
use crate::enforce::{Permitted, Prompt};
use crate::model::{Model, ModelChunk, ModelError, ModelStream};
use crate::offline::Merger;
use crate::outbox::Batch;
use crate::plugin::{CallError, MergedGroup};
use crate::store::MemoryStore;

/// Longer than a session stays awake for a client that does nothing.
const A_WHILE: Duration = Duration::from_secs(15);

/// Longer than anything here takes, so that a test that hangs fails.
const PATIENCE: Duration = Duration::from_secs(20);

const ROLE: &str = "role clerk { version 1.0.0 language en persona \"p\" stateful true \
                    constraints { max_sentences 50 secrets: forbidden_terms \"password\" { on_violation reject } } }";

/// Says fixed pieces, one for each permit, behind what was said already.
#[derive(Debug, Clone)]
struct Scripted {
    pieces: Vec<String>,
    permits: Arc<Semaphore>,
}

#[async_trait]
impl Model for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    async fn stream(&self, prompt: Permitted<Prompt>) -> Result<ModelStream, ModelError> {
        let mut skip = prompt.get().already.len();
        let mut rest = VecDeque::new();
        for piece in &self.pieces {
            let (said, unsaid) = piece.split_at(skip.min(piece.len()));
            skip -= said.len();
            if !unsaid.is_empty() {
                rest.push_back(unsaid.to_owned());
            }
        }
        let permits = self.permits.clone();
        Ok(stream::unfold(rest, move |mut rest| {
            let permits = permits.clone();
            async move {
                let piece = rest.pop_front()?;
                permits.acquire().await.unwrap().forget();
                Some((Ok(ModelChunk::Text(piece)), rest))
            }
        })
        .chain(stream::iter([Ok(ModelChunk::Stop { length: false })]))
        .boxed())
    }
}

/// Merges everything into one text, or fails.
struct Joining(bool);

#[async_trait]
impl Merger for Joining {
    async fn merge(
        &self,
        policy: &str,
        _: &Map<String, Value>,
        window: &[OfflineMessage],
    ) -> Result<Vec<MergedGroup>, CallError> {
        if !self.0 {
            return Err(CallError::Missing(policy.to_owned()));
        }
        let texts: Vec<&str> = window.iter().map(|message| message.text.as_str()).collect();
        Ok(vec![MergedGroup { members: (0..window.len()).collect(), text: Some(texts.join(" + ")) }])
    }
}

/// A process with one role, on a store that may outlive it.
struct House {
    sessions: Sessions,
    store: Arc<dyn Store>,
    shutdown: Shutdown,
    metrics: Metrics,
    permits: Arc<Semaphore>,
}

impl House {
    fn new(pieces: &[&str]) -> Self {
        Self::on(Arc::new(MemoryStore::new()), pieces, ROLE, true)
    }

    fn on(store: Arc<dyn Store>, pieces: &[&str], role: &str, merges: bool) -> Self {
        let metrics = Metrics::new().unwrap();
        let shutdown = Shutdown::new(metrics.clone());
        let permits = Arc::new(Semaphore::new(0));
        let pieces = pieces.iter().map(|piece| (*piece).to_owned()).collect();
        let model = Arc::new(Scripted { pieces, permits: permits.clone() });
        let turns = Turns::with_judges(model, Arc::new(Doubles::default()), metrics.clone());
        let contracts = Contracts::from_contracts(vec![compile(role)]);
        let merger = Arc::new(Joining(merges));
        let sessions =
            Sessions::with_merger(store.clone(), turns, contracts, merger, metrics.clone(), shutdown.clone());
        Self { sessions, store, shutdown, metrics, permits }
    }

    async fn session(&self) -> SessionId {
        self.sessions.create("clerk", "u").await.unwrap().id
    }

    async fn attach(&self, id: &SessionId, last_seq: Seq) -> Client {
        Client::new(self.sessions.attach(id, &hello(last_seq, 0), 0).await.unwrap())
    }

    async fn stand(&self, id: &SessionId, epoch: Epoch, last_seq: Seq) -> Stand {
        self.sessions.stand(id, (epoch, last_seq)).await.unwrap().1
    }

    async fn log(&self, id: &SessionId) -> Vec<Message> {
        self.sessions.read(id, 1, usize::MAX).await.unwrap()
    }

    /// Ends the process in order. Fails when a task is left.
    async fn end(&self) {
        assert!(self.shutdown.finish(PATIENCE).await, "every task ends");
        assert!(self.metrics.render().unwrap().contains("\ntasks_live 0\n"));
    }
}

fn hello(last_seq: Seq, epoch: Epoch) -> Hello {
    Hello { last_seq, epoch, ..Hello::default() }
}

/// A connection without a socket.
struct Client {
    attachment: Attachment,
    waiting: VecDeque<Message>,
}

impl Client {
    fn new(attachment: Attachment) -> Self {
        Self { attachment, waiting: VecDeque::new() }
    }

    async fn send(&self, client_seq: u64, id: &str, text: &str) {
        self.attachment.submit(ClientFrame::Send { id: id.into(), client_seq, text: text.into() }).await;
    }

    async fn next(&mut self) -> Message {
        while self.waiting.is_empty() {
            match timeout(PATIENCE, self.attachment.reader.next_batch(3)).await.expect("a message comes").unwrap() {
                Batch::Messages(messages) => self.waiting.extend(messages),
                Batch::Skipped { from, to } => panic!("skipped {from}..={to}"),
            }
        }
        self.waiting.pop_front().unwrap()
    }

    /// Reads up to and including the next end of a reply.
    async fn until_reply(&mut self) -> Vec<Message> {
        let mut read = Vec::new();
        loop {
            read.push(self.next().await);
            if matches!(read.last().unwrap().body, Body::Reply { .. }) {
                return read;
            }
        }
    }

    async fn control(&mut self) -> Control {
        timeout(PATIENCE, self.attachment.control.recv()).await.expect("the session answers").expect("it is there")
    }

    async fn frame(&mut self) -> ServerFrame {
        match self.control().await {
            Control::Frame(frame) => *frame,
            Control::Close { code, reason } => panic!("closed with {code}: {reason}"),
        }
    }

    async fn error_code(&mut self) -> String {
        match self.frame().await {
            ServerFrame::Error { code, .. } => code,
            other => panic!("{other:?}"),
        }
    }
}

/// What one turn's messages must be, however it went: dense, one question, one end, and the end's
/// text is what was said. Returns that text.
fn check_turn(messages: &[Message], turn: u64) -> String {
    let of_turn: Vec<&Message> = messages.iter().filter(|message| message.turn == turn).collect();
    let mut said = String::new();
    assert!(matches!(of_turn.first().unwrap().body, Body::User { .. }), "{of_turn:?}");
    for message in &of_turn[1..of_turn.len() - 1] {
        match &message.body {
            Body::Delta { text } => said.push_str(text),
            other => panic!("{other:?} within a reply"),
        }
    }
    match &of_turn.last().unwrap().body {
        Body::Reply { text, .. } => assert_eq!(text, &said, "the end repeats what was said"),
        other => panic!("{other:?} at the end"),
    }
    said
}

fn check_dense(messages: &[Message]) {
    for (seq, message) in (1..).zip(messages) {
        assert_eq!(message.seq, seq, "a ledger has every number once");
    }
}

/// A message for somebody who may be away.
fn message(biz_id: &str) -> OfflineMessage {
    OfflineMessage {
        biz_id: biz_id.into(),
        role: "support".into(),
        intent: String::new(),
        priority: 1,
        turn_id: 0,
        text: "Your parcel came.".into(),
        created_at_ms: clock::unix_ms(),
    }
}
