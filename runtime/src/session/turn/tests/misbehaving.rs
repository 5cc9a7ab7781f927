//! A model that misbehaves in every way, under contracts of every delivery mode.

use rolecall_dsl::monitor::DeliveryMode;

use super::*;
use crate::enforce::delivery_mode;
use crate::model::{MISDEEDS, Misbehavior, Misdeed, Share};

const REPLY: &str = "难道不是吗？岂能不去？";

/// A contract of each mode: its rules, and whether it has a fallback.
const CONTRACTS: [(DeliveryMode, &str, bool); 4] = [
    (DeliveryMode::Token, "forbidden_terms \"AI\" | \"算法\"", true),
    (DeliveryMode::Token, "forbidden_terms \"AI\" | \"算法\"", false),
    (DeliveryMode::Sentence, "max_sentences 3 forbidden_terms \"AI\" | \"算法\" response_style 反问句 >= 40%", true),
    (DeliveryMode::Full, "max_sentences 3 forbidden_terms \"AI\" | \"算法\" response_style 反问句 >= 40%", false),
];

fn contract(rules: &str, fallback: bool) -> Arc<Contract> {
    let fallback = if fallback { "fallback \"岂敢多言？\"" } else { "" };
    role("zh", rules, &format!("{fallback} cases {{ case \"a\" {{ user \"在吗?\" reply \"{REPLY}\" expect pass }} }}"))
}

async fn spoiled(contract: &Arc<Contract>, shares: &[Share], seed: u64) -> TurnEnd {
    let limits = CallLimits { retries: 0, ..CallLimits::default() };
    let model = Rehearsal::new(Duration::from_millis(1), limits);
    let model = model.misbehaving(Misbehavior { shares: shares.to_vec(), seed });
    answered(Arc::new(model), contract, "").await.1
}

/// Whether a turn may end like this.
fn right(misdeed: Misdeed, bounded: bool, fallback: bool, end: &TurnEnd) -> bool {
    let last_resort = if fallback { Outcome::Fallback } else { Outcome::Refused };
    let failure = end.failure.as_ref().map(|(code, _)| code.as_str());
    let text = end.text.get().as_str();
    match misdeed {
        Misdeed::Violate => end.outcome == Outcome::Repaired || end.outcome == last_resort,
        Misdeed::Empty => end.outcome == last_resort,
        // A contract that bounds the length cuts; otherwise the bound of every answer holds.
        Misdeed::Endless if !bounded => failure == Some("model_too_large"),
        Misdeed::Huge if !bounded => end.outcome == Outcome::Complete && text.starts_with(REPLY),
        Misdeed::Endless | Misdeed::Huge => end.outcome == Outcome::Repaired && text.trim_end().starts_with(REPLY),
        Misdeed::Split | Misdeed::Slow => end.outcome == Outcome::Complete && text == REPLY,
        Misdeed::Stall => failure == Some("model_stalled") && REPLY.starts_with(text),
        Misdeed::Die => failure == Some("model_cut") && REPLY.starts_with(text),
        Misdeed::Fail => failure == Some("model_unavailable") && text.is_empty(),
    }
}

/// Fails when a misdeed ends in anything but what the ladder promises for it, or a term gets out.
#[tokio::test(start_paused = true)]
async fn every_misdeed_ends_as_the_ladder_promises_in_every_mode() {
    for (mode, rules, fallback) in CONTRACTS {
        let contract = contract(rules, fallback);
        assert_eq!(delivery_mode(&contract, &Doubles::default()), mode);
        let bounded = rules.contains("max_sentences");
        for (name, misdeed) in MISDEEDS {
            // Large answers are slow to check, and one is like the other.
            let seeds = if matches!(misdeed, Misdeed::Huge | Misdeed::Endless) { 1 } else { 12 };
            for seed in 0..seeds {
                let end = spoiled(&contract, &[(misdeed, None)], seed).await;
                let text = end.text.get();
                assert!(right(misdeed, bounded, fallback, &end), "{mode:?} {name} {seed}: {end:?}");
                assert!(!text.contains("AI") && !text.contains("算法"), "{mode:?} {name} {seed}: {text}");
                if matches!(end.outcome, Outcome::Complete | Outcome::Repaired | Outcome::Fallback) {
                    assert!(contract.program.check(text).passes(), "{mode:?} {name} {seed}: {text}");
                }
            }
        }
    }
}

