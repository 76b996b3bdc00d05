//! `regauge compare`: two runs of a suite; no call is made.

use clap::Args;

use super::Exit;
use super::calls::block_on;
use super::console::Console;
use super::outcome::{self, Comparison, OutputArgs};
use crate::error::Result;
use crate::history::baseline;
use crate::history::store::History;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// The baseline: a run or a run file.
    before: String,
    /// The run that is compared with it.
    now: String,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &CompareArgs, workspace: &Workspace, console: &Console) -> Result<Exit> {
    let comparison = block_on(async {
        let history = History::open(workspace).await?;
        let run = history.load(&history.resolve(&args.now).await?).await?;
        let choice =
            baseline::choose(workspace, &history, &run.header, Some(&args.before), None).await?;
        Comparison::load(&history, run, choice, None).await
    })?;
    outcome::publish(&[comparison], &args.output, workspace, console)
}
