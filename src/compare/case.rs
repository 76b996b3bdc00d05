//! What became of each case.

use std::collections::BTreeMap;

use super::confirm::Fresh;
use super::group::group_of;
use super::metric::{Measure, deciding_measure};
use super::side::{Side, same_input};
use super::summary::{CaseSummary, CaseVerdict, Chance, Passed, ScoreSummary, TrialSummary};
use crate::exchange::Reply;
use crate::golden::Case;
use crate::history::run::{Header, TrialRecord};
use crate::plan::{Graded, Metric};
use crate::stats::cases::{self, CaseLimits, CaseTrials, case_p, case_verdict, same_outputs};
use crate::stats::flakiness::disagreement;
use crate::stats::moments::mean;
use crate::stats::unit::{SAME_SCORE, is_zero_or_one, range};
use crate::stats::{SLACK, real};
use crate::suite::gate::Policy;

/// The cases of a subject, worst first, then in the order of the dataset; those that only the baseline has come last
/// of their verdict. With them the number of those that chance alone would list.
pub(super) fn summaries<'a>(
    now: &Side<'a>,
    before: Option<&Side<'a>>,
    header: &'a Header,
) -> (Vec<CaseSummary<'a>>, Chance) {
    let measure = deciding_measure(now, header);
    let mut found: Vec<Found<'a>> = (0..now.case_count())
        .map(|case| {
            let twin = before
                .and_then(|before| before.find(&now.case(case).id).map(|other| (before, other)));
            let baseline = Baseline {
                is_there: before.is_some(),
                twin,
            };
            summary(now, case, &baseline, measure, header)
        })
        .collect();
    let informative = found.iter().filter(|found| found.is_informative).count();
    let chance = Chance {
        informative,
        listed: real(informative) * header.policy.case_level,
    };
    if let Some(before) = before {
        let gone =
            (0..before.case_count()).filter(|case| now.find(&before.case(*case).id).is_none());
        found.extend(gone.map(|case| Found {
            rise: 0.0,
            is_informative: false,
            case: removed(before, case, &now.run.header.metrics),
        }));
    }
    found.sort_by(|one, other| {
        let by_verdict = one.case.verdict.cmp(&other.case.verdict);
        by_verdict.then(one.rise.total_cmp(&other.rise))
    });
    (found.into_iter().map(|found| found.case).collect(), chance)
}

/// A case with what is known of its scores.
struct Found<'a> {
    /// How much its score rose, which orders cases of the same verdict.
    rise: f64,
    /// Whether it is gated and its trials differ at all, so that chance may list it.
    is_informative: bool,
    case: CaseSummary<'a>,
}

