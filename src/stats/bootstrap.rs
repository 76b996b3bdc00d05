//! The ratio of two latencies at a quantile, such as the p95 of a candidate over that
//! of its baseline.

use super::Interval;
use super::moments::{quantile, quantile_position};
use super::rng::SplitMix64;

/// How a ratio of quantiles is resampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resampling {
    /// The quantile compared, such as 0.95.
    pub quantile: f64,
    /// Number of resamples.
    pub resamples: usize,
    /// Two-sided confidence of the bounds.
    pub confidence: f64,
    /// Seed of the generator.
    pub seed: u64,
}

impl Default for Resampling {
    fn default() -> Self {
        Resampling {
            quantile: 0.95,
            resamples: 2_000,
            confidence: 0.90,
            seed: 42,
        }
    }
}

/// A ratio, candidate over baseline, with bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The ratio of the quantiles.
    pub ratio: f64,
    /// Percentile bounds.
    pub bounds: Interval,
}

/// The ratio of a quantile of paired values with paired percentile bounds (Efron
/// 1979): each resample draws pairs. The stream of draws belongs to `name`. `None` for
/// lists that are empty or of unequal length, or where a ratio is not finite.
pub fn bootstrap_ratio(
    base: &[f64],
    cand: &[f64],
    resampling: &Resampling,
    name: &str,
) -> Option<Ratio> {
    let Resampling {
        quantile: fraction,
        resamples,
        confidence,
        seed,
    } = *resampling;
    if base.len() != cand.len() {
        return None;
    }
    let mut rng = SplitMix64::new(seed, &format!("bootstrap:{name}"));
    let ratio = ratio_of(&mut base.to_vec(), &mut cand.to_vec(), fraction)?;
    let mut drawn = (base.to_vec(), cand.to_vec());
    let ratios: Option<Vec<f64>> = (0..resamples)
        .map(|_| {
            for place in 0..base.len() {
                let from = rng.below(base.len());
                (drawn.0[place], drawn.1[place]) = (base[from], cand[from]);
            }
            ratio_of(&mut drawn.0, &mut drawn.1, fraction)
        })
        .collect();
    let mut ratios = ratios?;
    ratios.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    let (lower, upper) = (quantile(&ratios, tail)?, quantile(&ratios, 1.0 - tail)?);
    Some(Ratio {
        ratio,
        bounds: Interval { lower, upper },
    })
}

/// The ratio of a quantile of two lists, which it reorders; `None` if not finite.
fn ratio_of(base: &mut [f64], cand: &mut [f64], fraction: f64) -> Option<f64> {
    let ratio = select_quantile(cand, fraction)? / select_quantile(base, fraction)?;
    Some(ratio).filter(|ratio| ratio.is_finite())
}

/// The type-7 quantile without sorting the whole list.
fn select_quantile(values: &mut [f64], fraction: f64) -> Option<f64> {
    let (position, rest) = quantile_position(values.len(), fraction)?;
    let (_, low, above) = values.select_nth_unstable_by(position, f64::total_cmp);
    let next = above.iter().copied().min_by(f64::total_cmp).unwrap_or(*low);
    Some(*low + rest * (next - *low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selecting_and_sorting_give_the_same_quantile() {
        let values = [5.0, 1.0, 4.0, 2.0, 9.0, 7.0];
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        for fraction in [0.0, 0.1, 0.5, 0.95, 1.0] {
            let selected = select_quantile(&mut values.to_vec(), fraction);
            assert_eq!(selected, quantile(&sorted, fraction));
        }
    }

    #[test]
    fn twice_as_slow_is_a_ratio_of_two_without_doubt() {
        let base: Vec<f64> = (1..40).map(f64::from).collect();
        let cand: Vec<f64> = base.iter().map(|x| 2.0 * x).collect();
        let ratio = bootstrap_ratio(&base, &cand, &Resampling::default(), "latency").unwrap();
        for value in [ratio.ratio, ratio.bounds.lower, ratio.bounds.upper] {
            assert!((value - 2.0).abs() < 1e-12);
        }
    }

    #[test]
    fn what_has_no_ratio_is_none() {
        let resampling = Resampling::default();
        assert_eq!(bootstrap_ratio(&[], &[], &resampling, "x"), None);
        assert_eq!(bootstrap_ratio(&[1.0], &[1.0, 2.0], &resampling, "x"), None);
        assert_eq!(bootstrap_ratio(&[0.0], &[1.0], &resampling, "x"), None);
    }
}
