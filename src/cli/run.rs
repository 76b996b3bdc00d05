//! `regauge run`: plan, call, score, record, compare, report.

use std::time::Duration;

use clap::Args;

use super::calls::{self, CallArgs, block_on, check_batches, parse_time};
use super::console::Console;
use super::orders::{self, Wanted};
use super::outcome::{self, OutputArgs};
use super::select::SelectArgs;
use super::{Exit, ProgressMode};
use crate::engine::endpoint::now_ms;
use crate::error::{Diagnostic, Error, Result};
use crate::execute::{Against, Executed, Options, Source, finish, record};
use crate::history::recording;
use crate::history::run::{Header, Run, Status};
use crate::history::store::History;
use crate::plan::Plan;
use crate::suite;
use crate::workspace::Workspace;

/// How long endpoints keep the results of a batch, in milliseconds.
const RESULTS_STAY: i64 = 29 * 24 * 60 * 60 * 1000;

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    source: SourceArgs,
    /// Write the answers to golden/recordings/, for --replay.
    #[arg(long)]
    record: bool,
    /// Go on with a run [default: all unfinished runs of the newest invocation that has any].
    #[arg(long, value_name = "RUN", num_args = 0..=1, require_equals = true, default_missing_value = "latest",
          conflicts_with_all = ["reuse", "replay", "suites", "suite", "prompt", "model", "filter", "tag", "trials", "shard"])]
    resume: Option<String>,
    /// What to compare with: a run, a run file, or `none` [default: by rule, which the report prints].
    #[arg(long, value_name = "RUN|FILE|none")]
    baseline: Option<String>,
    /// Compare with this version of a prompt, such as triage@v1, called in the same window, both sides in random order,
    /// so that a drift of the endpoint falls on both; may be repeated.
    #[arg(long, value_name = "PROMPT@V", conflicts_with_all = ["baseline", "resume"])]
    against: Vec<String>,
    /// Where prompt and model both moved since the baseline, call the old prompt on the new model and the new prompt on
    /// the old model too, and divide the effect.
    #[arg(long, conflicts_with_all = ["against", "resume"])]
    split: bool,
    /// Make the calls in batches, which are answered within a day at half the price; a run that was begun so is resumed
    /// so. Judges are asked one by one.
    #[arg(long, conflicts_with_all = ["replay", "resume"])]
    batch: bool,
    /// The first wait between two looks at a batch [default: 15s]; each further one is half as long again, up to 5m.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    batch_poll: Option<Duration>,
    #[command(flatten)]
    calls: CallArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Where answers may come from.
#[derive(Debug, Args)]
struct SourceArgs {
    /// Take answers of earlier runs where there are any.
    #[arg(long, conflicts_with = "replay")]
    reuse: bool,
    /// Take answers from recordings and earlier runs only, and never call.
    #[arg(long)]
    replay: bool,
}

impl SourceArgs {
    fn source(&self) -> Source {
        match (self.replay, self.reuse) {
            (true, _) => Source::Recordings,
            (_, true) => Source::EarlierRuns,
            _ => Source::Calls,
        }
    }
}

pub(super) fn run(
    args: &RunArgs,
    workspace: &Workspace,
    console: &Console,
    progress: ProgressMode,
) -> Result<Exit> {
    args.output.formats()?;
    block_on(run_suites(args, workspace, console, progress))
}

