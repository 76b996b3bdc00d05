//! The parts of prompt and model in an effect, where both moved: from the cells that `run --split` calls.

use super::looks::Pairing;
use super::metric::{self, Look};
use super::side::Side;
use super::summary::{Edge, Effect, Split};
use super::{Compared, wording};
use crate::history::run::Run;
use crate::scorer::Unit;

/// The two cells between baseline and run.
#[derive(Debug, Clone, Copy)]
pub struct Cells<'a> {
    /// The old prompts on the new models.
    pub old_prompt: &'a Run,
    /// The new prompts on the old models.
    pub old_model: &'a Run,
}

/// The effect on each gated share of a subject, divided. The four cells are the corners of a square: the effect of the
/// prompt is the mean of its effects on the old and on the new model, that of the model likewise, and the two sum to
/// the whole.
pub(super) fn divide(compared: &Compared<'_>, pairing: &Pairing<'_>) -> Vec<Split> {
    let (Some(cells), Some(before)) = (compared.cells, &pairing.before) else {
        return Vec::new();
    };
    let header = &compared.run.header;
    let cell = |run: &'_ Run| -> Option<usize> { run.header.twin(pairing.now.subject()) };
    let (Some(old_prompt), Some(old_model)) = (cell(cells.old_prompt), cell(cells.old_model))
    else {
        return Vec::new();
    };
    let old_prompt = Side::new(cells.old_prompt, old_prompt, header);
    let old_model = Side::new(cells.old_model, old_model, header);
    let edges = |now: &Side<'_>, before: &Side<'_>| -> Vec<(String, Edge)> {
        let look = Look {
            share: 1.0,
            trials: None,
        };
        metric::measure_all(header, now, Some(before), look)
            .iter()
            .filter(|measurement| measurement.rule.is_some() && measurement.unit == Unit::Share)
            .filter_map(|measurement| {
                let summary = measurement.summary(&header.policy);
                let edge = Edge {
                    difference: summary.difference?,
                    p_drop: summary.p_drop?,
                };
                Some((summary.name.to_owned(), edge))
            })
            .collect()
    };
    let on_old = edges(&old_model, before);
    let on_new = edges(&pairing.now, &old_prompt);
    let under_old = edges(&old_prompt, before);
    let under_new = edges(&pairing.now, &old_model);
    let find = |list: &[(String, Edge)], name: &str| {
        list.iter()
            .find(|(other, _)| other == name)
            .map(|(_, edge)| *edge)
    };
    on_old
        .iter()
        .filter_map(|(name, edge)| {
            let prompt = Effect::new(*edge, find(&on_new, name)?);
            let model = Effect::new(find(&under_old, name)?, find(&under_new, name)?);
            Some(Split {
                sentence: wording::split(name, &prompt, &model),
                metric: name.clone(),
                prompt,
                model,
            })
        })
        .collect()
}

impl Effect {
    fn new(old: Edge, new: Edge) -> Self {
        Self {
            mean: f64::midpoint(old.difference.value, new.difference.value),
            old,
            new,
        }
    }
}
