//! Output drift without labels: what differs between the answers of a baseline and those of a run, whatever scorers
//! say of them.

use std::collections::HashMap;

use super::moved::{Moved, Side, decide};
use crate::golden::Case;
use crate::history::answers::{Features, TextDigest};
use crate::history::run::{Run, TrialRecord};
use crate::stats::compare::{Settings, measure};
use crate::stats::moments::mean;
use crate::stats::unit::{Kind, Unit};

/// A property of an answer.
struct Feature {
    name: &'static str,
    kind: Kind,
    of: fn(&Features) -> f64,
    /// What is said of a share of answers.
    words: &'static str,
}

const FEATURES: [Feature; 4] = [
    Feature {
        name: "length",
        kind: Kind::Ratio,
        of: |answer| f64::from(answer.characters),
        words: "",
    },
    Feature {
        name: "valid-json",
        kind: Kind::Binary,
        of: |answer| share(answer.is_json),
        words: "are valid JSON",
    },
    Feature {
        name: "refusal",
        kind: Kind::Binary,
        of: |answer| share(answer.is_refusal),
        words: "are refusals",
    },
    Feature {
        name: "tool-called",
        kind: Kind::Binary,
        of: |answer| share(answer.calls_tool),
        words: "call a tool",
    },
];

/// What moved in the answers to the cases that both runs have, subject by subject: the share of cases whose output
/// changed, length, valid JSON, refusals and tools. A feature is tested as a metric is (label shuffle), two-sided.
/// `again` is the baseline called again, which says how much changes without any cause.
pub fn drift(before: &Run, now: &Run, again: Option<&Run>) -> Vec<Moved> {
    let mut found = Vec::new();
    for (index, subject) in now.header.subjects.iter().enumerate() {
        let Some(twin) = before.header.twin(subject) else {
            continue;
        };
        let pairs = Pairs::of([before, now], [twin, index]);
        let name = subject.name();
        let again = again.and_then(|again| {
            let of_again = again.header.twin(subject)?;
            Pairs::of([before, again], [twin, of_again]).churn()
        });
        found.extend(churn(&pairs, again, &name));
        found.extend(
            FEATURES
                .iter()
                .filter_map(|feature| tested(feature, &pairs, &name)),
        );
    }
    decide(&mut found);
    found
}

/// The answers to the cases that both runs have.
struct Pairs<'a> {
    cases: Vec<Pair<'a>>,
}

/// The answers to a case, in the baseline and now.
struct Pair<'a> {
    weight: f64,
    answers: [Vec<&'a Features>; 2],
}

