//! No byte of a match reaches a client, over any surface, however the model cuts its words.
//!
//! `make laws` cuts more than a hundred thousand times, other builds a fifth of that, over all surfaces
//! together. Every chunking follows from a number of its own, which a failure names, and no number
//! differs between runs.

mod surfaces;
mod texts;

use surfaces::{Rig, Surface};
use texts::{Dice, Language, TERMS, Text};

/// How often each share is cut: all of it in a release build.
const TIMES: usize = if cfg!(debug_assertions) { 1 } else { 5 };

/// Chunkings over each surface.
const SHARES: [(Surface, usize); 5] = [
    (Surface::Chat, 4_000 * TIMES),
    (Surface::Choices, 8_000 * TIMES),
    (Surface::Responses, 4_000 * TIMES),
    (Surface::Messages, 4_000 * TIMES),
    (Surface::Session, 2_000 * TIMES),
];

/// Chunkings over all surfaces together.
const ALL: usize = 20_000 * TIMES;

/// What a client may see of a text with matches.
#[derive(Debug, Clone, Copy)]
enum Shown {
    /// What stands before the first one.
    Before,
    /// All of it, with this in place of each.
    Replaced(&'static str),
    /// Whatever is neither a match nor a part of one.
    Rest,
}

/// A role, and what its rules make of a match.
#[derive(Debug, Clone, Copy)]
struct Role {
    name: &'static str,
    rules: &'static str,
    fallback: &'static str,
    shown: Shown,
}

const FALLBACK: &str = "fallback \"好。可以吗？\"";

/// Each mode of delivery, and each way to treat a match.
const ROLES: [Role; 6] = [
    Role { name: "rejecting", rules: "TERMS { on_violation reject }", fallback: "", shown: Shown::Before },
    Role {
        name: "redacting",
        rules: "TERMS { on_violation redact \"[removed]\" }",
        fallback: "",
        shown: Shown::Replaced("[removed]"),
    },
    Role { name: "repairing", rules: "TERMS", fallback: "", shown: Shown::Rest },
    Role { name: "falling", rules: "TERMS { on_violation fallback }", fallback: FALLBACK, shown: Shown::Rest },
    Role {
        name: "sentences",
        rules: "TERMS { on_violation redact \"某\" } response_style question >= 20%",
        fallback: FALLBACK,
        shown: Shown::Rest,
    },
    Role { name: "whole", rules: "TERMS response_style question >= 20%", fallback: "", shown: Shown::Rest },
];

impl Role {
    fn contract(&self) -> String {
        let terms: Vec<String> = TERMS.iter().map(|term| format!("\"{term}\"")).collect();
        let rules = self.rules.replace("TERMS", &format!("forbidden_terms {}", terms.join(" | ")));
        format!(
            "role {} {{\n version 1.0.0\n language zh, en\n persona \"p\"\n stateful false\n \
             constraints {{ {rules} }}\n {}\n}}\n",
            self.name, self.fallback
        )
    }

    /// What a reader of `seen` must not have seen of `text`.
    fn leak(&self, text: &Text, seen: &str) -> Option<String> {
        let most = match self.shown {
            Shown::Before => Some(text.before_matches().to_owned()),
            Shown::Replaced(by) => Some(text.replaced(by)),
            Shown::Rest => None,
        };
        let beyond = most.filter(|most| !most.starts_with(seen)).map(|most| format!("more than {most:?}"));
        let term = texts::term(seen).map(|term| format!("the term {term:?}"));
        text.edge_in(seen).or(term).or(beyond)
    }
}

/// What was tried.
#[derive(Debug, Default)]
struct Tally {
    chunkings: usize,
    /// By language, in the order of [`Language::ALL`].
    languages: [usize; 3],
    with_matches: usize,
    bytes_shown: usize,
    /// Requests whose streamed replies came in turns.
    interleaved: usize,
}

/// Cuts until a share is done.
fn cut(surface: Surface, share: usize) -> Tally {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let contracts: Vec<(&str, String)> = ROLES.iter().map(|role| (role.name, role.contract())).collect();
        let mut rig = Box::pin(Rig::open(&contracts)).await;
        let mut tally = Tally::default();
        let mut seed = surface as u64 * 1_000_000;
        while tally.chunkings < share {
            Box::pin(ask(&mut rig, surface, seed, &mut tally)).await;
            seed += 1;
        }
        tally
    })
}

