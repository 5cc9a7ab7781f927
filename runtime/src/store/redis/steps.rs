//! How the scripts of steps are run: once, where their keys are, and counted when they are as durable as asked.

use std::sync::Arc;

use redis::Value;

use super::answer::Answer;
use super::route::Way;
use super::scripts::Call;
use super::settling::Pending;
use super::{RedisFault, RedisStore, StoreError};
use crate::ids::SessionId;

impl RedisStore {
    /// Makes a step of a session, for a writer that knows it in this line of copies. `read` takes the answer apart; what it
    /// refuses has written nothing.
    pub(super) async fn write<T>(
        &self,
        id: &SessionId,
        known_in: Option<Arc<str>>,
        call: Call,
        read: impl FnOnce(Answer) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let known = known_in.as_deref().map(|known_in| (id, known_in));
        self.step(known, call, |answer| Answer::read(answer, id, &self.keys).and_then(read)).await
    }

    /// Runs a script that writes, for a writer that knows a session in this line of copies. `read` takes the answer apart; what
    /// it refuses has written nothing.
    pub(super) async fn step<T>(
        &self,
        known: Option<(&SessionId, &str)>,
        call: Call,
        read: impl FnOnce(Value) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let _call = self.enter()?;
        let mut route = self.servers.route(call.first_key());
        loop {
            let way = route.way().await?;
            // Of this very connection: a server's line is another one only behind another connection.
            if let Some((id, known_in)) = known
                && way.lines().lineage().doubts(known_in)
            {
                return Err(StoreError::Doubted(id.clone()));
            }
            let pending = way.lines().settler.begin();
            match call.run(&way).await {
                Ok(answer) => return self.settled(answer, read, &way, pending).await,
                Err(error) if route.follows(&way, &error).await => pending.done(),
                Err(error) => {
                    let fault = way.failed(&error, call.first_key()).of_a_write();
                    if !matches!(fault, RedisFault::Undecided { .. }) {
                        pending.done();
                    }
                    return Err(fault.into());
                }
            }
        }
    }

    /// Waits until what was answered is as durable as asked.
    pub(super) async fn settled<T>(
        &self,
        answer: Value,
        read: impl FnOnce(Value) -> Result<T, StoreError> + Send,
        way: &Way,
        pending: Pending<'_>,
    ) -> Result<T, StoreError> {
        let outcome = match read(answer) {
            Ok(outcome) => outcome,
            Err(refused) => {
                pending.done();
                return Err(refused);
            }
        };
        let settled = way.lines().settler.settle().await;
        settled.map_err(|unsettled| way.unsettled(&unsettled).of_a_write())?;
        pending.done();
        way.lines().is_well();
        Ok(outcome)
    }

    /// Runs a script whose effect need not be durable, and which may run twice.
    pub(super) async fn told<T>(
        &self,
        call: Call,
        read: impl FnOnce(Value) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        read(call.run_anywhere(&self.servers).await?)
    }
}
