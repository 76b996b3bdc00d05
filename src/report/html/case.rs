//! A case as the page shows it: its row, and what opens below.

use std::borrow::Cow;

use minijinja::Value;
use serde::Serialize;

use super::super::show::{probability, value, value_text, visible};
use super::super::{facts, pick};
use super::chart;
use super::page::shown_line;
use super::text::{DiffView, Diffs, Names, Text};
use crate::compare::summary::{CaseSummary, SubjectSummary, SuiteSummary, TrialSummary};
use crate::history::run::Origin;
use crate::scorer::Unit;
use crate::text::excerpt;

/// Characters of the input and of the reason in a row.
const PREVIEW: usize = 110;
const REASON: usize = 200;
/// Different answers of one side that are shown.
const ANSWERS: usize = 10;

/// Makes the details of cases of one subject.
pub(super) struct Cases<'s, 'a> {
    pub(super) suite: &'s SuiteSummary<'a>,
    pub(super) subject: &'s SubjectSummary<'a>,
    pub(super) diffs: &'s mut Diffs,
}

/// A row.
#[derive(Serialize)]
pub(super) struct Row {
    key: String,
    class: &'static str,
    id: String,
    preview: String,
    marks: String,
    why: String,
    trials: Value,
    p: String,
    /// What opens below, where there is room for it.
    pub(super) detail: Option<Detail>,
}

/// What opens below a row.
#[derive(Serialize)]
pub(super) struct Detail {
    tags: Vec<String>,
    checks: Vec<Check>,
    diffs: Vec<DiffView>,
    inputs: Vec<Named>,
    expected: Option<Text>,
    sides: Vec<Side>,
}

/// What a scorer says of the case.
#[derive(Serialize)]
struct Check {
    class: &'static str,
    word: &'static str,
    name: String,
    value: String,
    note: Option<Text>,
}

#[derive(Serialize)]
struct Named {
    name: String,
    text: Text,
}

/// The trials of the run or of the baseline.
#[derive(Serialize)]
struct Side {
    title: &'static str,
    trials: Vec<Trial>,
    answers: Vec<Answer>,
    more: usize,
}

#[derive(Serialize)]
struct Trial {
    repeat: u32,
    outcome: &'static str,
    passed: &'static str,
    answer: String,
    latency: String,
    cost: String,
    tokens: String,
    attempts: u32,
    origin: String,
}

/// An answer, and the trials that gave it.
#[derive(Serialize)]
struct Answer {
    name: String,
    text: Text,
    is_empty: bool,
    failure: Option<Text>,
    calls: Vec<Named>,
}

impl Row {
    pub(super) fn of(case: &CaseSummary<'_>, key: String) -> Self {
        Self {
            key,
            class: case.verdict.name(),
            id: visible(case.id),
            preview: preview(case),
            marks: shown_line(&facts::marks(case)),
            why: shown_line(&excerpt(&case.why, REASON)),
            trials: Value::from_safe_string(chart::trials(case)),
            p: case.p.map_or_else(String::new, probability),
            detail: None,
        }
    }
}

impl Cases<'_, '_> {
    pub(super) fn detail(&mut self, case: &CaseSummary<'_>) -> Detail {
        let worst = pick::worst_trial(case);
        let answer = worst
            .filter(|trial| trial.outcome.is_measured())
            .map(|trial| trial.output);
        let expected = case.expected.map(value_text);
        let inputs = case.input.iter().map(|(name, value)| Named {
            name: shown_line(name),
            text: Text::of(&value_text(value)),
        });
        Detail {
            tags: case.tags.iter().map(|tag| shown_line(tag)).collect(),
            checks: self.checks(case),
            diffs: answer.map_or_else(Vec::new, |answer| {
                let before = pick::baseline_trial(case).map(|trial| trial.output);
                self.differences(expected.as_deref(), before, answer)
            }),
            inputs: inputs.collect(),
            expected: expected
                .filter(|_| answer.is_none())
                .map(|expected| Text::of(&expected)),
            sides: [
                ("Trials of this run", &case.trials),
                ("Trials of the baseline", &case.trials_before),
            ]
            .into_iter()
            .filter(|(_, trials)| !trials.is_empty())
            .map(|(title, trials)| Side::of(title, trials))
            .collect(),
        }
    }

    /// The answer against what is expected and against what it was.
    fn differences(
        &mut self,
        expected: Option<&str>,
        before: Option<&str>,
        answer: &str,
    ) -> Vec<DiffView> {
        let is_one = expected.is_some() && expected == before;
        let title = if is_one {
            "Expected answer, which the baseline gave, against this run"
        } else {
            "Expected answer against this run"
        };
        let against_expected = Names {
            title,
            old: "expected",
            new: "this run",
        };
        let against_before = Names {
            title: "Baseline against this run",
            old: "baseline",
            new: "this run",
        };
        [
            (expected, against_expected),
            (before.filter(|_| !is_one), against_before),
        ]
        .into_iter()
        .filter_map(|(old, names)| Some(self.diffs.view(old?, answer, names)))
        .collect()
    }

