//! What the gates of a planned run will be able to see.

use std::collections::BTreeMap;

use serde::Serialize;

use super::measure::{Gauge, Measure, change_of_scorer, kind_of, twin_measure};
use super::metric::{POWER, shown_drop};
use super::rules::{name_of, scope_of, unit_of};
use super::side::{Side, clusters};
use super::units::numbered;
use super::values::Values;
use crate::golden::Case;
use crate::history::run::{Header, Run, SubjectRecord};
use crate::plan::{ERROR_RATE, Metric};
use crate::scorer::Unit;
use crate::stats::design::Design;
use crate::stats::plan::Errors;
use crate::stats::real;
use crate::stats::unit::{Kind, Scope};
use crate::suite::cluster::Sharing;

/// How often two trials of a case are assumed to disagree where no run has shown it.
pub const ASSUMED_DISAGREEMENT: f64 = 0.13;
/// Gated metrics beyond which each finds much less.
const MANY_GATES: usize = 5;

/// What one gate of one subject will be able to see.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Foresight {
    /// The subject.
    pub subject: String,
    /// The metric.
    pub metric: String,
    /// What its values are.
    #[serde(skip)]
    pub unit: Unit,
    /// Whether less is better.
    #[serde(skip)]
    pub lower_is_better: bool,
    /// The largest accepted drop; relative for quantities.
    pub tolerance: f64,
    /// What the verdict is about; in population scope a drop must be larger than what is said here.
    pub scope: Scope,
    /// Trials of each case of the baseline.
    pub baseline_trials: usize,
    /// Where the noise is taken from.
    pub noise: Noise,
    /// The smallest drop that is reported with 80 % power; `None` where the noise is not known.
    pub visible_drop: Option<f64>,
    /// Whether noise leaves a drop of the size of the tolerance visible.
    pub enough: Option<bool>,
    /// The cases that would do with the planned trials, where these are too few.
    pub cases_needed: Option<usize>,
    /// The trials of each case that would do, where these are too few.
    pub trials_needed: Option<usize>,
    /// Whether the baseline needs as many trials for that.
    pub baseline_too: bool,
}

/// Where the noise of a metric is taken from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Noise {
    /// The trials of the run of this id.
    Measured(String),
    /// Nothing has shown it: two trials of a case disagree in [`ASSUMED_DISAGREEMENT`] of the cases.
    Assumed,
    /// Nothing has shown it, and there is nothing to assume of a quantity.
    Unknown,
    /// The metric is no mean of trials, so that noise of trials does not say what it will be.
    Unforeseen,
}

/// What the gates of a planned run will be able to see, subject by subject, with the run that it would be compared
/// with.
pub fn foresee(header: &Header, cases: &[Case], baseline: Option<&Run>) -> Vec<Foresight> {
    let units = [false, true].map(|by_cluster| effective_units(header, cases, by_cluster));
    let planned = Planned {
        header,
        cases: real(cases.iter().filter(|case| header.counts(&case.id)).count()),
        units,
    };
    let mut found = Vec::new();
    for subject in &header.subjects {
        let before = baseline.and_then(|run| {
            let twin = run.header.twin(subject)?;
            Some(Side::new(run, twin, header))
        });
        let measures = Measure::all(header).into_iter();
        found
            .extend(measures.filter_map(|measure| planned.gate(subject, measure, before.as_ref())));
        let whole = header.metrics.iter().flat_map(Metric::whole);
        found.extend(whole.filter_map(|whole| planned.whole_gate(subject, &whole.name)));
    }
    found
}

/// How many units of equal weight are as sure as the cases that count, or as their clusters.
fn effective_units(header: &Header, cases: &[Case], by_cluster: bool) -> f64 {
    let clusters = clusters(cases)
        .into_iter()
        .map(|cluster| cluster.filter(|_| by_cluster));
    let numbers: Vec<u32> = numbered(clusters).collect();
    let mut weights: BTreeMap<u32, f64> = BTreeMap::new();
    for (case, number) in cases.iter().zip(numbers) {
        if header.counts(&case.id) {
            *weights.entry(number).or_default() += case.weight;
        }
    }
    let sum: f64 = weights.values().sum();
    let squares: f64 = weights.values().map(|weight| weight * weight).sum();
    // With every case in quarantine nothing is seen, as little as with one.
    if squares > 0.0 {
        sum * sum / squares
    } else {
        1.0
    }
}

/// A run that is planned.
struct Planned<'a> {
    header: &'a Header,
    /// Cases that count.
    cases: f64,
    /// What they are worth, and what their clusters are.
    units: [f64; 2],
}

/// Whether so many metrics are gated that each finds much less.
pub fn too_many_gates(header: &Header) -> Option<usize> {
    let gated = Measure::all(header)
        .into_iter()
        .filter(|measure| name_of(header, *measure) != ERROR_RATE)
        .filter(|measure| !header.compares(name_of(header, *measure)))
        .filter(|measure| header.gate_of(name_of(header, *measure)).is_some())
        .count();
    (gated > MANY_GATES).then_some(gated)
}

