//! What [`Jobs`] promises, as one suite that every backend runs.

mod losses;

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::*;
use crate::store::conformance::Subject;

pub(super) const LEASE: Duration = Duration::from_secs(30);
pub(super) const ROOM: JobLimits = JobLimits { all: 1_000, session: 100 };

pub(super) fn new(session: &SessionId, id: &str, priority: Priority) -> NewJob {
    let (session, id, text) = (session.clone(), id.to_owned(), format!("answer {id}: 一\n\"二\"\\\u{7f}"));
    NewJob { session, id, text, priority, expires_in: None, max_attempts: 3 }
}

pub(super) fn fault(code: &str) -> JobFault {
    JobFault { code: code.to_owned(), message: format!("\"{code}\": 不行") }
}

/// Runs every check.
pub(in crate::store) async fn all(subject: &Subject) {
    adds_once(subject).await;
    hands_out_by_priority_and_starves_nobody(subject).await;
    hands_out_one_job_of_a_session_at_a_time(subject).await;
    gives_what_lapsed_to_the_next_taker(subject).await;
    tries_again_and_gives_up(subject).await;
    puts_back_without_counting(subject).await;
    cancels_what_waits_and_what_runs(subject).await;
    expires_what_nobody_began(subject).await;
    bounds_the_queue(subject).await;
    lists_dead_letters_in_pages(subject).await;
    forgets_what_ended(subject).await;
    losses::keeps_jobs_of_a_session_that_ended(subject).await;
    losses::leaves_what_may_be_under_way(subject).await;
    shares_the_queue_between_processes(subject).await;
}

/// Refusals after `close`; run last.
pub(in crate::store) async fn closed(subject: &Subject) {
    let (jobs, session) = (subject.store.jobs(), id());
    assert!(matches!(jobs.add(new(&session, "a", Priority::High), ROOM).await, Err(StoreError::Closed)));
    assert!(matches!(jobs.take("t", LEASE).await, Err(StoreError::Closed)));
    assert!(matches!(jobs.job(&session, "a").await, Err(StoreError::Closed)));
    assert!(matches!(jobs.depth().await, Err(StoreError::Closed)));
}

pub(super) fn id() -> SessionId {
    SessionId::random().unwrap()
}

fn now(subject: &Subject) -> u64 {
    subject.clock.load(Ordering::SeqCst)
}

fn pass(subject: &Subject, time: Duration) {
    subject.clock.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
}

async fn add(subject: &Subject, session: &SessionId, id: &str, priority: Priority) -> Job {
    match subject.store.jobs().add(new(session, id, priority), ROOM).await.unwrap() {
        Added::Fresh(job) => job,
        other => panic!("{other:?}"),
    }
}

/// Takes a job; the token is its id.
async fn take(subject: &Subject, token: &str) -> Option<Job> {
    subject.store.jobs().take(token, LEASE).await.unwrap()
}

async fn settle(subject: &Subject, job: &Job, how: Settlement) -> Job {
    let claim = job.claim(job.token.as_deref().unwrap());
    subject.store.jobs().settle(&claim, how).await.unwrap().expect("the claim holds")
}

async fn state(subject: &Subject, session: &SessionId, id: &str) -> JobState {
    subject.store.jobs().job(session, id).await.unwrap().unwrap().state
}

/// Answers whatever is left, so that the next check finds nothing.
async fn finish(subject: &Subject) {
    pass(subject, Duration::from_secs(3_600));
    while let Some(job) = take(subject, "the last").await {
        settle(subject, &job, Settlement::Done(Some(7))).await;
    }
}

