//! What every policy must keep, whatever it judges: the promises that the host builds on.

use serde_json::{Map, Value};

use crate::{
    AbiVersion, CallError, Context, Features, Isolation, MergedGroup, OfflineMessage, PluginHost, PolicyViolation,
    Verdict, World,
};

/// One promise, and whether it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// What is promised, a short sentence.
    pub name: &'static str,
    /// How often it was tried.
    pub tries: usize,
    /// Where it was broken first.
    pub broken: Option<String>,
}

/// Texts in which policies go wrong: nothing, one character, several scripts, characters of several
/// bytes and of several code points, line ends, markup, length.
const TEXTS: [&str; 10] = [
    "",
    "x",
    "Good morning. How can I help you today?",
    "您好，今天想了解些什么？",
    "混排 mixed 文本 with 数字 12,345.67 元。",
    "👩‍👩‍👧‍👦🇨🇳 e\u{301}cole déjà 𠮷野家",
    "line one\r\nline two\n\n\ttabbed\u{3000}全角",
    "**bold** `code` <b>html</b> https://example.org/a?b=c",
    "\u{200b}zero\u{200d}width\u{feff}",
    "。。。！！！？？？……———",
];
/// Repetitions of a text that make a long one.
const LONG: usize = 100;

/// Tries a loaded plugin with parameters that it accepts, on texts of ours and `more` of the caller's.
pub async fn conformance(
    host: &PluginHost,
    plugin: &str,
    params: &Map<String, Value>,
    more: &[String],
) -> Vec<Promise> {
    let Some(manifest) = host.manifest(plugin) else {
        let broken = Some(CallError::Missing(plugin.to_owned()).to_string());
        return vec![Promise { name: "the plugin is loaded", tries: 1, broken }];
    };
    let mut texts: Vec<String> = TEXTS.iter().map(|text| (*text).to_owned()).collect();
    texts.push(TEXTS[4].repeat(LONG));
    texts.extend_from_slice(more);
    let trial = Trial { host, plugin, params, texts: &texts };
    let mut promises = vec![trial.accepts().await];
    if promises.iter().any(|promise| promise.broken.is_some()) {
        return promises;
    }
    if manifest.worlds.contains(&World::ConstraintPolicy) {
        promises.push(trial.judges_alike().await);
        if manifest.streaming {
            promises.push(trial.streams_as_a_whole().await);
        }
        if manifest.isolation == Isolation::Session {
            promises.push(trial.judges_alike_when_used().await);
        }
    }
    if manifest.worlds.contains(&World::DeliveryPolicy) {
        promises.push(trial.merges_alike().await);
        if manifest.abi >= AbiVersion::V1 {
            promises.push(trial.compares_both_ways().await);
        }
    }
    promises
}

struct Trial<'a> {
    host: &'a PluginHost,
    plugin: &'a str,
    params: &'a Map<String, Value>,
    texts: &'a [String],
}

/// Counts tries until one breaks the promise.
struct Counted(Promise);

impl Counted {
    fn new(name: &'static str) -> Self {
        Self(Promise { name, tries: 0, broken: None })
    }

    /// Notes a try; whether to go on.
    fn hold(&mut self, broken: Option<String>) -> bool {
        self.0.tries += 1;
        self.0.broken = broken;
        self.0.broken.is_none()
    }
}

