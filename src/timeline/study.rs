//! What is found in each series: levels, slow courses, the first bad run, and what came with each.

use super::level::{self, Scale, Search};
use super::window::{Course, Window};
use super::{Alarm, Drift, FirstBad, Rule, Series, Shift, wording};
use crate::history::change::{self, Change};
use crate::scorer::Unit;

/// The false discovery rate over the series, for a change that is told.
const DISCOVERY_RATE: f64 = 0.10;

impl<'a> Window<'a> {
    /// A course with all that is found in it but its first bad run, which hangs on the other series.
    pub(super) fn series(&self, course: &Course<'a>, search: Search) -> Series {
        let header = &self.newest().header;
        let rule = header.gate_of(course.metric);
        let scale = Scale {
            lower_is_better: course.lower_is_better,
            relative: course.unit != Unit::Share,
        };
        let values = &course.values;
        let mut series = Series {
            subject: header.subjects[course.subject].name(),
            metric: course.metric.to_owned(),
            unit: course.unit,
            lower_is_better: course.lower_is_better,
            gated: rule.is_some(),
            tolerance: header.tolerance_of(course.metric, rule.as_ref()),
            relative: scale.relative,
            cases: course.cases,
            runs: course.runs.clone(),
            values: values.clone(),
            since_previous: values
                .split_last_chunk::<2>()
                .map(|(_, [before, now])| now - before),
            shifts: Vec::new(),
            first_bad: None,
            drift: None,
            alarm: None,
        };
        let levels = level::levels(values, &search);
        series.shifts = levels
            .iter()
            .map(|found| self.shift(&series, found))
            .collect();
        if levels.is_empty() && level::is_long_enough(values) {
            let slope = level::slope(values, scale, series.tolerance);
            series.drift = slope.map(|slope| Drift {
                slope,
                sentence: wording::drift(&series, slope),
            });
        }
        let start = levels.last().map_or(0, |found| found.at);
        series.alarm = level::alarm(values, start, scale, series.tolerance).map(|found| {
            let run = &self.header(&series, found.at).id;
            Alarm {
                at: found.at,
                run: run.clone(),
                before: found.before,
                after: found.after,
                sentence: wording::alarm(&series, &found, run),
            }
        });
        series
    }

    fn shift(&self, series: &Series, found: &level::Level) -> Shift {
        let header = self.header(series, found.at);
        let changes = self.changes_at(series, found.at);
        Shift {
            at: found.at,
            run: header.id.clone(),
            started_at: header.started_at,
            before: found.before,
            after: found.after,
            loss: series.scale().loss(found.before, found.after),
            p: found.p,
            sentence: wording::shift(series, found, header, &changes),
            changes,
        }
    }

    /// The run from which on a metric is worse: where its level changed last, if that was a drop that survives among
    /// all series; else the first one of a stretch that the test does not see.
    pub(super) fn first_bad(
        &self,
        series: &Series,
        adjusted: Option<f64>,
        search: Search,
    ) -> Option<FirstBad> {
        tested(series, adjusted, search).or_else(|| self.first_this_low(series, search))
    }

    fn first_this_low(&self, series: &Series, search: Search) -> Option<FirstBad> {
        let at = level::first_this_low(&series.values, series.scale(), series.tolerance)?;
        let is_seen = series.values.len() - at >= search.least_part();
        if level::is_long_enough(&series.values) && is_seen {
            return None;
        }
        let header = self.header(series, at);
        let changes = self.changes_at(series, at);
        Some(FirstBad {
            at,
            run: header.id.clone(),
            started_at: header.started_at,
            rule: Rule::FirstThisLow,
            is_news: at + 1 == series.values.len(),
            adjusted: None,
            sentence: wording::first_this_low(series, at, header, &changes),
            changes,
        })
    }

    /// What differs between the run at an index of a series and the one before it there.
    fn changes_at(&self, series: &Series, at: usize) -> Vec<Change> {
        let before = at.checked_sub(1).map(|before| self.header(series, before));
        before
            .map(|before| change::between(before, self.header(series, at)))
            .unwrap_or_default()
    }
}

/// The newest change of level, where it is a drop that survives among all series.
fn tested(series: &Series, adjusted: Option<f64>, search: Search) -> Option<FirstBad> {
    let shift = series.shifts.last()?;
    let is_drop = level::is_at_least(shift.loss, series.tolerance);
    let survives = adjusted.is_some_and(|p| p <= DISCOVERY_RATE);
    (is_drop && survives).then(|| FirstBad {
        at: shift.at,
        run: shift.run.clone(),
        started_at: shift.started_at,
        rule: Rule::ChangePoint,
        is_news: level::is_news(&series.values, shift.at, &search),
        adjusted,
        changes: shift.changes.clone(),
        sentence: shift.sentence.clone(),
    })
}
