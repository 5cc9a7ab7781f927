//! Single rules of the client machine.

use rolecall_wire::client::{self, Client, Position, SendError};
use rolecall_wire::close::{self, Advice};
use rolecall_wire::codec;
use rolecall_wire::frame::{Body, ClientFrame, Hello, Message, Network, ServerFrame};

use crate::rules_server::{delta, welcome};
use crate::world::{World, bsp_v1, position};

fn client_at(position: Position) -> Client {
    let mut client = Client::new(bsp_v1(), position, 1);
    client.connect(0);
    client.handle_input(0, client::Input::Opened);
    while client.poll_transmit().is_some() {}
    client
}

fn tell(client: &mut Client, now: u64, frame: &ServerFrame) {
    client.handle_input(now, client::Input::Binary(&codec::encode_server(frame).unwrap()));
}

fn said(client: &mut Client) -> Vec<ClientFrame> {
    let sent = std::iter::from_fn(|| client.poll_transmit());
    let decoded = sent.filter_map(|t| match t {
        client::Transmit::Binary(b) => codec::decode_client(&b, 1 << 20).ok(),
        _ => None,
    });
    decoded.filter(|f| !matches!(f, ClientFrame::Beat { .. })).collect()
}

/// Fails if a Welcome that skips, repeats or belongs to another session is taken.
#[test]
fn a_wrong_welcome_stops_the_client() {
    let at_five = Position { last_seq: 5, epoch: 1, ..position() };
    let mut other = welcome(6, 6, 0);
    if let ServerFrame::Welcome { session_id, .. } = &mut other {
        *session_id = "s_2".into();
    }
    for wrong in [welcome(7, 9, 0), welcome(5, 9, 0), welcome(6, 5, 0), other, delta(6)] {
        let mut client = client_at(at_five.clone());
        tell(&mut client, 1, &wrong);
        assert_eq!(client.state(), client::State::Closed, "{wrong:?}");
    }
    let mut client = client_at(at_five);
    tell(&mut client, 1, &welcome(6, 9, 0));
    assert_eq!(client.state(), client::State::Active);
}

/// Fails if a repeat costs the connection or comes twice, or a hole is taken in any of its forms.
#[test]
fn repeats_are_dropped_and_holes_are_asked_for_again() {
    let holes: [ServerFrame; 4] = [
        delta(4),
        ServerFrame::Resumed { from: 1, to: 3 },
        ServerFrame::Skipped { from: 4, to: 9 },
        ServerFrame::Skipped { from: 3, to: 2 },
    ];
    for hole in holes {
        let mut client = client_at(position());
        tell(&mut client, 0, &welcome(1, 3, 0));
        for seq in [1, 2, 2, 1] {
            tell(&mut client, 1, &delta(seq));
        }
        let events = std::iter::from_fn(|| client.poll_event());
        assert_eq!(events.filter(|e| matches!(e, client::Event::Message(_))).count(), 2);
        assert_eq!(client.state(), client::State::Active);
        tell(&mut client, 2, &hole);
        assert_eq!(client.state(), client::State::Waiting, "{hole:?}");
        let left = std::iter::from_fn(|| client.poll_event()).last();
        assert!(matches!(left, Some(client::Event::Disconnected { code: close::SEQUENCE, .. })), "{hole:?}");
        client.handle_timeout(10_000);
        let again = std::iter::from_fn(|| client.poll_transmit()).last();
        assert!(matches!(again, Some(client::Transmit::Connect(Hello { last_seq: 2, .. }))), "{hole:?}");
    }
}

/// Fails if acknowledgements go out one by one, never, or run ahead of the application.
#[test]
fn acknowledgements_are_batched_and_follow_the_application() {
    let mut client = client_at(position());
    tell(&mut client, 0, &welcome(1, 1, 0));
    tell(&mut client, 0, &ServerFrame::Resumed { from: 1, to: 0 });
    for seq in 1..=20 {
        tell(&mut client, 1, &delta(seq));
    }
    client.processed(10, 15);
    assert_eq!(said(&mut client), []);
    client.handle_timeout(259);
    assert_eq!(said(&mut client), []);
    client.handle_timeout(260);
    assert_eq!(said(&mut client), [ClientFrame::Ack { seq: 15 }]);
    client.processed(300, 99);
    client.handle_timeout(600);
    assert_eq!(said(&mut client), [ClientFrame::Ack { seq: 20 }], "never above what was received");
    for seq in 21..=36 {
        tell(&mut client, 700, &delta(seq));
        client.processed(700, seq);
    }
    assert_eq!(said(&mut client), [ClientFrame::Ack { seq: 36 }]);
}

