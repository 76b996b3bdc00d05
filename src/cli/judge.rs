//! `regauge judge calibrate`: how far a judge agrees with people; no call is made.

mod found;
mod labels;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Exit;
use super::calls::block_on;
use super::console::Console;
use super::input;
use crate::calibration::Record;
use crate::engine::endpoint::now_ms;
use crate::error::{Diagnostic, Error, Result};
use crate::files::replace_file;
use crate::history::run::Run;
use crate::history::store::History;
use crate::workspace::Workspace;
use found::Found;
use labels::Label;

#[derive(Debug, Args)]
pub(super) struct JudgeArgs {
    #[command(subcommand)]
    command: JudgeCommand,
}

#[derive(Debug, Subcommand)]
enum JudgeCommand {
    /// Compare the judges of a run with what people say of the same answers, and keep how far they agree.
    Calibrate(CalibrateArgs),
}

#[derive(Debug, Args)]
struct CalibrateArgs {
    /// Labels of people, a JSON object a line: {"case": "t-001", "pass": true}, or with a "score" from 0 to 1, and where
    /// needed with "rater", "subject", "repeat" and "slice" [default: the columns that the judges name as `labels`].
    #[arg(value_name = "LABELS")]
    labels: Option<PathBuf>,
    /// Take the labels from this column of the dataset instead: true, false, or a share from 0 to 1. Several are several
    /// raters.
    #[arg(long, value_name = "NAME", conflicts_with = "labels")]
    column: Vec<String>,
    /// The run whose answers were labelled: its id, the start or end of it, or `latest`.
    #[arg(long, default_value = "latest", value_name = "RUN")]
    run: String,
    /// For how many days the calibration holds.
    #[arg(long, default_value_t = 90, value_name = "DAYS")]
    days: u32,
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &JudgeArgs, workspace: &Workspace, console: &Console) -> Result<Exit> {
    let JudgeCommand::Calibrate(args) = &args.command;
    let run = block_on(async {
        let history = History::open(workspace).await?;
        history.load(&history.resolve(&args.run).await?).await
    })?;
    let metrics = run.header.metrics.iter().enumerate();
    let judges: Vec<usize> = metrics
        .filter_map(|(index, metric)| metric.is_judged().then_some(index))
        .collect();
    if judges.is_empty() {
        return Err(
            Diagnostic::new(format!("no judge has graded run {}", run.header.id))
                .help("a suite with a judge among its `scorers` makes one that can be compared")
                .into(),
        );
    }
    let general = given_labels(args, &run)?;
    let (mut all, mut reasons) = (Vec::new(), Vec::new());
    for judge in judges {
        match compare(&run, judge, general.as_deref())? {
            Ok(found) => all.push((judge, found)),
            Err(reason) => reasons.push(reason),
        }
    }
    if all.is_empty() {
        return Err(Diagnostic::new(reasons.join("; "))
            .help("no judge of the run can be compared with people")
            .into());
    }
    for reason in reasons {
        console.note(&format!("warning: {reason}"));
    }
    for (index, found) in &all {
        let file = keep(workspace, &run, (*index, found), args.days)?;
        if !args.json {
            console.print(&format!("{}wrote {file}\n", found.show()));
        }
    }
    if args.json {
        console.json(&all.iter().map(|(_, found)| found.to_json()).collect());
    }
    Ok(Exit::Pass)
}

/// The labels that the command line names, for all judges; `None` where each has columns of its own.
fn given_labels(args: &CalibrateArgs, run: &Run) -> Result<Option<Vec<Label>>> {
    if let Some(file) = &args.labels {
        return Ok(Some(labels::of_file(&input::read(file, "the labels")?)?));
    }
    if !args.column.is_empty() {
        return Ok(Some(labels::of_columns(run, &args.column)?));
    }
    let judges = run
        .header
        .metrics
        .iter()
        .filter_map(|metric| metric.judge.as_ref());
    let columns: BTreeSet<&String> = judges.flat_map(|judge| &judge.labels).collect();
    if columns.is_empty() {
        return Err(Diagnostic::new("there are no labels to compare the judges with")
            .help(
                "name a file of labels, a column with `--column`, or the column as `labels` of the scorer in the suite",
            )
            .into());
    }
    Ok(None)
}

/// What was found of the judge of a metric, or why nothing can be.
fn compare(
    run: &Run,
    metric: usize,
    general: Option<&[Label]>,
) -> Result<std::result::Result<Found, String>> {
    if let Some(labels) = general {
        let by_answer = labels::by_answer(run, labels)?;
        return Ok(found::compare(run, metric, &by_answer));
    }
    let of_judge = &run.header.metrics[metric];
    let columns = of_judge.judge.as_ref().map(|judge| judge.labels.as_slice());
    let columns = columns.unwrap_or_default();
    if columns.is_empty() {
        return Ok(Err(format!(
            "the judge of {} names no columns as `labels`",
            of_judge.name
        )));
    }
    let labels = labels::of_columns(run, columns)?;
    let by_answer = labels::by_answer(run, &labels)?;
    Ok(found::compare(run, metric, &by_answer))
}

/// Writes the record of a judge; its file.
fn keep(
    workspace: &Workspace,
    run: &Run,
    (index, found): (usize, &Found),
    days: u32,
) -> Result<String> {
    let metric = &run.header.metrics[index];
    let of = (&*run.header.suite, &*metric.name, metric.fingerprint);
    let findings = found.findings.clone();
    let record = Record::new(of, &run.header.id, findings, (now_ms(), days));
    let file = Record::file(of.0, of.1);
    let path = workspace.path(&file);
    let folder = path.parent().unwrap_or(&workspace.root);
    std::fs::create_dir_all(folder).map_err(|error| {
        Error::from(Diagnostic::new(format!("cannot make the folder of {file}")).because(&error))
    })?;
    let mut text = serde_json::to_string_pretty(&record).expect("a record is plain data");
    text.push('\n');
    replace_file(&path, text.as_bytes())?;
    Ok(file)
}
