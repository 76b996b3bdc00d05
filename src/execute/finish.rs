//! From answers to the finished run: every trial is graded, and those without an answer say why.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::judging::{Rivals, Stored};
use super::wave::Wave;
use super::{Against, Progressing};
use crate::digest::Digest;
use crate::engine::endpoint::now_ms;
use crate::error::Result;
use crate::exchange::{Answered, Outcome};
use crate::golden::Case;
use crate::history::answers::Kept;
use crate::history::recording;
use crate::history::run::{Header, Origin, Run, Status, TrialRecord};
use crate::plan::grading::Given;
use crate::plan::{Grade, Metric, Plan, Trial};
use crate::scorer::asking::Replies;

/// Grades the trials of a wave and adds them to the run.
pub(super) fn grade_wave(plan: &Plan, order: &mut Progressing, wave: Wave) {
    let Wave {
        trials,
        addresses,
        known,
        given_up,
        replies,
        rivals,
    } = wave;
    order.run.trials.reserve_exact(trials.len());
    for (trial, address) in trials.into_iter().zip(addresses) {
        let record = if let Some((origin, kept)) = known.get(&address).cloned() {
            let answered = Answer {
                trial,
                address,
                origin,
                kept,
            };
            answered.record(plan, &replies, &rivals)
        } else {
            let never = || (Outcome::Skipped, Arc::from("no call was made"));
            let (outcome, reason) = given_up.get(&address).cloned().unwrap_or_else(never);
            order.reasons.count(reason.clone());
            unanswered(trial, outcome, reason)
        };
        order.run.trials.push(record);
    }
    // The trials of one wave are in order; those of a later one belong between them.
    order
        .run
        .trials
        .sort_unstable_by_key(|trial| (trial.subject, trial.case, trial.repeat));
}

/// Closes the record of a run.
pub(super) fn finish(order: Progressing) -> (Run, Against) {
    let Progressing {
        mut run,
        against,
        reasons,
        ..
    } = order;
    for (index, subject) in run.header.subjects.iter_mut().enumerate() {
        subject.served = served(&run.trials, index);
    }
    let header = &mut run.header;
    header.finished_at = Some(now_ms());
    header.reason = reasons.summary();
    let is_cancelled = |trial: &TrialRecord| trial.outcome == Outcome::Cancelled;
    header.status = if run.trials.iter().any(is_cancelled) {
        Status::Interrupted
    } else if header.reason.is_some() {
        Status::Incomplete
    } else {
        Status::Complete
    };
    (with_results(run), against)
}

fn with_results(mut run: Run) -> Run {
    run.header.results = run.results();
    run
}

/// An answer that belongs to a trial.
struct Answer {
    trial: Trial,
    address: Digest,
    origin: Origin,
    kept: Kept,
}

impl Answer {
    fn record(self, plan: &Plan, replies: &Replies, rivals: &Rivals) -> TrialRecord {
        let (trial, answered) = (self.trial, self.kept.read());
        let given = given(plan, trial, &answered, rivals);
        TrialRecord {
            subject: trial.subject,
            case: trial.case,
            repeat: trial.repeat,
            fresh: trial.fresh,
            outcome: answered.reply.outcome(),
            origin: self.origin,
            cost: given.cost,
            grades: plan.grade(&given, replies),
            reason: None,
            address: Some(self.address),
            answer: Some(self.kept),
        }
    }
}

/// What is graded of a trial.
pub(super) fn given<'a>(
    plan: &Plan,
    trial: Trial,
    answered: &'a Answered,
    rivals: &'a Rivals,
) -> Given<'a> {
    let price = plan.subjects[trial.subject].price.as_ref();
    Given {
        case: trial.case,
        repeat: trial.repeat,
        answered,
        cost: price.and_then(|price| price.paid(answered)),
        rival: rivals.of(trial),
    }
}

fn unanswered(trial: Trial, outcome: Outcome, reason: Arc<str>) -> TrialRecord {
    TrialRecord {
        subject: trial.subject,
        case: trial.case,
        repeat: trial.repeat,
        fresh: trial.fresh,
        outcome,
        origin: Origin::Nowhere,
        cost: None,
        grades: Vec::new(),
        reason: Some(reason),
        address: None,
        answer: None,
    }
}

/// The models that the endpoint said had served the trials of a subject.
fn served(trials: &[TrialRecord], subject: usize) -> Vec<String> {
    let own = trials.iter().filter(|trial| trial.subject == subject);
    let models = own.filter_map(|trial| trial.features()?.version.model.as_ref());
    let models: BTreeSet<&String> = models.collect();
    models.into_iter().cloned().collect()
}

/// Grades the answers of a finished run again, with the scorers of the plan, as a run of its own; no call is made. What
/// judges have to ask is taken from `stored`.
pub fn rescore(plan: &Plan, run: &Run, stored: &Stored, mut header: Header) -> Run {
    header.finished_at = Some(header.started_at);
    header.rescored_from = Some(run.header.id.clone());
    header.status = run.header.status;
    header.reason.clone_from(&run.header.reason);
    header.subjects.clone_from(&run.header.subjects);
    header.trials = run.header.trials;
    header.sampling.clone_from(&run.header.sampling);
    let (cases, mut trials) = graded_again(plan, run, stored);
    for trial in &mut trials {
        if matches!(trial.origin, Origin::Live | Origin::Replayed) {
            trial.origin = Origin::Reused(run.header.id.as_str().into());
        }
    }
    with_results(Run {
        header,
        cases,
        trials,
    })
}

