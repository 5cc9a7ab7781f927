//! The contract check: a 300-character reply against three sentences, a hundred terms and a ratio.

use anyhow::{Context, Result, ensure};
use rolecall_dsl::source::Source;
use rolecall_tests::{clock, naive};

use super::table::Row;

const ROUNDS: usize = 2_000;

pub(crate) fn run() -> Result<Vec<Row>> {
    let terms: Vec<String> = (0..100).map(|n| format!("禁语第{n}号")).collect();
    let quoted: Vec<String> = terms.iter().map(|term| format!("\"{term}\"")).collect();
    let text = format!(
        "role bench {{\n version 1.0.0\n language zh\n persona \"策士\"\n stateful false\n constraints {{\n max_sentences 3\n forbidden_terms {}\n response_style 反问句 >= 40%\n }}\n}}\n",
        quoted.join(" | ")
    );
    let compiled = rolecall_dsl::compile(&Source::new("bench.role", &text));
    let contract = compiled.contracts.first().with_context(|| format!("{:?}", compiled.findings))?;
    let reply = reply();
    ensure!(contract.program.check(&reply).passes(), "the bench's reply must comply");
    let whole = timed(ROUNDS, || contract.program.check(&reply).passes());
    let pieces: Vec<String> = reply.chars().collect::<Vec<_>>().chunks(2).map(|two| two.iter().collect()).collect();
    let streamed = timed(ROUNDS, || {
        let mut monitor = contract.program.monitor();
        pieces.iter().map(|piece| monitor.push(piece).released.len()).sum::<usize>() > 0
    });
    let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
    let plain = timed(ROUNDS, || naive::read(&reply).sentences == 3 && naive::forbidden(&reply, &terms).is_none());
    let each = pieces.len() as f64;
    Ok(vec![
        Row::new("check of a 300-character zh reply", whole, "µs")
            .against("substring search without folding tables", plain),
        Row::new("check of one streamed delta (2 characters)", streamed / each, "µs")
            .against("its share of the plain check", plain / each),
    ])
}

/// Three sentences, two of them rhetorical, 300 characters in all.
fn reply() -> String {
    let body = "昔者苏秦说六国以合纵，张仪说秦王以连横，纵横之间，天下之势定矣，";
    let fill: String = body.chars().cycle().take(96).collect();
    format!("难道{fill}吗？{fill}。岂能{fill}乎？")
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
