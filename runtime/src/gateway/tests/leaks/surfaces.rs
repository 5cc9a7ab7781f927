//! What clients are shown replies over.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::SinkExt;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// Replies to one request for several.
const REPLIES: usize = 4;

/// Replies heard in one session.
const TURNS: u64 = 25;

/// What a model says when it is asked again.
const DECENT: &str = "这样可以吗？好。";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surface {
    /// Chat completions, streamed and whole.
    Chat,
    /// The same with several replies side by side.
    Choices,
    Responses,
    Messages,
    /// Over a WebSocket.
    Session,
}

impl Surface {
    /// How many replies a request gets.
    pub(super) fn replies(self) -> usize {
        if self == Self::Choices { REPLIES } else { 1 }
    }
}

/// What a client got.
pub(super) struct Got {
    /// The words of each reply.
    pub(super) texts: Vec<String>,
    /// All of it, as it came.
    pub(super) raw: String,
    /// Whether the pieces of several replies came in turns.
    pub(super) interleaved: bool,
}

/// Says what it is told, one answer for each seed, and something decent when it is asked again.
#[derive(Debug, Clone, Default)]
struct Told(Arc<Mutex<HashMap<u64, Vec<String>>>>);

impl Told {
    fn pieces(&self, prompt: &Prompt) -> Vec<String> {
        if prompt.attempt > 0 {
            return vec![DECENT.to_owned()];
        }
        self.0.lock().remove(&prompt.seed.unwrap_or(0)).unwrap()
    }
}

#[async_trait]
impl Model for Told {
    fn name(&self) -> &str {
        "told"
    }

    async fn stream(&self, prompt: Permitted<Prompt>) -> Result<ModelStream, ModelError> {
        let pieces = self.pieces(prompt.get()).into_iter().map(ModelChunk::Text);
        let chunks = stream::iter(pieces.chain([ModelChunk::Stop { length: false }]));
        // Others get their turn between two pieces, as they do when pieces come from afar.
        let chunks = chunks.then(|chunk| async move {
            tokio::task::yield_now().await;
            Ok(chunk)
        });
        Ok(chunks.boxed())
    }

    fn limits(&self) -> crate::model::CallLimits {
        crate::model::CallLimits { retries: 0, ..Default::default() }
    }
}

/// A served application with its model in hand.
pub(super) struct Rig {
    house: House,
    told: Told,
    address: SocketAddr,
    /// By role.
    talks: HashMap<&'static str, Talk>,
}

impl Rig {
    /// With these contracts, by name.
    pub(super) async fn open(contracts: &[(&str, String)]) -> Self {
        let told = Told::default();
        let house = House::with(told.clone(), |config| {
            for (name, text) in contracts {
                std::fs::write(config.contracts.join(format!("{name}.role")), text).unwrap();
            }
        })
        .await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        house.app.shutdown.spawn(crate::gateway::serve(listener, Arc::clone(&house.app)));
        Self { house, told, address, talks: HashMap::new() }
    }

