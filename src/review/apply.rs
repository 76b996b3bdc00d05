//! Carries decisions out: all of a run or none.

use serde_json::Value;

use super::decision::{Action, Decision};
use super::edit::{Change, cannot_edit, edited, is_as_wanted};
use super::proposal::origins;
use crate::document::Source;
use crate::error::{Diagnostic, Place, Problems, Result};
use crate::files::replace_file;
use crate::golden::provenance::Provenance;
use crate::golden::{Case, as_golden, digest};
use crate::history::run::{Run, SubjectRecord};
use crate::suite::Suite;
use crate::workspace::Workspace;

/// Who decided, and when.
#[derive(Debug, Clone, Copy)]
pub struct Approval<'a> {
    /// Who.
    pub by: &'a str,
    /// When, in ISO 8601, UTC.
    pub at: &'a str,
    /// Why, for decisions that do not say it themselves.
    pub why: Option<&'a str>,
}

/// What decisions changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The golden file, by its path in the workspace.
    pub file: String,
    /// The ids of the cases that have another golden now, in the order of the file.
    pub cases: Vec<String>,
}

/// Writes the goldens that were accepted or edited into the file of the suite. A decision about a golden that has moved
/// since, or about an output that the run does not have, is an error, and then nothing is written.
pub fn apply(
    workspace: &Workspace,
    suite: &Suite,
    run: &Run,
    decisions: &[Decision],
    approval: Approval<'_>,
) -> Result<Applied> {
    let of = suite.case_source()?;
    let file = of.file(&suite.document.source.file).to_owned();
    let source = workspace.read(&file)?;
    let before = of.parse(&source)?.cases;
    let mut problems = Problems::default();
    let mut changes = Vec::new();
    for decision in decisions {
        if !matches!(decision.action, Action::Accept | Action::Edit) {
            continue;
        }
        let found = before.iter().position(|case| case.id == decision.case);
        let change = found
            .ok_or_else(|| "is not in the dataset any more".to_owned())
            .and_then(|row| change(row, &before[row], run, decision, approval));
        match change {
            Ok(change) => changes.push(change),
            Err(message) => problems.push(
                Diagnostic::new(format!("case `{}` {message}", decision.case))
                    .at(Place::file(file.clone()))
                    .help("look at it again with `regauge review`"),
            ),
        }
    }
    problems.finish()?;
    changes.sort_by_key(|change| change.row);
    let cases = changes.iter().map(|change| before[change.row].id.clone());
    let applied = Applied {
        cases: cases.collect(),
        file,
    };
    if !changes.is_empty() {
        write(workspace, &of, &source, &before, &changes)?;
    }
    Ok(applied)
}

fn write(
    workspace: &Workspace,
    of: &crate::suite::CaseSource,
    source: &Source,
    before: &[Case],
    changes: &[Change],
) -> Result<()> {
    let text = edited(source, of, changes)?;
    let after = of.parse(&Source::new(source.file.clone(), text.clone()));
    if !after.is_ok_and(|after| is_as_wanted(before, &after.cases, changes)) {
        return Err(cannot_edit(source));
    }
    let path = workspace.path(&source.file);
    // A byte order mark belongs to the file, though no reader sees it.
    let mark = std::fs::read(&path).is_ok_and(|bytes| bytes.starts_with("\u{feff}".as_bytes()));
    let mark = if mark { "\u{feff}" } else { "" };
    replace_file(&path, format!("{mark}{text}").as_bytes())
}

/// What a decision makes of its case, or why it is refused.
fn change(
    row: usize,
    case: &Case,
    run: &Run,
    decision: &Decision,
    approval: Approval<'_>,
) -> std::result::Result<Change, String> {
    let golden = case.expected.as_ref();
    if golden.map(digest) != decision.old {
        return Err("has another golden than the one that was decided about".to_owned());
    }
    let (output, from) = output_of(case, run, decision)?;
    let mut provenance = Provenance {
        by: Some(approval.by.to_owned()),
        at: Some(approval.at.to_owned()),
        why: decision.why.clone().or(approval.why.map(str::to_owned)),
        run: Some(run.header.id.clone()),
        dataset: Some(run.header.dataset.short()),
        input: Some(case.input_digest()),
        proposed_by: case.proposer(),
        edited: decision.action == Action::Edit,
        ..Provenance::default()
    };
    if let Some(record) = from {
        let origins = origins(record, case);
        provenance.prompt = Some(format!("{}@v{}", record.prompt, record.version));
        provenance.prompt_digest = Some(origins.prompt_digest);
        provenance.model = Some(origins.model);
        provenance.model_digest = Some(origins.model_digest);
    }
    let value = match (decision.action, &decision.value) {
        (Action::Edit, Some(value)) => value.clone(),
        _ => output,
    };
    if value.is_null() || value == "" {
        return Err("would have an empty golden, which is none".to_owned());
    }
    let golden = serde_json::to_value(&provenance).map_err(|error| error.to_string())?;
    Ok(Change {
        row,
        expected: value,
        golden,
    })
}

/// The output that was decided about, with the subject that gave it; or the golden itself, which is approved.
fn output_of<'r>(
    case: &Case,
    run: &'r Run,
    decision: &Decision,
) -> std::result::Result<(Value, Option<&'r SubjectRecord>), String> {
    let golden = case.expected.as_ref();
    let mut trials = run.trials.iter().filter(|trial| {
        let of_case = run.cases.get(trial.case);
        of_case.is_some_and(|of_case| of_case.id == case.id && of_case.vars == case.vars)
    });
    let given = trials.find_map(|trial| {
        let output = as_golden(golden, &trial.output());
        let is_it = Some(digest(&output)) == decision.output;
        is_it.then(|| (output, run.header.subjects.get(trial.subject)))
    });
    let itself = || {
        let golden = golden.filter(|golden| Some(digest(golden)) == decision.output);
        Some((golden?.clone(), None))
    };
    given
        .or_else(itself)
        .ok_or_else(|| "has no such output in this run for the input of today".to_owned())
}
