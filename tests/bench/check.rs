//! The contract check: a 300-character reply against three sentences, a hundred terms and a ratio; the
//! same with a thousand times as many terms; and what it takes of the allocator.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rolecall_dsl::monitor::{Monitor, Step};
use rolecall_dsl::source::Source;
use rolecall_dsl::{Contract, Program, compile};
use rolecall_tests::{clock, naive};

use super::counting::{Allocated, allocated};
use super::table::Row;
use super::vocabulary;

const ROUNDS: usize = 2_000;

/// Characters of a delta, as models send them.
const DELTA: usize = 2;

/// Deltas of the reply within its first sentence.
const SENTENCE: usize = 48;

pub(crate) fn run() -> Result<Vec<Row>> {
    let mut rows = ordinary()?;
    rows.extend(vast()?);
    Ok(rows)
}

/// A hundred terms.
fn ordinary() -> Result<Vec<Row>> {
    let terms = terms();
    let contract = contract(&terms)?;
    let program = &contract.program;
    let reply = reply();
    ensure!(program.check(&reply).passes(), "the bench's reply must comply");
    let whole = timed(ROUNDS, || program.check(&reply).passes());
    let deltas = deltas(&reply);
    let each = deltas.len() as f64;
    let streamed = timed(ROUNDS, || streams(program, &deltas));
    let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
    let plain = timed(ROUNDS, || naive::read(&reply).sentences == 3 && naive::forbidden(&reply, &terms).is_none());
    let (_, check) = allocated(|| program.check(&reply));
    let (mut monitor, fresh) = allocated(|| program.monitor());
    let (bytes, steady) = steady(&mut monitor, &deltas);
    Ok(vec![
        Row::new("check of a 300-character zh reply", whole, "µs")
            .against("substring search without folding tables", plain),
        Row::new("check of one streamed delta (2 characters)", streamed / each, "µs")
            .against("its share of the plain check", plain / each),
        Row::new("allocations of a whole check", check.calls as f64, ""),
        Row::new("allocations of 1,000 deltas of a running stream", steady.calls as f64, ""),
        Row::new("a fresh monitor, itself and on the heap", size(fresh), "B"),
        Row::new("a monitor after a reply, itself and on the heap", size(fresh) + bytes.bytes as f64, "B"),
    ])
}

/// A hundred thousand terms of the characters that replies are written in, so that nearly every
/// character begins one, beside a hundred of the same kind.
fn vast() -> Result<Vec<Row>> {
    let replies = vocabulary::replies(64);
    let terms = vocabulary::terms(100_000, &replies);
    let few = vocabulary::contract(terms.get(..100).unwrap_or_default())?;
    let start = clock::now();
    let many = vocabulary::contract(&terms)?;
    let compiled = start.elapsed().as_secs_f64() * 1e3;
    let start = clock::now();
    let (program, memory) = allocated(|| Program::new(&many.rules));
    let built = start.elapsed().as_secs_f64() * 1e3;
    drop(program);
    for reply in &replies {
        ensure!(many.program.check(reply).passes(), "the bench's replies must comply");
    }
    let whole = |contract: &Contract| each(&replies, |reply| contract.program.check(reply).passes());
    let deltas_of: Vec<Vec<String>> = replies.iter().map(|reply| deltas(reply)).collect();
    let count = deltas_of.first().map_or(1, Vec::len) as f64;
    let streamed = |contract: &Contract| each(&deltas_of, |deltas| streams(&contract.program, deltas)) / count;
    let (_, fresh) = allocated(|| many.program.monitor());
    Ok(vec![
        Row::new("check against 100,000 terms", whole(&many), "µs").against("against 100 of them", whole(&few)),
        Row::new("delta against 100,000 terms", streamed(&many), "µs").against("against 100 of them", streamed(&few)),
        Row::new("their contract in five files, compiled", compiled, "ms").against("of it, the program", built),
        Row::new("memory of the program of 100,000 terms", memory.bytes as f64 / (1 << 20) as f64, "MiB"),
        Row::new("a fresh monitor of it, itself and on the heap", size(fresh), "B"),
    ])
}

