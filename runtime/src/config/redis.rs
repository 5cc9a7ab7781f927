//! Settings of the store on a Redis server.

use std::time::Duration;

use super::Secret;
use super::values::{Problem, duration};
use crate::store::{Durability, Node, RedisAddress, RedisFault};

/// A server's URL. It may carry a password, so it is never shown whole.
pub(super) fn redis_url(text: &str) -> Result<Secret, Problem> {
    match RedisAddress::parse(text) {
        Ok(_) => Ok(Secret::new(text)),
        Err(error) => {
            let detail = match error {
                RedisFault::Address(detail) => detail,
                other => other.to_string(),
            };
            let remedy = "write redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], redis://HOST:PORT,HOST:PORT for a cluster, \
                          or redis+sentinel://HOST:PORT,HOST:PORT/SERVICE; with rediss for TLS";
            Err(Problem::new(detail, remedy))
        }
    }
}

/// What keys begin with. Brackets would decide where a cluster puts a key, and what a pattern finds.
pub(super) fn redis_prefix(text: &str) -> Result<String, Problem> {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"{}[]*?\\\"".contains(&byte);
    if text.len() <= 64 && text.bytes().all(fits) {
        return Ok(text.to_owned());
    }
    let remedy = "write at most 64 letters, digits and signs such as : - _ . without brackets, such as rolecall:";
    Err(Problem::new("not a prefix of keys", remedy))
}

pub(super) fn redis_durability(text: &str) -> Result<Durability, Problem> {
    let remedy = "write memory, aof, `replicas N` or `aof replicas N`, N from 1 to 16";
    Durability::parse(text).ok_or_else(|| Problem::new("there is no such durability", remedy))
}

/// A server's name among others.
pub(super) fn node_id(text: &str) -> Result<String, Problem> {
    let remedy = "write 1 to 64 letters, digits, dots, hyphens and underscores, such as eu-1";
    Node::check(text).map_err(|error| Problem::new(error.to_string(), remedy))?;
    Ok(text.to_owned())
}

/// Shorter, and a moment's pause counts as death; longer, and nobody goes on with the replies of a server that died.
pub(super) fn node_lease(text: &str) -> Result<Duration, Problem> {
    duration(text, Duration::from_secs(1), Duration::from_secs(60))
}