/// Fails if messages are numbered with holes, sent two at a time, before the replay, or a number
/// the server refused or never saw is not used again.
#[test]
fn messages_are_numbered_when_they_go() {
    let send = |client_seq, id: &str| ClientFrame::Send { id: id.into(), client_seq, text: "何如".into() };
    let mut client = client_at(position());
    for id in ["a", "b", "c"] {
        client.send(id, "何如").unwrap();
    }
    assert_eq!(client.send("b", "x"), Err(SendError::SameId("b".into())));
    assert!(matches!(client.send("", "x"), Err(SendError::Illegal(_))));
    tell(&mut client, 0, &welcome(1, 1, 4));
    assert_eq!(said(&mut client), []);
    tell(&mut client, 0, &ServerFrame::Resumed { from: 1, to: 0 });
    assert_eq!(said(&mut client), [send(5, "a")]);
    let busy = ServerFrame::Error { code: "busy".into(), message: String::new(), id: Some("a".into()) };
    tell(&mut client, 1, &busy);
    assert_eq!(said(&mut client), [send(5, "b")]);
    // The outcome is lost with the connection: the server has it.
    client.handle_input(2, client::Input::Gone);
    let at = client.poll_timeout().unwrap();
    client.handle_timeout(at);
    client.handle_input(at, client::Input::Opened);
    tell(&mut client, at, &welcome(1, 3, 5));
    let user = Body::User { id: "b".into(), text: "何如".into() };
    tell(&mut client, at, &ServerFrame::Message(Message { seq: 1, turn: 1, at_ms: 0, body: user }));
    tell(&mut client, at, &ServerFrame::Resumed { from: 1, to: 1 });
    assert_eq!(said(&mut client), [send(6, "c")]);
    // Another client without our memory used the number for something else.
    tell(&mut client, at, &ServerFrame::Accepted { id: "z".into(), client_seq: 6, seq: 1, duplicate: true });
    assert_eq!(said(&mut client), [send(7, "c")]);
    for n in 0..63 {
        client.send(&format!("q{n}"), "x").unwrap();
    }
    assert_eq!(client.send("one more", "x"), Err(SendError::Full(64)));
}

/// Fails if a network that changes while a socket is being opened is never told: the server would beat at the
/// pace of the old one.
#[test]
fn a_network_that_changes_before_the_welcome_is_told() {
    let told = |change: Option<Network>| {
        let mut client = client_at(position());
        change.into_iter().for_each(|network| client.set_network(0, network));
        tell(&mut client, 0, &welcome(1, 1, 0));
        let beats = std::iter::from_fn(|| client.poll_transmit()).filter_map(|transmit| match transmit {
            client::Transmit::Binary(bytes) => codec::decode_client(&bytes, 1 << 20).ok(),
            _ => None,
        });
        let networks: Vec<_> = beats
            .filter_map(|frame| if let ClientFrame::Beat { network, .. } = frame { Some(network) } else { None })
            .collect();
        networks
    };
    assert_eq!(told(Some(Network::TwoG)), [Some(Network::TwoG)]);
    assert_eq!(told(None), [None]);
}

/// Fails if a message is sent again while it is under way, because another one turned out to be committed: an
/// earlier process had sent that one, and died before it was saved.
#[test]
fn what_an_earlier_process_sent_does_not_interrupt_what_is_under_way() {
    let send = |client_seq| ClientFrame::Send { id: "a".into(), client_seq, text: "何如".into() };
    let user = Body::User { id: "b".into(), text: "何如".into() };
    let user = ServerFrame::Message(Message { seq: 1, turn: 1, at_ms: 0, body: user });
    let accepted = ServerFrame::Accepted { id: "b".into(), client_seq: 4, seq: 1, duplicate: true };
    for user_first in [true, false] {
        let mut client = client_at(position());
        for id in ["a", "b"] {
            client.send(id, "何如").unwrap();
        }
        // The commit of `b` is under way at the server: neither the Welcome nor the replay has it.
        tell(&mut client, 0, &welcome(1, 1, 3));
        tell(&mut client, 0, &ServerFrame::Resumed { from: 1, to: 0 });
        assert_eq!(said(&mut client), [send(4)]);
        let (first, second) = if user_first { (&user, &accepted) } else { (&accepted, &user) };
        tell(&mut client, 1, first);
        let early = said(&mut client);
        tell(&mut client, 2, second);
        let late = said(&mut client);
        assert_eq!([early, late].concat(), [send(5)], "user first: {user_first}");
        let settled = std::iter::from_fn(|| client.poll_event())
            .filter(|event| matches!(event, client::Event::Accepted { id, seq: 1 } if id == "b"));
        assert_eq!(settled.count(), 1);
    }
}

/// Fails if a number that the server lost with its tail leaves a hole that can never be filled.
#[test]
fn a_number_the_server_does_not_know_is_given_anew() {
    let waiting = client::Unaccepted { id: "a".into(), client_seq: Some(9), text: "何如".into() };
    let mut client = client_at(Position { next_client_seq: 10, unaccepted: vec![waiting], ..position() });
    tell(&mut client, 0, &welcome(1, 1, 4));
    tell(&mut client, 0, &ServerFrame::Resumed { from: 1, to: 0 });
    assert_eq!(said(&mut client), [ClientFrame::Send { id: "a".into(), client_seq: 5, text: "何如".into() }]);
}

