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

/// The names in `corpus/gaps.txt`: what the analysis does not decide, or not rightly, yet.
pub(crate) fn gaps() -> BTreeSet<String> {
    let listed = std::fs::read_to_string(file::corpus().join("gaps.txt")).expect("corpus/gaps.txt");
    listed.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// Fails with everything that is wrong, by name.
pub(crate) fn judge(wrong: &[(String, String)]) {
    let failing = wrong.iter().filter(|(_, wrong)| !wrong.is_empty());
    let wrong: String = failing.map(|(name, wrong)| format!("{name}:\n{wrong}")).collect();
    assert!(wrong.is_empty(), "{wrong}");
}

/// Fails with the names for which nothing is wrong any more.
pub(crate) fn judge_gaps(wrong: &[(String, String)]) {
    let learnt: Vec<&str> = wrong.iter().filter(|(_, wrong)| wrong.is_empty()).map(|(name, _)| name.as_str()).collect();
    assert!(learnt.is_empty(), "these are right now, cross them out in corpus/gaps.txt: {learnt:#?}");
}
