//! What headers and trailers say of the contract and its rules.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use rolecall_wire::frame::Hit;
use serde_json::Value;

use super::{Completion, End};

/// `name@version` of the contract.
const CONTRACT: HeaderName = HeaderName::from_static("x-rolecall-contract");

/// How the reply goes out: `token`, `sentence` or `full`.
const DELIVERY: HeaderName = HeaderName::from_static("x-rolecall-delivery");

/// Names the request, in the server's log and for `rolecall explain --trace`.
const TRACE: HeaderName = HeaderName::from_static("x-rolecall-trace");

/// `rule=action` pairs, each once, in the order in which they acted.
const RULES: HeaderName = HeaderName::from_static("x-rolecall-rules");

impl Completion {
    /// Says which contract answers, and how.
    pub(crate) fn label(&self, headers: &mut HeaderMap) {
        insert(headers, CONTRACT, &format!("{}@{}", escape(&self.contract.name), self.contract.version));
        insert(headers, DELIVERY, self.mode.name());
        insert(headers, TRACE, &self.id);
    }

    /// A whole answer, with everything that is known of it in its head.
    pub(crate) fn answer(&self, ends: &[End], body: &Value) -> Response {
        let mut response = Json(body).into_response();
        self.label(response.headers_mut());
        rules(response.headers_mut(), ends.iter().flat_map(|end| &end.hits));
        response
    }
}

/// Says which rules acted, if any did: in the head of a whole answer, behind a streamed one.
pub(super) fn rules<'a>(headers: &mut HeaderMap, hits: impl IntoIterator<Item = &'a Hit>) {
    let pair = |hit: &Hit| format!("{}={}", escape(&hit.rule), escape(&hit.action));
    let pairs: Vec<String> = acts(hits).into_iter().map(pair).collect();
    if !pairs.is_empty() {
        insert(headers, RULES, &pairs.join(", "));
    }
}

/// Each rule with each of its actions once, in the order in which they acted.
pub(crate) fn acts<'a>(hits: impl IntoIterator<Item = &'a Hit>) -> Vec<&'a Hit> {
    let mut acts: Vec<&Hit> = Vec::new();
    for hit in hits {
        if !acts.iter().any(|act| act.rule == hit.rule && act.action == hit.action) {
            acts.push(hit);
        }
    }
    acts
}

/// Announces that the rules come in the trailers: when the head of a stream goes out, none has acted.
pub(super) fn announce(headers: &mut HeaderMap) {
    headers.insert(header::TRAILER, HeaderValue::from_static("x-rolecall-rules"));
}

/// Percent-encodes what a header cannot carry: role and rule names may be Chinese.
fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
