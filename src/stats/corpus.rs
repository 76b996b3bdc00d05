//! Tests and intervals for metrics of the whole corpus, such as F1, BLEU or a rank
//! correlation, which are not means over cases. Several that are read off the same
//! data share their draws.

use super::compare::{Evidence, Settings, agreeing};
use super::moments::{quantile, variance};
use super::rng::SplitMix64;
use super::shuffle::Shuffle;
use super::special::{ln_choose, normal_ppf};
use super::{Interval, SLACK, real};

/// Number of relabellings drawn.
pub const RELABELLINGS: usize = 9_999;
/// Number of resamples drawn.
pub const RESAMPLES: usize = 2_000;

/// One unit as it is labelled in a draw: its baseline's and its candidate's trials.
pub type Labelled<'a, T> = (&'a [T], &'a [T]);

/// Which labels are exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange<'a> {
    /// Those of the trials of each unit: the inference is about these units.
    Trials,
    /// Both sides of all units of a cluster at once, by the cluster of each unit,
    /// counted from 0: the inference is about units like these.
    Clusters(&'a [usize]),
}

/// Tests a change of corpus metrics: the share of random relabellings with a
/// difference as small (or as large) as the observed one, which itself counts as one
/// draw (Phipson and Smyth 2010).
///
/// `units` holds the trials of each side; `differences` gives candidate metric less
/// baseline metric for each metric, or `None` where it is not defined. The result is
/// `None` for a metric whose observed difference is not defined; a draw without a
/// value counts against either change. The labels tell nothing where no draw differs
/// from what was observed; then all its p-values are 1.
pub fn corpus_shuffle<T: Clone>(
    units: &[Labelled<T>],
    exchange: Exchange<'_>,
    differences: impl Fn(&[Labelled<T>]) -> Vec<Option<f64>>,
    rng: &mut SplitMix64,
) -> Vec<Option<Shuffle>> {
    let observed = differences(units);
    let mut counts = vec![Counts::default(); observed.len()];
    let mut pooled: Vec<Vec<T>> = units
        .iter()
        .map(|(base, cand)| [*base, *cand].concat())
        .collect();
    for _ in 0..RELABELLINGS {
        let drawn = match exchange {
            Exchange::Trials => {
                for trials in &mut pooled {
                    rng.shuffle(trials);
                }
                let labelled = pooled.iter().zip(units);
                let labelled: Vec<Labelled<T>> = labelled
                    .map(|(trials, (base, _))| trials.split_at(base.len()))
                    .collect();
                differences(&labelled)
            }
            Exchange::Clusters(clusters) => {
                let number = clusters.iter().max().map_or(0, |most| most + 1);
                let turned: Vec<bool> = (0..number).map(|_| rng.below(2) == 1).collect();
                let labelled = units.iter().zip(clusters);
                let labelled: Vec<Labelled<T>> = labelled
                    .map(|((base, cand), cluster)| {
                        if turned[*cluster] {
                            (*cand, *base)
                        } else {
                            (*base, *cand)
                        }
                    })
                    .collect();
                differences(&labelled)
            }
        };
        for ((counts, observed), drawn) in counts.iter_mut().zip(&observed).zip(drawn) {
            if let Some(observed) = observed {
                counts.add(*observed, drawn);
            }
        }
    }
    let p_min = smallest_p(units, exchange);
    let results = observed.iter().zip(counts);
    results
        .map(|(observed, counts)| observed.map(|_| counts.result(p_min)))
        .collect()
}

/// How many draws are as extreme as what was observed.
#[derive(Clone, Copy, Default)]
struct Counts {
    as_low: usize,
    as_high: usize,
}

impl Counts {
    fn add(&mut self, observed: f64, drawn: Option<f64>) {
        self.as_low += usize::from(drawn.is_none_or(|drawn| drawn <= observed + SLACK));
        self.as_high += usize::from(drawn.is_none_or(|drawn| drawn >= observed - SLACK));
    }

    fn result(self, p_min: f64) -> Shuffle {
        let p = |count: usize| real(1 + count) / real(RELABELLINGS + 1);
        let tells = self.as_low < RELABELLINGS || self.as_high < RELABELLINGS;
        Shuffle {
            p_drop: p(self.as_low),
            p_gain: p(self.as_high),
            p_exact: None,
            p_min: if tells { p_min } else { 1.0 },
        }
    }
}

/// A bound below any p-value that the labels can give.
fn smallest_p<T>(units: &[Labelled<T>], exchange: Exchange<'_>) -> f64 {
    let ln_labels = match exchange {
        Exchange::Trials => units
            .iter()
            .map(|(base, cand)| ln_choose(base.len() + cand.len(), cand.len()))
            .sum(),
        Exchange::Clusters(clusters) => {
            let number = clusters.iter().max().map_or(0, |most| most + 1);
            real(number) * 2.0_f64.ln()
        }
    };
    let of_draws = 1.0 / real(RELABELLINGS + 1);
    (-ln_labels).exp().max(of_draws)
}