/// A baseline with the scores that the scorers of a run give to its answers, so that scores of two versions of a scorer
/// never meet; `None` where its scores are of the same scorers already.
pub fn with_scorers_of(
    plan: &Plan,
    header: &Header,
    baseline: &Run,
    stored: &Stored,
) -> Option<Run> {
    if !must_regrade(plan, header, baseline) {
        return None;
    }
    let (cases, mut trials) = graded_again(plan, baseline, stored);
    let mut metrics = plan.metrics.clone();
    for (index, metric) in metrics.iter_mut().enumerate() {
        if metric.judge.is_some() {
            keep_judged(index, metric, &mut trials, baseline);
        }
    }
    Some(with_results(Run {
        header: Header {
            metrics,
            ..baseline.header.clone()
        },
        cases,
        trials,
    }))
}

/// Keeps what a judge said then, where it is the same judge, or where the present one was not asked about all answers:
/// then the metric bears the mark of the old judge, and is not compared.
fn keep_judged(index: usize, metric: &mut Metric, trials: &mut [TrialRecord], baseline: &Run) {
    let old = baseline
        .header
        .metrics
        .iter()
        .position(|old| old.name == metric.name);
    let before = old.map(|old| baseline.header.metrics[old].fingerprint);
    let is_unasked = |trial: &TrialRecord| {
        let mut grades = trial.grades.iter();
        grades.any(|grade| grade.metric == index && grade.is_unasked())
    };
    if before != Some(metric.fingerprint) && !trials.iter().any(is_unasked) {
        return;
    }
    metric.fingerprint = before.unwrap_or_else(|| Digest::of_bytes(&[]));
    for (trial, then) in trials.iter_mut().zip(&baseline.trials) {
        trial.grades.retain(|grade| grade.metric != index);
        let kept = then.grades.iter().find(|grade| Some(grade.metric) == old);
        trial.grades.extend(kept.map(|grade| Grade {
            metric: index,
            ..grade.clone()
        }));
        trial.grades.sort_by_key(|grade| grade.metric);
    }
}

/// Whether the scorers of a run are other ones than those of its baseline, and the plan has them.
pub(super) fn must_regrade(plan: &Plan, header: &Header, baseline: &Run) -> bool {
    let fingerprints = |metrics: &[Metric]| -> Vec<(String, Digest)> {
        let pair = |metric: &Metric| (metric.name.clone(), metric.fingerprint);
        metrics.iter().map(pair).collect()
    };
    let wanted = fingerprints(&header.metrics);
    // The suite may have moved on since the run; then its scorers cannot grade for the run.
    let can = fingerprints(&plan.metrics) == wanted;
    can && fingerprints(&baseline.header.metrics) != wanted
}

/// The cases and trials of a run with the scores of the plan. A case that asks the same as in the plan is graded as the
/// plan has it now; one that is gone or asks something else keeps no scores.
fn graded_again(plan: &Plan, run: &Run, stored: &Stored) -> (Arc<Vec<Case>>, Vec<TrialRecord>) {
    let twins = twins(plan, run);
    let trials = run.trials.iter().map(|trial| {
        let answered = trial.answer.as_ref().map(Kept::read);
        let given = answered
            .as_ref()
            .and_then(|answered| given_again(&twins, (trial, answered), &stored.rivals));
        let grades = given.map(|given| plan.grade(&given, &stored.replies));
        TrialRecord {
            grades: grades.unwrap_or_default(),
            ..trial.clone()
        }
    });
    let trials = trials.collect();
    let cases = run
        .cases
        .iter()
        .zip(&twins)
        .map(|(case, twin)| twin.map_or(case, |twin| &plan.dataset.cases[twin]).clone());
    (Arc::new(cases.collect()), trials)
}

/// Where each case of a run stands in the plan, if it asks the same there.
pub(super) fn twins(plan: &Plan, run: &Run) -> Vec<Option<usize>> {
    let by_id: HashMap<&str, usize> = plan
        .dataset
        .cases
        .iter()
        .enumerate()
        .map(|(index, case)| (case.id.as_str(), index))
        .collect();
    let twin_of = |case: &Case| {
        let twin = by_id.get(case.id.as_str()).copied();
        twin.filter(|twin| plan.dataset.cases[*twin].vars == case.vars)
    };
    run.cases.iter().map(twin_of).collect()
}

/// What is graded again of a trial of an earlier run.
pub(super) fn given_again<'a>(
    twins: &[Option<usize>],
    (trial, answered): (&TrialRecord, &'a Answered),
    rivals: &'a Rivals,
) -> Option<Given<'a>> {
    let place = Trial {
        subject: trial.subject,
        case: trial.case,
        repeat: trial.repeat,
        fresh: trial.fresh,
    };
    Some(Given {
        case: twins[trial.case]?,
        repeat: trial.repeat,
        answered,
        cost: trial.cost,
        rival: rivals.of(place),
    })
}

/// The recording of a run: its answers by request.
pub fn recording_of(plan: &Plan, run: &Run) -> Result<Vec<recording::Line>> {
    let mut lines: BTreeMap<(usize, usize), recording::Line> = BTreeMap::new();
    for trial in &run.trials {
        let Some(answer) = trial
            .answer
            .as_ref()
            .filter(|answer| answer.features().is_some())
        else {
            continue;
        };
        let line = match lines.entry((trial.subject, trial.case)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(recording::Line {
                prompt: plan.subjects[trial.subject].prompt.label(),
                case: plan.dataset.cases[trial.case].id.clone(),
                request: plan.request(trial.subject, trial.case)?,
                answers: BTreeMap::new(),
            }),
        };
        line.answers.insert(trial.repeat, answer.read());
    }
    Ok(lines.into_values().collect())
}