    /// What each scorer says of the worst trial, with the number of trials that passed it.
    fn checks(&self, case: &CaseSummary<'_>) -> Vec<Check> {
        let Some(worst) = pick::worst_trial(case) else {
            return Vec::new();
        };
        let scores = self
            .suite
            .metric_names
            .iter()
            .zip(&worst.scores)
            .enumerate();
        scores
            .filter_map(|(index, (name, score))| {
                let score = score.as_ref()?;
                let (class, word) = match (score.passed, score.value) {
                    (Some(true), _) => ("pass", "passed"),
                    (Some(false), _) => ("regressed", "failed"),
                    (None, Some(_)) => ("unchanged", "measured"),
                    (None, None) => ("unmeasured", "no score"),
                };
                let counts =
                    [&case.trials_before, &case.trials].map(|trials| passing(trials, index));
                let value = match (score.passed, score.value) {
                    (Some(_), _) => format!("{} → {}", counts[0], counts[1]),
                    (None, Some(value)) => self.shown(name, value),
                    (None, None) => String::new(),
                };
                Some(Check {
                    class,
                    word,
                    name: shown_line(name),
                    value,
                    note: score.note.filter(|note| !note.is_empty()).map(Text::of),
                })
            })
            .collect()
    }

    fn shown(&self, metric: &str, number: f64) -> String {
        let mut metrics = self.subject.metrics.iter();
        match metrics.find(|summary| summary.name == metric) {
            Some(summary) => value(summary.unit, number),
            None => format!("{number:.3}"),
        }
    }
}

/// Trials that pass the check at `index`, of those that it was asked of.
fn passing(trials: &[TrialSummary<'_>], index: usize) -> String {
    let asked = trials
        .iter()
        .filter_map(|trial| trial.scores.get(index)?.as_ref()?.passed);
    let (passed, all) = asked.fold((0, 0), |(passed, all), next| {
        (passed + usize::from(next), all + 1)
    });
    if all == 0 {
        "–".to_owned()
    } else {
        format!("{passed}/{all}")
    }
}

fn preview(case: &CaseSummary<'_>) -> String {
    let first = case.input.values().next();
    let text = first.map_or(Cow::Borrowed(""), value_text);
    shown_line(&excerpt(&text, PREVIEW))
}

impl Side {
    fn of(title: &'static str, trials: &[TrialSummary<'_>]) -> Self {
        let mut groups: Vec<(&TrialSummary<'_>, Vec<u32>)> = Vec::new();
        let mut rows = Vec::new();
        for trial in trials {
            let known = groups
                .iter()
                .position(|(first, _)| is_same_answer(first, trial));
            let index = known.unwrap_or(groups.len());
            match groups.get_mut(index) {
                Some((_, repeats)) => repeats.push(trial.repeat),
                None => groups.push((trial, vec![trial.repeat])),
            }
            rows.push(Trial::of(trial, &letter(index)));
        }
        let more = groups.len().saturating_sub(ANSWERS);
        groups.truncate(ANSWERS);
        Self {
            title,
            trials: rows,
            answers: groups
                .iter()
                .enumerate()
                .map(|(index, (trial, repeats))| Answer::of(index, trial, repeats))
                .collect(),
            more,
        }
    }
}

fn is_same_answer(one: &TrialSummary<'_>, other: &TrialSummary<'_>) -> bool {
    one.output == other.output
        && one.tool_calls == other.tool_calls
        && one.failure == other.failure
        && one.outcome == other.outcome
}

/// The name of an answer: A to Z, then by number.
fn letter(index: usize) -> String {
    u8::try_from(index)
        .ok()
        .filter(|index| *index < 26)
        .map_or_else(
            || (index + 1).to_string(),
            |index| char::from(b'A' + index).to_string(),
        )
}

impl Trial {
    fn of(trial: &TrialSummary<'_>, answer: &str) -> Self {
        let tokens = match trial.tokens {
            (None, None) => String::new(),
            (input, output) => {
                let known = |tokens: Option<u64>| {
                    tokens.map_or_else(|| "?".to_owned(), |tokens| tokens.to_string())
                };
                format!("{} + {}", known(input), known(output))
            }
        };
        Self {
            repeat: trial.repeat,
            outcome: trial.outcome.name(),
            passed: match trial.passed {
                Some(true) => "passed",
                Some(false) => "failed",
                None => "–",
            },
            answer: answer.to_owned(),
            latency: trial
                .latency_ms
                .map_or_else(String::new, |latency| format!("{latency:.0} ms")),
            cost: trial
                .cost
                .map_or_else(String::new, |cost| value(Unit::Usd, cost.usd())),
            tokens,
            attempts: trial.attempts,
            origin: match trial.origin {
                Origin::Live => "live".to_owned(),
                Origin::Reused(run) => shown_line(&format!("reused from {run}")),
                Origin::Replayed => "replayed".to_owned(),
                Origin::Nowhere => "no call".to_owned(),
            },
        }
    }
}

impl Answer {
    fn of(index: usize, trial: &TrialSummary<'_>, repeats: &[u32]) -> Self {
        let trials: Vec<String> = repeats.iter().map(u32::to_string).collect();
        let word = if trials.len() == 1 { "trial" } else { "trials" };
        Self {
            name: format!("{} · {word} {}", letter(index), trials.join(", ")),
            text: Text::of(trial.output),
            is_empty: trial.output.is_empty(),
            failure: trial.failure.as_deref().map(Text::of),
            calls: trial
                .tool_calls
                .iter()
                .map(|call| Named {
                    name: shown_line(&call.name),
                    text: Text::of(&call.arguments),
                })
                .collect(),
        }
    }
}