/// The values of corpus metrics in resamples of clusters with replacement (Efron
/// 1979), each metric's in ascending order; draws in which one is not defined are
/// left out.
///
/// `clusters` has the cluster of each unit, counted from 0; `values` gives the metrics
/// when each unit is taken so many times.
pub fn corpus_bootstrap(
    clusters: &[usize],
    values: impl Fn(&[u32]) -> Vec<Option<f64>>,
    rng: &mut SplitMix64,
) -> Vec<Vec<f64>> {
    let number = clusters.iter().max().map_or(0, |most| most + 1);
    let mut draws: Vec<Vec<f64>> = Vec::new();
    for _ in 0..RESAMPLES {
        let mut taken = vec![0_u32; number];
        for _ in 0..number {
            taken[rng.below(number)] += 1;
        }
        let times: Vec<u32> = clusters.iter().map(|cluster| taken[*cluster]).collect();
        let once = values(&times);
        draws.resize(once.len(), Vec::new());
        for (draws, value) in draws.iter_mut().zip(once) {
            draws.extend(value);
        }
    }
    for draws in &mut draws {
        draws.sort_by(f64::total_cmp);
    }
    draws
}

/// Percentile bounds of a value, each one-sided at `alpha`, from its resamples in
/// ascending order.
///
/// Resampling cannot see a failure that has not happened yet. So each bound is at
/// least as far away as failures leave it that `observations` have missed with the
/// probability `alpha`, in the share `1 - alpha^(1/observations)` of all: of nothing
/// but hits in n trials this is the bound of Clopper and Pearson. `None` without a
/// resample or an observation.
pub fn percentile_bounds(
    value: f64,
    resamples: &[f64],
    observations: f64,
    alpha: f64,
) -> Option<Interval> {
    if observations <= 0.0 {
        return None;
    }
    let unseen = 1.0 - alpha.powf(1.0 / observations);
    let (lower, upper) = (
        quantile(resamples, alpha)?,
        quantile(resamples, 1.0 - alpha)?,
    );
    Some(Interval {
        lower: lower.min(value - value.abs() * unseen),
        upper: upper.max(value + (1.0 - value).max(0.0) * unseen),
    })
}

/// A difference of a corpus metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CorpusDifference<'a> {
    /// Candidate less baseline.
    pub diff: f64,
    /// The metric of the baseline.
    pub base: f64,
    /// The difference in resamples, ascending; empty where nothing is known of other
    /// units.
    pub resamples: &'a [f64],
    /// How many pairs of one trial a side it rests on; clusters in population scope.
    pub observations: f64,
}

/// What resamples and relabellings say of a difference: percentile bounds at the level
/// that leave room for failures not seen yet, as those of [`percentile_bounds`] do,
/// and agree with the relabelling about zero. The standard error is the deviation of
/// the resamples, or what would give the wider bound.
pub fn corpus_evidence(
    difference: &CorpusDifference<'_>,
    shuffle: Shuffle,
    settings: &Settings,
) -> Evidence {
    let CorpusDifference {
        diff,
        base,
        resamples,
        observations,
    } = *difference;
    let level = settings.level;
    let unseen = 1.0 - level.powf(1.0 / observations);
    let room = base.abs() * unseen;
    let quantiles = quantile(resamples, level).zip(quantile(resamples, 1.0 - level));
    let bounds = quantiles.filter(|_| observations > 0.0);
    let bounds = bounds.map(|(lower, upper)| Interval {
        lower: lower.min(diff - room),
        upper: upper.max(diff + (1.0 - base).max(0.0) * unseen),
    });
    let of_room = normal_ppf(1.0 - level).map_or(0.0, |z| room / z);
    let deviation = variance(resamples).map(|variance| variance.sqrt().max(of_room));
    Evidence {
        diff,
        shuffle,
        standard_error: deviation,
        bounds: bounds.map(|bounds| agreeing(bounds, &shuffle, level)),
        rare_failures_excluded: observations * settings.tolerance
            >= -level.ln() * base.abs() - SLACK,
    }
}

#[cfg(test)]
mod tests {
    use super::super::moments::mean;
    use super::super::shuffle::label_shuffle;
    use super::super::unit::{Unit, average};
    use super::*;

    fn mean_difference(units: &[Labelled<f64>]) -> Vec<Option<f64>> {
        let difference = |(base, cand): &Labelled<f64>| average(cand) - average(base);
        vec![(!units.is_empty()).then(|| units.iter().map(difference).sum())]
    }

