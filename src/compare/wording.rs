//! The sentences of reports: what was found, in numbers, in the reader's words.

use super::Compared;
use super::metric::Measurement;
use super::summary::{
    CaseVerdict, Estimate, LimitVerdict, MetricSummary, MustPass, Settle, SubjectSummary,
    SuiteSummary, Verdict,
};
use crate::plan::ERROR_RATE;
use crate::scorer::Unit;
use crate::stats::compare::Reason;
use crate::stats::reduce::Reducer;
use crate::stats::unit::Scope;
use crate::units::count;

mod cause;

pub(super) use cause::{canary, endpoint, moved, split};

const DAY_MS: i64 = 86_400_000;

/// The headline of the whole invocation: that of its worst suite.
pub(super) fn headline(suites: &[SuiteSummary<'_>]) -> String {
    let worst = suites.iter().max_by_key(|suite| suite.verdict);
    match (suites, worst) {
        ([], _) | (_, None) => "Nothing was run".to_owned(),
        ([suite], _) => suite.headline.clone(),
        (_, Some(worst)) => format!("{}: {}", worst.suite, worst.headline),
    }
}

/// By which rule the baseline was chosen, and how old it is where it is old.
pub(super) fn baseline_rule(compared: &Compared<'_>) -> String {
    let stale = compared
        .baseline
        .filter(|baseline| compared.run.header.is_stale(&baseline.header));
    let Some(baseline) = stale else {
        return compared.rule.clone();
    };
    let age = compared.run.header.started_at - baseline.header.started_at;
    format!("{}; it is {} days old", compared.rule, age / DAY_MS)
}

/// One sentence on a suite, chosen by its verdict.
pub(super) fn suite_headline(suite: &SuiteSummary<'_>) -> String {
    let worst = suite
        .subjects
        .iter()
        .find(|subject| subject.verdict == suite.verdict);
    match suite.verdict {
        Verdict::Regressed => worst.map_or_else(String::new, |subject| regressed(suite, subject)),
        Verdict::Unmeasured => unmeasured(suite),
        Verdict::Inconclusive => {
            let metric = worst.and_then(|subject| {
                metric_of(subject, Verdict::Inconclusive).map(|metric| (subject, metric))
            });
            metric.map_or_else(String::new, |(subject, metric)| {
                format!("Cannot tell yet: {}: {}", subject.name, metric.sentence)
            })
        }
        Verdict::NoBaseline => first_run(suite),
        Verdict::Improved => {
            let metric = suite
                .subjects
                .iter()
                .find_map(|subject| Some((subject, metric_of(subject, Verdict::Improved)?)));
            metric.map_or_else(String::new, |(subject, metric)| {
                format!("{}: {}", subject.name, metric.sentence)
            })
        }
        Verdict::Pass => passed(suite),
    }
}

fn regressed(suite: &SuiteSummary<'_>, subject: &SubjectSummary<'_>) -> String {
    let failed: usize = suite
        .subjects
        .iter()
        .map(|subject| {
            let gates = subject.gates();
            let regressed = gates.filter(|gate| gate.verdict == Some(Verdict::Regressed));
            regressed.count() + broken(subject).count()
        })
        .sum();
    // The headline says what; how sure we are of it stands with the metric.
    let sentence = metric_of(subject, Verdict::Regressed)
        .map(|metric| metric.sentence.split(';').next().unwrap_or_default())
        .or_else(|| broken(subject).next().map(|case| case.sentence.as_str()))
        .unwrap_or_default();
    let others = match failed {
        0 | 1 => String::new(),
        2 => "; and 1 more gate failed".to_owned(),
        more => format!("; and {} more gates failed", more - 1),
    };
    format!("{}: {sentence}{others}", subject.name)
}

fn unmeasured(suite: &SuiteSummary<'_>) -> String {
    if let Some(reason) = suite.run.reason {
        return format!(
            "No verdict: the run is {}: {reason}",
            suite.run.status.name()
        );
    }
    let missing: usize = suite
        .subjects
        .iter()
        .map(|subject| number(subject, CaseVerdict::Unmeasured))
        .sum();
    let all: usize = suite
        .subjects
        .iter()
        .map(|subject| subject.cases.len())
        .sum();
    if missing > 0 {
        return format!(
            "No verdict: {missing} of {} have no result (they count neither as passes nor as regressions)",
            count(all, "case")
        );
    }
    let metric = suite
        .subjects
        .iter()
        .find_map(|subject| Some((subject, metric_of(subject, Verdict::Unmeasured)?)));
    metric.map_or_else(
        || "No verdict".to_owned(),
        |(subject, metric)| format!("No verdict: {}: {}", subject.name, metric.sentence),
    )
}

fn first_run(suite: &SuiteSummary<'_>) -> String {
    let cases: usize = suite
        .subjects
        .iter()
        .map(|subject| subject.cases.len())
        .sum();
    let failing: usize = suite
        .subjects
        .iter()
        .flat_map(|subject| &subject.cases)
        .filter(|case| case.trials.iter().any(|trial| trial.passed == Some(false)))
        .count();
    format!(
        "No baseline: {} recorded, {failing} with a failed check",
        count(cases, "case")
    )
}

fn passed(suite: &SuiteSummary<'_>) -> String {
    // The widest of what is ruled out is what the suite as a whole can promise.
    let gates = suite
        .subjects
        .iter()
        .flat_map(|subject| &subject.metrics)
        .filter(|metric| metric.gate.is_some() && metric.name != ERROR_RATE);
    let widest = gates
        .filter_map(|metric| Some((metric, metric.difference?)))
        .filter(|(metric, _)| metric.unit == Unit::Share)
        .max_by(|(_, a), (_, b)| (-a.low).total_cmp(&-b.low));
    match widest {
        Some((metric, difference)) => format!(
            "No regression: a drop of {} larger than {} is ruled out (allowed: {})",
            metric.name,
            points(-difference.low),
            points(metric.gate.as_ref().map_or(0.0, |gate| gate.tolerance))
        ),
        None => "No regression".to_owned(),
    }
}

/// The metric of a verdict that fell most, or where no metric has it the critical case.
fn metric_of<'s, 'a>(
    subject: &'s SubjectSummary<'a>,
    verdict: Verdict,
) -> Option<&'s MetricSummary<'a>> {
    let worst = |gates: &'s [MetricSummary<'a>]| {
        let found = gates.iter().filter(|gate| gate.verdict == Some(verdict));
        // The first of equals, so that the sentence does not hang on chance.
        found.reduce(|worst, next| {
            if fall(next) > fall(worst) {
                next
            } else {
                worst
            }
        })
    };
    worst(&subject.metrics).or_else(|| worst(&subject.critical))
}

