//! Where the expected value of a scorer comes from, and how it is read.

use std::borrow::Cow;

use serde_json::Value;

use crate::document::{Data, Node};
use crate::error::Result;
use crate::text::excerpt;
use crate::text::normalize::Normalize;

use super::entry::Entry;
use super::registry::Expects;
use super::{OrMissing, Target};

/// Characters of an expected value that a note shows.
const SHOWN: usize = 60;

/// Where the expected value comes from.
#[derive(Debug)]
pub(super) enum Expected {
    /// The scorer needs none.
    Unused,
    /// From the suite.
    Given(Given),
    /// From a column of the case.
    Column(String),
    /// From the case.
    Case,
}

/// An expected value that stands in the suite, prepared once.
#[derive(Debug)]
pub(super) struct Given {
    /// As written; for `equals-json` with JSON text already read.
    value: Value,
    /// Its texts after normalisation, where they are texts.
    texts: Vec<String>,
}

/// The expected value of one case.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted<'a> {
    Nothing,
    Given(&'a Given),
    Found(&'a Value),
}

/// One or more texts.
pub(super) enum Texts<'a> {
    Ready(&'a [String]),
    One(Cow<'a, str>),
    Many(Vec<Cow<'a, str>>),
}

/// Reads where the expected value comes from.
pub(super) fn read(entry: &Entry<'_>, normalize: &Normalize) -> Result<Expected> {
    let option = match entry.kind.expects {
        Expects::Nothing => return Ok(Expected::Unused),
        Expects::Texts(option)
        | Expects::Data(option)
        | Expects::Items(option)
        | Expects::Optional(option) => option,
    };
    match (entry.get(option), entry.get("column")) {
        (Some(_), Some(column)) => Err(entry
            .problem(
                column,
                format!("`{option}` and `column` exclude each other"),
            )
            .help("take the expected value from one place")
            .into()),
        (Some(node), None) => match entry.kind.expects {
            Expects::Data(_) => given_data(entry, node),
            Expects::Items(_) | Expects::Optional(_) => Ok(Given {
                value: node.to_json(),
                texts: Vec::new(),
            }),
            Expects::Texts(_) | Expects::Nothing => given_texts(entry, node, normalize, option),
        }
        .map(Expected::Given),
        (None, Some(column)) => Ok(Expected::Column(
            column.text().unwrap_or_default().to_owned(),
        )),
        (None, None) if matches!(entry.kind.expects, Expects::Optional(_)) => Ok(Expected::Unused),
        (None, None) => Ok(Expected::Case),
    }
}

fn given_data(entry: &Entry<'_>, node: &Node) -> Result<Given> {
    match json_of(&node.to_json()) {
        Ok(value) => Ok(Given {
            value: value.into_owned(),
            texts: Vec::new(),
        }),
        Err(message) => Err(entry.problem(node, message).into()),
    }
}

fn given_texts(
    entry: &Entry<'_>,
    node: &Node,
    normalize: &Normalize,
    option: &str,
) -> Result<Given> {
    if matches!(&node.data, Data::List(items) if items.is_empty()) {
        let message = format!("`{}` is an empty list", entry.path(option));
        return Err(entry.problem(node, message).into());
    }
    let value = node.to_json();
    // What has no texts here has the wrong shape, and was noted as such.
    let texts = texts_of(&value, normalize).map_or_else(|_| Vec::new(), |texts| texts.owned());
    Ok(Given { value, texts })
}

impl Expected {
    /// The expected value of a case.
    pub(super) fn of<'a>(&'a self, target: &Target<'a>) -> OrMissing<Wanted<'a>> {
        let found = match self {
            Self::Unused => return Ok(Wanted::Nothing),
            Self::Given(given) => return Ok(Wanted::Given(given)),
            Self::Column(column) => target
                .vars
                .get(column)
                .ok_or_else(|| format!("the case has no column `{}`", excerpt(column, SHOWN)))?,
            Self::Case => target
                .expected
                .ok_or_else(|| "the case has no expected value".to_owned())?,
        };
        if found.is_null() {
            return Err("the expected value of the case is empty".to_owned());
        }
        Ok(Wanted::Found(found))
    }

    /// Its part of the fingerprint.
    pub(super) fn identity(&self) -> Value {
        match self {
            Self::Unused | Self::Case => Value::Null,
            Self::Given(given) => serde_json::json!({"value": given.value}),
            Self::Column(column) => serde_json::json!({"column": column}),
        }
    }
}

impl<'a> Wanted<'a> {
    /// The value as texts: a text as it is, numbers and truth values by their JSON text, and a list item by item.
    pub(super) fn texts(&self, normalize: &Normalize) -> OrMissing<Texts<'a>> {
        match self {
            Self::Nothing => Ok(Texts::Ready(&[])),
            Self::Given(given) => Ok(Texts::Ready(&given.texts)),
            Self::Found(value) => texts_of(value, normalize),
        }
    }

    /// The value as data: a text is read as JSON.
    pub(super) fn json(&self) -> OrMissing<Cow<'a, Value>> {
        match self {
            Self::Nothing => Ok(Cow::Owned(Value::Null)),
            Self::Given(given) => Ok(Cow::Borrowed(&given.value)),
            Self::Found(value) => json_of(value),
        }
    }

    /// The value as it is; null where there is none.
    pub(super) fn value(&self) -> &'a Value {
        match self {
            Self::Nothing => &Value::Null,
            Self::Given(given) => &given.value,
            Self::Found(value) => value,
        }
    }

    /// The value for a note, as it stands in the suite or in the case.
    pub(super) fn describe(&self) -> String {
        let value = match self {
            Self::Nothing => return String::new(),
            Self::Given(given) => &given.value,
            Self::Found(value) => value,
        };
        match value {
            Value::Array(items) => {
                let shown: Vec<String> = items.iter().take(4).map(quoted_value).collect();
                let rest = if items.len() > 4 { " or …" } else { "" };
                format!("{}{rest}", shown.join(" or "))
            }
            value => quoted_value(value),
        }
    }
}

