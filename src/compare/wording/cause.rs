//! What sentences say of causes: what moved, of ours or at the endpoint.

use super::super::attribution::Endpoint;
use super::super::summary::{Effect, Estimate, MetricSummary};
use super::{percent, points_number, probability};
use crate::history::change::Change;

/// What of ours moved with a change.
pub(in crate::compare) fn moved(ours: &[Change], suite: &str) -> String {
    let named: Vec<String> = ours.iter().map(Change::in_words).collect();
    match named.as_slice() {
        [one] => format!("came with {one}"),
        all => format!(
            "{} moved together, so the effect cannot be divided; `regauge run {suite} --split` calls the cells between",
            all.join(", ")
        ),
    }
}

/// What the endpoint did where nothing of ours moved.
pub(in crate::compare) fn endpoint(endpoint: &Endpoint) -> String {
    let versions: Vec<String> = endpoint.versions.iter().map(Change::in_words).collect();
    let versions = versions.join(", ");
    let p = endpoint.shift.and_then(|shift| shift.p).unwrap_or(1.0);
    let churn = percent(endpoint.churn);
    let outputs = match endpoint.has_moved() {
        Some(true) => format!(
            "outputs differ more than re-running makes them ({churn} of cases answer otherwise; re-running does this {} \
             of the time)",
            probability(p)
        ),
        Some(false) => format!(
            "outputs differ no more than re-running makes them ({churn} of cases answer otherwise; re-running does this \
             {} of the time)",
            probability(p)
        ),
        None => format!(
            "{churn} of cases answer otherwise, which one trial a side cannot tell from re-running"
        ),
    };
    match (versions.is_empty(), endpoint.has_moved()) {
        (false, _) => format!("nothing of ours moved, the endpoint did: {versions}; {outputs}"),
        (true, Some(true)) => {
            format!("nothing of ours moved, the endpoint drifted: {outputs}")
        }
        (true, _) => format!("nothing that we know of moved: {outputs}"),
    }
}

/// The parts of prompt and model in an effect.
pub(in crate::compare) fn split(metric: &str, prompt: &Effect, model: &Effect) -> String {
    let shown = |value: f64| {
        let sign = if value < 0.0 { "\u{2212}" } else { "+" };
        format!("{sign}{}", points_number(value.abs()))
    };
    let part = |effect: &Effect, other: &str| {
        format!(
            "{} ({} on the old {other}, {} on the new)",
            shown(effect.mean),
            shown(effect.old.difference.value),
            shown(effect.new.difference.value)
        )
    };
    format!(
        "{metric} moved {} points: the prompt {}, the model {}",
        shown(prompt.mean + model.mean),
        part(prompt, "model"),
        part(model, "prompt")
    )
}

/// What a second look at an old baseline says, by the metric that moved most.
pub(in crate::compare) fn canary(summary: &MetricSummary<'_>, p: f64, has_moved: bool) -> String {
    let value = |estimate: Option<Estimate>| {
        estimate.map_or_else(String::new, |estimate| summary.unit.show(estimate.value))
    };
    let (before, now) = (value(summary.before), value(summary.now));
    if has_moved {
        format!(
            "the endpoint itself moved since the baseline: what was asked then now has {} {now}, and had {before} (re-running \
             does this {} of the time); draw a fresh baseline with `regauge baseline bank`",
            summary.name,
            probability(p)
        )
    } else {
        format!(
            "the baseline is old; what was asked then has {} {now} today, and had {before}: the endpoint has not moved \
             (re-running does this {} of the time)",
            summary.name,
            probability(p)
        )
    }
}
