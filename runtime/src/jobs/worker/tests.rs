//! What the queue makes of jobs whose session, model or taker is not there. Time is paused.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use serde_json::{Map, Value};

use super::*;
use crate::contracts::Contracts;
use crate::enforce::testing::{Doubles, compile};
use crate::enforce::{Permitted, Prompt};
use crate::ids::SessionId;
use crate::jobs::{JobError, JobQueue, JobSettings, Parts};
use crate::model::{Model, ModelChunk, ModelError, ModelStream, Models, Rations};
use crate::offline::Merger;
use crate::plugin::{CallError, MergedGroup, OfflineMessage};
use crate::session::Sessions;
use crate::session::turn::Turns;
use crate::store::jobs::{JobLimits, NewJob};
use crate::store::{Lifetime, MemoryStore, RedisFault, Store, StoreClock};
use crate::telemetry::Metrics;

const START_MS: u64 = 1_700_000_000_000;
const LIFETIME: Duration = Duration::from_secs(1_000);
const ROLE: &str = "role clerk { version 1.0.0 language en persona \"p\" constraints { max_sentences 50 } }";

/// Says one sentence, or nothing for ever.
#[derive(Debug)]
enum Clerk {
    Speaks,
    Silent,
}

#[async_trait]
impl Model for Clerk {
    fn name(&self) -> &str {
        "clerk"
    }

    async fn stream(&self, _: Permitted<Prompt>) -> Result<ModelStream, ModelError> {
        let said = [Ok(ModelChunk::Text("Good day.".into())), Ok(ModelChunk::Stop { length: false })];
        Ok(match self {
            Self::Speaks => stream::iter(said).boxed(),
            Self::Silent => stream::pending().boxed(),
        })
    }
}

/// Nobody's messages are merged here.
struct Unmerged;

#[async_trait]
impl Merger for Unmerged {
    async fn merge(
        &self,
        policy: &str,
        _: &Map<String, Value>,
        _: &[OfflineMessage],
    ) -> Result<Vec<MergedGroup>, CallError> {
        Err(CallError::Missing(policy.to_owned()))
    }
}

/// The queue of a process that runs one job at once, on a store of its own.
struct House {
    queue: JobQueue,
    clock: Arc<AtomicU64>,
}

impl House {
    fn new(clerk: Clerk, places: usize) -> Self {
        let clock = Arc::new(AtomicU64::new(START_MS));
        let store = MemoryStore::with_clock(StoreClock::Manual(Arc::clone(&clock)));
        let store: Arc<dyn Store> = Arc::new(store.with_lifetime(Lifetime::of(LIFETIME)));
        let (metrics, model) = (Metrics::new().unwrap(), Arc::new(clerk));
        let shutdown = Shutdown::new(metrics.clone());
        let contracts = Contracts::from_contracts(vec![compile(ROLE)]);
        let models =
            Models::only(Arc::clone(&model) as Arc<dyn Model>, Rations { places, ..Rations::default() }, &metrics);
        let turns = Turns::with_judges(model, Arc::new(Doubles::default()), metrics.clone());
        let sessions = Sessions::with_merger(
            Arc::clone(&store),
            turns,
            contracts.clone(),
            Arc::new(Unmerged),
            metrics.clone(),
            shutdown.clone(),
        );
        let parts = Parts { store, sessions, contracts, models, metrics, shutdown };
        let settings = JobSettings { limits: JobLimits { all: 9, session: 9 }, at_once: 1 };
        Self { queue: JobQueue::new(parts, settings), clock }
    }

    fn inner(&self) -> &Arc<Inner> {
        &self.queue.0
    }

    fn store(&self) -> &dyn Store {
        &*self.queue.0.parts.store
    }

