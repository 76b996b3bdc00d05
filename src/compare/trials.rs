//! The trials of a case on one side: what became of each is put together when somebody asks, so that a summary of many
//! trials stays small.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::summary::{Changed, ScoreSummary, TrialSummary};
use super::withhold::{Key, withheld};
use crate::exchange::{Reply, ToolCall, Usage};
use crate::history::answers::Kept;
use crate::history::run::TrialRecord;
use crate::plan::{Graded, Metric};
use crate::text::diff::Diff;
use crate::units::Cost;

/// The trials of a case on one side.
#[derive(Debug, Clone, Default)]
pub struct Trials<'a> {
    made: &'a [TrialRecord],
    /// Here stand those that were drawn for a suspect, among others.
    after: &'a [TrialRecord],
    columns: Columns,
    withheld: Option<Box<Withheld<'a>>>,
}

/// Where the scores of a run stand in a summary, whose metrics may be those of another run.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// For each metric of the run its place.
    of: Arc<[Option<usize>]>,
    count: usize,
}

/// How the texts of trials are withheld.
#[derive(Debug, Clone)]
struct Withheld<'a> {
    key: Option<&'a Key>,
    /// What answers are compared with while they are there; `None` where none is.
    against: Option<Against<'a>>,
}

/// What answers are compared with.
#[derive(Debug, Clone)]
pub(super) struct Against<'a> {
    /// The approved output.
    pub(super) golden: Option<&'a Value>,
    /// The trials of the baseline.
    pub(super) before: Trials<'a>,
}

impl Columns {
    /// Where the scores of a run with `own` metrics stand among `shown` ones.
    pub fn new(own: &[Metric], shown: &[Metric]) -> Self {
        let place = |metric: &Metric| shown.iter().position(|other| other.name == metric.name);
        Self {
            of: own.iter().map(place).collect(),
            count: shown.len(),
        }
    }
}

impl<'a> Trials<'a> {
    /// Trials that were made for the run, and those behind them, of which those count that were drawn for a suspect.
    pub fn new(made: &'a [TrialRecord], after: &'a [TrialRecord], columns: Columns) -> Self {
        Self {
            made,
            after,
            columns,
            withheld: None,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.records().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records().next().is_none()
    }

    /// What became of each. An answer is read when its turn comes.
    pub fn iter(&self) -> impl Iterator<Item = TrialSummary<'a>> {
        let texts = self.withheld.as_deref().map(Texts::of);
        self.records()
            .map(move |record| self.summary(record, texts.as_ref()))
    }

    /// What they cost, as far as that is known.
    pub fn costs(&self) -> impl Iterator<Item = Cost> {
        self.records().filter_map(|record| record.cost)
    }

    /// How long those with a response took, in milliseconds.
    pub fn latencies(&self) -> impl Iterator<Item = f64> {
        self.records()
            .filter_map(|record| record.features()?.latency_ms)
    }