impl Trial<'_> {
    async fn accepts(&self) -> Promise {
        let mut counted = Counted::new("it accepts its parameters, again and again");
        for _ in 0..3 {
            let refused = self.host.validate(self.plugin, self.params).await.err();
            let told = refused.map(|found| {
                let told = found
                    .iter()
                    .map(|(param, why)| if param.is_empty() { why.clone() } else { format!("{param}: {why}") });
                told.collect::<Vec<_>>().join("; ")
            });
            if !counted.hold(told) {
                break;
            }
        }
        counted.0
    }

    /// The host may ask twice, of different instances, and expects the same answer.
    async fn judges_alike(&self) -> Promise {
        let mut counted = Counted::new("a text is judged alike each time, with spans on its characters");
        for text in self.texts {
            let (first, second) = (self.check(text).await, self.check(text).await);
            let broken = match (first, second) {
                (Ok(first), Ok(second)) if first == second => None,
                (Ok(_), Ok(_)) => Some(format!("{}: two answers", shown(text))),
                (Err(error), _) | (_, Err(error)) => Some(format!("{}: {error}", shown(text))),
            };
            if !counted.hold(broken) {
                break;
            }
        }
        counted.0
    }

    /// A policy that wishes its instances to live as long as a session must not remember in them.
    async fn judges_alike_when_used(&self) -> Promise {
        let mut counted = Counted::new("an instance that was used judges as a fresh one does");
        let used = self.host.in_session("conformance");
        let used = Trial { host: &used, plugin: self.plugin, params: self.params, texts: self.texts };
        for text in self.texts {
            let asked = (self.check(text).await, used.check(text).await, used.stream(&[text.as_str()]).await);
            let broken = match asked {
                (Ok(fresh), Ok(used), Ok(_)) if fresh == used => None,
                (Ok(_), Ok(_), Ok(_)) => Some(format!("{}: two answers", shown(text))),
                (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => {
                    Some(format!("{}: {error}", shown(text)))
                }
            };
            if !counted.hold(broken) {
                break;
            }
        }
        counted.0
    }

    /// What goes out piece by piece is judged as if it were whole.
    async fn streams_as_a_whole(&self) -> Promise {
        let mut counted = Counted::new("a stream in any pieces finds what the whole text shows");
        for text in self.texts {
            for pieces in cuts(text) {
                let broken = match (self.check(text).await, self.stream(&pieces).await) {
                    (Ok(whole), Ok(Some(streamed))) if found(&whole) == found(&streamed) => None,
                    (Ok(_), Ok(None)) => Some("it says that it streams, and opens no stream".to_owned()),
                    (Ok(whole), Ok(Some(streamed))) => Some(format!(
                        "{} in {} pieces: {:?} as a whole, {:?} as a stream",
                        shown(text),
                        pieces.len(),
                        found(&whole),
                        found(&streamed)
                    )),
                    (Err(error), _) | (_, Err(error)) => Some(format!("{}: {error}", shown(text))),
                };
                if !counted.hold(broken) {
                    return counted.0;
                }
            }
        }
        counted.0
    }

    async fn merges_alike(&self) -> Promise {
        let mut counted = Counted::new("a window is merged alike each time, and each message is in one group");
        for window in windows(self.texts) {
            let (first, second) = (self.merge(&window).await, self.merge(&window).await);
            let broken = match (first, second) {
                (Ok(first), Ok(second)) if first == second => None,
                (Ok(_), Ok(_)) => Some(format!("a window of {}: two answers", window.len())),
                (Err(error), _) | (_, Err(error)) => Some(format!("a window of {}: {error}", window.len())),
            };
            if !counted.hold(broken) {
                break;
            }
        }
        counted.0
    }

    async fn compares_both_ways(&self) -> Promise {
        let mut counted = Counted::new("two messages relate alike whichever comes first, and none differs from itself");
        let messages: Vec<OfflineMessage> = self.texts.iter().take(TEXTS.len()).zip(0..).map(message).collect();
        for (a, b) in messages.iter().flat_map(|a| messages.iter().map(move |b| (a, b))) {
            let broken = match (self.same(a, b).await, self.same(b, a).await) {
                (Ok(one), Ok(other)) if mirrored(one) != other => Some(format!("{one:?} one way, {other:?} the other")),
                (Ok(Verdict::Different), Ok(_)) if a == b => Some("a message differs from itself".to_owned()),
                (Ok(_), Ok(_)) => None,
                (Err(error), _) | (_, Err(error)) => Some(error.to_string()),
            };
            if !counted.hold(broken.map(|why| format!("{} and {}: {why}", shown(&a.text), shown(&b.text)))) {
                break;
            }
        }
        counted.0
    }

    async fn check(&self, text: &str) -> Result<Vec<PolicyViolation>, CallError> {
        self.host.check(self.plugin, self.params, &context(), text).await
    }

    async fn stream(&self, pieces: &[&str]) -> Result<Option<Vec<PolicyViolation>>, CallError> {
        let Some(mut stream) = self.host.open(self.plugin, self.params, &context()).await? else { return Ok(None) };
        let mut all = Vec::new();
        for piece in pieces {
            all.extend(stream.push(piece).await?);
        }
        all.extend(stream.finish().await?);
        Ok(Some(all))
    }

    async fn merge(&self, window: &[OfflineMessage]) -> Result<Vec<MergedGroup>, CallError> {
        self.host.merge(self.plugin, self.params, window).await
    }

    async fn same(&self, a: &OfflineMessage, b: &OfflineMessage) -> Result<Verdict, CallError> {
        let chars = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let features = Features {
            a_chars: chars(&a.text),
            b_chars: chars(&b.text),
            edit_similarity: strsim::normalized_levenshtein(&a.text, &b.text),
            embedding_similarity: None,
            a_numbers: numbers(&a.text),
            b_numbers: numbers(&b.text),
        };
        self.host.same(self.plugin, self.params, a, b, &features).await
    }
}

