//! Something about inputs or outputs that is not as it was, with one sentence.

use serde::Serialize;

use crate::stats::family::benjamini_hochberg;

/// The false discovery rate over the features of one comparison.
const DISCOVERY_RATE: f64 = 0.05;
/// The smallest move that is worth a line, as a share: with many cases chance is ruled out for trifles too.
const SMALLEST: f64 = 0.02;

/// What moved between a baseline and a run. It warns at most, and gates nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moved {
    /// Whether it is about inputs or outputs.
    pub of: Side,
    /// The subject whose outputs they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What was looked at: `cases`, `characters`, `vocabulary`, `length`, …
    pub feature: &'static str,
    /// How far it moved, in the measure that `sentence` names.
    pub size: f64,
    /// How often chance alone does this; `None` where nothing was tested.
    pub p: Option<f64>,
    /// The same among all features that were looked at.
    pub adjusted: Option<f64>,
    /// Whether it is more than chance and no trifle.
    pub is_warning: bool,
    /// One plain sentence.
    pub sentence: String,
}

/// What a feature is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The cases.
    Inputs,
    /// The answers.
    Outputs,
}

/// Decides over all features of a comparison which are more than chance.
pub(super) fn decide(found: &mut [Moved]) {
    let tested: Vec<usize> = (0..found.len())
        .filter(|index| found[*index].p.is_some())
        .collect();
    let p: Vec<f64> = tested.iter().filter_map(|index| found[*index].p).collect();
    for (index, adjusted) in tested.into_iter().zip(benjamini_hochberg(&p)) {
        found[index].adjusted = Some(adjusted);
        found[index].is_warning |=
            adjusted <= DISCOVERY_RATE && found[index].size.abs() >= SMALLEST;
    }
}
