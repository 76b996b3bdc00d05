//! One subject of one run, with its trials by case.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::metric::Measure;
use crate::exchange::Outcome;
use crate::golden::Case;
use crate::history::run::{Run, SubjectRecord, TrialRecord};

/// One subject of one run.
pub(super) struct Side<'a> {
    pub(super) run: &'a Run,
    index: usize,
    /// For each case the trials of this subject.
    ranges: Vec<Range<usize>>,
    by_id: HashMap<&'a str, usize>,
}

impl<'a> Side<'a> {
    pub(super) fn new(run: &'a Run, index: usize) -> Self {
        let mut ranges = vec![0..0; run.cases.len()];
        for (position, trial) in run
            .trials
            .iter()
            .enumerate()
            .filter(|(_, trial)| trial.subject == index)
        {
            let range = &mut ranges[trial.case];
            if range.start == range.end {
                *range = position..position;
            }
            range.end = position + 1;
        }
        let by_id = run
            .cases
            .iter()
            .enumerate()
            .map(|(position, case)| (case.id.as_str(), position))
            .collect();
        Self {
            run,
            index,
            ranges,
            by_id,
        }
    }

    pub(super) fn subject(&self) -> &'a SubjectRecord {
        &self.run.header.subjects[self.index]
    }

    pub(super) fn case_count(&self) -> usize {
        self.run.cases.len()
    }

    pub(super) fn case(&self, case: usize) -> &'a Case {
        &self.run.cases[case]
    }

    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    pub(super) fn trials(&self, case: usize) -> &'a [TrialRecord] {
        &self.run.trials[self.ranges[case].clone()]
    }

    /// The values of a measure for a case, without those that are missing.
    pub(super) fn values(&self, measure: Measure, case: usize) -> Vec<f64> {
        self.trials(case)
            .iter()
            .filter_map(|trial| measure.of(trial))
            .collect()
    }

    /// Whether a case has a usable trial.
    pub(super) fn is_measured(&self, case: usize) -> bool {
        self.trials(case)
            .iter()
            .any(|trial| trial.outcome.is_measured())
    }

    pub(super) fn outcomes(&self) -> Vec<(Outcome, usize)> {
        let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
        for case in 0..self.case_count() {
            for trial in self.trials(case) {
                *counts.entry(trial.outcome).or_default() += 1;
            }
        }
        counts.into_iter().collect()
    }

    /// The outputs of a case in a form in which equal ones are equal.
    pub(super) fn outputs(&self, case: usize) -> Vec<String> {
        let usable = self
            .trials(case)
            .iter()
            .filter(|trial| trial.outcome.is_measured());
        usable
            .map(|trial| trial.output().replace("\r\n", "\n"))
            .collect()
    }
}

/// Whether two cases ask the same: equal variables and equal approved outputs.
pub(super) fn same_input(one: &Case, other: &Case) -> bool {
    one.vars == other.vars && one.expected == other.expected
}
