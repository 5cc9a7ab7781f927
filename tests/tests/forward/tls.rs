//! Servers that speak TLS to each other as they do to everybody.

use anyhow::{Result, ensure};
use rolecall_client::Transport;
use rolecall_tests::cluster::Cluster;
use rolecall_tests::front::Front;
use rolecall_tests::server::Options;
use rolecall_tests::upstream::Upstream;
use tempfile::TempDir;

use super::heard::{self, Heard};
use super::{addresses, story};

// Fails when servers do not reach each other over TLS, or reach one whose certificate nobody vouches for: then every
// connection over HTTP breaks, since its requests come to all of them.
#[tokio::test(flavor = "multi_thread")]
async fn servers_trust_the_certificates_that_they_are_told_to() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let folder = TempDir::with_prefix("rolecall-tls-")?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let issue = || rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]);
    let (ours, other) = (issue()?, issue()?);
    std::fs::write(path("cert.pem"), ours.cert.pem())?;
    std::fs::write(path("key.pem"), ours.signing_key.serialize_pem())?;
    std::fs::write(path("other.pem"), other.cert.pem())?;
    for (authority, trusted) in [("cert.pem", true), ("other.pem", false)] {
        let options = Options { quiet: true, ..Options::upstream(&upstream.url()) };
        let options = options.flag("--tls-cert", &path("cert.pem")).flag("--tls-key", &path("key.pem"));
        let cluster = Cluster::start(3, &options.flag("--node-ca", &path(authority))).await?;
        let front = Front::of_connections(addresses(&cluster)?).await?;
        let session = heard::secured(front.address(), Transport::Poll, &ours.cert.pem()).await?;
        let mut heard = Heard::default();
        if trusted {
            for round in 0..4 {
                session.send(&story(round, 5, 5)).await?;
                while !heard.next(&session).await? {}
            }
            ensure!(heard.disconnects == 0, "{} disconnects", heard.disconnects);
            ensure!(front.served().iter().all(|count| *count > 0), "{:?}", front.served());
        } else {
            // What comes to the right server by chance is taken.
            let words = story(0, 1, 1);
            while heard.disconnects == 0 {
                tokio::select! {
                    _taken_or_not = session.send(&words) => {}
                    heard = heard.next(&session) => drop(heard?),
                }
            }
        }
        session.close().await;
        cluster.check_logs()?;
    }
    Ok(())
}
