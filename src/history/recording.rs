//! Recordings: exchanges as JSON lines that stand in `golden/recordings/`, readable in a pull request.
//!
//! One line is one request with the answers of all its repeats:
//!
//! ```json
//! {"prompt": "triage@v1", "case": "t-001", "request": {…}, "answers": {"1": {…}, "2": {…}}}
//! ```
//!
//! The digest of the request is made anew when a line is read, so a request that was edited by hand no longer answers.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::document::Source;
use crate::error::{Diagnostic, Error, Result};
use crate::exchange::{Answered, Call, Request, address};
use crate::files::replace_file;

/// One request with the answers of its repeats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The prompt version that made the request, for the reader.
    pub prompt: String,
    /// The case that it was made for, for the reader.
    pub case: String,
    /// What was asked.
    pub request: Request,
    /// What came back, by the number of the repeat.
    pub answers: BTreeMap<u32, Answered>,
}

/// The file of the recordings of a suite, relative to the workspace.
pub fn path_of(suite: &str) -> String {
    let safe: String = suite
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    format!("golden/recordings/{}.jsonl", safe.trim_start_matches('.'))
}

/// The lines of a recording.
pub fn parse(source: &Source) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for text in source.text.split_inclusive('\n') {
        let content = text.trim_end();
        if !content.is_empty() {
            let line = serde_json::from_str(content).map_err(|error| {
                let at = start + error.column().saturating_sub(1);
                Error::from(
                    Diagnostic::new("this line is no recording")
                        .at(source.place(at..at + 1))
                        .because(&error)
                        .help("record again with `regauge run --record`"),
                )
            })?;
            lines.push(line);
        }
        start += text.len();
    }
    Ok(lines)
}

/// The answers of recordings by address.
pub fn answers(lines: Vec<Line>) -> HashMap<Digest, Answered> {
    let mut found = HashMap::new();
    for line in lines {
        let request = Call::new(line.request).digest;
        found.extend(
            line.answers
                .into_iter()
                .map(|(repeat, answer)| (address(request, repeat), answer)),
        );
    }
    found
}

/// Puts new lines over old ones: a repeat that was recorded again is replaced, all else stays.
pub fn merge(old: Vec<Line>, new: Vec<Line>) -> Vec<Line> {
    let mut merged: BTreeMap<(String, String, String, String), Line> = BTreeMap::new();
    for line in old.into_iter().chain(new) {
        let digest = Digest::of(&line.request).to_string();
        let key = (
            line.prompt.clone(),
            line.request.alias.clone(),
            line.case.clone(),
            digest,
        );
        match merged.get_mut(&key) {
            Some(known) => known.answers.extend(line.answers),
            None => {
                merged.insert(key, line);
            }
        }
    }
    merged.into_values().collect()
}

/// Writes a recording; the file is replaced as a whole or not at all.
pub fn write(path: &Path, lines: &[Line]) -> Result<()> {
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, line).map_err(|error| {
            Error::from(Diagnostic::new("a recording cannot be written").because(&error))
        })?;
        text.push(b'\n');
    }
    replace_file(path, &text)
}
