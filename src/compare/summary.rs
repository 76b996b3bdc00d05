//! Everything that a report may show, computed once. Reports write it and compute nothing.

pub mod labels;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::judges::JudgeSummary;
use super::trials::Trials;
use crate::digest::Digest;
use crate::exchange::{Outcome, ToolCall};
use crate::history::change::Change;
use crate::history::run::{Git, Origin, Status};
use crate::scorer::Unit;
use crate::stats::floor::FloorMode;
use crate::stats::reduce::Reducer;
use crate::stats::unit::Scope;
use crate::suite::quarantine::Quarantine;
use crate::text::change;
use crate::timeline::{Moved, Past, Timeline};
use crate::units::Cost;
use labels::LabelSummary;

/// The version of the JSON form; a higher major version may have other meanings.
pub const FORMAT: &str = "regauge-summary/1";

/// What one invocation found, for all of its suites.
#[derive(Debug, Serialize)]
pub struct Summary<'a> {
    /// [`FORMAT`].
    pub format: &'static str,
    /// The version of Regauge.
    pub regauge: &'static str,
    /// The worst verdict of its suites.
    pub verdict: Verdict,
    /// What the program exits with, and the gate that caused it in words.
    pub exit: Exit,
    /// One sentence that says it all.
    pub headline: String,
    /// The suites, worst first.
    pub suites: Vec<SuiteSummary<'a>>,
}

#[expect(clippy::ref_option, reason = "serde hands a reference to the field")]
fn as_usd<S: Serializer>(cost: &Option<Cost>, serializer: S) -> Result<S::Ok, S::Error> {
    cost.map(Cost::usd).serialize(serializer)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands a reference to the field"
)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The exit code with its cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exit {
    /// The code.
    pub code: u8,
    /// Why, in words.
    pub cause: String,
}

/// A verdict, worst last but for `Improved`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Better, by more than the tolerance and by more than noise.
    Improved,
    /// A drop larger than the tolerance is ruled out, and floors hold.
    Pass,
    /// There is nothing to compare with, and floors hold or are open.
    NoBaseline,
    /// The data cannot tell.
    Inconclusive,
    /// Too many trials have no result.
    Unmeasured,
    /// Worse by more than the tolerance and by more than noise, or a floor is broken.
    Regressed,
}

impl Verdict {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Improved => "improved",
            Self::Pass => "pass",
            Self::NoBaseline => "no baseline",
            Self::Inconclusive => "inconclusive",
            Self::Unmeasured => "unmeasured",
            Self::Regressed => "regressed",
        }
    }
}

/// What one run of a suite found.
#[derive(Debug, Serialize)]
pub struct SuiteSummary<'a> {
    /// The name of the suite.
    pub suite: &'a str,
    /// Its file.
    pub file: &'a str,
    /// The run.
    pub run: RunFacts<'a>,
    /// The run that it is compared with.
    pub baseline: Option<RunFacts<'a>>,
    /// By which rule the baseline was chosen, or why there is none.
    pub baseline_rule: String,
    /// The worst verdict of its subjects.
    pub verdict: Verdict,
    /// One sentence that says it all.
    pub headline: String,
    /// What a reader must know that no verdict says, such as a quarantine that has expired.
    pub warnings: Vec<String>,
    /// What differs between the two runs besides their answers.
    pub changes: Vec<Change>,
    /// The course of the suite over time, up to this run; `None` where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeline: Option<&'a Timeline>,
    /// What moved in the inputs and the outputs since the baseline, whatever scorers say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Moved>,
    /// Names of the metrics, in the order of the scores of trials.
    pub metric_names: Vec<&'a str>,
    /// The subjects, worst first.
    pub subjects: Vec<SubjectSummary<'a>>,
    /// Whether texts are withheld: each stands as its number of characters and a keyed hash.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub eyes_off: bool,
    /// Regressed and suspect cases that went wrong in the same way, the largest cluster first.
    pub clusters: Vec<Cluster<'a>>,
}

/// Cases that fail the same check and whose answers changed in the same kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cluster<'a> {
    /// The check; `None` where no check fails and the score is lower.
    pub check: Option<&'a str>,
    /// How the worst answer differs from that of the baseline.
    pub change: change::Change,
    /// The cases, worst first.
    pub cases: Vec<Place>,
}

