//! The contract, applied: what goes to a model and what comes out of it passes through here.
//!
//! [`inbound`](admit) checks the user's words, [`Prompt`] compiles what the model is asked,
//! [`ReplyStream`] lets the model's answer out piece by piece, and [`admit_delivery`] judges texts
//! that no model wrote. Calls of a caller's [`Tools`] are judged with the reply. Plugin policies are asked through [`Judges`]. This module knows no
//! connection, no gateway and no model.

mod delivery;
mod inbound;
mod mode;
mod outward;
mod permit;
mod policy;
mod probe;
mod prompt;
mod record;
mod reply;
#[cfg(test)]
pub(crate) mod testing;
mod tools;
mod trace;

pub use delivery::admit_delivery;
pub use inbound::{MAX_USER_BYTES, Refused, UserText, admit};
pub use mode::{ModeReason, delivery_mode, mode_reasons};
pub use outward::outward;
pub use permit::Permitted;
pub use policy::{Judge, Judges};
pub use prompt::{Additions, Line, MAX_HISTORY_BYTES, Overrides, Prompt, Speaker, opens};
pub use reply::{Called, End, Push, ReplyStream};
pub use tools::{
    BadTools, CallPiece, Calls, MAX_ARGUMENT_BYTES, MAX_CALLS, MAX_NAME, MAX_RESULT_BYTES, MAX_STEP_BYTES,
    MAX_TOOL_BYTES, MAX_TOOLS, Offer, Tool, ToolCall, ToolChoice, ToolUse, Tools,
};
pub use trace::{Act, Found, Trace};
