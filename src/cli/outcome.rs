//! How a comparison is reported and what the program exits with: the same for `run`, `compare`, `report`, `rescore`.

use std::path::PathBuf;

use clap::Args;

use super::Exit;
use super::console::Console;
use super::course;
use crate::compare::split::Cells;
use crate::compare::{self, Compared};
use crate::error::Result;
use crate::execute::finish;
use crate::history::baseline::Choice;
use crate::history::parts;
use crate::history::run::{Header, Role, Run};
use crate::history::store::History;
use crate::plan::Plan;
use crate::report::{self, Format, terminal};
use crate::timeline::Timeline;
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

/// A run with all that it is compared with.
pub(super) struct Comparison {
    pub(super) run: Run,
    pub(super) choice: Choice,
    /// Runs that were made for its sake.
    pub(super) parts: Vec<(Role, Run)>,
    /// The course of the suite up to the run.
    timeline: Option<Timeline>,
}

impl Comparison {
    /// A run of the history with its baseline, and what was made for its sake. Where the suite is there, `plan` is its
    /// plan, and grades the baseline again if the scorers of the run are newer.
    pub(super) async fn load(
        history: &History,
        run: Run,
        mut choice: Choice,
        plan: Option<&Plan>,
    ) -> Result<Self> {
        let parts = parts::load(history, &run.header).await?;
        if let Some(plan) = plan {
            grade_alike(plan, &run.header, &mut choice);
        }
        Self::new(history, run, choice, parts).await
    }

    /// A run with all that it is compared with, and with its place in the course of its suite.
    pub(super) async fn new(
        history: &History,
        run: Run,
        choice: Choice,
        parts: Vec<(Role, Run)>,
    ) -> Result<Self> {
        let timeline = course::up_to(history, &run, choice.run.as_ref()).await?;
        Ok(Self {
            run,
            choice,
            parts,
            timeline,
        })
    }

    fn compared(&self) -> Compared<'_> {
        let part = |wanted| {
            let mut parts = self.parts.iter();
            parts.find(|(role, _)| *role == wanted).map(|(_, run)| run)
        };
        let cells =
            part(Role::OldPrompt)
                .zip(part(Role::OldModel))
                .map(|(old_prompt, old_model)| Cells {
                    old_prompt,
                    old_model,
                });
        Compared {
            canary: part(Role::Canary),
            cells,
            timeline: self.timeline.as_ref(),
            ..Compared::new(
                &self.run,
                self.choice.run.as_ref(),
                self.choice.rule.clone(),
            )
        }
    }
}

/// Gives a baseline the scores of the scorers that a run was graded with.
pub(super) fn grade_alike(plan: &Plan, header: &Header, choice: &mut Choice) {
    let again = choice
        .run
        .as_ref()
        .and_then(|baseline| finish::with_scorers_of(plan, header, baseline));
    if let Some(baseline) = again {
        choice.run = Some(baseline);
        choice
            .rule
            .push_str("; its answers were graded again, since scorers changed");
    }
}

/// Compares, writes reports, prints, and says how to exit.
pub(super) fn publish(
    comparisons: &[Comparison],
    args: &OutputArgs,
    workspace: &Workspace,
    console: &Console,
) -> Result<Exit> {
    let compared: Vec<Compared<'_>> = comparisons.iter().map(Comparison::compared).collect();
    let summary = compare::summarize(&compared, args.strict);
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
