//! What a suite allows: metric by metric, and for all gates together.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cluster::Sharing;
use crate::document::{Document, Node};
use crate::error::{Diagnostic, Place, Problems};
use crate::shape::{Field, Shape};
use crate::stats::floor::FloorMode;
use crate::stats::unit::Scope;
use crate::units::{parse_duration, parse_share};

/// A drop that is accepted unless a gate says otherwise.
pub const DEFAULT_TOLERANCE: f64 = 0.03;
/// The error rate of the gate unless a suite says otherwise.
pub const DEFAULT_ALPHA: f64 = 0.05;
/// The share of cases without a usable trial above which nothing passes, unless a suite says otherwise.
pub const DEFAULT_MAX_MISSING: f64 = 0.05;
/// The change of a case's score below which it has not changed, unless a suite says otherwise.
pub const DEFAULT_CASE_TOLERANCE: f64 = 0.20;
/// The error rate of a case that is listed as regressed or improved, unless a suite says otherwise.
pub const DEFAULT_CASE_LEVEL: f64 = 0.02;
/// The share of cases that may be in quarantine, unless a suite says otherwise.
pub const DEFAULT_MAX_QUARANTINE: f64 = 0.10;

/// The age of a baseline from which it is looked at again, unless a suite says otherwise.
const DEFAULT_MAX_AGE: Duration = Duration::from_hours(14 * 24);

const SCOPE: Shape = Shape::Choice(&["suite", "population"]);

/// Keys of an entry of `gates`.
pub(super) const GATE: Shape = Shape::Record(&[
    Field::required("metric", Shape::Text, "the metric that is watched"),
    Field::optional(
        "at_least",
        Shape::Number(f64::NEG_INFINITY, f64::INFINITY),
        "an absolute floor",
    ),
    Field::optional(
        "at_most",
        Shape::Number(f64::NEG_INFINITY, f64::INFINITY),
        "an absolute ceiling, for latency, cost and tokens",
    ),
    Field::optional(
        "tolerance",
        Shape::Share,
        "the largest accepted drop against the baseline. For scores and rates it is absolute: 0.05 and 5% are both five points of a hundred, whatever the baseline is (default 0.03, of error_rate 0.02). For latency, cost, tokens and words it is relative: 5% is a twentieth of the baseline (default 10%)",
    ),
    Field::optional(
        "scope",
        SCOPE,
        "over the suite's: whether the verdict is about these cases or about cases like these",
    ),
    Field::optional(
        "mode",
        Shape::Choice(&["tested", "point", "assured"]),
        "when a floor or ceiling is broken: where the data show it (tested, the default), where the bare value misses it (point), or unless the data show that it holds (assured)",
    ),
    Field::optional(
        "informational",
        Shape::Bool,
        "shown, but never fails the run",
    ),
]);

/// Keys of `gate`.
pub(super) const POLICY: Shape = Shape::Record(&[
    Field::optional(
        "alpha",
        Shape::Number(0.0001, 0.5),
        "the error rate of the gate over the whole suite (default 0.05)",
    ),
    Field::optional(
        "max_missing",
        Shape::Share,
        "the share of cases without a result above which nothing passes (default 0.05)",
    ),
    Field::optional(
        "scope",
        SCOPE,
        "whether verdicts are about these cases (suite, the default) or about cases like these (population)",
    ),
    Field::optional(
        "case_tolerance",
        Shape::Share,
        "the change of a case's score below which it has not changed (default 0.20)",
    ),
    Field::optional(
        "case_level",
        Shape::Number(0.0001, 0.5),
        "the error rate of each case that is listed as regressed or improved (default 0.02)",
    ),
    Field::optional(
        "max_quarantine",
        Shape::Share,
        "the share of the suite's cases that may be in quarantine (default 0.10)",
    ),
    Field::optional(
        "on_inconclusive",
        Shape::Choice(&["pass", "warn", "fail"]),
        "what an open verdict does to the exit code (default warn)",
    ),
    Field::optional(
        "baseline_max_age",
        Shape::Duration,
        "the age of a baseline from which a drop is blamed on the run only after a second look at the baseline (default 14d)",
    ),
]);

/// What is allowed of one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateRule {
    /// The metric.
    pub metric: String,
    /// An absolute floor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// An absolute ceiling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// The largest accepted drop against the baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// What the verdict is about, over the suite's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// When floor and ceiling are broken; `None`: where the data show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<FloorMode>,
    /// Shown, but never fails the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub informational: bool,
}

impl GateRule {
    /// A gate on a drop alone.
    pub fn on_drop(metric: &str, tolerance: f64) -> Self {
        Self {
            metric: metric.to_owned(),
            at_least: None,
            at_most: None,
            tolerance: Some(tolerance),
            scope: None,
            mode: None,
            informational: false,
        }
    }
}

