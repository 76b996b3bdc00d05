//! How a comparison is reported and what the program exits with: the same for `run`, `compare`, `report`, `rescore`.

use std::path::PathBuf;

use clap::Args;

use super::Exit;
use super::console::Console;
use super::course;
use crate::compare::split::Cells;
use crate::compare::withhold::Key;
use crate::compare::{self, Compared, EyesOff};
use crate::error::Result;
use crate::execute::judging;
use crate::git;
use crate::history::baseline::{self, Choice};
use crate::history::parts;
use crate::history::run::{Header, Role, Run};
use crate::history::store::History;
use crate::plan::Plan;
use crate::report::{self, Format, Target, terminal};
use crate::suite;
use crate::timeline::Timeline;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct OutputArgs {
    /// Reports to write, parted by commas: html, csv, json, junit, markdown, comment, github, gitlab, ctrf; or none.
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
    /// Megabytes that the data of cases may take in the HTML page; what is beyond is left out, unchanged cases first.
    #[arg(long, value_name = "MB", default_value_t = report::DATA_BUDGET / 1_000_000)]
    report_budget: usize,
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
    /// The run that a person named, with the baseline that was named or that is found by rule.
    pub(super) async fn find(
        workspace: &Workspace,
        history: &History,
        named: &str,
        baseline: Option<&str>,
    ) -> Result<Self> {
        let run = history.load(&history.resolve(named).await?).await?;
        // The suite may be gone by now, or not be what it was; then only its history can say what to compare with.
        let suite = suite::read(workspace, &run.header.file).ok();
        let choice =
            baseline::choose(workspace, history, &run.header, baseline, suite.as_ref()).await?;
        let selection = &run.header.selection;
        let plan = suite.and_then(|suite| {
            Plan::new(workspace, suite, selection, run.header.started_at).ok()?
        });
        Self::load(history, run, choice, plan.as_ref()).await
    }

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
            grade_alike(history, plan, &run.header, &mut choice).await?;
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

    /// What is compared, for whoever reads reports: without texts where the run, its suite or the workspace says so.
    pub(super) fn compared(&self, workspace: &Workspace) -> Result<Compared<'_>> {
        let in_full = self.in_full();
        let is_said = in_full.eyes_off.is_some()
            || workspace.eyes_off
            || suite::read(workspace, &self.run.header.file).is_ok_and(|suite| suite.eyes_off);
        if !is_said {
            return Ok(in_full);
        }
        let key = Key::of(&workspace.privacy_key()?);
        Ok(Compared {
            eyes_off: Some(EyesOff::new(Some(key))),
            ..in_full
        })
    }

    /// The same with all texts, for people who decide about them.
    pub(super) fn for_review(&self) -> Compared<'_> {
        Compared {
            eyes_off: None,
            ..self.in_full()
        }
    }

    fn in_full(&self) -> Compared<'_> {
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
pub(super) async fn grade_alike(
    history: &History,
    plan: &Plan,
    header: &Header,
    choice: &mut Choice,
) -> Result<()> {
    let Some(baseline) = &choice.run else {
        return Ok(());
    };
    if let Some(again) = judging::with_scorers_of(history, plan, header, baseline).await? {
        choice.run = Some(again);
        choice
            .rule
            .push_str("; its answers were graded again, since scorers changed");
    }
    Ok(())
}

/// Compares, writes reports, prints, and says how to exit.
pub(super) fn publish(
    comparisons: &[Comparison],
    args: &OutputArgs,
    workspace: &Workspace,
    console: &Console,
) -> Result<Exit> {
    let compared: Vec<Compared<'_>> = comparisons
        .iter()
        .map(|comparison| comparison.compared(workspace))
        .collect::<Result<_>>()?;
    let summary = compare::summarize(&compared, args.strict);
    let mut formats = args.formats()?;
    let names_files = |format| matches!(format, &Format::Github | &Format::Gitlab);
    let prefix = if formats.iter().any(names_files) {
        git::prefix(&workspace.root)
    } else {
        String::new()
    };
    // The runner of GitHub Actions is told; for everybody else there is a file.
    let actions = console.actions.as_ref();
    let actions = actions.filter(|_| formats.contains(&Format::Github));
    if actions.is_some() {
        formats.retain(|format| *format != Format::Github);
    }
    let target = Target {
        folder: &workspace.root.join(&args.out),
        prefix: &prefix,
        budget: args.report_budget.saturating_mul(1_000_000),
    };
    let written = report::write(&summary, &formats, target)?;
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
    if let Some(actions) = actions {
        actions.tell(&summary, &prefix, args.json, console)?;
    }
    Ok(Exit::of_code(summary.exit.code))
}
