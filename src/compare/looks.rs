//! Verdicts look by look: trials are added while one is open, and each look spends its share of the error.
//!
//! The looks are gone through from the first on, whether a run is under way or was finished long ago, so that a report
//! that is written again says what the run acted on.

use super::metric::{self, Look, Measurement};
use super::side::Side;
use super::summary::Verdict;
use super::{Compared, confirm};
use crate::history::run::Role;
use crate::stats::adaptive::{self, Schedule, Step, adaptive_step};
use crate::stats::family::{self, Test};
use crate::suite::Sampling;

/// How unlikely a finding of the looks that are left must be before they are not taken.
const FUTILITY: f64 = 0.5;

/// A subject of a run with the same subject in the baseline, and what was measured of both.
pub(super) struct Pairing<'a> {
    pub(super) now: Side<'a>,
    pub(super) before: Option<Side<'a>>,
    pub(super) measurements: Vec<Measurement<'a>>,
    /// The critical cases, each a gate of its own.
    pub(super) critical: Vec<Measurement<'a>>,
    /// Whether more trials might settle an open verdict, and looks are left.
    pub(super) is_open: bool,
}

/// How far the verdicts of a subject are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether a verdict is open that the trials of another look might settle.
    pub is_open: bool,
    /// Whether a metric has regressed.
    pub is_regressed: bool,
}

/// How far the verdicts of each subject of each run are.
pub fn standings(compared: &[Compared<'_>]) -> Vec<Vec<Standing>> {
    let standing = |pairing: &Pairing<'_>| Standing {
        is_open: pairing.is_open,
        is_regressed: pairing
            .gates()
            .any(|measurement| measurement.verdict().0 == Some(Verdict::Regressed)),
    };
    decide_all(compared)
        .iter()
        .map(|pairings| pairings.iter().map(standing).collect())
        .collect()
}

/// The cases of a run, each with its subject, that are worth another trial of their own: their first trials made them
/// suspect and so cannot convict them, and `left` more trials still can.
pub fn suspects(compared: &Compared<'_>, left: usize) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (subject, pairing) in pair(compared).iter().enumerate() {
        if let Some(before) = &pairing.before {
            let sides = (&pairing.now, before);
            let cases = confirm::worth_confirming(sides, compared, left);
            found.extend(cases.into_iter().map(|case| (subject, case)));
        }
    }
    found
}

/// Pairs the subjects of all runs and decides on their metrics, look by look.
pub(super) fn decide_all<'a>(compared: &[Compared<'a>]) -> Vec<Vec<Pairing<'a>>> {
    let mut paired: Vec<Vec<Pairing<'a>>> = compared.iter().map(pair).collect();
    let samplings: Vec<Sampling> = compared
        .iter()
        .map(|one| one.run.header.sampling())
        .collect();
    let looks = samplings.iter().map(|sampling| sampling.looks.len()).max();
    for look in 0..looks.unwrap_or(0) {
        let mut is_new = false;
        for ((one, pairings), sampling) in compared.iter().zip(&mut paired).zip(&samplings) {
            for pairing in pairings {
                is_new |= pairing.measure(one, sampling, look);
            }
        }
        if !is_new {
            break;
        }
        decide_together(compared, &mut paired);
        for ((one, pairings), sampling) in compared.iter().zip(&mut paired).zip(&samplings) {
            for pairing in pairings {
                pairing.close(one, sampling, look);
            }
        }
    }
    paired
}

fn pair<'a>(compared: &Compared<'a>) -> Vec<Pairing<'a>> {
    let header = &compared.run.header;
    (0..header.subjects.len())
        .map(|index| {
            let now = Side::new(compared.run, index, header);
            let before = compared.baseline.and_then(|baseline| {
                let twin = baseline.header.twin(now.subject())?;
                Some(Side::new(baseline, twin, header))
            });
            Pairing {
                now,
                before,
                measurements: Vec::new(),
                critical: Vec::new(),
                is_open: true,
            }
        })
        .collect()
}

/// Whether drops are significant is decided over all gates of the invocation at once (Tarone 1990, Holm 1979). Those
/// that an earlier look found regressed have left the family.
fn decide_together(compared: &[Compared<'_>], paired: &mut [Vec<Pairing<'_>>]) {
    let alpha = compared
        .iter()
        .map(|one| one.run.header.policy.alpha)
        .fold(f64::INFINITY, f64::min);
    let mut gated: Vec<&mut Measurement<'_>> = paired
        .iter_mut()
        .flatten()
        .flat_map(Pairing::gates_mut)
        .filter(|measurement| measurement.is_tested())
        .collect();
    let size = gated.len();
    gated.retain(|measurement| !(measurement.closed && measurement.significant));
    let tests: Vec<Test> = gated.iter().map(|measurement| measurement.test()).collect();
    let result = family::tarone_holm(&tests, alpha);
    for (index, measurement) in gated.iter_mut().enumerate() {
        if !measurement.closed {
            measurement.significant = result.rejected.contains(&index);
            measurement.adjusted = result.adjusted[index];
            measurement.family = size;
        }
    }
}

