//! One metric of one subject: its values on both sides, the test of their difference, and its limits.

use super::side::{Side, identical_outputs, same_input};
use super::summary::{Estimate, GateSummary, LimitVerdict, MetricSummary, Verdict};
use super::values::Values;
use super::wording;
use crate::history::run::{Header, TrialRecord};
use crate::plan::{ERROR_RATE, PASS};
use crate::scorer::Unit;
use crate::stats::compare::{self as gate, Measured, Reason, Settings};
use crate::stats::family::Test;
use crate::stats::floor::{FloorMode, FloorVerdict, floor_check};
use crate::stats::plan::{Errors, mde};
use crate::stats::unit::{Kind, Scope};
use crate::suite::gate::{DEFAULT_TOLERANCE, GateRule, Policy};

/// The rise of the error rate that is accepted unless a gate says otherwise.
const ERROR_TOLERANCE: f64 = 0.02;
/// The relative rise of a quantity that is accepted where a gate names none.
const QUANTITY_TOLERANCE: f64 = 0.10;
/// The share of real drops of the printed size that the gate finds.
const POWER: f64 = 0.80;

/// What is measured of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// Whether all checks passed.
    Pass,
    /// Whether there is no usable answer.
    ErrorRate,
    /// The score of the metric of this index.
    Scored(usize),
}

impl Measure {
    /// The value of a trial; `None` where it is missing.
    pub(super) fn of(self, trial: &TrialRecord) -> Option<f64> {
        let share = |yes: bool| if yes { 1.0 } else { 0.0 };
        match self {
            Self::Pass => trial.passed().map(share),
            Self::ErrorRate => Some(share(trial.is_error())),
            Self::Scored(metric) => trial.score(metric).map(|score| score.value),
        }
    }
}

/// A metric of a subject, measured.
pub(super) struct Measurement<'a> {
    pub(super) name: &'a str,
    pub(super) unit: Unit,
    pub(super) lower_is_better: bool,
    pub(super) kind: Kind,
    /// What is allowed; `None`: it is shown only.
    pub(super) rule: Option<GateRule>,
    /// Values of all cases of the run.
    now: Values,
    /// Values of all cases of the baseline.
    before: Option<Values>,
    /// The test of the difference; `None` without a comparable baseline.
    pub(super) measured: Option<Measured>,
    settings: Settings,
    /// Why there is a baseline but no comparison.
    pub(super) not_comparable: Option<String>,
    /// Whether the drop is significant among all gates of the invocation.
    pub(super) significant: bool,
    /// The p-value of the drop, adjusted for all gates of the invocation.
    pub(super) adjusted: Option<f64>,
    /// How many gates there are in the invocation.
    pub(super) family: usize,
    /// A verdict that no test can change.
    settled: Option<Verdict>,
}

/// Both sides of a subject.
struct Sides<'s, 'a> {
    now: &'s Side<'a>,
    before: Option<&'s Side<'a>>,
    /// Whether all answers are the same on both.
    identical: bool,
    /// Whether more cases are without a result than the policy allows.
    unmeasured: bool,
}

/// Measures every metric of a subject. Metrics with a gate come first.
pub(super) fn measure_all<'a>(
    header: &'a Header,
    now: &Side<'a>,
    before: Option<&Side<'a>>,
) -> Vec<Measurement<'a>> {
    let all = Measure::all(header);
    let checks = all
        .iter()
        .filter(|measure| matches!(measure, Measure::Scored(_)) && has_checks(now, **measure))
        .count();
    let shown = all.into_iter().filter(|measure| match measure {
        // With one check the share of trials that pass all checks says the same as the check.
        Measure::Pass => checks > 1 || rule_of(header, PASS).is_some(),
        Measure::ErrorRate | Measure::Scored(_) => true,
    });
    let identical = before.is_some_and(|before| identical_outputs(now, before));
    let unmeasured = now.has_too_many_unmeasured(header.policy.max_missing);
    let sides = Sides {
        now,
        before,
        identical,
        unmeasured,
    };
    let mut measurements: Vec<Measurement<'a>> = shown
        .map(|measure| measurement(header, measure, &sides))
        .collect();
    measurements.sort_by_key(|measurement| measurement.rule.is_none());
    measurements
}

