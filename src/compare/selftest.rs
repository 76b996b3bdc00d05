//! The gate on runs in which nothing changed: the trials of one run, dealt to two sides at random.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Compared;
use super::looks;
use super::summary::Verdict;
use crate::history::run::{Header, Run, TrialRecord};
use crate::scorer::Unit;
use crate::stats::interval::clopper_pearson;
use crate::stats::rng::SplitMix64;

/// The seed of the deals.
const SEED: u64 = 42;
/// The level of the intervals that are shown.
const CONFIDENCE: f64 = 0.95;
/// The drop of the plain rule that is shown beside the gate.
const FIVE_POINTS: f64 = 0.05;

/// How often something happened, of all deals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// Deals in which it happened.
    pub count: usize,
    /// The share of all deals.
    pub share: f64,
    /// The lower end of the 95 % interval of the share.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What a gate said of deals in which nothing had changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateTest {
    /// The subject.
    pub subject: String,
    /// The metric.
    pub metric: String,
    /// Regressed: each one a false alarm.
    pub alarms: Rate,
    /// Passed or improved.
    pub passes: Rate,
    /// Open, or without a measurement.
    pub open: Rate,
    /// How often the rule "any drop" would have alarmed; shares only.
    pub any_drop: Option<Rate>,
    /// How often the rule "a drop of five points" would have; shares only.
    pub five_points: Option<Rate>,
}

/// What the gates of a suite said of deals in which nothing had changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SelfTest {
    /// The suite.
    pub suite: String,
    /// The run whose trials were dealt.
    pub run: String,
    /// Deals.
    pub repetitions: usize,
    /// The false-alarm rate that the suite asks for, over all of its gates.
    pub alpha: f64,
    /// Deals with any false alarm.
    pub any_alarm: Rate,
    /// Each gate.
    pub gates: Vec<GateTest>,
}

impl SelfTest {
    /// Whether false alarms are certainly more frequent than was asked for.
    pub fn has_failed(&self) -> bool {
        self.any_alarm.low > self.alpha
    }
}

/// What is counted of a gate.
#[derive(Default)]
struct Counts {
    alarms: usize,
    passes: usize,
    open: usize,
    any_drop: usize,
    five_points: usize,
    is_share: bool,
}

/// Deals the trials of a run to two sides again and again, and lets the gate compare them, by the same way as runs.
/// `None` where there is a case with fewer than two trials.
pub fn test(run: &Run, repetitions: usize) -> Option<SelfTest> {
    let mut rng = SplitMix64::new(SEED, &format!("selftest:{}", run.header.suite));
    let mut hands = hands(run)?;
    let mut counts: BTreeMap<(usize, String), Counts> = BTreeMap::new();
    let mut any_alarm = 0;
    for _ in 0..repetitions {
        let (base, cand) = deal(run, &mut hands, &mut rng);
        let compared = [Compared::new(&cand, Some(&base), String::new())];
        let mut has_alarm = false;
        for (subject, pairing) in looks::decide_all(&compared)[0].iter().enumerate() {
            for measurement in pairing.gates() {
                let Some(verdict) = measurement.verdict().0 else {
                    continue;
                };
                let counted = counts.entry((subject, measurement.label())).or_default();
                match verdict {
                    Verdict::Regressed => counted.alarms += 1,
                    Verdict::Pass | Verdict::Improved => counted.passes += 1,
                    _ => counted.open += 1,
                }
                has_alarm |= verdict == Verdict::Regressed;
                counted.is_share = measurement.unit == Unit::Share;
                let difference = measurement.evidence().map_or(0.0, |evidence| evidence.diff);
                counted.any_drop += usize::from(difference < 0.0);
                counted.five_points += usize::from(difference <= -FIVE_POINTS + 1e-9);
            }
        }
        any_alarm += usize::from(has_alarm);
    }
    let rate = |count| rate(count, repetitions);
    let gates = counts
        .into_iter()
        .map(|((subject, metric), counts)| GateTest {
            subject: run.header.subjects[subject].name(),
            metric,
            alarms: rate(counts.alarms),
            passes: rate(counts.passes),
            open: rate(counts.open),
            any_drop: counts.is_share.then(|| rate(counts.any_drop)),
            five_points: counts.is_share.then(|| rate(counts.five_points)),
        });
    Some(SelfTest {
        suite: run.header.suite.clone(),
        run: run.header.id.clone(),
        repetitions,
        alpha: run.header.policy.alpha,
        any_alarm: rate(any_alarm),
        gates: gates.collect(),
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of deals are far below 2^53"
)]
fn rate(count: usize, of: usize) -> Rate {
    let interval = clopper_pearson(count, of, CONFIDENCE);
    Rate {
        count,
        share: count as f64 / of.max(1) as f64,
        low: interval.map_or(0.0, |interval| interval.lower),
        high: interval.map_or(1.0, |interval| interval.upper),
    }
}

/// The trials of each case of each subject, by their places in the run.
fn hands(run: &Run) -> Option<Vec<Vec<usize>>> {
    let mut by_case: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for (place, trial) in run.trials.iter().enumerate() {
        if !trial.fresh {
            let hand = by_case.entry((trial.subject, trial.case)).or_default();
            hand.push(place);
        }
    }
    let hands: Vec<Vec<usize>> = by_case.into_values().collect();
    (!hands.is_empty() && hands.iter().all(|hand| hand.len() >= 2)).then_some(hands)
}

/// Two runs of the same thing: of each case a random half of its trials, the larger one for the baseline.
fn deal(run: &Run, hands: &mut [Vec<usize>], rng: &mut SplitMix64) -> (Run, Run) {
    let (mut base, mut cand) = (Vec::new(), Vec::new());
    for hand in hands {
        rng.shuffle(hand);
        let half = hand.len().div_ceil(2);
        for (side, places) in [(&mut base, &hand[..half]), (&mut cand, &hand[half..])] {
            side.extend((1..).zip(places).map(|(repeat, place)| TrialRecord {
                repeat,
                ..run.trials[*place].clone()
            }));
        }
    }
    let side = |id: &str, trials| Run {
        header: Header {
            id: id.to_owned(),
            sampling: None,
            ..run.header.clone()
        },
        cases: run.cases.clone(),
        trials,
    };
    (side("base", base), side("candidate", cand))
}
