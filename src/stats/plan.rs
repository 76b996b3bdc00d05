//! How many samples: what a suite can see, and what would settle an open verdict.

use super::moments::{mean, variance};
use super::special::normal_ppf;
use super::unit::{Kind, Paired, Unit};
use super::{SLACK, real};

/// The errors that a plan accepts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// One-sided error of a verdict.
    pub alpha: f64,
    /// Probability with which a real drop shall be found.
    pub power: f64,
}

impl Default for Errors {
    fn default() -> Self {
        Errors {
            alpha: 0.05,
            power: 0.80,
        }
    }
}

impl Errors {
    fn z_alpha(self) -> Option<f64> {
        normal_ppf(1.0 - self.alpha)
    }

    fn z_power(self) -> Option<f64> {
        normal_ppf(self.power)
    }

    /// How many standard errors away an effect must lie to be found.
    pub(crate) fn reach(self) -> Option<f64> {
        Some(self.z_alpha()? + self.z_power()?)
    }
}

/// The trials per case of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trials {
    /// Trials per case of the baseline.
    pub base: usize,
    /// Trials per case of the candidate.
    pub cand: usize,
    /// Whether the baseline is banked, so that only the candidate can get more.
    pub base_is_banked: bool,
}

/// The smallest true drop that is reported as a regression with the given power:
/// it must be told from zero, and its estimate must exceed the tolerance. `None`
/// where the errors are no probabilities or the standard error is not finite.
pub fn mde(standard_error: f64, tolerance: f64, errors: Errors) -> Option<f64> {
    let from_zero = errors.reach()? * standard_error;
    let from_tolerance = tolerance + errors.z_power()? * standard_error;
    standard_error
        .is_finite()
        .then(|| from_zero.max(from_tolerance))
}

/// How far a difference lies from the tolerance that it has to be told from: from zero
/// for a drop already beyond the tolerance, else from the tolerance.
pub fn gap(diff: f64, tolerance: f64) -> f64 {
    if diff <= -tolerance + SLACK {
        -diff
    } else {
        diff + tolerance
    }
}

/// The trials per case, of the candidate or of both sides, that would settle an
/// inconclusive comparison of the given plus-four standard error and [`gap`]. `None`
/// where no number of trials would.
pub fn trials_needed(
    trials: Trials,
    standard_error: f64,
    gap: f64,
    errors: Errors,
) -> Option<usize> {
    let (base, cand) = (1.0 / real(trials.base), 1.0 / real(trials.cand));
    let shrink = gap / (errors.reach()? * standard_error);
    let target = (base + cand) * shrink * shrink;
    let (needed, present) = if trials.base_is_banked {
        (1.0 / (target - base), trials.cand)
    } else {
        (2.0 / target, trials.base.max(trials.cand))
    };
    whole_at_least(needed)
        .filter(|_| gap > 0.0)
        .map(|needed| needed.max(present))
}

/// The cases of one trial a side needed to find a drop of `effect` when a share
/// `discordance` of the pairs disagrees (Connor 1987). `None` where there is no effect,
/// or more of it than the discordance allows.
pub fn cases_needed(discordance: f64, effect: f64, errors: Errors) -> Option<usize> {
    let square = effect * effect;
    if square <= 0.0 || effect.abs() > discordance {
        return None;
    }
    let under_null = errors.z_alpha()? * discordance.sqrt();
    let under_effect = errors.z_power()? * (discordance - square).sqrt();
    whole_at_least((under_null + under_effect).powi(2) / square)
}

/// The cases to add to `cases` present ones so that a standard error that shrinks
/// with the root of their number reaches what the gap asks for.
pub fn cases_to_add(cases: usize, standard_error: f64, gap: f64, errors: Errors) -> Option<usize> {
    let growth = errors.reach()? * standard_error / gap;
    let needed = whole_at_least(real(cases) * growth * growth).filter(|_| gap > 0.0);
    needed.map(|needed| needed.saturating_sub(cases))
}

