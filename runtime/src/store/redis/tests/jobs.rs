//! What the scripts of the inference queue do on a server, and refuse.

use super::*;
use crate::store::jobs::{Added, JobClaim, JobFault, JobLimits, Jobs, NewJob, Priority, Settlement};

const ROOM: JobLimits = JobLimits { all: 9, session: 9 };

fn new_job(id: &str) -> NewJob {
    let (session, text) = (SessionId::random().unwrap(), "x".to_owned());
    NewJob { session, id: id.to_owned(), text, priority: Priority::High, expires_in: None, max_attempts: 2 }
}

/// What each call answers, without what it says.
async fn calls(jobs: &dyn Jobs, job: &NewJob) -> Vec<Result<(), StoreError>> {
    let claim = JobClaim { session: job.session.clone(), id: job.id.clone(), token: "t".to_owned() };
    vec![
        jobs.add(job.clone(), ROOM).await.map(drop),
        jobs.take("t", LEASE).await.map(drop),
        jobs.extend(&claim, LEASE).await.map(drop),
        jobs.settle(&claim, Settlement::Done(Some(7))).await.map(drop),
        jobs.cancel(&job.session, &job.id).await.map(drop),
        jobs.retry(&job.session, &job.id, ROOM).await.map(drop),
        jobs.job(&job.session, &job.id).await.map(drop),
        jobs.dead(None, 9).await.map(drop),
        jobs.depth().await.map(drop),
    ]
}

// Fails when a script meets a value that is not ours behind its first write, overwrites it, or does not name its key.
#[tokio::test]
async fn keys_of_others_are_left_alone() {
    let server = Server::start().await;
    let store = open(&server, &Arc::new(AtomicU64::new(START_MS))).await;
    for key in store.keys.jobs() {
        server.ask::<()>(&["SET", &key, "mine"]).await;
        for outcome in calls(store.jobs(), &new_job("a")).await {
            let fault = fault(outcome);
            assert!(matches!(&fault, RedisFault::Foreign { key: named, .. } if *named == key), "{key}: {fault}");
        }
        let keys: Vec<String> = server.ask(&["KEYS", "*jobs*"]).await;
        assert_eq!(keys, std::slice::from_ref(&key), "something was written");
        server.ask::<()>(&["DEL", &key]).await;
    }
}

// Fails when a step needs a script that a server forgot, or a key that its call does not name.
#[tokio::test]
async fn a_server_that_forgot_the_scripts_gets_them_again() {
    let server = Server::start().await;
    let store = open(&server, &Arc::new(AtomicU64::new(START_MS))).await;
    for n in 0..2 {
        server.ask::<()>(&["SCRIPT", "FLUSH"]).await;
        for outcome in calls(store.jobs(), &new_job(&format!("j{n}"))).await {
            outcome.unwrap();
        }
    }
    let known = store.keys.jobs();
    let keys: Vec<String> = server.ask(&["KEYS", "*jobs*"]).await;
    assert!(!keys.is_empty() && keys.iter().all(|key| known.contains(key)), "{keys:?}");
}

// Fails when a time or a text is cut, rounded or escaped on its way through JSON and Lua's numbers.
#[tokio::test]
async fn times_and_texts_come_back_as_they_were() {
    let server = Server::start().await;
    // The last moment of 13 digits is in the year 2286.
    for now_ms in [START_MS, 1_999_999_999_999, 9_999_000_000_001] {
        let store = open(&server, &Arc::new(AtomicU64::new(now_ms))).await;
        let jobs = store.jobs();
        let text = "\"\\/\u{0}\u{7f}\r\n\u{2028}唇亡齿寒🦀".to_owned();
        let new = NewJob { text: text.clone(), expires_in: Some(Duration::from_millis(86_399_999)), ..new_job("a") };
        let Added::Fresh(job) = jobs.add(new.clone(), ROOM).await.unwrap() else { panic!("it is new") };
        assert_eq!((job.created_ms, job.expires_ms, &job.text), (now_ms, Some(now_ms + 86_399_999), &text));
        let taken = jobs.take("t", LEASE).await.unwrap().unwrap();
        assert_eq!((&taken.text, taken.lease_ms), (&text, Some(now_ms + 300_000)));
        let fault = JobFault { code: "model_cut".to_owned(), message: text.clone() };
        let failed = Settlement::Failed(fault.clone(), Duration::from_millis(1));
        let settled = jobs.settle(&taken.claim("t"), failed).await.unwrap().unwrap();
        assert_eq!((settled.not_before_ms, settled.error), (now_ms + 1, Some(fault)));
        jobs.cancel(&new.session, "a").await.unwrap();
    }
}
