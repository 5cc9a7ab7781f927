//! `plugins/wit/v0`, package `rolecall:policy@0.9.0`.

/// World `constraint-policy`.
pub mod constraint {
    wasmtime::component::bindgen!({ path: "../../plugins/wit/v0", world: "constraint-policy" });
}

/// World `delivery-policy`; types and host functions are those of [`constraint`].
pub mod delivery {
    wasmtime::component::bindgen!({
        path: "../../plugins/wit/v0",
        world: "delivery-policy",
        with: {
            "rolecall:policy/types@0.9.0": super::constraint::rolecall::policy::types,
            "rolecall:policy/log@0.9.0": super::constraint::rolecall::policy::log,
        },
    });
}
