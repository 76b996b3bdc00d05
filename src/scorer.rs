//! Scorers: rules that grade one answer.
//!
//! A scorer is pure. It is compiled from one entry of a suite, with every mistake shown where it stands, and then asked
//! once for each answer. What it cannot judge, since the expected value or a measurement is missing, is an error that
//! the caller keeps as missing, and never a zero.
//!
//! What scorers there are is data, in [`registry`]; entries are checked, documented and described to editors from there.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::digest::Digest;
use crate::document::{Document, Node};
use crate::error::{Diagnostic, Place, Problems, Result};
use crate::exchange::{Call, Request, Response};
use crate::golden::Case;
use crate::stats::confusion::Cell;
use crate::stats::reduce::Reducer;
use crate::text::excerpt;
use crate::text::normalize::Normalize;
use crate::units::Cost;
use crate::workspace::Workspace;

mod answers;
pub mod asking;
mod compose;
mod edit;
mod entry;
mod expected;
mod fields;
mod formats;
mod judge;
mod labels;
mod likeness;
mod markup;
mod matching;
mod meaning;
mod measure;
mod moderation;
mod options;
mod overlap;
mod own;
mod reduce;
mod refusal;
pub mod registry;
mod service;
mod structure;
mod style;
mod tokenize;
mod tools;
mod transform;

use asking::{Asks, Assessed, Hearing, Judged, Outlook, Question, Replies, Step};
use entry::Entry;
use expected::{Expected, Wanted};
pub use labels::Labelling;
use reduce::Reduce;
use registry::{KINDS, Kind};
use transform::Transform;

/// What a scorer found, or why there is no score.
type OrMissing<T> = std::result::Result<T, String>;

/// Tokens of a text that stands for an answer which is not there yet, at most.
pub const LONGEST_STAND_IN: u64 = 1_000_000;
/// Characters of a note.
const LONGEST_NOTE: usize = 200;

/// What a value of a scorer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A share from 0 to 1.
    Share,
    /// Milliseconds.
    Milliseconds,
    /// US dollars.
    Usd,
    /// Tokens.
    Tokens,
    /// Words.
    Words,
    /// Tokens a second.
    #[serde(rename = "tokens-per-second")]
    TokensPerSecond,
    /// A number that is made of others.
    Number,
}

impl Unit {
    /// Whether less of it is better. Of words neither more nor less is, which is why they are only ever shown.
    pub fn lower_is_better(self) -> bool {
        matches!(self, Self::Milliseconds | Self::Usd | Self::Tokens)
    }

    /// Whether it measures how long an answer took.
    pub fn is_time(self) -> bool {
        matches!(self, Self::Milliseconds | Self::TokensPerSecond)
    }

    /// A value with its unit, in a sentence.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Share => format!("{:.1} %", value * 100.0),
            Self::Milliseconds => format!("{value:.0} ms"),
            Self::Usd => format!("${value:.6}"),
            Self::Tokens => format!("{value:.1} tokens"),
            Self::Words => format!("{value:.1} words"),
            Self::TokensPerSecond => format!("{value:.1} tokens/s"),
            Self::Number => crate::units::four_digits(value),
        }
    }
}

/// What is graded.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// What the model answered.
    pub response: &'a Response,
    /// How long it took; `None` where nobody knows.
    pub latency_ms: Option<f64>,
    /// Of these, until the first piece of a streamed answer; `None` where it was not streamed or nobody knows.
    pub first_token_ms: Option<f64>,
    /// What it cost, where that is known.
    pub cost: Option<Cost>,
}

/// What it is graded against.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The id of the case; empty where it has none.
    pub case: &'a str,
    /// The approved output of the case.
    pub expected: Option<&'a Value>,
    /// The variables of the case.
    pub vars: &'a Map<String, Value>,
    /// The tags of the case.
    pub tags: &'a [String],
}

/// The result of a scorer for one answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// A share from 0 to 1, or a measured quantity in the unit of its scorer; always finite.
    pub value: f64,
    /// Whether it is good enough; `None` where nothing says what is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<bool>,
    /// Why it is not good enough, in at most 200 characters. It may quote the answer and the expected output as they
    /// are: reports escape it, and leave it out where no text may be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What it adds to a table of labels, for a scorer that gives them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<Cell>,
}

