use std::sync::Arc;

use rolecall_dsl::Contract;

use super::*;
use crate::clock;
use crate::enforce::testing::{Doubles, compile};
use crate::ids::SessionId;
use crate::model::Rehearsal;
use crate::session::turn::Turns;
use crate::store::{InboxItem, MemoryStore, NewSession, Store};
use crate::telemetry::Metrics;

/// Answers every window alike.
struct Fixed(Vec<MergedGroup>);

#[async_trait]
impl Merger for Fixed {
    async fn merge(
        &self,
        _: &str,
        _: &Map<String, Value>,
        _: &[OfflineMessage],
    ) -> Result<Vec<MergedGroup>, CallError> {
        Ok(self.0.clone())
    }
}

fn group(members: &[usize], text: &str) -> MergedGroup {
    MergedGroup { members: members.to_vec(), text: Some(text.to_owned()) }
}

fn contract(rest: &str) -> Arc<Contract> {
    compile(&format!(
        "role clerk {{ version 1.0.0 language en persona \"p\" constraints {{ \
         secrets: forbidden_terms \"password\" {{ on_violation reject }} }} {rest} }}"
    ))
}

async fn house(groups: Vec<MergedGroup>) -> (Assembly, SessionId) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let id = SessionId::random().unwrap();
    let new = NewSession { id: id.clone(), role: "clerk".into(), user: String::new(), created_ms: 1 };
    store.create(new).await.unwrap();
    let metrics = Metrics::new().unwrap();
    let turns = Turns::with_judges(Arc::new(Rehearsal::default()), Arc::new(Doubles::default()), metrics.clone());
    (Assembly { store, merger: Arc::new(Fixed(groups)), turns, metrics }, id)
}

fn message(biz_id: &str, text: &str) -> OfflineMessage {
    OfflineMessage {
        biz_id: biz_id.into(),
        role: "support".into(),
        intent: String::new(),
        priority: 1,
        turn_id: 0,
        text: text.into(),
        created_at_ms: clock::unix_ms(),
    }
}

async fn post(assembly: &Assembly, id: &SessionId, biz_id: &str, text: &str) {
    assembly.store.enqueue(id, encode(&message(biz_id, text), u64::MAX)).await.unwrap();
}

fn texts(window: &Window) -> Vec<(Option<&str>, Vec<&str>)> {
    let mut seen = Vec::new();
    for out in &window.messages {
        let text = out.text.as_ref().map(|text| text.get().as_str());
        seen.push((text, out.parts.iter().map(String::as_str).collect()));
    }
    seen
}

// Fails when a plugin that leaves messages out, repeats or invents some makes them vanish or double.
#[tokio::test]
async fn groups_that_are_no_partition_are_not_used() {
    let merging = contract("delivery { policy \"digest\" }");
    for groups in [
        vec![],
        vec![group(&[0], "x")],
        vec![group(&[0, 1], "x"), group(&[1], "y")],
        vec![group(&[0, 1, 2], "x")],
        vec![group(&[0, 0], "x"), group(&[1], "y")],
    ] {
        let (assembly, id) = house(groups).await;
        post(&assembly, &id, "a", "One").await;
        post(&assembly, &id, "b", "Two").await;
        let window = assembly.window(&id, &merging).await.unwrap();
        assert_eq!(texts(&window), [(Some("One"), vec!["a"]), (Some("Two"), vec!["b"])]);
    }
}

// Fails when a notice is lost, or left unmerged, for the want of a reply's shape.
#[tokio::test]
async fn the_shape_of_a_reply_does_not_bind_a_notice() {
    let shaped = compile(
        "role clerk { version 1.0.0 language en persona \"p\" constraints { \
         max_sentences 1 required_terms \"Anything else?\" response_style question >= 50% \
         forbidden_terms \"password\" } fallback \"Anything else?\" delivery { policy \"digest\" } }",
    );
    let (assembly, id) = house(vec![group(&[0, 1], "Order 17 is packed. Order 18 is packed.")]).await;
    post(&assembly, &id, "a", "Order 17 is packed.").await;
    post(&assembly, &id, "b", "Order 18 is packed.").await;
    let window = assembly.window(&id, &shaped).await.unwrap();
    assert_eq!(texts(&window), [(Some("Order 17 is packed. Order 18 is packed."), vec!["a", "b"])]);
}

// Fails when a merged text that may not be said is said, or takes its parts with it.
#[tokio::test]
async fn a_merged_text_that_may_not_be_said_falls_back_to_its_parts() {
    let merging = contract("delivery { policy \"digest\" }");
    let huge = "x".repeat(item::TEXT_BYTES + 1);
    for text in ["", " \n", "the password", &huge] {
        let (assembly, id) = house(vec![group(&[1, 0], text)]).await;
        post(&assembly, &id, "a", "One").await;
        post(&assembly, &id, "b", "Two").await;
        let window = assembly.window(&id, &merging).await.unwrap();
        assert_eq!(texts(&window), [(Some("Two"), vec!["b"]), (Some("One"), vec!["a"])]);
    }
}

// Fails when a withheld message stays in the inbox for ever, or one that cannot be read blocks the others.
#[tokio::test]
async fn what_cannot_be_said_is_given_up_by_name() {
    let (assembly, id) = house(Vec::new()).await;
    post(&assembly, &id, "bad", "my password").await;
    let damaged = InboxItem { biz_id: "damaged".into(), bytes: vec![1, b'{'].into(), expires_ms: u64::MAX };
    assembly.store.enqueue(&id, damaged).await.unwrap();
    post(&assembly, &id, "good", "Hello").await;
    let window = assembly.window(&id, &contract("")).await.unwrap();
    assert_eq!(texts(&window), [(None, vec!["damaged"]), (None, vec!["bad"]), (Some("Hello"), vec!["good"])]);
    let outcomes = window.messages.iter().flat_map(|out| &out.counts).map(|count| count.outcome);
    assert_eq!(outcomes.collect::<Vec<_>>(), ["refused", "delivered"]);
    let metrics = assembly.metrics.render().unwrap();
    assert!(!metrics.contains("outcome=\"delivered\""), "nothing is committed yet: {metrics}");
}

// Fails when a window is not bounded in messages or bytes, or does not say that more waits.
#[tokio::test]
async fn windows_are_bounded() {
    let (assembly, id) = house(Vec::new()).await;
    for n in 0..WINDOW + 1 {
        post(&assembly, &id, &format!("m{n}"), "Hello").await;
    }
    let window = assembly.window(&id, &contract("")).await.unwrap();
    assert_eq!((window.messages.len(), window.more), (WINDOW, true));
    let (assembly, id) = house(Vec::new()).await;
    for n in 0..9 {
        post(&assembly, &id, &format!("m{n}"), &"字".repeat(20_000)).await;
    }
    let window = assembly.window(&id, &contract("")).await.unwrap();
    assert_eq!((window.messages.len(), window.more), (4, true));
}
