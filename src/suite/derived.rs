//! Metrics that are made of others by an expression, such as the cost of a pass.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use minijinja::value::ValueKind;
use minijinja::{Environment, Expression, UndefinedBehavior};
use serde::{Deserialize, Serialize};

use crate::document::{Document, Node};
use crate::error::Place;
use crate::shape::{Field, Shape};

/// The most steps of an expression.
const FUEL: u64 = 10_000;

/// Keys of an entry of `derived`.
pub(super) const DERIVED: Shape = Shape::Record(&[
    Field::required("name", Shape::Text, "its name in reports and gates"),
    Field::required(
        "expression",
        Shape::Text,
        "what it is, from other metrics of the same subject by their names with `_` for every other sign: cost / pass",
    ),
    Field::optional(
        "lower_is_better",
        Shape::Bool,
        "whether less of it is better (default false)",
    ),
]);

/// A metric that is made of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derived {
    /// Its name.
    pub name: String,
    /// What it is, in the language of templates.
    pub expression: String,
    /// Whether less is better.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lower_is_better: bool,
}

/// An expression that can be reckoned out.
#[derive(Debug)]
pub struct Formula(Expression<'static, 'static>);

/// The language of expressions: strict about what is not there, and of limited length.
static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut language = Environment::new();
    language.set_undefined_behavior(UndefinedBehavior::Strict);
    language.set_fuel(Some(FUEL));
    language
});

pub(super) fn read_derived(document: &Document, node: &Node) -> (Derived, Place) {
    let text = |name: &str| node.get(name).and_then(Node::text).unwrap_or_default();
    let derived = Derived {
        name: text("name").to_owned(),
        expression: text("expression").to_owned(),
        lower_is_better: node.get("lower_is_better").and_then(Node::bool) == Some(true),
    };
    let place = document.place(node.get("expression").unwrap_or(node));
    (derived, place)
}

/// The name of a metric in expressions: `first-token` is `first_token`.
pub fn variable(metric: &str) -> String {
    let sign = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    metric.chars().map(sign).collect()
}

impl Derived {
    /// Reads the expression, or says what is wrong with it.
    pub fn formula(&self) -> Result<Formula, String> {
        let compiled = LANGUAGE.compile_expression_owned(self.expression.clone());
        compiled.map(Formula).map_err(|error| {
            let kind = error.kind();
            match error.detail() {
                Some(detail) => format!("{kind}: {detail}"),
                None => kind.to_string(),
            }
        })
    }
}

impl Formula {
    /// The names that it asks for, in their order.
    pub fn names(&self) -> Vec<String> {
        let globals: Vec<&str> = LANGUAGE.globals().map(|(name, _)| name).collect();
        let mut names: Vec<String> = self.0.undeclared_variables(false).into_iter().collect();
        names.retain(|name| !globals.contains(&name.as_str()));
        names.sort();
        names
    }

    /// Its value; `None` where that is not defined, as a quotient by 0, or is no number.
    pub fn value(&self, inputs: &BTreeMap<&str, f64>) -> Option<f64> {
        let value = self.0.eval(inputs).ok()?;
        let number = Some(value).filter(|value| value.kind() == ValueKind::Number)?;
        f64::try_from(number).ok().filter(|value| value.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(expression: &str, inputs: &[(&str, f64)]) -> Option<f64> {
        let derived = Derived {
            name: "d".into(),
            expression: expression.into(),
            lower_is_better: false,
        };
        derived
            .formula()
            .unwrap()
            .value(&inputs.iter().copied().collect())
    }

    #[test]
    fn an_expression_is_a_number_or_nothing() {
        let inputs = [("cost", 0.5), ("pass", 0.25)];
        assert_eq!(value("cost / pass", &inputs), Some(2.0));
        assert_eq!(value("cost / (pass - pass)", &inputs), None);
        assert_eq!(value("pass < 0.5", &inputs), None);
        assert_eq!(value("latency / pass", &inputs), None, "a missing input");
        assert_eq!(value("'text'", &inputs), None);
    }

    #[test]
    fn names_of_metrics_have_no_signs() {
        assert_eq!(variable("first-token"), "first_token");
        let derived = Derived {
            name: "d".into(),
            expression: "tokens_per_second / range(1) | length + pass".into(),
            lower_is_better: false,
        };
        assert_eq!(
            derived.formula().unwrap().names(),
            ["pass", "tokens_per_second"]
        );
    }
}
