//! The confusion matrices of a subject.

use super::marks::{Marked, Reader};
use super::measure::{Measure, change_of_scorer, twin_measure};
use super::side::Side;
use super::summary::labels::{Counted, LabelRow, LabelSummary};
use crate::history::run::Header;
use crate::plan::LabelRecord;
use crate::stats::confusion::Table;

/// What stands in for a label where an answer gives none.
const NONE: &str = "none of these";
/// What stands in for one where an answer declines.
const ABSTAINED: &str = "abstained";
/// What stands in for one where nothing was to be found.
const NOTHING: &str = "nothing";

/// What labels were given to what, for each metric that gives some.
pub(super) fn summaries<'a>(
    now: &Side<'a>,
    before: Option<&Side<'a>>,
    header: &'a Header,
) -> Vec<LabelSummary<'a>> {
    let metrics = header.metrics.iter().enumerate();
    let labelled =
        metrics.filter_map(|(index, metric)| Some((index, metric, metric.labels.as_ref()?)));
    let found = labelled.map(|(index, metric, labels)| {
        let reader = Reader {
            labels,
            sharing: header.policy.clusters,
        };
        let scored = Measure::Scored(index);
        let comparable =
            before.filter(|before| change_of_scorer(header, &before.run.header, scored).is_none());
        let before = comparable.map(|before| {
            let twin = twin_measure(&before.run.header, scored, &metric.name);
            table(reader, before, twin)
        });
        summary(
            &metric.name,
            labels,
            &table(reader, now, scored),
            before.as_ref(),
        )
    });
    found.collect()
}

/// What the trials of a side say, each case with its weight.
fn table(reader: Reader<'_>, side: &Side<'_>, measure: Measure) -> Table {
    let mut table = reader.table();
    if let Measure::Scored(metric) = measure {
        let units = reader.units(side, metric);
        for (place, weight) in units.iter().flat_map(Marked::mean) {
            table.add(place, weight);
        }
    }
    table
}

fn summary<'a>(
    metric: &'a str,
    labels: &'a LabelRecord,
    now: &Table,
    before: Option<&Table>,
) -> LabelSummary<'a> {
    let names = || labels.names.iter().map(String::as_str);
    let tables = || [Some(now), before].into_iter().flatten();
    let known = labels.names.len();
    let has_column =
        |column: usize| tables().any(|table| table.rows().any(|row| row[column] > 0.0));
    let has_row = |row: usize| {
        let rows = tables().filter_map(|table| table.rows().nth(row));
        rows.flatten().any(|count| *count > 0.0)
    };
    let columns: Vec<(usize, &str)> = names()
        .chain([NONE, ABSTAINED])
        .enumerate()
        .filter(|(column, _)| *column < known || has_column(*column))
        .collect();
    let rows = names().chain([NOTHING]).enumerate();
    let rows = rows.filter(|(row, _)| *row < known || has_row(*row));
    let scores = now.label_scores();
    let scores_before = before.map(Table::label_scores);
    let rows = rows.map(|(row, label)| {
        let count = |table: &Table, column: usize| {
            let mut rows = table.rows();
            // Thirds of cases sum up to whole ones but for a remainder of rounding.
            let whole = |count: f64| (count * 1e9).round() / 1e9;
            rows.nth(row).map_or(0.0, |cells| whole(cells[column]))
        };
        let cells = columns.iter().map(|(column, _)| Counted {
            now: count(now, *column),
            before: before.map(|table| count(table, *column)),
        });
        LabelRow {
            label,
            cells: cells.collect(),
            now: scores.get(row).copied().flatten(),
            before: scores_before
                .as_ref()
                .and_then(|scores| scores.get(row).copied().flatten()),
        }
    });
    LabelSummary {
        metric,
        rows: rows.collect(),
        columns: columns.iter().map(|(_, name)| *name).collect(),
    }
}
