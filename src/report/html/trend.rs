//! The course of a gated metric over time: a drawing with the first bad run marked, and its numbers.

use std::fmt::Write as _;

use minijinja::Value;
use serde::Serialize;

use super::super::show::value;
use super::page::shown_line;
use crate::compare::summary::SuiteSummary;
use crate::plan::ERROR_RATE;
use crate::text::excerpt;
use crate::timeline::{Series, Timeline};
use crate::units::{count, day_of};

/// Courses that are drawn; `regauge history` shows all.
const DRAWN: usize = 6;
/// Runs of which the numbers are listed.
const LISTED: usize = 10;
/// The drawing.
const WIDTH: f64 = 920.0;
const HEIGHT: f64 = 186.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 900.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 150.0;
/// Lines across it: about, and at most.
const LINES: f64 = 4.0;
const MOST_LINES: u32 = 8;
/// The smallest range that fills the height: of a share, and relative to a quantity.
const LEAST_SHARE: f64 = 0.04;
const LEAST_RELATIVE: f64 = 0.01;
/// Characters of what came with the first bad run.
const LONGEST: usize = 48;

/// A course as the page shows it.
#[derive(Serialize)]
pub(super) struct Trend {
    name: String,
    runs: String,
    chart: Value,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    run: String,
    day: String,
    value: String,
    is_bad: bool,
}

/// The courses of the gated metrics of a suite, the worst subject first, and how many others there are.
pub(super) fn trends(suite: &SuiteSummary<'_>) -> (Vec<Trend>, usize) {
    let Some(timeline) = suite.timeline else {
        return (Vec::new(), 0);
    };
    let metrics = suite.subjects.iter().flat_map(|subject| {
        let gated = subject
            .metrics
            .iter()
            .filter(|metric| metric.gate.is_some());
        gated.filter_map(|metric| timeline.series_of(&subject.name, metric.name))
    });
    let wanted: Vec<&Series> = metrics.filter(|series| is_worth_it(series)).collect();
    let baseline = suite.baseline.as_ref().map(|baseline| baseline.id);
    let drawn = wanted.iter().take(DRAWN);
    let trends = drawn.map(|series| Trend::of(timeline, series, baseline));
    (trends.collect(), wanted.len().saturating_sub(DRAWN))
}

/// A line takes two points; that nothing failed in any run needs no picture.
fn is_worth_it(series: &Series) -> bool {
    let is_quiet = series.metric == ERROR_RATE && series.values.iter().all(|value| *value <= 0.0);
    series.values.len() > 1 && !is_quiet
}

impl Trend {
    fn of(timeline: &Timeline, series: &Series, baseline: Option<&str>) -> Self {
        let first_bad = series.first_bad.as_ref().map_or(usize::MAX, |bad| bad.at);
        let points = series.runs.iter().zip(&series.values).enumerate();
        let rows = points.rev().take(LISTED).map(|(index, (run, number))| {
            let run = &timeline.runs[*run];
            Row {
                run: shown_line(&run.id),
                day: day_of(run.started_at).unwrap_or_default(),
                value: shown_line(&value(series.unit, *number)),
                is_bad: index >= first_bad,
            }
        });
        Self {
            name: shown_line(&format!("{} of {}", series.metric, series.subject)),
            runs: format!(
                "last {}, {} in common",
                count(series.values.len(), "run"),
                count(series.cases, "case")
            ),
            chart: Value::from_safe_string(draw(timeline, series, baseline)),
            rows: rows.collect(),
        }
    }
}

/// Where points stand in the drawing.
struct Frame {
    last: f64,
    low: f64,
    high: f64,
    step: f64,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "numbers of runs are far below 2^53"
)]
impl Frame {
    fn of(series: &Series) -> Self {
        let least = series.values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = series
            .values
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        // Steps far below the values would be lost in their rounding, and lines would have no end.
        let smallest = if series.relative {
            most.abs() * series.tolerance.max(LEAST_RELATIVE)
        } else {
            LEAST_SHARE
        };
        let range = (most - least).max(smallest);
        let range = if range > 0.0 { range } else { 1.0 };
        let step = round_step(range / LINES);
        Self {
            last: (series.values.len() - 1).max(1) as f64,
            low: (least / step).floor() * step,
            high: (most / step).ceil() * step,
            step,
        }
        .not_flat()
    }

