//! The storm in several processes, as `make storm` has it where one process may not have files enough.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

const STORM: &str = env!("CARGO_BIN_EXE_rolecall-storm");

// Fails when a crowd's outcome gets lost on its way, or its process does not end.
#[test]
fn clients_in_several_processes_have_one_ledger() -> Result<()> {
    let mut storm = Command::new(STORM);
    let output = storm.args(["--clients", "40", "--minutes", "0.35", "--most", "16"]).output()?;
    let (said, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{said}{why}");
    ensure!(said.contains("lost 0, duplicated 0, reordered 0, altered 0, invented 0"), "{said}");
    ensure!(!said.contains("messages accepted 0,"), "nobody talked: {said}");
    Ok(())
}

// Fails when a crowd that cannot go on waits for the end of the storm, or says nothing of it.
#[test]
fn a_crowd_that_fails_ends_at_once() -> Result<()> {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut crowd = Command::new(STORM)
        .arg(rolecall_storm::crowd::CROWD)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut input = crowd.stdin.take().context("no input")?;
    let lasts = r#"{"secs":600,"nanos":0}"#;
    let storm = format!(
        r#"{{"clients":1,"lasts":{lasts},"cut_after":{lasts},"away":{{"secs":0,"nanos":0}},"pause":{lasts},"timeout":{lasts},"seed":1}}"#
    );
    writeln!(input, r#"{{"storm":{storm},"clients":{{"start":0,"end":1}},"servers":["{nobody}"]}}"#)?;
    // Its input stays open, as it does while it storms.
    let output = crowd.wait_with_output()?;
    ensure!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    ensure!(String::from_utf8_lossy(&output.stderr).contains("no session in"), "{output:?}");
    drop(input);
    Ok(())
}
