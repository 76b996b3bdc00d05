//! The metrics that the scorers of a plan give.

use super::{JudgeRecord, LabelRecord, Metric};
use crate::digest::Digest;
use crate::prompt::Prompt;
use crate::scorer::Scorer;

/// The metrics so far, each with its name once.
#[derive(Default)]
pub(super) struct Metrics {
    pub(super) list: Vec<Metric>,
}

impl Metrics {
    /// The index of the metric of a scorer, which is added where it is new.
    pub(super) fn index_of(&mut self, scorer: &Scorer) -> usize {
        if let Some(index) = self
            .list
            .iter()
            .position(|metric| metric.name == scorer.metric)
        {
            return index;
        }
        self.list.push(Metric {
            name: scorer.metric.clone(),
            unit: scorer.unit(),
            binary: scorer.binary(),
            lower_is_better: scorer.lower_is_better(),
            informational: scorer.informational,
            fingerprint: scorer.fingerprint(),
            reduce: scorer.reducer(),
            labels: scorer
                .labelling()
                .map(|labelling| LabelRecord::of(&scorer.metric, labelling)),
            judge: scorer.asks().map(|asks| JudgeRecord {
                alias: asks.alias.to_owned(),
                model: asks.model.model.clone(),
                prompt: asks.prompt.map(Prompt::label),
                is_built_in: asks.is_built_in,
                compares: scorer.compares(),
                labels: asks.labels.to_vec(),
                calibration: None,
                objection: None,
                caution: None,
            }),
        });
        self.list.len() - 1
    }

    /// A judge that waits for another scorer changes with it.
    pub(super) fn bind_conditions(&mut self, scorers: &[(usize, Scorer)]) {
        for (metric, scorer) in scorers
            .iter()
            .filter(|(_, scorer)| !scorer.only_if().is_empty())
        {
            let named = |name: &str| self.list.iter().find(|metric| metric.name == name);
            let waits: Vec<Digest> = scorer
                .only_if()
                .iter()
                .filter_map(|(name, _)| Some(named(name)?.fingerprint))
                .collect();
            self.list[*metric].fingerprint = Digest::of(&(scorer.fingerprint(), waits));
        }
    }
}
