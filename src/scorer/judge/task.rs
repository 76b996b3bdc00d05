//! What a judge is asked for: the form of its verdict, and the share that a verdict is worth.

use serde_json::{Value, json};

use super::verdict::{self, Found, Object};
use crate::stats::moments::mean;
use crate::stats::real;
use crate::text::excerpt;

/// Characters of evidence that a note shows.
const SHOWN: usize = 90;

/// What is decided.
#[derive(Debug)]
pub(super) enum Task {
    /// Criteria, each on its scale.
    Criteria(Vec<Criterion>),
    /// How the facts of two texts relate: what the letters A to E are worth.
    Facts([f64; 5]),
    /// Whether one criterion is met.
    YesNo,
    /// One score on this scale.
    Score((i64, i64)),
    /// Numbered parts of a text, each of which holds or does not.
    Parts(Weighing),
    /// Which of two answers is better.
    Pair,
}

/// One criterion with its scale.
#[derive(Debug)]
pub(super) struct Criterion {
    pub(super) name: String,
    pub(super) asks: Option<String>,
    pub(super) scale: (i64, i64),
    pub(super) weight: f64,
}

/// What parts that hold are worth.
#[derive(Debug, Clone, Copy)]
pub(super) enum Weighing {
    /// Their share.
    Share,
    /// Their average precision: the mean, over the parts that hold, of the share of those so far that do.
    Rank,
}

/// Which of two answers won.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    First,
    Second,
    Neither,
}

/// What a verdict says.
#[derive(Debug)]
pub(super) struct Said {
    /// A share from 0 to 1.
    pub(super) value: f64,
    /// Why.
    pub(super) note: String,
    /// Which answer won, where two were compared.
    pub(super) pick: Pick,
}

/// The form of a verdict.
pub(super) struct Form {
    /// As JSON Schema, for endpoints that hold answers to it.
    pub(super) schema: Value,
    /// As an example, for the model.
    pub(super) example: String,
}

const LETTERS: [&str; 5] = ["A", "B", "C", "D", "E"];

impl Task {
    /// The names of the criteria, with what they ask and their scales, for the prompt.
    pub(super) fn criteria(&self) -> String {
        let Self::Criteria(criteria) = self else {
            return String::new();
        };
        let lines = criteria.iter().map(|criterion| {
            let (low, high) = criterion.scale;
            let asks = criterion.asks.as_deref().unwrap_or_default();
            format!(
                "- {} (from {low}, the worst, to {high}, the best): {asks}",
                criterion.name
            )
        });
        let lines: Vec<String> = lines
            .map(|line| line.trim_end_matches([':', ' ']).to_owned())
            .collect();
        lines.join("\n")
    }

    /// Whether two answers are compared.
    pub(super) fn is_pair(&self) -> bool {
        matches!(self, Self::Pair)
    }

    /// The key of what is decided, where one thing is.
    fn key(&self) -> &'static str {
        match self {
            Self::Facts(_) => "choice",
            Self::YesNo => "meets",
            Self::Score(_) => "score",
            Self::Pair => "better",
            Self::Criteria(_) | Self::Parts(_) => unreachable!("these decide on several things"),
        }
    }

    /// The form of the verdict on so many numbered parts.
    pub(super) fn form(&self, parts: usize) -> Form {
        let evidence = json!({"type": "string"});
        let (schema, shown) = match self {
            Self::Criteria(criteria) => return form_of(criteria),
            Self::Facts(_) => (
                json!({"type": "string", "enum": LETTERS}),
                "one of \"A\", \"B\", \"C\", \"D\", \"E\"".to_owned(),
            ),
            Self::YesNo => (json!({"type": "boolean"}), "true or false".to_owned()),
            Self::Score(scale) => (
                scale_schema(*scale),
                format!("a whole number from {} to {}", scale.0, scale.1),
            ),
            Self::Pair => (
                json!({"type": "string", "enum": ["first", "second", "tie"]}),
                "one of \"first\", \"second\", \"tie\"".to_owned(),
            ),
            Self::Parts(_) => return form_of_parts(parts),
        };
        let key = self.key();
        Form {
            schema: record(vec![("evidence", evidence), (key, schema)]),
            example: format!(
                "{{\"evidence\": \"what in the text shows it, in one sentence\", \"{key}\": {shown}}}"
            ),
        }
    }

    /// What a verdict on so many numbered parts says.
    pub(super) fn read(&self, found: &Object, parts: usize) -> Found<Said> {
        let said = |value: f64, note: String| Said {
            value,
            note,
            pick: Pick::Neither,
        };
        if let Self::Criteria(criteria) = self {
            let (value, note) = read_criteria(criteria, found)?;
            return Ok(said(value, note));
        }
        if let Self::Parts(weighing) = self {
            let (value, note) = read_parts(*weighing, found, parts)?;
            return Ok(said(value, note));
        }
        verdict::only(found, &["evidence", self.key()])?;
        let evidence = excerpt(verdict::text(found, "evidence")?, SHOWN).into_owned();
        match self {
            Self::Facts(worth) => {
                let choice = verdict::word(found, self.key(), &LETTERS)?;
                let at = LETTERS.iter().position(|letter| *letter == choice);
                let value = at.map_or(0.0, |at| worth[at]);
                Ok(said(value, format!("{choice}: {evidence}")))
            }
            Self::YesNo => {
                let meets = verdict::flag(found, self.key())?;
                let word = if meets { "met" } else { "not met" };
                Ok(said(
                    f64::from(u8::from(meets)),
                    format!("{word}: {evidence}"),
                ))
            }
            Self::Score(scale) => {
                let score = verdict::whole(found, self.key(), *scale)?;
                Ok(said(
                    on_scale(score, *scale),
                    format!("{score} of {}: {evidence}", scale.1),
                ))
            }
            Self::Pair => {
                let pick = match verdict::word(found, self.key(), &["first", "second", "tie"])? {
                    "first" => Pick::First,
                    "second" => Pick::Second,
                    _ => Pick::Neither,
                };
                let value = match pick {
                    Pick::First => 1.0,
                    Pick::Neither => 0.5,
                    Pick::Second => 0.0,
                };
                Ok(Said {
                    value,
                    note: evidence,
                    pick,
                })
            }
            Self::Criteria(_) | Self::Parts(_) => unreachable!("read above"),
        }
    }
}

