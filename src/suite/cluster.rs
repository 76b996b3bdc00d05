//! Clusters: cases that are no independent evidence, since they come out of one answer or share an input.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::{Document, Node};
use crate::error::{Diagnostic, Place, Result};
use crate::golden::{Case, Dataset};
use crate::shape::{Field, Shape};
use crate::text::suggest;

/// The column that holds clusters unless a suite names another.
const COLUMN: &str = "cluster";

/// Keys of `cluster`.
pub(super) const CLUSTER: Shape = Shape::Record(&[
    Field::optional(
        "by",
        Shape::Text,
        "the column or variable of which equal values make a cluster (default cluster)",
    ),
    Field::optional(
        "shares",
        Shape::Choice(&["inputs", "trajectory"]),
        "what the cases of a cluster share: a document or another input, which matters in population scope only (inputs, the default), or one sampled conversation or plan, which then counts as one unit (trajectory)",
    ),
]);

/// What the cases of a cluster share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sharing {
    /// An input, such as a document: it matters in population scope only.
    #[default]
    Inputs,
    /// One sampled generation, such as a conversation: the cluster is one unit.
    Trajectory,
}

impl Sharing {
    /// Whether this is what a suite without `cluster` has.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How a suite makes clusters of its cases.
#[derive(Debug, Clone)]
pub struct ClusterRule {
    /// The column or variable of which equal values make a cluster.
    pub by: String,
    /// Where it is named.
    pub place: Place,
    /// What the cases of a cluster share.
    pub shares: Sharing,
}

/// Reads `cluster`.
pub(super) fn read_cluster(document: &Document, node: &Node) -> ClusterRule {
    let by = node.get("by");
    ClusterRule {
        by: by.and_then(Node::text).unwrap_or(COLUMN).to_owned(),
        place: document.place(by.unwrap_or(node)),
        shares: match node.get("shares").and_then(Node::text) {
            Some("trajectory") => Sharing::Trajectory,
            _ => Sharing::Inputs,
        },
    }
}

impl ClusterRule {
    /// Writes to each case the cluster that it belongs to. An error where no case has any.
    pub(super) fn apply(&self, dataset: &mut Dataset) -> Result<()> {
        if self.by != COLUMN {
            for case in Arc::make_mut(&mut dataset.cases) {
                case.cluster = case.vars.get(&self.by).and_then(name_of);
            }
        }
        if dataset.cases.iter().any(|case| case.cluster.is_some()) {
            return Ok(());
        }
        let variables = dataset
            .cases
            .iter()
            .flat_map(|case: &Case| case.vars.keys());
        let help = match suggest(&self.by, variables.map(String::as_str)) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("fill the column in {}", dataset.file),
        };
        Err(
            Diagnostic::new(format!("no case has a value for `{}`", self.by))
                .at(self.place.clone())
                .help(help)
                .into(),
        )
    }
}

fn name_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    }
}
