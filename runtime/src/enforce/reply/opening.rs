//! The first words of an attempt that continues behind released text.

use super::join;

/// Models asked to continue often repeat what is there. From this many characters on, a repetition
/// is recognised and left out; shorter ones are too likely meant.
const MIN_ECHO_CHARS: usize = 8;

/// Leaves out a repetition of the released text and sets off a new sentence.
#[derive(Debug, Default)]
pub(super) struct Opening {
    seen: String,
    over: bool,
}

impl Opening {
    /// The model's next words without a repetition of `out`; empty while they may still be one.
    pub(super) fn take(&mut self, out: &str, delta: &str) -> String {
        if self.over || out.is_empty() {
            self.over = true;
            return delta.to_owned();
        }
        self.seen.push_str(delta);
        let long = out.chars().nth(MIN_ECHO_CHARS - 1).is_some();
        if self.seen.is_empty() || (long && self.seen.len() < out.len() && out.starts_with(&self.seen)) {
            return String::new();
        }
        self.over = true;
        let seen = std::mem::take(&mut self.seen);
        match seen.strip_prefix(out).filter(|_| long) {
            Some(rest) => rest.to_owned(),
            None => join::continued(out, &seen),
        }
    }

    /// What was kept back when the answer ended: a short beginning that is no repetition.
    pub(super) fn flush(&mut self, out: &str) -> String {
        self.over = true;
        let seen = std::mem::take(&mut self.seen);
        if seen.chars().nth(MIN_ECHO_CHARS - 1).is_some() { String::new() } else { join::continued(out, &seen) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(out: &str, deltas: &[&str]) -> String {
        let mut opening = Opening::default();
        let mut text: String = deltas.iter().map(|d| opening.take(out, d)).collect();
        text.push_str(&opening.flush(out));
        text
    }

    #[test]
    fn a_repetition_is_left_out_and_anything_else_is_kept() {
        let out = "It ships today.";
        assert_eq!(run(out, &["It sh", "ips today. Any", "thing else?"]), " Anything else?");
        assert_eq!(run(out, &["It sh", "ould arrive."]), " It should arrive.");
        assert_eq!(run(out, &["It ships", " today."]), "");
        assert_eq!(run(out, &["It"]), " It");
        assert_eq!(run("好。", &["好。", "好的。"]), "好。好的。");
        assert_eq!(run("", &["a", "b"]), "ab");
    }
}
