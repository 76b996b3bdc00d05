//! Making calls, for the commands that do: their limits, the engine's display and signals.

use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::console::Console;
use super::progress::Display;
use super::{ProgressMode, signals};
use crate::engine::endpoint::now_ms;
use crate::error::{Diagnostic, Error, Problems, Result};
use crate::execute::{self, Against, Executed, Options, Order, Source, record};
use crate::files::replace_file;
use crate::history::run::Header;
use crate::history::store::History;
use crate::plan::Plan;
use crate::prompt::Lock;
use crate::units::{Cost, parse_duration, start_of_month};
use crate::workspace::Workspace;

/// The first wait between two looks at a batch.
const BATCH_POLL: Duration = Duration::from_secs(15);

#[derive(Debug, Args)]
pub(super) struct CallArgs {
    /// Most USD to spend.
    #[arg(long, value_name = "USD", value_parser = parse_budget)]
    budget: Option<Cost>,
    /// Most time to take, such as 30m.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    deadline: Option<Duration>,
    /// Calls under way at once for each model, over regauge.yaml.
    #[arg(long, value_name = "N", value_parser = parse_concurrency)]
    concurrency: Option<usize>,
}

fn parse_budget(text: &str) -> std::result::Result<Cost, String> {
    let usd = text.trim().trim_start_matches('$').parse().ok();
    usd.and_then(Cost::from_usd)
        .ok_or_else(|| "an amount in USD, such as 2.50".to_owned())
}

pub(super) fn parse_time(text: &str) -> std::result::Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "a number with a unit, such as 90s, 30m or 2h".to_owned())
}

fn parse_concurrency(text: &str) -> std::result::Result<usize, String> {
    text.parse()
        .ok()
        .filter(|n| (1..=10_000).contains(n))
        .ok_or_else(|| "a number from 1 to 10000".to_owned())
}

impl CallArgs {
    /// How calls are made; a budget cannot be held where the price of one is not known.
    pub(super) fn options(
        &self,
        workspace: &Workspace,
        source: Source,
        plans: &[Plan],
    ) -> Result<Options> {
        let options = Options {
            source,
            budget: self.budget.or(workspace.budget),
            left_this_month: None,
            deadline: self.deadline.or(workspace.deadline),
            batch_poll: BATCH_POLL,
            concurrency: self.concurrency,
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
        };
        let of_all = options.budget.or(workspace.monthly_budget);
        check_budget(of_all, plans)?;
        Ok(options)
    }
}

fn check_budget(budget: Option<Cost>, plans: &[Plan]) -> Result<()> {
    let limited = || {
        let has_limit = |plan: &&Plan| budget.or(plan.suite.budget).is_some();
        plans.iter().filter(has_limit)
    };
    let subjects = limited().flat_map(|plan| &plan.subjects);
    let subjects = subjects.map(|one| (&one.alias, &one.model, &one.price));
    let judges = limited().flat_map(|plan| &plan.judges);
    let judges = judges.map(|(alias, judge)| (alias, &judge.model, &judge.price));
    match subjects.chain(judges).find(|(_, _, price)| price.is_none()) {
        None => Ok(()),
        Some((alias, model, _)) => Err(Diagnostic::new(format!(
            "there is a budget, but no price for model `{alias}`"
        ))
        .at(model.place.clone())
        .help("add `price: { input: …, output: … }` in USD per million tokens")
        .into()),
    }
}