/// A rule with its options, ready to grade.
#[derive(Debug)]
pub struct Scorer {
    /// The name of its metric in reports and gates.
    pub metric: String,
    /// Its share in the weighted score of a trial.
    pub weight: f64,
    /// Whether it is shown only and never gates.
    pub informational: bool,
    kind: &'static Kind,
    negate: bool,
    normalize: Normalize,
    transforms: Vec<Transform>,
    expected: Expected,
    rule: Box<dyn Rule>,
    agreement: Option<f64>,
    tags: Vec<String>,
    only_if: Vec<(String, Place)>,
    reduce: Option<Reduce>,
    fingerprint: Digest,
}

/// Where a scorer finds what its options name.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Reads a JSON file; told where its path stands.
    pub load: &'a dyn Fn(&str, &Place) -> Result<Value>,
    /// The workspace with its models and prompts, where there is one.
    pub workspace: Option<&'a Workspace>,
    /// All cases of the dataset, whichever are selected.
    pub cases: &'a [Case],
}

/// The rule itself; each family has its own.
trait Rule: std::fmt::Debug + Send + Sync {
    /// Judges one answer.
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading>;

    /// Judges one answer, or says what it has to ask first.
    fn consult(&self, subject: &Subject<'_>, _: &Hearing<'_>) -> Turn {
        Turn::Done(self.read(subject), None)
    }

    /// Whom it asks; `None` for a rule that asks no one.
    fn asks(&self) -> Option<Asks<'_>> {
        None
    }

    /// A request as it makes them, to see what the wire format can carry.
    fn sample(&self) -> Option<Request> {
        None
    }

    /// What it will ask about an answer, of which this is a stand-in, beside another that is as long.
    fn foresee(&self, subject: &Subject<'_>) -> Outlook {
        let hearing = Hearing {
            repeat: 1,
            rival: Some(subject.text),
            replies: &Replies::default(),
        };
        let Turn::Ask(questions) = self.consult(subject, &hearing) else {
            return Outlook::default();
        };
        let is_about_it = |call: &Arc<Call>| {
            let mut messages = call.request.messages.iter();
            messages.any(|message| message.text().contains(subject.text))
        };
        let calls = questions.into_iter().map(|question| question.call);
        let (each, once) = calls.partition(is_about_it);
        Outlook {
            once,
            each,
            votes: 1,
        }
    }

    /// Whether its value is itself a comparison with the baseline.
    fn compares(&self) -> bool {
        false
    }

    /// What its values are.
    fn values(&self) -> Values {
        Values::Binary
    }

    /// The labels that it gives, and what is read off their table; `None` for a rule that gives none.
    fn labelling(&self) -> Option<&Labelling> {
        None
    }

    /// What an answer that could not be read adds to the table of labels.
    fn unread(&self, _wanted: &Wanted<'_>, _normalize: &Normalize) -> OrMissing<Vec<Cell>> {
        Ok(Vec::new())
    }

    /// Its part of the fingerprint; `written` are the options as they stand in the suite, apart from those that all
    /// scorers share.
    fn identity(&self, written: Value) -> Value {
        written
    }
}

/// A text that is as long as so many tokens by [`Request::estimated_input_tokens`], up to [`LONGEST_STAND_IN`]; a short
/// one where their number is not known.
pub fn stand_in(tokens: Option<u64>) -> String {
    let tokens = tokens.unwrap_or(1).clamp(1, LONGEST_STAND_IN);
    "word".repeat(usize::try_from(tokens).unwrap_or(1))
}

/// A rule, or the mistakes in its options.
type Built = Result<Box<dyn Rule>>;

/// How far a rule came.
enum Turn {
    /// To its end, with what a model was asked for it.
    Done(OrMissing<Reading>, Option<Judged>),
    /// To questions.
    Ask(Vec<Question>),
}

impl Turn {
    /// The end without a score.
    fn missing(error: String) -> Self {
        Self::Done(Err(error), None)
    }
}