fn form_of(criteria: &[Criterion]) -> Form {
    let entry = |criterion: &Criterion| {
        record(vec![
            ("evidence", json!({"type": "string"})),
            ("score", scale_schema(criterion.scale)),
        ])
    };
    let example: Vec<String> = criteria
        .iter()
        .map(|criterion| {
            let (low, high) = criterion.scale;
            format!(
                "{}: {{\"evidence\": \"what in the answer shows it, in one sentence\", \"score\": a whole number from {low} to {high}}}",
                json!(criterion.name)
            )
        })
        .collect();
    let fields = criteria.iter().map(|one| (one.name.as_str(), entry(one)));
    Form {
        schema: record(fields.collect()),
        example: format!("{{{}}}", example.join(", ")),
    }
}

fn form_of_parts(parts: usize) -> Form {
    let part = record(vec![
        ("number", json!({"type": "integer"})),
        ("evidence", json!({"type": "string"})),
        ("holds", json!({"type": "boolean"})),
    ]);
    let list = json!({"type": "array", "items": part});
    Form {
        schema: record(vec![("parts", list)]),
        example: format!(
            "{{\"parts\": [{{\"number\": 1, \"evidence\": \"what shows it, in one sentence\", \"holds\": true or false}}, …]}} \
             with one entry for each number from 1 to {parts}"
        ),
    }
}

/// The schema of an object with these keys, all of them needed and no others.
pub(super) fn record(fields: Vec<(&str, Value)>) -> Value {
    let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let required = json!(required);
    let properties: Object = fields
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn scale_schema((low, high): (i64, i64)) -> Value {
    let steps: Vec<i64> = (low..=high).collect();
    json!({"type": "integer", "enum": steps})
}

/// A score as a share of its scale.
#[expect(
    clippy::cast_precision_loss,
    reason = "the bounds of a scale are small"
)]
fn on_scale(score: i64, (low, high): (i64, i64)) -> f64 {
    (score - low) as f64 / (high - low) as f64
}

fn read_criteria(criteria: &[Criterion], found: &Object) -> Found<(f64, String)> {
    let (mut sum, mut total) = (0.0, 0.0);
    let mut notes = Vec::new();
    let names: Vec<&str> = criteria.iter().map(|one| one.name.as_str()).collect();
    verdict::only(found, &names)?;
    for criterion in criteria {
        let name = &criterion.name;
        let entry = match found.get(name) {
            None => return Err(format!("the criterion `{name}` is missing")),
            Some(Value::Object(entry)) => entry,
            Some(_) => return Err(format!("the criterion `{name}` is no object")),
        };
        let within = |error: String| format!("{name}: {error}");
        verdict::only(entry, &["evidence", "score"]).map_err(within)?;
        let evidence = verdict::text(entry, "evidence").map_err(within)?;
        let score = verdict::whole(entry, "score", criterion.scale).map_err(within)?;
        sum += criterion.weight * on_scale(score, criterion.scale);
        total += criterion.weight;
        let shown = excerpt(evidence, SHOWN);
        notes.push(format!("{name} {score} of {}: {shown}", criterion.scale.1));
    }
    Ok(((sum / total).clamp(0.0, 1.0), notes.join("; ")))
}

