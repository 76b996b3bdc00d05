//! The difference of one unit of non-binary scores under every way to deal them,
//! with its cumulants found without listing the deals.

use std::cmp::Ordering;

use super::moments::variance;
use super::real;
use super::relabel::{Cumulants, Extreme, Point, normal_cumulants};
use super::special::ln_choose;
use super::subsets::{are_few, equally_likely, map_subsets};
use super::unit::{SAME_SCORE, average, range};

/// Up to this exponent means of exponentials are kept less 1.
const NEAR_ZERO: f64 = 0.5;

/// All ways to choose which of the pooled scores are the candidate's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deals<'a> {
    pub(crate) pooled: &'a [f64],
    pub(crate) chosen: usize,
    pub(crate) weight: f64,
}

impl Deals<'_> {
    pub(crate) fn points(&self) -> Option<Vec<Point>> {
        let score = |index: &usize| self.pooled[*index];
        let value = |subset: &[usize]| self.difference(subset.iter().map(score).sum());
        self.are_few()
            .then(|| equally_likely(map_subsets(self.pooled.len(), self.chosen, value)))
    }

    /// The candidate got the smallest scores.
    pub(crate) fn lowest(&self) -> Extreme {
        let border = self.border(f64::total_cmp);
        self.extreme(border, |score| score < border - SAME_SCORE)
    }

    /// The candidate got the largest scores.
    pub(crate) fn highest(&self) -> Extreme {
        let border = self.border(|one, other| other.total_cmp(one));
        self.extreme(border, |score| score > border + SAME_SCORE)
    }

    /// The candidate got the scores beyond the border, and as many at the border as
    /// are still wanted, which can be chosen in several ways.
    fn extreme(&self, border: f64, is_beyond: impl Fn(f64) -> bool) -> Extreme {
        let beyond = || {
            self.pooled
                .iter()
                .copied()
                .filter(|score| is_beyond(*score))
        };
        let at_border = |score: &&f64| (**score - border).abs() <= SAME_SCORE;
        let ties = self.pooled.iter().filter(at_border).count();
        let wanted = self.chosen - beyond().count();
        Extreme {
            value: self.difference(beyond().sum::<f64>() + real(wanted) * border),
            ln_probability: ln_choose(ties, wanted) - self.ln_count(),
        }
    }

    /// The last of the chosen scores when the first ones in this order are chosen.
    fn border(&self, order: impl Fn(&f64, &f64) -> Ordering) -> f64 {
        let mut sorted = self.pooled.to_vec();
        sorted.sort_by(order);
        sorted[self.chosen - 1]
    }

    /// The cumulants of sampling without replacement. The mean over all deals is an
    /// elementary symmetric polynomial of the tilted scores, so that it takes
    /// `N * chosen` steps and not one for each deal.
    pub(crate) fn cumulants(&self, t: f64) -> Cumulants {
        if !self.are_few() {
            return normal_cumulants(self.variance(), t);
        }
        let range = range(self.pooled);
        if (t * self.leverage() * range).abs() <= NEAR_ZERO {
            self.near_cumulants(t)
        } else {
            self.far_cumulants(t)
        }
    }

    /// Near zero the logarithm of a mean close to 1 would lose what is left of it, so
    /// the means over the deals of the first scores are built up less 1.
    fn near_cumulants(&self, t: f64) -> Cumulants {
        let (center, leverage) = (average(self.pooled), self.leverage());
        let mut excess = vec![Cumulants::default(); self.chosen + 1];
        for (index, score) in self.pooled.iter().enumerate() {
            let lever = leverage * (score - center);
            let growth = (t * lever).exp_m1();
            for degree in (1..=self.chosen.min(index + 1)).rev() {
                let share = real(degree) / real(index + 1);
                let tilted = excess[degree - 1].with_excess_score(lever, growth);
                excess[degree] = excess[degree].times(1.0 - share).plus(tilted.times(share));
            }
        }
        let mean = excess[self.chosen];
        let slope = mean.slope / (1.0 + mean.value);
        Cumulants {
            value: mean.value.ln_1p(),
            slope,
            curvature: (mean.curvature / (1.0 + mean.value) - slope * slope).max(0.0),
        }
    }

    /// Far from zero factors above 1 are taken out of the polynomials, so that none
    /// overflows. With the border as the origin only scores of the likeliest deal have
    /// such a factor, so that none vanishes either.
    fn far_cumulants(&self, t: f64) -> Cumulants {
        let origin = if t < 0.0 {
            self.border(f64::total_cmp)
        } else {
            self.border(|one, other| other.total_cmp(one))
        };
        let mut sums = vec![Cumulants::default(); self.chosen + 1];
        sums[0].value = 1.0;
        let mut ln_scale = 0.0;
        for score in self.pooled {
            let lever = self.leverage() * (score - origin);
            let scale = (t * lever).max(0.0);
            let (keep, take) = ((-scale).exp(), (t * lever - scale).exp());
            for degree in (1..=self.chosen).rev() {
                let tilted = sums[degree - 1].with_score(lever).times(take);
                sums[degree] = sums[degree].times(keep).plus(tilted);
            }
            sums[0] = sums[0].times(keep);
            ln_scale += scale;
        }
        let sum = sums[self.chosen];
        let drift = self.difference(real(self.chosen) * origin);
        let slope = sum.slope / sum.value;
        Cumulants {
            value: sum.value.ln() + ln_scale - self.ln_count() + t * drift,
            slope: slope + drift,
            curvature: (sum.curvature / sum.value - slope * slope).max(0.0),
        }
    }

    /// The variance of the relabelled difference: that of a mean of draws without
    /// replacement, whatever side the scores came from.
    fn variance(&self) -> f64 {
        self.weight * self.leverage() * variance(self.pooled).unwrap_or(0.0)
    }

    /// The weighted difference when the chosen scores have this sum.
    fn difference(&self, chosen_sum: f64) -> f64 {
        let left_out = real(self.pooled.len() - self.chosen);
        let total: f64 = self.pooled.iter().sum();
        self.leverage() * chosen_sum - self.weight * total / left_out
    }

    /// What one more in the chosen scores' sum adds to the weighted difference.
    fn leverage(&self) -> f64 {
        let left_out = real(self.pooled.len() - self.chosen);
        self.weight * (1.0 / real(self.chosen) + 1.0 / left_out)
    }

    fn are_few(&self) -> bool {
        are_few(self.pooled.len(), self.chosen)
    }

    fn ln_count(&self) -> f64 {
        ln_choose(self.pooled.len(), self.chosen)
    }
}

