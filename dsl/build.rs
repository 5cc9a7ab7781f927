//! Compiles the cues of rhetorical questions into the automaton that the library reads them by.

#![allow(
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a build script reads the environment that cargo gives it, and stops the build by panicking"
)]

#[path = "src/text/rhetorical"]
mod rhetorical {
    pub(super) mod patterns;

    /// The automaton, smallest form, in this target's byte order.
    pub(super) fn automaton() -> Vec<u8> {
        use regex_automata::dfa::{StartKind, dense};
        use regex_automata::nfa::thompson;
        use regex_automata::util::syntax;

        let config = dense::Config::new()
            .start_kind(StartKind::Unanchored)
            .match_kind(regex_automata::MatchKind::All)
            .minimize(true);
        let dfa = dense::Builder::new()
            .configure(config)
            .syntax(syntax::Config::new().unicode(false).utf8(false))
            .thompson(thompson::Config::new().utf8(false))
            .build_many(&patterns::encoded())
            .unwrap_or_else(|error| panic!("the cues do not compile: {error}"));
        let little = std::env::var("CARGO_CFG_TARGET_ENDIAN").is_ok_and(|endian| endian == "little");
        let (bytes, padding) = if little { dfa.to_bytes_little_endian() } else { dfa.to_bytes_big_endian() };
        bytes.get(padding..).map(<[u8]>::to_vec).unwrap_or_default()
    }
}

fn main() {
    let out = std::env::var_os("OUT_DIR").map(std::path::PathBuf::from).unwrap_or_default();
    println!("cargo::rerun-if-changed=src/text/rhetorical/patterns.rs");
    println!("cargo::rerun-if-changed=build.rs");
    if let Err(error) = std::fs::write(out.join("lexicon.dfa"), rhetorical::automaton()) {
        panic!("the automaton of the cues cannot be written: {error}");
    }
}
