//! Several votes of a judge in one number.

use crate::stats::moments::{mean, quantile};

/// How votes become one score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reducer {
    Mean,
    Median,
    Majority,
    Min,
    Max,
}

impl Reducer {
    pub(super) const NAMES: &[&str] = &["mean", "median", "majority", "min", "max"];

    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "mean" => Self::Mean,
            "median" => Self::Median,
            "majority" => Self::Majority,
            "min" => Self::Min,
            "max" => Self::Max,
            _ => return None,
        })
    }

    /// One share of several; `None` of none. The majority is the value that most votes have, and where several have as
    /// many the lowest of them.
    pub(super) fn of(self, votes: &[f64]) -> Option<f64> {
        match self {
            Self::Mean => mean(votes),
            Self::Median => quantile(&sorted(votes), 0.5),
            Self::Majority => majority(votes),
            Self::Min => votes.iter().copied().reduce(f64::min),
            Self::Max => votes.iter().copied().reduce(f64::max),
        }
    }
}

fn sorted(votes: &[f64]) -> Vec<f64> {
    let mut sorted = votes.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn majority(votes: &[f64]) -> Option<f64> {
    let sorted = sorted(votes);
    let classes = sorted.chunk_by(|one, other| one.total_cmp(other).is_eq());
    // The first of the most frequent is the lowest.
    let most = classes.reduce(|best, next| if next.len() > best.len() { next } else { best })?;
    most.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_are_reduced_as_asked() {
        let votes = [1.0, 0.0, 1.0, 0.5];
        let all: Vec<Option<f64>> = Reducer::NAMES
            .iter()
            .map(|name| Reducer::named(name).unwrap().of(&votes))
            .collect();
        assert_eq!(
            all,
            [Some(0.625), Some(0.75), Some(1.0), Some(0.0), Some(1.0)]
        );
        assert_eq!(Reducer::Mean.of(&[]), None);
    }

    #[test]
    fn a_tie_of_votes_goes_to_the_lower() {
        assert_eq!(Reducer::Majority.of(&[1.0, 0.0]), Some(0.0));
    }
}
