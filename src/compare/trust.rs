//! What the calibration of a judge says of a run: how often people would pass its answers, and what the judge makes of
//! true differences.

use serde::Serialize;

use super::measure::Measure;
use super::side::Side;
use super::summary::Estimate;
use crate::calibration::{ADVISED, Counts, Record};
use crate::history::run::Header;
use crate::stats::judge::{Trust as Lambda, rogan_gladen};
use crate::stats::moments::mean;
use crate::stats::{Interval, real};
use crate::units::count;

/// The level of the intervals, as of all that reports show.
const CONFIDENCE: f64 = 0.90;

/// What the calibration of a judge says of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trust {
    /// Answers that people and the judge have judged.
    pub labels: usize,
    /// The run whose answers these were.
    pub run: String,
    /// When it was made, a day in UTC.
    pub made: String,
    /// The last day on which it holds.
    pub until: String,
    /// The agreement with people beyond chance (Gwet's AC1) with its 95 % interval.
    pub ac1: Option<Estimate>,
    /// The same by what kind of case it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<Slice>,
    /// Sensitivity plus specificity less 1: the part of a true difference that the judge measures.
    pub youden: Option<f64>,
    /// The drop that the judge measures where the true one is as large as is accepted.
    pub shrunken_tolerance: Option<f64>,
    /// The share of answers that the judge passes: the mean over cases of the mean over trials.
    pub raw: Option<f64>,
    /// The share that people would pass, corrected for the judge's errors (Rogan and Gladen 1978; interval of Lang and
    /// Reiczigel 2014, in which the trials of a case count once). `None` for a judge near chance.
    pub corrected: Option<Estimate>,
    /// The mean that people would give, from their labels and the judge's scores of this run's cases (PPI++,
    /// Angelopoulos et al. 2023). `None` where the labelled answers are those of this run.
    pub sharpened: Option<Estimate>,
}

/// How far a judge agrees with people on a kind of case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slice {
    /// Its name.
    pub name: String,
    /// Answers that both have judged.
    pub labels: usize,
    /// Gwet's AC1 with its 95 % interval.
    pub ac1: Option<Estimate>,
}

/// What the record of the judge of a metric says of a subject.
pub(super) fn trust(now: &Side<'_>, header: &Header, metric: usize, record: &Record) -> Trust {
    let rates = case_means(now, |trial| {
        let passed = trial.score(metric)?.passed?;
        Some(f64::from(u8::from(passed)))
    });
    let errors = record.counts.errors();
    let raw = mean(&rates);
    // The estimate is that of the mean; the interval is that of as many cases, widened to the estimate.
    let of = |passes: usize, n: usize| rogan_gladen(passes, n, &errors, CONFIDENCE);
    let youden = of(0, 1).map(|corrected| corrected.youden);
    let corrected = raw.and_then(|raw| {
        let found = of(rounded(raw * real(rates.len())), rates.len())?;
        found.estimate?;
        let specificity = real(errors.true_neg) / real(errors.neg);
        let value = ((raw + specificity - 1.0) / found.youden).clamp(0.0, 1.0);
        Some(around(value, found.bounds?))
    });
    let is_own = [Some(&header.id), header.rescored_from.as_ref()].contains(&Some(&record.run));
    let scores = case_means(now, |trial| Measure::Scored(metric).of(trial));
    let sharpened = record.paired.filter(|_| !is_own).and_then(|paired| {
        let found = paired.mean(&scores, Lambda::Tuned, CONFIDENCE)?;
        Some(around(found.estimate, found.bounds.clipped(0.0, 1.0)))
    });
    let own = &header.metrics[metric];
    let compares = own.judge.as_ref().is_some_and(|judge| judge.compares);
    let tolerance = header.tolerance_of(&own.name, header.rule_of(&own.name));
    let slices = record.slices.iter();
    Trust {
        labels: record.counts.labels(),
        run: record.run.clone(),
        made: record.made.clone(),
        until: record.until.clone(),
        ac1: ac1(&record.counts),
        slices: slices
            .map(|(slice, counts)| Slice {
                name: slice.clone(),
                labels: counts.labels(),
                ac1: ac1(counts),
            })
            .collect(),
        youden,
        shrunken_tolerance: youden
            .filter(|youden| *youden > 0.0 && !compares)
            .map(|youden| youden * tolerance),
        raw,
        corrected,
        sharpened,
    }
}

/// The mean over the trials of each case that counts and has a value.
fn case_means(
    now: &Side<'_>,
    value: impl Fn(&crate::history::run::TrialRecord) -> Option<f64>,
) -> Vec<f64> {
    now.counted()
        .filter_map(|case| {
            let values: Vec<f64> = now.trials(case).iter().filter_map(&value).collect();
            mean(&values)
        })
        .collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a mean of shares times their number is at least 0 and at most that number"
)]
fn rounded(number: f64) -> usize {
    number.round() as usize
}

fn ac1(counts: &Counts) -> Option<Estimate> {
    let agreement = counts.ac1()?;
    Some(around(agreement.coefficient?, agreement.bounds?))
}

fn around(value: f64, bounds: Interval) -> Estimate {
    Estimate {
        value,
        low: bounds.lower.min(value),
        high: bounds.upper.max(value),
    }
}

impl Trust {
    /// What a reader must know of it, a sentence each.
    pub(super) fn sentences(&self, metric: &str) -> Vec<String> {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let interval = |estimate: &Estimate| {
            format!(
                "{} (90 % interval {:.1} to {})",
                percent(estimate.value),
                estimate.low * 100.0,
                percent(estimate.high)
            )
        };
        let mut sentences = Vec::new();
        if let (Some(raw), Some(corrected)) = (self.raw, &self.corrected) {
            sentences.push(format!(
                "{metric}: the judge passes {}; corrected for its errors by {} labels, people would pass {}",
                percent(raw),
                self.labels,
                interval(corrected)
            ));
        } else if self.raw.is_some() && self.labels > 0 {
            sentences.push(format!(
                "{metric}: the judge is too near chance for its pass rate to be corrected"
            ));
        }
        if let Some(sharpened) = &self.sharpened {
            sentences.push(format!(
                "{metric}: by their labels and the judge's scores together people would give {}",
                interval(sharpened)
            ));
        }
        let is_low = |slice: &&Slice| slice.ac1.is_some_and(|ac1| ac1.high < ADVISED);
        for slice in self.slices.iter().filter(is_low) {
            sentences.push(format!(
                "{metric}: on {} the judge agrees too little with people (AC1 at most {:.2}, {})",
                slice.name,
                slice.ac1.map_or(0.0, |ac1| ac1.high),
                count(slice.labels, "label")
            ));
        }
        if let (Some(youden), Some(shrunken)) = (self.youden, self.shrunken_tolerance) {
            sentences.push(format!(
                "{metric}: the judge measures {:.0} % of a true difference (J {youden:.2}), so that a drop as large as is \
                 accepted shows as {:.1} pt",
                youden * 100.0,
                shrunken * 100.0
            ));
        }
        sentences
    }
}
