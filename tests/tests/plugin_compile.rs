//! Plugins that keep the compiler busy: their process ends, the server does not notice.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rolecall_tests::server::{Options, Server};
use rolecall_tests::{clock, http, paths, process};
use tempfile::TempDir;

/// Branches of the one function. So many cost an optimising compiler many seconds.
const BRANCHES: u32 = 24_000;
/// What they choose among.
const LOCALS: u32 = 1_000;

/// LEB128.
fn number(mut value: u32, bytes: &mut Vec<u8>) {
    loop {
        let low = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        if value == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

fn sized(content: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    number(u32::try_from(content.len())?, &mut bytes);
    bytes.extend(content);
    Ok(bytes)
}

fn section(id: u8, content: &[u8]) -> Result<Vec<u8>> {
    Ok([&[id][..], &sized(content)?].concat())
}

/// A component of one function, of no type.
fn component(body: &[u8]) -> Result<Vec<u8>> {
    let code = [&[1][..], &sized(body)?].concat();
    let module =
        [b"\0asm\x01\0\0\0".to_vec(), section(1, &[1, 0x60, 0, 0])?, section(3, &[1, 0])?, section(10, &code)?];
    Ok([b"\0asm\x0d\0\x01\0".to_vec(), section(1, &module.concat())?].concat())
}

/// A small component whose function's code depends on itself everywhere.
fn slow_component() -> Result<Vec<u8>> {
    let mut body = vec![1];
    number(LOCALS, &mut body);
    body.push(0x7f);
    for branch in 0..BRANCHES {
        let local = |step: u32| branch.wrapping_mul(step) % LOCALS;
        body.extend([0x02, 0x40, 0x20]); // block, local.get
        number(local(7), &mut body);
        body.extend([0x0d, 0x00, 0x20]); // br_if 0, local.get
        number(local(11), &mut body);
        body.push(0x20); // local.get
        number(local(13), &mut body);
        body.extend([0x6a, 0x21]); // i32.add, local.set
        number(local(17), &mut body);
        body.push(0x0b); // end
    }
    body.push(0x0b);
    component(&body)
}

async fn server(folder: &Path, flags: &[&str]) -> Result<Server> {
    std::fs::copy(paths::plugins(&["digest"])?.join("digest.wasm"), folder.join("digest.wasm"))?;
    let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
    Server::start(Options { plugins: Some(folder.to_owned()), flags, ..Options::default() }).await
}

// Fails when a plugin can hold up a start for as long as it likes, or takes the server's own time for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_takes_the_compiler_too_long_is_refused() -> Result<()> {
    let folder = TempDir::with_prefix("rolecall-plugins-")?;
    std::fs::write(folder.path().join("slow.wasm"), slow_component()?)?;
    // Two numbers are added, and there are none.
    std::fs::write(folder.path().join("wrong.wasm"), component(&[0, 0x6a, 0x1a, 0x0b])?)?;
    let began = clock::now();
    let server = server(folder.path(), &["--plugin-compile-time", "1s"]).await?;
    eprintln!("refused after {:?}", began.elapsed());
    let log = server.log();
    ensure!(log.contains("slow.wasm: it takes the compiler more than 1 s"), "{log}");
    ensure!(log.contains("wrong.wasm: the component is damaged"), "the compiler's own words are lost: {log}");
    ensure!(log.contains("digest@"), "the plugin beside it is not in force: {log}");
    Ok(())
}

// Fails when a plugin can make the server, or its compiler, take as much memory as it likes.
#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_takes_the_compiler_too_much_memory_is_refused() -> Result<()> {
    let folder = TempDir::with_prefix("rolecall-plugins-")?;
    let server = server(folder.path(), &["--plugin-compile-memory", "256MiB"]).await?;
    // It comes while the server serves.
    std::fs::write(folder.path().join("new"), slow_component()?)?;
    std::fs::rename(folder.path().join("new"), folder.path().join("slow.wasm"))?;
    let began = clock::now();
    while !server.log().contains("a plugin is not taken") {
        ensure!(began.elapsed() < clock::PATIENCE, "it is not refused: {}", server.log());
        http::get(server.address(), "/healthz").await?.expect(200).context("while a plugin compiles")?;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let log = server.log();
    ensure!(log.contains("it takes the compiler more than 256 MiB"), "{log}");
    ensure!(process::rss(server.pid()?)? < f64::from(200 << 20), "the server itself compiled");
    Ok(())
}
