//! Compares runs with their baselines: pairs cases, tests metrics, holds limits, and puts all that a report may show
//! into one [`Summary`].
//!
//! Everything here is pure and hangs on nothing but the runs: not on the order in which answers came, not on a clock.

mod case;
mod change;
pub mod foresight;
mod metric;
mod must_pass;
mod rules;
mod settle;
mod side;
pub mod summary;
#[cfg(test)]
mod tests;
mod units;
mod values;
mod wording;

use std::collections::{BTreeMap, BTreeSet};

use crate::exchange::Outcome;
use crate::history::run::{Header, Origin, Run, Status, SubjectRecord, TrialRecord};
use crate::stats::family::{self, Test};
use crate::suite::gate::OnInconclusive;
use crate::suite::quarantine::Quarantine;
use crate::units::Cost;
use metric::{Measure, Measurement};
use side::Side;
use summary::{
    Exit, FORMAT, MetricSummary, RunFacts, SubjectSummary, SuiteSummary, Summary, Verdict,
};

/// A run with what it is compared with.
#[derive(Debug)]
pub struct Compared<'a> {
    /// The run.
    pub run: &'a Run,
    /// Its baseline.
    pub baseline: Option<&'a Run>,
    /// By which rule the baseline was chosen, or why there is none.
    pub rule: String,
}

/// A subject of a run with the same subject in the baseline, and what was measured of both.
struct Pairing<'a> {
    now: Side<'a>,
    before: Option<Side<'a>>,
    measurements: Vec<Measurement<'a>>,
    critical: Vec<Measurement<'a>>,
}

/// Compares all runs of one invocation. `strict` makes an open verdict fail, whatever a suite says.
pub fn summarize<'a>(compared: &'a [Compared<'a>], strict: bool) -> Summary<'a> {
    let mut paired: Vec<Vec<Pairing<'a>>> = compared.iter().map(pair).collect();
    decide_together(compared, &mut paired);
    let mut suites: Vec<SuiteSummary<'a>> = compared
        .iter()
        .zip(paired)
        .map(|(compared, pairings)| suite_summary(compared, pairings))
        .collect();
    let verdict = worst(suites.iter().map(|suite| suite.verdict));
    let exit = exit_of(compared, &suites, verdict, strict);
    let headline = wording::headline(&suites);
    // The reader begins with the worst; equals keep the order in which they ran.
    suites.sort_by_key(|suite| std::cmp::Reverse(suite.verdict));
    Summary {
        format: FORMAT,
        regauge: env!("CARGO_PKG_VERSION"),
        verdict,
        headline,
        exit,
        suites,
    }
}

fn pair<'a>(compared: &Compared<'a>) -> Vec<Pairing<'a>> {
    let header = &compared.run.header;
    (0..header.subjects.len())
        .map(|index| {
            let now = Side::new(compared.run, index, header);
            let before = compared.baseline.and_then(|baseline| {
                let twin = baseline
                    .header
                    .subjects
                    .iter()
                    .position(|other| is_twin(other, now.subject()))?;
                Some(Side::new(baseline, twin, header))
            });
            Pairing {
                measurements: metric::measure_all(header, &now, before.as_ref()),
                critical: metric::measure_critical(header, &now, before.as_ref()),
                now,
                before,
            }
        })
        .collect()
}

/// The same subject over time: the name of the prompt and the alias of the model, whatever stands behind them.
fn is_twin(one: &SubjectRecord, other: &SubjectRecord) -> bool {
    one.prompt == other.prompt && one.alias == other.alias
}

/// Whether drops are significant is decided over all gates of the invocation at once (Tarone 1990, Holm 1979).
fn decide_together(compared: &[Compared<'_>], paired: &mut [Vec<Pairing<'_>>]) {
    let alpha = compared
        .iter()
        .map(|one| one.run.header.policy.alpha)
        .fold(f64::INFINITY, f64::min);
    let mut gated: Vec<&mut Measurement<'_>> = paired
        .iter_mut()
        .flatten()
        .flat_map(|pairing| pairing.measurements.iter_mut().chain(&mut pairing.critical))
        .filter(|measurement| measurement.is_tested())
        .collect();
    let tests: Vec<Test> = gated.iter().map(|measurement| measurement.test()).collect();
    let result = family::tarone_holm(&tests, alpha);
    for (index, measurement) in gated.iter_mut().enumerate() {
        measurement.significant = result.rejected.contains(&index);
        measurement.adjusted = result.adjusted[index];
        measurement.family = tests.len();
    }
}

fn suite_summary<'a>(compared: &Compared<'a>, pairings: Vec<Pairing<'a>>) -> SuiteSummary<'a> {
    let run = compared.run;
    let mut subjects: Vec<SubjectSummary<'a>> = pairings
        .into_iter()
        .map(|pairing| subject_summary(&run.header, pairing))
        .collect();
    // A stable sort: equals keep the order of the suite.
    subjects.sort_by(|one, other| {
        other
            .verdict
            .cmp(&one.verdict)
            .then_with(|| wording::severity(other).total_cmp(&wording::severity(one)))
    });
    let mut verdict = worst(subjects.iter().map(|subject| subject.verdict));
    if run.header.status != Status::Complete && verdict != Verdict::Regressed {
        verdict = Verdict::Unmeasured;
    }
    let mut summary = SuiteSummary {
        suite: &run.header.suite,
        file: &run.header.file,
        run: facts(run),
        baseline: compared.baseline.map(facts),
        baseline_rule: compared.rule.clone(),
        verdict,
        headline: String::new(),
        warnings: warnings(&run.header),
        changes: compared
            .baseline
            .map(|baseline| change::between(&baseline.header, &run.header))
            .unwrap_or_default(),
        metric_names: run
            .header
            .metrics
            .iter()
            .map(|metric| metric.name.as_str())
            .collect(),
        subjects,
    };
    summary.headline = wording::suite_headline(&summary);
    summary
}