fn has_checks(side: &Side<'_>, measure: Measure) -> bool {
    let Measure::Scored(metric) = measure else {
        return false;
    };
    let mut trials = (0..side.case_count()).flat_map(|case| side.trials(case));
    trials.any(|trial| {
        trial
            .score(metric)
            .is_some_and(|score| score.passed.is_some())
    })
}

fn rule_of<'a>(header: &'a Header, metric: &str) -> Option<&'a GateRule> {
    header.gates.iter().find(|rule| rule.metric == metric)
}

/// What is allowed of a metric: what the suite says, else the default, so that none passes by silence.
fn gate_of(header: &Header, measure: Measure, name: &str, unit: Unit) -> Option<GateRule> {
    if let Some(rule) = rule_of(header, name) {
        return (!rule.informational).then(|| rule.clone());
    }
    let default = |tolerance| {
        let metric = name.to_owned();
        Some(GateRule {
            metric,
            at_least: None,
            at_most: None,
            tolerance: Some(tolerance),
            informational: false,
        })
    };
    match measure {
        Measure::ErrorRate => default(ERROR_TOLERANCE),
        Measure::Scored(index) if unit == Unit::Share && !header.metrics[index].informational => {
            default(DEFAULT_TOLERANCE)
        }
        Measure::Pass | Measure::Scored(_) => None,
    }
}

fn measurement<'a>(header: &'a Header, measure: Measure, sides: &Sides<'_, 'a>) -> Measurement<'a> {
    let Sides { now, before, .. } = *sides;
    let (name, unit, lower_is_better) = match measure {
        Measure::Pass => (PASS, Unit::Share, false),
        Measure::ErrorRate => (ERROR_RATE, Unit::Share, true),
        Measure::Scored(index) => {
            let metric = &header.metrics[index];
            (metric.name.as_str(), metric.unit, metric.lower_is_better)
        }
    };
    let rule = gate_of(header, measure, name, unit);
    let values = Values::of(now, measure);
    let not_comparable =
        before.and_then(|before| change_of_scorer(header, &before.run.header, measure));
    let twin = before
        .filter(|_| not_comparable.is_none())
        .map(|side| (side, twin_measure(&side.run.header, measure, name)));
    let before_values = twin
        .as_ref()
        .map(|(side, measure)| Values::of(side, *measure));
    let kind = kind_of(
        unit,
        values
            .all()
            .chain(before_values.iter().flat_map(Values::all)),
    );
    let settings = Settings {
        kind,
        scope: Scope::Suite,
        tolerance: tolerance_of(rule.as_ref(), unit),
        level: header.policy.alpha,
        max_missing: header.policy.max_missing,
        identical_outputs: sides.identical,
    };
    let settled = settled(measure, &values, sides);
    let direction = Direction {
        kind,
        lower_is_better,
    };
    let measured = twin
        .map(|(before, other)| compare_sides(now, before, (measure, other), direction, &settings));
    Measurement {
        name,
        unit,
        lower_is_better,
        kind,
        rule,
        now: values,
        before: before_values,
        measured,
        settings,
        not_comparable,
        significant: false,
        adjusted: None,
        family: 0,
        settled,
    }
}

/// What the numbers alone say of the error rate. No failed trial hides nothing, so it passes however few trials there
/// are; and where so many failed that nothing can be said of the model, their rise is no finding about the model.
fn settled(measure: Measure, values: &Values, sides: &Sides<'_, '_>) -> Option<Verdict> {
    if measure != Measure::ErrorRate {
        None
    } else if sides.unmeasured {
        Some(Verdict::Unmeasured)
    } else {
        (sides.before.is_some() && values.all().all(|value| value < 0.5)).then_some(Verdict::Pass)
    }
}

fn tolerance_of(rule: Option<&GateRule>, unit: Unit) -> f64 {
    let default = if unit == Unit::Share {
        DEFAULT_TOLERANCE
    } else {
        QUANTITY_TOLERANCE
    };
    rule.and_then(|rule| rule.tolerance).unwrap_or(default)
}

fn kind_of(unit: Unit, values: impl Iterator<Item = f64>) -> Kind {
    if unit == Unit::Share {
        Kind::of_scores(values)
    } else {
        Kind::Ratio
    }
}

