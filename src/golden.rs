//! Datasets: cases with their inputs and approved outputs, read from JSON lines, CSV or YAML.
//!
//! A row is flat. The reserved columns are [`RESERVED`]; every other column is a variable for the prompts. A cell is
//! data: `{{ … }}` in it is text.

mod cells;
pub mod provenance;

use std::collections::HashMap;
use std::ops::Range;

use indexmap::IndexMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::document::{Document, Node, Source};
use crate::error::{Diagnostic, Place, Problems, Result};
use crate::text::suggest;
use crate::workspace::Workspace;
use cells::case_of;

/// Columns that are no variables.
pub const RESERVED: &[&str] = &[
    "id",
    "expected",
    "tags",
    "cluster",
    "weight",
    "split",
    "critical",
    "must_pass",
    "scorers",
    "golden",
];

/// A row as JSON Schema, for editors.
pub fn schema() -> Value {
    let text = |doc: &str| serde_json::json!({"type": ["string", "number"], "description": doc});
    serde_json::json!({
        "type": "object",
        "description": "a case; every column that is not named here is a variable for the prompts",
        "properties": {
            "id": text("its name in all runs; without one the digest of its variables"),
            "expected": {"description": "the approved output"},
            "tags": {"type": ["array", "string"], "items": {"type": "string"}, "description": "words to select by"},
            "cluster": text("cases with the same cluster are no independent evidence"),
            "weight": {"type": "number", "exclusiveMinimum": 0, "description": "its share in metrics (default 1)"},
            "split": text("the part of the dataset that it belongs to"),
            "critical": {"type": "boolean", "description": "whether this case is a gate of its own, which a drop of half of its trials fails (default false)"},
            "must_pass": {"type": "boolean", "description": "whether every trial of this case must pass, whatever the others do (default false)"},
            "scorers": {"type": "array", "description": "scorers of this case, beside or over those of the suite"},
            "golden": {"type": ["object", "string"], "description": "where the approved output came from; `regauge review` writes it: `by`, `at`, `why`, the `run`, `prompt`, `model` and `dataset` with their digests. With `proposed_by` and without `by` a model proposed the output, and the case is not gated until a person approves it"},
        },
    })
}

/// One input with what is known of the right answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its name in all runs; rows without one are named by the digest of their variables.
    pub id: String,
    /// The variables that prompts take.
    pub vars: Map<String, Value>,
    /// The approved output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Value>,
    /// Words to select by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Cases with the same cluster are no independent evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Its share in metrics; 1 as a rule.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: f64,
    /// The part of the dataset that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// Whether this case is a gate of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub critical: bool,
    /// Whether every trial of this case must pass.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub must_pass: bool,
    /// Scorers of this case, beside those of the suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scorers: Option<Value>,
    /// Where the approved output came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub golden: Option<Value>,
}

impl Case {
    /// Whether two cases ask the same: equal variables and equal approved outputs.
    pub fn asks_the_same(&self, other: &Self) -> bool {
        self.vars == other.vars && self.expected == other.expected
    }
}

fn one() -> f64 {
    1.0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    clippy::float_cmp,
    reason = "serde hands a reference; the default is exactly one"
)]
fn is_one(weight: &f64) -> bool {
    *weight == 1.0
}

/// An output as a golden: data where the golden that it replaces is data, else text.
pub fn as_golden(old: Option<&Value>, output: &str) -> Value {
    let is_data = old.is_some_and(|old| !old.is_string());
    let data = is_data.then(|| serde_json::from_str(output).ok()).flatten();
    data.unwrap_or_else(|| Value::String(output.to_owned()))
}

/// The digest of a golden, by which a decision says what it has seen.
pub fn digest(golden: &Value) -> Digest {
    Digest::of(golden)
}

/// The cases of a suite in the order of their file.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The file as it is shown to people.
    pub file: String,
    /// The digest of the file and of how its columns are read.
    pub digest: Digest,
    /// The cases, at least one, with different ids.
    pub cases: Arc<Vec<Case>>,
}

