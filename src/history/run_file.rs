//! The portable form of a run: one JSON object a line, so that a baseline can be kept in git or as an artifact.
//!
//! The first line holds the header, then come the cases, then the trials with their answers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::answers::{Answers, Kept};
use super::run::{Header, Run, TrialRecord};
use crate::digest::Digest;
use crate::document::Source;
use crate::error::{Diagnostic, Error, Result};
use crate::exchange::Answered;
use crate::golden::Case;
use crate::workspace::Workspace;

/// The version of this format.
const FORMAT: u32 = 1;
/// What to do about a file that is none.
const MADE_BY: &str = "make run files with `regauge export RUN`";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is never more than one line in memory"
)]
enum Line<'a> {
    Run {
        format: u32,
        header: Cow<'a, Header>,
    },
    Case(Cow<'a, Case>),
    Trial {
        trial: Cow<'a, TrialRecord>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<Cow<'a, Answered>>,
    },
}

/// What of a line can be read whatever version wrote it.
#[derive(Deserialize)]
struct AnyLine {
    run: Option<AnyRun>,
}

#[derive(Deserialize)]
struct AnyRun {
    format: u32,
}

/// Writes a run.
pub fn write(run: &Run, out: &mut impl Write) -> io::Result<()> {
    let mut line = |line: &Line<'_>| {
        serde_json::to_writer(&mut *out, line)?;
        out.write_all(b"\n")
    };
    line(&Line::Run {
        format: FORMAT,
        header: Cow::Borrowed(&run.header),
    })?;
    for case in run.cases.iter() {
        line(&Line::Case(Cow::Borrowed(case)))?;
    }
    for trial in &run.trials {
        line(&Line::Trial {
            trial: Cow::Borrowed(trial),
            answer: trial
                .answer
                .as_ref()
                .map(|answer| Cow::Owned(answer.read())),
        })?;
    }
    Ok(())
}

/// Reads a run; a file that is no run, or a newer one than this program knows, is an error with its place.
pub fn parse(source: &Source) -> Result<Run> {
    let mut header = None;
    let mut cases = Vec::new();
    let mut trials = Vec::new();
    let answers = Answers::default();
    let mut start = 0;
    for text in source.text.split_inclusive('\n') {
        let refuse = |message: &str, error: Option<&serde_json::Error>| {
            let at = start + error.map_or(0, |error| error.column().saturating_sub(1));
            let refusal = Diagnostic::new(message)
                .at(source.place(at..at + 1))
                .help(MADE_BY);
            Error::from(match error {
                Some(error) => refusal.because(error),
                None => refusal,
            })
        };
        let content = text.trim_end();
        if !content.is_empty() {
            if header.is_none() && is_newer(content) {
                return Err(newer(source));
            }
            let line = serde_json::from_str(content)
                .map_err(|error| refuse("this line belongs to no run file", Some(&error)))?;
            match line {
                Line::Run { .. } if header.is_some() => {
                    return Err(refuse("a second run begins here; a file holds one", None));
                }
                Line::Run { header: first, .. } => header = Some(first.into_owned()),
                Line::Case(case) => cases.push(case.into_owned()),
                Line::Trial { trial, answer } => {
                    trials.push(TrialRecord {
                        answer: answer.map(|answer| answers.keep(&answer)).transpose()?,
                        ..trial.into_owned()
                    });
                }
            }
        }
        start += text.len();
    }
    let Some(header) = header else {
        return Err(Diagnostic::new("this file holds no run")
            .at(source.place(0..0))
            .help(MADE_BY)
            .into());
    };
    let run = Run {
        header,
        cases: Arc::new(cases),
        trials,
    };
    check(&run, source)?;
    Ok(run)
}

/// Reads a run that shall go into the history: what it is named by must be such as this program makes it, since names
/// of files are made of it, and every answer must have one address.
pub fn parse_foreign(source: &Source) -> Result<Run> {
    let run = parse(source)?;
    let place = source.place(0..0);
    let Header {
        id,
        invocation,
        file,
        ..
    } = &run.header;
    for id in [id, invocation] {
        if Uuid::parse_str(id).is_err() {
            return Err(Diagnostic::new(format!("`{id}` is no id of a run"))
                .at(place)
                .help(MADE_BY)
                .into());
        }
    }
    Workspace::check_inside(file, place.clone())?;
    let mut known: HashMap<Digest, &Kept> = HashMap::new();
    for trial in &run.trials {
        let Some(answer) = &trial.answer else {
            continue;
        };
        let twin = trial.address.map(|address| known.insert(address, answer));
        if twin.is_none_or(|twin| twin.is_some_and(|twin| twin != answer)) {
            return Err(
                Diagnostic::new("an answer of this run file has no address of its own")
                    .at(place)
                    .help(MADE_BY)
                    .into(),
            );
        }
    }
    Ok(run)
}

fn newer(source: &Source) -> Error {
    Diagnostic::new("this run file was made by a newer regauge")
        .at(source.place(0..0))
        .help("get that version, or make the file with this one")
        .into()
}

fn is_newer(line: &str) -> bool {
    serde_json::from_str(line)
        .is_ok_and(|line: AnyLine| line.run.is_some_and(|run| run.format > FORMAT))
}

/// Indices must lie inside their lists: a file from elsewhere is foreign input.
fn check(run: &Run, source: &Source) -> Result<()> {
    let metrics = run.header.metrics.len();
    let sound = run.trials.iter().all(|trial| {
        trial.subject < run.header.subjects.len()
            && trial.case < run.cases.len()
            && trial.grades.iter().all(|grade| grade.metric < metrics)
    });
    if sound {
        return Ok(());
    }
    Err(Diagnostic::new(
        "a trial of this run file names a subject, case or metric that it does not hold",
    )
    .at(source.place(0..0))
    .help(MADE_BY)
    .into())
}
