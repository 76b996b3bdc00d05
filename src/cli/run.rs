//! `regauge run`: plan, call, score, record, compare, report.

use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::console::Console;
use super::outcome::{self, OutputArgs};
use super::progress::Display;
use super::select::SelectArgs;
use super::{Exit, ProgressMode, signals};
use crate::compare::Compared;
use crate::engine::endpoint::now_ms;
use crate::error::{Diagnostic, Error, Result};
use crate::execute::{self, Options, Order, Source, finish, record};
use crate::files::replace_file;
use crate::history::baseline::{self, Choice};
use crate::history::recording;
use crate::history::run::{Header, Run, Status};
use crate::history::store::History;
use crate::plan::Plan;
use crate::prompt::Lock;
use crate::suite;
use crate::units::{Cost, parse_duration};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    select: SelectArgs,
    /// Take answers of earlier runs where there are any.
    #[arg(long, conflicts_with = "replay")]
    reuse: bool,
    /// Take answers from recordings and earlier runs only, and never call.
    #[arg(long)]
    replay: bool,
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
    /// Most USD to spend.
    #[arg(long, value_name = "USD", value_parser = parse_budget)]
    budget: Option<Cost>,
    /// Most time to take, such as 30m.
    #[arg(long, value_name = "TIME", value_parser = parse_deadline)]
    deadline: Option<Duration>,
    /// Calls under way at once for each model, over regauge.yaml.
    #[arg(long, value_name = "N", value_parser = parse_concurrency)]
    concurrency: Option<usize>,
    #[command(flatten)]
    output: OutputArgs,
}

fn parse_budget(text: &str) -> std::result::Result<Cost, String> {
    let usd = text.trim().trim_start_matches('$').parse().ok();
    usd.and_then(Cost::from_usd)
        .ok_or_else(|| "an amount in USD, such as 2.50".to_owned())
}

fn parse_deadline(text: &str) -> std::result::Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "a number with a unit, such as 90s, 30m or 2h".to_owned())
}

fn parse_concurrency(text: &str) -> std::result::Result<usize, String> {
    text.parse()
        .ok()
        .filter(|n| (1..=10_000).contains(n))
        .ok_or_else(|| "a number from 1 to 10000".to_owned())
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

/// Waits for something that the history or the engine does.
pub(super) fn block_on<T>(wanted: impl Future<Output = Result<T>>) -> Result<T> {
    // One thread: waiting for endpoints needs no more, and it costs half of what threads that wake each other do.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Error::from(Diagnostic::new("cannot start the runtime").because(&error))
        })?;
    runtime.block_on(wanted)
}

async fn run_suites(
    args: &RunArgs,
    workspace: &Workspace,
    console: &Console,
    progress: ProgressMode,
) -> Result<Exit> {
    let plans = if args.resume.is_none() {
        args.select.plans(workspace)?
    } else {
        Vec::new()
    };
    let options = args.options(workspace);
    check_budget(options.budget, &plans)?;
    let history = History::open(workspace).await?;
    let orders = match &args.resume {
        Some(name) => resumed(workspace, &history, name).await?,
        None => begun(workspace, plans, args.reuse),
    };
    let _owned = match orders.first() {
        Some(order) => Some(history.own(&order.header.invocation).await?),
        None => None,
    };
    // What to compare with is known before anything is called: a mistake in its name would come too late afterwards,
    // and `latest` would be the run itself.
    let choices = baselines(args, workspace, &history, &orders).await?;
    let mut display = Display::new(
        console,
        if args.output.is_quiet() {
            ProgressMode::None
        } else {
            progress
        },
    );
    let executed = tokio::select! {
        executed = execute::execute(workspace, &history, orders, &options, |progress| display.tell(&progress)) => executed,
        () = signals::watch(console, &options.stop, &options.abort) => unreachable!("signals are watched for ever"),
    };
    display.end();
    let (plans, runs) = executed?;
    keep_prompts(workspace, &plans, console);
    if args.record {
        record_answers(workspace, &plans, &runs, console)?;
    }
    if runs
        .iter()
        .any(|run| run.header.status == Status::Interrupted)
    {
        return Ok(interrupted(&runs, console));
    }
    let compared: Vec<Compared<'_>> = runs
        .iter()
        .zip(&choices)
        .map(|(run, choice)| Compared {
            run,
            baseline: choice.run.as_ref(),
            rule: choice.rule.clone(),
        })
        .collect();
    let exit = outcome::publish(&compared, &args.output, workspace, console)?;
    if runs
        .iter()
        .any(|run| run.header.status == Status::Incomplete)
    {
        console.note("the run is incomplete; go on with `regauge run --resume`");
    }
    Ok(exit)
}

