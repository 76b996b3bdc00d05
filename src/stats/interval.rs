//! Intervals for a single rate: `successes` of `n`, `confidence` two-sided.
//!
//! All are `None` for no trials, more successes than trials, or a confidence
//! outside (0, 1).

use super::special::{beta_ppf, two_sided_z};
use super::{Interval, real};

/// The score interval of Wilson (1927), for the display of a rate.
pub fn wilson(successes: usize, n: usize, confidence: f64) -> Option<Interval> {
    check(successes, n)?;
    let z = two_sided_z(confidence)?;
    let (trials, rate) = (real(n), real(successes) / real(n));
    let shrink = 1.0 + z * z / trials;
    let center = (rate + z * z / (2.0 * trials)) / shrink;
    let spread = (rate * (1.0 - rate) / trials + (z / (2.0 * trials)).powi(2)).sqrt();
    let interval = Interval::around(center, z * spread / shrink).clipped(0.0, 1.0);
    // The formula gives these two exactly, the arithmetic only to the last bit.
    Some(Interval {
        lower: if successes == 0 { 0.0 } else { interval.lower },
        upper: if successes == n { 1.0 } else { interval.upper },
    })
}

/// The interval of Clopper and Pearson (1934), which never covers less often than
/// it says. It stays valid when the trials have unequal rates, because a sum of
/// unequal Bernoulli variables is tighter than a binomial one (Hoeffding 1956).
pub fn clopper_pearson(successes: usize, n: usize, confidence: f64) -> Option<Interval> {
    check(successes, n)?;
    let tail = tail_of(confidence)?;
    let (passed, failed) = (real(successes), real(n - successes));
    let lower = if successes == 0 {
        0.0
    } else {
        beta_ppf(tail, passed, failed + 1.0)?
    };
    let upper = if successes == n {
        1.0
    } else {
        beta_ppf(1.0 - tail, passed + 1.0, failed)?
    };
    Some(Interval { lower, upper })
}

/// The equal-tailed interval under the prior of Jeffreys (1946), Beta(1/2, 1/2),
/// for the display of a rate of very few trials.
pub fn jeffreys(successes: usize, n: usize, confidence: f64) -> Option<Interval> {
    check(successes, n)?;
    let tail = tail_of(confidence)?;
    let (a, b) = (real(successes) + 0.5, real(n - successes) + 0.5);
    Some(Interval {
        lower: beta_ppf(tail, a, b)?,
        upper: beta_ppf(1.0 - tail, a, b)?,
    })
}

fn check(successes: usize, n: usize) -> Option<()> {
    (n > 0 && successes <= n).then_some(())
}

fn tail_of(confidence: f64) -> Option<f64> {
    (confidence > 0.0 && confidence < 1.0).then_some((1.0 - confidence) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_and_everything_reach_the_ends_exactly() {
        for interval in [wilson, clopper_pearson] {
            assert!(interval(0, 7, 0.9).unwrap().lower <= 0.0);
            assert!(interval(7, 7, 0.9).unwrap().upper >= 1.0);
        }
    }

    #[test]
    fn without_trials_nothing_can_be_said() {
        for interval in [wilson, clopper_pearson, jeffreys] {
            assert_eq!(interval(0, 0, 0.95), None);
            assert_eq!(interval(3, 2, 0.95), None);
            assert_eq!(interval(1, 2, 1.0), None);
            assert_eq!(interval(1, 2, f64::NAN), None);
        }
    }
}