/// What the values of a rule are.
#[derive(Debug, Clone, Copy)]
enum Values {
    /// 0 or 1.
    Binary,
    /// Any share, which passes or fails where something says what is enough.
    Graded { decides: bool },
    /// A quantity.
    Measured(Unit),
}

/// What a rule looks at.
struct Subject<'a> {
    /// The answer after transforms.
    text: &'a str,
    answer: &'a Answer<'a>,
    target: &'a Target<'a>,
    wanted: Wanted<'a>,
    normalize: &'a Normalize,
}

/// What a rule found, before it is negated.
#[derive(Debug)]
struct Reading {
    value: f64,
    holds: Option<bool>,
    /// Why it does not hold.
    note: Option<String>,
    /// What it adds to a table of labels.
    cells: Vec<Cell>,
}

impl Reading {
    /// Of a rule that holds or does not; the note is only made where it is needed.
    fn binary(holds: bool, note: impl FnOnce() -> String) -> Self {
        Self::decided(f64::from(u8::from(holds)), Some(holds), note)
    }

    /// Of a share that is enough from a threshold on, where there is one; `what` was compared.
    fn graded(value: f64, threshold: Option<f64>, what: impl FnOnce() -> String) -> Self {
        let holds = threshold.map(|threshold| value >= threshold);
        Self::decided(value, holds, || {
            let least = threshold.unwrap_or_default();
            format!("{value:.3}, expected at least {least}: {}", what())
        })
    }

    /// Of a quantity that holds, does not, or is only shown.
    fn decided(value: f64, holds: Option<bool>, note: impl FnOnce() -> String) -> Self {
        Self {
            value,
            holds,
            note: (holds == Some(false)).then(note),
            cells: Vec::new(),
        }
    }
}

