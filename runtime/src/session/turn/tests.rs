mod misbehaving;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use rolecall_dsl::Contract;

use super::*;
use crate::clock;
use crate::enforce::testing::{ARTICLE, Double, Doubles, compile, role};
use crate::model::{CallLimits, ModelChunk, ModelError, ModelStream, Rehearsal};

/// Says what it is told, one character at a time, and notes who asked and who left.
#[derive(Debug, Default)]
struct Scripted {
    answers: Vec<&'static str>,
    asked: Mutex<Vec<Prompt>>,
    /// Characters that were taken of each answer.
    taken: Arc<Mutex<Vec<usize>>>,
    /// The answer ends with this instead of a stop.
    error: Option<ModelError>,
    /// Never ends.
    hangs: bool,
    /// The answers that stop at the token limit.
    limited: Vec<bool>,
}

#[async_trait]
impl Model for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn stream(&self, prompt: Permitted<Prompt>) -> Result<ModelStream, ModelError> {
        let at = {
            let mut asked = self.asked.lock();
            asked.push(prompt.into_inner());
            asked.len() - 1
        };
        let answer = self.answers.get(at).or(self.answers.last()).copied().unwrap_or_default();
        self.taken.lock().push(0);
        let taken = Arc::clone(&self.taken);
        let text = stream::iter(answer.chars()).map(move |c| {
            taken.lock()[at] += 1;
            Ok(ModelChunk::Text(c.to_string()))
        });
        let usage = Ok(ModelChunk::Usage(Usage { prompt_tokens: 10, completion_tokens: 5, ..Usage::default() }));
        let length = self.limited.get(at).copied().unwrap_or_default();
        let last = self.error.clone().map_or(Ok(ModelChunk::Stop { length }), Err);
        let end = stream::iter([usage, last]);
        Ok(if self.hangs { text.chain(stream::pending()).boxed() } else { text.chain(end).boxed() })
    }

    fn limits(&self) -> CallLimits {
        CallLimits { retries: 0, ..CallLimits::default() }
    }
}

fn turns(model: Arc<dyn Model>) -> Turns {
    Turns::with_judges(model, Arc::new(Doubles::default()), Metrics::new().unwrap())
}

fn request(turns: &Turns, contract: &Arc<Contract>, already: &str) -> TurnRequest {
    TurnRequest {
        id: "t".to_owned(),
        session: None,
        contract: Arc::clone(contract),
        history: Vec::new(),
        dialogue: None,
        user: turns.admit(contract, "在吗?").unwrap(),
        already: already.into(),
        overrides: Overrides::default(),
        tools: ToolUse::default(),
    }
}

async fn answered(model: Arc<dyn Model>, contract: &Arc<Contract>, already: &str) -> (Vec<String>, TurnEnd) {
    let turns = turns(model);
    let (events, mut received) = mpsc::channel(1);
    let request = request(&turns, contract, already);
    let run = turns.run(request, events, CancellationToken::new());
    let collect = async {
        let (mut pieces, mut end) = (Vec::new(), None);
        while let Some(event) = received.recv().await {
            assert!(end.is_none(), "nothing follows the end");
            match event {
                TurnEvent::Released(piece) => pieces.push(piece.into_inner()),
                TurnEvent::Ended(e) => end = Some(e),
            }
        }
        (pieces, end.expect("a turn ends"))
    };
    let ((), (pieces, end)) =
        tokio::time::timeout(Duration::from_secs(3600), async { tokio::join!(run, collect) }).await.unwrap();
    assert_eq!(format!("{already}{}", pieces.concat()), *end.text.get());
    (pieces, end)
}

/// Fails when the real path from a contract to a reply does not work.
#[tokio::test]
async fn the_rehearsal_model_answers_the_articles_contract() {
    let (pieces, end) = answered(Arc::new(Rehearsal::default()), &compile(ARTICLE), "").await;
    assert_eq!(end.outcome, Outcome::Complete, "{end:?}");
    assert!(!pieces.is_empty() && end.usage.completion_tokens > 0);
}

/// Fails when a cut reply is read to its end upstream.
#[tokio::test]
async fn a_cut_cancels_the_model_at_once() {
    let model = Arc::new(Scripted { answers: vec!["One. Two. Three. Four. Five. Six."], ..Scripted::default() });
    let (_, end) = answered(model.clone(), &role("en", "max_sentences 3", ""), "").await;
    assert_eq!((end.outcome, end.text.get().trim_end()), (Outcome::Repaired, "One. Two. Three."));
    let taken = model.taken.lock()[0];
    assert!(taken <= "One. Two. Three. Fo".len(), "{taken} characters were read");
}