// Fails when an id is taken twice, another session's job is taken for it, or what was asked comes back otherwise.
async fn adds_once(subject: &Subject) {
    let (jobs, session) = (subject.store.jobs(), id());
    let fresh = add(subject, &session, "a", Priority::Low).await;
    assert_eq!((fresh.state, fresh.attempts, fresh.created_ms), (JobState::Queued, 0, now(subject)));
    assert_eq!(fresh.due_ms, now(subject) + Priority::Low.patience_ms());
    assert_eq!(fresh.text, new(&session, "a", Priority::Low).text);
    let other = NewJob { text: "else".to_owned(), ..new(&session, "a", Priority::High) };
    assert_eq!(jobs.add(other, ROOM).await.unwrap(), Added::Known(fresh.clone()));
    assert_eq!(jobs.job(&session, "a").await.unwrap().unwrap(), fresh);
    assert_eq!(jobs.job(&session, "b").await.unwrap(), None);
    assert_eq!(jobs.job(&id(), "a").await.unwrap(), None);
    let depth = jobs.depth().await.unwrap();
    assert_eq!(depth.counts.get(&(Priority::Low, JobState::Queued)), Some(&1));
    assert_eq!(depth.oldest_ms, Some(now(subject)));
    let taken = take(subject, "t").await.unwrap();
    assert_eq!((taken.state, &taken.text, taken.token.as_deref()), (JobState::Running, &fresh.text, Some("t")));
    let done = settle(subject, &taken, Settlement::Done(Some(u64::MAX))).await;
    assert_eq!((done.state, done.text.as_str(), &done.token), (JobState::Done, "", &None));
    assert_eq!((fresh.reply, done.reply), (None, Some(u64::MAX)));
    assert_eq!(jobs.add(new(&session, "a", Priority::Low), ROOM).await.unwrap(), Added::Known(done));
    assert_eq!(take(subject, "t").await, None);
    assert_eq!(jobs.depth().await.unwrap().oldest_ms, None);
}

// Fails when low goes before high, those of one priority change places, or a low one waits for ever.
async fn hands_out_by_priority_and_starves_nobody(subject: &Subject) {
    for (name, priority) in
        [("l1", Priority::Low), ("n1", Priority::Normal), ("h1", Priority::High), ("h2", Priority::High)]
    {
        add(subject, &id(), name, priority).await;
        pass(subject, Duration::from_millis(10));
    }
    let mut order = Vec::new();
    for token in ["1", "2", "3", "4"] {
        let job = take(subject, token).await.unwrap();
        order.push(job.id.clone());
        settle(subject, &job, Settlement::Done(Some(7))).await;
    }
    assert_eq!(order, ["h1", "h2", "n1", "l1"]);
    add(subject, &id(), "low", Priority::Low).await;
    pass(subject, Duration::from_millis(Priority::Low.patience_ms() + 1));
    add(subject, &id(), "high", Priority::High).await;
    assert_eq!(take(subject, "5").await.unwrap().id, "low", "it has waited long enough");
    finish(subject).await;
}

// Fails when two jobs of a session run at once, one overtakes another of its priority, or a job that waits to be tried
// again lets a later one of its priority go first, or keeps an urgent one back.
async fn hands_out_one_job_of_a_session_at_a_time(subject: &Subject) {
    let session = id();
    for name in ["first", "second"] {
        add(subject, &session, name, Priority::Normal).await;
    }
    let first = take(subject, "a").await.unwrap();
    assert_eq!(first.id, "first");
    assert_eq!(take(subject, "b").await, None);
    settle(subject, &first, Settlement::Failed(fault("model_busy"), Duration::from_secs(60))).await;
    assert_eq!(take(subject, "c").await, None, "the second waits for the first");
    add(subject, &session, "urgent", Priority::High).await;
    let urgent = take(subject, "d").await.unwrap();
    assert_eq!(urgent.id, "urgent");
    settle(subject, &urgent, Settlement::Done(Some(7))).await;
    assert_eq!(take(subject, "e").await, None);
    pass(subject, Duration::from_secs(60));
    let first = take(subject, "f").await.unwrap();
    assert_eq!((first.id.as_str(), first.attempts), ("first", 1));
    settle(subject, &first, Settlement::Done(Some(7))).await;
    assert_eq!(take(subject, "g").await.unwrap().id, "second");
    finish(subject).await;
}

