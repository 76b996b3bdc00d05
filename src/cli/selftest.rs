//! `regauge selftest`: how often the gates of this workspace alarm where nothing changed; no call is made.

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;

use super::Exit;
use super::calls::block_on;
use super::console::Console;
use super::select::SelectArgs;
use crate::compare::selftest::{self, Rate, SelfTest};
use crate::engine::endpoint::now_ms;
use crate::error::{Diagnostic, Result};
use crate::execute::record;
use crate::history::baseline;
use crate::history::run::Run;
use crate::history::store::History;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct SelfTestArgs {
    #[command(flatten)]
    select: SelectArgs,
    /// How often the trials are dealt.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    repetitions: u32,
    /// Print the rates as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &SelfTestArgs, workspace: &Workspace, console: &Console) -> Result<Exit> {
    let baselines = block_on(baselines(args, workspace))?;
    let mut tests = Vec::new();
    for (suite, run) in baselines {
        match run.and_then(|run| selftest::test(&run, args.repetitions as usize)) {
            Some(test) => tests.push(test),
            None => console.note(&format!(
                "{suite} cannot be tested: it needs a baseline with two trials of each case or more; draw one with \
                 `regauge baseline bank {suite}`"
            )),
        }
    }
    if tests.is_empty() {
        return Err(Diagnostic::new("there is nothing to test")
            .help("draw a baseline with `regauge baseline bank`")
            .into());
    }
    if args.json {
        console.json(&tests.iter().map(|test| json!(test)).collect());
    } else {
        for test in &tests {
            console.print(&show(test));
        }
    }
    let has_failed = tests.iter().any(SelfTest::has_failed);
    Ok(Exit::of_code(u8::from(has_failed)))
}

/// The suites, each with the run that it would be compared with.
async fn baselines(
    args: &SelfTestArgs,
    workspace: &Workspace,
) -> Result<Vec<(String, Option<Run>)>> {
    let history = History::open_existing(workspace).await?;
    let now = now_ms();
    let mut found = Vec::new();
    for plan in args.select.plans(workspace, &[])? {
        let choice = match &history {
            Some(history) => {
                let header = record::new_header(&plan, "", None, now);
                let suite = Some(&plan.suite);
                Some(baseline::choose(workspace, history, &header, None, suite).await?)
            }
            None => baseline::from_file(workspace, &plan.suite)?,
        };
        found.push((plan.suite.name, choice.and_then(|choice| choice.run)));
    }
    Ok(found)
}

fn show(test: &SelfTest) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "subject",
        "metric",
        "false alarms",
        "95 % interval",
        "passes",
        "open",
        "any drop",
        "drop ≥ 5 points",
    ]);
    for gate in &test.gates {
        let or_none =
            |rate: Option<Rate>| rate.map_or_else(String::new, |rate| percent(rate.share));
        table.add_row([
            gate.subject.clone(),
            gate.metric.clone(),
            percent(gate.alarms.share),
            format!(
                "{} to {}",
                percent(gate.alarms.low),
                percent(gate.alarms.high)
            ),
            percent(gate.passes.share),
            percent(gate.open.share),
            or_none(gate.any_drop),
            or_none(gate.five_points),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let any = test.any_alarm;
    format!(
        "{}: nothing changed {} times, any false alarm in {} (95 % interval {} to {}; asked for: at most {})\n{table}\n\n",
        test.suite,
        test.repetitions,
        percent(any.share),
        percent(any.low),
        percent(any.high),
        percent(test.alpha),
    )
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
