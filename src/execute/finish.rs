//! From answers to the finished run: every trial is graded, and those without an answer say why.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Progressing;
use super::record::new_header;
use crate::digest::Digest;
use crate::engine::GivenUp;
use crate::engine::endpoint::now_ms;
use crate::error::Result;
use crate::exchange::{Answered, Outcome};
use crate::history::recording;
use crate::history::run::{Origin, Run, Status, TrialRecord};
use crate::plan::{Plan, Trial};

/// Grades all trials and closes the record.
pub(super) fn finish(plan: &Plan, order: Progressing) -> Run {
    let Progressing {
        mut header,
        trials,
        addresses,
        mut known,
        given_up,
    } = order;
    let mut reasons = GivenUp::default();
    let mut uses: HashMap<Digest, u32> = HashMap::new();
    for address in &addresses {
        *uses.entry(*address).or_default() += 1;
    }
    let records: Vec<TrialRecord> = trials
        .into_iter()
        .zip(addresses)
        .map(|(trial, address)| {
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
            let Some((origin, answer)) = found else {
                let never = || (Outcome::Skipped, Arc::from("no call was made"));
                let (outcome, reason) = given_up.get(&address).cloned().unwrap_or_else(never);
                reasons.count(reason.clone());
                return unanswered(trial, outcome, &reason);
            };
            answered(plan, trial, address, origin, answer)
        })
        .collect();
    for (index, subject) in header.subjects.iter_mut().enumerate() {
        subject.served = served(&records, index);
    }
    header.finished_at = Some(now_ms());
    header.reason = reasons.summary();
    header.status = if records
        .iter()
        .any(|trial| trial.outcome == Outcome::Cancelled)
    {
        Status::Interrupted
    } else if header.reason.is_some() {
        Status::Incomplete
    } else {
        Status::Complete
    };
    with_results(Run {
        header,
        cases: plan.dataset.cases.clone(),
        trials: records,
    })
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

/// Grades the answers of a finished run again, with the scorers of the plan; no call is made.
pub fn rescore(plan: &Plan, run: &Run, invocation: &str, now: i64) -> Run {
    let mut header = new_header(plan, invocation, run.header.git.as_ref(), now);
    header.rescored_from = Some(run.header.id.clone());
    header.status = run.header.status;
    header.reason.clone_from(&run.header.reason);
    header.subjects.clone_from(&run.header.subjects);
    header.trials = run.header.trials;
    header.finished_at = Some(now);
    // A case that the suite still has is graded as the suite has it now; one that is gone keeps no grades.
    let by_id: HashMap<&str, usize> = plan
        .dataset
        .cases
        .iter()
        .enumerate()
        .map(|(index, case)| (case.id.as_str(), index))
        .collect();
    let trials = run.trials.iter().map(|trial| {
        let case = by_id.get(run.cases[trial.case].id.as_str()).copied();
        let grades = trial
            .answer
            .as_ref()
            .zip(case)
            .map(|(answer, case)| plan.grade(case, answer, trial.cost));
        let origin = match &trial.origin {
            Origin::Reused(source) => Origin::Reused(source.clone()),
            Origin::Nowhere => Origin::Nowhere,
            Origin::Live | Origin::Replayed => Origin::Reused(run.header.id.clone()),
        };
        TrialRecord {
            grades: grades.unwrap_or_default(),
            origin,
            ..trial.clone()
        }
    });
    let trials = trials.collect();
    let cases = run.cases.iter().map(|case| {
        let now = by_id
            .get(case.id.as_str())
            .map(|index| &plan.dataset.cases[*index]);
        now.unwrap_or(case).clone()
    });
    with_results(Run {
        trials,
        cases: cases.collect(),
        header,
    })
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
