//! `regauge baseline`: which run a suite is compared with.

use clap::{Args, Subcommand};
use serde_json::json;

use super::calls::{self, CallArgs, block_on};
use super::console::Console;
use super::select::SelectArgs;
use super::{Context, Exit, ProgressMode};
use crate::engine::endpoint::now_ms;
use crate::error::{Diagnostic, Result};
use crate::execute::{Against, Order, Source};
use crate::history::baseline::{self, Choice};
use crate::history::run::{Header, Run, Status};
use crate::history::store::{Baseline, History};
use crate::plan::Plan;
use crate::plan::selection::Selection;
use crate::report::show_time;
use crate::suite;
use crate::units::count;
use crate::workspace::Workspace;

/// Trials of each case in a bank: enough that three failures of a candidate convict a case that never failed.
const BANKED: u32 = 8;

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
    /// Call the suites many times for each case, and make that the baseline: a candidate then needs few calls.
    Bank(Box<BankArgs>),
    /// Say what a run of a suite would be compared with now, by which rule, and what else was accepted.
    Explain {
        /// The suite.
        suite: String,
    },
}

#[derive(Debug, Args)]
struct BankArgs {
    #[command(flatten)]
    select: SelectArgs,
    /// Why.
    #[arg(long, default_value = "banked")]
    why: String,
    #[command(flatten)]
    calls: CallArgs,
}

pub(super) fn run(
    args: &BaselineArgs,
    workspace: &Workspace,
    context: &Context,
    (console, progress): (&Console, ProgressMode),
) -> Result<Exit> {
    match &args.command {
        BaselineCommand::Set { run, why } => set(run, why, workspace, (context, console)),
        BaselineCommand::Show { suite, json } => show(suite, *json, workspace, console),
        BaselineCommand::Bank(args) => {
            block_on(bank(args, workspace, user(context), (console, progress)))
        }
        BaselineCommand::Explain { suite } => {
            console.print(&block_on(explain(suite, workspace))?);
            Ok(Exit::Pass)
        }
    }
}

/// Who runs the program, as the environment has it.
pub(super) fn user(context: &Context) -> &str {
    ["USER", "USERNAME"]
        .iter()
        .find_map(|name| context.environment.get(*name))
        .map_or("unknown", String::as_str)
}

fn set(
    name: &str,
    why: &str,
    workspace: &Workspace,
    (context, console): (&Context, &Console),
) -> Result<Exit> {
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
        accept(&history, &header, (user(context), why)).await?;
        Ok((header.suite, header.id))
    })?;
    console.line(&format!(
        "suite {suite} is compared with run {run} from now on"
    ));
    Ok(Exit::Pass)
}

async fn accept(history: &History, header: &Header, (who, why): (&str, &str)) -> Result<()> {
    let baseline = Baseline {
        run: header.id.clone(),
        who: who.to_owned(),
        why: why.to_owned(),
        set_at: now_ms(),
    };
    history.set_baseline(&header.suite, &baseline).await
}

async fn bank(
    args: &BankArgs,
    workspace: &Workspace,
    who: &str,
    (console, progress): (&Console, ProgressMode),
) -> Result<Exit> {
    let plans = args.select.or_trials(BANKED).plans(workspace, &[])?;
    let options = args.calls.options(workspace, Source::Calls, &plans)?;
    let history = History::open(workspace).await?;
    let order = |(plan, header)| Order {
        plan,
        header,
        against: Against::Part,
    };
    let begun = calls::begin(workspace, plans, false);
    let orders = begun.into_iter().map(order).collect();
    let shown = (console, progress);
    let executed = calls::carry_out(workspace, &history, orders, &options, shown).await?;
    let mut exit = Exit::Pass;
    for (Run { header, .. }, _) in &executed.runs {
        if header.status == Status::Complete {
            accept(&history, header, (who, args.why.as_str())).await?;
            console.line(&format!(
                "suite {} is compared with run {} from now on: {} of each case",
                header.suite,
                header.id,
                count(header.trials as usize, "trial")
            ));
        } else {
            exit = Exit::of_code(3);
            console.note(&format!(
                "run {} of suite {} is {}: {}; go on with `regauge run --resume`, then `regauge baseline set {}`",
                header.id,
                header.suite,
                header.status.name(),
                header.reason.as_deref().unwrap_or("not all trials were made"),
                header.id,
            ));
        }
    }
    Ok(exit)
}

/// What a run of a suite would be compared with if it began now.
async fn explain(name: &str, workspace: &Workspace) -> Result<String> {
    let now = now_ms();
    let suites = suite::load_all(workspace, &[name.to_owned()])?;
    let history = History::open(workspace).await?;
    let mut text = String::new();
    for suite in suites {
        let Some(plan) = Plan::new(workspace, suite, &Selection::default(), now)? else {
            continue;
        };
        let begun = calls::begin(workspace, vec![plan], false);
        for (plan, header) in begun {
            let suite = Some(&plan.suite);
            let choice = baseline::choose(workspace, &history, &header, None, suite).await?;
            let accepted = history.baselines(&header.suite).await?;
            text.push_str(&explanation(&header, &choice, &accepted));
        }
    }
    Ok(text)
}

fn explanation(header: &Header, choice: &Choice, accepted: &[Baseline]) -> String {
    let mut lines = vec![format!("{}: {}", header.suite, choice.rule)];
    if let Some(run) = &choice.run {
        let baseline = &run.header;
        lines.push(format!(
            "  run {}, begun {}, {} of {}",
            baseline.id,
            show_time(baseline.started_at),
            count(baseline.trials as usize, "trial"),
            count(run.cases.len(), "case"),
        ));
        lines.extend(baseline.subjects.iter().map(|subject| {
            format!(
                "  {}@v{} on {} ({})",
                subject.prompt, subject.version, subject.alias, subject.model
            )
        }));
        lines.extend(
            baseline
                .git
                .iter()
                .map(|git| format!("  commit {}", git.commit)),
        );
        if header.is_stale(baseline) {
            lines.push(
                "  it is old: a drop is blamed on a run only after a second look at the baseline"
                    .to_owned(),
            );
        }
    }
    if !accepted.is_empty() {
        lines.push("accepted so far, newest first:".to_owned());
        lines.extend(
            accepted
                .iter()
                .map(|baseline| format!("  {}", shown(baseline))),
        );
    }
    lines.join("\n") + "\n"
}

fn shown(baseline: &Baseline) -> String {
    format!(
        "{}  {}  {}: {}",
        baseline.run,
        show_time(baseline.set_at),
        baseline.who,
        baseline.why
    )
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
        console.line(&shown(baseline));
    }
    Ok(Exit::Pass)
}