/// Where a case stands in its suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Index of its subject.
    pub subject: usize,
    /// Index of the case in the subject.
    pub case: usize,
}

/// The deciding score of a subject in a group of cases.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupSummary<'a> {
    /// The name of the group.
    pub name: &'a str,
    /// Its cases that count.
    pub cases: usize,
    /// The regressed and suspect ones of them.
    pub bad: usize,
    /// The change of the deciding score over its cases; positive is better.
    pub difference: Option<Estimate>,
}

/// Facts of a run.
#[derive(Debug, Serialize)]
pub struct RunFacts<'a> {
    /// Its id.
    pub id: &'a str,
    /// When it began: milliseconds since 1970, UTC.
    pub started_at: i64,
    /// How far it came.
    pub status: Status,
    /// Why it is not complete.
    pub reason: Option<&'a str>,
    /// The state of the source tree.
    pub git: Option<&'a Git>,
    /// The digest of the dataset.
    pub dataset: Digest,
    /// Cases.
    pub cases: usize,
    /// Calls for each case of each subject, at most.
    pub trials_per_case: u32,
    /// Whether they are made look by look while a verdict is open.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_adaptive: bool,
    /// Trials by outcome; those that did not occur are left out.
    pub outcomes: Vec<(Outcome, usize)>,
    /// Calls that this run made.
    pub live: usize,
    /// Of these, those that came with batches, at half the price.
    #[serde(skip_serializing_if = "is_zero")]
    pub batched: usize,
    /// Calls that were not needed, since verdicts closed before the last look.
    #[serde(skip_serializing_if = "is_zero")]
    pub saved: usize,
    /// Trials that were drawn to confirm or clear suspect cases.
    #[serde(skip_serializing_if = "is_zero")]
    pub confirming: usize,
    /// Calls that scorers made of models.
    #[serde(skip_serializing_if = "is_zero")]
    pub judging: usize,
    /// What the calls of scorers cost, where there were any; `None` where the price of one is not known. USD in JSON.
    #[serde(
        rename = "judging_cost_usd",
        serialize_with = "as_usd",
        skip_serializing_if = "Option::is_none"
    )]
    pub judging_cost: Option<Cost>,
    /// What its calls cost, those of scorers included; `None` where the price of one is not known. USD in JSON.
    #[serde(rename = "cost_usd", serialize_with = "as_usd")]
    pub cost: Option<Cost>,
}

/// What was found of one prompt on one model.
#[derive(Debug, Serialize)]
pub struct SubjectSummary<'a> {
    /// Its name: `triage · small`.
    pub name: String,
    /// The prompt version, as in `triage@v2`.
    pub prompt: String,
    /// The prompt version of the baseline.
    pub prompt_before: Option<String>,
    /// The alias of the model.
    pub alias: &'a str,
    /// The model id that was asked for.
    pub model: &'a str,
    /// The models that the endpoint said had served.
    pub served: &'a [String],
    /// The template text of the prompt version, and of the baseline's where that is another.
    pub template: &'a str,
    /// The template text of the baseline's version.
    pub template_before: Option<&'a str>,
    /// The share of the two that differs, where they are withheld.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_changed: Option<f64>,
    /// The worst verdict of its gates.
    pub verdict: Verdict,
    /// The metrics, those with gates first.
    pub metrics: Vec<MetricSummary<'a>>,
    /// Why it got worse or better, or what moved where that is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The parts of prompt and model in the effect on each gated share, where `--split` was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub split: Vec<Split>,
    /// What a second look at an old baseline says, where a metric looks worse than it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// The critical cases, each a gate of its own; those without a twin in the baseline are left out.
    pub critical: Vec<MetricSummary<'a>>,
    /// The cases of which every trial must pass.
    pub must_pass: Vec<MustPass<'a>>,
    /// What there is to know of its judges besides their scores.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub judges: Vec<JudgeSummary<'a>>,
    /// How often two trials of the same case disagree, over the cases with two trials or more; `None` where there is
    /// none.
    pub noise: Option<f64>,
    /// How many cases chance alone would list.
    pub chance: Chance,
    /// Cases by verdict; those that did not occur are left out.
    pub counts: Vec<(CaseVerdict, usize)>,
    /// Trials by outcome; those that did not occur are left out.
    pub outcomes: Vec<(Outcome, usize)>,
    /// What labels were given to what, for each metric that gives some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelSummary<'a>>,
    /// The groups of cases, the surest drop first; empty where there are not two.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupSummary<'a>>,
    /// The cases, worst first.
    pub cases: Vec<CaseSummary<'a>>,
}