    /// Asks a role for as many replies as there are answers, each of them said in these pieces.
    pub(super) async fn ask(
        &mut self,
        surface: Surface,
        role: &'static str,
        answers: Vec<Vec<String>>,
        stream: bool,
    ) -> Got {
        let replies = answers.len();
        *self.told.0.lock() = (0..).zip(answers).collect();
        let mut body = hello(role);
        body["stream"] = json!(stream);
        let got = match surface {
            Surface::Chat | Surface::Choices => {
                body["n"] = json!(replies);
                // Counted on from reply to reply.
                body["seed"] = json!(0);
                completed(&self.post("/v1/chat/completions", &body).await, replies)
            }
            Surface::Responses => {
                let body = json!({"model": role, "input": "hello", "stream": stream});
                spoken(&self.post("/v1/responses", &body).await)
            }
            Surface::Messages => spoken(&self.post("/v1/messages", &body).await),
            Surface::Session => self.talk(role).await,
        };
        assert!(self.told.0.lock().is_empty(), "the model was not asked for every reply");
        got
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let answer = self.house.post(path, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer
    }

    async fn talk(&mut self, role: &'static str) -> Got {
        let mut talk = match self.talks.remove(role) {
            Some(talk) => talk,
            None => Box::pin(self.meet(role)).await,
        };
        let got = talk.ask().await;
        if talk.said < TURNS {
            self.talks.insert(role, talk);
        }
        got
    }

    async fn meet(&self, role: &str) -> Talk {
        let app = &self.house.app;
        let created = app.sessions.create(role, "u").await.unwrap();
        let token = app.tokens.issue(&created.id, role, created.epoch).unwrap();
        let url = format!("ws://{}/v1/session?network=4g", self.address);
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        headers.insert("sec-websocket-protocol", "rolecall.json.v1".parse().unwrap());
        // Small writes go out at once: waiting for each other, they would take most of the time.
        let connecting = tokio::time::timeout(PATIENCE, connect_async_with_config(request, None, true));
        let (socket, _) = connecting.await.expect("the server answers").unwrap();
        Talk { socket, said: 0 }
    }
}

/// A session and its connection.
struct Talk {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// How often something was said.
    said: u64,
}

impl Talk {
    /// Says something and reads to the end of the reply.
    async fn ask(&mut self) -> Got {
        self.said += 1;
        let id = format!("m{}", self.said);
        self.send(&json!({"type": "send", "id": id, "client_seq": self.said, "text": "hello"})).await;
        let (mut text, mut raw) = (String::new(), String::new());
        loop {
            let line = self.next().await;
            let frame: Value = serde_json::from_str(&line).unwrap();
            raw.push_str(&line);
            assert_ne!(frame["type"], "error", "{frame}");
            let body = &frame["body"];
            if body["kind"] == "delta" {
                text.push_str(body["text"].as_str().unwrap());
            } else if body["kind"] == "reply" {
                assert_eq!(body["text"], text, "the end repeats what was said");
                self.send(&json!({"type": "ack", "seq": frame["seq"]})).await;
                return Got { texts: vec![text], raw, interleaved: false };
            }
        }
    }

    async fn send(&mut self, frame: &Value) {
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// The next frame, control frames left out.
    async fn next(&mut self) -> String {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("something comes");
            match message.expect("the socket lives").unwrap() {
                Message::Text(text) => return text.as_str().to_owned(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// The bodies in an answer: its events, or itself.
fn bodies(answer: &Answer) -> Vec<Value> {
    let streamed = answer.header("content-type").starts_with("text/event-stream");
    if streamed { events(answer) } else { vec![answer.json()] }
}

fn completed(answer: &Answer, replies: usize) -> Got {
    let bodies = bodies(answer);
    let (mut texts, mut order) = (vec![String::new(); replies], Vec::new());
    for choice in bodies.iter().flat_map(|body| body["choices"].as_array().into_iter().flatten()) {
        let index = usize::try_from(choice["index"].as_u64().unwrap()).unwrap();
        for part in ["delta", "message"] {
            let piece = choice[part]["content"].as_str().unwrap_or_default();
            texts[index].push_str(piece);
            if !piece.is_empty() {
                order.push(index);
            }
        }
    }
    Got { texts, raw: answer.text.clone(), interleaved: !order.is_sorted() }
}

/// A response or a message.
fn spoken(answer: &Answer) -> Got {
    let mut text = String::new();
    for body in bodies(answer) {
        let piece = match body["type"].as_str().unwrap_or_default() {
            "response.output_text.delta" => body["delta"].as_str(),
            "content_block_delta" => body["delta"]["text"].as_str(),
            _ => None,
        };
        text.push_str(piece.unwrap_or_default());
        // Whole: the parts of each item, or the blocks of the message.
        let items = body["output"].as_array().into_iter().flatten().map(|item| &item["content"]);
        for content in items.chain([&body["content"]]) {
            let parts = content.as_array().into_iter().flatten();
            text.extend(parts.filter_map(|part| part["text"].as_str()));
        }
    }
    Got { texts: vec![text], raw: answer.text.clone(), interleaved: false }
}
