//! One subject of one run, with its trials by case.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::rc::Rc;

use super::measure::Measure;
use crate::exchange::Outcome;
use crate::golden::Case;
use crate::history::answers::TextDigest;
use crate::history::run::{Header, Origin, Run, SubjectRecord, TrialRecord};

/// One subject of one run.
pub(super) struct Side<'a> {
    pub(super) run: &'a Run,
    index: usize,
    /// The cases that metrics are about, ascending.
    counted: Vec<usize>,
    /// For each case the trials of this subject, without those that were drawn for suspects.
    ranges: Rc<[Range<usize>]>,
    places: Rc<Places<'a>>,
}

/// Where things stand in a run.
struct Places<'a> {
    by_id: HashMap<&'a str, usize>,
    /// For each case the number of its cluster, where it has one.
    clusters: Vec<Option<u32>>,
}

impl<'a> Side<'a> {
    /// The subject at `index`. What is in quarantine is said by the header of the run that is judged, for its baseline
    /// too.
    pub(super) fn new(run: &'a Run, index: usize, judged: &Header) -> Self {
        let mut ranges = vec![0..0; run.cases.len()];
        for (position, trial) in run
            .trials
            .iter()
            .enumerate()
            .filter(|(_, trial)| trial.subject == index && !trial.fresh)
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
        let counted = (0..run.cases.len()).filter(|case| judged.counts(&run.cases[*case].id));
        Self {
            run,
            index,
            counted: counted.collect(),
            ranges: ranges.into(),
            places: Rc::new(Places {
                by_id,
                clusters: clusters(&run.cases),
            }),
        }
    }

    /// The same with so many trials of each case at most.
    pub(super) fn up_to(&self, trials: u32) -> Self {
        let shortened = self.ranges.iter().map(|range| {
            let own = &self.run.trials[range.clone()];
            range.start..range.start + own.partition_point(|trial| trial.repeat <= trials)
        });
        Self {
            run: self.run,
            index: self.index,
            counted: self.counted.clone(),
            ranges: shortened.collect(),
            places: self.places.clone(),
        }
    }

    /// Whether every case has its first `trials` trials, and each was made.
    pub(super) fn has_made(&self, trials: u32) -> bool {
        (0..self.case_count()).all(|case| {
            let made = self
                .trials(case)
                .iter()
                .filter(|trial| trial.repeat <= trials)
                .filter(|trial| !matches!(trial.outcome, Outcome::Skipped | Outcome::Cancelled));
            made.count() >= trials as usize
        })
    }

    /// The trials of a case that were drawn to confirm or clear it.
    pub(super) fn fresh(&self, case: usize) -> impl Iterator<Item = &'a TrialRecord> {
        self.after(case).iter().filter(|trial| trial.fresh)
    }

    /// What follows the trials of a case, whose range may have been shortened: those that were drawn to confirm or clear
    /// it are among it.
    pub(super) fn after(&self, case: usize) -> &'a [TrialRecord] {
        let rest = &self.run.trials[self.ranges[case].end..];
        let is_own = |trial: &&TrialRecord| trial.subject == self.index && trial.case == case;
        &rest[..rest.iter().take_while(is_own).count()]
    }

    /// The same with metrics that are about one case.
    pub(super) fn only(&self, case: usize) -> Self {
        self.over(vec![case])
    }

    /// The same with metrics that are about these cases, ascending.
    pub(super) fn over(&self, counted: Vec<usize>) -> Self {
        Self {
            run: self.run,
            index: self.index,
            counted,
            ranges: self.ranges.clone(),
            places: self.places.clone(),
        }
    }

    /// The cases that metrics are about: all but those in quarantine.
    pub(super) fn counted(&self) -> impl Iterator<Item = usize> + '_ {
        self.counted.iter().copied()
    }

    /// The number of the cluster of a case, where it has one.
    pub(super) fn cluster(&self, case: usize) -> Option<u32> {
        self.places.clusters[case]
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
        self.places.by_id.get(id).copied()
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

    /// Whether more than this share of the cases has no usable trial.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of cases are far below 2^53"
    )]
    pub(super) fn has_too_many_unmeasured(&self, most: f64) -> bool {
        let unmeasured = self
            .counted()
            .filter(|case| !self.is_measured(*case))
            .count();
        unmeasured > 0 && unmeasured as f64 > most * self.counted.len() as f64 + 1e-9
    }

    /// Trials of a case, on the mean and at least one.
    pub(super) fn trials_per_case(&self) -> usize {
        let cases = self.counted.len().max(1);
        let trials: usize = self.counted().map(|case| self.trials(case).len()).sum();
        ((trials + cases / 2) / cases).max(1)
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
    pub(super) fn outputs(&self, case: usize) -> Vec<TextDigest> {
        let features = self.usable(case).filter_map(TrialRecord::features);
        features.map(|features| features.text).collect()
    }

    /// The texts of these outputs.
    pub(super) fn texts(&self, case: usize) -> Vec<String> {
        let texts = self.usable(case).map(TrialRecord::output);
        texts.map(|text| text.replace("\r\n", "\n")).collect()
    }

    fn usable(&self, case: usize) -> impl Iterator<Item = &'a TrialRecord> {
        let trials = self.trials(case).iter();
        trials.filter(|trial| trial.outcome.is_measured())
    }
}

/// The number of the cluster of each case, in the order in which clusters come.
pub(super) fn clusters(cases: &[Case]) -> Vec<Option<u32>> {
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    let mut number = |name| {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        *numbers.entry(name).or_insert(next)
    };
    cases
        .iter()
        .map(|case| case.cluster.as_deref().map(&mut number))
        .collect()
}

/// Whether every answer of every common case is the same on both sides, and each was a call of its own run: then
/// nothing can have got worse, however few cases there are. One answer is enough for a side to be compared.
pub(super) fn identical_outputs(now: &Side<'_>, before: &Side<'_>) -> bool {
    let all_live = |side: &Side<'_>, case| {
        side.trials(case)
            .iter()
            .all(|trial| trial.origin == Origin::Live)
    };
    let one_text = |side: &Side<'_>, case| {
        let mut outputs = side.outputs(case);
        outputs.dedup();
        (outputs.len() == 1).then(|| outputs.swap_remove(0))
    };
    let mut common = 0;
    for case in now.counted() {
        let Some(other) = before.find(&now.case(case).id) else {
            continue;
        };
        if !same_input(now.case(case), before.case(other)) {
            continue;
        }
        common += 1;
        let (text, text_before) = (one_text(now, case), one_text(before, other));
        if text.is_none() || text != text_before || !all_live(now, case) || !all_live(before, other)
        {
            return false;
        }
    }
    common > 0
}

/// Whether two cases ask the same: equal variables and equal approved outputs.
pub(super) fn same_input(one: &Case, other: &Case) -> bool {
    one.asks_the_same(other)
}