impl<'a> Pairs<'a> {
    fn of([before, now]: [&'a Run; 2], [twin, subject]: [usize; 2]) -> Self {
        let (old, new) = (answers(before, twin), answers(now, subject));
        let by_id: HashMap<&str, usize> = before
            .cases
            .iter()
            .enumerate()
            .map(|(place, case)| (case.id.as_str(), place))
            .collect();
        let other = |case: &Case| {
            let place = *by_id.get(case.id.as_str())?;
            before.cases[place].asks_the_same(case).then_some(place)
        };
        let cases = now.cases.iter().zip(new);
        let cases = cases.filter_map(|(case, new)| {
            Some(Pair {
                weight: case.weight,
                answers: [old[other(case)?].clone(), new],
            })
        });
        Self {
            cases: cases.collect(),
        }
    }

    /// The share of pairs of answers, one of each run, whose texts differ; the mean over cases.
    fn churn(&self) -> Option<f64> {
        let shares = self.cases.iter().filter_map(|pair| {
            let [old, new] = pair.answers.each_ref().map(|side| counted(side));
            let same: usize = old
                .iter()
                .map(|(text, count)| count * new.get(text).unwrap_or(&0))
                .sum();
            let all = pair.answers[0].len() * pair.answers[1].len();
            (all > 0).then(|| 1.0 - real(same) / real(all))
        });
        mean(&shares.collect::<Vec<f64>>())
    }

    /// The same among the answers of the baseline; `None` where no case has two.
    fn churn_within(&self) -> Option<f64> {
        let shares = self.cases.iter().filter_map(|pair| {
            let old = counted(&pair.answers[0]);
            let n = pair.answers[0].len();
            let same: usize = old.values().map(|count| count * (count - 1)).sum();
            (n > 1).then(|| 1.0 - real(same) / real(n * (n - 1)))
        });
        mean(&shares.collect::<Vec<f64>>())
    }
}

/// The answers of a subject by case, without trials that were drawn for suspects.
fn answers(run: &Run, subject: usize) -> Vec<Vec<&Features>> {
    let mut found: Vec<Vec<&Features>> = vec![Vec::new(); run.cases.len()];
    let own = run
        .trials
        .iter()
        .filter(|trial| trial.subject == subject && !trial.fresh);
    for trial in own {
        found[trial.case].extend(features(trial));
    }
    found
}

fn features(trial: &TrialRecord) -> Option<&Features> {
    trial.features().filter(|_| trial.outcome.is_measured())
}

fn counted(answers: &[&Features]) -> HashMap<TextDigest, usize> {
    let mut counts = HashMap::new();
    for answer in answers {
        *counts.entry(answer.text).or_default() += 1;
    }
    counts
}

fn churn(pairs: &Pairs<'_>, again: Option<f64>, subject: &str) -> Option<Moved> {
    let moved = pairs.churn()?;
    let alone = again.or_else(|| pairs.churn_within());
    let alone = alone.map_or_else(String::new, |alone| {
        format!(
            "; re-running the baseline alone changes {:.0} %",
            alone * 100.0
        )
    });
    Some(Moved {
        of: Side::Outputs,
        subject: Some(subject.to_owned()),
        feature: "churn",
        size: moved,
        p: None,
        adjusted: None,
        is_warning: false,
        sentence: format!(
            "{:.0} % of the outputs of {subject} have another text than in the baseline{alone}",
            moved * 100.0
        ),
    })
}

/// A feature on both sides; `None` where all answers are alike.
fn tested(feature: &Feature, pairs: &Pairs<'_>, subject: &str) -> Option<Moved> {
    let values: Vec<[Vec<f64>; 2]> = pairs
        .cases
        .iter()
        .map(|pair| {
            let answers = pair.answers.each_ref();
            answers.map(|side| side.iter().map(|one| (feature.of)(one)).collect())
        })
        .collect();
    let mut all = values.iter().flatten().flatten();
    let first = *all.next()?;
    if all.all(|value| value.total_cmp(&first).is_eq()) {
        return None;
    }
    let weighted = || values.iter().zip(&pairs.cases);
    let units: Vec<Unit<'_>> = weighted()
        .map(|([base, cand], pair)| Unit {
            base,
            cand,
            weight: pair.weight,
            cluster: None,
        })
        .collect();
    let settings = Settings {
        kind: feature.kind,
        ..Settings::default()
    };
    let evidence = measure(&units, &settings).evidence?;
    let p = 2.0 * evidence.shuffle.p_drop.min(evidence.shuffle.p_gain);
    let (size, sentence) = match feature.kind {
        Kind::Ratio => longer(-evidence.diff, subject),
        Kind::Binary | Kind::Continuous => {
            let before = level(&units, |unit| unit.base)?;
            let now = level(&units, |unit| unit.cand)?;
            let sentence = format!(
                "{:.1} % of the answers of {subject} {}, before {:.1} %",
                now * 100.0,
                feature.words,
                before * 100.0
            );
            (now - before, sentence)
        }
    };
    Some(Moved {
        of: Side::Outputs,
        subject: Some(subject.to_owned()),
        feature: feature.name,
        size,
        p: Some(p.min(1.0)),
        adjusted: None,
        is_warning: false,
        sentence,
    })
}

/// The relative change of a length, from the logarithm of the quotient.
fn longer(logarithm: f64, subject: &str) -> (f64, String) {
    let change = logarithm.exp_m1();
    let word = if change < 0.0 { "shorter" } else { "longer" };
    (
        change,
        format!(
            "answers of {subject} are {:.0} % {word} than in the baseline",
            change.abs() * 100.0
        ),
    )
}

/// The weighted mean over the cases that have answers on both sides.
fn level(units: &[Unit<'_>], side: for<'u> fn(&Unit<'u>) -> &'u [f64]) -> Option<f64> {
    let (mut sum, mut weights) = (0.0, 0.0);
    for unit in units {
        if let ([_, ..], [_, ..]) = (unit.base, unit.cand) {
            sum += unit.weight * mean(side(unit))?;
            weights += unit.weight;
        }
    }
    (weights > 0.0).then(|| sum / weights)
}

fn share(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of characters and answers are far below 2^53"
)]
fn real(n: usize) -> f64 {
    n as f64
}
