//! Why a subject changed: what of ours moved with it, or that the endpoint did.

use std::collections::BTreeSet;

use super::side::{Side, same_input};
use super::summary::{Cause, Verdict};
use super::wording;
use crate::history::change::{self, Change};
use crate::stats::energy::{Outputs, Shift, energy_shift};
use crate::text::grams::Grams;

/// The level at which outputs count as others than before.
const LEVEL: f64 = 0.01;

/// What is known of the endpoint's part in a change.
pub(super) struct Endpoint {
    /// Whether outputs differ more than re-running makes them; `None` with one trial a side.
    pub(super) shift: Option<Shift>,
    /// The share of cases whose set of outputs is another.
    pub(super) churn: f64,
    /// Models as served and versions of the endpoint that differ.
    pub(super) versions: Vec<Change>,
}

impl Endpoint {
    /// Whether the outputs moved, as far as there is a test.
    pub(super) fn has_moved(&self) -> Option<bool> {
        let p = self.shift.and_then(|shift| shift.p)?;
        Some(p <= LEVEL)
    }
}

/// Why a subject got worse or better, or what moved where that is open; `None` where there is nothing to explain.
pub(super) fn cause(now: &Side<'_>, before: Option<&Side<'_>>, verdict: Verdict) -> Option<Cause> {
    let before = before?;
    let is_told = matches!(verdict, Verdict::Regressed | Verdict::Improved);
    let (ours, served) = change::of_subject(before.subject(), now.subject());
    if !ours.is_empty() {
        return is_told.then(|| Cause {
            sentence: wording::moved(&ours, &now.run.header.suite),
            moved: ours,
            shift: None,
            p: None,
        });
    }
    if !is_told && verdict != Verdict::Inconclusive {
        return None;
    }
    let mut versions = served;
    versions.extend(fingerprints(now, before));
    let endpoint = Endpoint {
        shift: shift(now, before),
        churn: churn(now, before)?,
        versions,
    };
    Some(Cause {
        sentence: wording::endpoint(&endpoint),
        shift: endpoint.shift.map(|shift| shift.statistic),
        p: endpoint.shift.and_then(|shift| shift.p),
        moved: endpoint.versions,
    })
}

/// The versions that the endpoint said it had, where they differ.
fn fingerprints(now: &Side<'_>, before: &Side<'_>) -> Option<Change> {
    let of = |side: &Side<'_>| -> BTreeSet<String> {
        (0..side.case_count())
            .flat_map(|case| side.trials(case))
            .filter_map(|trial| trial.features()?.version.fingerprint.clone())
            .collect()
    };
    let (from, to) = (of(before), of(now));
    let listed = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(", ");
    (!from.is_empty() && !to.is_empty() && from.is_disjoint(&to)).then(|| Change {
        what: "version of the endpoint".to_owned(),
        from: listed(from),
        to: listed(to),
    })
}

/// The cases that ask the same on both sides and have an output on both: where they stand in the baseline, and now.
fn pairs<'s>(now: &'s Side<'_>, before: &'s Side<'_>) -> impl Iterator<Item = (usize, usize)> + 's {
    now.counted().filter_map(|case| {
        let other = before.find(&now.case(case).id)?;
        let is_pair = same_input(now.case(case), before.case(other))
            && now.is_measured(case)
            && before.is_measured(other);
        is_pair.then_some((other, case))
    })
}

fn shift(now: &Side<'_>, before: &Side<'_>) -> Option<Shift> {
    let mut matrices = Vec::new();
    for (other, case) in pairs(now, before) {
        let (base, cand) = (before.texts(other), now.texts(case));
        let grams: Vec<Grams> = base
            .iter()
            .chain(&cand)
            .map(|text| Grams::of(text))
            .collect();
        let row = |one: &Grams| grams.iter().map(|other| one.distance(other)).collect();
        let matrix: Vec<Vec<f64>> = grams.iter().map(row).collect();
        matrices.push((base.len(), matrix));
    }
    // One trial a side says nothing of what re-running changes.
    if matrices.iter().all(|(_, matrix)| matrix.len() < 3) {
        return None;
    }
    let outputs: Vec<Outputs<'_>> = matrices
        .iter()
        .map(|(base_trials, distances)| Outputs {
            distances,
            base_trials: *base_trials,
        })
        .collect();
    energy_shift(&outputs)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of cases are far below 2^53"
)]
fn churn(now: &Side<'_>, before: &Side<'_>) -> Option<f64> {
    let (mut all, mut others) = (0_usize, 0_usize);
    for (other, case) in pairs(now, before) {
        let (base, cand) = (before.outputs(other), now.outputs(case));
        all += 1;
        others += usize::from(!crate::stats::cases::same_outputs(&base, &cand));
    }
    (all > 0).then(|| others as f64 / all as f64)
}
