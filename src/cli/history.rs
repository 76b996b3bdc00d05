//! `regauge history`: the runs of a workspace, or the course of one suite over time.

use clap::Args;
use comfy_table::{Table, presets};
use serde_json::json;

use super::Exit;
use super::calls::block_on;
use super::console::Console;
use crate::error::Result;
use crate::history::run::Header;
use crate::history::store::History;
use crate::report::{show_time, terminal};
use crate::timeline::{RUNS, Timeline};
use crate::workspace::Workspace;

/// Runs that are listed unless more are asked for.
const LISTED: u32 = 20;

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// Show the course of this suite over time in place of the list of runs.
    suite: Option<String>,
    /// Runs at most, the newest ones: 20 of the list, 100 of the course of a suite.
    #[arg(long, short = 'n')]
    limit: Option<u32>,
    /// List the runs of the suite in place of its course.
    #[arg(long, requires = "suite")]
    runs: bool,
    /// Print the runs, or the course of the suite, as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &HistoryArgs, workspace: &Workspace, console: &Console) -> Result<Exit> {
    match &args.suite {
        Some(suite) if !args.runs => follow(suite, args, workspace, console),
        _ => list(args, workspace, console),
    }
}

/// The course of a suite.
fn follow(
    suite: &str,
    args: &HistoryArgs,
    workspace: &Workspace,
    console: &Console,
) -> Result<Exit> {
    let most = u32::try_from(RUNS).unwrap_or(u32::MAX);
    let limit = args.limit.unwrap_or(most).min(most);
    let points = block_on(async {
        let history = History::open(workspace).await?;
        history.points(suite, limit).await
    })?;
    let timeline = Timeline::of(&points);
    if args.json {
        console.json(&json!(timeline));
    } else if let Some(timeline) = &timeline {
        console.print(&terminal::course(timeline, &console.style));
    } else {
        console.note(&format!(
            "suite `{suite}` has no complete run yet; begin one with `regauge run`, or see all of its runs with `regauge history {suite} --runs`"
        ));
    }
    Ok(Exit::Pass)
}

/// The runs of all suites, or of one.
fn list(args: &HistoryArgs, workspace: &Workspace, console: &Console) -> Result<Exit> {
    let headers = block_on(async {
        let history = History::open(workspace).await?;
        let limit = args.limit.unwrap_or(LISTED);
        history.headers(args.suite.as_deref(), limit).await
    })?;
    if args.json {
        console.json(&headers.iter().map(|header| json!(header)).collect());
        return Ok(Exit::Pass);
    }
    if headers.is_empty() {
        console.note("no runs yet; begin one with `regauge run`");
        return Ok(Exit::Pass);
    }
    console.line(&show(&headers));
    Ok(Exit::Pass)
}

fn show(headers: &[Header]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "run",
        "begun (UTC)",
        "suite",
        "status",
        "subject",
        "metrics",
    ]);
    for header in headers {
        for (index, subject) in header.subjects.iter().enumerate() {
            let results = header
                .results
                .iter()
                .filter(|result| result.subject == index);
            let metrics: Vec<String> = results
                .map(|result| format!("{} {:.3}", result.metric, result.value))
                .collect();
            let first = index == 0;
            let once = |text: String| if first { text } else { String::new() };
            table.add_row([
                once(header.id.clone()),
                once(show_time(header.started_at)),
                once(header.suite.clone()),
                once(status(header)),
                format!(
                    "{}@v{} · {}",
                    subject.prompt, subject.version, subject.alias
                ),
                metrics.join(", "),
            ]);
        }
    }
    table.to_string()
}

/// How far a run came, and what it is for another one.
fn status(header: &Header) -> String {
    let status = header.status.name();
    match &header.part {
        Some(part) => format!("{status}, {}", part.role.name()),
        None => status.to_owned(),
    }
}