impl<'a> Pairing<'a> {
    /// Measures what is still open at a look; whether there was something to measure.
    fn measure(&mut self, compared: &Compared<'a>, sampling: &Sampling, look: usize) -> bool {
        let Some(trials) = sampling.looks.get(look).copied() else {
            return false;
        };
        // What a run of a fixed number of trials lacks is missing; a look that is not complete was not taken.
        let is_taken = look == 0 || self.now.has_made(trials);
        if !self.is_open || !is_taken {
            return false;
        }
        let header = &compared.run.header;
        let at = Look {
            share: sampling.shares()[look],
            trials: sampling.is_adaptive().then_some(trials),
        };
        let own = sampling.is_adaptive().then(|| self.now.up_to(trials));
        let other = match &self.before {
            Some(before) if sampling.is_adaptive() && compared.is_control() => {
                Some(before.up_to(trials))
            }
            _ => None,
        };
        let now = own.as_ref().unwrap_or(&self.now);
        let before = other.as_ref().or(self.before.as_ref());
        renew(
            &mut self.measurements,
            metric::measure_all(header, now, before, at),
        );
        renew(
            &mut self.critical,
            metric::measure_critical(header, now, before, at),
        );
        true
    }

    /// All measurements of the subject, critical cases included.
    pub(super) fn gates(&self) -> impl Iterator<Item = &Measurement<'a>> {
        self.measurements.iter().chain(&self.critical)
    }

    fn gates_mut(&mut self) -> impl Iterator<Item = &mut Measurement<'a>> {
        self.measurements.iter_mut().chain(&mut self.critical)
    }

    /// Closes the verdicts that stand after a look, and those that no further look is likely to settle.
    fn close(&mut self, compared: &Compared<'a>, sampling: &Sampling, look: usize) {
        if !self.is_open || self.measurements.is_empty() {
            return;
        }
        let is_last = look + 1 >= sampling.looks.len();
        let base_trials = self.before.as_ref().map_or(0, Side::trials_per_case);
        for measurement in self.gates_mut() {
            let is_futile = || is_futile(measurement, compared, sampling, (look, base_trials));
            measurement.closed |= is_last || !measurement.is_open() || is_futile();
        }
        let is_open = self.gates().any(|measurement| !measurement.closed);
        self.is_open = is_open;
    }
}

/// Takes what was measured at a look for all that is still open.
fn renew<'a>(measurements: &mut Vec<Measurement<'a>>, measured: Vec<Measurement<'a>>) {
    if measurements.is_empty() {
        *measurements = measured;
        return;
    }
    for (old, new) in measurements.iter_mut().zip(measured) {
        if !old.closed {
            *old = new;
        }
    }
}

fn is_futile(
    measurement: &Measurement<'_>,
    compared: &Compared<'_>,
    sampling: &Sampling,
    (index, base_trials): (usize, usize),
) -> bool {
    let looks: Vec<usize> = sampling.looks.iter().map(|look| *look as usize).collect();
    let Some(evidence) = measurement.evidence() else {
        return false;
    };
    let (Some(standard_error), Some(bounds)) = (evidence.standard_error, evidence.bounds) else {
        return false;
    };
    // A floor that is open may close yet, whatever becomes of the difference.
    if measurement.has_open_limit() {
        return false;
    }
    let schedule = Schedule {
        looks: &looks,
        shares: &sampling.shares(),
        alpha: compared.run.header.policy.alpha,
        tolerance: measurement.tolerance_on_scale(),
        futility: FUTILITY,
    };
    let taken = adaptive::Look {
        index,
        p_drop: evidence.shuffle.p_drop,
        diff: evidence.diff,
        lower: bounds.lower,
        standard_error,
        base_trials: if compared.is_control() {
            looks[index]
        } else {
            base_trials
        },
        cand_trials: looks[index],
        base_is_banked: !compared.is_control(),
    };
    adaptive_step(&taken, &schedule) == Some(Step::StopFutile)
}

impl Compared<'_> {
    /// Whether the baseline was called in the same window as the run, so that both sides get more trials.
    pub(super) fn is_control(&self) -> bool {
        let part = self
            .baseline
            .and_then(|baseline| baseline.header.part.as_ref());
        part.is_some_and(|part| part.role == Role::Control && part.of == self.run.header.id)
    }
}
