//! What is taken, what is not, and that nothing in force is lost.

use rolecall_dsl::compile;
use rolecall_dsl::conflict::{Comparison, Relation};

use super::*;

fn role(name: &str, rules: &str) -> String {
    format!(
        "role {name} {{\n    version 1.0.0\n    language en\n    persona \"x\"\n    constraints {{ {rules} }}\n}}\n"
    )
}

fn checked(files: &[(&str, &str)]) -> Checked {
    let sources: Vec<_> = files.iter().map(|(name, text)| Ok(Source::new(name, text))).collect();
    check_sources(&sources, &Folders::default())
}

fn models() -> Models {
    let rehearsal = Arc::new(crate::model::Rehearsal::default());
    Models::only(rehearsal, crate::model::Rations::default(), &Metrics::new().unwrap())
}

fn in_force(files: &[(&str, &str)]) -> Set {
    let Checked { roles, refused, .. } = checked(files);
    Set { roles, refused, ..Set::default() }
}

/// A stand-in for the analysis: the longer contract is the wider one.
fn by_length(old: &Contract, new: &Contract) -> Change {
    let length = |contract: &Contract| contract.span.end - contract.span.start;
    let relation = match length(new).cmp(&length(old)) {
        std::cmp::Ordering::Less => Relation::Narrower,
        std::cmp::Ordering::Equal => Relation::Equal,
        std::cmp::Ordering::Greater => Relation::Wider,
    };
    let only_new = (relation == Relation::Wider).then(|| "One. Two.".to_owned());
    let comparison = Comparison {
        scenario: None,
        relation,
        only_old: None,
        only_new,
        tightened: None,
        loosened: None,
        undecided: None,
    };
    Change { relation, comparisons: vec![comparison], fields: Vec::new(), version_note: None }
}

fn outcomes(events: &[Event]) -> Vec<(&str, Outcome)> {
    events.iter().map(|event| (event.role.as_str(), event.outcome)).collect()
}

// Fails when a sound change is not in force, or one that changes nothing is told.
#[test]
fn what_is_sound_is_taken() {
    let old = in_force(&[("a.role", &role("a", "max_sentences 3")), ("b.role", &role("b", "max_sentences 3"))]);
    let new = checked(&[("a.role", &role("a", "max_sentences 30")), ("b.role", &role("b", "max_sentences 3"))]);
    let digest = new.roles["a"].digest.clone();
    let (set, events) = decide(&old, &new, false, by_length);
    assert_eq!(outcomes(&events), [("a", Outcome::Taken)]);
    assert_eq!(set.roles["a"].digest, digest);
    assert!(set.roles.contains_key("b") && set.waiting.is_empty());
}

// Fails when a broken file takes away the contract that is in force, however little of it can be read.
#[test]
fn what_is_in_force_survives_a_broken_file() {
    let old = in_force(&[("shop.role", &role("clerk", "max_sentences 3"))]);
    for text in [role("clerk", "max_sentnces 3"), "role cle".to_owned(), String::new(), "role other {".to_owned()] {
        let (set, events) = decide(&old, &checked(&[("shop.role", &text)]), false, by_length);
        assert!(set.roles.contains_key("clerk"), "{text:?}");
        assert!(set.waiting["clerk"].contains("shop.role"), "{text:?}: {:?}", set.waiting);
        assert!(outcomes(&events).contains(&("clerk", Outcome::Refused)), "{text:?}: {events:?}");
        // Told once, not again with every look.
        let (_, again) = decide(&set, &checked(&[("shop.role", &text)]), false, by_length);
        assert!(!outcomes(&again).contains(&("clerk", Outcome::Refused)), "{text:?}: {again:?}");
        let (mended, events) =
            decide(&set, &checked(&[("shop.role", &role("clerk", "max_chars 9"))]), false, by_length);
        assert_eq!((outcomes(&events), mended.waiting.len()), (vec![("clerk", Outcome::Taken)], 0), "{text:?}");
    }
}

// Fails when a second file of the same role replaces the first by chance.
#[test]
fn a_second_role_of_the_name_changes_nothing() {
    let old = in_force(&[("a.role", &role("a", "max_sentences 3"))]);
    let twins = checked(&[("a.role", &role("a", "max_sentences 3")), ("b.role", &role("a", "max_sentences 9"))]);
    let (set, events) = decide(&old, &twins, false, by_length);
    assert_eq!(set.roles["a"].digest, old.roles["a"].digest);
    assert_eq!(outcomes(&events), [("a", Outcome::Refused)]);
}

// Fails when a role cannot be added or withdrawn while serving.
#[test]
fn roles_come_and_go() {
    let old = in_force(&[("a.role", &role("a", "max_sentences 3"))]);
    let (set, events) = decide(&old, &checked(&[("b.role", &role("b", "max_sentences 3"))]), false, by_length);
    assert_eq!(outcomes(&events), [("a", Outcome::Removed), ("b", Outcome::Added)]);
    assert_eq!(set.roles.keys().collect::<Vec<_>>(), ["b"]);
}

