//! Precedence, places and remedies.

use std::time::Duration;

use clap::{Args, FromArgMatches};

use super::*;

/// Sources with a file, an environment and flags.
fn sources(file: Option<&str>, environment: &[(&str, &str)], flags: &[&str]) -> (tempfile::TempDir, Sources) {
    let dir = tempfile::tempdir().unwrap();
    if let Some(text) = file {
        std::fs::write(dir.path().join(DEFAULT_FILE), text).unwrap();
    }
    let command = SettingFlags::augment_args(clap::Command::new("serve"));
    let matches = command.try_get_matches_from([&["serve"], flags].concat()).unwrap();
    let sources = Sources {
        environment: environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        flags: SettingFlags::from_arg_matches(&matches).unwrap(),
        directory: dir.path().to_owned(),
    };
    (dir, sources)
}

fn resolve(file: Option<&str>, environment: &[(&str, &str)], flags: &[&str]) -> Result<Resolved, ConfigErrors> {
    sources(file, environment, flags).1.resolve()
}

fn complaint(file: Option<&str>, environment: &[(&str, &str)], flags: &[&str]) -> String {
    resolve(file, environment, flags).unwrap_err().to_string()
}

fn origin(resolved: &Resolved, key: &str) -> String {
    resolved.shown.iter().find(|shown| shown.key == key).unwrap().origin.to_string()
}

// Fails when a source is skipped, or a weaker one wins.
#[test]
fn the_last_source_that_names_a_value_wins() {
    let file = Some("listen = \"127.0.0.1:1\"\n");
    let environment: &[(&str, &str)] = &[("ROLECALL_LISTEN", "127.0.0.1:2")];
    let flags: &[&str] = &["--listen", "127.0.0.1:3"];
    type Row<'a> = (Option<&'a str>, &'a [(&'a str, &'a str)], &'a [&'a str], u16, &'a str);
    let table: [Row; 6] = [
        (None, &[], &[], 8420, "default"),
        (file, &[], &[], 1, "rolecall.toml:1"),
        (None, environment, &[], 2, "environment ROLECALL_LISTEN"),
        (file, environment, &[], 2, "environment ROLECALL_LISTEN"),
        (file, &[], flags, 3, "flag --listen"),
        (file, environment, flags, 3, "flag --listen"),
    ];
    for (file, environment, flags, port, place) in table {
        let resolved = resolve(file, environment, flags).unwrap();
        assert_eq!(resolved.config.listen.port(), port, "{place}");
        assert_eq!(origin(&resolved, "listen"), place);
    }
}

// Fails when a setting is read from one source only, or in another unit there.
#[test]
fn every_shape_is_read_from_every_source() {
    let file = "insecure = true\napi-keys = [\"key-number-one-1\", \"key-number-two-2\"]\nplugin-memory = \"1MiB\"\n\
                max-completions = 7\nshutdown-patience = \"90s\"\n";
    let environment = [
        ("ROLECALL_INSECURE", "1"),
        ("ROLECALL_API_KEYS", "key-number-one-1, key-number-two-2"),
        ("ROLECALL_PLUGIN_MEMORY", "1024KiB"),
        ("ROLECALL_MAX_COMPLETIONS", "7"),
        ("ROLECALL_SHUTDOWN_PATIENCE", "90s"),
    ];
    let flags = "--insecure --api-keys key-number-one-1,key-number-two-2 --plugin-memory 1048576 --max-completions 7 \
                 --shutdown-patience 90000ms";
    let flags: Vec<&str> = flags.split_whitespace().collect();
    for resolved in [resolve(Some(file), &[], &[]), resolve(None, &environment, &[]), resolve(None, &[], &flags)] {
        let config = resolved.unwrap().config;
        assert!(config.insecure);
        assert_eq!(config.api_keys, [Secret::new("key-number-one-1"), Secret::new("key-number-two-2")]);
        assert_eq!((config.plugin_memory, config.max_completions), (1 << 20, 7));
        assert_eq!(config.shutdown_patience, Duration::from_secs(90));
    }
}

