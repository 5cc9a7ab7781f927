use super::digits::ascii;
use crate::Features;

/// What the host computes about two texts, without embeddings.
///
/// ```
/// let features = rolecall_plugin::testing::features("At 3 o’clock", "At ４:00");
/// assert_eq!((features.a_numbers, features.b_numbers), (vec!["3".to_owned()], vec!["4".into(), "00".into()]));
/// assert_eq!((features.a_chars, features.b_chars), (12, 7));
/// ```
#[must_use]
pub fn features(a: &str, b: &str) -> Features {
    let (a_chars, b_chars): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let count = |chars: &[char]| u32::try_from(chars.len()).unwrap_or(u32::MAX);
    Features {
        a_chars: count(&a_chars),
        b_chars: count(&b_chars),
        edit_similarity: strsim::normalized_levenshtein(a, b),
        embedding_similarity: None,
        a_numbers: numbers(&a_chars),
        b_numbers: numbers(&b_chars),
    }
}

/// The features of the same messages in the other order.
pub(super) fn swapped(features: &Features) -> Features {
    Features {
        a_chars: features.b_chars,
        b_chars: features.a_chars,
        a_numbers: features.b_numbers.clone(),
        b_numbers: features.a_numbers.clone(),
        ..features.clone()
    }
}

fn numbers(chars: &[char]) -> Vec<String> {
    let runs = chars.chunk_by(|a, b| ascii(*a).is_some() == ascii(*b).is_some());
    let runs = runs.map(|run| run.iter().copied().filter_map(ascii).collect::<String>());
    runs.filter(|run| !run.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in the definition of the ABI, and digits that are none in it.
    #[test]
    fn numbers_are_runs_of_digits() {
        let numbers = |text: &str| features(text, "").a_numbers;
        assert_eq!(numbers("-1,200.50 kg"), ["1", "200", "50"]);
        assert_eq!(numbers("第１２章 ٣ x² 三 007"), ["12", "3", "007"]);
        assert_eq!(numbers("none"), Vec::<String>::new());
    }

    #[test]
    fn similarity_counts_characters() {
        let similarity = |a: &str, b: &str| features(a, b).edit_similarity;
        let near = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(near(similarity("", ""), 1.0) && near(similarity("", "ab"), 0.0) && near(similarity("ab", ""), 0.0));
        assert!(near(similarity("kitten", "sitting"), 1.0 - 3.0 / 7.0));
        assert!(near(similarity("好的", "好吧"), 0.5));
    }
}
