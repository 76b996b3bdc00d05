//! The comparison of one metric between a baseline and a candidate, and its verdict.
//!
//! A gate is a test of non-inferiority. Failing asks for a drop larger than the
//! tolerance that a label shuffle would seldom produce; passing asks for an interval
//! above the tolerated drop (Schuirmann 1987); all else is inconclusive.

use super::estimate::{Estimate, Share, between_clusters, cluster_sums, within_units};
use super::moments::{sum, variance};
use super::shuffle::{Shuffle, label_shuffle_of, sign_flip};
use super::special::{normal_ppf, student_t_ppf};
use super::unit::{Kind, Pair, Paired, Scope, Unit, average};
use super::{Interval, SLACK, real};

/// How a metric is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// What kind of numbers the scores are.
    pub kind: Kind,
    /// What the inference is about.
    pub scope: Scope,
    /// The largest acceptable drop: absolute for scores in [0, 1], relative (0.10 for
    /// 10 %) for a ratio.
    pub tolerance: f64,
    /// One-sided error of either verdict: alpha, or the share of a look in it.
    pub level: f64,
    /// The largest share of missing pairs with which a pass can be given.
    pub max_missing: f64,
    /// Whether every output of every case is byte-identical on both sides and none
    /// was replayed.
    pub identical_outputs: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            kind: Kind::Binary,
            scope: Scope::Suite,
            tolerance: 0.03,
            level: 0.05,
            max_missing: 0.05,
            identical_outputs: false,
        }
    }
}

/// What a comparison concludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A drop larger than the tolerance is ruled out.
    Pass,
    /// A pass whose gain is significant and at least as large as the tolerance.
    Improved,
    /// A significant drop at least as large as the tolerance.
    Regressed,
    /// The data cannot tell.
    Inconclusive,
}

/// Why a verdict is inconclusive, or a pass without evidence from the scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No unit has scores on both sides.
    NoPairs,
    /// The population scope needs at least two clusters.
    TooFewClusters,
    /// Every output is the same as before (a pass).
    IdenticalOutputs,
    /// Too many pairs are missing for a pass.
    MissingData,
    /// Too few trials to have seen a rare collapse that would cost the tolerance.
    RareFailureGuard,
    /// There is a drop, but perhaps a tolerable one.
    DropRealSizeUnclear,
    /// Neither a drop nor its absence is shown.
    NotEnoughEvidence,
}

/// A comparison with its verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// What was measured.
    pub measured: Measured,
    /// What it says about the tolerance.
    pub verdict: Verdict,
    /// Why, where the numbers alone do not say it.
    pub reason: Option<Reason>,
}

/// What was measured, before a verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Units with scores on both sides.
    pub pairs: usize,
    /// Units without.
    pub missing: usize,
    /// The difference and its evidence; `None` without a pair.
    pub evidence: Option<Evidence>,
}

/// A difference and what is known about it. For a ratio all differences and bounds
/// are those of `-ln x`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Weighted mean over units of candidate mean less baseline mean.
    pub diff: f64,
    /// The label shuffle (suite scope) or sign flip of clusters (population scope).
    pub shuffle: Shuffle,
    /// Standard error for planning, plus-four for binary scores; `None` in population
    /// scope below two clusters.
    pub standard_error: Option<f64>,
    /// Two one-sided bounds at the level, made to agree with the shuffle about zero;
    /// `None` without a standard error, or for a level outside (0, 1).
    pub bounds: Option<Interval>,
    /// Whether collapses frequent enough to cost the tolerance would have been seen.
    pub rare_failures_excluded: bool,
}

/// Compares both sides of the units and gives the verdict of a single comparison.
pub fn comparison(units: &[Unit], settings: &Settings) -> Comparison {
    let measured = measure(units, settings);
    let drop_is_significant = measured
        .evidence
        .is_some_and(|evidence| evidence.shuffle.p_drop <= settings.level + SLACK);
    let (verdict, reason) = decide(&measured, settings, drop_is_significant);
    Comparison {
        measured,
        verdict,
        reason,
    }
}

/// Measures the difference between both sides of the units.
pub fn measure(units: &[Unit], settings: &Settings) -> Measured {
    let paired = Paired::new(units, settings.kind);
    let (pairs, missing) = (paired.len(), paired.missing);
    Measured {
        pairs,
        missing,
        evidence: evidence(&paired, settings),
    }
}

