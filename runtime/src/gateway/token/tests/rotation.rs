//! Keys change under a running server.

use futures_util::FutureExt;

use super::*;

// Fails when a rotation refuses a session's token, or a server does not hear of the new key from the first token of it.
#[test]
fn a_running_server_takes_over_a_rotated_key() {
    let (_folder, file, tokens) = keys_of(&[Algorithm::Hs256]);
    let elsewhere = Tokens::open(file.path().to_owned(), MINUTE).unwrap();
    let old = tokens.issue(&sid(), "r", 1).unwrap();
    for algorithm in [Algorithm::EdDsa, Algorithm::Hs256] {
        file.rotate(algorithm, 60).unwrap();
        // Another server has looked already.
        elsewhere.look(true);
        let new = elsewhere.issue(&sid(), "r", 1).unwrap();
        assert_ne!(kid(&tokens), kid(&elsewhere));
        assert!(tokens.verify(&new).is_ok());
        assert_eq!(kid(&tokens), kid(&elsewhere));
        assert!(tokens.verify(&old).is_ok() && elsewhere.verify(&old).is_ok());
    }
}

// Fails when a rotation takes the file from those who could read it, or puts a file in the place of a link to one.
#[cfg(unix)]
#[test]
fn a_rotated_file_keeps_its_rights_and_its_place() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let (folder, file, _tokens) = keys_of(&[Algorithm::Hs256]);
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.path().join("link.key");
    symlink(file.path(), &link).unwrap();
    KeyFile::at(link.clone()).rotate(Algorithm::Hs256, 60).unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(file.keys().unwrap().len(), 2);
}

// Fails when a rotated key ends before its last token, verifies for ever, or is kept for ever.
#[test]
fn a_rotated_key_ends_with_its_last_token() {
    let (_folder, file, tokens) = keys_of(&[Algorithm::Hs256, Algorithm::Hs256]);
    let now = clock::unix().as_secs();
    let infos = file.keys().unwrap();
    assert!(infos[0].signs && infos[0].until.is_none() && !infos[1].signs);
    let until = infos[1].until.unwrap();
    assert!((now + 60..now + 600).contains(&until), "{until} at {now}");
    // As it is behind that time.
    let text = std::fs::read_to_string(file.path()).unwrap();
    std::fs::write(file.path(), text.replace(&format!("until={until}"), "until=1")).unwrap();
    let older = Tokens::under(&Secret::new(SECRET), &[], MINUTE).unwrap();
    let text = std::fs::read_to_string(file.path()).unwrap();
    std::fs::write(file.path(), format!("{text}hs256 {SECRET} until=1\n")).unwrap();
    tokens.look(true);
    let token = older.issue(&sid(), "r", 1).unwrap();
    assert_eq!(tokens.verify(&token), Err(TokenError::UnknownKey));
    assert!(tokens.verify_open(&token).is_ok(), "what is open goes on");
    file.rotate(Algorithm::Hs256, 60).unwrap();
    tokens.look(true);
    assert_eq!(kids(&tokens).len(), 2, "what has ended is dropped");
    assert_eq!(tokens.verify_open(&token), Err(TokenError::UnknownKey));
}

// Fails when connections do not hear of a revoked key, hear of one that ended by itself or stays, or cannot tell one
// that was revoked just before they listened.
#[tokio::test]
async fn to_revoke_a_key_is_heard() {
    let (_folder, file, tokens) = keys_of(&[Algorithm::Hs256]);
    let first = kid(&tokens);
    let token = tokens.issue(&sid(), "r", 1).unwrap();
    let mut hears = tokens.revocation(&first);
    assert!(hears.happens().now_or_never().is_none());
    assert!(matches!(file.revoke(&first), Err(TokenError::Keys { fault: KeyFault::Signs(_), .. })));
    file.rotate(Algorithm::EdDsa, 60).unwrap();
    tokens.look(true);
    assert!(hears.happens().now_or_never().is_none(), "rotated, it still verifies");
    let mut other = tokens.revocation(&kid(&tokens));
    file.revoke(&first).unwrap();
    // The next token of it tells the server.
    tokens.look(true);
    assert_eq!(tokens.verify(&token), Err(TokenError::UnknownKey));
    assert_eq!(tokens.verify_open(&token), Err(TokenError::UnknownKey));
    hears.happens().now_or_never().expect("it is told");
    tokens.revocation(&first).happens().now_or_never().expect("a late listener is told too");
    assert!(other.happens().now_or_never().is_none(), "another key is not meant");
    assert!(matches!(file.revoke(&first), Err(TokenError::Keys { fault: KeyFault::NoSuchKey(_), .. })));
}

// Fails when a file that is broken or gone for a moment takes the keys with it, or what is mended is not seen.
#[test]
fn keys_stay_while_their_file_is_broken() {
    let (_folder, file, tokens) = keys_of(&[Algorithm::Hs256]);
    let token = tokens.issue(&sid(), "r", 1).unwrap();
    let text = std::fs::read_to_string(file.path()).unwrap();
    std::fs::write(file.path(), "hs256").unwrap();
    tokens.look(true);
    assert!(tokens.verify(&token).is_ok());
    std::fs::remove_file(file.path()).unwrap();
    tokens.look(true);
    assert!(tokens.verify(&token).is_ok());
    std::fs::write(file.path(), format!("hs256 {OTHER}\n{text}")).unwrap();
    tokens.look(true);
    assert!(tokens.verify(&token).is_ok());
    assert_eq!(kids(&tokens).len(), 2);
}

// Fails when two changes at a time lose one of them, or a change that failed leaves the file locked.
#[test]
fn changes_do_not_cross() {
    let (_folder, file, _tokens) = keys_of(&[Algorithm::Hs256]);
    let draft = file.path().with_extension("key.next");
    std::fs::write(&draft, "").unwrap();
    let error = file.rotate(Algorithm::Hs256, 60).unwrap_err();
    assert!(error.to_string().contains("token.key.next"), "{error}");
    std::fs::remove_file(&draft).unwrap();
    file.revoke("00000000").unwrap_err();
    assert_eq!(file.rotate(Algorithm::Hs256, 60).unwrap().len(), 2);
}

// Fails when a secret of the settings cannot be replaced without losing sessions.
#[test]
fn replaced_secrets_verify_while_they_are_listed() {
    let token = tokens().issue(&sid(), "r", 1).unwrap();
    let under = |older: &[Secret]| Tokens::under(&Secret::new(OTHER), older, MINUTE);
    assert!(under(&[Secret::new(SECRET)]).unwrap().verify(&token).is_ok());
    assert_eq!(under(&[]).unwrap().verify(&token), Err(TokenError::UnknownKey));
    assert!(matches!(under(&[Secret::new(OTHER)]), Err(TokenError::Setting(KeyFault::Twice(_)))));
}

// Fails when the file that the first start makes, or one that is written anew with the same keys, counts as a change.
#[test]
fn keys_that_stay_are_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::open_or_make(folder.path().join(KEY_FILE), MINUTE).unwrap();
    let keys = tokens.0.keys.load_full();
    tokens.look(true);
    assert!(Arc::ptr_eq(&keys, &tokens.0.keys.load_full()), "made at the start");
    let path = folder.path().join(KEY_FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("# ours\n{text}")).unwrap();
    tokens.look(true);
    assert!(Arc::ptr_eq(&keys, &tokens.0.keys.load_full()), "the same keys");
    KeyFile::at(path).rotate(Algorithm::Hs256, 60).unwrap();
    tokens.look(true);
    assert!(!Arc::ptr_eq(&keys, &tokens.0.keys.load_full()), "another key");
}
