//! Any text has one layout, which is its own layout, or syntax errors.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rolecall_dsl::format::{FormatError, format};
use rolecall_dsl::source::Source;

fuzz_target!(|text: &str| {
    match format(&Source::new("fuzz.role", text)) {
        Ok(once) => {
            let twice = format(&Source::new("fuzz.role", &once));
            assert_eq!(twice.expect("a layout can be read"), once);
        }
        Err(FormatError::Syntax(findings)) => assert!(!findings.is_empty()),
        Err(error @ FormatError::Changed { .. }) => panic!("{error}"),
    }
});
