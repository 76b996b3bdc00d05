//! Metrics of the whole dataset, which are read off a table of labels and are no means over cases.
//!
//! Each case puts into the table what its trials say: their mean times its weight. The interval is that of resamples of
//! the cases, or of their clusters, with both sides together. In the scope `suite` it is wider than it must be, since it
//! holds what cases differ in among themselves. The test exchanges the labels of the sides, as everywhere.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::amount::{Amount, Resampled};
use super::marks::{Marked, Marks, Reader, observations};
use super::measure::{Gauge, Measure, change_of_scorer, twin_measure};
use super::metric::{Comparison, Found, Measurement, Sides};
use super::rules::scope_of;
use super::values::Values;
use crate::history::run::Header;
use crate::plan::{LabelRecord, WholeMetric};
use crate::scorer::Unit;
use crate::stats::compare::{Measured, Settings};
use crate::stats::confusion::Table;
use crate::stats::corpus::{
    CorpusDifference, Exchange, Labelled, corpus_bootstrap, corpus_evidence, corpus_shuffle,
};
use crate::stats::real;
use crate::stats::rng::SplitMix64;
use crate::stats::shuffle::Shuffle;
use crate::stats::unit::{Kind, Scope};

/// The seed of relabellings and resamples.
const SEED: u64 = 42;

/// Measures everything that is read off labels of a subject.
pub(super) fn measure_all<'a>(header: &'a Header, sides: &Sides<'_, 'a>) -> Vec<Measurement<'a>> {
    let metrics = header.metrics.iter().enumerate();
    let labelled = metrics.filter_map(|(index, metric)| Some((index, metric.labels.as_ref()?)));
    labelled
        .flat_map(|(index, labels)| {
            Whole {
                header,
                metric: index,
                labels,
                reader: Reader {
                    labels,
                    sharing: header.policy.clusters,
                },
                sides,
            }
            .measure()
        })
        .collect()
}

/// The metrics that are read off the labels of one scorer.
struct Whole<'s, 'a> {
    header: &'a Header,
    metric: usize,
    labels: &'a LabelRecord,
    reader: Reader<'a>,
    sides: &'s Sides<'s, 'a>,
}

/// What both sides say of all measures of a table.
struct Differences {
    pairs: Vec<(Marked, Marked)>,
    missing: usize,
    observed: Vec<Option<f64>>,
    resamples: Vec<Vec<f64>>,
    /// The cluster of each pair.
    clusters: Vec<usize>,
    /// The tests about these units, and about units like these, once one is asked for.
    by_trials: OnceCell<Vec<Option<Shuffle>>>,
    by_clusters: OnceCell<Vec<Option<Shuffle>>>,
    worst: Option<Vec<Option<f64>>>,
    /// The baseline alone.
    base: Vec<Option<f64>>,
}

