use std::time::Duration;

use super::*;
use crate::{Limits, Severity};

fn lift(text: &str, spans: &[(u32, u32)]) -> Result<Vec<PolicyViolation>, CallError> {
    let limits = Limits::default();
    let call = Call { plugin: "p", export: "check", limits: &limits, time: Duration::ZERO };
    let spans = spans.iter().map(|(start, end)| said::Span { start: *start, end: *end }).collect();
    let found =
        said::Violation { rule: "r".into(), message: "m".into(), severity: Severity::Error, spans, suggestion: None };
    violations(&call, text, vec![found])
}

fn why(text: &str, spans: &[(u32, u32)]) -> BadSpan {
    match lift(text, spans) {
        Err(CallError::BadSpan { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn spans_lie_in_the_text_on_characters_in_order() {
    let text = "a好b";
    assert_eq!(lift(text, &[(0, 1), (1, 4), (4, 5), (5, 5)]).unwrap()[0].spans, [0..1, 1..4, 4..5, 5..5]);
    assert_eq!(lift("", &[(0, 0)]).unwrap()[0].spans.first(), Some(&(0..0)));
    assert_eq!(why(text, &[(4, 1)]), BadSpan::Reversed);
    assert_eq!(why(text, &[(0, 6)]), BadSpan::OutOfRange);
    assert_eq!(why(text, &[(u32::MAX, u32::MAX)]), BadSpan::OutOfRange);
    assert_eq!(why(text, &[(2, 4)]), BadSpan::InsideCharacter);
    assert_eq!(why(text, &[(1, 3)]), BadSpan::InsideCharacter);
    assert_eq!(why(text, &[(0, 4), (1, 4)]), BadSpan::OutOfOrder);
}

fn group(members: &[u32], text: Option<&str>) -> said::Group {
    said::Group { members: members.to_vec(), text: text.map(str::to_owned) }
}

#[test]
fn groups_come_out_in_order() {
    let lifted = partition(3, vec![group(&[2], None), group(&[1, 0], Some("t"))]).unwrap().groups;
    assert_eq!(lifted[0], MergedGroup { members: vec![0, 1], text: Some("t".into()) });
    assert_eq!(lifted[1], MergedGroup { members: vec![2], text: None });
    assert_eq!(partition(0, vec![]), Ok(Lifted::default()));
}

#[test]
fn groups_that_do_not_partition_are_named() {
    let text = Some("t");
    assert_eq!(partition(2, vec![group(&[0], None)]), Err(BadGroups::Left(1)));
    assert_eq!(partition(2, vec![group(&[0, 1], text), group(&[1], None)]), Err(BadGroups::Twice(1)));
    assert_eq!(partition(2, vec![group(&[0, 0], text)]), Err(BadGroups::Twice(0)));
    assert_eq!(partition(2, vec![group(&[0, 2], text)]), Err(BadGroups::OutOfRange(2)));
    assert_eq!(partition(1, vec![group(&[u32::MAX], None)]), Err(BadGroups::OutOfRange(u32::MAX)));
    assert_eq!(partition(1, vec![group(&[0], None), group(&[], None)]), Err(BadGroups::Empty));
    assert_eq!(partition(2, vec![group(&[1, 0], None)]), Err(BadGroups::NoText(0)));
}

/// As a fault it would rest the plugin for everybody, and lose the window's other groups.
#[test]
fn too_long_a_text_leaves_only_its_own_messages_unmerged() {
    let (long, longest) = ("x".repeat(TEXT + 1), "x".repeat(TEXT));
    let lifted =
        partition(5, vec![group(&[2, 0], Some(&long)), group(&[3, 1], Some(&longest)), group(&[4], Some(&long))]);
    let lifted = lifted.unwrap();
    let members: Vec<&[usize]> = lifted.groups.iter().map(|group| group.members.as_slice()).collect();
    assert_eq!(members, [&[0][..], &[1, 3], &[2], &[4]]);
    let merged: Vec<bool> = lifted.groups.iter().map(|group| group.text.is_some()).collect();
    assert_eq!((merged, lifted.too_long), (vec![false, true, false, false], 2));
}

#[test]
fn cuts_at_characters() {
    assert_eq!((cut("好好", 4), cut("好", 2), cut("ab", 9)), ("好", "", "ab"));
}