/// The weighted mean over units of candidate mean less baseline mean, without more:
/// for the worst case of missing data, the units with each missing candidate score
/// set to 0. `None` without a pair.
pub fn mean_difference(units: &[Unit], kind: Kind) -> Option<f64> {
    let paired = Paired::new(units, kind);
    let total = sum(paired.iter().map(|pair| pair.weight * pair.difference()));
    (paired.len() > 0).then(|| total / paired.total_weight())
}

/// The verdict on what was measured. Among several comparisons the significance of
/// the drop comes from [`super::family::tarone_holm`], not from this p-value alone.
pub fn decide(
    measured: &Measured,
    settings: &Settings,
    drop_is_significant: bool,
) -> (Verdict, Option<Reason>) {
    let Some(evidence) = measured.evidence else {
        return (Verdict::Inconclusive, Some(Reason::NoPairs));
    };
    if evidence.standard_error.is_none() {
        return (Verdict::Inconclusive, Some(Reason::TooFewClusters));
    }
    let tolerance = settings.tolerance_on_scale();
    let is_complete = measured.missing_share() <= settings.max_missing + SLACK;
    let rules_out_the_drop = evidence
        .bounds
        .is_some_and(|bounds| bounds.lower > -tolerance + SLACK);
    if settings.identical_outputs && is_complete {
        (Verdict::Pass, Some(Reason::IdenticalOutputs))
    } else if drop_is_significant && evidence.diff <= -tolerance + SLACK {
        (Verdict::Regressed, None)
    } else if !is_complete {
        (Verdict::Inconclusive, Some(Reason::MissingData))
    } else if rules_out_the_drop && !evidence.rare_failures_excluded {
        (Verdict::Inconclusive, Some(Reason::RareFailureGuard))
    } else if rules_out_the_drop {
        (evidence.kind_of_pass(settings), None)
    } else if drop_is_significant {
        (Verdict::Inconclusive, Some(Reason::DropRealSizeUnclear))
    } else {
        (Verdict::Inconclusive, Some(Reason::NotEnoughEvidence))
    }
}

impl Settings {
    /// The tolerated drop on the scale of the differences.
    pub fn tolerance_on_scale(&self) -> f64 {
        match self.kind {
            Kind::Binary | Kind::Continuous => self.tolerance,
            Kind::Ratio => self.tolerance.ln_1p(),
        }
    }
}

impl Measured {
    /// The share of all units that could not be paired; 0 without a unit.
    pub fn missing_share(&self) -> f64 {
        real(self.missing) / real((self.pairs + self.missing).max(1))
    }
}

impl Evidence {
    fn kind_of_pass(&self, settings: &Settings) -> Verdict {
        let gain_is_significant = self.shuffle.p_gain <= settings.level + SLACK;
        if gain_is_significant && self.diff >= settings.tolerance_on_scale() - SLACK {
            Verdict::Improved
        } else {
            Verdict::Pass
        }
    }
}

fn evidence(paired: &Paired, settings: &Settings) -> Option<Evidence> {
    let shares: Vec<Share> = paired.iter().map(|pair| share_of(&pair)).collect();
    let diff = super::estimate::weighted_mean(&shares)?;
    let (shuffle, estimate, observations) = match settings.scope {
        Scope::Suite => {
            let trial_pairs = sum(paired.iter().map(|pair| trial_pairs(&pair)));
            (
                label_shuffle_of(paired)?,
                within_units(&shares),
                trial_pairs,
            )
        }
        Scope::Population => {
            let clusters = cluster_sums(&shares, 0.0);
            (
                sign_flip(&clusters),
                between_clusters(&shares),
                real(clusters.len()),
            )
        }
    };
    let estimate = estimate.map(|plain| match settings.kind {
        Kind::Binary => plain.plus_four(observations, 0.0, 1.0),
        Kind::Continuous | Kind::Ratio => plain,
    });
    let bounds = estimate.and_then(|estimate| bounds_of(&estimate, settings));
    Some(Evidence {
        diff,
        shuffle,
        standard_error: estimate.map(|estimate| estimate.standard_error),
        bounds: bounds.map(|bounds| agreeing(bounds, &shuffle, settings.level)),
        rare_failures_excluded: rare_failures_excluded(paired, settings, observations),
    })
}

