//! What a series of run means says of its level: where it changed, whether it slips, from which run on it is worse.

use super::Slope;
use super::window::Course;
use crate::stats::change_point::{self, edivisive};
use crate::stats::cusum::{cusum, standard_score};
use crate::stats::moments::{mean, quantile};
use crate::stats::trend::mann_kendall;

/// Runs that it takes to test for a change of level, or for a slow course.
const FEWEST: usize = 12;
/// Permutations for each series that is examined, so that a change can survive among so many.
const PERMUTATIONS_PER_SERIES: usize = 10;
/// The largest p of a slow course.
const TREND_LEVEL: f64 = 0.01;
/// The sum of losses that alarms, and what each run is allowed, in standard deviations of a run.
const ALARM: f64 = 4.0;
const ALLOWANCE: f64 = 0.5;
/// The fewest runs that say what the level was before it was watched.
const REFERENCE: usize = 10;
/// Differences of rounding between two sums of the same numbers.
const ROUNDING: f64 = 1e-9;

/// How levels are looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search(change_point::Search);

impl Search {
    /// The search for the changes of so many series.
    pub(super) fn over(courses: &[Course<'_>]) -> Self {
        let default = change_point::Search::default();
        let examined = courses
            .iter()
            .filter(|course| course.values.len() >= FEWEST);
        let permutations = PERMUTATIONS_PER_SERIES * examined.count();
        Self(change_point::Search {
            permutations: permutations.max(default.permutations),
            ..default
        })
    }

    /// Runs on either side of a change that can be found.
    pub(super) fn least_part(self) -> usize {
        self.0.min_size
    }
}

/// Whether there are so many values that changes of level can be tested for.
pub(super) fn is_long_enough(values: &[f64]) -> bool {
    values.len() >= FEWEST
}

/// In which direction a metric is worse, and how losses are measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) lower_is_better: bool,
    pub(super) relative: bool,
}

impl Scale {
    /// How much worse `after` is, on the scale of tolerances; negative is better.
    pub(super) fn loss(self, before: f64, after: f64) -> f64 {
        let (large, small) = if self.lower_is_better {
            (after, before)
        } else {
            (before, after)
        };
        if !self.relative {
            large - small
        } else if small > 0.0 {
            large / small - 1.0
        } else {
            0.0
        }
    }

    /// The worst of some values, and the best.
    fn extremes(self, values: &[f64]) -> (f64, f64) {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if self.lower_is_better {
            (most, least)
        } else {
            (least, most)
        }
    }
}

/// Whether a loss reaches a tolerance.
pub(super) fn is_at_least(loss: f64, tolerance: f64) -> bool {
    loss > 0.0 && loss >= tolerance - ROUNDING
}

/// A level with the one before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Level {
    /// Its first run.
    pub(super) at: usize,
    pub(super) before: f64,
    pub(super) after: f64,
    pub(super) p: f64,
}

/// The changes of level of a series that is long enough, oldest first.
pub(super) fn levels(values: &[f64], search: &Search) -> Vec<Level> {
    if !is_long_enough(values) {
        return Vec::new();
    }
    let changes = edivisive(values, &search.0);
    let starts = std::iter::once(0).chain(changes.iter().map(|change| change.index));
    let ends = changes.iter().skip(1).map(|change| change.index);
    let ends = ends.chain([values.len()]);
    let levels = changes.iter().zip(starts).zip(ends);
    levels
        .filter_map(|((change, start), end)| {
            Some(Level {
                at: change.index,
                before: mean(&values[start..change.index])?,
                after: mean(&values[change.index..end])?,
                p: change.p,
            })
        })
        .collect()
}

/// Whether a change of level could not be seen yet without the newest run. The split may move by a few runs as
/// others come.
pub(super) fn is_news(values: &[f64], at: usize, search: &Search) -> bool {
    let before = levels(&values[..values.len() - 1], search);
    let is_near = |level: &Level| level.at.abs_diff(at) < search.least_part();
    !before.iter().any(is_near)
}

/// The first run of the longest stretch up to the newest run in which all are worse than every earlier run by at
/// least the tolerance.
pub(super) fn first_this_low(values: &[f64], scale: Scale, tolerance: f64) -> Option<usize> {
    (1..values.len()).find(|at| {
        let (worst_before, _) = scale.extremes(&values[..*at]);
        let (_, best_since) = scale.extremes(&values[*at..]);
        is_at_least(scale.loss(worst_before, best_since), tolerance)
    })
}

/// A slow course of at least the tolerance in either direction (statistics of Mann, Kendall, Theil and Sen).
pub(super) fn slope(values: &[f64], scale: Scale, tolerance: f64) -> Option<Slope> {
    let trend = mann_kendall(values)?;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = trend.slope * steps(values.len()) / 2.0;
    let middle = quantile(&sorted, 0.5)?;
    let (from, to) = (middle - half, middle + half);
    let loss = scale.loss(from, to);
    let is_large = is_at_least(loss, tolerance) || is_at_least(scale.loss(to, from), tolerance);
    (trend.p <= TREND_LEVEL && is_large).then_some(Slope {
        slope: trend.slope,
        p: trend.p,
        from,
        to,
        loss,
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "numbers of runs are far below 2^53"
)]
fn steps(runs: usize) -> f64 {
    runs.saturating_sub(1) as f64
}

/// Where small losses began that in sum have left the level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slipped {
    pub(super) at: usize,
    pub(super) before: f64,
    pub(super) after: f64,
}

/// Watches the newest level, which begins at `start`: its first half, at least ten runs, says what it was. Losses
/// count as long as their sum has not gone back to nothing, and if their mean reaches the tolerance.
pub(super) fn alarm(values: &[f64], start: usize, scale: Scale, tolerance: f64) -> Option<Slipped> {
    let level = &values[start..];
    let size = REFERENCE.max(level.len() / 2);
    if level.len() <= size {
        return None;
    }
    let (reference, watched) = level.split_at(size);
    let sign = if scale.lower_is_better { -1.0 } else { 1.0 };
    let scores: Option<Vec<f64>> = watched
        .iter()
        .map(|value| Some(sign * standard_score(*value, reference)?))
        .collect();
    let sums = cusum(&scores?, ALLOWANCE, ALARM);
    sums.alarm?;
    let back = sums.path.iter().rposition(|sum| *sum <= 0.0);
    let first = back.map_or(0, |back| back + 1);
    let is_under_way = sums.path[first..].iter().any(|sum| *sum >= ALARM);
    let (before, after) = (mean(reference)?, mean(&watched[first..])?);
    let is_large = is_at_least(scale.loss(before, after), tolerance);
    (is_under_way && is_large).then_some(Slipped {
        at: start + size + first,
        before,
        after,
    })
}
