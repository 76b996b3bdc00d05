//! Scorers that read the answer as data.

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Value, json};

use crate::document::{Data, Document, Node, Source};
use crate::error::{Diagnostic, Result};
use crate::shape::{Field, Shape};
use crate::text::data::difference;
use crate::text::excerpt;

use super::entry::Entry;
use super::options::{COLUMN, COMMON, NEGATE, TRANSFORM};
use super::registry::{Expects, Kind};
use super::{OrMissing, Reading, Rule, Subject};

/// Characters of a value that a note shows.
const SHOWN: usize = 60;
/// The most bytes that are read in vain when JSON is looked for.
const MOST_WASTED: usize = 20_000_000;

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
                SCHEMA,
                "a JSON Schema, or the path of a file that holds one",
            ),
            FORMATS,
        ],
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    expects: Expects::Nothing,
    version: 1,
    build: |entry| {
        let schema = build_schema(entry)?;
        Ok(Box::new(Structure::Schema(schema)))
    },
};

const SCHEMA: Shape = Shape::OneOf(&[Shape::Text, Shape::Bool, Shape::Map(&Shape::Any)]);

const FORMATS: Field = Field::optional(
    "formats",
    Shape::Bool,
    "whether `format` is checked (default true)",
);

/// 1 if there is a JSON object or list in the answer, and with a schema one that is valid against it.
pub(super) const CONTAINS_JSON: Kind = Kind {
    name: "contains-json",
    summary: "the answer holds JSON",
    definition: "1 if there is a JSON object or list anywhere in the answer, and with `schema` one that is valid against \
                 it, as `json-schema` has it, else 0. Bare numbers and texts do not count, since any prose has them.",
    main: Some("schema"),
    options: &[
        &[
            Field::optional(
                "schema",
                SCHEMA,
                "a JSON Schema, or the path of a file that holds one",
            ),
            FORMATS,
        ],
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    expects: Expects::Nothing,
    version: 1,
    build: |entry| {
        let schema = build_schema(entry)?;
        Ok(Box::new(Structure::Within(schema)))
    },
};

/// 1 if the answer is a YAML map or list, and with a schema valid against it.
pub(super) const IS_YAML: Kind = Kind {
    name: "is-yaml",
    summary: "the answer is YAML",
    definition: "1 if the answer is YAML (1.2, one document, without custom tags) whose top value is a map or a list, and \
                 with `schema` valid against it, as `json-schema` has it, else 0. A key that stands twice is an error.",
    build: |entry| {
        let schema = build_schema(entry)?;
        Ok(Box::new(Structure::Yaml(schema)))
    },
    ..CONTAINS_JSON
};

/// How the data of an answer is judged.
#[derive(Debug)]
pub(super) enum Structure {
    Any,
    Equal,
    Schema(Option<Schema>),
    /// JSON within a text.
    Within(Option<Schema>),
    Yaml(Option<Schema>),
}

/// A schema, ready to validate.
#[derive(Debug)]
pub(super) struct Schema {
    source: Value,
    formats: bool,
    validator: Box<Validator>,
}

/// The schema of the option `schema`, where there is one.
pub(super) fn build_schema(entry: &Entry<'_>) -> Result<Option<Schema>> {
    let Some(node) = entry.get("schema") else {
        return Ok(None);
    };
    let formats = entry.get("formats").and_then(Node::bool).unwrap_or(true);
    let source = match &node.data {
        Data::Text(path) => (entry.surroundings.load)(path, &entry.place_of(node))?,
        _ => node.to_json(),
    };
    let options = jsonschema::options().should_validate_formats(formats);
    match options.build(&source) {
        Ok(validator) => Ok(Some(Schema {
            source,
            formats,
            validator: Box::new(validator),
        })),
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
        let found = || serde_json::from_str::<Value>(subject.text);
        match self {
            Self::Within(schema) => return find_json(subject.text, schema.as_ref()),
            Self::Yaml(schema) => return Ok(read_yaml(subject.text, schema.as_ref())),
            Self::Any | Self::Equal | Self::Schema(_) => {}
        }
        let wanted = subject.wanted.json()?;
        let found = match found() {
            Ok(found) => found,
            Err(error) => return Ok(Reading::binary(false, || format!("not JSON: {error}"))),
        };
        Ok(match self {
            Self::Equal => equal(&wanted, &found),
            Self::Schema(Some(schema)) => schema.read(&found),
            _ => Reading::binary(true, String::new),
        })
    }

    fn identity(&self, _: Value) -> Value {
        match self {
            Self::Schema(Some(schema)) | Self::Within(Some(schema)) | Self::Yaml(Some(schema)) => {
                schema.identity()
            }
            _ => Value::Null,
        }
    }
}

/// The first JSON object or list in a text that is valid, or what is wrong with the first one that is not.
fn find_json(text: &str, schema: Option<&Schema>) -> OrMissing<Reading> {
    let (mut at, mut wasted) = (0, 0);
    let mut first = None;
    while let Some(offset) = text[at..].find(['{', '[']) {
        at += offset;
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                let reading = match schema {
                    Some(schema) => schema.read(&value),
                    None => Reading::binary(true, String::new),
                };
                if reading.holds == Some(true) {
                    return Ok(reading);
                }
                first.get_or_insert(reading);
                at += values.byte_offset();
            }
            Some(Err(error)) => {
                // What was read in vain is read again from the next bracket on.
                wasted += if error.line() > 1 || error.is_eof() {
                    text.len() - at
                } else {
                    error.column()
                };
                if wasted > MOST_WASTED {
                    return Err(
                        "there are too many brackets in the answer to look for JSON".to_owned()
                    );
                }
                at += 1;
            }
            None => at += 1,
        }
    }
    Ok(first.unwrap_or_else(|| Reading::binary(false, || "no JSON object or list".to_owned())))
}

fn read_yaml(text: &str, schema: Option<&Schema>) -> Reading {
    let document = match Document::parse(Source::new("answer", text)) {
        Ok(document) => document,
        Err(error) => {
            let whole = error.to_string();
            return Reading::binary(false, || format!("not YAML: {whole}"));
        }
    };
    if !matches!(document.root.data, Data::Map(_) | Data::List(_)) {
        return Reading::binary(false, || "neither a map nor a list".to_owned());
    }
    match schema {
        Some(schema) => schema.read(&document.root.to_json()),
        None => Reading::binary(true, String::new),
    }
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
    /// What the fingerprint of a scorer has of it.
    pub(super) fn identity(&self) -> Value {
        json!({"schema": self.source, "formats": self.formats})
    }

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
