//! The learned heartbeat in the machines.

use rolecall_wire::client::{self, Client};
use rolecall_wire::close;
use rolecall_wire::codec;
use rolecall_wire::frame::{ClientFrame, Hello, Network, ServerFrame};
use rolecall_wire::heartbeat::{Learned, Mode};
use rolecall_wire::server::{Config, Encoding, Input, Server, State, Transmit};

use crate::rules_server::{delta, welcome};
use crate::world::{bsp_v1, position};

fn adaptive(seed: u64, learned: Learned) -> Server {
    let config = Config { mode: Mode::Adaptive, seed, learned, ..Config::default() };
    let hello = Hello { token: "t".into(), network: Network::FourG, ..Hello::default() };
    let mut server = Server::new(config, Encoding::BspV1, &hello, 0);
    server.send(0, &welcome(1, 1, 0));
    server
}

/// Answers the Pings that wait; says how many there were.
fn answer(server: &mut Server, now: u64) -> usize {
    let pings: Vec<_> = std::iter::from_fn(|| server.poll_transmit())
        .filter_map(|t| if let Transmit::Ping(payload) = t { Some(payload) } else { None })
        .collect();
    for payload in &pings {
        server.handle_input(now, Input::Pong(payload));
    }
    pings.len()
}

/// Lets a peer answer each Ping after 50 ms; says when the Pings went out.
fn run(server: &mut Server, from: u64, until: u64) -> Vec<u64> {
    let mut asked = Vec::new();
    let mut now = from;
    while let Some(at) = server.poll_timeout().filter(|at| *at < until) {
        now = at.max(now);
        server.handle_timeout(now);
        if answer(server, now + 50) > 0 {
            asked.push(now);
        }
    }
    asked
}

/// Fails if first beats come together, outside of their bounds, or differ between runs of one seed.
#[test]
fn the_first_regular_beat_is_jittered_by_the_seed() {
    let first = |seed| {
        let mut server = adaptive(seed, Learned::default());
        assert_eq!(answer(&mut server, 50), 1, "a Ping behind the Welcome");
        let interval = u64::from(server.heartbeat_ms());
        let at = run(&mut server, 50, 60_000)[0];
        assert!(at >= interval / 2 && at <= interval + 50, "{at} of {interval}");
        at
    };
    let firsts: std::collections::BTreeSet<u64> = (0..50).map(first).collect();
    assert!(firsts.len() > 40, "{firsts:?}");
    assert_eq!(first(7), first(7));
}

/// Fails if a peer is asked while it is heard, or what we send counts as its life.
#[test]
fn beats_are_left_out_while_something_arrives() {
    let mut server = adaptive(1, Learned::default());
    answer(&mut server, 50);
    let ack = codec::encode_client(&ClientFrame::Ack { seq: 0 }).unwrap();
    for second in 1..600 {
        server.handle_timeout(second * 1_000);
        server.handle_input(second * 1_000, Input::Binary(&ack));
    }
    assert_eq!(answer(&mut server, 600_000), 0);
    let mut now = 600_000;
    for seq in 1..=100 {
        now += 400;
        server.handle_timeout(now);
        server.send(now, &delta(seq));
    }
    assert_eq!(server.state(), State::Expired);
    assert!(std::iter::from_fn(|| server.poll_transmit()).any(|t| matches!(t, Transmit::Ping(_))));
}

/// Fails if nothing is learned, it is lost with the connection, or the table learns.
#[test]
fn what_was_learned_outlives_the_connection() {
    let mut server = adaptive(1, Learned::default());
    answer(&mut server, 50);
    run(&mut server, 50, 2 * 3_600_000);
    assert_eq!(server.heartbeat_ms(), 26_000, "a clean link");
    server.handle_input(2 * 3_600_000, Input::Gone);
    let kept = serde_json::to_string(&server.learned().unwrap()).unwrap();
    let next = adaptive(2, serde_json::from_str(&kept).unwrap());
    // Before a round trip is known, patience is as with one of a second.
    assert!(next.heartbeat_ms() > adaptive(2, Learned::default()).heartbeat_ms());
    let hello = Hello { token: "t".into(), network: Network::FourG, ..Hello::default() };
    assert_eq!(Server::new(Config::default(), Encoding::BspV1, &hello, 0).learned(), None);
}

/// Fails if a link that dies in silence, or is replaced in it, teaches nothing.
#[test]
fn a_death_in_silence_teaches() {
    let grown = || {
        let mut server = adaptive(1, Learned::default());
        answer(&mut server, 50);
        run(&mut server, 50, 3_600_000);
        server
    };
    let interval = |server: &Server| server.learned().unwrap().class(Network::FourG).interval_ms();
    let before = interval(&grown());
    let mut expired = grown();
    while let Some(at) = expired.poll_timeout() {
        expired.handle_timeout(at);
    }
    assert_eq!(expired.state(), State::Expired);
    assert!(interval(&expired) < before, "expired: {}", interval(&expired));
    let mut replaced = grown();
    let asked = replaced.poll_timeout().unwrap();
    replaced.handle_timeout(asked);
    replaced.close_at(asked + 1_000, close::REPLACED, "another connection took over");
    assert!(interval(&replaced) < before, "replaced: {}", interval(&replaced));
    let mut at_once = grown();
    at_once.close_at(3_600_100, close::REPLACED, "another connection took over");
    assert_eq!(interval(&at_once), before, "it was not silent for long");
    let mut closed = grown();
    closed.close(close::NORMAL, "an ordinary end");
    assert_eq!(interval(&closed), before);
}

