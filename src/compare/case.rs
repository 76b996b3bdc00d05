//! What became of each case.

use super::Compared;
use super::metric::Measure;
use super::side::{Side, same_input};
use super::summary::{CaseSummary, CaseVerdict, Passed, ScoreSummary, TrialSummary};
use crate::exchange::Reply;
use crate::golden::Case;
use crate::history::run::{Header, TrialRecord};
use crate::plan::{Graded, Metric};
use crate::scorer::Unit;
use crate::stats::cases::{
    self, CaseLimits, CaseTrials, can_still_convict, case_p, case_verdict, is_worth_confirming,
    same_outputs,
};
use crate::stats::unit::{Kind, range};

/// The cases of a subject, worst first, then in the order of the dataset; those that only the baseline has come last
/// of their verdict.
pub(super) fn summaries<'a>(
    now: &Side<'a>,
    before: Option<&Side<'a>>,
    header: &'a Header,
) -> Vec<CaseSummary<'a>> {
    let measure = deciding_measure(now, header);
    let mut found: Vec<(f64, CaseSummary<'a>)> = (0..now.case_count())
        .map(|case| {
            let twin = before
                .and_then(|before| before.find(&now.case(case).id).map(|other| (before, other)));
            summary(now, case, twin, before.is_some(), measure)
        })
        .collect();
    if let Some(before) = before {
        let gone =
            (0..before.case_count()).filter(|case| now.find(&before.case(*case).id).is_none());
        found.extend(gone.map(|case| (0.0, removed(before, case, &now.run.header.metrics))));
    }
    found.sort_by(|(a, one), (b, other)| one.verdict.cmp(&other.verdict).then(a.total_cmp(b)));
    found.into_iter().map(|(_, case)| case).collect()
}

/// What decides on a case: whether its trials pass, or where nothing is asked of them their first graded score.
fn deciding_measure(side: &Side<'_>, header: &Header) -> Option<Measure> {
    let mut trials = (0..side.case_count()).flat_map(|case| side.trials(case));
    if trials.any(|trial| trial.passed().is_some()) {
        return Some(Measure::Pass);
    }
    header
        .metrics
        .iter()
        .position(|metric| metric.unit == Unit::Share)
        .map(Measure::Scored)
}

/// The cases of a subject that are suspect, and that `left` more trials of their own might convict.
pub(super) fn worth_confirming(
    (now, before): (&Side<'_>, &Side<'_>),
    compared: &Compared<'_>,
    left: usize,
) -> Vec<usize> {
    let Some(measure) = deciding_measure(now, &compared.run.header) else {
        return Vec::new();
    };
    let limits = CaseLimits::default();
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
        let against = if compared.is_control() {
            // Called in the same window, the other side has trials of its own too; at best all that are left pass.
            let mut fresh = fresh_values(before, measure, other);
            fresh.extend(vec![1.0; left]);
            fresh
        } else {
            base.clone()
        };
        let kind = Kind::of_scores(base.iter().chain(&cand).copied());
        is_worth_confirming(
            case_verdict(&pair, &limits),
            kind,
            mean(&cand) - mean(&base),
        ) && can_still_convict(&against, &fresh_values(now, measure, *case), left, &limits)
    };
    (0..now.case_count()).filter(is_worth).collect()
}

/// What the trials say that were drawn to confirm or clear a case.
fn fresh_values(side: &Side<'_>, measure: Measure, case: usize) -> Vec<f64> {
    side.fresh(case)
        .filter_map(|trial| measure.of(trial))
        .collect()
}

