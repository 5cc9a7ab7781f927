//! What becomes of jobs when their session or their taker is gone.

use super::*;
use crate::store::conformance::lifetimes::LIFETIME;
use crate::store::conformance::new_session;

// Fails when a session that ends takes its jobs along: one that was acknowledged is gone, and no dead letter says so.
pub(super) async fn keeps_jobs_of_a_session_that_ended(subject: &Subject) {
    let (store, new_session) = (&subject.store, new_session());
    let session = new_session.id.clone();
    store.create(new_session).await.unwrap();
    for name in ["dead", "waits"] {
        add(subject, &session, name, Priority::Normal).await;
    }
    let dead = take(subject, "a").await.unwrap();
    settle(subject, &dead, Settlement::Dead(fault("x"))).await;
    subject.pass(u64::try_from(LIFETIME.as_millis()).unwrap()).await;
    store.expire().await.unwrap();
    assert_eq!(store.session(&session).await.unwrap(), None);
    assert_eq!(state(subject, &session, "dead").await, JobState::Dead);
    assert_eq!(state(subject, &session, "waits").await, JobState::Queued);
    let waits = take(subject, "b").await.unwrap();
    assert_eq!(waits.id, "waits");
    settle(subject, &waits, Settlement::Dead(fault("session_not_found"))).await;
    assert_eq!(state(subject, &session, "waits").await, JobState::Dead);
}

// Fails when a taker that is gone is not counted, or is for ever; when a job that it may have begun counts as waiting, so that
// it is cancelled without its session, or as over time; or when one that nobody began is kept from that.
pub(super) async fn leaves_what_may_be_under_way(subject: &Subject) {
    let (jobs, session) = (subject.store.jobs(), id());
    let back = || Settlement::PutBack(Duration::from_secs(1));
    add(subject, &session, "a", Priority::Normal).await;
    let job = take(subject, "1").await.unwrap();
    assert_eq!(job.interruptions, 0);
    assert_eq!(settle(subject, &job, back()).await.state, JobState::Queued, "nobody began it");
    pass(subject, Duration::from_secs(1));
    take(subject, "2").await.unwrap();
    pass(subject, LEASE);
    let job = take(subject, "3").await.unwrap();
    assert_eq!(job.interruptions, 1);
    let left = settle(subject, &job, back()).await;
    assert_eq!((left.state, left.token, left.attempts), (JobState::Running, None, 0));
    assert_eq!(jobs.extend(&job.claim("3"), LEASE).await.unwrap(), None);
    assert_eq!(take(subject, "4").await, None);
    let told = jobs.cancel(&session, "a").await.unwrap();
    assert!(matches!(told, Cancelled::NotWaiting(Job { state: JobState::Running, cancelling: true, .. })), "{told:?}");
    pass(subject, Duration::from_secs(1));
    let job = take(subject, "5").await.unwrap();
    assert_eq!((job.interruptions, job.cancelling), (1, true), "nobody had it");
    let left = settle(subject, &job, back()).await;
    assert_eq!((left.state, left.cancelling), (JobState::Running, true), "its session was not told");
    pass(subject, Duration::from_secs(1));
    let job = take(subject, "6").await.unwrap();
    assert_eq!(settle(subject, &job, Settlement::Cancelled).await.state, JobState::Cancelled);
    add(subject, &session, "b", Priority::Normal).await;
    take(subject, "7").await.unwrap();
    pass(subject, LEASE);
    let job = take(subject, "8").await.unwrap();
    let failed = settle(subject, &job, Settlement::Failed(fault("x"), Duration::ZERO)).await;
    assert_eq!((failed.state, failed.interruptions), (JobState::Retrying, 0), "its attempt is over");
    finish(subject).await;
}
