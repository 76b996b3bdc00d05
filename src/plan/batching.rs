//! Whether the calls of a plan can be made in batches.

use std::collections::BTreeSet;

use super::Plan;
use crate::error::{Diagnostic, Problems};
use crate::provider::batch::protocol;

impl Plan {
    /// Notes what keeps the calls from being made in batches: a wire format without them, streams, and gates on time, of
    /// which an answer of a batch has none of its own.
    pub fn check_batches(&self, problems: &mut Problems) {
        let mut seen = BTreeSet::new();
        for subject in &self.subjects {
            let format = subject.model.host.format;
            if protocol(format).is_none() {
                if !seen.insert(&subject.alias) {
                    continue;
                }
                problems.push(
                    Diagnostic::new(format!(
                        "model `{}` takes no batches: the format {} has none",
                        subject.alias,
                        format.name()
                    ))
                    .at(subject.model.place.clone())
                    .help("run it without --batch, or leave it out with `--model`"),
                );
            } else if subject.params.stream == Some(true) {
                problems.push(
                    Diagnostic::new(format!(
                        "`{}` on `{}` is streamed, and the answers of a batch are not",
                        subject.prompt.label(),
                        subject.alias
                    ))
                    .at(subject.model.place.clone())
                    .help("leave `stream` out of the parameters, or run without --batch"),
                );
            }
        }
        for (rule, place) in &self.suite.gates {
            let metric = self
                .metrics
                .iter()
                .find(|metric| metric.name == rule.metric);
            let is_time = metric.is_some_and(|metric| metric.unit.is_time());
            if is_time && !rule.informational {
                problems.push(
                    Diagnostic::new(format!(
                        "the gate on `{}` cannot be held by batches: an answer of one has no time of its own",
                        rule.metric
                    ))
                    .at(place.clone())
                    .help("make it `informational: true`, or run without --batch"),
                );
            }
        }
    }
}