/// Fails if a close code's advice is not followed, or `close` can be undone.
#[test]
fn the_client_follows_the_advice() {
    let ended = |input: client::Input<'_>| {
        let mut client = client_at(position());
        tell(&mut client, 0, &welcome(1, 1, 0));
        client.handle_input(1, input);
        (client.state(), std::iter::from_fn(|| client.poll_event()).last(), client.poll_timeout())
    };
    for code in [close::REPLACED, close::PROTOCOL, close::NORMAL, close::TOO_LARGE] {
        let (state, event, timer) = ended(client::Input::Closed { code });
        assert_eq!((state, timer), (client::State::Closed, None));
        assert!(matches!(event, Some(client::Event::Ended { advice: Advice::Stop, .. })), "{code}");
    }
    let (_, event, _) = ended(client::Input::Closed { code: close::TOKEN_EXPIRED });
    assert!(matches!(event, Some(client::Event::Ended { advice: Advice::Reauthenticate, .. })));
    let (state, _, timer) = ended(client::Input::Closed { code: close::RESTART });
    assert!(state == client::State::Waiting && timer.unwrap() <= 251);
    let (state, _, timer) = ended(client::Input::Closed { code: close::BUSY });
    assert!(state == client::State::Waiting && timer.unwrap() >= 1_001);

    let mut refused = Client::new(bsp_v1(), position(), 1);
    refused.connect(0);
    refused.handle_input(1, client::Input::Refused { status: 401 });
    assert_eq!(refused.state(), client::State::Closed);

    let mut world = World::new(1);
    world.run(1_000);
    world.client.close();
    world.run(100_000);
    assert_eq!((world.client.state(), world.connects), (client::State::Closed, 1));
}

/// Fails if a server that goes away is called before or long after the time it named.
#[test]
fn a_goaway_names_the_time_to_come_back() {
    let mut client = client_at(position());
    tell(&mut client, 0, &welcome(1, 1, 0));
    tell(&mut client, 100, &ServerFrame::Goaway { after_ms: 3_000 });
    client.handle_input(200, client::Input::Closed { code: close::RESTART });
    assert_eq!((client.state(), client.poll_timeout()), (client::State::Waiting, Some(3_100)));

    let mut client = client_at(position());
    tell(&mut client, 0, &welcome(1, 1, 0));
    tell(&mut client, 100, &ServerFrame::Goaway { after_ms: 3_000 });
    while client.poll_transmit().is_some() {}
    client.handle_timeout(3_100);
    assert!(matches!(client.poll_transmit(), Some(client::Transmit::Close { code: close::MIGRATE, .. })));
    client.handle_timeout(3_100);
    assert!(matches!(client.poll_transmit(), Some(client::Transmit::Connect(_))));
}

/// Fails if a server that goes silent keeps the client waiting, or one that only echoes beats is
/// taken for dead.
#[test]
fn a_silent_server_expires_for_the_client() {
    let mut world = World::new(5);
    world.run(120_000);
    assert_eq!(world.connects, 1, "an idle connection lives");
    assert!(world.client.rtt_ms().is_some());
    world.silent = true;
    let silent_since = world.now;
    while world.connects == 1 {
        world.step(1_000);
        assert!(world.now <= silent_since + 30_000 + 500);
    }
    world.run(2_000);
    assert_eq!(world.client.state(), client::State::Active);
}

/// Fails if a message is queued that can never be sent, because JSON writes it six times as long.
#[test]
fn a_message_too_long_as_json_is_refused_at_once() {
    let text = "\u{1}".repeat(64 * 1024);
    let json = client::Config { encoding: client::Encoding::JsonV1, ..client::Config::default() };
    let mut client = Client::new(json, position(), 1);
    assert!(matches!(client.send("a", &text), Err(SendError::Illegal(_))));
    assert_eq!((client.unaccepted(), client.send("b", &"\u{1}".repeat(40_000))), (0, Ok(())));
    let mut client = client_at(position());
    assert_eq!(client.send("a", &text), Ok(()));
}

/// Fails if a message whose outcome is forgotten is taken for accepted, or its number is used again.
#[test]
fn a_forgotten_number_is_refused_and_stays_used() {
    let waiting = client::Unaccepted { id: "old".into(), client_seq: Some(3), text: "Old?".into() };
    let mut client = client_at(Position { next_client_seq: 4, unaccepted: vec![waiting], ..position() });
    tell(&mut client, 1, &welcome(1, 1, 900));
    tell(&mut client, 1, &ServerFrame::Resumed { from: 1, to: 0 });
    client.send("new", "New?").unwrap();
    assert!(matches!(&said(&mut client)[..], [ClientFrame::Send { client_seq: 3, .. }]));
    let error = ServerFrame::Error { code: "client_seq_forgotten".into(), message: "m".into(), id: Some("old".into()) };
    tell(&mut client, 2, &error);
    let refused = std::iter::from_fn(|| client.poll_event())
        .any(|event| matches!(event, client::Event::Refused { id, code, .. } if id == "old" && code == "client_seq_forgotten"));
    assert!(refused);
    assert!(matches!(&said(&mut client)[..], [ClientFrame::Send { client_seq: 901, id, .. }] if id == "new"));
}
