//! Several replies to one request.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::HttpBody;

use super::*;

const PATH: &str = "/v1/chat/completions";

/// The first call says the first of these, and so on.
#[derive(Debug)]
struct Each {
    answers: Vec<Scripted>,
    calls: AtomicUsize,
}

impl Each {
    fn says(answers: &[&[&str]]) -> Self {
        Self { answers: answers.iter().map(|pieces| says(pieces)).collect(), calls: AtomicUsize::new(0) }
    }
}

#[async_trait]
impl Model for Each {
    fn name(&self) -> &str {
        "each"
    }

    async fn stream(&self, prompt: Permitted<Prompt>) -> Result<ModelStream, ModelError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        self.answers[call].stream(prompt).await
    }

    fn limits(&self) -> crate::model::CallLimits {
        crate::model::CallLimits { retries: 0, ..Default::default() }
    }
}

fn several(model: &str, n: usize, stream: bool) -> Value {
    let mut body = hello(model);
    body["n"] = json!(n);
    body["stream"] = json!(stream);
    if stream {
        body["stream_options"] = json!({"include_usage": true});
    }
    body
}

/// The text of a streamed choice, and its finish reasons.
fn choice(events: &[Value], index: usize) -> (String, Vec<String>) {
    let of = events.iter().filter_map(|event| event["choices"].get(0)).filter(|choice| choice["index"] == index);
    let text = of.clone().filter_map(|choice| choice["delta"]["content"].as_str()).collect();
    (text, of.filter_map(|choice| choice["finish_reason"].as_str().map(str::to_owned)).collect())
}

// Fails when a choice is lost, misnumbered, judged by another's monitor, or not counted.
#[tokio::test]
async fn each_of_several_replies_is_whole_and_its_own() {
    let answers: &[&[&str]] = &[&["One ", "pass"], &["word"], &["The pass", "word is 1."]];
    let house = House::open(Each::says(answers)).await;
    let answer = house.post(PATH, &several("clerk", 3, false)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let body = answer.json();
    let choices = body["choices"].as_array().unwrap();
    assert!(choices.iter().enumerate().all(|(index, choice)| choice["index"] == index), "{choices:?}");
    let told: Vec<_> = choices
        .iter()
        .map(|choice| (choice["message"]["content"].as_str().unwrap(), choice["finish_reason"].as_str().unwrap()))
        .collect();
    // The texts of two choices would be a match together.
    assert_eq!(told, [("One pass", "stop"), ("word", "stop"), ("The ", "content_filter")]);
    assert_eq!(body["usage"]["prompt_tokens"], 22, "what was stopped was not counted to its end: {body}");
    assert_eq!(answer.header("x-rolecall-rules"), "secrets=reject");
}

// Fails when a streamed choice lacks its role, its text or its end, or the sum of all usage.
#[tokio::test]
async fn several_replies_stream_side_by_side() {
    let answers: &[&[&str]] = &[&["A", "b", "c"], &["D", "e"], &["The pass", "word is 1."], &["F"]];
    let house = House::open(Each::says(answers)).await;
    let answer = house.post(PATH, &several("clerk", 4, true)).await;
    assert!(!answer.text.contains("word"), "{}", answer.text);
    let events = events(&answer);
    let (done, chunks) = events.split_last().unwrap();
    assert_eq!(*done, "[DONE]");
    for (index, chunk) in chunks.iter().take(4).enumerate() {
        assert_eq!(chunk["choices"][0]["index"], index);
        assert_eq!(chunk["choices"][0]["delta"]["role"], "assistant");
    }
    let told: Vec<_> = (0..4).map(|index| choice(chunks, index)).collect();
    let is = |text: &str, finish: &str| (text.to_owned(), vec![finish.to_owned()]);
    assert_eq!(told, [is("Abc", "stop"), is("De", "stop"), is("The ", "content_filter"), is("F", "stop")]);
    assert_eq!(chunks.last().unwrap()["usage"]["completion_tokens"], 21, "{answer:?}");
}

// Fails when a request takes some of the places that it cannot have all of, or keeps one.
#[tokio::test]
async fn a_request_gets_places_for_all_its_replies_or_none() {
    let house = House::with(says(&["Hi."]), |config| config.max_completions = 3).await;
    let place = Arc::clone(&house.app.completions).try_acquire_owned().unwrap();
    house.post(PATH, &several("clerk", 3, false)).await.refused(429, "too_many_completions");
    assert_eq!(house.app.completions.available_permits(), 2);
    drop(place);
    assert_eq!(house.post(PATH, &several("clerk", 3, false)).await.status, StatusCode::OK);
    let free = Arc::clone(&house.app.completions).acquire_many_owned(3);
    drop(tokio::time::timeout(std::time::Duration::from_secs(10), free).await.unwrap());
    for (n, message) in [(4, "at most 3"), (9, "1 to 8"), (0, "1 to 8")] {
        let answer = house.post(PATH, &several("clerk", n, false)).await;
        assert!(answer.refused(400, "invalid_parameter").contains(message), "{answer:?}");
        assert_eq!(answer.param(), "n");
    }
}

// Fails when a reply that failed looks like one that ended, or leaves the others running.
#[tokio::test]
async fn when_one_reply_fails_the_request_does() {
    let failing = || Each {
        answers: vec![
            says(&["One."]),
            Scripted(vec![Ok(ModelChunk::Text("Two ".to_owned())), Err(ModelError::Cut("reset".to_owned()))]),
        ],
        calls: AtomicUsize::new(0),
    };
    let house = House::open(failing()).await;
    house.post(PATH, &several("clerk", 2, false)).await.refused(502, "model_cut");
    let house = House::open(failing()).await;
    let events = events(&house.post(PATH, &several("clerk", 2, true)).await);
    assert_eq!(events.last().unwrap()["error"]["code"], "model_cut", "{events:?}");
    assert!(choice(&events, 1).1.is_empty());
    let free =
        Arc::clone(&house.app.completions).acquire_many_owned(u32::try_from(house.app.config.max_completions).unwrap());
    drop(tokio::time::timeout(std::time::Duration::from_secs(10), free).await.unwrap());
}

// Fails when every choice of a model that draws lots by its seed is the same.
#[tokio::test]
async fn each_reply_has_a_seed_of_its_own() {
    /// Says its seed.
    #[derive(Debug)]
    struct Seeds;

    #[async_trait]
    impl Model for Seeds {
        fn name(&self) -> &str {
            "seeds"
        }

        async fn stream(&self, prompt: Permitted<Prompt>) -> Result<ModelStream, ModelError> {
            says(&[&format!("{:?}.", prompt.get().seed)]).stream(prompt).await
        }
    }

    let house = House::open(Seeds).await;
    let mut body = several("clerk", 2, false);
    body["seed"] = json!(-1);
    let answer = house.post(PATH, &body).await.json();
    let said = |index: usize| answer["choices"][index]["message"]["content"].clone();
    assert_eq!((said(0), said(1)), (json!(format!("Some({}).", u64::MAX)), json!("Some(0).")));
}

// Fails when the rules that acted on a stream are told nowhere, or in a chunk.
#[tokio::test]
async fn a_stream_names_its_rules_in_trailers() {
    let house = House::open(Each::says(&[&["一句。", "两句。"], &["三句。"]])).await;
    let request = post(PATH, several("短", 2, true).to_string());
    let response = crate::gateway::router(Arc::clone(&house.app)).oneshot(request).await.unwrap();
    assert_eq!(response.headers()["trailer"], "x-rolecall-rules");
    assert!(response.headers().get("x-rolecall-rules").is_none());
    let (mut body, mut trailers) = (response.into_body(), None);
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        assert!(trailers.is_none(), "nothing follows the trailers");
        trailers = frame.unwrap().into_trailers().ok();
    }
    assert_eq!(trailers.unwrap()["x-rolecall-rules"], "%E9%95%BF%E5%BA%A6=truncate");
}

