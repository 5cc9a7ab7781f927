//! Rust client of rolecall: sessions that survive lost connections, on tokio.
//!
//! For applications. Who writes a client in another language reads `PROTOCOL.md` of
//! `rolecall-wire`; who needs the protocol without tokio uses its client machine.
//!
//! ```no_run
//! # async fn run() -> Result<(), rolecall_client::Error> {
//! use rolecall_client::{Body, Client, Event};
//!
//! let client = Client::builder("http://127.0.0.1:8420").build()?;
//! let session = client.create_session("zhanguoce_scholar").await?;
//! session.send("秦何以并天下?").await?;
//! while let Some(event) = session.next_event().await {
//!     match event {
//!         Event::ReplyDelta { text, .. } => drop(text), // show it
//!         Event::Message(message) if matches!(message.body, Body::Reply { .. }) => break,
//!         _ => {}
//!     }
//! }
//! session.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! One task owns the socket and drives the machine of `rolecall-wire`; the [`Session`] is a handle
//! to it. It reconnects and resumes by itself: the application sees each committed message once,
//! in order, whatever the connection does.

mod clock;
mod driver;
mod error;
mod event;
mod http;
mod link;
mod secret;
mod session;
mod trust;

pub use error::Error;
pub use event::Event;
pub use http::{Client, ClientBuilder};
pub use link::Transport;
pub use rolecall_wire::client::{Position, State, Unaccepted};
pub use rolecall_wire::close::Advice;
pub use rolecall_wire::frame::{Body, Hit, Message, Network, Outcome};
pub use rolecall_wire::server::Encoding;
pub use session::{Saved, Session, Status};
