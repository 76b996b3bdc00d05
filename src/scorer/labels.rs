//! Scorers that give labels, from which measures of the whole dataset are read: one class for each answer, or any number
//! of entities.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::document::Node;
use crate::error::{Diagnostic, Problems};
use crate::shape::{Field, Shape};
use crate::stats::confusion::{Answered, Cell, Measure};
use crate::text::excerpt;
use crate::text::normalize::Normalize;

use super::entry::Entry;
use super::expected::{Wanted, quoted};
use super::matching::{SHOWN, normalize};
use super::options::{COLUMN, COMMON, EXPECTED, GRADED, NORMALIZE, TRANSFORM};
use super::registry::{Expects, Kind};
use super::{Built, OrMissing, Reading, Rule, Subject, Values};

/// What a scorer puts into a table of labels, and what is read off it.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelling {
    /// The labels.
    pub labels: Vec<String>,
    /// What is read off.
    pub measures: Vec<Measure>,
}

/// The names of the measures of classes.
const OF_CLASSES: &[&str] = &{
    let mut names = [""; Measure::OF_CLASSES.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = Measure::OF_CLASSES[index].name();
        index += 1;
    }
    names
};

/// See [`Classes`].
pub(super) const CLASSIFICATION: Kind = Kind {
    name: "classification",
    summary: "the answer is the expected class, with measures of the whole dataset",
    definition: "1 if the answer is the expected class after `normalize`, else 0: its mean is the accuracy. Over all cases \
                 it also gives `classification/macro-f1` and the others of `metrics`, with the confusion matrix and \
                 precision, recall and F1 of each class in the reports. Classes count alike in balanced-accuracy and \
                 macro-…, by their cases in weighted-…; a class that is never given has the precision 0, and one that \
                 neither stands in a case nor in an answer is in no average. mcc is the correlation of Matthews (1975) \
                 in the form for several classes of Gorodkin (2004), from -1 to 1. An answer that is none of the classes \
                 is wrong; one of `abstain` is wrong too and counted apart: coverage is the share of answers that do not \
                 abstain, and selective-accuracy what is right of these. Gives the numbers of scikit-learn. A case whose \
                 expected value is none of the classes has no score.",
    main: Some("classes"),
    options: &[
        &[
            Field::required(
                "classes",
                Shape::List(&Shape::Text),
                "all classes, two at least",
            ),
            Field::optional(
                "abstain",
                Shape::OneOf(&[Shape::Text, Shape::List(&Shape::Text)]),
                "answers that decline to give a class: unknown",
            ),
            Field::optional(
                "metrics",
                Shape::List(&Shape::Choice(OF_CLASSES)),
                "what is measured over all cases (default balanced-accuracy, macro-f1, weighted-f1 and mcc; with \
                 `abstain` coverage and selective-accuracy too)",
            ),
        ],
        EXPECTED,
        NORMALIZE,
        TRANSFORM,
        COMMON,
    ],
    expects: Expects::Texts("expected"),
    version: 1,
    build: build_classes,
};

/// See [`Entities`].
pub(super) const ENTITIES: Kind = Kind {
    name: "entities",
    summary: "the answer lists the expected entities, with measures of the whole dataset",
    definition: "The harmonic mean of precision and recall (F1) of the entities of the answer; 1 where none is expected \
                 and none given, and 0 where the answer is no such JSON. Answer and expected value are a list of texts \
                 and of objects with `type` and `text`, or an object that holds a list of texts for each type. Two \
                 entities are the same if their types are, and their texts after `normalize`; one that stands twice must \
                 be expected twice. Over all cases it gives `entities/micro-precision`, `entities/micro-recall` and \
                 `entities/micro-f1`, which count every entity alike, and with `types` the same as macro-…, which count \
                 every type alike; entities of other types than these have no part in anything.",
    main: Some("types"),
    options: &[
        &[Field::optional(
            "types",
            Shape::List(&Shape::Text),
            "the types that count; without it all count, and types only tell entities apart",
        )],
        &[
            Field::optional(
                "expected",
                Shape::Any,
                "takes the place of the expected value of the case",
            ),
            COLUMN,
        ],
        GRADED,
        NORMALIZE,
        TRANSFORM,
        COMMON,
    ],
    expects: Expects::Data("expected"),
    version: 1,
    build: build_entities,
};

/// One class for each answer.
#[derive(Debug)]
struct Classes {
    labelling: Labelling,
    /// The classes after `normalize`.
    plain: Vec<String>,
    abstain: Vec<String>,
}

