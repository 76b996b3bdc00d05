//! Scorers that read the answer as data.

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Value, json};

use crate::document::{Data, Node};
use crate::error::Diagnostic;
use crate::shape::{Field, Shape};
use crate::text::data::difference;
use crate::text::excerpt;

use super::entry::Entry;
use super::options::{COLUMN, COMMON, NEGATE, TRANSFORM};
use super::registry::{Expects, Kind};
use super::{Built, OrMissing, Reading, Rule, Subject};

/// Characters of a value that a note shows.
const SHOWN: usize = 60;

/// 1 if the answer is one JSON value and nothing else but white space, else 0. A bare number or a text in quotes is JSON
/// too; `json-schema` with `type: [object, array]` asks for more.
pub(super) const IS_JSON: Kind = Kind {
    name: "is-json",
    summary: "the answer is JSON",
    definition: "1 if the answer is one JSON value and nothing else but white space, else 0. A bare number or a text in \
                 quotes is JSON too.",
    main: None,
    options: &[TRANSFORM, NEGATE, COMMON],
    expects: Expects::Nothing,
    version: 1,
    build: |_| Ok(Box::new(Structure::Any)),
};

/// 1 if the answer is JSON and the same data as the expected value, else 0: objects whatever the order of their keys,
/// lists in order, numbers by value (`1` is `1.0`). An expected text is read as JSON; one that is not JSON is a scorer
/// error, an answer that is not JSON scores 0. The note names the first difference by its JSON Pointer, in the order of
/// the expected value.
pub(super) const EQUALS_JSON: Kind = Kind {
    name: "equals-json",
    summary: "the answer is the expected data, written in any way",
    definition: "1 if the answer is JSON and equal to the expected value as data, else 0: keys in any order, lists in \
                 order, numbers by value. An expected text is read as JSON.",
    main: Some("expected"),
    options: &[
        &[
            Field::optional(
                "expected",
                Shape::Any,
                "takes the place of the expected value of the case; a text is read as JSON",
            ),
            COLUMN,
        ],
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    expects: Expects::Data("expected"),
    version: 1,
    build: |_| Ok(Box::new(Structure::Equal)),
};

/// 1 if the answer is JSON and valid against the schema, else 0. The draft is the one that `$schema` names, and 2020-12
/// where it names none. `format` is checked, since who writes `format: date` means it; `formats: false` makes it the
/// remark that the standard takes it for. No schema can fetch anything: what a `$ref` names must be in the schema itself.
pub(super) const JSON_SCHEMA: Kind = Kind {
    name: "json-schema",
    summary: "the answer is JSON that keeps to a schema",
    definition: "1 if the answer is JSON and valid against the schema, else 0. The draft is that of `$schema`, without \
                 one 2020-12; `format` is checked unless `formats: false` is set. The schema is written in the suite or named by the path of a JSON file; it \
                 cannot refer to anything outside itself.",
    main: Some("schema"),
    options: &[
        &[
            Field::required(
                "schema",
                Shape::OneOf(&[Shape::Text, Shape::Bool, Shape::Map(&Shape::Any)]),
                "a JSON Schema, or the path of a file that holds one",
            ),
            Field::optional(
                "formats",
                Shape::Bool,
                "whether `format` is checked (default true)",
            ),
        ],
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    expects: Expects::Nothing,
    version: 1,
    build: build_schema,
};

/// How the data of an answer is judged.
#[derive(Debug)]
pub(super) enum Structure {
    Any,
    Equal,
    Schema(Box<Schema>),
}

/// A schema, ready to validate.
#[derive(Debug)]
pub(super) struct Schema {
    source: Value,
    formats: bool,
    validator: Validator,
}

fn build_schema(entry: &Entry<'_>) -> Built {
    let Some(node) = entry.get("schema") else {
        return Ok(Box::new(Structure::Any));
    };
    let formats = entry.get("formats").and_then(Node::bool).unwrap_or(true);
    let source = match &node.data {
        Data::Text(path) => (entry.load)(path, &entry.place_of(node))?,
        _ => node.to_json(),
    };
    let options = jsonschema::options().should_validate_formats(formats);
    match options.build(&source) {
        Ok(validator) => Ok(Box::new(Structure::Schema(Box::new(Schema {
            source,
            formats,
            validator,
        })))),
        Err(error) => Err(diagnose(entry, node, &error).into()),
    }
}

/// The mistake, at the part of the schema that has it where that part stands in the suite.
fn diagnose(entry: &Entry<'_>, node: &Node, error: &jsonschema::ValidationError<'_>) -> Diagnostic {
    let path = error.instance_path().as_str();
    let at = match path {
        "" => String::new(),
        path => format!(" at `{path}`"),
    };
    let whole = error.to_string();
    if matches!(error.kind(), ValidationErrorKind::Referencing(_)) {
        // What follows are settings of the library, which nobody here can change.
        let message = whole.split(" and retrieving").next().unwrap_or_default();
        return entry
            .problem(
                node,
                format!("a `$ref` of the schema leads nowhere: {message}"),
            )
            .help("a schema cannot refer to anything outside itself; put it under `$defs`");
    }
    let message = format!("not a JSON Schema: {}{at}", excerpt(&whole, 160));
    entry.problem(below(node, path), message)
}

/// The node under a JSON Pointer, as far down as there is one.
fn below<'a>(node: &'a Node, pointer: &str) -> &'a Node {
    let keys = pointer.split('/').skip(1);
    keys.map(|key| key.replace("~1", "/").replace("~0", "~"))
        .try_fold(node, |node, key| {
            let item = key.parse().ok().and_then(|i: usize| node.items().get(i));
            node.get(&key).or(item).ok_or(node)
        })
        .unwrap_or_else(|deepest| deepest)
}

