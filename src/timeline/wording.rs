//! What is said of a course over time: one plain sentence for each finding.

use super::level::{Level, Slipped};
use super::{Series, Slope};
use crate::history::change::Change;
use crate::history::run::Header;
use crate::units::{count, day_of};

/// Changes that are named in a sentence.
const NAMED: usize = 4;

/// A change of level, with what came with it.
pub(super) fn shift(series: &Series, found: &Level, header: &Header, changes: &[Change]) -> String {
    format!(
        "{} {} from {} to {} with {}; {}",
        name(series),
        moved(found.before, found.after),
        series.unit.show(found.before),
        series.unit.show(found.after),
        run(header),
        with_it(changes)
    )
}

/// The first run of a stretch that is worse than all before it.
pub(super) fn first_this_low(
    series: &Series,
    at: usize,
    header: &Header,
    changes: &[Change],
) -> String {
    let (word, never, value) = if series.lower_is_better {
        ("high", "above", most(&series.values[..at]))
    } else {
        ("low", "below", least(&series.values[..at]))
    };
    format!(
        "{} is at {} in {}, the first that is this {word} (before it never {never} {}); {}",
        name(series),
        series.unit.show(series.values[at]),
        run(header),
        series.unit.show(value),
        with_it(changes)
    )
}

/// A slow course.
pub(super) fn drift(series: &Series, slope: Slope) -> String {
    format!(
        "{} {} slowly from {} to {} over {}, with no single run to blame",
        name(series),
        moved(slope.from, slope.to),
        series.unit.show(slope.from),
        series.unit.show(slope.to),
        count(series.values.len(), "run")
    )
}

/// Small losses that add up.
pub(super) fn alarm(series: &Series, found: &Slipped, run: &str) -> String {
    format!(
        "{} has left its level of {}: since run {run} it is at {} on the mean, which noise between runs seldom does",
        name(series),
        series.unit.show(found.before),
        series.unit.show(found.after)
    )
}

fn name(series: &Series) -> String {
    format!("{} of {}", series.metric, series.subject)
}

fn moved(before: f64, after: f64) -> &'static str {
    if after < before { "fell" } else { "rose" }
}

fn run(header: &Header) -> String {
    match day_of(header.started_at) {
        Some(day) => format!("run {} of {day}", header.id),
        None => format!("run {}", header.id),
    }
}

/// What came with a run, as far as it was recorded.
fn with_it(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "nothing that Regauge records changed with it".to_owned();
    }
    let named: Vec<String> = changes.iter().take(NAMED).map(Change::in_words).collect();
    let more = match changes.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("with it came {}{more}", named.join(", "))
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}
