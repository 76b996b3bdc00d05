//! `regauge export`: a run as one portable file, for a baseline in git or as an artifact.

use std::path::PathBuf;

use clap::Args;

use super::Exit;
use super::calls::block_on;
use super::console::Console;
use crate::error::{Diagnostic, Error, Result};
use crate::files::replace_file;
use crate::history::run_file;
use crate::history::store::History;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The run: its id, the start or end of it, or `latest`.
    #[arg(default_value = "latest")]
    run: String,
    /// The file to write [default: standard output].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &ExportArgs, workspace: &Workspace, console: &Console) -> Result<Exit> {
    let run = block_on(async {
        let history = History::open(workspace).await?;
        history.load(&history.resolve(&args.run).await?).await
    })?;
    let mut text = Vec::new();
    run_file::write(&run, &mut text)
        .map_err(|error| Error::from(Diagnostic::new("cannot write the run").because(&error)))?;
    match &args.output {
        Some(path) => replace_file(path, &text)?,
        None => console.print(&String::from_utf8_lossy(&text)),
    }
    Ok(Exit::Pass)
}
