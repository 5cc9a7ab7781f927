//! Single rules of the server machine.

use rolecall_wire::close;
use rolecall_wire::codec;
use rolecall_wire::frame::{Body, ClientFrame, Hello, Message, Network, ServerFrame};
use rolecall_wire::heartbeat::Table;
use rolecall_wire::server::{Config, Encoding, Event, Input, Server, State, Transmit};

fn hello(network: Network) -> Hello {
    Hello { token: "t".into(), network, ..Hello::default() }
}

pub(crate) fn welcome(resume_from: u64, next_seq: u64, client_seq: u64) -> ServerFrame {
    ServerFrame::Welcome {
        session_id: "s_1".into(),
        role: "scholar".into(),
        epoch: 1,
        next_seq,
        resume_from,
        client_seq,
        heartbeat_ms: 8_000,
        timeout_ms: 30_000,
    }
}

pub(crate) fn delta(seq: u64) -> ServerFrame {
    ServerFrame::Message(Message { seq, turn: 1, at_ms: 0, body: Body::Delta { text: "曰".into() } })
}

fn active(network: Network) -> Server {
    let mut server = Server::new(Config::default(), Encoding::BspV1, &hello(network), 1_000);
    server.send(1_000, &welcome(1, 1, 0));
    server
}

fn give(server: &mut Server, now: u64, frame: &ClientFrame) {
    server.handle_input(now, Input::Binary(&codec::encode_client(frame).unwrap()));
}

fn events(server: &mut Server) -> Vec<Event> {
    std::iter::from_fn(|| server.poll_event()).collect()
}

fn transmits(server: &mut Server) -> Vec<Transmit> {
    std::iter::from_fn(|| server.poll_transmit()).collect()
}

fn frames(server: &mut Server) -> Vec<ServerFrame> {
    let sent = transmits(server).into_iter();
    sent.filter_map(|t| if let Transmit::Binary(b) = t { codec::decode_server(&b, 1 << 20).ok() } else { None })
        .collect()
}

fn close_code(server: &mut Server) -> Option<u16> {
    transmits(server).into_iter().find_map(|t| if let Transmit::Close { code, .. } = t { Some(code) } else { None })
}

/// Fails if a silent peer outlives the timeout, on any network type, or is not probed before.
#[test]
fn a_silent_peer_expires() {
    let networks = [Network::FourG, Network::ThreeG, Network::TwoG, Network::SlowTwoG, Network::Other];
    for network in networks {
        let mut server = active(network);
        transmits(&mut server);
        let mut pings = 0;
        while let Some(at) = server.poll_timeout() {
            assert!(at <= 31_000, "{network:?}");
            server.handle_timeout(at);
            pings += transmits(&mut server).iter().filter(|t| matches!(t, Transmit::Ping(_))).count();
        }
        assert!(pings > 0, "{network:?}");
        assert_eq!(server.state(), State::Expired);
        assert!(matches!(events(&mut server)[..], [Event::Ended { code: close::EXPIRED, .. }]));
        server.handle_input(40_000, Input::Gone);
        assert_eq!(server.state(), State::Closed);
    }
}

/// Fails if a healthy peer on a slow network is expired because the table's interval is longer
/// than the timeout, or if only some kinds of input count as life.
#[test]
fn a_peer_that_only_answers_pings_lives() {
    for network in [Network::FourG, Network::SlowTwoG] {
        let mut server = active(network);
        for _ in 0..200 {
            let answers: Vec<_> = transmits(&mut server);
            let now = server.poll_timeout().unwrap();
            for ping in answers {
                if let Transmit::Ping(payload) = ping {
                    server.handle_input(now - 1, Input::Pong(&payload));
                }
            }
            server.handle_timeout(now);
        }
        assert_eq!(server.state(), State::Active, "{network:?}");
    }
}

