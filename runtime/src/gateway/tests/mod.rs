//! The routes from outside: whole requests in, whole answers out, nothing but the socket left away.

mod access;
mod anthropic;
mod calls;
mod chat;
mod choices;
mod description;
mod instructions;
mod jobs;
mod leaks;
mod limits;
mod messages;
mod origins;
mod parameters;
mod responses;
mod serve;
mod sessions;
mod tools;

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::app::App;
use crate::config::{Config, Sources, StoreKind};
use crate::enforce::{Permitted, Prompt};
use crate::model::{Model, ModelChunk, ModelError, ModelStream};
use crate::session::turn::Usage;

const ROLE: &str = "role clerk {\n    version 1.2.3\n    language en\n    persona \"A clerk\"\n    constraints {\n        \
                    secrets: forbidden_terms \"password\" { on_violation reject }\n    }\n}\n";

const GUARD: &str = "role guard {\n    version 1.0.0\n    language en\n    persona \"A guard\"\n    constraints {\n        \
                     secrets: forbidden_terms \"password\" { on_violation fallback }\n    }\n    \
                     fallback \"Ask me later.\"\n}\n";

const SHORT: &str = "role 短 {\n    version 1.0.0\n    language zh\n    persona \"言简\"\n    constraints {\n        \
                     长度: max_sentences 1 { on_violation truncate }\n    }\n}\n";

const ASKER: &str = "role asker {\n    version 1.0.0\n    language en\n    persona \"Asks\"\n    constraints {\n        \
                     ending: ends_with \"?\"\n    }\n}\n";

const TELLER: &str = "role 问 {\n    version 1.0.0\n    language zh\n    persona \"好问\"\n    constraints {\n        \
                      反问: response_style 反问句 >= 40%\n    }\n    fallback \"难道不是吗？\"\n}\n";

const FORMED: &str = "role formed {\n    version 1.0.0\n    language en\n    persona \"A form\"\n    constraints {\n        \
                      form: format json\n    }\n}\n";

const BROKEN: &str = "role broken {\n    version 1.0.0\n    language en\n    persona \"x\"\n    constraints {\n        \
                      max_sentnces 3\n    }\n}\n";

/// Says the same thing each time.
#[derive(Debug, Clone)]
struct Scripted(Vec<Result<ModelChunk, ModelError>>);

#[async_trait]
impl Model for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    async fn stream(&self, _prompt: Permitted<Prompt>) -> Result<ModelStream, ModelError> {
        Ok(stream::iter(self.0.clone()).boxed())
    }

    fn limits(&self) -> crate::model::CallLimits {
        crate::model::CallLimits { retries: 0, ..Default::default() }
    }
}

fn says(pieces: &[&str]) -> Scripted {
    let mut chunks: Vec<_> = pieces.iter().map(|piece| Ok(ModelChunk::Text((*piece).to_owned()))).collect();
    chunks.push(Ok(ModelChunk::Usage(Usage {
        prompt_tokens: 11,
        completion_tokens: 7,
        cached_tokens: 3,
        reasoning_tokens: 2,
    })));
    chunks.push(Ok(ModelChunk::Stop { length: false }));
    Scripted(chunks)
}

/// Says something, of which its server filters the rest.
fn filtered(text: &str) -> Scripted {
    Scripted(vec![Ok(ModelChunk::Text(text.to_owned())), Ok(ModelChunk::Filtered)])
}

/// An application in a folder of its own.
struct House {
    app: Arc<App>,
    _folder: TempDir,
}

impl House {
    async fn open(model: impl Model + 'static) -> Self {
        Self::with(model, |_| {}).await
    }

    async fn with(model: impl Model + 'static, adjust: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let contracts = folder.path().join("contracts");
        std::fs::create_dir(&contracts).unwrap();
        for (name, text) in [
            ("clerk", ROLE),
            ("guard", GUARD),
            ("short", SHORT),
            ("asker", ASKER),
            ("teller", TELLER),
            ("formed", FORMED),
            ("broken", BROKEN),
        ] {
            std::fs::write(contracts.join(format!("{name}.role")), text).unwrap();
        }
        let sources = Sources { directory: folder.path().to_owned(), ..Sources::default() };
        let mut config = sources.resolve().unwrap().config;
        config.contracts = contracts;
        config.plugins = folder.path().join("plugins");
        config.data = folder.path().join("data");
        config.store = StoreKind::Memory;
        adjust(&mut config);
        let (app, _report) = App::with_model(config, Arc::new(model)).await.unwrap();
        Self { app, _folder: folder }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = super::router(Arc::clone(&self.app)).oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let text = String::from_utf8(to_bytes(body, 1 << 22).await.unwrap().to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, text }
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(post(path, body.to_string())).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// `GET` with a bearer token.
    async fn get_as(&self, path: &str, token: &str) -> Answer {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }
}

fn post(path: &str, body: impl Into<String>) -> Request<Body> {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    request.body(Body::from(body.into())).unwrap()
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Requires an error of this status and code in the one shape; gives its message.
    fn refused(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        let body = self.json();
        let error = body["error"].as_object().unwrap();
        let mut fields: Vec<&str> = error.keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["code", "message", "param", "type"]);
        assert_eq!(error["code"], code, "{}", self.text);
        error["message"].as_str().unwrap().to_owned()
    }

    fn param(&self) -> Value {
        self.json()["error"]["param"].clone()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The data of an event stream's events, `[DONE]` as a string; comments are left out.
fn events(answer: &Answer) -> Vec<Value> {
    assert!(answer.text.ends_with("\n\n"), "{}", answer.text);
    let events = answer.text.trim_end().split("\n\n").filter(|event| !event.starts_with(':'));
    events
        .map(|event| {
            let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
            serde_json::from_str(data).unwrap_or_else(|_| json!(data))
        })
        .collect()
}

fn hello(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hello"}]})
}
