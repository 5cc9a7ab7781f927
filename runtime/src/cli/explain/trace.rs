//! `rolecall explain --trace ID`: which rule did what to a reply, and at which of the model's words.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

use super::Format;
use crate::cli::{DONE, print, print_line};
use crate::enforce::{Act, Found, Trace};
use crate::telemetry::traces;

/// Reads the trace from a data directory.
pub(super) async fn read(data: &Path, id: &str) -> anyhow::Result<Trace> {
    let found = traces::find(data, id).await;
    let found = found.with_context(|| format!("the traces below {} cannot be read", data.display()))?;
    found.with_context(|| format!("below {}, {}", data.display(), traces::absent(id)))
}

/// Asks a server for the trace.
pub(super) async fn ask(url: &str, key: Option<&str>, id: &str) -> anyhow::Result<Trace> {
    let address = reqwest::Url::parse(url).with_context(|| format!("{url} is not a URL; write http://host:port"))?;
    let address = address.join(&format!("/v1/traces/{id}"))?;
    crate::model::install_tls_provider();
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut request = client.get(address);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let response = request.send().await.with_context(|| format!("cannot reach {url}; is `rolecall serve` running?"))?;
    let status = response.status();
    let body: Value = response.json().await.with_context(|| format!("{url} does not answer like a rolecall server"))?;
    if !status.is_success() {
        let message = body.pointer("/error/message").and_then(Value::as_str).unwrap_or("without a reason");
        bail!("{url} answers {status}: {message}");
    }
    serde_json::from_value(body).with_context(|| format!("{url} does not answer like a rolecall server"))
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
    writeln!(text, "  {} {} {when}: {}", act.rule, act.action, act.message)?;
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
