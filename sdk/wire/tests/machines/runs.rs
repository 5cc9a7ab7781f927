//! Whole lives of a session, by seed.

use std::collections::HashSet;

use rolecall_wire::client::{Event, State};
use rolecall_wire::close;
use rolecall_wire::frame::Body;

use crate::world::World;

/// What must hold after a run on a network that is fair at last.
fn check(world: &World, sent: &[String], seed: u64) {
    assert_eq!(world.client.state(), State::Active, "seed {seed}");
    assert_eq!(world.client.unaccepted(), 0, "seed {seed}: a message waits for ever");
    let received: Vec<u64> = world.received.iter().map(|m| m.seq).collect();
    let committed: Vec<u64> = world.session.log.iter().map(|m| m.seq).collect();
    assert_eq!(received, committed, "seed {seed}: lost, duplicated or reordered");
    assert_eq!(world.received, world.session.log, "seed {seed}: other content");
    let said: Vec<&String> = (world.session.log.iter())
        .filter_map(|m| if let Body::User { id, .. } = &m.body { Some(id) } else { None })
        .collect();
    let expected: Vec<&String> = sent.iter().filter(|id| !world.refused.contains(id)).collect();
    assert_eq!(said, expected, "seed {seed}: each message of the user exactly once, in order");
    let accepted: HashSet<&String> = world.accepted.iter().map(|(id, _)| id).collect();
    assert_eq!(accepted.len(), world.accepted.len(), "seed {seed}: accepted twice");
    for (id, seq) in &world.accepted {
        let message = world.session.log.iter().find(|m| m.seq == *seq).unwrap();
        assert!(matches!(&message.body, Body::User { id: i, .. } if i == id), "seed {seed}: {id} is not {seq}");
    }
}

fn hostile_run(seed: u64, restarts: bool) -> (World, Vec<String>) {
    let mut world = World::new(seed);
    world.flaky = true;
    let mut sent = Vec::new();
    for step in 0..250u64 {
        match world.rng.below(24) {
            0..=3 => {
                let id = format!("m{}", sent.len());
                if world.client.send(&id, "晏子何以对?").is_ok() {
                    sent.push(id);
                }
            }
            4 => world.cut(true, true),
            5 => world.cut(true, false),
            6 => world.cut(false, true),
            7 if world.rng.one_in(3) => {
                world.silent = true;
                world.run(40_000);
            }
            8 => {
                world.session.commit(Body::Delivery { text: "到".into(), intent: "coach".into(), parts: vec![] });
            }
            9 if restarts => world.restart_client(seed ^ step),
            _ => {}
        }
        let pause = world.rng.below(700);
        world.run(pause);
    }
    world.flaky = false;
    world.run(200_000);
    (world, sent)
}

/// Fails if any cut, silence, dropped or doubled frame loses, repeats or reorders a message, in
/// either direction.
#[test]
fn nothing_is_lost_doubled_or_reordered() {
    for seed in 1..=300 {
        let (world, sent) = hostile_run(seed, false);
        check(&world, &sent, seed);
    }
}

/// Fails if a saved position loses or repeats anything when a new process goes on from it.
#[test]
fn a_saved_position_goes_on_exactly_there() {
    for seed in 1..=300 {
        let (mut world, sent) = hostile_run(seed, true);
        // A process that died knows nothing of what the last one was told.
        world.accepted.sort();
        world.accepted.dedup();
        check(&world, &sent, seed);
    }
}

/// Fails if the world does not follow from its seed: no failure could be replayed.
#[test]
fn a_seed_replays_bit_for_bit() {
    for seed in [3, 77] {
        let runs = [hostile_run(seed, true), hostile_run(seed, true)];
        assert_eq!(runs[0].0.events, runs[1].0.events);
        assert_eq!(runs[0].0.now, runs[1].0.now);
    }
}

/// Fails if the runs above are tame: a test of resume that never resumes proves nothing.
#[test]
fn the_runs_do_meet_what_they_are_about() {
    let (mut gaps, mut expiries, mut replays) = (0, 0, 0);
    for seed in 1..=60 {
        let (world, _) = hostile_run(seed, false);
        for event in &world.events {
            match event {
                Event::Disconnected { code: close::SEQUENCE, .. } => gaps += 1,
                Event::Disconnected { code: close::EXPIRED, .. } => expiries += 1,
                Event::Connected { resumed: true, missed, .. } if *missed > 0 => replays += 1,
                _ => {}
            }
        }
    }
    assert!(gaps > 50 && expiries > 5 && replays > 100, "gaps {gaps}, expiries {expiries}, replays {replays}");
}

/// Fails if a store that went back is not told to the client, or a sequence id is used twice.
#[test]
fn a_lost_tail_is_said_and_no_sequence_id_comes_twice() {
    for seed in 1..=200 {
        let mut world = World::new(seed);
        for _ in 0..8 {
            world.session.commit(Body::Delta { text: "之".into() });
        }
        world.run(5_000);
        assert_eq!(world.client.last_seq(), 8);
        let lost = 1 + world.rng.below(6);
        world.session.lose_tail(usize::try_from(lost).unwrap());
        world.cut(true, true);
        world.run(5_000);
        world.session.commit(Body::Delta { text: "者".into() });
        world.run(5_000);
        assert!(world.events.contains(&Event::EpochChanged { from: 1, to: 2 }), "seed {seed}");
        let seqs: Vec<u64> = world.received.iter().map(|m| m.seq).collect();
        assert_eq!(seqs, (1..=9).collect::<Vec<_>>(), "seed {seed}");

        // A client that was behind the lost tail meets the hole by name.
        let mut late = World::new(seed);
        std::mem::swap(&mut late.session, &mut world.session);
        late.run(5_000);
        let kept = 8 - lost;
        assert!(late.events.contains(&Event::Skipped { from: kept + 1, to: 8 }), "seed {seed}: {:?}", late.events);
        assert_eq!(late.client.last_seq(), 9);
    }
}
