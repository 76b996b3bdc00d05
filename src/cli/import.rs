//! `regauge import`: takes runs that were made elsewhere into the history.

use std::path::PathBuf;

use clap::Args;

use super::calls::block_on;
use super::console::Console;
use super::{Exit, input};
use crate::error::Result;
use crate::history::run::Run;
use crate::history::run_file;
use crate::history::store::History;
use crate::units::count;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The files, as `regauge export` writes them; `-` reads standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(args: &ImportArgs, workspace: &Workspace, console: &Console) -> Result<Exit> {
    // All files are read before anything is written, so that a mistake in the last one leaves nothing half-done.
    let runs: Vec<Run> = args
        .files
        .iter()
        .map(|file| run_file::parse_foreign(&input::read(file, "the run")?))
        .collect::<Result<_>>()?;
    block_on(async {
        let history = History::open(workspace).await?;
        let new = history.import(&runs).await?;
        for (run, is_new) in runs.iter().zip(new) {
            console.line(&said(run, is_new));
        }
        Ok(Exit::Pass)
    })
}

fn said(run: &Run, is_new: bool) -> String {
    let (id, suite) = (&run.header.id, &run.header.suite);
    if is_new {
        let trials = count(run.trials.len(), "trial");
        format!("imported run {id} of suite {suite}: {trials}")
    } else {
        format!("run {id} of suite {suite} is in the history already")
    }
}
