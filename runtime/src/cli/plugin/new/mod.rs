//! `rolecall plugin new`: a project that builds and passes its tests.

mod files;
mod reserved;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;

use files::File;

/// What the project is called in the templates.
const PLACEHOLDER: &str = "my_policy";
/// Bytes of a name, as the host takes it.
const MAX_NAME: usize = 64;

/// What the plugin is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Lang {
    /// Rust, with the guest crate.
    Rust,
    /// JavaScript, by componentize-js.
    #[value(name = "js")]
    JavaScript,
    /// Python, by componentize-py.
    Python,
    /// C, by Zig's compiler.
    C,
}

/// What the plugin does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Judges replies.
    Constraint,
    /// Merges messages for people who are away.
    Delivery,
}

/// Writes the project into a new folder.
pub(super) fn run(out: &mut impl Write, folder: &Path, lang: Lang, kind: Kind) -> anyhow::Result<()> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    ensure!(
        is_name(name),
        "a plugin's name has 1 to {MAX_NAME} small letters, digits and `_`, a letter first; `{name}` is none"
    );
    ensure!(
        !reserved::is_reserved(name),
        "`{name}` is a word of Rust, Python, JavaScript or C, or a name in every project of one; choose another name"
    );
    if folder.exists() {
        bail!("{} is there already; choose another name, or remove it", folder.display());
    }
    write(folder, files::of(lang, kind), "", name)?;
    write(folder, files::WIT, "wit/v1", name)?;
    write(folder, files::HOST_WIT, "wit/host", name)?;
    if lang == Lang::Rust {
        write(folder, files::SDK, "rolecall-plugin", name)?;
    }
    writeln!(out, "{} is ready; README.md says what is where. Next:\n", folder.display())?;
    writeln!(out, "  cd {} && make", folder.display())?;
    writeln!(out, "  rolecall plugin test {name}.wasm --cases cases.json")?;
    writeln!(out, "  cp {name}.wasm PLUGIN_FOLDER/     # a running server takes it at once")?;
    Ok(())
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= MAX_NAME && name.chars().all(plain)
}

fn write(folder: &Path, files: &[File], below: &str, name: &str) -> anyhow::Result<()> {
    for (place, bytes) in files {
        let path: PathBuf = folder.join(below).join(place);
        let parent = path.parent().context("a file without a folder")?;
        fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
        let bytes = match std::str::from_utf8(bytes) {
            Ok(text) => named(text, below, place, name).into_bytes(),
            // The type of a component, made by a tool.
            Err(_) => bytes.to_vec(),
        };
        fs::write(&path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// A template's text for a project. The guest crate leaves its own tests behind, and what they need.
fn named(text: &str, below: &str, place: &str, name: &str) -> String {
    if below == "rolecall-plugin" && place == "Cargo.toml" {
        let Some((kept, dropped)) = text.split_once("[dev-dependencies]") else { return text.to_owned() };
        let rest = dropped.split_once("\n\n").map_or("", |(_, rest)| rest);
        return format!("{kept}{rest}");
    }
    text.replace(PLACEHOLDER, name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What tools leave in a project.
    const LEFT: [&str; 5] = ["target", "build", ".venv", "node_modules", "__pycache__"];

    fn below(folder: &Path, found: &mut BTreeSet<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !LEFT.contains(&name) {
                below(&path, found);
            } else if path.is_file() && !name.ends_with(".wasm") {
                found.insert(path);
            }
        }
    }

    /// Fails when an example gets a file that `plugin new` does not write.
    #[test]
    fn every_file_of_the_examples_is_written() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (lang, folder) in [(Lang::Rust, "rust"), (Lang::JavaScript, "js"), (Lang::Python, "python"), (Lang::C, "c")]
        {
            for (kind, name) in [(Kind::Constraint, "constraint"), (Kind::Delivery, "delivery")] {
                let folder = root.join("examples/plugins").join(folder).join(name);
                let mut found = BTreeSet::new();
                below(&folder, &mut found);
                let written: BTreeSet<PathBuf> =
                    files::of(lang, kind).iter().map(|(place, _)| folder.join(place)).collect();
                assert_eq!(written, found);
            }
        }
        for (folder, written) in
            [("plugins/wit/v1", files::WIT), ("plugins/wit/host", files::HOST_WIT), ("plugins/sdk", files::SDK)]
        {
            let folder = root.join(folder);
            let mut found = BTreeSet::new();
            below(&folder, &mut found);
            assert_eq!(written.iter().map(|(place, _)| folder.join(place)).collect::<BTreeSet<_>>(), found);
        }
    }

    /// Fails when a name of the template is left, or a folder of the user's is written into.
    #[test]
    fn a_project_has_its_own_name_in_a_folder_of_its_own() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("calm_voice");
        run(&mut Vec::new(), &folder, Lang::Rust, Kind::Constraint).unwrap();
        let mut written = BTreeSet::new();
        below(&folder, &mut written);
        for path in &written {
            let bytes = fs::read(path).unwrap();
            assert!(!bytes.windows(PLACEHOLDER.len()).any(|part| part == PLACEHOLDER.as_bytes()), "{}", path.display());
        }
        assert!(fs::read_to_string(folder.join("Cargo.toml")).unwrap().contains("name = \"calm_voice\""));
        let crate_file = fs::read_to_string(folder.join("rolecall-plugin/Cargo.toml")).unwrap();
        assert!(crate_file.contains("[dependencies]") && !crate_file.contains("proptest"), "{crate_file}");
        assert!(
            run(&mut Vec::new(), &folder, Lang::C, Kind::Delivery).unwrap_err().to_string().contains("there already")
        );
        for name in ["", "Calm", "calm-voice", "1calm", "冷静"] {
            let said = run(&mut Vec::new(), &home.path().join(name), Lang::C, Kind::Delivery).unwrap_err().to_string();
            assert!(said.contains("a plugin's name"), "{said}");
        }
    }
}
