//! Scorers of the tools that a model called.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::exchange::ToolCall;
use crate::shape::{Field, Shape};
use crate::text::data::difference;
use crate::text::excerpt;
use crate::units::count;

use super::entry::Entry;
use super::options::{COLUMN, COMMON, GRADED, NEGATE};
use super::overlap::{PART, Part};
use super::registry::{Expects, Kind};
use super::{OrMissing, Reading, Rule, Subject, Values};

/// Characters of an argument that a note shows.
const SHOWN: usize = 60;
/// The most calls that are compared.
const MOST_CALLS: usize = 1000;

const EXPECTED_CALLS: &[Field] = &[
    Field::optional(
        "expected",
        Shape::Any,
        "takes the place of the expected value of the case: calls as { name: …, arguments: { … } } or { name: …, schema: \
         { … } }, or names alone",
    ),
    COLUMN,
];

/// See [`Calls`].
pub(super) const TOOL_CALLS: Kind = Kind {
    name: "tool-calls",
    summary: "the model called the expected tools with the expected arguments",
    definition: "1 if the model made the expected calls, else 0. A call is a name alone, or a name with `arguments`, which \
                 are compared as data, or with a `schema` that the arguments must be valid against. With `order: any` and \
                 `in-order` there may be other calls beside them unless `extra` is false; `strict` allows none. An empty \
                 list with `extra: false` asks for no call at all. Arguments that are no JSON equal none.",
    main: Some("expected"),
    options: &[
        &[
            Field::optional(
                "arguments",
                Shape::Choice(&["exact", "subset", "ignore"]),
                "whether arguments must be the expected ones, may have others beside them at any depth, or do not count \
                 (default exact)",
            ),
            Field::optional(
                "order",
                Shape::Choice(&["any", "in-order", "strict"]),
                "whether calls may come in any order, one after the other, or one after the other without others between \
                 (default any)",
            ),
            Field::optional(
                "extra",
                Shape::Bool,
                "whether there may be other calls (default true; false for order: strict)",
            ),
        ],
        EXPECTED_CALLS,
        NEGATE,
        COMMON,
    ],
    expects: Expects::Items("expected"),
    version: 1,
    build: |entry| Ok(Box::new(Calls::of(entry))),
};

/// The tools that were called and should have been, as sets of names or of whole calls.
pub(super) const TOOL_CALL_F1: Kind = Kind {
    name: "tool-call-f1",
    summary: "how many of the expected tools the model called",
    definition: "The harmonic mean (or precision, or recall) of the sets of tools that were called and that were expected: \
                 each tool counts once. `by: call` counts a tool with its arguments instead, compared as data. Two empty \
                 sets are equal. By name it gives the numbers of promptfoo (tool-call-f1).",
    main: Some("expected"),
    options: &[
        &[
            PART,
            Field::optional(
                "by",
                Shape::Choice(&["name", "call"]),
                "what is counted (default name)",
            ),
        ],
        EXPECTED_CALLS,
        GRADED,
        NEGATE,
        COMMON,
    ],
    expects: Expects::Items("expected"),
    version: 1,
    build: |entry| {
        Ok(Box::new(Sets {
            part: entry
                .text("value")
                .and_then(Part::named)
                .unwrap_or(Part::F1),
            whole: entry.text("by") == Some("call"),
            threshold: entry.share("threshold"),
        }))
    },
};

/// The number of calls lies within bounds.
pub(super) const TOOL_COUNT: Kind = Kind {
    name: "tool-count",
    summary: "how many tools the model called",
    definition: "1 if the number of calls, or of calls of the tools that `tools` names, lies within `min` and `max`, both \
                 included, else 0. `tool-count: { max: 0, tools: [delete_account] }` forbids a tool.",
    main: None,
    options: &[
        &[
            Field::optional(
                "min",
                Shape::Count(0),
                "the fewest calls that pass (default 0)",
            ),
            Field::optional(
                "max",
                Shape::Count(0),
                "the most calls that pass (default: any)",
            ),
            Field::optional(
                "tools",
                Shape::OneOf(&[Shape::Text, Shape::List(&Shape::Text)]),
                "the tools that are counted (default: all)",
            ),
        ],
        NEGATE,
        COMMON,
    ],
    expects: Expects::Nothing,
    version: 1,
    build: |entry| {
        Ok(Box::new(Count {
            min: entry.count("min").unwrap_or(0),
            max: entry.count("max").unwrap_or(u64::MAX),
            tools: entry.get("tools").map(|_| entry.texts("tools")),
        }))
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Any,
    Sequence,
    Strict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arguments {
    Exact,
    Subset,
    Ignore,
}

/// How expected calls and those that were made are compared.
#[derive(Debug)]
struct Calls {
    order: Order,
    arguments: Arguments,
    extra: bool,
}

/// A call that is expected.
struct Expected<'a> {
    name: &'a str,
    arguments: Option<&'a Value>,
    schema: Option<jsonschema::Validator>,
}

/// A call that was made.
struct Made<'a> {
    name: &'a str,
    /// `None` where they are no JSON.
    arguments: Option<Value>,
}

