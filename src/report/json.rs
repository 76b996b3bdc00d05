//! report.json: the whole [`Summary`], as it is.
//!
//! The field `format` names the form; fields may be added within it, so readers skip what they do not know. A number
//! that is not finite is `null`, since JSON has no other word for it. Money is in millionths of a millionth of a US
//! dollar, so that sums are exact; shares are from 0 to 1, times in milliseconds.

use std::io::{self, Write};

use crate::compare::summary::Summary;
use crate::error::{Error, Result};

/// Trials up to which the file is laid out for people.
const PRETTY_TRIALS: usize = 1_000;

/// Writes the summary, piece by piece.
pub fn write(summary: &Summary<'_>, mut out: impl Write) -> io::Result<()> {
    if trials(summary) <= PRETTY_TRIALS {
        serde_json::to_writer_pretty(&mut out, summary)?;
    } else {
        serde_json::to_writer(&mut out, summary)?;
    }
    out.write_all(b"\n")
}

/// The same as a text.
pub fn to_string(summary: &Summary<'_>) -> Result<String> {
    let mut bytes = Vec::new();
    write(summary, &mut bytes)
        .ok()
        .and_then(|()| String::from_utf8(bytes).ok())
        .ok_or_else(|| Error::new("the summary cannot be written as JSON"))
}

fn trials(summary: &Summary<'_>) -> usize {
    let subjects = summary.suites.iter().flat_map(|suite| &suite.subjects);
    let cases = subjects.flat_map(|subject| &subject.cases);
    cases
        .map(|case| case.trials.len() + case.trials_before.len())
        .sum()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::testing::{HOSTILE, World};
    use super::*;

    fn written(summary: &Summary<'_>) -> String {
        to_string(summary).unwrap()
    }

    #[test]
    fn the_whole_summary_is_there_and_reads_back_as_it_was() {
        let world = World::new();
        let text = written(&world.summary());
        insta::assert_snapshot!(World::shortened(&text));
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, serde_json::to_value(world.summary()).unwrap());
        let output = &read["suites"][0]["subjects"][0]["cases"][1]["trials"][0]["output"];
        assert_eq!(output, world.outputs[HOSTILE].as_str());
    }

    #[test]
    fn numbers_that_are_not_finite_are_null() {
        let world = World::new();
        let mut summary = world.summary();
        summary.suites[0].subjects[0].cases[0].p = Some(f64::NAN);
        let read: Value = serde_json::from_str(&written(&summary)).unwrap();
        assert_eq!(
            read["suites"][0]["subjects"][0]["cases"][0]["p"],
            Value::Null
        );
    }
}
