//! Which characters terms begin with.

/// Characters of one page.
const PAGE: usize = 64;

/// For every character the state that it leads to from the root. Nearly every character of a text is asked
/// for here, with many terms or few, so it takes two look-ups and no search.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// By the high bits of a character, the number of its page; 0 is empty.
    pages: Vec<u16>,
    /// Pages of states, the empty one first.
    states: Vec<[u32; PAGE]>,
}

impl Heads {
    /// The state behind a character; the root for one that begins no term.
    #[inline]
    pub(super) fn get(&self, c: char) -> u32 {
        let page = self.pages.get(c as usize / PAGE).copied().unwrap_or(0);
        let states = self.states.get(usize::from(page));
        states.and_then(|states| states.get(c as usize % PAGE)).copied().unwrap_or(super::automaton::ROOT)
    }

    pub(super) fn set(&mut self, c: char, state: u32) {
        if self.states.is_empty() {
            self.states.push([super::automaton::ROOT; PAGE]);
        }
        let number = c as usize / PAGE;
        if number >= self.pages.len() {
            self.pages.resize(number + 1, 0);
        }
        let fresh = u16::try_from(self.states.len()).unwrap_or(u16::MAX);
        let Some(page) = self.pages.get_mut(number) else { return };
        if *page == 0 {
            *page = fresh;
            self.states.push([super::automaton::ROOT; PAGE]);
        }
        let states = self.states.get_mut(usize::from(*page));
        if let Some(slot) = states.and_then(|states| states.get_mut(c as usize % PAGE)) {
            *slot = state;
        }
    }
}
