use wit_component::ComponentEncoder;

use crate::load::Kind;

/// Makes a component of a core module built for `wasm32-unknown-unknown`; a component passes as it is.
///
/// # Errors
/// The bytes are not WebAssembly, or the module was not built with `rolecall-plugin` (or another
/// `wit-bindgen` guest) and so does not carry its worlds.
pub fn pack(module: &[u8]) -> Result<Vec<u8>, PackError> {
    match Kind::of(module) {
        Kind::Component => Ok(module.to_vec()),
        Kind::Other => Err(PackError("this is not a WebAssembly file".into())),
        Kind::CoreModule => ComponentEncoder::default()
            .module(module)
            .and_then(|encoder| encoder.validate(true).encode())
            .map_err(|error| PackError(format!("{error:#}"))),
    }
}

/// Why a module could not become a component.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PackError(String);
