//! `regauge report`: the reports of a run, written again; no call is made.

use clap::Args;

use super::Exit;
use super::console::Console;
use super::outcome::{self, OutputArgs};
use super::run::block_on;
use crate::compare::Compared;
use crate::error::Result;
use crate::history::baseline;
use crate::history::store::History;
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
    let (run, choice) = block_on(async {
        let history = History::open(workspace).await?;
        let run = history.load(&history.resolve(&args.run).await?).await?;
        // The suite may be gone by now; then only its history can say what to compare with.
        let suite = suite::read(workspace, &run.header.file).ok();
        let named = args.baseline.as_deref();
        let choice =
            baseline::choose(workspace, &history, &run.header, named, suite.as_ref()).await?;
        Ok((run, choice))
    })?;
    let compared = [Compared {
        run: &run,
        baseline: choice.run.as_ref(),
        rule: choice.rule,
    }];
    outcome::publish(&compared, &args.output, workspace, console)
}
