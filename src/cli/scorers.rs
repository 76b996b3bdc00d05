//! `regauge scorers`: what scorers there are, with their options.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use super::Exit;
use super::console::Console;
use crate::error::{Diagnostic, Result};
use crate::scorer::registry::{KINDS, Kind};
use crate::text::{suggest, wrapped};

#[derive(Debug, Args)]
pub(super) struct ScorersArgs {
    /// Show all of these scorers: how their scores are reached, and their options.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Print them as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ScorersArgs, console: &Console) -> Result<Exit> {
    let chosen: Vec<&Kind> = if args.names.is_empty() {
        KINDS.iter().collect()
    } else {
        let names = args.names.iter();
        names.map(|name| named(name)).collect::<Result<_>>()?
    };
    let width = console.style.width;
    if args.json {
        console.json(&chosen.iter().map(|kind| as_json(kind)).collect());
    } else if args.names.is_empty() {
        console.print(&list(&chosen, width));
    } else {
        let shown: Vec<String> = chosen.iter().map(|kind| whole(kind, width)).collect();
        console.print(&shown.join("\n"));
    }
    Ok(Exit::Pass)
}

fn named(name: &str) -> Result<&'static Kind> {
    Kind::named(name).ok_or_else(|| {
        let known = KINDS.iter().map(|kind| kind.name);
        let help = suggest(name, known).map_or_else(
            || "`regauge scorers` lists them".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        Diagnostic::new(format!("unknown scorer `{name}`"))
            .help(help)
            .into()
    })
}

/// A scorer a paragraph: its name, what it is for, and the names of its options.
fn list(kinds: &[&Kind], width: usize) -> String {
    let mut text = String::new();
    for kind in kinds {
        let options: Vec<&str> = kind.fields().iter().map(|field| field.name).collect();
        let options = wrapped(&options.join(", "), width, "    ");
        let summary = wrapped(kind.summary, width, "  ");
        writeln!(text, "{}\n{summary}\n{options}", kind.name).expect("a String takes all");
    }
    text.push_str("\n`regauge scorers NAME` shows all of one.\n");
    text
}

fn whole(kind: &Kind, width: usize) -> String {
    let definition = wrapped(kind.definition, width, "  ");
    let mut text = format!("{}: {}\n\n{definition}\n\n", kind.name, kind.summary);
    for field in kind.fields() {
        let mark = if kind.main == Some(field.name) {
            " (what a bare value fills)"
        } else {
            ""
        };
        let need = if field.required { ", required" } else { "" };
        writeln!(
            text,
            "  {}{mark}: {}{need}",
            field.name,
            field.shape.wants()
        )
        .expect("a String takes all");
        writeln!(text, "{}", wrapped(field.doc, width, "      ")).expect("a String takes all");
    }
    text
}

fn as_json(kind: &Kind) -> Value {
    let options: Vec<Value> = kind
        .fields()
        .iter()
        .map(|field| {
            json!({
                "name": field.name,
                "required": field.required,
                "description": field.doc,
                "schema": field.shape.json_schema(),
            })
        })
        .collect();
    json!({
        "name": kind.name,
        "summary": kind.summary,
        "definition": kind.definition,
        "main": kind.main,
        "options": options,
    })
}
