//! A short text that a pattern matches.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Characters of the longest example.
const LONGEST: usize = 400;

/// A text that the pattern matches as a whole, as far as its look-around allows; short, but not always
/// the shortest.
pub(super) fn of(hir: &Hir) -> Option<String> {
    let mut text = String::new();
    write(hir, &mut text).filter(|()| text.len() <= LONGEST)?;
    Some(text)
}

fn write(hir: &Hir, text: &mut String) -> Option<()> {
    if text.len() > LONGEST {
        return None;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(Class::Unicode(class)) => {
            text.push(plainest(class.ranges().iter().map(|r| (r.start(), r.end())))?)
        }
        HirKind::Class(Class::Bytes(class)) => {
            text.push(plainest(class.ranges().iter().map(|r| (char::from(r.start()), char::from(r.end()))))?);
        }
        HirKind::Repetition(repetition) => {
            for _ in 0..repetition.min {
                write(&repetition.sub, text)?;
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, text)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, text))?,
        HirKind::Alternation(parts) => {
            let mut shortest: Option<String> = None;
            for part in parts {
                if let Some(other) = of(part)
                    && shortest.as_ref().is_none_or(|text| other.len() < text.len())
                {
                    shortest = Some(other);
                }
            }
            text.push_str(&shortest?);
        }
    }
    Some(())
}

/// A letter or a digit of the class if it has one.
fn plainest(ranges: impl Iterator<Item = (char, char)> + Clone) -> Option<char> {
    let holds = |c: char| ranges.clone().any(|(start, end)| (start..=end).contains(&c));
    ['a', '1', 'A', '好'].into_iter().find(|c| holds(*c)).or_else(|| {
        let visible = ranges.clone().find(|(_, end)| *end > ' ');
        visible.map(|(start, _)| start.max('!')).or_else(|| ranges.clone().next().map(|(start, _)| start))
    })
}
