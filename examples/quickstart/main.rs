//! A session with a role that survives a lost connection.
//!
//! `cargo run -p rolecall-examples --bin quickstart [URL] [ROLE] [QUESTION]`, beside `make run`.

use std::io::Write;

use anyhow::{Result, bail};
use rolecall_client::{Body, Client, Event, Session};

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());
    let (url, role) = (next("http://127.0.0.1:8420"), next("zhanguoce_scholar"));
    let question = next("我该不该换一份差事？");

    let session = Client::builder(url).build()?.create_session(&role).await?;
    // The connection is cut as soon as the question is out. The client comes back by itself, says
    // where it stopped reading, and the reply is whole.
    session.send(&question).await?;
    session.drop_connection().await?;
    let reply = hear(&session).await?;
    writeln!(
        std::io::stdout(),
        "\n[{} characters, resumed at sequence id {}]",
        reply.chars().count(),
        session.status().last_seq
    )?;
    session.close().await;
    Ok(())
}

/// Shows the reply while it comes and returns the whole of it.
async fn hear(session: &Session) -> Result<String> {
    let mut out = std::io::stdout();
    while let Some(event) = session.next_event().await {
        match event {
            Event::ReplyDelta { text, .. } => {
                write!(out, "{text}")?;
                out.flush()?;
            }
            Event::Message(message) => {
                if let Body::Reply { text, .. } = message.body {
                    return Ok(text);
                }
            }
            Event::Disconnected { retry_in, .. } => write!(out, "[cut; back in {retry_in:?}] ")?,
            Event::Error { code, message, .. } => bail!("{code}: {message}"),
            Event::Ended { reason, .. } => bail!("the session ended: {reason}"),
            _ => {}
        }
    }
    bail!("the session ended without a reply")
}
