//! What is allowed of each measure, as the header of its run has it.

use super::measure::Measure;
use crate::history::run::Header;
use crate::plan::{ERROR_RATE, PASS};
use crate::scorer::Unit;
use crate::stats::unit::Scope;
use crate::suite::gate::GateRule;

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
    let known = header.unit_of(name_of(header, measure));
    known.expect("a measure is one of the header's")
}

/// What the verdict on a metric is about.
pub(super) fn scope_of(header: &Header, rule: Option<&GateRule>) -> Scope {
    rule.and_then(|rule| rule.scope)
        .unwrap_or(header.policy.scope)
}
