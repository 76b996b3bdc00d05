//! A run: one execution of a suite, as it is kept.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::answers::{Features, Kept};
use super::point::SeriesMeans;
use crate::digest::Digest;
use crate::exchange::{Outcome, Response, WireFormat};
use crate::golden::Case;
use crate::plan::selection::Selection;
use crate::plan::{ERROR_RATE, Grade, Graded, Metric};
use crate::scorer::Score;
use crate::suite::Sampling;
use crate::suite::derived::Derived;
use crate::suite::gate::{GateRule, Policy};
use crate::suite::quarantine::Quarantine;
use crate::units::Cost;

/// Everything that is kept of one execution of a suite.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What was run, when, with what.
    pub header: Header,
    /// The cases, in the order of the dataset.
    pub cases: Arc<Vec<Case>>,
    /// The trials, by subject, then case, then repeat.
    pub trials: Vec<TrialRecord>,
}

/// What was run, when, with what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The id: a UUID that sorts by time.
    pub id: String,
    /// The invocation of the program that this run belongs to; all suites of one invocation share it.
    pub invocation: String,
    /// The name of the suite.
    pub suite: String,
    /// The file of the suite.
    pub file: String,
    /// When it began: milliseconds since 1970, UTC.
    pub started_at: i64,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<i64>,
    /// How far it came.
    pub status: Status,
    /// Why it is not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The run whose exchanges this one graded again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rescored_from: Option<String>,
    /// Whether answers of earlier runs were taken; a resumed run takes them too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reuse: bool,
    /// Whether calls are put together in batches; a resumed run goes on so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub batch: bool,
    /// Calls for each case of each subject, at most.
    pub trials: u32,
    /// How they are made look by look; `None` where their number is fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<Sampling>,
    /// What the run is for another one; `None` for a run of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// Whether texts were to be withheld from reports when it was made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub eyes_off: bool,
    /// What was selected of the suite; a resumed run selects the same.
    pub selection: Selection,
    /// The subjects.
    pub subjects: Vec<SubjectRecord>,
    /// The metrics that scorers give.
    pub metrics: Vec<Metric>,
    /// Metrics that are made of others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub derived: Vec<Derived>,
    /// What is allowed, metric by metric.
    pub gates: Vec<GateRule>,
    /// What holds for all gates.
    pub policy: Policy,
    /// Cases that are shown but not gated: those whose quarantine was in force when the run began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantine: Vec<Quarantine>,
    /// Entries of the quarantine that had expired by then, so that their cases count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantine_expired: Vec<Quarantine>,
    /// The digest of the dataset.
    pub dataset: Digest,
    /// The state of the source tree, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<Git>,
    /// The version of Regauge.
    pub regauge: String,
    /// What came out, in one number for each metric of each subject; filled when the run ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<ResultRecord>,
}

/// A run that is made for the sake of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The run that it is made for.
    pub of: String,
    /// What it is to that run.
    pub role: Role,
}

/// What a run is to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The other side, called in the same window and interleaved.
    Control,
    /// A second look at an old baseline: has the endpoint itself moved?
    Canary,
    /// The old prompts on the new models.
    OldPrompt,
    /// The new prompts on the old models.
    OldModel,
}

impl Role {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Canary => "canary",
            Self::OldPrompt => "old prompt, new model",
            Self::OldModel => "new prompt, old model",
        }
    }
}

/// A metric of a subject in one number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultRecord {
    /// Index into [`Header::subjects`].
    pub subject: usize,
    /// The metric.
    pub metric: String,
    /// The weighted mean over cases of the mean over trials.
    pub value: f64,
}

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Under way, or killed; it can be resumed.
    Running,
    /// Every trial has its outcome.
    Complete,
    /// It was interrupted and can be resumed.
    Interrupted,
    /// Budget or time was spent, or an endpoint was down; it can be resumed.
    Incomplete,
}

impl Status {
    /// Its name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Interrupted => "interrupted",
            Self::Incomplete => "incomplete",
        }
    }
}

/// One prompt on one model: the thing that can regress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectRecord {
    /// The name of the prompt.
    pub prompt: String,
    /// The number of its version.
    pub version: u32,
    /// The alias of the model.
    pub alias: String,
    /// The wire format.
    pub provider: WireFormat,
    /// The model id that the endpoint was asked for.
    pub model: String,
    /// The models that the endpoint said had served, sorted.
    #[serde(default)]
    pub served: Vec<String>,
    /// The digest of the prompt version.
    pub prompt_digest: Digest,
    /// The digest of the sampling parameters.
    pub params_digest: Digest,
    /// The template text of the prompt version, for a reader who compares two.
    pub template: String,
}

impl SubjectRecord {
    /// Its name, which stays the same when prompt versions and models behind aliases move: `triage · small`.
    pub fn name(&self) -> String {
        format!("{} · {}", self.prompt, self.alias)
    }

