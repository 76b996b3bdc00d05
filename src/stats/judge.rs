//! Corrections of what a judge measures by what humans say.

use serde::{Deserialize, Serialize};

use super::moments::{mean, population_covariance, population_variance};
use super::special::two_sided_z;
use super::{Interval, SLACK, real};

/// A judge whose sensitivity and specificity exceed chance by no more than this tells
/// too little to correct.
const WORTHLESS: f64 = 0.1;

/// How a judge rated items with human labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calibration {
    /// Items that pass by the human and by the judge.
    pub true_pos: usize,
    /// Items that pass by the human.
    pub pos: usize,
    /// Items that fail by the human and by the judge.
    pub true_neg: usize,
    /// Items that fail by the human.
    pub neg: usize,
}

/// A pass rate corrected for the errors of its judge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Corrected {
    /// Sensitivity plus specificity less 1: the factor by which the judge shrinks every
    /// true difference.
    pub youden: f64,
    /// The corrected rate, within [0, 1]; `None` for a judge near chance.
    pub estimate: Option<f64>,
    /// Its bounds, within [0, 1]; `None` for a judge near chance.
    pub bounds: Option<Interval>,
}

/// The pass rate of Rogan and Gladen (1978) with the interval of Lang and Reiczigel
/// (2014), from `passes` of `n` items judged. `None` where a count exceeds its total, a
/// total is 0, or the confidence lies outside (0, 1).
pub fn rogan_gladen(
    passes: usize,
    n: usize,
    calibration: &Calibration,
    confidence: f64,
) -> Option<Corrected> {
    let Calibration {
        true_pos,
        pos,
        true_neg,
        neg,
    } = *calibration;
    let is_rate = |count: usize, total: usize| total > 0 && count <= total;
    if !is_rate(passes, n) || !is_rate(true_pos, pos) || !is_rate(true_neg, neg) {
        return None;
    }
    let z = two_sided_z(confidence)?;
    let rate = real(passes) / real(n);
    let specificity = real(true_neg) / real(neg);
    let youden = real(true_pos) / real(pos) + specificity - 1.0;
    if youden <= WORTHLESS + SLACK {
        return Some(Corrected {
            youden,
            estimate: None,
            bounds: None,
        });
    }
    let estimate = ((rate + specificity - 1.0) / youden).clamp(0.0, 1.0);
    let bounds = lang_reiczigel(passes, n, calibration, z);
    Some(Corrected {
        youden,
        estimate: Some(estimate),
        bounds,
    })
}

/// The interval starts from rates that are pulled towards one half, like the plus-four
/// interval of a single rate. `None` where that leaves the judge no better than chance.
fn lang_reiczigel(passes: usize, n: usize, calibration: &Calibration, z: f64) -> Option<Interval> {
    let items = real(n) + z * z;
    let (positives, negatives) = (real(calibration.pos) + 2.0, real(calibration.neg) + 2.0);
    let rate = (real(passes) + z * z / 2.0) / items;
    let sensitivity = (real(calibration.true_pos) + 1.0) / positives;
    let specificity = (real(calibration.true_neg) + 1.0) / negatives;
    let youden = sensitivity + specificity - 1.0;
    if youden <= 0.0 {
        return None;
    }
    let center = (rate + specificity - 1.0) / youden;
    let noise_pos = sensitivity * (1.0 - sensitivity) / positives;
    let noise_neg = specificity * (1.0 - specificity) / negatives;
    let shift = 2.0 * z * z * (center * noise_pos - (1.0 - center) * noise_neg);
    let variance = rate * (1.0 - rate) / items
        + center * center * noise_pos
        + (1.0 - center).powi(2) * noise_neg;
    let half_width = z * variance.sqrt() / youden;
    Some(Interval::around(center + shift, half_width).clipped(0.0, 1.0))
}

/// A mean of human scores, sharpened by a judge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PpiMean {
    /// The estimate of the human mean over all items.
    pub estimate: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Its normal bounds.
    pub bounds: Interval,
    /// How far the judge was trusted, 0 to 1.
    pub lambda: f64,
}

/// How far the judge of a prediction-powered mean is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// In full (Angelopoulos et al. 2023, PPI).
    Full,
    /// As far as it agrees with the human (Angelopoulos et al. 2023, PPI++).
    Tuned,
}

/// What a prediction-powered mean needs of labelled items: the moments of what people and the judge say of them, with the
/// denominator n.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paired {
    /// Labelled items.
    pub items: usize,
    /// The mean of what people say.
    pub people_mean: f64,
    /// The mean of what the judge says.
    pub judge_mean: f64,
    /// The variance of what people say.
    pub people_variance: f64,
    /// The variance of what the judge says.
    pub judge_variance: f64,
    /// The covariance of both.
    pub covariance: f64,
}