/// Why a subject changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cause {
    /// What of ours moved; where nothing did, what the endpoint said of itself that differs.
    pub moved: Vec<Change>,
    /// How much further outputs of the two sides lie apart than outputs of one side (energy statistic of 5-gram sets,
    /// from 0 to 1); only where nothing of ours moved, with two trials on a side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shift: Option<f64>,
    /// How often re-running alone moves outputs as far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p: Option<f64>,
    /// One plain sentence.
    pub sentence: String,
}

/// The effect on a metric, divided between prompt and model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Split {
    /// The metric.
    pub metric: String,
    /// The part of the prompt.
    pub prompt: Effect,
    /// The part of the model; with that of the prompt the whole effect.
    pub model: Effect,
    /// One plain sentence.
    pub sentence: String,
}

/// The effect of moving one thing, with the other as it was and as it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Effect {
    /// The mean of both.
    pub mean: f64,
    /// With the other thing as it was.
    pub old: Edge,
    /// With the other thing as it is.
    pub new: Edge,
}

/// A difference between two cells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Edge {
    /// The difference; positive is better.
    pub difference: Estimate,
    /// How often noise alone gives so large a drop.
    pub p_drop: f64,
}

/// What the subject of an old baseline answers now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Canary {
    /// How often re-running alone moves a metric as far, in either direction.
    pub p: f64,
    /// Whether the endpoint itself has moved since the baseline.
    pub has_moved: bool,
    /// One plain sentence.
    pub sentence: String,
}

/// A case of which every trial must pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MustPass<'a> {
    /// The id of the case.
    pub case: &'a str,
    /// Whether each of its trials passed. One without a result did not.
    pub holds: bool,
    /// One plain sentence with the numbers.
    pub sentence: String,
}

/// How many cases chance alone would list as regressed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Chance {
    /// Cases whose trials differ at all, so that they could be listed.
    pub informative: usize,
    /// How many of them would be listed by chance, at most, on the mean.
    pub listed: f64,
}

/// A value with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean over cases of the mean over trials, weighted.
    pub value: f64,
    /// The lower end of the 90 % interval.
    pub low: f64,
    /// The upper end of the 90 % interval.
    pub high: f64,
}

/// What was found of one metric of one subject.
#[derive(Debug, Serialize)]
pub struct MetricSummary<'a> {
    /// Its name.
    pub name: &'a str,
    /// The critical case that it is about; `None`: all cases that count.
    pub case: Option<&'a str>,
    /// How the trials of a case become one value, where they are not averaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reduce: Option<Reducer>,
    /// What its values are.
    pub unit: Unit,
    /// Whether less is better.
    pub lower_is_better: bool,
    /// Now; `None` where nothing was measured.
    pub now: Option<Estimate>,
    /// In the baseline.
    pub before: Option<Estimate>,
    /// The difference, in the unit of the metric (a quotient less 1 where `relative`); positive is better.
    pub difference: Option<Estimate>,
    /// What the difference and the verdict are about: these cases, or cases like these.
    pub scope: Scope,
    /// The difference with its interval in the other scope, where it can be computed.
    pub other_scope: Option<Estimate>,
    /// Whether the difference is relative.
    pub relative: bool,
    /// How often noise alone does this, where a drop was tested; adjusted for all gates of the invocation.
    pub p_drop: Option<f64>,
    /// Cases with a usable trial on both sides.
    pub pairs: usize,
    /// Cases that have none on a side.
    pub missing: usize,
    /// The value if every missing trial were worst, and if every one were best.
    pub bounds: Option<(f64, f64)>,
    /// The difference if every missing trial of this run were worst, where some are missing.
    pub worst_case: Option<f64>,
    /// The smallest drop that would be seen with 80 % power.
    pub visible_drop: Option<f64>,
    /// What would settle the comparison, where it is open.
    pub settle: Option<Settle>,
    /// What is allowed; `None`: it is shown only.
    pub gate: Option<GateSummary>,
    /// What the gate says; `None` where there is none, or nothing to compare with.
    pub verdict: Option<Verdict>,
    /// Trials for each case on which the verdict rests, where trials are added look by look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<u32>,
    /// One plain sentence with the numbers.
    pub sentence: String,
}

