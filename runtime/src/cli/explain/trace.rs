//! `rolecall explain --trace ID`: which rule did what to a reply, and at which of the model's words.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use super::Format;
use crate::cli::{DONE, print, print_line};
use crate::enforce::{Act, Found, Trace};
use crate::telemetry::traces;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads the trace from a data directory.
pub(super) async fn read(data: &Path, id: &str) -> anyhow::Result<Trace> {
    let found = traces::find(data, id).await;
    let found = found.with_context(|| format!("the traces below {} cannot be read", data.display()))?;
    found.with_context(|| format!("below {}, {}", data.display(), traces::absent(id)))
}

/// Asks a server for the trace.
pub(super) async fn ask(url: &str, key: Option<&str>, id: &str) -> anyhow::Result<Trace> {
    let address = address(url, id)?;
    crate::model::install_tls_provider();
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let mut request = client.get(address);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let response = request.send().await.with_context(|| format!("cannot reach {url}; is `rolecall serve` running?"))?;
    let status = response.status();
    let body: Value = response.json().await.with_context(|| format!("{url} does not answer like a rolecall server"))?;
    if !status.is_success() {
        let message = body.pointer("/error/message").and_then(Value::as_str).unwrap_or("without a reason");
        bail!("{url} answers {status}: {}", visible(message));
    }
    serde_json::from_value(body).with_context(|| format!("{url} does not answer like a rolecall server"))
}

/// Where a server has the trace: below its base path, with the id as one segment.
fn address(url: &str, id: &str) -> anyhow::Result<reqwest::Url> {
    // Addresses drop dots and control characters, so that such an id would name something else.
    if matches!(id, "" | "." | "..") || id.contains(char::is_control) {
        bail!("{}", visible(&traces::absent(id)));
    }
    let unusable = || format!("{url} is not a URL; write http://host:port");
    let mut address = reqwest::Url::parse(url).with_context(unusable)?;
    match address.path_segments_mut() {
        Ok(mut path) => {
            path.pop_if_empty().extend(["v1", "traces", id]);
        }
        Err(()) => bail!("{}", unusable()),
    }
    address.set_query(None);
    address.set_fragment(None);
    Ok(address)
}

/// A text with its control characters escaped, so that it stays on its line and a terminal obeys nothing in it.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

pub(super) fn show(trace: &Trace, format: Format) -> anyhow::Result<u8> {
    match format {
        Format::Json => print_line(&serde_json::to_string_pretty(trace)?)?,
        Format::Text => print(&text(trace)?)?,
    }
    Ok(DONE)
}

fn text(trace: &Trace) -> Result<String, std::fmt::Error> {
    let Trace { id, role, version, digest, mode, outcome, acts, cut, .. } = trace;
    let outcome = match outcome {
        Some(outcome) => format!("{outcome:?}").to_lowercase(),
        None => "cut off".to_owned(),
    };
    let digest: String = digest.chars().take(12).collect();
    let [id, role, version, digest, mode] = [id, role, version, &digest, mode].map(|text| visible(text));
    let mut text = format!("reply {id}\nof {role}@{version} (contract {digest}), delivery {mode}, {outcome}\n");
    let mut attempt = 0;
    for act in acts {
        if act.attempt != attempt {
            attempt = act.attempt;
            write!(text, "\nanswer {attempt} of the model\n")?;
        }
        write_act(&mut text, act)?;
    }
    if *cut {
        text.push_str("\nThe model said more than is kept of a reply: places may be missing.\n");
    }
    Ok(text)
}

fn write_act(text: &mut String, act: &Act) -> std::fmt::Result {
    let when = moment(act.delta);
    writeln!(text, "  {} {} {when}: {}", visible(&act.rule), visible(&act.action), visible(&act.message))?;
    for found in &act.found {
        let Found { bytes, chars, text: words, folded, delta, delta_text } = found;
        if words.is_empty() {
            writeln!(text, "      decided {}", moment(*delta))?;
            continue;
        }
        let folded = if folded == words { String::new() } else { format!(", matched as {folded:?}") };
        let delta = match delta {
            Some(number) => format!("certain with delta {number} {delta_text:?}"),
            None => "certain at the end".to_owned(),
        };
        writeln!(
            text,
            "      {words:?}{folded}: characters {}..{}, bytes {}..{}, {delta}",
            chars.start, chars.end, bytes.start, bytes.end
        )?;
    }
    Ok(())
}

fn moment(delta: Option<usize>) -> String {
    delta.map_or_else(|| "at the end".to_owned(), |number| format!("at delta {number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a base path is lost, or an id reaches another endpoint than its trace's.
    #[test]
    fn an_id_is_one_segment_below_the_base() {
        for (url, id, expected) in [
            ("http://h:1", "s.1", "http://h:1/v1/traces/s.1"),
            ("http://h:1/", "s.1", "http://h:1/v1/traces/s.1"),
            ("https://h/base", "s.1", "https://h/base/v1/traces/s.1"),
            ("https://h/base/?q#f", "s.1", "https://h/base/v1/traces/s.1"),
            ("http://h:1", "../roles?x#y", "http://h:1/v1/traces/..%2Froles%3Fx%23y"),
            ("http://h:1", "%2e%2e", "http://h:1/v1/traces/%252e%252e"),
        ] {
            assert_eq!(address(url, id).unwrap().as_str(), expected);
        }
        for id in ["", ".", "..", ".\t.", "a\nb"] {
            assert!(address("http://h:1", id).is_err(), "{id:?}");
        }
        assert!(address("localhost:8420", "a").unwrap_err().to_string().contains("write http://host:port"));
    }

    // Fails when a message moves the cursor of a terminal, or words are shown other than they are.
    #[test]
    fn only_control_characters_are_escaped() {
        let text = "says \"你好\" and 'it's' \\ \u{1b}[2J\r\n\u{9b}31m";
        assert_eq!(visible(text), "says \"你好\" and 'it's' \\ \\u{1b}[2J\\r\\n\\u{9b}31m");
    }
}