fn build_classes(entry: &Entry<'_>) -> Built {
    let normalize = normalize(entry);
    let plain = |names: Vec<String>| -> Vec<String> {
        let plain = names.iter().map(|name| normalize.apply(name).into_owned());
        plain.collect()
    };
    let labels = entry.texts("classes");
    let (classes, abstain) = (plain(labels.clone()), plain(entry.texts("abstain")));
    let mut problems = Problems::default();
    for problem in unclear(entry, "classes", &classes) {
        problems.push(problem);
    }
    if let (Some(node), true) = (entry.get("classes"), classes.len() < 2) {
        let message = format!("`{}` names fewer than two classes", entry.path("classes"));
        problems.push(entry.problem(node, message).help("name all of them"));
    }
    let both = abstain.iter().find(|text| classes.contains(text));
    if let (Some(node), Some(text)) = (entry.get("abstain"), both) {
        let message = format!("{} is a class and no abstention", quoted(text, SHOWN));
        problems.push(
            entry
                .problem(node, message)
                .help("take it out of one of them"),
        );
    }
    problems.finish()?;
    let named = entry.texts("metrics");
    let measures = Measure::OF_CLASSES.iter().copied();
    let measures = measures.filter(|measure| match measure {
        _ if !named.is_empty() => named.iter().any(|name| name == measure.name()),
        Measure::Coverage | Measure::SelectiveAccuracy => !abstain.is_empty(),
        Measure::BalancedAccuracy | Measure::MacroF1 | Measure::WeightedF1 | Measure::Mcc => true,
        _ => false,
    });
    Ok(Box::new(Classes {
        labelling: Labelling {
            labels,
            measures: measures.collect(),
        },
        plain: classes,
        abstain,
    }))
}

/// Labels that are empty or stand twice after `normalize`.
fn unclear<'a>(
    entry: &'a Entry<'_>,
    option: &str,
    labels: &'a [String],
) -> impl Iterator<Item = Diagnostic> {
    let nodes = entry.get(option).map(Node::items).unwrap_or_default();
    let path = entry.path(option);
    nodes
        .iter()
        .zip(labels)
        .enumerate()
        .filter_map(move |(index, (node, label))| {
            if label.is_empty() {
                return Some(entry.problem(node, format!("an entry of `{path}` is empty")));
            }
            labels[..index].contains(label).then(|| {
                let message = format!("{} stands twice in `{path}`", quoted(label, SHOWN));
                entry
                    .problem(node, message)
                    .help("`normalize` may have made two of them one")
            })
        })
}

impl Classes {
    fn place(&self, text: &str) -> Option<usize> {
        self.plain.iter().position(|class| class == text)
    }

    /// The place of the expected class.
    fn wanted(&self, wanted: &Wanted<'_>, normalize: &Normalize) -> OrMissing<usize> {
        let texts = wanted.texts(normalize)?;
        let mut texts = texts.iter();
        let (Some(text), None) = (texts.next(), texts.next()) else {
            return Err("one class is expected, and the expected value is a list".to_owned());
        };
        let known = self.place(text);
        known.ok_or_else(|| format!("the expected value {} is no class", quoted(text, SHOWN)))
    }

    fn cell(expected: usize, answered: Answered) -> Vec<Cell> {
        vec![Cell {
            expected: Some(expected),
            answered,
            times: 1,
        }]
    }
}

impl Rule for Classes {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let expected = self.wanted(&subject.wanted, subject.normalize)?;
        let text = subject.normalize.apply(subject.text);
        let answered = match self.place(&text) {
            Some(label) => Answered::Label(label),
            None if self.abstain.iter().any(|other| *other == text) => Answered::Abstained,
            None => Answered::Other,
        };
        let mut reading = Reading::binary(answered == Answered::Label(expected), || {
            let what = match answered {
                Answered::Label(label) => format!("is {}", self.labelling.labels[label]),
                Answered::Other => format!("is no class: {}", quoted(subject.text, SHOWN)),
                Answered::Abstained => "abstains".to_owned(),
            };
            format!(
                "expected {}, the answer {what}",
                self.labelling.labels[expected]
            )
        });
        reading.cells = Self::cell(expected, answered);
        Ok(reading)
    }

    fn labelling(&self) -> Option<&Labelling> {
        Some(&self.labelling)
    }

    fn unread(&self, wanted: &Wanted<'_>, normalize: &Normalize) -> OrMissing<Vec<Cell>> {
        let expected = self.wanted(wanted, normalize)?;
        Ok(Self::cell(expected, Answered::Other))
    }
}

/// Any number of entities for each answer.
#[derive(Debug)]
struct Entities {
    labelling: Labelling,
    /// Whether entities of other types than the labels have no part in anything.
    by_type: bool,
    threshold: Option<f64>,
}

/// An entity: its type, where it has one, and its text.
type Entity = (Option<String>, String);

fn build_entities(entry: &Entry<'_>) -> Built {
    let labels = entry.texts("types");
    let mut problems = Problems::default();
    for problem in unclear(entry, "types", &labels) {
        problems.push(problem);
    }
    if let (Some(node), true) = (entry.get("types"), labels.is_empty()) {
        let message = format!("`{}` is an empty list", entry.path("types"));
        problems.push(
            entry
                .problem(node, message)
                .help("name a type, or leave it out"),
        );
    }
    problems.finish()?;
    let by_type = !labels.is_empty();
    let mut measures = vec![
        Measure::MicroPrecision,
        Measure::MicroRecall,
        Measure::MicroF1,
    ];
    if by_type {
        measures.extend([
            Measure::MacroPrecision,
            Measure::MacroRecall,
            Measure::MacroF1,
        ]);
    }
    let labels = if by_type {
        labels
    } else {
        vec!["entity".to_owned()]
    };
    Ok(Box::new(Entities {
        labelling: Labelling { labels, measures },
        by_type,
        threshold: entry.share("threshold"),
    }))
}

