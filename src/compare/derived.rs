//! Metrics that are made of others by an expression.
//!
//! Each is reckoned out of the metrics of one side. Its interval is that of resamples of the cases, or of their clusters,
//! in which all of its inputs are taken of the same cases; the change is relative, with both sides resampled together. It
//! has limits, and no tolerance: a drop of it is not tested.

use std::collections::BTreeMap;

use super::amount::{Amount, Resampled};
use super::measure::{Gauge, Measure, change_of_scorer, twin_measure};
use super::metric::{Comparison, Found, Measurement, Sides};
use super::rules::{name_of, scope_of};
use super::side::{Side, same_input};
use super::units::numbered;
use super::values::Values;
use crate::history::run::Header;
use crate::scorer::Unit;
use crate::stats::Interval;
use crate::stats::compare::{Evidence, Measured, Settings};
use crate::stats::corpus::{RESAMPLES, corpus_bootstrap};
use crate::stats::moments::quantile;
use crate::stats::reduce::Reducer;
use crate::stats::rng::SplitMix64;
use crate::stats::shuffle::Shuffle;
use crate::stats::unit::Kind;
use crate::suite::derived::{Derived, Formula, variable};

/// The seed of resamples.
const SEED: u64 = 42;

/// Measures everything that is made of other metrics of a subject.
pub(super) fn measure_all<'a>(header: &'a Header, sides: &Sides<'_, 'a>) -> Vec<Measurement<'a>> {
    let derived = header.derived.iter();
    // What could not be read was a mistake of the plan.
    let readable = derived.filter_map(|derived| Some((derived, derived.formula().ok()?)));
    readable
        .map(|(derived, formula)| measure(header, derived, &formula, sides))
        .collect()
}

/// The cases of one side with the values of each input.
struct Inputs<'f> {
    formula: &'f Formula,
    names: &'f [String],
    weights: Vec<f64>,
    /// By input, then case.
    values: Vec<Vec<Option<f64>>>,
}

impl Inputs<'_> {
    /// The expression where each case is taken so many times.
    fn value(&self, times: &[u32]) -> Option<f64> {
        let mut inputs = BTreeMap::new();
        for (name, values) in self.names.iter().zip(&self.values) {
            let cases = values.iter().zip(&self.weights).zip(times);
            let known = cases.filter_map(|((value, weight), times)| {
                Some(((*value)?, weight * f64::from(*times)))
            });
            let (sum, weights) = known.fold((0.0, 0.0), |(sum, weights), (value, weight)| {
                (sum + weight * value, weights + weight)
            });
            inputs.insert(name.as_str(), (weights > 0.0).then(|| sum / weights)?);
        }
        self.formula.value(&inputs)
    }
}

/// A derived metric with what it is made of.
struct Recipe<'f, 'a> {
    header: &'a Header,
    derived: &'a Derived,
    formula: &'f Formula,
    names: Vec<String>,
    gauges: Vec<Gauge>,
}

fn measure<'a>(
    header: &'a Header,
    derived: &'a Derived,
    formula: &Formula,
    sides: &Sides<'_, 'a>,
) -> Measurement<'a> {
    let recipe = Recipe::of(header, derived, formula);
    let not_comparable = sides.before.and_then(|before| {
        let mut gauges = recipe.gauges.iter();
        gauges.find_map(|gauge| change_of_scorer(header, &before.run.header, gauge.measure))
    });
    let before = sides.before.filter(|_| not_comparable.is_none());
    let rule = header.gate_of(&derived.name);
    let settings = Settings {
        kind: Kind::Ratio,
        scope: scope_of(header, rule.as_ref()),
        tolerance: header.tolerance_of(&derived.name, rule.as_ref()),
        level: header.policy.alpha * sides.look.share,
        max_missing: header.policy.max_missing,
        identical_outputs: sides.identical,
    };
    let found = Found {
        name: &derived.name,
        unit: Unit::Number,
        lower_is_better: derived.lower_is_better,
        rule,
        reduce: None,
        now: Box::new(recipe.amount(sides.now)),
        before: before.map(|before| Box::new(recipe.amount(before)) as Box<dyn Amount>),
        compared: before.map(|before| recipe.change(sides.now, before, settings.level)),
        settings,
        not_comparable,
        settled: None,
        rival: None,
        missing: recipe.missing_share(sides.now),
    };
    Measurement::of(found, sides)
}

impl<'f, 'a> Recipe<'f, 'a> {
    fn of(header: &'a Header, derived: &'a Derived, formula: &'f Formula) -> Self {
        let names = formula.names();
        let gauges = names.iter().filter_map(|name| {
            let mut all = Measure::all(header).into_iter();
            let found = all.find(|measure| variable(name_of(header, *measure)) == *name)?;
            Some(Gauge::of_measure(header, found))
        });
        Self {
            header,
            derived,
            formula,
            gauges: gauges.collect(),
            names,
        }
    }

