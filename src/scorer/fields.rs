//! Scorers that look into JSON: at what a path selects, field by field, and how alike two values are.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serde_json_path::JsonPath;

use crate::document::Node;
use crate::error::{Problems, Result};
use crate::shape::{Field, Shape};
use crate::suite::SCORER_SCHEMA;
use crate::text::data::difference;
use crate::text::excerpt;
use crate::units::count;

use super::answers::number_likeness;
use super::edit::{characters, levenshtein, ratio};
use super::entry::Entry;
use super::options::{COLUMN, COMMON, GRADED, NEGATE, TRANSFORM};
use super::overlap::{PART, Part};
use super::registry::{Expects, Kind};
use super::transform::read_pointer;
use super::{Built, OrMissing, Reading, Rule, Scorer, Subject, Target, Values};

/// Characters of a value or path that a note shows.
const SHOWN: usize = 60;
/// The most fields of one value that are compared.
const MOST_FIELDS: usize = 10_000;
/// The most characters of two texts that are compared.
const MOST_CHARACTERS: usize = 10_000;

/// See [`Selection`].
pub(super) const JSON_PATH: Kind = Kind {
    name: "json-path",
    summary: "a path selects something in the answer",
    definition: "1 if the answer is JSON in which `path` selects something, else 0: a JSONPath (RFC 9535), such as \
                 $.items[*].price, or a JSON Pointer (RFC 6901), such as /items/0/price. With `expected` or `column` one \
                 of the selected values must be equal to it as data, with `every: true` each of them. `min` and `max` \
                 bound how many values are selected, and `max: 0` allows none.",
    main: Some("path"),
    options: &[
        &[
            Field::required(
                "path",
                Shape::Text,
                "what is selected: $.items[?@.price > 5], or /items/0",
            ),
            Field::optional("expected", Shape::Any, "what a selected value must be"),
            COLUMN,
            Field::optional(
                "every",
                Shape::Bool,
                "whether each selected value must be the expected one (default false)",
            ),
            Field::optional(
                "min",
                Shape::Count(0),
                "the fewest values that are selected (default 1, and 0 with max: 0)",
            ),
            Field::optional(
                "max",
                Shape::Count(0),
                "the most values that are selected (default: any)",
            ),
        ],
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    expects: Expects::Optional("expected"),
    version: 1,
    build: build_selection,
};

const EXPECTED_DATA: &[Field] = &[
    Field::optional(
        "expected",
        Shape::Any,
        "takes the place of the expected value of the case; a text is read as JSON",
    ),
    COLUMN,
];

/// See [`Fields`].
pub(super) const JSON_FIELDS: Kind = Kind {
    name: "json-fields",
    summary: "how many fields of the expected data the answer has right",
    definition: "Both values are taken apart into fields: each number, text, truth value, null and empty object or list, \
                 by its JSON Pointer. The fields that are right, as a share of those of the answer (precision), of the \
                 expected value (recall), or the harmonic mean of both (f1). A field is right if it is equal as data, or \
                 counts as much as the scorer says that `fields` names for it; in the pointers of `fields` and `ignore` a \
                 part `*` stands for any. Lists are compared item by item. An answer that is no JSON scores 0. Two values \
                 without fields are equal.",
    main: Some("expected"),
    options: &[
        &[
            PART,
            Field::optional(
                "fields",
                Shape::Map(&Shape::Elsewhere(SCORER_SCHEMA)),
                "scorers for fields by JSON Pointer: { /price: { number: { relative: 1% } }, /lines/*/name: icontains }",
            ),
            Field::optional(
                "ignore",
                Shape::List(&Shape::Text),
                "JSON Pointers of fields that do not count, with all below them",
            ),
        ],
        EXPECTED_DATA,
        GRADED,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    expects: Expects::Data("expected"),
    version: 1,
    build: build_fields,
};

/// See [`likeness`].
pub(super) const JSON_DIFF: Kind = Kind {
    name: "json-diff",
    summary: "how alike the answer and the expected data are, at any depth",
    definition: "The mean likeness over the keys of both objects, or over the items of the longer list; texts by \
                 `levenshtein`, numbers by `numeric-diff`, and values of different kinds by the likeness of their JSON. A \
                 missing or null value is unlike anything but another one. What is no JSON, in the answer or in an \
                 expected text, is taken as a text. Gives the numbers of autoevals (JSONDiff).",
    main: Some("expected"),
    options: &[EXPECTED_DATA, GRADED, TRANSFORM, NEGATE, COMMON],
    expects: Expects::Items("expected"),
    version: 1,
    build: |entry| {
        Ok(Box::new(Alike {
            threshold: entry.share("threshold"),
        }))
    },
};

/// What selects values.
#[derive(Debug)]
enum Path {
    Pointer(String),
    Query(Box<JsonPath>),
}

#[derive(Debug)]
struct Selection {
    path: Path,
    every: bool,
    compares: bool,
    min: u64,
    max: u64,
}

fn build_selection(entry: &Entry<'_>) -> Built {
    let text = entry.text("path").unwrap_or_default();
    let path = match entry.get("path") {
        Some(node) if text.starts_with('$') => match JsonPath::parse(text) {
            Ok(path) => Path::Query(Box::new(path)),
            Err(error) => {
                let message = format!("not a JSONPath: {}", excerpt(&error.to_string(), 160));
                return Err(entry.problem(node, message).into());
            }
        },
        Some(node) => Path::Pointer(read_pointer(entry, node, text)?),
        None => Path::Pointer(String::new()),
    };
    let max = entry.count("max").unwrap_or(u64::MAX);
    let min = entry.count("min").unwrap_or_else(|| max.min(1));
    if let (Some(node), true) = (entry.get("max"), min > max) {
        let message = format!("`json-path.max` is {max} and below `json-path.min`, {min}");
        return Err(entry.problem(node, message).into());
    }
    let compares = entry.get("expected").is_some() || entry.get("column").is_some();
    if let (Some(node), false) = (entry.get("every"), compares) {
        return Err(entry
            .problem(node, "`json-path.every` has nothing to compare with")
            .help("give `expected` or `column`")
            .into());
    }
    Ok(Box::new(Selection {
        path,
        every: entry.flag("every"),
        compares,
        min,
        max,
    }))
}

impl Rule for Selection {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let data: Value = match serde_json::from_str(subject.text) {
            Ok(data) => data,
            Err(error) => return Ok(Reading::binary(false, || format!("not JSON: {error}"))),
        };
        let found: Vec<&Value> = match &self.path {
            Path::Pointer(pointer) => data.pointer(pointer).into_iter().collect(),
            Path::Query(path) => path.query(&data).all(),
        };
        if !(self.min..=self.max).contains(&(found.len() as u64)) {
            let number = count(found.len(), "value");
            return Ok(Reading::binary(false, || {
                if (found.len() as u64) < self.min {
                    format!("{number} selected, expected at least {}", self.min)
                } else {
                    format!("{number} selected, expected at most {}", self.max)
                }
            }));
        }
        let wanted = subject.wanted.value();
        let is_wanted = |found: &&&Value| difference(wanted, found).is_none();
        let right = found.iter().filter(is_wanted).count();
        let holds = !self.compares || right == found.len() || right > 0 && !self.every;
        Ok(Reading::binary(holds, || {
            let wrong = found.iter().find(|found| !is_wanted(found));
            let wrong = wrong.map(ToString::to_string).unwrap_or_default();
            format!(
                "expected {}, got {}",
                subject.wanted.describe(),
                excerpt(&wrong, SHOWN)
            )
        }))
    }

    fn identity(&self, mut written: Value) -> Value {
        written["compares"] = json!(self.compares);
        written
    }
}

/// A JSON Pointer in which `*` stands for any part.
#[derive(Debug)]
struct Pattern(Vec<String>);

impl Pattern {
    /// Whether the pointer is one that is meant.
    fn is_for(&self, pointer: &[String]) -> bool {
        self.0.len() == pointer.len() && self.begins(pointer)
    }

    /// Whether the pointer is one that is meant, or below it.
    fn begins(&self, pointer: &[String]) -> bool {
        self.0.len() <= pointer.len()
            && self
                .0
                .iter()
                .zip(pointer)
                .all(|(wanted, part)| wanted == "*" || wanted == part)
    }
}

/// How fields are compared.
#[derive(Debug)]
struct Fields {
    part: Part,
    scorers: Vec<(Pattern, Scorer)>,
    ignored: Vec<Pattern>,
    threshold: Option<f64>,
}

/// The fields of a value by the parts of their pointers.
type Leaves<'a> = BTreeMap<Vec<String>, &'a Value>;

fn pattern(entry: &Entry<'_>, node: &Node, pointer: &str) -> Result<Pattern> {
    let pointer = read_pointer(entry, node, pointer)?;
    let parts = pointer.split('/').skip(1);
    Ok(Pattern(
        parts
            .map(|part| part.replace("~1", "/").replace("~0", "~"))
            .collect(),
    ))
}

fn build_fields(entry: &Entry<'_>) -> Built {
    let mut problems = Problems::default();
    let mut scorers = Vec::new();
    for (key, node) in entry.get("fields").map(Node::entries).unwrap_or_default() {
        let pattern = problems.take(pattern(entry, node, &key.name));
        let scorer = problems.take(entry.compile(node));
        if let (Some(pattern), Some(scorer)) = (pattern, scorer) {
            if matches!(scorer.rule.values(), Values::Measured(_)) {
                let message = format!(
                    "`json-fields` takes shares, and `{}` gives a quantity",
                    scorer.name()
                );
                problems.push(entry.problem(node, message));
            }
            scorers.push((pattern, scorer));
        }
    }
    let ignored = entry.get("ignore").map(Node::items).unwrap_or_default();
    let ignored = ignored
        .iter()
        .filter_map(|node| problems.take(pattern(entry, node, node.text()?)))
        .collect();
    problems.finish()?;
    Ok(Box::new(Fields {
        part: entry
            .text("value")
            .and_then(Part::named)
            .unwrap_or(Part::F1),
        scorers,
        ignored,
        threshold: entry.share("threshold"),
    }))
}

impl Fields {
    fn leaves<'a>(&self, value: &'a Value) -> OrMissing<Leaves<'a>> {
        let mut leaves = Leaves::new();
        self.add_leaves(value, &mut Vec::new(), &mut leaves);
        if leaves.len() > MOST_FIELDS {
            return Err(format!(
                "data of more than {MOST_FIELDS} fields is too large to compare"
            ));
        }
        Ok(leaves)
    }

    fn add_leaves<'a>(&self, value: &'a Value, pointer: &mut Vec<String>, leaves: &mut Leaves<'a>) {
        if self.ignored.iter().any(|pattern| pattern.begins(pointer)) {
            return;
        }
        let below: Vec<(String, &Value)> = match value {
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| (key.clone(), value))
                .collect(),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items
                    .map(|(index, value)| (index.to_string(), value))
                    .collect()
            }
            _ => Vec::new(),
        };
        if below.is_empty() {
            leaves.insert(pointer.clone(), value);
        }
        for (part, value) in below {
            pointer.push(part);
            self.add_leaves(value, pointer, leaves);
            pointer.pop();
        }
    }

    /// How right a field is.
    fn score(
        &self,
        pointer: &[String],
        wanted: &Value,
        found: &Value,
        subject: &Subject<'_>,
    ) -> OrMissing<f64> {
        let scorer = self
            .scorers
            .iter()
            .find(|(pattern, _)| pattern.is_for(pointer));
        let Some((_, scorer)) = scorer else {
            return Ok(if difference(wanted, found).is_none() {
                1.0
            } else {
                0.0
            });
        };
        let target = Target {
            expected: Some(wanted),
            ..*subject.target
        };
        let text = match found {
            Value::String(text) => text.clone(),
            found => found.to_string(),
        };
        let score = scorer.grade_text(&target, subject.answer, &text);
        score
            .map(|score| score.value)
            .map_err(|error| format!("/{}: {error}", excerpt(&pointer.join("/"), SHOWN)))
    }
}

