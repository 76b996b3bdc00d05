//! Scorers made of others: all of them, any, none, their mean, or an expression.

use std::fmt;
use std::sync::LazyLock;

use minijinja::value::{Serde, Value as Evaluated, ValueKind};
use minijinja::{Environment, Expression, UndefinedBehavior};
use serde_json::{Map, Value, json};

use crate::document::Node;
use crate::error::{Diagnostic, Problems};
use crate::shape::{Field, Shape};
use crate::suite::SCORER_SCHEMA;
use crate::text::{excerpt, suggest};

use super::entry::Entry;
use super::options::{COMMON, GRADED, NEGATE, TRANSFORM};
use super::registry::{Expects, Kind};
use super::{Built, OrMissing, Reading, Rule, Score, Scorer, Subject, Unit, Values};

/// Characters of an expression or note that a note shows.
const SHOWN: usize = 80;
/// Steps that an expression may take.
const FUEL: u64 = 100_000;
/// How deep it may be nested.
const DEPTH: usize = 50;
/// How deep scorers may be nested.
const DEEPEST: usize = 10;

/// What an expression can ask for.
const NAMES: &[&str] = &[
    "output",
    "json",
    "expected",
    "vars",
    "tags",
    "latency_ms",
    "cost",
    "usage",
    "finish",
    "tool_calls",
];

const OF: Field = Field::required(
    "of",
    Shape::List(&Shape::Elsewhere(SCORER_SCHEMA)),
    "the scorers, each as it would stand in the suite",
);

const COMPOSED: Kind = Kind {
    name: "",
    summary: "",
    definition: "",
    main: Some("of"),
    options: &[&[OF], NEGATE, COMMON],
    expects: Expects::Nothing,
    version: 1,
    build: |entry| several(entry, How::All),
};

/// 1 if each of the scorers passes.
pub(super) const ALL: Kind = Kind {
    name: "all",
    summary: "all of several scorers pass",
    definition: "1 if each of the scorers passes, else 0. Each of them must be able to pass or fail, so a graded one needs \
                 a threshold. One that has no score makes no difference where another one fails, else there is no score. \
                 Those with `tags` that the case does not have are left out; if none is left there is no score.",
    ..COMPOSED
};

/// 1 if one of the scorers passes.
pub(super) const ANY: Kind = Kind {
    name: "any",
    summary: "one of several scorers passes",
    definition: "1 if one of the scorers passes, else 0. One that has no score makes no difference where another one \
                 passes, else there is no score. Otherwise as `all`.",
    build: |entry| several(entry, How::Any),
    ..COMPOSED
};

/// 1 if the scorer does not pass.
pub(super) const NOT: Kind = Kind {
    name: "not",
    summary: "a scorer does not pass",
    definition: "1 if none of the scorers passes, else 0; one scorer is enough. Where one has no score and none passes \
                 there is no score. Otherwise as `all`.",
    options: &[&[OF], COMMON],
    build: |entry| several(entry, How::None),
    ..COMPOSED
};

/// The mean of the scorers by their weights.
pub(super) const WEIGHTED: Kind = Kind {
    name: "weighted",
    summary: "the weighted mean of several scorers",
    definition: "The mean of the values of the scorers, each counted as often as its `weight` says. All of them must give \
                 shares. Where one has no score there is none. Those with `tags` that the case does not have are left \
                 out; if none is left there is no score.",
    options: &[&[OF], GRADED, NEGATE, COMMON],
    build: |entry| several(entry, How::Mean(entry.share("threshold"))),
    ..COMPOSED
};