/// Fails when a turn is answered under other rules than those that its guards put in force.
#[tokio::test]
async fn guards_choose_the_rules_of_a_turn() {
    let answered_with = async |samples: &str| {
        let rules = "max_sentences 1 { on_violation truncate }\n\
                     when intent greet and turn first { max_sentences 3 { on_violation truncate } }";
        let contract = role("zh", rules, &format!("intents {{ greet \"{samples}\" }}"));
        let model = Arc::new(Scripted { answers: vec!["一。二。三。四。五。"], ..Scripted::default() });
        let (_, end) = answered(model.clone(), &contract, "").await;
        let asked = model.asked.lock();
        assert_eq!(asked[0].system, asked[0].contract.prompt());
        assert!(asked[0].contract.rules.iter().all(|rule| rule.guard.is_none()));
        (end.text.get().clone(), asked[0].contract.rules.len())
    };
    assert_eq!(answered_with("在吗").await, ("一。二。三。".to_owned(), 1));
    assert_eq!(answered_with("再见").await, ("一。".to_owned(), 1));
}

/// Fails when a further attempt is not told what was wrong, or tokens of discarded ones are forgotten.
#[tokio::test]
async fn a_repair_is_asked_with_what_is_missing() {
    let model =
        Arc::new(Scripted { answers: vec!["天色已晚。走吧。", "岂能停下？"], ..Scripted::default() });
    let (_, end) = answered(model.clone(), &compile(ARTICLE), "").await;
    assert_eq!((end.outcome, end.text.get().as_str()), (Outcome::Repaired, "岂能停下？"));
    assert_eq!(end.usage, Usage { prompt_tokens: 20, completion_tokens: 10, ..Usage::default() });
    let asked = model.asked.lock();
    assert_eq!(asked[1].attempt, 1);
    assert!(asked[1].instructions().unwrap().contains(&asked[1].still[0]));
    assert_eq!(asked[0].instructions(), None);
}

/// Fails when a failing model loses what was shown, or its fault is not named.
#[tokio::test]
async fn a_failing_model_ends_the_turn_and_what_was_shown_stands() {
    let error = ModelError::Cut("gone".into());
    let model = Scripted { answers: vec!["It is so"], error: Some(error.clone()), ..Scripted::default() };
    let (_, end) = answered(Arc::new(model), &role("en", "max_sentences 3", "fallback \"No.\""), "").await;
    assert_eq!((end.outcome, end.text.get().as_str()), (Outcome::Failed, "It is so"));
    assert_eq!(end.failure, Some(("model_cut".to_owned(), error.outward())));
}

/// Fails when a stalled model is waited for without end.
#[tokio::test(start_paused = true)]
async fn a_stalled_model_fails() {
    let model = Scripted { answers: vec!["It is"], hangs: true, ..Scripted::default() };
    let (_, end) = answered(Arc::new(model), &role("en", "max_sentences 3", ""), "").await;
    assert_eq!(end.failure.unwrap().0, "model_stalled");
}

/// Fails when cancelling waits for the model, or loses what was shown.
#[tokio::test]
async fn cancelling_ends_the_turn() {
    let model = Arc::new(Scripted { answers: vec!["It is"], hangs: true, ..Scripted::default() });
    let turns = turns(model);
    let (events, mut received) = mpsc::channel(64);
    let cancel = CancellationToken::new();
    let contract = role("en", "max_sentences 3", "");
    let run = turns.run(request(&turns, &contract, ""), events, cancel.clone());
    let watch = async {
        let mut text = String::new();
        loop {
            match received.recv().await.unwrap() {
                TurnEvent::Released(piece) => text.push_str(piece.get()),
                TurnEvent::Ended(end) => return (text, end),
            }
            if text == "It is" {
                cancel.cancel();
            }
        }
    };
    let ((), (text, end)) =
        tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(run, watch) }).await.unwrap();
    assert_eq!((end.outcome, end.text.get()), (Outcome::Cancelled, &text));
}

/// Fails when a turn goes on for nobody.
#[tokio::test]
async fn a_turn_without_a_listener_ends() {
    let model = Arc::new(Scripted { answers: vec!["It is"], hangs: true, ..Scripted::default() });
    let turns = turns(model);
    let (events, received) = mpsc::channel(1);
    drop(received);
    let contract = role("en", "max_sentences 3", "");
    let run = turns.run(request(&turns, &contract, ""), events, CancellationToken::new());
    tokio::time::timeout(Duration::from_secs(20), run).await.unwrap();
}

/// Fails when an interrupted reply does not continue behind what was committed, at any character.
#[tokio::test]
async fn an_interrupted_turn_continues() {
    let contract = role(
        "en",
        "max_sentences 4 forbidden_terms \"password\"",
        "cases { case \"order\" { user \"在吗?\" reply \"It ships today. Anything else?\" expect pass } }",
    );
    let whole = "It ships today. Anything else?";
    for (at, _) in whole.char_indices() {
        let (_, end) = answered(Arc::new(Rehearsal::default()), &contract, whole.split_at(at).0).await;
        assert_eq!((end.outcome, end.text.get().as_str()), (Outcome::Complete, whole));
    }
}

