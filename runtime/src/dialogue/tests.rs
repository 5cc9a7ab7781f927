use proptest::prelude::*;

use super::*;

const ALL: Keep = Keep { points: true, entities: true };

/// What a language must reach on its cases, in basis points: accuracy, and precision and recall of what
/// is a reference at all.
const FLOORS: [usize; 3] = [9_500, 9_700, 9_500];

/// Fails when the share of right answers falls, or anything is bound to what is not meant.
#[test]
fn references_are_resolved_as_the_cases_say() {
    for (language, text) in CASES {
        let cases = Cases::read(text).unwrap();
        assert!(cases.0.len() >= 130, "{language}: {}", cases.0.len());
        for part in [Part::Dev, Part::Test] {
            let figures = measure(&cases.of(part));
            let shares = [figures.accuracy(), figures.precision(), figures.recall()];
            println!("{language} {part:?}: {} cases, {shares:?}, wrong {}", figures.cases, figures.wrong);
            let failures = figures.failures.join("\n");
            assert!(
                shares.iter().zip(FLOORS).all(|(share, floor)| *share >= floor),
                "{language} {part:?}:\n{failures}"
            );
            assert_eq!(figures.wrong, 0, "{language} {part:?}:\n{failures}");
        }
    }
}

/// Fails when a file of cases with a mistake in it is read all the same.
#[test]
fn a_mistake_in_a_file_of_cases_is_told() {
    for (text, line) in [("@ a\n< answer", 2), ("dev\tuser", 1), ("@ a\n\nlater\tuser\t-", 3)] {
        assert!(Cases::read(text).unwrap_err().starts_with(&format!("line {line}:")), "{text}");
    }
}

/// Fails when the words that are quoted are not the role's own, or nobody is asked back.
#[test]
fn a_note_quotes_word_by_word_or_asks_back() {
    use rolecall_dsl::contract::Language::{En, Zh};
    let reply = "理由：\n1. 地势险要。\n2. 漕运便利，\n   粮食北上。\n3. 气候干燥。";
    let state = State::of(0, [("为何迁都", reply), ("谢谢", "不客气。")], ALL);
    let said =
        |user: &str, language| notes(user, &state, ALL).iter().map(|note| note.say(language)).collect::<Vec<_>>();
    let note = &said("你说的第二点再展开", Zh)[0];
    assert!(note.contains("“第二点”") && note.contains("往前数第 2 次"), "{note}");
    assert!(note.contains("> 漕运便利，\n>    粮食北上。") && !note.contains("地势"), "{note}");
    let note = &said("expand on your third point", En)[0];
    assert!(note.contains("reply before the last") && note.ends_with("> 气候干燥。"), "{note}");
    for (language, asks) in [(Zh, "不要猜测"), (En, "Do not guess")] {
        let note = &said("第七点呢", language)[0];
        assert!(note.contains(asks) && !note.contains('>'), "{note}");
    }
    assert!(said("下午三点见", Zh).is_empty());
}

/// Fails when a switch of the contract has no effect.
#[test]
fn a_contract_keeps_what_it_says() {
    let turns = [("Rust好吗", "1. 我推荐Rust。\n2. 它很快。")];
    let resolved = |keep: Keep, user: &str| resolve(user, &State::of(0, turns, keep), keep).len();
    let (points, entities) = (Keep { points: true, entities: false }, Keep { points: false, entities: true });
    for (keep, numbers, views) in [(ALL, 1, 1), (points, 1, 1), (entities, 0, 1), (Keep::NOTHING, 0, 0)] {
        assert_eq!(resolved(keep, "第二点呢"), numbers, "{keep:?}");
        assert_eq!(resolved(keep, "你不是推荐Rust吗"), views, "{keep:?}");
    }
    assert_eq!(State::of(0, turns, Keep::NOTHING).bytes(), 0);
}

/// Fails when the latest stance does not win.
#[test]
fn the_latest_stance_wins() {
    let turns = [("Is Go good?", "I recommend Go."), ("Really?", "On reflection, I would avoid Go.")];
    let found = resolve("Didn't you say Go is good?", &State::of(0, turns, ALL), ALL);
    let [Reference { target: Target::About { name, reply: 2, stance: Some(Stance::Against), .. }, .. }] =
        found.as_slice()
    else {
        panic!("{found:?}")
    };
    assert_eq!(name, "Go");
}

/// Fails when a reply of countless clauses is read beyond the bounds, or its last words are not.
#[test]
fn countless_clauses_are_read_up_to_a_bound() {
    let names: Vec<String> = (0..MAX_ENTITIES).map(|at| format!("`x{at}`")).collect();
    let mut state = State::of(0, names.iter().map(|name| (name.as_str(), "Noted.")), ALL);
    let clauses = format!("{}{}", names.join(", "), ",x".repeat(30_000));
    for end in [", and I recommend x31.", ", x31, ", "."] {
        state.push("And now?", &format!("{clauses}{end}"), ALL);
        assert!(state.bytes() <= MAX_BYTES && state.encode().len() <= 2 * MAX_BYTES, "{end}");
        assert_eq!(State::decode(&state.encode()).as_ref(), Some(&state), "{end}");
    }
    assert_eq!(state.replies(), MAX_ENTITIES as u64 + 3);
    let views: Vec<_> =
        state.0.entities.iter().filter_map(|entity| Some((entity.name.as_str(), entity.view()?))).collect();
    assert!(matches!(views.as_slice(), [("x31", (Stance::For, 33, _))]), "{views:?}");
}

