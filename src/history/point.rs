//! What came out of a run case by case: the points from which the course of a suite over time is drawn.

use std::sync::Arc;

use super::run::{Header, Run, TrialRecord};
use crate::digest::Digest;
use crate::golden::Case;
use crate::plan::{ERROR_RATE, Metric, PASS};
use crate::stats::reduce::Reducer;

/// One run of a suite as a point in time.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// What was run, when, with what.
    pub header: Header,
    /// The digests of the cases in their order; runs with the same cases share one list.
    pub cases: Arc<[Digest]>,
    /// What came out, by subject, then metric. Runs that were recorded before this was kept have [`Header::results`]
    /// alone, and nothing here.
    pub means: Vec<SeriesMeans>,
}

/// A metric of a subject: in one number, and case by case.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesMeans {
    /// Index into [`Header::subjects`].
    pub subject: usize,
    /// The metric: [`PASS`], that of a scorer, or [`ERROR_RATE`].
    pub metric: String,
    /// The weighted mean of `means`.
    pub value: f64,
    /// The mean over the trials of each case, or what the metric reduces them to, in the order of the cases; `None` where a case has no value.
    pub means: Vec<Option<f64>>,
}

impl Point {
    /// A run as a point.
    pub fn of(run: &Run) -> Self {
        Self {
            header: run.header.clone(),
            cases: run.cases.iter().map(|case| digested(case).0).collect(),
            means: SeriesMeans::of(run),
        }
    }
}

/// A case as it is kept, with the digest by which it is known.
pub(super) fn digested(case: &Case) -> (Digest, String) {
    let body = serde_json::to_string(case).expect("a case serialises to JSON");
    (Digest::of_bytes(body.as_bytes()), body)
}

impl SeriesMeans {
    /// The metrics of all subjects of a run: [`PASS`], those of the scorers, [`ERROR_RATE`]. A metric without any
    /// value is left out.
    pub fn of(run: &Run) -> Vec<Self> {
        let header = &run.header;
        let scored = header.metrics.iter().map(|metric| metric.name.as_str());
        let names: Vec<&str> = [PASS]
            .into_iter()
            .chain(scored)
            .chain([ERROR_RATE])
            .collect();
        let series = header.subjects.len() * names.len();
        let mut seen: Vec<Vec<Vec<f64>>> = vec![vec![Vec::new(); run.cases.len()]; series];
        // A case in quarantine and a trial that was drawn for a suspect belong to no mean.
        let is_counted: Vec<bool> = run
            .cases
            .iter()
            .map(|case| header.counts(&case.id))
            .collect();
        let counted = run
            .trials
            .iter()
            .filter(|trial| !trial.fresh && is_counted[trial.case]);
        for trial in counted {
            for (metric, value) in values(trial, &header.metrics) {
                seen[trial.subject * names.len() + metric][trial.case].push(value);
            }
        }
        let weights: Vec<f64> = run.cases.iter().map(|case| case.weight).collect();
        let in_one = seen.iter().enumerate().filter_map(|(index, cases)| {
            // The first name is `PASS`.
            let place = (index % names.len()).checked_sub(1);
            let metric = place.and_then(|place| header.metrics.get(place));
            let reducer = metric.and_then(|metric| metric.reduce);
            let one = |values: &Vec<f64>| reducer.unwrap_or(Reducer::Mean).of(values);
            let means: Vec<Option<f64>> = cases.iter().map(one).collect();
            Some(Self {
                subject: index / names.len(),
                metric: names[index % names.len()].to_owned(),
                value: weighted(&means, &weights)?,
                means,
            })
        });
        in_one.collect()
    }
}

/// The values of a trial, each with the index of its metric: 0 is [`PASS`], then come those of the scorers, `metrics`,
/// then [`ERROR_RATE`]. Where passes are counted the value of a trial is whether it passes.
fn values<'a>(
    trial: &'a TrialRecord,
    metrics: &'a [Metric],
) -> impl Iterator<Item = (usize, f64)> + 'a {
    let share = |yes: bool| if yes { 1.0 } else { 0.0 };
    let passed = trial.passed().map(|passed| (0, share(passed)));
    let scored = trial.scores().filter_map(move |(metric, score)| {
        let reduce = metrics.get(metric).and_then(|metric| metric.reduce);
        let value = match reduce.filter(|reducer| reducer.counts_passes()) {
            Some(_) => share(score.passed?),
            None => score.value,
        };
        Some((1 + metric, value))
    });
    let failed = (1 + metrics.len(), share(trial.is_error()));
    passed.into_iter().chain(scored).chain([failed])
}

fn weighted(means: &[Option<f64>], weights: &[f64]) -> Option<f64> {
    let known = means.iter().zip(weights);
    let (sum, total) = known
        .filter_map(|(mean, weight)| Some((mean.as_ref()?, weight)))
        .fold((0.0, 0.0), |(sum, total), (mean, weight)| {
            (sum + weight * mean, total + weight)
        });
    (total > 0.0).then(|| sum / total)
}