    /// One step at least: below the values, where that is not below nothing.
    fn not_flat(self) -> Self {
        if self.high - self.low >= self.step / 2.0 {
            self
        } else if self.low > 0.0 {
            let low = self.low - self.step;
            Self { low, ..self }
        } else {
            let high = self.high + self.step;
            Self { high, ..self }
        }
    }

    /// Where lines are drawn across, lowest first: a few in any case.
    fn lines(&self) -> impl Iterator<Item = f64> {
        (0..MOST_LINES)
            .map(|line| self.low + f64::from(line) * self.step)
            .take_while(|at| *at <= self.high + self.step / 2.0)
    }

    fn x(&self, index: usize) -> f64 {
        LEFT + index as f64 / self.last * (RIGHT - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value.clamp(self.low, self.high) - self.low) / (self.high - self.low);
        BOTTOM - share * (BOTTOM - TOP)
    }
}

/// The next of 1, 2, 5, 10, … that is no smaller.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let rounded = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|size| size * power >= step * (1.0 - 1e-9));
    rounded.unwrap_or(10.0) * power
}

fn draw(timeline: &Timeline, series: &Series, baseline: Option<&str>) -> String {
    let frame = Frame::of(series);
    let id = |index: usize| timeline.runs[series.runs[index]].id.as_str();
    let baseline =
        baseline.and_then(|name| (0..series.runs.len()).find(|index| id(*index) == name));
    let mut inner = grid(series, &frame);
    inner.push_str(&events(timeline, series, &frame));
    if let Some(at) = baseline {
        inner.push_str(&reference(series, &frame, at));
    }
    inner.push_str(&line(series, &frame, baseline));
    inner.push_str(&axis(timeline, series, &frame));
    let mut label = format!(
        "{} in {}, from {} to {}",
        series.metric,
        count(series.values.len(), "run"),
        value(series.unit, series.values[0]),
        value(series.unit, series.values[series.values.len() - 1])
    );
    if let Some(bad) = &series.first_bad {
        let _ = write!(label, "; first bad run {}", bad.run);
    }
    format!(
        r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">{inner}</svg>"#,
        escaped(&label)
    )
}

fn grid(series: &Series, frame: &Frame) -> String {
    let mut lines = String::new();
    for at in frame.lines() {
        let y = frame.y(at);
        let _ = write!(
            lines,
            r#"<path class="grid" d="M{LEFT} {y:.1}H{RIGHT}"/><text class="axis" x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            LEFT - 8.0,
            y + 4.0,
            value(series.unit, at)
        );
    }
    lines
}

