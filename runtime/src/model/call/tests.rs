use futures_util::{FutureExt, stream};
use parking_lot::Mutex;

use super::*;
use crate::enforce::Prompt;
use crate::enforce::testing::{prompt, role};
use crate::model::Model;
use crate::model::places::Rations;
use crate::telemetry::Metrics;

/// What a scripted model does in one try.
#[derive(Debug, Clone)]
enum Try {
    Refuse(ModelError),
    /// Chunks, each after a wait.
    Say(Vec<(Duration, Result<ModelChunk, ModelError>)>),
    /// Never answers.
    Hang,
}

#[derive(Debug)]
struct Scripted {
    tries: Mutex<Vec<Try>>,
    limits: CallLimits,
}

#[async_trait::async_trait]
impl Model for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn stream(&self, _: Permitted<Prompt>) -> Result<ModelStream, ModelError> {
        let next = {
            let mut tries = self.tries.lock();
            if tries.is_empty() { Try::Hang } else { tries.remove(0) }
        };
        match next {
            Try::Refuse(error) => Err(error),
            Try::Hang => std::future::pending().await,
            Try::Say(chunks) => Ok(stream::iter(chunks)
                .then(|(wait, chunk)| async move {
                    tokio::time::sleep(wait).await;
                    chunk
                })
                .boxed()),
        }
    }

    fn limits(&self) -> CallLimits {
        self.limits.clone()
    }
}

async fn call(tries: Vec<Try>, limits: CallLimits) -> (String, Option<ModelError>) {
    let metrics = Metrics::new().unwrap();
    ask(&mut Asking::new(upstream("default", tries, limits, None, &metrics))).await
}

fn upstream(
    route: &str,
    tries: Vec<Try>,
    limits: CallLimits,
    fallback: Option<Arc<Upstream>>,
    metrics: &Metrics,
) -> Arc<Upstream> {
    let model = Arc::new(Scripted { tries: Mutex::new(tries), limits });
    let rations = Rations { places: 1, waiting: 0, wait: Duration::ZERO };
    Arc::new(Upstream::new(route, model, rations, fallback, metrics))
}

async fn ask(asking: &mut Asking) -> (String, Option<ModelError>) {
    let contract = role("en", "max_sentences 3", "");
    let mut call = asking.call(prompt(&contract, "Hi", ""));
    let mut said = String::new();
    while let Some(chunk) = call.next().await {
        match chunk {
            Ok(ModelChunk::Text(text)) => said.push_str(&text),
            Ok(_) => {}
            Err(error) => {
                assert!(call.next().now_or_never().flatten().is_none(), "nothing follows an error");
                return (said, Some(error));
            }
        }
    }
    (said, None)
}

fn text(wait_s: u64, text: &str) -> (Duration, Result<ModelChunk, ModelError>) {
    (Duration::from_secs(wait_s), Ok(ModelChunk::Text(text.into())))
}

fn piece(wait_s: u64) -> (Duration, Result<ModelChunk, ModelError>) {
    (Duration::from_secs(wait_s), Ok(ModelChunk::Call(crate::enforce::CallPiece::default())))
}

fn stop() -> (Duration, Result<ModelChunk, ModelError>) {
    (Duration::ZERO, Ok(ModelChunk::Stop { length: false }))
}

fn busy() -> ModelError {
    ModelError::Unavailable("busy".into())
}

/// Fails when a passing failure ends the call, or a lasting one does not.
#[tokio::test(start_paused = true)]
async fn tries_again_before_the_first_text_only() {
    let good = || Try::Say(vec![text(0, "fine"), stop()]);
    let limits = CallLimits::default;
    let (said, error) =
        call(vec![Try::Refuse(busy()), Try::Say(vec![(Duration::ZERO, Err(busy()))]), good()], limits()).await;
    assert_eq!((said.as_str(), error), ("fine", None));
    let three = vec![Try::Refuse(busy()), Try::Refuse(busy()), Try::Refuse(busy()), good()];
    assert_eq!(call(three, limits()).await.1, Some(busy()));
    let begun = Try::Say(vec![text(0, "a"), (Duration::ZERO, Err(busy()))]);
    assert_eq!(call(vec![begun, good()], limits()).await, ("a".into(), Some(busy())));
    let rejected = ModelError::Rejected { status: 400, message: "no".into() };
    assert_eq!(call(vec![Try::Refuse(rejected.clone()), good()], limits()).await.1, Some(rejected));
    let limited = |s| ModelError::RateLimited { message: "slow".into(), retry_after: Some(Duration::from_secs(s)) };
    assert_eq!(call(vec![Try::Refuse(limited(3)), good()], limits()).await.1, None);
    assert_eq!(call(vec![Try::Refuse(limited(60)), good()], limits()).await.1, Some(limited(60)));
}

