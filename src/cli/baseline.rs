//! `regauge baseline`: which run a suite is compared with.

use clap::{Args, Subcommand};
use serde_json::json;

use super::console::Console;
use super::run::block_on;
use super::{Context, Exit};
use crate::engine::endpoint::now_ms;
use crate::error::{Diagnostic, Result};
use crate::history::run::Status;
use crate::history::store::{Baseline, History};
use crate::report::show_time;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct BaselineArgs {
    #[command(subcommand)]
    command: BaselineCommand,
}

#[derive(Debug, Subcommand)]
enum BaselineCommand {
    /// Make a run the baseline of its suite.
    Set {
        /// The run: its id, the start or end of it, or `latest`.
        run: String,
        /// Why.
        #[arg(long, default_value = "accepted")]
        why: String,
    },
    /// Show the baselines of a suite, the one that holds first.
    Show {
        /// The suite.
        suite: String,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(
    args: &BaselineArgs,
    workspace: &Workspace,
    context: &Context,
    console: &Console,
) -> Result<Exit> {
    match &args.command {
        BaselineCommand::Set { run, why } => set(run, why, workspace, context, console),
        BaselineCommand::Show { suite, json } => show(suite, *json, workspace, console),
    }
}

fn set(
    name: &str,
    why: &str,
    workspace: &Workspace,
    context: &Context,
    console: &Console,
) -> Result<Exit> {
    let who = ["USER", "USERNAME"]
        .iter()
        .find_map(|name| context.environment.get(*name));
    let (suite, run) = block_on(async {
        let history = History::open(workspace).await?;
        let header = history.load(&history.resolve(name).await?).await?.header;
        if header.status != Status::Complete {
            return Err(
                Diagnostic::new(format!("run {} is {}", header.id, header.status.name()))
                    .help("go on with it with `regauge run --resume`, or name another")
                    .into(),
            );
        }
        let baseline = Baseline {
            run: header.id.clone(),
            who: who.cloned().unwrap_or_else(|| "unknown".to_owned()),
            why: why.to_owned(),
            set_at: now_ms(),
        };
        history.set_baseline(&header.suite, &baseline).await?;
        Ok((header.suite, header.id))
    })?;
    console.line(&format!(
        "suite {suite} is compared with run {run} from now on"
    ));
    Ok(Exit::Pass)
}

fn show(suite: &str, as_json: bool, workspace: &Workspace, console: &Console) -> Result<Exit> {
    let baselines = block_on(async { History::open(workspace).await?.baselines(suite).await })?;
    if as_json {
        let entries = baselines.iter().map(|baseline| {
            json!({"run": baseline.run, "who": baseline.who, "why": baseline.why, "set_at": baseline.set_at})
        });
        console.json(&entries.collect());
        return Ok(Exit::Pass);
    }
    if baselines.is_empty() {
        console.note(&format!(
            "no run of {suite} was accepted; accept one with `regauge baseline set RUN`"
        ));
    }
    for baseline in &baselines {
        console.line(&format!(
            "{}  {}  {}: {}",
            baseline.run,
            show_time(baseline.set_at),
            baseline.who,
            baseline.why
        ));
    }
    Ok(Exit::Pass)
}
