//! What operators see: metrics here, logs through `tracing`.

mod logs;
mod metrics;

pub use logs::init;
pub use metrics::{Metrics, Raised};