// Fails when a wrong value is taken, or its complaint lacks place, key or remedy.
#[test]
fn wrong_values_name_place_key_and_remedy() {
    for (flag, value, remedy) in [
        ("listen", "nowhere", "ADDRESS:PORT"),
        ("listen", "localhost", "ADDRESS:PORT"),
        ("store", "redis://localhost", "as redis-url"),
        ("store", "disk", "embedded, memory or redis"),
        ("redis-url", "localhost:6379", "redis://"),
        ("redis-prefix", "a{b}", "without brackets"),
        ("redis-durability", "replicas 0", "replicas N"),
        ("model", "gpt-4", "model-name"),
        ("token-ttl", "soon", "such as 250ms or 30s"),
        ("token-ttl", "0s", "out of range"),
        ("token-ttl", "99999999999999999999d", "such as"),
        ("session-ttl", "59s", "1m to 3650d"),
        ("session-ttl", "always", "or never"),
        ("plugin-memory", "1TB", "32MiB"),
        ("max-completions", "-1", "whole number"),
        ("log-format", "xml", "text or json"),
        ("model-url", "host:80", "http://"),
        ("token-key", "short", "32"),
        ("api-keys", "short", "16"),
    ] {
        let text = complaint(None, &[], &[&format!("--{flag}={value}")]);
        assert!(text.contains(&format!("flag --{flag}: {flag} = ")) && text.contains(remedy), "{text}");
    }
    let text = complaint(Some("\n\ntoken-ttl = \"soon\"\n"), &[], &[]);
    assert!(text.contains("rolecall.toml:3: token-ttl = \"soon\""), "{text}");
    let text = complaint(Some("insecure = \"perhaps\"\nlisten = []\n"), &[], &[]);
    assert!(text.contains("rolecall.toml:1: insecure") && text.contains("rolecall.toml:2: listen"), "{text}");
}

// Fails when a misspelt key is ignored, or the nearest one is not offered.
#[test]
fn unknown_keys_are_errors_with_a_suggestion() {
    let text = complaint(Some("# settings\nmodle = \"openai\"\nmodel_url = \"http://h/v1\"\nxyzzy = 1\n"), &[], &[]);
    assert!(text.contains("rolecall.toml:2: there is no setting `modle`; did you mean `model`?"), "{text}");
    assert!(text.contains("rolecall.toml:3: there is no setting `model_url`; did you mean `model-url`?"), "{text}");
    assert!(text.contains("rolecall.toml:4: there is no setting `xyzzy`; see"), "{text}");
}

// Fails when a setting that says nothing, cannot be reached or takes a server's clients from it goes without a word; or when
// defaults, or what goes together, are complained of.
#[test]
fn what_looks_like_a_mistake_is_told() {
    let key = "0123456789abcdef0123456789abcdef";
    type Row<'a> = (&'a [&'a str], &'a [&'a str]);
    let table: [Row; 7] = [
        (&[], &[]),
        (&["--jobs-limit", "50"], &[]),
        (&["--redis-url", "redis://127.0.0.1:7000/0", "--node-id", "a"], &["no use for `redis-url`, `node-id`"]),
        (&["--store", "redis"], &["a key of its own"]),
        (&["--store", "redis", "--node-id", "a", "--token-key", key], &[]),
        (&["--session-ttl", "20m"], &["(20 min)"]),
        (&["--jobs-limit", "5", "--jobs-per-session", "6"], &["jobs-per-session = 6"]),
    ];
    for (flags, told) in table {
        let warnings = resolve(None, &[], flags).unwrap().warnings;
        assert_eq!(warnings.len(), told.len(), "{flags:?}: {warnings:?}");
        assert!(warnings.iter().zip(told).all(|(warning, told)| warning.contains(told)), "{flags:?}: {warnings:?}");
    }
}

// Fails when container platforms' own variables stop the server, or a misspelt one goes unnoticed.
#[test]
fn unknown_variables_are_warnings() {
    let resolved = resolve(None, &[("ROLECALL_MODLE", "x"), ("ROLECALL_SERVICE_HOST", "10.0.0.1"), ("HOME", "/")], &[]);
    let warnings = resolved.unwrap().warnings;
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].contains("ROLECALL_MODLE") && warnings[0].contains("did you mean `ROLECALL_MODEL`?"));
    let resolved = resolve(None, &[("ROLECALL_LISTENN", "x"), ("ROLECALL_TOKENKEY_FILE", "x")], &[]);
    let warnings = resolved.unwrap().warnings;
    assert!(warnings[0].ends_with("did you mean `ROLECALL_LISTEN`?"), "{warnings:?}");
    assert!(warnings[1].ends_with("did you mean `ROLECALL_TOKEN_KEY_FILE`?"), "{warnings:?}");
}

