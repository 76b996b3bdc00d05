//! The difference of one unit of non-binary scores under every way to deal them,
//! with its cumulants found without listing the deals.

use super::moments::variance;
use super::real;
use super::relabel::{Cumulants, Extreme, Point, normal_cumulants};
use super::special::ln_choose;
use super::subsets::{are_few, equally_likely, map_subsets};
use super::unit::{SAME_SCORE, average};

/// All ways to choose which of the pooled scores are the candidate's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deals<'a> {
    pooled: &'a [f64],
    chosen: usize,
    weight: f64,
    /// The largest score of a candidate that got the smallest scores.
    low_border: f64,
    /// The smallest score of a candidate that got the largest scores.
    high_border: f64,
}

impl<'a> Deals<'a> {
    pub(crate) fn new(pooled: &'a [f64], chosen: usize, weight: f64) -> Deals<'a> {
        let mut sorted = pooled.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low_border, high_border) = (sorted[chosen - 1], sorted[sorted.len() - chosen]);
        Deals {
            pooled,
            chosen,
            weight,
            low_border,
            high_border,
        }
    }

    pub(crate) fn points(&self) -> Option<Vec<Point>> {
        let chosen_sum = |subset: &[usize]| subset.iter().map(|index| self.pooled[*index]).sum();
        self.are_few().then(|| {
            equally_likely(map_subsets(self.pooled.len(), self.chosen, |subset| {
                self.difference(chosen_sum(subset))
            }))
        })
    }

    /// The candidate got the smallest scores.
    pub(crate) fn lowest(&self) -> Extreme {
        self.extreme(self.low_border, |score| {
            score < self.low_border - SAME_SCORE
        })
    }

    /// The candidate got the largest scores.
    pub(crate) fn highest(&self) -> Extreme {
        self.extreme(self.high_border, |score| {
            score > self.high_border + SAME_SCORE
        })
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

    /// The cumulants of sampling without replacement. The mean over all deals is an
    /// elementary symmetric polynomial of the tilted scores, so that it takes
    /// `N * chosen` steps and not one for each deal.
    pub(crate) fn cumulants(&self, t: f64) -> Cumulants {
        if !self.are_few() {
            return normal_cumulants(self.variance(), t);
        }
        // With the border as the origin only scores of the likeliest deal have a
        // positive exponent, so that the polynomial keeps within its scale.
        let origin = if t < 0.0 {
            self.low_border
        } else {
            self.high_border
        };
        let mut sums = TiltedSums::new(self.chosen);
        for score in self.pooled {
            sums.include(t, self.leverage() * (score - origin));
        }
        let sum = sums.last();
        let drift = self.difference(real(self.chosen) * origin);
        let slope = sum.slope / sum.value;
        let value = sum.value.ln() + sums.ln_scale - self.ln_count() + t * drift;
        Cumulants {
            value: self.small_value(t).unwrap_or(value),
            slope: slope + drift,
            curvature: (sum.curvature / sum.value - slope * slope).max(0.0),
        }
    }

    /// The generating function near zero, where the logarithm of a mean close to 1
    /// would lose what is left of it: the mean less 1 is built up instead.
    fn small_value(&self, t: f64) -> Option<f64> {
        let center = average(self.pooled);
        let exponent = |score: &f64| t * self.leverage() * (score - center);
        if self.pooled.iter().any(|score| exponent(score).abs() > 0.5) {
            return None;
        }
        let mut excess = vec![0.0; self.chosen + 1];
        for (index, score) in self.pooled.iter().enumerate() {
            let growth = exponent(score).exp_m1();
            for degree in (1..=self.chosen.min(index + 1)).rev() {
                let share = real(degree) / real(index + 1);
                let below = excess[degree - 1];
                let with_score = growth + below + growth * below;
                excess[degree] = (1.0 - share) * excess[degree] + share * with_score;
            }
        }
        Some(excess[self.chosen].ln_1p())
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

/// Elementary symmetric polynomials of `exp(t lever)`, degree 0 and up, each with
/// its first two derivatives in t, all divided by `exp(ln_scale)`.
struct TiltedSums {
    by_degree: Vec<Cumulants>,
    ln_scale: f64,
}

impl TiltedSums {
    fn new(degree: usize) -> TiltedSums {
        let mut by_degree = vec![Cumulants::default(); degree + 1];
        by_degree[0].value = 1.0;
        TiltedSums {
            by_degree,
            ln_scale: 0.0,
        }
    }

    fn include(&mut self, t: f64, lever: f64) {
        // A factor above 1 is taken out of every term, so that none overflows.
        let exponent = t * lever;
        let scale = exponent.max(0.0);
        let (keep, take) = ((-scale).exp(), (exponent - scale).exp());
        self.ln_scale += scale;
        for degree in (1..self.by_degree.len()).rev() {
            let (below, own) = (self.by_degree[degree - 1], self.by_degree[degree]);
            let bent = below.curvature + lever * (2.0 * below.slope + lever * below.value);
            self.by_degree[degree] = Cumulants {
                value: keep * own.value + take * below.value,
                slope: keep * own.slope + take * (below.slope + lever * below.value),
                curvature: keep * own.curvature + take * bent,
            };
        }
        self.by_degree[0].value *= keep;
    }

    fn last(&self) -> Cumulants {
        self.by_degree[self.by_degree.len() - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::super::relabel::Relabelling;
    use super::*;

    const SCORES: [f64; 7] = [0.1, 0.25, 0.25, 0.4, 0.8, 0.9, 1.0];

    #[test]
    fn the_cumulants_are_those_of_the_listed_deals() {
        let deals = Deals::new(&SCORES, 3, 2.0);
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
        let deals = Deals::new(&SCORES, 3, 1.0);
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
        let cumulants = Deals::new(&SCORES, 2, 1.0).cumulants(-1e6);
        assert!(cumulants.value.is_finite() && cumulants.slope.is_finite());
    }

    #[test]
    fn many_deals_enter_as_a_normal_variable() {
        let scores: Vec<f64> = (0..20).map(|i| real(i) / 20.0).collect();
        let deals = Deals::new(&scores, 10, 1.0);
        assert!(deals.points().is_none());
        assert!((deals.cumulants(1.0).slope - deals.variance()).abs() < 1e-15);
    }
}
