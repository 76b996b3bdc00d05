//! Scorers of one's own: a program or a service that is given an answer and gives a score back.

use serde_json::{Map, Value, json};

use super::asking::{Asks, Hearing, Question};
use super::entry::Entry;
use super::matching::SHOWN;
use super::options::{COMMON, GRADED, NEGATE, ONLY_IF, TRANSFORM};
use super::registry::{Expects, Kind};
use super::service::Service;
use super::{Built, OrMissing, Reading, Rule, Subject, Turn, Values};
use crate::document::Node;
use crate::exchange::task::Task;
use crate::exchange::{Request, WireFormat};
use crate::shape::{Field, Shape};
use crate::text::excerpt;

const OPTIONS: &[Field] = &[
    Field::optional(
        "with",
        Shape::Map(&Shape::Any),
        "what the scorer is given besides, as it stands here",
    ),
    ONLY_IF,
];

const OWN: Kind = Kind {
    name: "",
    summary: "",
    definition: "",
    main: Some("model"),
    options: &[],
    expects: Expects::Nothing,
    version: 1,
    build: |entry| build(entry, WireFormat::Command),
};

/// A local program that scores.
pub(super) const COMMAND: Kind = Kind {
    name: "command",
    summary: "a program of your own gives the score",
    definition: "A local program is given one JSON line and gives one back. There: `id`, `case`, `output` (the answer \
                 after `transform`), `expected`, `vars`, `tags`, `tool_calls` and `with`. Back: `score`, a number from 0 \
                 to 1; `passed` and `explanation`, where it likes; `id`, which must be the one that it was given. \
                 Anything else is no score, and neither is a program that ends, says nothing in time or says too much: \
                 the trial is missing from the metric and stays in its denominator. It passes if `threshold` or the \
                 program says so. The program and its limits are an entry of regauge.yaml with `provider: command`; \
                 name its version in `model`, since its scores are kept by that. Each trial is scored afresh. Nothing is \
                 started by `regauge check`.",
    options: &[
        &[Field::required(
            "model",
            Shape::Text,
            "the program, by its alias in regauge.yaml",
        )],
        OPTIONS,
        GRADED,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    ..OWN
};

/// A service that scores.
pub(super) const HTTP: Kind = Kind {
    name: "http",
    summary: "a service of your own gives the score",
    definition: "As `command`, by an entry of regauge.yaml with `provider: http`: in its `body`, `{{ NAME }}` stands for \
                 what a program would be given under that name, and `{{ vars.NAME }}` for a variable of the case. Where \
                 `answer.text` points there must stand the score, or an object as a program would give it.",
    options: &[
        &[Field::required(
            "model",
            Shape::Text,
            "the service, by its alias in regauge.yaml",
        )],
        OPTIONS,
        GRADED,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: |entry| build(entry, WireFormat::Http),
    ..OWN
};

#[derive(Debug)]
struct Own {
    service: Service,
    with: Value,
    threshold: Option<f64>,
}

fn build(entry: &Entry<'_>, format: WireFormat) -> Built {
    let service = Service::read(entry, Task::Score)?;
    let found = service.asks().model.host.format;
    if let (Some(node), true) = (entry.get("model"), found != format) {
        let (name, wanted) = (entry.kind.name, format.name());
        return Err(entry
            .problem(
                node,
                format!("`{name}` wants a model with `provider: {wanted}`"),
            )
            .help(format!("this one speaks {}", found.name()))
            .into());
    }
    Ok(Box::new(Own {
        service,
        with: entry.get("with").map(Node::to_json).unwrap_or_default(),
        threshold: entry.share("threshold"),
    }))
}

/// What a scorer of one's own says.
#[derive(Debug, PartialEq)]
struct Verdict {
    score: f64,
    passed: Option<bool>,
    explanation: Option<String>,
}

impl Verdict {
    /// What a reply to the question of this id says.
    fn read(text: &str, id: &str) -> OrMissing<Self> {
        let found: Value = serde_json::from_str(text)
            .map_err(|error| format!("a reply that is no JSON: {error}"))?;
        let fields = match found {
            Value::Object(fields) => fields,
            score => Map::from_iter([("score".to_owned(), score)]),
        };
        let given = |name: &str| fields.get(name).filter(|value| !value.is_null());
        if given("id").is_some_and(|found| found != id) {
            return Err("a reply to another question, by its `id`".to_owned());
        }
        let score = given("score").ok_or("a reply without a `score`")?;
        let score = score
            .as_f64()
            .filter(|value| (0.0..=1.0).contains(value))
            .ok_or_else(|| {
                let shown = score.to_string();
                format!(
                    "a score that is no number from 0 to 1: {}",
                    excerpt(&shown, SHOWN)
                )
            })?;
        let passed =
            given("passed").map(|passed| passed.as_bool().ok_or("`passed` is no truth value"));
        let explanation = given("explanation")
            .map(|text| text.as_str().ok_or("`explanation` is no text"))
            .transpose()?;
        Ok(Self {
            score,
            passed: passed.transpose()?,
            explanation: explanation.map(str::to_owned),
        })
    }
}

impl Own {
    fn question(&self, subject: &Subject<'_>, repeat: u32) -> Question {
        let target = subject.target;
        let given = json!({
            "case": target.case,
            "output": subject.text,
            "expected": target.expected,
            "vars": target.vars,
            "tags": target.tags,
            "tool_calls": subject.answer.response.tool_calls,
            "with": self.with,
        });
        self.service.question([given.to_string()], repeat)
    }

    fn reading(&self, verdict: Verdict) -> Reading {
        let enough = self.threshold.map(|threshold| verdict.score >= threshold);
        Reading {
            value: verdict.score,
            holds: enough.or(verdict.passed),
            note: verdict.explanation.filter(|text| !text.is_empty()),
            cells: Vec::new(),
        }
    }
}

impl Rule for Own {
    fn values(&self) -> Values {
        Values::Graded {
            decides: self.threshold.is_some(),
        }
    }

    fn read(&self, _: &Subject<'_>) -> OrMissing<Reading> {
        Err("the scorer was not asked".to_owned())
    }

    fn consult(&self, subject: &Subject<'_>, hearing: &Hearing<'_>) -> Turn {
        let questions = [self.question(subject, hearing.repeat)];
        let (heard, mut judged) = match hearing.hear(&questions) {
            Ok(heard) => heard,
            Err(open) => return Turn::Ask(open),
        };
        let whom = self.service.whom();
        let response = heard.first().map(|told| told.response(&whom));
        let verdict = match response {
            Some(Ok(response)) => {
                let id = questions[0].address().to_string();
                let verdict = Verdict::read(&response.text, &id);
                judged.unparseable = u32::from(verdict.is_err());
                verdict.map_err(|error| format!("{whom} gave no score: {error}"))
            }
            Some(Err(error)) => Err(error),
            None => Err(format!("{whom} was not asked")),
        };
        Turn::Done(verdict.map(|verdict| self.reading(verdict)), Some(judged))
    }

    fn asks(&self) -> Option<Asks<'_>> {
        Some(self.service.asks())
    }

    fn sample(&self) -> Option<Request> {
        Some(self.service.request(["{}".to_owned()]))
    }

    fn identity(&self, written: Value) -> Value {
        json!({"options": written, "model": self.service.identity()})
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn a_reply_is_a_number_or_an_object_with_a_score() {
        let read = |text: &str| Verdict::read(text, "q1");
        for (text, score) in [("0.25", 0.25), ("1", 1.0), ("{\"score\": 0}", 0.0)] {
            let verdict = read(text).unwrap();
            assert!((verdict.score - score).abs() < f64::EPSILON, "{text}");
            assert_eq!((verdict.passed, verdict.explanation), (None, None));
        }
        let all = read(
            r#"{"id": "q1", "score": 0.5, "passed": true, "explanation": "so so", "more": 1}"#,
        );
        assert_eq!(
            all,
            Ok(Verdict {
                score: 0.5,
                passed: Some(true),
                explanation: Some("so so".to_owned()),
            })
        );
    }

    #[test]
    fn anything_else_is_no_score() {
        let mut said = String::new();
        for text in [
            "",
            "NaN",
            "1.5",
            "-0.1",
            "1e400",
            "true",
            "\"0.5\"",
            "[0.5]",
            "null",
            "{}",
            r#"{"score": null}"#,
            r#"{"score": "high"}"#,
            r#"{"score": 1, "passed": "yes"}"#,
            r#"{"score": 1, "explanation": 7}"#,
            r#"{"score": 1, "id": "q0"}"#,
        ] {
            writeln!(said, "{text}: {}", Verdict::read(text, "q1").unwrap_err()).unwrap();
        }
        insta::assert_snapshot!(said, @r#"
        : a reply that is no JSON: EOF while parsing a value at line 1 column 0
        NaN: a reply that is no JSON: expected value at line 1 column 1
        1.5: a score that is no number from 0 to 1: 1.5
        -0.1: a score that is no number from 0 to 1: -0.1
        1e400: a reply that is no JSON: number out of range at line 1 column 5
        true: a score that is no number from 0 to 1: true
        "0.5": a score that is no number from 0 to 1: "0.5"
        [0.5]: a score that is no number from 0 to 1: [0.5]
        null: a reply without a `score`
        {}: a reply without a `score`
        {"score": null}: a reply without a `score`
        {"score": "high"}: a score that is no number from 0 to 1: "high"
        {"score": 1, "passed": "yes"}: `passed` is no truth value
        {"score": 1, "explanation": 7}: `explanation` is no text
        {"score": 1, "id": "q0"}: a reply to another question, by its `id`
        "#);
    }
}
