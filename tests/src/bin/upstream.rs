//! The misbehaving model server by itself: `rolecall-upstream [ADDRESS]` (default a free port).

use std::io::Write;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use rolecall_tests::upstream::Upstream;

#[tokio::main]
async fn main() -> Result<()> {
    let address: SocketAddr = match std::env::args().nth(1) {
        Some(text) => text.parse().with_context(|| format!("{text} is not an address such as 127.0.0.1:9000"))?,
        None => SocketAddr::from(([127, 0, 0, 1], 0)),
    };
    let upstream = Upstream::start(address).await?;
    writeln!(std::io::stdout(), "{}", upstream.url())?;
    upstream.forever().await
}