/// Which columns of a file are what.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Columns {
    /// Reserved columns that bear another name in the file: reserved name to column.
    pub reserved: IndexMap<String, String>,
    /// Variables and their columns; `None`: every column that is not reserved.
    pub vars: Option<IndexMap<String, String>>,
    /// Where the suite names a column.
    #[serde(skip)]
    pub places: HashMap<String, Place>,
}

impl Columns {
    /// The column of the file that holds a reserved one.
    pub fn column<'a>(&'a self, reserved: &'a str) -> &'a str {
        self.reserved.get(reserved).map_or(reserved, String::as_str)
    }
}

/// A row as the file has it.
struct Row {
    values: Map<String, Value>,
    span: Range<usize>,
}

/// Reads the dataset at `path`, whose ending names its format; errors about the path point at `place`.
pub fn load(
    workspace: &Workspace,
    path: &str,
    columns: &Columns,
    place: &Place,
) -> Result<Dataset> {
    workspace.check_file(path, place)?;
    parse(&workspace.read(path)?, columns, place)
}

/// The same for a text that was read already.
pub fn parse(source: &Source, columns: &Columns, place: &Place) -> Result<Dataset> {
    let path = &*source.file;
    let mut problems = Problems::default();
    let rows = match path.rsplit('.').next() {
        Some("jsonl" | "ndjson") => read_jsonl(source, &mut problems),
        Some("csv") => read_csv(source, &mut problems),
        Some("yaml" | "yml") => read_yaml(source, &mut problems),
        _ => {
            return Err(
                Diagnostic::new(format!("cannot tell the format of `{path}`"))
                    .at(place.clone())
                    .help("datasets end in .jsonl, .csv or .yaml")
                    .into(),
            );
        }
    };
    check_columns(columns, &rows, &mut problems);
    let cases = cases_of(source, rows, columns, &mut problems);
    if cases.is_empty() && problems.is_empty() {
        problems.push(
            Diagnostic::new(format!("the dataset `{path}` is empty"))
                .at(place.clone())
                .help("add at least one case"),
        );
    }
    problems.finish()?;
    let digest = Digest::of(&(Digest::of_bytes(source.text.as_bytes()), columns));
    Ok(Dataset {
        file: path.to_owned(),
        digest,
        cases: Arc::new(cases),
    })
}

/// Takes the cases that a suite holds itself.
pub fn inline(document: &Document, nodes: &[Node]) -> Result<Dataset> {
    let mut problems = Problems::default();
    let rows = rows_of_nodes(&document.source, nodes, &mut problems);
    let cases = cases_of(&document.source, rows, &Columns::default(), &mut problems);
    problems.finish()?;
    let digest = Digest::of(&cases);
    Ok(Dataset {
        file: document.source.file.to_string(),
        digest,
        cases: Arc::new(cases),
    })
}

fn read_jsonl(source: &Source, problems: &mut Problems) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let content = line.trim_end();
        let span = start..start + content.len();
        start += line.len();
        if content.is_empty() {
            continue;
        }
        match serde_json::from_str(content) {
            Ok(values) => rows.push(Row { values, span }),
            Err(error) => {
                let at = span.start + error.column().saturating_sub(1).min(content.len());
                let whole = error.to_string();
                let message = whole.split(" at line ").next().unwrap_or_default();
                let help =
                    "each line is one object, such as {\"id\": \"t-001\", \"expected\": \"yes\"}";
                problems.push(
                    Diagnostic::new(format!("not a JSON object: {message}"))
                        .at(source.place(at..at + 1))
                        .help(help),
                );
            }
        }
    }
    rows
}

