//! `regauge score`: grades outputs that were made elsewhere.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::console::Console;
use super::{Exit, input};
use crate::document::{Document, Source};
use crate::error::{Diagnostic, Error, Place, Result};
use crate::exchange::{Finish, Response, ToolCall, Usage};
use crate::scorer::{self, Answer, Scorer, Surroundings, Target};
use crate::units::Cost;

#[derive(Debug, Args)]
pub(super) struct ScoreArgs {
    /// The scorer, as in a suite: `exact: {normalize: [trim]}`.
    #[arg(long, required_unless_present = "cases", value_name = "YAML")]
    scorer: Option<String>,
    /// The output to grade.
    #[arg(
        long,
        required_unless_present = "cases",
        value_name = "TEXT",
        allow_hyphen_values = true
    )]
    output: Option<String>,
    /// The approved output.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    expected: Option<String>,
    /// A file of JSON lines with `scorer`, `output`, `expected`, and `vars`, `tags`, `tool_calls`, `latency_ms`,
    /// `first_token_ms`, `usage` where the scorer needs them; `-` is standard input. One score a line comes out.
    #[arg(long, conflicts_with_all = ["scorer", "output", "expected"], value_name = "FILE")]
    cases: Option<PathBuf>,
    /// Print scores as JSON.
    #[arg(long)]
    json: bool,
}

/// A line of `--cases`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    scorer: Value,
    #[serde(default)]
    output: String,
    #[serde(default)]
    expected: Option<Value>,
    #[serde(default)]
    vars: Map<String, Value>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    tool_calls: Vec<ToolCall>,
    #[serde(default)]
    latency_ms: Option<f64>,
    #[serde(default)]
    first_token_ms: Option<f64>,
    #[serde(default)]
    usage: Usage,
    #[serde(default)]
    cost_usd: Option<f64>,
    #[serde(default)]
    finish: Option<Finish>,
    /// Whatever the caller knows the line by; handed on.
    #[serde(default)]
    id: Option<Value>,
}

pub(super) fn run(args: &ScoreArgs, console: &Console) -> Result<Exit> {
    let Some(path) = &args.cases else {
        let (scorer, output) = (
            args.scorer.as_deref().unwrap_or_default(),
            args.output.clone().unwrap_or_default(),
        );
        let expected = args.expected.clone().map(Value::String);
        let scorer = compile(Source::new("--scorer", scorer))?;
        let line = Line {
            output,
            expected,
            ..Line::default()
        };
        let score = grade(&scorer, &line);
        console.line(&if args.json {
            score.to_string()
        } else {
            show(&score)
        });
        return Ok(if score.get("error").is_some() {
            Exit::Usage
        } else {
            Exit::Pass
        });
    };
    let source = input::read(path, "the cases")?;
    let mut start = 0;
    let mut cache: Option<(Value, Scorer)> = None;
    for text in source.text.split_inclusive('\n') {
        let content = text.trim_end();
        if !content.is_empty() {
            let line = parse(&source, content, start)?;
            // Most files hold one scorer many times.
            if cache
                .as_ref()
                .is_none_or(|(known, _)| *known != line.scorer)
            {
                let name = format!(
                    "{}:{}",
                    source.file,
                    source.text[..start].lines().count() + 1
                );
                cache = Some((
                    line.scorer.clone(),
                    compile(Source::new(name, scorer_text(&line.scorer)))?,
                ));
            }
            if let Some((_, scorer)) = &cache {
                console.line(&grade(scorer, &line).to_string());
            }
        }
        start += text.len();
    }
    Ok(Exit::Pass)
}

fn scorer_text(scorer: &Value) -> String {
    scorer
        .as_str()
        .map_or_else(|| scorer.to_string(), str::to_owned)
}

fn parse(source: &Source, content: &str, start: usize) -> Result<Line> {
    serde_json::from_str(content).map_err(|error| {
        let at = start + error.column().saturating_sub(1);
        Diagnostic::new("this line cannot be graded")
            .at(source.place(at..at + 1))
            .because(&error)
            .help("a line is {\"scorer\": …, \"output\": …, \"expected\": …}")
            .into()
    })
}

fn compile(source: Source) -> Result<Scorer> {
    let document = Document::parse(source)?;
    let load = |path: &str, _: &Place| {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::from(
                Diagnostic::new("cannot read the schema")
                    .at(Place::file(path))
                    .because(&error),
            )
        })?;
        serde_json::from_str(&text).map_err(|error| {
            Diagnostic::new("not valid JSON")
                .at(Place::file(path))
                .because(&error)
                .into()
        })
    };
    let surroundings = Surroundings {
        load: &load,
        workspace: None,
    };
    scorer::compile(&document, &document.root, &surroundings)
}

fn grade(scorer: &Scorer, line: &Line) -> Value {
    let response = Response {
        tool_calls: line.tool_calls.clone(),
        finish: line.finish.unwrap_or(Finish::Stop),
        usage: line.usage,
        ..Response::of(&line.output)
    };
    let answer = Answer {
        response: &response,
        latency_ms: line.latency_ms,
        first_token_ms: line.first_token_ms,
        cost: line.cost_usd.and_then(Cost::from_usd),
    };
    let target = Target {
        expected: line.expected.as_ref(),
        vars: &line.vars,
        tags: &line.tags,
    };
    if !scorer.applies_to(target.tags) {
        return json!({"id": line.id, "skipped": "the scorer is for cases with other tags"});
    }
    let mut score = match scorer.grade(&target, &answer) {
        Ok(score) => json!({"value": score.value, "passed": score.passed, "note": score.note}),
        Err(error) => json!({"error": error}),
    };
    if let Some(id) = &line.id {
        score["id"] = id.clone();
    }
    score
}

fn show(score: &Value) -> String {
    if let Some(error) = score.get("error").and_then(Value::as_str) {
        return format!("cannot be graded: {error}");
    }
    let verdict = match score.get("passed").and_then(Value::as_bool) {
        Some(true) => "passed",
        Some(false) => "failed",
        None => "graded",
    };
    let note = score
        .get("note")
        .and_then(Value::as_str)
        .map_or_else(String::new, |note| format!(": {note}"));
    crate::error::picture_controls(&format!("{verdict} {}{note}", score["value"]))
}