// Fails when a lock lets something through, or keeps out what only tightens.
#[test]
fn a_lock_takes_only_what_lets_nothing_new_through() {
    let old = in_force(&[("a.role", &role("a", "max_sentences 30"))]);
    let wider = checked(&[("a.role", &role("a", "max_sentences 300"))]);
    let (set, events) = decide(&old, &wider, true, by_length);
    assert_eq!((outcomes(&events), &set.roles["a"].digest), (vec![("a", Outcome::Locked)], &old.roles["a"].digest));
    assert!(set.waiting["a"].contains("One. Two."), "{:?}", set.waiting);
    let narrower = checked(&[("a.role", &role("a", "max_sentences 3"))]);
    let digest = narrower.roles["a"].digest.clone();
    let (set, events) = decide(&set, &narrower, true, by_length);
    assert_eq!((outcomes(&events), &set.roles["a"].digest), (vec![("a", Outcome::Taken)], &digest));
    assert!(set.waiting.is_empty());
    let unknown = |old: &Contract, new: &Contract| Change { relation: Relation::Undecided, ..by_length(old, new) };
    let (_, events) = decide(&set, &checked(&[("a.role", &role("a", "max_chars 9"))]), true, unknown);
    assert_eq!(outcomes(&events), [("a", Outcome::Locked)]);
    let (set, events) = decide(&set, &checked(&[("n.role", &role("new", "max_chars 9"))]), true, by_length);
    assert_eq!((outcomes(&events), set.roles.len()), (vec![("a", Outcome::Removed), ("new", Outcome::Locked)], 0));
}

// Fails when a folder that has not changed is compiled again, or one that has is not.
#[tokio::test]
async fn a_folder_is_read_again_only_when_it_has_changed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.role");
    std::fs::write(&file, role("a", "max_sentences 3")).unwrap();
    let (contracts, _) = Contracts::load(dir.path()).unwrap();
    let metrics = Metrics::new().unwrap();
    let host = rolecall_plugin_host::HostConfig::new(dir.path().join("plugins"));
    let (plugins, _) = PluginHost::start(host, Arc::new(metrics.clone())).unwrap();
    let dir_path = dir.path().to_owned();
    let reloader = Reloader {
        contracts: contracts.clone(),
        dir: dir_path,
        plugins,
        models: models(),
        metrics: metrics.clone(),
        locked: false,
    };
    assert_eq!(reloader.reload().await, Ok(Vec::new()));
    let before = contracts.get("a").unwrap();
    std::fs::write(&file, role("a", "max_sentences 2")).unwrap();
    assert_eq!(outcomes(&reloader.reload().await.unwrap()), [("a", Outcome::Taken)]);
    assert_ne!(contracts.get("a").unwrap().digest, before.digest);
    assert_eq!(before.program.check("One. Two. Three.").violations.len(), 0, "what holds the old one keeps it");
    assert_eq!(reloader.reload().await, Ok(Vec::new()));
    let plugin = "tone: policy \"nowhere\" { x 1 }";
    std::fs::write(&file, role("a", plugin)).unwrap();
    assert_eq!(outcomes(&reloader.reload().await.unwrap()), [("a", Outcome::Refused)]);
    assert!(contracts.waiting("a").unwrap().contains("nowhere"));
    std::fs::remove_dir_all(dir.path()).unwrap();
    assert!(reloader.reload().await.is_err() && contracts.get("a").is_some());
    let shown = metrics.render().unwrap();
    assert!(shown.contains("contract_changes_total{outcome=\"refused\",relation=\"none\",role=\"a\"} 1"), "{shown}");
    assert_eq!(compile(&Source::new("x", "")).contracts.len(), 0);
}

// Fails when a changed file that a contract takes rules from changes nothing, or a file that did not change does.
#[tokio::test]
async fn a_changed_import_is_a_change() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    // Hidden folders are not read for contracts, and a single file stands for no folder at all.
    write(".common/brief.role", "rules brief { short: max_sentences 3 }\n");
    let text = format!("import \".common/brief.role\"\n{}", role("a", "use brief"));
    let file = write("a.role", &text);
    for served in [dir.path().to_owned(), file] {
        write(".common/brief.role", "rules brief { short: max_sentences 3 }\n");
        let (contracts, findings) = Contracts::load(&served).unwrap();
        assert!(findings.is_empty(), "{findings:?}");
        let metrics = Metrics::new().unwrap();
        let host = rolecall_plugin_host::HostConfig::new(dir.path().join("plugins"));
        let (plugins, _) = PluginHost::start(host, Arc::new(metrics.clone())).unwrap();
        let reloader =
            Reloader { contracts: contracts.clone(), dir: served, plugins, models: models(), metrics, locked: true };
        assert_eq!(reloader.reload().await, Ok(Vec::new()));
        write(".common/brief.role", "rules brief { short: max_sentences 2 }\n");
        assert_eq!(outcomes(&reloader.reload().await.unwrap()), [("a", Outcome::Taken)]);
        write(".common/brief.role", "rules brief { short: max_sentences 9 }\n");
        let events = reloader.reload().await.unwrap();
        assert_eq!(outcomes(&events), [("a", Outcome::Locked)]);
        let reason = events[0].reason.as_deref().unwrap_or_default();
        assert!(reason.contains("lets through") && reason.contains("which `short` refused"), "{reason}");
        assert_eq!(contracts.get("a").unwrap().program.check("One. Two. Three.").violations.len(), 1);
    }
}