/// What would settle an open comparison, with 80 % power if the change is as large as it was measured: more trials,
/// else more cases, else nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settle {
    /// Trials of each case, beside those that this run has.
    pub trials_per_case: Option<usize>,
    /// Trials of each case that the baseline needs beside those that it has.
    pub baseline_trials_per_case: usize,
    /// The calls of all these trials.
    pub calls: Option<usize>,
    /// What they cost, by the mean of this run. USD in JSON.
    #[serde(rename = "cost_usd", serialize_with = "as_usd")]
    pub cost: Option<Cost>,
    /// Cases to add, where trials cannot settle it.
    pub cases: Option<usize>,
    /// Pairs of trials that it takes to have seen a rare failure, where that is what is open.
    pub trial_pairs: Option<usize>,
}

/// What is allowed of a metric, and whether it holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateSummary {
    /// The largest accepted drop; relative for quantities.
    pub tolerance: f64,
    /// The floor, where there is one.
    pub at_least: Option<f64>,
    /// The ceiling, where there is one.
    pub at_most: Option<f64>,
    /// When floor and ceiling are broken.
    pub mode: FloorMode,
    /// Whether floor and ceiling hold; `None` where there is neither.
    pub limit: Option<LimitVerdict>,
}

/// Whether a floor or a ceiling holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitVerdict {
    /// It holds.
    Holds,
    /// It is broken.
    Broken,
    /// The data cannot tell.
    Open,
}

/// What became of a case, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseVerdict {
    /// Worse, and not by chance.
    Regressed,
    /// Worse, but not confirmed.
    Suspect,
    /// No usable trial on a side.
    Unmeasured,
    /// Its trials differ among themselves.
    Flaky,
    /// Other words, same scores; or better, but not confirmed.
    Changed,
    /// Better, and not by chance.
    Improved,
    /// Not in the baseline.
    New,
    /// The same id with another input.
    InputChanged,
    /// In the baseline only.
    Removed,
    /// Same words.
    Unchanged,
}

impl<'a> SubjectSummary<'a> {
    /// All that is gated with a test: metrics, then critical cases.
    pub fn gates(&self) -> impl Iterator<Item = &MetricSummary<'a>> {
        let metrics = self.metrics.iter().filter(|metric| metric.gate.is_some());
        metrics.chain(&self.critical)
    }
}

impl CaseVerdict {
    /// All of them, worst first.
    pub const ALL: &[Self] = &[
        Self::Regressed,
        Self::Suspect,
        Self::Unmeasured,
        Self::Flaky,
        Self::Changed,
        Self::Improved,
        Self::New,
        Self::InputChanged,
        Self::Removed,
        Self::Unchanged,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regressed => "regressed",
            Self::Suspect => "suspect",
            Self::Unmeasured => "unmeasured",
            Self::Flaky => "flaky",
            Self::Changed => "changed",
            Self::Improved => "improved",
            Self::New => "new",
            Self::InputChanged => "input-changed",
            Self::Removed => "removed",
            Self::Unchanged => "unchanged",
        }
    }
}

