//! What files may hold, and what is said of them.

use std::fs;
use std::path::Path;

use rcgen::{CertifiedKey, generate_simple_self_signed};

use super::*;

fn issued() -> (String, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    (cert.pem(), signing_key.serialize_pem())
}

fn opened(folder: &Path, certificate: &str, key: &str) -> Result<Tls, TlsError> {
    let (path, key_path) = (folder.join("cert.pem"), folder.join("key.pem"));
    fs::write(&path, certificate).unwrap();
    fs::write(&key_path, key).unwrap();
    Tls::open(path, key_path)
}

// Fails when files that cannot serve do not stop the start, or the operator is not told what is wrong with which.
#[test]
fn what_cannot_serve_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ((certificate, key), (_, other_key)) = (issued(), issued());
    opened(folder.path(), &certificate, &key).unwrap();
    let both = format!("{certificate}{key}");
    opened(folder.path(), &both, &both).unwrap();

    let missing = Tls::open(folder.path().join("none.pem"), folder.path().join("key.pem")).unwrap_err();
    assert!(matches!(missing, TlsError::Unreadable { setting: "tls-cert", .. }), "{missing}");
    assert!(missing.to_string().contains("none.pem"), "{missing}");
    type Expected = fn(&TlsError) -> bool;
    let cases: [(&str, &str, Expected); 6] = [
        ("", &key, |error| matches!(error, TlsError::NoCertificate(_))),
        (&key, &key, |error| matches!(error, TlsError::NoCertificate(_))),
        (&certificate, &certificate, |error| matches!(error, TlsError::NoKey(_))),
        (&certificate, &other_key, |error| matches!(error, TlsError::Mismatch { .. })),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &key, |error| {
            matches!(error, TlsError::BadCertificate { .. })
        }),
        (&certificate, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", |error| {
            matches!(error, TlsError::BadKey { .. })
        }),
    ];
    for (certificate, key, expected) in cases {
        let error = opened(folder.path(), certificate, key).unwrap_err();
        assert!(expected(&error), "{error:?}");
        assert!(error.to_string().contains(".pem"), "{error}");
    }
}

// Fails when a renewed certificate is not taken over, or one that cannot be used replaces one that can.
#[tokio::test]
async fn a_renewed_certificate_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let ((first, first_key), (second, second_key)) = (issued(), issued());
    let tls = opened(folder.path(), &first, &first_key).unwrap();
    let current = || tls.certificate.leaf();
    let before = current();
    tls.certificate.renew().await;
    assert_eq!(current(), before, "nothing has changed");

    // The certificate is there and its key is not yet.
    fs::write(folder.path().join("cert.pem"), format!("{second}\n")).unwrap();
    tls.certificate.renew().await;
    assert_eq!(current(), before);
    fs::write(folder.path().join("key.pem"), format!("{second_key}\n")).unwrap();
    tls.certificate.renew().await;
    assert_ne!(current(), before);
}
