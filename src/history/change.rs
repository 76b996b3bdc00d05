//! What differs between two runs besides their answers.

use serde::Serialize;

use super::run::{Git, Header, SubjectRecord};
use crate::digest::Digest;

/// Something that differs between two runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What: `prompt triage`, `model small`, `dataset`, …
    pub what: String,
    /// As it was.
    pub from: String,
    /// As it is.
    pub to: String,
}

impl Change {
    /// It in words: `model small a → b`.
    pub fn in_words(&self) -> String {
        format!("{} {} → {}", self.what, self.from, self.to)
    }
}

/// Everything that moved from `before` to `now`, what people change most first.
pub fn between(before: &Header, now: &Header) -> Vec<Change> {
    let mut changes = Changes::default();
    for subject in &now.subjects {
        if let Some(twin) = before.twin(subject) {
            changes.note_subject(&before.subjects[twin], subject);
        }
    }
    changes.note("dataset", before.dataset.short(), now.dataset.short());
    for metric in &now.metrics {
        if let Some(twin) = before
            .metrics
            .iter()
            .find(|other| other.name == metric.name)
        {
            let what = format!("scorer {}", metric.name);
            changes.note(what, twin.fingerprint.short(), metric.fingerprint.short());
        }
    }
    changes.note(
        "trials for each case",
        before.trials.to_string(),
        now.trials.to_string(),
    );
    if let (Some(from), Some(to)) = (&before.git, &now.git) {
        changes.note("commit", commit(from), commit(to));
    }
    changes.note("regauge", before.regauge.clone(), now.regauge.clone());
    changes.found
}

/// What differs between two versions of a subject: what is ours to change (prompt, model, parameters), and what the
/// endpoint made of the same model.
pub fn of_subject(before: &SubjectRecord, now: &SubjectRecord) -> (Vec<Change>, Vec<Change>) {
    let mut changes = Changes::default();
    changes.note_subject(before, now);
    let served = format!("model {} as served", now.alias);
    changes
        .found
        .into_iter()
        .partition(|change| change.what != served)
}

/// What moved so far, each thing once.
#[derive(Default)]
struct Changes {
    found: Vec<Change>,
}

impl Changes {
    fn note(&mut self, what: impl Into<String>, from: String, to: String) {
        let change = Change {
            what: what.into(),
            from,
            to,
        };
        if change.from != change.to && !self.found.contains(&change) {
            self.found.push(change);
        }
    }

    fn note_subject(&mut self, before: &SubjectRecord, now: &SubjectRecord) {
        let (from, to) = (
            version(before.version, before.prompt_digest),
            version(now.version, now.prompt_digest),
        );
        self.note(format!("prompt {}", now.prompt), from, to);
        self.note(
            format!("model {}", now.alias),
            before.model.clone(),
            now.model.clone(),
        );
        if !before.served.is_empty() && !now.served.is_empty() {
            let what = format!("model {} as served", now.alias);
            self.note(what, before.served.join(", "), now.served.join(", "));
        }
        let what = format!("parameters of {}", now.name());
        self.note(
            what,
            before.params_digest.short(),
            now.params_digest.short(),
        );
    }
}

fn version(version: u32, digest: Digest) -> String {
    format!("v{version} ({})", digest.short())
}

fn commit(git: &Git) -> String {
    let short: String = git.commit.chars().take(12).collect();
    if git.dirty {
        format!("{short} with changes")
    } else {
        short
    }
}
