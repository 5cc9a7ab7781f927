//! Runs rolecall policies: WebAssembly components, loaded from a folder, each call under limits.
//!
//! Nothing outside this crate sees wasmtime. The runtime re-exports it as `rolecall::plugin`.
//!
//! ```text
//! plugins/*.wasm ─► load: size, kind, cache/compile, exports → worlds, imports vs grants, trial ─► Plugin
//!
//! host.check ─► breaker ─► queue of the plugin ─► worker thread: fresh instance, create, check ─► lift ─► caller
//!                 open       full: Busy              deadline in ticks, memory, stack, results      spans
//! ```
//!
//! Guests never run on the caller's thread or on an async reactor. An instance serves one call or
//! one stream and is thrown away, so that nothing of one user's text is left for the next, and a
//! trap has nothing to poison; where a policy wishes it and the operator grants it, the calls of one
//! session. Streams for which there is no place get an instance for each call.
//!
//! The folder is looked at again and again ([`PluginHost::look`]). What is new or changed is loaded aside,
//! tried by whoever asks, and exchanged in one step; what runs ends on the version that it began with.
//!
//! Several versions of the ABI are hosted side by side ([`AbiVersion`]); a component shows in the names
//! of its exports which of them it speaks.

mod abi;
mod bindings;
mod breaker;
mod cache;
mod call_error;
mod capability;
mod clock;
mod compile;
mod config;
mod conformance;
mod engine;
mod folder;
mod grants;
mod guest;
mod host;
mod inspect;
mod instances;
mod lift;
mod load;
mod lock;
mod manifest;
mod measure;
mod pack;
mod plugin;
mod policy;
mod refusal;
mod services;
mod stream;
mod ticker;
mod warm;
mod wasi;
mod workers;

pub use abi::AbiVersion;
pub use call_error::{BadGroups, BadSpan, CallError};
pub use capability::Capability;
pub use compile::{Compiler, CompilerProcess, compile_stream};
pub use config::{HostConfig, Limits, MAX_FILE_BYTES, MAX_TEXT_BYTES, MAX_WINDOW, Metering};
pub use conformance::{Promise, conformance};
pub use folder::{Look, Staged};
pub use grants::GrantsError;
pub use host::{LoadReport, NoObserver, Observer, PluginHost, StartError};
pub use inspect::{Inspection, inspect, inspect_component};
pub use lock::{Lock, LockError, Pinned};
pub use manifest::{Isolation, Manifest, World};
pub use measure::{Figures, Spread, measure};
pub use pack::{PackError, pack};
pub use policy::{Context, Features, MergedGroup, OfflineMessage, PolicyViolation, Severity, Verdict};
pub use refusal::Refusal;
pub use services::{EmbedError, Embedder, HashedEmbedder};
pub use stream::PolicyStream;
