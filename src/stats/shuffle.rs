//! The drop test: would dealing the labels "baseline" and "candidate" anew within
//! each unit produce so large a drop?
//!
//! The null hypothesis is that both sides of every unit come from one distribution.
//! Then every deal of the pooled scores is equally likely, whatever the number of
//! units and trials. The p-value is found by the first of three ways that applies:
//! the test of `McNemar`, an exact convolution, a saddlepoint approximation.

use std::collections::BTreeMap;

use super::convolution::Convolution;
use super::mcnemar::{Tail, mcnemar};
use super::moments::{Sum, sum};
use super::pattern::{Design, Pattern, sum_points};
use super::relabel::{Relabelling, Term};
use super::unit::{Kind, Pair, Paired, SAME_SCORE, Unit};
use super::{real, saddlepoint};

/// The result of a label shuffle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shuffle {
    /// Mid-p of a drop as large as the observed one; 1 if no unit is informative.
    pub p_drop: f64,
    /// Mid-p of a gain as large as the observed one; 1 if no unit is informative.
    pub p_gain: f64,
    /// Probability of so large a drop or a larger one; `None` where only the
    /// approximation was possible.
    pub p_exact: Option<f64>,
    /// The smallest `p_drop` that any labels could give; 1 if no unit is informative.
    pub p_min: f64,
}

/// Binary cases alike in both numbers of passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountGroup {
    /// Passes among the baseline's trials of each case.
    pub base_passes: usize,
    /// Passes among the candidate's trials of each case.
    pub cand_passes: usize,
    /// Number of such cases.
    pub cases: usize,
}

/// Tests the weighted mean difference of units; clusters are not regarded. `None`
/// without a unit that has scores on both sides.
pub fn label_shuffle(units: &[Unit]) -> Option<Shuffle> {
    label_shuffle_of(&Paired::new(units, Kind::Continuous))
}

/// [`label_shuffle`] of units already paired.
pub(crate) fn label_shuffle_of(paired: &Paired) -> Option<Shuffle> {
    (paired.len() > 0).then(|| Labels::of_pairs(paired).test())
}

/// The mid-p of [`label_shuffle`] by the saddlepoint approximation (Robinson 1982),
/// even where an exact way exists. `None` without a pair.
pub fn label_shuffle_saddlepoint(units: &[Unit]) -> Option<f64> {
    let paired = Paired::new(units, Kind::Continuous);
    (paired.len() > 0).then(|| Labels::of_pairs(&paired).saddlepoint_p())
}

/// Tests binary cases that have `base_trials` and `cand_trials` trials each, given by
/// their counts; a million cases cost a few terms. `None` for no case, no trial, or
/// more passes than trials.
pub fn label_shuffle_counts(
    base_trials: usize,
    cand_trials: usize,
    groups: &[CountGroup],
) -> Option<Shuffle> {
    let is_possible =
        |group: &CountGroup| group.base_passes <= base_trials && group.cand_passes <= cand_trials;
    let cases: usize = groups.iter().map(|group| group.cases).sum();
    if base_trials == 0 || cand_trials == 0 || cases == 0 || !groups.iter().all(is_possible) {
        return None;
    }
    let design = Design::new(base_trials, cand_trials, 1.0);
    Some(Labels::of_counts(design, groups).test())
}

/// Tests weighted sums of differences, one for each cluster, of which each would
/// keep or change its sign with equal chances (Fisher 1935).
pub fn sign_flip(cluster_sums: &[f64]) -> Shuffle {
    let moving = cluster_sums
        .iter()
        .copied()
        .filter(|sum| sum.abs() > SAME_SCORE);
    let flips = moving.clone().map(|sum| (Relabelling::Flip(sum.abs()), 1));
    Labels::new(BTreeMap::new(), flips.collect(), sum(moving)).test()
}

/// Two-sided p of a test with these two one-sided ones.
pub fn two_sided(shuffle: &Shuffle) -> f64 {
    (2.0 * shuffle.p_drop.min(shuffle.p_gain)).min(1.0)
}