/// Cases by verdict, worst first.
pub(super) fn counts(cases: &[CaseSummary<'_>]) -> Vec<(CaseVerdict, usize)> {
    let mut counts = BTreeMap::new();
    for case in cases {
        *counts.entry(case.verdict).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

/// How often two trials of the same case disagree, over the cases that have two.
pub(super) fn noise(cases: &[CaseSummary<'_>]) -> Option<f64> {
    let counted = cases.iter().filter(|case| case.quarantine.is_none());
    let shares: Vec<f64> = counted.filter_map(|case| case.disagreement).collect();
    mean(&shares)
}

/// What a case is compared with.
struct Baseline<'s, 'a> {
    /// Whether there is a baseline at all.
    is_there: bool,
    /// The case in it.
    twin: Option<(&'s Side<'a>, usize)>,
}

pub(super) fn limits_of(policy: &Policy) -> CaseLimits {
    CaseLimits {
        tolerance: policy.case_tolerance,
        level: policy.case_level,
    }
}

fn summary<'a>(
    now: &Side<'a>,
    case: usize,
    baseline: &Baseline<'_, 'a>,
    measure: Option<Measure>,
    header: &'a Header,
) -> Found<'a> {
    let twin = baseline.twin;
    let source = now.case(case);
    let limits = limits_of(&header.policy);
    let trials = now.trials(case);
    let values =
        |side: &Side<'_>, case| measure.map_or_else(Vec::new, |measure| side.values(measure, case));
    let cand = values(now, case);
    let base = twin.map(|(side, other)| values(side, other));
    let is_same_input = twin.is_none_or(|(side, other)| same_input(source, side.case(other)));
    let fresh = Fresh::of((now, case), twin, measure);
    let verdict = if !baseline.is_there {
        first_verdict(now.is_measured(case), &cand, &limits)
    } else if measure.is_none() {
        verdict_by_words(now, case, twin)
    } else {
        let pair = CaseTrials {
            base: base.as_deref(),
            cand: Some(&cand),
            input_changed: !is_same_input,
            same_outputs: twin.is_some_and(|twin| has_same_outputs((now, case), twin)),
        };
        let first = of_statistics(case_verdict(&pair, &limits));
        fresh.verdict(first, (base.as_deref(), &cand), &limits)
    };
    let comparable = base.as_deref().filter(|_| is_same_input);
    let is_informative = comparable.is_some_and(|base| differ(base, &cand));
    let p = comparable
        .and_then(|base| {
            let (base, cand) = fresh.deciding(base, &cand);
            case_p(base, cand)
        })
        .map(|p| p.lower);
    let metrics = &now.run.header.metrics;
    let summary = CaseSummary {
        verdict,
        why: why(trials, header),
        passed: count_passed(trials),
        passed_before: twin.map(|(side, other)| count_passed(side.trials(other))),
        score: mean(&cand),
        score_before: base.as_deref().and_then(mean),
        p,
        disagreement: disagreement_of(&cand),
        quarantine: header
            .quarantine
            .iter()
            .find(|entry| entry.case == source.id),
        trials: trial_summaries(now, case, metrics),
        trials_before: twin.map_or_else(Vec::new, |(side, other)| {
            trial_summaries(side, other, metrics)
        }),
        ..empty(source)
    };
    let scores = summary.score.zip(summary.score_before);
    Found {
        rise: scores.map_or(0.0, |(now, before)| now - before),
        is_informative: is_informative && summary.quarantine.is_none(),
        case: summary,
    }
}

fn has_same_outputs(one: (&Side<'_>, usize), other: (&Side<'_>, usize)) -> bool {
    same_outputs(&other.0.outputs(other.1), &one.0.outputs(one.1))
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
        score: None,
        score_before: None,
        p: None,
        disagreement: None,
        critical: case.critical,
        must_pass: case.must_pass,
        quarantine: None,
        history: Vec::new(),
        bad_since: None,
        group: group_of(case),
        tags: &case.tags,
        input: &case.vars,
        expected: case.expected.as_ref(),
        trials: Vec::new(),
        trials_before: Vec::new(),
    }
}

/// Without a baseline a case is new, unless it has no result or its trials disagree.
fn first_verdict(is_measured: bool, scores: &[f64], limits: &CaseLimits) -> CaseVerdict {
    let (low, high) = scores
        .iter()
        .fold((f64::MAX, f64::MIN), |(low, high), score| {
            (low.min(*score), high.max(*score))
        });
    if !is_measured {
        CaseVerdict::Unmeasured
    } else if high - low > limits.tolerance + SLACK {
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
        changed: None,
        tool_calls: response
            .map(|response| response.tool_calls.as_slice())
            .unwrap_or_default(),
        failure: failure_of(trial),
        passed: trial.passed(),
        scores,
        latency_ms: response
            .and(trial.answer.as_ref())
            .and_then(|answer| answer.latency_ms),
        cost: trial.cost,
        tokens: (usage.input, usage.output),
        attempts: trial.answer.as_ref().map_or(0, |answer| answer.attempts),
    }
}

/// Whether both sides have trials, and not all of them have the same score.
fn differ(base: &[f64], cand: &[f64]) -> bool {
    let pooled: Vec<f64> = base.iter().chain(cand).copied().collect();
    !base.is_empty() && !cand.is_empty() && range(&pooled) > SAME_SCORE
}

/// How often two of these trials disagree, where each either passes or fails.
fn disagreement_of(scores: &[f64]) -> Option<f64> {
    let is_binary = scores.iter().all(|score| is_zero_or_one(*score));
    let passes = scores.iter().filter(|score| **score > 0.5).count();
    disagreement(passes, scores.len()).filter(|_| is_binary)
}
