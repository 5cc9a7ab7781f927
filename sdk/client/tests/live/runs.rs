//! What an application sees.

use std::time::Duration;

use rolecall_client::{Advice, Body, Client, Encoding, Error, Event, Outcome, Saved, Session, State};

use crate::server::TestServer;

/// No wait of these tests is longer.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.unwrap()
}

async fn next(session: &Session) -> Event {
    soon(session.next_event()).await.unwrap()
}

/// Events up to the end of a reply.
async fn until_reply(session: &Session) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let event = next(session).await;
        let end = matches!(&event, Event::Message(m) if matches!(m.body, Body::Reply { .. }));
        events.push(event);
        if end {
            return events;
        }
    }
}

async fn until(session: &Session, mut wanted: impl FnMut(&Event) -> bool) -> Event {
    loop {
        let event = next(session).await;
        if wanted(&event) {
            return event;
        }
    }
}

fn seqs(events: &[Event]) -> Vec<u64> {
    events.iter().filter_map(Event::seq).collect()
}

async fn open(server: &TestServer) -> Session {
    Client::builder(&server.url).build().unwrap().create_session("scholar").await.unwrap()
}

/// Fails if the plain way does not work, in either encoding.
#[tokio::test]
async fn a_reply_streams() {
    for encoding in [Encoding::BspV1, Encoding::JsonV1] {
        let server = TestServer::start().await;
        let client = Client::builder(format!("{}/", server.url)).encoding(encoding).api_key("k").build().unwrap();
        let session = client.create_session("scholar").await.unwrap();
        assert_eq!(soon(session.send("秦何以并天下?")).await.unwrap(), 1);
        let events = until_reply(&session).await;
        assert_eq!(seqs(&events), (1..=8).collect::<Vec<_>>());
        let deltas =
            events.iter().filter_map(|e| if let Event::ReplyDelta { text, .. } = e { Some(&**text) } else { None });
        let said: String = deltas.collect();
        let Some(Event::Message(last)) = events.last() else { panic!("no reply") };
        assert!(matches!(&last.body, Body::Reply { text, outcome: Outcome::Complete, .. } if *text == said));
        assert!(matches!(&events[0], Event::Connected { resumed: false, from: 1, gap: 0, .. }));
        let status = session.status();
        assert_eq!((status.state, status.last_seq, status.epoch, status.unaccepted), (State::Active, 8, 1, 0));
        soon(async {
            while session.status().rtt.is_none() || server.session.lock().unwrap().acked < 8 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

/// Fails if a connection cut in the middle of a reply loses or repeats a piece, or the application
/// is not told.
#[tokio::test]
async fn a_cut_in_the_middle_of_a_reply_loses_nothing() {
    let server = TestServer::start().await;
    let session = open(&server).await;
    let mut all = Vec::new();
    for round in 0..3u64 {
        session.send("再问").await.unwrap();
        until(&session, |e| {
            all.extend(e.seq());
            matches!(e, Event::ReplyDelta { .. })
        })
        .await;
        session.drop_connection().await.unwrap();
        let events = until_reply(&session).await;
        all.extend(seqs(&events));
        assert!(events.iter().any(|e| matches!(e, Event::Disconnected { code: 1006, .. })), "{round}: {events:?}");
        assert!(events.iter().any(|e| matches!(e, Event::Connected { resumed: true, .. })), "{round}: {events:?}");
    }
    assert_eq!(all, (1..=24).collect::<Vec<_>>());
}

/// Fails if a message whose answer was lost with the connection is said twice, or never accepted.
#[tokio::test]
async fn an_answer_lost_on_the_way_does_not_double_the_message() {
    let server = TestServer::start().await;
    let session = open(&server).await;
    server.session.lock().unwrap().lose_answer = true;
    assert_eq!(soon(session.send("唯一")).await.unwrap(), 1);
    until_reply(&session).await;
    assert_eq!(session.send("又一").await.unwrap(), 9);
    let said = server.session.lock().unwrap().log.iter().filter(|m| matches!(m.body, Body::User { .. })).count();
    assert_eq!(said, 2);
}

/// Fails if a refused message is not told with its code, or spoils the numbers of later ones.
#[tokio::test]
async fn a_refused_message_is_told() {
    let server = TestServer::start().await;
    let session = open(&server).await;
    match soon(session.send("busy")).await {
        Err(Error::Refused { code, .. }) => assert_eq!(code, "busy"),
        other => panic!("{other:?}"),
    }
    assert_eq!(soon(session.send("now")).await.unwrap(), 1);
    assert!(matches!(session.send("").await, Err(Error::Send(_))));
}

/// Fails if a saved session loses or repeats what the first process had not processed.
#[tokio::test]
async fn another_process_goes_on_from_what_was_saved() {
    let server = TestServer::start().await;
    let session = open(&server).await;
    session.send("问").await.unwrap();
    let mut all = Vec::new();
    while all.len() < 4 {
        all.extend(next(&session).await.seq());
    }
    let saved = serde_json::to_string(&session.saved()).unwrap();
    drop(session);
    let saved: Saved = serde_json::from_str(&saved).unwrap();
    assert_eq!(saved.position.last_seq, 4);
    let session = Session::resume(saved).unwrap();
    assert!(matches!(next(&session).await, Event::Connected { resumed: true, from: 5, .. }));
    all.extend(seqs(&until_reply(&session).await));
    assert_eq!(all, (1..=8).collect::<Vec<_>>());
    assert_eq!(session.send("又").await.unwrap(), 9);
}

/// Fails if an application that does not read makes the client hold everything, or loses
/// something by not reading.
#[tokio::test]
async fn events_nobody_reads_stay_on_the_server() {
    let server = TestServer::start().await;
    for _ in 0..5_000 {
        server.commit(Body::Delta { text: "长".repeat(400) });
    }
    let session = open(&server).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let held = session.status().last_seq;
    assert!(held <= 256, "{held} messages are held");
    for expected in 1..=5_000 {
        let event = until(&session, |e| e.seq().is_some()).await;
        assert_eq!(event.seq(), Some(expected));
    }
}

/// Fails if a close code or a refused upgrade is not followed by what it advises.
#[tokio::test]
async fn codes_and_statuses_are_followed() {
    let server = TestServer::start().await;
    server.session.lock().unwrap().refuse = vec![503];
    let session = open(&server).await;
    assert!(matches!(next(&session).await, Event::Disconnected { code: 1013, .. }));
    assert!(matches!(next(&session).await, Event::Connected { .. }));
    let saved = session.saved();
    drop(session);

    server.session.lock().unwrap().close_with = Some(4000);
    let session = Session::resume(saved.clone()).unwrap();
    until(&session, |e| matches!(e, Event::Disconnected { code: 4000, .. })).await;
    until(&session, |e| matches!(e, Event::Connected { .. })).await;
    drop(session);

    server.session.lock().unwrap().close_with = Some(4304);
    let session = Session::resume(saved.clone()).unwrap();
    until(&session, |e| matches!(e, Event::Ended { code: 4304, advice: Advice::Stop, .. })).await;
    assert_eq!(soon(session.next_event()).await, None);
    assert!(matches!(soon(session.send("x")).await, Err(Error::Ended)));

    let mut stolen = saved;
    stolen.position.token = "stolen".into();
    let session = Session::resume(stolen).unwrap();
    let end = next(&session).await;
    assert!(matches!(end, Event::Ended { advice: Advice::Reauthenticate, .. }), "{end:?}");
}

/// Fails if `close` does not end the task, or anything brings the connection back.
#[tokio::test]
async fn close_is_final() {
    let server = TestServer::start().await;
    let session = open(&server).await;
    until(&session, |e| matches!(e, Event::CaughtUp { .. })).await;
    soon(session.close()).await;
    assert_eq!(session.status().state, State::Closed);
    let end = until(&session, |e| matches!(e, Event::Ended { .. })).await;
    assert!(matches!(end, Event::Ended { code: 1000, .. }));
    assert_eq!(soon(session.next_event()).await, None);
    assert!(session.drop_connection().await.is_err());
    assert_eq!(server.session.lock().unwrap().upgrades.len(), 1);
}

/// Fails if a refusal or an unreachable server is not told apart, with the server's own words.
#[tokio::test]
async fn errors_name_what_happened() {
    let server = TestServer::start().await;
    let client = Client::builder(&server.url).build().unwrap();
    match client.create_session("nobody").await {
        Err(Error::Refused { status: 404, code, message }) => {
            assert_eq!((code.as_str(), message.as_str()), ("unknown_role", "no role nobody"));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(Client::builder("127.0.0.1:1").build(), Err(Error::Url { .. })));
    let nobody = Client::builder("http://127.0.0.1:1").build().unwrap();
    assert!(matches!(nobody.create_session("x").await, Err(Error::Transport { .. })));
    let saved = Saved { ws_url: "nonsense".into(), position: open(&server).await.saved().position };
    assert!(matches!(Session::resume(saved), Err(Error::Url { .. })));
}
