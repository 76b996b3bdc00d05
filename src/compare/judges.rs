//! What there is to know of the judges of a subject besides their scores: what they said that is no verdict,
//! whether they lean to a position, and what their calibration says of the run.

use serde::Serialize;

use super::side::Side;
use super::trust::{self, Trust};
use crate::history::run::Header;
use crate::plan::JudgeRecord;
use crate::scorer::asking::Judged;
use crate::stats::real;

/// A judge of a subject.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgeSummary<'a> {
    /// The metric of its scores.
    pub metric: &'a str,
    /// The alias of the model.
    pub alias: &'a str,
    /// The model id that was asked for.
    pub model: &'a str,
    /// The prompt version, as in `judge@v1`.
    pub prompt: &'a str,
    /// Calls that its scores rest on.
    pub calls: usize,
    /// Replies that were no verdict.
    pub unparseable: usize,
    /// Whether it leans to a position, where it compares answers in pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lean: Option<Lean>,
    /// What its calibration says of this run, where it has one that holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
    /// What a reader must know of it, a sentence each.
    pub sentences: Vec<String>,
}

/// How often a judge chose a position and not an answer: the same place in both orders of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Lean {
    /// Pairs with a verdict in both orders.
    pub pairs: usize,
    /// Pairs of which the answer shown first won in both orders.
    pub first: usize,
    /// Pairs of which the answer shown second won in both orders.
    pub second: usize,
    /// The share of pairs where the verdict followed the position, from 0 to 1.
    pub share: f64,
}

/// The judges of a subject, in the order of the metrics.
pub(super) fn summaries<'a>(now: &Side<'a>, header: &'a Header) -> Vec<JudgeSummary<'a>> {
    let metrics = header.metrics.iter().enumerate();
    metrics
        .filter_map(|(index, metric)| {
            let judge = metric.judge.as_ref()?;
            // What asks for vectors or is a filter is no judge.
            let prompt = judge.prompt.as_deref()?;
            let record = judge.calibration.as_ref();
            let trust = record.map(|record| trust::trust(now, header, index, record));
            Some(summary(
                (&metric.name, judge, prompt),
                &judged(now, index),
                trust,
            ))
        })
        .collect()
}

/// What was asked for a metric, trial by trial.
fn judged<'a>(now: &Side<'a>, metric: usize) -> Vec<&'a Judged> {
    let trials = now.counted().flat_map(|case| now.trials(case));
    trials
        .flat_map(|trial| &trial.grades)
        .filter(|grade| grade.metric == metric)
        .filter_map(|grade| grade.judged.as_deref())
        .collect()
}

fn summary<'a>(
    (metric, judge, prompt): (&'a str, &'a JudgeRecord, &'a str),
    judged: &[&Judged],
    trust: Option<Trust>,
) -> JudgeSummary<'a> {
    let calls = judged.iter().map(|one| one.calls.len()).sum();
    let sum = |of: fn(&Judged) -> u32| judged.iter().map(|one| of(one) as usize).sum::<usize>();
    let unparseable = sum(|one| one.unparseable);
    let lean = Lean::new(
        sum(|one| one.pairs),
        sum(|one| one.both_first),
        sum(|one| one.both_second),
    );
    let mut sentences = Vec::new();
    if unparseable > 0 {
        sentences.push(format!(
            "{metric}: {unparseable} of {calls} replies of the judge were no verdict"
        ));
    }
    sentences.extend(lean.map(|lean| lean.sentence(metric)));
    sentences.extend(trust.iter().flat_map(|trust| trust.sentences(metric)));
    JudgeSummary {
        metric,
        alias: &judge.alias,
        model: &judge.model,
        prompt,
        calls,
        unparseable,
        lean,
        trust,
        sentences,
    }
}

impl Lean {
    /// `None` without a pair.
    fn new(pairs: usize, first: usize, second: usize) -> Option<Self> {
        (pairs > 0).then(|| Self {
            pairs,
            first,
            second,
            share: real(first + second) / real(pairs),
        })
    }

    fn sentence(&self, metric: &str) -> String {
        format!(
            "{metric}: the verdict followed the position in {} of {} pairs ({:.0} %; {} the first, {} the second), which \
             counts as a tie",
            self.first + self.second,
            self.pairs,
            self.share * 100.0,
            self.first,
            self.second
        )
    }
}
