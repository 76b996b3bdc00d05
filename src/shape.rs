//! What a file may hold, as data: one description from which files are checked and editors get their JSON Schema.

use serde_json::{Map, Value, json};

use crate::document::{Data, Document, Node};
use crate::error::{Diagnostic, Problems};
use crate::text::suggest;
use crate::units::{parse_day, parse_duration, parse_share};

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Any text.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number from this one up.
    Count(u64),
    /// A number within these bounds, both included.
    Number(f64, f64),
    /// A share: `0.03` or `3%`.
    Share,
    /// A span of time with its unit: `250ms`, `60s`, `1m30s`.
    Duration,
    /// A day: `2026-12-31`.
    Day,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Anything.
    Any,
    /// A list of these.
    List(&'static Shape),
    /// Names with values of this shape.
    Map(&'static Shape),
    /// Known keys.
    Record(&'static [Field]),
    /// One of several; they differ in being a text, a number, a list or a map.
    OneOf(&'static [Shape]),
    /// Something that is described and checked in another room; this is its name in the schema.
    Elsewhere(&'static str),
}

/// A key that a file may have.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The key.
    pub name: &'static str,
    /// What its value may be.
    pub shape: Shape,
    /// Whether the key must be there.
    pub required: bool,
    /// What it says, with its default.
    pub doc: &'static str,
}

impl Field {
    /// A key that must be there.
    pub const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self {
            name,
            shape,
            required: true,
            doc,
        }
    }

    /// A key that may be left out.
    pub const fn optional(name: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self {
            name,
            shape,
            required: false,
            doc,
        }
    }
}

impl Shape {
    /// Notes everything in which `node` differs from this shape; `path` names the node, as in `models.small`.
    pub fn check(&self, document: &Document, node: &Node, path: &str, problems: &mut Problems) {
        match (self, &node.data) {
            (Self::Any | Self::Elsewhere(_), _) => {}
            (Self::List(item), Data::List(nodes)) => {
                for (i, node) in nodes.iter().enumerate() {
                    item.check(document, node, &format!("{path}[{i}]"), problems);
                }
            }
            (Self::Map(value), Data::Map(entries)) => {
                for (key, node) in entries {
                    value.check(document, node, &join(path, &key.name), problems);
                }
            }
            (Self::Record(fields), Data::Map(_)) => {
                check_record(fields, document, node, path, problems);
            }
            (Self::OneOf(shapes), _) => {
                match shapes.iter().find(|shape| shape.is_of_kind(&node.data)) {
                    Some(shape) => shape.check(document, node, path, problems),
                    None => problems.push(self.refuse(document, node, path)),
                }
            }
            (scalar, data) if scalar.accepts_scalar(data) => {}
            _ => problems.push(self.refuse(document, node, path)),
        }
    }

    fn accepts_scalar(&self, data: &Data) -> bool {
        match (self, data) {
            (Self::Text, Data::Text(_)) | (Self::Bool, Data::Bool(_)) => true,
            (Self::Count(least), Data::Number(number)) => {
                number.as_u64().is_some_and(|n| n >= *least)
            }
            (Self::Number(low, high), Data::Number(number)) => {
                number.as_f64().is_some_and(|n| (*low..=*high).contains(&n))
            }
            (Self::Share, Data::Number(number)) => {
                number.as_f64().is_some_and(|n| (0.0..=1.0).contains(&n))
            }
            (Self::Share, Data::Text(text)) => {
                parse_share(text).is_some_and(|n| (0.0..=1.0).contains(&n))
            }
            (Self::Duration, Data::Text(text)) => parse_duration(text).is_some(),
            (Self::Day, Data::Text(text)) => parse_day(text).is_some(),
            (Self::Choice(words), Data::Text(text)) => words.contains(&text.as_str()),
            _ => false,
        }
    }

    /// Whether a value of that kind could be meant for this shape, right or wrong.
    fn is_of_kind(&self, data: &Data) -> bool {
        match self {
            Self::Any | Self::Elsewhere(_) => true,
            Self::Text | Self::Duration | Self::Day | Self::Choice(_) => {
                matches!(data, Data::Text(_))
            }
            Self::Bool => matches!(data, Data::Bool(_)),
            Self::Count(_) | Self::Number(..) => matches!(data, Data::Number(_)),
            Self::Share => matches!(data, Data::Number(_) | Data::Text(_)),
            Self::List(_) => matches!(data, Data::List(_)),
            Self::Map(_) | Self::Record(_) => matches!(data, Data::Map(_)),
            Self::OneOf(shapes) => shapes.iter().any(|shape| shape.is_of_kind(data)),
        }
    }

    fn refuse(&self, document: &Document, node: &Node, path: &str) -> Diagnostic {
        let subject = if path.is_empty() {
            "the file".to_owned()
        } else {
            format!("`{path}`")
        };
        let refusal = Diagnostic::new(format!(
            "{subject} wants {}, found {}",
            self.wants(),
            kind_of(&node.data)
        ))
        .at(document.place(node));
        match (self, &node.data) {
            (Self::Choice(words), Data::Text(text)) => match suggest(text, words.iter().copied()) {
                Some(word) => refusal.help(format!("did you mean `{word}`?")),
                None => refusal,
            },
            (Self::Text, Data::Number(_) | Data::Bool(_)) => refusal.help("put it in quotes"),
            (Self::Duration, _) => {
                refusal.help("write a number with a unit, such as `250ms`, `60s` or `1m30s`")
            }
            _ => refusal,
        }
    }

    /// What a value of this shape is, in words: `a whole number from 1 up`.
    pub fn wants(&self) -> String {
        match self {
            Self::Text => "a text".into(),
            Self::Bool => "true or false".into(),
            Self::Count(least) => format!("a whole number from {least} up"),
            Self::Number(low, high) if low.is_infinite() && high.is_infinite() => "a number".into(),
            Self::Number(low, high) if high.is_infinite() => format!("a number from {low} up"),
            Self::Number(low, high) => format!("a number from {low} to {high}"),
            Self::Share => "a share from 0 to 1, or a percentage".into(),
            Self::Duration => "a span of time".into(),
            Self::Day => "a day, such as 2026-12-31".into(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Any | Self::Elsewhere(_) => "a value".into(),
            Self::List(_) => "a list".into(),
            Self::Map(_) | Self::Record(_) => "keys with values".into(),
            Self::OneOf(shapes) => shapes
                .iter()
                .map(Self::wants)
                .collect::<Vec<_>>()
                .join(" or "),
        }
    }

    /// This shape as JSON Schema (2020-12), for editors.
    pub fn json_schema(&self) -> Value {
        match self {
            Self::Text => json!({"type": "string"}),
            Self::Bool => json!({"type": "boolean"}),
            Self::Count(least) => json!({"type": "integer", "minimum": least}),
            Self::Number(low, high) => {
                let mut schema = json!({"type": "number"});
                for (key, bound) in [("minimum", low), ("maximum", high)] {
                    if bound.is_finite() {
                        schema[key] = json!(bound);
                    }
                }
                schema
            }
            Self::Share => json!({"anyOf": [
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "string", "pattern": r"^\s*[0-9.]+\s*%?\s*$"},
            ]}),
            Self::Duration => {
                json!({"type": "string", "pattern": r"^\s*([0-9.]+\s*(ms|s|m|h|d)\s*)+$"})
            }
            Self::Day => json!({"type": "string", "format": "date"}),
            Self::Choice(words) => json!({"enum": words}),
            Self::Any => json!(true),
            Self::List(item) => json!({"type": "array", "items": item.json_schema()}),
            Self::Map(value) => {
                json!({"type": "object", "additionalProperties": value.json_schema()})
            }
            Self::Record(fields) => record_schema(fields),
            Self::OneOf(shapes) => {
                json!({"anyOf": shapes.iter().map(Self::json_schema).collect::<Vec<_>>()})
            }
            Self::Elsewhere(name) => json!({"$ref": format!("#/$defs/{name}")}),
        }
    }
}

/// The JSON Schema of an object with these keys and no others.
pub fn record_schema(fields: &[Field]) -> Value {
    let mut properties = Map::new();
    for field in fields {
        let mut schema = field.shape.json_schema();
        if let Value::Object(schema) = &mut schema {
            schema.insert("description".into(), field.doc.into());
        } else {
            schema = json!({"description": field.doc});
        }
        properties.insert(field.name.into(), schema);
    }
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// Notes everything in which a map differs from these keys.
pub fn check_record(
    fields: &[Field],
    document: &Document,
    node: &Node,
    path: &str,
    problems: &mut Problems,
) {
    let mut misspelled = Vec::new();
    for (key, value) in node.entries() {
        let Some(field) = fields.iter().find(|field| field.name == key.name) else {
            let meant = suggest(&key.name, fields.iter().map(|field| field.name));
            misspelled.extend(meant);
            problems.push(
                Diagnostic::new(format!("unknown key `{}`", join(path, &key.name)))
                    .at(document.source.place(key.span.clone()))
                    .help(
                        meant.map_or_else(
                            || known(fields),
                            |word| format!("did you mean `{word}`?"),
                        ),
                    ),
            );
            continue;
        };
        field
            .shape
            .check(document, value, &join(path, field.name), problems);
    }
    // A key that stands there misspelled is not missing too: one mistake is one message.
    let is_missing = |field: &&Field| {
        field.required && node.get(field.name).is_none() && !misspelled.contains(&field.name)
    };
    for field in fields.iter().filter(is_missing) {
        problems.push(
            Diagnostic::new(format!("missing key `{}`", join(path, field.name)))
                .at(document.place(node))
                .help(field.doc),
        );
    }
}

fn known(fields: &[Field]) -> String {
    let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
    format!("known keys are {}", known.join(", "))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn kind_of(data: &Data) -> String {
    match data {
        Data::Null => "nothing".into(),
        Data::Bool(value) => format!("`{value}`"),
        Data::Number(number) => format!("`{number}`"),
        Data::Text(text) if text.chars().count() <= 40 => format!("`{text}`"),
        Data::Text(_) => "a long text".into(),
        Data::List(_) => "a list".into(),
        Data::Map(_) => "keys with values".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Source;

    const SHAPE: Shape = Shape::Record(&[
        Field::required("name", Shape::Text, "a name for reports"),
        Field::optional("timeout", Shape::Duration, "the time limit of a call"),
        Field::optional(
            "trials",
            Shape::OneOf(&[Shape::Count(1), Shape::Record(&[])]),
            "calls a case",
        ),
        Field::optional(
            "kind",
            Shape::Choice(&["openai", "anthropic"]),
            "the wire format",
        ),
    ]);

    fn problems_of(text: &str) -> String {
        let document = Document::parse(Source::new("a.yaml", text)).unwrap();
        let mut problems = Problems::default();
        SHAPE.check(&document, &document.root, "", &mut problems);
        problems
            .finish()
            .map_or_else(|error| error.render(false), |()| String::new())
    }

    #[test]
    fn all_mistakes_of_a_file_are_reported_at_once() {
        insta::assert_snapshot!(problems_of(
            "nmae: a\ntimeout: 60\ntrials: 0\nkind: openia\n"
        ));
    }

    #[test]
    fn a_file_of_the_right_shape_has_no_problems() {
        assert_eq!(
            problems_of("name: a\ntimeout: 60s\ntrials: 3\nkind: openai\n"),
            ""
        );
    }

    #[test]
    fn the_schema_says_the_same_as_the_check() {
        let schema = SHAPE.json_schema();
        let validator = jsonschema::validator_for(&schema).unwrap();
        assert!(
            validator
                .is_valid(&json!({"name": "a", "timeout": "60s", "trials": 3, "kind": "openai"}))
        );
        for bad in [
            json!({"nmae": "a"}),
            json!({"name": "a", "timeout": 60}),
            json!({"name": "a", "kind": "x"}),
        ] {
            assert!(!validator.is_valid(&bad), "{bad}");
        }
    }
}
