//! One metric of one subject: its values on both sides, the test of their difference, and its limits.

use super::amount::Amount;
use super::measure::{Gauge, Measure, change_of_scorer, deciding_measure, has_checks, kind_of};
use super::rival::Rival;
use super::rules::{name_of, scope_of, unit_of};
use super::settle::{Basis, Calls};
use super::side::{Side, identical_outputs, same_input};
use super::summary::{Estimate, GateSummary, LimitVerdict, MetricSummary, Settle, Verdict};
use super::units::{Both, Direction, Units};
use super::values::{Sight, Values};
use super::{derived, whole, wording};
use crate::history::run::Header;
use crate::plan::PASS;
use crate::scorer::Unit;
use crate::stats::SLACK;
use crate::stats::compare::{self as gate, Evidence, Measured, Reason, Settings, mean_difference};
use crate::stats::family::Test;
use crate::stats::floor::{FloorVerdict, floor_check};
use crate::stats::moments::mean;
use crate::stats::plan::{Errors, mde};
use crate::stats::reduce::Reducer;
use crate::stats::unit::{Kind, Scope};
use crate::suite::gate::{GateRule, Policy};
use crate::units::Cost;

/// The share of real drops of the printed size that the gate finds.
pub(super) const POWER: f64 = 0.80;
/// The drop of a critical case that is accepted.
const CRITICAL_TOLERANCE: f64 = 0.5;

/// A metric of a subject, measured.
pub(super) struct Measurement<'a> {
    pub(super) name: &'a str,
    /// The case that it is about; `None`: all that count.
    case: Option<&'a str>,
    pub(super) unit: Unit,
    pub(super) lower_is_better: bool,
    pub(super) kind: Kind,
    /// What is allowed; `None`: it is shown only.
    pub(super) rule: Option<GateRule>,
    /// What it is over all cases of the run.
    now: Box<dyn Amount>,
    /// What it is over all cases of the baseline.
    before: Option<Box<dyn Amount>>,
    /// The difference between the sides; `None` without a comparable baseline.
    pub(super) compared: Option<Comparison>,
    /// How the trials of a case become one value, where they are not averaged.
    pub(super) reduce: Option<Reducer>,
    settings: Settings,
    /// What more trials would take.
    calls: Calls,
    /// Why there is a baseline but no comparison.
    pub(super) not_comparable: Option<String>,
    /// Whether the drop is significant among all gates of the invocation.
    pub(super) significant: bool,
    /// The p-value of the drop, adjusted for all gates of the invocation.
    pub(super) adjusted: Option<f64>,
    /// How many gates there are in the invocation.
    pub(super) family: usize,
    /// The share of the error that the look spends on which the verdict rests.
    share: f64,
    /// Trials for each case that the look has, where there is more than one look.
    pub(super) looked_at: Option<u32>,
    /// Whether no further look can change the verdict.
    pub(super) closed: bool,
    /// A verdict that no test can change.
    settled: Option<Verdict>,
    /// What its values compare the answers with, where they are themselves comparisons: then a limit alone decides.
    pub(super) rival: Option<Rival>,
    /// The share of the cases that lack a value.
    missing: f64,
}

/// The difference between two sides.
pub(super) struct Comparison {
    /// The test of the difference, in the scope of the gate.
    pub(super) measured: Measured,
    /// The same in the other scope.
    pub(super) other_scope: Measured,
    /// What it was made from, as far as that says what more of it would show.
    pub(super) basis: Option<Basis>,
    /// The difference if every missing trial of the candidate were worst, where some are missing.
    pub(super) worst_case: Option<f64>,
}

impl Comparison {
    /// In the scope of the gate alone, of what no more trials would tell more.
    pub(super) fn in_one_scope(measured: Measured, worst_case: Option<f64>) -> Self {
        Self {
            measured,
            other_scope: Measured {
                evidence: None,
                ..measured
            },
            basis: None,
            worst_case,
        }
    }
}

/// The look at which a subject is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// The share of the error that it spends.
    pub(super) share: f64,
    /// Trials for each case so far, where there is more than one look.
    pub(super) trials: Option<u32>,
}

/// Both sides of a subject.
pub(super) struct Sides<'s, 'a> {
    pub(super) now: &'s Side<'a>,
    pub(super) before: Option<&'s Side<'a>>,
    /// Whether all answers are the same on both.
    pub(super) identical: bool,
    /// Whether more cases are without a result than the policy allows.
    unmeasured: bool,
    pub(super) look: Look,
}

