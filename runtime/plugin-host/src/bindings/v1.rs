//! `plugins/wit/v1`, package `rolecall:policy@1.0.0`.

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
