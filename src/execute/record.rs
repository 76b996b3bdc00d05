//! The record that is made of a run: what was asked, of whom, in which state of the source tree.

use std::path::Path;

use uuid::Uuid;

use crate::digest::Digest;
use crate::error::{Diagnostic, Result};
use crate::git;
use crate::history::run::{Git, Header, Status, SubjectRecord};
use crate::plan::{Plan, Subject};
use crate::suite::quarantine::{Quarantine, unapproved};

/// A record for a run that is about to begin.
pub fn new_header(plan: &Plan, invocation: &str, git: Option<&Git>, started_at: i64) -> Header {
    let entries = plan.suite.quarantine.iter().map(|(entry, _)| entry.clone());
    let (mut quarantine, quarantine_expired): (Vec<Quarantine>, Vec<Quarantine>) =
        entries.partition(|entry| entry.is_in_force(started_at));
    quarantine.extend(unapproved(&plan.dataset.cases));
    Header {
        id: Uuid::now_v7().to_string(),
        invocation: invocation.to_owned(),
        suite: plan.suite.name.clone(),
        file: plan.suite.document.source.file.to_string(),
        started_at,
        finished_at: None,
        status: Status::Running,
        reason: None,
        rescored_from: None,
        reuse: false,
        batch: false,
        trials: plan.sampling.most(),
        sampling: Some(&plan.sampling)
            .filter(|sampling| sampling.is_adaptive())
            .cloned(),
        part: None,
        eyes_off: plan.suite.eyes_off,
        selection: plan.selection.clone(),
        subjects: plan.subjects.iter().map(subject_record).collect(),
        metrics: plan.metrics.clone(),
        derived: plan
            .suite
            .derived
            .iter()
            .map(|(derived, _)| derived.clone())
            .collect(),
        gates: plan
            .suite
            .gates
            .iter()
            .map(|(rule, _)| rule.clone())
            .collect(),
        policy: plan.suite.policy,
        quarantine,
        quarantine_expired,
        dataset: plan.dataset.digest,
        git: git.cloned(),
        regauge: env!("CARGO_PKG_VERSION").to_owned(),
        results: Vec::new(),
    }
}

/// An id that the runs of one invocation share.
pub fn new_invocation() -> String {
    Uuid::now_v7().to_string()
}

fn subject_record(subject: &Subject) -> SubjectRecord {
    SubjectRecord {
        prompt: subject.prompt.name.clone(),
        version: subject.prompt.version,
        alias: subject.alias.clone(),
        provider: subject.model.host.format,
        model: subject.model.model.clone(),
        served: Vec::new(),
        prompt_digest: subject.prompt.digest,
        params_digest: Digest::of(&subject.params),
        template: subject.prompt.template().to_owned(),
    }
}

/// A run that is resumed must ask the same questions: the answers that it has belong to them.
pub fn check_resumable(plan: &Plan, header: &Header) -> Result<()> {
    let now: Vec<SubjectRecord> = plan.subjects.iter().map(subject_record).collect();
    let same = |one: &SubjectRecord, other: &SubjectRecord| {
        SubjectRecord {
            served: Vec::new(),
            ..one.clone()
        } == SubjectRecord {
            served: Vec::new(),
            ..other.clone()
        }
    };
    let subjects = now.len() == header.subjects.len()
        && now
            .iter()
            .zip(&header.subjects)
            .all(|(one, other)| same(one, other));
    if subjects && plan.dataset.digest == header.dataset && plan.sampling == header.sampling() {
        return Ok(());
    }
    Err(Diagnostic::new(format!(
        "suite `{}` is not what it was when run {} began",
        header.suite, header.id
    ))
    .help("begin a new run; `regauge run --reuse` takes the answers that still fit")
    .into())
}

/// The state of the source tree around a folder; `None` where there is none, or no git.
pub fn git_state(folder: &Path) -> Option<Git> {
    let (commit, dirty) = git::head(folder)?;
    Some(Git { commit, dirty })
}
