//! Queries: each parameter at most once, and errors that name it, its value, and what is allowed.

use std::ops::RangeInclusive;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use super::error::ApiError;

/// The parameters of a request's query, not looked at yet.
#[derive(Debug, Clone)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let pairs = Query::try_from_uri(&parts.uri);
        pairs.map(|Query(pairs)| Self(pairs)).map_err(|error| ApiError::invalid("invalid_query", error.body_text()))
    }
}

impl Parameters {
    /// Refuses parameters other than these, and those that are there twice.
    ///
    /// # Errors
    /// 400, naming the parameter.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        let mut seen: Vec<&str> = Vec::new();
        for (name, _) in &self.0 {
            if !known.contains(&name.as_str()) {
                let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                let message = format!("`{name:.64}` is no parameter here; there are {}", known.join(" and "));
                return Err(invalid(name, message));
            }
            if seen.contains(&name.as_str()) {
                return Err(invalid(name, format!("`{name}` is there twice; write it once")));
            }
            seen.push(name);
        }
        Ok(())
    }

    /// A whole number within a range; `None` when the parameter is not there.
    ///
    /// # Errors
    /// 400, naming the parameter, its value and the range.
    pub(crate) fn number(&self, name: &str, range: &RangeInclusive<u64>) -> Result<Option<u64>, ApiError> {
        let Some(value) = self.find(name) else { return Ok(None) };
        let digits = value.bytes().all(|digit| digit.is_ascii_digit());
        let number = value.parse().ok().filter(|number| digits && range.contains(number));
        let wrong = || {
            let (least, most) = (range.start(), range.end());
            invalid(name, format!("`{name}` is `{value:.64}`; write a whole number from {least} to {most}"))
        };
        number.map(Some).ok_or_else(wrong)
    }

    /// The value of a parameter that must be there; `what` says what it is.
    ///
    /// # Errors
    /// 400, naming the parameter.
    pub(crate) fn required(&self, name: &str, what: &str) -> Result<&str, ApiError> {
        let value = self.find(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| invalid(name, format!("`{name}` is missing; write ?{name}= and {what}")))
    }

    /// The value of a parameter, if it is there.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn invalid(name: &str, message: String) -> ApiError {
    ApiError::invalid("invalid_query", message).param(format!("{name:.64}"))
}
