//! The time of day: the grant `clock`.

/// Milliseconds since the Unix epoch. It may step back when the machine's clock is set. In native tests it
/// is what [`crate::testing::set_clock`] says, at first 0.
#[must_use]
pub fn now_ms() -> u64 {
    now()
}

#[cfg(target_arch = "wasm32")]
fn now() -> u64 {
    crate::bindings::host::rolecall::host::clock::now_ms()
}

#[cfg(not(target_arch = "wasm32"))]
fn now() -> u64 {
    crate::testing::host::clock()
}