fn read_csv(source: &Source, problems: &mut Problems) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(source.text.as_bytes());
    let header: Vec<String> = match reader.headers() {
        Ok(header) => header.iter().map(|name| name.trim().to_owned()).collect(),
        Err(_) => Vec::new(),
    };
    check_header(source, &header, problems);
    let mut rows = Vec::new();
    for record in reader.records() {
        let Ok(record) = record else { continue };
        let start = record
            .position()
            .and_then(|at| usize::try_from(at.byte()).ok())
            .unwrap_or(0);
        let span = csv_record_span(&source.text, start);
        if record.len() != header.len() {
            problems.push(
                Diagnostic::new(format!(
                    "this row has {} cells, the header has {}",
                    record.len(),
                    header.len()
                ))
                .at(source.place(span))
                .help("put cells that contain commas, quotes or line ends in double quotes"),
            );
            continue;
        }
        let cells = header
            .iter()
            .zip(&record)
            .map(|(name, cell)| (name.clone(), Value::from(cell)));
        rows.push(Row {
            values: cells.collect(),
            span,
        });
    }
    rows
}

/// From the first byte of a record that is no line end up to the end of its first line.
fn csv_record_span(text: &str, start: usize) -> Range<usize> {
    let rest = &text[start..];
    let begin = start + rest.len() - rest.trim_start_matches(['\r', '\n']).len();
    let end = text[begin..].find('\n').map_or(text.len(), |at| begin + at);
    begin..end
}

fn check_header(source: &Source, header: &[String], problems: &mut Problems) {
    let line = source.text.lines().next().unwrap_or_default();
    for (i, name) in header.iter().enumerate() {
        let message = if name.is_empty() {
            format!("column {} has no name", i + 1)
        } else if header[..i].contains(name) {
            format!("two columns are named `{name}`")
        } else {
            continue;
        };
        problems.push(
            Diagnostic::new(message)
                .at(source.place(0..line.len()))
                .help("give every column a name of its own"),
        );
    }
}

fn read_yaml(source: &Source, problems: &mut Problems) -> Vec<Row> {
    let Some(document) = problems.take(Document::parse(source.clone())) else {
        return Vec::new();
    };
    if document.root.items().is_empty() && !source.text.trim().is_empty() {
        problems.push(
            Diagnostic::new("a dataset in YAML is a list of cases")
                .at(document.place(&document.root))
                .help("begin every case with `- id: …`"),
        );
    }
    rows_of_nodes(source, document.root.items(), problems)
}

fn rows_of_nodes(source: &Source, nodes: &[Node], problems: &mut Problems) -> Vec<Row> {
    let mut rows = Vec::new();
    for node in nodes {
        match node.to_json() {
            Value::Object(values) => rows.push(Row {
                values,
                span: node.span.clone(),
            }),
            _ => problems.push(
                Diagnostic::new("a case is keys with values")
                    .at(source.place(node.span.clone()))
                    .help("write it as `- { id: t-001, … }`"),
            ),
        }
    }
    rows
}

/// A column that the suite names must stand in some row.
fn check_columns(columns: &Columns, rows: &[Row], problems: &mut Problems) {
    if rows.is_empty() {
        return;
    }
    let mapped = columns
        .reserved
        .values()
        .chain(columns.vars.iter().flat_map(IndexMap::values));
    for column in mapped {
        if rows.iter().any(|row| row.values.contains_key(column)) {
            continue;
        }
        let known: Vec<&str> = rows[0].values.keys().map(String::as_str).collect();
        let help = match suggest(column, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("the columns are {}", known.join(", ")),
        };
        let missing = Diagnostic::new(format!("no row has a column `{column}`")).help(help);
        problems.push(match columns.places.get(column) {
            Some(place) => missing.at(place.clone()),
            None => missing,
        });
    }
}