/// The difference of one unit with its variance. With two trials on either side the
/// sides may differ in variance; below that the scores are pooled, which for one
/// trial a side makes the variance the squared difference.
fn share_of(pair: &Pair) -> Share {
    let (variance, uncertainty) = separate_variance(pair).unwrap_or_else(|| pooled_variance(pair));
    let (value, weight, cluster) = (pair.difference(), pair.weight, pair.cluster);
    Share {
        value,
        variance,
        uncertainty,
        weight,
        cluster,
    }
}

/// The variance of a difference and its uncertainty from each side's own variance.
fn separate_variance(pair: &Pair) -> Option<(f64, f64)> {
    let (base_trials, cand_trials) = (real(pair.base.len()), real(pair.cand.len()));
    let (base, cand) = (
        variance(pair.base)? / base_trials,
        variance(pair.cand)? / cand_trials,
    );
    let uncertainty = base * base / (base_trials - 1.0) + cand * cand / (cand_trials - 1.0);
    Some((base + cand, uncertainty))
}

/// The variance of a difference and its uncertainty from the scores of both sides.
fn pooled_variance(pair: &Pair) -> (f64, f64) {
    let (base_trials, cand_trials) = (real(pair.base.len()), real(pair.cand.len()));
    let pooled = variance(pair.pooled).unwrap_or(0.0);
    let variance = pooled * (1.0 / base_trials + 1.0 / cand_trials);
    (
        variance,
        variance * variance / (base_trials + cand_trials - 1.0),
    )
}

/// How many pairs of one trial a side the trials of a unit are worth.
fn trial_pairs(pair: &Pair) -> f64 {
    let (base, cand) = (real(pair.base.len()), real(pair.cand.len()));
    2.0 * base * cand / (base + cand)
}

/// The bounds that the estimate alone gives. Binary scores of a suite need no
/// degrees of freedom: the plus-four form was tuned with the normal quantile.
fn bounds_of(estimate: &Estimate, settings: &Settings) -> Option<Interval> {
    let confidence = 1.0 - settings.level;
    let quantile = match (settings.scope, settings.kind) {
        (Scope::Suite, Kind::Binary) => normal_ppf(confidence),
        _ => student_t_ppf(confidence, estimate.degrees),
    };
    Some(Interval::around(
        estimate.mean,
        quantile? * estimate.standard_error,
    ))
}

/// Moves the bounds so that they exclude zero exactly when the shuffle does.
pub(super) fn agreeing(bounds: Interval, shuffle: &Shuffle, level: f64) -> Interval {
    let Interval { lower, upper } = bounds;
    Interval {
        lower: if shuffle.p_gain <= level + SLACK {
            lower.max(0.0)
        } else {
            lower.min(0.0)
        },
        upper: if shuffle.p_drop <= level + SLACK {
            upper.min(0.0)
        } else {
            upper.max(0.0)
        },
    }
}

