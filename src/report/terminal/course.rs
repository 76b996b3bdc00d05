//! The course of a suite over time: a line of blocks for each metric, and below it what was found.

use super::super::show::{one_line, value};
use super::paint::{Line, Look};
use super::{NARROWEST, Screen, Style, WIDEST, ascii};
use crate::timeline::{FirstBad, Rule, Series, Timeline};
use crate::units::{count, day_of};

/// Heights of a block, least first.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Runs of a line, the newest ones.
const LONGEST: usize = 40;
/// The smallest range that fills the height: of a share, and relative to a quantity. Less is drawn as less.
const LEAST_RANGE: f64 = 0.05;

/// The course of all metrics of all subjects.
pub fn course(timeline: &Timeline, style: &Style) -> String {
    let mut screen = Screen {
        lines: Vec::new(),
        style: *style,
        width: style.width.clamp(NARROWEST, WIDEST),
        groups_left: 0,
    };
    screen.wrapped(&header(timeline), 0, 2);
    if timeline.left_out > 0 {
        let few = "left out, with too few cases in common with the newest";
        screen.dim(&format!("{} {few}", count(timeline.left_out, "run")));
    }
    let wide = |of: fn(&Series) -> usize| timeline.series.iter().map(of).max().unwrap_or(0);
    let name = wide(|series| series.metric.chars().count());
    let drawn = wide(|series| series.values.len().min(LONGEST));
    let mut subject = "";
    for series in &timeline.series {
        if series.subject != subject {
            subject = &series.subject;
            screen.blank();
            let mut title = Line::new();
            title.add(&one_line(subject), Look::Bold);
            screen.wrapped(&title, 0, 2);
        }
        // Not wrapped: a line of blocks is one drawing.
        let line = values(series, name, drawn);
        screen.lines.push(line.painted(style.colour));
        for (text, look) in findings(series) {
            let mut line = Line::new();
            line.add(&one_line(&text), look);
            screen.wrapped(&line, 6, 8);
        }
    }
    let mut text = screen.lines.join("\n");
    text.push('\n');
    if style.unicode { text } else { ascii(&text) }
}

fn header(timeline: &Timeline) -> Line {
    let mut line = Line::new();
    line.add(&one_line(&timeline.suite), Look::Bold);
    let runs = count(timeline.runs.len(), "run");
    line.add(&format!("  {runs}"), Look::Plain);
    if let [first, .., last] = timeline.runs.as_slice()
        && let (Some(first), Some(last)) = (day_of(first.started_at), day_of(last.started_at))
    {
        line.add(&format!(" from {first} to {last}"), Look::Plain);
    }
    if let Some(newest) = timeline.runs.last() {
        line.add(&format!("  newest {}", newest.id), Look::Dim);
    }
    line
}

/// The blocks of a metric between its first and its last value.
fn values(series: &Series, name: usize, drawn: usize) -> Line {
    let mut line = Line::new();
    line.add(&format!("  {:name$}  ", series.metric), Look::Plain);
    let recent = &series.values[series.values.len().saturating_sub(LONGEST)..];
    let bad = series.first_bad.as_ref().map_or(usize::MAX, |bad| bad.at);
    let start = series.values.len() - recent.len();
    let (good, since) = recent.split_at(bad.saturating_sub(start).min(recent.len()));
    line.add(&blocks(good, recent, series), Look::Plain);
    line.add(&blocks(since, recent, series), Look::Red);
    let gap = " ".repeat(drawn - recent.len());
    let ends = [series.values.first(), series.values.last()];
    let [first, last] =
        ends.map(|end| end.map_or_else(String::new, |end| value(series.unit, *end)));
    line.add(&format!("{gap}  {first} → {last}"), Look::Plain);
    if !series.gated {
        line.add("  not gated", Look::Dim);
    }
    line
}

/// A block for each value, on the scale of all that are drawn.
fn blocks(values: &[f64], all: &[f64], series: &Series) -> String {
    let least = all.iter().copied().fold(f64::INFINITY, f64::min);
    let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let unit = if series.relative { most.abs() } else { 1.0 };
    let range = (most - least)
        .max(LEAST_RANGE * unit)
        .max(f64::MIN_POSITIVE);
    let block = |value: &f64| {
        // A course that does not fill the range stands at the end where good values are.
        let height = if series.lower_is_better {
            (value - least) / range * 7.0
        } else {
            (1.0 - (most - value) / range) * 7.0
        };
        let steps = (0..7_u8).filter(|step| f64::from(*step) + 0.5 <= height);
        BLOCKS[steps.count()]
    };
    values.iter().map(block).collect()
}

/// Changes of level, the first bad run, slow losses.
fn findings(series: &Series) -> Vec<(String, Look)> {
    let bad = series.first_bad.as_ref();
    let (tested, untested) = (
        bad.filter(|bad| bad.rule == Rule::ChangePoint),
        bad.filter(|bad| bad.rule == Rule::FirstThisLow),
    );
    let told = |bad: &FirstBad| (bad.in_words(), Look::Red);
    let mut found: Vec<(String, Look)> = Vec::new();
    for shift in &series.shifts {
        let as_bad = tested.filter(|bad| bad.at == shift.at).map(told);
        found.push(as_bad.unwrap_or_else(|| (shift.sentence.clone(), Look::Dim)));
    }
    found.extend(untested.map(told));
    let drift = series.drift.as_ref().map(|drift| &drift.sentence);
    let alarm = series.alarm.as_ref().map(|alarm| &alarm.sentence);
    let slow = drift.into_iter().chain(alarm);
    found.extend(slow.map(|sentence| (sentence.clone(), Look::Yellow)));
    found
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::World;
    use super::*;

    fn shown(unicode: bool) -> String {
        let style = Style {
            colour: false,
            width: 80,
            unicode,
        };
        let world = World::one_suite();
        let summary = world.summary();
        course(summary.suites[0].timeline.expect("it has one"), &style)
    }

    #[test]
    fn a_course_names_its_first_bad_run() {
        insta::assert_snapshot!(shown(true));
    }

    #[test]
    fn without_unicode_blocks_are_digits() {
        let text = shown(false);
        assert!(text.is_ascii(), "{text}");
        assert!(text.contains("787811"), "{text}");
    }
}
