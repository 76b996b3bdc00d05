//! Changes values in the text of a golden file at their places.
//!
//! What was edited is read again: if anything but the wanted values differs, the file is left as it is.

mod csv;
mod jsonl;
mod yaml;

use std::fmt::Write as _;
use std::ops::Range;

use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

use crate::document::Source;
use crate::error::{Diagnostic, Error, Result};
use crate::golden::Case;
use crate::suite::CaseSource;

/// What shall stand in a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    /// Which case of the file, from 0.
    pub(super) row: usize,
    /// The approved output.
    pub(super) expected: Value,
    /// Its provenance.
    pub(super) golden: Value,
}

/// The columns that are written.
#[derive(Debug, Clone, Copy)]
struct Columns<'a> {
    expected: &'a str,
    golden: &'a str,
}

/// A piece of text that takes the place of some bytes.
type Edit = (Range<usize>, String);

/// The text of a file with the changes in it, which are sorted by row.
pub(super) fn edited(source: &Source, of: &CaseSource, changes: &[Change]) -> Result<String> {
    let columns = Columns {
        expected: of.column("expected"),
        golden: of.column("golden"),
    };
    let text = &*source.text;
    let edits = match (of, source.file.rsplit('.').next()) {
        (CaseSource::Inline, _) | (CaseSource::File(_), Some("yaml" | "yml")) => {
            yaml::edits(source, of, columns, changes)?
        }
        (CaseSource::File(_), Some("csv")) => csv::edits(text, columns, changes),
        (CaseSource::File(_), _) => jsonl::edits(text, columns, changes),
    };
    let edits = edits.ok_or_else(|| cannot_edit(source))?;
    Ok(applied(text, &edits))
}

/// Whether the cases after an edit are those before it with the changes, and nothing else.
pub(super) fn is_as_wanted(before: &[Case], after: &[Case], changes: &[Change]) -> bool {
    let mut wanted = before.to_vec();
    for change in changes {
        let Some(case) = wanted.get_mut(change.row) else {
            return false;
        };
        case.expected = Some(change.expected.clone());
        case.golden = Some(change.golden.clone());
    }
    // A CSV cell holds a provenance as text.
    let data = |case: &Case| match &case.golden {
        Some(Value::String(text)) => serde_json::from_str(text).ok(),
        other => other.clone(),
    };
    wanted.len() == after.len()
        && wanted.iter().zip(after).all(|(wanted, found)| {
            let same = Case {
                golden: wanted.golden.clone(),
                ..found.clone()
            };
            *wanted == same && (wanted.golden == found.golden || data(wanted) == data(found))
        })
}

pub(super) fn cannot_edit(source: &Source) -> Error {
    Diagnostic::new("this file is written in a way that cannot be edited at one place")
        .at(source.place(0..0))
        .help("write the golden by hand, or write the case in a plainer form")
        .into()
}

/// The text with the edits in it; they are sorted, and those at one place keep their order.
fn applied(text: &str, edits: &[Edit]) -> String {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|(range, _)| range.start);
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for (range, new) in sorted {
        result.push_str(&text[at.min(range.start)..range.start]);
        result.push_str(new);
        at = range.end;
    }
    result.push_str(&text[at..]);
    result
}

/// JSON in one line; `spaced` with a space after commas and colons. What does not print is escaped, which YAML asks
/// for and JSON allows.
fn json_text(value: &Value, spaced: bool) -> String {
    use serde::Serialize as _;
    let mut bytes = Vec::new();
    let written = if spaced {
        value.serialize(&mut Serializer::with_formatter(&mut bytes, Spaced))
    } else {
        value.serialize(&mut Serializer::new(&mut bytes))
    };
    written.expect("a value in memory is JSON");
    let text = String::from_utf8(bytes).expect("JSON is UTF-8");
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let code = u32::from(c);
        if matches!(
            code,
            0x7f..=0x9f | 0x2028 | 0x2029 | 0xfeff | 0xfffe | 0xffff
        ) {
            let _ = write!(shown, "\\u{code:04x}");
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Writes JSON as people and Python do.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests;