impl Paired {
    /// Of what people and the judge say of the same items. `None` for lists that are empty or do not match, and for
    /// scores that are not finite.
    pub fn of(human: &[f64], judge: &[f64]) -> Option<Self> {
        let paired = Self {
            items: human.len(),
            people_mean: mean(human)?,
            judge_mean: mean(judge)?,
            people_variance: population_variance(human)?,
            judge_variance: population_variance(judge)?,
            covariance: population_covariance(human, judge)?,
        };
        let sum = paired.people_mean + paired.judge_mean + paired.people_variance;
        (sum + paired.judge_variance).is_finite().then_some(paired)
    }

    /// The prediction-powered mean with the judge's scores of other items, at least one. `None` without one, for scores
    /// that are not finite, and for a confidence outside (0, 1).
    pub fn mean(&self, unlabelled: &[f64], trust: Trust, confidence: f64) -> Option<PpiMean> {
        let others = mean(unlabelled)?;
        let lambda = match trust {
            Trust::Full => 1.0,
            Trust::Tuned => self.tuned_lambda(unlabelled)?,
        };
        let estimate = lambda * others + self.people_mean - lambda * self.judge_mean;
        let left = self.people_variance - 2.0 * lambda * self.covariance
            + lambda * lambda * self.judge_variance;
        let variance = lambda * lambda * population_variance(unlabelled)? / real(unlabelled.len())
            + left.max(0.0) / real(self.items);
        let standard_error = variance.sqrt();
        let half_width = two_sided_z(confidence)? * standard_error;
        (estimate.is_finite() && half_width.is_finite()).then(|| PpiMean {
            estimate,
            standard_error,
            bounds: Interval::around(estimate, half_width),
            lambda,
        })
    }

    /// The trust that makes the variance smallest; 0 in a judge that never varies. The covariance has the denominator n,
    /// the variance of all of the judge's scores n - 1, as in the published code.
    fn tuned_lambda(&self, unlabelled: &[f64]) -> Option<f64> {
        let (labelled, others) = (real(self.items), real(unlabelled.len()));
        let all = labelled + others;
        let distance = self.judge_mean - mean(unlabelled)?;
        let squares = labelled * self.judge_variance
            + others * population_variance(unlabelled)?
            + labelled * others / all * distance * distance;
        let spread = squares / (all - 1.0);
        let lambda = self.covariance / ((1.0 + labelled / others) * spread);
        Some(if spread > 0.0 {
            lambda.clamp(0.0, 1.0)
        } else {
            0.0
        })
    }
}

/// The prediction-powered mean: `human` and `judge` are the scores of the same labelled items, `unlabelled` the judge's
/// scores of others. `None` for lists that are empty or do not match, scores that are not finite, or a confidence outside
/// (0, 1).
pub fn ppi_mean(
    human: &[f64],
    judge: &[f64],
    unlabelled: &[f64],
    trust: Trust,
    confidence: f64,
) -> Option<PpiMean> {
    Paired::of(human, judge)?.mean(unlabelled, trust, confidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALIBRATION: Calibration = Calibration {
        true_pos: 45,
        pos: 50,
        true_neg: 40,
        neg: 50,
    };

    #[test]
    fn a_perfect_judge_needs_no_correction() {
        let perfect = Calibration {
            true_pos: 50,
            pos: 50,
            true_neg: 50,
            neg: 50,
        };
        let corrected = rogan_gladen(30, 100, &perfect, 0.9).unwrap();
        assert!(
            corrected
                .estimate
                .is_some_and(|rate| (rate - 0.3).abs() < 1e-12)
        );
    }

    #[test]
    fn a_judge_near_chance_gives_no_estimate() {
        let coin = Calibration {
            true_pos: 25,
            pos: 50,
            true_neg: 26,
            neg: 50,
        };
        let corrected = rogan_gladen(30, 100, &coin, 0.9).unwrap();
        assert_eq!((corrected.estimate, corrected.bounds), (None, None));
        assert!((corrected.youden - 0.02).abs() < 1e-12);
    }

    #[test]
    fn impossible_counts_are_refused() {
        assert_eq!(rogan_gladen(5, 4, &CALIBRATION, 0.9), None);
        assert_eq!(rogan_gladen(0, 0, &CALIBRATION, 0.9), None);
        assert_eq!(
            rogan_gladen(
                1,
                4,
                &Calibration {
                    neg: 0,
                    ..CALIBRATION
                },
                0.9
            ),
            None
        );
        assert_eq!(rogan_gladen(1, 4, &CALIBRATION, 1.0), None);
    }

    #[test]
    fn a_judge_that_never_varies_is_not_trusted() {
        let human = [1.0, 0.0, 1.0, 1.0];
        let ppi = ppi_mean(&human, &[1.0; 4], &[1.0; 9], Trust::Tuned, 0.9).unwrap();
        assert!(ppi.lambda.abs() < 1e-15 && (ppi.estimate - 0.75).abs() < 1e-12);
    }

    #[test]
    fn lists_that_do_not_match_are_refused() {
        assert_eq!(
            ppi_mean(&[1.0], &[1.0, 0.0], &[1.0], Trust::Full, 0.9),
            None
        );
        assert_eq!(ppi_mean(&[1.0], &[1.0], &[], Trust::Full, 0.9), None);
    }
}