/// What was found of a metric, before a verdict.
pub(super) struct Found<'a> {
    pub(super) name: &'a str,
    pub(super) unit: Unit,
    pub(super) lower_is_better: bool,
    pub(super) rule: Option<GateRule>,
    pub(super) reduce: Option<Reducer>,
    pub(super) now: Box<dyn Amount>,
    pub(super) before: Option<Box<dyn Amount>>,
    pub(super) compared: Option<Comparison>,
    pub(super) settings: Settings,
    pub(super) not_comparable: Option<String>,
    /// A verdict that no test can change.
    pub(super) settled: Option<Verdict>,
    pub(super) rival: Option<Rival>,
    /// The share of the cases that lack a value.
    pub(super) missing: f64,
}

/// Measures every metric of a subject. Metrics with a gate come first.
pub(super) fn measure_all<'a>(
    header: &'a Header,
    now: &Side<'a>,
    before: Option<&Side<'a>>,
    look: Look,
) -> Vec<Measurement<'a>> {
    let all = Measure::all(header);
    let checks = all
        .iter()
        .filter(|measure| matches!(measure, Measure::Scored(_)) && has_checks(now, **measure))
        .count();
    let shown = all.into_iter().filter(|measure| match measure {
        // With one check the share of trials that pass all checks says the same as the check.
        Measure::Pass => checks > 1 || header.rule_of(PASS).is_some(),
        Measure::ErrorRate | Measure::Scored(_) => true,
    });
    let identical = before.is_some_and(|before| identical_outputs(now, before));
    let unmeasured = now.has_too_many_unmeasured(header.policy.max_missing);
    let sides = Sides {
        now,
        before,
        identical,
        unmeasured,
        look,
    };
    let mut measurements: Vec<Measurement<'a>> = shown
        .map(|measure| {
            let rule = header.gate_of(name_of(header, measure));
            measurement(header, Gauge::of_measure(header, measure), rule, &sides)
        })
        .collect();
    measurements.extend(whole::measure_all(header, &sides));
    measurements.extend(derived::measure_all(header, &sides));
    measurements.sort_by_key(|measurement| measurement.rule.is_none());
    measurements
}

/// The gates of the critical cases that can be compared: those with the same input in the baseline.
pub(super) fn measure_critical<'a>(
    header: &'a Header,
    now: &Side<'a>,
    before: Option<&Side<'a>>,
    look: Look,
) -> Vec<Measurement<'a>> {
    let (Some(before), Some(measure)) = (before, deciding_measure(now, header)) else {
        return Vec::new();
    };
    let critical = now.counted().filter(|case| now.case(*case).critical);
    let measured = critical.filter_map(|case| {
        let source = now.case(case);
        let other = before.find(&source.id)?;
        if !same_input(source, before.case(other)) {
            return None;
        }
        let (now, before) = (now.only(case), before.only(other));
        let sides = Sides {
            now: &now,
            before: Some(&before),
            identical: identical_outputs(&now, &before),
            unmeasured: false,
            look,
        };
        // A case is about itself, whatever the suite is about.
        let rule = GateRule {
            scope: Some(Scope::Suite),
            ..GateRule::on_drop(name_of(header, measure), CRITICAL_TOLERANCE)
        };
        Some(Measurement {
            case: Some(&source.id),
            // It is about its trials themselves, however others are reduced.
            ..measurement(header, Gauge::plain(measure), Some(rule), &sides)
        })
    });
    measured.collect()
}

/// The difference of a measure over some cases, which are not gated; `None` without a comparable baseline.
pub(super) fn difference_over(
    cases: Vec<usize>,
    (now, before): (&Side<'_>, &Side<'_>),
    measure: Measure,
    header: &Header,
) -> Option<Estimate> {
    let now = now.over(cases);
    let sides = Sides {
        now: &now,
        before: Some(before),
        identical: false,
        unmeasured: false,
        look: Look {
            share: 1.0,
            trials: None,
        },
    };
    let measured = measurement(header, Gauge::of_measure(header, measure), None, &sides);
    let evidence = measured.evidence()?;
    evidence
        .bounds
        .is_some()
        .then(|| measured.difference(&evidence))
}

