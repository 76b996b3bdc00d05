//! The table of metrics.

use console::{measure_text_width, truncate_str};

use super::super::facts;
use super::super::show::{change, estimate, interval, mark, one_line, stripped, tolerance};
use super::paint::{Line, Look};
use super::verdict_look;
use crate::compare::summary::{MetricSummary, Verdict};

const TITLES: [&str; 5] = ["metric", "before", "now", "change", "90 % interval"];
/// Which columns are shown: the first of these that fits.
const CHOICES: [&[usize]; 3] = [&[0, 1, 2, 3, 4], &[0, 1, 2, 3], &[0, 2, 3]];
/// Columns of a name that are never given up.
const SHORTEST_NAME: usize = 10;
/// Between the numbers, and in front of the verdict.
const GAP: usize = 2;
const VERDICT_GAP: usize = 3;
const CHANGE: usize = 3;

/// A metric as a row.
struct Row {
    cells: [String; 5],
    verdict: Option<Verdict>,
    /// What is allowed, where more than that was lost.
    allowed: Option<String>,
}

/// A header and one line for each metric, in `width` columns as far as they can be.
pub(super) fn lines(metrics: &[&MetricSummary<'_>], width: usize) -> Vec<Line> {
    let rows: Vec<Row> = metrics.iter().map(|metric| Row::of(metric)).collect();
    let mut widths = TITLES.map(measure_text_width);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(&row.cells) {
            *width = (*width).max(measure_text_width(cell));
        }
    }
    let verdicts = rows.iter().map(|row| measure_text_width(&row.said(false)));
    let fixed = VERDICT_GAP + verdicts.max().unwrap_or(0);
    let needed = |columns: &[usize]| {
        let numbers = columns[1..].iter().map(|column| GAP + widths[*column]);
        fixed + numbers.sum::<usize>()
    };
    let columns = CHOICES
        .into_iter()
        .find(|columns| needed(columns) + widths[0].min(SHORTEST_NAME) <= width)
        .unwrap_or(CHOICES[CHOICES.len() - 1]);
    let room = width.saturating_sub(needed(columns));
    widths[0] = widths[0].min(room.max(SHORTEST_NAME));
    let mut lines = vec![Line::said(&padded(
        &TITLES.map(str::to_owned),
        widths,
        columns,
    ))];
    lines.extend(rows.iter().map(|row| row.line(widths, columns, width)));
    lines
}

impl Row {
    fn of(metric: &MetricSummary<'_>) -> Self {
        let found = change(metric);
        let range = match (&found, metric.now) {
            (Some(found), _) => found.interval.clone(),
            (None, Some(now)) => interval(metric.unit, now),
            (None, None) => String::new(),
        };
        let is_worse = metric.verdict == Some(Verdict::Regressed);
        Self {
            cells: [
                one_line(&stripped(&facts::name(metric))),
                estimate(metric.unit, metric.before),
                estimate(metric.unit, metric.now),
                found.map_or_else(String::new, |found| found.value),
                range,
            ],
            verdict: metric.verdict,
            allowed: tolerance(metric).filter(|_| is_worse),
        }
    }

    fn said(&self, with_allowed: bool) -> String {
        let Some(verdict) = self.verdict else {
            return String::new();
        };
        match &self.allowed {
            Some(allowed) if with_allowed => {
                format!("{} {}, {allowed} allowed", mark(verdict), verdict.name())
            }
            _ => format!("{} {}", mark(verdict), verdict.name()),
        }
    }

    fn line(&self, widths: [usize; 5], columns: &[usize], width: usize) -> Line {
        let mut line = Line::new();
        for column in columns {
            let is_worse = *column == CHANGE && self.verdict == Some(Verdict::Regressed);
            let look = if is_worse { Look::BoldRed } else { Look::Plain };
            line.add(&padded(&self.cells, widths, &[*column]), look);
            if column != columns.last().unwrap_or(column) {
                line.add(&" ".repeat(GAP), Look::Plain);
            }
        }
        if let Some(verdict) = self.verdict {
            line.add(&" ".repeat(VERDICT_GAP), Look::Plain);
            let whole = self.said(true);
            let fits = line.width() + measure_text_width(&whole) <= width;
            line.add(&self.said(fits), verdict_look(verdict));
        }
        line
    }
}

/// Cells at their widths: the name to the left, numbers to the right.
fn padded(cells: &[String; 5], widths: [usize; 5], columns: &[usize]) -> String {
    let padded = columns.iter().map(|column| {
        let cell = truncate_str(&cells[*column], widths[*column], "…");
        let space = " ".repeat(widths[*column].saturating_sub(measure_text_width(&cell)));
        if *column == 0 {
            format!("{cell}{space}")
        } else {
            format!("{space}{cell}")
        }
    });
    padded.collect::<Vec<_>>().join(&" ".repeat(GAP))
}