/// Fails if a client can fake its round trip, measure one twice, or a stale echo counts.
#[test]
fn only_the_echo_of_a_ping_under_way_measures() {
    let mut server = active(Network::FourG);
    let pings: Vec<_> = transmits(&mut server);
    let Some(Transmit::Ping(payload)) = pings.last() else { panic!("no Ping behind the Welcome") };
    assert_eq!(payload.len(), 16);
    let mut forged = payload.to_vec();
    forged[7] ^= 1;
    server.handle_input(1_050, Input::Pong(&forged));
    server.handle_input(1_050, Input::Pong(&[]));
    server.handle_input(1_050, Input::Pong(&[0; 125]));
    assert_eq!(events(&mut server), []);
    server.handle_input(1_070, Input::Pong(payload));
    server.handle_input(1_080, Input::Pong(payload));
    assert_eq!(events(&mut server), [Event::Rtt { rtt_ms: 70 }]);
}

/// Fails if the interval does not follow the network type and the round trips, or a contract's
/// heartbeat does not override the table.
#[test]
fn the_interval_adapts() {
    let mut server = active(Network::FourG);
    assert_eq!(server.heartbeat_ms(), 8_000);
    let mut now = 1_000;
    for rtt in [20, 50, 260] {
        let payload = transmits(&mut server).into_iter().rev().find_map(|t| match t {
            Transmit::Ping(payload) => Some(payload),
            _ => None,
        });
        server.handle_input(now + rtt, Input::Pong(&payload.unwrap()));
        now += 8_000;
        server.handle_timeout(now);
    }
    assert_eq!(server.heartbeat_ms(), 14_400);
    transmits(&mut server);
    events(&mut server);
    let beat = ClientFrame::Beat { ack: 0, sent_ms: 77, network: Some(Network::ThreeG) };
    give(&mut server, now, &beat);
    assert_eq!(events(&mut server), [Event::Network(Network::ThreeG)]);
    assert_eq!(frames(&mut server), [ServerFrame::Beat { echo_ms: 77, heartbeat_ms: 15_000 }]);

    let config = Config { heartbeat_ms: Some(3_000), ..Config::default() };
    let mut server = Server::new(config, Encoding::BspV1, &hello(Network::SlowTwoG), 0);
    server.send(0, &welcome(1, 1, 0));
    let ServerFrame::Welcome { heartbeat_ms, .. } = frames(&mut server)[0] else { panic!() };
    assert_eq!(heartbeat_ms, 3_000);

    let table = Table { four_g: 6_000, slow_two_g: 90_000, floor: 1_000, ..Table::default() };
    let mut server = Server::new(Config { table, ..Config::default() }, Encoding::BspV1, &hello(Network::FourG), 0);
    assert_eq!(server.heartbeat_ms(), 6_000, "before the welcome");
    server.send(0, &welcome(1, 1, 0));
    assert_eq!(server.heartbeat_ms(), 6_000);
    let beat = ClientFrame::Beat { ack: 0, sent_ms: 1, network: Some(Network::SlowTwoG) };
    give(&mut server, 10, &beat);
    assert_eq!(server.heartbeat_ms(), 90_000);
}

/// Fails if what a client may not do passes, or closes with a code of another class.
#[test]
fn faults_of_the_client_close_with_their_code() {
    let send = |client_seq, id: &str, text: &str| ClientFrame::Send { id: id.into(), client_seq, text: text.into() };
    let faults = [
        (ClientFrame::Ack { seq: 1 }, close::PROTOCOL),
        (ClientFrame::Beat { ack: 9, sent_ms: 0, network: None }, close::PROTOCOL),
        (send(0, "a", "b"), close::PROTOCOL),
        (send(1, "", "b"), close::PROTOCOL),
        (send(1, &"x".repeat(65), "b"), close::PROTOCOL),
        (send(1, "a", ""), close::PROTOCOL),
        (send(1, "a", &"字".repeat(30_000)), close::PROTOCOL),
    ];
    for (frame, code) in faults {
        let mut server = active(Network::Other);
        give(&mut server, 1_001, &frame);
        assert_eq!(close_code(&mut server), Some(code), "{frame:?}");
        assert!(matches!(events(&mut server)[..], [Event::Ended { code: c, .. }] if c == code));
        give(&mut server, 1_002, &ClientFrame::Cancel { turn: 1 });
        assert_eq!((events(&mut server), transmits(&mut server)), (vec![], vec![]), "nothing follows the end");
    }

    let mut early = Server::new(Config::default(), Encoding::BspV1, &hello(Network::Other), 0);
    give(&mut early, 1, &ClientFrame::Cancel { turn: 1 });
    assert_eq!(close_code(&mut early), Some(close::PROTOCOL));

    let mut server = active(Network::Other);
    server.handle_input(1_001, Input::Text("{}"));
    assert_eq!(close_code(&mut server), Some(close::BAD_FRAME));
    let mut server = active(Network::Other);
    server.handle_input(1_001, Input::Binary(&[0x42, 0x53, 2, 0, 0, 0, 0]));
    assert_eq!(close_code(&mut server), Some(close::BAD_VERSION));
    let mut server = active(Network::Other);
    server.handle_input(1_001, Input::Binary(&[0x42, 0x53, 1, 0xff, 0, 0, 0]));
    assert_eq!(close_code(&mut server), Some(close::TOO_LARGE));

    let mut server = active(Network::Other);
    let flood = (0..1_000).find(|_| {
        give(&mut server, 1_001, &ClientFrame::Ack { seq: 0 });
        server.state() == State::Closed
    });
    assert_eq!(flood, Some(200));
    assert_eq!(close_code(&mut server), Some(close::TOO_MANY_FRAMES));
}