impl Planned<'_> {
    /// The gate on a metric of the whole dataset: what it will be able to see hangs on which labels are given, and is
    /// not foretold.
    fn whole_gate(&self, subject: &SubjectRecord, metric: &str) -> Option<Foresight> {
        let rule = self.header.gate_of(metric)?;
        Some(Foresight {
            subject: subject.name(),
            metric: metric.to_owned(),
            unit: Unit::Share,
            lower_is_better: false,
            tolerance: self.header.tolerance_of(metric, Some(&rule)),
            scope: scope_of(self.header, Some(&rule)),
            baseline_trials: usize::try_from(self.header.trials).unwrap_or(usize::MAX),
            noise: Noise::Unforeseen,
            visible_drop: None,
            enough: None,
            cases_needed: None,
            trials_needed: None,
            baseline_too: false,
        })
    }

    /// What the gate on a measure of a subject will be able to see; `None` where there is no such gate.
    fn gate(
        &self,
        subject: &SubjectRecord,
        measure: Measure,
        before: Option<&Side<'_>>,
    ) -> Option<Foresight> {
        let header = self.header;
        let metric = name_of(header, measure);
        let rule = header.gate_of(metric)?;
        // Where no trial fails, errors pass however few trials there are.
        if measure == Measure::ErrorRate && header.rule_of(metric).is_none() {
            return None;
        }
        // A comparison is held to a limit: there is no drop to see.
        if header.compares(metric) {
            return None;
        }
        let (unit, lower_is_better) = unit_of(header, measure);
        let scope = scope_of(header, Some(&rule));
        let tolerance = header.tolerance_of(metric, Some(&rule));
        let comparable =
            before.filter(|side| change_of_scorer(header, &side.run.header, measure).is_none());
        let seen = Seen::of(header, measure, comparable);
        let trials = usize::try_from(header.trials).unwrap_or(usize::MAX);
        let by_cluster =
            scope == Scope::Population || header.policy.clusters == Sharing::Trajectory;
        let design = seen.variance.map(|variance| Design {
            kind: seen.kind,
            scope,
            units: self.units[usize::from(by_cluster)],
            base_trials: comparable.map_or(trials, Side::trials_per_case),
            cand_trials: trials,
            variance,
        });
        let is_ratio = seen.kind == Kind::Ratio;
        let wanted = Wanted {
            tolerance: if is_ratio {
                tolerance.ln_1p()
            } else {
                tolerance
            },
            errors: Errors {
                alpha: header.policy.alpha,
                power: POWER,
            },
        };
        let visible_drop =
            design.and_then(|design| design.visible_drop(wanted.tolerance, wanted.errors));
        let enough = design.map(|design| design.can_see(wanted.tolerance, wanted.errors));
        let lacking = design.filter(|_| enough == Some(false));
        let advice = lacking.map(|design| wanted.advice(&design, self.cases, comparable.is_some()));
        let advice = advice.unwrap_or_default();
        Some(Foresight {
            subject: subject.name(),
            metric: metric.to_owned(),
            unit,
            lower_is_better,
            tolerance,
            scope,
            baseline_trials: comparable.map_or(trials, Side::trials_per_case),
            noise: seen.noise,
            visible_drop: visible_drop.map(|drop| shown_drop(is_ratio, drop)),
            enough,
            cases_needed: advice.cases,
            trials_needed: advice.trials,
            baseline_too: advice.baseline_too,
        })
    }
}

/// What earlier trials say of the noise of a metric.
struct Seen {
    kind: Kind,
    noise: Noise,
    /// The variance of a trial on the scale of differences.
    variance: Option<f64>,
}

impl Seen {
    fn of(header: &Header, measure: Measure, comparable: Option<&Side<'_>>) -> Self {
        let (unit, _) = unit_of(header, measure);
        let gauge = Gauge::of_measure(header, measure);
        let values = comparable.map(|side| {
            let twin = twin_measure(&side.run.header, measure, name_of(header, measure));
            Values::of(
                side,
                Gauge {
                    measure: twin,
                    ..gauge
                },
                header.policy.clusters,
            )
        });
        let kind = kind_of(unit, values.iter().flat_map(Values::of_units));
        let variance = values.and_then(|values| values.variance_within(kind));
        let (noise, variance) = match (comparable, variance) {
            (Some(side), Some(variance)) => {
                (Noise::Measured(side.run.header.id.clone()), Some(variance))
            }
            _ if gauge.reduce.is_some() => (Noise::Unforeseen, None),
            _ if unit == Unit::Share => (Noise::Assumed, Some(ASSUMED_DISAGREEMENT / 2.0)),
            _ => (Noise::Unknown, None),
        };
        Self {
            kind,
            noise,
            variance,
        }
    }
}

/// What a gate is to see.
struct Wanted {
    /// On the scale of differences.
    tolerance: f64,
    errors: Errors,
}

/// What would do where a plan is too small.
#[derive(Default)]
struct Advice {
    cases: Option<usize>,
    trials: Option<usize>,
    baseline_too: bool,
}

impl Wanted {
    fn advice(&self, design: &Design, cases: f64, has_baseline: bool) -> Advice {
        let trials = |banked| design.trials_needed(self.tolerance, banked, self.errors);
        let banked = has_baseline.then(|| trials(true)).flatten();
        let both = trials(false);
        Advice {
            // Cases of unequal weight, or in clusters, are as good as fewer units.
            cases: design
                .units_needed(self.tolerance, self.errors)
                .map(|units| scaled(units, cases / design.units)),
            trials: banked.or(both),
            baseline_too: has_baseline && banked.is_none() && both.is_some(),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of cases times a small factor, which is positive"
)]
fn scaled(units: usize, factor: f64) -> usize {
    (real(units) * factor - 1e-9).ceil() as usize
}
