//! The list of sessions with an unfinished reply.
//!
//! The truth about a session is the field `running` of its state, which its script sets and clears with the step. The list
//! only says where to look, because nobody can look through all sessions. On a server of its own the script lists the
//! session and strikes it off in the same step. The list is in parts, each with a slot of its own, so in a cluster it
//! cannot; the list is right all the same:
//!
//! - **A session is listed in a part of its own**, or where that part's node of a cluster is away, in the next whose node is
//!   not: what the others serve does not wait for it. The mark names the part then. Whoever looks reads all parts that can
//!   be read, and again later.
//! - **A session is listed before it is marked.** The step that marks it is sent when the listing was answered and is as
//!   durable as asked, since the two are on two servers. So no crash leaves a mark that nobody finds.
//! - **It is struck off after its mark is gone**, durably, behind the step's answer, and only as it was listed: each listing
//!   has a mark of its own, which the state repeats. A strike that comes late finds another mark and does nothing.
//! - **What a failover loses of the list** alone, in a cluster that promises no more, its session's owner lists again
//!   ([`listed`](super::listed)).
//! - **What is left over** (a crash between listing and step, or between step and strike; a step that was refused) is
//!   found by whoever lists: its session has no mark. It is struck off once it is older than any step can be under way.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use redis::Cmd;

use super::RedisFault;
use super::keys::{Keys, RUNNING_PARTS};
use super::route::Servers;
use super::scripts::{Call, SETTLED};
use crate::ids::{SessionId, random_digits};
use crate::store::{Interrupted, StoreError};

/// How old what is left over must be, ms: far older than a step that is still under way.
const LEFT_OVER_MS: u64 = 10 * 60 * 1_000;
/// Before the number of the part in a mark that is not in its session's own.
const ELSEWHERE: char = '@';
/// Listed sessions that are read, and looked at, at once.
const PAGE: usize = 64;

/// Makes marks, no two alike.
#[derive(Debug)]
pub(super) struct Marks {
    process: String,
    next: AtomicU64,
}

impl Marks {
    pub(super) fn new() -> Result<Self, RedisFault> {
        let process = random_digits().map_err(|error| RedisFault::Refused {
            server: "this machine".to_owned(),
            detail: format!("no randomness: {error}"),
        })?;
        Ok(Self { process, next: AtomicU64::new(0) })
    }

    /// A new mark of a session, made at this time.
    pub(super) fn make(&self, servers: &Servers, keys: &Keys, id: &SessionId, now_ms: u64) -> String {
        let mark = format!("{now_ms}-{}-{}", self.process, self.next.fetch_add(1, Ordering::Relaxed));
        let own = Keys::part_of(id);
        let mut parts = (own..RUNNING_PARTS).chain(0..own);
        match parts.find(|part| servers.serves(&keys.running(*part)).is_ok()) {
            Some(part) if part != own => format!("{mark}{ELSEWHERE}{part}"),
            _ => mark,
        }
    }
}

/// The part of the list that a session with this mark is in.
pub(super) fn listed_in(keys: &Keys, id: &SessionId, mark: &str) -> String {
    let named = mark.rsplit_once(ELSEWHERE).and_then(|(_, part)| part.parse().ok());
    keys.running(named.filter(|part| *part < RUNNING_PARTS).unwrap_or_else(|| Keys::part_of(id)))
}

/// Lists a session.
pub(super) fn list(keys: &Keys, id: &SessionId, mark: &str) -> Cmd {
    redis::cmd("HSET").arg(listed_in(keys, id, mark)).arg(id.as_str()).arg(mark).take()
}

/// Strikes a session off, as it was listed.
pub(super) async fn strike(servers: &Servers, keys: &Keys, id: &SessionId, mark: &str) -> Result<(), StoreError> {
    struck_off(keys, id, mark).run_anywhere(servers).await.map(drop)
}

pub(super) fn struck_off(keys: &Keys, id: &SessionId, mark: &str) -> Call {
    Call::of(&SETTLED, [listed_in(keys, id, mark)]).arg(id.to_string()).arg(mark.to_owned())
}