/// What became of one case of one subject.
#[derive(Debug, Serialize)]
pub struct CaseSummary<'a> {
    /// Its id.
    pub id: &'a str,
    /// The verdict.
    pub verdict: CaseVerdict,
    /// Why: the first failed check, or the failure.
    pub why: String,
    /// Trials that passed all checks, of those that have a result.
    pub passed: Passed,
    /// The same in the baseline.
    pub passed_before: Option<Passed>,
    /// The mean of its deciding score over the trials: whether they pass, or the first graded score.
    pub score: Option<f64>,
    /// The same in the baseline.
    pub score_before: Option<f64>,
    /// The exact probability that noise alone made so large a drop.
    pub p: Option<f64>,
    /// How often two trials of this run disagree; `None` below two.
    pub disagreement: Option<f64>,
    /// Whether it is a gate of its own.
    pub critical: bool,
    /// Whether every trial must pass.
    pub must_pass: bool,
    /// Why it is shown and not gated, by whom and until when; `None`: it is gated.
    pub quarantine: Option<&'a Quarantine>,
    /// What became of it in the newest runs of its suite, oldest first; this run is the last. `null` is a run that did
    /// not have it as it is now, `"unmeasured"` one without a result, a number the share of trials that passed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Past>,
    /// From which of these runs on it is as bad as now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bad_since: Option<usize>,
    /// The group that it belongs to: its first tag, else what stands before the first slash of its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<&'a str>,
    /// Tags.
    pub tags: &'a [String],
    /// The variables.
    pub input: &'a Map<String, Value>,
    /// The approved output.
    pub expected: Option<&'a Value>,
    /// Its trials.
    pub trials: Trials<'a>,
    /// Its trials in the baseline.
    pub trials_before: Trials<'a>,
}

impl<'a> CaseSummary<'a> {
    /// The trial that shows best what is wrong with the case: the first that fails, else the first without a result,
    /// else the first.
    pub fn worst_trial(&self) -> Option<TrialSummary<'a>> {
        self.trials.worst()
    }

    /// The trial of the baseline that an output is best compared with: the first that passes, else the first with a
    /// result.
    pub fn baseline_trial(&self) -> Option<TrialSummary<'a>> {
        self.trials_before.best()
    }

    /// The output of the worst trial; empty where there is none.
    pub fn output(&self) -> String {
        self.worst_trial()
            .map_or_else(String::new, |trial| trial.output)
    }

    /// The output of the baseline that it is best compared with.
    pub fn baseline_output(&self) -> Option<String> {
        self.baseline_trial().map(|trial| trial.output)
    }

    /// The first check that the worst trial fails, of these names of metrics.
    pub fn failing_check<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        let trial = self.worst_trial()?;
        let is_failed = |score: &Option<ScoreSummary<'_>>| {
            score
                .as_ref()
                .is_some_and(|score| score.passed == Some(false))
        };
        names.get(trial.scores.iter().position(is_failed)?).copied()
    }
}

/// Trials that passed, of trials with a result, of trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Passed {
    /// Trials that passed all checks.
    pub passed: usize,
    /// Trials with a result.
    pub measured: usize,
    /// All trials.
    pub trials: usize,
}

/// What became of one trial.
#[derive(Debug, Serialize)]
pub struct TrialSummary<'a> {
    /// Which repeat, counted from 1.
    pub repeat: u32,
    /// Whether it was drawn to confirm or clear a suspect case; then it belongs to no mean.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// Where its answer came from.
    pub origin: &'a Origin,
    /// The text of the answer.
    pub output: String,
    /// How much of the answer differs, where it is withheld.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<Changed>,
    /// The tools that it called.
    pub tool_calls: Vec<ToolCall>,
    /// Why there is no answer.
    pub failure: Option<String>,
    /// Whether all checks passed; `None` where there is no result or no check.
    pub passed: Option<bool>,
    /// Scores, one for each of [`SuiteSummary::metric_names`]; `None` where there is none.
    pub scores: Vec<Option<ScoreSummary<'a>>>,
    /// Milliseconds.
    pub latency_ms: Option<f64>,
    /// What it cost. USD in JSON.
    #[serde(rename = "cost_usd", serialize_with = "as_usd")]
    pub cost: Option<Cost>,
    /// Tokens of prompt and answer.
    pub tokens: (Option<u64>, Option<u64>),
    /// Attempts that were made.
    pub attempts: u32,
}

/// The shares in which an answer that is withheld differs: 0 for the same words, 1 for no word in common.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Changed {
    /// From the approved output.
    pub golden: Option<f64>,
    /// From the answer of the baseline.
    pub baseline: Option<f64>,
}

/// A score of a trial.
#[derive(Debug, Serialize)]
pub struct ScoreSummary<'a> {
    /// The value.
    pub value: Option<f64>,
    /// Whether it passed; `None` where nothing was asked of it.
    pub passed: Option<bool>,
    /// The scorer's explanation, or why it could not say.
    pub note: Option<&'a str>,
}