/// Sums of `exp(t lever)` with their derivatives in t.
impl Cumulants {
    /// One more lever in the exponent of every term, without its factor.
    fn with_score(self, lever: f64) -> Cumulants {
        Cumulants {
            value: self.value,
            slope: self.slope + lever * self.value,
            curvature: self.curvature + lever * (2.0 * self.slope + lever * self.value),
        }
    }

    /// The same for means kept less 1, with the factor `1 + growth`.
    fn with_excess_score(self, lever: f64, growth: f64) -> Cumulants {
        let whole = Cumulants {
            value: 1.0 + self.value,
            ..self
        };
        let tilted = whole.with_score(lever).times(1.0 + growth);
        Cumulants {
            value: growth + self.value + growth * self.value,
            ..tilted
        }
    }

    fn times(self, factor: f64) -> Cumulants {
        Cumulants {
            value: self.value * factor,
            slope: self.slope * factor,
            curvature: self.curvature * factor,
        }
    }

    fn plus(self, other: Cumulants) -> Cumulants {
        Cumulants {
            value: self.value + other.value,
            slope: self.slope + other.slope,
            curvature: self.curvature + other.curvature,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::relabel::Relabelling;
    use super::*;

    fn deals(pooled: &[f64], chosen: usize, weight: f64) -> Deals<'_> {
        Deals {
            pooled,
            chosen,
            weight,
        }
    }

    const SCORES: [f64; 7] = [0.1, 0.25, 0.25, 0.4, 0.8, 0.9, 1.0];

    #[test]
    fn the_cumulants_are_those_of_the_listed_deals() {
        let deals = deals(&SCORES, 3, 2.0);
        let listed = Relabelling::Listed(deals.points().unwrap());
        for t in [-400.0, -8.0, -0.5, -1e-7, 1e-4, 0.3, 2.0, 60.0] {
            let (quick, slow) = (deals.cumulants(t), listed.cumulants(t));
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-10 * b.abs().max(1e-9);
            assert!(close(quick.value, slow.value), "{t}: {quick:?} {slow:?}");
            assert!(
                (quick.slope - slow.slope).abs() < 1e-12,
                "{t}: {quick:?} {slow:?}"
            );
            assert!(
                (quick.curvature - slow.curvature).abs() < 1e-11,
                "{t}: {quick:?} {slow:?}"
            );
        }
    }

    #[test]
    fn the_ends_are_those_of_the_listed_deals() {
        let deals = deals(&SCORES, 3, 1.0);
        let points = deals.points().unwrap();
        let ends = [
            (deals.lowest(), points[0]),
            (deals.highest(), points[points.len() - 1]),
        ];
        for (quick, slow) in ends {
            assert!((quick.value - slow.value).abs() < 1e-12);
            assert!((quick.ln_probability.exp() - slow.probability).abs() < 1e-12);
        }
    }

    #[test]
    fn a_far_tilt_neither_overflows_nor_vanishes() {
        let cumulants = deals(&SCORES, 2, 1.0).cumulants(-1e6);
        assert!(cumulants.value.is_finite() && cumulants.slope.is_finite());
    }

    #[test]
    fn many_deals_enter_as_a_normal_variable() {
        let scores: Vec<f64> = (0..20).map(|i| real(i) / 20.0).collect();
        let deals = deals(&scores, 10, 1.0);
        assert!(deals.points().is_none());
        assert!((deals.cumulants(1.0).slope - deals.variance()).abs() < 1e-15);
    }
}
