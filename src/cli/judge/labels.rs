//! What people say of the answers of a run: labels from a file, or from columns of the dataset.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::document::Source;
use crate::error::{Diagnostic, Result};
use crate::history::run::Run;
use crate::text::suggest;

/// What a person says of an answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Label {
    case: String,
    /// Whether it passes.
    pub(super) pass: Option<bool>,
    /// How good it is, from 0 to 1.
    pub(super) score: Option<f64>,
    /// Who says so, where several do.
    pub(super) rater: Option<String>,
    /// The subject, where the run has several.
    subject: Option<String>,
    /// The trial, counted from 1; without it the label is about the first.
    repeat: Option<u32>,
    /// What kind of case it is; without it the first tag of the case.
    pub(super) slice: Option<String>,
}

/// The labels of each answer, by the index of its trial.
pub(super) type ByAnswer<'a> = BTreeMap<usize, Vec<&'a Label>>;

/// Labels of a file, a JSON object a line.
pub(super) fn of_file(source: &Source) -> Result<Vec<Label>> {
    const HELP: &str = "a label is {\"case\": …, \"pass\": true or false}, or with a `score` from 0 to 1, and with `rater`, \
                        `subject`, `repeat` and `slice` where needed";
    let mut labels = Vec::new();
    let mut seen = BTreeSet::new();
    let mut at = 0;
    for line in source.text.split_inclusive('\n') {
        let place = source.place(at..at + line.trim_end().len());
        at += line.len();
        if line.trim().is_empty() {
            continue;
        }
        let wrong = |why: String| Diagnostic::new(why).at(place.clone());
        let label: Label = serde_json::from_str(line)
            .map_err(|error| wrong(format!("not a label: {error}")).help(HELP))?;
        let is_share = |score: f64| (0.0..=1.0).contains(&score);
        if !label.score.map_or(label.pass.is_some(), is_share) {
            let why = "a label says `pass`, true or false, or a `score` from 0 to 1";
            return Err(wrong(why.to_owned()).help(HELP).into());
        }
        let key = (
            label.case.clone(),
            label.subject.clone(),
            label.repeat.unwrap_or(1),
            label.rater.clone(),
        );
        if !seen.insert(key) {
            return Err(wrong(format!("case `{}` has two labels", label.case))
                .help(
                    "several trials of a case are told apart by `repeat`, several subjects by `subject`, several people \
                     by `rater`",
                )
                .into());
        }
        labels.push(label);
    }
    Ok(labels)
}

/// Labels of columns of the dataset, one for each rater. An empty cell is no label.
pub(super) fn of_columns(run: &Run, columns: &[String]) -> Result<Vec<Label>> {
    let mut labels = Vec::new();
    for column in columns {
        let before = labels.len();
        let cells = run.cases.iter().map(|case| (case, case.vars.get(column)));
        labels.extend(cells.filter_map(|(case, cell)| {
            let (pass, score) = read_cell(cell?)?;
            Some(Label {
                case: case.id.clone(),
                pass,
                score,
                rater: Some(column.clone()),
                subject: None,
                repeat: None,
                slice: None,
            })
        }));
        if labels.len() == before {
            return Err(Diagnostic::new(format!(
                "no case of the run has true, false or a share from 0 to 1 in `{column}`"
            ))
            .help("labels may also stand in a file of their own: `regauge judge calibrate LABELS`")
            .into());
        }
    }
    Ok(labels)
}

/// Whether the answer passes, or how good it is.
fn read_cell(cell: &Value) -> Option<(Option<bool>, Option<f64>)> {
    let number = match cell {
        Value::Bool(pass) => return Some((Some(*pass), None)),
        Value::String(text) => match text.trim() {
            "true" => return Some((Some(true), None)),
            "false" => return Some((Some(false), None)),
            text => text.parse().ok()?,
        },
        cell => cell.as_f64()?,
    };
    (0.0..=1.0)
        .contains(&number)
        .then_some((None, Some(number)))
}

/// The labels by the answers that they are about.
///
/// # Errors
/// A label is about no answer of the run.
pub(super) fn by_answer<'a>(run: &Run, labels: &'a [Label]) -> Result<ByAnswer<'a>> {
    let mut by_case: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, trial) in run.trials.iter().enumerate() {
        by_case
            .entry(&run.cases[trial.case].id)
            .or_default()
            .push(index);
    }
    let mut found = ByAnswer::new();
    for label in labels {
        let trials = by_case.get(label.case.as_str()).into_iter().flatten();
        let mut meant = trials
            .copied()
            .filter(|index| label.is_about(run, *index))
            .peekable();
        if meant.peek().is_none() {
            return Err(label.unknown(run).into());
        }
        meant.for_each(|index| found.entry(index).or_default().push(label));
    }
    Ok(found)
}

impl Label {
    fn is_about(&self, run: &Run, index: usize) -> bool {
        let trial = &run.trials[index];
        let subject = &run.header.subjects[trial.subject];
        let mut wanted = self.subject.iter();
        trial.repeat == self.repeat.unwrap_or(1) && wanted.all(|name| subject.name() == *name)
    }

    fn unknown(&self, run: &Run) -> Diagnostic {
        let ids = run.cases.iter().map(|case| case.id.as_str());
        let meant = suggest(&self.case, ids).filter(|meant| *meant != self.case);
        let help = meant.map_or_else(
            || {
                "a label names a case of the run, and the trial and the subject where needed"
                    .to_owned()
            },
            |meant| format!("did you mean `{meant}`?"),
        );
        let what = format!(
            "the label for `{}` is about no answer of the run",
            self.case
        );
        Diagnostic::new(what).help(help)
    }
}