fn context() -> Context {
    Context { role: "trial".into(), language: "zh".into() }
}

/// Rule and place, in an order that both ways of judging share.
fn found(violations: &[PolicyViolation]) -> Vec<(usize, usize, &str)> {
    let spans = violations.iter().flat_map(|it| it.spans.iter().map(|span| (span.start, span.end, it.rule.as_str())));
    let mut found: Vec<_> = spans.collect();
    found.extend(
        violations.iter().filter(|it| it.spans.is_empty()).map(|it| (usize::MAX, usize::MAX, it.rule.as_str())),
    );
    found.sort_unstable();
    found
}

/// A text in one piece, in two at several places, by character, and with empty pieces.
fn cuts(text: &str) -> Vec<Vec<&str>> {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).skip(1).collect();
    let mut all = vec![vec![text], vec!["", text, ""]];
    for at in places.iter().step_by((places.len() / 6).max(1)) {
        let (before, behind) = text.split_at(*at);
        all.push(vec![before, behind]);
    }
    if places.len() <= 200 {
        let ends = places.iter().copied().chain([text.len()]);
        let starts = std::iter::once(0).chain(places.iter().copied());
        all.push(starts.zip(ends).filter_map(|(start, end)| text.get(start..end)).collect());
    }
    all
}

fn windows(texts: &[String]) -> Vec<Vec<OfflineMessage>> {
    let all: Vec<OfflineMessage> = texts.iter().zip(0..).map(message).collect();
    [1, 2, all.len()].map(|count| all.iter().take(count).cloned().collect()).to_vec()
}

fn message((text, number): (&String, u64)) -> OfflineMessage {
    OfflineMessage {
        biz_id: format!("m{number}"),
        role: "support".into(),
        intent: if number % 3 == 0 { "order" } else { "notice" }.into(),
        priority: u8::from(number % 2 == 0),
        turn_id: number / 2,
        text: text.clone(),
        created_at_ms: 1_000 * number,
    }
}

/// The numbers of our own texts, which have no other digits than these.
fn numbers(text: &str) -> Vec<String> {
    let runs = text.split(|c: char| !c.is_ascii_digit());
    runs.filter(|run| !run.is_empty()).map(ToOwned::to_owned).collect()
}

fn mirrored(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Contains => Verdict::Contained,
        Verdict::Contained => Verdict::Contains,
        other => other,
    }
}

/// The beginning of a text, on one line.
fn shown(text: &str) -> String {
    let start: String = text.chars().take(24).collect();
    let more = if start.len() < text.len() { "…" } else { "" };
    format!("{start:?}{more}")
}