// Fails when a broken file is read halfway, or a named one that is missing is passed over.
#[test]
fn files_that_cannot_be_read_are_errors() {
    assert!(complaint(Some("listen = [\n"), &[], &[]).contains("rolecall.toml:"));
    let named = complaint(None, &[], &["--config", "/nonexistent/rolecall.toml"]);
    assert!(named.contains("/nonexistent/rolecall.toml") && named.contains("--config"), "{named}");
    let (dir, mut sources) = sources(None, &[], &[]);
    std::fs::write(dir.path().join("other.toml"), "log-level = \"debug\"\n").unwrap();
    let path = dir.path().join("other.toml").display().to_string();
    sources.environment.push(("ROLECALL_CONFIG".to_owned(), path));
    assert_eq!(sources.resolve().unwrap().config.log_level, "debug");
}

// Fails when the server can be reached from elsewhere without anybody having said so.
#[test]
fn an_open_server_beyond_loopback_needs_a_word() {
    let text = complaint(None, &[], &["--listen", "0.0.0.0:8420"]);
    assert!(text.contains("--insecure") && text.contains("ROLECALL_API_KEYS"), "{text}");
    assert!(resolve(None, &[], &["--listen", "0.0.0.0:8420", "--insecure"]).is_ok());
    assert!(resolve(None, &[], &["--listen", "[::1]:8420"]).is_ok());
    let keys = [("ROLECALL_API_KEYS", "0123456789abcdef")];
    assert!(resolve(None, &keys, &["--listen", "0.0.0.0:8420"]).is_ok());
    assert!(resolve(None, &[("ROLECALL_API_KEYS", " , ")], &["--listen", "0.0.0.0:8420"]).is_err());
}

// Fails when the openai model starts without knowing where or what.
#[test]
fn the_openai_model_needs_url_and_name() {
    let text = complaint(None, &[], &["--model", "openai"]);
    assert!(text.contains("model-url") && text.contains("model-name"), "{text}");
    let flags = ["--model", "openai", "--model-url", "http://127.0.0.1:8000/v1/", "--model-name", "m"];
    let config = resolve(None, &[], &flags).unwrap().config;
    assert_eq!(config.model_url.as_deref(), Some("http://127.0.0.1:8000/v1"));
}

// Fails when a secret appears in what is printed, logged or complained about.
#[test]
fn secrets_are_never_shown() {
    let secret = "s3cret-s3cret-s3cret-s3cret-s3cret";
    let environment = [("ROLECALL_MODEL_KEY", secret), ("ROLECALL_API_KEYS", secret), ("ROLECALL_TOKEN_KEY", secret)];
    let resolved = resolve(None, &environment, &[]).unwrap();
    assert!(!format!("{resolved:?}").contains("s3cret"));
    let text = complaint(None, &[("ROLECALL_TOKEN_KEY", "s3cret")], &[]);
    assert!(!text.contains("s3cret") && text.contains("***"), "{text}");
}

// Fails when a password in a URL is taken where it would be shown, or is shown anywhere.
#[test]
fn passwords_in_urls_are_refused_or_masked() {
    for url in [
        "http://u:hunter2@h/v1",
        "http://hunter2@h/v1",
        "u:hunter2@h:80",
        "http://h/v1?key=hunter2",
        "http://u:hu/hunter2@h",
    ] {
        let text = complaint(None, &[], &["--model-url", url]);
        assert!(!text.contains("hunter2") && text.contains("***"), "{text}");
    }
    let remedy = complaint(None, &[("ROLECALL_MODEL_URL", "http://u:hunter2@h/v1")], &[]);
    assert!(remedy.contains("model-key"), "{remedy}");
    let resolved = resolve(None, &[], &["--model-proxy", "http://u:hunter2@proxy:3128"]).unwrap();
    assert_eq!(resolved.config.model_proxy.as_ref().map(Secret::reveal), Some("http://u:hunter2@proxy:3128"));
    assert!(!format!("{resolved:?}").contains("hunter2"));
    let shown = resolved.shown.iter().find(|shown| shown.key == "model-proxy").unwrap();
    assert_eq!(shown.value.as_deref(), Some("\"http://***@proxy:3128\""));
    let text = complaint(None, &[], &["--model-proxy", "socks5://u:hunter2@proxy"]);
    assert!(!text.contains("hunter2") && text.contains("socks5://***@proxy"), "{text}");
}

