//! Laws of the learned heartbeat, on the value alone.

use alloc::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::heartbeat::learned::{LEAST_MS, MOST_MS};

fn bounds(timeout_ms: u32) -> Bounds {
    Bounds { timeout_ms, floor_ms: 5_000 }
}

fn new(timeout_ms: u32) -> Adaptive {
    Adaptive::new(bounds(timeout_ms), Network::FourG, Learned::default(), 7, 0)
}

/// A peer that answers every question after so long, and nothing else happens. Returns the value at
/// the end, how often it asked, and whether it gave the peer up.
fn healthy(mut it: Adaptive, until: Millis, rtt: impl Fn(u64) -> u64) -> (Adaptive, u64, bool) {
    let mut answers: VecDeque<(Millis, Millis)> = VecDeque::new();
    let (mut now, mut asks) = (0, 0);
    let ask = |it: &mut Adaptive, answers: &mut VecDeque<(Millis, Millis)>, now: Millis, asks: u64| {
        it.on_asked(now);
        let behind = answers.back().map_or(0, |(at, _)| *at);
        answers.push_back(((now + rtt(asks)).max(behind), now));
    };
    ask(&mut it, &mut answers, now, asks);
    while now < until || (now < until + 60_000 && it.asked.is_some()) {
        let answer = answers.front().map(|(at, _)| *at);
        let due = [it.ask_at(), Some(it.give_up_at()), answer];
        now = due.into_iter().flatten().min().unwrap().max(now);
        if answer == Some(now) {
            let (_, sent) = answers.pop_front().unwrap();
            it.on_life(now);
            it.on_rtt(now - sent);
        } else if it.ask_at().is_some_and(|at| at <= now) {
            asks += 1;
            ask(&mut it, &mut answers, now, asks);
        } else {
            return (it, asks, true);
        }
    }
    (it, asks, false)
}

/// Fails if a clean link does not come to ask seldom and decide soon, within the timeout.
#[test]
fn a_clean_link_is_asked_seldom_and_given_up_soon() {
    let (mut it, asks, dead) = healthy(new(30_000), 4 * 3_600_000, |_| 50);
    assert!(!dead && (400..700).contains(&asks), "{asks}");
    assert_eq!((it.interval_ms(), it.patience_ms()), (26_000, 4_000));
    // The link dies: one question, another after a round trip, and the verdict.
    let life = it.life_at;
    it.on_asked(life + 26_000);
    assert_eq!(it.ask_at(), Some(life + 26_000 + u64::from(it.suspect_after_ms())));
    it.on_asked(life + 26_251);
    assert_eq!((it.ask_at(), it.give_up_at()), (None, life + 30_000));
}

/// Fails if late answers do not buy patience, at the cost of the interval.
#[test]
fn a_lossy_link_gets_patience_and_more_beats() {
    let (it, _, dead) = healthy(new(30_000), 4 * 3_600_000, |n| if n % 3 == 0 { 3_500 } else { 400 });
    assert!(!dead);
    assert!(it.patience_ms() > 5_000 && it.interval_ms() == 30_000 - it.patience_ms(), "{it:?}");
}

/// Fails if a long timeout is not used for rarer beats, or the NAT's limit is not found.
#[test]
fn a_long_timeout_lets_the_interval_climb() {
    let (it, ..) = healthy(new(600_000), 100 * 3_600_000, |_| 50);
    assert_eq!(it.interval_ms(), MOST_MS);
    let mut it = new(600_000);
    it.learned.class_mut(Network::FourG).failed(20_000);
    let (it, ..) = healthy(it, 3_600_000 / 12, |_| 50);
    assert!(it.interval_ms() < 20_000);
}

/// Fails if a debt is not asked about long before the interval is over, or a peer that never
/// acknowledges is asked after every message.
#[test]
fn what_is_not_acknowledged_is_asked_about() {
    let (mut it, ..) = healthy(new(30_000), 3_600_000, |_| 50);
    let now = it.life_at + 1_000;
    it.on_debt(now);
    assert_eq!(it.ask_at(), Some(now + 2_000));
    it.on_asked(now + 2_000);
    assert_eq!(it.give_up_at(), now + 2_000 + 15_000);
    it.on_life(now + 2_050);
    it.on_debt(now + 2_060);
    assert_eq!(it.ask_at(), Some(now + 2_060 + 4_000), "a false alarm");
    it.on_ack();
    assert_eq!(it.ask_at(), Some(now + 2_060 + 2_000));
}

