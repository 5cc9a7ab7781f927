//! An answer for somebody who is not let in as far as HTTP.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::error::ApiError;

/// How long it may take to ask and to hear the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is read of a request, in bytes. It is not looked at: a peer whose words were not read sees a reset instead of the
/// answer.
const HEARD: usize = 4 * 1_024;

/// Answers whatever is asked with an error, and closes. A peer that neither asks nor hears is left.
pub(super) async fn turn_away(mut stream: TcpStream, error: &ApiError) {
    let answer = raw(error);
    let talk = async {
        let _heard = stream.read(&mut [0; HEARD]).await?;
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    // He goes in any case.
    let _late_or_gone = timeout(PATIENCE, talk).await;
}

fn raw(error: &ApiError) -> String {
    let (head, body) = (error.response(super::dialect::Dialect::OpenAi), error.body().to_string());
    let mut text = format!("HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\n", head.status(), body.len());
    for (name, value) in head.headers().iter().filter(|(name, _)| *name != "content-length") {
        let value = value.to_str().unwrap_or_default();
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n" + &body
}
