//! Each test names the forgery that it would let through.

use super::*;

fn forged(header: &Header, claims: &impl Serialize, key: &str) -> String {
    encode(header, claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
}

fn header(kid: &str) -> Header {
    Header { kid: Some(kid.to_owned()), ..Header::new(jsonwebtoken::Algorithm::HS256) }
}

fn claims(exp: u64) -> Encoded {
    Encoded { sid: sid().to_string(), role: "r".into(), epoch: 1, generation: 0, iat: 0, exp }
}

// Fails when a token without a signature is let in.
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

// Fails when a header may choose how its key is used.
#[test]
fn another_algorithm_of_the_same_key_is_refused() {
    for algorithm in [jsonwebtoken::Algorithm::HS384, jsonwebtoken::Algorithm::HS512] {
        let other = Header { alg: algorithm, ..header(&kid(&tokens())) };
        let token = forged(&other, &claims(u64::MAX), SECRET);
        assert_eq!(tokens().verify(&token), Err(TokenError::Algorithm));
    }
}

// Fails when the public half of a key, which may be known, or its name, is taken for a shared secret.
#[test]
fn the_public_half_of_a_key_signs_nothing() {
    let (_folder, file, tokens) = keys_of(&[Algorithm::EdDsa]);
    let text = std::fs::read_to_string(file.path()).unwrap();
    let seed = text.split_whitespace().find(|word| word.len() == 64).unwrap();
    let seed = blake3::Hash::from_hex(seed).unwrap();
    // PKCS #8 of the seed, of which the library tells the public half.
    let der = [&b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"[..], seed.as_bytes()].concat();
    let key = EncodingKey::from_ed_der(&der);
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, jsonwebtoken::Algorithm::EdDSA).unwrap();
    let public = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
    let kid = kid(&tokens);
    for secret in [public.try_get_as_bytes().unwrap(), kid.as_bytes(), b""] {
        let token = encode(&header(&kid), &claims(u64::MAX), &EncodingKey::from_secret(secret)).unwrap();
        assert_eq!(tokens.verify(&token), Err(TokenError::Algorithm));
    }
    // With the seed itself it is no forgery: the test above forges with the right public half.
    let honest = Header { alg: jsonwebtoken::Algorithm::EdDSA, ..header(&kid) };
    assert!(tokens.verify(&encode(&honest, &claims(u64::MAX), &key).unwrap()).is_ok());
}

// Fails when a signature of one key counts for another's name, or one by nobody's key for anything.
#[test]
fn a_wrong_key_is_refused_with_and_without_the_right_kid() {
    let other = Tokens::under(&Secret::new(OTHER), &[], MINUTE).unwrap();
    assert_eq!(tokens().verify(&other.issue(&sid(), "r", 1).unwrap()), Err(TokenError::UnknownKey));
    let token = forged(&header(&kid(&tokens())), &claims(u64::MAX), OTHER);
    assert_eq!(tokens().verify(&token), Err(TokenError::Signature));
    let both = Tokens::under(&Secret::new(SECRET), &[Secret::new(OTHER)], MINUTE).unwrap();
    assert_eq!(both.verify(&token), Err(TokenError::Signature));
    let nameless = forged(&Header::new(jsonwebtoken::Algorithm::HS256), &claims(u64::MAX), OTHER);
    assert_eq!(both.verify(&nameless), Err(TokenError::Signature), "no name means the key that signs");
}

// Fails when a token lives on, or a running connection ends with it.
#[test]
fn an_expired_token_is_refused_to_the_second() {
    let kid = kid(&tokens());
    let past = forged(&header(&kid), &claims(clock::unix().as_secs()), SECRET);
    assert_eq!(tokens().verify(&past), Err(TokenError::Expired));
    assert!(tokens().verify_open(&past).is_ok());
    let future = forged(&header(&kid), &claims(clock::unix().as_secs() + 600), SECRET);
    assert!(tokens().verify(&future).is_ok());
}

// Fails when the claims of one token go with the signature of another.
#[test]
fn swapped_claims_are_refused() {
    let (a, b) = (tokens().issue(&sid(), "r", 1).unwrap(), tokens().issue(&sid(), "r", 1).unwrap());
    let (a, b): (Vec<_>, Vec<_>) = (a.split('.').collect(), b.split('.').collect());
    let spliced = format!("{}.{}.{}", a[0], b[1], a[2]);
    assert_eq!(tokens().verify(&spliced), Err(TokenError::Signature));
}

// Fails when a claim of another type, or none, is read as a default.
#[test]
fn claims_that_are_missing_or_of_another_type_are_refused() {
    for claims in [
        serde_json::json!({"sid": sid().to_string(), "role": "r", "epoch": 1, "iat": 0}),
        serde_json::json!({"sid": "s_../../etc", "role": "r", "epoch": 1, "iat": 0, "exp": u64::MAX}),
        serde_json::json!({"sid": sid().to_string(), "role": "r", "epoch": -1, "iat": 0, "exp": u64::MAX}),
        serde_json::json!({"sid": sid().to_string(), "role": "r", "epoch": 1, "gen": -1, "iat": 0, "exp": u64::MAX}),
        serde_json::json!({"sid": sid().to_string(), "role": "r", "epoch": 1, "gen": null, "iat": 0, "exp": u64::MAX}),
    ] {
        let token = forged(&header(&kid(&tokens())), &claims, SECRET);
        assert_eq!(tokens().verify(&token), Err(TokenError::Malformed), "{claims}");
    }
}

// Fails when the beginning of a signature, an empty one or a longer one passes for it.
#[test]
fn a_part_of_a_signature_is_refused() {
    let (_folder, _file, eddsa) = keys_of(&[Algorithm::EdDsa]);
    for tokens in [tokens(), eddsa] {
        let token = tokens.issue(&sid(), "r", 1).unwrap();
        let (claims, signature) = token.rsplit_once('.').unwrap();
        for length in 0..signature.len() {
            let part: String = signature.chars().take(length).collect();
            assert!(tokens.verify(&format!("{claims}.{part}")).is_err(), "{length}");
        }
        assert!(tokens.verify(&format!("{token}AAAA")).is_err());
    }
}

/// What happens to keys, and to a token in between.
#[derive(Debug, Clone)]
enum Step {
    Rotate(bool),
    /// Of the older keys, the one at this place.
    Revoke(usize),
    Issue,
}

fn steps() -> impl proptest::strategy::Strategy<Value = Vec<Step>> {
    use proptest::prelude::*;
    let step = prop_oneof![
        any::<bool>().prop_map(Step::Rotate),
        (0usize..4).prop_map(Step::Revoke),
        Just(Step::Issue),
        Just(Step::Issue),
    ];
    proptest::collection::vec(step, 1..12)
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    // Fails when anything but an issued token of a live key is let in, or one of those is not: whatever was rotated and
    // revoked, and with any byte of any token changed.
    #[test]
    fn verified_is_what_a_live_key_issued(steps in steps(), at in 0usize..400, byte in 0x21u8..0x7f) {
        let (_folder, file, tokens) = keys_of(&[Algorithm::Hs256]);
        let mut issued: Vec<(String, Claims)> = Vec::new();
        for step in steps {
            match step {
                Step::Rotate(eddsa) => {
                    file.rotate(if eddsa { Algorithm::EdDsa } else { Algorithm::Hs256 }, 60).unwrap();
                }
                Step::Revoke(place) => match kids(&tokens).get(1 + place) {
                    Some(kid) => drop(file.revoke(kid).unwrap()),
                    None => continue,
                },
                Step::Issue => issued.push(tokens.issue_generation(&sid(), "r", 1, 0).unwrap()),
            }
            tokens.look(true);
        }
        let live = kids(&tokens);
        for (token, claims) in issued {
            let expected = if live.contains(&claims.kid) { Ok(claims) } else { Err(TokenError::UnknownKey) };
            proptest::prop_assert_eq!(tokens.verify(&token), expected);
            let mut bytes = token.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let changed = String::from_utf8(bytes).unwrap();
            proptest::prop_assert_eq!(tokens.verify(&changed).is_ok(), changed == token && tokens.verify(&token).is_ok());
        }
    }

    // Fails when a text panics the verifier, or is let in.
    #[test]
    fn arbitrary_texts_are_refused(text in "[A-Za-z0-9_.=-]{0,200}|\\PC{0,60}") {
        proptest::prop_assert!(tokens().verify(&text).is_err());
        proptest::prop_assert!(tokens().verify_open(&text).is_err());
    }
}