impl Entities {
    /// The entities of data, each with its label and how often it stands there.
    fn found(
        &self,
        data: &Value,
        normalize: &Normalize,
    ) -> OrMissing<BTreeMap<(usize, Entity), u32>> {
        let mut found = BTreeMap::new();
        for (kind, text) in entities(data)? {
            let label = match &kind {
                _ if !self.by_type => Some(0),
                Some(kind) => self.labelling.labels.iter().position(|label| label == kind),
                None => None,
            };
            if let Some(label) = label {
                let text = normalize.apply(text).into_owned();
                *found.entry((label, (kind, text))).or_default() += 1;
            }
        }
        Ok(found)
    }

    /// How often entities of each label were found, missed and made up.
    fn compare(&self, subject: &Subject<'_>) -> OrMissing<Vec<Cell>> {
        let wanted = self.found(&*subject.wanted.json()?, subject.normalize)?;
        // What cannot be read lists no entity.
        let answer: Option<Value> = serde_json::from_str(subject.text).ok();
        let given = answer.and_then(|data| self.found(&data, subject.normalize).ok());
        let given = given.unwrap_or_default();
        let mut cells = Vec::new();
        for (label, _) in self.labelling.labels.iter().enumerate() {
            let of_label = |found: &BTreeMap<(usize, Entity), u32>| -> u32 {
                let found = found.iter().filter(|((other, _), _)| *other == label);
                found.map(|(_, times)| times).sum()
            };
            let both = wanted.iter().filter(|((other, _), _)| *other == label);
            let right: u32 = both
                .map(|(entity, times)| given.get(entity).map_or(0, |other| *other.min(times)))
                .sum();
            for (expected, answered, times) in [
                (Some(label), Answered::Label(label), right),
                (Some(label), Answered::Other, of_label(&wanted) - right),
                (None, Answered::Label(label), of_label(&given) - right),
            ] {
                if times > 0 {
                    cells.push(Cell {
                        expected,
                        answered,
                        times,
                    });
                }
            }
        }
        Ok(cells)
    }
}

impl Rule for Entities {
    fn values(&self) -> Values {
        Values::Graded {
            decides: self.threshold.is_some(),
        }
    }

    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let cells = self.compare(subject)?;
        let sum = |kind: fn(&Cell) -> bool| -> u32 {
            let cells = cells.iter().filter(|cell| kind(cell));
            cells.map(|cell| cell.times).sum()
        };
        let is_right = |cell: &Cell| cell.expected.is_some() && cell.answered != Answered::Other;
        let right = sum(is_right);
        let missed = sum(|cell| cell.answered == Answered::Other);
        let made_up = sum(|cell| cell.expected.is_none());
        let all = f64::from(2 * right + missed + made_up);
        let data: Result<Value, _> = serde_json::from_str(subject.text);
        let problem = match &data {
            Err(error) => Some(format!("not JSON: {error}")),
            Ok(data) => entities(data).err(),
        };
        let value = match problem {
            Some(_) => 0.0,
            None if all > 0.0 => f64::from(2 * right) / all,
            None => 1.0,
        };
        let mut reading = Reading::graded(value, self.threshold, || {
            problem.unwrap_or_else(|| format!("{right} right, {missed} missed, {made_up} made up"))
        });
        reading.cells = cells;
        Ok(reading)
    }

    fn labelling(&self) -> Option<&Labelling> {
        Some(&self.labelling)
    }

    fn unread(&self, wanted: &Wanted<'_>, normalize: &Normalize) -> OrMissing<Vec<Cell>> {
        let wanted = self.found(&*wanted.json()?, normalize)?;
        let cells = wanted.into_iter().map(|((label, _), times)| Cell {
            expected: Some(label),
            answered: Answered::Other,
            times,
        });
        Ok(cells.collect())
    }
}

/// The entities of a list, or of an object of lists.
fn entities(data: &Value) -> OrMissing<Vec<(Option<String>, &str)>> {
    let mut found = Vec::new();
    match data {
        Value::Array(items) => {
            for item in items {
                let entity = match item {
                    Value::String(text) => Some((None, text.as_str())),
                    item => {
                        let text = item.get("text").and_then(Value::as_str);
                        let kind = item.get("type").and_then(Value::as_str);
                        text.map(|text| (kind.map(str::to_owned), text))
                    }
                };
                found.push(entity.ok_or_else(|| no_entity(item))?);
            }
        }
        Value::Object(types) => {
            for (kind, list) in types {
                for item in list.as_array().ok_or_else(|| no_entity(list))? {
                    let text = item.as_str().ok_or_else(|| no_entity(item))?;
                    found.push((Some(kind.clone()), text));
                }
            }
        }
        other => return Err(no_entity(other)),
    }
    Ok(found)
}

fn no_entity(found: &Value) -> String {
    format!(
        "entities are a list of texts or of objects with `type` and `text`, or an object of lists of texts; found {}",
        excerpt(&found.to_string(), SHOWN)
    )
}