fn warnings(header: &Header) -> Vec<String> {
    let expired = header.quarantine_expired.iter();
    expired.map(Quarantine::warning).collect()
}

fn subject_summary<'a>(header: &'a Header, pairing: Pairing<'a>) -> SubjectSummary<'a> {
    let Pairing {
        now,
        before,
        measurements,
        critical,
    } = pairing;
    let subject = now.subject();
    let before_subject = before.as_ref().map(Side::subject);
    let summaries = |measurements: &[Measurement<'a>]| -> Vec<MetricSummary<'a>> {
        let measurements = measurements.iter();
        measurements
            .map(|one| one.summary(&header.policy))
            .collect()
    };
    let (metrics, critical) = (summaries(&measurements), summaries(&critical));
    let must_pass = must_pass::check(&now, header);
    let broken = must_pass
        .iter()
        .filter_map(|case| (!case.holds).then_some(Verdict::Regressed));
    let gates = metrics.iter().chain(&critical);
    let mut verdict = worst(gates.filter_map(|metric| metric.verdict).chain(broken));
    let (mut cases, chance) = case::summaries(&now, before.as_ref(), header);
    must_pass::note(&must_pass, &mut cases);
    if now.has_too_many_unmeasured(header.policy.max_missing) && verdict != Verdict::Regressed {
        verdict = Verdict::Unmeasured;
    }
    let mut counts = BTreeMap::new();
    for case in &cases {
        *counts.entry(case.verdict).or_insert(0) += 1;
    }
    SubjectSummary {
        name: subject.name(),
        prompt: format!("{}@v{}", subject.prompt, subject.version),
        prompt_before: before_subject
            .map(|before| format!("{}@v{}", before.prompt, before.version)),
        alias: &subject.alias,
        model: &subject.model,
        served: &subject.served,
        template: &subject.template,
        template_before: before_subject
            .map(|before| before.template.as_str())
            .filter(|text| *text != subject.template),
        verdict,
        metrics,
        critical,
        must_pass,
        noise: case::noise(&cases),
        chance,
        counts: counts.into_iter().collect(),
        outcomes: now.outcomes(),
        cases,
    }
}

/// The worst verdict; `Improved` only where nothing is worse than a pass.
fn worst(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    let verdicts: Vec<Verdict> = verdicts.collect();
    let worst = verdicts
        .iter()
        .copied()
        .max()
        .unwrap_or(Verdict::NoBaseline);
    let improved = verdicts.contains(&Verdict::Improved);
    if worst == Verdict::Pass && improved {
        Verdict::Improved
    } else {
        worst
    }
}

fn facts(run: &Run) -> RunFacts<'_> {
    let header = &run.header;
    let mut outcomes: BTreeMap<Outcome, usize> = BTreeMap::new();
    for trial in &run.trials {
        *outcomes.entry(trial.outcome).or_default() += 1;
    }
    // Equal requests were called once, and all their trials have that one answer.
    let mut called = BTreeSet::new();
    let mut live: Vec<&TrialRecord> = run.trials.iter().collect();
    live.retain(|trial| trial.origin == Origin::Live && called.insert(trial.address));
    // Only calls of this run cost money; one without a price makes the sum unknown. A failed call costs nothing.
    let cost = live
        .iter()
        .filter(|trial| trial.outcome.is_measured())
        .try_fold(Cost::ZERO, |sum, trial| Some(sum + trial.cost?));
    RunFacts {
        id: &header.id,
        started_at: header.started_at,
        status: header.status,
        reason: header.reason.as_deref(),
        git: header.git.as_ref(),
        dataset: header.dataset,
        cases: run.cases.len(),
        trials_per_case: header.trials,
        outcomes: outcomes.into_iter().collect(),
        live: live.len(),
        cost,
    }
}

/// What the program exits with.
fn exit_of(
    compared: &[Compared<'_>],
    suites: &[SuiteSummary<'_>],
    verdict: Verdict,
    strict: bool,
) -> Exit {
    let fails = |index: usize| {
        strict || compared[index].run.header.policy.on_inconclusive == OnInconclusive::Fail
    };
    let open: Vec<usize> = (0..suites.len())
        .filter(|index| suites[*index].verdict == Verdict::Inconclusive)
        .collect();
    let code = match verdict {
        Verdict::Regressed => 1,
        Verdict::Unmeasured => 3,
        _ if open.iter().any(|index| fails(*index)) => 4,
        _ => 0,
    };
    Exit {
        code,
        cause: wording::exit_cause(suites, verdict),
    }
}

impl Measure {
    /// The built-in metrics, and those of the scorers of a run.
    fn all(header: &Header) -> Vec<Self> {
        let scored = (0..header.metrics.len()).map(Self::Scored);
        [Self::Pass]
            .into_iter()
            .chain(scored)
            .chain([Self::ErrorRate])
            .collect()
    }
}
