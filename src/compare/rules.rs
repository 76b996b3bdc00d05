//! What is allowed of each metric: what the suite says, else defaults.

use super::metric::Measure;
use crate::history::run::Header;
use crate::plan::{ERROR_RATE, PASS};
use crate::scorer::Unit;
use crate::stats::unit::Scope;
use crate::suite::gate::{DEFAULT_TOLERANCE, GateRule};

/// The rise of the error rate that is accepted unless a gate says otherwise.
const ERROR_TOLERANCE: f64 = 0.02;
/// The relative rise of a quantity that is accepted where a gate names none.
const QUANTITY_TOLERANCE: f64 = 0.10;
/// What the suite says of a metric.
pub(super) fn rule_of<'a>(header: &'a Header, metric: &str) -> Option<&'a GateRule> {
    header.gates.iter().find(|rule| rule.metric == metric)
}

/// The name of a measure.
pub(super) fn name_of(header: &Header, measure: Measure) -> &str {
    match measure {
        Measure::Pass => PASS,
        Measure::ErrorRate => ERROR_RATE,
        Measure::Scored(index) => &header.metrics[index].name,
    }
}

/// What the values of a measure are, and whether less is better.
pub(super) fn unit_of(header: &Header, measure: Measure) -> (Unit, bool) {
    match measure {
        Measure::Pass => (Unit::Share, false),
        Measure::ErrorRate => (Unit::Share, true),
        Measure::Scored(index) => {
            let metric = &header.metrics[index];
            (metric.unit, metric.lower_is_better)
        }
    }
}

/// What is allowed of a metric: what the suite says, else the default, so that none passes by silence.
pub(super) fn gate_of(header: &Header, measure: Measure) -> Option<GateRule> {
    let name = name_of(header, measure);
    if let Some(rule) = rule_of(header, name) {
        return (!rule.informational).then(|| rule.clone());
    }
    let default = || Some(GateRule::on_drop(name, default_tolerance(header, measure)));
    match measure {
        Measure::ErrorRate => default(),
        Measure::Scored(index) => {
            let metric = &header.metrics[index];
            let is_gated = metric.unit == Unit::Share && !metric.informational;
            is_gated.then(default).flatten()
        }
        Measure::Pass => None,
    }
}

/// The largest accepted drop, by a gate or by default.
pub(super) fn tolerance_of(header: &Header, measure: Measure, rule: Option<&GateRule>) -> f64 {
    rule.and_then(|rule| rule.tolerance)
        .unwrap_or_else(|| default_tolerance(header, measure))
}

fn default_tolerance(header: &Header, measure: Measure) -> f64 {
    match (measure, unit_of(header, measure).0) {
        (Measure::ErrorRate, _) => ERROR_TOLERANCE,
        (_, Unit::Share) => DEFAULT_TOLERANCE,
        _ => QUANTITY_TOLERANCE,
    }
}

/// What the verdict on a metric is about.
pub(super) fn scope_of(header: &Header, rule: Option<&GateRule>) -> Scope {
    rule.and_then(|rule| rule.scope)
        .unwrap_or(header.policy.scope)
}
