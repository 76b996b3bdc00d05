//! Scorers that compare texts by what they mean: by the vectors that a model makes of them.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::asking::{Asks, Hearing};
use super::entry::Entry;
use super::expected::quoted;
use super::matching::SHOWN;
use super::options::{COMMON, EXPECTED, GRADED, NEGATE, NORMALIZE, ONLY_IF, TRANSFORM};
use super::registry::{Expects, Kind};
use super::{Built, OrMissing, Reading, Rule, Subject, Turn, Values};
use crate::digest::Digest;
use crate::error::Result;
use crate::exchange::Request;
use crate::golden::Case;
use crate::shape::{Field, Shape};

mod distance;
mod embedder;
mod matrix;
mod tokenizer;

use distance::Distance;
use embedder::{Embedder, Prepared, Vector};

/// Why there is no score where no one may be asked.
const UNASKED: &str = "no one was asked for vectors";

/// Where vectors come from, and how they are compared.
const VECTORS: &[Field] = &[
    Field::optional(
        "model",
        Shape::Text,
        "the model that makes the vectors, by its alias in regauge.yaml",
    ),
    Field::optional(
        "files",
        Shape::Text,
        "in place of `model`: a folder of the workspace with the files tokenizer.json and model.safetensors of a small \
         model, which is read without a call",
    ),
    Field::optional(
        "by",
        Shape::Choice(Distance::NAMES),
        "how vectors are compared (default cosine)",
    ),
    ONLY_IF,
];

/// How near the answer is to the expected text.
pub(super) const SIMILAR: Kind = Kind {
    name: "similar",
    summary: "how near the meaning of the answer is to that of the expected text",
    definition: "A model makes a vector of the answer and one of each expected text, and these are compared: by `cosine`, \
                 by `dot` (the product, which is the same for vectors of length 1), or by `euclidean`, 1 / (1 + the \
                 distance). What lies below 0 counts as 0, and above 1 as 1. Of several expected texts the nearest \
                 counts. A blank answer is like a blank text alone, and nothing is asked for it. Each text is asked for \
                 once in a run, however often it occurs. With `files` no one is asked: the vector of a text is \
                 the mean of those of its pieces (one matrix and a byte-pair tokenizer, such as WordLlama's), which is \
                 fast and blind to the order of words. What a model takes for near differs from model to model: see \
                 the values of a run before setting a threshold. The three ways are those of promptfoo \
                 (similar); a `threshold` is always one on the value, never on a distance.",
    main: Some("model"),
    options: &[
        VECTORS, EXPECTED, GRADED, NORMALIZE, TRANSFORM, NEGATE, COMMON,
    ],
    expects: Expects::Texts("expected"),
    version: 1,
    build: |entry| {
        let (embedder, distance) = vectors(entry)?;
        Ok(Box::new(Similar {
            embedder,
            distance,
            threshold: entry.share("threshold"),
        }))
    },
};

/// Which golden of the dataset the answer is nearest to.
pub(super) const NEAREST_GOLDEN: Kind = Kind {
    name: "nearest-golden",
    summary: "whether the answer means what the golden of its own case means, and not that of another",
    definition: "The answer is compared, as by `similar`, with the expected values of all cases of the dataset, whichever \
                 are selected. 1 if the nearest of them belongs to the case, else 0; one that several cases have belongs \
                 to each of them. With `threshold` it must also be at least that near. With `value: similarity` the \
                 score is how near the nearest golden is, whosoever it is, and the case needs none itself. Goldens are \
                 texts, lists of texts, or data, which is compared as its JSON text.",
    main: Some("model"),
    options: &[
        VECTORS,
        &[Field::optional(
            "value",
            Shape::Choice(&["own", "similarity"]),
            "what the value is: whether the nearest golden is the case's own, or how near it is (default own)",
        )],
        GRADED,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    expects: Expects::Nothing,
    version: 1,
    build: build_nearest,
};

fn vectors(entry: &Entry<'_>) -> Result<(Embedder, Distance)> {
    let distance = entry.text("by").and_then(Distance::named);
    Ok((Embedder::read(entry)?, distance.unwrap_or(Distance::Cosine)))
}

#[derive(Debug)]
struct Similar {
    embedder: Embedder,
    distance: Distance,
    threshold: Option<f64>,
}

impl Rule for Similar {
    fn values(&self) -> Values {
        Values::Graded {
            decides: self.threshold.is_some(),
        }
    }

    fn consult(&self, subject: &Subject<'_>, hearing: &Hearing<'_>) -> Turn {
        let wanted = match subject.wanted.texts(subject.normalize) {
            Ok(wanted) => wanted,
            Err(error) => return Turn::missing(error),
        };
        let answer = subject.normalize.apply(subject.text);
        let texts: Vec<String> = wanted
            .iter()
            .filter(|text| !text.trim().is_empty())
            .map(str::to_owned)
            .collect();
        if answer.trim().is_empty() || texts.is_empty() {
            let has_blank = wanted.iter().any(|text| text.trim().is_empty());
            let value = f64::from(u8::from(answer.trim().is_empty() && has_blank));
            let reading = Reading::graded(value, self.threshold, || {
                format!(
                    "one is blank, and the other is not: {}",
                    quoted(&answer, SHOWN)
                )
            });
            return Turn::Done(Ok(reading), None);
        }
        let prepared = self.embedder.prepare(&texts);
        let vectors = match self.embedder.vectors(&answer, &prepared, hearing) {
            Ok(vectors) => vectors,
            Err(turn) => return turn,
        };
        let nearest = self.distance.nearest(&vectors.own, &vectors.others);
        let reading = nearest.map(|(at, value)| {
            Reading::graded(value, self.threshold, || {
                format!("wanted what means {}", quoted(&texts[at], SHOWN))
            })
        });
        Turn::Done(reading, vectors.judged)
    }

    fn read(&self, _: &Subject<'_>) -> OrMissing<Reading> {
        Err(UNASKED.to_owned())
    }

    fn asks(&self) -> Option<Asks<'_>> {
        self.embedder.asks()
    }

    fn sample(&self) -> Option<Request> {
        self.embedder.sample()
    }

    fn identity(&self, written: Value) -> Value {
        json!({"options": written, "vectors": self.embedder.identity()})
    }
}

