//! Any server that speaks OpenAI's chat completions: hosted, vLLM, llama.cpp, Ollama.

mod answer;
mod refusal;
mod request;

use std::sync::Once;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::redirect::Policy;
use reqwest::{Client, Proxy, Url};

use super::{CallLimits, Model, ModelError, ModelStream};
use crate::config::Secret;
use crate::enforce::{Permitted, Prompt};

/// Where a model is and how it is called.
#[derive(Debug, Clone)]
pub struct OpenAiConfig {
    /// Up to and including `/v1`, with or without a slash at the end.
    pub base_url: String,
    /// The model's name there.
    pub model: String,
    /// The bearer token; local servers need none.
    pub key: Option<Secret>,
    /// `http://host:port` of a proxy, which may carry a user and password. The environment's proxy
    /// variables are not read.
    pub proxy: Option<Secret>,
    /// Deadlines and retries.
    pub limits: CallLimits,
}

/// An OpenAI-compatible model.
#[derive(Debug, Clone)]
pub struct OpenAi {
    client: Client,
    url: Url,
    model: String,
    key: Option<Secret>,
    limits: CallLimits,
}

impl OpenAi {
    /// A client of one model. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ModelError::Config`] when the base URL, the proxy or the model's name cannot be used.
    pub fn new(config: OpenAiConfig) -> Result<Self, ModelError> {
        let url = endpoint(&config.base_url)?;
        if config.model.trim().is_empty() {
            return Err(ModelError::Config("the model's name is empty; set --model-name".into()));
        }
        install_tls_provider();
        // A redirect could carry the key elsewhere: it is an error instead.
        let mut builder = Client::builder().redirect(Policy::none()).connect_timeout(config.limits.connect).no_proxy();
        builder = builder.tcp_nodelay(true).pool_idle_timeout(Duration::from_secs(60));
        if let Some(proxy) = &config.proxy {
            let proxy = Proxy::all(proxy.reveal()).map_err(|e| {
                ModelError::Config(format!("the proxy of --model-proxy cannot be used: {}", e.without_url()))
            })?;
            builder = builder.proxy(proxy);
        }
        let client =
            builder.build().map_err(|e| ModelError::Config(format!("the HTTP client could not be built: {e}")))?;
        Ok(Self { client, url, model: config.model, key: config.key, limits: config.limits })
    }
}

#[async_trait]
impl Model for OpenAi {
    fn name(&self) -> &str {
        &self.model
    }

    async fn stream(&self, prompt: Permitted<Prompt>) -> Result<ModelStream, ModelError> {
        let body = request::body(&self.model, prompt.get());
        let mut request = self.client.post(self.url.clone()).json(&body).header("accept", "text/event-stream");
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.reveal());
        }
        let response = request.send().await.map_err(|e| refusal::transport(&e))?;
        if !response.status().is_success() {
            return Err(refusal::read(response, self.key.as_ref()).await);
        }
        answer::read(response, self.key.as_ref(), self.limits.answer_bytes).await
    }

    fn limits(&self) -> CallLimits {
        self.limits.clone()
    }
}

fn endpoint(base: &str) -> Result<Url, ModelError> {
    // The URL itself is not repeated: where it is wrong, it may be wrong by a password.
    let bad = |why: &str| {
        ModelError::Config(format!("the model's URL {why}; expected something like http://127.0.0.1:8000/v1"))
    };
    let mut url = Url::parse(base.trim()).map_err(|e| bad(&format!("is not a URL ({e})")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("carries a user or password, which belong into model-key"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("has a query or a fragment"));
    }
    let path = format!("{}/chat/completions", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

/// TLS needs a process-wide provider once; one that is installed already is as good.
pub fn install_tls_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

#[cfg(test)]
mod tests;
