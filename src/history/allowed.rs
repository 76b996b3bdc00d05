//! What is allowed of each metric of a run: what its suite says, else defaults.

use super::run::Header;
use crate::plan::{ERROR_RATE, Metric, PASS};
use crate::scorer::Unit;
use crate::suite::gate::{DEFAULT_TOLERANCE, GateRule};

/// The rise of the error rate that is accepted unless a gate says otherwise.
const ERROR_TOLERANCE: f64 = 0.02;
/// The value of a comparison where both answers are equally good.
const AS_GOOD: f64 = 0.5;
/// The relative rise of a quantity that is accepted where a gate names none.
const QUANTITY_TOLERANCE: f64 = 0.10;

impl Header {
    /// What the suite says of a metric.
    pub fn rule_of(&self, metric: &str) -> Option<&GateRule> {
        self.gates.iter().find(|rule| rule.metric == metric)
    }

    /// What the values of a metric are, and whether less is better; `None` for one that this run does not have.
    pub fn unit_of(&self, metric: &str) -> Option<(Unit, bool)> {
        match metric {
            PASS => Some((Unit::Share, false)),
            ERROR_RATE => Some((Unit::Share, true)),
            _ => {
                let mut scored = self.metrics.iter();
                match scored.find(|other| other.name == metric) {
                    Some(found) => Some((found.unit, found.lower_is_better)),
                    None if self.is_whole(metric) => Some((Unit::Share, false)),
                    None => {
                        let derived = self.derived.iter().find(|other| other.name == metric)?;
                        Some((Unit::Number, derived.lower_is_better))
                    }
                }
            }
        }
    }

    /// Whether the values of a metric are themselves comparisons with the baseline, one half for answers that are as
    /// good.
    pub fn compares(&self, metric: &str) -> bool {
        let mut scored = self.metrics.iter().filter(|other| other.name == metric);
        scored.any(|metric| metric.judge.as_ref().is_some_and(|judge| judge.compares))
    }

    /// Whether a metric is one of the whole dataset, which is no mean over its cases.
    fn is_whole(&self, metric: &str) -> bool {
        let mut whole = self.metrics.iter().flat_map(Metric::whole);
        whole.any(|other| other.name == metric)
    }

    /// What is allowed of a metric: what the suite says, else the default, so that none passes by silence. `None`: it
    /// is shown only. A comparison has no value before, and so is gated by its limit: a floor that lies the tolerance
    /// below as good, unless the suite names another limit.
    pub fn gate_of(&self, metric: &str) -> Option<GateRule> {
        if let Some(rule) = self.rule_of(metric) {
            let mut rule = rule.clone();
            if self.compares(metric) && rule.at_least.is_none() && rule.at_most.is_none() {
                rule.at_least = Some(AS_GOOD - self.tolerance_of(metric, Some(&rule)));
            }
            return (!rule.informational).then_some(rule);
        }
        let is_gated = match metric {
            PASS => false,
            ERROR_RATE => true,
            _ => {
                let mut scored = self.metrics.iter();
                let found = scored.find(|other| other.name == metric)?;
                found.unit == Unit::Share && !found.informational
            }
        };
        is_gated.then(|| GateRule::on_drop(metric, self.default_tolerance(metric)))
    }

    /// The largest accepted drop of a metric, by a gate or by default; relative for quantities.
    pub fn tolerance_of(&self, metric: &str, rule: Option<&GateRule>) -> f64 {
        rule.and_then(|rule| rule.tolerance)
            .unwrap_or_else(|| self.default_tolerance(metric))
    }

    fn default_tolerance(&self, metric: &str) -> f64 {
        match (metric, self.unit_of(metric)) {
            (ERROR_RATE, _) => ERROR_TOLERANCE,
            (_, Some((Unit::Share, _)) | None) => DEFAULT_TOLERANCE,
            _ => QUANTITY_TOLERANCE,
        }
    }
}