impl Rule for Fields {
    fn values(&self) -> Values {
        Values::Graded {
            decides: self.threshold.is_some(),
        }
    }

    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let wanted = subject.wanted.json()?;
        let found: Value = match serde_json::from_str(subject.text) {
            Ok(found) => found,
            Err(error) => {
                return Ok(Reading::graded(0.0, self.threshold, || {
                    format!("not JSON: {error}")
                }));
            }
        };
        let (wanted, found) = (self.leaves(&wanted)?, self.leaves(&found)?);
        let (mut right, mut first_wrong) = (0.0, None);
        for (pointer, value) in &wanted {
            let score = match found.get(pointer) {
                Some(found) => self.score(pointer, value, found, subject)?,
                None => 0.0,
            };
            right += score;
            if score < 1.0 && first_wrong.is_none() {
                first_wrong = Some((pointer, *value));
            }
        }
        let value = if wanted.is_empty() && found.is_empty() {
            1.0
        } else {
            self.part.of_sum(right, found.len(), wanted.len())
        };
        Ok(Reading::graded(
            value,
            self.threshold,
            || match first_wrong {
                Some((pointer, value)) => {
                    let found = found
                        .get(pointer)
                        .map_or_else(|| "nothing".to_owned(), ToString::to_string);
                    let at = pointer.join("/");
                    format!(
                        "/{}: expected {}, got {}",
                        excerpt(&at, SHOWN),
                        excerpt(&value.to_string(), SHOWN),
                        excerpt(&found, SHOWN)
                    )
                }
                None => format!("{}, expected {}", count(found.len(), "field"), wanted.len()),
            },
        ))
    }

    fn identity(&self, mut written: Value) -> Value {
        let scorers = self.scorers.iter().map(|(_, scorer)| scorer.fingerprint());
        if !self.scorers.is_empty() {
            written["scorers"] = json!(scorers.collect::<Vec<_>>());
        }
        written
    }
}