impl Scorer {
    /// The name of the scorer.
    pub fn name(&self) -> &'static str {
        self.kind.name
    }

    /// What its values are.
    pub fn unit(&self) -> Unit {
        match self.rule.values() {
            Values::Binary | Values::Graded { .. } => Unit::Share,
            Values::Measured(unit) => unit,
        }
    }

    /// Whether less of its value is better.
    pub fn lower_is_better(&self) -> bool {
        self.unit().lower_is_better()
    }

    /// Whether every value is 0 or 1.
    pub fn binary(&self) -> bool {
        matches!(self.rule.values(), Values::Binary)
    }

    /// The agreement with people that it must have shown to gate, where that is asked.
    pub fn required_agreement(&self) -> Option<f64> {
        self.agreement
    }

    /// The labels that it gives, and what is read off their table; `None` for one that gives none.
    pub fn labelling(&self) -> Option<&Labelling> {
        self.rule.labelling()
    }

    /// How the trials of a case become one value; `None`: they are averaged.
    pub fn reducer(&self) -> Option<Reducer> {
        Some(self.reduce.as_ref()?.reducer)
    }

    /// The mistake where trials are reduced and a suite looks at verdicts after fewer than that takes.
    pub fn lacks_trials(&self, trials: u32) -> Option<Diagnostic> {
        self.reduce.as_ref()?.objection(trials)
    }

    /// Whether it grades cases with these tags: all, unless the entry selects some.
    pub fn applies_to(&self, tags: &[String]) -> bool {
        self.tags.is_empty() || self.tags.iter().any(|tag| tags.contains(tag))
    }

    /// The digest of all that can change a score or whether it passes: the rule, its version and its options, a schema
    /// by its content. Names, weights and what gates are no part of it.
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// Grades one answer, whether it is whole, cut or a refusal: what counts is its text.
    ///
    /// The answer goes through the transforms, then it and the expected value through `normalize`, then the rule reads
    /// them, and at last `negate` turns the result round (`1 - value`, and what passed does not). An answer in which a
    /// transform finds nothing has failed with the value 0, negated or not.
    ///
    /// # Errors
    /// Says why there is no score: no expected value, one that the rule cannot use, or no measurement. The trial is
    /// then missing from the metric.
    pub fn grade(
        &self,
        target: &Target<'_>,
        answer: &Answer<'_>,
    ) -> std::result::Result<Score, String> {
        self.grade_text(target, answer, &answer.response.text)
    }

    /// As [`Self::grade`], for another text than that of the answer.
    fn grade_text(&self, target: &Target<'_>, answer: &Answer<'_>, text: &str) -> OrMissing<Score> {
        let hearing = Hearing {
            repeat: 1,
            rival: None,
            replies: &Replies::default(),
        };
        match self.step_text(target, answer, text, &hearing) {
            Step::Done(assessed) => assessed.result,
            Step::Ask(_) => {
                Err("a model has to be asked for it, which `regauge run` does".to_owned())
            }
        }
    }

    /// As [`Self::grade`], for scorers that ask a model too: goes on with the replies so far, to the end or to questions.
    pub fn step(&self, target: &Target<'_>, answer: &Answer<'_>, hearing: &Hearing<'_>) -> Step {
        self.step_text(target, answer, &answer.response.text, hearing)
    }

    fn step_text(
        &self,
        target: &Target<'_>,
        answer: &Answer<'_>,
        text: &str,
        hearing: &Hearing<'_>,
    ) -> Step {
        let done = |result, judged| Step::Done(Assessed { result, judged });
        let wanted = match self.expected.of(target) {
            Ok(wanted) => wanted,
            Err(error) => return done(Err(error), None),
        };
        let text = match transform::apply(&self.transforms, text) {
            Ok(text) => text,
            Err(note) => {
                let cells = self.rule.unread(&wanted, &self.normalize);
                let nothing = |cells| Score {
                    cells,
                    ..self.nothing(&note)
                };
                return done(cells.map(nothing), None);
            }
        };
        let subject = Subject {
            text: &text,
            answer,
            target,
            wanted,
            normalize: &self.normalize,
        };
        match self.rule.consult(&subject, hearing) {
            Turn::Done(reading, judged) => {
                done(reading.map(|reading| self.judge(reading, &wanted)), judged)
            }
            Turn::Ask(questions) => Step::Ask(questions),
        }
    }

    /// Whom it asks; `None` for a scorer that needs no model.
    pub fn asks(&self) -> Option<Asks<'_>> {
        self.rule.asks()
    }

    /// What it will ask about an answer that is like this text; nothing where the case lacks what it needs. Transforms
    /// are left out: what they make of an answer is not known before.
    pub fn foresee(&self, target: &Target<'_>, stand_in: &str) -> Outlook {
        let Ok(wanted) = self.expected.of(target) else {
            return Outlook::default();
        };
        let response = Response::of(stand_in);
        let answer = Answer {
            response: &response,
            latency_ms: None,
            first_token_ms: None,
            cost: None,
        };
        self.rule.foresee(&Subject {
            text: stand_in,
            answer: &answer,
            target,
            wanted,
            normalize: &self.normalize,
        })
    }

    /// A request as it makes them, to see what the wire format can carry.
    pub fn sample(&self) -> Option<Request> {
        self.rule.sample()
    }

    /// Whether its value is itself a comparison with the baseline, so that two runs' values are not compared.
    pub fn compares(&self) -> bool {
        self.rule.compares()
    }

    /// The metrics whose scorers must pass before it asks, with their places.
    pub fn only_if(&self) -> &[(String, Place)] {
        &self.only_if
    }

    /// The score where a scorer that it waits for did not pass.
    pub fn unasked(&self, metric: &str) -> Score {
        self.nothing(&format!("not asked: `{metric}` did not pass"))
    }

    fn judge(&self, reading: Reading, wanted: &Wanted<'_>) -> Score {
        if !self.negate {
            return Score {
                value: reading.value,
                passed: reading.holds,
                note: reading.note.map(shortened),
                cells: reading.cells,
            };
        }
        let unwanted = || {
            let note = format!("not wanted: {} {}", self.kind.name, wanted.describe());
            shortened(note.trim_end().to_owned())
        };
        Score {
            value: 1.0 - reading.value,
            passed: reading.holds.map(|holds| !holds),
            note: (reading.holds == Some(true)).then(unwanted),
            cells: Vec::new(),
        }
    }

    /// The score of an answer in which a transform found nothing.
    fn nothing(&self, note: &str) -> Score {
        let decides = match self.rule.values() {
            Values::Binary => true,
            Values::Graded { decides } => decides,
            Values::Measured(_) => false,
        };
        Score {
            value: 0.0,
            passed: decides.then_some(false),
            note: Some(shortened(note.to_owned())),
            cells: Vec::new(),
        }
    }

    /// What the fingerprint is made of.
    fn identity(&self, written: Value) -> Value {
        let steps: Vec<&str> = self
            .normalize
            .steps()
            .iter()
            .map(|step| step.name())
            .collect();
        let transforms: Vec<Value> = self.transforms.iter().map(Transform::identity).collect();
        let mut identity = json!({
            "scorer": self.kind.name,
            "version": self.kind.version,
            "negate": self.negate,
            "normalize": steps,
            "transform": transforms,
            "expected": self.expected.identity(),
            "rule": self.rule.identity(written),
        });
        if !self.tags.is_empty() {
            identity["tags"] = json!(self.tags);
        }
        identity
    }
}