    /// Whether this is the same subject over time: the name of the prompt and the alias of the model, whatever stands
    /// behind them.
    pub fn is_twin(&self, other: &Self) -> bool {
        self.prompt == other.prompt && self.alias == other.alias
    }
}

/// The state of the source tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Git {
    /// The commit.
    pub commit: String,
    /// Whether files differ from it.
    pub dirty: bool,
}

/// One call for one case of one subject, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialRecord {
    /// Index into [`Header::subjects`].
    pub subject: usize,
    /// Index into [`Run::cases`].
    pub case: usize,
    /// Which repeat, counted from 1.
    pub repeat: u32,
    /// Whether it was drawn to confirm or clear a suspect case; then it belongs to no mean.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// Where its answer came from.
    pub origin: Origin,
    /// What it cost, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Its grades, by metric.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grades: Vec<Grade>,
    /// Why it has no answer, where no call was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
    /// The address of its exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Digest>,
    /// Its answer; in the history it stands with the exchange.
    #[serde(skip)]
    pub answer: Option<Kept>,
}

/// Where the answer of a trial came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A call that this run made.
    Live,
    /// An exchange of that earlier run.
    Reused(Arc<str>),
    /// A recording.
    Replayed,
    /// Nowhere: no call was made.
    Nowhere,
}

impl Header {
    /// Whether this is a point in the course of its suite over time: a complete run of the whole suite with answers of
    /// its own, for its own sake.
    pub fn is_point(&self) -> bool {
        let whole = self.selection.shard.is_none() && self.part.is_none();
        whole && self.status == Status::Complete && self.rescored_from.is_none()
    }

    /// Whether a case is gated: it is not in quarantine.
    pub fn counts(&self, case: &str) -> bool {
        !self.quarantine.iter().any(|entry| entry.case == case)
    }

    /// How calls are made for each case.
    pub fn sampling(&self) -> Sampling {
        self.sampling
            .clone()
            .unwrap_or_else(|| Sampling::fixed(self.trials))
    }

    /// Whether a baseline was too old when this run began to blame the run for a difference without a second look.
    pub fn is_stale(&self, baseline: &Self) -> bool {
        let age = self.started_at.saturating_sub(baseline.started_at);
        age / 1000 > i64::try_from(self.policy.baseline_max_age).unwrap_or(i64::MAX)
    }

    /// Where the same subject stands in this run.
    pub fn twin(&self, subject: &SubjectRecord) -> Option<usize> {
        self.subjects
            .iter()
            .position(|other| other.is_twin(subject))
    }
}

impl Run {
    /// The metrics of all subjects, each in one number: [`crate::plan::PASS`], then those of the scorers.
    pub fn results(&self) -> Vec<ResultRecord> {
        SeriesMeans::of(self)
            .into_iter()
            .filter(|series| series.metric != ERROR_RATE)
            .map(|series| ResultRecord {
                subject: series.subject,
                metric: series.metric,
                value: series.value,
            })
            .collect()
    }
}

impl TrialRecord {
    /// The text of the answer; empty where there is none.
    pub fn output(&self) -> String {
        self.response()
            .map_or_else(String::new, |response| response.text)
    }

    /// The response, where there is one.
    pub fn response(&self) -> Option<Response> {
        self.answer.as_ref()?.read().reply.into_response()
    }

    /// What is asked of every response, where there is one.
    pub fn features(&self) -> Option<&Features> {
        self.answer.as_ref()?.features()
    }

    /// Its scores, each with the index of its metric in [`Header::metrics`].
    pub fn scores(&self) -> impl Iterator<Item = (usize, &Score)> {
        self.grades.iter().filter_map(|grade| match &grade.result {
            Graded::Score(score) => Some((grade.metric, score)),
            Graded::Error(_) => None,
        })
    }

    /// The score of a metric, where there is one.
    pub fn score(&self, metric: usize) -> Option<&Score> {
        let mut scores = self.scores();
        scores.find_map(|(of, score)| (of == metric).then_some(score))
    }

    /// Whether it passed all of its checks; `None` where it has no result, a scorer could not say, or nothing was
    /// asked of it.
    pub fn passed(&self) -> Option<bool> {
        if !self.outcome.is_measured() {
            return None;
        }
        let mut verdict = None;
        for grade in &self.grades {
            match &grade.result {
                Graded::Error(_) => return None,
                Graded::Score(score) => {
                    if let Some(passed) = score.passed {
                        verdict = Some(verdict.unwrap_or(true) && passed);
                    }
                }
            }
        }
        verdict
    }

    /// Whether it gave nothing that could be graded.
    pub fn is_error(&self) -> bool {
        !self.outcome.is_measured()
            || self
                .grades
                .iter()
                .any(|grade| matches!(grade.result, Graded::Error(_)))
    }
}