fn cases_of(
    source: &Source,
    rows: Vec<Row>,
    columns: &Columns,
    problems: &mut Problems,
) -> Vec<Case> {
    let mut seen: HashMap<String, Range<usize>> = HashMap::with_capacity(rows.len());
    let mut cases = Vec::with_capacity(rows.len());
    for row in rows {
        let span = row.span.clone();
        let Some(case) = case_of(source, row, columns, problems) else {
            continue;
        };
        if let Some(first) = seen.get(&case.id) {
            problems.push(
                Diagnostic::new(format!("the id `{}` stands twice", case.id))
                    .at(source.place(span.clone()))
                    .help(format!(
                        "it stands first at {}; runs are paired by id",
                        source.place(first.clone())
                    )),
            );
        }
        seen.insert(case.id.clone(), span);
        cases.push(case);
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str, columns: &Columns) -> Result<Dataset> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("regauge.yaml"),
            "version: 1\nmodels: {}\n",
        )
        .unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        let workspace = Workspace::load(folder.path(), &crate::workspace::Environment::default())?;
        load(&workspace, name, columns, &Place::file("suites/s.yaml"))
    }

    #[test]
    fn the_three_formats_give_the_same_cases() {
        let jsonl = r#"{"id": "a", "q": "1, \"2\"", "expected": "x", "tags": ["de", "typo"], "weight": 2, "critical": true}"#;
        let csv = "id,q,expected,tags,weight,critical\na,\"1, \"\"2\"\"\",x,de; typo,2,true\n";
        let yaml = "- { id: a, q: '1, \"2\"', expected: x, tags: [de, typo], weight: 2, critical: true }\n";
        let cases = read("a.jsonl", jsonl, &Columns::default()).unwrap().cases;
        assert_eq!(
            read("a.csv", csv, &Columns::default()).unwrap().cases,
            cases
        );
        assert_eq!(
            read("a.yaml", yaml, &Columns::default()).unwrap().cases,
            cases
        );
        assert_eq!(cases[0].vars["q"], "1, \"2\"");
        assert_eq!(cases[0].tags, ["de", "typo"]);
    }

    #[test]
    fn a_row_without_an_id_is_named_by_its_content() {
        let first = read("a.jsonl", "{\"q\": 1}\n{\"q\": 2}\n", &Columns::default())
            .unwrap()
            .cases;
        let second = read("a.jsonl", "{\"q\": 2}\n", &Columns::default())
            .unwrap()
            .cases;
        assert_eq!(first[1].id, second[0].id);
        assert_ne!(first[0].id, first[1].id);
    }

    #[test]
    fn columns_may_bear_other_names() {
        let columns = Columns {
            reserved: [
                ("id".to_owned(), "row".to_owned()),
                ("expected".to_owned(), "label".to_owned()),
            ]
            .into(),
            vars: Some(
                [
                    ("ticket".to_owned(), "text".to_owned()),
                    ("queue".to_owned(), "label".to_owned()),
                ]
                .into(),
            ),
            ..Columns::default()
        };
        let case = &read("a.csv", "row,text,label,note\n7,hi,other,x\n", &columns)
            .unwrap()
            .cases[0];
        assert_eq!(
            (case.id.as_str(), case.expected.as_ref().unwrap()),
            ("7", &Value::from("other"))
        );
        assert_eq!(
            serde_json::to_value(&case.vars).unwrap(),
            serde_json::json!({"ticket": "hi", "queue": "other"})
        );
    }

    #[test]
    fn a_line_end_inside_a_cell_and_a_byte_order_mark_are_read() {
        let dataset = read(
            "a.csv",
            "\u{feff}id,q\r\n1,\"a\r\nb\"\r\n",
            &Columns::default(),
        )
        .unwrap();
        assert_eq!(dataset.cases[0].vars["q"], "a\r\nb");
    }

    #[test]
    fn broken_rows_are_shown_where_they_stand() {
        for (name, file, text) in [
            ("ragged", "a.csv", "id,q\n1,a\n2,b,c\n3\n"),
            ("header", "a.csv", "id,q,q\n1,a,b\n"),
            (
                "json",
                "a.jsonl",
                "{\"id\": \"a\"}\n{\"id\": \"b\",}\n[1]\n",
            ),
            ("twice", "a.jsonl", "{\"id\": \"a\"}\n\n{\"id\": \"a\"}\n"),
            (
                "cells",
                "a.jsonl",
                "{\"id\": \"a\", \"weight\": -1, \"tags\": 3, \"critical\": \"maybe\", \"must_pass\": 1}\n",
            ),
            ("empty", "a.jsonl", "\n"),
            ("not_a_list", "a.yaml", "id: a\n"),
        ] {
            insta::assert_snapshot!(
                name,
                read(file, text, &Columns::default())
                    .unwrap_err()
                    .render(false)
            );
        }
    }
}
