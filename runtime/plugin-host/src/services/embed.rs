use std::fmt;

/// Bytes of a text.
pub(super) const MAX_BYTES: usize = 64 << 10;
/// Instructions that a byte counts as.
const BYTE: u64 = 64;

/// Makes vectors of texts. An implementation must not block: it runs on a thread that guests share, and no
/// deadline stops it.
pub trait Embedder: Send + Sync + fmt::Debug {
    /// The text's vector, of length 1; of the same dimensions for every text.
    ///
    /// # Errors
    /// There is none now; the sentence reaches the plugin that asked.
    fn embed(&self, text: &str) -> Result<Vec<f32>, EmbedError>;
}

/// Why there is no embedding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EmbedError(pub String);

/// Hashed character n-grams: no weights, no language, a few microseconds. Texts that share many runs of one to
/// three characters are near each other; what words mean is not known to it.
///
/// Each n-gram adds 1 or -1, by bits of its hash, to the dimension that others of them choose (feature
/// hashing: Weinberger et al., 2009, "Feature Hashing for Large Scale Multitask Learning"). Letters
/// are compared without case, and white space counts as one space.
#[derive(Debug, Clone, Copy, Default)]
pub struct HashedEmbedder;

/// Numbers of a vector.
const DIMENSIONS: usize = 256;
/// Characters of the longest n-gram.
const LONGEST: usize = 3;

impl Embedder for HashedEmbedder {
    fn embed(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let folded = folded(text);
        let mut vector = vec![0_f32; DIMENSIONS];
        for from in 0..folded.len() {
            // FNV-1a, which grows with the n-gram.
            let mut hash = 0xcbf2_9ce4_8422_2325_u64;
            for c in folded.iter().skip(from).take(LONGEST) {
                for byte in u32::from(*c).to_le_bytes() {
                    hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
                }
                let place = usize::try_from((hash >> 32) % DIMENSIONS as u64).unwrap_or_default();
                let sign = if (hash ^ (hash >> 17)) & 1 == 0 { 1.0 } else { -1.0 };
                if let Some(number) = vector.get_mut(place) {
                    *number += sign;
                }
            }
        }
        let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
        match vector.first_mut() {
            // Of nothing, or of n-grams that cancel each other.
            Some(first) if length == 0.0 => *first = 1.0,
            _ => vector.iter_mut().for_each(|number| *number /= length),
        }
        Ok(vector)
    }
}

/// Lower case, with single spaces.
fn folded(text: &str) -> Vec<char> {
    let mut folded: Vec<char> = Vec::with_capacity(text.len());
    for c in text.trim().chars().flat_map(char::to_lowercase) {
        let c = if c.is_whitespace() { ' ' } else { c };
        if c != ' ' || folded.last() != Some(&' ') {
            folded.push(c);
        }
    }
    folded
}

/// What the embedding of a text counts as.
pub(super) fn instructions(text: &str) -> u64 {
    BYTE * text.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(a: &str, b: &str) -> f32 {
        let [a, b] = [a, b].map(|text| HashedEmbedder.embed(text).unwrap());
        a.iter().zip(&b).map(|(a, b)| a * b).sum()
    }

    /// Fails when a vector's length is not 1, or near texts are far in either language.
    #[test]
    fn near_texts_are_near() {
        for text in ["", "a", "你好", "The order has been shipped", "  "] {
            assert!((cosine(text, text) - 1.0).abs() < 1e-5, "{text}");
        }
        for (text, near, far) in [
            ("Your order has been shipped", "your  order has been shipped!", "会议改到明天下午三点"),
            ("会议改到明天下午三点", "会议改到明天下午三点了", "Your order has been shipped"),
        ] {
            assert!(cosine(text, near) > 0.9 && cosine(text, far).abs() < 0.35, "{text}");
        }
    }
}
