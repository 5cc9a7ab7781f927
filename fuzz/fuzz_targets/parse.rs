//! Any bytes are findings or contracts, and findings can be written in every format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rolecall_dsl::check::{MAX_FINDINGS, compile_bytes};
use rolecall_dsl::diagnostic::{Format, apply, render};
use rolecall_dsl::source::Source;

fuzz_target!(|bytes: &[u8]| {
    let compiled = compile_bytes("fuzz.role", bytes);
    assert!(!compiled.findings.is_empty() || !compiled.contracts.is_empty());
    assert!(compiled.findings.len() <= MAX_FINDINGS + 1);
    let human = Format::Human { color: false };
    for format in [human, Format::Short, Format::Json, Format::Github, Format::Junit] {
        assert!(compiled.findings.is_empty() || !render(&compiled.findings, format).is_empty());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _fixed = apply(&Source::new("fuzz.role", text), &compiled.findings);
    }
});
