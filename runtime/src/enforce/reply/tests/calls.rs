//! Answers that call tools: what is asked of the text beside them, and of the next answer.

use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_wire::frame::Outcome;

use crate::enforce::reply::{Called, End, ReplyStream};
use crate::enforce::testing::{Doubles, role};
use crate::enforce::{CallPiece, Calls, Offer, ToolChoice, Tools};
use crate::telemetry::Metrics;

/// A call whose arguments are these.
fn note(arguments: &str) -> Calls {
    let offer = Offer { name: "note".to_owned(), ..Offer::default() };
    let mut calls = Calls::of(&Tools::new(vec![offer], ToolChoice::Auto, None).unwrap());
    let (id, name) = (Some("a".to_owned()), Some("note".to_owned()));
    assert!(calls.take(CallPiece { index: Some(0), id, name, arguments: arguments.to_owned() }));
    calls
}

fn asker() -> Arc<Contract> {
    role("zh", "response_style 反问句 >= 40%", "fallback \"难道不是吗？\"")
}

fn reply(contract: &Arc<Contract>) -> ReplyStream {
    ReplyStream::new(contract, Arc::new(Doubles::default()), Metrics::new().unwrap(), "")
}

/// Fails when a text goes out as the whole reply, because the token limit has cut its only call, although no
/// reply may end so.
#[tokio::test]
async fn a_text_whose_call_was_cut_is_judged_to_its_end() {
    // Mode *Sentence* lets the text out in front of a call; mode *Full* drops it.
    for contract in [asker(), role("zh", "response_style 反问句 >= 40%", "")] {
        judged_to_its_end(&contract).await;
    }
}

async fn judged_to_its_end(contract: &Arc<Contract>) {
    let mut reply = reply(contract);
    for attempt in 0..10 {
        let _ = reply.push("我看看。").await;
        match reply.end_with_calls(note("{\"a\":"), true).await {
            Ok(called) => panic!("{called:?}"),
            Err(End::Retry { additions, .. }) => {
                assert!(!additions.calling && !additions.broken.is_empty(), "{attempt}: {additions:?}");
            }
            Err(End::Done { outcome, .. }) => {
                let text = reply.text().into_inner();
                assert!(outcome == Outcome::Refused || contract.program.check(&text).passes(), "{outcome:?} {text}");
                assert!(attempt > 0, "the model was not asked again");
                return;
            }
        }
    }
    panic!("more than ten attempts");
}

/// Fails when a whole call does not go out because its text is no whole reply, or a cut one is more than the
/// end at the limit.
#[tokio::test]
async fn calls_go_on_and_nothing_said_needs_no_end() {
    for (text, arguments, limited, count) in
        [("我看看。", "{}", false, 1), ("我看看。", "{}", true, 1), ("", "{\"a\":", true, 0)]
    {
        let mut reply = reply(&asker());
        if !text.is_empty() {
            let _ = reply.push(text).await;
        }
        let calls = match reply.end_with_calls(note(arguments), limited).await {
            Ok(Called { calls, .. }) => calls,
            Err(end) => panic!("{end:?}"),
        };
        assert_eq!((calls.len(), reply.text().into_inner().as_str()), (count, text));
    }
}

/// Fails when a model that called a tool wrongly is asked for what a reply lacks, or in another language.
#[tokio::test]
async fn a_wrong_call_is_not_asked_for_what_a_reply_lacks() {
    let mut reply = reply(&asker());
    let _ = reply.push("我看看。").await;
    let additions = match reply.end_with_calls(note("{\"a\":"), false).await {
        Err(End::Retry { additions, .. }) => additions,
        other => panic!("{other:?}"),
    };
    assert!(additions.calling && additions.still.is_empty(), "{additions:?}");
    assert_eq!(additions.broken, ["`note` 的参数不是合法的 JSON（第1行第5列）。"]);
}
