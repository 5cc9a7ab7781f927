//! Asking about many files at once.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::file;

/// Asks about every item, on as many threads as there are cores, and gives the answers in order.
pub(crate) fn ask<I: Sync, T: Send>(items: &[I], ask: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from).min(8) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let answer = ask(item);
                    answers.lock().unwrap().push((index, answer));
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap();
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Fails unless exactly the files listed in `corpus/gaps.txt` have something wrong: what the analysis does
/// not decide is written down there, nothing else may fail, and what it learns must be crossed out.
pub(crate) fn judge(wrong: &[(String, String)], concerns: impl Fn(&str) -> bool) {
    let listed = std::fs::read_to_string(file::corpus().join("gaps.txt")).expect("corpus/gaps.txt");
    let listed: BTreeSet<&str> = listed.lines().filter(|line| !line.starts_with('#') && concerns(line)).collect();
    let failing: BTreeSet<&str> =
        wrong.iter().filter(|(_, wrong)| !wrong.is_empty()).map(|(name, _)| name.as_str()).collect();
    let fresh: String = wrong
        .iter()
        .filter(|(name, _)| failing.contains(name.as_str()) && !listed.contains(name.as_str()))
        .map(|(name, wrong)| format!("{name}:\n{wrong}"))
        .collect();
    let learnt: Vec<&&str> = listed.difference(&failing).collect();
    assert!(fresh.is_empty(), "{fresh}");
    assert!(learnt.is_empty(), "these are right now, cross them out in corpus/gaps.txt: {learnt:#?}");
}