/// Fails when words that break a rule get out because they come in pieces, slowly, or are cut off.
#[tokio::test(start_paused = true)]
async fn broken_rules_do_not_get_out_however_they_come() {
    for (mode, rules, fallback) in CONTRACTS {
        let contract = contract(rules, fallback);
        for way in [Misdeed::Split, Misdeed::Slow, Misdeed::Stall, Misdeed::Die] {
            for seed in 0..12 {
                let end = spoiled(&contract, &[(Misdeed::Violate, None), (way, Some(70))], seed).await;
                let text = end.text.get();
                assert!(!text.contains("AI") && !text.contains("算法"), "{mode:?} {way:?} {seed}: {text}");
                assert_ne!(end.outcome, Outcome::Complete, "{mode:?} {way:?} {seed}: {text}");
            }
        }
    }
}

/// Fails when the same seed gives another reply.
#[tokio::test(start_paused = true)]
async fn misbehaving_can_be_repeated() {
    let (_, rules, fallback) = CONTRACTS[0];
    let contract = contract(rules, fallback);
    let shares = [(Misdeed::Violate, Some(50)), (Misdeed::Split, None), (Misdeed::Die, Some(30))];
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let (first, again) = (spoiled(&contract, &shares, seed).await, spoiled(&contract, &shares, seed).await);
        assert_eq!((first.outcome, first.text.get()), (again.outcome, again.text.get()));
        seen.insert(first.text.into_inner());
    }
    assert!(seen.len() > 1, "every seed gives {seen:?}");
}

/// Fails when a repair may add as many tokens to what is out as the whole reply may have, or is asked for when
/// none is left.
#[tokio::test]
async fn the_limit_on_tokens_is_one_on_the_reply() {
    let contract = role("en", "ends_with /Bye\\./ { on_violation repair 2 }", "");
    for (limit, asked, then) in [(Some(8), 2, Some(3)), (None, 2, None), (Some(5), 1, None)] {
        let model = Arc::new(Scripted { answers: vec!["Sit down ", "now. Bye."], ..Scripted::default() });
        let turns = turns(model.clone());
        let (events, mut received) = mpsc::channel(64);
        let mut request = request(&turns, &contract, "Well. ");
        request.overrides.max_tokens = limit;
        turns.run(request, events, CancellationToken::new()).await;
        let mut out = String::new();
        while let Some(event) = received.recv().await {
            if let TurnEvent::Released(piece) = event {
                out.push_str(piece.get());
            }
        }
        let prompts = model.asked.lock();
        assert_eq!((prompts.len(), prompts[0].max_tokens), (asked, limit), "{out}");
        assert_eq!(prompts.get(1).and_then(|prompt| prompt.max_tokens), then, "{out}");
    }
}

/// Fails when a reader that takes nothing holds up a turn that was cancelled, as a shutdown does.
#[tokio::test(start_paused = true)]
async fn a_cancelled_turn_waits_for_no_reader() {
    let model = Arc::new(Scripted { answers: vec!["It is so and so."], ..Scripted::default() });
    let turns = turns(model);
    let (events, _unread) = mpsc::channel(1);
    let cancel = CancellationToken::new();
    let contract = role("en", "max_sentences 3", "");
    let began_ms = clock::monotonic_ms();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        cancel.cancel();
    };
    tokio::join!(turns.run(request(&turns, &contract, ""), events, cancel.clone()), stop);
    let took = clock::monotonic_ms() - began_ms;
    assert!((2_000..10_000).contains(&took), "{took} ms");
}
