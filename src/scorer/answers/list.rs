//! Lists that stand in a text, and how much two of them share.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::super::edit::{Interner, longest_common};
use super::super::entry::Entry;
use super::super::expected::quoted;
use super::super::likeness::check_words;
use super::super::overlap::{Part, multiset_hits};
use super::super::{OrMissing, Reading, Rule, Subject, Values};

/// How lists are parted and compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lists {
    split: Split,
    part: Part,
    ordered: bool,
    threshold: Option<f64>,
}

/// How a text is parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Split {
    Auto,
    Json,
    Lines,
    Commas,
}

impl Split {
    pub(super) const NAMES: &[&str] = &["auto", "json", "lines", "commas"];

    fn named(name: &str) -> Self {
        match name {
            "json" => Self::Json,
            "lines" => Self::Lines,
            "commas" => Self::Commas,
            _ => Self::Auto,
        }
    }

    fn items(self, text: &str) -> Vec<String> {
        let lines = || text.lines().map(unmarked);
        let split = match self {
            Self::Json => return json_items(text).unwrap_or_default(),
            Self::Auto => {
                if let Some(items) = json_items(text) {
                    return items;
                }
                if lines().filter(|line| !line.is_empty()).count() > 1 {
                    Self::Lines
                } else {
                    Self::Commas
                }
            }
            split => split,
        };
        let items: Vec<&str> = match split {
            Self::Lines => lines().collect(),
            _ => text
                .split([',', ';', '，', '；', '、', '\n'])
                .map(unmarked)
                .collect(),
        };
        let items = items.into_iter().filter(|item| !item.is_empty());
        items.map(str::to_owned).collect()
    }
}

/// An item without white space and the bullet or number before it.
fn unmarked(item: &str) -> &str {
    static MARK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^(?:[-*•–+]|\d{1,3}[.)])\s+").expect("the pattern is valid"));
    let item = item.trim();
    let end = MARK.find(item).map_or(0, |mark| mark.end());
    item[end..].trim()
}

/// The items of a text that is a JSON list: texts as they are, other values as compact JSON.
fn json_items(text: &str) -> Option<Vec<String>> {
    let items: Vec<Value> = serde_json::from_str(text.trim()).ok()?;
    Some(items.iter().map(item_text).collect())
}

fn item_text(item: &Value) -> String {
    match item {
        Value::String(text) => text.trim().to_owned(),
        item => item.to_string(),
    }
}

impl Lists {
    pub(super) fn of(entry: &Entry<'_>) -> Self {
        Self {
            split: Split::named(entry.text("split").unwrap_or_default()),
            part: entry
                .text("value")
                .and_then(Part::named)
                .unwrap_or(Part::F1),
            ordered: entry.flag("ordered"),
            threshold: entry.share("threshold"),
        }
    }

    fn likeness(&self, found: &[String], wanted: &[String]) -> OrMissing<f64> {
        check_words(found.len() + wanted.len())?;
        if found.is_empty() && wanted.is_empty() {
            return Ok(1.0);
        }
        let mut interner = Interner::default();
        let wanted = interner.numbers(wanted.iter().map(String::as_str));
        let found = interner.numbers(found.iter().map(String::as_str));
        let hits = if self.ordered {
            longest_common(&wanted, &found)
        } else {
            multiset_hits(&wanted, &found)
        };
        Ok(self.part.of(hits, found.len(), wanted.len()))
    }
}

impl Rule for Lists {
    fn values(&self) -> Values {
        Values::Graded {
            decides: self.threshold.is_some(),
        }
    }

    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let alike = |item: &String| subject.normalize.apply(item).trim().to_owned();
        let wanted = match subject.wanted.value() {
            Value::Array(items) => items.iter().map(item_text).collect(),
            Value::String(text) => Split::Auto.items(text),
            other => vec![other.to_string()],
        };
        let wanted: Vec<String> = wanted.iter().map(alike).collect();
        let found: Vec<String> = self.split.items(subject.text).iter().map(alike).collect();
        let value = self.likeness(&found, &wanted)?;
        Ok(Reading::graded(value, self.threshold, || {
            let missing = wanted.iter().filter(|item| !found.contains(item));
            let extra = found.iter().filter(|item| !wanted.contains(item));
            let named = |what: &str, items: Vec<&String>| match items.as_slice() {
                [] => String::new(),
                items => {
                    let shown: Vec<String> =
                        items.iter().take(3).map(|item| quoted(item, 40)).collect();
                    format!(" {} {what}, such as {};", items.len(), shown.join(", "))
                }
            };
            let missing = named("missing", missing.collect());
            let extra = named("too many", extra.collect());
            format!("{missing}{extra}")
                .trim_matches([' ', ';'])
                .to_owned()
        }))
    }
}
