//! CSV: a cell takes the place of a cell; a column that is not there is added to each row.

use std::ops::Range;

use serde_json::Value;

use super::{Change, Columns, Edit, json_text};

/// `None` where a row is not there.
pub(super) fn edits(text: &str, columns: Columns<'_>, changes: &[Change]) -> Option<Vec<Edit>> {
    let rows = rows(text);
    let (header, rows) = rows.split_first()?;
    let mut edits = Vec::new();
    for (column, value_of) in [
        (
            columns.expected,
            (|change| &change.expected) as fn(&Change) -> &Value,
        ),
        (columns.golden, |change| &change.golden),
    ] {
        let named = |cell: &Range<usize>| unquoted(&text[cell.clone()]).trim() == column;
        let at = header.iter().position(named);
        if at.is_none() {
            let end = header.last()?.end;
            edits.push((end..end, format!(",{}", cell_of(column, false))));
        }
        for (index, row) in rows.iter().enumerate() {
            let change = changes.iter().find(|change| change.row == index);
            match (at, change) {
                (Some(at), Some(change)) => {
                    let old = row.get(at)?;
                    let was_quoted = text[old.clone()].starts_with('"');
                    edits.push((old.clone(), cell(value_of(change), was_quoted)));
                }
                (None, change) => {
                    let end = row.last()?.end;
                    let new =
                        change.map_or_else(String::new, |change| cell(value_of(change), false));
                    edits.push((end..end, format!(",{new}")));
                }
                (Some(_), None) => {}
            }
        }
    }
    Some(edits)
}

fn cell(value: &Value, quoted: bool) -> String {
    match value {
        Value::String(text) => cell_of(text, quoted),
        other => cell_of(&json_text(other, true), quoted),
    }
}

fn cell_of(text: &str, quoted: bool) -> String {
    if quoted || text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn unquoted(cell: &str) -> String {
    match cell.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').unwrap_or(rest).replace("\"\"", "\""),
        None => cell.to_owned(),
    }
}

/// The cells of each row, as they are written. Empty lines are no rows.
fn rows(text: &str) -> Vec<Vec<Range<usize>>> {
    let bytes = text.as_bytes();
    let is_end = |at: usize| at >= bytes.len() || matches!(bytes[at], b'\r' | b'\n');
    let mut rows = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if is_end(at) {
            at += 1;
            continue;
        }
        let mut row = Vec::new();
        loop {
            let start = at;
            if bytes.get(at) == Some(&b'"') {
                at = after_quotes(bytes, at);
            }
            while !is_end(at) && bytes[at] != b',' {
                at += 1;
            }
            row.push(start..at);
            if is_end(at) {
                break;
            }
            at += 1;
        }
        rows.push(row);
    }
    rows
}

/// The byte behind the quote that ends a cell.
fn after_quotes(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'"', Some(b'"')) => at += 2,
            (b'"', _) => return at + 1,
            _ => at += 1,
        }
    }
    at
}
