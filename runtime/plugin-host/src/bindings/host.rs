//! `plugins/wit/host`, package `rolecall:host@1.0.0`.

wasmtime::component::bindgen!({
    path: "../../plugins/wit/host",
    world: "capabilities",
    imports: { default: trappable },
});