fn read_parts(weighing: Weighing, found: &Object, parts: usize) -> Found<(f64, String)> {
    let Some(entries) = found.get("parts").and_then(Value::as_array) else {
        return Err("`parts` is missing".to_owned());
    };
    verdict::only(found, &["parts"])?;
    let most = i64::try_from(parts).unwrap_or(i64::MAX);
    let mut held: Vec<Option<bool>> = vec![None; parts];
    let mut first_miss = None;
    for entry in entries {
        let entry = entry
            .as_object()
            .ok_or("an entry of `parts` is no object")?;
        let number = verdict::whole(entry, "number", (1, most))?;
        let within = |error: String| format!("part {number}: {error}");
        verdict::only(entry, &["number", "evidence", "holds"]).map_err(within)?;
        let evidence = verdict::text(entry, "evidence").map_err(within)?;
        let holds = verdict::flag(entry, "holds").map_err(within)?;
        let place = usize::try_from(number - 1).unwrap_or_default();
        if held[place].replace(holds).is_some() {
            return Err(format!("part {number} stands twice"));
        }
        if !holds && first_miss.is_none() {
            first_miss = Some(format!("; part {number}: {}", excerpt(evidence, SHOWN)));
        }
    }
    let held: Option<Vec<bool>> = held.iter().copied().collect();
    let held = held.ok_or_else(|| format!("it does not decide on each of {parts} parts"))?;
    let holding = held.iter().filter(|holds| **holds).count();
    let value = match weighing {
        Weighing::Share => real(holding) / real(parts),
        Weighing::Rank => average_precision(&held),
    };
    let miss = first_miss.unwrap_or_default();
    Ok((value, format!("{holding} of {parts} hold{miss}")))
}

/// The mean, over the parts that hold, of the share of the parts up to it that do; 0 where none does.
fn average_precision(held: &[bool]) -> f64 {
    let mut holding = 0;
    let mut precisions = Vec::new();
    for (place, holds) in held.iter().enumerate() {
        if *holds {
            holding += 1;
            precisions.push(real(holding) / real(place + 1));
        }
    }
    mean(&precisions).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Object {
        match value {
            Value::Object(object) => object,
            _ => panic!("a verdict is an object"),
        }
    }

    fn criteria() -> Task {
        let criterion = |name: &str, scale, weight| Criterion {
            name: name.to_owned(),
            asks: None,
            scale,
            weight,
        };
        Task::Criteria(vec![
            criterion("polite", (1, 5), 1.0),
            criterion("brief", (0, 1), 3.0),
        ])
    }

    #[test]
    fn criteria_count_by_their_weight_on_their_own_scale() {
        let found = object(json!({
            "polite": {"evidence": "it says please", "score": 3},
            "brief": {"evidence": "one line", "score": 1},
        }));
        let said = criteria().read(&found, 0).unwrap();
        assert!((said.value - (0.5 + 3.0) / 4.0).abs() < 1e-12);
        assert_eq!(
            said.note,
            "polite 3 of 5: it says please; brief 1 of 1: one line"
        );
    }

    #[test]
    fn a_verdict_without_evidence_or_with_a_criterion_missing_is_none() {
        for (found, why) in [
            (
                json!({"polite": {"evidence": "x", "score": 3}}),
                "`brief` is missing",
            ),
            (
                json!({"polite": {"score": 3}, "brief": {"evidence": "x", "score": 1}}),
                "`evidence` is missing",
            ),
            (
                json!({"polite": {"evidence": " ", "score": 3}, "brief": {"evidence": "x", "score": 1}}),
                "`evidence` is empty",
            ),
            (json!({"polite": 3, "brief": 1}), "is no object"),
            (
                json!({"polite": {"evidence": "x", "score": 3}, "brief": {"evidence": "x", "score": 1}, "note": 1}),
                "`note` was not asked for",
            ),
            (
                json!({"polite": {"evidence": "x", "score": 3, "sure": true}, "brief": {"evidence": "x", "score": 1}}),
                "polite: `sure` was not asked for",
            ),
            (
                json!({"polite": {"evidence": "x", "score": 9}, "brief": {"evidence": "x", "score": 1}}),
                "no whole number from 1 to 5",
            ),
        ] {
            let error = criteria().read(&object(found), 0).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn every_part_is_decided_exactly_once() {
        let part =
            |number: u32, holds: bool| json!({"number": number, "evidence": "x", "holds": holds});
        let task = Task::Parts(Weighing::Share);
        let read = |parts: Value| task.read(&object(json!({"parts": parts})), 2);
        let said = read(json!([part(2, true), part(1, false)])).unwrap();
        assert!((said.value - 0.5).abs() < 1e-12);
        for wrong in [
            json!([part(1, true)]),
            json!([part(1, true), part(1, true)]),
            json!([part(1, true), part(3, true)]),
            json!([]),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn average_precision_rewards_what_is_useful_first() {
        assert!((average_precision(&[true, false, true]) - 5.0 / 6.0).abs() < 1e-12);
        assert!((average_precision(&[false, false])).abs() < 1e-12);
    }
}
