//! One type for every HTTP error. It is written as OpenAI's clients read it,
//! `{"error":{"message":"…","type":"…","code":"…","param":null}}`, and for callers that speak Anthropic's
//! API as theirs do: `{"type":"error","error":{…}}`, with the same fields within.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::dialect::Dialect;
use super::token::TokenError;
use crate::contracts::{Contracts, RefusedRole};
use crate::ids::BadSessionId;
use crate::session::SessionError;
use crate::store::StoreError;

/// The code of a role whose contract was refused.
const CONTRACT_REJECTED: &str = "contract_rejected";

/// When to come back where nothing better is known.
const SOON: Duration = Duration::from_secs(1);

/// An error as the caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    code: String,
    message: String,
    param: Option<String>,
    retry_after: Option<Duration>,
}

impl ApiError {
    /// An error of a given status. The type follows from the status; `code` is stable, `message` for
    /// people.
    #[must_use]
    pub fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), param: None, retry_after: None }
    }

    /// 400: the request is wrong.
    #[must_use]
    pub fn invalid(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// Names the field that is wrong.
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Says when to come back. A status 429 that does not know says after a second.
    #[must_use]
    pub fn retry_after(mut self, after: Option<Duration>) -> Self {
        self.retry_after = after;
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable name of what went wrong.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The words for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The body in OpenAI's shape.
    #[must_use]
    pub fn body(&self) -> Value {
        self.body_in(Dialect::OpenAi)
    }

    /// The body as a client of this API reads it.
    pub(super) fn body_in(&self, dialect: Dialect) -> Value {
        let mut body = json!({"error": {
            "message": self.message,
            "type": kind(self.status, &self.code, dialect),
            "code": self.code,
            "param": self.param,
        }});
        if let (Dialect::Anthropic, Some(fields)) = (dialect, body.as_object_mut()) {
            fields.insert("type".to_owned(), json!("error"));
        }
        body
    }

    /// The whole answer as a client of this API reads it.
    pub(super) fn response(&self, dialect: Dialect) -> Response {
        let mut response = (self.status, Json(self.body_in(dialect))).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let soon = (self.status == StatusCode::TOO_MANY_REQUESTS).then_some(SOON);
        if let Some(after) = self.retry_after.or(soon) {
            // Whole seconds, rather late than early.
            let seconds = after.as_millis().div_ceil(1_000);
            response.headers_mut().insert(header::RETRY_AFTER, seconds_value(seconds));
        }
        response
    }

    /// Why no contract of this name is in force: it was refused, or it does not exist.
    #[must_use]
    pub fn no_role(contracts: &Contracts, role: &str, param: &str) -> Self {
        if let Some(refused) = contracts.refusal(role) {
            return Self::rejected(&refused).param(param);
        }
        let known: Vec<String> = contracts.list().iter().map(|contract| contract.name.clone()).collect();
        let near = rolecall_dsl::diagnostic::nearest(role, known.iter().map(String::as_str));
        let remedy = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "GET /v1/models lists the roles".to_owned(),
        };
        let message = format!("the role `{role}` does not exist; {remedy}");
        Self::new(StatusCode::NOT_FOUND, "model_not_found", message).param(param)
    }

    fn rejected(refused: &RefusedRole) -> Self {
        let first = refused.findings.first().map_or_else(String::new, |finding| {
            let at = finding.source.position(finding.span.start);
            let (name, code) = (finding.source.name(), finding.code);
            format!(": {name}:{}:{}: {code}: {}", at.line, at.column, finding.message)
        });
        let more = match refused.findings.len() {
            0 | 1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        let message =
            format!("the contract of `{}` was refused{first}{more}; `rolecall verify` shows all", refused.role);
        Self::new(StatusCode::SERVICE_UNAVAILABLE, CONTRACT_REJECTED, message)
    }
}

/// The class of an error. Anthropic's clients know more of them than OpenAI's.
fn kind(status: StatusCode, code: &str, dialect: Dialect) -> &'static str {
    match (status.as_u16(), dialect) {
        (401, _) => "authentication_error",
        (403, Dialect::Anthropic) => "permission_error",
        (404 | 410, _) => "not_found_error",
        (413, Dialect::Anthropic) => "request_too_large",
        (429, _) => "rate_limit_error",
        (504, Dialect::Anthropic) => "timeout_error",
        // A contract that was refused is the server's own fault: to wait and come back does not help.
        (503, _) if code == CONTRACT_REJECTED => "api_error",
        (503 | 529, _) => "overloaded_error",
        (400..=499, _) => "invalid_request_error",
        _ => "api_error",
    }
}

impl IntoResponse for ApiError {
    /// OpenAI's shape; the error itself goes along, for callers who read another.
    fn into_response(self) -> Response {
        let mut response = self.response(Dialect::OpenAi);
        response.extensions_mut().insert(self);
        response
    }
}

fn seconds_value(seconds: u128) -> HeaderValue {
    HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX))
}

impl From<BadSessionId> for ApiError {
    /// Of an id in a path: there is no session of this name.
    fn from(error: BadSessionId) -> Self {
        Self::new(StatusCode::NOT_FOUND, "session_not_found", error.to_string()).param("sid")
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        let status = if error.is_ours() { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::UNAUTHORIZED };
        Self::new(status, error.code(), error.to_string())
    }
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let passes = status == StatusCode::SERVICE_UNAVAILABLE && !error.is_lasting();
        Self::new(status, error.code(), error.to_string()).retry_after(passes.then_some(SOON))
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let soon = (!error.is_lasting()).then_some(SOON);
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", error.outward()).retry_after(soon)
    }
}