#[derive(Debug)]
struct Alike {
    threshold: Option<f64>,
}

impl Rule for Alike {
    fn values(&self) -> Values {
        Values::Graded {
            decides: self.threshold.is_some(),
        }
    }

    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let read = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        let wanted = match subject.wanted.value() {
            Value::String(text) => read(text),
            value => value.clone(),
        };
        let found = read(subject.text);
        let value = likeness(Some(&wanted), Some(&found))?;
        Ok(Reading::graded(value, self.threshold, || {
            let (wanted, found) = (wanted.to_string(), found.to_string());
            format!(
                "expected {}, got {}",
                excerpt(&wanted, SHOWN),
                excerpt(&found, SHOWN)
            )
        }))
    }
}

/// How alike two values are; `None` is a missing one.
fn likeness(left: Option<&Value>, right: Option<&Value>) -> OrMissing<f64> {
    let (left, right) = match (left, right) {
        (None | Some(Value::Null), None | Some(Value::Null)) => return Ok(1.0),
        (None | Some(Value::Null), _) | (_, None | Some(Value::Null)) => return Ok(0.0),
        (Some(left), Some(right)) => (left, right),
    };
    match (left, right) {
        (Value::Object(l), Value::Object(r)) => {
            let others = r.keys().filter(|key| !l.contains_key(*key));
            let keys = l.keys().chain(others);
            mean(keys.map(|key| likeness(l.get(key), r.get(key))))
        }
        (Value::Array(l), Value::Array(r)) => {
            let longest = l.len().max(r.len());
            mean(
                (0..longest).map(|index| match (l.get(index), r.get(index)) {
                    (Some(left), Some(right)) => likeness(Some(left), Some(right)),
                    _ => Ok(0.0),
                }),
            )
        }
        (Value::Number(l), Value::Number(r)) => Ok(number_likeness(
            l.as_f64().unwrap_or_default(),
            r.as_f64().unwrap_or_default(),
        )),
        (Value::String(l), Value::String(r)) => text_likeness(l, r),
        (left, right) => text_likeness(&left.to_string(), &right.to_string()),
    }
}

fn mean(parts: impl Iterator<Item = OrMissing<f64>>) -> OrMissing<f64> {
    let (mut sum, mut number) = (0.0, 0);
    for part in parts {
        sum += part?;
        number += 1;
    }
    Ok(if number == 0 {
        1.0
    } else {
        sum / ratio(number, 1)
    })
}

fn text_likeness(left: &str, right: &str) -> OrMissing<f64> {
    let (left, right) = (characters(left), characters(right));
    let longest = left.len().max(right.len());
    if longest > MOST_CHARACTERS {
        return Err(format!(
            "texts of more than {MOST_CHARACTERS} characters are too long to compare"
        ));
    }
    Ok(1.0 - ratio(levenshtein(&left, &right), longest.max(1)))
}