impl Calls {
    fn of(entry: &Entry<'_>) -> Self {
        let order = match entry.text("order") {
            Some("strict") => Order::Strict,
            Some("in-order") => Order::Sequence,
            _ => Order::Any,
        };
        let extra = entry.get("extra").is_none() || entry.flag("extra");
        Self {
            order,
            arguments: match entry.text("arguments") {
                Some("subset") => Arguments::Subset,
                Some("ignore") => Arguments::Ignore,
                _ => Arguments::Exact,
            },
            extra: extra && order != Order::Strict,
        }
    }

    fn fits(&self, wanted: &Expected<'_>, made: &Made<'_>) -> bool {
        if wanted.name != made.name {
            return false;
        }
        let arguments = wanted
            .arguments
            .filter(|_| self.arguments != Arguments::Ignore);
        let Some(found) = &made.arguments else {
            return arguments.is_none() && wanted.schema.is_none();
        };
        let is_valid = wanted
            .schema
            .as_ref()
            .is_none_or(|schema| schema.is_valid(found));
        is_valid
            && arguments.is_none_or(|wanted| match self.arguments {
                Arguments::Subset => is_part(wanted, found),
                Arguments::Exact | Arguments::Ignore => difference(wanted, found).is_none(),
            })
    }

    /// The first expected call that was not made, or none.
    fn missing<'a>(
        &self,
        wanted: &'a [Expected<'a>],
        made: &[Made<'_>],
    ) -> Option<&'a Expected<'a>> {
        match self.order {
            Order::Any => {
                // Of each call made, the expected one that takes it (maximum matching by augmenting paths).
                let mut taken = vec![None; made.len()];
                let index = (0..wanted.len()).find(|index| {
                    let mut tried = vec![false; made.len()];
                    !self.place(*index, (wanted, made), &mut taken, &mut tried)
                });
                index.map(|index| &wanted[index])
            }
            Order::Sequence => {
                let mut rest = made.iter();
                wanted
                    .iter()
                    .find(|wanted| !rest.any(|made| self.fits(wanted, made)))
            }
            Order::Strict => {
                let mut rest = made.iter();
                wanted
                    .iter()
                    .find(|wanted| !rest.next().is_some_and(|made| self.fits(wanted, made)))
            }
        }
    }

    fn place(
        &self,
        index: usize,
        calls: (&[Expected<'_>], &[Made<'_>]),
        taken: &mut [Option<usize>],
        tried: &mut [bool],
    ) -> bool {
        let (wanted, made) = calls;
        for (at, call) in made.iter().enumerate() {
            if tried[at] || !self.fits(&wanted[index], call) {
                continue;
            }
            tried[at] = true;
            let is_free = match taken[at] {
                None => true,
                Some(other) => self.place(other, calls, taken, tried),
            };
            if is_free {
                taken[at] = Some(index);
                return true;
            }
        }
        false
    }
}

impl Rule for Calls {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let wanted = expected(subject.wanted.value())?;
        let made = made(&subject.answer.response.tool_calls)?;
        check_size(wanted.len(), made.len())?;
        let missing = self.missing(&wanted, &made);
        let surplus = !self.extra && made.len() > wanted.len();
        Ok(Reading::binary(missing.is_none() && !surplus, || {
            let calls: Vec<String> = made.iter().map(Made::show).collect();
            let calls = if calls.is_empty() {
                "none".to_owned()
            } else {
                calls.join(", ")
            };
            match missing {
                Some(missing) => format!("expected {}, got {calls}", missing.show()),
                None => format!("expected {}, got {calls}", count(wanted.len(), "call")),
            }
        }))
    }
}

fn check_size(wanted: usize, made: usize) -> OrMissing<()> {
    if wanted.max(made) <= MOST_CALLS {
        return Ok(());
    }
    Err(format!(
        "more than {MOST_CALLS} calls are too many to compare"
    ))
}

impl Expected<'_> {
    fn show(&self) -> String {
        match (self.arguments, &self.schema) {
            (Some(arguments), _) => {
                format!("{}({})", self.name, excerpt(&arguments.to_string(), SHOWN))
            }
            (None, Some(_)) => format!("{} with arguments that keep to its schema", self.name),
            (None, None) => self.name.to_owned(),
        }
    }
}

