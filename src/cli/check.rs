//! `regauge check`: everything that can be known without a call.

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;

use super::Exit;
use super::console::Console;
use super::select::SelectArgs;
use crate::error::Result;
use crate::plan::{Forecast, Plan};
use crate::provider::price;
use crate::units::{Cost, count};
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    select: SelectArgs,
    /// Print the plan as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CheckArgs, workspace: &Workspace, console: &Console) -> Result<Exit> {
    let plans = args.select.plans(workspace, &[])?;
    let forecasts: Vec<Vec<Forecast>> = plans
        .iter()
        .map(|plan| {
            (0..plan.subjects.len())
                .map(|subject| plan.forecast(subject))
                .collect()
        })
        .collect();
    if args.json {
        console.json(
            &plans
                .iter()
                .zip(&forecasts)
                .map(|(plan, forecasts)| to_json(plan, forecasts))
                .collect(),
        );
        return Ok(Exit::Pass);
    }
    for (plan, forecasts) in plans.iter().zip(&forecasts) {
        console.print(&show(plan, forecasts));
    }
    let calls: usize = forecasts
        .iter()
        .flatten()
        .map(|forecast| forecast.calls)
        .sum();
    let cost = forecasts
        .iter()
        .flatten()
        .try_fold(Cost::ZERO, |sum, forecast| Some(sum + forecast.cost?));
    let money = match cost {
        Some(cost) => format!("at most {cost} by the prices of {}", price::table_date()),
        None => "cost unknown: a price or a token limit is missing".to_owned(),
    };
    console.line(&format!(
        "{} in {}, {money}",
        count(calls, "call"),
        count(plans.len(), "suite")
    ));
    Ok(Exit::Pass)
}

fn show(plan: &Plan, forecasts: &[Forecast]) -> String {
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
    for (subject, forecast) in plan.subjects.iter().zip(forecasts) {
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
        "{}{description}\n{table}\n  graded by {}\n\n",
        plan.suite.name,
        metrics.join(", ")
    )
}

/// Calls for each case: a number, or those of the looks.
fn looks(plan: &Plan) -> String {
    let looks: Vec<String> = plan.sampling.looks.iter().map(u32::to_string).collect();
    looks.join(", ")
}

fn to_json(plan: &Plan, forecasts: &[Forecast]) -> serde_json::Value {
    let subjects: Vec<serde_json::Value> = plan
        .subjects
        .iter()
        .zip(forecasts)
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
    })
}
