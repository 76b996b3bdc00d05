//! What a comparison is made of: the trials of both sides, case by case or trajectory by trajectory.

use super::measure::{Gauge, twin_measure};
use super::side::{Side, same_input};
use crate::history::run::TrialRecord;
use crate::stats::reduce::Reducer;
use crate::stats::trajectory::{Member, collapse};
use crate::stats::unit::{Kind, Unit};
use crate::suite::cluster::Sharing;

/// Both sides of a subject, with the measure as each of them has it.
#[derive(Clone, Copy)]
pub(super) struct Both<'s, 'a> {
    pub(super) now: &'s Side<'a>,
    pub(super) gauge: Gauge,
    pub(super) before: &'s Side<'a>,
    pub(super) twin: Gauge,
}

impl<'s, 'a> Both<'s, 'a> {
    /// This run and its baseline, with a gauge of this run that has a name.
    pub(super) fn of(
        (now, before): (&'s Side<'a>, &'s Side<'a>),
        name: &str,
        gauge: Gauge,
    ) -> Self {
        let measure = twin_measure(&before.run.header, gauge.measure, name);
        Self {
            now,
            gauge,
            before,
            twin: Gauge { measure, ..gauge },
        }
    }
}

/// On which scale more is better.
#[derive(Clone, Copy)]
pub(super) struct Direction {
    /// Whether the values are quantities, which are compared as `-ln x`.
    pub(super) is_ratio: bool,
    pub(super) lower_is_better: bool,
}

impl Direction {
    fn orient(self, value: f64) -> f64 {
        match (self.is_ratio, self.lower_is_better) {
            (false, true) => 1.0 - value,
            (false, false) | (true, true) => value,
            // A ratio is compared as -ln x; the reciprocal turns it round.
            (true, false) => 1.0 / value,
        }
    }
}

/// The scores of the units that both sides have, higher is better.
pub(super) struct Units {
    list: Vec<Owned>,
}

struct Owned {
    base: Vec<f64>,
    cand: Vec<f64>,
    weight: f64,
    cluster: Option<u32>,
}

/// A case that both sides have with the same input, with its trials.
struct PairedCase {
    base: Vec<Option<f64>>,
    cand: Vec<Option<f64>>,
    weight: f64,
    cluster: Option<u32>,
}

impl Units {
    /// The units of two sides; missing trials of the candidate score `missing` where that is given.
    pub(super) fn of(
        both: Both<'_, '_>,
        direction: Direction,
        sharing: Sharing,
        missing: Option<f64>,
    ) -> Self {
        let Both {
            now,
            gauge,
            before,
            twin,
        } = both;
        let scores = |trials: &[TrialRecord], gauge: Gauge| {
            let score = |trial| Some(direction.orient(gauge.of(trial)?));
            trials.iter().map(score).collect::<Vec<Option<f64>>>()
        };
        let cases = now.counted().filter_map(|case| {
            let source = now.case(case);
            let other = before.find(&source.id)?;
            let (trials, earlier) = (now.trials(case), before.trials(other));
            let is_paired = same_input(source, before.case(other))
                && gauge.measure.concerns(trials)
                && twin.measure.concerns(earlier);
            is_paired.then(|| {
                let cand = scores(trials, gauge);
                PairedCase {
                    base: scores(earlier, twin),
                    cand: cand.into_iter().map(|score| score.or(missing)).collect(),
                    weight: source.weight,
                    cluster: now.cluster(case),
                }
            })
        });
        let mut list: Vec<Owned> = match sharing {
            Sharing::Inputs => cases.map(PairedCase::alone).collect(),
            Sharing::Trajectory => collapsed(cases.collect(), direction.is_ratio),
        };
        if let Some(reducer) = gauge.reduce {
            for unit in &mut list {
                unit.reduce(reducer, direction);
            }
        }
        Self { list }
    }

    /// The units as statistics take them.
    pub(super) fn units(&self) -> Vec<Unit<'_>> {
        self.list
            .iter()
            .map(|unit| Unit {
                base: &unit.base,
                cand: &unit.cand,
                weight: unit.weight,
                cluster: unit.cluster,
            })
            .collect()
    }

    /// The units on the scale on which differences are taken, for statistics that know no ratios.
    pub(super) fn scaled(&self, kind: Kind) -> Self {
        let scale = |scores: &[f64]| match kind {
            Kind::Ratio => scores.iter().map(|score| -score.ln()).collect(),
            Kind::Binary | Kind::Continuous => scores.to_vec(),
        };
        let list = self.list.iter().map(|unit| Owned {
            base: scale(&unit.base),
            cand: scale(&unit.cand),
            ..*unit
        });
        Self {
            list: list.collect(),
        }
    }

    /// Every score.
    pub(super) fn all(&self) -> impl Iterator<Item = f64> + '_ {
        self.list
            .iter()
            .flat_map(|unit| unit.base.iter().chain(&unit.cand).copied())
    }
}

impl Owned {
    /// One value of the trials of each side. As many of their first trials are taken on both as both have, so that the
    /// two values come from the same distribution where nothing has changed: the best of eight is not the best of two.
    fn reduce(&mut self, reducer: Reducer, direction: Direction) {
        let both = self.base.len().min(self.cand.len());
        for side in [&mut self.base, &mut self.cand] {
            // To orient a value twice gives it back.
            let values: Vec<f64> = side[..both].iter().map(|v| direction.orient(*v)).collect();
            let one = reducer.of(&values).map(|value| direction.orient(value));
            *side = one.into_iter().collect();
        }
    }
}

impl PairedCase {
    fn alone(self) -> Owned {
        Owned {
            base: self.base.into_iter().flatten().collect(),
            cand: self.cand.into_iter().flatten().collect(),
            weight: self.weight,
            cluster: self.cluster,
        }
    }
}

/// Trajectories as units. The score of a quantity is its logarithm, so theirs is the mean of logarithms.
fn collapsed(mut cases: Vec<PairedCase>, is_ratio: bool) -> Vec<Owned> {
    if is_ratio {
        for case in &mut cases {
            for score in case.base.iter_mut().chain(&mut case.cand) {
                *score = score.map(f64::ln).filter(|score| score.is_finite());
            }
        }
    }
    let clusters = numbered(cases.iter().map(|case| case.cluster));
    let members: Vec<Member<'_>> = cases
        .iter()
        .zip(clusters)
        .map(|(case, cluster)| Member {
            cluster,
            weight: case.weight,
            base: &case.base,
            cand: &case.cand,
        })
        .collect();
    let back = |scores: Vec<f64>| {
        if is_ratio {
            scores.into_iter().map(f64::exp).collect()
        } else {
            scores
        }
    };
    let trajectories = collapse(&members).into_iter().map(|trajectory| Owned {
        base: back(trajectory.base),
        cand: back(trajectory.cand),
        weight: trajectory.weight,
        cluster: None,
    });
    trajectories.collect()
}

/// The clusters with numbers of their own for cases that belong to none.
pub(super) fn numbered(
    clusters: impl Iterator<Item = Option<u32>> + Clone,
) -> impl Iterator<Item = u32> {
    let mut next = clusters.clone().flatten().max().map_or(0, |most| most + 1);
    clusters.map(move |cluster| {
        cluster.unwrap_or_else(|| {
            next += 1;
            next - 1
        })
    })
}
