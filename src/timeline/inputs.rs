//! Input drift: what differs between the cases of a baseline and those of a run.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::moved::{Moved, Side, decide};
use crate::golden::Case;
use crate::stats::divergence::{g_test, js_divergence, vocabulary_table};
use crate::stats::ks::ks_two_sample;
use crate::stats::moments::mean;
use crate::stats::psi::{Stability, psi, psi_of_counts};
use crate::text::words;
use crate::units::count;

/// Bins of the stability index of a number: one for each tenth of the baseline.
const BINS: usize = 10;
/// How often the stability index alarms by chance.
const ALARM_LEVEL: f64 = 0.01;
/// Words that the test of the vocabulary tells apart; the others are one.
const VOCABULARY: usize = 200;

/// What moved, identity first: cases that were added, removed, changed; then characters and words of the inputs
/// (Kolmogorov and Smirnov, with the stability index), which variables they have, and their vocabulary (divergence of
/// Jensen and Shannon, with a G test). Empty where both have the same cases.
pub fn drift(before: &[Case], now: &[Case]) -> Vec<Moved> {
    let Some(cases) = identity(before, now) else {
        return Vec::new();
    };
    let mut found = vec![cases];
    let texts = [before, now].map(|cases| cases.iter().map(text_of).collect::<Vec<String>>());
    found.extend(number("characters", &texts, |text| text.chars().count()));
    found.extend(number("words", &texts, |text| words(text).count()));
    found.extend(variables(before, now));
    found.extend(vocabulary(&texts));
    decide(&mut found);
    found
}

/// Cases by their names; `None` where nothing was added, removed or changed.
fn identity(before: &[Case], now: &[Case]) -> Option<Moved> {
    let by_id = |cases: &'_ [Case]| -> HashMap<String, usize> {
        let ids = cases.iter().enumerate();
        ids.map(|(place, case)| (case.id.clone(), place)).collect()
    };
    let known = by_id(before);
    let twins: Vec<(&Case, &Case)> = now
        .iter()
        .filter_map(|case| Some((&before[*known.get(&case.id)?], case)))
        .collect();
    let added = now.len() - twins.len();
    let removed = before.len() - twins.len();
    let changed = twins
        .iter()
        .filter(|(old, new)| !old.asks_the_same(new))
        .count();
    let moved = added + removed + changed;
    (moved > 0).then(|| Moved {
        of: Side::Inputs,
        subject: None,
        feature: "cases",
        size: real(moved),
        p: None,
        adjusted: None,
        is_warning: false,
        sentence: format!(
            "since the baseline {} added, {removed} removed, {changed} changed",
            was(added)
        ),
    })
}

fn was(cases: usize) -> String {
    let verb = if cases == 1 { "was" } else { "were" };
    format!("{} {verb}", count(cases, "case"))
}

/// A number of each input.
fn number(
    feature: &'static str,
    [before, now]: &[Vec<String>; 2],
    of: fn(&str) -> usize,
) -> Option<Moved> {
    let sample =
        |texts: &[String]| -> Vec<f64> { texts.iter().map(|text| real(of(text))).collect() };
    let (before, now) = (sample(before), sample(now));
    let found = ks_two_sample(&before, &now)?;
    let stability = psi(&before, &now, BINS, ALARM_LEVEL);
    Some(Moved {
        of: Side::Inputs,
        subject: None,
        feature,
        size: found.d,
        p: Some(found.p),
        adjusted: None,
        is_warning: stability.is_some_and(|found| found.is_alarm()),
        sentence: format!(
            "{feature} of inputs: {:.1} on the mean, before {:.1} (distance {:.2}{})",
            mean(&now)?,
            mean(&before)?,
            found.d,
            index(stability)
        ),
    })
}

fn index(stability: Option<Stability>) -> String {
    stability.map_or_else(String::new, |found| {
        format!(", stability index {:.2}", found.psi)
    })
}

/// Which variables inputs have.
fn variables(before: &[Case], now: &[Case]) -> Option<Moved> {
    let counts = |cases: &[Case]| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for case in cases {
            let present = case.vars.iter().filter(|(_, value)| !value.is_null());
            let mut names: Vec<&str> = present.map(|(name, _)| name.as_str()).collect();
            names.sort_unstable();
            *counts.entry(names.join(", ")).or_default() += 1;
        }
        counts
    };
    let (before, now) = (counts(before), counts(now));
    let (old, new) = vocabulary_table(&before, &now, VOCABULARY);
    let found = g_test(&old, &new).filter(|found| found.df > 0)?;
    let stability = psi_of_counts(&old, &new, ALARM_LEVEL);
    let share = |counts: &BTreeMap<String, usize>, names: &str| {
        let all: usize = counts.values().sum();
        real(counts.get(names).copied().unwrap_or(0)) / real(all)
    };
    let kinds = now.keys().chain(before.keys());
    let most = kinds.max_by(|one, other| {
        let moved = |names: &str| (share(&now, names) - share(&before, names)).abs();
        moved(one).total_cmp(&moved(other))
    })?;
    Some(Moved {
        of: Side::Inputs,
        subject: None,
        feature: "variables",
        size: stability.map_or(0.0, |found| found.psi),
        p: Some(found.p),
        adjusted: None,
        is_warning: stability.is_some_and(|found| found.is_alarm()),
        sentence: format!(
            "variables of inputs: {:.0} % have {}, before {:.0} %{}",
            share(&now, most) * 100.0,
            if most.is_empty() { "none" } else { most },
            share(&before, most) * 100.0,
            index(stability)
        ),
    })
}

/// The words of all inputs.
fn vocabulary([before, now]: &[Vec<String>; 2]) -> Option<Moved> {
    let counts = |texts: &[String]| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for word in texts.iter().flat_map(|text| words(text)) {
            *counts.entry(word.to_lowercase()).or_default() += 1;
        }
        counts
    };
    let (before, now) = (counts(before), counts(now));
    let divergence = js_divergence(&before, &now)?;
    let (old, new) = vocabulary_table(&before, &now, VOCABULARY);
    let found = g_test(&old, &new)?;
    Some(Moved {
        of: Side::Inputs,
        subject: None,
        feature: "vocabulary",
        size: divergence,
        p: Some(found.p),
        adjusted: None,
        is_warning: false,
        sentence: format!(
            "vocabulary of inputs: divergence {divergence:.2} of at most 1 from the baseline's"
        ),
    })
}

/// The variables of a case as one text.
fn text_of(case: &Case) -> String {
    let texts: Vec<String> = case
        .vars
        .values()
        .map(|value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect();
    texts.join("\n")
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of texts are far below 2^53"
)]
fn real(n: usize) -> f64 {
    n as f64
}