/// Fails if a client that is shown a long log, and acknowledges it as it must, counts as a flood; or if saying the same
/// again does not.
#[test]
fn acknowledgements_of_what_was_sent_are_no_flood() {
    let mut server = active(Network::Other);
    // Nothing is left of what else may be sent.
    (0..200).for_each(|_| give(&mut server, 1_001, &ClientFrame::Ack { seq: 0 }));
    for seq in 1..=1_000 {
        let body = Body::Delta { text: "话".into() };
        server.send(1_001, &ServerFrame::Message(Message { seq, turn: 1, at_ms: 1, body }));
        give(&mut server, 1_001, &ClientFrame::Ack { seq });
        while server.poll_transmit().is_some() {}
        while server.poll_event().is_some() {}
        assert_eq!((server.state(), server.acked()), (State::Active, seq));
    }
    give(&mut server, 1_001, &ClientFrame::Ack { seq: 1_000 });
    assert_eq!(close_code(&mut server), Some(close::TOO_MANY_FRAMES));
}

/// Fails if a hole in the log, however large, lets a client send as many frames as it has numbers.
#[test]
fn acknowledgements_of_what_was_skipped_count() {
    let mut server = active(Network::Other);
    server.send(1_001, &ServerFrame::Skipped { from: 1, to: 1_000_000 });
    let flood = (1..1_000).find(|seq| {
        give(&mut server, 1_001, &ClientFrame::Ack { seq: *seq });
        server.state() == State::Closed
    });
    assert_eq!(flood, Some(201));
}

/// Fails if our own side can show a client a hole, or greet it twice or late.
#[test]
fn the_server_cannot_send_a_hole() {
    let wrong: [fn(&mut Server); 5] = [
        |s| s.send(0, &delta(2)),
        |s| s.send(0, &welcome(1, 1, 0)),
        |s| (s.send(0, &delta(1)), s.send(0, &delta(1))).1,
        |s| s.send(0, &ServerFrame::Skipped { from: 2, to: 5 }),
        |s| s.send(0, &ServerFrame::Skipped { from: 1, to: 0 }),
    ];
    for wrong in wrong {
        let mut server = active(Network::Other);
        wrong(&mut server);
        assert_eq!(close_code(&mut server), Some(close::INTERNAL));
    }
    let mut server = Server::new(Config::default(), Encoding::BspV1, &hello(Network::Other), 0);
    server.send(0, &delta(1));
    assert_eq!(close_code(&mut server), Some(close::INTERNAL));

    let mut server = active(Network::Other);
    server.send(0, &delta(1));
    server.send(0, &ServerFrame::Skipped { from: 2, to: 5 });
    server.send(0, &delta(6));
    give(&mut server, 1_001, &ClientFrame::Ack { seq: 6 });
    give(&mut server, 1_001, &ClientFrame::Ack { seq: 3 });
    assert_eq!(events(&mut server), [Event::Frame(ClientFrame::Ack { seq: 6 })]);
    assert_eq!(server.acked(), 6);
}

