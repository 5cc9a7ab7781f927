//! Sessions of other releases.

use super::*;
use crate::store::conformance::item;

/// The step of a session as the release before owners had it, which takes no notice of them.
const EARLIER_COMMIT: &str = include_str!("format-1-commit.lua");

/// Writes a session as that release did.
async fn earlier(server: &Server, store: &RedisStore) -> SessionId {
    let id = new_session().id;
    let zero = "0".repeat(20);
    server
        .ask::<i64>(&[
            "HSET",
            &store.keys.state(&id),
            "format",
            "1",
            "role",
            "clerk",
            "user",
            "u",
            "created",
            "1700000000000",
            "epoch",
            "1",
            "head",
            &zero,
            "floor",
            &zero,
            "state",
            "",
        ])
        .await;
    assert_eq!(commit_as_earlier(server, store, &id, "one").await[0], "ok");
    id
}

/// Makes a step as that release does.
async fn commit_as_earlier(server: &Server, store: &RedisStore, id: &SessionId, entry: &str) -> Vec<String> {
    let keys = store.keys.all(id);
    let mut words = vec!["EVAL", EARLIER_COMMIT, "7"];
    words.extend(keys.iter().map(String::as_str));
    words.extend(["1", "01700000000000000000", "", "", "", "", "10000", "10000", "86400000", "1", entry]);
    let answer: Value = server.ask(&words).await;
    let Value::Array(answer) = answer else { panic!("{answer:?}") };
    answer.into_iter().map(|word| redis::from_redis_value(word).unwrap()).collect()
}

// Fails when a session of the release before is not read, or one that this release has written to is written to by that one:
// it asks for no fence, moves no lifetime, and two would serve one session.
#[tokio::test]
async fn an_earlier_release_is_kept_out_from_the_first_write_on() {
    let server = Server::start().await;
    let clock = Arc::new(AtomicU64::new(START_MS));
    let store = mortal(&server, &clock).await;
    let (claimed, posted, touched) =
        (earlier(&server, &store).await, earlier(&server, &store).await, earlier(&server, &store).await);
    // To read it changes nothing: both releases may, while the new one is tried out.
    let row = store.session(&claimed).await.unwrap().unwrap();
    assert_eq!((row.head, row.epoch, row.created.role.as_str(), row.hold), (1, 1, "clerk", None));
    assert_eq!(store.read(&claimed, 0, 9).await.unwrap()[0].bytes, "one");
    assert_eq!(commit_as_earlier(&server, &store, &claimed, "two").await[0], "ok");

    assert_eq!(store.claim(&claimed, None, Fence::certain(1)).await.unwrap().head, 2);
    assert_eq!(store.enqueue(&posted, item("a", u64::MAX)).await.unwrap(), Enqueued::Fresh);
    store.touch(&touched).await.unwrap();
    for id in [&claimed, &posted, &touched] {
        assert_eq!(commit_as_earlier(&server, &store, id, "late").await, ["format", "2"]);
        assert!(server.ask::<i64>(&["PTTL", &store.keys.state(id)]).await > 0);
        assert!(server.ask::<i64>(&["PTTL", &store.keys.log(id)]).await > 0);
    }
    let written = Commit { fence: Some(Fence::certain(1)), after: Some(2), ..entries(&["three"]) };
    assert_eq!(store.commit(&claimed, 1, written).await.unwrap().head, 3);
}

// Fails when a session of a later release is read or written as if it were of this one, or nobody is told what to do.
#[tokio::test]
async fn sessions_of_a_later_release_are_refused() {
    let server = Server::start().await;
    let clock = Arc::new(AtomicU64::new(START_MS));
    let (store, new) = (open(&server, &clock).await, new_session());
    let id = new.id.clone();
    store.create(new).await.unwrap();
    server.ask::<i64>(&["HSET", &store.keys.state(&id), "format", "3"]).await;
    for refused in [
        fault(store.session(&id).await),
        fault(store.claim(&id, None, Fence::certain(1)).await),
        fault(store.commit(&id, 1, entries(&["x"])).await),
        fault(store.enqueue(&id, item("a", u64::MAX)).await),
        fault(store.advance_epoch(&id, 1, Leap::beyond(1, 1)).await),
        fault(store.touch(&id).await),
        fault(store.read(&id, 0, 9).await),
    ] {
        assert!(matches!(&refused, RedisFault::Format { found, .. } if found == "3"), "{refused:?}");
        assert!(refused.to_string().contains("start the release that wrote it"), "{refused}");
    }
    assert_eq!(server.ask::<i64>(&["PTTL", &store.keys.state(&id)]).await, -1, "nothing was changed");
}
