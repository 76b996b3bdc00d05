//! A run that adds trials look by look, while its verdict is open.
//!
//! Each look spends a share of the error. By the union bound the total over all
//! looks is at most alpha on each side, whatever made the run stop. Every look adds
//! trials to every case: adding them only to suspicious cases would bias the mean.

use super::SLACK;
use super::plan::gap;
use super::real;
use super::special::normal_ppf;

/// The plan of an adaptive run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule<'a> {
    /// Candidate trials per case at each look, ascending.
    pub looks: &'a [usize],
    /// Share of the error spent at each look; they sum to 1.
    pub shares: &'a [f64],
    /// One-sided error of the whole run.
    pub alpha: f64,
    /// The largest acceptable drop, on the scale of the difference.
    pub tolerance: f64,
    /// How hopeless the rest must be before the run stops early, 0.5 by default; 0
    /// never stops for that.
    pub futility: f64,
}

/// What a look has found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Which look it is, from 0.
    pub index: usize,
    /// P-value of a drop; within a family the adjusted one, 1 if not testable.
    pub p_drop: f64,
    /// Difference, candidate less baseline.
    pub diff: f64,
    /// Lower bound of the difference at the level of this look.
    pub lower: f64,
    /// Standard error of the difference, plus-four for binary scores.
    pub standard_error: f64,
    /// Trials per case of the baseline so far.
    pub base_trials: usize,
    /// Trials per case of the candidate so far.
    pub cand_trials: usize,
    /// Whether the baseline is banked and gets no more trials.
    pub base_is_banked: bool,
}

/// What to do after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The drop is shown.
    StopRegressed,
    /// A drop beyond the tolerance is ruled out.
    StopPass,
    /// The last look is over and nothing is shown.
    StopInconclusive,
    /// The looks that are left are unlikely to show anything.
    StopFutile,
    /// Draw the trials of the next look.
    Continue,
}

impl Schedule<'_> {
    /// The error spent at a look; `None` for a look that is not planned.
    pub fn level(&self, look: usize) -> Option<f64> {
        self.shares.get(look).map(|share| self.alpha * share)
    }
}

/// Decides after a look (Lan and `DeMets` 1983 for spending the error look by look).
/// `None` for a look that is not planned.
pub fn adaptive_step(look: &Look, schedule: &Schedule) -> Option<Step> {
    let level = schedule.level(look.index)?;
    let final_trials = *schedule.looks.last()?;
    let is_significant = look.p_drop <= level + SLACK;
    Some(
        if is_significant && look.diff <= -schedule.tolerance + SLACK {
            Step::StopRegressed
        } else if look.lower > -schedule.tolerance + SLACK {
            Step::StopPass
        } else if look.index + 1 >= schedule.looks.len() {
            Step::StopInconclusive
        } else if is_futile(look, schedule, final_trials) {
            Step::StopFutile
        } else {
            Step::Continue
        },
    )
}

/// Whether the gap is small even against the standard error that the last look will
/// have. One trial a side says too little about the noise to tell.
fn is_futile(look: &Look, schedule: &Schedule, final_trials: usize) -> bool {
    if look.base_trials < 2 || look.cand_trials < 2 {
        return false;
    }
    let final_base = if look.base_is_banked {
        look.base_trials
    } else {
        final_trials
    };
    let now = 1.0 / real(look.base_trials) + 1.0 / real(look.cand_trials);
    let then = 1.0 / real(final_base) + 1.0 / real(final_trials);
    let final_error = look.standard_error * (then / now).sqrt();
    let last_level = schedule.shares.last().map(|share| schedule.alpha * share);
    let quantile = last_level.and_then(|level| normal_ppf(1.0 - level));
    quantile.is_some_and(|quantile| {
        gap(look.diff, schedule.tolerance) < schedule.futility * quantile * final_error
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule = Schedule {
        looks: &[1, 2, 4, 8],
        shares: &[0.1, 0.2, 0.3, 0.4],
        alpha: 0.05,
        tolerance: 0.03,
        futility: 0.5,
    };

    const LOOK: Look = Look {
        index: 1,
        p_drop: 0.5,
        diff: 0.0,
        lower: -0.1,
        standard_error: 0.01,
        base_trials: 2,
        cand_trials: 2,
        base_is_banked: false,
    };

    #[test]
    fn a_bound_above_the_tolerance_stops_with_a_pass() {
        let look = Look {
            lower: -0.02,
            ..LOOK
        };
        assert_eq!(adaptive_step(&look, &SCHEDULE), Some(Step::StopPass));
    }

    #[test]
    fn the_last_look_ends_the_run() {
        let look = Look { index: 3, ..LOOK };
        assert_eq!(
            adaptive_step(&look, &SCHEDULE),
            Some(Step::StopInconclusive)
        );
    }

    #[test]
    fn an_unplanned_look_has_no_answer() {
        let look = Look { index: 4, ..LOOK };
        assert_eq!(adaptive_step(&look, &SCHEDULE), None);
    }

    #[test]
    fn one_trial_is_too_few_to_call_a_run_futile() {
        let hopeless = Look {
            diff: -0.03 + 1e-6,
            standard_error: 1.0,
            ..LOOK
        };
        assert_eq!(adaptive_step(&hopeless, &SCHEDULE), Some(Step::StopFutile));
        let single = Look {
            cand_trials: 1,
            ..hopeless
        };
        assert_eq!(adaptive_step(&single, &SCHEDULE), Some(Step::Continue));
    }
}
