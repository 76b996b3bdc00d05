//! What the page shows but for the cases, in the form that its template takes.

use minijinja::Value;
use serde::Serialize;

use super::super::show::{change, one_line, visible};
use super::super::{pick, show_time};
use super::suite::Suite;
use super::text::Diffs;
use super::{ROWS, Rows, SCRIPT, STYLE, chart, policy};
use crate::compare::summary::{CaseVerdict, RunFacts, SuiteSummary, Summary, Verdict};
use crate::units::count;

/// The page.
#[derive(Serialize)]
pub(super) struct Page {
    title: String,
    policy: String,
    style: Value,
    script: Value,
    regauge: &'static str,
    names: Vec<String>,
    crumbs: String,
    verdict: Pill,
    exit_code: u8,
    exit_cause: String,
    headline: String,
    lede: Vec<Said>,
    bar: Value,
    tally: Vec<Count>,
    steps: Vec<Step>,
    suites: Vec<Suite>,
    cases: usize,
    case_word: &'static str,
    hidden: usize,
    row_limit: usize,
}

/// A verdict with the class that draws it.
#[derive(Serialize)]
pub(super) struct Pill {
    pub(super) class: &'static str,
    word: &'static str,
}

/// A part of a sentence.
#[derive(Serialize)]
struct Said {
    text: String,
    strong: bool,
}

/// A number of cases of one verdict.
#[derive(Serialize)]
pub(super) struct Count {
    class: &'static str,
    number: usize,
}

#[derive(Serialize)]
struct Step {
    what: String,
    command: Option<String>,
}

impl Page {
    pub(super) fn of(summary: &Summary<'_>, rows: &Rows) -> Self {
        let counts = all_counts(summary);
        let cases: usize = counts.iter().map(|(_, number)| number).sum();
        let shown: usize = rows.iter().flatten().map(Vec::len).sum();
        let worst = summary
            .suites
            .iter()
            .find(|suite| suite.verdict == summary.verdict);
        let steps = worst.map(pick::next_steps).unwrap_or_default();
        let mut diffs = Diffs::new();
        let names: Vec<String> = summary
            .suites
            .iter()
            .map(|suite| shown_line(suite.suite))
            .collect();
        Self {
            title: format!("{} · {}", names.join(", "), summary.verdict.name()),
            policy: policy(),
            style: Value::from_safe_string(STYLE.to_owned()),
            script: Value::from_safe_string(SCRIPT.to_owned()),
            regauge: summary.regauge,
            crumbs: crumbs(summary),
            names,
            verdict: pill(summary.verdict),
            exit_code: summary.exit.code,
            exit_cause: shown_line(&summary.exit.cause),
            headline: shown_line(&summary.headline),
            lede: worst.map(lede).unwrap_or_default(),
            bar: Value::from_safe_string(chart::tally(&counts)),
            tally: tally(&counts),
            steps: steps
                .into_iter()
                .map(|step| Step {
                    what: shown_line(&step.what),
                    command: step.command.as_deref().map(visible),
                })
                .collect(),
            suites: summary
                .suites
                .iter()
                .zip(rows)
                .enumerate()
                .map(|(index, (suite, rows))| Suite::of(index, suite, rows, &mut diffs))
                .collect(),
            cases,
            case_word: if cases == 1 { "case" } else { "cases" },
            hidden: cases - shown,
            row_limit: ROWS,
        }
    }
}

/// The class of a verdict; it is the name of its icon too.
pub(super) fn class_of(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Improved) => "improved",
        Some(Verdict::Pass) => "pass",
        Some(Verdict::NoBaseline) => "no-baseline",
        Some(Verdict::Inconclusive) => "inconclusive",
        Some(Verdict::Unmeasured) => "unmeasured",
        Some(Verdict::Regressed) => "regressed",
        None => "shown-only",
    }
}

pub(super) fn pill(verdict: Verdict) -> Pill {
    Pill {
        class: class_of(Some(verdict)),
        word: match verdict {
            Verdict::Improved => "Improved",
            Verdict::Pass => "Pass",
            Verdict::NoBaseline => "No baseline",
            Verdict::Inconclusive => "Inconclusive",
            Verdict::Unmeasured => "Unmeasured",
            Verdict::Regressed => "Regressed",
        },
    }
}

pub(super) fn tally(counts: &[(CaseVerdict, usize)]) -> Vec<Count> {
    let count = |(verdict, number): &(CaseVerdict, usize)| Count {
        class: verdict.name(),
        number: *number,
    };
    counts.iter().map(count).collect()
}

fn all_counts(summary: &Summary<'_>) -> Vec<(CaseVerdict, usize)> {
    let mut all = std::collections::BTreeMap::new();
    for (verdict, number) in summary.suites.iter().flat_map(pick::counts) {
        *all.entry(verdict).or_insert(0) += number;
    }
    all.into_iter().collect()
}

/// A text in one line, with a picture for each control. A number and its sign of percent never part.
pub(super) fn shown_line(text: &str) -> String {
    visible(&one_line(text)).replace(" %", "\u{a0}%")
}

fn crumbs(summary: &Summary<'_>) -> String {
    let [suite] = summary.suites.as_slice() else {
        return summary.suites.first().map_or_else(String::new, |suite| {
            format!(
                "{} · {}",
                count(summary.suites.len(), "suite"),
                show_time(suite.run.started_at)
            )
        });
    };
    let mut parts = vec![show_time(suite.run.started_at)];
    parts.extend(commit(&suite.run));
    parts.push(match &suite.baseline {
        Some(baseline) => format!("against the run of {}", show_time(baseline.started_at)),
        None => "no baseline".to_owned(),
    });
    shown_line(&parts.join(" · "))
}

/// The state of the source tree of a run.
pub(super) fn commit(run: &RunFacts<'_>) -> Option<String> {
    let git = run.git?;
    let short: String = git.commit.chars().take(12).collect();
    Some(if git.dirty {
        format!("{short} with changes")
    } else {
        short
    })
}

/// How sure the headline is, and what else moved.
fn lede(suite: &SuiteSummary<'_>) -> Vec<Said> {
    let mut parts = Vec::new();
    let mut say = |text: String, strong| {
        parts.push(Said {
            text: shown_line(&text),
            strong,
        });
    };
    if let Some(metric) = pick::deciding(suite)
        && let Some(found) = change(metric)
    {
        say("90 % interval".into(), false);
        say(format!("{}{}", found.interval, found.unit), true);
        say(
            format!(
                "over {} × {}.",
                count(metric.pairs, "paired case"),
                count(suite.run.trials_per_case as usize, "trial")
            ),
            false,
        );
    }
    match (&suite.baseline, suite.changes.is_empty()) {
        (None, _) => say(
            format!("Nothing to compare with: {}.", suite.baseline_rule),
            false,
        ),
        (Some(_), true) => say(
            "Nothing that Regauge can see has changed but the answers.".into(),
            false,
        ),
        (Some(_), false) => {
            say("Changed since then:".into(), false);
            let last = suite.changes.len() - 1;
            for (index, change) in suite.changes.iter().enumerate() {
                say(change.what.clone(), true);
                let (from, to) = (first_word(&change.from), first_word(&change.to));
                let end = if index == last { "." } else { "," };
                say(format!("{from} → {to}{end}"), false);
            }
        }
    }
    parts
}

/// `v1` of `v1 (0f3c2ab59d1e)`: the digest stands beside it in the table.
fn first_word(text: &str) -> &str {
    text.split(" (").next().unwrap_or(text)
}
