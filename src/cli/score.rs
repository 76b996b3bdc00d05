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
use crate::scorer::{self, Answer, Score, Scorer, Surroundings, Target};
use crate::stats::confusion::Table;
use crate::units::Cost;
use crate::workspace::Workspace;

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
    /// `first_token_ms`, `usage` where the scorer needs them; `-` is standard input. One score a line comes out, and
    /// behind the last line of a scorer that gives labels what is measured over all of its lines.
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

pub(super) fn run(
    args: &ScoreArgs,
    workspace: Option<&Workspace>,
    console: &Console,
) -> Result<Exit> {
    let Some(path) = &args.cases else {
        let (scorer, output) = (
            args.scorer.as_deref().unwrap_or_default(),
            args.output.clone().unwrap_or_default(),
        );
        let expected = args.expected.clone().map(Value::String);
        let scorer = compile(workspace, Source::new("--scorer", scorer))?;
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
    grade_all(&input::read(path, "the cases")?, workspace, console)?;
    Ok(Exit::Pass)
}

/// Grades every line of a file. Where a scorer gives labels, a line with the measures of all lines follows that have it
/// one after another.
fn grade_all(source: &Source, workspace: Option<&Workspace>, console: &Console) -> Result<()> {
    let mut start = 0;
    let mut batch: Option<Batch> = None;
    for text in source.text.split_inclusive('\n') {
        let content = text.trim_end();
        if !content.is_empty() {
            let line = parse(source, content, start)?;
            // Most files hold one scorer many times.
            let same = batch.take_if(|batch| batch.written == line.scorer);
            let current = if let Some(same) = same {
                same
            } else {
                finish(batch.as_ref(), console);
                let number = source.text[..start].lines().count() + 1;
                let scorer = Source::new(
                    format!("{}:{number}", source.file),
                    scorer_text(&line.scorer),
                );
                Batch::new(&line.scorer, compile(workspace, scorer)?)
            };
            let score = batch.insert(current).grade(&line);
            console.line(&score.to_string());
        }
        start += text.len();
    }
    finish(batch.as_ref(), console);
    Ok(())
}

fn finish(batch: Option<&Batch>, console: &Console) {
    if let Some(measures) = batch.and_then(Batch::measures) {
        console.line(&measures.to_string());
    }
}

/// Lines with one scorer.
struct Batch {
    /// The scorer as it was written.
    written: Value,
    scorer: Scorer,
    /// What their labels are, where it gives some.
    table: Option<Table>,
}

impl Batch {
    fn new(written: &Value, scorer: Scorer) -> Self {
        let labels = scorer.labelling().map(|labelling| labelling.labels.len());
        Self {
            written: written.clone(),
            table: labels.map(Table::new),
            scorer,
        }
    }

    fn grade(&mut self, line: &Line) -> Value {
        let score = score(&self.scorer, line);
        if let (Some(table), Some(Ok(score))) = (&mut self.table, &score) {
            let labels = self
                .scorer
                .labelling()
                .map_or(0, |labelling| labelling.labels.len());
            for cell in &score.cells {
                if let Some(place) = Table::place(labels, cell) {
                    table.add(place, f64::from(cell.times));
                }
            }
        }
        described(score, line)
    }

    /// What is read off the labels of all lines.
    fn measures(&self) -> Option<Value> {
        let (table, labelling) = (self.table.as_ref()?, self.scorer.labelling()?);
        let measures = labelling.measures.iter();
        let values: Map<String, Value> = measures
            .map(|measure| (measure.name().to_owned(), json!(measure.of(table))))
            .collect();
        Some(json!({"scorer": self.written, "measures": values}))
    }
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

fn compile(workspace: Option<&Workspace>, source: Source) -> Result<Scorer> {
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
        workspace,
        cases: &[],
    };
    scorer::compile(&document, &document.root, &surroundings)
}

fn grade(scorer: &Scorer, line: &Line) -> Value {
    described(score(scorer, line), line)
}

/// The score of a line; `None` where the scorer is for others.
fn score(scorer: &Scorer, line: &Line) -> Option<std::result::Result<Score, String>> {
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
        case: line.id.as_ref().and_then(Value::as_str).unwrap_or_default(),
        expected: line.expected.as_ref(),
        vars: &line.vars,
        tags: &line.tags,
    };
    scorer
        .applies_to(target.tags)
        .then(|| scorer.grade(&target, &answer))
}

fn described(score: Option<std::result::Result<Score, String>>, line: &Line) -> Value {
    let mut score = match score {
        None => {
            return json!({"id": line.id, "skipped": "the scorer is for cases with other tags"});
        }
        Some(Ok(score)) => {
            json!({"value": score.value, "passed": score.passed, "note": score.note})
        }
        Some(Err(error)) => json!({"error": error}),
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