/// What an expression of minijinja says.
pub(super) const EXPR: Kind = Kind {
    name: "expr",
    summary: "an expression is true",
    definition: "1 if the expression is true, else 0; with `graded` its value, which must be a share from 0 to 1. The \
                 language is that of templates, without the braces: `output|length < 200 and usage.output < 50`. It can \
                 ask for `output` (the answer after `transform`), `json` (the answer as data, undefined if it is no \
                 JSON), `expected`, `vars`, `tags`, `latency_ms`, `cost` (USD), `usage`, `finish` and `tool_calls` \
                 (`name`, `arguments`). A value that is not there, or an expression that gives something else, is no \
                 score and never a 0.",
    main: Some("expr"),
    options: &[
        &[
            Field::required("expr", Shape::Text, "the expression"),
            Field::optional(
                "graded",
                Shape::Bool,
                "its value is a share from 0 to 1, and not true or false (default false)",
            ),
        ],
        GRADED,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    expects: Expects::Nothing,
    version: 1,
    build: build_expr,
};

/// What is made of several scorers.
#[derive(Debug, Clone, Copy)]
enum How {
    All,
    Any,
    None,
    Mean(Option<f64>),
}

#[derive(Debug)]
struct Several {
    how: How,
    scorers: Vec<Scorer>,
}

fn several(entry: &Entry<'_>, how: How) -> Built {
    let nodes = entry.get("of").map(Node::items).unwrap_or_default();
    if let (Some(node), []) = (entry.get("of"), nodes) {
        let message = format!("`{}` has no scorers", entry.path("of"));
        return Err(entry.problem(node, message).into());
    }
    if let Some(node) = nodes.first().filter(|_| entry.depth >= DEEPEST) {
        let message = format!("scorers are nested more than {DEEPEST} times");
        return Err(entry.problem(node, message).into());
    }
    let mut problems = Problems::default();
    let mut scorers = Vec::new();
    for node in nodes {
        let Some(scorer) = problems.take(entry.compile(node)) else {
            continue;
        };
        if let Some(problem) = misfit(entry, node, &scorer, how) {
            problems.push(problem);
        }
        scorers.push(scorer);
    }
    problems.finish()?;
    Ok(Box::new(Several { how, scorers }))
}

/// Why a scorer cannot be a part of what is made of it.
fn misfit(entry: &Entry<'_>, node: &Node, scorer: &Scorer, how: How) -> Option<Diagnostic> {
    let (name, outer) = (scorer.name(), entry.kind.name);
    match (how, scorer.rule.values()) {
        (How::Mean(_), Values::Measured(_)) => Some(entry.problem(
            node,
            format!("`{outer}` takes shares, and `{name}` gives a quantity"),
        )),
        (How::Mean(_), _) | (_, Values::Binary | Values::Graded { decides: true }) => None,
        (_, Values::Graded { decides: false }) => Some(
            entry
                .problem(node, format!("`{name}` does not say what is enough"))
                .help("give it a `threshold`"),
        ),
        (_, Values::Measured(Unit::Words)) => Some(
            entry
                .problem(node, format!("`{name}` does not say what is enough"))
                .help("give it `min` or `max`"),
        ),
        // These say at grading whether they have a limit.
        (_, Values::Measured(_)) => None,
    }
}

impl Several {
    /// What the scorers that are for the case say, each by its name.
    fn results(&self, subject: &Subject<'_>) -> OrMissing<Vec<(&Scorer, OrMissing<Score>)>> {
        let results: Vec<_> = self
            .scorers
            .iter()
            .filter(|scorer| scorer.applies_to(subject.target.tags))
            .map(|scorer| (scorer, scorer.grade(subject.target, subject.answer)))
            .collect();
        if results.is_empty() {
            return Err("none of the scorers is for this case".to_owned());
        }
        Ok(results)
    }
}

impl Rule for Several {
    fn values(&self) -> Values {
        match self.how {
            How::Mean(threshold) => Values::Graded {
                decides: threshold.is_some(),
            },
            How::All | How::Any | How::None => Values::Binary,
        }
    }

    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let results = self.results(subject)?;
        if let How::Mean(threshold) = self.how {
            return mean(&results, threshold);
        }
        // One verdict decides, whatever the others are.
        let deciding = matches!(self.how, How::Any | How::None);
        let verdicts: Vec<(&Scorer, OrMissing<bool>, Option<&str>)> = results
            .iter()
            .map(|(part, result)| match result {
                Ok(score) => {
                    let verdict = score
                        .passed
                        .ok_or_else(|| format!("`{}` does not say what is enough", part.metric));
                    (*part, verdict, score.note.as_deref())
                }
                Err(error) => (*part, Err(format!("{}: {error}", part.metric)), None),
            })
            .collect();
        let decided = verdicts
            .iter()
            .find(|(_, verdict, _)| *verdict == Ok(deciding));
        let unknown = verdicts
            .iter()
            .find_map(|(_, verdict, _)| verdict.as_ref().err());
        let holds = match (decided, unknown) {
            (Some(_), _) => matches!(self.how, How::Any),
            (None, Some(error)) => return Err(error.clone()),
            (None, None) => !matches!(self.how, How::Any),
        };
        Ok(Reading::binary(holds, || {
            let said = |(part, _, note): &(&Scorer, OrMissing<bool>, Option<&str>)| match note {
                Some(note) => format!("{}: {}", part.metric, excerpt(note, SHOWN)),
                None => part.metric.clone(),
            };
            match (decided, self.how) {
                (Some((part, ..)), How::None) => format!("not wanted: {}", part.metric),
                (Some(verdict), _) => said(verdict),
                (None, _) => {
                    let said: Vec<String> = verdicts.iter().map(said).collect();
                    format!("none passes: {}", said.join("; "))
                }
            }
        }))
    }

    fn identity(&self, _: Value) -> Value {
        let parts = self.scorers.iter().map(|scorer| match self.how {
            How::Mean(_) => json!([scorer.fingerprint(), scorer.weight]),
            How::All | How::Any | How::None => json!(scorer.fingerprint()),
        });
        let threshold = match self.how {
            How::Mean(threshold) => threshold,
            How::All | How::Any | How::None => None,
        };
        json!({"of": parts.collect::<Vec<_>>(), "threshold": threshold})
    }
}

