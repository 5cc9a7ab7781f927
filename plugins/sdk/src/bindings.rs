//! The component ABI, generated from `plugins/wit/v1`. Not an interface: use the traits and macros.
#![allow(unsafe_code, reason = "generated: the canonical ABI moves values through raw memory")]
#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    reason = "generated code"
)]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "generated code")]

/// World `constraint-policy`.
pub mod constraint {
    wit_bindgen::generate!({
        path: "../wit/v1",
        world: "constraint-policy",
        pub_export_macro: true,
        default_bindings_module: "rolecall_plugin::bindings::constraint",
        generate_all,
    });
}

/// World `delivery-policy`.
pub mod delivery {
    wit_bindgen::generate!({
        path: "../wit/v1",
        world: "delivery-policy",
        pub_export_macro: true,
        default_bindings_module: "rolecall_plugin::bindings::delivery",
        generate_all,
    });
}

/// What hosts may grant.
pub mod host {
    wit_bindgen::generate!({ path: "../wit/host", world: "capabilities", generate_all });
}
