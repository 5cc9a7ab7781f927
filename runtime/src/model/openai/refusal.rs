//! Answers that are errors, and the one way in which a server's words are repeated.

use std::error::Error as _;
use std::time::{Duration, UNIX_EPOCH};

use reqwest::Response;
use serde_json::Value;

use crate::clock;
use crate::config::Secret;
use crate::model::ModelError;

/// What is read of an error's body, in bytes.
const MAX_BODY: usize = 64 << 10;

/// What is kept of a server's words, in characters.
const MAX_QUOTE: usize = 300;

/// A server's words as they may be repeated: on one line, short, without control characters, and
/// with every echo of the key masked. Nothing of a server's goes into an error any other way.
pub(super) fn quote(words: &str, key: Option<&Secret>) -> String {
    // Masked before it is cut: half a key is half too much.
    let masked = match key.map(Secret::reveal).filter(|key| !key.is_empty()) {
        Some(key) => words.replace(key, "[key]"),
        None => words.to_owned(),
    };
    let visible: String = masked.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_QUOTE) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// The error that a server reports inside a document of status 200, if it does.
pub(super) fn reported(json: &Value, key: Option<&Secret>) -> Option<ModelError> {
    json.get("error").filter(|error| !error.is_null())?;
    let message = of_json(json).map_or_else(|| "an error without a message".to_owned(), |words| quote(&words, key));
    Some(ModelError::Unavailable(format!("it reported an error: {message}")))
}

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
    ModelError::Unavailable(format!("{what} ({})", quote(&cause, None)))
}

/// A status that is not a success.
pub(super) async fn read(mut response: Response, key: Option<&Secret>) -> ModelError {
    let status = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").and_then(|value| wait(value.to_str().ok()?.trim()));
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend(chunk.iter().take(MAX_BODY.saturating_sub(body.len())));
        if body.len() >= MAX_BODY {
            break;
        }
    }
    let words = of_body(&String::from_utf8_lossy(&body));
    let message = words.map(|words| quote(&words, key)).filter(|m| !m.is_empty());
    let message = message.unwrap_or_else(|| format!("HTTP {status}"));
    match status {
        401 | 403 => ModelError::Auth { status, message },
        429 => ModelError::RateLimited { message, retry_after },
        408 | 409 | 425 | 500.. => ModelError::Unavailable(format!("HTTP {status}: {message}")),
        _ => ModelError::Rejected { status, message },
    }
}

/// A `Retry-After`: seconds or a date (RFC 9110, section 10.2.3). A date that has passed asks for no wait.
fn wait(value: &str) -> Option<Duration> {
    let seconds = value.parse().ok().map(Duration::from_secs);
    let until = || httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok();
    seconds.or_else(|| until().map(|date| date.saturating_sub(clock::unix())))
}

/// The message of an error body: OpenAI's shape, its common variants, or the text of a page.
fn of_body(body: &str) -> Option<String> {
    match serde_json::from_str::<Value>(body) {
        Ok(json) => of_json(&json),
        Err(_) => Some(of_page(body)),
    }
}

/// `{"error":{"message":…}}`, `{"error":"…"}`, `{"message":…}`, `{"detail":…}`.
fn of_json(json: &Value) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    // Fails when a date is read as no hint at all, or one that has passed as a long wait.
    #[test]
    fn a_wait_is_seconds_or_a_date() {
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        let date =
            |seconds| httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + clock::unix() + Duration::from_secs(seconds));
        let left = wait(&date(3_600)).unwrap();
        assert!(left > Duration::from_secs(3_500) && left <= Duration::from_secs(3_600), "{left:?}");
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
    }
}
