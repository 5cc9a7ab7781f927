//! What became of a message, in one call.

use redis::Value;

use super::answer::{self, Answer};
use super::keys::padded;
use super::scripts::{Call, RECEIPT};
use super::{DONE_KEPT_MS, Receipt, RedisStore, SessionRow, StoreError};
use crate::ids::SessionId;

impl RedisStore {
    pub(super) fn receipt_call(&self, id: &SessionId, biz_id: &str) -> Call {
        let call = Call::of(&RECEIPT, self.keys.all(id))
            .arg(padded(self.clock.now_ms()))
            .arg(biz_id.to_owned())
            .number(DONE_KEPT_MS);
        answer::ROW.into_iter().fold(call, Call::arg)
    }

    pub(super) fn read_receipt(&self, value: Value, id: &SessionId) -> Result<(SessionRow, Receipt), StoreError> {
        let mut answer = Answer::read(value, id, &self.keys)?;
        let word = answer.word().to_owned();
        if !["unknown", "waiting", "delivered"].contains(&word.as_str()) {
            return Err(answer.refusal(0, None));
        }
        let row = answer::row(answer.next()?, id, &self.keys)?.ok_or_else(|| StoreError::NoSession(id.clone()))?;
        let receipt = match word.as_str() {
            "delivered" => {
                Receipt::Delivered { seq: answer.next()?, entry: answer.next::<Option<Vec<u8>>>()?.map(Into::into) }
            }
            "waiting" => Receipt::Waiting,
            _ => Receipt::Unknown,
        };
        Ok((row, receipt))
    }
}
