//! How alike two texts are by the runs of characters that they share.

/// Characters of a gram.
const LENGTH: usize = 5;

/// The distinct 5-grams of a text as hashes, sorted; a shorter text is one gram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grams(Vec<u64>);

impl Grams {
    /// Those of a text.
    pub fn of(text: &str) -> Self {
        let characters: Vec<char> = text.chars().collect();
        let mut hashes: Vec<u64> = if characters.len() < LENGTH {
            vec![hash(&characters)]
        } else {
            characters.windows(LENGTH).map(hash).collect()
        };
        hashes.sort_unstable();
        hashes.dedup();
        Self(hashes)
    }

    /// 1 less the share of common grams (Jaccard): 0 for equal sets, 1 for disjoint ones.
    #[expect(
        clippy::cast_precision_loss,
        reason = "texts have far fewer than 2^53 grams"
    )]
    pub fn distance(&self, other: &Self) -> f64 {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut common = 0_usize;
        while let (Some(one), Some(two)) = (left.peek(), right.peek()) {
            match one.cmp(two) {
                std::cmp::Ordering::Less => drop(left.next()),
                std::cmp::Ordering::Greater => drop(right.next()),
                std::cmp::Ordering::Equal => {
                    common += 1;
                    left.next();
                    right.next();
                }
            }
        }
        let all = self.0.len() + other.0.len() - common;
        1.0 - common as f64 / all as f64
    }
}

/// FNV-1a over the characters: the same on every machine.
fn hash(characters: &[char]) -> u64 {
    characters.iter().fold(0xcbf2_9ce4_8422_2325, |hash, c| {
        (hash ^ u64::from(*c)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_at_no_distance_and_texts_without_a_common_gram_at_one() {
        let of = Grams::of;
        assert!(of("shipping").distance(&of("shipping")).abs() < 1e-12);
        assert!((of("shipping").distance(&of("technical")) - 1.0).abs() < 1e-12);
        assert!(of("").distance(&of("")).abs() < 1e-12);
        // `abcde` and `bcdef` of three grams in all.
        assert!((of("abcdef").distance(&of("abcde")) - 0.5).abs() < 1e-12);
    }
}
