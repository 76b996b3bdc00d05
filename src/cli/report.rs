//! `regauge report`: the reports of a run, written again; no call is made.

use clap::Args;

use super::Exit;
use super::calls::block_on;
use super::console::Console;
use super::outcome::{self, Comparison, OutputArgs};
use crate::error::Result;
use crate::history::baseline;
use crate::history::store::History;
use crate::plan::Plan;
use crate::suite;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The run: its id, the start or end of it, or `latest`.
    #[arg(default_value = "latest")]
    run: String,
    /// What to compare with: a run, a run file, or `none` [default: by rule, which the report prints].
    #[arg(long, value_name = "RUN|FILE|none")]
    baseline: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &ReportArgs, workspace: &Workspace, console: &Console) -> Result<Exit> {
    let comparison = block_on(async {
        let history = History::open(workspace).await?;
        let run = history.load(&history.resolve(&args.run).await?).await?;
        // The suite may be gone by now, or not be what it was; then only its history can say what to compare with.
        let suite = suite::read(workspace, &run.header.file).ok();
        let named = args.baseline.as_deref();
        let choice =
            baseline::choose(workspace, &history, &run.header, named, suite.as_ref()).await?;
        let selection = &run.header.selection;
        let plan = suite.and_then(|suite| {
            Plan::new(workspace, suite, selection, run.header.started_at).ok()?
        });
        Comparison::load(&history, run, choice, plan.as_ref()).await
    })?;
    outcome::publish(&[comparison], &args.output, workspace, console)
}
