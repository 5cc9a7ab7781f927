//! Who is let in by a token, and who is not.

mod forgeries;
mod rotation;

use jsonwebtoken::{EncodingKey, Header, encode};

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "another-secret-of-32-bytes-or-so";
const MINUTE: Duration = Duration::from_secs(60);

fn tokens() -> Tokens {
    Tokens::under(&Secret::new(SECRET), &[], MINUTE).unwrap()
}

fn sid() -> SessionId {
    SessionId::random().unwrap()
}

/// The names of the keys, the one that signs first.
fn kids(tokens: &Tokens) -> Vec<String> {
    tokens.0.keys.load().infos().into_iter().map(|key| key.kid).collect()
}

fn kid(tokens: &Tokens) -> String {
    kids(tokens).remove(0)
}

/// Keys of both algorithms in a file of their own.
fn keys_of(algorithms: &[Algorithm]) -> (tempfile::TempDir, KeyFile, Tokens) {
    let folder = tempfile::tempdir().unwrap();
    let file = KeyFile::at(folder.path().join(KEY_FILE));
    for algorithm in algorithms {
        file.rotate(*algorithm, 60).unwrap();
    }
    let tokens = Tokens::open(file.path().to_owned(), MINUTE).unwrap();
    (folder, file, tokens)
}

// Fails when a claim is lost on the way, or a key cannot verify what it signed.
#[test]
fn what_was_issued_is_what_is_verified() {
    let (_folder, _file, eddsa) = keys_of(&[Algorithm::EdDsa]);
    for tokens in [tokens(), eddsa] {
        let sid = sid();
        let (token, issued) = tokens.issue_generation(&sid, "战国策士", 3, 7).unwrap();
        let claims = tokens.verify(&token).unwrap();
        assert_eq!(claims, issued);
        assert_eq!((claims.sid, claims.role.as_str(), claims.epoch, claims.generation), (sid, "战国策士", 3, 7));
        assert_eq!((claims.exp, claims.kid), (claims.iat + 60, kid(&tokens)));
    }
}

// Fails when sessions of an earlier release are lost: their tokens have no `gen`, the eldest no `kid`.
#[test]
fn tokens_of_earlier_releases_are_verified() {
    let claims = serde_json::json!({"sid": sid().to_string(), "role": "r", "epoch": 1, "iat": 0, "exp": u64::MAX});
    let tokens = tokens();
    for name in [None, Some(kid(&tokens))] {
        let header = Header { kid: name, ..Header::new(jsonwebtoken::Algorithm::HS256) };
        let token = encode(&header, &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
        assert_eq!(tokens.verify(&token).unwrap().generation, 0);
    }
}

// Fails when a restart loses the key, when others can read it, or a draft is left behind.
#[test]
fn the_generated_key_survives_a_restart_and_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let path = data.join(KEY_FILE);
    let token = Tokens::open_or_make(path.clone(), MINUTE).unwrap().issue(&sid(), "r", 1).unwrap();
    assert!(Tokens::open_or_make(path.clone(), MINUTE).unwrap().verify(&token).is_ok());
    KeyFile::at(path.clone()).rotate(Algorithm::EdDsa, 60).unwrap();
    assert!(Tokens::open(path.clone(), MINUTE).unwrap().verify(&token).is_ok());
    let files: Vec<_> = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["token.key"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

// Fails when the file of an earlier release, 64 bare digits, is read as another key, or rotating changes it.
#[test]
fn the_file_of_an_earlier_release_is_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(KEY_FILE);
    let digits = SECRET.repeat(2);
    std::fs::write(&path, format!("{digits}\n")).unwrap();
    let before = Tokens::under(&Secret::new(&digits), &[], MINUTE).unwrap();
    let token = before.issue(&sid(), "r", 1).unwrap();
    let tokens = Tokens::open(path.clone(), MINUTE).unwrap();
    assert_eq!(kids(&tokens), kids(&before));
    assert!(tokens.verify(&token).is_ok());
    KeyFile::at(path).rotate(Algorithm::Hs256, 60).unwrap();
    tokens.look(true);
    assert_eq!(kids(&tokens)[1..], kids(&before));
    assert!(tokens.verify(&token).is_ok());
}

// Fails when a damaged file is taken for keys, replaced by new ones, or not named.
#[test]
fn a_damaged_key_file_is_named_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(KEY_FILE);
    let digits = "0".repeat(64);
    let cases = [
        ("short".to_owned(), "line 1"),
        ("# nothing\n\n".to_owned(), "no key"),
        (format!("\nhs256 {OTHER}\nhs256 short\n"), "line 3"),
        (format!("eddsa {}\n", digits.chars().skip(1).collect::<String>()), "line 1"),
        (format!("rs256 {digits}\n"), "line 1"),
        (format!("hs256 {digits} until=soon\n"), "line 1"),
        (format!("hs256 {digits} until=9 more\n"), "line 1"),
        (format!("hs256 {digits} until=9\n"), "first key signs"),
        (format!("hs256 {digits}\nhs256 {digits} until=9\n"), "twice"),
        ((0..40).map(|n| format!("hs256 {n:032}\n")).collect(), "more than 32"),
    ];
    for (text, told) in cases {
        std::fs::write(&path, &text).unwrap();
        for outcome in [
            Tokens::open(path.clone(), MINUTE).map(|_| ()),
            Tokens::open_or_make(path.clone(), MINUTE).map(|_| ()),
            KeyFile::at(path.clone()).rotate(Algorithm::Hs256, 60).map(|_| ()),
        ] {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains("token.key") && error.contains(told), "{error}");
            assert!(!error.contains(OTHER) && !error.contains(&digits), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    std::fs::remove_file(&path).unwrap();
    let missing = Tokens::open(path, MINUTE).unwrap_err().to_string();
    assert!(missing.contains("rolecall token rotate"), "{missing}");
}

// Fails when a key gets into a log.
#[test]
fn nothing_of_a_key_is_printed() {
    let (_folder, file, several) = keys_of(&[Algorithm::Hs256, Algorithm::EdDsa]);
    let shown = format!("{several:?} {:?} {:?}", file.keys(), tokens());
    assert!(shown.contains(&kid(&several)) && !shown.contains(SECRET));
    let text = std::fs::read_to_string(file.path()).unwrap();
    let secrets: Vec<&str> = text.split_whitespace().filter(|word| word.len() == 64).collect();
    assert_eq!(secrets.len(), 2);
    assert!(secrets.iter().all(|secret| !shown.contains(secret)));
}
