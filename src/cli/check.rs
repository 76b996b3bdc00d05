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
use crate::plan::Plan;
use crate::plan::forecast::{Forecast, Forecasts};
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
    forecasts: Forecasts,
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
    let calls = all.iter().map(|checked| checked.forecasts.calls());
    let (calls, of_judges) = calls.fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1));
    let mut costs = all.iter().flat_map(|checked| checked.forecasts.costs());
    let cost = costs.try_fold(Cost::ZERO, |sum, cost| Some(sum + cost?));
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
    let more = if of_judges > 0 {
        format!(" and at most {of_judges} of judges")
    } else {
        String::new()
    };
    console.line(&format!(
        "{}{more} in {}, {money}",
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
            forecasts: plan.forecasts(baseline.is_some(), in_batches),
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
        let cost = self.forecasts.known_cost();
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
        for (subject, forecast) in plan.subjects.iter().zip(&self.forecasts.subjects) {
            let model = format!("{} ({})", subject.alias, subject.model.model);
            table.add_row(self.row([subject.prompt.label(), model], "", forecast));
        }
        for judge in &self.forecasts.judges {
            let metric = format!("judge of {}", plan.metrics[judge.metric].name);
            let model = &plan.judges[&judge.alias].model.model;
            let model = format!("{} ({model})", judge.alias);
            table.add_row(self.row([metric, model], "≤ ", &judge.forecast));
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

    /// A row of the table of calls; `most` stands before a number of calls that may turn out lower.
    fn row(&self, [who, model]: [String; 2], most: &str, forecast: &Forecast) -> [String; 8] {
        let tokens = forecast.output_tokens;
        let cost = forecast.cost;
        [
            who,
            model,
            self.plan.dataset.cases.len().to_string(),
            looks(&self.plan),
            format!("{most}{}", forecast.calls),
            format!("~{}", forecast.input_tokens),
            tokens.map_or_else(|| "no limit".to_owned(), |tokens| format!("≤ {tokens}")),
            cost.map_or_else(|| "unknown".to_owned(), |cost| cost.to_string()),
        ]
    }

    fn to_json(&self) -> serde_json::Value {
        let plan = &self.plan;
        let subjects: Vec<serde_json::Value> = plan
            .subjects
            .iter()
            .zip(&self.forecasts.subjects)
            .map(|(subject, forecast)| {
                let prompt = ("prompt", subject.prompt.label());
                calls_to_json(prompt, &subject.alias, forecast)
            })
            .collect();
        let judges = self.forecasts.judges.iter().map(|judge| {
            let metric = ("metric", plan.metrics[judge.metric].name.clone());
            calls_to_json(metric, &judge.alias, &judge.forecast)
        });
        json!({
            "suite": plan.suite.name,
            "file": &*plan.suite.document.source.file,
            "cases": plan.dataset.cases.len(),
            "trials": plan.sampling.most(),
            "looks": plan.sampling.looks,
            "metrics": plan.metrics.iter().map(|metric| metric.name.as_str()).collect::<Vec<_>>(),
            "subjects": subjects,
            "judges": judges.collect::<Vec<_>>(),
            "gates": self.gates,
            "warnings": self.warnings(),
        })
    }
}

fn calls_to_json(
    (what, name): (&str, String),
    alias: &str,
    forecast: &Forecast,
) -> serde_json::Value {
    json!({
        what: name,
        "model": alias,
        "calls": forecast.calls,
        "prompt_tokens": forecast.input_tokens,
        "answer_tokens": forecast.output_tokens,
        "cost_usd": forecast.cost.map(Cost::usd),
    })
}

/// Calls for each case: a number, or those of the looks.
fn looks(plan: &Plan) -> String {
    let looks: Vec<String> = plan.sampling.looks.iter().map(u32::to_string).collect();
    looks.join(", ")
}
