//! Looking up what a phrase asks for.

use super::super::snapshot::{Entity, Reply};
use super::super::state::{Keep, State};
use super::super::{entities, stance};
use super::ask::{Ask, Unit, What, Which};
use super::{Target, Unknown};

/// What an ask points to; `None` where it turns out to refer to nothing said before.
pub(super) fn bind(ask: &Ask, state: &State, keep: Keep) -> Option<Target> {
    match &ask.what {
        What::About { text, certain } => about(text, *certain, state, keep),
        What::It if keep.entities => only_entity(state).map(told),
        What::Former | What::Latter => either(ask, state, keep),
        What::It => None,
        _ if !keep.points => None,
        What::Whole => Some(whole(ask.which, state)),
        What::Next | What::Previous => beside(ask, state),
        _ => Some(match reply(ask, state) {
            Ok((number, reply)) => match places(ask, reply) {
                Ok(points) => Target::Points { reply: number, points },
                Err(None) => return None,
                Err(Some(unknown)) => Target::Unknown(unknown),
            },
            Err(None) => return None,
            Err(Some(unknown)) => Target::Unknown(unknown),
        }),
    }
}

/// The places of the points asked for, in a reply. No error value: it is no reference after all.
fn places(ask: &Ask, reply: &Reply) -> Result<Vec<usize>, Option<Unknown>> {
    let count = reply.points.len();
    let all = |from: usize, to: usize| (from..=to).collect::<Vec<_>>();
    let some = |number: u32| usize::try_from(number).ok().filter(|number| (1..=count).contains(number));
    let from_end = |number: u32| some(number).filter(|_| !reply.cut).ok_or(Some(Unknown::NoSuchPoint));
    // Counted over two lists, a number may mean a point of either.
    let whole = || if reply.is_split() { Err(Some(Unknown::Ambiguous)) } else { Ok(()) };
    match &ask.what {
        What::Numbers(numbers) => {
            let mut points = Vec::with_capacity(numbers.len());
            for number in numbers {
                match reply.places(*number).as_slice() {
                    [place] => points.push(*place),
                    [] => return Err(Some(Unknown::NoSuchPoint)),
                    _ => return Err(Some(Unknown::Ambiguous)),
                }
            }
            Ok(points)
        }
        What::First(number) => whole().and(some(*number).map(|to| all(1, to)).ok_or(Some(Unknown::NoSuchPoint))),
        What::Last(1) => from_end(1).map(|_| vec![count]),
        What::Last(number) => whole().and(from_end(*number).map(|number| all(count + 1 - number, count))),
        What::FromEnd(number) => whole().and(from_end(*number).map(|number| vec![count + 1 - number])),
        What::All(number) => {
            let fits = number.is_none_or(|number| usize::try_from(number).is_ok_and(|number| number == count));
            match (fits && !reply.cut, ask.anchored) {
                (true, _) => Ok(all(1, count)),
                (false, true) => Err(Some(Unknown::NoSuchPoint)),
                (false, false) => Err(None),
            }
        }
        What::Only if count == 1 => Ok(vec![1]),
        What::Only => Err(Some(Unknown::Ambiguous)),
        _ => Err(None),
    }
}

/// The reply meant.
fn reply<'s>(ask: &Ask, state: &'s State) -> Result<(u64, &'s Reply), Option<Unknown>> {
    if let Which::Back(_) | Which::Number(_) = ask.which {
        let number = numbered(ask.which, state).map_err(Some)?;
        let reply = state.reply(number).ok_or(Some(Unknown::Forgotten))?;
        let fits = reply.listed || matches!(ask.unit, Unit::Point | Unit::Sentence);
        return if fits { Ok((number, reply)) } else { Err(Some(Unknown::Nothing)) };
    }
    let last = state.latest_first().next();
    if ask.unit == Unit::Sentence || ask.what == What::Only {
        let (number, reply) = last.ok_or(Some(Unknown::Nothing))?;
        // Of a list its sentences are not kept.
        return if reply.listed && ask.unit == Unit::Sentence {
            Err(Some(Unknown::Nothing))
        } else {
            Ok((number, reply))
        };
    }
    let lists: Vec<(u64, &Reply)> = state.latest_first().filter(|(_, reply)| reply.listed).collect();
    match (lists.as_slice(), ask.unit) {
        ([], Unit::Point) => last.ok_or(Some(Unknown::Nothing)),
        ([], _) => Err(ask.anchored.then_some(Unknown::Nothing)),
        ([only], _) => Ok(*only),
        ([newest, older @ ..], _) => match ask.which {
            Which::Before => older.first().copied().ok_or(Some(Unknown::Nothing)),
            Which::Earlier => earlier(ask, older),
            _ => Ok(counted(ask, &lists).unwrap_or(*newest)),
        },
    }
}

/// The latest list that bears the number; a list that begins at one is the one meant all the same.
fn counted<'s>(ask: &Ask, lists: &[(u64, &'s Reply)]) -> Option<(u64, &'s Reply)> {
    let What::Numbers(numbers) = &ask.what else { return None };
    let bears = |reply: &Reply| numbers.iter().all(|number| !reply.places(*number).is_empty());
    let begins = |reply: &Reply| reply.points.first().is_none_or(|point| point.label <= 1);
    lists.iter().find(|(_, reply)| bears(reply) || begins(reply)).copied()
}

/// The one earlier list, or the one of several that has what is asked for.
fn earlier<'s>(ask: &Ask, older: &[(u64, &'s Reply)]) -> Result<(u64, &'s Reply), Option<Unknown>> {
    if let [only] = older {
        return Ok(*only);
    }
    let fitting: Vec<_> = older.iter().filter(|(_, reply)| places(ask, reply).is_ok()).collect();
    match fitting.as_slice() {
        [only] => Ok(**only),
        [] => Err(Some(Unknown::NoSuchPoint)),
        _ => Err(Some(Unknown::Ambiguous)),
    }
}

