use std::io::Write;
use std::path::Path;

use anyhow::bail;

use super::{capabilities, kinds, names, size};
use crate::plugin::{Inspection, inspect};

/// Shows what a component is.
pub(super) fn run(out: &mut impl Write, file: &Path) -> anyhow::Result<()> {
    let seen = inspect(file).map_err(|reason| anyhow::anyhow!("{}: {reason}", file.display()))?;
    show(out, file, &seen)
}

fn show(out: &mut impl Write, file: &Path, seen: &Inspection) -> anyhow::Result<()> {
    writeln!(out, "file       {}  {}", file.display(), size(seen.size))?;
    writeln!(out, "blake3     {}", seen.digest)?;
    writeln!(out, "abi        {}", seen.abi.map_or_else(|| "none".to_owned(), |abi| format!("rolecall:policy {abi}")))?;
    writeln!(out, "worlds     {}", or_none(&names(&seen.worlds)))?;
    writeln!(out, "imports    {}", or_none(&seen.imports))?;
    writeln!(out, "exports    {}", or_none(&seen.exports))?;
    match &seen.manifest {
        Ok(manifest) => {
            writeln!(out, "name       {} {}  {}", manifest.name, manifest.version, kinds(manifest))?;
            writeln!(out, "needs      {}", capabilities(manifest))?;
            writeln!(out, "wishes     isolation by {}", manifest.isolation)?;
            writeln!(out, "doc        {}", manifest.doc)?;
            writeln!(out, "params     {}", serde_json::to_string_pretty(&manifest.params_schema)?)?;
            Ok(())
        }
        Err(reason) => bail!("{} would be refused: {reason}", file.display()),
    }
}

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join("\n           ") }
}

#[cfg(test)]
mod tests {
    use super::super::tests::manifest;
    use super::*;
    use crate::plugin::{AbiVersion, Refusal};

    fn seen() -> Inspection {
        Inspection {
            size: 12_345,
            digest: "d1".into(),
            abi: Some(AbiVersion::V0),
            worlds: manifest().worlds,
            imports: Vec::new(),
            exports: vec!["e1".into(), "e2".into()],
            manifest: Ok(manifest()),
        }
    }

    #[test]
    fn everything_is_shown() {
        let mut out = Vec::new();
        show(&mut out, Path::new("calm.wasm"), &seen()).unwrap();
        let expected = "file       calm.wasm  12.3 KB\n\
                        blake3     d1\n\
                        abi        rolecall:policy 0.9.0\n\
                        worlds     constraint-policy\n           delivery-policy\n\
                        imports    none\n\
                        exports    e1\n           e2\n\
                        name       calm 2.1.0  constraint-policy, delivery-policy (streaming)\n\
                        needs      nothing but its log\n\
                        wishes     isolation by session\n\
                        doc        Forbids shouting.\n\
                        params     {}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    /// What can be seen of a file is shown even where this server refuses it.
    #[test]
    fn a_refused_file_is_shown_too() {
        let refusal = Refusal::UnknownAbi { found: vec!["2.0.0".into()] };
        let foreign = Inspection { abi: None, worlds: Vec::new(), manifest: Err(refusal), ..seen() };
        let mut out = Vec::new();
        let error = show(&mut out, Path::new("calm.wasm"), &foreign).unwrap_err().to_string();
        let said = String::from_utf8(out).unwrap();
        assert!(said.contains("abi        none\nworlds     none\n") && said.contains("e2"), "{said}");
        assert!(error.starts_with("calm.wasm would be refused: ") && error.contains("2.0.0"), "{error}");
    }
}
