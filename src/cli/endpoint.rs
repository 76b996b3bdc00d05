//! `regauge endpoint`: whether a model can be reached, by one tiny call.

use std::fmt::Write as _;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Exit;
use super::calls::block_on;
use super::console::Console;
use crate::engine::endpoint::{Endpoint, Surroundings, now_ms};
use crate::engine::probe::{Finding, Probe, Step, probe};
use crate::error::{Place, Result};
use crate::exchange::feature::Feature;
use crate::plan::price_of;
use crate::provider::advertised::{Advertised, Allowance};
use crate::provider::lacks;
use crate::units::show_duration;
use crate::workspace::Workspace;
use crate::workspace::model::Model;

#[derive(Debug, Args)]
pub(super) struct EndpointArgs {
    #[command(subcommand)]
    command: EndpointCommand,
}

#[derive(Debug, Subcommand)]
enum EndpointCommand {
    /// Make one tiny call, and say of each step on the way how it went.
    Test {
        /// The alias of the model in regauge.yaml.
        model: String,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(args: &EndpointArgs, workspace: &Workspace, console: &Console) -> Result<Exit> {
    let EndpointCommand::Test { model: alias, json } = &args.command;
    let place = Place::file(crate::workspace::FILE.to_owned());
    let model = workspace.model(alias, place)?;
    let ca_file = workspace.ca_file.as_ref().map(|file| workspace.path(file));
    let price = price_of(model, now_ms());
    let surroundings = Surroundings {
        folder: &workspace.root,
        ca_file: ca_file.as_deref(),
        redactor: workspace.redactor(),
    };
    let endpoint = Endpoint::new(alias, model, price, surroundings)?;
    let probe = block_on(async { Ok(probe(&endpoint, model).await) })?;
    if *json {
        console.json(&as_json(alias, model, &probe));
    } else {
        console.print(&shown(alias, model, &probe));
    }
    let failed = |step: &Step| step.name == "answer" && step.finding == Finding::Failed;
    Ok(if probe.steps.iter().any(failed) {
        Exit::Unmeasured
    } else {
        Exit::Pass
    })
}

fn shown(alias: &str, model: &Model, probe: &Probe) -> String {
    let mut text = format!("{alias}: {} by {}\n", model.model, model.host.name);
    for step in &probe.steps {
        let word = word(step.finding);
        writeln!(text, "  {:<12} {word:<8} {}", step.name, step.text)
            .expect("a text takes more text");
        if let Some(help) = step.help {
            writeln!(text, "  {:<21} {help}", "").expect("a text takes more text");
        }
    }
    let mut add = |name: &str, what: &str| {
        writeln!(text, "  {name:<12} {what}").expect("a text takes more text");
    };
    add("can carry", &capabilities(model).join(", "));
    let limits = limits(&probe.attempt.advertised);
    if limits.is_empty() {
        add("limits", "none advertised; they are found by use");
    }
    for (name, allowance) in limits {
        add("limits", &format!("{name}: {}", said(allowance)));
    }
    text
}

fn word(finding: Finding) -> &'static str {
    match finding {
        Finding::Ok => "ok",
        Finding::Failed => "failed",
        Finding::Unknown => "unknown",
    }
}

/// What the wire format and its host have a place for.
fn capabilities(model: &Model) -> Vec<&'static str> {
    let lacking = [lacks(model.host.format), model.host.lacks].concat();
    let features = Feature::ALL
        .iter()
        .filter(|feature| !lacking.contains(feature));
    features.map(|feature| feature.name()).collect()
}

fn limits(advertised: &Advertised) -> Vec<(&'static str, Allowance)> {
    let all = [
        ("requests", advertised.requests),
        ("tokens", advertised.tokens),
        ("input tokens", advertised.input_tokens),
        ("output tokens", advertised.output_tokens),
    ];
    let said = all.into_iter();
    said.filter_map(|(name, allowance)| Some((name, allowance?)))
        .collect()
}

fn said(allowance: Allowance) -> String {
    let mut parts = Vec::new();
    match (allowance.remaining, allowance.limit) {
        (Some(remaining), Some(limit)) => parts.push(format!("{remaining} of {limit} left")),
        (Some(remaining), None) => parts.push(format!("{remaining} left")),
        (None, Some(limit)) => parts.push(limit.to_string()),
        (None, None) => {}
    }
    if let Some(reset) = allowance.reset {
        parts.push(format!("all back in {}", show_duration(reset)));
    }
    parts.join(", ")
}

fn as_json(alias: &str, model: &Model, probe: &Probe) -> Value {
    let steps = probe.steps.iter().map(|step| {
        json!({
            "name": step.name, "finding": word(step.finding), "text": step.text, "help": step.help,
        })
    });
    let limits = limits(&probe.attempt.advertised).into_iter();
    let limits = limits.map(|(name, allowance)| {
        json!({
            "of": name, "limit": allowance.limit, "remaining": allowance.remaining,
            "reset_seconds": allowance.reset.map(|reset| Duration::as_secs_f64(&reset)),
        })
    });
    json!({
        "alias": alias,
        "provider": model.host.name,
        "model": model.model,
        "steps": steps.collect::<Vec<_>>(),
        "can_carry": capabilities(model),
        "limits": limits.collect::<Vec<_>>(),
    })
}
