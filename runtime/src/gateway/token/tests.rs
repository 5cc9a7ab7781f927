//! Each test names the forgery that it would let through.

use super::*;

fn tokens() -> Tokens {
    Tokens::with_key(b"0123456789abcdef0123456789abcdef", Duration::from_secs(60))
}

fn sid() -> SessionId {
    SessionId::random().unwrap()
}

fn forged(header: &Header, claims: &impl Serialize, key: &[u8]) -> String {
    encode(header, claims, &EncodingKey::from_secret(key)).unwrap()
}

fn header(kid: &str) -> Header {
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(kid.to_owned());
    header
}

#[test]
fn what_was_issued_is_what_is_verified() {
    let (tokens, sid) = (tokens(), sid());
    let claims = tokens.verify(&tokens.issue(&sid, "战国策士", 3).unwrap()).unwrap();
    assert_eq!((claims.sid, claims.role.as_str(), claims.epoch), (sid, "战国策士", 3));
    assert_eq!(claims.exp, claims.iat + 60);
}

#[test]
fn unsigned_tokens_are_refused() {
    // {"alg":"none","typ":"JWT"} with honest claims and an empty signature.
    let honest = tokens().issue(&sid(), "r", 1).unwrap();
    let claims = honest.split('.').nth(1).unwrap();
    for head in ["eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0", "eyJhbGciOiJOT05FIn0"] {
        let error = tokens().verify(&format!("{head}.{claims}.")).unwrap_err();
        assert!(matches!(error, TokenError::Malformed | TokenError::Algorithm), "{error:?}");
    }
}

#[test]
fn another_algorithm_of_the_same_key_is_refused() {
    let mut other = header(&tokens().0.kid);
    other.alg = Algorithm::HS512;
    let claims = Encoded { sid: sid().to_string(), role: "r".into(), epoch: 1, iat: 0, exp: u64::MAX };
    let token = forged(&other, &claims, b"0123456789abcdef0123456789abcdef");
    assert_eq!(tokens().verify(&token), Err(TokenError::Algorithm));
}

#[test]
fn a_wrong_key_is_refused_with_and_without_the_right_kid() {
    let other = Tokens::with_key(b"another key, also 32 bytes long!", Duration::from_secs(60));
    assert_eq!(tokens().verify(&other.issue(&sid(), "r", 1).unwrap()), Err(TokenError::UnknownKey));
    let claims = Encoded { sid: sid().to_string(), role: "r".into(), epoch: 1, iat: 0, exp: u64::MAX };
    let token = forged(&header(&tokens().0.kid), &claims, b"another key, also 32 bytes long!");
    assert_eq!(tokens().verify(&token), Err(TokenError::Signature));
}

#[test]
fn an_expired_token_is_refused_to_the_second() {
    let key = b"0123456789abcdef0123456789abcdef";
    let claims = |exp| Encoded { sid: sid().to_string(), role: "r".into(), epoch: 1, iat: 0, exp };
    let kid = tokens().0.kid.clone();
    let past = forged(&header(&kid), &claims(clock::unix().as_secs()), key);
    assert_eq!(tokens().verify(&past), Err(TokenError::Expired));
    let future = forged(&header(&kid), &claims(clock::unix().as_secs() + 600), key);
    assert!(tokens().verify(&future).is_ok());
}

// Fails when the beginning of a signature, an empty one or a longer one passes for it.
#[test]
fn a_part_of_a_signature_is_refused() {
    let token = tokens().issue(&sid(), "r", 1).unwrap();
    let (claims, signature) = token.rsplit_once('.').unwrap();
    for length in 0..signature.len() {
        let part: String = signature.chars().take(length).collect();
        assert!(tokens().verify(&format!("{claims}.{part}")).is_err(), "{length}");
    }
    assert!(tokens().verify(&format!("{token}AAAA")).is_err());
}

#[test]
fn swapped_claims_are_refused() {
    let (a, b) = (tokens().issue(&sid(), "r", 1).unwrap(), tokens().issue(&sid(), "r", 1).unwrap());
    let (a, b): (Vec<_>, Vec<_>) = (a.split('.').collect(), b.split('.').collect());
    let spliced = format!("{}.{}.{}", a[0], b[1], a[2]);
    assert_eq!(tokens().verify(&spliced), Err(TokenError::Signature));
}

#[test]
fn claims_that_are_missing_or_of_another_type_are_refused() {
    let key = b"0123456789abcdef0123456789abcdef";
    for claims in [
        serde_json::json!({"sid": sid().to_string(), "role": "r", "epoch": 1, "iat": 0}),
        serde_json::json!({"sid": "s_../../etc", "role": "r", "epoch": 1, "iat": 0, "exp": u64::MAX}),
        serde_json::json!({"sid": sid().to_string(), "role": "r", "epoch": -1, "iat": 0, "exp": u64::MAX}),
    ] {
        let token = forged(&header(&tokens().0.kid), &claims, key);
        assert_eq!(tokens().verify(&token), Err(TokenError::Malformed), "{claims}");
    }
}

#[test]
fn the_generated_key_survives_a_restart_and_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let ttl = Duration::from_secs(60);
    let token = Tokens::open(&data, ttl).unwrap().issue(&sid(), "r", 1).unwrap();
    assert!(Tokens::open(&data, ttl).unwrap().verify(&token).is_ok());
    let files: Vec<_> = std::fs::read_dir(&data).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(files, ["token.key"], "no draft is left behind");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(data.join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_damaged_key_file_is_named_and_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(KEY_FILE), "short").unwrap();
    let error = Tokens::open(dir.path(), Duration::from_secs(1)).unwrap_err();
    assert!(error.to_string().contains("token.key"), "{error}");
    assert_eq!(std::fs::read_to_string(dir.path().join(KEY_FILE)).unwrap(), "short");
}

#[test]
fn nothing_of_the_key_is_printed() {
    assert!(!format!("{:?}", tokens()).contains("0123456789abcdef"));
}

proptest::proptest! {
    /// No text panics the verifier, and none but an issued one is let in.
    #[test]
    fn arbitrary_texts_are_refused(text in "[A-Za-z0-9_.=-]{0,200}|\\PC{0,60}") {
        proptest::prop_assert!(tokens().verify(&text).is_err());
    }
}
