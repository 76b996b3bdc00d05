//! What differs between two runs besides their answers.

use super::is_twin;
use super::summary::Change;
use crate::digest::Digest;
use crate::history::run::{Git, Header};

/// Everything that moved from `before` to `now`, what people change most first.
pub(super) fn between(before: &Header, now: &Header) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut note = |what: String, from: String, to: String| {
        let change = Change { what, from, to };
        if change.from != change.to && !changes.contains(&change) {
            changes.push(change);
        }
    };
    for subject in &now.subjects {
        let Some(twin) = before.subjects.iter().find(|other| is_twin(other, subject)) else {
            continue;
        };
        note(
            format!("prompt {}", subject.prompt),
            version(twin.version, twin.prompt_digest),
            version(subject.version, subject.prompt_digest),
        );
        note(
            format!("model {}", subject.alias),
            twin.model.clone(),
            subject.model.clone(),
        );
        if !twin.served.is_empty() && !subject.served.is_empty() {
            note(
                format!("model {} as served", subject.alias),
                twin.served.join(", "),
                subject.served.join(", "),
            );
        }
        note(
            format!("parameters of {}", subject.name()),
            twin.params_digest.short(),
            subject.params_digest.short(),
        );
    }
    note(
        "dataset".into(),
        before.dataset.short(),
        now.dataset.short(),
    );
    for metric in &now.metrics {
        if let Some(twin) = before
            .metrics
            .iter()
            .find(|other| other.name == metric.name)
        {
            note(
                format!("scorer {}", metric.name),
                twin.fingerprint.short(),
                metric.fingerprint.short(),
            );
        }
    }
    note(
        "trials for each case".into(),
        before.trials.to_string(),
        now.trials.to_string(),
    );
    if let (Some(from), Some(to)) = (&before.git, &now.git) {
        note("commit".into(), commit(from), commit(to));
    }
    note(
        "regauge".into(),
        before.regauge.clone(),
        now.regauge.clone(),
    );
    changes
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
