//! A judge compared with what people say, and that in words and as JSON.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::labels::{ByAnswer, Label};
use crate::calibration::{Counts, ENOUGH, Findings};
use crate::history::run::Run;
use crate::stats::agreement::{Agreement, Measurement, krippendorff_alpha};
use crate::stats::judge::{Corrected, Paired, rogan_gladen};
use crate::stats::moments::mean;
use crate::units::count;

/// The level of the interval of a corrected pass rate, as of all intervals that are shown.
const CONFIDENCE: f64 = 0.90;

/// What was found of one judge.
pub(super) struct Found {
    pub(super) metric: String,
    pub(super) findings: Findings,
    /// People who gave labels.
    raters: usize,
    /// Krippendorff's alpha, where there are several people.
    alpha: Option<Alpha>,
    /// Labelled answers that the judge gave no verdict on.
    without_verdict: usize,
    /// Labelled answers on which as many people say one as the other.
    divided: usize,
    /// First answers to the cases of the run that the judge passes, and that it has judged. Further answers to a case are
    /// not independent of the first.
    passes: (usize, usize),
    /// The largest drop that is accepted of its metric; `None` where it is itself a comparison.
    tolerance: Option<f64>,
}

/// How far several raters agree.
struct Alpha {
    people: Option<f64>,
    with_judge: Option<f64>,
    is_of_scores: bool,
}

/// What people and a judge say of one answer.
struct Rated<'a> {
    people: &'a [&'a Label],
    value: f64,
    passed: Option<bool>,
    slice: Option<&'a str>,
}

/// Compares the judge of a metric with people, answer by answer; or says why that cannot be done.
pub(super) fn compare(run: &Run, metric: usize, labels: &ByAnswer<'_>) -> Result<Found, String> {
    let header = &run.header;
    let name = &header.metrics[metric].name;
    let mut scores = run.trials.iter().filter_map(|trial| trial.score(metric));
    if scores.next().is_none() {
        return Err(format!(
            "the judge of {name} gave no verdict: none of its replies could be read; `regauge show` says what it replied"
        ));
    }
    let is_scored = labels.values().flatten().all(|label| label.score.is_some());
    let first = run.trials.iter().filter(|trial| trial.repeat == 1);
    let passed: Vec<bool> = first
        .filter_map(|trial| trial.score(metric)?.passed)
        .collect();
    if passed.is_empty() && !is_scored {
        return Err(format!(
            "the judge of {name} never says what passes: give its scorer a `threshold`, or label the answers with a `score`"
        ));
    }
    let rated: Vec<Rated<'_>> = labels
        .iter()
        .filter_map(|(index, people)| {
            let trial = &run.trials[*index];
            let score = trial.score(metric)?;
            let own = people.iter().find_map(|label| label.slice.as_deref());
            let tag = run.cases[trial.case].tags.first();
            Some(Rated {
                people,
                value: score.value,
                passed: score.passed,
                slice: own.or(tag.map(String::as_str)),
            })
        })
        .collect();
    let raters: BTreeSet<Option<&str>> = labels
        .values()
        .flatten()
        .map(|label| label.rater.as_deref())
        .collect();
    let compares = header.metrics[metric]
        .judge
        .as_ref()
        .is_some_and(|judge| judge.compares);
    Ok(Found {
        metric: name.clone(),
        findings: findings(&rated, is_scored),
        raters: raters.len(),
        alpha: (raters.len() > 1).then(|| alpha(&rated, is_scored)),
        without_verdict: labels.len() - rated.len(),
        divided: rated.iter().filter(|one| one.is_divided()).count(),
        passes: (
            passed.iter().filter(|passed| **passed).count(),
            passed.len(),
        ),
        tolerance: (!compares).then(|| header.tolerance_of(name, header.rule_of(name))),
    })
}

