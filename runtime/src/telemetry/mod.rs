//! What operators see: metrics, logs through `tracing`, and traces of replies on which rules acted.

mod jobs;
mod logs;
mod metrics;
mod store;
pub mod traces;

pub use jobs::JobMetrics;
pub use logs::init;
pub use metrics::{Metrics, Raised};
pub use store::StoreMetrics;
pub use traces::Traces;
