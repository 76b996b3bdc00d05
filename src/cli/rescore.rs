//! `regauge rescore`: the answers of a run, graded again with the scorers of today; no call is made.

use clap::Args;

use super::Exit;
use super::calls::block_on;
use super::console::Console;
use super::outcome::{self, Comparison, OutputArgs};
use crate::engine::endpoint::now_ms;
use crate::error::{Diagnostic, Result};
use crate::execute::{finish, judging, record};
use crate::history::baseline;
use crate::history::store::History;
use crate::plan::Plan;
use crate::suite;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct RescoreArgs {
    /// The run: its id, the start or end of it, or `latest`.
    #[arg(default_value = "latest")]
    run: String,
    /// What to compare with: a run, a run file, or `none` [default: by rule, which the report prints]. A run is graded
    /// again with the same scorers first.
    #[arg(long, value_name = "RUN|FILE|none")]
    baseline: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &RescoreArgs, workspace: &Workspace, console: &Console) -> Result<Exit> {
    let comparison = block_on(async {
        let history = History::open(workspace).await?;
        let old = history.load(&history.resolve(&args.run).await?).await?;
        let suite = suite::read(workspace, &old.header.file)?;
        let now = now_ms();
        let plan = Plan::new(workspace, suite, &old.header.selection, now)?.ok_or_else(|| {
            Diagnostic::new(format!("suite `{}` has no case any more", old.header.suite))
        })?;
        let invocation = record::new_invocation();
        let named = args.baseline.as_deref();
        let suite = Some(&plan.suite);
        let choice = baseline::choose(workspace, &history, &old.header, named, suite).await?;
        let stored = judging::stored(&history, &plan, &old, choice.run.as_ref()).await?;
        let header = record::new_header(&plan, &invocation, old.header.git.as_ref(), now);
        let run = finish::rescore(&plan, &old, &stored, header);
        history.finish(&run).await?;
        Comparison::load(&history, run, choice, Some(&plan)).await
    })?;
    console.note(&format!("graded again as run {}", comparison.run.header.id));
    outcome::publish(&[comparison], &args.output, workspace, console)
}
