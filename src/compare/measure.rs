//! What is measured of a trial, and how the trials of a case become one value.

use super::side::Side;
use crate::history::run::{Header, TrialRecord};
use crate::scorer::Unit;
use crate::stats::reduce::Reducer;
use crate::stats::unit::Kind;

/// What is measured of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// Whether all checks passed.
    Pass,
    /// Whether there is no usable answer.
    ErrorRate,
    /// The score of the metric of this index.
    Scored(usize),
}

impl Measure {
    /// The built-in metrics, and those of the scorers of a run.
    pub(super) fn all(header: &Header) -> Vec<Self> {
        let scored = (0..header.metrics.len()).map(Self::Scored);
        [Self::Pass]
            .into_iter()
            .chain(scored)
            .chain([Self::ErrorRate])
            .collect()
    }

    /// The value of a trial; `None` where it is missing.
    pub(super) fn of(self, trial: &TrialRecord) -> Option<f64> {
        let share = |yes: bool| if yes { 1.0 } else { 0.0 };
        match self {
            Self::Pass => trial.passed().map(share),
            Self::ErrorRate => Some(share(trial.is_error())),
            Self::Scored(metric) => trial.score(metric).map(|score| score.value),
        }
    }

    /// Whether the metric is about a case with these trials: not where an answer was had and nothing was asked of it, as
    /// by a scorer that selects other tags.
    pub(super) fn concerns(self, trials: &[TrialRecord]) -> bool {
        trials.iter().all(|trial| match self {
            Self::ErrorRate => true,
            Self::Pass => trial.is_error() || trial.passed().is_some(),
            Self::Scored(metric) => {
                let mut grades = trial.grades.iter();
                !trial.outcome.is_measured() || grades.any(|grade| grade.metric == metric)
            }
        })
    }
}

/// What is measured of a case: a measure of each trial, and how they become one value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gauge {
    pub(super) measure: Measure,
    /// `None`: the trials are averaged.
    pub(super) reduce: Option<Reducer>,
}

impl Gauge {
    /// As the suite has it.
    pub(super) fn of_measure(header: &Header, measure: Measure) -> Self {
        let reduce = match measure {
            Measure::Scored(index) => header.metrics[index].reduce,
            Measure::Pass | Measure::ErrorRate => None,
        };
        Self { measure, reduce }
    }

    /// A measure whose trials are averaged.
    pub(super) fn plain(measure: Measure) -> Self {
        Self {
            measure,
            reduce: None,
        }
    }

    /// The value of a trial; `None` where it is missing. Where passes are counted it is whether it passes.
    pub(super) fn of(self, trial: &TrialRecord) -> Option<f64> {
        match (self.measure, self.reduce) {
            (Measure::Scored(metric), Some(reducer)) if reducer.counts_passes() => {
                let passed = trial.score(metric)?.passed?;
                Some(if passed { 1.0 } else { 0.0 })
            }
            (measure, _) => measure.of(trial),
        }
    }
}

/// What decides on a case: whether its trials pass, or where nothing is asked of them their first graded score.
pub(super) fn deciding_measure(side: &Side<'_>, header: &Header) -> Option<Measure> {
    let mut trials = (0..side.case_count()).flat_map(|case| side.trials(case));
    if trials.any(|trial| trial.passed().is_some()) {
        return Some(Measure::Pass);
    }
    header
        .metrics
        .iter()
        .position(|metric| metric.unit == Unit::Share && !header.compares(&metric.name))
        .map(Measure::Scored)
}

/// Whether the scorer of a measure says of a trial that it passes or fails.
pub(super) fn has_checks(side: &Side<'_>, measure: Measure) -> bool {
    let Measure::Scored(metric) = measure else {
        return false;
    };
    let mut trials = (0..side.case_count()).flat_map(|case| side.trials(case));
    trials.any(|trial| {
        trial
            .score(metric)
            .is_some_and(|score| score.passed.is_some())
    })
}

/// What kind of numbers these values are.
pub(super) fn kind_of(unit: Unit, values: impl Iterator<Item = f64>) -> Kind {
    if unit == Unit::Share {
        Kind::of_scores(values)
    } else {
        Kind::Ratio
    }
}

/// The same metric in the baseline, which may have it at another index.
pub(super) fn twin_measure(baseline: &Header, measure: Measure, name: &str) -> Measure {
    match measure {
        Measure::Scored(_) => {
            let index = baseline
                .metrics
                .iter()
                .position(|metric| metric.name == name);
            Measure::Scored(index.unwrap_or(usize::MAX))
        }
        other => other,
    }
}

/// Scores of different scorers are never compared; the text says which scorer changed. Comparisons are no part of
/// whether a trial passes.
pub(super) fn change_of_scorer(now: &Header, before: &Header, measure: Measure) -> Option<String> {
    let changed = |index: usize| {
        let metric = &now.metrics[index];
        match before
            .metrics
            .iter()
            .find(|other| other.name == metric.name)
        {
            None => Some(format!("the baseline has no metric `{}`", metric.name)),
            Some(other) if other.fingerprint != metric.fingerprint => Some(format!(
                "the scorer of `{}` changed since the baseline",
                metric.name
            )),
            Some(_) => None,
        }
    };
    let own = |header: &Header| -> Vec<usize> {
        let all = 0..header.metrics.len();
        all.filter(|index| !header.compares(&header.metrics[*index].name))
            .collect()
    };
    match measure {
        Measure::ErrorRate => None,
        Measure::Scored(index) => changed(index),
        Measure::Pass if own(before).len() > own(now).len() => {
            Some("the baseline has more scorers".to_owned())
        }
        Measure::Pass => own(now).into_iter().find_map(changed),
    }
}
