//! Compares runs with their baselines: pairs cases, tests metrics, holds limits, and puts all that a report may show
//! into one [`Summary`].
//!
//! Everything here is pure and hangs on nothing but the runs: not on the order in which answers came, not on a clock.

mod amount;
mod attribution;
mod canary;
mod case;
pub mod cluster;
mod confirm;
mod derived;
pub mod foresight;
mod group;
pub mod judges;
mod labels;
pub mod looks;
mod marks;
mod measure;
mod metric;
mod must_pass;
mod past;
mod rival;
mod rules;
pub mod selftest;
mod settle;
mod side;
pub mod split;
pub mod summary;
#[cfg(test)]
mod tests;
pub mod trials;
mod trust;
mod units;
mod values;
mod whole;
pub mod withhold;
mod wording;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use crate::exchange::Outcome;
use crate::history::answers::Kept;
use crate::history::change;
use crate::history::run::{Header, Origin, Run, Status, TrialRecord};
use crate::scorer::asking::JudgeCall;
use crate::suite::gate::OnInconclusive;
use crate::suite::quarantine::Quarantine;
use crate::timeline::{Moved, Timeline, inputs, outputs};
use crate::units::Cost;
use looks::Pairing;
use metric::Measurement;
use side::Side;
use split::Cells;
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
    /// The baseline's subjects called again, where it is old and the run looks worse than it.
    pub canary: Option<&'a Run>,
    /// The cells that divide the effect of a prompt and a model that moved together.
    pub cells: Option<Cells<'a>>,
    /// The course of the suite over time, up to this run.
    pub timeline: Option<&'a Timeline>,
    /// Whether texts are withheld from whoever reads the summary.
    pub eyes_off: Option<EyesOff>,
}

/// How texts are withheld.
#[derive(Debug, Default)]
pub struct EyesOff {
    /// The key of their hashes; without it they have none.
    pub key: Option<withhold::Key>,
    /// What stands in their place.
    stand: OnceLock<withhold::Stand>,
}

impl EyesOff {
    /// With the key of the hashes.
    pub fn new(key: Option<withhold::Key>) -> Self {
        Self {
            key,
            stand: OnceLock::new(),
        }
    }
}

impl<'a> Compared<'a> {
    /// A run with its baseline. What was recorded with texts withheld stays so.
    pub fn new(run: &'a Run, baseline: Option<&'a Run>, rule: String) -> Self {
        Self {
            run,
            baseline,
            rule,
            canary: None,
            cells: None,
            timeline: None,
            eyes_off: is_eyes_off(run, baseline).then(EyesOff::default),
        }
    }
}

/// Whether texts were to be withheld when a run or its baseline was made.
pub fn is_eyes_off(run: &Run, baseline: Option<&Run>) -> bool {
    run.header.eyes_off || baseline.is_some_and(|baseline| baseline.header.eyes_off)
}

/// Compares all runs of one invocation. `strict` makes an open verdict fail, whatever a suite says.
pub fn summarize<'a>(compared: &'a [Compared<'a>], strict: bool) -> Summary<'a> {
    let paired = looks::decide_all(compared);
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

fn suite_summary<'a>(compared: &'a Compared<'a>, pairings: Vec<Pairing<'a>>) -> SuiteSummary<'a> {
    let run = compared.run;
    let mut subjects: Vec<SubjectSummary<'a>> = pairings
        .into_iter()
        .map(|pairing| subject_summary(compared, pairing))
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
    let metrics = run.header.metrics.iter();
    let names: Vec<&str> = metrics.map(|metric| metric.name.as_str()).collect();
    let mut summary = SuiteSummary {
        suite: &run.header.suite,
        file: &run.header.file,
        run: facts(run),
        baseline: compared.baseline.map(facts),
        baseline_rule: wording::baseline_rule(compared),
        verdict,
        headline: String::new(),
        warnings: warnings(&run.header),
        changes: compared
            .baseline
            .map(|baseline| change::between(&baseline.header, &run.header))
            .unwrap_or_default(),
        timeline: compared.timeline,
        drift: drift(compared),
        eyes_off: false,
        clusters: cluster::clusters(&subjects, &names),
        metric_names: names,
        subjects,
    };
    summary.headline = wording::suite_headline(&summary);
    // Verdicts and clusters are found on the texts; no report sees them.
    if let Some(eyes_off) = &compared.eyes_off {
        let stand = withhold::Stand::of(&mut summary, eyes_off.key.as_ref());
        let stand = eyes_off.stand.get_or_init(|| stand);
        stand.put(&mut summary, eyes_off.key.as_ref());
    }
    summary
}

