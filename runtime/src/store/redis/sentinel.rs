//! Sentinels: who is the primary of a service, and that it is another one now.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::{StreamExt, future};
use redis::{ErrorKind, RedisError, ServerErrorKind};
use tokio::sync::Notify;
use tokio::time;

use super::address::Service;
use super::link::dial;
use super::slots::Endpoint;
use super::{RedisFault, RedisSettings};

/// How long a sentinel may take to answer.
const TELLING: Duration = Duration::from_secs(2);
/// How often the primary is asked for although no sentinel said that it is another one.
const SELDOM: Duration = Duration::from_secs(10);
/// Between two sentinels to listen to, when one is lost.
const PAUSE: Duration = Duration::from_millis(500);
/// What sentinels call it when a service has another primary.
const SWITCHED: &str = "+switch-master";

/// Who is the primary, as far as one sentinel knows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    epoch: u64,
    primary: Endpoint,
}

/// Asks all sentinels for the primary. The one that knows of the latest failover is right.
pub(super) async fn primary(settings: &RedisSettings, service: &Service) -> Result<Endpoint, RedisFault> {
    let address = &settings.address;
    let asked = address.nodes().iter().map(|sentinel| ask(settings, service, sentinel));
    let (mut latest, mut failure): (Option<Known>, _) = (None, None);
    for answer in future::join_all(asked).await {
        match answer {
            Ok(Some(known)) if latest.as_ref().is_none_or(|latest| latest.epoch < known.epoch) => latest = Some(known),
            Ok(_) => {}
            Err(fault) => failure = Some(fault),
        }
    }
    if let Some(known) = latest {
        return Ok(known.primary);
    }
    Err(failure.unwrap_or_else(|| RedisFault::Unsuitable {
        server: address.name().to_owned(),
        detail: format!("its sentinels know no service `{}`", service.name),
        remedy: "name one of those that `redis-cli -p 26379 SENTINEL MASTERS` lists in redis-url".to_owned(),
    }))
}

/// Asks one; `None` when it does not know the service.
async fn ask(settings: &RedisSettings, service: &Service, sentinel: &Endpoint) -> Result<Option<Known>, RedisFault> {
    let address = &settings.address;
    let name = format!("sentinel {sentinel}");
    let failed = |error: RedisError| RedisFault::of(&error, &name, address.secrets(), "");
    let client = address.sentinel(service, sentinel)?;
    let asking = async {
        let mut connection = dial(&client, &name, address.secrets()).await?;
        let told = redis::cmd("SENTINEL").arg("MASTER").arg(&service.name).query_async(&mut connection).await;
        match told {
            Ok(told) => Ok(read(&told, sentinel)),
            // No such service.
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    };
    time::timeout(TELLING, asking).await.unwrap_or_else(|_| {
        Err(RedisFault::Unreachable { server: name.clone(), detail: format!("no answer for {TELLING:?}") })
    })
}

fn read(told: &HashMap<String, String>, sentinel: &Endpoint) -> Option<Known> {
    let (host, port) = (told.get("ip")?, told.get("port")?);
    let primary = Endpoint::parse(&format!("{host}:{port}"), sentinel)?;
    Some(Known { epoch: told.get("config-epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or(0), primary })
}

/// Listens to the sentinels, one after the other, and wakes who waits for `heard` whenever one of them says that the primary is another,
/// and now and then. Does not end.
pub(super) async fn follow(settings: &RedisSettings, service: &Service, heard: &Notify) {
    for sentinel in settings.address.nodes().iter().cycle() {
        if let Err(fault) = listen(settings, service, sentinel, heard).await {
            tracing::debug!(%fault, "a sentinel cannot be listened to; going on to the next");
        }
        time::sleep(PAUSE).await;
    }
}

/// Listens to one until it is lost.
async fn listen(
    settings: &RedisSettings,
    service: &Service,
    sentinel: &Endpoint,
    heard: &Notify,
) -> Result<(), RedisFault> {
    let name = format!("sentinel {sentinel}");
    let failed = |error: RedisError| RedisFault::of(&error, &name, settings.address.secrets(), "");
    let silent = || RedisFault::Unreachable { server: name.clone(), detail: format!("no answer for {TELLING:?}") };
    let client = settings.address.sentinel(service, sentinel)?;
    let subscribing = async {
        let mut events = client.get_async_pubsub().await?;
        events.subscribe(SWITCHED).await?;
        Ok(events)
    };
    let events = time::timeout(TELLING, subscribing).await.map_err(|_| silent())?.map_err(failed)?;
    // What was said before it was listened to.
    heard.notify_one();
    let mut events = events.into_on_message();
    loop {
        match time::timeout(SELDOM, events.next()).await {
            Ok(None) => return Ok(()),
            Ok(Some(event)) => {
                let event: String = event.get_payload().unwrap_or_default();
                if event.split(' ').next() == Some(service.name.as_str()) {
                    tracing::warn!(%event, "the sentinels say that Redis has another primary");
                    heard.notify_one();
                }
            }
            // A connection that is cut somewhere on the way is silent, too.
            Err(_) => heard.notify_one(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when the primary is read from other fields than those that a sentinel gives, or one without a place is taken.
    #[test]
    fn a_sentinels_answer_is_read() {
        let sentinel = Endpoint { host: "s".to_owned(), port: 1 };
        let told = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<HashMap<_, _>>()
        };
        let known = read(&told(&[("ip", "::1"), ("port", "7"), ("config-epoch", "3")]), &sentinel).unwrap();
        assert_eq!((known.epoch, known.primary.to_string().as_str()), (3, "[::1]:7"));
        assert_eq!(read(&told(&[("ip", "a")]), &sentinel), None);
        assert_eq!(read(&told(&[("ip", "a"), ("port", "x")]), &sentinel), None);
    }
}