async fn run_suites(
    args: &RunArgs,
    workspace: &Workspace,
    console: &Console,
    progress: ProgressMode,
) -> Result<Exit> {
    let plans = if args.resume.is_none() {
        args.select.plans(workspace, &args.against)?
    } else {
        Vec::new()
    };
    let source = args.source.source();
    let options = args.calls.options(workspace, source, &plans)?;
    let options = Options {
        batch_poll: args.batch_poll.unwrap_or(options.batch_poll),
        ..options
    };
    let history = History::open(workspace).await?;
    // What to compare with is known before anything is called: a mistake in its name would come too late afterwards,
    // and `latest` would be the run itself.
    let mut begun = match &args.resume {
        Some(name) => resumed(workspace, &history, name).await?,
        None => calls::begin(workspace, plans, args.source.reuse),
    };
    if args.batch {
        warn_of_batches(&history, console).await?;
    }
    for (_, header) in &mut begun {
        header.batch |= args.batch;
    }
    let in_batches = begun.iter().filter(|(_, header)| header.batch);
    check_batches(in_batches.map(|(plan, _)| plan))?;
    let wanted = Wanted {
        baseline: args.baseline.as_deref(),
        against: &args.against,
        split: args.split,
        may_call: source == Source::Calls,
    };
    let orders = orders::with_baselines(&wanted, workspace, &history, begun).await?;
    let progress = if args.output.is_quiet() {
        ProgressMode::None
    } else {
        progress
    };
    let Executed {
        plans, runs, asked, ..
    } = calls::carry_out(workspace, &history, orders, &options, (console, progress)).await?;
    if args.record {
        record_answers(workspace, (&plans, asked), &runs, console)?;
    }
    let has = |status| runs.iter().any(|(run, _)| run.header.status == status);
    if has(Status::Interrupted) {
        return Ok(interrupted(&runs, console));
    }
    let is_incomplete = has(Status::Incomplete);
    let comparisons = orders::comparisons(&history, runs).await?;
    let exit = outcome::publish(&comparisons, &args.output, workspace, console)?;
    if is_incomplete {
        console.note("the run is incomplete; go on with `regauge run --resume`");
    }
    Ok(exit)
}

/// A new run takes nothing from the batches of another, and pays for its calls again.
async fn warn_of_batches(history: &History, console: &Console) -> Result<()> {
    for run in history.runs_with_batches(now_ms() - RESULTS_STAY).await? {
        console.note(&format!(
            "warning: run {run} may have a batch at an endpoint; `regauge run --resume={run}` takes its results, and a new \
             run does not"
        ));
    }
    Ok(())
}

/// The plans and records of unfinished runs, each with the selection that it was begun with.
async fn resumed(
    workspace: &Workspace,
    history: &History,
    name: &str,
) -> Result<Vec<(Plan, Header)>> {
    let named = (name != "latest").then_some(name);
    let headers = history.unfinished(named).await?;
    if headers.is_empty() {
        return Err(nothing_to_resume(history, named).await?.into());
    }
    let mut found = Vec::new();
    for header in headers {
        let suite = suite::read(workspace, &header.file)?;
        let plan = Plan::new(workspace, suite, &header.selection, header.started_at)?
            .ok_or_else(|| Error::new(format!("suite `{}` has no case any more", header.suite)))?;
        record::check_resumable(&plan, &header)?;
        found.push((plan, header));
    }
    Ok(found)
}

async fn nothing_to_resume(history: &History, named: Option<&str>) -> Result<Diagnostic> {
    let Some(name) = named else {
        return Ok(
            Diagnostic::new("there is no unfinished run").help("list runs with `regauge history`")
        );
    };
    let header = history.load(&history.resolve(name).await?).await?.header;
    Ok(match header.rescored_from {
        Some(source) => Diagnostic::new(format!(
            "run {} was graded again and made no calls",
            header.id
        ))
        .help(format!(
            "go on with the run that it came from: `--resume={source}`"
        )),
        None => Diagnostic::new(format!("run {} is {}", header.id, header.status.name()))
            .help("`regauge run --reuse` takes its answers and calls only what failed"),
    })
}

fn record_answers(
    workspace: &Workspace,
    (plans, asked): (&[Plan], Vec<Vec<recording::Line>>),
    runs: &[(Run, Against)],
    console: &Console,
) -> Result<()> {
    for ((plan, asked), (run, _)) in plans.iter().zip(asked).zip(runs) {
        let path = recording::path_of(&plan.suite.name);
        let old = if workspace.path(&path).is_file() {
            recording::parse(&workspace.read(&path)?)?
        } else {
            Vec::new()
        };
        let mut new = finish::recording_of(plan, run)?;
        new.extend(asked);
        let lines = recording::merge(old, new);
        recording::write(&workspace.path(&path), &lines)?;
        console.note(&format!(
            "recorded {} in {path}",
            crate::units::count(lines.len(), "request")
        ));
    }
    Ok(())
}

fn interrupted(runs: &[(Run, Against)], console: &Console) -> Exit {
    let all: usize = runs.iter().map(|(run, _)| run.trials.len()).sum();
    let done = runs
        .iter()
        .flat_map(|(run, _)| &run.trials)
        .filter(|trial| trial.answer.is_some())
        .count();
    console.note(&format!(
        "interrupted: {done} of {all} trials have their answer; go on with `regauge run --resume`"
    ));
    Exit::Interrupted
}