// Fails when a call of the model has other limits by default than the settings declare.
#[test]
fn the_models_limits_have_one_default() {
    let config = resolve(None, &[], &[]).unwrap().config;
    assert_eq!(config.call_limits(), crate::model::CallLimits::default());
}

// Fails when the printed configuration is not one that gives the same configuration again.
#[test]
fn what_is_printed_can_be_read_again() {
    let flags = ["--log-level", "rolecall=debug", "--insecure", "--data", "a \"quoted\" 目录"];
    let resolved = resolve(None, &[], &flags).unwrap();
    let lines = resolved.shown.iter().filter_map(|shown| Some(format!("{} = {}\n", shown.key, shown.value.as_ref()?)));
    let again = resolve(Some(&lines.collect::<String>()), &[], &[]).unwrap();
    assert_eq!(again.config, resolved.config);
}

const ROUTED: &str = "model-stall = \"7s\"\nroutes.slow.model = \"rehearsal\"\n[routes.fast]\nurl = \"http://h/v1/\"\n\
                      name = \"small\"\nkey-env = \"FAST_KEY\"\nmax-concurrent = 4\nfirst-text = \"2s\"\n\
                      fallback = \"slow\"\n[routes.\"v1.2\"]\nurl = \"http://i/v1\"\nname = \"x\"\nkey = \"hunter2\"\n";