/// The same metric in the baseline, which may have it at another index.
fn twin_measure(baseline: &Header, measure: Measure, name: &str) -> Measure {
    match measure {
        Measure::Scored(_) => {
            let index = baseline
                .metrics
                .iter()
                .position(|metric| metric.name == name);
            Measure::Scored(index.unwrap_or(usize::MAX))
        }
        other => other,
    }
}

/// Scores of different scorers are never compared; the text says which scorer changed.
fn change_of_scorer(now: &Header, before: &Header, measure: Measure) -> Option<String> {
    let changed = |index: usize| {
        let metric = &now.metrics[index];
        match before
            .metrics
            .iter()
            .find(|other| other.name == metric.name)
        {
            None => Some(format!("the baseline has no metric `{}`", metric.name)),
            Some(other) if other.fingerprint != metric.fingerprint => Some(format!(
                "the scorer of `{}` changed since the baseline",
                metric.name
            )),
            Some(_) => None,
        }
    };
    match measure {
        Measure::ErrorRate => None,
        Measure::Scored(index) => changed(index),
        Measure::Pass if before.metrics.len() > now.metrics.len() => {
            Some("the baseline has more scorers".to_owned())
        }
        Measure::Pass => (0..now.metrics.len()).find_map(changed),
    }
}

/// On which scale more is better.
#[derive(Clone, Copy)]
struct Direction {
    kind: Kind,
    lower_is_better: bool,
}

impl Direction {
    fn orient(self, value: f64) -> f64 {
        match (self.kind, self.lower_is_better) {
            (Kind::Binary | Kind::Continuous, true) => 1.0 - value,
            (Kind::Binary | Kind::Continuous, false) | (Kind::Ratio, true) => value,
            // A ratio is compared as -ln x; the reciprocal turns it round.
            (Kind::Ratio, false) => 1.0 / value,
        }
    }
}

fn compare_sides(
    now: &Side<'_>,
    before: &Side<'_>,
    (measure, twin): (Measure, Measure),
    direction: Direction,
    settings: &Settings,
) -> Measured {
    let orient = |values: Vec<f64>| {
        values
            .into_iter()
            .map(|value| direction.orient(value))
            .collect::<Vec<f64>>()
    };
    let pairs: Vec<(Vec<f64>, Vec<f64>, f64)> = (0..now.case_count())
        .filter_map(|case| {
            let source = now.case(case);
            let other = before.find(&source.id)?;
            same_input(source, before.case(other)).then(|| {
                let base = orient(before.values(twin, other));
                (base, orient(now.values(measure, case)), source.weight)
            })
        })
        .collect();
    let units: Vec<crate::stats::unit::Unit<'_>> = pairs
        .iter()
        .map(|(base, cand, weight)| crate::stats::unit::Unit {
            base,
            cand,
            weight: *weight,
            cluster: None,
        })
        .collect();
    gate::measure(&units, settings)
}

impl<'a> Measurement<'a> {
    /// Whether this is a member of the family of tests.
    pub(super) fn is_tested(&self) -> bool {
        self.rule.is_some() && self.measured.is_some() && self.settled.is_none()
    }

    pub(super) fn test(&self) -> Test {
        let shuffle = self
            .measured
            .as_ref()
            .and_then(|measured| measured.evidence)
            .map(|evidence| evidence.shuffle);
        shuffle.map_or(Test { p: 1.0, p_min: 1.0 }, |shuffle| Test {
            p: shuffle.p_drop,
            p_min: shuffle.p_min,
        })
    }