/// Fails when a silent model is waited for without end, or a slow one is given up early.
#[tokio::test(start_paused = true)]
async fn each_silence_has_its_deadline() {
    let limits = CallLimits { retries: 1, ..CallLimits::default() };
    let late = |l: &CallLimits| ModelError::FirstTextTimeout(l.first_text);
    assert_eq!(call(vec![], limits.clone()).await.1, Some(late(&limits)));
    assert_eq!(
        call(vec![Try::Say(vec![text(31, "x")]), Try::Say(vec![text(31, "x")])], limits.clone()).await.1,
        Some(late(&limits))
    );
    let slow = Try::Say(vec![text(29, "a"), text(19, "b"), text(19, "c"), stop()]);
    assert_eq!(call(vec![slow], limits.clone()).await, ("abc".into(), None));
    let stalled = Try::Say(vec![text(0, "a"), text(21, "b"), stop()]);
    assert_eq!(call(vec![stalled], limits.clone()).await, ("a".into(), Some(ModelError::Stalled(limits.stall))));
    let endless = Try::Say((0..100).map(|_| text(10, "a")).collect());
    assert_eq!(call(vec![endless], limits.clone()).await.1, Some(ModelError::Overdue(limits.total)));
}

/// Fails when the waits between tries are not part of the whole call's time.
#[tokio::test(start_paused = true)]
async fn waits_count_against_the_whole() {
    let limits = CallLimits { total: Duration::from_secs(8), retries: 9, ..CallLimits::default() };
    let limited = |s| ModelError::RateLimited { message: "slow".into(), retry_after: Some(Duration::from_secs(s)) };
    let began = clock::monotonic_ms();
    let tries = vec![Try::Refuse(limited(5)), Try::Refuse(limited(5)), Try::Say(vec![text(0, "late"), stop()])];
    assert_eq!(call(tries, limits).await, (String::new(), Some(limited(5))));
    let spent = clock::monotonic_ms() - began;
    assert!((5_000..=5_250).contains(&spent), "the second wait would have ended behind the deadline: {spent}");
}

/// Fails when a stream without a stop passes, or an endless answer fills the memory.
#[tokio::test(start_paused = true)]
async fn cut_and_endless_answers_are_errors() {
    let (said, error) = call(vec![Try::Say(vec![text(0, "a")])], CallLimits::default()).await;
    assert_eq!((said.as_str(), error.unwrap().code()), ("a", "model_cut"));
    let limits = CallLimits { answer_bytes: 10, ..CallLimits::default() };
    let (said, error) = call(vec![Try::Say(vec![text(0, "12345678"), text(0, "9ab"), stop()])], limits).await;
    assert_eq!((said.as_str(), error.unwrap().code()), ("12345678", "model_too_large"));
}

fn shows(metrics: &Metrics, line: &str) {
    let shown = metrics.render().unwrap();
    assert!(shown.lines().any(|shown| shown == line), "{line} is not in {shown}");
}

/// Fails when a turn with a fallback fails while its route is down, or comes back to it for a repair.
#[tokio::test(start_paused = true)]
async fn the_fallback_is_asked_before_the_first_text_only() {
    let metrics = Metrics::new().unwrap();
    let limits = || CallLimits { retries: 1, ..CallLimits::default() };
    let good = || Try::Say(vec![text(0, "fine"), stop()]);
    let slow = upstream("slow", vec![good(), good()], limits(), None, &metrics);
    let mut calls =
        Asking::new(upstream("fast", vec![Try::Refuse(busy()), Try::Refuse(busy())], limits(), Some(slow), &metrics));
    assert_eq!(ask(&mut calls).await, ("fine".into(), None));
    shows(&metrics, "model_calls_total{outcome=\"model_unavailable\",route=\"fast\"} 1");
    shows(&metrics, "model_calls_in_flight{route=\"fast\"} 0");
    shows(&metrics, "model_calls_in_flight{route=\"slow\"} 1");
    assert_eq!(ask(&mut calls).await, ("fine".into(), None));
    shows(&metrics, "model_calls_total{outcome=\"done\",route=\"slow\"} 2");
    drop(calls);
    shows(&metrics, "model_calls_in_flight{route=\"slow\"} 0");
    // Neither text that was shown nor an error that lasts leads on.
    let rejected = ModelError::Rejected { status: 400, message: "no".into() };
    let cut = Try::Say(vec![text(0, "a"), (Duration::ZERO, Err(busy()))]);
    for (first, outcome) in [(cut, ("a", busy())), (Try::Refuse(rejected.clone()), ("", rejected))] {
        let slow = upstream("slow", vec![good()], limits(), None, &metrics);
        let mut calls = Asking::new(upstream("fast", vec![first], limits(), Some(slow), &metrics));
        assert_eq!(ask(&mut calls).await, (outcome.0.into(), Some(outcome.1)));
    }
}

