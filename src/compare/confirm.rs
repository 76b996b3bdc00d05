//! Suspect cases, and the fresh trials that alone may convict them: the first trials selected them.

use super::Compared;
use super::case::limits_of;
use super::measure::{Measure, deciding_measure};
use super::side::{Side, same_input};
use super::summary::CaseVerdict;
use crate::stats::SLACK;
use crate::stats::cases::{
    self, CaseLimits, CaseTrials, can_still_convict, case_verdict, is_worth_confirming,
};
use crate::stats::moments::mean;
use crate::stats::unit::{Kind, range};

/// The cases of a subject that are suspect, and that `left` more trials of their own might convict.
pub(super) fn worth_confirming(
    (now, before): (&Side<'_>, &Side<'_>),
    compared: &Compared<'_>,
    left: usize,
) -> Vec<usize> {
    let header = &compared.run.header;
    let Some(measure) = deciding_measure(now, header) else {
        return Vec::new();
    };
    let limits = limits_of(&header.policy);
    let is_worth = |case: &usize| {
        let source = now.case(*case);
        let Some(other) = before.find(&source.id) else {
            return false;
        };
        let (base, cand) = (before.values(measure, other), now.values(measure, *case));
        let pair = CaseTrials {
            base: Some(&base),
            cand: Some(&cand),
            input_changed: !same_input(source, before.case(other)),
            same_outputs: false,
        };
        let drop = mean(&cand).zip(mean(&base)).map(|(now, then)| now - then);
        let against = if compared.is_control() {
            // Called in the same window, the other side has trials of its own too; at best all that are left pass.
            let mut fresh = fresh_values(before, measure, other);
            fresh.extend(vec![1.0; left]);
            fresh
        } else {
            base.clone()
        };
        let kind = Kind::of_scores(base.iter().chain(&cand).copied());
        let drawn = fresh_values(now, measure, *case);
        is_worth_confirming(case_verdict(&pair, &limits), kind, drop.unwrap_or(0.0))
            && can_still_convict(&against, &drawn, left, &limits)
    };
    now.counted().filter(is_worth).collect()
}

/// The scores of the fresh trials of a case.
pub(super) struct Fresh {
    /// Of the baseline, where it was called in the same window.
    base: Vec<f64>,
    /// Of the run; empty where none was drawn.
    cand: Vec<f64>,
}

impl Fresh {
    /// Those of a case and of its twin in the baseline.
    pub(super) fn of(
        now: (&Side<'_>, usize),
        twin: Option<(&Side<'_>, usize)>,
        measure: Option<Measure>,
    ) -> Self {
        let fresh = |(side, case): (&Side<'_>, usize)| {
            measure.map_or_else(Vec::new, |measure| fresh_values(side, measure, case))
        };
        Self {
            base: twin.map_or_else(Vec::new, fresh),
            cand: fresh(now),
        }
    }

    /// The scores that decide on the case: the fresh ones where some were drawn, else the first ones.
    pub(super) fn deciding<'s>(
        &'s self,
        base: &'s [f64],
        cand: &'s [f64],
    ) -> (&'s [f64], &'s [f64]) {
        match (self.base.is_empty(), self.cand.is_empty()) {
            (_, true) => (base, cand),
            (true, false) => (base, &self.cand),
            (false, false) => (&self.base, &self.cand),
        }
    }

    /// The verdict on a case that its first trials gave the verdict `first`. A suspect that the fresh trials do not
    /// convict is flaky where they differ from the first ones.
    pub(super) fn verdict(
        &self,
        first: CaseVerdict,
        (base, cand): (Option<&[f64]>, &[f64]),
        limits: &CaseLimits,
    ) -> CaseVerdict {
        let Some(base) = base.filter(|_| !self.cand.is_empty()) else {
            return first;
        };
        let (base, fresh) = self.deciding(base, cand);
        let pair = CaseTrials {
            base: Some(base),
            cand: Some(fresh),
            input_changed: false,
            same_outputs: false,
        };
        let all: Vec<f64> = cand.iter().chain(fresh).copied().collect();
        if case_verdict(&pair, limits) == cases::CaseVerdict::Regressed {
            CaseVerdict::Regressed
        } else if range(&all) > limits.tolerance + SLACK {
            CaseVerdict::Flaky
        } else {
            first
        }
    }
}

fn fresh_values(side: &Side<'_>, measure: Measure, case: usize) -> Vec<f64> {
    side.fresh(case)
        .filter_map(|trial| measure.of(trial))
        .collect()
}