/// All that the relabelling needs to know of the informative units.
struct Labels<'a> {
    /// The binary units, grouped and counted, in order of their designs.
    patterns: Vec<(Pattern, usize)>,
    /// How each unit can come out: first the units that are not binary, then the
    /// patterns.
    terms: Vec<Term<'a>>,
    /// The sum of the weighted differences as they are labelled.
    observed: f64,
}

impl<'a> Labels<'a> {
    fn of_pairs(paired: &'a Paired) -> Labels<'a> {
        let mut patterns = BTreeMap::new();
        let mut others = Vec::new();
        let mut observed = Sum::default();
        for pair in paired.iter().filter(Pair::is_informative) {
            observed.add(pair.weight * pair.difference());
            if pair.is_binary() {
                *patterns.entry(Pattern::of_pair(&pair)).or_default() += 1;
            } else {
                others.push((Relabelling::of_scores(&pair), 1));
            }
        }
        Labels::new(patterns, others, observed.value())
    }

    fn of_counts(design: Design, groups: &[CountGroup]) -> Labels<'a> {
        let mut patterns = BTreeMap::new();
        let mut observed = Sum::default();
        for group in groups.iter().filter(|group| group.cases > 0) {
            let pattern = Pattern::new(design, group.base_passes + group.cand_passes);
            if pattern.is_informative() {
                *patterns.entry(pattern).or_default() += group.cases;
                observed.add(real(group.cases) * pattern.difference(group.cand_passes));
            }
        }
        Labels::new(patterns, Vec::new(), observed.value())
    }

