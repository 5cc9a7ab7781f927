//! The list of unfinished replies where its parts are on other servers than the sessions.

use super::members::Nodes;
use super::server::PATIENCE;
use super::*;
use crate::store::Nodes as _;
use crate::store::redis::slots::slot;

/// A session on the first primary whose part of the list is on the second.
fn listed_elsewhere(nodes: &Nodes, keys: &Keys) -> NewSession {
    let elsewhere = |new: &NewSession| nodes.first_owner(slot(&keys.running_of(&new.id))) == 1;
    std::iter::repeat_with(|| nodes.session_on(0)).find(elsewhere).unwrap()
}

/// Waits until the listing of a session at a node is so.
async fn until_listed(nodes: &Nodes, node: usize, (key, id): (&str, &SessionId), is: impl Fn(Option<&str>) -> bool) {
    let mut found = None;
    for _ in 0..600 {
        found = nodes.servers[node].ask::<Option<String>>(&["HGET", key, id.as_str()]).await;
        if is(found.as_deref()) {
            return;
        }
        tokio::time::sleep(PATIENCE / 600).await;
    }
    panic!("{id} stays listed as {found:?}");
}

/// Waits until the session's owner, which renews its lease, has listed it again.
async fn until_listed_again(nodes: &Nodes, node: usize, (key, id): (&str, &SessionId), owner: &RedisStore) {
    for _ in 0..600 {
        // An answer that a failover lost comes the next time.
        let _lease = owner.renew(false).await;
        if nodes.servers[node].ask::<Option<String>>(&["HGET", key, id.as_str()]).await.is_some() {
            return;
        }
        tokio::time::sleep(PATIENCE / 600).await;
    }
    panic!("{id} is listed no more");
}

// Fails when a listing that is lost with the server that had it is never made again although the session's owner lives: the
// owner's end would leave a reply that nobody finds.
#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_a_failover_lost_is_made_again() {
    let nodes = Nodes::with(3, 1, &[]).await;
    let (store, heir) = (nodes.open(Durability::MEMORY).await, nodes.open(Durability::MEMORY).await);
    let (begun, adopted) = (listed_elsewhere(&nodes, &store.keys), listed_elsewhere(&nodes, &store.keys));
    let (first, second) = (Fence::certain(1), Fence::certain(2));
    for new in [&begun, &adopted] {
        heir.create(new.clone()).await.unwrap();
        let by = if new.id == begun.id { &store } else { &heir };
        by.claim(&new.id, None, first).await.unwrap();
        let begin = Commit { fence: Some(first), running: Some(true), ..Commit::default() };
        by.commit(&new.id, 1, begin).await.unwrap();
    }
    // One was begun here; one is taken over in the middle.
    store.claim(&adopted.id, Some(heir.node()), second).await.unwrap();
    store.renew(true).await.unwrap();
    let listings = [&begun, &adopted].map(|new| (store.keys.running_of(&new.id), new.id.clone()));
    nodes.fail_over(4).await;
    // What a copy that was behind would not have.
    for (key, id) in &listings {
        until_listed(&nodes, 4, (key, id), |mark| mark.is_some()).await;
        nodes.servers[4].ask::<i64>(&["HDEL", key, id.as_str()]).await;
    }
    for (key, id) in &listings {
        until_listed_again(&nodes, 4, (key, id), &store).await;
    }
    let mut unfinished: Vec<SessionId> = listings.iter().map(|(_, id)| id.clone()).collect();
    unfinished.sort();
    assert_eq!(conformance::unfinished(&heir).await, unfinished);
    // The marks are the sessions' own: they are struck off with them.
    for (new, fence) in [(&begun, first), (&adopted, second)] {
        let end = Commit { fence: Some(fence), running: Some(false), ..Commit::default() };
        store.commit(&new.id, 1, end).await.unwrap();
    }
    for (key, id) in &listings {
        until_listed(&nodes, 4, (key, id), |mark| mark.is_none()).await;
    }
}

// Fails when the end of a reply waits for the server of the list, which may be away: the strike is over then before the step
// is answered, and does not come through when that server is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_does_not_wait_until_it_is_struck_off() {
    let nodes = Nodes::start().await;
    let store = nodes.open(Durability::AOF).await;
    let new = listed_elsewhere(&nodes, &store.keys);
    store.create(new.clone()).await.unwrap();
    store.commit(&new.id, 1, Commit { running: Some(true), ..entries(&["begun"]) }).await.unwrap();
    let key = store.keys.running_of(&new.id);
    until_listed(&nodes, 1, (&key, &new.id), |mark| mark.is_some()).await;
    nodes.servers[1].freeze(true);
    let ended = store.commit(&new.id, 1, Commit { running: Some(false), ..entries(&["ended"]) }).await;
    nodes.servers[1].freeze(false);
    assert_eq!(ended.unwrap().head, 2);
    until_listed(&nodes, 1, (&key, &new.id), |mark| mark.is_none()).await;
}

// Fails when one part of the list that takes nothing keeps all others from being listed again, or is not tried again itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_part_keeps_no_other_from_being_listed_again() {
    let nodes = Nodes::with(3, 1, &[]).await;
    let store = nodes.open(Durability::MEMORY).await;
    let good = listed_elsewhere(&nodes, &store.keys);
    let (fence, part_of) = (Fence::certain(1), |new: &NewSession| store.keys.running_of(&new.id));
    let bad =
        std::iter::repeat_with(|| listed_elsewhere(&nodes, &store.keys)).find(|new| part_of(new) != part_of(&good));
    let bad = bad.unwrap();
    // So many that whoever goes through all of them meets one of the bad before the good.
    let alike =
        std::iter::repeat_with(|| listed_elsewhere(&nodes, &store.keys)).filter(|new| part_of(new) == part_of(&bad));
    for new in [good.clone(), bad.clone()].into_iter().chain(alike.take(30)) {
        store.create(new.clone()).await.unwrap();
        store.claim(&new.id, None, fence).await.unwrap();
        let begin = Commit { fence: Some(fence), running: Some(true), ..Commit::default() };
        store.commit(&new.id, 1, begin).await.unwrap();
    }
    nodes.fail_over(4).await;
    let (good, bad) = ((part_of(&good), good.id), (part_of(&bad), bad.id));
    for (key, id) in [&good, &bad] {
        until_listed(&nodes, 4, (key, id), |mark| mark.is_some()).await;
        nodes.servers[4].ask::<i64>(&["DEL", key]).await;
    }
    nodes.servers[4].ask::<()>(&["SET", &bad.0, "no list"]).await;
    until_listed_again(&nodes, 4, (&good.0, &good.1), &store).await;
    nodes.servers[4].ask::<i64>(&["DEL", &bad.0]).await;
    until_listed_again(&nodes, 4, (&bad.0, &bad.1), &store).await;
}
