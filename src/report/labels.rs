//! The confusion matrix of a subject, as words and as cells of a table.

use crate::compare::summary::labels::{Counted, LabelRow, LabelSummary};
use crate::stats::confusion::LabelScores;

/// Labels up to which the whole table is shown; of more there is only the sentence, and report.json has all.
const MOST: usize = 25;
/// Confusions that are named in a sentence.
const NAMED: usize = 3;
/// Less than this is no case and no difference, but a remainder of rounding.
const NOTHING: f64 = 1e-9;

/// What the columns behind the labels are called.
pub(super) const SCORES: [&str; 3] = ["precision", "recall", "F1"];

/// The tables that are small enough to be read.
pub(super) fn tables<'s, 'a>(
    labels: &'s [LabelSummary<'a>],
) -> impl Iterator<Item = &'s LabelSummary<'a>> {
    labels.iter().filter(|table| table.columns.len() <= MOST)
}

/// What is confused most often: `classification takes billing for shipping in 4 cases (before 1)`.
pub(super) fn sentence(table: &LabelSummary<'_>) -> Option<String> {
    let mut confused: Vec<(&str, &str, &Counted)> = Vec::new();
    for row in &table.rows {
        let cells = table.columns.iter().zip(&row.cells);
        let wrong = cells.filter(|(column, cell)| **column != row.label && cell.now > NOTHING);
        confused.extend(wrong.map(|(column, cell)| (row.label, *column, cell)));
    }
    confused.sort_by(|(.., one), (.., other)| other.now.total_cmp(&one.now));
    let named = confused.iter().take(NAMED).map(|(label, given, cell)| {
        let before = cell.before.map_or_else(String::new, |before| {
            format!(" (before {})", number(before))
        });
        format!("{label} as {given}: {}{before}", number(cell.now))
    });
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| {
        format!(
            "cases that {} confuses most: {}",
            table.metric,
            named.join(" · ")
        )
    })
}

/// A count of cases, with one decimal where trials of a case disagree.
pub(super) fn number(count: f64) -> String {
    if (count - count.round()).abs() < NOTHING {
        format!("{count:.0}")
    } else {
        format!("{count:.1}")
    }
}

/// The difference from the baseline, where there is one.
pub(super) fn difference(cell: &Counted) -> Option<String> {
    let change = cell.now - cell.before?;
    (change.abs() > NOTHING).then(|| {
        let sign = if change < 0.0 { "\u{2212}" } else { "+" };
        format!("{sign}{}", number(change.abs()))
    })
}

/// Precision, recall and F1 of a label, each as it was and as it is.
pub(super) fn scores(row: &LabelRow<'_>) -> [(Option<String>, String); 3] {
    let parts: [fn(&LabelScores) -> f64; 3] = [|s| s.precision, |s| s.recall, |s| s.f1];
    parts.map(|part| {
        let shown = |scores: &LabelScores| format!("{:.1} %", part(scores) * 100.0);
        let now = row.now.as_ref().map_or_else(|| "–".to_owned(), shown);
        (row.before.as_ref().map(shown), now)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> LabelSummary<'static> {
        let cells = |now: [f64; 2], before: [f64; 2]| {
            let cells = now.into_iter().zip(before);
            let cells = cells.map(|(now, before)| Counted {
                now,
                before: Some(before),
            });
            cells.collect()
        };
        let row = |label, cells| LabelRow {
            label,
            cells,
            now: None,
            before: None,
        };
        LabelSummary {
            metric: "kind",
            columns: vec!["a", "b"],
            rows: vec![
                row("a", cells([9.0, 1.5], [9.5, 1.0])),
                row("b", cells([4.0, 2.0], [4.0, 2.0])),
            ],
        }
    }

    #[test]
    fn what_is_confused_most_often_is_said_first() {
        insta::assert_snapshot!(sentence(&table()).unwrap(), @"cases that kind confuses most: b as a: 4 (before 4) · a as b: 1.5 (before 1)");
    }

    #[test]
    fn a_cell_shows_its_difference_only_where_there_is_one() {
        let rows = table().rows;
        assert_eq!(
            difference(&rows[0].cells[0]).as_deref(),
            Some("\u{2212}0.5")
        );
        assert_eq!(difference(&rows[1].cells[0]), None);
    }
}
