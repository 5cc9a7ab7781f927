//! A model that misbehaves on purpose, in front of the real program.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use anyhow::{Result, ensure};
use rolecall_tests::server::{self, Options, Server};
use rolecall_tests::{api, paths};

// Fails when a server that misbehaves on purpose does not say so, or its roles do not keep their contracts.
#[tokio::test(flavor = "multi_thread")]
async fn a_misbehaving_rehearsal_says_so_and_is_contained() -> Result<()> {
    let options = Options::default().flag("--misbehave", "violate,split:50").flag("--rehearsal-pace", "0ms");
    let server = Server::start(options.flag("--misbehave-seed", "7")).await?;
    ensure!(server.log().contains("MISBEHAVING on purpose: violate, split in 50 of 100 (seed 7)"), "{}", server.log());
    let mut spoiled = 0;
    for role in ["storyteller", "zhanguoce_scholar", "redactor"] {
        for question in 0..10 {
            let answer = api::complete(server.address(), role, &format!("问{question}"), false).await?.expect(200)?;
            let text = answer["choices"][0]["message"]["content"].as_str().unwrap_or_default();
            let leaked = ["AI", "算法", "2024", "password"].iter().find(|term| text.contains(**term));
            ensure!(leaked.is_none(), "{role} says {leaked:?}: {answer}");
            spoiled += usize::from(answer["choices"][0]["finish_reason"] != "stop" || text.contains("[removed]"));
        }
    }
    ensure!(spoiled > 10, "only {spoiled} of 30 answers were spoiled");
    Ok(())
}

/// Exit code and output of `rolecall verify` on a contract.
fn verify(contract: &str, misbehave: &str) -> Result<(Option<i32>, String)> {
    let home = tempfile::TempDir::new()?;
    let path = home.path().join("tested.role");
    std::fs::write(&path, contract)?;
    let mut command = server::bare(&paths::binary()?, home.path());
    command.arg("verify").arg(&path).args(["--format", "short", "--misbehave", misbehave]);
    let output = command.output()?;
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok((output.status.code(), shown))
}

// Fails when `verify` does not tell which roles have nothing left to say when the model breaks their rules.
#[test]
fn verify_tells_which_roles_hold_when_the_model_does_not() -> Result<()> {
    let role = |fallback: &str| {
        format!(
            "role tested {{ version 1.0.0 language en persona \"A clerk\"\n    constraints {{ secrets: forbidden_terms \
             \"password\" }}\n    {fallback}\n    cases {{ case \"a\" {{ user \"Hi\" reply \"Hello.\" expect pass }} }} }}\n"
        )
    };
    let (code, shown) = verify(&role(""), "violate")?;
    ensure!(code == Some(1) && shown.contains("RC0601") && shown.contains("no reply complied"), "{code:?} {shown}");
    let (code, shown) = verify(&role("fallback \"Ask at the desk.\""), "violate")?;
    ensure!(code == Some(0) && shown.contains("the fallback was said"), "{code:?} {shown}");
    let (code, shown) = verify(&role(""), "split")?;
    ensure!(code == Some(0) && !shown.contains("RC0601"), "{code:?} {shown}");
    let (code, shown) = verify(&role(""), "sulk")?;
    ensure!(code == Some(2) && shown.contains("there is no such misdeed; write violate"), "{code:?} {shown}");
    Ok(())
}
