//! YAML: a value takes the place of a value in the same style, or its key is added behind the last one.

use std::ops::Range;

use serde_json::Value;

use super::{Change, Columns, Edit, json_text};
use crate::document::{Data, Document, Key, Node, Source};
use crate::error::Result;
use crate::suite::CaseSource;

/// Spaces by which the lines of a text stand deeper than its key.
const DEEPER: usize = 2;

/// `None` where a row is not there, or is written in a way that has no one place.
pub(super) fn edits(
    source: &Source,
    of: &CaseSource,
    columns: Columns<'_>,
    changes: &[Change],
) -> Result<Option<Vec<Edit>>> {
    let document = Document::parse(source.clone())?;
    let list = match of {
        CaseSource::Inline => document.root.get("cases"),
        CaseSource::File(_) => Some(&document.root),
    };
    let rows = list.map(Node::items).unwrap_or_default();
    let mut edits = Vec::new();
    for change in changes {
        let of_row = rows
            .get(change.row)
            .and_then(|row| Row::new(&source.text, row))
            .and_then(|row| row.edits(columns, change));
        let Some(of_row) = of_row else {
            return Ok(None);
        };
        edits.extend(of_row);
    }
    Ok(Some(edits))
}

/// A case in the file.
struct Row<'a> {
    text: &'a str,
    entries: &'a [(Key, Node)],
    /// Whether it stands in braces.
    is_flow: bool,
    /// Columns in front of its keys.
    indent: usize,
}

/// How a text is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// As it is.
    Plain,
    Single,
    Double,
    /// Lines behind `|`.
    Block,
    /// None yet: the plainest that holds the text.
    New,
}

impl<'a> Row<'a> {
    fn new(text: &'a str, node: &'a Node) -> Option<Self> {
        let entries = node.entries();
        let (first, _) = entries.first()?;
        let line = text[..first.span.start].rfind('\n').map_or(0, |at| at + 1);
        Some(Self {
            text,
            entries,
            is_flow: text[node.span.start..].starts_with('{'),
            indent: text[line..first.span.start].chars().count(),
        })
    }

    fn edits(&self, columns: Columns<'_>, change: &Change) -> Option<Vec<Edit>> {
        let mut edits = Vec::new();
        let last = self.entries.last()?;
        // The provenance stands beside the value.
        let anchor = self.find(columns.expected).unwrap_or(last);
        for (column, value) in [
            (columns.expected, &change.expected),
            (columns.golden, &change.golden),
        ] {
            if let Some((key, old)) = self.find(column) {
                let place = self.place(key, old)?;
                let style = self.style(&place, old);
                // A comment behind the value would become a part of the lines of a text.
                let rest = self.text[place.end..].lines().next();
                let may_break = rest.is_none_or(|rest| rest.trim().is_empty());
                let colon = if self.text[..place.start].ends_with(':') {
                    " "
                } else {
                    ""
                };
                edits.push((
                    place,
                    format!("{colon}{}", self.written(value, style, may_break)),
                ));
                continue;
            }
            let end = self.place(&anchor.0, &anchor.1)?.end;
            let key = self.written(&column.into(), Style::New, true);
            let value = self.written(value, Style::New, true);
            if self.is_flow {
                edits.push((end..end, format!(", {key}: {value}")));
            } else {
                let rest = &self.text[end..];
                let at = end + rest.find(['\r', '\n']).unwrap_or(rest.len());
                let line_end = if self.text.contains("\r\n") {
                    "\r\n"
                } else {
                    "\n"
                };
                let indent = " ".repeat(self.indent);
                edits.push((at..at, format!("{line_end}{indent}{key}: {value}")));
            }
        }
        Some(edits)
    }

