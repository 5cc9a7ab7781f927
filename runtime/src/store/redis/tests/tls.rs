//! The store over TLS.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use super::faults::goes_on;
use super::server::free_port;
use super::*;

/// An authority, and what it has signed, in files.
struct Authority {
    home: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let home = TempDir::with_prefix("rolecall-tls-").unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(home.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { home, issuer }
    }

    /// Signs a certificate for a name; gives it and its key.
    fn sign(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        let path = |what: &str| self.home.path().join(format!("{name}-{what}.pem"));
        fs::write(path("cert"), signed.pem()).unwrap();
        fs::write(path("key"), key.serialize_pem()).unwrap();
        (path("cert"), path("key"))
    }

    fn file(&self) -> PathBuf {
        self.home.path().join("ca.pem")
    }
}

fn over_tls(url: &str, ca: Option<&Path>, identity: Option<&(PathBuf, PathBuf)>) -> RedisSettings {
    let (cert, key) = identity.map(|(cert, key)| (cert.as_path(), key.as_path())).unzip();
    let plain = settings_at(url, Durability::AOF);
    let address = plain.address.clone().with_tls(RedisTls::read(ca, cert, key).unwrap()).unwrap();
    RedisSettings { address, ..plain }
}

// Fails when nothing is encrypted, a server of anybody is trusted, a certificate is not shown, a user is not let in, or a
// fault does not say which setting mends it.
#[tokio::test]
async fn a_server_over_tls_serves_whom_it_trusts() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (server_cert, server_key) = authority.sign("127.0.0.1");
    let client = authority.sign("rolecall");
    let port = free_port();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (ca, cert, key, tls_port) = (text(&authority.file()), text(&server_cert), text(&server_key), port.to_string());
    let flags = ["--tls-port", &tls_port, "--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-ca-cert-file", &ca];
    let aof = ["--appendonly", "yes", "--appendfsync", "always"];
    // The test itself speaks to it without TLS.
    let server = Server::with(&[&flags[..], &aof].concat()).await;
    server.ask::<()>(&["ACL", "SETUSER", "anna", "on", ">hunter2", "~test:*", "+@all"]).await;
    let url = format!("rediss://anna:hunter2@127.0.0.1:{port}");
    let ca = authority.file();

    let store = RedisStore::open(over_tls(&url, Some(&ca), Some(&client))).await.unwrap();
    let new = new_session();
    store.create(new.clone()).await.unwrap();
    goes_on(&store, &new.id).await;
    let list: String = server.ask(&["CLIENT", "LIST"]).await;
    let ours: Vec<&str> = list.lines().filter(|line| line.contains(" name=rolecall:test:a/")).collect();
    assert!(ours.len() == 2 && ours.iter().all(|line| line.contains(&format!("laddr=127.0.0.1:{port}"))), "{list}");
    assert!(ours.iter().all(|line| line.contains(" user=anna ")), "{list}");

    let (foreign_ca, foreign) = (stranger.file(), stranger.sign("rolecall"));
    for (ca, identity) in
        [(Some(&foreign_ca), Some(&client)), (None, Some(&client)), (Some(&ca), None), (Some(&ca), Some(&foreign))]
    {
        let refused = fault(RedisStore::open(over_tls(&url, ca.map(PathBuf::as_path), identity)).await);
        assert!(matches!(refused, RedisFault::Distrust { .. }), "{refused:?}");
        assert!(refused.to_string().contains("redis-ca") && refused.to_string().contains("redis-cert"), "{refused}");
    }
    let elsewhere = url.replace("127.0.0.1", "localhost");
    let refused = fault(RedisStore::open(over_tls(&elsewhere, Some(&ca), Some(&client))).await);
    assert!(matches!(refused, RedisFault::Distrust { .. }), "a certificate for another name: {refused:?}");
    let denied = url.replace("hunter2", "wrong");
    let refused = fault(RedisStore::open(over_tls(&denied, Some(&ca), Some(&client))).await);
    assert!(matches!(refused, RedisFault::Denied { .. }), "{refused:?}");
}

// Fails when files that cannot be used are passed over, or shown.
#[test]
fn files_of_certificates_are_looked_at() {
    let authority = Authority::new();
    let (cert, key) = authority.sign("rolecall");
    let missing = authority.home.path().join("missing.pem");
    for (setting, read) in [
        ("redis-ca", RedisTls::read(Some(&missing), None, None)),
        ("redis-ca", RedisTls::read(Some(&key), None, None)),
        ("redis-cert", RedisTls::read(None, Some(&cert), None)),
        ("redis-key", RedisTls::read(None, None, Some(&key))),
        ("redis-key", RedisTls::read(None, Some(&cert), Some(&cert))),
    ] {
        let refused = read.unwrap_err().to_string();
        assert!(refused.starts_with(setting) && refused.contains("PEM"), "{refused}");
    }
    let read = RedisTls::read(None, Some(&cert), Some(&key)).unwrap();
    assert!(!format!("{read:?}").contains("KEY"));
    let plain = RedisAddress::parse("redis://localhost").unwrap();
    assert!(plain.with_tls(read).unwrap_err().to_string().contains("rediss"));
}
