//! Which runs are compared over time, over which cases, and what came out of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{RunPoint, Series};
use crate::digest::Digest;
use crate::history::change;
use crate::history::point::{Point, SeriesMeans};
use crate::history::run::Header;
use crate::plan::{ERROR_RATE, PASS};
use crate::scorer::Unit;

/// Runs that are looked at, at most: the newest ones.
pub const RUNS: usize = 100;

/// The runs that are compared, and the cases that all of them have.
pub(super) struct Window<'a> {
    /// Oldest first; at least one.
    points: Vec<&'a Point>,
    /// For each run where the common cases stand in it, in the order of the newest run.
    places: Vec<Arc<[usize]>>,
    /// Runs that have too few cases in common with the newest one.
    pub(super) left_out: usize,
}

/// A metric of a subject in the runs that have it.
pub(super) struct Course<'a> {
    /// Index into the subjects of the newest run.
    pub(super) subject: usize,
    pub(super) metric: &'a str,
    pub(super) unit: Unit,
    pub(super) lower_is_better: bool,
    pub(super) cases: usize,
    /// Indices of the runs, ascending.
    pub(super) runs: Vec<usize>,
    pub(super) values: Vec<f64>,
}

impl<'a> Window<'a> {
    /// The newest runs; `None` without one. Cases are the same where their digests are equal. A run that would leave
    /// fewer than half of the cases of the newest run is left out: the others go on without it.
    pub(super) fn of(points: &'a [Point]) -> Option<Self> {
        let newest = points.last()?;
        let mut common: HashSet<Digest> = newest.cases.iter().copied().collect();
        let fewest = common.len().div_ceil(2);
        let mut kept: Vec<&Point> = Vec::new();
        let recent = &points[points.len().saturating_sub(RUNS)..];
        for point in recent.iter().rev() {
            let is_new_list = kept
                .last()
                .is_none_or(|other| !Arc::ptr_eq(&other.cases, &point.cases));
            if is_new_list {
                let own: HashSet<Digest> = point.cases.iter().copied().collect();
                let shared: HashSet<Digest> = common.intersection(&own).copied().collect();
                if shared.len() < fewest {
                    continue;
                }
                common = shared;
            }
            kept.push(point);
        }
        kept.reverse();
        Some(Self {
            places: places(&kept, &common),
            left_out: recent.len() - kept.len(),
            points: kept,
        })
    }

    /// The runs, oldest first.
    pub(super) fn points(&self) -> &[&'a Point] {
        &self.points
    }