    fn find(&self, column: &str) -> Option<&'a (Key, Node)> {
        self.entries.iter().find(|(key, _)| key.name == column)
    }

    /// The bytes of a value, with `|` and its like where its text stands in lines of its own.
    fn place(&self, key: &Key, value: &Node) -> Option<Range<usize>> {
        let colon = key.span.end + self.text[key.span.end..].find(':')? + 1;
        let gap = self.text[colon..].len() - self.text[colon..].trim_start_matches(' ').len();
        let start = colon + gap;
        if matches!(value.data, Data::Null) && value.span.is_empty() {
            return Some(colon..colon);
        }
        let end = self.end(value)?;
        // The lines of a list or of keys begin below: what takes their place stands behind the colon.
        let start = if self.text[start..].starts_with(['\r', '\n']) {
            colon
        } else {
            start
        };
        Some(start..end.max(start))
    }

    fn end(&self, value: &Node) -> Option<usize> {
        let start = value.span.start;
        let ends = match &value.data {
            Data::List(items) => items.iter().map(|item| self.end(item)).collect(),
            Data::Map(entries) => entries.iter().map(|(_, value)| self.end(value)).collect(),
            Data::Null | Data::Bool(_) | Data::Number(_) | Data::Text(_) => {
                let end = self.text[..value.span.end].trim_end().len();
                return Some(end.max(start));
            }
        };
        let ends: Option<Vec<usize>> = ends;
        let end = ends?.into_iter().max();
        let closing = match self.text[start..].chars().next()? {
            '{' => '}',
            '[' => ']',
            _ => return end,
        };
        let inside = end.unwrap_or(start + 1);
        let found = self.text[inside..].find(closing)?;
        Some(inside + found + 1)
    }

    fn style(&self, place: &Range<usize>, old: &Node) -> Style {
        match (self.text[place.clone()].chars().next(), &old.data) {
            (Some('\''), _) => Style::Single,
            (Some('"'), _) => Style::Double,
            (Some('|' | '>'), _) => Style::Block,
            (Some(_), Data::Text(_)) => Style::Plain,
            _ => Style::New,
        }
    }

    /// A value in a style, or in a plainer one where that cannot hold it; in several lines only where it may break.
    fn written(&self, value: &Value, style: Style, may_break: bool) -> String {
        let Value::String(text) = value else {
            return json_text(value, true);
        };
        let single = format!("'{}'", text.replace('\'', "''"));
        let block = self.block(text).filter(|_| may_break);
        let tried = match style {
            Style::Plain | Style::New if text.contains('\n') => [block, None],
            Style::Plain | Style::New => [Some(text.clone()), None],
            Style::Single => [Some(single), None],
            Style::Block => [block, Some(single)],
            Style::Double => [None, None],
        };
        let mut tried = tried.into_iter().flatten();
        tried
            .find(|written| self.reads_as(written, text))
            .unwrap_or_else(|| json_text(value, true))
    }

    /// The text in lines of its own, where they may stand.
    fn block(&self, text: &str) -> Option<String> {
        let (content, sign) = match text.strip_suffix('\n') {
            Some(content) => (content, "|"),
            None => (text, "|-"),
        };
        if self.is_flow || content.is_empty() || content.ends_with('\n') || text.contains('\r') {
            return None;
        }
        let line_end = if self.text.contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        };
        let indent = " ".repeat(self.indent + DEEPER);
        let lines = content.split('\n').map(|line| {
            if line.is_empty() {
                line_end.to_owned()
            } else {
                format!("{line_end}{indent}{line}")
            }
        });
        Some(format!("{sign}{}", lines.collect::<String>()))
    }

    /// Whether a value is read as this text at a place like this one.
    fn reads_as(&self, written: &str, text: &str) -> bool {
        let around = if self.is_flow {
            format!("[{{ a: {written}, b: c }}]")
        } else {
            let indent = " ".repeat(self.indent);
            let first = " ".repeat(self.indent.saturating_sub(1));
            format!("-{first}x: 1\n{indent}a: {written}\n{indent}b: c\n")
        };
        let parsed = Document::parse(Source::new("", around));
        parsed.is_ok_and(|document| {
            let row = document.root.items().first();
            let read = |key: &str| row.and_then(|row| row.get(key)).and_then(Node::text);
            read("a") == Some(text) && read("b") == Some("c")
        })
    }
}