    const UNITS: [Labelled<f64>; 4] = [
        (&[0.9, 0.8], &[0.5]),
        (&[0.7, 0.6], &[0.65]),
        (&[0.8, 0.9], &[0.6]),
        (&[0.4, 0.5], &[0.45]),
    ];

    fn shuffled(exchange: Exchange<'_>) -> Shuffle {
        let mut rng = SplitMix64::new(42, "f1");
        corpus_shuffle(&UNITS, exchange, mean_difference, &mut rng)[0].unwrap()
    }

    #[test]
    fn for_a_mean_it_agrees_with_the_exact_test() {
        let units = UNITS.map(|(base, cand)| Unit {
            base,
            cand,
            ..Unit::default()
        });
        let exact = label_shuffle(&units).unwrap().p_exact.unwrap();
        let drawn = shuffled(Exchange::Trials);
        assert!((drawn.p_drop - exact).abs() < 0.01, "{drawn:?} {exact}");
        assert!((drawn.p_min - 1.0 / 81.0).abs() < 1e-12);
    }

    #[test]
    fn clusters_change_sides_as_a_whole() {
        // Two clusters that both fell: one of four exchanges is as low.
        let drawn = shuffled(Exchange::Clusters(&[0, 0, 1, 1]));
        assert!((drawn.p_drop - 0.25).abs() < 0.02, "{drawn:?}");
        assert!((drawn.p_min - 0.25).abs() < 1e-12);
    }

    #[test]
    fn an_undefined_metric_has_no_p() {
        let units: [Labelled<f64>; 1] = [(&[1.0], &[0.0])];
        let mut rng = SplitMix64::new(1, "");
        let undefined = corpus_shuffle(&units, Exchange::Trials, |_| vec![None], &mut rng);
        assert_eq!(undefined, [None]);
    }

    #[test]
    fn labels_that_tell_nothing_are_never_significant() {
        let units: [Labelled<f64>; 2] = [(&[1.0], &[1.0]), (&[0.5], &[0.5])];
        let mut rng = SplitMix64::new(1, "");
        let shuffle = corpus_shuffle(&units, Exchange::Trials, mean_difference, &mut rng);
        let shuffle = shuffle[0].unwrap();
        let least = shuffle.p_drop.min(shuffle.p_gain).min(shuffle.p_min);
        assert!((least - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn resamples_of_a_mean_have_its_standard_error() {
        let values: Vec<f64> = (0..50).map(|i| f64::from(i % 5)).collect();
        let clusters: Vec<usize> = (0..50).collect();
        let statistic = |times: &[u32]| {
            let taken = values.iter().zip(times).map(|(v, t)| v * f64::from(*t));
            vec![Some(taken.sum::<f64>() / 50.0)]
        };
        let draws = corpus_bootstrap(&clusters, statistic, &mut SplitMix64::new(42, "boot"));
        assert_eq!(draws[0].len(), RESAMPLES);
        let sd = variance(&draws[0]).unwrap().sqrt();
        // The population deviation of 0 to 4 is the root of 2.
        assert!((sd - (2.0_f64 / 50.0).sqrt()).abs() < 0.01, "{sd}");
        assert!((mean(&draws[0]).unwrap() - 2.0).abs() < 0.02);
    }

    #[test]
    fn nothing_but_hits_has_the_bound_of_a_rate() {
        let bounds = percentile_bounds(1.0, &[1.0; 10], 5.0, 0.05).unwrap();
        // Clopper and Pearson, 5 of 5: 0.05^(1/5).
        assert!((bounds.lower - 0.05_f64.powf(0.2)).abs() < 1e-12);
        assert!((bounds.upper - 1.0).abs() < 1e-12);
        assert_eq!(percentile_bounds(1.0, &[], 5.0, 0.05), None);
    }

    #[test]
    fn a_difference_that_never_varied_leaves_room_for_what_was_not_seen() {
        let difference = |observations| CorpusDifference {
            diff: 0.0,
            base: 1.0,
            resamples: &[0.0; 10],
            observations,
        };
        let shuffle = Shuffle {
            p_drop: 1.0,
            p_gain: 1.0,
            p_exact: None,
            p_min: 1.0,
        };
        let settings = Settings::default();
        let evidence = |n| corpus_evidence(&difference(n), shuffle, &settings);
        let lower = |n| evidence(n).bounds.unwrap().lower;
        // Three by the rule of three: ln 20 = 2.996 failures of n would have been seen.
        assert!((lower(100.0) + 1.0 - 0.05_f64.powf(0.01)).abs() < 1e-12);
        assert!(!evidence(99.0).rare_failures_excluded && evidence(100.0).rare_failures_excluded);
        assert!(lower(99.0) < -0.0298 && lower(100.0) > -0.03);
    }
}
