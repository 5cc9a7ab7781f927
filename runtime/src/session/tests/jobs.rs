//! Jobs of the inference queue as turns of a session.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_util::sync::CancellationToken;

use super::*;
use crate::model::CallLimits;
use crate::store::jobs::{Job, JobLimits, NewJob, Priority};

/// Breaks off in the middle of its first answers, then answers.
#[derive(Debug)]
struct Breaking(AtomicUsize);

#[async_trait]
impl Model for Breaking {
    fn name(&self) -> &str {
        "breaking"
    }

    async fn stream(&self, _: Permitted<Prompt>) -> Result<ModelStream, ModelError> {
        let breaks = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        let end = if breaks { Err(ModelError::Cut("reset".into())) } else { Ok(ModelChunk::Stop { length: false }) };
        Ok(stream::iter([Ok(ModelChunk::Text("Whole sentence. ".into())), end]).boxed())
    }

    fn limits(&self) -> CallLimits {
        CallLimits { retries: 0, ..CallLimits::default() }
    }
}

impl House {
    /// Posts a job and takes it.
    async fn job(&self, session: &SessionId, id: &str) -> Job {
        let (session, id, text) = (session.clone(), id.to_owned(), format!("do {id}"));
        let new = NewJob { session, id, text, priority: Priority::High, expires_in: None, max_attempts: 5 };
        self.store.jobs().add(new, JobLimits { all: 9, session: 9 }).await.unwrap();
        self.store.jobs().take("t", PATIENCE).await.unwrap().unwrap()
    }

    async fn run(&self, job: &Job) -> JobEnd {
        let cancel = CancellationToken::new();
        let run = self.sessions.run_job(job, "t", &cancel);
        match timeout(PATIENCE, run).await.expect("the job ends").unwrap() {
            JobRun::Here(end) => end,
            other => panic!("{other:?}"),
        }
    }
}