// Fails when a job of a taker that is gone is lost, another one of its session goes before it, a taker that was too slow
// still decides, or a renewed lease ends.
async fn gives_what_lapsed_to_the_next_taker(subject: &Subject) {
    let (jobs, session) = (subject.store.jobs(), id());
    add(subject, &session, "slow", Priority::Low).await;
    let slow = take(subject, "a").await.unwrap();
    add(subject, &session, "urgent", Priority::High).await;
    pass(subject, LEASE - Duration::from_millis(1));
    assert_eq!(take(subject, "b").await, None);
    let renewed = jobs.extend(&slow.claim("a"), LEASE).await.unwrap().unwrap();
    assert_eq!(renewed.lease_ms, Some(now(subject) + 30_000));
    assert_eq!(jobs.extend(&slow.claim("z"), LEASE).await.unwrap(), None);
    pass(subject, LEASE - Duration::from_millis(1));
    assert_eq!(take(subject, "c").await, None);
    pass(subject, Duration::from_millis(1));
    let again = take(subject, "d").await.unwrap();
    assert_eq!((again.id.as_str(), again.attempts, again.state), ("slow", 0, JobState::Running));
    assert_eq!(take(subject, "e").await, None);
    assert_eq!(jobs.extend(&slow.claim("a"), LEASE).await.unwrap(), None);
    assert_eq!(jobs.settle(&slow.claim("a"), Settlement::Dead(fault("late"))).await.unwrap(), None);
    settle(subject, &again, Settlement::Done(Some(7))).await;
    assert_eq!(take(subject, "f").await.unwrap().id, "urgent");
    finish(subject).await;
}