/// A t interval cannot see a failure that has not happened yet. Continuous scores
/// need so many observations that collapses to 0, frequent enough to cost the
/// tolerance, would have shown up with probability `1 - level`.
fn rare_failures_excluded(paired: &Paired, settings: &Settings, observations: f64) -> bool {
    let baseline = sum(paired.iter().map(|pair| pair.weight * average(pair.base)));
    let wanted = -settings.level.ln() * baseline / paired.total_weight();
    settings.kind != Kind::Continuous || observations * settings.tolerance >= wanted - SLACK
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

    /// One-trial binary units: passes on both sides, losses, wins.
    fn outcomes(kept: usize, losses: usize, wins: usize) -> Vec<Unit<'static>> {
        [
            vec![unit(&[1.0], &[1.0]); kept],
            vec![unit(&[1.0], &[0.0]); losses],
            vec![unit(&[0.0], &[1.0]); wins],
        ]
        .concat()
    }

    fn verdict(units: &[Unit], settings: &Settings) -> (Verdict, Option<Reason>) {
        let result = comparison(units, settings);
        (result.verdict, result.reason)
    }

    const CONTINUOUS: Settings = Settings {
        kind: Kind::Continuous,
        scope: Scope::Suite,
        tolerance: 0.03,
        level: 0.05,
        max_missing: 0.05,
        identical_outputs: false,
    };

    #[test]
    fn a_hundred_and_six_unchanged_trial_pairs_pass_and_one_less_does_not() {
        let settings = Settings::default();
        assert_eq!(
            verdict(&outcomes(106, 0, 0), &settings),
            (Verdict::Pass, None)
        );
        let open = (Verdict::Inconclusive, Some(Reason::NotEnoughEvidence));
        assert_eq!(verdict(&outcomes(105, 0, 0), &settings), open);
    }

    #[test]
    fn nothing_paired_is_inconclusive_and_has_no_numbers() {
        let result = comparison(&[unit(&[1.0], &[])], &Settings::default());
        assert_eq!(result.reason, Some(Reason::NoPairs));
        assert_eq!(result.measured.evidence, None);
        assert_eq!((result.measured.pairs, result.measured.missing), (0, 1));
    }

    #[test]
    fn a_population_of_one_cluster_has_no_bounds() {
        let settings = Settings {
            scope: Scope::Population,
            ..Settings::default()
        };
        let alone = Unit {
            cluster: Some(3),
            ..unit(&[1.0], &[0.0])
        };
        let result = comparison(&[alone; 5], &settings);
        assert_eq!(result.reason, Some(Reason::TooFewClusters));
        let evidence = result.measured.evidence.unwrap();
        assert_eq!((evidence.bounds, evidence.standard_error), (None, None));
        assert!((evidence.diff + 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_real_but_small_drop_is_told_from_a_regression() {
        let settings = Settings {
            tolerance: 0.10,
            ..Settings::default()
        };
        let reason = verdict(&outcomes(95, 7, 0), &settings).1;
        assert_eq!(reason, Some(Reason::DropRealSizeUnclear));
        assert_eq!(
            verdict(&outcomes(30, 7, 0), &settings).0,
            Verdict::Regressed
        );
    }

    #[test]
    fn a_large_gain_is_an_improvement() {
        assert_eq!(
            verdict(&outcomes(60, 0, 20), &Settings::default()).0,
            Verdict::Improved
        );
    }

    #[test]
    fn missing_pairs_hold_back_a_pass_but_not_a_failure() {
        let missing = vec![unit(&[1.0], &[]); 20];
        let fine = [outcomes(150, 0, 0), missing.clone()].concat();
        let settings = Settings::default();
        let open = (Verdict::Inconclusive, Some(Reason::MissingData));
        assert_eq!(verdict(&fine, &settings), open);
        let bad = [outcomes(50, 20, 0), missing].concat();
        assert_eq!(verdict(&bad, &settings).0, Verdict::Regressed);
    }

    #[test]
    fn identical_outputs_pass_however_few() {
        let settings = Settings {
            identical_outputs: true,
            ..Settings::default()
        };
        let same = (Verdict::Pass, Some(Reason::IdenticalOutputs));
        assert_eq!(verdict(&outcomes(1, 0, 0), &settings), same);
    }

    #[test]
    fn few_continuous_scores_are_held_back_by_the_rare_failure_guard() {
        let units = |n| vec![unit(&[0.9], &[0.9]); n];
        let guarded = (Verdict::Inconclusive, Some(Reason::RareFailureGuard));
        // ln(20) * 0.9 / 0.03 is 89.9 trial pairs.
        assert_eq!(verdict(&units(89), &CONTINUOUS), guarded);
        assert_eq!(verdict(&units(90), &CONTINUOUS), (Verdict::Pass, None));
    }

    #[test]
    fn a_ratio_is_held_against_a_relative_tolerance() {
        let settings = Settings {
            kind: Kind::Ratio,
            tolerance: 0.10,
            ..CONTINUOUS
        };
        let slower = |cand| vec![unit(&[2.0, 2.0], cand); 12];
        assert_eq!(
            verdict(&slower(&[2.21, 2.21]), &settings).0,
            Verdict::Regressed
        );
        assert_eq!(verdict(&slower(&[2.19, 2.19]), &settings).0, Verdict::Pass);
    }

    #[test]
    fn the_worst_case_of_missing_data_is_a_difference_with_zeros() {
        let units = [unit(&[1.0], &[1.0]), unit(&[1.0], &[0.0])];
        assert_eq!(mean_difference(&units, Kind::Binary), Some(-0.5));
        assert_eq!(mean_difference(&[], Kind::Binary), None);
    }

    #[test]
    fn a_heavy_case_counts_for_more() {
        let heavy = Unit {
            weight: 3.0,
            ..unit(&[1.0], &[0.0])
        };
        let evidence = measure(&[heavy, unit(&[1.0], &[1.0])], &Settings::default()).evidence;
        assert!((evidence.unwrap().diff + 0.75).abs() < 1e-12);
    }
}
