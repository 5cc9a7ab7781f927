//! Traditional, Simplified and variant forms of Han characters.
//!
//! One character folds to one, so nothing has to be looked ahead for. A conversion would have to know
//! which of 發 and 髮 a 发 is meant to be; here all forms that may stand for one another are one class,
//! and each is read as the form that stands for the class. What that costs: of some forty classes two or
//! more characters are in use in Simplified itself (后 and 後, 干 and 乾, 像 and 象), and a term with one
//! of them is found with the other too.

use std::sync::LazyLock;

/// One class between two spaces, the form that stands for it first.
const CLASSES: &str = include_str!("variants.txt");

/// The part of the first plane that has forms, from the radicals to the last unified character.
const FIRST: u32 = 0x2E80;
const BEYOND: u32 = 0xA000;

/// The forms of Han characters.
#[derive(Debug)]
pub struct Variants {
    /// By character from [`FIRST`] on: the form that stands for it, or 0 if it does itself.
    basic: Box<[u16]>,
    /// Characters of the other planes with the form that stands for them, in ascending order.
    others: Vec<(char, char)>,
}

static VARIANTS: LazyLock<Variants> = LazyLock::new(Variants::read);

impl Variants {
    /// The table; read once.
    #[must_use]
    pub fn get() -> &'static Self {
        &VARIANTS
    }

    /// The form that stands for a character: the same for all of its forms, and itself for any
    /// character that has none.
    #[must_use]
    #[inline]
    pub fn fold(&self, c: char) -> char {
        let code = u32::from(c);
        match code {
            FIRST..BEYOND => match self.basic.get((code - FIRST) as usize) {
                Some(&form) if form != 0 => char::from_u32(u32::from(form)).unwrap_or(c),
                _ => c,
            },
            0x20000.. => match self.others.binary_search_by_key(&c, |other| other.0) {
                Ok(at) => self.others.get(at).map_or(c, |other| other.1),
                Err(_) => c,
            },
            _ => c,
        }
    }

    fn read() -> Self {
        let mut variants = Self { basic: vec![0; (BEYOND - FIRST) as usize].into_boxed_slice(), others: Vec::new() };
        for (form, stands) in members() {
            let at = u32::from(form).checked_sub(FIRST).map(|at| at as usize);
            match (at.and_then(|at| variants.basic.get_mut(at)), u16::try_from(u32::from(stands))) {
                (Some(cell), Ok(stands)) => *cell = stands,
                _ => variants.others.push((form, stands)),
            }
        }
        variants.others.sort_unstable();
        variants
    }
}

/// Every character that another one stands for, with that one.
pub(crate) fn members() -> impl Iterator<Item = (char, char)> {
    let classes = CLASSES.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
    classes.flat_map(|class| {
        let mut forms = class.chars();
        let stands = forms.next();
        forms.filter_map(move |form| Some((form, stands?)))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_plausible_reading_is_of_one_class() {
        let classes = [
            "发發髮発",
            "里裡裏",
            "后後",
            "干乾幹",
            "台臺檯颱",
            "说說説",
            "只隻祇",
            "面麵麪",
            "着著",
            "系係繫",
            "复復複覆",
            "历歷曆",
            "龙龍竜",
            "国國囯",
            "马馬⻢",
            "工エ",
        ];
        let fold = |c: char| Variants::get().fold(c);
        for class in classes {
            let folded: HashSet<char> = class.chars().map(fold).collect();
            assert_eq!(folded.len(), 1, "{class}: {folded:?}");
        }
        for apart in ["缺欠", "辨辩", "瓣辩", "连联", "人入", "己已", "アa", "艺芸"] {
            let folded: HashSet<char> = apart.chars().map(fold).collect();
            assert_eq!(folded.len(), 2, "{apart}");
        }
    }

    /// A class in two places, or a form that nothing finds, would show here.
    #[test]
    fn folding_twice_changes_nothing() {
        let mut seen = HashSet::new();
        for (form, stands) in members() {
            assert!(seen.insert(form), "{form} is in two classes");
            assert_eq!(Variants::get().fold(form), stands);
            assert_eq!(Variants::get().fold(stands), stands);
        }
        assert!(seen.len() > 4_000, "{}", seen.len());
    }
}