/// Fails if JSON connections speak anything but JSON text.
#[test]
fn json_connections_speak_text() {
    let mut server = Server::new(Config::default(), Encoding::JsonV1, &hello(Network::FourG), 0);
    server.send(0, &welcome(1, 1, 0));
    let Some(Transmit::Text(text)) = server.poll_transmit() else { panic!("not text") };
    assert!(text.starts_with(r#"{"type":"welcome","session_id":"s_1""#), "{text}");
    server.handle_input(1, Input::Text(r#"{"type":"send","id":"a","client_seq":1,"text":"你好"}"#));
    let expected = ClientFrame::Send { id: "a".into(), client_seq: 1, text: "你好".into() };
    assert_eq!(events(&mut server), [Event::Frame(expected)]);
    server.handle_input(1, Input::Text(r#"{"type":"send","id":"a"}"#));
    assert_eq!(close_code(&mut server), Some(close::BAD_FRAME));
}

/// Fails if a message larger than any frame ends the connection: the client would come back to it for ever.
#[test]
fn a_message_that_no_frame_carries_is_skipped_by_name() {
    let reply =
        |seq: u64, text: String| ServerFrame::Message(Message { seq, turn: 1, at_ms: 0, body: Body::Delta { text } });
    for (encoding, text) in [(Encoding::BspV1, "h".repeat(9 << 20)), (Encoding::JsonV1, "\u{1}".repeat(3 << 19))] {
        let mut server = Server::new(Config::default(), encoding, &hello(Network::Other), 1_000);
        server.send(1_000, &welcome(1, 4, 0));
        transmits(&mut server);
        for frame in [delta(1), reply(2, text), delta(3)] {
            server.send(1_001, &frame);
        }
        let sent: Vec<ServerFrame> = transmits(&mut server)
            .into_iter()
            .map(|transmit| match transmit {
                Transmit::Binary(bytes) => codec::decode_server(&bytes, 1 << 20).unwrap(),
                Transmit::Text(text) => codec::from_json(&text, 1 << 20).unwrap(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(sent, [delta(1), ServerFrame::Skipped { from: 2, to: 2 }, delta(3)]);
        assert!(matches!(events(&mut server)[..], [Event::Unsendable { seq: 2, .. }]));
    }
}

/// Fails if a client's window does not bound what is under way, if a skip uses it up, or if a client that takes
/// nothing keeps its connection for ever.
#[test]
fn a_window_bounds_what_is_under_way() {
    let hello = Hello { window: 3, ..hello(Network::FourG) };
    let mut server = Server::new(Config { slow_ms: 5_000, ..Config::default() }, Encoding::BspV1, &hello, 0);
    assert_eq!(server.room(), 0, "nothing before the Welcome");
    server.send(0, &welcome(1, 1, 0));
    assert_eq!(server.room(), 3);
    server.send(0, &ServerFrame::Skipped { from: 1, to: 1_000 });
    assert_eq!(server.room(), 3, "numbers that never come are not under way");
    for (seq, left) in [(1_001, 2), (1_002, 1), (1_003, 0)] {
        server.send(1_000, &delta(seq));
        assert_eq!(server.room(), left);
    }
    give(&mut server, 4_000, &ClientFrame::Ack { seq: 1_001 });
    assert_eq!(server.room(), 1);
    server.handle_timeout(7_000);
    assert_eq!(server.state(), State::Active, "an acknowledgement ends the wait");
    server.send(8_000, &delta(1_004));
    server.handle_timeout(12_999);
    assert_eq!(close_code(&mut server), None);
    server.handle_timeout(13_000);
    assert_eq!((close_code(&mut server), server.state(), server.room()), (Some(close::SLOW), State::Closed, 0));
}

/// Fails if a client without a window is held back.
#[test]
fn without_a_window_everything_goes() {
    let mut server = active(Network::FourG);
    (1..=5_000).for_each(|seq| server.send(1_000, &delta(seq)));
    assert!(server.room() > 1 << 40);
}