/// A line where something changed besides answers and commits, with its name at the first bad run.
fn events(timeline: &Timeline, series: &Series, frame: &Frame) -> String {
    let mut lines = String::new();
    let first_bad = series.first_bad.as_ref().map(|bad| bad.at);
    for (index, run) in series.runs.iter().enumerate() {
        let mut changes = timeline.runs[*run].changes.iter();
        let known = changes.find(|change| !matches!(change.what.as_str(), "commit" | "regauge"));
        let Some(change) = known else { continue };
        let x = frame.x(index);
        let _ = write!(lines, r#"<path class="ev" d="M{x:.1} 10V{BOTTOM}"/>"#);
        if Some(index) == first_bad {
            let (x, anchor) = beside(x);
            let name = escaped(&excerpt(&shown_line(&change.what), LONGEST));
            let _ = write!(
                lines,
                r#"<text class="evl" x="{x:.1}" y="20" text-anchor="{anchor}">{name}</text>"#
            );
        }
    }
    lines
}

/// Where a text beside a line stands so that it fits.
fn beside(x: f64) -> (f64, &'static str) {
    if x > WIDTH / 2.0 {
        (x - 8.0, "end")
    } else {
        (x + 8.0, "start")
    }
}

/// The baseline with what is tolerated around it.
fn reference(series: &Series, frame: &Frame, at: usize) -> String {
    let level = series.values[at];
    let allowed = if series.relative {
        level * series.tolerance
    } else {
        series.tolerance
    };
    let (x, top, bottom) = (
        frame.x(at),
        frame.y(level + allowed),
        frame.y(level - allowed),
    );
    format!(
        r#"<rect class="band" x="{x:.1}" y="{top:.1}" width="{:.1}" height="{:.1}"/><path class="base" d="M{x:.1} {:.1}H{RIGHT}"/>"#,
        RIGHT - x,
        bottom - top,
        frame.y(level)
    )
}

fn line(series: &Series, frame: &Frame, baseline: Option<usize>) -> String {
    let first_bad = series.first_bad.as_ref().map_or(usize::MAX, |bad| bad.at);
    let last = series.values.len() - 1;
    let (mut path, mut dots) = (String::new(), String::new());
    for (index, number) in series.values.iter().enumerate() {
        let (x, y) = (frame.x(index), frame.y(*number));
        let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' });
        let class = if index >= first_bad { "badpt" } else { "pt" };
        let size = if index == last || Some(index) == baseline {
            5
        } else {
            3
        };
        let _ = write!(
            dots,
            r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="{size}"/>"#
        );
    }
    format!(r#"<path class="ln" d="{path}"/>{dots}"#)
}

/// The days of the first and the last run, of the baseline's and of the first bad one.
fn axis(timeline: &Timeline, series: &Series, frame: &Frame) -> String {
    let day =
        |index: usize| day_of(timeline.runs[series.runs[index]].started_at).unwrap_or_default();
    let last = series.values.len() - 1;
    let mut text = String::new();
    for (index, anchor) in [(0, "start"), (last, "end")] {
        let _ = write!(
            text,
            r#"<text class="axis" x="{:.1}" y="168" text-anchor="{anchor}">{}</text>"#,
            frame.x(index),
            day(index)
        );
    }
    if let Some(bad) = &series.first_bad {
        let (x, anchor) = beside(frame.x(bad.at));
        let y = frame.y(series.values[bad.at]) + 4.0;
        let _ = write!(
            text,
            r#"<text class="lab" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">first bad run, {}</text>"#,
            day(bad.at)
        );
    }
    text
}

/// A text as part of markup.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in shown_line(text).chars() {
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            _ => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scorer::Unit;

    #[test]
    fn steps_are_round() {
        let steps = [0.011, 0.02, 0.3, 7.0, 120.0].map(|step| format!("{:.2}", round_step(step)));
        assert_eq!(steps, ["0.02", "0.02", "0.50", "10.00", "200.00"]);
    }

    /// A course of a quantity of which no rise is accepted.
    fn strict(values: &[f64]) -> Series {
        Series {
            subject: "repeat · small".to_owned(),
            metric: "tokens".to_owned(),
            unit: Unit::Tokens,
            lower_is_better: true,
            gated: true,
            tolerance: 0.0,
            relative: true,
            cases: 1,
            runs: (0..values.len()).collect(),
            values: values.to_vec(),
            since_previous: None,
            shifts: Vec::new(),
            first_bad: None,
            drift: None,
            alarm: None,
        }
    }

    #[test]
    fn a_quantity_that_never_moves_is_drawn_though_no_rise_is_accepted() {
        for values in [[16.0, 16.0], [0.0, 0.0], [1e6, 1e6 + 1e-9], [1e-9, 1e-9]] {
            let frame = Frame::of(&strict(&values));
            let lines: Vec<f64> = frame.lines().collect();
            assert!((2..=6).contains(&lines.len()), "{values:?}: {lines:?}");
            assert!(lines[0] >= 0.0, "{values:?}: {lines:?}");
            let is_inside = |y: f64| (TOP..=BOTTOM).contains(&y);
            assert!(values.iter().all(|value| is_inside(frame.y(*value))));
        }
    }

    proptest! {
        #[test]
        fn every_course_has_a_few_lines(
            values in prop::collection::vec(0.0..1e12_f64, 2..20), tolerance in 0.0..1.0_f64, relative: bool,
        ) {
            let values = if relative { values } else { values.iter().map(|value| value / 1e12).collect() };
            let frame = Frame::of(&Series { tolerance, relative, ..strict(&values) });
            let lines = frame.lines().count();
            prop_assert!((2..=7).contains(&lines), "{} lines", lines);
            let slack = frame.step * 1e-6;
            let is_inside = |value: &f64| frame.low - slack <= *value && *value <= frame.high + slack;
            prop_assert!(values.iter().all(is_inside));
        }
    }

    #[test]
    fn foreign_text_in_a_drawing_is_text() {
        assert_eq!(escaped("a\"<b>&\u{202e}"), "a&quot;&lt;b&gt;&amp;\u{fffd}");
    }
}
