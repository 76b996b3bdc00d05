//! cases.csv and trials.csv: one row a case of a subject, one row a trial.
//!
//! Comma-separated as RFC 4180 has it: a header, CRLF line ends, quotes where needed, UTF-8. The columns are fixed. A
//! text that begins with `=`, `+`, `-`, `@`, tab or CR would be a formula to a spreadsheet; it gets an apostrophe in
//! front. NUL is removed, everything else is as the model wrote it. Numbers are numbers, and an empty cell is one that
//! is not known.

use std::borrow::Cow;
use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};
use serde_json::{Map, Number, Value};

use super::pick;
use super::show::value_text;
use crate::compare::summary::{
    CaseSummary, Passed, SubjectSummary, SuiteSummary, Summary, TrialSummary,
};
use crate::history::run::Origin;

/// The columns of cases.csv.
pub const CASE_COLUMNS: &[&str] = &[
    "suite",
    "run",
    "baseline_run",
    "subject",
    "prompt",
    "prompt_before",
    "model_alias",
    "model",
    "case",
    "tags",
    "verdict",
    "why",
    "failed_checks",
    // Trials that passed, that have a result, and all.
    "passed",
    "measured",
    "trials",
    "passed_before",
    "measured_before",
    "trials_before",
    // How often noise alone makes so large a drop.
    "p",
    // The variables, as a JSON object.
    "input",
    "expected",
    // Of the trial that speaks for the case: the first that fails, else the first.
    "output",
    "output_before",
    // How often two trials of this run disagree.
    "disagreement",
    // `true` or nothing.
    "critical",
    "must_pass",
    // Filled where the case is shown and not gated.
    "quarantine_owner",
    "quarantine_reason",
    "quarantine_until",
];

/// The columns of trials.csv.
pub const TRIAL_COLUMNS: &[&str] = &[
    "suite",
    // `now` or `before`.
    "side",
    "run",
    "subject",
    "case",
    "repeat",
    "outcome",
    "passed",
    "failed_checks",
    // Values by metric, as a JSON object.
    "scores",
    "latency_ms",
    "cost_usd",
    "prompt_tokens",
    "answer_tokens",
    "attempts",
    // `live`, `reused`, `replayed` or `nowhere`, and the run that a reused answer came from.
    "origin",
    "origin_run",
    "failure",
    "output",
    // As JSON.
    "tool_calls",
];

/// Writes one row for each case of each subject, in the order of the summary.
pub fn write_cases(summary: &Summary<'_>, out: impl Write) -> io::Result<()> {
    let mut row = Rows::new(out, CASE_COLUMNS)?;
    for suite in &summary.suites {
        for subject in &suite.subjects {
            for case in &subject.cases {
                case_row(&mut row, suite, subject, case)?;
            }
        }
    }
    row.finish()
}

/// Writes one row for each trial, those of the baseline behind those of the run, in the order of the summary.
pub fn write_trials(summary: &Summary<'_>, out: impl Write) -> io::Result<()> {
    let mut row = Rows::new(out, TRIAL_COLUMNS)?;
    for suite in &summary.suites {
        for subject in &suite.subjects {
            for case in &subject.cases {
                for trial in case.trials.iter() {
                    let of = Of {
                        suite,
                        subject,
                        case,
                        side: "now",
                        run: suite.run.id,
                    };
                    trial_row(&mut row, &of, &trial)?;
                }
                for trial in case.trials_before.iter() {
                    let of = Of {
                        suite,
                        subject,
                        case,
                        side: "before",
                        run: suite.baseline.as_ref().map_or("", |run| run.id),
                    };
                    trial_row(&mut row, &of, &trial)?;
                }
            }
        }
    }
    row.finish()
}

/// What a trial belongs to.
struct Of<'s, 'a> {
    suite: &'s SuiteSummary<'a>,
    subject: &'s SubjectSummary<'a>,
    case: &'s CaseSummary<'a>,
    side: &'static str,
    run: &'a str,
}

