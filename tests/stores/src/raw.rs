//! A Redis server without rolecall: the same client library, one connection, one `XADD` per message.

use anyhow::Result;
use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};
use tokio::sync::Mutex;

/// Commands that may wait for the connection, as many as the store lets wait.
const QUEUE: usize = 1_024;

/// A connection that all sessions share.
pub(crate) struct Raw {
    connection: MultiplexedConnection,
    /// Held by the one whose message is under way, unless all may be at once.
    turn: Option<Mutex<()>>,
}

impl Raw {
    pub(crate) async fn open(url: &str, pipelined: bool) -> Result<Self> {
        let config = AsyncConnectionConfig::new().set_pipeline_buffer_size(QUEUE).set_response_timeout(None);
        let connection = Client::open(url)?.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Self { connection, turn: (!pipelined).then(Mutex::default) })
    }

    /// Appends a message to a session's stream, and waits for the answer.
    pub(crate) async fn add(&self, session: usize, message: Bytes) -> Result<()> {
        let _turn = match &self.turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        let mut add = redis::cmd("XADD");
        add.arg(format!("raw:{session}")).arg("*").arg("e").arg(message.as_ref());
        add.query_async::<()>(&mut self.connection.clone()).await?;
        Ok(())
    }
}