fn replies(log: &[Message]) -> Vec<&str> {
    let texts = log.iter().filter_map(|message| match &message.body {
        Body::Reply { text, .. } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

// Fails when a job that is taken twice has two replies, or its reply is not what a turn's is.
#[tokio::test(start_paused = true)]
async fn a_job_that_is_taken_twice_is_answered_once() {
    let house = House::new(&["One. ", "Two."]);
    let id = house.session().await;
    let job = house.job(&id, "a").await;
    house.permits.add_permits(9);
    let end = house.run(&job).await;
    let log = house.log(&id).await;
    assert_eq!(check_turn(&log, 1), "One. Two.");
    let reply = log.iter().find(|message| matches!(message.body, Body::Reply { .. })).unwrap();
    assert_eq!(end, JobEnd::Answered(Some(reply.seq)));
    assert_eq!(house.run(&job).await, end);
    assert_eq!(house.log(&id).await, log);
    // A later job of the same name is another one.
    let later = Job { created_ms: job.created_ms + 1, ..job };
    assert!(matches!(house.run(&later).await, JobEnd::Answered(Some(_))));
    let log = house.log(&id).await;
    check_dense(&log);
    assert_eq!(replies(&log).len(), 2);
    house.end().await;
}

// Fails when anybody sees anything of an attempt that failed, or what comes of it is not told.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_fails_leaves_nothing_behind() {
    let house = House::new(&[]);
    let turns = Turns::with_judges(
        Arc::new(Breaking(AtomicUsize::new(2))),
        Arc::new(Doubles::default()),
        house.metrics.clone(),
    );
    let contracts = Contracts::from_contracts(vec![compile(ROLE)]);
    let (merger, shutdown) = (Arc::new(Joining(true)), house.shutdown.clone());
    let sessions =
        Sessions::with_merger(house.store.clone(), turns, contracts, merger, house.metrics.clone(), shutdown);
    let house = House { sessions, ..house };
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    let job = house.job(&id, "a").await;
    for _ in 0..2 {
        let JobEnd::Failed { code, retry_after, .. } = house.run(&job).await else { panic!("it breaks") };
        assert_eq!((code.as_str(), retry_after), ("model_cut", None));
        assert_eq!(house.log(&id).await, []);
        assert_eq!(house.store.interrupted().await.unwrap(), []);
    }
    assert!(matches!(house.run(&job).await, JobEnd::Answered(Some(_))));
    let read = client.until_reply().await;
    assert_eq!(check_turn(&read, read[0].turn), "Whole sentence. ");
    drop(client);
    house.end().await;
}

// Fails when a job whose server ended in the middle is not gone on with, is answered twice, or half of it is shown.
#[tokio::test(start_paused = true)]
async fn a_job_that_was_interrupted_goes_on_in_the_next_process() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let first = House::on(store.clone(), &["One. ", "Two."], ROLE, true);
    let id = first.session().await;
    let job = first.job(&id, "a").await;
    first.permits.add_permits(1);
    let run = timeout(Duration::from_secs(1), first.sessions.run_job(&job, "t", &CancellationToken::new())).await;
    assert!(run.is_err(), "it waits for its second piece");
    first.end().await;
    assert_eq!(first.log(&id).await, []);
    assert_eq!(store.interrupted().await.unwrap().len(), 1);
    let second = House::on(store, &["One. ", "Two."], ROLE, true);
    assert_eq!(second.sessions.begin().await.unwrap(), 1);
    let taken_again = second.run(&job);
    second.permits.add_permits(9);
    assert!(matches!(taken_again.await, JobEnd::Answered(Some(_))));
    assert!(matches!(second.run(&job).await, JobEnd::Answered(Some(_))));
    let log = second.log(&id).await;
    check_dense(&log);
    assert_eq!(replies(&log), ["One. Two."]);
    second.end().await;
}

// Fails when a job goes before somebody who waits, or somebody who speaks while a job runs is not answered behind it.
#[tokio::test(start_paused = true)]
async fn people_come_first() {
    let house = House::new(&["Yes."]);
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    client.send(1, "m1", "hello").await;
    client.frame().await;
    let job = house.job(&id, "a").await;
    assert_eq!(house.run(&job).await, JobEnd::Busy);
    house.permits.add_permits(1);
    client.until_reply().await;
    let speaking = async {
        while house.store.interrupted().await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        client.send(2, "m2", "and now").await;
        house.permits.add_permits(2);
    };
    let (end, ()) = tokio::join!(house.run(&job), speaking);
    assert!(matches!(end, JobEnd::Answered(Some(_))));
    let both = [client.until_reply().await, client.until_reply().await].concat();
    assert_eq!(replies(&both), ["Yes.", "Yes."]);
    let log = house.log(&id).await;
    check_dense(&log);
    assert_eq!(replies(&log).len(), 3);
    drop(client);
    house.end().await;
}

// Fails when a cancelled job has a reply, or is answered when it is taken again.
#[tokio::test(start_paused = true)]
async fn a_cancelled_job_has_no_reply() {
    let house = House::new(&["One. ", "Two."]);
    let id = house.session().await;
    let job = house.job(&id, "a").await;
    house.permits.add_permits(1);
    let cancel = CancellationToken::new();
    let run = house.sessions.run_job(&job, "t", &cancel);
    let (end, ()) = tokio::join!(run, async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cancel.cancel();
    });
    assert_eq!(end.unwrap(), JobRun::Here(JobEnd::Cancelled));
    house.permits.add_permits(9);
    assert_eq!(house.run(&job).await, JobEnd::Cancelled);
    assert_eq!(house.log(&id).await, []);
    house.end().await;
}

// Fails when a reply that the contract refuses is shown, or its rule is not told.
#[tokio::test(start_paused = true)]
async fn a_reply_that_the_contract_refuses_is_none() {
    let house = House::new(&["The password."]);
    let id = house.session().await;
    let job = house.job(&id, "a").await;
    house.permits.add_permits(99);
    let JobEnd::Failed { code, message, .. } = house.run(&job).await else { panic!("it is refused") };
    assert_eq!(code, "contract_refused");
    assert!(message.contains("`secrets`") && !message.contains("password"), "{message}");
    assert_eq!(house.log(&id).await, []);
    house.end().await;
}