/// The cases that must pass and do not.
fn broken<'s, 'a>(subject: &'s SubjectSummary<'a>) -> impl Iterator<Item = &'s MustPass<'a>> {
    subject.must_pass.iter().filter(|case| !case.holds)
}

fn fall(metric: &MetricSummary<'_>) -> f64 {
    metric
        .difference
        .map_or(0.0, |difference| -difference.value)
}

/// How far the worst of the failed metrics of a subject fell.
pub(super) fn severity(subject: &SubjectSummary<'_>) -> f64 {
    metric_of(subject, Verdict::Regressed).map_or(0.0, fall)
}

fn number(subject: &SubjectSummary<'_>, verdict: CaseVerdict) -> usize {
    subject
        .counts
        .iter()
        .find(|(other, _)| *other == verdict)
        .map_or(0, |(_, count)| *count)
}

/// Why the program exits as it does.
pub(super) fn exit_cause(suites: &[SuiteSummary<'_>], verdict: Verdict) -> String {
    let named = |verdict: Verdict| {
        let suites: Vec<&str> = suites
            .iter()
            .filter(|suite| suite.verdict == verdict)
            .map(|suite| suite.suite)
            .collect();
        suites.join(", ")
    };
    let gates = |verdict: Verdict| {
        let failed = suites.iter().flat_map(|suite| {
            suite.subjects.iter().flat_map(move |subject| {
                let gates = subject
                    .gates()
                    .filter(move |gate| gate.verdict == Some(verdict));
                let must_pass = broken(subject).filter(move |_| verdict == Verdict::Regressed);
                let failed = gates
                    .map(label)
                    .chain(must_pass.map(|case| format!("must-pass case {}", case.case)));
                failed.map(move |name| format!("{name} on {} of {}", subject.name, suite.suite))
            })
        });
        failed.collect::<Vec<_>>().join("; ")
    };
    match verdict {
        Verdict::Regressed => format!("regressed: {}", gates(verdict)),
        Verdict::Unmeasured => format!("unmeasured: {}", named(verdict)),
        Verdict::Inconclusive => format!("inconclusive: {}", named(verdict)),
        Verdict::NoBaseline => "nothing to compare with".to_owned(),
        Verdict::Pass => "all gates passed".to_owned(),
        Verdict::Improved => format!("improved: {}", gates(verdict)),
    }
}

/// One plain sentence on a metric, with its numbers.
pub(super) fn metric_sentence(
    summary: &MetricSummary<'_>,
    measurement: &Measurement<'_>,
    reason: Option<Reason>,
) -> String {
    let sentence = plain_sentence(summary, measurement, reason);
    match summary
        .worst_case
        .filter(|_| summary.verdict != Some(Verdict::Unmeasured))
    {
        Some(worst) => format!(
            "{sentence}; {} if every missing trial were worst",
            signed(summary, as_read(summary, worst))
        ),
        None => sentence,
    }
}

fn plain_sentence(
    summary: &MetricSummary<'_>,
    measurement: &Measurement<'_>,
    reason: Option<Reason>,
) -> String {
    let name = label(summary);
    if let Some(why) = &measurement.not_comparable {
        return format!(
            "{name} is not comparable: {why}; `regauge rescore` grades the baseline anew"
        );
    }
    let Some(now) = summary.now else {
        return match summary.reduce.map(Reducer::least) {
            Some(least) if least > 1 => {
                format!("{name} was not measured: no case has {least} usable trials")
            }
            _ => format!("{name} was not measured"),
        };
    };
    if let Some(gate) = summary
        .gate
        .as_ref()
        .filter(|gate| gate.limit == Some(LimitVerdict::Broken))
    {
        return broken_limit(summary, now, gate.at_least, gate.at_most);
    }
    if summary.name == ERROR_RATE && summary.verdict == Some(Verdict::Pass) && now.value == 0.0 {
        return "no trial failed".to_owned();
    }
    if measurement.rival.is_some() {
        let level = without_baseline(summary, now);
        return format!("{level}; one half is as good as the baseline");
    }
    let (Some(before), Some(difference)) = (summary.before, summary.difference) else {
        return without_baseline(summary, now);
    };
    let fell = fell_or_rose(summary, before, now, difference);
    by_verdict(summary, measurement, reason, (difference, fell))
}

/// What the verdict on a difference is, in words; `fell` says how large it is.
fn by_verdict(
    summary: &MetricSummary<'_>,
    measurement: &Measurement<'_>,
    reason: Option<Reason>,
    (difference, fell): (Estimate, String),
) -> String {
    if !measurement.tests_drops() {
        return format!("{fell}{}", open_limit(summary));
    }
    match summary.verdict {
        Some(Verdict::Regressed) => format!(
            "{fell}, more than the {} allowed; {}",
            allowed(summary),
            noise(summary, measurement)
        ),
        Some(Verdict::Pass) if reason == Some(Reason::IdenticalOutputs) => {
            "all outputs are the same as before".to_owned()
        }
        Some(Verdict::Pass) => format!(
            "a {} larger than {} is ruled out (allowed: {})",
            worsening(summary),
            drop_of(summary, -difference.low),
            allowed(summary)
        ),
        Some(Verdict::Improved) => format!("{fell}; a {} is ruled out", worsening(summary)),
        Some(Verdict::Inconclusive) => {
            let open = open(summary, measurement, reason);
            format!("{}{open}", measured(summary, difference))
        }
        Some(Verdict::Unmeasured) => {
            format!(
                "{} of {} have no result on a side",
                summary.missing,
                count(summary.pairs + summary.missing, "case")
            )
        }
        Some(Verdict::NoBaseline) | None => fell,
    }
}

fn broken_limit(
    summary: &MetricSummary<'_>,
    now: Estimate,
    at_least: Option<f64>,
    at_most: Option<f64>,
) -> String {
    let value = |value| summary.unit.show(value);
    let limit = match (at_least, at_most) {
        (Some(floor), None) => format!("below the floor of {}", value(floor)),
        (None, Some(ceiling)) => format!("above the ceiling of {}", value(ceiling)),
        _ => "outside of its limits".to_owned(),
    };
    format!(
        "{} is {}, {limit} (90 % interval {} to {})",
        summary.name,
        value(now.value),
        value(now.low),
        value(now.high)
    )
}

fn without_baseline(summary: &MetricSummary<'_>, now: Estimate) -> String {
    let value = |value| summary.unit.show(value);
    let limit = open_limit(summary);
    format!(
        "{} is {} (90 % interval {} to {}){limit}",
        summary.name,
        value(now.value),
        value(now.low),
        value(now.high)
    )
}

fn open_limit(summary: &MetricSummary<'_>) -> &'static str {
    match &summary.gate {
        Some(gate) if gate.limit == Some(LimitVerdict::Open) => "; whether its limit holds is open",
        _ => "",
    }
}

fn fell_or_rose(
    summary: &MetricSummary<'_>,
    before: Estimate,
    now: Estimate,
    difference: Estimate,
) -> String {
    let rose = now.value > before.value;
    let verb = if difference.value == 0.0 {
        "stayed"
    } else if rose {
        "rose"
    } else {
        "fell"
    };
    let by = drop_of(summary, difference.value.abs());
    let value = |value| summary.unit.show(value);
    if verb == "stayed" {
        return format!("{} stayed at {}", label(summary), value(now.value));
    }
    format!(
        "{} {verb} {by}, {} to {}",
        label(summary),
        value(before.value),
        value(now.value)
    )
}

fn noise(summary: &MetricSummary<'_>, measurement: &Measurement<'_>) -> String {
    let p = summary.p_drop.unwrap_or(1.0);
    let adjusted = if measurement.family > 1 {
        format!(" (adjusted for {} comparisons)", measurement.family)
    } else {
        String::new()
    };
    format!(
        "noise alone does this {} of the time{adjusted}",
        probability(p)
    )
}

fn measured(summary: &MetricSummary<'_>, difference: Estimate) -> String {
    let Estimate { value, low, high } = difference;
    let (low, high) = if summary.lower_is_better {
        (high, low)
    } else {
        (low, high)
    };
    let [value, low, high] = [value, low, high].map(|change| as_read(summary, change));
    format!(
        "{} measured {}, 90 % interval {} to {}",
        label(summary),
        signed(summary, value),
        signed(summary, low),
        signed(summary, high)
    )
}

/// What a change for the worse is called.
fn worsening(summary: &MetricSummary<'_>) -> &'static str {
    if summary.lower_is_better {
        "rise"
    } else {
        "drop"
    }
}

fn open(
    summary: &MetricSummary<'_>,
    measurement: &Measurement<'_>,
    reason: Option<Reason>,
) -> String {
    let seen = summary.visible_drop.map_or_else(String::new, |drop| {
        format!(
            "; this run can see {}s of {} or more",
            worsening(summary),
            drop_of(summary, drop)
        )
    });
    let why = match reason {
        Some(Reason::DropRealSizeUnclear) => {
            "; it is real, whether it is larger than allowed is not clear".to_owned()
        }
        Some(Reason::RareFailureGuard) => rare(summary, measurement),
        Some(Reason::TooFewClusters) => {
            "; cases like these cannot be judged from a single cluster".to_owned()
        }
        _ if summary
            .gate
            .as_ref()
            .is_some_and(|gate| gate.limit == Some(LimitVerdict::Open)) =>
        {
            "; whether its limit holds is open".to_owned()
        }
        _ => String::new(),
    };
    let settled = summary.settle.as_ref().map_or_else(String::new, settled);
    format!("{why}{seen}{settled}")
}

fn rare(summary: &MetricSummary<'_>, measurement: &Measurement<'_>) -> String {
    let wanted = summary
        .settle
        .as_ref()
        .and_then(|settle| settle.trial_pairs);
    let (what, present) = match summary.scope {
        Scope::Suite => ("pairs of trials", measurement.trial_pairs()),
        Scope::Population => ("clusters of cases", None),
    };
    match (wanted, present) {
        (Some(wanted), Some(present)) => format!(
            "; too few trials to rule out a rare failure: it takes {wanted} {what}, these are {present:.0}"
        ),
        (Some(wanted), None) => {
            format!("; too few trials to rule out a rare failure: it takes {wanted} {what}")
        }
        (None, _) => "; too few trials to rule out a rare failure".to_owned(),
    }
}

/// What would settle an open verdict.
fn settled(settle: &Settle) -> String {
    let price = settle.calls.map_or_else(String::new, |calls| {
        let cost = settle.cost.filter(|cost| cost.usd() > 0.0);
        let cost = cost.map_or_else(String::new, |cost| format!(", about {cost}"));
        format!(" ({}{cost})", count(calls, "call"))
    });
    let base = settle.baseline_trials_per_case;
    let more = |trials: usize| count(trials, "more trial");
    match (settle.trials_per_case, settle.cases) {
        (Some(0), _) => format!(
            "; {} per case of the baseline{price} would settle it",
            more(base)
        ),
        (Some(now), _) if base > 0 => format!(
            "; {} per case and {base} of the baseline{price} would settle it",
            more(now)
        ),
        (Some(now), _) => format!("; {} per case{price} would settle it", more(now)),
        (None, Some(cases)) => {
            format!(
                "; cannot be settled with this suite: add about {}",
                count(rounded(cases), "case")
            )
        }
        (None, None) => {
            "; it lies too near to what is allowed for more trials or cases to settle it".to_owned()
        }
    }
}

/// A number in two digits, rounded up: more would promise what nobody knows.
fn rounded(number: usize) -> usize {
    let step = 10_usize.pow(number.checked_ilog10().unwrap_or(0).saturating_sub(1));
    number.div_ceil(step) * step
}

/// What a metric is called: a critical case by its id.
fn label(summary: &MetricSummary<'_>) -> String {
    match summary.case {
        Some(case) => format!("critical case {case} ({})", summary.name),
        None => match summary.reduce {
            Some(reducer) => format!("{} ({reducer})", summary.name),
            None => summary.name.to_owned(),
        },
    }
}

/// A change as it reads beside the values: a rise is positive, be it better or worse.
fn as_read(summary: &MetricSummary<'_>, change: f64) -> f64 {
    if summary.lower_is_better {
        -change
    } else {
        change
    }
}

fn allowed(summary: &MetricSummary<'_>) -> String {
    let tolerance = summary.gate.as_ref().map_or(0.0, |gate| gate.tolerance);
    if summary.relative {
        percent(tolerance)
    } else {
        points_number(tolerance)
    }
}

fn drop_of(summary: &MetricSummary<'_>, size: f64) -> String {
    if summary.relative {
        percent(size)
    } else {
        points(size)
    }
}

fn signed(summary: &MetricSummary<'_>, value: f64) -> String {
    let sign = if value < 0.0 { "\u{2212}" } else { "+" };
    let size = value.abs();
    if summary.relative {
        format!("{sign}{}", percent(size))
    } else {
        format!("{sign}{}", points_number(size))
    }
}

fn points(share: f64) -> String {
    format!("{} points", points_number(share))
}

fn points_number(share: f64) -> String {
    trim(format!("{:.1}", share * 100.0))
}

fn percent(share: f64) -> String {
    format!("{} %", trim(format!("{:.1}", share * 100.0)))
}

fn trim(number: String) -> String {
    number
        .strip_suffix(".0")
        .map(str::to_owned)
        .unwrap_or(number)
}

fn probability(p: f64) -> String {
    if p < 1e-6 {
        "< 0.0001 %".to_owned()
    } else {
        format!("{} %", trim(format!("{:.2}", p * 100.0)))
    }
}
