//! Generated from `plugins/wit/v0`.
#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    reason = "generated code"
)]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "generated code")]

wit_bindgen::generate!({
    path: "../wit/v0",
    inline: "
        package legacy:guest;

        world legacy {
            include rolecall:policy/constraint-policy@0.9.0;
            include rolecall:policy/delivery-policy@0.9.0;
        }
    ",
    world: "legacy:guest/legacy",
    generate_all,
});