impl Texts<'_> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let (ready, found): (&[String], &[Cow<'_, str>]) = match self {
            Self::Ready(texts) => (texts, &[]),
            Self::One(text) => (&[], std::slice::from_ref(text)),
            Self::Many(texts) => (&[], texts),
        };
        ready
            .iter()
            .map(String::as_str)
            .chain(found.iter().map(AsRef::as_ref))
    }

    fn owned(&self) -> Vec<String> {
        self.iter().map(str::to_owned).collect()
    }
}

/// A text in quotes for a note, cut to `most` characters.
pub(super) fn quoted(text: &str, most: usize) -> String {
    format!("\"{}\"", excerpt(text, most))
}

fn quoted_value(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text, SHOWN),
        value => excerpt(&value.to_string(), SHOWN).into_owned(),
    }
}

fn texts_of<'a>(value: &'a Value, normalize: &Normalize) -> OrMissing<Texts<'a>> {
    match value {
        Value::Array(items) if items.is_empty() => {
            Err("the expected value is an empty list".to_owned())
        }
        Value::Array(items) => items
            .iter()
            .map(|item| text_of(item, normalize))
            .collect::<OrMissing<_>>()
            .map(Texts::Many),
        value => text_of(value, normalize).map(Texts::One),
    }
}

fn text_of<'a>(value: &'a Value, normalize: &Normalize) -> OrMissing<Cow<'a, str>> {
    match value {
        Value::String(text) => Ok(normalize.apply(text)),
        Value::Number(_) | Value::Bool(_) => {
            Ok(Cow::Owned(normalize.apply(&value.to_string()).into_owned()))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => Err(format!(
            "the expected value must be a text or a list of texts, found {}; `equals-json` compares data",
            excerpt(&value.to_string(), SHOWN)
        )),
    }
}

fn json_of(value: &Value) -> OrMissing<Cow<'_, Value>> {
    match value {
        Value::String(text) => serde_json::from_str(text)
            .map(Cow::Owned)
            .map_err(|error| format!("the expected value is not JSON: {error}")),
        value => Ok(Cow::Borrowed(value)),
    }
}
