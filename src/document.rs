//! YAML as a tree in which every key and value knows its place, so that a mistake found later can be shown in the file.
//!
//! This is the only room that knows the YAML reader.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Location, Spanned};

use crate::error::{Diagnostic, Place, Result};

/// Nodes that one file may hold; far above any golden file that is still YAML, far below what fills the memory.
const MOST_NODES: usize = 5_000_000;

/// Nodes that aliases may copy: a few lines of nested aliases ask for any number of them.
const MOST_COPIES: usize = 50_000;

/// A file that was read.
#[derive(Debug)]
pub struct Document {
    /// The file and its text.
    pub source: Source,
    /// Its top value.
    pub root: Node,
}

/// The text of a file with the name under which it is shown.
#[derive(Debug, Clone)]
pub struct Source {
    /// The path as it is shown to people: relative to the workspace.
    pub file: Arc<str>,
    /// All of the text.
    pub text: Arc<str>,
}

impl Source {
    /// A text with its name.
    pub fn new(file: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self {
            file: file.into(),
            text: text.into(),
        }
    }

    /// The place of the bytes `span`.
    pub fn place(&self, span: Range<usize>) -> Place {
        Place::span(self.file.clone(), self.text.clone(), 1, span)
    }
}

/// A value with the bytes of the file that hold it.
#[derive(Debug, Clone)]
pub struct Node {
    /// The value.
    pub data: Data,
    /// Where it stands in the text of the file.
    pub span: Range<usize>,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub enum Data {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A finite number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys with values, in the order of the file; no key stands twice.
    Map(Vec<(Key, Node)>),
}

/// A key with its place.
#[derive(Debug, Clone)]
pub struct Key {
    /// The key.
    pub name: String,
    /// Where it stands in the text of the file.
    pub span: Range<usize>,
}

impl Document {
    /// Reads a whole file.
    pub fn parse(source: Source) -> Result<Self> {
        let whole = 0..source.text.len();
        Self::parse_part(source, whole)
    }

    /// Reads the bytes `part` of a file; places count from the start of the file.
    pub fn parse_part(source: Source, part: Range<usize>) -> Result<Self> {
        let text = &source.text[part.clone()];
        match serde_saphyr::from_str_with_options::<Node>(text, reader_options()) {
            Ok(mut root) => {
                root.shift(part.start);
                Ok(Self { source, root })
            }
            Err(error) => Err(diagnose(&error, &source, part.start).into()),
        }
    }

    /// The place of a node.
    pub fn place(&self, node: &Node) -> Place {
        self.source.place(node.span.clone())
    }
}

/// Types are only what YAML 1.2 says they are: `no`, `0777` and `1_000` stay texts.
fn reader_options() -> serde_saphyr::Options {
    let mut budget = serde_saphyr::Budget::default();
    budget.max_nodes = MOST_NODES;
    budget.max_events = 4 * MOST_NODES;
    budget.max_recorded_anchor_events = MOST_COPIES;
    serde_saphyr::options! {
        budget: Some(budget),
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false
    }
}

fn diagnose(error: &serde_saphyr::Error, source: &Source, offset: usize) -> Diagnostic {
    let text = &source.text[offset..];
    let whole = error.without_snippet().to_string();
    // The reader repeats the position and speaks of its own settings; the place says the one, nobody needs the other.
    let message = [" at line ", ", set ", "\n"]
        .iter()
        .fold(whole.as_str(), |message, tail| {
            message.split(tail).next().unwrap_or_default()
        });
    let message = message.trim_end_matches([':', '.']);
    let start = error
        .location()
        .map_or(0, |location| offset_of(text, location));
    let end = start + text[start..].chars().next().map_or(0, char::len_utf8);
    let place = source.place(start + offset..end + offset);
    // The budget is named after parts of the reader.
    if message.starts_with("budget breached") {
        return Diagnostic::new("this YAML is too large, too deep, or its aliases make it so")
            .at(place)
            .help("keep large datasets as JSON lines or CSV");
    }
    Diagnostic::new(format!("not valid YAML: {message}")).at(place)
}

/// Where the line and column of an error lie in the text; errors carry no byte offset.
fn offset_of(text: &str, location: Location) -> usize {
    let whole = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).saturating_sub(1);
    let line_start: usize = text
        .split_inclusive('\n')
        .take(whole(location.line()))
        .map(str::len)
        .sum();
    let line = text[line_start..].lines().next().unwrap_or_default();
    line_start
        + line
            .char_indices()
            .nth(whole(location.column()))
            .map_or(line.len(), |(at, _)| at)
}

fn bytes_of(location: Location) -> Range<usize> {
    let whole = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let start = whole(location.span().byte_offset());
    start..start + whole(location.span().byte_len())
}

