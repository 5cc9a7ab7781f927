//! The host's side of `plugins/wit/v1`, generated. A new folder of the ABI gets a module of its own.
#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    reason = "generated code"
)]

/// World `constraint-policy`.
pub mod constraint {
    wasmtime::component::bindgen!({ path: "../../plugins/wit/v1", world: "constraint-policy" });
}

/// World `delivery-policy`; types and host functions are those of [`constraint`].
pub mod delivery {
    wasmtime::component::bindgen!({
        path: "../../plugins/wit/v1",
        world: "delivery-policy",
        with: {
            "rolecall:policy/types@1.0.0": super::constraint::rolecall::policy::types,
            "rolecall:policy/log@1.0.0": super::constraint::rolecall::policy::log,
        },
    });
}