    pub(super) fn summary(&self, policy: &Policy) -> MetricSummary<'a> {
        let evidence = self
            .measured
            .as_ref()
            .and_then(|measured| measured.evidence);
        let gate = self
            .rule
            .as_ref()
            .map(|rule| self.gate_summary(rule, policy.alpha));
        let (verdict, reason) = self.decide(gate.as_ref());
        let bounds = (self.unit == Unit::Share && self.now.is_incomplete()).then(|| {
            (
                self.now.mean_with(0.0).unwrap_or(0.0),
                self.now.mean_with(1.0).unwrap_or(1.0),
            )
        });
        let errors = Errors {
            alpha: policy.alpha,
            power: POWER,
        };
        let mut summary = MetricSummary {
            name: self.name,
            unit: self.unit,
            lower_is_better: self.lower_is_better,
            now: self.now.estimate(self.kind),
            before: self
                .before
                .as_ref()
                .and_then(|values| values.estimate(self.kind)),
            difference: evidence.map(|evidence| self.difference(&evidence)),
            relative: self.kind == Kind::Ratio,
            p_drop: evidence.map(|evidence| self.adjusted.unwrap_or(evidence.shuffle.p_drop)),
            pairs: self.measured.as_ref().map_or(0, |measured| measured.pairs),
            missing: self
                .measured
                .as_ref()
                .map_or(0, |measured| measured.missing),
            bounds,
            visible_drop: evidence
                .and_then(|evidence| mde(evidence.standard_error?, self.settings.tolerance, errors))
                .map(|drop| {
                    if self.kind == Kind::Ratio {
                        drop.exp() - 1.0
                    } else {
                        drop
                    }
                }),
            gate,
            verdict,
            sentence: String::new(),
        };
        summary.sentence = wording::metric_sentence(&summary, self, reason);
        summary
    }

    fn gate_summary(&self, rule: &GateRule, alpha: f64) -> GateSummary {
        let floor = rule
            .at_least
            .and_then(|floor| self.hold(floor, alpha, None));
        let ceiling = rule.at_most.and_then(|ceiling| {
            let turn: fn(f64) -> f64 = if self.unit == Unit::Share {
                |value| 1.0 - value
            } else {
                |value| -value
            };
            self.hold(turn(ceiling), alpha, Some(turn))
        });
        GateSummary {
            tolerance: self.settings.tolerance,
            at_least: rule.at_least,
            at_most: rule.at_most,
            limit: [floor, ceiling]
                .into_iter()
                .flatten()
                .max_by_key(|verdict| match verdict {
                    LimitVerdict::Holds => 0,
                    LimitVerdict::Open => 1,
                    LimitVerdict::Broken => 2,
                }),
        }
    }

    fn hold(&self, floor: f64, alpha: f64, turned: Option<fn(f64) -> f64>) -> Option<LimitVerdict> {
        let level = self.now.level(self.kind, alpha, turned)?;
        Some(match floor_check(&level, floor, FloorMode::Tested) {
            FloorVerdict::Pass => LimitVerdict::Holds,
            FloorVerdict::BelowFloor => LimitVerdict::Broken,
            FloorVerdict::Inconclusive => LimitVerdict::Open,
        })
    }

    /// The difference as people read it: better is positive; relative for quantities.
    fn difference(&self, evidence: &gate::Evidence) -> Estimate {
        let shown = |value: f64| {
            if self.kind == Kind::Ratio {
                1.0 - (-value).exp()
            } else {
                value
            }
        };
        let bounds = evidence.bounds;
        Estimate {
            value: shown(evidence.diff),
            low: bounds.map_or(f64::MIN, |bounds| shown(bounds.lower)),
            high: bounds.map_or(f64::MAX, |bounds| shown(bounds.upper)),
        }
    }

    /// The verdict of the gate, with the reason of an open one.
    fn decide(&self, gate: Option<&GateSummary>) -> (Option<Verdict>, Option<Reason>) {
        let Some(gate) = gate else {
            return (None, None);
        };
        if gate.limit == Some(LimitVerdict::Broken) {
            return (Some(Verdict::Regressed), None);
        }
        if self.settled.is_some() {
            return (self.settled, None);
        }
        if self.now.count() == 0 || self.not_comparable.is_some() {
            return (Some(Verdict::Unmeasured), None);
        }
        let (verdict, reason) = match &self.measured {
            None => (Verdict::NoBaseline, None),
            Some(measured) => {
                let (verdict, reason) = gate::decide(measured, &self.settings, self.significant);
                let verdict = match (verdict, reason) {
                    (gate::Verdict::Regressed, _) => Verdict::Regressed,
                    (gate::Verdict::Pass, _) => Verdict::Pass,
                    (gate::Verdict::Improved, _) => Verdict::Improved,
                    (gate::Verdict::Inconclusive, Some(Reason::MissingData | Reason::NoPairs)) => {
                        Verdict::Unmeasured
                    }
                    (gate::Verdict::Inconclusive, _) => Verdict::Inconclusive,
                };
                (verdict, reason)
            }
        };
        let open = gate.limit == Some(LimitVerdict::Open) && verdict < Verdict::Inconclusive;
        (
            Some(if open { Verdict::Inconclusive } else { verdict }),
            reason,
        )
    }
}
