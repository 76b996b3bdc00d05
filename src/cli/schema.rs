//! `regauge schema`: JSON Schemas of what people write, for completion in editors.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::Exit;
use super::console::Console;
use crate::golden;
use crate::prompt;
use crate::scorer;
use crate::shape::Shape;
use crate::suite::{self, SCORER_SCHEMA};
use crate::workspace;

#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// The format.
    #[arg(value_enum)]
    of: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// regauge.yaml
    Workspace,
    /// suites/*.yaml
    Suite,
    /// The front matter of prompts/*/v*.md
    Prompt,
    /// prompts/*/labels.yaml
    Labels,
    /// golden/*.yaml and each line of golden/*.jsonl
    Dataset,
}

pub(super) fn run(args: &SchemaArgs, console: &Console) -> Exit {
    console.json(&schema_of(args.of));
    Exit::Pass
}

fn schema_of(format: Format) -> Value {
    match format {
        Format::Workspace => document("regauge.yaml", &workspace::SHAPE),
        Format::Suite => {
            let mut schema = document("a suite of regauge", &suite::SHAPE);
            schema["$defs"] = json!({ SCORER_SCHEMA: scorer::schema() });
            schema
        }
        Format::Prompt => document("the front matter of a prompt", &prompt::SHAPE),
        Format::Labels => document("the labels of a prompt", &prompt::LABELS),
        Format::Dataset => json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "a dataset of regauge",
            "type": "array",
            "items": golden::schema(),
        }),
    }
}

fn document(title: &str, shape: &Shape) -> Value {
    let mut schema = shape.json_schema();
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = title.into();
    schema
}
