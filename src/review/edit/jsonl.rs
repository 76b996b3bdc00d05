//! JSON lines: a value takes the place of a value, or is added behind the last one.

use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::{Change, Columns, Edit, json_text};

/// `None` where a row is not there.
pub(super) fn edits(text: &str, columns: Columns<'_>, changes: &[Change]) -> Option<Vec<Edit>> {
    let mut starts = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if !line.trim_end().is_empty() {
            starts.push((start, line.trim_end()));
        }
        start += line.len();
    }
    let mut edits = Vec::new();
    for change in changes {
        let (start, line) = *starts.get(change.row)?;
        let values: IndexMap<String, &RawValue> = serde_json::from_str(line).ok()?;
        // The values are parts of the line, so their addresses tell where they stand in it.
        let place = |value: &RawValue| {
            let at = value.get().as_ptr() as usize - line.as_ptr() as usize;
            start + at..start + at + value.get().len()
        };
        let spaced = is_spaced(line);
        let (gap, colon) = if spaced { (", ", ": ") } else { (",", ":") };
        let mut end = values.values().map(|value| place(value).end).max();
        for (column, value) in [
            (columns.expected, &change.expected),
            (columns.golden, &change.golden),
        ] {
            let new = json_text(value, spaced);
            if let Some(old) = values.get(column) {
                edits.push((place(old), new));
                continue;
            }
            let key = json_text(&column.into(), false);
            let gap = if end.is_some() { gap } else { "" };
            let at = *end.get_or_insert(start + line.find('{')? + 1);
            edits.push((at..at, format!("{gap}{key}{colon}{new}")));
        }
    }
    Some(edits)
}

/// Whether a space stands after the first colon that ends a key.
fn is_spaced(line: &str) -> bool {
    let mut rest = line.trim_start_matches(['{', ' ', '\t']).chars();
    let mut escaped = true;
    for c in rest.by_ref() {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => break,
            _ => escaped = false,
        }
    }
    let rest = rest.as_str().trim_start();
    rest.strip_prefix(':')
        .is_none_or(|rest| rest.starts_with(' '))
}