impl Rule for Structure {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let found: Result<Value, _> = serde_json::from_str(subject.text);
        match self {
            Self::Any => Ok(match found {
                Ok(_) => Reading::binary(true, String::new),
                Err(error) => not_json(&error),
            }),
            Self::Equal => {
                let wanted = subject.wanted.json()?;
                Ok(match found {
                    Ok(found) => equal(&wanted, &found),
                    Err(error) => not_json(&error),
                })
            }
            Self::Schema(schema) => Ok(match found {
                Ok(found) => schema.read(&found),
                Err(error) => not_json(&error),
            }),
        }
    }

    fn identity(&self, _: Value) -> Value {
        match self {
            Self::Any | Self::Equal => Value::Null,
            Self::Schema(schema) => json!({"schema": schema.source, "formats": schema.formats}),
        }
    }
}

fn not_json(error: &serde_json::Error) -> Reading {
    Reading::binary(false, || format!("not JSON: {error}"))
}

fn equal(wanted: &Value, found: &Value) -> Reading {
    let first = difference(wanted, found);
    Reading::binary(first.is_none(), || {
        let Some(first) = first else {
            return String::new();
        };
        let show = |value: Option<&Value>| match value {
            Some(value) => excerpt(&value.to_string(), SHOWN).into_owned(),
            None => "nothing".to_owned(),
        };
        format!(
            "{}: expected {}, got {}",
            place(&first.path),
            show(first.left),
            show(first.right)
        )
    })
}

fn place(pointer: &str) -> String {
    match pointer {
        "" => "the whole".to_owned(),
        pointer => excerpt(pointer, SHOWN).into_owned(),
    }
}

impl Schema {
    /// The note names the first mistake by its place; the validator gives them in no order that could be relied on.
    fn read(&self, found: &Value) -> Reading {
        if self.validator.is_valid(found) {
            return Reading::binary(true, String::new);
        }
        let mut mistakes: Vec<(String, String)> = self
            .validator
            .iter_errors(found)
            .map(|error| (error.instance_path().as_str().to_owned(), error.to_string()))
            .collect();
        mistakes.sort();
        Reading::binary(false, || match mistakes.as_slice() {
            [] => "not valid".to_owned(),
            [(path, message)] => format!("{}: {message}", place(path)),
            [(path, message), rest @ ..] => format!(
                "{}: {} (and {} more)",
                place(path),
                excerpt(message, 120),
                rest.len()
            ),
        })
    }
}