impl Made<'_> {
    fn show(&self) -> String {
        match &self.arguments {
            Some(Value::Object(none)) if none.is_empty() => self.name.to_owned(),
            Some(arguments) => format!("{}({})", self.name, excerpt(&arguments.to_string(), SHOWN)),
            None => format!("{}(no JSON)", self.name),
        }
    }
}

/// Whether all that is wanted is there, with anything beside it at any depth; lists are compared item by item.
fn is_part(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => wanted
            .iter()
            .all(|(key, wanted)| found.get(key).is_some_and(|found| is_part(wanted, found))),
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len()
                && wanted
                    .iter()
                    .zip(found)
                    .all(|(wanted, found)| is_part(wanted, found))
        }
        _ => difference(wanted, found).is_none(),
    }
}

/// The calls of an expected value.
fn expected(value: &Value) -> OrMissing<Vec<Expected<'_>>> {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    items.iter().map(expected_call).collect()
}

fn expected_call(value: &Value) -> OrMissing<Expected<'_>> {
    let refuse = || {
        Err(format!(
            "an expected call is a name, or has a `name` with `arguments` or a `schema`, found {}",
            excerpt(&value.to_string(), SHOWN)
        ))
    };
    if let Value::String(name) = value {
        return Ok(Expected {
            name,
            arguments: None,
            schema: None,
        });
    }
    let known = |call: &Map<String, Value>| {
        call.keys()
            .all(|key| matches!(key.as_str(), "name" | "arguments" | "schema"))
    };
    let Some(call) = value.as_object().filter(|call| known(call)) else {
        return refuse();
    };
    let Some(name) = call.get("name").and_then(Value::as_str) else {
        return refuse();
    };
    let schema = call.get("schema").map(|schema| {
        jsonschema::validator_for(schema)
            .map_err(|error| format!("not a JSON Schema: {}", excerpt(&error.to_string(), 160)))
    });
    Ok(Expected {
        name,
        arguments: call.get("arguments"),
        schema: schema.transpose()?,
    })
}

fn made(calls: &[ToolCall]) -> OrMissing<Vec<Made<'_>>> {
    check_size(0, calls.len())?;
    let made = calls.iter().map(|call| Made {
        name: &call.name,
        arguments: match call.arguments.trim() {
            "" => Some(json!({})),
            arguments => serde_json::from_str(arguments).ok(),
        },
    });
    Ok(made.collect())
}

#[derive(Debug)]
struct Sets {
    part: Part,
    whole: bool,
    threshold: Option<f64>,
}

impl Sets {
    /// A call as an item of a set: its name, and with arguments these in one form.
    fn item(&self, name: &str, arguments: Option<&Value>) -> String {
        if !self.whole {
            return name.to_owned();
        }
        let mut arguments = arguments.cloned().unwrap_or_else(|| json!({}));
        arguments.sort_all_objects();
        format!("{name}({arguments})")
    }
}

impl Rule for Sets {
    fn values(&self) -> Values {
        Values::Graded {
            decides: self.threshold.is_some(),
        }
    }

    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let wanted = expected(subject.wanted.value())?;
        let made = made(&subject.answer.response.tool_calls)?;
        let wanted: BTreeSet<String> = wanted
            .iter()
            .map(|call| self.item(call.name, call.arguments))
            .collect();
        let made: BTreeSet<String> = made
            .iter()
            .map(|call| self.item(call.name, call.arguments.as_ref()))
            .collect();
        let value = if wanted.is_empty() && made.is_empty() {
            1.0
        } else {
            let hits = wanted.intersection(&made).count();
            self.part.of(hits, made.len(), wanted.len())
        };
        Ok(Reading::graded(value, self.threshold, || {
            let joined = |items: &BTreeSet<String>| {
                let items: Vec<&str> = items.iter().map(String::as_str).collect();
                excerpt(&items.join(", "), SHOWN).into_owned()
            };
            format!("called [{}], expected [{}]", joined(&made), joined(&wanted))
        }))
    }
}

#[derive(Debug)]
struct Count {
    min: u64,
    max: u64,
    tools: Option<Vec<String>>,
}

impl Rule for Count {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let calls = subject.answer.response.tool_calls.iter();
        let is_counted = |call: &&ToolCall| {
            self.tools
                .as_ref()
                .is_none_or(|tools| tools.contains(&call.name))
        };
        let number = calls.filter(is_counted).count();
        let holds = (self.min..=self.max).contains(&(number as u64));
        Ok(Reading::binary(holds, || {
            let found = count(number, "call");
            let of = self
                .tools
                .as_ref()
                .map_or_else(String::new, |tools| format!(" of {}", tools.join(", ")));
            if number as u64 > self.max {
                format!("{found}{of}, expected at most {}", self.max)
            } else {
                format!("{found}{of}, expected at least {}", self.min)
            }
        }))
    }
}
