//! The public client libraries of OpenAI and Anthropic, in Python and JavaScript, against a server whose
//! model misbehaves. A suite fails when any of its cases does.

use anyhow::{Result, ensure};
use rolecall_tests::public;
use rolecall_tests::server::{Options, Server};
use rolecall_tests::upstream::Upstream;

struct Stage {
    server: Server,
    upstream: Upstream,
}

impl Stage {
    async fn open() -> Result<Self> {
        let upstream = Upstream::loopback().await?;
        // Short patience with the upstream, so that each stall of a suite ends soon.
        let options = Options::upstream(&upstream.url()).flag("--model-first-text", "2s").flag("--model-stall", "2s");
        let server = Server::start(options.flag("--model-retries", "1")).await?;
        Ok(Self { server, upstream })
    }

    async fn python(suite: &'static str) -> Result<()> {
        let stage = Self::open().await?;
        public::python(suite, &stage.server, &stage.upstream).await?;
        stage.close()
    }

    async fn node(suite: &'static str) -> Result<()> {
        let stage = Self::open().await?;
        public::node(suite, &stage.server, &stage.upstream).await?;
        stage.close()
    }

    /// Whatever the client says, the contract speaks first.
    fn close(&self) -> Result<()> {
        ensure!(!self.upstream.requests().is_empty(), "the upstream was never asked");
        for request in self.upstream.requests() {
            let system = request.pointer("/messages/0/role").and_then(serde_json::Value::as_str);
            ensure!(system == Some("system"), "the contract's prompt is missing: {request}");
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_for_python_chats() -> Result<()> {
    Stage::python("test_openai.py").await
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_for_python_speaks_responses() -> Result<()> {
    Stage::python("test_responses.py").await
}

#[tokio::test(flavor = "multi_thread")]
async fn anthropic_for_python_speaks_messages() -> Result<()> {
    Stage::python("test_anthropic.py").await
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_for_javascript_chats() -> Result<()> {
    Stage::node("openai.test.mjs").await
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_for_javascript_speaks_responses() -> Result<()> {
    Stage::node("responses.test.mjs").await
}

#[tokio::test(flavor = "multi_thread")]
async fn anthropic_for_javascript_speaks_messages() -> Result<()> {
    Stage::node("anthropic.test.mjs").await
}

// Fails when the description is no valid OpenAPI.
#[tokio::test(flavor = "multi_thread")]
async fn a_validator_accepts_the_openapi_description() -> Result<()> {
    let stage = Stage::open().await?;
    public::python("test_openapi.py", &stage.server, &stage.upstream).await
}
