//! What happens to a session whatever its heartbeat: when its link dies, and what is said.

use super::random::Random;

/// A link dies after so long at least …
const LEAST_MS: u64 = 120_000;
/// … and so much more on average.
const LIFE_MS: f64 = 30.0 * 60_000.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    Death,
    UserSends,
    ServerSends,
}

/// Everything that happens in some hours, in order.
pub(crate) fn schedule(seed: u64, hours: u64, chats: bool) -> Vec<(u64, Happening)> {
    let end = hours * 3_600_000;
    let mut all = Vec::new();
    let mut random = Random::new(seed);
    let mut at = 0;
    while at < end {
        at += LEAST_MS + random.wait_ms(LIFE_MS);
        all.push((at, Happening::Death));
    }
    if chats {
        let mut at = 0;
        while at < end {
            at = conversation(&mut random, at, &mut all);
            at += random.ms(120_000.0, 720_000.0);
        }
    }
    all.sort_by_key(|(at, _)| *at);
    all.retain(|(at, _)| *at < end);
    all
}

/// Two to six minutes of turns: a question, a reply that streams for some seconds, a while to read
/// it and to type.
fn conversation(random: &mut Random, from: u64, all: &mut Vec<(u64, Happening)>) -> u64 {
    let end = from + random.ms(120_000.0, 360_000.0);
    let mut at = from;
    while at < end {
        all.push((at, Happening::UserSends));
        at += random.ms(500.0, 2_000.0);
        for _ in 0..random.ms(10.0, 30.0) {
            at += 300;
            all.push((at, Happening::ServerSends));
        }
        at += random.ms(5_000.0, 40_000.0);
    }
    at
}
