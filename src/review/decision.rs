//! Decisions on proposals, as a person makes them in a session or a script writes them into a file.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::document::Source;
use crate::error::{Diagnostic, Result};

/// The version of the form of a file of decisions.
pub const FORMAT: &str = "regauge-decisions/1";

/// What was decided about the outputs of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decisions {
    /// [`FORMAT`].
    pub format: String,
    /// The name of the suite.
    pub suite: String,
    /// The id of the run.
    pub run: String,
    /// What was decided, case by case.
    pub decisions: Vec<Decision>,
}

/// What was decided about a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The id of the case.
    pub case: String,
    /// What to do.
    pub action: Action,
    /// The digest of the golden that was looked at; `None` where there was none.
    #[serde(default)]
    pub old: Option<Digest>,
    /// The digest of the output that was looked at.
    #[serde(default)]
    pub output: Option<Digest>,
    /// What a person made of the output, for [`Action::Edit`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What to do about a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The output becomes the golden.
    Accept,
    /// The golden stays.
    Reject,
    /// Nothing is decided yet.
    Skip,
    /// What a person made of the output becomes the golden.
    Edit,
}

impl Decisions {
    /// Reads a file of decisions.
    pub fn parse(source: &Source) -> Result<Self> {
        let parsed: Self = serde_json::from_str(&source.text).map_err(|error| {
            let lines = source.text.split_inclusive('\n');
            let before: usize = lines
                .take(error.line().saturating_sub(1))
                .map(str::len)
                .sum();
            let at = (before + error.column().saturating_sub(1)).min(source.text.len());
            let whole = error.to_string();
            let message = whole.split(" at line ").next().unwrap_or_default();
            Diagnostic::new(format!("not a file of decisions: {message}"))
                .at(source.place(at..at))
                .help("`regauge review --list --json` prints the digests that a decision names")
        })?;
        if parsed.format != FORMAT {
            return Err(Diagnostic::new(format!(
                "cannot read decisions of format `{}`",
                parsed.format
            ))
            .at(source.place(0..0))
            .help(format!("this version reads `{FORMAT}`"))
            .into());
        }
        for (index, decision) in parsed.decisions.iter().enumerate() {
            let earlier = &parsed.decisions[..index];
            let message = if earlier.iter().any(|other| other.case == decision.case) {
                "is decided twice"
            } else if decision.action == Action::Edit && decision.value.is_none() {
                "is to be edited, but has no `value`"
            } else if decision.action == Action::Accept && decision.value.is_some() {
                "is to be accepted, but has a `value`: that is an edit"
            } else {
                continue;
            };
            return Err(
                Diagnostic::new(format!("case `{}` {message}", decision.case))
                    .at(source.place(0..0))
                    .help("decide about each case once")
                    .into(),
            );
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let error = Decisions::parse(&Source::new("d.json", text)).unwrap_err();
        error.render(false)
    }

    #[test]
    fn a_file_that_says_something_else_is_refused_where_it_says_it() {
        let file = |decisions: &str| {
            format!(
                "{{\"format\": \"regauge-decisions/1\", \"suite\": \"s\", \"run\": \"r\",\n \"decisions\": [{decisions}]}}"
            )
        };
        for (name, text) in [
            ("broken", "{\"format\": 1".to_owned()),
            (
                "unknown_action",
                file("{\"case\": \"a\", \"action\": \"approve\"}"),
            ),
            (
                "unknown_key",
                file("{\"case\": \"a\", \"action\": \"skip\", \"because\": \"x\"}"),
            ),
            (
                "twice",
                file(
                    "{\"case\": \"a\", \"action\": \"skip\"}, {\"case\": \"a\", \"action\": \"accept\"}",
                ),
            ),
            (
                "edit_without_value",
                file("{\"case\": \"a\", \"action\": \"edit\"}"),
            ),
            ("newer", file("").replace("/1", "/2")),
        ] {
            insta::assert_snapshot!(name, refused(&text));
        }
    }
}
