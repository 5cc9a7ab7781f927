//! What contract files import.

use std::path::{Component, Path, PathBuf, absolute};

use rolecall_dsl::check::{ImportError, Imports};
use rolecall_dsl::diagnostic::codes;
use rolecall_dsl::parse::parse;
use rolecall_dsl::source::Source;

use super::files::read_source;

/// The folder name whose files are there to be imported: roles in them are not served.
const SHARED: &str = "shared";

/// The folders that contracts were read from; imports do not lead out of them.
#[derive(Debug, Clone, Default)]
pub struct Folders {
    /// What was asked for.
    named: Vec<PathBuf>,
    /// The folder of contracts: what is named inside it may import from all of it.
    around: Option<PathBuf>,
}

impl Folders {
    /// The folders of these paths; for a file the one it lies in.
    #[must_use]
    pub fn of(paths: &[PathBuf]) -> Self {
        let folder = |path: &PathBuf| {
            if path.is_dir() { path.clone() } else { path.parent().map(Path::to_owned).unwrap_or_default() }
        };
        Self { named: paths.iter().map(folder).collect(), around: None }
    }

    /// Lets files that lie in this folder import from all of it, though only a part was asked for.
    #[must_use]
    pub fn within(self, folder: &Path) -> Self {
        Self { around: Some(folder.to_owned()), ..self }
    }

    /// What a file imports, or why not, one by one.
    pub fn imported(&self, source: &Source) -> impl Iterator<Item = Result<Source, ImportError>> {
        let mentions = source.text().contains("import");
        let imports = if mentions { parse(source, &mut Vec::new()).imports } else { Vec::new() };
        imports.into_iter().map(|import| self.load(source, &import.value))
    }

    /// Whether the file lies in a folder named `shared`, below the one that was asked for.
    #[must_use]
    pub fn is_shared(&self, file: &Path) -> bool {
        below(&self.named, file).is_some_and(|rest| {
            rest.parent().is_some_and(|folder| folder.components().any(|part| part.as_os_str() == SHARED))
        })
    }
}

/// The path of a file below the outermost of the folders that hold it.
fn below<'f>(folders: impl IntoIterator<Item = &'f PathBuf>, file: &Path) -> Option<PathBuf> {
    // Compared as seen from the root: `contracts`, `./contracts` and its whole path are one folder. The
    // empty path is the folder that the process runs in.
    let whole = |path: &Path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        absolute(path).unwrap_or_else(|_| path.to_owned())
    };
    let file = whole(file);
    let below = folders.into_iter().filter_map(|folder| file.strip_prefix(whole(folder)).ok().map(Path::to_owned));
    below.max_by_key(|rest| rest.components().count())
}

impl Imports for Folders {
    fn load(&self, from: &Source, path: &str) -> Result<Source, ImportError> {
        let from = Path::new(from.name());
        let below = below(self.named.iter().chain(&self.around), from).ok_or(ImportError::Outside)?;
        let depth = below.components().count().saturating_sub(1);
        // Resolved by its parts, so that a file has one name however it is reached.
        let mut parts: Vec<Component<'_>> =
            from.parent().map(|parent| parent.components().collect()).unwrap_or_default();
        let root = parts.len().saturating_sub(depth);
        for part in Path::new(path).components() {
            match part {
                Component::CurDir => {}
                Component::Normal(_) => parts.push(part),
                Component::ParentDir if parts.len() > root => drop(parts.pop()),
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(ImportError::Outside),
            }
        }
        let file: PathBuf = parts.iter().collect();
        if !file.is_file() {
            return Err(ImportError::NotFound);
        }
        read_source(&file).map_err(|finding| match finding.code {
            codes::UNREADABLE => ImportError::NotFound,
            _ => ImportError::Unreadable(finding.message.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rolecall_dsl::check::{ImportError, Imports as _};
    use rolecall_dsl::source::Source;

    use super::Folders;

    // Fails when imports depend on how a path is written.
    #[test]
    fn a_folder_may_be_named_in_several_ways() {
        let here = std::env::current_dir().unwrap();
        let roots = [here.join("contracts"), "contracts".into(), "./contracts".into()];
        for (root, file) in roots.iter().flat_map(|root| roots.iter().map(move |file| (root, file.join("shop/a.role"))))
        {
            let found = super::below(std::slice::from_ref(root), &file);
            assert_eq!(found, Some(PathBuf::from("shop/a.role")), "{} in {}", file.display(), root.display());
        }
        assert_eq!(super::below(&[PathBuf::new()], &here.join("a.role")), Some(PathBuf::from("a.role")));
        assert_eq!(super::below(&[PathBuf::new()], &PathBuf::from("/elsewhere/a.role")), None);
    }

    // Fails when a contract can read files outside of its folder, or one file has two names.
    #[test]
    fn imports_stay_in_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("contracts");
        for (name, text) in [("shared/safety.role", "rules a { }"), ("shop/clerk.role", ""), ("plain.role", "x")] {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::fs::write(dir.path().join("secret.role"), "secret").unwrap();
        let folders = Folders::of(std::slice::from_ref(&root));
        let clerk = Source::new(&root.join("shop/clerk.role").display().to_string(), "");
        let load = |path: &str| folders.load(&clerk, path);

        let safety = load("../shared/safety.role").unwrap();
        assert_eq!(safety.text(), "rules a { }");
        assert_eq!(load("./../shop/../shared/safety.role").unwrap().name(), safety.name());
        assert_eq!(load("../plain.role").unwrap().text(), "x");
        assert_eq!(folders.load(&safety, "../plain.role").unwrap().text(), "x");
        assert_eq!(load("../../secret.role").unwrap_err(), ImportError::Outside);
        assert_eq!(load("../nothing/../../secret.role").unwrap_err(), ImportError::Outside);
        assert_eq!(load("/etc/passwd.role").unwrap_err(), ImportError::Outside);
        assert_eq!(load("missing.role").unwrap_err(), ImportError::NotFound);
        assert_eq!(load("../shared").unwrap_err(), ImportError::NotFound);

        // Named as a file, a contract has the folder that it lies in.
        let alone = Folders::of(&[root.join("shop/clerk.role")]);
        assert_eq!(alone.load(&clerk, "../plain.role").unwrap_err(), ImportError::Outside);
        // Unless that is a part of the folder of contracts.
        let part = alone.within(&root);
        assert_eq!(part.load(&clerk, "../plain.role").unwrap().text(), "x");
        assert_eq!(part.load(&clerk, "../../secret.role").unwrap_err(), ImportError::Outside);
        assert!(folders.is_shared(&root.join("shared/safety.role")));
        assert!(folders.is_shared(&root.join("shop/shared/deeper/safety.role")));
        assert!(!folders.is_shared(&root.join("shop/shared.role")));
        // A folder that is asked for by name is read as it is.
        assert!(!Folders::of(&[root.join("shared")]).within(&root).is_shared(&root.join("shared/safety.role")));
        assert!(!Folders::of(&[PathBuf::from("elsewhere")]).is_shared(&root.join("shared/safety.role")));
    }
}
