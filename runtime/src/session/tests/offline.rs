use super::*;

const MERGING: &str = "role clerk { version 1.0.0 language en persona \"p\" \
    constraints { max_sentences 3 secrets: forbidden_terms \"password\" { on_violation reject } } \
    fallback \"Something came that I cannot repeat.\" delivery { policy \"digest\" } }";

fn message(biz_id: &str, text: &str) -> OfflineMessage {
    OfflineMessage {
        biz_id: biz_id.into(),
        role: "support".into(),
        intent: "order".into(),
        priority: 1,
        turn_id: 0,
        text: text.into(),
        created_at_ms: clock::unix_ms(),
    }
}

fn merging(merges: bool) -> House {
    House::on(Arc::new(MemoryStore::new()), &[], MERGING, merges)
}

fn delivery(message: &Message) -> (&str, Vec<&str>) {
    match &message.body {
        Body::Delivery { text, intent, parts } => {
            assert_eq!(intent, "order");
            (text, parts.iter().map(String::as_str).collect())
        }
        other => panic!("{other:?}"),
    }
}

// Fails when what waited is lost, said twice, not merged, or does not name its parts.
#[tokio::test]
async fn what_waited_is_merged_and_said_once() {
    let house = merging(true);
    let id = house.session().await;
    for (biz_id, text) in [("a", "Packed"), ("b", "Shipped"), ("c", "送达")] {
        assert_eq!(house.sessions.post(&id, message(biz_id, text)).await.unwrap(), Posted::Queued);
    }
    assert_eq!(house.sessions.post(&id, message("b", "Shipped")).await.unwrap(), Posted::Waiting);
    let mut client = house.attach(&id, 0).await;
    let said = client.next().await;
    assert_eq!(delivery(&said), ("Packed + Shipped + 送达", vec!["a", "b", "c"]));
    assert_eq!(house.sessions.post(&id, message("c", "送达")).await.unwrap(), Posted::Delivered(said.seq));
    drop(client);
    let mut client = house.attach(&id, 0).await;
    assert_eq!(client.next().await, said);
    assert_eq!(house.log(&id).await.len(), 1);
    house.end().await;
}

// Fails when a failing plugin loses messages.
#[tokio::test]
async fn a_failing_merge_delivers_one_by_one() {
    let house = merging(false);
    let id = house.session().await;
    for n in 0..60 {
        house.sessions.post(&id, message(&format!("m{n}"), "News.")).await.unwrap();
    }
    let mut client = house.attach(&id, 0).await;
    for n in 0..60 {
        assert_eq!(delivery(&client.next().await), ("News.", vec![format!("m{n}").as_str()]));
    }
    house.end().await;
}

// Fails when a text that breaks the contract is said, or its message vanishes without a word.
#[tokio::test]
async fn the_contract_judges_what_is_delivered() {
    let house = merging(true);
    let id = house.session().await;
    for (biz_id, text) in [("a", "Your password is 1234."), ("b", "Shipped.")] {
        house.sessions.post(&id, message(biz_id, text)).await.unwrap();
    }
    let mut client = house.attach(&id, 0).await;
    assert_eq!(delivery(&client.next().await), ("Something came that I cannot repeat.", vec!["a"]));
    assert_eq!(delivery(&client.next().await), ("Shipped.", vec!["b"]));
    assert!(matches!(house.sessions.post(&id, message("a", "again")).await.unwrap(), Posted::Delivered(1)));
}

// Fails when a message that would be said as it is and breaks the contract is taken, or one that was taken before is answered
// otherwise when it is posted again.
#[tokio::test]
async fn without_a_merge_a_bad_message_is_refused_at_once() {
    let house = House::new(&[]);
    let id = house.session().await;
    let refused = house.sessions.post(&id, message("a", "Your password is 1234.")).await.unwrap_err();
    assert_eq!((refused.status(), refused.code()), (422, "contract_violation"));
    let told = refused.to_string();
    assert!(told.contains("secrets") && !told.contains("password"), "the rule, not what it forbids: {told}");
    let refused = house.sessions.post(&id, message("", "x")).await.unwrap_err();
    assert_eq!(refused.code(), "message_malformed");
    assert_eq!(house.sessions.post(&id, message("a", "Your parcel came.")).await.unwrap(), Posted::Queued);
    let again = || house.sessions.post(&id, message("a", "Your password is 1234."));
    assert_eq!(again().await.unwrap(), Posted::Waiting);
    assert_eq!(delivery(&house.attach(&id, 0).await.next().await), ("Your parcel came.", vec!["a"]));
    assert_eq!(again().await.unwrap(), Posted::Delivered(1));
}

// Fails when a message posted while the client is there waits for the next resume, or an urgent one
// for the others.
#[tokio::test(start_paused = true)]
async fn messages_come_while_the_client_is_there() {
    let house = merging(true);
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    house.sessions.post(&id, message("a", "One")).await.unwrap();
    house.sessions.post(&id, message("b", "Two")).await.unwrap();
    assert_eq!(delivery(&client.next().await), ("One + Two", vec!["a", "b"]));
    house.sessions.post(&id, message("c", "Soon")).await.unwrap();
    let urgent = OfflineMessage { priority: 2, ..message("d", "Now") };
    let before = clock::monotonic_ms();
    house.sessions.post(&id, urgent).await.unwrap();
    assert_eq!(delivery(&client.next().await).1, ["c", "d"]);
    assert_eq!(clock::monotonic_ms(), before, "nobody waited for a window");
}