    /// The share of the cases that lack a value, of the input of which the most lack it.
    fn missing_share(&self, side: &Side<'_>) -> f64 {
        let sharing = self.header.policy.clusters;
        let gauges = self.gauges.iter();
        let shares = gauges.map(|gauge| Values::of(side, *gauge, sharing).missing_share());
        shares.fold(0.0, f64::max)
    }

    fn inputs(&self, side: &Side<'_>, cases: &[usize]) -> Inputs<'_> {
        let values = self.gauges.iter().map(|gauge| {
            let name = name_of(self.header, gauge.measure);
            let measure = twin_measure(&side.run.header, gauge.measure, name);
            column(side, Gauge { measure, ..*gauge }, cases)
        });
        Inputs {
            formula: self.formula,
            names: &self.names,
            weights: cases.iter().map(|case| side.case(*case).weight).collect(),
            values: values.collect(),
        }
    }

    /// The value of a side.
    fn amount(&self, side: &Side<'_>) -> Resampled {
        let cases: Vec<usize> = side.counted().collect();
        let inputs = self.inputs(side, &cases);
        let value = inputs.value(&vec![1; cases.len()]);
        let of_resample = |times: &[u32]| inputs.value(times);
        let resamples = resampled(&clusters(side, &cases), of_resample, &self.derived.name);
        Resampled {
            value: value.filter(|_| resamples.is_some()),
            count: value.map_or(0, |_| cases.len()),
            resamples: resamples.unwrap_or_default(),
            // An expression has no bounds that failures not seen yet could take it to.
            trials: f64::INFINITY,
            clusters: f64::INFINITY,
            if_missing: None,
        }
    }

    /// The relative change; none where the expression is not above 0 on both sides.
    fn change(&self, now: &Side<'_>, before: &Side<'_>, level: f64) -> Comparison {
        let twin = |case: &usize| {
            let other = before.find(&now.case(*case).id)?;
            same_input(now.case(*case), before.case(other)).then_some(other)
        };
        let cases: Vec<usize> = now.counted().filter(|case| twin(case).is_some()).collect();
        let others: Vec<usize> = cases.iter().filter_map(twin).collect();
        let (of_now, of_before) = (self.inputs(now, &cases), self.inputs(before, &others));
        let change = |times: &[u32]| {
            let logarithm = |side: &Inputs<'_>| Some(side.value(times).filter(|v| *v > 0.0)?.ln());
            let rise = logarithm(&of_now)? - logarithm(&of_before)?;
            let is_worse = self.derived.lower_is_better;
            Some(if is_worse { -rise } else { rise })
        };
        let diff = change(&vec![1; cases.len()]);
        let name = format!("{}:change", self.derived.name);
        let bounds = resampled(&clusters(now, &cases), change, &name).and_then(|draws| {
            let (lower, upper) = (quantile(&draws, level)?, quantile(&draws, 1.0 - level)?);
            Some(Interval { lower, upper })
        });
        let evidence = diff
            .zip(bounds)
            .map(|(diff, bounds)| untested(diff, bounds));
        let measured = Measured {
            pairs: cases.len(),
            missing: 0,
            evidence,
        };
        Comparison::in_one_scope(measured, None)
    }
}

/// A difference that no test is made of.
fn untested(diff: f64, bounds: Interval) -> Evidence {
    Evidence {
        diff,
        shuffle: Shuffle {
            p_drop: 1.0,
            p_gain: 1.0,
            p_exact: None,
            p_min: 1.0,
        },
        standard_error: None,
        bounds: Some(bounds),
        rare_failures_excluded: false,
    }
}

/// The value of each case.
fn column(side: &Side<'_>, gauge: Gauge, cases: &[usize]) -> Vec<Option<f64>> {
    let value = |case: &usize| {
        let trials = side.trials(*case);
        let is_concerned = gauge.measure.concerns(trials);
        let values: Vec<f64> = trials.iter().filter_map(|trial| gauge.of(trial)).collect();
        let reducer = gauge.reduce.unwrap_or(Reducer::Mean);
        reducer.of(&values).filter(|_| is_concerned)
    };
    cases.iter().map(value).collect()
}

/// The clusters of cases, counted from 0.
fn clusters(side: &Side<'_>, cases: &[usize]) -> Vec<usize> {
    let mut places: BTreeMap<u32, usize> = BTreeMap::new();
    let numbers = numbered(cases.iter().map(|case| side.cluster(*case)));
    let place = |number: u32| {
        let next = places.len();
        *places.entry(number).or_insert(next)
    };
    numbers.map(place).collect()
}

/// The resamples of one value, unless it is not defined in a twentieth of them: what is left would be no sample.
fn resampled(
    clusters: &[usize],
    value: impl Fn(&[u32]) -> Option<f64>,
    name: &str,
) -> Option<Vec<f64>> {
    let mut rng = SplitMix64::new(SEED, &format!("bootstrap:{name}"));
    let draws = corpus_bootstrap(clusters, |times| vec![value(times)], &mut rng);
    let draws = draws.into_iter().next()?;
    (20 * draws.len() >= 19 * RESAMPLES).then_some(draws)
}