fn case_row<W: Write>(
    row: &mut Rows<W>,
    suite: &SuiteSummary<'_>,
    subject: &SubjectSummary<'_>,
    case: &CaseSummary<'_>,
) -> io::Result<()> {
    let worst = case.worst_trial();
    row.text(suite.suite)?;
    row.text(suite.run.id)?;
    row.text(suite.baseline.as_ref().map_or("", |run| run.id))?;
    row.text(&subject.name)?;
    row.text(&subject.prompt)?;
    row.text(subject.prompt_before.as_deref().unwrap_or_default())?;
    row.text(subject.alias)?;
    row.text(subject.model)?;
    row.text(case.id)?;
    row.text(&case.tags.join("; "))?;
    row.text(case.verdict.name())?;
    row.text(&case.why)?;
    row.text(&worst.as_ref().map_or_else(String::new, |trial| {
        pick::failed_checks(trial, &suite.metric_names).join("; ")
    }))?;
    row.passed(Some(case.passed))?;
    row.passed(case.passed_before)?;
    row.real(case.p)?;
    row.text(&serde_json::to_string(case.input)?)?;
    row.text(&case.expected.map_or(Cow::Borrowed(""), value_text))?;
    row.text(worst.as_ref().map_or("", |trial| &trial.output))?;
    row.text(&case.baseline_output().unwrap_or_default())?;
    row.real(case.disagreement)?;
    row.text(if case.critical { "true" } else { "" })?;
    row.text(if case.must_pass { "true" } else { "" })?;
    let entry = case.quarantine;
    row.text(entry.map_or("", |entry| entry.owner.as_str()))?;
    row.text(entry.map_or("", |entry| entry.reason.as_str()))?;
    row.text(entry.map_or("", |entry| entry.until.as_str()))?;
    row.end()
}

fn trial_row<W: Write>(
    row: &mut Rows<W>,
    of: &Of<'_, '_>,
    trial: &TrialSummary<'_>,
) -> io::Result<()> {
    let (origin, origin_run) = match trial.origin {
        Origin::Live => ("live", ""),
        Origin::Reused(run) => ("reused", &**run),
        Origin::Replayed => ("replayed", ""),
        Origin::Nowhere => ("nowhere", ""),
    };
    row.text(of.suite.suite)?;
    row.text(of.side)?;
    row.text(of.run)?;
    row.text(&of.subject.name)?;
    row.text(of.case.id)?;
    row.number(Some(trial.repeat))?;
    row.text(trial.outcome.name())?;
    row.text(match trial.passed {
        Some(true) => "true",
        Some(false) => "false",
        None => "",
    })?;
    row.text(&pick::failed_checks(trial, &of.suite.metric_names).join("; "))?;
    row.text(&scores(trial, &of.suite.metric_names)?)?;
    row.real(trial.latency_ms)?;
    row.real(trial.cost.map(crate::units::Cost::usd))?;
    row.number(trial.tokens.0)?;
    row.number(trial.tokens.1)?;
    row.number(Some(trial.attempts))?;
    row.text(origin)?;
    row.text(origin_run)?;
    row.text(trial.failure.as_deref().unwrap_or_default())?;
    row.text(&trial.output)?;
    if trial.tool_calls.is_empty() {
        row.text("")?;
    } else {
        row.text(&serde_json::to_string(&trial.tool_calls)?)?;
    }
    row.end()
}

/// The values of a trial by metric, without those that are not known.
fn scores(trial: &TrialSummary<'_>, names: &[&str]) -> io::Result<String> {
    let mut values = Map::new();
    for (score, name) in trial.scores.iter().zip(names) {
        let value = score.as_ref().and_then(|score| score.value);
        if let Some(number) = value.and_then(Number::from_f64) {
            values.insert((*name).to_owned(), Value::Number(number));
        }
    }
    Ok(serde_json::to_string(&values)?)
}