async fn baselines(
    args: &RunArgs,
    workspace: &Workspace,
    history: &History,
    orders: &[Order],
) -> Result<Vec<Choice>> {
    let mut choices = Vec::new();
    for Order { plan, header } in orders {
        let named = args.baseline.as_deref();
        choices.push(baseline::choose(workspace, history, header, named, Some(&plan.suite)).await?);
    }
    Ok(choices)
}

impl RunArgs {
    fn options(&self, workspace: &Workspace) -> Options {
        Options {
            source: match (self.replay, self.reuse) {
                (true, _) => Source::Recordings,
                (_, true) => Source::EarlierRuns,
                _ => Source::Calls,
            },
            budget: self.budget.or(workspace.budget),
            deadline: self.deadline.or(workspace.deadline),
            concurrency: self.concurrency,
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
        }
    }
}

fn begun(workspace: &Workspace, plans: Vec<Plan>, reuse: bool) -> Vec<Order> {
    let invocation = record::new_invocation();
    let git = record::git_state(&workspace.root);
    let now = now_ms();
    let order = |plan| Order {
        header: Header {
            reuse,
            ..record::new_header(&plan, &invocation, git.as_ref(), now)
        },
        plan,
    };
    plans.into_iter().map(order).collect()
}

/// The orders of unfinished runs, each with the selection that it was begun with.
async fn resumed(workspace: &Workspace, history: &History, name: &str) -> Result<Vec<Order>> {
    let named = (name != "latest").then_some(name);
    let headers = history.unfinished(named).await?;
    if headers.is_empty() {
        return Err(nothing_to_resume(history, named).await?.into());
    }
    let mut orders = Vec::new();
    for header in headers {
        let suite = suite::read(workspace, &header.file)?;
        let plan = Plan::new(workspace, suite, &header.selection, header.started_at)?
            .ok_or_else(|| Error::new(format!("suite `{}` has no case any more", header.suite)))?;
        record::check_resumable(&plan, &header)?;
        orders.push(Order { plan, header });
    }
    Ok(orders)
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

/// A budget cannot be held where the price of a call is not known.
fn check_budget(budget: Option<Cost>, plans: &[Plan]) -> Result<()> {
    let subjects = plans.iter().flat_map(|plan| &plan.subjects);
    match subjects
        .filter(|_| budget.is_some())
        .find(|subject| subject.price.is_none())
    {
        None => Ok(()),
        Some(subject) => Err(Diagnostic::new(format!(
            "there is a budget, but no price for model `{}`",
            subject.alias
        ))
        .at(subject.model.place.clone())
        .help("add `price: { input: …, output: … }` in USD per million tokens")
        .into()),
    }
}

/// Versions that a recorded run has used are not changed any more.
fn keep_prompts(workspace: &Workspace, plans: &[Plan], console: &Console) {
    let prompts = plans
        .iter()
        .flat_map(|plan| plan.subjects.iter().map(|subject| subject.prompt.as_ref()));
    let kept = Lock::load(workspace).and_then(|mut lock| match lock.add(prompts) {
        Some(text) => replace_file(&workspace.path(Lock::FILE), text.as_bytes()),
        None => Ok(()),
    });
    if let Err(error) = kept {
        console.note(&format!("warning: {error}"));
    }
}

fn record_answers(
    workspace: &Workspace,
    plans: &[Plan],
    runs: &[Run],
    console: &Console,
) -> Result<()> {
    for (plan, run) in plans.iter().zip(runs) {
        let path = recording::path_of(&plan.suite.name);
        let old = if workspace.path(&path).is_file() {
            recording::parse(&workspace.read(&path)?)?
        } else {
            Vec::new()
        };
        let lines = recording::merge(old, finish::recording_of(plan, run)?);
        recording::write(&workspace.path(&path), &lines)?;
        console.note(&format!(
            "recorded {} in {path}",
            crate::units::count(lines.len(), "request")
        ));
    }
    Ok(())
}

fn interrupted(runs: &[Run], console: &Console) -> Exit {
    let all: usize = runs.iter().map(|run| run.trials.len()).sum();
    let done = runs
        .iter()
        .flat_map(|run| &run.trials)
        .filter(|trial| trial.answer.is_some())
        .count();
    console.note(&format!(
        "interrupted: {done} of {all} trials have their answer; go on with `regauge run --resume`"
    ));
    Exit::Interrupted
}
