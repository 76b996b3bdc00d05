//! `regauge report`: the reports of a run, written again; no call is made.

use clap::Args;

use super::Exit;
use super::calls::block_on;
use super::console::Console;
use super::outcome::{self, Comparison, OutputArgs};
use crate::error::Result;
use crate::history::store::History;
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
        let baseline = args.baseline.as_deref();
        Box::pin(Comparison::find(workspace, &history, &args.run, baseline)).await
    })?;
    outcome::publish(&[comparison], &args.output, workspace, console)
}
