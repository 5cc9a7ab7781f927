//! Each attack in figures: what becomes of it, how long until it is stopped, and what innocent calls
//! notice. No time is expected; this shows them:
//! `cargo nextest run --workspace --exclude rolecall-hostile --no-capture -E 'test(each_attack_has_its_outcome)'`

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rolecall_plugin_host::{Context, PluginHost};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::guests::{mode, params};
use crate::innocents::{ATTACKERS, beside};

/// What each sin comes to.
const OUTCOMES: [(&str, &str); 12] = [
    ("spin", "deadline"),
    ("spin_create", "deadline"),
    ("hoard", "memory"),
    ("recurse", "stack"),
    ("trap", "trap"),
    ("panic", "trap"),
    ("huge_list", "result_too_large"),
    ("huge_text", "result_too_large"),
    ("gigabyte", "result_too_large"),
    ("elsewhere", "trap"),
    ("log_flood", "deadline"),
    ("span_inside", "bad_span"),
];
/// Innocent calls of each measurement.
const CALLS: usize = 200;

#[allow(clippy::disallowed_methods, reason = "a measurement")]
fn now() -> Instant {
    Instant::now()
}

/// Innocent calls, one after the other: the time that 99 of a hundred took at most. Each is answered.
async fn innocent(host: &PluginHost) -> Duration {
    let mut taken = Vec::new();
    for _ in 0..CALLS {
        let began = now();
        let found = host.check("classical_tone", &params("{}"), &Context::default(), "公子可有手机？").await;
        assert_eq!(found.expect("an innocent call beside an attack").len(), 1);
        taken.push(began.elapsed());
    }
    taken.sort_unstable();
    taken[CALLS * 99 / 100]
}

/// Attacks again and again, under several names, until told to stop: outcomes, and the longest time until one
/// was known.
async fn attack(
    host: PluginHost,
    sin: &'static str,
    over: Arc<AtomicBool>,
    begun: Arc<Notify>,
) -> (Vec<&'static str>, Duration) {
    let (mut reasons, mut longest) = (Vec::new(), Duration::ZERO);
    while !over.load(Ordering::SeqCst) {
        for name in ATTACKERS {
            let began = now();
            let error = host.check(name, &mode(sin), &Context::default(), "好 text").await.expect_err("a sin");
            if error.is_plugin_fault() {
                longest = longest.max(began.elapsed());
                reasons.push(error.reason());
                begun.notify_one();
            }
        }
        // When all of them rest.
        tokio::task::yield_now().await;
    }
    (reasons, longest)
}

/// Fails when a sin ends otherwise than by its name, or an innocent call is not answered, or is answered wrongly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_attack_has_its_outcome_and_disturbs_nobody() {
    println!("{:<14} {:<18} {:>14} {:>18} {:>18}", "sin", "outcome", "until stopped", "p99 before", "p99 meanwhile");
    for (sin, outcome) in OUTCOMES {
        let host = beside(&ATTACKERS, 2);
        let before = innocent(&host).await;
        let over = Arc::new(AtomicBool::new(false));
        let mut attackers = JoinSet::new();
        let begun = Arc::new(Notify::new());
        attackers.spawn(attack(host.clone(), sin, Arc::clone(&over), Arc::clone(&begun)));
        begun.notified().await;
        let meanwhile = innocent(&host).await;
        over.store(true, Ordering::SeqCst);
        let (reasons, longest) = attackers.join_next().await.expect("an attacker").expect("no panic");
        // On a busy machine a guest's time may be over before it has done its worst.
        let named = reasons.iter().all(|reason| *reason == outcome || *reason == "deadline");
        assert!(named && reasons.contains(&outcome), "{sin}: {reasons:?}");
        println!("{sin:<14} {outcome:<18} {longest:>14.1?} {before:>18.1?} {meanwhile:>18.1?}");
    }
}