/// Says nothing for a minute, then one sentence.
#[derive(Debug)]
struct Slow;

#[async_trait]
impl Model for Slow {
    fn name(&self) -> &str {
        "slow"
    }

    async fn stream(&self, _prompt: Permitted<Prompt>) -> Result<ModelStream, ModelError> {
        let late = stream::once(async {
            tokio::time::sleep(std::time::Duration::from_secs(25)).await;
            Ok(ModelChunk::Text("At last.".to_owned()))
        });
        Ok(late.chain(stream::iter([Ok(ModelChunk::Stop { length: false })])).boxed())
    }
}

// Fails when a stream is silent for so long that a proxy cuts it, or its first words are lost for it.
#[tokio::test(start_paused = true)]
async fn a_silent_stream_says_that_it_lives() {
    let house = House::open(Slow).await;
    let answer = house.post(PATH, &several("clerk", 1, true)).await;
    assert!(answer.text.contains("\n\n: keep-alive\n\n"), "{}", answer.text);
    let events = events(&answer);
    assert_eq!(choice(&events, 0), ("At last.".to_owned(), vec!["stop".to_owned()]));
}

/// A text cut where the bits of a seeded generator say.
fn cut(text: &str, seed: &mut u64) -> Scripted {
    let mut pieces = vec![String::new()];
    for c in text.chars() {
        // xorshift64: the same cuts in each run.
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        if seed.is_multiple_of(3) {
            pieces.push(String::new());
        }
        if let Some(last) = pieces.last_mut() {
            last.push(c);
        }
    }
    says(&pieces.iter().map(String::as_str).collect::<Vec<_>>())
}

// Fails when, for some way of cutting four interleaved replies, a byte of a match goes out.
#[tokio::test]
async fn four_replies_side_by_side_leak_nothing() {
    let texts = [
        ("So pass the pass: password 1.", "So pass the pass: "),
        ("Now PASS\u{200b}WORD.", "Now "),
        ("用ｐａｓｓｗｏｒｄ吧", "用"),
        ("passwords pass, pаssword not.", "passwords pass, "),
    ];
    let mut seed = 0x9E37_79B9_7F4A_7C15;
    for (text, out) in texts {
        let rounds = 25;
        let answers = (0..4 * rounds).map(|_| cut(text, &mut seed)).collect();
        let house = House::open(Each { answers, calls: AtomicUsize::new(0) }).await;
        for round in 0..rounds {
            let answer = house.post(PATH, &several("clerk", 4, round % 2 == 0)).await;
            let told: Vec<_> = if round % 2 == 0 {
                let events = events(&answer);
                (0..4).map(|index| choice(&events, index)).collect()
            } else {
                let all = answer.json();
                let of = |index: usize| &all["choices"][index];
                let text = |index| of(index)["message"]["content"].as_str().unwrap().to_owned();
                (0..4)
                    .map(|index| (text(index), vec![of(index)["finish_reason"].as_str().unwrap().to_owned()]))
                    .collect()
            };
            // Of the delta in which the match begins, what stands in front of it may stay behind.
            for (said, finish) in told {
                assert!(out.starts_with(&said), "{said:?} of {text:?}: {}", answer.text);
                assert_eq!(finish, ["content_filter"]);
            }
        }
    }
}