/// All calls of the plans can be made in batches.
pub(super) fn check_batches<'p>(plans: impl IntoIterator<Item = &'p Plan>) -> Result<()> {
    let mut problems = Problems::default();
    for plan in plans {
        plan.check_batches(&mut problems);
    }
    problems.finish()
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

/// Records for plans that are about to be carried out.
pub(super) fn begin(workspace: &Workspace, plans: Vec<Plan>, reuse: bool) -> Vec<(Plan, Header)> {
    let invocation = record::new_invocation();
    let git = record::git_state(&workspace.root);
    let now = now_ms();
    let with_header = |plan: Plan| {
        let header = Header {
            reuse,
            ..record::new_header(&plan, &invocation, git.as_ref(), now)
        };
        (plan, header)
    };
    plans.into_iter().map(with_header).collect()
}

/// Carries out orders with a display of how far they are; Ctrl-C ends them in two steps.
pub(super) async fn carry_out(
    workspace: &Workspace,
    history: &History,
    orders: Vec<Order>,
    options: &Options,
    (console, progress): (&Console, ProgressMode),
) -> Result<Executed> {
    let _owned = match orders.first() {
        Some(order) => Some(history.own(&order.header.invocation).await?),
        None => None,
    };
    let options = &Options {
        left_this_month: left_this_month(workspace, history).await?,
        ..options.clone()
    };
    if options.source != Source::Recordings {
        warn_of_cost(&orders, options, console);
    }
    let mut display = Display::new(console, progress);
    let executed = tokio::select! {
        executed = execute::execute(workspace, history, orders, options, |progress| display.tell(&progress)) => executed,
        () = signals::watch(console, &options.stop, &options.abort) => unreachable!("signals are watched for ever"),
    };
    display.end();
    let executed = executed?;
    keep_prompts(workspace, &executed.plans, console);
    if let Some(reason) = &executed.undelivered.reason {
        let times = executed.undelivered.deliveries;
        console.note(&format!(
            "warning: the collector of OTEL_* did not take traces or metrics ({times} times): {reason}"
        ));
    }
    Ok(executed)
}

/// What the budget of the month leaves; `None` where there is none.
pub(super) async fn left_this_month(
    workspace: &Workspace,
    history: &History,
) -> Result<Option<Cost>> {
    let Some(limit) = workspace.monthly_budget else {
        return Ok(None);
    };
    let spent = history.spent_since(start_of_month(now_ms())).await?;
    Ok(Some(limit.minus(spent)))
}

/// Says before the first call where a budget may end the run. What is forecast is the most that the calls can cost.
fn warn_of_cost(orders: &[Order], options: &Options, console: &Console) {
    let forecast = |order: &Order| {
        let has_rival = match &order.against {
            Against::Chosen(choice) => choice.run.is_some(),
            Against::Order(_) => true,
            Against::Part => false,
        };
        let forecasts = order.plan.forecasts(has_rival, order.header.batch);
        forecasts.known_cost()
    };
    let warn = |what: &str, cost: Cost, left: Cost| {
        if cost > left {
            console.note(&format!(
                "warning: the calls of the {what} may cost up to {cost}, and its budget leaves {left}"
            ));
        }
    };
    for order in orders {
        if let Some(limit) = order.plan.suite.budget {
            let what = format!("suite `{}`", order.plan.suite.name);
            warn(&what, forecast(order), limit);
        }
    }
    let of_all = [("run", options.budget), ("month", options.left_this_month)];
    for (what, limit) in of_all {
        if let Some(limit) = limit {
            let all = orders.iter().map(forecast);
            warn(what, all.fold(Cost::ZERO, |sum, cost| sum + cost), limit);
        }
    }
}

/// Versions that a recorded run has used are not changed any more.
fn keep_prompts(workspace: &Workspace, plans: &[Plan], console: &Console) {
    let prompts = plans
        .iter()
        .flat_map(|plan| plan.subjects.iter().map(|subject| subject.prompt.as_ref()))
        .chain(plans.iter().flat_map(Plan::judge_prompts));
    let kept = Lock::load(workspace).and_then(|mut lock| match lock.add(prompts) {
        Some(text) => replace_file(&workspace.path(Lock::FILE), text.as_bytes()),
        None => Ok(()),
    });
    if let Err(error) = kept {
        console.note(&format!("warning: {error}"));
    }
}