    pub(super) fn newest(&self) -> &'a Point {
        self.points[self.points.len() - 1]
    }

    /// The header of the run at an index of a series.
    pub(super) fn header(&self, series: &Series, at: usize) -> &'a Header {
        &self.points[series.runs[at]].header
    }

    /// The runs, each with what changed since the one before it.
    pub(super) fn runs(&self) -> Vec<RunPoint> {
        let before = std::iter::once(None).chain(self.points.iter().map(Some));
        let runs = self.points.iter().zip(before);
        runs.map(|(point, before)| RunPoint {
            id: point.header.id.clone(),
            started_at: point.header.started_at,
            changes: before
                .map(|before| change::between(&before.header, &point.header))
                .unwrap_or_default(),
        })
        .collect()
    }

    /// The metrics of the subjects of the newest run, in its order, each in all runs that have it.
    pub(super) fn courses(&self) -> Vec<Course<'a>> {
        let header = &self.newest().header;
        // What compares with a baseline that changes has no level of its own.
        let scored = header.metrics.iter().map(|metric| metric.name.as_str());
        let scored = scored.filter(|name| !header.compares(name));
        let names: Vec<&str> = [PASS]
            .into_iter()
            .chain(scored)
            .chain([ERROR_RATE])
            .collect();
        let of_subject = |subject: usize| {
            let courses = names
                .iter()
                .filter_map(|metric| self.course(subject, metric));
            let mut courses: Vec<Course<'a>> = courses.collect();
            // With one check the share of trials that pass all checks says the same as the check.
            let is_told_twice = |pass: &Course<'_>, other: &Course<'_>| {
                other.metric != PASS && (&pass.runs, &pass.values) == (&other.runs, &other.values)
            };
            if let Some(pass) = courses.iter().position(|course| course.metric == PASS)
                && courses
                    .iter()
                    .any(|other| is_told_twice(&courses[pass], other))
            {
                courses.remove(pass);
            }
            courses
        };
        (0..header.subjects.len()).flat_map(of_subject).collect()
    }

    fn course(&self, subject: usize, metric: &'a str) -> Option<Course<'a>> {
        let header = &self.newest().header;
        let (unit, lower_is_better) = header.unit_of(metric)?;
        let found: Vec<(usize, Found<'_>)> = (0..self.points.len())
            .filter_map(|run| Some((run, self.found(run, subject, metric)?)))
            .collect();
        let (_, newest) = found.last()?;
        // Cases without a value in the newest run, such as those in quarantine, are left out of all.
        let is_counted = newest.measured();
        let is_same = found
            .iter()
            .all(|(_, found)| found.is_whole && found.measured() == is_counted);
        let of_run = |(run, found): &(usize, Found<'_>)| {
            let value = if is_same {
                Some(found.value)
            } else {
                found.mean_of(&is_counted)
            };
            value
                .filter(|value| value.is_finite())
                .map(|value| (*run, value))
        };
        let (runs, values): (Vec<usize>, Vec<f64>) = found.iter().filter_map(of_run).unzip();
        (!values.is_empty()).then(|| Course {
            subject,
            metric,
            unit,
            lower_is_better,
            cases: is_counted.iter().filter(|counted| **counted).count(),
            runs,
            values,
        })
    }

    /// What came out of a run for a metric of a subject of the newest run.
    fn found(&self, run: usize, subject: usize, metric: &str) -> Option<Found<'_>> {
        let point = self.points[run];
        let twin = point.header.twin(&self.newest().header.subjects[subject])?;
        let is_own = |of: usize, name: &str| of == twin && name == metric;
        let series = point
            .means
            .iter()
            .find(|series| is_own(series.subject, &series.metric));
        let recorded = || {
            let mut results = point.header.results.iter();
            results
                .find(|result| is_own(result.subject, &result.metric))
                .map(|result| result.value)
        };
        let value = series.map(|series| series.value).or_else(recorded)?;
        Some(Found {
            value,
            series: series.filter(|series| series.means.len() == point.cases.len()),
            places: &self.places[run],
            is_whole: self.places[run].len() == point.cases.len(),
        })
    }
}

/// What came out of a run for a metric.
struct Found<'w> {
    /// Over all of its cases.
    value: f64,
    /// Case by case, where that was kept.
    series: Option<&'w SeriesMeans>,
    /// Where the common cases stand.
    places: &'w [usize],
    /// Whether it has no others.
    is_whole: bool,
}

impl Found<'_> {
    /// Which common cases have a value; all where that is not known.
    fn measured(&self) -> Vec<bool> {
        let has_value = |place: &usize| {
            self.series
                .is_none_or(|series| series.means[*place].is_some())
        };
        self.places.iter().map(has_value).collect()
    }

    /// The mean over the cases that count; over all of the run where no others are known.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of cases are far below 2^53"
    )]
    fn mean_of(&self, is_counted: &[bool]) -> Option<f64> {
        let Some(series) = self.series else {
            return Some(self.value);
        };
        let counted = self.places.iter().zip(is_counted);
        let means: Vec<f64> = counted
            .filter_map(|(place, counted)| series.means[*place].filter(|_| *counted))
            .collect();
        (!means.is_empty()).then(|| means.iter().sum::<f64>() / means.len() as f64)
    }
}

/// Where the common cases stand in each run, in the order of the newest one.
fn places(points: &[&Point], common: &HashSet<Digest>) -> Vec<Arc<[usize]>> {
    let newest = points.last().map(|point| Arc::clone(&point.cases));
    let order: Vec<Digest> = newest
        .iter()
        .flat_map(|cases| cases.iter().copied())
        .filter(|digest| common.contains(digest))
        .collect();
    let mut known: HashMap<*const Digest, Arc<[usize]>> = HashMap::new();
    let mut of_list = |cases: &Arc<[Digest]>| {
        let found = known.entry(cases.as_ptr()).or_insert_with(|| {
            let by_digest: HashMap<Digest, usize> = cases
                .iter()
                .enumerate()
                .map(|(place, digest)| (*digest, place))
                .collect();
            order.iter().map(|digest| by_digest[digest]).collect()
        });
        Arc::clone(found)
    };
    points.iter().map(|point| of_list(&point.cases)).collect()
}