/// The fresh trials of a case on both sides.
fn fresh_of_both(
    (now, case): (&Side<'_>, usize),
    twin: Option<(&Side<'_>, usize)>,
    measure: Option<Measure>,
) -> (Vec<f64>, Vec<f64>) {
    let fresh = |(side, case): (&Side<'_>, usize)| {
        measure.map_or_else(Vec::new, |measure| fresh_values(side, measure, case))
    };
    (fresh((now, case)), twin.map_or_else(Vec::new, fresh))
}

/// A case with how much its score rose, which orders cases of the same verdict.
fn summary<'a>(
    now: &Side<'a>,
    case: usize,
    twin: Option<(&Side<'a>, usize)>,
    has_baseline: bool,
    measure: Option<Measure>,
) -> (f64, CaseSummary<'a>) {
    let source = now.case(case);
    let trials = now.trials(case);
    let values =
        |side: &Side<'_>, case| measure.map_or_else(Vec::new, |measure| side.values(measure, case));
    let (cand, base) = (
        values(now, case),
        twin.map(|(side, other)| values(side, other)),
    );
    let (confirming, fresh_base) = fresh_of_both((now, case), twin, measure);
    // The other side has fresh trials too where it was called in the same window.
    let against = if fresh_base.is_empty() {
        base.as_deref().unwrap_or_default()
    } else {
        &fresh_base
    };
    let is_same_input = twin.is_none_or(|(side, other)| same_input(source, side.case(other)));
    let verdict = if !has_baseline {
        first_verdict(now.is_measured(case), &cand)
    } else if measure.is_none() {
        verdict_by_words(now, case, twin)
    } else {
        let same_outputs = twin
            .is_some_and(|(side, other)| same_outputs(&side.outputs(other), &now.outputs(case)));
        let limits = CaseLimits::default();
        let pair = CaseTrials {
            base: base.as_deref(),
            cand: Some(&cand),
            input_changed: !is_same_input,
            same_outputs,
        };
        let verdict = of_statistics(case_verdict(&pair, &limits));
        if confirming.is_empty() {
            verdict
        } else {
            confirmed(verdict, (against, &confirming), &cand)
        }
    };
    let rise = base.as_deref().map_or(0.0, |base| mean(&cand) - mean(base));
    let deciding = if confirming.is_empty() {
        &cand
    } else {
        &confirming
    };
    let p = Some(against)
        .filter(|_| is_same_input && base.is_some())
        .and_then(|against| case_p(against, deciding))
        .map(|p| p.lower);
    let metrics = &now.run.header.metrics;
    let summary = CaseSummary {
        verdict,
        why: why(trials, &now.run.header),
        passed: count_passed(trials),
        passed_before: twin.map(|(side, other)| count_passed(side.trials(other))),
        p,
        trials: trial_summaries(now, case, metrics),
        trials_before: twin.map_or_else(Vec::new, |(side, other)| {
            trial_summaries(side, other, metrics)
        }),
        ..empty(source)
    };
    (rise, summary)
}

/// The verdict on a suspect case from the trials that were drawn for it, and from nothing else. One that they do not
/// convict is flaky where they differ from the first trials.
fn confirmed(
    suspected: CaseVerdict,
    (base, fresh): (&[f64], &[f64]),
    first: &[f64],
) -> CaseVerdict {
    let limits = CaseLimits::default();
    let pair = CaseTrials {
        base: Some(base),
        cand: Some(fresh),
        input_changed: false,
        same_outputs: false,
    };
    let all: Vec<f64> = first.iter().chain(fresh).copied().collect();
    if case_verdict(&pair, &limits) == cases::CaseVerdict::Regressed {
        CaseVerdict::Regressed
    } else if range(&all) > limits.tolerance {
        CaseVerdict::Flaky
    } else {
        suspected
    }
}

fn removed<'a>(before: &Side<'a>, case: usize, metrics: &[Metric]) -> CaseSummary<'a> {
    CaseSummary {
        verdict: CaseVerdict::Removed,
        why: "not in this run".into(),
        passed_before: Some(count_passed(before.trials(case))),
        trials_before: trial_summaries(before, case, metrics),
        ..empty(before.case(case))
    }
}

fn empty(case: &Case) -> CaseSummary<'_> {
    CaseSummary {
        id: &case.id,
        verdict: CaseVerdict::New,
        why: String::new(),
        passed: Passed {
            passed: 0,
            measured: 0,
            trials: 0,
        },
        passed_before: None,
        p: None,
        tags: &case.tags,
        input: &case.vars,
        expected: case.expected.as_ref(),
        trials: Vec::new(),
        trials_before: Vec::new(),
    }
}

/// Without a baseline a case is new, unless it has no result or its trials disagree.
fn first_verdict(is_measured: bool, scores: &[f64]) -> CaseVerdict {
    if !is_measured {
        CaseVerdict::Unmeasured
    } else if range(scores) > CaseLimits::default().tolerance {
        CaseVerdict::Flaky
    } else {
        CaseVerdict::New
    }
}

/// Where nothing is graded, only the words can tell.
fn verdict_by_words(now: &Side<'_>, case: usize, twin: Option<(&Side<'_>, usize)>) -> CaseVerdict {
    let Some((before, other)) = twin else {
        return CaseVerdict::New;
    };
    if !same_input(now.case(case), before.case(other)) {
        CaseVerdict::InputChanged
    } else if !now.is_measured(case) || !before.is_measured(other) {
        CaseVerdict::Unmeasured
    } else if same_outputs(&before.outputs(other), &now.outputs(case)) {
        CaseVerdict::Unchanged
    } else {
        CaseVerdict::Changed
    }
}