fn measurement<'a>(
    header: &'a Header,
    gauge: Gauge,
    rule: Option<GateRule>,
    sides: &Sides<'_, 'a>,
) -> Measurement<'a> {
    let measure = gauge.measure;
    let (now, name) = (sides.now, name_of(header, measure));
    let (unit, lower_is_better) = unit_of(header, measure);
    let sharing = header.policy.clusters;
    let values = Values::of(now, gauge, sharing);
    let rival = header.compares(name).then_some(match sides.before {
        Some(_) => Rival::Baseline,
        None => Rival::Nothing,
    });
    // A comparison has no value before that it could be compared with.
    let before = sides.before.filter(|_| rival.is_none());
    let not_comparable =
        before.and_then(|before| change_of_scorer(header, &before.run.header, measure));
    let both = before
        .filter(|_| not_comparable.is_none())
        .map(|before| Both::of((now, before), name, gauge));
    let before_values = both.map(|both| Values::of(both.before, both.twin, sharing));
    let direction = Direction {
        is_ratio: unit != Unit::Share,
        lower_is_better,
    };
    let units = both.map(|both| Units::of(both, direction, sharing, None));
    let seen = values
        .of_units()
        .chain(before_values.iter().flat_map(Values::of_units))
        .chain(units.iter().flat_map(Units::all));
    let kind = kind_of(unit, seen);
    let settings = Settings {
        kind,
        scope: scope_of(header, rule.as_ref()),
        tolerance: header.tolerance_of(name, rule.as_ref()),
        level: header.policy.alpha * sides.look.share,
        max_missing: header.policy.max_missing,
        identical_outputs: sides.identical,
    };
    let worst_case = both
        .filter(|_| unit == Unit::Share && values.is_incomplete())
        .and_then(|both| {
            let filled = Units::of(both, direction, sharing, Some(0.0));
            mean_difference(&filled.units(), kind)
        });
    let found = Found {
        name,
        unit,
        lower_is_better,
        rule,
        reduce: gauge.reduce,
        missing: values.missing_share(),
        settled: settled(measure, &values, sides),
        now: Box::new(values),
        before: before_values.map(|values| Box::new(values) as Box<dyn Amount>),
        compared: units.map(|units| Comparison {
            worst_case,
            ..compare_units(&units, &settings, gauge.reduce.is_none())
        }),
        settings,
        not_comparable,
        rival,
    };
    Measurement::of(found, sides)
}

fn compare_units(units: &Units, settings: &Settings, trials_help: bool) -> Comparison {
    let borrowed = units.units();
    let other = Settings {
        scope: match settings.scope {
            Scope::Suite => Scope::Population,
            Scope::Population => Scope::Suite,
        },
        ..*settings
    };
    Comparison {
        measured: gate::measure(&borrowed, settings),
        other_scope: gate::measure(&borrowed, &other),
        basis: Basis::of(units, settings, trials_help),
        worst_case: None,
    }
}

