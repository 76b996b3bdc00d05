//! `regauge check`: everything that can be known without a call.

mod gates;

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;

use super::Exit;
use super::calls::{block_on, check_batches, left_this_month};
use super::console::Console;
use super::select::SelectArgs;
use crate::compare::foresight::{Foresight, foresee};
use crate::engine::endpoint::now_ms;
use crate::error::Result;
use crate::execute::record;
use crate::history::baseline;
use crate::history::run::Header;
use crate::history::store::History;
use crate::plan::{Forecast, Plan};
use crate::provider::price;
use crate::suite::quarantine::Quarantine;
use crate::units::{Cost, count};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    select: SelectArgs,
    /// Reckon with `regauge run --batch`: half the price, and an error where it cannot be.
    #[arg(long)]
    batch: bool,
    /// Print the plan as JSON.
    #[arg(long)]
    json: bool,
}

/// A plan with what is known of it before it is run.
struct Checked {
    plan: Plan,
    /// The record that a run would have.
    header: Header,
    /// What each gate will be able to see, subject by subject.
    gates: Vec<Foresight>,
    forecasts: Vec<Forecast>,
}

pub(super) fn run(args: &CheckArgs, workspace: &Workspace, console: &Console) -> Result<Exit> {
    let plans = args.select.plans(workspace, &[])?;
    if args.batch {
        check_batches(&plans)?;
    }
    let (all, left) = block_on(checked(workspace, plans, args.batch))?;
    for warning in all.iter().flat_map(Checked::warnings) {
        console.note(&format!("warning: {warning}"));
    }
    if args.json {
        console.json(&all.iter().map(Checked::to_json).collect());
        return Ok(Exit::Pass);
    }
    for checked in &all {
        console.print(&checked.show());
    }
    let forecasts = || all.iter().flat_map(|checked| &checked.forecasts);
    let calls: usize = forecasts().map(|forecast| forecast.calls).sum();
    let cost = forecasts().try_fold(Cost::ZERO, |sum, forecast| Some(sum + forecast.cost?));
    let money = match cost {
        Some(cost) => {
            let half = if args.batch { "half " } else { "" };
            format!(
                "at most {cost} by {half}the prices of {}",
                price::table_date()
            )
        }
        None => "cost unknown: a price or a token limit is missing".to_owned(),
    };
    console.line(&format!(
        "{} in {}, {money}",
        count(calls, "call"),
        count(all.len(), "suite")
    ));
    if let Some((left, limit)) = left.zip(workspace.monthly_budget) {
        console.line(&format!("the budget of the month leaves {left} of {limit}"));
    }
    Ok(Exit::Pass)
}

/// The plans with their baselines, and what the budget of the month leaves. A history that is not there yet is not made.
async fn checked(
    workspace: &Workspace,
    plans: Vec<Plan>,
    in_batches: bool,
) -> Result<(Vec<Checked>, Option<Cost>)> {
    let history = History::open_existing(workspace).await?;
    let now = now_ms();
    let mut all = Vec::new();
    for plan in plans {
        let header = record::new_header(&plan, "", None, now);
        let choice = match &history {
            Some(history) => {
                let suite = Some(&plan.suite);
                Some(baseline::choose(workspace, history, &header, None, suite).await?)
            }
            None => baseline::from_file(workspace, &plan.suite)?,
        };
        let baseline = choice.and_then(|choice| choice.run);
        all.push(Checked {
            forecasts: (0..plan.subjects.len())
                .map(|subject| plan.forecast(subject, in_batches))
                .collect(),
            gates: foresee(&header, &plan.dataset.cases, baseline.as_ref()),
            header,
            plan,
        });
    }
    let left = match &history {
        Some(history) => left_this_month(workspace, history).await?,
        None => workspace.monthly_budget,
    };
    Ok((all, left))
}

impl Checked {
    fn warnings(&self) -> Vec<String> {
        let expired = self.header.quarantine_expired.iter();
        let mut warnings: Vec<String> = expired.map(Quarantine::warning).collect();
        warnings.extend(gates::warnings(self));
        let costs = self.forecasts.iter().filter_map(|forecast| forecast.cost);
        let cost = costs.fold(Cost::ZERO, |sum, cost| sum + cost);
        if let Some(limit) = self.plan.suite.budget.filter(|limit| cost > *limit) {
            let suite = &self.plan.suite.name;
            warnings.push(format!(
                "the calls of suite `{suite}` may cost up to {cost}, and its budget is {limit}"
            ));
        }
        warnings
    }

    fn show(&self) -> String {
        let plan = &self.plan;
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header([
            "subject",
            "model",
            "cases",
            "trials",
            "calls",
            "prompt tokens",
            "answer tokens",
            "cost at most",
        ]);
        for (subject, forecast) in plan.subjects.iter().zip(&self.forecasts) {
            table.add_row([
                subject.prompt.label(),
                format!("{} ({})", subject.alias, subject.model.model),
                plan.dataset.cases.len().to_string(),
                looks(plan),
                forecast.calls.to_string(),
                format!("~{}", forecast.input_tokens),
                forecast
                    .output_tokens
                    .map_or_else(|| "no limit".to_owned(), |tokens| format!("≤ {tokens}")),
                forecast
                    .cost
                    .map_or_else(|| "unknown".to_owned(), |cost| cost.to_string()),
            ]);
        }
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let metrics: Vec<&str> = plan
            .metrics
            .iter()
            .map(|metric| metric.name.as_str())
            .collect();
        let description = plan
            .suite
            .description
            .as_deref()
            .map_or_else(String::new, |text| format!(": {text}"));
        format!(
            "{}{description}\n{table}\n  graded by {}\n{}\n",
            plan.suite.name,
            metrics.join(", "),
            gates::table(self)
        )
    }

    fn to_json(&self) -> serde_json::Value {
        let plan = &self.plan;
        let subjects: Vec<serde_json::Value> = plan
            .subjects
            .iter()
            .zip(&self.forecasts)
            .map(|(subject, forecast)| {
                json!({
                    "prompt": subject.prompt.label(),
                    "model": subject.alias,
                    "calls": forecast.calls,
                    "prompt_tokens": forecast.input_tokens,
                    "answer_tokens": forecast.output_tokens,
                    "cost_usd": forecast.cost.map(Cost::usd),
                })
            })
            .collect();
        json!({
            "suite": plan.suite.name,
            "file": &*plan.suite.document.source.file,
            "cases": plan.dataset.cases.len(),
            "trials": plan.sampling.most(),
            "looks": plan.sampling.looks,
            "metrics": plan.metrics.iter().map(|metric| metric.name.as_str()).collect::<Vec<_>>(),
            "subjects": subjects,
            "gates": self.gates,
            "warnings": self.warnings(),
        })
    }
}

/// Calls for each case: a number, or those of the looks.
fn looks(plan: &Plan) -> String {
    let looks: Vec<String> = plan.sampling.looks.iter().map(u32::to_string).collect();
    looks.join(", ")
}