/// The smallest whole number that is not below `x`, but for rounding; `None` for a
/// number that is negative, too large, or none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number was checked to lie between 0 and 1e15"
)]
fn whole_at_least(x: f64) -> Option<usize> {
    (0.0..1e15)
        .contains(&x)
        .then(|| (x - SLACK).ceil() as usize)
}

/// Where the variation of the differences comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoiseSplit {
    /// Units that entered: those with two trials a side or more.
    pub units: usize,
    /// Mean sampling variance of a unit's difference.
    pub trial_var: f64,
    /// Variance of the differences between units.
    pub total_var: f64,
    /// What is left of it without the sampling of trials, at least 0.
    pub between_var: f64,
    /// Share of the sampling of trials in the total, at most 1; `None` where nothing
    /// varies.
    pub trial_share: Option<f64>,
}

/// Splits the variation of differences into the sampling of trials and the rest,
/// unweighted (Miller 2024). Units below two trials a side cannot tell and are left
/// out; `None` below two units.
pub fn noise_split(units: &[Unit]) -> Option<NoiseSplit> {
    let paired = Paired::new(units, Kind::Continuous);
    let (mut variances, mut differences) = (Vec::new(), Vec::new());
    for pair in paired.iter() {
        if let (Some(base), Some(cand)) = (variance(pair.base), variance(pair.cand)) {
            variances.push(base / real(pair.base.len()) + cand / real(pair.cand.len()));
            differences.push(pair.difference());
        }
    }
    let (trial_var, total_var) = (mean(&variances)?, variance(&differences)?);
    Some(NoiseSplit {
        units: differences.len(),
        trial_var,
        total_var,
        between_var: (total_var - trial_var).max(0.0),
        trial_share: (total_var > 0.0).then(|| (trial_var / total_var).min(1.0)),
    })
}

impl NoiseSplit {
    /// The standard error that no number of trials can get below in population scope.
    /// Where it exceeds the target, cases must be added.
    pub fn case_error(&self) -> f64 {
        (self.between_var / real(self.units)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bank_too_small_for_the_gap_makes_it_impossible() {
        let trials = Trials {
            base: 2,
            cand: 2,
            base_is_banked: true,
        };
        assert_eq!(trials_needed(trials, 0.03, 0.02, Errors::default()), None);
    }

    #[test]
    fn no_gap_cannot_be_settled() {
        let trials = Trials {
            base: 2,
            cand: 2,
            base_is_banked: false,
        };
        assert_eq!(trials_needed(trials, 0.03, 0.0, Errors::default()), None);
    }

    #[test]
    fn the_present_trials_are_never_undercut() {
        let trials = Trials {
            base: 3,
            cand: 5,
            base_is_banked: false,
        };
        assert_eq!(
            trials_needed(trials, 0.001, 0.5, Errors::default()),
            Some(5)
        );
        let banked = Trials {
            base_is_banked: true,
            ..trials
        };
        assert_eq!(
            trials_needed(banked, 0.001, 0.5, Errors::default()),
            Some(5)
        );
    }

    #[test]
    fn an_effect_larger_than_the_discordance_cannot_be() {
        assert_eq!(cases_needed(0.1, 0.2, Errors::default()), None);
        assert_eq!(cases_needed(0.1, 0.0, Errors::default()), None);
    }

    #[test]
    fn twice_the_standard_error_needs_four_times_the_cases() {
        let errors = Errors::default();
        let reach = errors.reach().unwrap();
        assert_eq!(cases_to_add(100, 0.02, 0.01 * reach, errors), Some(300));
    }

    #[test]
    fn probabilities_outside_their_range_give_none() {
        let errors = Errors {
            alpha: 0.0,
            power: 0.8,
        };
        assert_eq!(mde(0.03, 0.03, errors), None);
    }
}
