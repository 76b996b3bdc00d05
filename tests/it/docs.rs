//! The page of file formats says what the program checks: it is made from the same data.
//!
//! `REGAUGE_UPDATE_DOCS=1 cargo test --test it docs` writes it anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use regauge::scorer::registry::{KINDS, Kind};
use regauge::shape::{Field, Shape};
use regauge::{golden, prompt, suite, workspace};

use crate::project::Project;

#[test]
fn the_page_of_formats_is_what_the_program_checks() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md");
    let page = page();
    if std::env::var_os("REGAUGE_UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/formats.md is old; REGAUGE_UPDATE_DOCS=1 cargo test --test it docs"
    );
}

#[test]
fn the_models_of_the_page_of_models_are_sound() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/models.md");
    let page = fs::read_to_string(path).unwrap();
    let blocks: Vec<&str> = page
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(blocks.len() >= 5, "{} models", blocks.len());
    for block in blocks {
        let project = Project::new().workspace("http://127.0.0.1:1/v1");
        project.write("regauge.yaml", block);
        let alias = block.lines().nth(2).unwrap().trim().trim_end_matches(':');
        let suite = project.read("suites/words.yaml");
        project.write(
            "suites/words.yaml",
            suite.replace("[small]", &format!("[{alias}]")),
        );
        project.run(&["check"]).expect_code(0);
    }
}

fn page() -> String {
    let mut page = String::from(HEAD);
    for (title, shape) in [
        ("regauge.yaml", &workspace::SHAPE),
        ("suites/NAME.yaml", &suite::SHAPE),
        ("Front matter of prompts/NAME/vN.md", &prompt::SHAPE),
        ("prompts/NAME/labels.yaml", &prompt::LABELS),
    ] {
        write!(page, "\n## {title}\n\n").expect("a String takes all that is written");
        keys(&mut page, shape, 0);
    }
    page.push_str(DATASETS);
    for name in golden::RESERVED {
        let doc = &golden::schema()["properties"][name]["description"];
        writeln!(
            page,
            "- `{name}`: {}",
            doc.as_str().expect("every column is described")
        )
        .expect("a String takes all");
    }
    page.push_str("\n## Scorers\n\nAn entry is a name, or a name with options. A bare value fills the option in bold.\n");
    for kind in KINDS {
        scorer(&mut page, kind);
    }
    page
}

const HEAD: &str = "# File formats

Every key that a file may have. An unknown key is an error. `regauge schema` prints the same as JSON Schema.
";

const DATASETS: &str = "
## Datasets

JSON lines (`.jsonl`), CSV (`.csv`) or a YAML list (`.yaml`); a row is flat. Every column that is not named here is a
variable for the prompts. In CSV, tags are parted by `;`.

";

/// The keys of a record, and below each what its value may be.
fn keys(page: &mut String, shape: &Shape, depth: usize) {
    match shape {
        Shape::Record(fields) => fields.iter().for_each(|field| key(page, field, depth)),
        Shape::Map(value) if has_keys(value) => {
            writeln!(page, "{}- *any name*", "  ".repeat(depth))
                .expect("a String takes all that is written");
            keys(page, value, depth + 1);
        }
        Shape::List(item) => keys(page, item, depth),
        Shape::OneOf(shapes) => shapes.iter().for_each(|shape| keys(page, shape, depth)),
        _ => {}
    }
}

fn key(page: &mut String, field: &Field, depth: usize) {
    let indent = "  ".repeat(depth);
    let need = if field.required { ", required" } else { "" };
    writeln!(
        page,
        "{indent}- `{}` ({}{need}): {}",
        field.name,
        kind(&field.shape),
        field.doc
    )
    .expect("a String takes all that is written");
    keys(page, &field.shape, depth + 1);
}

fn has_keys(shape: &Shape) -> bool {
    match shape {
        Shape::Record(_) | Shape::Map(_) => true,
        Shape::List(item) => has_keys(item),
        Shape::OneOf(shapes) => shapes.iter().any(has_keys),
        _ => false,
    }
}

fn kind(shape: &Shape) -> String {
    match shape {
        Shape::Text => "text".into(),
        Shape::Bool => "true or false".into(),
        Shape::Count(least) => format!("whole number from {least}"),
        Shape::Number(low, high) if low.is_finite() && high.is_finite() => {
            format!("number from {low} to {high}")
        }
        Shape::Number(..) => "number".into(),
        Shape::Share => "share, as 0.03 or 3%".into(),
        Shape::Duration => "time, as 60s".into(),
        Shape::Day => "day, as 2026-12-31".into(),
        Shape::Choice(words) => words.join(", "),
        Shape::Any => "anything".into(),
        Shape::List(item) => format!("list of {}", kind(item)),
        Shape::Map(value) => format!("names with {}", kind(value)),
        Shape::Record(_) => "keys".into(),
        Shape::OneOf(shapes) => shapes.iter().map(kind).collect::<Vec<_>>().join(" or "),
        Shape::Elsewhere(name) => (*name).into(),
    }
}

fn scorer(page: &mut String, kind_of: &Kind) {
    let definition = kind_of
        .definition
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    writeln!(
        page,
        "\n### {}\n\n{}. {definition}\n",
        kind_of.name,
        capital(kind_of.summary)
    )
    .expect("a String takes all");
    for field in kind_of.fields() {
        let name = if kind_of.main == Some(field.name) {
            format!("**`{}`**", field.name)
        } else {
            format!("`{}`", field.name)
        };
        writeln!(page, "- {name} ({}): {}", kind(&field.shape), field.doc)
            .expect("a String takes all that is written");
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}
