//! Answers that are errors.

use std::error::Error as _;
use std::time::Duration;

use reqwest::Response;
use serde_json::Value;

use super::Secret;
use crate::model::ModelError;

/// What is read of an error's body, in bytes.
const MAX_BODY: usize = 64 << 10;

/// What is kept of its message, in characters.
const MAX_MESSAGE: usize = 300;

/// A connection that failed.
pub(super) fn transport(error: &reqwest::Error) -> ModelError {
    let mut cause = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        cause = inner.to_string();
        source = inner.source();
    }
    // The URL is left out: it may carry credentials.
    let what = if error.is_connect() { "no connection" } else { "the request failed" };
    ModelError::Unavailable(format!("{what} ({})", shortened(&cause)))
}

/// A status that is not a success.
pub(super) async fn read(mut response: Response, key: Option<&Secret>) -> ModelError {
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get("retry-after")
        .and_then(|v| v.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend(chunk.iter().take(MAX_BODY.saturating_sub(body.len())));
        if body.len() >= MAX_BODY {
            break;
        }
    }
    let mut message = message(&String::from_utf8_lossy(&body)).unwrap_or_else(|| format!("HTTP {status}"));
    if let Some(key) = key {
        message = message.replace(key.reveal(), "[key]");
    }
    match status {
        401 | 403 => ModelError::Auth { status, message },
        429 => ModelError::RateLimited { message, retry_after },
        408 | 409 | 425 | 500.. => ModelError::Unavailable(format!("HTTP {status}: {message}")),
        _ => ModelError::Rejected { status, message },
    }
}

/// The message of an error body: OpenAI's shape, its common variants, or the text of a page.
pub(super) fn message(body: &str) -> Option<String> {
    let text = match serde_json::from_str::<Value>(body) {
        Ok(json) => of_json(&json)?,
        Err(_) => of_page(body),
    };
    let text = shortened(&text);
    (!text.is_empty()).then_some(text)
}

/// `{"error":{"message":…}}`, `{"error":"…"}`, `{"message":…}`, `{"detail":…}`.
pub(super) fn of_json(json: &Value) -> Option<String> {
    let error = json.get("error").unwrap_or(json);
    let candidates = [error.get("message"), Some(error), json.get("detail")];
    candidates.into_iter().flatten().find_map(|v| v.as_str()).map(str::to_owned)
}

fn of_page(body: &str) -> String {
    let title = body.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>")).map(|(title, _)| title);
    title.map_or_else(
        || {
            let mut inside = false;
            body.chars()
                .filter(|c| {
                    let keep = !inside && *c != '<';
                    inside = (inside || *c == '<') && *c != '>';
                    keep
                })
                .collect()
        },
        str::to_owned,
    )
}

fn shortened(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
        None => words,
    }
}