/// Cells in a row, each checked before it is written.
struct Rows<W: Write> {
    out: Writer<W>,
}

impl<W: Write> Rows<W> {
    fn new(out: W, columns: &[&str]) -> io::Result<Self> {
        let mut out = WriterBuilder::new()
            .terminator(Terminator::CRLF)
            .from_writer(out);
        out.write_record(columns)?;
        Ok(Self { out })
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        Ok(self.out.write_field(safe(text).as_bytes())?)
    }

    fn number(&mut self, number: Option<impl ToString>) -> io::Result<()> {
        let cell = number.map_or_else(String::new, |number| number.to_string());
        Ok(self.out.write_field(cell)?)
    }

    fn real(&mut self, number: Option<f64>) -> io::Result<()> {
        self.number(number.filter(|number| number.is_finite()))
    }

    fn passed(&mut self, passed: Option<Passed>) -> io::Result<()> {
        self.number(passed.map(|passed| passed.passed))?;
        self.number(passed.map(|passed| passed.measured))?;
        self.number(passed.map(|passed| passed.trials))
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(self.out.write_record(None::<&[u8]>)?)
    }

    fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The text as no spreadsheet takes it for a formula.
fn safe(text: &str) -> Cow<'_, str> {
    let text = if text.contains('\0') {
        Cow::Owned(text.replace('\0', ""))
    } else {
        Cow::Borrowed(text)
    };
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::testing::{HOSTILE, World};
    use super::*;

    fn cases(world: &World) -> String {
        let mut bytes = Vec::new();
        write_cases(&world.summary(), &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn trials(world: &World) -> String {
        let mut bytes = Vec::new();
        write_trials(&world.summary(), &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn read(text: &str) -> Vec<BTreeMap<String, String>> {
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        reader.deserialize().map(|row| row.unwrap()).collect()
    }

    #[test]
    fn the_tables_have_their_columns() {
        let world = World::new();
        insta::assert_snapshot!("cases", World::shortened(&cases(&world)));
        insta::assert_snapshot!("trials", World::shortened(&trials(&world)));
        let rows = read(&cases(&world));
        assert!(rows.iter().all(|row| row.len() == CASE_COLUMNS.len()));
        let rows = read(&trials(&world));
        assert!(rows.iter().all(|row| row.len() == TRIAL_COLUMNS.len()));
    }

    #[test]
    fn no_cell_is_a_formula_and_numbers_are_numbers() {
        let world = World::new();
        let mut negative = 0;
        for row in read(&cases(&world))
            .into_iter()
            .chain(read(&trials(&world)))
        {
            for (column, cell) in row {
                let is_number = cell.parse::<f64>().is_ok();
                negative += usize::from(cell.starts_with("'="));
                assert!(
                    is_number || !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                    "{column}: {cell:?}"
                );
            }
        }
        assert!(negative > 0, "there is a formula to be kept from being one");
    }

    #[test]
    fn texts_come_back_but_for_nul() {
        let world = World::new();
        let rows = read(&trials(&world));
        let hostile = &world.outputs[HOSTILE];
        assert!(hostile.contains('\0') && hostile.contains('\u{1b}'));
        assert!(
            rows.iter()
                .any(|row| row["output"] == hostile.replace('\0', ""))
        );
    }

    #[test]
    fn every_line_ends_in_crlf() {
        let world = World::new();
        let text = cases(&world);
        let header = text.split("\r\n").next().unwrap();
        assert_eq!(header, CASE_COLUMNS.join(","));
        assert!(text.ends_with("\r\n"));
    }

    #[test]
    fn a_lone_formula_sign_gets_an_apostrophe() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("-5", "'-5"),
            ("@x", "'@x"),
            ("\t=1", "'\t=1"),
            ("\0=1", "'=1"),
            ("a=1", "a=1"),
            ("", ""),
        ] {
            assert_eq!(safe(text), cell);
        }
    }
}