/// Fails if our questions cross the beats of a peer that beats by itself.
#[test]
fn a_peer_that_beats_leads() {
    let (mut it, ..) = healthy(new(30_000), 3_600_000, |_| 50);
    it.on_asked(it.life_at + 26_000);
    it.on_life(it.life_at + 26_050);
    it.on_peer_beat();
    let slack = u64::from(it.interval_ms() / 8).min(u64::from(it.patience_ms() / 2));
    assert_eq!(it.ask_at(), Some(it.life_at + 26_000 + slack));
    assert!(it.give_up_at() <= it.life_at + 30_000);
    // It falls silent: we lead again.
    it.on_asked(it.ask_at().unwrap());
    it.on_life(it.life_at + 28_500);
    assert_eq!(it.ask_at(), Some(it.life_at + u64::from(it.interval_ms())));
}

/// Fails if a death in an interval's silence teaches nothing, or one in the middle of talk does.
#[test]
fn only_a_silence_of_the_interval_teaches() {
    let (it, ..) = healthy(new(600_000), 3_600_000, |_| 50);
    let (at, class) = (u64::from(it.interval_ms()), *it.known());
    let die = |asked: u64, now: u64, given_up: bool, debt: bool| {
        let mut it = it.clone();
        if debt {
            it.on_debt(it.life_at + 10);
        }
        if asked > 0 {
            it.on_asked(it.life_at + asked);
        }
        let end = it.life_at + now;
        it.on_end(end, given_up);
        it.learned().class(Network::FourG) != &class
    };
    assert!(die(at, at + 4_000, true, false), "given up");
    assert!(die(at, at + 1_000, false, false), "replaced with a question unanswered");
    assert!(die(0, at + 1_000, false, false), "replaced when its own beat was overdue");
    assert!(!die(at, at + 10, false, false), "an answer may be under way");
    assert!(!die(2_000, 17_000, true, true), "in the middle of talk");
    assert!(!die(0, 500, false, false), "an ordinary end");
}

#[derive(Debug, Clone)]
enum Step {
    Life(u64),
    Rtt(u64),
    Ask(u64),
    Debt,
    Beat,
    Network(bool),
    Next,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0u64..90_000).prop_map(Step::Life),
        (0u64..90_000).prop_map(Step::Rtt),
        (0u64..90_000).prop_map(Step::Ask),
        Just(Step::Debt),
        Just(Step::Beat),
        any::<bool>().prop_map(Step::Network),
        Just(Step::Next),
    ];
    proptest::collection::vec(step, 0..300)
}

proptest! {
    /// Fails if any history takes the interval out of its bounds, lets interval and patience
    /// together exceed the timeout, or keeps a silent peer beyond it.
    #[test]
    fn every_history_stays_in_bounds(timeout in 5_000u32..=600_000, floor in 1_000u32..=60_000, steps in steps()) {
        let bounds = Bounds { timeout_ms: timeout, floor_ms: floor };
        let mut it = Adaptive::new(bounds, Network::Other, Learned::default(), u64::from(timeout), 0);
        let mut now = 0;
        for step in steps {
            match step {
                Step::Life(wait) => { now += wait; it.on_life(now); }
                Step::Rtt(rtt) => it.on_rtt(rtt),
                Step::Ask(wait) => { now += wait; it.on_asked(now); }
                Step::Debt => it.on_debt(now),
                Step::Beat => it.on_peer_beat(),
                Step::Network(first) => it.change_network(if first { Network::Other } else { Network::TwoG }),
                Step::Next => {
                    let learned = it.learned();
                    it.on_end(now, true);
                    it = Adaptive::new(bounds, Network::Other, it.learned(), now, now);
                    prop_assert!(it.learned().class(Network::Other).interval_ms() <= learned.class(Network::Other).interval_ms());
                }
            }
            let (interval, patience) = (it.interval_ms(), it.patience_ms());
            prop_assert!(interval >= floor.min(timeout / 2).min(LEAST_MS) && interval <= MOST_MS.max(floor), "{interval}");
            prop_assert!(interval + patience <= timeout, "{interval} + {patience} of {timeout}");
            // A question that came late, because we were stopped, is allowed its two seconds; one that is still to come is
            // answered within the timeout.
            let late = it.asked.map_or(0, |asked| asked.first_at + 2_000);
            prop_assert!(it.give_up_at() <= (it.life_at + u64::from(timeout)).max(late));
        }
    }

    /// Fails if a peer that answers every question is ever given up, at any round trip below the
    /// timeout.
    #[test]
    fn a_healthy_peer_never_expires(
        timeout in 5_000u32..=120_000, part in 0u64..=960, jitter in 0u64..=40, seed in any::<u64>(),
    ) {
        let rtt = u64::from(timeout) * part / 1_000;
        let vary = |n: u64| rtt + (seed.wrapping_mul(n + 1) >> 7) % (rtt * jitter / 1_000 + 1);
        let it = Adaptive::new(bounds(timeout), Network::Other, Learned::default(), seed, 0);
        let (it, asks, dead) = healthy(it, 3_600_000, vary);
        prop_assert!(!dead, "after {asks} questions: {it:?}");
    }
}
