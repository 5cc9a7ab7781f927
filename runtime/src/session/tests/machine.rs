//! The state by itself, against an oracle.

use proptest::prelude::*;

use super::super::saved::Saved;
use super::super::state::{Machine, QUEUE, Send};
use super::*;
use crate::enforce::admit;
use crate::enforce::testing::permitted;
use crate::outbox::Entry;

/// What a client and the outside do.
#[derive(Debug, Clone)]
enum Step {
    /// Sends the number that lies this far behind or ahead of the next one.
    Send(i8),
    /// The running turn ends.
    End,
    /// The pending step is committed.
    Commit,
    /// The process ends and the next one reads what was committed.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![4 => (-3i8..=1).prop_map(Step::Send), 2 => Just(Step::End), 3 => Just(Step::Commit), 1 => Just(Step::Restart)]
}

/// What a store would hold.
#[derive(Default)]
struct Disk {
    state: Vec<u8>,
    bodies: Vec<(u64, &'static str)>,
    running: bool,
}

fn send(number: u64) -> Send {
    Send { from: 1, id: format!("id{number}"), client_seq: number, words: admit(&format!("question {number}")) }
}

fn commit(machine: &mut Machine, disk: &mut Disk) -> Vec<ServerFrame> {
    let (pending, state) = machine.take();
    for entry in pending.entries {
        let debug = format!("{entry:?}");
        let turn = debug.split("turn: ").nth(1).and_then(|rest| rest.split(',').next()).unwrap().parse().unwrap();
        disk.bodies.push((turn, if debug.contains("User {") { "user" } else { "reply" }));
    }
    if let Some(state) = state {
        disk.state = state;
    }
    disk.running = pending.running.unwrap_or(disk.running);
    machine.check(&SessionId::random().unwrap(), disk.bodies.len() as u64).unwrap();
    pending.answers.into_iter().map(|(_, frame)| frame).collect()
}

proptest! {
    // Fails when any order of sends, repeats, ends and crashes accepts a number twice or out of order,
    // answers a turn twice, tells a place that is not the message's, or leaves the mark wrong.
    #[test]
    fn each_number_is_one_message_and_each_turn_one_reply(steps in prop::collection::vec(step(), 1..80)) {
        let id = SessionId::random().unwrap();
        let (mut machine, mut disk) = (Machine::new(Saved::default(), 0), Disk::default());
        let mut accepted = Vec::new();
        for step in steps {
            match step {
                Step::Send(offset) => {
                    let number = (machine.client_seq() + 1).saturating_add_signed(i64::from(offset));
                    if number > 0 { machine.send(1, send(number)); }
                }
                Step::End => { machine.failed(1); }
                Step::Commit => {
                    for frame in commit(&mut machine, &mut disk) {
                        match frame {
                            ServerFrame::Accepted { id, client_seq, seq, duplicate } => {
                                prop_assert_eq!(id, format!("id{client_seq}"));
                                let (turn, kind) = disk.bodies[usize::try_from(seq).unwrap() - 1];
                                prop_assert_eq!((turn, kind), (client_seq, "user"), "the place told is the message's");
                                if !duplicate { accepted.push(client_seq); }
                            }
                            ServerFrame::Error { code, .. } => prop_assert!(code == "client_seq_gap" || code == "busy"),
                            other => prop_assert!(false, "{:?}", other),
                        }
                    }
                }
                Step::Restart => {
                    let saved = Saved::decode_stored(&disk.state, &id).unwrap();
                    machine = Machine::new(saved, disk.bodies.len() as u64);
                    machine.recover(outbox::ReplyText::default());
                }
            }
        }
        commit(&mut machine, &mut disk);
        prop_assert_eq!(machine.running().is_some(), disk.running, "the mark says whether a reply is unfinished");
        let users: Vec<u64> = disk.bodies.iter().filter(|(_, kind)| *kind == "user").map(|(turn, _)| *turn).collect();
        prop_assert_eq!(&users, &(1..=machine.client_seq()).collect::<Vec<_>>());
        let replies: Vec<u64> = disk.bodies.iter().filter(|(_, kind)| *kind == "reply").map(|(turn, _)| *turn).collect();
        prop_assert_eq!(&replies, &(1..=replies.len() as u64).collect::<Vec<_>>());
        prop_assert!(users.len() <= replies.len() + 1 + QUEUE);
        prop_assert!(accepted.windows(2).all(|pair| pair[0] < pair[1]), "no number is new twice");
    }
}

// Fails when a reply that several answers of the model make grows past what a frame carries.
#[test]
fn a_reply_is_bounded_as_a_whole() {
    let mut machine = Machine::new(Saved::default(), 0);
    machine.send(1, send(1));
    let piece = permitted(&"h".repeat(600_000));
    assert!(machine.released(1, &piece));
    assert!(!machine.released(1, &piece));
    machine.failed(1);
    let (pending, _) = machine.take();
    assert!(pending.entries.iter().all(Entry::fits));
    let texts: usize = pending.entries.iter().map(Entry::len).sum();
    assert_eq!(texts, "question 1".len() + 2 * 600_000, "the end says what the pieces said");
}
