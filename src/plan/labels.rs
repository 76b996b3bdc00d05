//! The labels that a scorer gives, as a run keeps them.

use serde::{Deserialize, Serialize};

use super::Metric;
use crate::scorer::{Labelling, Scorer};
use crate::stats::confusion::Measure;

/// The labels of a metric, and what is read off their table over all cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelRecord {
    /// The labels.
    pub names: Vec<String>,
    /// What is read off.
    pub measures: Vec<WholeMetric>,
}

/// A metric of the whole dataset, which is no mean over its cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WholeMetric {
    /// Its name: that of the metric of the scorer, a slash, and that of the measure.
    pub name: String,
    /// What it is.
    pub measure: Measure,
}

impl LabelRecord {
    pub(super) fn of(metric: &str, labelling: &Labelling) -> Self {
        let measures = labelling.measures.iter().map(|measure| WholeMetric {
            name: format!("{metric}/{}", measure.name()),
            measure: *measure,
        });
        Self {
            names: labelling.labels.clone(),
            measures: measures.collect(),
        }
    }
}

impl Metric {
    /// Whether a scorer gives the same labels, so that both are counted in one table.
    pub(super) fn gives_labels_of(&self, scorer: &Scorer) -> bool {
        let own = self.labels.as_ref().map(|labels| &labels.names);
        own == scorer.labelling().map(|labelling| &labelling.labels)
    }

    /// The metrics of the whole dataset that are read off its labels.
    pub fn whole(&self) -> impl Iterator<Item = &WholeMetric> {
        self.labels.iter().flat_map(|labels| &labels.measures)
    }
}
