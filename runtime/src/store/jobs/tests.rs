//! Random lives of a queue: every backend does as the model does, answer by answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;

use super::conformance::{LEASE, fault, id, new};
use super::*;
use crate::store::conformance::START_MS;
use crate::store::{MemoryStore, Store, StoreClock};

/// Sessions, jobs of each, and tokens that a history knows.
const FEW: usize = 3;

/// Something that is done to a queue.
#[derive(Debug, Clone)]
pub(in crate::store) enum Step {
    Add(usize, usize, Priority, Option<u64>),
    Take(usize),
    Renew(usize),
    Settle(usize, Settlement),
    Cancel(usize, usize),
    Retry(usize, usize),
    Pass(u64),
    Restart,
}

pub(in crate::store) fn step() -> impl Strategy<Value = Step> {
    let few = 0..FEW;
    let priority = prop_oneof![Just(Priority::High), Just(Priority::Normal), Just(Priority::Low)];
    let pause = (0u64..90).prop_map(Duration::from_secs);
    let how = prop_oneof![
        proptest::option::of(any::<u64>()).prop_map(Settlement::Done),
        Just(Settlement::Cancelled),
        pause.clone().prop_map(|pause| Settlement::Failed(fault("model_timeout"), pause)),
        Just(Settlement::Dead(fault("model_rejected"))),
        pause.prop_map(Settlement::PutBack),
    ];
    prop_oneof![
        4 => (few.clone(), few.clone(), priority, prop::option::of(1u64..400))
            .prop_map(|(session, id, priority, expires)| Step::Add(session, id, priority, expires)),
        4 => few.clone().prop_map(Step::Take),
        1 => few.clone().prop_map(Step::Renew),
        4 => (few.clone(), how).prop_map(|(token, how)| Step::Settle(token, how)),
        1 => (few.clone(), few.clone()).prop_map(|(session, id)| Step::Cancel(session, id)),
        1 => (few.clone(), few).prop_map(|(session, id)| Step::Retry(session, id)),
        // Leases, pauses, patience, and what is kept of the ended.
        3 => prop_oneof![0u64..100_000, 500_000u64..700_000, Just(ENDED_KEPT_MS)].prop_map(Step::Pass),
        1 => Just(Step::Restart),
    ]
}

/// What a step answers. `claims` has what each token took last.
async fn told(
    jobs: &dyn Jobs,
    step: &Step,
    sessions: &[SessionId],
    claims: &[Option<JobClaim>],
) -> (String, Option<Job>) {
    let limits = JobLimits { all: 6, session: 2 };
    let claim = |token: &usize| claims[*token].clone();
    match step {
        Step::Add(session, id, priority, expires) => {
            let new = new(&sessions[*session], &format!("j{id}"), *priority);
            let new = NewJob { expires_in: expires.map(Duration::from_secs), ..new };
            (format!("{:?}", jobs.add(new, limits).await.unwrap()), None)
        }
        Step::Take(token) => {
            let job = jobs.take(&format!("t{token}"), LEASE).await.unwrap();
            (format!("{job:?}"), job)
        }
        Step::Renew(token) => match claim(token) {
            Some(claim) => (format!("{:?}", jobs.extend(&claim, LEASE).await.unwrap()), None),
            None => Default::default(),
        },
        Step::Settle(token, how) => match claim(token) {
            Some(claim) => (format!("{:?}", jobs.settle(&claim, how.clone()).await.unwrap()), None),
            None => Default::default(),
        },
        Step::Cancel(session, id) => {
            (format!("{:?}", jobs.cancel(&sessions[*session], &format!("j{id}")).await.unwrap()), None)
        }
        Step::Retry(session, id) => {
            (format!("{:?}", jobs.retry(&sessions[*session], &format!("j{id}"), limits).await.unwrap()), None)
        }
        Step::Pass(_) | Step::Restart => Default::default(),
    }
}

/// Does the steps to the model and to a store, which is opened anew at each restart. Some stores keep leases over that, some
/// have them end with their process.
pub(in crate::store) async fn agree<S: Store>(
    keeps_leases: bool,
    open: impl AsyncFn(&Arc<AtomicU64>) -> Arc<S>,
    steps: Vec<Step>,
) {
    let clock = Arc::new(AtomicU64::new(START_MS));
    let model = MemoryStore::with_clock(StoreClock::Manual(clock.clone()));
    let mut store = open(&clock).await;
    let sessions: Vec<SessionId> = (0..FEW).map(|_| id()).collect();
    let mut claims: Vec<Option<JobClaim>> = vec![None; FEW];
    for (n, step) in steps.iter().enumerate() {
        if let Step::Pass(ms) = step {
            clock.fetch_add(*ms, Ordering::SeqCst);
        }
        if matches!(step, Step::Restart) {
            store.close().await;
            drop(store);
            store = open(&clock).await;
            if !keeps_leases {
                model.with_jobs(Queue::restart).unwrap();
            }
        }
        let (expected, taken) = told(&model, step, &sessions, &claims).await;
        let (answered, _) = told(store.jobs(), step, &sessions, &claims).await;
        assert_eq!(answered, expected, "step {n} of {steps:?}");
        if let (Step::Take(token), Some(job)) = (step, taken) {
            claims[*token] = Some(job.claim(&format!("t{token}")));
        }
        assert_eq!(store.jobs().depth().await.unwrap(), model.jobs().depth().await.unwrap(), "step {n} of {steps:?}");
        let dead = (store.jobs().dead(None, 99).await.unwrap(), model.jobs().dead(None, 99).await.unwrap());
        assert_eq!(dead.0, dead.1, "step {n} of {steps:?}");
    }
    store.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    // Fails when the queue counts otherwise than it holds, a session has two jobs that run, more wait than may, or a
    // restart changes anything but leases.
    #[test]
    fn a_queue_adds_up(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let clock = Arc::new(AtomicU64::new(START_MS));
            let store = MemoryStore::with_clock(StoreClock::Manual(clock.clone()));
            let sessions: Vec<SessionId> = (0..FEW).map(|_| id()).collect();
            let mut claims: Vec<Option<JobClaim>> = vec![None; FEW];
            for step in &steps {
                if let Step::Pass(ms) = step {
                    clock.fetch_add(*ms, Ordering::SeqCst);
                }
                let (_, taken) = told(&store, step, &sessions, &claims).await;
                if let (Step::Take(token), Some(job)) = (step, taken) {
                    claims[*token] = Some(job.claim(&format!("t{token}")));
                }
                let mut held = Vec::new();
                for session in &sessions {
                    let mut mine = Vec::new();
                    for id in 0..FEW {
                        mine.extend(store.job(session, &format!("j{id}")).await.unwrap());
                    }
                    let running = mine.iter().filter(|job| job.state == JobState::Running).count();
                    prop_assert!(running <= 1, "{running} run at once");
                    prop_assert!(mine.iter().filter(|job| !job.state.is_over()).count() <= 2);
                    held.extend(mine);
                }
                let depth = store.depth().await.unwrap();
                for ((priority, state), count) in &depth.counts {
                    let found = held.iter().filter(|job| (job.priority, job.state) == (*priority, *state)).count();
                    prop_assert_eq!(*count, found as u64);
                }
                prop_assert_eq!(depth.counts.values().sum::<u64>(), held.len() as u64);
                let again = Queue::of(held);
                prop_assert_eq!(again.depth(), depth);
            }
            Ok(())
        })?;
    }
}