/// The sessions that are marked. What is left over is struck off on the way. Of a cluster, what a node has that is away is
/// left out.
pub(super) async fn marked(servers: &Servers, keys: &Keys, now_ms: u64) -> Result<Vec<Interrupted>, StoreError> {
    let (mut marked, mut missed, mut read) = (Vec::new(), None, 0u32);
    for part in 0..RUNNING_PARTS {
        match marked_in(servers, keys, &keys.running(part), now_ms, &mut marked).await {
            Ok(()) => read = read.saturating_add(1),
            Err(error @ StoreError::Redis(_)) if servers.are_many() => missed = Some(error),
            Err(error) => return Err(error),
        }
    }
    if let Some(error) = missed {
        if read == 0 {
            return Err(error);
        }
        tracing::debug!(%error, "a part of the unfinished replies cannot be looked for now");
    }
    marked.sort();
    // A page may show an entry twice, and two parts one session.
    marked.dedup();
    Ok(marked)
}

/// Those of one part.
async fn marked_in(
    servers: &Servers,
    keys: &Keys,
    key: &str,
    now_ms: u64,
    marked: &mut Vec<Interrupted>,
) -> Result<(), StoreError> {
    servers.serves(key)?;
    let mut cursor = 0u64;
    loop {
        let mut scan = redis::cmd("HSCAN");
        scan.arg(key).arg(cursor).arg("COUNT").arg(PAGE);
        let (next, page): (u64, HashMap<Vec<u8>, Vec<u8>>) = servers.ask(key, &scan).await?;
        // A mark that is no text is none of ours; its session is looked at all the same.
        let listed = page
            .into_iter()
            .filter_map(|(name, mark)| Some((readable(&name)?, String::from_utf8_lossy(&mark).into_owned())));
        look_at(servers, keys, listed.collect(), now_ms, marked).await?;
        cursor = next;
        if cursor == 0 {
            return Ok(());
        }
    }
}

/// Takes the marked ones of what is listed.
async fn look_at(
    servers: &Servers,
    keys: &Keys,
    listed: Vec<(SessionId, String)>,
    now_ms: u64,
    marked: &mut Vec<Interrupted>,
) -> Result<(), StoreError> {
    let looks = listed.into_iter().map(|(id, listed_as)| async move {
        let state = keys.state(&id);
        let command = redis::cmd("HMGET").arg(&state).arg("running").arg("owner").take();
        match servers.ask::<(Option<String>, Option<String>)>(&state, &command).await {
            // One session that somebody else has written to must not keep all others from starting.
            Err(StoreError::Redis(error @ RedisFault::Foreign { .. })) => {
                tracing::error!(session = %id, %error, "an unfinished reply cannot be looked at; skipped");
                Ok(None)
            }
            // Its node of the cluster is away: nobody could go on with it now.
            Err(error @ StoreError::Redis(_)) if servers.are_many() => {
                tracing::debug!(session = %id, %error, "an unfinished reply cannot be looked at now");
                Ok(None)
            }
            Err(error) => Err(error),
            // An owner that cannot be read is nobody that could be asked.
            Ok((Some(_), owner)) => Ok(Some(Interrupted { id, owner: owner.and_then(|owner| owner.parse().ok()) })),
            Ok((None, _)) => {
                let made_ms = listed_as.split('-').next().and_then(|made| made.parse().ok()).unwrap_or(0u64);
                if now_ms.saturating_sub(made_ms) > LEFT_OVER_MS {
                    strike(servers, keys, &id, &listed_as).await?;
                }
                Ok(None)
            }
        }
    });
    for look in futures_util::future::join_all(looks).await {
        marked.extend(look?);
    }
    Ok(())
}

fn readable(name: &[u8]) -> Option<SessionId> {
    let id = std::str::from_utf8(name).ok().and_then(|name| name.parse().ok());
    if id.is_none() {
        tracing::error!(
            key = %name.escape_ascii(),
            "the list of unfinished replies names no session here; skipped, its reply will not go on"
        );
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Node;

    // Fails when a session is struck off another part than it was listed in, or a mark of an earlier release is misread.
    #[test]
    fn a_mark_says_where_its_session_is_listed() {
        let (keys, id) = (Keys::new("test:", Node::begin("a").unwrap()), SessionId::random().unwrap());
        for (mark, key) in [
            ("17-99-0@7", keys.running(7)),
            ("17-99-0", keys.running_of(&id)),
            ("17-99-0@16", keys.running_of(&id)),
            ("theirs", keys.running_of(&id)),
        ] {
            assert_eq!(listed_in(&keys, &id, mark), key, "{mark}");
            assert_eq!(struck_off(&keys, &id, mark).keys(), [key]);
        }
    }
}
