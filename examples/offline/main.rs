//! Messages for somebody who is away: posted while nobody is connected, one of them twice, delivered
//! once and merged when the person is back.
//!
//! `cargo run -p rolecall-examples --bin offline [URL] [ROLE]`, beside `make run`.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use rolecall_client::{Body, Client, Event};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());
    let (url, role) = (next("http://127.0.0.1:8420"), next("support_agent"));
    let mut out = std::io::stdout();

    let client = Client::builder(url.clone()).user("reader-7").build()?;
    let session = client.create_session(&role).await?;
    while !matches!(session.next_event().await, Some(Event::Connected { .. }) | None) {}
    let saved = session.saved();
    let id = saved.position.session_id.clone();
    // Leaves. What was saved would do in another process, on another day.
    session.close().await;

    for (biz_id, turn, text) in [
        ("order-17-packed", 1, "Order 17 is packed."),
        ("order-17-shipped", 2, "Order 17 has left our shop."),
        ("order-17-shipped", 2, "Order 17 has left our shop."),
        ("order-17-arrives", 3, "Order 17 arrives on Friday."),
    ] {
        let message = json!({"biz_id": biz_id, "role": "support", "intent": "support", "turn_id": turn, "text": text});
        let state = post(&format!("{url}/v1/sessions/{id}/messages"), &message).await?;
        writeln!(out, "posted {biz_id}: {state}")?;
    }

    let session = client.resume(saved)?;
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_secs(3), session.next_event()).await {
        if let Event::Message(message) = event
            && let Body::Delivery { text, parts, .. } = message.body
        {
            writeln!(out, "delivered, standing for {parts:?}:\n{text}")?;
        }
    }
    session.close().await;
    Ok(())
}

async fn post(url: &str, message: &Value) -> Result<String> {
    let answer = reqwest::Client::new().post(url).json(message).send().await?;
    let status = answer.status();
    let body: Value = answer.json().await?;
    body.get("state").and_then(Value::as_str).map(str::to_owned).with_context(|| format!("{status}: {body}"))
}
