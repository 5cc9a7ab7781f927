//! Files that passed are not tried again as long as nothing has changed that they were tried with.
//!
//! The key of an entry is the hash of everything that the result follows from: the program, the
//! options, the plugins with their limits, the file and whatever it imports. Only results without an
//! error are kept, and only those of the rehearsal model; their warnings and notes are told again. An
//! entry that cannot be read, or that is not what was written, counts as absent.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use rolecall_dsl::diagnostic::{Code, Finding, Severity};
use rolecall_dsl::source::Source;
use rolecall_dsl::span::Span;
use serde::{Deserialize, Serialize};

use super::bench::{FileReport, Options};
use super::summary::RoleSummary;
use crate::config::Config;
use crate::contracts::Folders;
use rolecall_plugin_host::{Capability, Manifest, PluginHost};

/// Grows when entries are written in another way.
const FORMAT: u32 = 2;

/// The largest entry that is read.
const MAX_ENTRY_BYTES: u64 = 4 << 20;

/// Entries beyond this are removed, the oldest first.
const MAX_ENTRIES: usize = 10_000;

/// Files that one file can take in, directly or through others, and still be kept.
const MAX_IMPORTS: usize = 256;

/// The folder of entries, and what all keys begin with.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    base: blake3::Hasher,
    /// Plugins that are granted the clock, as contracts name them.
    clocks: Vec<String>,
}

/// The name of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key(String);

/// An entry as it is written: a result without errors.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    findings: Vec<Kept>,
    roles: Vec<RoleSummary>,
    declared: Vec<(String, u32, u32)>,
}

/// A warning or note about the file itself.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    code: u16,
    warning: bool,
    place: (u32, u32),
    message: String,
    help: Option<String>,
    related: Vec<(u32, u32, String)>,
    fix: Option<(u32, u32, String)>,
}

impl Cache {
    /// The cache in a folder, for these options and plugins.
    pub(super) fn open(folder: PathBuf, config: &Config, options: Options, plugins: &PluginHost) -> Self {
        let mut base = blake3::Hasher::new();
        let mut add = |text: &str| {
            base.update(&(text.len() as u64).to_le_bytes());
            base.update(text.as_bytes());
        };
        add(&format!("{FORMAT} {} {:?} {options:?}", env!("CARGO_PKG_VERSION"), program()));
        let limits = (config.plugin_merge_limit, config.plugin_check_limit, config.plugin_push_limit);
        add(&format!("{limits:?} {}", config.plugin_memory));
        for manifest in plugins.manifests() {
            add(&manifest.name);
            add(&manifest.digest);
        }
        let tells_time = |manifest: &Arc<Manifest>| manifest.capabilities.contains(&Capability::Clock);
        let clocks =
            plugins.manifests().into_iter().filter(tells_time).map(|manifest| format!("\"{}\"", manifest.name));
        Self { folder, base, clocks: clocks.collect() }
    }

    /// The key of a file as it is now; `None` when something that it imports cannot be read, or
    /// when a plugin may judge it by the time.
    pub(super) fn key(&self, source: &Source, folders: &Folders) -> Option<Key> {
        let mut hasher = self.base.clone();
        let mut files = vec![source.clone()];
        let mut seen = BTreeSet::from([source.name().to_owned()]);
        // The roles of a shared file are not tried.
        hasher.update(&[u8::from(folders.is_shared(Path::new(source.name())))]);
        while let Some(file) = files.pop() {
            // What a plugin with a clock said yesterday says nothing of today.
            if self.clocks.iter().any(|plugin| file.text().contains(plugin)) {
                return None;
            }
            for part in [file.name(), file.text()] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
            for imported in folders.imported(&file) {
                let imported = imported.ok()?;
                if seen.insert(imported.name().to_owned()) {
                    files.push(imported);
                }
            }
            if seen.len() > MAX_IMPORTS {
                return None;
            }
        }
        Some(Key(hasher.finalize().to_hex().to_string()))
    }