    /// The one that shows best what is wrong: the first that fails, else the first without a result, else the first.
    pub(super) fn worst(&self) -> Option<TrialSummary<'a>> {
        let mut records = self.records();
        let failing = self.records().find(|one| one.passed() == Some(false));
        let unmeasured = || self.records().find(|one| !one.outcome.is_measured());
        let found = failing.or_else(unmeasured).or_else(|| records.next());
        found.map(|record| self.alone(record))
    }

    /// The one that an output is best compared with: the first that passes, else the first with a result.
    pub(super) fn best(&self) -> Option<TrialSummary<'a>> {
        let passing = self.records().find(|one| one.passed() == Some(true));
        let measured = || self.records().find(|one| one.outcome.is_measured());
        let found = passing.or_else(measured);
        found.map(|record| self.alone(record))
    }

    /// The same with texts withheld; where differences are shown, they come down to the share that changed.
    pub(super) fn withhold(&mut self, key: Option<&'a Key>, against: Option<Against<'a>>) {
        self.withheld = Some(Box::new(Withheld { key, against }));
    }

    fn records(&self) -> impl Iterator<Item = &'a TrialRecord> + use<'a> {
        let fresh = self.after.iter().filter(|record| record.fresh);
        self.made.iter().chain(fresh)
    }

    fn alone(&self, record: &'a TrialRecord) -> TrialSummary<'a> {
        let texts = self.withheld.as_deref().map(Texts::of);
        self.summary(record, texts.as_ref())
    }

    fn summary(&self, record: &'a TrialRecord, withheld: Option<&Texts<'a>>) -> TrialSummary<'a> {
        let answered = record.answer.as_ref().map(Kept::read);
        let attempts = answered.as_ref().map_or(0, |answered| answered.attempts);
        let (response, failure) = match answered.map(|answered| answered.reply) {
            Some(Reply::Response(response)) => (Some(*response), None),
            Some(Reply::Failure(failure)) => (None, Some(failure.to_string())),
            None => (None, record.reason.as_deref().map(str::to_owned)),
        };
        let usage = response
            .as_ref()
            .map_or_else(Usage::default, |response| response.usage);
        let (output, tool_calls) = response.map_or_else(Default::default, |response| {
            (response.text, response.tool_calls)
        });
        let summary = TrialSummary {
            repeat: record.repeat,
            fresh: record.fresh,
            outcome: record.outcome,
            origin: &record.origin,
            output,
            changed: None,
            tool_calls,
            failure,
            passed: record.passed(),
            scores: self.scores(record),
            latency_ms: record.features().and_then(|features| features.latency_ms),
            cost: record.cost,
            tokens: (usage.input, usage.output),
            attempts,
        };
        match withheld {
            Some(texts) => texts.instead_of(summary),
            None => summary,
        }
    }

    fn scores(&self, record: &'a TrialRecord) -> Vec<Option<ScoreSummary<'a>>> {
        let mut scores: Vec<Option<ScoreSummary<'a>>> = std::iter::repeat_with(|| None)
            .take(self.columns.count)
            .collect();
        for grade in &record.grades {
            let Some(column) = self.columns.of[grade.metric] else {
                continue;
            };
            scores[column] = Some(match &grade.result {
                Graded::Score(score) => ScoreSummary {
                    value: Some(score.value),
                    passed: score.passed,
                    note: score.note.as_deref(),
                },
                Graded::Error(error) => ScoreSummary {
                    value: None,
                    passed: None,
                    note: Some(error),
                },
            });
        }
        scores
    }
}

impl Serialize for Trials<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// The texts that answers are compared with before they are withheld.
struct Texts<'a> {
    key: Option<&'a Key>,
    /// The approved output and that of the baseline, where differences are shown.
    compared: Option<(Option<String>, Option<String>)>,
}

impl<'a> Texts<'a> {
    fn of(withheld: &Withheld<'a>) -> Self {
        let compared = withheld.against.as_ref().map(|against| {
            let golden = against.golden.map(|golden| match golden {
                Value::String(text) => text.clone(),
                other => format!("{other:#}"),
            });
            (golden, against.before.best().map(|trial| trial.output))
        });
        Self {
            key: withheld.key,
            compared,
        }
    }

    /// What a scorer or a call says of a text may quote it, and goes too.
    fn instead_of(&self, trial: TrialSummary<'a>) -> TrialSummary<'a> {
        let share = |old: &str| Diff::of(old, &trial.output).share();
        let changed = self.compared.as_ref().map(|(golden, before)| Changed {
            golden: golden.as_deref().map(share),
            baseline: before.as_deref().map(share),
        });
        let hidden = |text: &str| withheld(text, self.key);
        let calls = trial.tool_calls.iter().map(|call| ToolCall {
            id: String::new(),
            name: hidden(&call.name),
            arguments: hidden(&call.arguments),
        });
        let mut scores = trial.scores;
        for score in scores.iter_mut().flatten() {
            score.note = None;
        }
        TrialSummary {
            changed,
            output: hidden(&trial.output),
            tool_calls: calls.collect(),
            failure: trial.failure.as_deref().map(hidden),
            scores,
            ..trial
        }
    }
}