// Fails when a failure is not counted or not told, a job is tried too early or too often, or a dead letter is lost or
// cannot be put back.
async fn tries_again_and_gives_up(subject: &Subject) {
    let (jobs, session) = (subject.store.jobs(), id());
    add(subject, &session, "a", Priority::Normal).await;
    for attempt in 1..=3u32 {
        let job = take(subject, "t").await.unwrap();
        let code = format!("fault_{attempt}");
        let job = settle(subject, &job, Settlement::Failed(fault(&code), Duration::from_secs(5))).await;
        assert_eq!((job.attempts, job.error), (attempt, Some(fault(&code))));
        assert_eq!(job.state, if attempt == 3 { JobState::Dead } else { JobState::Retrying });
        pass(subject, Duration::from_millis(4_999));
        assert_eq!(take(subject, "u").await, None);
        pass(subject, Duration::from_millis(1));
    }
    assert_eq!(take(subject, "t").await, None);
    let dead = jobs.dead(None, 9).await.unwrap();
    assert_eq!(dead.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(dead[0].text, "", "64 KiB each would fill a page");
    let kept = jobs.job(&session, "a").await.unwrap().unwrap();
    assert_eq!(kept.text, new(&session, "a", Priority::Low).text, "it can be asked again");
    assert_eq!(jobs.retry(&session, "b", ROOM).await.unwrap(), Retried::Unknown);
    let Retried::Queued(queued) = jobs.retry(&session, "a", ROOM).await.unwrap() else { panic!("it is dead") };
    assert_eq!((queued.state, queued.attempts, queued.error.clone()), (JobState::Queued, 0, None));
    assert_eq!(jobs.retry(&session, "a", ROOM).await.unwrap(), Retried::NotDead(queued));
    assert_eq!(jobs.dead(None, 9).await.unwrap(), []);
    let job = take(subject, "t").await.unwrap();
    let dead = settle(subject, &job, Settlement::Dead(fault("model_rejected"))).await;
    assert_eq!((dead.state, dead.attempts), (JobState::Dead, 1));
    let Retried::Queued(_) = jobs.retry(&session, "a", ROOM).await.unwrap() else { panic!("it is dead") };
    finish(subject).await;
}

// Fails when a job that was not tried loses an attempt or its place, or comes back at once.
async fn puts_back_without_counting(subject: &Subject) {
    let session = id();
    add(subject, &session, "a", Priority::Normal).await;
    add(subject, &session, "b", Priority::Normal).await;
    let job = take(subject, "t").await.unwrap();
    let back = settle(subject, &job, Settlement::PutBack(Duration::from_secs(1))).await;
    assert_eq!((back.state, back.attempts, back.error), (JobState::Queued, 0, None));
    assert_eq!(take(subject, "u").await, None);
    pass(subject, Duration::from_secs(1));
    assert_eq!(take(subject, "v").await.unwrap().id, "a");
    finish(subject).await;
}

// Fails when what was cancelled is answered, what runs is not told, or what is over changes.
async fn cancels_what_waits_and_what_runs(subject: &Subject) {
    let (jobs, session) = (subject.store.jobs(), id());
    for name in ["waits", "runs", "wins"] {
        add(subject, &session, name, Priority::Normal).await;
    }
    let Cancelled::Ended(cancelled) = jobs.cancel(&session, "waits").await.unwrap() else { panic!("it waited") };
    assert_eq!((cancelled.state, cancelled.text.as_str()), (JobState::Cancelled, ""));
    assert_eq!(jobs.cancel(&session, "waits").await.unwrap(), Cancelled::NotWaiting(cancelled));
    assert_eq!(jobs.cancel(&session, "unknown").await.unwrap(), Cancelled::Unknown);
    let runs = take(subject, "a").await.unwrap();
    assert_eq!(runs.id, "runs");
    for _ in 0..2 {
        let told = jobs.cancel(&session, "runs").await.unwrap();
        assert!(
            matches!(told, Cancelled::NotWaiting(Job { state: JobState::Running, cancelling: true, .. })),
            "{told:?}"
        );
    }
    assert!(jobs.extend(&runs.claim("a"), LEASE).await.unwrap().unwrap().cancelling);
    let settled = settle(subject, &runs, Settlement::Failed(fault("x"), Duration::ZERO)).await;
    assert_eq!((settled.state, settled.cancelling), (JobState::Cancelled, false));
    let wins = take(subject, "b").await.unwrap();
    jobs.cancel(&session, "wins").await.unwrap();
    assert_eq!(settle(subject, &wins, Settlement::Done(Some(7))).await.state, JobState::Done, "the reply was quicker");
    let stays = jobs.cancel(&session, "wins").await.unwrap();
    assert!(matches!(stays, Cancelled::NotWaiting(Job { state: JobState::Done, .. })), "{stays:?}");
    finish(subject).await;
}

// Fails when a job is begun that is of no use any more, or one that was begun in time is given up.
async fn expires_what_nobody_began(subject: &Subject) {
    let (jobs, session) = (subject.store.jobs(), id());
    for (name, seconds) in [("late", 10), ("in time", 11)] {
        let new = NewJob { expires_in: Some(Duration::from_secs(seconds)), ..new(&session, name, Priority::High) };
        assert!(matches!(jobs.add(new, ROOM).await.unwrap(), Added::Fresh(_)));
    }
    pass(subject, Duration::from_secs(10));
    let taken = take(subject, "a").await.unwrap();
    assert_eq!(taken.id, "in time");
    assert_eq!(state(subject, &session, "late").await, JobState::Expired);
    pass(subject, LEASE);
    let again = take(subject, "b").await.unwrap();
    assert_eq!(again.id, "in time", "it was begun");
    settle(subject, &again, Settlement::Done(Some(7))).await;
    finish(subject).await;
}

// Fails when a queue grows beyond its bounds, a full one changes something, or a place does not become free.
async fn bounds_the_queue(subject: &Subject) {
    let (jobs, session, other) = (subject.store.jobs(), id(), id());
    let limits = JobLimits { all: 3, session: 2 };
    for name in ["a", "b"] {
        assert!(matches!(jobs.add(new(&session, name, Priority::High), limits).await.unwrap(), Added::Fresh(_)));
    }
    let taken = take(subject, "t").await.unwrap();
    let full = jobs.add(new(&session, "c", Priority::High), limits).await.unwrap();
    assert_eq!(full, Added::Full(Waiting::Session), "what runs counts");
    assert!(matches!(jobs.add(new(&session, "a", Priority::High), limits).await.unwrap(), Added::Known(_)));
    assert!(matches!(jobs.add(new(&other, "c", Priority::High), limits).await.unwrap(), Added::Fresh(_)));
    assert_eq!(jobs.add(new(&id(), "d", Priority::High), limits).await.unwrap(), Added::Full(Waiting::All));
    assert_eq!(jobs.job(&session, "c").await.unwrap(), None);
    settle(subject, &taken, Settlement::Dead(fault("x"))).await;
    assert!(matches!(jobs.add(new(&session, "c", Priority::High), limits).await.unwrap(), Added::Fresh(_)));
    assert_eq!(jobs.retry(&session, "a", limits).await.unwrap(), Retried::Full(Waiting::Session));
    assert_eq!(state(subject, &session, "a").await, JobState::Dead);
    finish(subject).await;
    assert!(matches!(jobs.retry(&session, "a", limits).await.unwrap(), Retried::Queued(_)));
    finish(subject).await;
}

// Fails when pages of dead letters repeat or leave out one, or are in another order than that of their death.
async fn lists_dead_letters_in_pages(subject: &Subject) {
    let jobs = subject.store.jobs();
    let mut sessions = Vec::new();
    for n in 0..7 {
        let session = id();
        add(subject, &session, &format!("d{n}"), Priority::High).await;
        let job = take(subject, "t").await.unwrap();
        settle(subject, &job, Settlement::Dead(fault("x"))).await;
        pass(subject, Duration::from_millis(1));
        sessions.push(session);
    }
    let (mut seen, mut behind) = (Vec::new(), None);
    loop {
        let page = jobs.dead(behind.as_deref(), 3).await.unwrap();
        let Some(last) = page.last() else { break };
        behind = Some(last.place());
        seen.extend(page.into_iter().map(|job| job.id));
    }
    assert_eq!(seen, ["d0", "d1", "d2", "d3", "d4", "d5", "d6"]);
    for (n, session) in sessions.iter().enumerate() {
        assert!(matches!(jobs.retry(session, &format!("d{n}"), ROOM).await.unwrap(), Retried::Queued(_)));
    }
    finish(subject).await;
}

// Fails when what ended is kept for ever, or forgotten while its id must still have no effect.
async fn forgets_what_ended(subject: &Subject) {
    let (jobs, session) = (subject.store.jobs(), id());
    for name in ["done", "dead"] {
        add(subject, &session, name, Priority::High).await;
    }
    let done = take(subject, "a").await.unwrap();
    settle(subject, &done, Settlement::Done(Some(7))).await;
    let dead = take(subject, "b").await.unwrap();
    settle(subject, &dead, Settlement::Dead(fault("x"))).await;
    pass(subject, Duration::from_millis(ENDED_KEPT_MS));
    assert!(matches!(jobs.add(new(&session, "done", Priority::High), ROOM).await.unwrap(), Added::Known(_)));
    pass(subject, Duration::from_millis(1));
    assert!(matches!(jobs.add(new(&session, "done", Priority::High), ROOM).await.unwrap(), Added::Fresh(_)));
    assert_eq!(state(subject, &session, "dead").await, JobState::Dead);
    pass(subject, Duration::from_millis(DEAD_KEPT_MS));
    add(subject, &session, "later", Priority::High).await;
    assert_eq!(jobs.job(&session, "dead").await.unwrap(), None);
    assert_eq!(jobs.dead(None, 9).await.unwrap(), []);
    finish(subject).await;
}

// Fails when two processes take one job, or what one says of it is not what the other sees.
async fn shares_the_queue_between_processes(subject: &Subject) {
    let Some(other) = &subject.other else { return };
    let (here, there) = (subject.store.jobs(), other.jobs());
    let sessions: Vec<SessionId> = (0..20).map(|_| id()).collect();
    for session in &sessions {
        there.add(new(session, "x", Priority::Normal), ROOM).await.unwrap();
    }
    let tokens: Vec<String> = (0..40).map(|n| format!("t{n}")).collect();
    let takes = tokens.iter().enumerate().map(|(n, token)| {
        let jobs = if n % 2 == 0 { here } else { there };
        async move { jobs.take(token, LEASE).await.unwrap() }
    });
    let taken: Vec<Job> = futures_util::future::join_all(takes).await.into_iter().flatten().collect();
    let distinct: std::collections::BTreeSet<_> = taken.iter().map(|job| job.session.clone()).collect();
    assert_eq!((taken.len(), distinct.len()), (20, 20));
    for job in &taken {
        let claim = job.claim(job.token.as_deref().unwrap());
        assert!(there.settle(&claim, Settlement::Done(Some(7))).await.unwrap().is_some());
        assert_eq!(state(subject, &job.session, "x").await, JobState::Done);
    }
}

mod memory {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::store::conformance::START_MS;
    use crate::store::conformance::lifetimes::LIFETIME;
    use crate::store::neighbours::Neighbours;
    use crate::store::{Lifetime, MemoryStore, Store, StoreClock};

    #[tokio::test]
    async fn conforms() {
        let clock = Arc::new(AtomicU64::new(START_MS));
        let store = MemoryStore::with_clock(StoreClock::Manual(clock.clone()));
        let store = Arc::new(store.with_lifetime(Lifetime::of(LIFETIME)));
        let other: Arc<dyn Store> = Arc::new(store.beside(&Neighbours::new()));
        let subject = Subject { store, clock, other: Some(other), passing: None };
        all(&subject).await;
        subject.store.close().await;
        closed(&subject).await;
    }
}