fn whole(which: Which, state: &State) -> Target {
    match numbered(which, state) {
        Ok(number) if state.reply(number).is_some() => Target::Reply(number),
        Ok(_) => Target::Unknown(Unknown::Forgotten),
        Err(unknown) => Target::Unknown(unknown),
    }
}

fn numbered(which: Which, state: &State) -> Result<u64, Unknown> {
    let all = state.replies();
    let number = match which {
        Which::Number(number) => Some(u64::from(number)),
        Which::Back(back) => all.checked_sub(back),
        Which::Before => all.checked_sub(1),
        Which::Latest | Which::Earlier => Some(all),
    };
    number.filter(|number| (1..=all).contains(number)).ok_or(Unknown::Nothing)
}

/// The point behind or before the one last spoken of.
fn beside(ask: &Ask, state: &State) -> Option<Target> {
    let Some(focus) = &state.0.focus else {
        return match (&ask.what, ask.unit) {
            (_, Unit::Loose) => None,
            _ => Some(Target::Unknown(Unknown::Nothing)),
        };
    };
    let place = usize::try_from(focus.point).ok()?;
    let place = if ask.what == What::Next { place.checked_add(1) } else { place.checked_sub(1) };
    let reply = state.reply(focus.reply)?;
    let place = place.filter(|place| (1..=reply.points.len()).contains(place));
    Some(match place {
        Some(place) => Target::Points { reply: focus.reply, points: vec![place] },
        None => Target::Unknown(Unknown::NoSuchPoint),
    })
}

/// The former or the latter: of two points of the last reply, or of the two names it spoke of.
fn either(ask: &Ask, state: &State, keep: Keep) -> Option<Target> {
    let first = ask.what == What::Former;
    if let Some((number, reply)) = state.latest_first().next()
        && keep.points
        && reply.listed
        && !reply.cut
        && reply.points.len() == 2
    {
        return Some(Target::Points { reply: number, points: vec![if first { 1 } else { 2 }] });
    }
    let recent = if keep.entities { recent(state) } else { Vec::new() };
    Some(match recent.as_slice() {
        [former, latter] => told(if first { former } else { latter }),
        [] | [_] => Target::Unknown(Unknown::Nothing),
        _ => Target::Unknown(Unknown::Ambiguous),
    })
}

/// The one name that was spoken of in the last turn.
fn only_entity(state: &State) -> Option<&Entity> {
    match recent(state).as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}

/// The names that the last turn spoke of and the role has said something of, in the order met.
fn recent(state: &State) -> Vec<&Entity> {
    let last = state.replies();
    let met = |entity: &&Entity| entity.named && entity.met_in == last && entity.said_in > 0;
    state.0.entities.iter().filter(met).collect()
}

/// What was said of the thing that a text begins with.
fn about(text: &str, certain: bool, state: &State, keep: Keep) -> Option<Target> {
    let marks = ['《', '》', '“', '”', '「', '」', '『', '』', '"', '\'', '`', ' '];
    let bare = text.trim_start_matches(marks).trim_end_matches(marks);
    let folded = entities::fold(bare);
    let begins = |key: &str| !key.is_empty() && folded.starts_with(key) && entities::find(&folded, key) == Some(0);
    let known = state.0.entities.iter().filter(|entity| keep.entities && entity.said_in > 0 && begins(&entity.key()));
    if let Some(entity) = known.max_by_key(|entity| entity.name.len()) {
        return Some(told(entity));
    }
    if keep.points
        && let Some((name, reply, said)) = quoted(bare, state)
    {
        let stance = stance::of(&said, &name, &[]);
        return Some(Target::About { name, reply, said, stance });
    }
    let named = entities::names(text, |_| true).first().is_some_and(|name| begins(&entities::fold(name)));
    (certain || named).then_some(Target::Unknown(Unknown::NeverSaid))
}

/// The longest beginning of a text that a reply has, in the latest reply that has it.
fn quoted(text: &str, state: &State) -> Option<(String, u64, String)> {
    const LONGEST: usize = 24;
    let starts = text.char_indices().map(|(at, _)| at).chain(std::iter::once(text.len()));
    let mut prefixes: Vec<&str> = starts.skip(2).take(LONGEST).filter_map(|at| text.get(..at)).collect();
    prefixes.reverse();
    let whole = |prefix: &&str| {
        let rest = text.get(prefix.len()..).unwrap_or_default();
        let latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let within_word = latin(prefix.chars().next_back()) && latin(rest.chars().next());
        !within_word && !prefix.ends_with(char::is_whitespace)
    };
    for prefix in prefixes.into_iter().filter(whole) {
        let key = entities::fold(prefix);
        if key.chars().count() < 2 {
            continue;
        }
        for (number, reply) in state.latest_first() {
            let point = reply.points.iter().rev().find(|point| entities::mentions(&entities::fold(&point.text), &key));
            if let Some(point) = point {
                return Some((prefix.to_owned(), number, point.text.clone()));
            }
        }
    }
    None
}

/// What the role said of a thing: where it took a stance there, that sentence, else the last one.
fn told(entity: &Entity) -> Target {
    let (stance, reply, said) = match entity.view() {
        Some((stance, reply, said)) => (Some(stance), reply, said.to_owned()),
        None => (None, entity.said_in, entity.said.clone()),
    };
    Target::About { name: entity.name.clone(), reply, said, stance }
}