#[test]
fn words_are_checked_on_the_way_in() {
    let turns = turns(Arc::new(Rehearsal::default()));
    let contract = compile(ARTICLE);
    assert_eq!(turns.admit(&contract, " \n\u{0}").unwrap_err(), Refused::Empty);
    let long = "好".repeat(30_000);
    assert_eq!(turns.admit(&contract, &long).unwrap_err(), Refused::TooLong(90_000, 65_536));
    assert!(turns.admit(&contract, "在").is_ok());
}

/// Fails when a shipped role's own passing case is changed on its way, whole or after an interruption.
#[tokio::test]
async fn the_shipped_roles_rehearse_their_own_cases() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
    let mut cases = 0;
    let (contracts, _findings) = crate::contracts::Contracts::load(&folder).unwrap();
    for contract in contracts.list() {
        let judges = Doubles { any: Some(Double::objecting("", true)), ..Doubles::default() };
        let turns = Turns::with_judges(Arc::new(Rehearsal::default()), Arc::new(judges), Metrics::new().unwrap());
        for case in contract.cases.iter().filter(|c| c.expect == rolecall_dsl::contract::Expect::Pass) {
            let (Some(user), Some(reply)) = (&case.user, &case.reply) else { continue };
            cases += 1;
            let mut already = String::new();
            loop {
                let request = TurnRequest {
                    id: "t".to_owned(),
                    session: None,
                    contract: Arc::clone(&contract),
                    history: Vec::new(),
                    dialogue: None,
                    user: turns.admit(&contract, &user.value).unwrap(),
                    already: already.clone(),
                    overrides: Overrides::default(),
                    tools: ToolUse::default(),
                };
                let (events, mut received) = mpsc::channel(256);
                turns.run(request, events, CancellationToken::new()).await;
                let mut first = None;
                let end = loop {
                    match received.recv().await.unwrap() {
                        TurnEvent::Released(piece) => first = first.or(Some(piece.into_inner())),
                        TurnEvent::Ended(end) => break end,
                    }
                };
                assert_eq!(
                    (end.outcome, end.text.get()),
                    (Outcome::Complete, &reply.value),
                    "behind {already:?} {:?}",
                    end.hits
                );
                // As if the process had died right after the first piece was committed.
                match first {
                    Some(piece) => already.push_str(&piece),
                    None => break,
                }
            }
        }
    }
    assert!(cases >= 8, "{cases}");
}

/// Fails when a discarded attempt's token limit is told of the reply.
#[tokio::test]
async fn only_the_last_answers_limit_counts() {
    let contract = role("en", "required_terms any \"please\"", "");
    for (limited, told) in [(vec![true, false], false), (vec![false, true], true)] {
        let model = Arc::new(Scripted { answers: vec!["Sit.", "Sit, please."], limited, ..Scripted::default() });
        let (_, end) = answered(model, &contract, "").await;
        assert_eq!((end.outcome, end.length_limited), (Outcome::Repaired, told), "{end:?}");
    }
}

/// Fails when a receiver that is there but takes nothing holds its turn, and a model call, for ever.
#[tokio::test(start_paused = true)]
async fn a_stalled_receiver_is_given_up() {
    let model = Arc::new(Scripted { answers: vec!["One. Two. Three."], hangs: true, ..Scripted::default() });
    let turns = turns(model);
    let (events, mut received) = mpsc::channel(1);
    let contract = role("en", "max_sentences 9", "");
    let run = turns.run(request(&turns, &contract, ""), events, CancellationToken::new());
    tokio::time::timeout(2 * MAX_STALL, run).await.expect("the turn is over");
    assert!(matches!(received.recv().await, Some(TurnEvent::Released(_))));
    assert!(received.recv().await.is_none(), "an abandoned turn has no end");
}

/// Fails when repairs each begin with a fresh deadline, or the turn's own is not kept.
#[tokio::test(start_paused = true)]
async fn a_turn_with_its_repairs_has_one_deadline() {
    #[derive(Debug)]
    struct Slow;

    #[async_trait]
    impl Model for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }

        async fn stream(&self, _: Permitted<Prompt>) -> Result<ModelStream, ModelError> {
            let said = stream::once(async {
                tokio::time::sleep(Duration::from_secs(25)).await;
                Ok(ModelChunk::Text("天色已晚。走吧。".into()))
            });
            Ok(said.chain(stream::iter([Ok(ModelChunk::Stop { length: false })])).boxed())
        }

        fn limits(&self) -> CallLimits {
            CallLimits { total: Duration::from_secs(40), ..CallLimits::default() }
        }
    }

    let began_ms = clock::monotonic_ms();
    let (_, end) = answered(Arc::new(Slow), &compile(ARTICLE), "").await;
    assert_eq!(end.failure.unwrap().0, "model_overdue");
    assert_eq!(clock::monotonic_ms() - began_ms, 40_000);
}