/// Texts with everything that the readers look at.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("第一点".to_owned()),
        Just("你刚才说的第三点".to_owned()),
        Just("\n1. ".to_owned()),
        Just("\n2. ".to_owned()),
        Just("\n- ".to_owned()),
        Just("\n   - ".to_owned()),
        Just("首先，".to_owned()),
        Just("其次，".to_owned()),
        Just("最后，".to_owned()),
        Just("（2）".to_owned()),
        Just("①".to_owned()),
        Just("First, ".to_owned()),
        Just("your second point ".to_owned()),
        Just("the last two points".to_owned()),
        Just("第十二到九十九条".to_owned()),
        Just("我不推荐Rust，".to_owned()),
        Just("《史记》很好。".to_owned()),
        Just("what you said about Rust ".to_owned()),
        Just("下一点".to_owned()),
        Just("最后两点".to_owned()),
        "[ -~]{0,12}",
        "\\PC{0,8}",
        "[一二三的，。！？\n]{0,20}",
        "[a-z]{200,600}",
        "(很长的一句话，){30,90}",
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

fn dialogue() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec((text(), text()), 0..26)
}

fn of(turns: &[(String, String)], keep: Keep) -> State {
    State::of(0, turns.iter().map(|(user, reply)| (user.as_str(), reply.as_str())), keep)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    // Fails when a point is named that is not there, a phrase lies outside the text, or a reference is
    // found beyond the limit.
    #[test]
    fn nothing_is_named_that_does_not_exist(turns in dialogue(), user in text()) {
        let state = of(&turns, ALL);
        let found = resolve(&user, &state, ALL);
        prop_assert!(found.len() <= MAX_REFERENCES);
        for reference in &found {
            prop_assert!(user.get(reference.phrase.clone()).is_some_and(|phrase| !phrase.is_empty()));
            match &reference.target {
                Target::Points { reply, points } => {
                    let kept = state.points(*reply);
                    prop_assert!(!points.is_empty());
                    prop_assert!(kept.is_some_and(|kept| points.iter().all(|point| (1..=kept.len()).contains(point))));
                }
                Target::Reply(reply) => prop_assert!(state.points(*reply).is_some()),
                Target::About { name, reply, said, .. } => {
                    prop_assert!(*reply >= 1 && *reply <= state.replies());
                    let source = &turns[usize::try_from(*reply).unwrap() - 1].1;
                    prop_assert!(source.contains(said.as_str()), "{name}: {said:?} is not in {source:?}");
                }
                Target::Unknown(_) => {}
            }
            for language in [rolecall_dsl::contract::Language::Zh, rolecall_dsl::contract::Language::En] {
                prop_assert!(!Note::new(&user, reference, &state).say(language).is_empty());
            }
        }
    }

    // Fails when the state grows with what is said, or a point is not the reply's own words.
    #[test]
    fn the_state_is_bounded(turns in dialogue()) {
        let state = of(&turns, ALL);
        prop_assert!(state.bytes() <= MAX_BYTES);
        prop_assert!(state.encode().len() <= 2 * MAX_BYTES);
        prop_assert_eq!(state.replies(), turns.len() as u64);
        for (reply, (_, text)) in (1..).zip(&turns) {
            for point in state.points(reply).unwrap_or_default() {
                prop_assert!(point.len() <= MAX_POINT_BYTES && text.contains(point));
            }
        }
    }

    // Fails when a restart, or taking turns in one by one, makes a difference.
    #[test]
    fn a_state_is_the_same_after_a_restart_as_without(turns in dialogue()) {
        let whole = of(&turns, ALL);
        let mut step = State::of(0, [], ALL);
        for (user, reply) in &turns {
            step.push(user, reply, ALL);
            step = State::decode(&step.encode()).unwrap();
        }
        prop_assert_eq!(&whole, &step);
    }

    // Fails when bytes that are none of a state, or exceed its bounds, are taken for one.
    #[test]
    fn damaged_bytes_are_refused_or_bounded(bytes in prop::collection::vec(any::<u8>(), 0..64), turns in dialogue(), at in any::<prop::sample::Index>(), flip in 1u8..) {
        prop_assert!(State::decode(&bytes).is_none_or(|state| state.bytes() <= MAX_BYTES));
        let mut damaged = of(&turns, ALL).encode();
        let at = at.index(damaged.len());
        damaged[at] ^= flip;
        if let Some(state) = State::decode(&damaged) {
            prop_assert!(state.bytes() <= MAX_BYTES);
            let found = resolve("你刚才说的第三点，最后两点，下一点；the first two points", &state, ALL);
            prop_assert!(found.len() <= MAX_REFERENCES);
        }
    }
}
