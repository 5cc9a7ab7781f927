//! Leases, and bells: a list per process, of what others tell it.
//!
//! Everything about a node has one slot. Rejected: publish and subscribe, which loses what is said while a connection is
//! looked for, and needs one of its own; a list keeps it, for as long as a process that was only slow may take to come back.

use std::time::Duration;

use async_trait::async_trait;
use redis::Value;

use super::RedisStore;
use super::scripts::{Call, RENEW, RING};
use crate::store::{Contact, HEARD_AT_ONCE, Lease, Node, Nodes, Ring, StoreError, Whereabouts};

/// What may wait for a process to hear it; more makes it look at everything.
const WAITING: usize = 10_000;
/// How long it is kept: longer than any process hangs that comes back.
const KEPT: Duration = Duration::from_secs(600);

impl RedisStore {
    async fn word(&self, call: Call) -> Result<(String, Option<String>), StoreError> {
        let damaged = |detail: String| StoreError::corrupt("what Redis holds of a node", detail);
        self.told(call, |answer| {
            let words: Vec<String> = redis::from_redis_value(answer).map_err(|error| damaged(error.to_string()))?;
            let mut words = words.into_iter();
            let word = words.next().ok_or_else(|| damaged("no answer".to_owned()))?;
            if word == "foreign" && words.len() == 2 {
                let (key, kind) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                return Err(super::RedisFault::Foreign { key, kind: format!("a value of type {kind}") }.into());
            }
            Ok((word, words.next()))
        })
        .await
    }

    pub(super) fn ring_call(&self, node: &Node, ring: &Ring) -> Call {
        Call::of(&RING, [self.keys.lease(node), self.keys.bell(node)])
            .arg(node.incarnation().to_owned())
            .arg(ring.encode())
            .number(WAITING)
            .arg(Ring::Everything.encode())
            .number(KEPT.as_millis())
    }

    /// Whether the bell is in another line of copies than when this was last asked: what waited in it may be lost.
    fn bell_is_another(&self, key: &str) -> Result<bool, StoreError> {
        let now = self.servers.lineage(key)?.id;
        let before = self.bell_lineage.lock().replace(now.clone());
        Ok(before.is_some_and(|before| before != now))
    }

    pub(super) fn renewal(&self, ms: u128, first: bool) -> Call {
        let node = self.keys.node();
        Call::of(&RENEW, [self.keys.lease(node)]).arg(node.incarnation().to_owned()).number(ms).arg(if first {
            "1"
        } else {
            ""
        })
    }
}

#[async_trait]
impl Nodes for RedisStore {
    fn lease(&self) -> Duration {
        self.lease
    }

    async fn renew(&self, first: bool) -> Result<Lease, StoreError> {
        let _call = self.enter()?;
        self.list_again();
        match self.word(self.renewal(self.lease.as_millis().max(1), first)).await? {
            (word, _) if word == "held" => Ok(Lease::Held),
            (word, Some(other)) if word == "foreign" => Ok(Lease::Foreign(other)),
            (word, Some(other)) if word == "taken" => Ok(Lease::Taken(other)),
            _ => Ok(Lease::Lapsed),
        }
    }

    async fn leave(&self) -> Result<(), StoreError> {
        let _call = self.enter()?;
        self.word(self.renewal(0, false)).await.map(|_| ())
    }

    async fn lives(&self, node: &Node) -> Result<bool, StoreError> {
        let _call = self.enter()?;
        let key = self.keys.lease(node);
        let process: Option<String> = self.servers.ask(&key, &redis::cmd("GET").arg(&key).take()).await?;
        Ok(process.as_deref() == Some(node.incarnation()))
    }

    async fn ring(&self, node: &Node, ring: &Ring) -> Result<bool, StoreError> {
        let _call = self.enter()?;
        Ok(self.word(self.ring_call(node, ring)).await?.0 == "told")
    }

    async fn is_unheard(&self, node: &Node, ring: &Ring) -> Result<bool, StoreError> {
        let _call = self.enter()?;
        let key = self.keys.bell(node);
        let place: Value = self.servers.ask(&key, &redis::cmd("LPOS").arg(&key).arg(ring.encode()).take()).await?;
        Ok(!matches!(place, Value::Nil))
    }

    async fn announce(&self, contact: &Contact) -> Result<(), StoreError> {
        let _call = self.enter()?;
        let (node, key) = (self.keys.node(), self.keys.contact(self.keys.node()));
        let lease_ms = u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX).max(1);
        let set = redis::cmd("SET").arg(&key).arg(contact.encode(node)).arg("PX").arg(lease_ms).take();
        let _ok: Value = self.servers.ask(&key, &set).await?;
        Ok(())
    }

    async fn whereabouts(&self, node: &Node) -> Result<Whereabouts, StoreError> {
        let _call = self.enter()?;
        let (lease, contact) = (self.keys.lease(node), self.keys.contact(node));
        let get = redis::cmd("MGET").arg(&lease).arg(&contact).take();
        // What has another type reads as nothing there.
        let (process, contact): (Option<String>, Option<String>) = self.servers.ask(&lease, &get).await?;
        if process.as_deref() != Some(node.incarnation()) {
            return Ok(Whereabouts::Gone);
        }
        let contact = contact.and_then(|text| Contact::decode(&text, node));
        Ok(contact.map_or(Whereabouts::Untold, Whereabouts::At))
    }

    async fn rings(&self) -> Result<Vec<Ring>, StoreError> {
        let _call = self.enter()?;
        let key = self.keys.bell(self.keys.node());
        let said: Value = self.servers.ask(&key, &redis::cmd("LPOP").arg(&key).arg(HEARD_AT_ONCE).take()).await?;
        let said: Option<Vec<String>> = redis::from_redis_value(said)
            .map_err(|error| StoreError::corrupt("what Redis holds of a node", error.to_string()))?;
        let mut rings: Vec<Ring> = said.unwrap_or_default().iter().filter_map(|text| Ring::decode(text)).collect();
        if self.bell_is_another(&key)? {
            rings.push(Ring::Everything);
        }
        Ok(rings)
    }
}
