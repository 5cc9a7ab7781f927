//! `state { history 20 turns  points on  entities on }`.

use super::Report;
use super::words::{Words, gather};
use crate::ast::{Arg, Entry};
use crate::contract::State;
use crate::span::Spanned;

const WORDS: Words = Words { place: "`state`", known: &["history", "points", "entities"], later: &[] };

/// Turns that a session keeps.
const MAX_HISTORY: u64 = 20;

pub(super) fn check(entry: &Entry, report: &mut Report<'_>) -> State {
    let mut state = State::default();
    let entries = gather(report.section(entry), WORDS.known, &["turns"]);
    for field in WORDS.sort(&entries, report) {
        match field.keyword.value.as_str() {
            "history" => state.history = history(&field, report),
            word => {
                let Some(on) = report.switch(&field) else { continue };
                if word == "points" { state.points = on } else { state.entities = on }
            }
        }
    }
    state
}

fn history(field: &Entry, report: &mut Report<'_>) -> Option<u32> {
    const TAKES: &str = "a number of turns from 0 to 20: `history 20 turns`";
    let number = match field.args.as_slice() {
        [number] => number,
        [number, Spanned { value: Arg::Word(unit), .. }] if unit == "turns" => number,
        [] => {
            report.wrong(field, field.keyword.span, TAKES);
            return None;
        }
        [_, more, ..] => {
            report.wrong(field, more.span, TAKES);
            return None;
        }
    };
    if let Some(block) = field.blocks.first() {
        report.wrong(field, block.span, TAKES);
        return None;
    }
    match number.value {
        Arg::Int(turns) if turns <= MAX_HISTORY => u32::try_from(turns).ok(),
        Arg::Int(_) => {
            report.out_of_range(field, number.span, TAKES);
            None
        }
        _ => {
            report.wrong(field, number.span, TAKES);
            None
        }
    }
}
