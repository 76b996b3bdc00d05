//! The test of `McNemar` (1947) for paired pass/fail results with one trial a side.

use super::moments::Sum;
use super::real;

/// P-values of losses against wins, conditional on their number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct McNemar {
    /// Exact probability of so many losses or more.
    pub p_drop: f64,
    /// The same as a mid-p: the observed number counts half.
    pub p_drop_mid: f64,
    /// Exact two-sided p.
    pub p_two: f64,
    /// Two-sided mid-p (Fagerland, Lydersen and Laake 2013).
    pub p_two_mid: f64,
}

/// Tests `losses` (pass to fail) against `wins` (fail to pass). Without either,
/// every p is 1.
pub fn mcnemar(losses: usize, wins: usize) -> McNemar {
    if losses + wins == 0 {
        return McNemar {
            p_drop: 1.0,
            p_drop_mid: 1.0,
            p_two: 1.0,
            p_two_mid: 1.0,
        };
    }
    // As many wins or fewer is as many losses or more, by symmetry.
    let drop = half_binomial(losses + wins, wins);
    let gain = half_binomial(losses + wins, losses);
    let smaller = drop.exact().min(gain.exact());
    let two_mid = if losses == wins {
        1.0
    } else {
        2.0 * smaller - drop.at
    };
    McNemar {
        p_drop: drop.exact(),
        p_drop_mid: drop.mid(),
        p_two: (2.0 * smaller).min(1.0),
        p_two_mid: two_mid.min(1.0),
    }
}

/// A lower tail, split so that the exact and the mid-p can both be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tail {
    /// Probability of a smaller value than the observed one.
    pub(crate) below: f64,
    /// Probability of the observed value itself.
    pub(crate) at: f64,
}

impl Tail {
    pub(crate) fn exact(self) -> f64 {
        (self.below + self.at).clamp(0.0, 1.0)
    }

    pub(crate) fn mid(self) -> f64 {
        (self.below + self.at / 2.0).clamp(0.0, 1.0)
    }
}

/// The lower tail at `x` of the number of heads in `m` throws of a fair coin.
///
/// The weights are built outward from the mode and divided by their sum, which
/// needs no factorials and loses no digits at any `m`.
fn half_binomial(m: usize, x: usize) -> Tail {
    let middle = m / 2;
    let mut weights = Weights {
        x,
        below: Sum::default(),
        at: 0.0,
        total: Sum::default(),
    };
    let mut weight = 1.0;
    for i in (0..=middle).rev() {
        weights.add(i, weight);
        weight *= real(i) / real(m - i + 1);
    }
    weight = 1.0;
    for i in middle + 1..=m {
        weight *= real(m - i + 1) / real(i);
        weights.add(i, weight);
    }
    let total = weights.total.value();
    Tail {
        below: weights.below.value() / total,
        at: weights.at / total,
    }
}

struct Weights {
    x: usize,
    below: Sum,
    at: f64,
    total: Sum,
}

impl Weights {
    fn add(&mut self, i: usize, weight: f64) {
        self.total.add(weight);
        match i.cmp(&self.x) {
            std::cmp::Ordering::Less => self.below.add(weight),
            std::cmp::Ordering::Equal => self.at = weight,
            std::cmp::Ordering::Greater => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_discordant_pair_says_nothing() {
        assert!((mcnemar(0, 0).p_drop_mid - 1.0).abs() < 1e-15);
    }

    #[test]
    fn five_losses_and_no_win_are_one_in_sixty_four_by_the_mid_p() {
        assert!((mcnemar(5, 0).p_drop_mid - 1.0 / 64.0).abs() < 1e-15);
    }

    #[test]
    fn half_a_million_losses_against_as_many_wins_are_a_toss() {
        assert!((mcnemar(500_000, 500_000).p_drop_mid - 0.5).abs() < 1e-9);
    }
}
