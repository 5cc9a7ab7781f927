//! What is bounded, in named units, and the checks of a client's frame (`PROTOCOL.md` §10).

use alloc::string::String;

use crate::frame::ClientFrame;

/// Most bytes of a BSP payload or of a JSON text from a client, unless configured lower.
pub const MAX_PAYLOAD: usize = 256 * 1024;

/// Most bytes of a BSP payload or of a JSON text from a server: the largest message, with every
/// character escaped in JSON, and what stands around it.
pub const MAX_SERVER_PAYLOAD: usize = 8 * 1024 * 1024;

/// Most bytes of a committed message in Protobuf. JSON writes a byte with six at worst (`\u0001`),
/// so that such a message fits [`MAX_SERVER_PAYLOAD`] in every encoding.
pub const MAX_MESSAGE: usize = 1_280 * 1024;

/// Most bytes a payload may decompress to, whatever its ratio.
pub const MAX_DECOMPRESSED: usize = 4 * 1024 * 1024;

/// Most decompressed bytes per payload byte, above [`RATIO_FLOOR`].
pub const MAX_RATIO: usize = 16;

/// Payloads that decompress to at most this many bytes may have any ratio: short repetitive text
/// is common and harmless.
pub const RATIO_FLOOR: usize = 64 * 1024;

/// Most bytes of a client's message id; it has at least one.
pub const MAX_ID: usize = 64;

/// Most bytes of UTF-8 of a client's message; it has at least one.
pub const MAX_TEXT: usize = 64 * 1024;

/// Longest time in milliseconds that pieces of a reply may wait for each other.
pub const MAX_ROLLUP_MS: u32 = 1_000;

/// Most bytes of a close reason (RFC 6455 §5.5).
pub const MAX_REASON: usize = 123;

/// A client's frame that breaks a rule of its own fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// The id is empty or too long.
    #[error("the id of a message has 1 to {MAX_ID} bytes, this one {0}")]
    Id(usize),
    /// The text is empty or too long.
    #[error("the text of a message has 1 to {MAX_TEXT} bytes, this one {0}")]
    Text(usize),
    /// The text has so much to escape that its JSON is larger than a client's frame.
    #[error("the text needs {0} bytes as JSON, a frame has at most {MAX_PAYLOAD}; shorten it, or use BSP")]
    Escaped(usize),
    /// Client numbers count from 1.
    #[error("client_seq counts from 1, this one is 0")]
    ClientSeq,
}

/// Checks a message before it is sent or taken.
///
/// # Errors
/// The sender's fault, named.
pub fn check_send(id: &str, text: &str) -> Result<(), Illegal> {
    if id.is_empty() || id.len() > MAX_ID {
        return Err(Illegal::Id(id.len()));
    }
    if text.is_empty() || text.len() > MAX_TEXT {
        return Err(Illegal::Text(text.len()));
    }
    Ok(())
}

/// Checks the fields of a client's frame.
///
/// # Errors
/// The client's fault, named.
pub fn check(frame: &ClientFrame) -> Result<(), Illegal> {
    match frame {
        ClientFrame::Send { client_seq: 0, .. } => Err(Illegal::ClientSeq),
        ClientFrame::Send { id, text, .. } => check_send(id, text),
        ClientFrame::Ack { .. } | ClientFrame::Beat { .. } | ClientFrame::Cancel { .. } => Ok(()),
    }
}

/// Shortens a close reason to [`MAX_REASON`] bytes at a character boundary.
pub(crate) fn reason(text: &str) -> String {
    let mut short = String::new();
    for c in text.chars() {
        if short.len() + c.len_utf8() > MAX_REASON {
            break;
        }
        short.push(c);
    }
    short
}