impl Node {
    fn shift(&mut self, offset: usize) {
        shift(&mut self.span, offset);
        match &mut self.data {
            Data::List(items) => items.iter_mut().for_each(|item| item.shift(offset)),
            Data::Map(entries) => {
                for (key, value) in entries {
                    shift(&mut key.span, offset);
                    value.shift(offset);
                }
            }
            Data::Null | Data::Bool(_) | Data::Number(_) | Data::Text(_) => {}
        }
    }

    /// The value of a key, if this is a map that has it.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .find(|(key, _)| key.name == name)
            .map(|(_, value)| value)
    }

    /// The text, if this is one.
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if this is one.
    pub fn number(&self) -> Option<f64> {
        match &self.data {
            Data::Number(number) => number.as_f64(),
            _ => None,
        }
    }

    /// The whole number from 0 up, if this is one.
    pub fn count(&self) -> Option<u64> {
        match &self.data {
            Data::Number(number) => number.as_u64(),
            _ => None,
        }
    }

    /// The truth value, if this is one.
    pub fn bool(&self) -> Option<bool> {
        match self.data {
            Data::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The items, if this is a list; none otherwise.
    pub fn items(&self) -> &[Self] {
        match &self.data {
            Data::List(items) => items,
            _ => &[],
        }
    }

    /// The entries, if this is a map; none otherwise.
    pub fn entries(&self) -> &[(Key, Self)] {
        match &self.data {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value without its places.
    pub fn to_json(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(value) => Value::Bool(*value),
            Data::Number(number) => Value::Number(number.clone()),
            Data::Text(text) => Value::String(text.clone()),
            Data::List(items) => items.iter().map(Self::to_json).collect(),
            Data::Map(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, value)| (key.name.clone(), value.to_json()));
                Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }
}

fn shift(span: &mut Range<usize>, offset: usize) {
    span.start += offset;
    span.end += offset;
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let spanned = Spanned::<Data>::deserialize(deserializer)?;
        Ok(Self {
            data: spanned.value,
            span: bytes_of(spanned.referenced),
        })
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(DataVisitor)
    }
}

struct DataVisitor;

impl<'de> Visitor<'de> for DataVisitor {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> std::result::Result<Data, E> {
        Ok(Data::Null)
    }

    fn visit_none<E>(self) -> std::result::Result<Data, E> {
        Ok(Data::Null)
    }

    fn visit_some<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Data, D::Error> {
        Data::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Data, E> {
        Ok(Data::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Data, E> {
        Ok(Data::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Data, E> {
        Ok(Data::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> std::result::Result<Data, E> {
        Number::from_f64(value)
            .map(Data::Number)
            .ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Data, E> {
        Ok(Data::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> std::result::Result<Data, E> {
        Ok(Data::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Data, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Data::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Data, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Node, Node>()? {
            let name = match key.data {
                Data::Text(text) => text,
                Data::Number(number) => number.to_string(),
                Data::Bool(value) => value.to_string(),
                Data::Null | Data::List(_) | Data::Map(_) => {
                    return Err(A::Error::custom("a key must be a text"));
                }
            };
            entries.push((
                Key {
                    name,
                    span: key.span,
                },
                value,
            ));
        }
        Ok(Data::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Document> {
        Document::parse(Source::new("a.yaml", text))
    }

    #[test]
    fn every_value_and_key_knows_its_place() {
        let document = parse("é: 1\nmodels:\n  - small\n  - {name: large}\n").unwrap();
        let models = document.root.get("models").unwrap();
        let (key, name) = &models.items()[1].entries()[0];
        assert_eq!(document.place(&models.items()[0]).to_string(), "a.yaml:3:5");
        assert_eq!(&document.source.text[name.span.clone()], "large");
        assert_eq!(&document.source.text[key.span.clone()], "name");
    }

    #[test]
    fn types_are_those_of_yaml_1_2() {
        let document = parse("[no, 0777, 1_000, 1.5, true, ~, 12, 'x']").unwrap();
        let json = document.root.to_json();
        assert_eq!(
            json,
            serde_json::json!(["no", "0777", "1_000", 1.5, true, null, 12, "x"])
        );
    }

    #[test]
    fn a_part_of_a_file_has_places_in_the_whole_file() {
        let source = Source::new("v1.md", "---\ninputs: [a]\n---\n");
        let document = Document::parse_part(source, 4..16).unwrap();
        let inputs = document.root.get("inputs").unwrap();
        assert_eq!(document.place(&inputs.items()[0]).to_string(), "v1.md:2:10");
    }

    #[test]
    fn broken_yaml_and_duplicate_keys_are_shown_where_they_stand() {
        insta::assert_snapshot!(parse("a: [1, 2\nb: 3\n").unwrap_err().render(false));
        insta::assert_snapshot!(parse("a: 1\nb: 2\na: 3\n").unwrap_err().render(false));
        insta::assert_snapshot!(parse("a: *nowhere\n").unwrap_err().render(false));
    }
}