/// What moved since the baseline.
fn drift(compared: &Compared<'_>) -> Vec<Moved> {
    let Some(baseline) = compared.baseline else {
        return Vec::new();
    };
    let mut moved = inputs::drift(&baseline.cases, &compared.run.cases);
    moved.extend(outputs::drift(baseline, compared.run, compared.canary));
    moved
}

fn warnings(header: &Header) -> Vec<String> {
    let expired = header.quarantine_expired.iter().map(Quarantine::warning);
    let judges = header
        .metrics
        .iter()
        .filter_map(|metric| Some((&metric.name, metric.judge.as_ref()?)));
    let of_judges = judges.filter_map(|(name, judge)| match (&judge.objection, &judge.caution) {
        (Some(objection), _) => Some(format!("the judge of {name} does not gate: {objection}")),
        (None, Some(caution)) => Some(format!("the judge of {name} should not gate: {caution}")),
        (None, None) => None,
    });
    expired.chain(of_judges).collect()
}

fn subject_summary<'a>(compared: &Compared<'a>, pairing: Pairing<'a>) -> SubjectSummary<'a> {
    let header = &compared.run.header;
    let canary = canary::look(compared, &pairing);
    let split = split::divide(compared, &pairing);
    let Pairing {
        now,
        before,
        measurements,
        critical,
        ..
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
    let broken = must_pass.iter().filter(|case| !case.holds);
    let broken = broken.map(|_| Verdict::Regressed);
    let gates = metrics.iter().chain(&critical);
    let mut verdict = worst(gates.filter_map(|metric| metric.verdict).chain(broken));
    let (mut cases, chance) = case::summaries(&now, before.as_ref(), header);
    past::note(compared.timeline, &now, &header.policy, &mut cases);
    must_pass::note(&must_pass, &mut cases);
    if now.has_too_many_unmeasured(header.policy.max_missing) && verdict != Verdict::Regressed {
        verdict = Verdict::Unmeasured;
    }
    let cause = attribution::cause(&now, before.as_ref(), verdict);
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
        template_changed: None,
        verdict,
        metrics,
        canary,
        cause,
        split,
        critical,
        must_pass,
        judges: judges::summaries(&now, header),
        noise: case::noise(&cases),
        chance,
        counts: case::counts(&cases),
        outcomes: now.outcomes(),
        labels: labels::summaries(&now, before.as_ref(), header),
        groups: group::groups(&now, before.as_ref(), header, &cases),
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
    let judging = judging(run);
    let judging_cost = judging
        .iter()
        .try_fold(Cost::ZERO, |sum, call| Some(sum + call.cost?));
    RunFacts {
        id: &header.id,
        started_at: header.started_at,
        status: header.status,
        reason: header.reason.as_deref(),
        git: header.git.as_ref(),
        dataset: header.dataset,
        cases: run.cases.len(),
        trials_per_case: header.trials,
        is_adaptive: header.sampling().is_adaptive(),
        outcomes: outcomes.into_iter().collect(),
        live: live.len(),
        batched: live.iter().filter(|trial| is_batched(trial)).count(),
        saved: saved(run),
        confirming: run.trials.iter().filter(|trial| trial.fresh).count(),
        judging: judging.len(),
        judging_cost: judging_cost.filter(|_| !judging.is_empty()),
        cost: cost.zip(judging_cost).map(|(own, judges)| own + judges),
    }
}

fn is_batched(trial: &TrialRecord) -> bool {
    trial.answer.as_ref().is_some_and(Kept::came_in_batch)
}

/// The calls that a run made of judges, each once.
fn judging(run: &Run) -> Vec<&JudgeCall> {
    let mut called = BTreeSet::new();
    let grades = run.trials.iter().flat_map(|trial| &trial.grades);
    let judged = grades.filter_map(|grade| grade.judged.as_ref());
    judged
        .flat_map(|judged| &judged.calls)
        .filter(|call| call.live && called.insert(call.address))
        .collect()
}

/// Calls that a run could have made and did not need, since its verdicts closed before the last look.
fn saved(run: &Run) -> usize {
    let header = &run.header;
    if header.status != Status::Complete || !header.sampling().is_adaptive() {
        return 0;
    }
    let made = run.trials.iter().filter(|trial| !trial.fresh).count();
    let most = header.subjects.len() * run.cases.len() * header.sampling().most() as usize;
    most.saturating_sub(made)
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
