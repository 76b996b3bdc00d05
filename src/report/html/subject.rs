//! What the page shows of one subject but for its cases: how sure it is.

use minijinja::Value;
use serde::Serialize;

use super::super::show::{change, estimate, interval, points, subject_facts, tolerance, value};
use super::super::{facts, labels};
use super::chart;
use super::data::group_number;
use super::order::Order;
use super::page::{Count, Pill, pill, shown_line, tally};
use crate::compare::summary::labels::LabelSummary;
use crate::compare::summary::{LimitVerdict, MetricSummary, SubjectSummary, Verdict};

/// A subject.
#[derive(Serialize)]
pub(super) struct Subject {
    name: String,
    facts: String,
    verdict: Pill,
    metrics: Vec<Metric>,
    sentences: Vec<Sentence>,
    notes: Vec<String>,
    tally: Vec<Count>,
    groups: Vec<Group>,
    matrices: Vec<Matrix>,
}

/// What labels were given to what.
#[derive(Serialize)]
struct Matrix {
    metric: String,
    has_before: bool,
    columns: Vec<String>,
    rows: Vec<MatrixRow>,
}

#[derive(Serialize)]
struct MatrixRow {
    label: String,
    cells: Vec<MatrixCell>,
    scores: Vec<MatrixScore>,
}

#[derive(Serialize)]
struct MatrixCell {
    count: String,
    change: Option<String>,
    is_right: bool,
    is_empty: bool,
}

#[derive(Serialize)]
struct MatrixScore {
    before: Option<String>,
    now: String,
}

/// A group of cases.
#[derive(Serialize)]
struct Group {
    name: String,
    number: Option<usize>,
    cases: usize,
    bad: usize,
    chart: Value,
    change: String,
}

#[derive(Serialize)]
struct Metric {
    name: String,
    note: String,
    before: String,
    now: String,
    chart: Value,
    change: String,
    interval: String,
    verdict: Option<Pill>,
}

#[derive(Serialize)]
struct Sentence {
    verdict: Pill,
    name: String,
    text: String,
}

impl Subject {
    pub(super) fn of(subject: &SubjectSummary<'_>, order: &Order<'_, '_>) -> Self {
        let gated = subject.gates();
        let groups = subject.groups.iter();
        let reach = chart::reach(groups.filter_map(|group| group.difference.as_ref()));
        Self {
            name: shown_line(&subject.name),
            facts: shown_line(&subject_facts(subject)),
            verdict: pill(subject.verdict),
            metrics: facts::rows(subject).map(Metric::of).collect(),
            notes: subject
                .gates()
                .filter_map(facts::sight)
                .chain(facts::notes(subject))
                .map(|note| shown_line(&note))
                .collect(),
            sentences: gated
                .filter(|metric| !metric.sentence.is_empty())
                .map(|metric| Sentence {
                    verdict: pill(metric.verdict.unwrap_or(Verdict::NoBaseline)),
                    name: shown_line(&facts::name(metric)),
                    text: shown_line(&metric.sentence),
                })
                .collect(),
            tally: tally(&subject.counts),
            groups: subject
                .groups
                .iter()
                .map(|group| Group {
                    name: shown_line(group.name),
                    number: group_number(order, group.name),
                    cases: group.cases,
                    bad: group.bad,
                    chart: Value::from_safe_string(
                        group
                            .difference
                            .map_or_else(String::new, |found| chart::group(found, reach)),
                    ),
                    change: group
                        .difference
                        .map_or_else(|| "–".to_owned(), |found| points(found.value)),
                })
                .collect(),
            matrices: labels::tables(&subject.labels).map(Matrix::of).collect(),
        }
    }
}

impl Matrix {
    fn of(table: &LabelSummary<'_>) -> Self {
        let rows = table.rows.iter().map(|row| {
            let cells = table.columns.iter().zip(&row.cells);
            MatrixRow {
                label: shown_line(row.label),
                cells: cells
                    .map(|(column, cell)| MatrixCell {
                        count: labels::number(cell.now),
                        change: labels::difference(cell),
                        is_right: *column == row.label,
                        is_empty: cell.now <= 0.0,
                    })
                    .collect(),
                scores: labels::scores(row)
                    .map(|(before, now)| MatrixScore { before, now })
                    .into(),
            }
        });
        Self {
            metric: shown_line(table.metric),
            has_before: table.has_before(),
            columns: table.columns.iter().map(|name| shown_line(name)).collect(),
            rows: rows.collect(),
        }
    }
}

impl Metric {
    fn of(metric: &MetricSummary<'_>) -> Self {
        let change = change(metric);
        let range = match (&change, metric.now) {
            (Some(change), _) => change.interval.clone(),
            (None, Some(now)) => interval(metric.unit, now),
            (None, None) => String::new(),
        };
        Self {
            name: shown_line(&facts::name(metric)),
            note: shown_line(&metric_note(metric)),
            before: estimate(metric.unit, metric.before),
            now: estimate(metric.unit, metric.now),
            chart: Value::from_safe_string(chart::metric(metric)),
            change: change.map_or_else(|| "–".to_owned(), |change| change.value),
            interval: range,
            verdict: metric.verdict.map(pill),
        }
    }
}

/// What is allowed, and how much was measured.
fn metric_note(metric: &MetricSummary<'_>) -> String {
    let mut notes = Vec::new();
    if metric.lower_is_better {
        notes.push("lower is better".to_owned());
    }
    match &metric.gate {
        None => notes.push("shown only".to_owned()),
        Some(gate) => {
            notes.extend(tolerance(metric).map(|allowed| format!("allowed {allowed}")));
            let limit = match gate.limit {
                Some(LimitVerdict::Holds) => " holds",
                Some(LimitVerdict::Broken) => " is broken",
                Some(LimitVerdict::Open) => " is open",
                None => "",
            };
            let of = |limit| value(metric.unit, limit);
            notes.extend(
                gate.at_least
                    .map(|floor| format!("floor {}{limit}", of(floor))),
            );
            notes.extend(
                gate.at_most
                    .map(|most| format!("ceiling {}{limit}", of(most))),
            );
        }
    }
    if metric.missing > 0 {
        notes.push(format!(
            "{} of {} missing",
            metric.missing,
            metric.pairs + metric.missing
        ));
    }
    notes.join(" · ")
}