impl<'a> Whole<'_, 'a> {
    fn measure(&self) -> Vec<Measurement<'a>> {
        let metric = &self.header.metrics[self.metric];
        let scored = Measure::Scored(self.metric);
        let not_comparable = self
            .sides
            .before
            .and_then(|before| change_of_scorer(self.header, &before.run.header, scored));
        let before = self.sides.before.filter(|_| not_comparable.is_none());
        let twin = before.map(|before| {
            let twin = twin_measure(&before.run.header, scored, &metric.name);
            let index = match twin {
                Measure::Scored(index) => index,
                Measure::Pass | Measure::ErrorRate => usize::MAX,
            };
            (before, index)
        });
        let now = self.amounts(&self.reader.units(self.sides.now, self.metric), "now");
        let of_before =
            twin.map(|(before, twin)| self.amounts(&self.reader.units(before, twin), "before"));
        let compared = twin
            .map(|twin| self.differences(self.reader.pairs((self.sides.now, self.metric), twin)));
        let sharing = self.header.policy.clusters;
        let missing = Values::of(self.sides.now, Gauge::plain(scored), sharing).missing_share();
        let mut of_before = of_before.map(Vec::into_iter);
        let measures = self.labels.measures.iter().enumerate().zip(now);
        measures
            .map(|((index, whole), now)| {
                let rule = self.header.gate_of(&whole.name);
                let settings = Settings {
                    kind: Kind::Continuous,
                    scope: scope_of(self.header, rule.as_ref()),
                    tolerance: self.header.tolerance_of(&whole.name, rule.as_ref()),
                    level: self.header.policy.alpha * self.sides.look.share,
                    max_missing: self.header.policy.max_missing,
                    identical_outputs: self.sides.identical,
                };
                let compared = compared
                    .as_ref()
                    .map(|found| self.comparison(found, index, whole, &settings));
                let before = of_before.as_mut().and_then(Iterator::next);
                let found = Found {
                    name: &whole.name,
                    unit: Unit::Share,
                    lower_is_better: false,
                    rule,
                    reduce: None,
                    now: Box::new(now),
                    before: before.map(|before| Box::new(before) as Box<dyn Amount>),
                    compared,
                    settings,
                    not_comparable: not_comparable.clone(),
                    settled: None,
                    rival: None,
                    missing,
                };
                Measurement::of(found, self.sides)
            })
            .collect()
    }

    fn rng(&self, what: &str) -> SplitMix64 {
        let metric = &self.header.metrics[self.metric].name;
        SplitMix64::new(SEED, &format!("{what}:{metric}"))
    }

    /// All measures of a table.
    fn read(&self, table: &Table) -> Vec<Option<f64>> {
        let measures = self.labels.measures.iter();
        measures.map(|whole| whole.measure.of(table)).collect()
    }

    fn table<'m>(&self, marks: impl Iterator<Item = (&'m Marks, u32)>) -> Table {
        let mut table = self.reader.table();
        for (marks, times) in marks {
            for (place, weight) in marks {
                table.add(*place, weight * f64::from(times));
            }
        }
        table
    }

    /// All measures of one side, each with its interval.
    fn amounts(&self, units: &[Marked], which: &str) -> Vec<Resampled> {
        let usable: Vec<&Marked> = units
            .iter()
            .filter(|unit| !unit.trials.is_empty())
            .collect();
        let means: Vec<Marks> = usable.iter().map(|unit| unit.mean()).collect();
        let clusters = dense(usable.iter().map(|unit| unit.cluster));
        let values =
            |times: &[u32]| self.read(&self.table(means.iter().zip(times.iter().copied())));
        let observed = values(&vec![1; means.len()]);
        let mut rng = self.rng(&format!("bootstrap:{which}"));
        let mut resamples = corpus_bootstrap(&clusters, values, &mut rng);
        resamples.resize(observed.len(), Vec::new());
        let if_missing = units.iter().any(Marked::is_incomplete).then(|| {
            [false, true].map(|best| {
                let filled = units.iter().map(|unit| unit.filled(best, self.reader));
                let filled: Option<Vec<Marked>> = filled.collect();
                let means: Option<Vec<Marks>> =
                    filled.map(|units| units.iter().map(Marked::mean).collect());
                means.map(|means| self.read(&self.table(means.iter().map(|marks| (marks, 1)))))
            })
        });
        let measures = self.labels.measures.iter().zip(observed).zip(resamples);
        measures
            .enumerate()
            .map(|(index, ((whole, value), resamples))| {
                let weighed = usable.iter().map(|unit| (*unit, real(unit.trials.len())));
                let weighed: Vec<(&Marked, f64)> = weighed.collect();
                let (trials, clusters) = observations(whole.measure, &weighed, self.reader);
                Resampled {
                    value,
                    resamples,
                    trials,
                    clusters,
                    count: usable.iter().map(|unit| unit.trials.len()).sum(),
                    if_missing: if_missing
                        .as_ref()
                        .map(|both| both.each_ref().map(|read| read.as_ref()?[index])),
                }
            })
            .collect()
    }

    /// What both sides say together.
    fn differences(&self, pairs: Vec<(Marked, Marked)>) -> Differences {
        let worst = pairs.iter().any(|(_, cand)| cand.is_incomplete()).then(|| {
            let filled = pairs.iter().filter(|(base, _)| !base.trials.is_empty());
            let filled =
                filled.filter_map(|(base, cand)| Some((base, cand.filled(false, self.reader)?)));
            let means: Vec<(Marks, Marks)> = filled
                .map(|(base, cand)| (base.mean(), cand.mean()))
                .collect();
            self.between(means.iter().map(|(base, cand)| (base, cand, 1)))
        });
        let all = pairs.len();
        let pairs: Vec<(Marked, Marked)> = pairs
            .into_iter()
            .filter(|(base, cand)| !base.trials.is_empty() && !cand.trials.is_empty())
            .collect();
        let means: Vec<(Marks, Marks)> = pairs
            .iter()
            .map(|(base, cand)| (base.mean(), cand.mean()))
            .collect();
        let clusters = dense(pairs.iter().map(|(base, _)| base.cluster));
        let values = |times: &[u32]| {
            let taken = means.iter().zip(times);
            self.between(taken.map(|((base, cand), times)| (base, cand, *times)))
        };
        let observed = values(&vec![1; means.len()]);
        let mut resamples =
            corpus_bootstrap(&clusters, values, &mut self.rng("bootstrap:difference"));
        resamples.resize(observed.len(), Vec::new());
        let base = self.read(&self.table(means.iter().map(|(base, _)| (base, 1))));
        Differences {
            missing: all - pairs.len(),
            observed,
            resamples,
            clusters,
            by_trials: OnceCell::new(),
            by_clusters: OnceCell::new(),
            worst,
            base,
            pairs,
        }
    }

    /// The test of all measures.
    fn shuffle<'f>(&self, found: &'f Differences, scope: Scope) -> &'f [Option<Shuffle>] {
        let (kept, exchange) = match scope {
            Scope::Suite => (&found.by_trials, Exchange::Trials),
            Scope::Population => (&found.by_clusters, Exchange::Clusters(&found.clusters)),
        };
        kept.get_or_init(|| {
            let labelled: Vec<Labelled<'_, Marks>> = found
                .pairs
                .iter()
                .map(|(base, cand)| (base.trials.as_slice(), cand.trials.as_slice()))
                .collect();
            let table = |sides: &mut dyn Iterator<Item = &[Marks]>| {
                let mut table = self.reader.table();
                for trials in sides {
                    let share = 1.0 / real(trials.len());
                    for (place, weight) in trials.iter().flatten() {
                        table.add(*place, weight * share);
                    }
                }
                self.read(&table)
            };
            let differences = |units: &[Labelled<'_, Marks>]| {
                let base = table(&mut units.iter().map(|(base, _)| *base));
                let cand = table(&mut units.iter().map(|(_, cand)| *cand));
                subtract(cand, base)
            };
            corpus_shuffle(&labelled, exchange, differences, &mut self.rng("shuffle"))
        })
    }

    /// The differences of all measures between two tables.
    fn between<'m>(
        &self,
        units: impl Iterator<Item = (&'m Marks, &'m Marks, u32)> + Clone,
    ) -> Vec<Option<f64>> {
        let base = self.table(units.clone().map(|(base, _, times)| (base, times)));
        let cand = self.table(units.map(|(_, cand, times)| (cand, times)));
        subtract(self.read(&cand), self.read(&base))
    }

    fn comparison(
        &self,
        found: &Differences,
        index: usize,
        whole: &WholeMetric,
        settings: &Settings,
    ) -> Comparison {
        let weighed = found.pairs.iter().map(|(base, cand)| {
            let (k0, k1) = (real(base.trials.len()), real(cand.trials.len()));
            (base, 2.0 * k0 * k1 / (k0 + k1))
        });
        let weighed: Vec<(&Marked, f64)> = weighed.collect();
        let (trials, clusters) = observations(whole.measure, &weighed, self.reader);
        let (observations, is_sampled) = match settings.scope {
            Scope::Suite => (trials, true),
            Scope::Population => (clusters, found.clusters.iter().any(|cluster| *cluster > 0)),
        };
        // Of one cluster nothing is known of others like it.
        let resamples = if is_sampled {
            found.resamples[index].as_slice()
        } else {
            &[]
        };
        let shuffle = self.shuffle(found, settings.scope)[index];
        let known = found.observed[index].zip(found.base[index]).zip(shuffle);
        let evidence = known.map(|((diff, base), shuffle)| {
            let difference = CorpusDifference {
                diff,
                base,
                resamples,
                observations,
            };
            corpus_evidence(&difference, shuffle, settings)
        });
        let measured = Measured {
            pairs: found.pairs.len(),
            missing: found.missing,
            evidence,
        };
        // The interval holds what cases differ in, so that it is the same in both scopes.
        let worst_case = found.worst.as_ref().and_then(|worst| worst[index]);
        Comparison::in_one_scope(measured, worst_case)
    }
}

/// Clusters counted from 0 without gaps.
fn dense(clusters: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
    let number = |cluster: usize| {
        let next = numbers.len();
        *numbers.entry(cluster).or_insert(next)
    };
    clusters.map(number).collect()
}

/// The differences of measures that both sides have.
fn subtract(cand: Vec<Option<f64>>, base: Vec<Option<f64>>) -> Vec<Option<f64>> {
    let sides = cand.into_iter().zip(base);
    sides.map(|(cand, base)| Some(cand? - base?)).collect()
}
