//! The course of a suite over time: since when is a metric worse, and what came with it?
//!
//! Everything here is pure: the same points give the same [`Timeline`].

mod cases;
pub mod inputs;
mod level;
mod moved;
pub mod outputs;
mod study;
#[cfg(test)]
mod tests;
mod window;
mod wording;

use serde::Serialize;

use crate::history::change::Change;
use crate::history::point::Point;
use crate::scorer::Unit;
use crate::stats::family::benjamini_hochberg;
use level::{Scale, Search};
use window::Window;

pub use cases::{CASE_RUNS, CaseCourses, Past};
pub use moved::{Moved, Side};
pub use window::RUNS;

/// The course of a suite.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timeline {
    /// The suite.
    pub suite: String,
    /// The runs that can be compared with the newest one, oldest first, at most [`RUNS`].
    pub runs: Vec<RunPoint>,
    /// Runs that are left out, since they have too few cases in common with the newest one.
    pub left_out: usize,
    /// The metrics of the subjects of the newest run.
    pub series: Vec<Series>,
    /// What became of each case in the newest runs; reports have it with the case.
    #[serde(skip)]
    pub cases: Vec<CaseCourses>,
}

/// A run in the course of its suite.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunPoint {
    /// Its id.
    pub id: String,
    /// When it began: milliseconds since 1970, UTC.
    pub started_at: i64,
    /// What differs between the run before it and this one, besides answers; empty for the first.
    pub changes: Vec<Change>,
}

/// A metric of a subject over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// The name of the subject: `triage · small`.
    pub subject: String,
    /// The metric.
    pub metric: String,
    /// What its values are.
    pub unit: Unit,
    /// Whether less is better.
    pub lower_is_better: bool,
    /// Whether a gate of the newest run is on it.
    pub gated: bool,
    /// The drop that is accepted: of the gate of the newest run, else by default.
    pub tolerance: f64,
    /// Whether tolerance and losses are relative: those of quantities are.
    pub relative: bool,
    /// The cases that all values are about.
    pub cases: usize,
    /// The runs that have a value: indices into [`Timeline::runs`], ascending.
    pub runs: Vec<usize>,
    /// The mean over the cases in each of these runs.
    pub values: Vec<f64>,
    /// The newest value less the one before it. It informs and gates nothing.
    pub since_previous: Option<f64>,
    /// Where the level changed, oldest first; found in at least 12 runs only.
    pub shifts: Vec<Shift>,
    /// The run from which on the metric is worse, where it is.
    pub first_bad: Option<FirstBad>,
    /// A slow course that no single run explains.
    pub drift: Option<Drift>,
    /// A level that small losses in sum have left.
    pub alarm: Option<Alarm>,
}

/// A change of level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shift {
    /// The first run of the new level: index into [`Series::values`].
    pub at: usize,
    /// The id of that run.
    pub run: String,
    /// When it began: milliseconds since 1970, UTC.
    pub started_at: i64,
    /// The mean of the level before.
    pub before: f64,
    /// The mean of the level from this run on.
    pub after: f64,
    /// How much worse that is, on the scale of the tolerance; negative is better.
    pub loss: f64,
    /// How often chance alone splits its segment so well.
    pub p: f64,
    /// What differs between the run before and this one, besides answers.
    pub changes: Vec<Change>,
    /// One plain sentence.
    pub sentence: String,
}

/// The run from which on a metric is worse.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FirstBad {
    /// Index into [`Series::values`].
    pub at: usize,
    /// The id of the run.
    pub run: String,
    /// When it began: milliseconds since 1970, UTC.
    pub started_at: i64,
    /// How it was found.
    pub rule: Rule,
    /// Whether the run before the newest one would not have told it already.
    pub is_news: bool,
    /// The p-value of the change among those of all series; `None` where nothing was tested.
    pub adjusted: Option<f64>,
    /// What differs between the run before and this one, besides answers.
    pub changes: Vec<Change>,
    /// One plain sentence.
    pub sentence: String,
}

/// How a first bad run was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The newest change of level is a drop of at least the tolerance, and chance alone would seldom show it.
    ChangePoint,
    /// It and all later runs are worse than every earlier one by at least the tolerance. Nothing was tested.
    FirstThisLow,
}

/// A slow course.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Slope {
    /// The median slope for each run.
    pub slope: f64,
    /// How often chance alone orders the runs so well, two-sided.
    pub p: f64,
    /// Where the line begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// How much worse that is, on the scale of the tolerance; negative is better.
    pub loss: f64,
}

/// A slow course with what is to be said of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drift {
    /// The line.
    #[serde(flatten)]
    pub slope: Slope,
    /// One plain sentence.
    pub sentence: String,
}

/// A level that was left in small steps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alarm {
    /// The first run of the losses that were summed up: index into [`Series::values`].
    pub at: usize,
    /// The id of that run.
    pub run: String,
    /// The level of the runs that it is compared with.
    pub before: f64,
    /// The mean from that run on.
    pub after: f64,
    /// One plain sentence.
    pub sentence: String,
}

impl Timeline {
    /// The course of a suite up to its newest run, from points that are oldest first; `None` without a point.
    pub fn of(points: &[Point]) -> Option<Self> {
        let window = Window::of(points)?;
        let courses = window.courses();
        let search = Search::over(&courses);
        let mut series: Vec<Series> = courses
            .iter()
            .map(|course| window.series(course, search))
            .collect();
        let p = |one: &Series| one.shifts.last().map_or(1.0, |shift| shift.p);
        // Series too short to be tested are not among those examined.
        let tested: Vec<usize> = (0..series.len())
            .filter(|index| level::is_long_enough(&series[*index].values))
            .collect();
        let of_tested: Vec<f64> = tested.iter().map(|index| p(&series[*index])).collect();
        let mut adjusted = vec![None; series.len()];
        for (index, p) in tested.into_iter().zip(benjamini_hochberg(&of_tested)) {
            adjusted[index] = Some(p);
        }
        for (one, adjusted) in series.iter_mut().zip(adjusted) {
            one.first_bad = window.first_bad(one, adjusted, search);
            one.keep_one_warning();
        }
        Some(Self {
            suite: window.newest().header.suite.clone(),
            runs: window.runs(),
            left_out: window.left_out,
            cases: cases::courses(&window),
            series,
        })
    }

    /// The series of a metric of a subject.
    pub fn series_of(&self, subject: &str, metric: &str) -> Option<&Series> {
        let mut series = self.series.iter();
        series.find(|one| one.subject == subject && one.metric == metric)
    }
}

impl FirstBad {
    /// The sentence under its title, as reports show it.
    pub fn in_words(&self) -> String {
        format!("first bad run: {}", self.sentence)
    }
}

impl Series {
    fn scale(&self) -> Scale {
        Scale {
            lower_is_better: self.lower_is_better,
            relative: self.relative,
        }
    }

    /// What is said of a slow loss.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        let drift = self.drift.iter().filter(|drift| drift.slope.loss > 0.0);
        let drift = drift.map(|drift| drift.sentence.as_str());
        drift.chain(self.alarm.iter().map(|alarm| alarm.sentence.as_str()))
    }

    /// What a first bad run explains is told once.
    fn keep_one_warning(&mut self) {
        if self.first_bad.is_some() || self.drift.is_some() {
            self.alarm = None;
        }
    }
}
