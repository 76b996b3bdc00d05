//! Several values of one thing made one: the trials of a case, or the votes of a judge.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::flakiness::pass_at_k;
use super::moments::{mean, quantile};

/// How several values become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reducer {
    /// Their mean.
    Mean,
    /// The middle one, or the mean of the two in the middle.
    Median,
    /// The most frequent one, and of several the lowest.
    Mode,
    /// The lowest.
    Min,
    /// The highest.
    Max,
    /// 1 if more than half of them pass, else 0.
    Majority,
    /// The chance that any of so many passes (Chen et al. 2021).
    PassAt(usize),
    /// The chance that all of so many pass, often written pass^k.
    PassAll(usize),
}

impl Reducer {
    /// Those that have no number.
    pub const NAMES: &[&str] = &["mean", "median", "mode", "min", "max", "majority"];

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "mean" => Self::Mean,
            "median" => Self::Median,
            "mode" => Self::Mode,
            "min" => Self::Min,
            "max" => Self::Max,
            "majority" => Self::Majority,
            _ => return None,
        })
    }

    /// Whether it counts which values pass, so that they are 0 or 1.
    pub fn counts_passes(self) -> bool {
        matches!(self, Self::Majority | Self::PassAt(_) | Self::PassAll(_))
    }

    /// The fewest values that it says something of.
    pub fn least(self) -> usize {
        match self {
            Self::PassAt(k) | Self::PassAll(k) => k,
            _ => 1,
        }
    }

    /// The one value of several; `None` below [`Self::least`]. For what counts passes, a pass is a 1.
    pub fn of(self, values: &[f64]) -> Option<f64> {
        let passes = || values.iter().filter(|value| **value >= 1.0).count();
        let tries = |k| pass_at_k(values.len(), passes(), k);
        match self {
            Self::Mean => mean(values),
            Self::Median => quantile(&sorted(values), 0.5),
            Self::Mode => mode(values),
            Self::Min => values.iter().copied().reduce(f64::min),
            Self::Max => values.iter().copied().reduce(f64::max),
            Self::Majority => {
                let most = 2 * passes() > values.len();
                (!values.is_empty()).then_some(if most { 1.0 } else { 0.0 })
            }
            Self::PassAt(k) => tries(k).map(|tries| tries.pass_at_k),
            Self::PassAll(k) => tries(k).map(|tries| tries.pass_hat_k),
        }
    }
}

impl fmt::Display for Reducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean => f.write_str("mean"),
            Self::Median => f.write_str("median"),
            Self::Mode => f.write_str("mode"),
            Self::Min => f.write_str("min"),
            Self::Max => f.write_str("max"),
            Self::Majority => f.write_str("majority"),
            Self::PassAt(k) => write!(f, "pass-at: {k}"),
            Self::PassAll(k) => write!(f, "pass-all: {k}"),
        }
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn mode(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let classes = sorted.chunk_by(|one, other| one.total_cmp(other).is_eq());
    // The first of the most frequent is the lowest.
    let most = classes.reduce(|best, next| if next.len() > best.len() { next } else { best })?;
    most.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_reduced_as_asked() {
        let values = [1.0, 0.0, 1.0, 0.5];
        let all: Vec<f64> = Reducer::NAMES
            .iter()
            .map(|name| Reducer::named(name).unwrap().of(&values).unwrap())
            .collect();
        assert_eq!(all, [0.625, 0.75, 1.0, 0.0, 1.0, 0.0]);
        // 2 of 4 pass: 1 - C(2,2)/C(4,2) = 5/6 for any of two, C(2,2)/C(4,2) = 1/6 for both.
        let near = |reducer: Reducer, wanted: f64| {
            assert!((reducer.of(&values).unwrap() - wanted).abs() < 1e-12);
        };
        near(Reducer::PassAt(2), 5.0 / 6.0);
        near(Reducer::PassAll(2), 1.0 / 6.0);
    }

    #[test]
    fn a_tie_is_the_lower_value_and_no_majority() {
        assert_eq!(Reducer::Mode.of(&[1.0, 0.0]), Some(0.0));
        assert_eq!(Reducer::Majority.of(&[1.0, 0.0]), Some(0.0));
    }

    #[test]
    fn too_few_values_have_no_reduction() {
        for name in Reducer::NAMES {
            assert_eq!(Reducer::named(name).unwrap().of(&[]), None, "{name}");
        }
        assert_eq!(Reducer::PassAt(3).of(&[1.0, 1.0]), None);
        assert_eq!(Reducer::PassAll(3).of(&[1.0, 1.0]), None);
    }

    proptest! {
        #[test]
        fn a_reduction_lies_within_its_values_and_hangs_on_no_order(
            values in proptest::collection::vec(0.0..=1.0f64, 1..9),
            at in 0usize..8,
        ) {
            let mut turned = values.clone();
            turned.rotate_left(at % values.len());
            let passes: Vec<f64> = values.iter().map(|value| value.round()).collect();
            let low = Reducer::Min.of(&values).unwrap();
            let high = Reducer::Max.of(&values).unwrap();
            for reducer in [Reducer::Mean, Reducer::Median, Reducer::Mode] {
                let one = reducer.of(&values).unwrap();
                prop_assert!((low - 1e-12..=high + 1e-12).contains(&one));
                prop_assert!((one - reducer.of(&turned).unwrap()).abs() < 1e-12);
            }
            let rate = Reducer::Mean.of(&passes).unwrap();
            for k in 1..=values.len() {
                let any = Reducer::PassAt(k).of(&passes).unwrap();
                let all = Reducer::PassAll(k).of(&passes).unwrap();
                prop_assert!(all <= rate + 1e-12 && rate <= any + 1e-12);
            }
        }
    }
}
