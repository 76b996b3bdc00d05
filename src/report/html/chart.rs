//! Drawings in SVG, made of numbers only. In every one left is worse and right is better, and words say the same.

use std::fmt::Write as _;

use super::super::show::{change, interval, points, tolerance, value};
use crate::compare::summary::{CaseVerdict, Estimate, MetricSummary, Verdict};
use crate::scorer::Unit;

/// Width and height of an interval.
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 38.0;
/// Tolerances that fit on either side of no change.
const REACH: f64 = 4.0;
/// Room for an arrow beside the middle of an interval that does not fit at all.
const ARROW: f64 = 16.0;
/// The scale of metrics that have no tolerance: relative ones, and shares.
const RELATIVE_SCALE: f64 = 0.10;
const SHARE_SCALE: f64 = 0.02;
/// The drawing of a group: its width, what of it is on either side of no change, and the least share that fits there.
const GROUP_WIDTH: f64 = 92.0;
const GROUP_HALF: f64 = 42.0;
const LEAST_REACH: f64 = 0.20;
/// The narrowest part of a bar that can be seen, of a thousand.
const NARROWEST: f64 = 8.0;

/// The difference of a metric with its interval against what is allowed, or without a baseline its value on the scale
/// from nothing to all.
pub(super) fn metric(metric: &MetricSummary<'_>) -> String {
    match (metric.difference, metric.now) {
        (Some(difference), _) => difference_row(metric, difference),
        (None, Some(now)) if metric.unit == Unit::Share => value_row(metric, now),
        (None, _) => String::new(),
    }
}