// Fails when a route loses a key, takes over another model's key, or does not begin with the default's limits.
#[test]
fn routes_are_tables_and_single_keys() {
    let environment =
        [("FAST_KEY", "s3cret"), ("ROLECALL_MODEL_KEY", "other"), ("ROLECALL_ROUTES", "fast.name=big,slow.retries=0")];
    let flags = ["--routes", "fast.url=http://flag/v1", "--routes", "third.model=rehearsal,fast.max-wait=0"];
    let resolved = resolve(Some(ROUTED), &environment, &flags).unwrap();
    let routes = &resolved.config.routes;
    assert_eq!(routes.keys().collect::<Vec<_>>(), ["fast", "slow", "third", "v1.2"]);
    let fast = &routes["fast"];
    assert_eq!((fast.url.as_deref(), fast.name.as_deref()), (Some("http://flag/v1"), Some("big")));
    assert_eq!((fast.key.as_ref().map(Secret::reveal), fast.fallback.as_deref()), (Some("s3cret"), Some("slow")));
    assert_eq!((fast.rations.places, fast.rations.wait), (4, Duration::ZERO));
    assert_eq!((fast.limits.first_text, fast.limits.stall), (Duration::from_secs(2), Duration::from_secs(7)));
    assert_eq!((routes["slow"].model, routes["slow"].limits.retries), (ModelKind::Rehearsal, 0));
    assert_eq!(routes["v1.2"].key.as_ref().map(Secret::reveal), Some("hunter2"));
    for (key, place) in [
        ("routes.fast.url", "flag --routes"),
        ("routes.fast.name", "environment ROLECALL_ROUTES"),
        ("routes.fast.max-concurrent", "rolecall.toml:7"),
        ("routes.slow.model", "rolecall.toml:2"),
        ("routes.\"v1.2\".key", "rolecall.toml:13"),
    ] {
        assert_eq!(origin(&resolved, key), place);
    }
    let shown = format!("{resolved:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("s3cret"), "{shown}");
    let lines = resolved.shown.iter().filter_map(|shown| Some(format!("{} = {}\n", shown.key, shown.value.as_ref()?)));
    let again = resolve(Some(&lines.collect::<String>()), &[("FAST_KEY", "s3cret")], &[]).unwrap();
    assert_eq!(again.config.routes.keys().collect::<Vec<_>>(), ["fast", "slow", "third", "v1.2"]);
    assert_eq!(again.config.routes["fast"], *fast);
}

// Fails when a key of a weaker source beats the one of a stronger source, or both are shown.
#[test]
fn the_later_of_key_and_key_env_counts() {
    const KEY: &str = "[routes.a]\nmodel = \"rehearsal\"\nkey = \"of-the-file\"\n";
    const NAMED: &str = "[routes.a]\nmodel = \"rehearsal\"\nkey-env = \"Fast_key1\"\n";
    let variable = ("Fast_key1", "of-the-variable");
    let (none, by_flag): (&[&str], &[&str]) = (&[], &["--routes", "a.key=of-the-flag"]);
    for (file, word, flags, expected, gone) in [
        (KEY, "a.retries=1", none, "of-the-file", "routes.a.key-env"),
        (NAMED, "a.retries=1", none, "of-the-variable", "routes.a.key"),
        (NAMED, "a.key=of-the-word", none, "of-the-word", "routes.a.key-env"),
        (KEY, "a.key-env=Fast_key1", none, "of-the-variable", "routes.a.key"),
        (KEY, "a.key-env=Fast_key1", by_flag, "of-the-flag", "routes.a.key-env"),
    ] {
        let resolved = resolve(Some(file), &[variable, ("ROLECALL_ROUTES", word)], flags).unwrap();
        assert_eq!(resolved.config.routes["a"].key.as_ref().map(Secret::reveal), Some(expected));
        assert!(resolved.shown.iter().all(|shown| shown.key != gone), "{gone}");
    }
}

// Fails when a route that cannot work is taken, or its complaint lacks place, key or remedy, or shows a secret.
#[test]
fn routes_that_cannot_work_are_named() {
    for (file, expected) in [
        ("[routes.fast]\nurl = \"http://h/v1\"\n", "route `fast` has no name"),
        ("[routes.fast]\nname = \"x\"\n", "route `fast` has no url"),
        ("[routes.a]\nmodel = \"rehearsal\"\nfallback = \"b\"\n", "`b`, which is not there; add [routes.b]"),
        ("[routes.a]\nmodel = \"rehearsal\"\nfallback = \"a\"\n", "lead in a circle"),
        ("model-fallback = \"a\"\n[routes.a]\nmodel = \"rehearsal\"\nfallback = \"default\"\n", "lead in a circle"),
        ("[routes.default]\nurl = \"http://h/v1\"\n", "write model-url"),
        ("[routes.\"a b\"]\nurl = \"http://h/v1\"\n", "not the name of a route"),
        (
            "[routes.a]\nfrist-text = \"1s\"\n",
            "rolecall.toml:2: routes.a.frist-text = ***: routes have no such key; did you mean `first-text`?",
        ),
        (
            "[routes.a]\nurl = \"http://u:hunter2@h/v1\"\n",
            "rolecall.toml:2: routes.a.url = \"http://***@h/v1\": carries a user",
        ),
        ("[routes.a]\nkey-env = \"NOWHERE\"\n", "no such environment variable"),
        (
            "[routes.a]\nkey-env = \"sk-hunter2\"\n",
            "rolecall.toml:2: routes.a.key-env = \"***\": not the name of an environment variable",
        ),
        ("[routes.a]\nkey-env = \"2hunter2\"\n", "not the name of an environment variable"),
        ("[routes.a]\nkey-env = \"\"\n", "not the name of an environment variable"),
        ("[routes.a]\nretries = 11\n", "0 to 10"),
        ("[routes.a]\nstall = [1]\n", "rolecall.toml:2: routes.a.stall = (array)"),
        ("routes = 3\n", "not a table"),
        ("[routes]\na = 3\n", "not a table"),
    ] {
        let text = complaint(Some(file), &[], &[]);
        assert!(text.contains(expected) && !text.contains("hunter2"), "{text}");
    }
    let text = complaint(None, &[], &["--routes", "key=hunter2"]);
    assert!(text.contains("flag --routes: routes = key") && !text.contains("hunter2"), "{text}");
    let text = complaint(None, &[("ROLECALL_ROUTES", "fast.keyenv=hunter2")], &[]);
    assert!(text.contains("did you mean `key-env`?") && !text.contains("hunter2"), "{text}");
}

proptest::proptest! {
    /// No file, however broken, panics the reader.
    #[test]
    fn arbitrary_files_are_read_or_refused(text in "(listen|model|[a-z-]{1,8})? ?=? ?[\"\\[{0-9a-z\\PC]{0,12}\n?\\PC{0,40}") {
        let _either = resolve(Some(&text), &[], &[]);
    }
}