/// The goldens of a dataset, against which answers are held.
#[derive(Debug)]
struct Nearest {
    embedder: Embedder,
    distance: Distance,
    /// Different texts, each with the first case that has it.
    goldens: Vec<(String, String)>,
    prepared: Prepared,
    /// Whether the value is how near the nearest golden is.
    by_nearness: bool,
    threshold: Option<f64>,
}

fn build_nearest(entry: &Entry<'_>) -> Built {
    let (embedder, distance) = vectors(entry)?;
    let goldens = goldens(entry.surroundings.cases);
    let texts: Vec<String> = goldens.iter().map(|(text, _)| text.clone()).collect();
    Ok(Box::new(Nearest {
        prepared: embedder.prepare(&texts),
        embedder,
        distance,
        goldens,
        by_nearness: entry.text("value") == Some("similarity"),
        threshold: entry.share("threshold"),
    }))
}

/// The different texts among the expected values of cases, each with the first case that has it.
fn goldens(cases: &[Case]) -> Vec<(String, String)> {
    let mut seen = HashSet::new();
    let mut goldens = Vec::new();
    for case in cases {
        for text in case.expected.iter().flat_map(texts_of) {
            if seen.insert(text.clone()) {
                goldens.push((text, case.id.clone()));
            }
        }
    }
    goldens
}

/// The texts of a golden that say something.
fn texts_of(golden: &Value) -> Vec<String> {
    let texts = match golden {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let items = items.iter().filter_map(Value::as_str);
            items.map(str::to_owned).collect()
        }
        data => vec![data.to_string()],
    };
    let says_something = |text: &String| !text.trim().is_empty();
    texts.into_iter().filter(says_something).collect()
}

impl Nearest {
    /// The case's own goldens, by their place among all.
    fn own(&self, subject: &Subject<'_>) -> OrMissing<Vec<usize>> {
        let texts = subject.target.expected.map(texts_of).unwrap_or_default();
        let is_own = |(_, (text, _)): &(usize, &(String, String))| texts.contains(text);
        let own = self.goldens.iter().enumerate().filter(is_own);
        let own: Vec<usize> = own.map(|(at, _)| at).collect();
        if own.is_empty() && !self.by_nearness {
            return Err("the case has no golden of its own".to_owned());
        }
        Ok(own)
    }

    fn reading(&self, own: &[usize], answer: &[f32], all: &[Vector<'_>]) -> OrMissing<Reading> {
        let (mut at, value) = self.distance.nearest(answer, all)?;
        for place in own {
            // One that is as near as the nearest is the nearest too.
            if self.distance.nearness(answer, &all[*place])? >= value {
                at = *place;
            }
        }
        let (text, case) = &self.goldens[at];
        let found = || {
            format!(
                "the nearest golden is that of case `{case}`: {}",
                quoted(text, SHOWN)
            )
        };
        if self.by_nearness {
            return Ok(Reading::graded(value, self.threshold, found));
        }
        let is_near = self.threshold.is_none_or(|threshold| value >= threshold);
        Ok(Reading::binary(own.contains(&at) && is_near, || {
            format!("{value:.3}, {}", found())
        }))
    }
}

impl Rule for Nearest {
    fn values(&self) -> Values {
        if self.by_nearness {
            Values::Graded {
                decides: self.threshold.is_some(),
            }
        } else {
            Values::Binary
        }
    }

    fn consult(&self, subject: &Subject<'_>, hearing: &Hearing<'_>) -> Turn {
        let own = match self.own(subject) {
            Ok(own) => own,
            Err(error) => return Turn::missing(error),
        };
        if subject.text.trim().is_empty() {
            let holds = (!self.by_nearness || self.threshold.is_some()).then_some(false);
            let blank = Reading::decided(0.0, holds, || "the answer is blank".to_owned());
            return Turn::Done(Ok(blank), None);
        }
        match self.embedder.vectors(subject.text, &self.prepared, hearing) {
            Ok(vectors) => Turn::Done(
                self.reading(&own, &vectors.own, &vectors.others),
                vectors.judged,
            ),
            Err(turn) => turn,
        }
    }

    fn read(&self, _: &Subject<'_>) -> OrMissing<Reading> {
        Err(UNASKED.to_owned())
    }

    fn asks(&self) -> Option<Asks<'_>> {
        self.embedder.asks()
    }

    fn sample(&self) -> Option<Request> {
        self.embedder.sample()
    }

    fn identity(&self, written: Value) -> Value {
        let texts: Vec<&str> = self.goldens.iter().map(|(text, _)| text.as_str()).collect();
        json!({
            "options": written,
            "vectors": self.embedder.identity(),
            "goldens": Digest::of(&texts),
        })
    }
}