    /// What was kept under this key.
    pub(super) fn load(&self, key: &Key, source: &Source) -> Option<FileReport> {
        let path = self.path(key);
        if fs::metadata(&path).ok()?.len() > MAX_ENTRY_BYTES {
            return None;
        }
        let text = fs::read_to_string(path).ok()?;
        let (sum, body) = text.split_once('\n')?;
        if blake3::hash(body.as_bytes()).to_hex().as_str() != sum {
            return None;
        }
        let entry: Entry = serde_json::from_str(body).ok()?;
        let findings = entry.findings.into_iter().map(|kept| kept.finding(source)).collect();
        let declared = entry.declared.into_iter().map(|(name, start, end)| (name, Span::new(start, end))).collect();
        Some(FileReport { source: source.clone(), findings, roles: entry.roles, declared })
    }

    /// Keeps a result, if it is one to keep. A cache that cannot be written costs time, nothing else.
    pub(super) fn store(&self, key: &Key, report: &FileReport) {
        let Some(findings) = report.findings.iter().map(|it| Kept::of(it, &report.source)).collect() else { return };
        if report.roles.iter().any(|role| !role.accepted) {
            return;
        }
        let declared = report.declared.iter().map(|(name, span)| (name.clone(), span.start, span.end)).collect();
        let entry = Entry { findings, roles: report.roles.clone(), declared };
        let Ok(body) = serde_json::to_string(&entry) else { return };
        let text = format!("{}\n{body}", blake3::hash(body.as_bytes()).to_hex());
        if let Err(error) = self.write(key, &text) {
            tracing::debug!(%error, folder = %self.folder.display(), "the result is not kept");
        }
    }

    /// Removes the oldest entries beyond the limit.
    pub(super) fn prune(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<_> = entries
            .flatten()
            .map(|entry| (entry.metadata().and_then(|meta| meta.modified()).unwrap_or(UNIX_EPOCH), entry.path()))
            .collect();
        let surplus = files.len().saturating_sub(MAX_ENTRIES);
        files.sort();
        for (_, path) in files.into_iter().take(surplus) {
            // Another process may have removed it already.
            let _gone = fs::remove_file(path);
        }
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(format!("{}.json", key.0))
    }

    /// Whole or not at all: several processes may verify the same folder.
    fn write(&self, key: &Key, text: &str) -> std::io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let path = self.path(key);
        let part = path.with_extension(format!("{}.part", std::process::id()));
        fs::write(&part, text)?;
        fs::rename(&part, &path)
    }
}

impl Kept {
    /// `None` for what is not kept: errors, and what points into other files.
    fn of(finding: &Finding, source: &Source) -> Option<Self> {
        let own = |other: &Source| other.name() == source.name() && other.text() == source.text();
        let all_own = own(&finding.source) && finding.related.iter().all(|related| own(&related.source));
        let kept = finding.severity != Severity::Error && all_own;
        kept.then(|| Self {
            code: finding.code.0,
            warning: finding.severity == Severity::Warning,
            place: (finding.span.start, finding.span.end),
            message: finding.message.clone(),
            help: finding.help.clone(),
            related: finding.related.iter().map(|it| (it.span.start, it.span.end, it.message.clone())).collect(),
            fix: finding.fix.as_ref().map(|fix| (fix.span.start, fix.span.end, fix.replacement.clone())),
        })
    }

    fn finding(self, source: &Source) -> Finding {
        let mut finding = Finding::new(Code(self.code), source, Span::new(self.place.0, self.place.1), self.message);
        finding.severity = if self.warning { Severity::Warning } else { Severity::Note };
        finding.help = self.help;
        for (start, end, message) in self.related {
            finding = finding.with_related(Span::new(start, end), message);
        }
        match self.fix {
            Some((start, end, replacement)) => finding.with_fix(Span::new(start, end), replacement),
            None => finding,
        }
    }
}

/// The program itself: a newly built one may judge otherwise under the same version.
fn program() -> Option<(u64, u128)> {
    let meta = fs::metadata(std::env::current_exe().ok()?).ok()?;
    Some((meta.len(), meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos()))
}
