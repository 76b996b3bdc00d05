//! One row of a dataset as a case: each cell read as what its column wants.

use serde_json::{Map, Value};

use super::{Case, Columns, Row};
use crate::digest::Digest;
use crate::document::Source;
use crate::error::{Diagnostic, Problems};

/// Reads the cells of one row; notes those that are not what their column wants.
struct Cells<'a> {
    source: &'a Source,
    row: Row,
    columns: &'a Columns,
    problems: &'a mut Problems,
}

impl Cells<'_> {
    /// Takes a reserved cell; one without content is as good as none.
    fn take(&mut self, reserved: &str) -> Option<Value> {
        let value = self
            .row
            .values
            .shift_remove(self.columns.column(reserved))?;
        (!value.is_null() && value != "").then_some(value)
    }

    fn refuse(&mut self, reserved: &str, value: &Value, wants: &str) {
        self.problems.push(
            Diagnostic::new(format!(
                "`{}` wants {wants}, found {value}",
                self.columns.column(reserved)
            ))
            .at(self.source.place(self.row.span.clone())),
        );
    }

    fn text(&mut self, reserved: &str) -> Option<String> {
        match self.take(reserved)? {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            other => {
                self.refuse(reserved, &other, "a text");
                None
            }
        }
    }

    fn tags(&mut self) -> Vec<String> {
        let Some(value) = self.take("tags") else {
            return Vec::new();
        };
        match &value {
            Value::String(text) => text
                .split(';')
                .map(|tag| tag.trim().to_owned())
                .filter(|tag| !tag.is_empty())
                .collect(),
            Value::Array(items) if items.iter().all(Value::is_string) => items
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            other => {
                self.refuse("tags", other, "a list of words, or words parted by `;`");
                Vec::new()
            }
        }
    }

    fn weight(&mut self) -> f64 {
        let Some(value) = self.take("weight") else {
            return 1.0;
        };
        let weight = value
            .as_f64()
            .or_else(|| value.as_str()?.trim().parse().ok());
        if let Some(weight) = weight.filter(|weight| weight.is_finite() && *weight > 0.0) {
            weight
        } else {
            self.refuse("weight", &value, "a number above 0");
            1.0
        }
    }

    fn flag(&mut self, reserved: &str) -> bool {
        let Some(value) = self.take(reserved) else {
            return false;
        };
        match (value.as_bool(), value.as_str()) {
            (Some(flag), _) => flag,
            (_, Some("true")) => true,
            (_, Some("false")) => false,
            _ => {
                self.refuse(reserved, &value, "true or false");
                false
            }
        }
    }

    /// The variables that the suite maps. A reserved column may be one too.
    fn mapped(&self) -> Option<Map<String, Value>> {
        let columns = self.columns.vars.as_ref()?.iter();
        let cell = |(name, column): (&String, &String)| {
            Some((name.clone(), self.row.values.get(column)?.clone()))
        };
        Some(columns.filter_map(cell).collect())
    }
}

/// The case that a row holds; `None` where it has no id and others have one.
pub(super) fn case_of(
    source: &Source,
    row: Row,
    columns: &Columns,
    problems: &mut Problems,
) -> Option<Case> {
    let mut cells = Cells {
        source,
        row,
        columns,
        problems,
    };
    let mapped = cells.mapped();
    let has_id = cells.row.values.contains_key(columns.column("id"));
    let id = cells.text("id");
    if has_id && id.is_none() {
        let span = cells.row.span.clone();
        cells.problems.push(
            Diagnostic::new("this case has no id")
                .at(source.place(span))
                .help("give every case an id, or none of them"),
        );
        return None;
    }
    let case = Case {
        expected: cells.take("expected"),
        tags: cells.tags(),
        cluster: cells.text("cluster"),
        weight: cells.weight(),
        split: cells.text("split"),
        critical: cells.flag("critical"),
        must_pass: cells.flag("must_pass"),
        scorers: cells.take("scorers"),
        golden: cells.take("golden"),
        // Without a mapping, what is left after the reserved cells were taken.
        vars: mapped.unwrap_or(cells.row.values),
        id: String::new(),
    };
    let id = id.unwrap_or_else(|| Digest::of(&case.vars).short());
    Some(Case { id, ..case })
}