fn difference_row(metric: &MetricSummary<'_>, difference: Estimate) -> String {
    let allowed = metric.gate.as_ref().map(|gate| gate.tolerance);
    let scale = match allowed {
        Some(allowed) if allowed > 0.0 => allowed,
        _ if metric.relative => RELATIVE_SCALE,
        _ if metric.unit == Unit::Share => SHARE_SCALE,
        _ => difference.value.abs().max(f64::MIN_POSITIVE) / 2.0,
    };
    let mut label = change(metric).map_or_else(String::new, |change| {
        format!("change {}, 90 % interval {}", change.value, change.interval)
    });
    let mut inner = String::new();
    if let Some(allowed) = tolerance(metric) {
        let _ = write!(label, ", allowed drop {allowed}");
        let _ = write!(
            inner,
            r#"<rect class="band" x="{:.1}" width="{:.1}" height="{HEIGHT}"/>"#,
            at(-1.0),
            at(1.0) - at(-1.0)
        );
    }
    let _ = write!(inner, r#"<path class="zero" d="M150 0V{HEIGHT}"/>"#);
    let Estimate { value, low, high } = difference;
    let scaled = [low, value, high].map(|size| size / scale);
    inner.push_str(&mark(metric.verdict, scaled, 19, at));
    svg(&label, &inner)
}

fn value_row(metric: &MetricSummary<'_>, now: Estimate) -> String {
    let better = |share: f64| {
        if metric.lower_is_better {
            1.0 - share
        } else {
            share
        }
    };
    let along = |share: f64| 8.0 + better(share.clamp(0.0, 1.0)) * (WIDTH - 16.0);
    let mut label = format!(
        "{}, 90 % interval {}",
        value(metric.unit, now.value),
        interval(metric.unit, now)
    );
    let mut inner = format!(
        r#"<path class="zero" d="M8 19V25M292 19V25M8 22H292"/><text class="axis" x="8" y="36">{}</text><text class="axis" x="292" y="36" text-anchor="end">{}</text>"#,
        value(metric.unit, better(0.0)),
        value(metric.unit, better(1.0))
    );
    let gate = metric.gate.as_ref();
    for (name, limit) in [
        ("floor", gate.and_then(|gate| gate.at_least)),
        ("ceiling", gate.and_then(|gate| gate.at_most)),
    ] {
        let Some(limit) = limit else { continue };
        let _ = write!(label, ", {name} {}", value(metric.unit, limit));
        let _ = write!(
            inner,
            r#"<path class="floor" d="M{0:.1} 2V25"/>"#,
            along(limit)
        );
    }
    inner.push_str(&mark(
        metric.verdict,
        [now.low, now.value, now.high],
        13,
        along,
    ));
    svg(&label, &inner)
}

/// An interval with its middle, at the height `y`; ends that do not fit are arrows.
fn mark(
    verdict: Option<Verdict>,
    [low, middle, high]: [f64; 3],
    y: i32,
    along: impl Fn(f64) -> f64,
) -> String {
    let (one, other, mut x) = (along(low), along(high), along(middle));
    let (mut left, mut right) = (one.min(other), one.max(other));
    let mut arrows = String::new();
    if low.min(high) < -REACH {
        let _ = write!(arrows, "M{:.1} {}l-6 6l6 6", left + 6.0, y - 6);
        x = x.max(left + ARROW);
        right = right.max(x);
    }
    if low.max(high) > REACH {
        let _ = write!(arrows, "M{:.1} {}l6 6l-6 6", right - 6.0, y - 6);
        x = x.min(right - ARROW);
        left = left.min(x);
    }
    let line = format!("M{left:.1} {y}H{right:.1}{arrows}");
    let open = if matches!(verdict, Some(Verdict::Inconclusive) | None) {
        " open"
    } else {
        ""
    };
    format!(
        r#"<g class="{}"><path class="cil" d="{line}"/><circle class="dot{open}" cx="{:.1}" cy="{y}" r="5"/></g>"#,
        super::page::class_of(verdict),
        x
    )
}

fn at(tolerances: f64) -> f64 {
    WIDTH / 2.0 + tolerances.clamp(-REACH, REACH) * (WIDTH / 2.0 - 8.0) / REACH
}

/// `label` is made of numbers and of our own words.
fn svg(label: &str, inner: &str) -> String {
    let label = label.replace('<', "&lt;");
    format!(r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{inner}</svg>"#)
}

/// The share that fits on either side of no change, so that all groups do: at least a fifth.
pub(super) fn reach<'g>(differences: impl Iterator<Item = &'g Estimate>) -> f64 {
    let sizes = differences.flat_map(|found| [found.low.abs(), found.high.abs()]);
    sizes.fold(LEAST_REACH, f64::max).min(1.0)
}

/// The difference of a group of cases, in points.
pub(super) fn group(difference: Estimate, reach: f64) -> String {
    let Estimate { value, low, high } = difference;
    let along = |share: f64| GROUP_WIDTH / 2.0 + share.clamp(-reach, reach) / reach * GROUP_HALF;
    let class = if high < 0.0 {
        "regressed"
    } else if low > 0.0 {
        "improved"
    } else {
        "unchanged"
    };
    format!(
        r#"<svg width="{GROUP_WIDTH}" height="18" viewBox="0 0 {GROUP_WIDTH} 18" role="img" aria-label="{} points, 90 % interval {} to {}"><path class="zero" d="M46 0V18"/><g class="{class}"><path class="cil" d="M{:.1} 9H{:.1}"/><circle class="dot" cx="{:.1}" cy="9" r="3.6"/></g></svg>"#,
        points(value),
        points(low),
        points(high),
        along(low),
        along(high),
        along(value)
    )
}

/// All cases by verdict, as one bar.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of cases are far below 2^53"
)]
pub(super) fn tally(counts: &[(CaseVerdict, usize)]) -> String {
    let all: usize = counts.iter().map(|(_, number)| number).sum();
    let share = |number: usize| (number as f64 / all.max(1) as f64 * 1000.0).max(NARROWEST);
    let sum: f64 = counts.iter().map(|(_, number)| share(*number)).sum();
    let mut x = 0.0;
    let mut parts = String::new();
    for (verdict, number) in counts {
        let width = share(*number) / sum * 1000.0;
        let _ = write!(
            parts,
            r#"<rect class="{}" x="{:.1}" width="{:.1}" height="10"/>"#,
            verdict.name(),
            x + 1.0,
            (width - 2.0).max(2.0)
        );
        x += width;
    }
    format!(
        r#"<svg class="tally-bar" viewBox="0 0 1000 10" preserveAspectRatio="none" width="100%" height="10" aria-hidden="true">{parts}</svg>"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_does_not_fit_ends_in_an_arrow_beside_its_middle() {
        let drawn = mark(Some(Verdict::Regressed), [-10.0, -9.0, -6.0], 19, at);
        assert_eq!(
            drawn,
            r#"<g class="regressed"><path class="cil" d="M8.0 19H24.0M14.0 13l-6 6l6 6"/><circle class="dot" cx="24.0" cy="19" r="5"/></g>"#
        );
    }

    #[test]
    fn left_is_worse_and_the_tolerance_is_drawn_to_one_width() {
        assert!(at(-1.0) < at(0.0) && at(0.0) < at(1.0));
        assert!((at(1.0) - at(-1.0) - 71.0).abs() < 1e-9);
    }

    #[test]
    fn the_parts_of_a_bar_fill_it() {
        let bar = tally(&[
            (CaseVerdict::Regressed, 1),
            (CaseVerdict::Unchanged, 100_000),
        ]);
        assert!(
            bar.contains(r#"<rect class="regressed" x="1.0" width="5.9""#),
            "{bar}"
        );
    }
}
