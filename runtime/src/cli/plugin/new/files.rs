//! The files of `plugin new`, which are those of `examples/plugins`: what is tested there is what is written.

use super::{Kind, Lang};

/// A file by its place in the project.
pub(super) type File = (&'static str, &'static [u8]);

/// Files below a folder of the repository.
macro_rules! files {
    ($folder:literal, $($name:literal),+ $(,)?) => {
        &[$(($name, include_bytes!(concat!("../../../../../", $folder, "/", $name)))),+]
    };
}

/// The interface, below `wit/v1`.
pub(super) const WIT: &[File] =
    files!["plugins/wit/v1", "constraint.wit", "delivery.wit", "log.wit", "types.wit", "worlds.wit",];

/// What hosts may grant, below `wit/host`.
pub(super) const HOST_WIT: &[File] =
    files!["plugins/wit/host", "clock.wit", "embed.wit", "kv.wit", "similarity.wit", "worlds.wit",];

/// The guest crate, below `rolecall-plugin`.
pub(super) const SDK: &[File] = files![
    "plugins/sdk",
    "Cargo.toml",
    "src/bindings.rs",
    "src/constraint.rs",
    "src/delivery.rs",
    "src/error.rs",
    "src/guest.rs",
    "src/guest/constraint.rs",
    "src/guest/delivery.rs",
    "src/host/clock.rs",
    "src/host/embed.rs",
    "src/host/kv.rs",
    "src/host/mod.rs",
    "src/host/similarity.rs",
    "src/lib.rs",
    "src/log.rs",
    "src/manifest.rs",
    "src/testing.rs",
    "src/testing/digits.rs",
    "src/testing/features.rs",
    "src/testing/host.rs",
    "src/violation.rs",
    "src/words.rs",
    "src/words/scanner.rs",
    "src/words/tests.rs",
];

const RUST_CONSTRAINT: &[File] = files![
    "examples/plugins/rust/constraint",
    ".gitignore",
    "Cargo.toml",
    "Makefile",
    "README.md",
    "cases.json",
    "params.schema.json",
    "src/lib.rs",
    "src/tests.rs",
];

const RUST_DELIVERY: &[File] = files![
    "examples/plugins/rust/delivery",
    ".gitignore",
    "Cargo.toml",
    "Makefile",
    "README.md",
    "cases.json",
    "src/lib.rs",
    "src/tests.rs",
];

const JS_CONSTRAINT: &[File] = files![
    "examples/plugins/js/constraint",
    ".gitignore",
    "Makefile",
    "README.md",
    "build.mjs",
    "cases.json",
    "component.js",
    "package-lock.json",
    "package.json",
    "policy.js",
    "policy.test.mjs",
];

const JS_DELIVERY: &[File] = files![
    "examples/plugins/js/delivery",
    ".gitignore",
    "Makefile",
    "README.md",
    "build.mjs",
    "cases.json",
    "component.js",
    "package-lock.json",
    "package.json",
    "policy.js",
    "policy.test.mjs",
];

const PYTHON_CONSTRAINT: &[File] = files![
    "examples/plugins/python/constraint",
    ".gitignore",
    "Makefile",
    "README.md",
    "cases.json",
    "requirements.txt",
    "src/constraint.py",
    "src/policy.py",
    "test_policy.py",
];

const PYTHON_DELIVERY: &[File] = files![
    "examples/plugins/python/delivery",
    ".gitignore",
    "Makefile",
    "README.md",
    "cases.json",
    "requirements.txt",
    "src/delivery.py",
    "src/policy.py",
    "test_policy.py",
];

const C_CONSTRAINT: &[File] = files![
    "examples/plugins/c/constraint",
    ".gitignore",
    "Makefile",
    "README.md",
    "bindings/constraint_policy.c",
    "bindings/constraint_policy.h",
    "bindings/constraint_policy_component_type.o",
    "cases.json",
    "requirements.txt",
    "src/params.c",
    "src/params.h",
    "src/policy.c",
    "src/words.c",
    "src/words.h",
];

const C_DELIVERY: &[File] = files![
    "examples/plugins/c/delivery",
    ".gitignore",
    "Makefile",
    "README.md",
    "bindings/delivery_policy.c",
    "bindings/delivery_policy.h",
    "bindings/delivery_policy_component_type.o",
    "cases.json",
    "requirements.txt",
    "src/policy.c",
];

/// What is a project's own.
pub(super) fn of(lang: Lang, kind: Kind) -> &'static [File] {
    match (lang, kind) {
        (Lang::Rust, Kind::Constraint) => RUST_CONSTRAINT,
        (Lang::Rust, Kind::Delivery) => RUST_DELIVERY,
        (Lang::JavaScript, Kind::Constraint) => JS_CONSTRAINT,
        (Lang::JavaScript, Kind::Delivery) => JS_DELIVERY,
        (Lang::Python, Kind::Constraint) => PYTHON_CONSTRAINT,
        (Lang::Python, Kind::Delivery) => PYTHON_DELIVERY,
        (Lang::C, Kind::Constraint) => C_CONSTRAINT,
        (Lang::C, Kind::Delivery) => C_DELIVERY,
    }
}
