//! How much the trials of one case disagree, and what several tries would give.

use super::real;

/// What `k` of the trials would show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PassAtK {
    /// Probability that any of k trials passes (Chen et al. 2021).
    pub pass_at_k: f64,
    /// Probability that all of k trials pass, often written pass^k.
    pub pass_hat_k: f64,
}

/// The unbiased estimates from `c` passes in `n` trials. `None` unless
/// `1 <= k <= n` and `c <= n`.
pub fn pass_at_k(n: usize, c: usize, k: usize) -> Option<PassAtK> {
    if k == 0 || k > n || c > n {
        return None;
    }
    let all_of = |few: usize| {
        (0..k)
            .map(|i| real(few.saturating_sub(i)) / real(n - i))
            .product()
    };
    let none: f64 = all_of(n - c);
    Some(PassAtK {
        pass_at_k: 1.0 - none,
        pass_hat_k: all_of(c),
    })
}

/// The unbiased estimate of the probability that two trials of a case disagree. Its
/// mean over cases is the noise of the suite. `None` below two trials, or for more
/// passes than trials.
pub fn disagreement(passes: usize, trials: usize) -> Option<f64> {
    if trials < 2 || passes > trials {
        return None;
    }
    let pairs = real(trials) * real(trials - 1) / 2.0;
    Some(real(passes) * real(trials - passes) / pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_try_is_the_pass_rate() {
        let tries = pass_at_k(8, 6, 1).unwrap();
        assert!((tries.pass_at_k - 0.75).abs() < 1e-12);
        assert!((tries.pass_hat_k - 0.75).abs() < 1e-12);
    }

    #[test]
    fn what_was_not_tried_has_no_estimate() {
        assert_eq!(pass_at_k(3, 2, 4), None);
        assert_eq!(pass_at_k(3, 4, 1), None);
        assert_eq!(pass_at_k(3, 2, 0), None);
        assert_eq!(disagreement(1, 1), None);
    }
}
