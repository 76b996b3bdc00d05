//! What a comparison of a planned size can see, before it is run.

use super::plan::{Errors, cases_needed, mde};
use super::real;
use super::unit::{Kind, Scope};

/// Trials of a case up to which a plan is searched.
const MOST_TRIALS: usize = 32;
/// Cases up to which a plan is searched.
const MOST_CASES: f64 = 1e7;

/// A comparison that is planned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Design {
    /// What kind of numbers the scores are.
    pub kind: Kind,
    /// What the inference is about. In population scope the variation between cases comes on top of what is known
    /// here, so that the answers are lower bounds.
    pub scope: Scope,
    /// Units of equal weight that are as sure as those of the plan.
    pub units: f64,
    /// Trials of a unit of the baseline.
    pub base_trials: usize,
    /// Trials of a unit of the candidate.
    pub cand_trials: usize,
    /// Variance of a trial around the mean of its unit, on the scale of differences: half of the share of units on
    /// which two trials disagree, for binary scores.
    pub variance: f64,
}

impl Design {
    /// The standard error that the comparison will have, plus-four for binary scores as in
    /// [`compare`](super::compare).
    pub fn standard_error(&self) -> f64 {
        let (base, cand) = (real(self.base_trials), real(self.cand_trials));
        let plain = (self.variance * (1.0 / base + 1.0 / cand) / self.units).sqrt();
        let pairs = match self.scope {
            Scope::Suite => self.units * 2.0 * base * cand / (base + cand),
            Scope::Population => self.units,
        };
        match self.kind {
            Kind::Binary => ((pairs * plain).powi(2) + 4.0).sqrt() / (pairs + 4.0),
            Kind::Continuous | Kind::Ratio => plain,
        }
    }

    /// The smallest true drop that it will report with the given power.
    pub fn visible_drop(&self, tolerance: f64, errors: Errors) -> Option<f64> {
        mde(self.standard_error(), tolerance, errors)
    }

    /// Whether a drop of the size of the tolerance can be told from none: noise does not rule what is seen.
    pub fn can_see(&self, tolerance: f64, errors: Errors) -> bool {
        let reach = errors.reach();
        reach.is_some_and(|reach| reach * self.standard_error() <= tolerance + super::SLACK)
    }

    /// The cases that would do with these trials, from those of Connor (1987) up; `None` where no number would.
    pub fn units_needed(&self, tolerance: f64, errors: Errors) -> Option<usize> {
        let with = |units: f64| Design { units, ..*self };
        let (base, cand) = (real(self.base_trials), real(self.cand_trials));
        let discordance = self.variance * (1.0 / base + 1.0 / cand);
        let mut enough = real(cases_needed(discordance, tolerance, errors).unwrap_or(1));
        while !with(enough).can_see(tolerance, errors) {
            enough = (enough * 1.02).max(enough + 1.0);
            if enough > MOST_CASES {
                return None;
            }
        }
        whole(enough)
    }

    /// The trials of a case of this run that would do, with the baseline as it is or, where `base_is_banked` is not
    /// given, with as many on both sides; `None` where no reasonable number would.
    pub fn trials_needed(
        &self,
        tolerance: f64,
        base_is_banked: bool,
        errors: Errors,
    ) -> Option<usize> {
        (1..=MOST_TRIALS).find(|trials| {
            let design = Design {
                base_trials: if base_is_banked {
                    self.base_trials
                } else {
                    *trials
                },
                cand_trials: *trials,
                ..*self
            };
            design.can_see(tolerance, errors)
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number was checked to lie between 0 and 1e7"
)]
fn whole(x: f64) -> Option<usize> {
    (0.0..=MOST_CASES).contains(&x).then(|| x.ceil() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The suites of the simulation of the design note: two runs of the same thing disagree on 13 % of cases.
    fn suite(units: f64, trials: usize) -> Design {
        Design {
            kind: Kind::Binary,
            scope: Scope::Suite,
            units,
            base_trials: trials,
            cand_trials: trials,
            variance: 0.13 / 2.0,
        }
    }

    #[test]
    fn what_the_simulation_sees_is_what_is_foreseen() {
        let errors = Errors::default();
        let seen = |units, trials| suite(units, trials).visible_drop(0.03, errors).unwrap();
        // The simulation finds 89 % of drops of 5 points with 200 cases of three trials, 95 % with 1000 of one.
        assert!(
            (0.03..0.055).contains(&seen(200.0, 3)),
            "{}",
            seen(200.0, 3)
        );
        assert!(
            (0.03..0.045).contains(&seen(1000.0, 1)),
            "{}",
            seen(1000.0, 1)
        );
        // And 43 % of drops of 10 points with 50 cases of one.
        assert!(seen(50.0, 1) > 0.10, "{}", seen(50.0, 1));
    }

    #[test]
    fn what_is_needed_is_enough_and_one_step_less_is_not() {
        let errors = Errors::default();
        let design = suite(50.0, 3);
        assert!(!design.can_see(0.03, errors));
        let units = real(design.units_needed(0.03, errors).unwrap());
        assert!(suite(units, 3).can_see(0.03, errors));
        assert!(!suite(units * 0.9, 3).can_see(0.03, errors));
        let trials = design.trials_needed(0.03, false, errors).unwrap();
        assert!(suite(50.0, trials).can_see(0.03, errors));
        assert!(!suite(50.0, trials - 1).can_see(0.03, errors));
    }

    #[test]
    fn no_tolerance_cannot_be_planned_for() {
        let design = suite(50.0, 3);
        assert_eq!(design.units_needed(0.0, Errors::default()), None);
        assert_eq!(design.trials_needed(0.0, false, Errors::default()), None);
        assert_eq!(design.trials_needed(0.001, true, Errors::default()), None);
    }
}