fn of_statistics(verdict: cases::CaseVerdict) -> CaseVerdict {
    match verdict {
        cases::CaseVerdict::New => CaseVerdict::New,
        cases::CaseVerdict::Removed => CaseVerdict::Removed,
        cases::CaseVerdict::InputChanged => CaseVerdict::InputChanged,
        cases::CaseVerdict::Errored => CaseVerdict::Unmeasured,
        cases::CaseVerdict::Regressed => CaseVerdict::Regressed,
        cases::CaseVerdict::Improved => CaseVerdict::Improved,
        cases::CaseVerdict::Flaky => CaseVerdict::Flaky,
        cases::CaseVerdict::SuspectWorse => CaseVerdict::Suspect,
        cases::CaseVerdict::SuspectBetter | cases::CaseVerdict::Equivalent => CaseVerdict::Changed,
        cases::CaseVerdict::Unchanged => CaseVerdict::Unchanged,
    }
}

fn count_passed(trials: &[TrialRecord]) -> Passed {
    Passed {
        passed: trials
            .iter()
            .filter(|trial| trial.passed() == Some(true))
            .count(),
        measured: trials
            .iter()
            .filter(|trial| trial.outcome.is_measured())
            .count(),
        trials: trials.len(),
    }
}

/// The first thing that is wrong with a case: a failed check, a scorer that could not say, a call without an answer.
fn why(trials: &[TrialRecord], header: &Header) -> String {
    for trial in trials {
        for grade in &trial.grades {
            let name = &header.metrics[grade.metric].name;
            match &grade.result {
                Graded::Error(error) => return format!("{name} could not be graded: {error}"),
                Graded::Score(score) if score.passed == Some(false) => {
                    return match &score.note {
                        Some(note) => format!("{name}: {note}"),
                        None => format!("{name} failed"),
                    };
                }
                Graded::Score(_) => {}
            }
        }
    }
    let unanswered = trials.iter().find(|trial| !trial.outcome.is_measured());
    unanswered.map_or_else(String::new, |trial| match failure_of(trial) {
        Some(failure) => format!("{}: {failure}", trial.outcome),
        None => trial.outcome.to_string(),
    })
}

fn failure_of(trial: &TrialRecord) -> Option<String> {
    match trial.answer.as_ref().map(|answer| &answer.reply) {
        Some(Reply::Failure(failure)) => Some(failure.to_string()),
        Some(Reply::Response(_)) => None,
        None => trial.reason.clone(),
    }
}

/// The trials of a case with their scores in the order of `metrics`, which the other side may have otherwise.
fn trial_summaries<'a>(side: &Side<'a>, case: usize, metrics: &[Metric]) -> Vec<TrialSummary<'a>> {
    let own = &side.run.header.metrics;
    let columns: Vec<Option<usize>> = own
        .iter()
        .map(|metric| metrics.iter().position(|other| other.name == metric.name))
        .collect();
    side.trials(case)
        .iter()
        .chain(side.fresh(case))
        .map(|trial| trial_summary(trial, &columns, metrics.len()))
        .collect()
}

fn trial_summary<'a>(
    trial: &'a TrialRecord,
    columns: &[Option<usize>],
    count: usize,
) -> TrialSummary<'a> {
    let response = trial
        .answer
        .as_ref()
        .and_then(|answer| answer.reply.response());
    let usage = response.map(|response| response.usage).unwrap_or_default();
    let mut scores: Vec<Option<ScoreSummary<'_>>> =
        std::iter::repeat_with(|| None).take(count).collect();
    for grade in &trial.grades {
        let Some(column) = columns[grade.metric] else {
            continue;
        };
        scores[column] = Some(match &grade.result {
            Graded::Score(score) => ScoreSummary {
                value: Some(score.value),
                passed: score.passed,
                note: score.note.as_deref(),
            },
            Graded::Error(error) => ScoreSummary {
                value: None,
                passed: None,
                note: Some(error),
            },
        });
    }
    TrialSummary {
        repeat: trial.repeat,
        fresh: trial.fresh,
        outcome: trial.outcome,
        origin: &trial.origin,
        output: trial.output(),
        tool_calls: response
            .map(|response| response.tool_calls.as_slice())
            .unwrap_or_default(),
        failure: failure_of(trial),
        passed: trial.passed(),
        scores,
        latency_ms: response
            .and(trial.answer.as_ref())
            .map(|answer| answer.latency_ms),
        cost: trial.cost,
        tokens: (usage.input, usage.output),
        attempts: trial.answer.as_ref().map_or(0, |answer| answer.attempts),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of trials are far below 2^53"
)]
fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        0.0
    } else {
        values.iter().sum::<f64>() / values.len() as f64
    }
}