fn mean(scores: &[(&Scorer, OrMissing<Score>)], threshold: Option<f64>) -> OrMissing<Reading> {
    let (mut sum, mut total) = (0.0, 0.0);
    let mut parts = Vec::new();
    for (scorer, score) in scores {
        let score = score
            .as_ref()
            .map_err(|error| format!("{}: {error}", scorer.metric))?;
        sum += scorer.weight * score.value;
        total += scorer.weight;
        parts.push(format!("{} {:.3}", scorer.metric, score.value));
    }
    if !(total > 0.0 && total.is_finite()) {
        return Err("the weights of the scorers have no sum to divide by".to_owned());
    }
    let value = (sum / total).clamp(0.0, 1.0);
    Ok(Reading::graded(value, threshold, || parts.join(", ")))
}

/// An expression, ready to be asked.
struct Asked {
    source: String,
    expression: Expression<'static, 'static>,
    graded: bool,
    threshold: Option<f64>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// The language of expressions: strict about what is not there, and of limited length.
static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut language = Environment::new();
    language.set_undefined_behavior(UndefinedBehavior::Strict);
    language.set_fuel(Some(FUEL));
    language.set_recursion_limit(DEPTH);
    language
});

fn build_expr(entry: &Entry<'_>) -> Built {
    let Some(node) = entry.get("expr") else {
        return Err(entry.problem_of_all("`expr` has no expression").into());
    };
    let source = node.text().unwrap_or_default().to_owned();
    if let (false, Some(node)) = (entry.flag("graded"), entry.get("threshold")) {
        return Err(entry
            .problem(node, "`expr.threshold` needs `graded: true`")
            .help("without it the expression is true or false")
            .into());
    }
    let expression = LANGUAGE
        .compile_expression_owned(source.clone())
        .map_err(|error| entry.problem(node, format!("not an expression: {}", reason(&error))))?;
    if let Some(problem) = unknown_name(entry, node, &expression) {
        return Err(problem.into());
    }
    Ok(Box::new(Asked {
        source,
        expression,
        graded: entry.flag("graded"),
        threshold: entry.share("threshold"),
    }))
}

fn unknown_name(
    entry: &Entry<'_>,
    node: &Node,
    expression: &Expression<'_, '_>,
) -> Option<Diagnostic> {
    let mut asked: Vec<String> = expression.undeclared_variables(false).into_iter().collect();
    asked.sort();
    let globals: Vec<&str> = LANGUAGE.globals().map(|(name, _)| name).collect();
    let is_known = |name: &str| NAMES.contains(&name) || globals.contains(&name);
    let name = asked.iter().find(|name| !is_known(name))?;
    let help = match suggest(name, NAMES.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!(
            "it can ask for {}; columns of the case are in `vars`",
            NAMES.join(", ")
        ),
    };
    Some(
        entry
            .problem(node, format!("an expression knows no `{name}`"))
            .help(help),
    )
}

/// The reason alone, without the name that a template would have.
fn reason(error: &minijinja::Error) -> String {
    let kind = error.kind();
    match error.detail() {
        Some(detail) => format!("{kind}: {detail}"),
        None => kind.to_string(),
    }
}

impl Rule for Asked {
    fn values(&self) -> Values {
        if self.graded {
            Values::Graded {
                decides: self.threshold.is_some(),
            }
        } else {
            Values::Binary
        }
    }

    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let source = excerpt(&self.source, SHOWN);
        let value = self
            .expression
            .eval(Evaluated::from(Serde(context(subject))))
            .map_err(|error| format!("`{source}`: {}", reason(&error)))?;
        let number = || f64::try_from(value.clone()).ok();
        match value.kind() {
            ValueKind::Bool if !self.graded => Ok(Reading::binary(value.is_true(), || {
                format!("not true: {source}")
            })),
            ValueKind::Number if self.graded => match number() {
                Some(share) if (0.0..=1.0).contains(&share) => {
                    Ok(Reading::graded(share, self.threshold, || {
                        source.into_owned()
                    }))
                }
                _ => Err(format!(
                    "`{source}` gives {value}, which is no share from 0 to 1"
                )),
            },
            kind => Err(format!(
                "`{source}` gives {kind}, and not {}",
                if self.graded {
                    "a share"
                } else {
                    "true or false"
                }
            )),
        }
    }
}

/// What an expression can ask for; what nobody knows is left out, so that asking for it is an error.
fn context(subject: &Subject<'_>) -> Value {
    let response = subject.answer.response;
    let calls = response.tool_calls.iter().map(|call| {
        let arguments = serde_json::from_str(&call.arguments);
        json!({"name": call.name, "arguments": arguments.unwrap_or(Value::Null)})
    });
    let mut known = Map::new();
    let mut add = |name: &str, value: Value| known.insert(name.to_owned(), value);
    add("output", json!(subject.text));
    add("vars", json!(subject.target.vars));
    add("tags", json!(subject.target.tags));
    add("usage", json!(response.usage));
    add("finish", json!(response.finish.name()));
    add("tool_calls", calls.collect());
    if let Ok(data) = serde_json::from_str::<Value>(subject.text) {
        add("json", data);
    }
    if let Some(expected) = subject.target.expected {
        add("expected", expected.clone());
    }
    if let Some(latency_ms) = subject.answer.latency_ms {
        add("latency_ms", json!(latency_ms));
    }
    if let Some(cost) = subject.answer.cost {
        add("cost", json!(cost.usd()));
    }
    Value::Object(known)
}