fn quiet_client() -> Client {
    let config = client::Config { mode: Mode::Adaptive, ..bsp_v1() };
    let mut client = Client::new(config, position(), 1);
    client.connect(0);
    client.handle_input(0, client::Input::Opened);
    tell(&mut client, 0, &welcome(1, 1, 0));
    client
}

fn tell(client: &mut Client, now: u64, frame: &ServerFrame) {
    client.handle_input(now, client::Input::Binary(&codec::encode_server(frame).unwrap()));
}

/// Answers the beats that wait; says how many there were.
fn echo(client: &mut Client, now: u64) -> usize {
    let sent: Vec<_> = std::iter::from_fn(|| client.poll_transmit()).collect();
    let beats = sent.iter().filter_map(|t| match t {
        client::Transmit::Binary(bytes) => match codec::decode_client(bytes, 1 << 20) {
            Ok(ClientFrame::Beat { sent_ms, .. }) => Some(sent_ms),
            _ => None,
        },
        _ => None,
    });
    beats.map(|echo_ms| tell(client, now, &ServerFrame::Beat { echo_ms, heartbeat_ms: 20_000 })).count()
}

/// Fails if a client that sees the server's Pings beats beside them, or not when they stay away.
#[test]
fn a_client_that_sees_pings_lets_them_lead() {
    let mut client = quiet_client();
    assert_eq!(echo(&mut client, 50), 1, "for a first round trip");
    for minute in 0..30 {
        for at in [0, 20_000, 40_000] {
            let now = minute * 60_000 + at + 100;
            client.handle_timeout(now);
            client.handle_input(now, client::Input::Ping(&[0; 16]));
        }
    }
    assert_eq!(echo(&mut client, 1_790_000), 0);
    client.handle_timeout(client.poll_timeout().unwrap());
    assert_eq!(echo(&mut client, 1_803_000), 1, "an overdue Ping is asked about");
}

/// Fails if a client that sees no Pings does not beat once per interval of silence, or beats while
/// messages come.
#[test]
fn a_client_that_sees_no_pings_beats_in_silence() {
    let mut client = quiet_client();
    echo(&mut client, 50);
    let mut beats = 0;
    while client.poll_timeout().unwrap() < 600_000 {
        let now = client.poll_timeout().unwrap();
        client.handle_timeout(now);
        beats += echo(&mut client, now + 50);
    }
    assert!((29..=31).contains(&beats), "{beats}");
    for seq in 1..=300 {
        client.handle_timeout(600_000 + seq * 1_000);
        tell(&mut client, 600_000 + seq * 1_000, &delta(seq));
    }
    assert_eq!(echo(&mut client, 900_000), 0);
    // Nothing answers any more: it asks again, faster than once per interval, and leaves.
    let mut asked = 0;
    while client.state() == client::State::Active {
        client.handle_timeout(client.poll_timeout().unwrap());
        asked +=
            std::iter::from_fn(|| client.poll_transmit()).filter(|t| matches!(t, client::Transmit::Binary(_))).count();
    }
    assert!(asked >= 3, "{asked}");
}

/// Fails if a client that leaves beats out gives a server up that it did not ask in time, because the interval is longer
/// than the timeout: the server may hear the client and have no reason to ask by itself.
#[test]
fn a_client_asks_before_the_timeout_however_long_the_interval() {
    for sees_pings in [false, true] {
        let mut client = quiet_client();
        let beat = |echo_ms| ServerFrame::Beat { echo_ms, heartbeat_ms: 60_000 };
        tell(&mut client, 50, &beat(0));
        if sees_pings {
            client.handle_input(60, client::Input::Ping(&[0; 16]));
        }
        let (mut now, mut silent) = (60, 0);
        while now < 3_600_000 {
            let due = client.poll_timeout().unwrap();
            (silent, now) = (due - now, due);
            client.handle_timeout(now);
            // On a slow link. What else is due by then comes first.
            now += 2_800;
            while let Some(at) = client.poll_timeout().filter(|at| *at <= now) {
                client.handle_timeout(at);
            }
            tell(&mut client, now, &beat(due));
            assert_eq!(client.state(), client::State::Active, "at {now}, pings seen: {sees_pings}");
        }
        assert!(silent > 15_000, "{silent}");
    }
}

/// Fails if the first beat of an interval that has become shorter comes before half of it.
#[test]
fn a_head_start_is_part_of_the_interval_as_it_is_now() {
    for seed in 0..50 {
        let mut client = Client::new(client::Config { mode: Mode::Adaptive, ..bsp_v1() }, position(), seed);
        client.connect(0);
        client.handle_input(0, client::Input::Opened);
        tell(&mut client, 0, &welcome(1, 1, 0));
        tell(&mut client, 50, &ServerFrame::Beat { echo_ms: 0, heartbeat_ms: 2_000 });
        let due = client.poll_timeout().unwrap();
        assert!((1_050..=2_050).contains(&due), "seed {seed}: {due}");
    }
}