/// What holds for all gates of a suite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The error rate over the whole suite.
    pub alpha: f64,
    /// The share of cases without a result above which nothing passes.
    pub max_missing: f64,
    /// What an open verdict does to the exit code.
    pub on_inconclusive: OnInconclusive,
    /// What verdicts are about, unless a gate says otherwise.
    #[serde(default)]
    pub scope: Scope,
    /// What the cases of a cluster share.
    #[serde(default, skip_serializing_if = "Sharing::is_default")]
    pub clusters: Sharing,
    /// The change of a case's score below which it has not changed.
    #[serde(default = "default_case_tolerance")]
    pub case_tolerance: f64,
    /// The error rate of each case that is listed as regressed or improved.
    #[serde(default = "default_case_level")]
    pub case_level: f64,
    /// The share of the suite's cases that may be in quarantine.
    #[serde(default = "default_max_quarantine")]
    pub max_quarantine: f64,
    /// The age of a baseline, in seconds, from which a drop is blamed on the run only after a second look.
    #[serde(default = "default_max_age")]
    pub baseline_max_age: u64,
}

fn default_max_age() -> u64 {
    DEFAULT_MAX_AGE.as_secs()
}

fn default_case_tolerance() -> f64 {
    DEFAULT_CASE_TOLERANCE
}

fn default_case_level() -> f64 {
    DEFAULT_CASE_LEVEL
}

fn default_max_quarantine() -> f64 {
    DEFAULT_MAX_QUARANTINE
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            alpha: DEFAULT_ALPHA,
            max_missing: DEFAULT_MAX_MISSING,
            on_inconclusive: OnInconclusive::Warn,
            scope: Scope::Suite,
            clusters: Sharing::Inputs,
            case_tolerance: DEFAULT_CASE_TOLERANCE,
            case_level: DEFAULT_CASE_LEVEL,
            max_quarantine: DEFAULT_MAX_QUARANTINE,
            baseline_max_age: default_max_age(),
        }
    }
}

/// What an open verdict does to the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnInconclusive {
    /// Nothing.
    Pass,
    /// A warning.
    Warn,
    /// Exit code 4.
    Fail,
}

fn read_share(node: &Node) -> Option<f64> {
    node.number().or_else(|| parse_share(node.text()?))
}

/// Reads an entry of `gates`, with the place of the metric's name.
pub(super) fn read_gate(document: &Document, node: &Node) -> (GateRule, Place) {
    let number = |name: &str| node.get(name).and_then(Node::number);
    let metric = node.get("metric");
    let rule = GateRule {
        metric: metric.and_then(Node::text).unwrap_or_default().to_owned(),
        at_least: number("at_least"),
        at_most: number("at_most"),
        tolerance: node.get("tolerance").and_then(read_share),
        scope: node.get("scope").and_then(read_scope),
        mode: node.get("mode").and_then(read_mode),
        informational: node
            .get("informational")
            .and_then(Node::bool)
            .unwrap_or(false),
    };
    (rule, document.place(metric.unwrap_or(node)))
}

/// Reads `gate`, with what `cluster` says.
pub(super) fn read_policy(node: Option<&Node>, clusters: Sharing) -> Policy {
    let get = |name: &str| node.and_then(|node| node.get(name));
    let share = |name: &str, default: f64| get(name).and_then(read_share).unwrap_or(default);
    let number = |name: &str, default: f64| get(name).and_then(Node::number).unwrap_or(default);
    let default = Policy::default();
    Policy {
        alpha: number("alpha", default.alpha),
        max_missing: share("max_missing", default.max_missing),
        on_inconclusive: match get("on_inconclusive").and_then(Node::text) {
            Some("pass") => OnInconclusive::Pass,
            Some("fail") => OnInconclusive::Fail,
            _ => OnInconclusive::Warn,
        },
        scope: get("scope").and_then(read_scope).unwrap_or(default.scope),
        clusters,
        case_tolerance: share("case_tolerance", default.case_tolerance),
        case_level: number("case_level", default.case_level),
        max_quarantine: share("max_quarantine", default.max_quarantine),
        baseline_max_age: get("baseline_max_age")
            .and_then(|node| parse_duration(node.text()?))
            .map_or(default.baseline_max_age, |age| age.as_secs()),
    }
}

fn read_scope(node: &Node) -> Option<Scope> {
    match node.text()? {
        "suite" => Some(Scope::Suite),
        "population" => Some(Scope::Population),
        _ => None,
    }
}

fn read_mode(node: &Node) -> Option<FloorMode> {
    match node.text()? {
        "tested" => Some(FloorMode::Tested),
        "point" => Some(FloorMode::Point),
        "assured" => Some(FloorMode::Assured),
        _ => None,
    }
}

/// Notes gates that say how a floor is held and have none.
pub(super) fn check_modes(document: &Document, problems: &mut Problems) {
    let gates = document.root.get("gates").map(Node::items);
    for gate in gates.unwrap_or_default() {
        let has_limit = gate.get("at_least").is_some() || gate.get("at_most").is_some();
        let Some(mode) = gate.get("mode").filter(|_| !has_limit) else {
            continue;
        };
        problems.push(
            Diagnostic::new("`mode` is about a floor or a ceiling, and this gate has none")
                .at(document.place(mode))
                .help("add `at_least:` or `at_most:`, or take `mode` out"),
        );
    }
}
