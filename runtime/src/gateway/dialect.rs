//! Whose API a caller speaks. There is one error type; only how it is written differs.

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;

use super::error::ApiError;

/// Whose API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// OpenAI's, and everything of our own.
    OpenAi,
    /// Anthropic's.
    Anthropic,
}

impl Dialect {
    /// Anthropic's clients name their API's version in every request, and only they call its path.
    fn of(path: &str, headers: &HeaderMap) -> Self {
        let theirs = path == "/v1/messages" || path.starts_with("/v1/messages/");
        if theirs || headers.contains_key("anthropic-version") { Self::Anthropic } else { Self::OpenAi }
    }
}

/// Writes errors as the caller's client reads them, wherever they come from: the handlers, the keys, the
/// body's reader, the router itself.
pub(super) async fn errors(request: Request, next: Next) -> Response {
    let dialect = Dialect::of(request.uri().path(), request.headers());
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<ApiError>() {
        Some(error) if dialect == Dialect::Anthropic => {
            let mut told = error.response(dialect);
            // What the layers within have added stays, such as what lets a page of another origin read it.
            let (own, headers) = (told.headers().clone(), told.headers_mut());
            let added = response.headers().iter().filter(|(name, _)| !own.contains_key(*name));
            headers.extend(added.map(|(name, value)| (name.clone(), value.clone())));
            told
        }
        _ => response,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a client of one family gets errors in the shape of the other.
    #[test]
    fn a_caller_is_known_by_its_path_or_its_version() {
        let plain = HeaderMap::new();
        let versioned = HeaderMap::from_iter([("anthropic-version".parse().unwrap(), "2023-06-01".parse().unwrap())]);
        for path in ["/v1/messages", "/v1/messages/count_tokens", "/v1/messages/batches"] {
            assert_eq!(Dialect::of(path, &plain), Dialect::Anthropic, "{path}");
        }
        for path in ["/v1/models", "/v1/chat/completions", "/v1/messagesx", "/v1/sessions/s/messages"] {
            assert_eq!(Dialect::of(path, &plain), Dialect::OpenAi, "{path}");
            assert_eq!(Dialect::of(path, &versioned), Dialect::Anthropic, "{path}");
        }
    }
}
