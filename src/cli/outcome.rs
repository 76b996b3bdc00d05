//! How a comparison is reported and what the program exits with: the same for `run`, `compare`, `report`, `rescore`.

use std::path::PathBuf;

use clap::Args;

use super::Exit;
use super::console::Console;
use crate::compare::{self, Compared};
use crate::error::Result;
use crate::report::{self, Format, terminal};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct OutputArgs {
    /// Reports to write, parted by commas; `none` for none.
    #[arg(
        long,
        value_name = "FORMATS",
        default_value = "html,csv,junit",
        value_delimiter = ','
    )]
    report: Vec<String>,
    /// The folder for reports.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,
    /// Fail on an open verdict, whatever the suite says.
    #[arg(long)]
    strict: bool,
    /// Print the gate line only.
    #[arg(long, short)]
    quiet: bool,
    /// Print the summary as JSON, as in report.json.
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
}

impl OutputArgs {
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The formats that were asked for; an unknown one is an error before anything is called.
    pub(super) fn formats(&self) -> Result<Vec<Format>> {
        let wanted = self
            .report
            .iter()
            .map(|name| name.trim())
            .filter(|name| !name.is_empty() && *name != "none");
        wanted.map(Format::named).collect()
    }
}

/// Compares, writes reports, prints, and says how to exit.
pub(super) fn publish(
    compared: &[Compared<'_>],
    args: &OutputArgs,
    workspace: &Workspace,
    console: &Console,
) -> Result<Exit> {
    let summary = compare::summarize(compared, args.strict);
    let written = report::write(&summary, &args.formats()?, &workspace.root.join(&args.out))?;
    if args.json || args.quiet {
        // The page for the terminal shows them itself.
        for warning in summary.suites.iter().flat_map(|suite| &suite.warnings) {
            console.note(&format!("warning: {warning}"));
        }
    }
    if args.json {
        console.print(&report::json::to_string(&summary)?);
    } else if args.quiet {
        console.line(&terminal::gate_line(&summary));
    } else {
        console.print(&terminal::render(&summary, &console.style));
        let shown = written
            .iter()
            .map(|path| path.strip_prefix(&workspace.root).unwrap_or(path));
        for path in shown {
            console.line(&format!("wrote {}", path.display()));
        }
    }
    Ok(Exit::of_code(summary.exit.code))
}
