//! The portable form of a run: one JSON object a line, so that a baseline can be kept in git or as an artifact.
//!
//! The first line holds the header, then come the cases, then the trials with their answers.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::run::{Header, Run, TrialRecord};
use crate::document::Source;
use crate::error::{Diagnostic, Error, Result};
use crate::exchange::Answered;
use crate::golden::Case;

/// The version of this format.
const FORMAT: u32 = 1;

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
    for case in &run.cases {
        line(&Line::Case(Cow::Borrowed(case)))?;
    }
    for trial in &run.trials {
        line(&Line::Trial {
            trial: Cow::Borrowed(trial),
            answer: trial.answer.as_ref().map(Cow::Borrowed),
        })?;
    }
    Ok(())
}

/// Reads a run; a file that is no run, or a newer one than this program knows, is an error with its place.
pub fn parse(source: &Source) -> Result<Run> {
    let mut header = None;
    let mut cases = Vec::new();
    let mut trials = Vec::new();
    let mut start = 0;
    for text in source.text.split_inclusive('\n') {
        let refuse = |message: &str, error: Option<&serde_json::Error>| {
            let at = start + error.map_or(0, |error| error.column().saturating_sub(1));
            let refusal = Diagnostic::new(message)
                .at(source.place(at..at + 1))
                .help("make run files with `regauge export RUN`");
            Error::from(match error {
                Some(error) => refusal.because(error),
                None => refusal,
            })
        };
        let content = text.trim_end();
        if !content.is_empty() {
            let line: Line<'_> = serde_json::from_str(content)
                .map_err(|error| refuse("this line belongs to no run file", Some(&error)))?;
            match line {
                Line::Run { format, .. } if format > FORMAT => {
                    return Err(refuse("this run file was made by a newer regauge", None));
                }
                Line::Run { header: first, .. } => header = Some(first.into_owned()),
                Line::Case(case) => cases.push(case.into_owned()),
                Line::Trial { trial, answer } => {
                    trials.push(TrialRecord {
                        answer: answer.map(Cow::into_owned),
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
            .help("make run files with `regauge export RUN`")
            .into());
    };
    let run = Run {
        header,
        cases,
        trials,
    };
    check(&run, source)?;
    Ok(run)
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
    .help("make run files with `regauge export RUN`")
    .into())
}
