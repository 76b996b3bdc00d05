//! What labels were given to what, as reports show it.

use serde::Serialize;

use crate::stats::confusion::LabelScores;

/// The confusion matrix of a metric that gives labels, of both sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelSummary<'a> {
    /// The metric of the scorer.
    pub metric: &'a str,
    /// What was given: the labels, and what else occurs.
    pub columns: Vec<&'a str>,
    /// What was right: the labels, and what was none of them where that occurs.
    pub rows: Vec<LabelRow<'a>>,
}

/// What was given where one label was right.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelRow<'a> {
    /// The label.
    pub label: &'a str,
    /// How often each of the columns was given.
    pub cells: Vec<Counted>,
    /// How well the label was found; `None` where it stands neither in a case nor in an answer.
    pub now: Option<LabelScores>,
    /// In the baseline.
    pub before: Option<LabelScores>,
}

/// A cell of the matrix: cases by their weight, where each trial of a case counts its part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Counted {
    /// In this run.
    pub now: f64,
    /// In the baseline; `None` where there is none to compare with.
    pub before: Option<f64>,
}

impl LabelSummary<'_> {
    /// Whether there is a baseline to compare with.
    pub fn has_before(&self) -> bool {
        let mut cells = self.rows.iter().flat_map(|row| &row.cells);
        cells.any(|cell| cell.before.is_some())
    }
}
