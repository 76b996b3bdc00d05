//! What the page shows without its script, in the form that its template takes.

use minijinja::Value;
use serde::Serialize;

use super::super::show::{change, one_line, passed, probability, tolerance, visible};
use super::super::{facts, pick, show_time};
use super::data::Data;
use super::order::{Entry, Order};
use super::suite::Suite;
use super::text::Diffs;
use super::{SCRIPT, STYLE, chart, policy};
use crate::compare::summary::{CaseVerdict, RunFacts, SuiteSummary, Summary, Verdict};
use crate::text::excerpt;
use crate::units::count;

/// Cases that are listed for readers without a script; the script lists all.
const LISTED: usize = 500;
/// Characters of a reason in that list.
const REASON: usize = 200;

/// The page.
#[derive(Serialize)]
pub(super) struct Page {
    title: String,
    policy: String,
    style: Value,
    script: Value,
    meta: Value,
    index: Value,
    blocks: Vec<Value>,
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
    has_groups: bool,
    has_subjects: bool,
    listed: Vec<Row>,
    not_listed: usize,
    others: String,
    keys: &'static [(&'static [&'static str], &'static str)],
}

/// A case that wants attention.
#[derive(Serialize)]
struct Row {
    class: &'static str,
    id: String,
    of: String,
    marks: String,
    why: String,
    before: String,
    now: String,
    p: String,
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

/// What can be pressed.
const KEYS: &[(&[&str], &str)] = &[
    (&["/"], "filter cases"),
    (&["j", "k"], "next, previous case"),
    (&["1", "8"], "first to last tab of the open case"),
    (&["d"], "differences inline or side by side"),
    (&["n", "p"], "next, previous change"),
    (&["a", "r"], "accept, reject as golden"),
    (&["y"], "copy a link to this view"),
    (&["t"], "light or dark"),
    (&["?"], "this help"),
    (&["Esc"], "close"),
];

impl Page {
    pub(super) fn of(
        summary: &Summary<'_>,
        order: &Order<'_, '_>,
        title: String,
        data: Data,
    ) -> Self {
        let counts = all_counts(summary);
        let worst = summary
            .suites
            .iter()
            .find(|suite| suite.verdict == summary.verdict);
        let steps = worst.map(pick::next_steps).unwrap_or_default();
        let mut diffs = Diffs::new();
        let suites = summary.suites.iter().enumerate();
        let is_wanted = |entry: &&Entry<'_, '_>| is_wanted(entry.case.verdict);
        let wanted = order.entries.iter().filter(is_wanted).count();
        let is_one_subject = order.entries.iter().all(|entry| entry.subject_at == 0);
        let listed = order.entries.iter().take_while(is_wanted).take(LISTED);
        Self {
            title,
            policy: policy(),
            style: Value::from_safe_string(STYLE.to_owned()),
            script: Value::from_safe_string(SCRIPT.to_owned()),
            meta: Value::from_safe_string(data.meta),
            // Base64 has no sign of markup.
            index: Value::from_safe_string(data.index),
            blocks: data
                .blocks
                .into_iter()
                .map(Value::from_safe_string)
                .collect(),
            regauge: summary.regauge,
            names: summary
                .suites
                .iter()
                .map(|suite| shown_line(suite.suite))
                .collect(),
            crumbs: crumbs(summary),
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
            suites: suites
                .map(|(at, suite)| Suite::of(at, suite, order, &mut diffs))
                .collect(),
            cases: order.entries.len(),
            has_groups: order.entries.iter().any(|entry| entry.case.group.is_some()),
            has_subjects: !is_one_subject,
            listed: listed.map(|entry| Row::of(entry, is_one_subject)).collect(),
            not_listed: wanted.saturating_sub(LISTED),
            others: count(order.entries.len() - wanted, "other case"),
            keys: KEYS,
        }
    }
}

/// The title of the page: what was run, and what came out.
pub(super) fn title(summary: &Summary<'_>) -> String {
    let names = summary.suites.iter().map(|suite| shown_line(suite.suite));
    let names: Vec<String> = names.collect();
    format!("{} · {}", names.join(", "), summary.verdict.name())
}

/// Whether somebody should look at a case.
fn is_wanted(verdict: CaseVerdict) -> bool {
    matches!(
        verdict,
        CaseVerdict::Regressed
            | CaseVerdict::Suspect
            | CaseVerdict::Unmeasured
            | CaseVerdict::Flaky
    )
}

impl Row {
    fn of(entry: &Entry<'_, '_>, is_one_subject: bool) -> Self {
        let case = entry.case;
        Self {
            class: case.verdict.name(),
            id: visible(case.id),
            of: if is_one_subject {
                String::new()
            } else {
                shown_line(&format!("{} · {}", entry.suite.suite, entry.subject.name))
            },
            marks: shown_line(&facts::marks(case)),
            why: shown_line(&excerpt(&case.why, REASON)),
            before: passed(case.passed_before),
            now: passed(Some(case.passed)),
            p: case.p.map_or_else(String::new, probability),
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

/// How sure the headline is, what moved, and since when.
fn lede(suite: &SuiteSummary<'_>) -> Vec<Said> {
    let mut parts = Vec::new();
    let mut say = |text: String, strong| {
        parts.push(Said {
            text: shown_line(&text),
            strong,
        });
    };
    let deciding = pick::deciding(suite);
    if let Some(metric) = deciding
        && let Some(found) = change(metric)
    {
        if let Some(allowed) = tolerance(metric) {
            say(format!("Allowed is {allowed}."), false);
        }
        say("90 % interval".into(), false);
        say(format!("{}{}", found.interval, found.unit), true);
        let trials = count(suite.run.trials_per_case as usize, "trial");
        let most = if suite.run.is_adaptive { "up to " } else { "" };
        let over = format!(
            "over {} × {most}{trials}",
            count(metric.pairs, "paired case")
        );
        match metric.p_drop {
            Some(p) => say(
                format!("{over}; noise alone does this with p {}.", compared(p)),
                false,
            ),
            None => say(format!("{over}."), false),
        }
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
    if suite.verdict == Verdict::Regressed
        && let Some(day) = deciding.and_then(|metric| facts::first_bad_day(suite, metric.name))
    {
        say("First bad run:".into(), false);
        say(format!("{day}."), true);
    }
    parts
}

/// `< 0.001` or `= 0.012`.
fn compared(p: f64) -> String {
    let shown = probability(p);
    if shown.starts_with('<') {
        shown
    } else {
        format!("= {shown}")
    }
}

/// `v1` of `v1 (0f3c2ab59d1e)`: the digest stands beside it in the table.
fn first_word(text: &str) -> &str {
    text.split(" (").next().unwrap_or(text)
}