/// Fails when a route that is down costs every turn its patience although there is a fallback.
#[tokio::test(start_paused = true)]
async fn a_route_that_keeps_failing_is_passed_over() {
    let metrics = Metrics::new().unwrap();
    let limits = CallLimits { retries: 0, ..CallLimits::default() };
    let good = || Try::Say(vec![text(0, "fine"), stop()]);
    let slow = upstream("slow", (0..9).map(|_| good()).collect(), limits.clone(), None, &metrics);
    let fast = upstream("fast", Vec::new(), limits, Some(slow), &metrics);
    for expected_ms in [30_000, 30_000, 30_000, 0, 0] {
        let began = clock::monotonic_ms();
        assert_eq!(ask(&mut Asking::new(Arc::clone(&fast))).await, ("fine".into(), None));
        assert_eq!(clock::monotonic_ms() - began, expected_ms);
    }
    tokio::time::advance(Duration::from_secs(11)).await;
    for expected_ms in [30_000, 0] {
        let began = clock::monotonic_ms();
        assert_eq!(ask(&mut Asking::new(Arc::clone(&fast))).await, ("fine".into(), None));
        assert_eq!(clock::monotonic_ms() - began, expected_ms, "one turn tries it again");
    }
}

/// Fails when a turn waits for a place behind its deadline, or a call without a place reaches the model.
#[tokio::test(start_paused = true)]
async fn a_model_without_a_place_is_busy() {
    let metrics = Metrics::new().unwrap();
    let good = || Try::Say(vec![text(0, "fine"), stop()]);
    let only = upstream("default", vec![good(), good()], CallLimits::default(), None, &metrics);
    let mut first = Asking::new(Arc::clone(&only));
    assert_eq!(ask(&mut first).await.1, None);
    assert_eq!(ask(&mut Asking::new(Arc::clone(&only))).await.1.unwrap().code(), "model_busy");
    shows(&metrics, "model_calls_total{outcome=\"model_busy\",route=\"default\"} 1");
    assert_eq!(ask(&mut first).await.1, None, "a turn keeps its place");
    drop(first);
    assert_eq!(ask(&mut Asking::new(only)).await.1.unwrap().code(), "model_timeout", "it is asked again");
}

/// Fails when an outage is met with every call's own retries.
#[tokio::test(start_paused = true)]
async fn tries_again_are_rationed_over_all_calls() {
    let metrics = Metrics::new().unwrap();
    let tries: Vec<Try> = (0..1_000).map(|_| Try::Refuse(busy())).collect();
    let limits = CallLimits { backoff: Duration::ZERO, ..CallLimits::default() };
    let only = upstream("default", tries, limits, None, &metrics);
    for _ in 0..100 {
        assert_eq!(ask(&mut Asking::new(Arc::clone(&only))).await.1, Some(busy()));
    }
    shows(&metrics, "model_calls_total{outcome=\"model_unavailable\",route=\"default\"} 100");
    // The burst of 20, and one for every ten calls.
    shows(&metrics, "model_retries_total{outcome=\"tried\",route=\"default\"} 29");
}

/// Fails when a call of a tool counts as silence, is not bounded, or is begun again behind what came.
#[tokio::test(start_paused = true)]
async fn calls_of_tools_count_as_an_answer() {
    let limits = CallLimits::default();
    let slow = vec![piece(25), piece(15), piece(15), stop()];
    assert_eq!(call(vec![Try::Say(slow)], limits.clone()).await, (String::new(), None));
    let cut = vec![piece(1), (Duration::ZERO, Err(ModelError::Cut("reset".into())))];
    let (_, error) = call(vec![Try::Say(cut), Try::Say(vec![stop()])], limits.clone()).await;
    assert_eq!(error.unwrap().code(), "model_cut");
    let long = vec![piece(0), piece(0), stop()];
    let (_, error) = call(vec![Try::Say(long)], CallLimits { answer_bytes: 1, ..limits }).await;
    assert_eq!(error.unwrap().code(), "model_too_large");
}
