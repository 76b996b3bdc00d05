//! What a suite allows: metric by metric, and for all gates together.

use serde::{Deserialize, Serialize};

use crate::document::{Document, Node};
use crate::error::Place;
use crate::shape::{Field, Shape};
use crate::units::parse_share;

/// A drop that is accepted unless a gate says otherwise.
pub const DEFAULT_TOLERANCE: f64 = 0.03;
/// The error rate of the gate unless a suite says otherwise.
pub const DEFAULT_ALPHA: f64 = 0.05;
/// The share of cases without a usable trial above which nothing passes, unless a suite says otherwise.
pub const DEFAULT_MAX_MISSING: f64 = 0.05;

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
        "the largest accepted drop against the baseline (default 0.03); relative for latency, cost and tokens (default 10%)",
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
        "on_inconclusive",
        Shape::Choice(&["pass", "warn", "fail"]),
        "what an open verdict does to the exit code (default warn)",
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
    /// Shown, but never fails the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub informational: bool,
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
        informational: node
            .get("informational")
            .and_then(Node::bool)
            .unwrap_or(false),
    };
    (rule, document.place(metric.unwrap_or(node)))
}

/// Reads `gate`.
pub(super) fn read_policy(node: Option<&Node>) -> Policy {
    let get = |name: &str| node.and_then(|node| node.get(name));
    Policy {
        alpha: get("alpha").and_then(Node::number).unwrap_or(DEFAULT_ALPHA),
        max_missing: get("max_missing")
            .and_then(read_share)
            .unwrap_or(DEFAULT_MAX_MISSING),
        on_inconclusive: match get("on_inconclusive").and_then(Node::text) {
            Some("pass") => OnInconclusive::Pass,
            Some("fail") => OnInconclusive::Fail,
            _ => OnInconclusive::Warn,
        },
    }
}
