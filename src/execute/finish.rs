//! From answers to the finished run: every trial is graded, and those without an answer say why.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::record::new_header;
use super::wave::Wave;
use super::{Against, Progressing};
use crate::digest::Digest;
use crate::engine::endpoint::now_ms;
use crate::error::Result;
use crate::exchange::{Answered, Outcome};
use crate::golden::Case;
use crate::history::recording;
use crate::history::run::{Header, Origin, Run, Status, TrialRecord};
use crate::plan::{Metric, Plan, Trial};

/// Grades the trials of a wave and adds them to the run.
pub(super) fn grade_wave(plan: &Plan, order: &mut Progressing, wave: Wave) {
    let Wave {
        trials,
        addresses,
        mut known,
        given_up,
    } = wave;
    let mut uses: HashMap<Digest, u32> = HashMap::new();
    for address in &addresses {
        *uses.entry(*address).or_default() += 1;
    }
    for (trial, address) in trials.into_iter().zip(addresses) {
        // The last use takes the answer, so that it is copied only where two trials share it.
        let last = uses.get_mut(&address).is_none_or(|left| {
            *left -= 1;
            *left == 0
        });
        let found = if last {
            known.remove(&address)
        } else {
            known.get(&address).cloned()
        };
        let record = if let Some((origin, answer)) = found {
            answered(plan, trial, address, origin, answer)
        } else {
            let never = || (Outcome::Skipped, Arc::from("no call was made"));
            let (outcome, reason) = given_up.get(&address).cloned().unwrap_or_else(never);
            order.reasons.count(reason.clone());
            unanswered(trial, outcome, &reason)
        };
        order.run.trials.push(record);
    }
    // The trials of one wave are in order; those of a later one belong between them.
    order
        .run
        .trials
        .sort_by_key(|trial| (trial.subject, trial.case, trial.repeat));
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

fn answered(
    plan: &Plan,
    trial: Trial,
    address: Digest,
    origin: Origin,
    answer: Answered,
) -> TrialRecord {
    let price = plan.subjects[trial.subject].price.as_ref();
    let cost = answer
        .reply
        .response()
        .and_then(|response| price?.cost(&response.usage));
    TrialRecord {
        subject: trial.subject,
        case: trial.case,
        repeat: trial.repeat,
        fresh: trial.fresh,
        outcome: answer.reply.outcome(),
        origin,
        cost,
        grades: plan.grade(trial.case, &answer, cost),
        reason: None,
        address: Some(address),
        answer: Some(answer),
    }
}

fn unanswered(trial: Trial, outcome: Outcome, reason: &str) -> TrialRecord {
    TrialRecord {
        subject: trial.subject,
        case: trial.case,
        repeat: trial.repeat,
        fresh: trial.fresh,
        outcome,
        origin: Origin::Nowhere,
        cost: None,
        grades: Vec::new(),
        reason: Some(reason.to_owned()),
        address: None,
        answer: None,
    }
}

/// The models that the endpoint said had served the trials of a subject.
fn served(trials: &[TrialRecord], subject: usize) -> Vec<String> {
    let own = trials.iter().filter(|trial| trial.subject == subject);
    let models = own.filter_map(|trial| trial.answer.as_ref()?.reply.response()?.model.clone());
    models.collect::<BTreeSet<String>>().into_iter().collect()
}

/// Grades the answers of a finished run again, with the scorers of the plan, as a run of its own; no call is made.
pub fn rescore(plan: &Plan, run: &Run, invocation: &str, now: i64) -> Run {
    let mut header = new_header(plan, invocation, run.header.git.as_ref(), now);
    header.rescored_from = Some(run.header.id.clone());
    header.status = run.header.status;
    header.reason.clone_from(&run.header.reason);
    header.subjects.clone_from(&run.header.subjects);
    header.trials = run.header.trials;
    header.sampling.clone_from(&run.header.sampling);
    header.finished_at = Some(now);
    let (cases, mut trials) = graded_again(plan, run);
    for trial in &mut trials {
        if matches!(trial.origin, Origin::Live | Origin::Replayed) {
            trial.origin = Origin::Reused(run.header.id.clone());
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
pub fn with_scorers_of(plan: &Plan, header: &Header, baseline: &Run) -> Option<Run> {
    let fingerprints = |metrics: &[Metric]| -> Vec<(String, Digest)> {
        let pair = |metric: &Metric| (metric.name.clone(), metric.fingerprint);
        metrics.iter().map(pair).collect()
    };
    let wanted = fingerprints(&header.metrics);
    // The suite may have moved on since the run; then its scorers cannot grade for the run.
    let can = fingerprints(&plan.metrics) == wanted;
    if !can || fingerprints(&baseline.header.metrics) == wanted {
        return None;
    }
    let (cases, trials) = graded_again(plan, baseline);
    Some(with_results(Run {
        header: Header {
            metrics: plan.metrics.clone(),
            ..baseline.header.clone()
        },
        cases,
        trials,
    }))
}

/// The cases and trials of a run with the scores of the plan. A case that asks the same as in the plan is graded as the
/// plan has it now; one that is gone or asks something else keeps no scores.
fn graded_again(plan: &Plan, run: &Run) -> (Vec<Case>, Vec<TrialRecord>) {
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
    let twins: Vec<Option<usize>> = run.cases.iter().map(twin_of).collect();
    let trials = run.trials.iter().map(|trial| {
        let grades = trial
            .answer
            .as_ref()
            .zip(twins[trial.case])
            .map(|(answer, case)| plan.grade(case, answer, trial.cost));
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
    (cases.collect(), trials)
}

/// The recording of a run: its answers by request.
pub fn recording_of(plan: &Plan, run: &Run) -> Result<Vec<recording::Line>> {
    let mut lines: BTreeMap<(usize, usize), recording::Line> = BTreeMap::new();
    for trial in &run.trials {
        let Some(answer) = trial
            .answer
            .as_ref()
            .filter(|answer| answer.reply.response().is_some())
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
        line.answers.insert(trial.repeat, answer.clone());
    }
    Ok(lines.into_values().collect())
}