/// The one contract of a compiled file.
pub(super) fn first(compiled: rolecall_dsl::check::Compiled) -> Result<Arc<Contract>> {
    let findings = compiled.findings;
    compiled.contracts.into_iter().next().with_context(|| format!("{:?}", findings.iter().take(3).collect::<Vec<_>>()))
}

fn deltas(reply: &str) -> Vec<String> {
    reply.chars().collect::<Vec<_>>().chunks(DELTA).map(|delta| delta.iter().collect()).collect()
}

fn streams(program: &Arc<Program>, deltas: &[String]) -> bool {
    let (mut monitor, mut step, mut released) = (program.monitor(), Step::default(), 0);
    for delta in deltas {
        monitor.push_into(delta, &mut step);
        released += step.released.len();
    }
    released > 0
}

/// What a monitor holds within a long sentence, and what a thousand deltas more take.
fn steady(monitor: &mut Monitor, deltas: &[String]) -> (Allocated, Allocated) {
    let (mut step, inside) = (Step::default(), deltas.get(..SENTENCE).unwrap_or_default());
    let mut push = |count: usize| {
        allocated(|| inside.iter().cycle().take(count).for_each(|delta| monitor.push_into(delta, &mut step))).1
    };
    (push(inside.len()), push(1_000))
}

fn size(heap: Allocated) -> f64 {
    (size_of::<Monitor>() as i64 + heap.bytes) as f64
}

/// The hundred terms.
pub(super) fn terms() -> Vec<String> {
    (0..100).map(|n| format!("禁语第{n}号")).collect()
}

/// Three sentences at most, none of the terms, 40 % rhetorical questions.
fn contract(terms: &[String]) -> Result<Arc<Contract>> {
    let quoted: Vec<String> = terms.iter().map(|term| format!("\"{term}\"")).collect();
    let text = format!(
        "role bench {{\n version 1.0.0\n language zh\n persona \"策士\"\n stateful false\n constraints {{\n max_sentences 3\n forbidden_terms {}\n response_style 反问句 >= 40%\n }}\n}}\n",
        quoted.join(" | ")
    );
    first(compile(&Source::new("bench.role", &text)))
}

/// Microseconds of a whole check.
pub(super) fn whole(reply: &str, terms: &[String]) -> Result<f64> {
    let program = Arc::clone(&contract(terms)?.program);
    ensure!(program.check(reply).passes(), "the bench's reply must comply");
    Ok(timed(ROUNDS, || program.check(reply).passes()))
}

/// Three sentences, two of them rhetorical, 300 characters in all.
pub(super) fn reply() -> String {
    let body = "昔者苏秦说六国以合纵，张仪说秦王以连横，纵横之间，天下之势定矣，";
    let fill: String = body.chars().cycle().take(96).collect();
    format!("难道{fill}吗？{fill}。岂能{fill}乎？")
}

/// Microseconds per item, the median of batches that each take every item once.
fn each<T>(items: &[T], mut call: impl FnMut(&T) -> bool) -> f64 {
    timed(ROUNDS, || items.iter().filter(|item| call(item)).count() == items.len()) / items.len().max(1) as f64
}

/// Microseconds per call: the median of ten batches.
fn timed(rounds: usize, mut call: impl FnMut() -> bool) -> f64 {
    let mut batches = Vec::new();
    for _ in 0..10 {
        let start = clock::now();
        let kept = (0..rounds / 10).filter(|_| std::hint::black_box(call())).count();
        std::hint::black_box(kept);
        batches.push(start.elapsed().as_secs_f64() * 1e6 / (rounds / 10) as f64);
    }
    batches.sort_by(f64::total_cmp);
    batches.get(batches.len() / 2).copied().unwrap_or_default()
}
