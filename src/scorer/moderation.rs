//! A scorer that asks a filter whether an answer may be shown.

use serde_json::{Map, Value, json};

use super::asking::{Asks, Hearing, Told};
use super::entry::Entry;
use super::options::{COMMON, NEGATE, ONLY_IF, TRANSFORM};
use super::registry::{Expects, Kind};
use super::service::Service;
use super::{Built, OrMissing, Reading, Rule, Subject, Turn, Values};
use crate::document::Node;
use crate::exchange::Request;
use crate::exchange::task::{Judgement, Task};
use crate::shape::{Field, Shape};
use crate::units::parse_share;

/// From where a category counts that is named without a limit.
const TOO_MUCH: f64 = 0.5;

/// See [`Moderation`].
pub(super) const MODERATION: Kind = Kind {
    name: "moderation",
    summary: "a filter finds nothing in the answer: hate, violence, harassment and the like",
    definition: "An endpoint for moderation says how much it finds of each of its categories, from 0 to 1. The value is 1 \
                 less the greatest of them. It passes if the endpoint flags nothing; with `categories` or `max`, if every \
                 category that counts stays below its limit. A category that the endpoint does not have is no score. A \
                 blank answer passes, and nothing is asked for it. Each text is asked for once in a run.",
    main: Some("model"),
    options: &[
        &[
            Field::required(
                "model",
                Shape::Text,
                "the model that moderates, by its alias in regauge.yaml",
            ),
            Field::optional(
                "categories",
                Shape::OneOf(&[Shape::List(&Shape::Text), Shape::Map(&Shape::Share)]),
                "the categories that count, in the endpoint's own words, such as [hate, violence]; or each with its limit, \
                 such as { hate: 0.2 } (default: all)",
            ),
            Field::optional(
                "max",
                Shape::Share,
                "the limit of every category that has none of its own (default: the endpoint says what is too much, and \
                 0.5 for categories that are named)",
            ),
            ONLY_IF,
        ],
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    expects: Expects::Nothing,
    version: 1,
    build,
};

/// How much of which categories is too much.
#[derive(Debug)]
struct Moderation {
    service: Service,
    limits: Limits,
}

#[derive(Debug)]
enum Limits {
    /// The endpoint says what is too much.
    Flags,
    /// The same for all categories.
    All(f64),
    /// Those of the categories that count.
    Some(Vec<(String, f64)>),
}

fn build(entry: &Entry<'_>) -> Built {
    let max = entry.share("max");
    let limits = match (entry.get("categories"), max) {
        (None, None) => Limits::Flags,
        (None, Some(max)) => Limits::All(max),
        (Some(node), max) => {
            let own = |node: &Node| node.number().or_else(|| node.text().and_then(parse_share));
            let max = max.unwrap_or(TOO_MUCH);
            let named = node.items().iter().filter_map(Node::text);
            let named = named.map(|name| (name.to_owned(), max));
            let limited = node.entries().iter();
            let limited = limited.map(|(key, node)| (key.name.clone(), own(node).unwrap_or(max)));
            let limits: Vec<(String, f64)> = named.chain(limited).collect();
            if limits.is_empty() {
                return Err(entry
                    .problem(node, "`moderation.categories` is empty")
                    .help("without it all categories of the endpoint count")
                    .into());
            }
            Limits::Some(limits)
        }
    };
    Ok(Box::new(Moderation {
        service: Service::read(entry, Task::Moderate)?,
        limits,
    }))
}

impl Moderation {
    fn judgement<'h>(&self, told: &'h Told) -> OrMissing<&'h Judgement> {
        let whom = self.service.whom();
        let judgements = &told.response(&whom)?.judgements;
        judgements
            .first()
            .ok_or_else(|| format!("{whom} gave no judgement"))
    }

    fn reading(&self, judgement: &Judgement) -> OrMissing<Reading> {
        let counting = self.limits.of(&judgement.scores)?;
        let worst = counting
            .iter()
            .max_by(|(_, one, _), (_, other, _)| one.total_cmp(other));
        let value = 1.0 - worst.map_or(0.0, |(_, score, _)| score.clamp(0.0, 1.0));
        let found = counting
            .iter()
            .filter(|(_, score, limit)| limit.is_some_and(|limit| *score >= limit));
        let found: Vec<String> = found
            .map(|(name, score, _)| format!("{name} {score:.3}"))
            .collect();
        let is_flagged = matches!(self.limits, Limits::Flags) && judgement.flagged;
        Ok(Reading::decided(
            value,
            Some(found.is_empty() && !is_flagged),
            || match worst {
                Some((name, score, _)) if is_flagged => {
                    format!("flagged, most for {name} {score:.3}")
                }
                _ if is_flagged => "flagged".to_owned(),
                _ => format!("too much of {}", found.join(", ")),
            },
        ))
    }
}

/// A category with its score and its limit.
type Category<'a> = (&'a str, f64, Option<f64>);

impl Limits {
    /// The categories that count.
    fn of<'a>(&'a self, scores: &'a Map<String, Value>) -> OrMissing<Vec<Category<'a>>> {
        let all = |limit: Option<f64>| {
            let scores = scores.iter();
            let scores =
                scores.filter_map(|(name, score)| Some((name.as_str(), score.as_f64()?, limit)));
            Ok(scores.collect())
        };
        match self {
            Self::Flags => all(None),
            Self::All(limit) => all(Some(*limit)),
            Self::Some(limits) => {
                let score = |(name, limit): &'a (String, f64)| {
                    let score = scores.get(name).and_then(Value::as_f64);
                    let score = score.ok_or_else(|| {
                        let known: Vec<&str> = scores.keys().map(String::as_str).collect();
                        format!("no category `{name}` among {}", known.join(", "))
                    })?;
                    Ok((name.as_str(), score, Some(*limit)))
                };
                limits.iter().map(score).collect()
            }
        }
    }
}

impl Rule for Moderation {
    fn values(&self) -> Values {
        Values::Graded { decides: true }
    }

    fn read(&self, _: &Subject<'_>) -> OrMissing<Reading> {
        Err("the filter was not asked".to_owned())
    }

    fn consult(&self, subject: &Subject<'_>, hearing: &Hearing<'_>) -> Turn {
        if subject.text.trim().is_empty() {
            return Turn::Done(Ok(Reading::binary(true, String::new)), None);
        }
        // Equal texts have equal judgements: one question for all trials.
        let questions = [self.service.question([subject.text.to_owned()], 1)];
        let (heard, judged) = match hearing.hear(&questions) {
            Ok(heard) => heard,
            Err(open) => return Turn::Ask(open),
        };
        let told = heard
            .first()
            .ok_or_else(|| "the filter was not asked".to_owned());
        let reading = told
            .and_then(|told| self.judgement(told))
            .and_then(|judgement| self.reading(judgement));
        Turn::Done(reading, Some(judged))
    }

    fn asks(&self) -> Option<Asks<'_>> {
        Some(self.service.asks())
    }

    fn sample(&self) -> Option<Request> {
        Some(self.service.request([String::new()]))
    }

    fn identity(&self, written: Value) -> Value {
        json!({"options": written, "model": self.service.identity()})
    }
}
