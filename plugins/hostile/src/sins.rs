use std::cell::RefCell;
use std::hint::black_box;

use rolecall_plugin::{Features, MergedGroup, OfflineMessage, PolicyError, Severity, Verdict, Violation, log};

use super::Mode;

thread_local! {
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Judges a text in the given way. The text of tests begins with a character of three bytes.
pub(crate) fn judge(mode: Mode, text: &str) -> Result<Vec<Violation>, PolicyError> {
    match mode {
        Mode::Spin | Mode::SpinCreate => spin(),
        Mode::Hoard => hoard(),
        Mode::Recurse => {
            black_box(recurse(1));
        }
        Mode::Trap => trap(),
        Mode::Panic => panic!("deliberate panic over {} bytes", text.len()),
        Mode::HugeLog => log::info(&"l".repeat(20 << 20)),
        Mode::LogFlood => loop {
            log::info("x");
        },
        Mode::Internal => return Err(PolicyError::Internal("the moon is in the wrong house".into())),
        _ => {}
    }
    Ok(findings(mode, text))
}

fn findings(mode: Mode, text: &str) -> Vec<Violation> {
    let lie = || Violation::new("lie", "this span is wrong");
    match mode {
        Mode::Honest | Mode::Mild | Mode::NoStream => {
            let severity = if mode == Mode::Mild { Severity::Warning } else { Severity::Error };
            let bad = |(at, word): (usize, &str)| Violation::new("bad", "a bad word").at(at..at + word.len());
            text.match_indices("bad").map(bad).map(|violation| violation.severity(severity)).collect()
        }
        Mode::HugeList => vec![Violation::new("many", "many"); 60_000],
        Mode::HugeText => vec![Violation::new("long", "l".repeat(20 << 20))],
        Mode::Gigabyte => vec![1_u8; 16 << 20].leak().chunks(16 << 20).cycle().take(64).map(share).collect(),
        Mode::Elsewhere => {
            let message = vec![b'l'; 64].leak();
            vec![Violation::new("elsewhere", claim(message, 1 << 30))]
        }
        Mode::ManyViolations => {
            let mut found = vec![Violation::new("many", "many"); 400];
            found.insert(0, Violation::new("r".repeat(1_000), "长".repeat(1_000)).suggest("s".repeat(100 << 10)));
            found
        }
        Mode::SpanInside => vec![lie().at(1..3)],
        #[allow(clippy::reversed_empty_ranges, reason = "the lie")]
        Mode::SpanReversed => vec![lie().at(3..0)],
        Mode::SpanBeyond => vec![lie().at(0..text.len() + 1)],
        Mode::SpanDisorder => vec![lie().at(3..4).at(0..3)],
        Mode::Remember => SEEN.with_borrow_mut(|seen| {
            seen.push(text.to_owned());
            seen.iter().map(|text| Violation::new("seen", text.clone())).collect()
        }),
        _ => Vec::new(),
    }
}

/// A violation whose message is this memory, and that of others.
fn share(memory: &[u8]) -> Violation {
    Violation::new("gigabyte", claim(memory, memory.len()))
}

/// A text that says it begins here and has so many bytes. It is never freed: the call does not survive it.
#[allow(unsafe_code, reason = "the sin")]
fn claim(memory: &[u8], len: usize) -> String {
    // SAFETY: none. The host must not trust it.
    unsafe { String::from_raw_parts(memory.as_ptr().cast_mut(), len, len) }
}

/// Groups a window in the given way; honest is one group of all.
pub(crate) fn groups(mode: Mode, window: usize) -> Vec<MergedGroup> {
    let all = || MergedGroup { members: (0..window).collect(), text: Some("all".into()) };
    match mode {
        Mode::LeaveOut => vec![MergedGroup { members: (1..window).collect(), text: Some("less".into()) }],
        Mode::Twice => vec![all(), MergedGroup { members: vec![0], text: None }],
        Mode::Invent => vec![MergedGroup { members: (0..=window).collect(), text: Some("more".into()) }],
        Mode::NoText => vec![MergedGroup { text: None, ..all() }],
        Mode::EmptyGroup => vec![all(), MergedGroup { members: vec![], text: None }],
        _ => vec![all()],
    }
}

/// Compares two messages; honest is by their numbers, then by what of their texts is in the other.
pub(crate) fn compare(
    mode: Mode,
    a: &OfflineMessage,
    b: &OfflineMessage,
    features: &Features,
) -> Result<Verdict, PolicyError> {
    if mode == Mode::Tell {
        return Err(PolicyError::Internal(format!("{a:?} {b:?} {features:?}")));
    }
    Ok(if features.a_numbers != features.b_numbers {
        Verdict::Different
    } else if a.text == b.text {
        Verdict::Same
    } else if a.text.contains(&b.text) {
        Verdict::Contains
    } else if b.text.contains(&a.text) {
        Verdict::Contained
    } else {
        Verdict::Unsure
    })
}

/// Never returns.
#[inline(never)] // errors name it
pub(crate) fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

#[inline(never)]
fn hoard() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; 1 << 20]));
    }
}

#[inline(never)]
#[allow(unconditional_recursion, reason = "the sin")]
fn recurse(depth: u64) -> u64 {
    let ballast = black_box([depth; 16]);
    black_box(recurse(depth + 1)) + ballast.iter().sum::<u64>()
}

fn trap() {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
}