    fn new(patterns: BTreeMap<Pattern, usize>, others: Vec<Term<'a>>, observed: f64) -> Labels<'a> {
        let patterns: Vec<(Pattern, usize)> = patterns.into_iter().collect();
        let mut terms = others;
        terms.extend(
            patterns
                .iter()
                .map(|(own, units)| (own.relabelling(), *units)),
        );
        Labels {
            patterns,
            terms,
            observed,
        }
    }

    fn test(&self) -> Shuffle {
        if self.terms.is_empty() {
            return Shuffle {
                p_drop: 1.0,
                p_gain: 1.0,
                p_exact: Some(1.0),
                p_min: 1.0,
            };
        }
        let tail = self.mcnemar_tail().or_else(|| self.convolution_tail());
        let p_drop = tail.map_or_else(|| self.saddlepoint_p(), Tail::mid);
        Shuffle {
            p_drop,
            p_gain: 1.0 - p_drop,
            p_exact: tail.map(Tail::exact),
            p_min: saddlepoint::smallest_probability(&self.terms) / 2.0,
        }
    }

    /// The test of `McNemar`, where every informative unit goes one up or one down by
    /// the same amount.
    fn mcnemar_tail(&self) -> Option<Tail> {
        let (size, units) = self.common_flip()?;
        let wins = nearest_count(f64::midpoint(real(units), self.observed / size)).min(units);
        let test = mcnemar(units - wins, wins);
        let at = 2.0 * (test.p_drop - test.p_drop_mid);
        Some(Tail {
            below: test.p_drop - at,
            at,
        })
    }

    /// The size of the difference of every informative unit, and their number, where
    /// the units differ in its sign only.
    fn common_flip(&self) -> Option<(f64, usize)> {
        if let ([(pattern, units)], []) = (&self.patterns[..], self.others()) {
            let design = pattern.design;
            return design
                .is_one_trial_a_side()
                .then_some((design.weight(), *units));
        }
        let size = |(relabelling, _): &Term| match relabelling {
            Relabelling::Flip(size) => Some(*size),
            _ => None,
        };
        let first = size(self.terms.first()?)?;
        let is_alike = |term| size(term).is_some_and(|own| (own - first).abs() <= SAME_SCORE);
        let all_alike = self.terms.iter().all(is_alike);
        all_alike.then_some((first, self.terms.len()))
    }

    /// The exact distribution, built up from one lattice for each design and from the
    /// units that are not binary.
    fn convolution_tail(&self) -> Option<Tail> {
        let mut sum = Convolution::new();
        for patterns in self
            .patterns
            .chunk_by(|one, next| one.0.design == next.0.design)
        {
            sum.add(&sum_points(patterns)?)?;
        }
        sum.add_all(self.others())?;
        Some(sum.tail(self.observed))
    }

    fn others(&self) -> &[Term<'a>] {
        &self.terms[..self.terms.len() - self.patterns.len()]
    }

    fn saddlepoint_p(&self) -> f64 {
        if self.terms.is_empty() {
            1.0
        } else {
            saddlepoint::mid_p(&self.terms, self.observed)
        }
    }
}

/// The whole number next to one that is whole but for rounding.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the argument counts units or ones, so it is small and not negative"
)]
fn nearest_count(count: f64) -> usize {
    count.round().max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit<'a>(base: &'a [f64], cand: &'a [f64]) -> Unit<'a> {
        Unit {
            base,
            cand,
            ..Unit::default()
        }
    }

    #[test]
    fn nothing_to_deal_means_p_one_on_both_sides() {
        let shuffle = label_shuffle(&[unit(&[0.7, 0.7], &[0.7])]).unwrap();
        assert_eq!(
            shuffle,
            Shuffle {
                p_drop: 1.0,
                p_gain: 1.0,
                p_exact: Some(1.0),
                p_min: 1.0
            }
        );
    }

    #[test]
    fn without_a_pair_nothing_can_be_said() {
        assert_eq!(label_shuffle(&[]), None);
        assert_eq!(label_shuffle(&[unit(&[1.0], &[])]), None);
        assert_eq!(label_shuffle_saddlepoint(&[]), None);
        assert_eq!(label_shuffle_counts(1, 1, &[]), None);
    }

    #[test]
    fn more_passes_than_trials_are_refused() {
        let group = CountGroup {
            base_passes: 2,
            cand_passes: 0,
            cases: 1,
        };
        assert_eq!(label_shuffle_counts(1, 1, &[group]), None);
    }

    #[test]
    fn one_case_of_many_trials_can_convict_alone() {
        let shuffle = label_shuffle(&[unit(&[1.0; 8], &[0.0; 8])]).unwrap();
        assert!((shuffle.p_drop - 0.5 / 12_870.0).abs() < 1e-12);
        assert!((shuffle.p_min - shuffle.p_drop).abs() < 1e-12);
    }

    #[test]
    fn a_weight_common_to_all_changes_nothing() {
        let weighted = |weight| {
            let heavy = |unit| Unit { weight, ..unit };
            [
                unit(&[1.0], &[0.0]),
                unit(&[1.0], &[0.0]),
                unit(&[0.0], &[1.0]),
            ]
            .map(heavy)
        };
        let light = label_shuffle(&weighted(1.0)).unwrap();
        let heavy = label_shuffle(&weighted(7.0)).unwrap();
        assert!((light.p_drop - heavy.p_drop).abs() < 1e-12);
    }

    #[test]
    fn single_cases_flip_like_mcnemar() {
        let flips = sign_flip(&[-1.0, -1.0, -1.0, 0.0, 1.0]);
        assert!((flips.p_drop - mcnemar(3, 1).p_drop_mid).abs() < 1e-12);
    }

    #[test]
    fn counts_and_units_agree() {
        let (passed, mixed) = ([1.0, 1.0], [1.0, 0.0]);
        let units = [
            unit(&passed, &mixed),
            unit(&passed, &mixed),
            unit(&mixed, &passed),
        ];
        let groups = [
            CountGroup {
                base_passes: 2,
                cand_passes: 1,
                cases: 2,
            },
            CountGroup {
                base_passes: 1,
                cand_passes: 2,
                cases: 1,
            },
        ];
        assert_eq!(label_shuffle(&units), label_shuffle_counts(2, 2, &groups));
    }
}
