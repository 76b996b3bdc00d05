//! What trials put into a table of labels, case by case or trajectory by trajectory.

use std::collections::{BTreeMap, BTreeSet};

use super::measure::Measure;
use super::side::{Side, same_input};
use super::units::numbered;
use crate::history::run::TrialRecord;
use crate::plan::LabelRecord;
use crate::stats::confusion::{self, Table};
use crate::stats::real;
use crate::suite::cluster::Sharing;

/// What one trial puts into the table: places with weights.
pub(super) type Marks = Vec<(usize, f64)>;

/// A unit of one side: a case, or all cases of a trajectory.
#[derive(Clone)]
pub(super) struct Marked {
    /// What its usable trials put into the table.
    pub(super) trials: Vec<Marks>,
    /// Trials without a score.
    missing: usize,
    /// The right labels of one trial; `None` where no trial says them.
    wanted: Option<Marks>,
    pub(super) cluster: usize,
}

/// Which labels there are, and what is one unit.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) labels: &'a LabelRecord,
    pub(super) sharing: Sharing,
}

impl Reader<'_> {
    fn count(self) -> usize {
        self.labels.names.len()
    }

    /// An empty table.
    pub(super) fn table(self) -> Table {
        Table::new(self.count())
    }

    /// The units of a side: all cases that count and that the metric is about.
    pub(super) fn units(self, side: &Side<'_>, metric: usize) -> Vec<Marked> {
        let concerns = |case: &usize| Measure::Scored(metric).concerns(side.trials(*case));
        let units = self.grouped(side, &side.counted().filter(concerns).collect::<Vec<_>>());
        let marked = units
            .into_iter()
            .map(|(cluster, members)| self.marked(side, &members, metric, cluster));
        marked.collect()
    }

    /// The units that both sides have with the same input, the baseline first.
    pub(super) fn pairs(
        self,
        (now, metric): (&Side<'_>, usize),
        (before, twin): (&Side<'_>, usize),
    ) -> Vec<(Marked, Marked)> {
        let is_paired = |case: &usize| {
            let case = *case;
            let Some(other) = before.find(&now.case(case).id) else {
                return false;
            };
            same_input(now.case(case), before.case(other))
                && Measure::Scored(metric).concerns(now.trials(case))
                && Measure::Scored(twin).concerns(before.trials(other))
        };
        let cases: Vec<usize> = now.counted().filter(is_paired).collect();
        let units = self.grouped(now, &cases);
        let marked = units.into_iter().map(|(cluster, members)| {
            let others = members
                .iter()
                .filter_map(|case| before.find(&now.case(*case).id));
            let others: Vec<usize> = others.collect();
            (
                self.marked(before, &others, twin, cluster),
                self.marked(now, &members, metric, cluster),
            )
        });
        marked.collect()
    }

    /// Cases as units, each with its cluster, which are counted from 0.
    fn grouped(self, side: &Side<'_>, cases: &[usize]) -> Vec<(usize, Vec<usize>)> {
        let clusters = numbered(cases.iter().map(|case| side.cluster(*case)));
        let mut numbers: BTreeMap<u32, usize> = BTreeMap::new();
        let mut units: Vec<(usize, Vec<usize>)> = Vec::new();
        for (case, cluster) in cases.iter().zip(clusters) {
            let next = numbers.len();
            let place = *numbers.entry(cluster).or_insert(next);
            // Of trajectories each is one unit, so that their numbers are those of the units.
            if self.sharing == Sharing::Trajectory && place < next {
                units[place].1.push(*case);
            } else {
                units.push((place, vec![*case]));
            }
        }
        units
    }

    fn marked(self, side: &Side<'_>, members: &[usize], metric: usize, cluster: usize) -> Marked {
        let by_member: Vec<Vec<Option<Marks>>> = members
            .iter()
            .map(|case| {
                let trials = side.trials(*case).iter();
                let weight = side.case(*case).weight;
                trials
                    .map(|trial| self.marks(trial, metric, weight))
                    .collect()
            })
            .collect();
        let count = by_member.iter().map(Vec::len).min().unwrap_or(0);
        // A trial of a trajectory counts where all of its cases have a score.
        let joined = (0..count).map(|trial| {
            let parts = by_member.iter().map(|trials| trials[trial].clone());
            let parts: Option<Vec<Marks>> = parts.collect();
            parts.map(|parts| parts.concat())
        });
        let trials: Vec<Marks> = joined.flatten().collect();
        let wanted = members.iter().zip(&by_member).map(|(case, trials)| {
            let known = trials.iter().flatten().next();
            known.map_or_else(
                || self.expected(side, *case),
                |marks| Some(self.right(marks)),
            )
        });
        let wanted: Option<Vec<Marks>> = wanted.collect();
        Marked {
            missing: count - trials.len(),
            trials,
            wanted: wanted.map(|parts| parts.concat()),
            cluster,
        }
    }

    fn marks(self, trial: &TrialRecord, metric: usize, weight: f64) -> Option<Marks> {
        let cells = trial.score(metric)?.cells.iter();
        let marks = cells.filter_map(|cell| {
            let place = Table::place(self.count(), cell)?;
            Some((place, weight * f64::from(cell.times)))
        });
        Some(marks.collect())
    }

    /// The row of a place, where it is that of a label.
    fn row(self, place: usize) -> Option<usize> {
        Some(place / (self.count() + 2)).filter(|row| *row < self.count())
    }

    /// What marks would be if every label were right.
    fn right(self, marks: &Marks) -> Marks {
        let rows = marks.iter().filter_map(|(place, weight)| {
            let row = self.row(*place)?;
            Some((row * (self.count() + 2) + row, *weight))
        });
        rows.collect()
    }

    /// The same where no trial of a case was scored, if its expected value is a label.
    fn expected(self, side: &Side<'_>, case: usize) -> Option<Marks> {
        let case = side.case(case);
        let text = case.expected.as_ref()?.as_str()?;
        let label = self.labels.names.iter().position(|name| name == text)?;
        Some(vec![(label * (self.count() + 2) + label, case.weight)])
    }
}

impl Marked {
    /// Whether a trial has no score.
    pub(super) fn is_incomplete(&self) -> bool {
        self.missing > 0
    }

    /// The same if every missing trial gave all labels right, or none; `None` where the right ones are not known.
    pub(super) fn filled(&self, best: bool, reader: Reader<'_>) -> Option<Self> {
        if self.missing == 0 {
            return Some(self.clone());
        }
        let wanted = self.wanted.as_ref()?;
        let labels = reader.count();
        // In a row the place behind the labels is that of other answers.
        let as_missed = |(place, weight): &(usize, f64)| {
            (place / (labels + 2) * (labels + 2) + labels, *weight)
        };
        let trial: Marks = if best {
            wanted.clone()
        } else {
            wanted.iter().map(as_missed).collect()
        };
        let mut filled = self.clone();
        filled.trials.extend(vec![trial; self.missing]);
        filled.missing = 0;
        Some(filled)
    }

    /// The mean of its trials.
    pub(super) fn mean(&self) -> Marks {
        let share = 1.0 / real(self.trials.len().max(1));
        let marks = self.trials.iter().flatten();
        marks
            .map(|(place, weight)| (*place, weight * share))
            .collect()
    }

    /// The labels that something of it has.
    fn rows(&self, reader: Reader<'_>) -> BTreeSet<usize> {
        let marks = self.trials.iter().flatten();
        marks.filter_map(|(place, _)| reader.row(*place)).collect()
    }
}

/// How many trials and how many clusters a measure rests on. Where labels count alike these are as many as if each label
/// had those of the rarest one: failures of that one alone cost the measure as much as failures of all.
pub(super) fn observations(
    measure: confusion::Measure,
    units: &[(&Marked, f64)],
    reader: Reader<'_>,
) -> (f64, f64) {
    let count = |has: &dyn Fn(&Marked) -> bool| {
        let found = units.iter().filter(|(unit, _)| has(unit));
        let clusters: BTreeSet<usize> = found.clone().map(|(unit, _)| unit.cluster).collect();
        (
            found.map(|(_, trials)| trials).sum::<f64>(),
            real(clusters.len()),
        )
    };
    let labels: BTreeSet<usize> = units
        .iter()
        .flat_map(|(unit, _)| unit.rows(reader))
        .collect();
    if !measure.counts_labels_alike() || labels.is_empty() {
        return count(&|_| true);
    }
    let of_labels = labels
        .iter()
        .map(|label| count(&|unit| unit.rows(reader).contains(label)));
    let rarest = of_labels.reduce(|one, other| (one.0.min(other.0), one.1.min(other.1)));
    let (trials, clusters) = rarest.unwrap_or_default();
    (trials * real(labels.len()), clusters * real(labels.len()))
}