/// What more trials of a subject take.
fn calls_of(side: &Side<'_>) -> Calls {
    let trials = side.counted().flat_map(|case| side.trials(case));
    let costs: Vec<f64> = trials
        .filter_map(|trial| trial.cost.map(Cost::usd))
        .collect();
    Calls {
        cases: side.counted().count(),
        cost: mean(&costs).and_then(Cost::from_usd),
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

impl<'a> Measurement<'a> {
    /// What was found at a look, which nothing is decided of yet.
    pub(super) fn of(found: Found<'a>, sides: &Sides<'_, 'a>) -> Self {
        Self {
            name: found.name,
            case: None,
            unit: found.unit,
            lower_is_better: found.lower_is_better,
            kind: found.settings.kind,
            rule: found.rule,
            now: found.now,
            before: found.before,
            reduce: found.reduce,
            compared: found.compared,
            settings: found.settings,
            calls: calls_of(sides.now),
            not_comparable: found.not_comparable,
            significant: false,
            adjusted: None,
            family: 0,
            share: sides.look.share,
            looked_at: sides.look.trials,
            closed: false,
            settled: found.settled,
            rival: found.rival,
            missing: found.missing,
        }
    }

    /// Whether a drop is tested; of what is made of other metrics only limits are held.
    pub(super) fn tests_drops(&self) -> bool {
        self.unit != Unit::Number
    }

    /// Whether this is a member of the family of tests.
    pub(super) fn is_tested(&self) -> bool {
        let is_compared = self.compared.is_some() && self.settled.is_none();
        self.rule.is_some() && is_compared && self.tests_drops()
    }

    /// The test of the drop. A p-value divided by the share of its look is one for the whole schedule: over all looks it
    /// falls below any level at most that often (the union bound), so that fixed and adaptive suites share a family.
    pub(super) fn test(&self) -> Test {
        let whole = |p: f64| (p / self.share).min(1.0);
        self.evidence()
            .map_or(Test { p: 1.0, p_min: 1.0 }, |evidence| Test {
                // One that was stopped at an earlier look without a finding stays in the family, and finds nothing.
                p: if self.closed {
                    1.0
                } else {
                    whole(evidence.shuffle.p_drop)
                },
                p_min: whole(evidence.shuffle.p_min),
            })
    }

    /// The verdict as far as it goes, with the reason of an open one.
    pub(super) fn verdict(&self) -> (Option<Verdict>, Option<Reason>) {
        self.decide(self.gate_summary().as_ref())
    }

    /// Whether more trials might settle the verdict.
    pub(super) fn is_open(&self) -> bool {
        let comparable = self.not_comparable.is_none() && self.now.count() > 0;
        let verdict = self.verdict().0;
        comparable && matches!(verdict, Some(Verdict::Inconclusive | Verdict::Unmeasured))
    }

    /// Whether the data cannot tell yet whether a floor or a ceiling holds.
    pub(super) fn has_open_limit(&self) -> bool {
        self.gate_summary()
            .is_some_and(|gate| gate.limit == Some(LimitVerdict::Open))
    }

    /// The largest accepted drop, on the scale of the differences.
    pub(super) fn tolerance_on_scale(&self) -> f64 {
        self.settings.tolerance_on_scale()
    }

    /// The metric, with the critical case that it is about.
    pub(super) fn label(&self) -> String {
        match self.case {
            Some(case) => format!("critical {case}"),
            None => self.name.to_owned(),
        }
    }

    pub(super) fn evidence(&self) -> Option<Evidence> {
        self.compared.as_ref()?.measured.evidence
    }

    /// Pairs of one trial a side that all trials are worth.
    pub(super) fn trial_pairs(&self) -> Option<f64> {
        Some(self.compared.as_ref()?.basis.as_ref()?.trial_pairs())
    }

    pub(super) fn summary(&self, policy: &Policy) -> MetricSummary<'a> {
        let compared = self.compared.as_ref();
        let evidence = self.evidence();
        let gate = self.gate_summary();
        let (verdict, reason) = self.decide(gate.as_ref());
        let scope = self.settings.scope;
        let errors = Errors {
            alpha: policy.alpha,
            power: POWER,
        };
        let bounds = (self.unit == Unit::Share && self.now.is_incomplete()).then(|| {
            (
                self.now.if_missing(false).unwrap_or(0.0),
                self.now.if_missing(true).unwrap_or(1.0),
            )
        });
        let mut summary = MetricSummary {
            name: self.name,
            case: self.case,
            reduce: self.reduce,
            unit: self.unit,
            lower_is_better: self.lower_is_better,
            now: self.now.estimate(self.kind, scope),
            before: self
                .before
                .as_ref()
                .and_then(|values| values.estimate(self.kind, scope)),
            difference: evidence.map(|evidence| self.difference(&evidence)),
            scope,
            other_scope: compared
                .and_then(|compared| compared.other_scope.evidence)
                .filter(|evidence| evidence.bounds.is_some())
                .map(|evidence| self.difference(&evidence)),
            relative: self.kind == Kind::Ratio,
            p_drop: evidence
                .filter(|_| self.tests_drops())
                .map(|evidence| self.adjusted.unwrap_or(evidence.shuffle.p_drop)),
            pairs: compared.map_or(0, |compared| compared.measured.pairs),
            missing: compared.map_or(0, |compared| compared.measured.missing),
            bounds,
            worst_case: compared.and_then(|compared| compared.worst_case),
            visible_drop: evidence.and_then(|evidence| self.visible_drop(&evidence, errors)),
            settle: self.settle(verdict, reason),
            gate,
            verdict,
            looked_at: self.looked_at,
            sentence: String::new(),
        };
        summary.sentence = wording::metric_sentence(&summary, self, reason);
        summary
    }

    fn visible_drop(&self, evidence: &Evidence, errors: Errors) -> Option<f64> {
        let tolerance = self.settings.tolerance_on_scale();
        mde(evidence.standard_error?, tolerance, errors)
            .map(|drop| shown_drop(self.kind == Kind::Ratio, drop))
    }

    /// What would settle the comparison, where it is what is open.
    fn settle(&self, verdict: Option<Verdict>, reason: Option<Reason>) -> Option<Settle> {
        let reason = reason.filter(|_| verdict == Some(Verdict::Inconclusive))?;
        let basis = self.compared.as_ref()?.basis.as_ref()?;
        let evidence = self.evidence()?;
        let settle = basis.settle(reason, &evidence, &self.settings, self.calls)?;
        Some(Settle {
            // Other cases say nothing of this one.
            cases: settle.cases.filter(|_| self.case.is_none()),
            ..settle
        })
    }

    fn gate_summary(&self) -> Option<GateSummary> {
        let rule = self.rule.as_ref()?;
        let alpha = self.settings.level;
        let floor = rule
            .at_least
            .and_then(|floor| self.hold(rule, floor, alpha, None));
        let ceiling = rule.at_most.and_then(|ceiling| {
            let turn: fn(f64) -> f64 = if self.unit == Unit::Share {
                |value| 1.0 - value
            } else {
                |value| -value
            };
            self.hold(rule, turn(ceiling), alpha, Some(turn))
        });
        Some(GateSummary {
            tolerance: self.settings.tolerance,
            at_least: rule.at_least,
            at_most: rule.at_most,
            mode: rule.mode.unwrap_or_default(),
            limit: [floor, ceiling]
                .into_iter()
                .flatten()
                .max_by_key(|verdict| match verdict {
                    LimitVerdict::Holds => 0,
                    LimitVerdict::Open => 1,
                    LimitVerdict::Broken => 2,
                }),
        })
    }

    fn hold(
        &self,
        rule: &GateRule,
        floor: f64,
        alpha: f64,
        turned: Option<fn(f64) -> f64>,
    ) -> Option<LimitVerdict> {
        let scope = self.settings.scope;
        let level = self.now.level(self.kind, Sight { scope, alpha }, turned)?;
        Some(
            match floor_check(&level, floor, rule.mode.unwrap_or_default()) {
                FloorVerdict::Pass => LimitVerdict::Holds,
                FloorVerdict::BelowFloor => LimitVerdict::Broken,
                FloorVerdict::Inconclusive => LimitVerdict::Open,
            },
        )
    }

    /// The difference as people read it: better is positive; relative for quantities. Intervals that are drawn towards
    /// zero by pseudo-observations can miss the estimate of very few trials; they are widened to it, which only adds
    /// coverage.
    fn difference(&self, evidence: &Evidence) -> Estimate {
        let shown = |value: f64| {
            if self.kind == Kind::Ratio {
                1.0 - (-value).exp()
            } else {
                value
            }
        };
        let bounds = evidence.bounds;
        let value = shown(evidence.diff);
        Estimate {
            value,
            low: bounds.map_or(f64::MIN, |bounds| shown(bounds.lower).min(value)),
            high: bounds.map_or(f64::MAX, |bounds| shown(bounds.upper).max(value)),
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
        let lacks_too_many = self.missing > self.settings.max_missing + SLACK;
        if let Some(rival) = self.rival {
            return (Some(rival.verdict(gate.limit, lacks_too_many)), None);
        }
        // A test says itself what too many missing values leave of it.
        let is_tested = self.compared.is_some() && self.tests_drops();
        if (lacks_too_many && !is_tested) || self.now.count() == 0 || self.not_comparable.is_some()
        {
            return (Some(Verdict::Unmeasured), None);
        }
        let (verdict, reason) = match &self.compared {
            _ if !self.tests_drops() => (Verdict::Pass, None),
            None => (Verdict::NoBaseline, None),
            Some(compared) => {
                let (verdict, reason) =
                    gate::decide(&compared.measured, &self.settings, self.significant);
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

/// A drop on the scale of differences as people read it: relative for quantities.
pub(super) fn shown_drop(is_ratio: bool, drop: f64) -> f64 {
    if is_ratio { drop.exp() - 1.0 } else { drop }
}