/// One request, whose replies are judged.
async fn ask(rig: &mut Rig, surface: Surface, seed: u64, tally: &mut Tally) {
    let mut dice = Dice::new(seed);
    let role = dice.pick(&ROLES);
    let stream = dice.below(4) > 0;
    let mut texts = Vec::new();
    for reply in 0..surface.replies() {
        let language = dice.pick(&Language::ALL);
        tally.languages[language as usize] += 1;
        texts.push(Text::draw(&mut dice, language, reply));
    }
    let answers: Vec<Vec<String>> = texts.iter().map(|text| text.cut(&mut dice)).collect();
    let got = Box::pin(rig.ask(surface, role.name, answers.clone(), stream)).await;
    assert_eq!(got.texts.len(), texts.len());
    for (text, seen) in texts.iter().zip(&got.texts) {
        let leak = role.leak(text, seen).or_else(|| text.edge_in(&got.raw));
        if let Some(leak) = leak {
            let name = role.name;
            panic!("{surface:?}, seed {seed}, role {name}: {leak} of {answers:?}, seen {seen:?} in {}", got.raw);
        }
        tally.chunkings += 1;
        tally.with_matches += usize::from(text.has_matches());
        tally.bytes_shown += seen.len();
    }
    tally.interleaved += usize::from(got.interleaved);
}

// Fails when, over some surface and for some way of cutting it, a byte of a match goes out, or one of
// several replies side by side gets words of another.
#[test]
fn no_way_of_cutting_leaks_over_any_surface() {
    let tallies: [Tally; 5] = std::thread::scope(|scope| {
        let threads = SHARES.map(|(surface, share)| scope.spawn(move || cut(surface, share)));
        threads.map(|thread| thread.join().unwrap())
    });
    for ((surface, share), tally) in SHARES.iter().zip(&tallies) {
        println!("{surface:?}: {tally:?}");
        assert!(tally.chunkings >= *share, "{surface:?}: {tally:?}");
        assert!(tally.languages.iter().all(|texts| texts * 4 > *share), "{surface:?}: {tally:?}");
        assert!(tally.with_matches * 2 > *share, "{surface:?}: {tally:?}");
        assert!(tally.bytes_shown > 5 * share, "what was held back was not the matches: {surface:?}: {tally:?}");
        let requests = share / surface.replies();
        assert!(surface.replies() == 1 || tally.interleaved * 8 > requests, "{surface:?}: {tally:?}");
    }
    let chunkings: usize = tallies.iter().map(|tally| tally.chunkings).sum();
    println!("{chunkings} chunkings over all surfaces");
    assert!(chunkings >= ALL, "only {chunkings} chunkings");
}

// Fails when the judge passes the first letter of a match, its last one or all of it, or holds a text
// without its matches for a leak.
#[test]
fn the_judge_sees_every_part_of_a_match() {
    let by = "[removed]";
    for seed in 0..2_000 {
        let mut dice = Dice::new(seed);
        let language = dice.pick(&Language::ALL);
        let text = Text::draw(&mut dice, language, 0);
        for role in &ROLES {
            assert_eq!(role.leak(&text, text.before_matches()), None, "{text:?}");
        }
        assert_eq!(text.edge_in(&text.replaced(by)), None, "{text:?}");
        assert_eq!(texts::term(&text.replaced(by)), None, "{text:?}");
        for (to_first, from_last, whole) in text.parts_of_matches() {
            assert!(text.edge_in(to_first).is_some(), "{to_first:?} of {text:?}");
            assert!(text.edge_in(from_last).is_some(), "{from_last:?} of {text:?}");
            assert!(texts::term(whole).is_some(), "{whole:?} of {text:?}");
            for role in ROLES.iter().filter(|role| !matches!(role.shown, Shown::Rest)) {
                assert!(role.leak(&text, to_first).is_some(), "{role:?}: {to_first:?} of {text:?}");
            }
        }
    }
}