    /// Lets time pass for the store.
    fn pass(&self, time: Duration) {
        self.clock.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    async fn session(&self) -> SessionId {
        self.queue.0.parts.sessions.create("clerk", "u").await.unwrap().id
    }

    async fn post(&self, session: &SessionId) -> Result<Job, JobError> {
        let (session, id, text) = (session.clone(), "a".to_owned(), "x".to_owned());
        self.queue.post(NewJob { session, id, text, priority: Priority::High, expires_in: None, max_attempts: 2 }).await
    }

    async fn take(&self, token: &str) -> Job {
        self.store().jobs().take(token, LEASE).await.unwrap().expect("it is due")
    }

    async fn job(&self, session: &SessionId) -> Job {
        self.queue.job(session, "a").await.unwrap()
    }
}

fn fault() -> JobFault {
    JobFault { code: "model_cut".to_owned(), message: "x".to_owned() }
}

// Fails when a session ends while a job of it waits: one that was posted, failed and is tried again, was passed over, or was
// put back by hand.
#[tokio::test(start_paused = true)]
async fn a_session_whose_job_waits_is_in_use() {
    let house = House::new(Clerk::Speaks, 1);
    let session = house.session().await;
    let half = LIFETIME / 2 + Duration::from_secs(1);
    let waits = Duration::ZERO;
    for step in 0..5 {
        house.pass(half);
        house.store().expire().await.unwrap();
        assert!(house.store().session(&session).await.unwrap().is_some(), "before step {step}");
        if step == 0 {
            house.post(&session).await.unwrap();
            continue;
        }
        if step == 4 {
            house.queue.retry(&session, "a").await.unwrap();
            continue;
        }
        let (job, token) = (house.take(&step.to_string()).await, step.to_string());
        let settlement = if step == 1 { Settlement::Failed(fault(), waits) } else { Settlement::PutBack(waits) };
        house.inner().settle(&job, &job.claim(&token), settlement).await;
        if step == 3 {
            let job = house.take("dying").await;
            house.inner().settle(&job, &job.claim("dying"), Settlement::Dead(fault())).await;
        }
    }
    house.pass(half);
    assert_eq!(house.store().expire().await.unwrap(), 0);
    house.pass(LIFETIME);
    assert_eq!(house.store().expire().await.unwrap(), 1);
    let refused = house.post(&session).await.unwrap_err();
    assert_eq!((refused.status(), refused.code()), (404, "session_not_found"));
}

// Fails when a job that its session took counts as waiting because nobody heard the end: a cancel would say that it is
// cancelled, and its reply come all the same.
#[tokio::test(start_paused = true)]
async fn a_job_whose_session_went_down_stays_running() {
    let house = House::new(Clerk::Silent, 9);
    let session = house.session().await;
    house.post(&session).await.unwrap();
    let job = house.take("t").await;
    let shutdown = house.inner().parts.shutdown.clone();
    tokio::join!(house.inner().run(job, "t".to_owned()), async {
        sleep(BUSY).await;
        assert!(shutdown.finish(LEASE).await);
    });
    let left = house.job(&session).await;
    assert_eq!((left.state, left.lease_ms), (JobState::Running, Some(START_MS + 1_000)), "and is soon taken again");
    let told = house.queue.cancel(&session, "a").await.unwrap();
    assert_eq!((told.state, told.cancelling), (JobState::Running, true));
}

// Fails when a job whose takers all go down is tried for ever, or is given up while it has attempts left.
#[tokio::test(start_paused = true)]
async fn a_job_that_takes_its_takers_down_is_given_up() {
    for (interruptions, end) in [(2, JobState::Done), (3, JobState::Dead)] {
        let house = House::new(Clerk::Speaks, 9);
        let session = house.session().await;
        house.post(&session).await.unwrap();
        for taker in 0..interruptions {
            house.take(&taker.to_string()).await;
            house.pass(LEASE);
        }
        let job = house.take("last").await;
        assert_eq!(job.interruptions, interruptions);
        house.inner().run(job, "last".to_owned()).await;
        let job = house.job(&session).await;
        assert_eq!(job.state, end);
        let code = job.error.map(|error| error.code);
        assert_eq!(code.as_deref(), (end == JobState::Dead).then_some("interrupted"));
        assert!(house.inner().parts.shutdown.finish(LEASE).await);
    }
}

// Fails when a job whose model is full gives its place back at once, so that the next one of its role is passed over without
// a pause; or when many in a row come back as soon as one.
#[tokio::test(start_paused = true)]
async fn a_job_without_room_holds_its_place_and_comes_back_later() {
    let house = House::new(Clerk::Speaks, 0);
    let session = house.session().await;
    house.post(&session).await.unwrap();
    let job = house.take("t").await;
    let place = Arc::clone(&house.inner().places).try_acquire_owned().unwrap();
    house.inner().spawn(job.clone(), "t".to_owned(), place);
    sleep(ROOM / 2).await;
    assert_eq!((house.inner().places.available_permits(), house.job(&session).await.state), (0, JobState::Running));
    sleep(ROOM).await;
    let back = house.job(&session).await;
    assert_eq!((house.inner().places.available_permits(), back.state), (1, JobState::Queued));
    let mut pause = Duration::ZERO;
    for _ in 0..100 {
        let outcome = house.inner().attempt(&job, "t", &CancellationToken::new()).await;
        let Outcome::Told(Settlement::PutBack(next)) = outcome else { panic!("there is no room") };
        assert!(next >= pause);
        pause = next;
    }
    assert!(pause > BUSY);
}

// Fails when a taker that has nothing to do keeps what others hand over from being run.
#[tokio::test(start_paused = true)]
async fn an_idle_taker_holds_no_place() {
    let house = House::new(Clerk::Speaks, 9);
    house.queue.begin();
    sleep(LOOK / 4).await;
    assert_eq!(house.inner().places.available_permits(), 1);
    assert!(house.inner().parts.shutdown.finish(LEASE).await);
}

// Fails when what no time mends is tried for ever, what it does mend is given up, or the queue calls an error otherwise than
// the session.
#[test]
fn only_what_lasts_makes_a_dead_letter() {
    let session = SessionId::random().unwrap();
    let what = || "x".to_owned();
    let foreign = RedisFault::Foreign { key: what(), kind: what() };
    let lasting = [
        StoreError::NoSession(session.clone()),
        StoreError::Corrupt { what: what(), detail: what() },
        StoreError::Newer { what: what(), format: 9 },
        StoreError::Exhausted(session.clone()),
        StoreError::Redis(foreign),
    ];
    let passing = [StoreError::Closed, StoreError::Poisoned("x".into()), StoreError::Lost(session)];
    for (error, lasts) in lasting.map(|error| (error, true)).into_iter().chain(passing.map(|error| (error, false))) {
        let told = SessionError::from(error.clone());
        assert_eq!(matches!(refused(&told), Settlement::Dead(_)), lasts, "{error}");
        assert_eq!(matches!(refused(&told), Settlement::PutBack(_)), !lasts, "{error}");
        let queue = JobError::from(error);
        assert_eq!((queue.status(), queue.code()), (told.status(), told.code()));
    }
}
