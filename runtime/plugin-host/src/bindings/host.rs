//! `plugins/wit/host`, package `rolecall:host@1.0.0`: its types. The functions are linked by hand
//! ([`crate::services::link`]), for they count as the guest's time.

wasmtime::component::bindgen!({
    path: "../../plugins/wit/host",
    world: "capabilities",
});