/// Reads one entry of `scorers`: a name, or a name with a value or options.
///
/// # Errors
/// All mistakes of the entry, each with its place.
pub fn compile(
    document: &Document,
    node: &Node,
    surroundings: &Surroundings<'_>,
) -> Result<Scorer> {
    compile_entry(&Entry::read(document, node, surroundings)?)
}

fn compile_entry(entry: &Entry<'_>) -> Result<Scorer> {
    let kind = entry.kind;
    let mut problems = Problems::default();
    entry.check(&mut problems);
    if let Some(node) = entry.get("metric").filter(|node| is_blank(node)) {
        problems.push(entry.problem(node, format!("`{}.metric` is empty", kind.name)));
    }
    let normalize = matching::normalize(entry);
    let transforms = problems.take(transform::read(entry));
    let expected = problems.take(expected::read(entry, &normalize));
    let rule = problems.take((kind.build)(entry));
    let reduce = rule
        .as_deref()
        .and_then(|rule| problems.take(reduce::read(entry, rule)))
        .flatten();
    problems.finish()?;
    let (Some(transforms), Some(expected), Some(rule)) = (transforms, expected, rule) else {
        unreachable!("what could not be read was noted as a problem")
    };
    let metric = entry.text("metric").or_else(|| entry.text("name"));
    let mut scorer = Scorer {
        metric: metric.unwrap_or(kind.name).to_owned(),
        weight: entry.number("weight").unwrap_or(1.0),
        informational: entry.flag("informational"),
        kind,
        negate: entry.flag("negate"),
        normalize,
        transforms,
        expected,
        rule,
        agreement: entry.number("agreement"),
        tags: entry.texts("tags"),
        only_if: entry.named("only_if"),
        reduce,
        fingerprint: Digest::of_bytes(&[]),
    };
    scorer.informational |= scorer.unit() == Unit::Words || scorer.compares();
    scorer.fingerprint = Digest::of(&scorer.identity(entry.written()));
    Ok(scorer)
}

/// JSON Schema (2020-12) of one entry of `scorers`, for editors.
pub fn schema() -> Value {
    let bare: Vec<Value> = KINDS
        .iter()
        .filter(|kind| kind.can_be_bare())
        .map(|kind| json!({"const": kind.name, "description": kind.summary}))
        .collect();
    let properties: Map<String, Value> = KINDS
        .iter()
        .map(|kind| (kind.name.to_owned(), kind.entry_schema()))
        .collect();
    json!({"anyOf": [
        {"oneOf": bare},
        {
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        },
    ]})
}

fn is_blank(node: &Node) -> bool {
    node.text().is_some_and(|text| text.trim().is_empty())
}

fn shortened(note: String) -> String {
    match excerpt(&note, LONGEST_NOTE) {
        std::borrow::Cow::Borrowed(_) => note,
        std::borrow::Cow::Owned(short) => short,
    }
}

#[cfg(test)]
mod tests;
