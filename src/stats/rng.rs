//! A fully specified generator, so that every draw is the same on every platform
//! and survives an update of any dependency.

/// `SplitMix64` (Steele, Lea and Flood 2014), seeded by a number and a label.
#[derive(Clone, Debug)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// A generator whose stream belongs to `label`: the state is the seed combined
    /// with the FNV-1a digest of the label, or the seed itself for an empty label.
    pub fn new(seed: u64, label: &str) -> SplitMix64 {
        let digest = if label.is_empty() {
            0
        } else {
            fnv1a(label.as_bytes())
        };
        SplitMix64 {
            state: seed ^ digest,
        }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A whole number from 0 to `bound - 1`; 0 for a bound of 0.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the product shifted by 64 is below bound"
    )]
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// Puts the items into a random order (Fisher and Yates 1938, from the end).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }
}

/// The 64-bit FNV-1a digest (Fowler, Noll and Vo 1991).
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |digest, byte| {
        (digest ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_separate_streams_and_an_empty_label_is_the_bare_seed() {
        let mut bare = SplitMix64::new(1_234_567, "");
        assert_eq!(bare.next_u64(), 6_457_827_717_110_365_317);
        let mut labelled = SplitMix64::new(1_234_567, "a");
        assert_ne!(labelled.next_u64(), 6_457_827_717_110_365_317);
    }

    #[test]
    fn the_digest_of_a_label_is_the_published_one() {
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