fn findings(rated: &[Rated<'_>], is_scored: bool) -> Findings {
    let mut findings = Findings::default();
    let (mut people, mut judge) = (Vec::new(), Vec::new());
    for one in rated {
        if let (Some(pass), Some(passed)) = (one.pass(), one.passed) {
            findings.counts.add(pass, passed);
            if let Some(slice) = one.slice {
                let counts = findings.slices.entry(slice.to_owned()).or_default();
                counts.add(pass, passed);
            }
        }
        if let Some(value) = mean(&one.ratings(is_scored)) {
            people.push(value);
            judge.push(one.value);
        }
    }
    findings.paired = Paired::of(&people, &judge);
    findings
}

fn alpha(rated: &[Rated<'_>], is_scored: bool) -> Alpha {
    let level = if is_scored {
        Measurement::Interval
    } else {
        Measurement::Nominal
    };
    let people: Vec<Vec<f64>> = rated.iter().map(|one| one.ratings(is_scored)).collect();
    let with_judge: Vec<Vec<f64>> = rated
        .iter()
        .zip(&people)
        .map(|(one, people)| {
            let passed = one.passed.map(|passed| f64::from(u8::from(passed)));
            let own = if is_scored { Some(one.value) } else { passed };
            people.iter().copied().chain(own).collect()
        })
        .collect();
    Alpha {
        people: krippendorff_alpha(&people, level),
        with_judge: krippendorff_alpha(&with_judge, level),
        is_of_scores: is_scored,
    }
}

impl Rated<'_> {
    /// Those who say that it passes, and those who say that it fails.
    fn sides(&self) -> (usize, usize) {
        let says = |pass| {
            let labels = self.people.iter();
            labels.filter(|label| label.pass == Some(pass)).count()
        };
        (says(true), says(false))
    }

    /// What most people say; `None` where as many say one as the other.
    fn pass(&self) -> Option<bool> {
        let (passes, fails) = self.sides();
        (passes != fails).then_some(passes > fails)
    }

    fn is_divided(&self) -> bool {
        let (passes, fails) = self.sides();
        passes > 0 && passes == fails
    }

    /// What each person says: how good it is, or whether it passes as 0 or 1.
    fn ratings(&self, is_scored: bool) -> Vec<f64> {
        let rating = |label: &&Label| {
            if is_scored {
                label.score
            } else {
                label.pass.map(|pass| f64::from(u8::from(pass)))
            }
        };
        self.people.iter().filter_map(rating).collect()
    }
}

impl Found {
    fn corrected(&self) -> Option<Corrected> {
        let (passes, judged) = self.passes;
        rogan_gladen(passes, judged, &self.findings.counts.errors(), CONFIDENCE)
    }

    /// What was found, for a reader.
    pub(super) fn show(&self) -> String {
        let counts = &self.findings.counts;
        let mut text = format!("{}: {}\n", self.metric, count(counts.labels(), "label"));
        let mut line = |line: String| writeln!(text, "  {line}").expect("a text takes more text");
        if counts.labels() > 0 {
            agreement_lines(counts, &mut line);
        }
        for (slice, counts) in &self.findings.slices {
            let labels = count(counts.labels(), "label");
            line(format!(
                "  {slice}: {labels}, AC1 {}",
                coefficient(counts.ac1())
            ));
        }
        if let Some(alpha) = &self.alpha {
            line(alpha.show(self.raters));
        }
        if self.divided > 0 {
            let answers = count(self.divided, "answer");
            line(format!("left out, since people are divided: {answers}"));
        }
        if self.without_verdict > 0 {
            let answers = count(self.without_verdict, "labelled answer");
            line(format!("no verdict of the judge on {answers}"));
        }
        if counts.labels() > 0 {
            line(self.correction());
        }
        if !counts.is_enough() {
            let (all, each) = ENOUGH;
            line(format!(
                "few labels: {all}, with {each} of each kind, are asked for"
            ));
        }
        text
    }

    /// The pass rate of the run as people would have it, and what the judge makes of differences.
    fn correction(&self) -> String {
        let (passes, judged) = self.passes;
        let found = self
            .corrected()
            .and_then(|rate| Some((rate.estimate?, rate.bounds?, rate.youden)));
        let Some((estimate, bounds, youden)) = found else {
            return format!("passes {passes} of {judged}; it is too near chance to be corrected");
        };
        let shrunken = self.tolerance.map_or_else(String::new, |tolerance| {
            format!(
                ", an allowed drop of {:.1} pt to {:.1} pt",
                tolerance * 100.0,
                tolerance * youden * 100.0
            )
        });
        format!(
            "passes {passes} of {judged}; corrected for its errors {:.1} % (90 % interval {:.1} to {:.1} %); it shrinks \
             differences to {:.0} % (J {youden:.2}){shrunken}",
            estimate * 100.0,
            bounds.lower * 100.0,
            bounds.upper * 100.0,
            youden * 100.0
        )
    }

    /// The same as JSON.
    pub(super) fn to_json(&self) -> Value {
        let counts = &self.findings.counts;
        let slices = self.findings.slices.iter().map(|(slice, counts)| {
            json!({"slice": slice, "counts": counts, "ac1": agreement_to_json(counts.ac1())})
        });
        let corrected = self.corrected().map(|rate| {
            json!({
                "estimate": rate.estimate,
                "interval": rate.bounds.map(|bounds| [bounds.lower, bounds.upper]),
                "youden": rate.youden,
                "shrunken_tolerance": self.tolerance.map(|tolerance| tolerance * rate.youden),
            })
        });
        let alpha = self.alpha.as_ref().map(|alpha| {
            json!({
                "level": if alpha.is_of_scores { "interval" } else { "nominal" },
                "people": alpha.people,
                "with_judge": alpha.with_judge,
            })
        });
        json!({
            "metric": self.metric,
            "counts": counts,
            "kappa": agreement_to_json(counts.kappa()),
            "ac1": agreement_to_json(counts.ac1()),
            "slices": slices.collect::<Vec<Value>>(),
            "raters": self.raters,
            "alpha": alpha,
            "divided": self.divided,
            "without_verdict": self.without_verdict,
            "passes": self.passes.0,
            "judged": self.passes.1,
            "corrected": corrected,
            "is_enough": counts.is_enough(),
        })
    }
}

impl Alpha {
    fn show(&self, raters: usize) -> String {
        let said = |alpha: Option<f64>| {
            alpha.map_or_else(|| "not defined".to_owned(), |alpha| format!("{alpha:.2}"))
        };
        format!(
            "alpha  {} among {}, {} with the judge as one more",
            said(self.people),
            count(raters, "rater"),
            said(self.with_judge)
        )
    }
}

fn agreement_lines(counts: &Counts, line: &mut impl FnMut(String)) {
    line("              judge passes  judge fails".to_owned());
    let rows = [
        ("people pass", counts.both_pass, counts.only_people),
        ("people fail", counts.only_judge, counts.both_fail),
    ];
    for (name, passes, fails) in rows {
        line(format!("{name}   {passes:>12}  {fails:>11}"));
    }
    for (name, agreement) in [("kappa", counts.kappa()), ("AC1", counts.ac1())] {
        line(format!("{name:<6} {}", coefficient(agreement)));
    }
}

fn coefficient(agreement: Option<Agreement>) -> String {
    let Some(agreement) = agreement else {
        return "not known".to_owned();
    };
    let observed = agreement.observed * 100.0;
    match (agreement.coefficient, agreement.bounds) {
        (Some(value), Some(bounds)) => format!(
            "{value:.2} (95 % interval {:.2} to {:.2}), the same on {observed:.1} %",
            bounds.lower, bounds.upper
        ),
        (Some(value), None) => format!("{value:.2}, the same on {observed:.1} %"),
        _ => format!("not defined, the same on {observed:.1} %"),
    }
}

fn agreement_to_json(agreement: Option<Agreement>) -> Option<Value> {
    let agreement = agreement?;
    let bounds = agreement.bounds.map(|bounds| [bounds.lower, bounds.upper]);
    Some(json!({
        "observed": agreement.observed,
        "coefficient": agreement.coefficient,
        "interval": bounds,
    }))
}
