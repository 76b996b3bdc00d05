//! ctrf-report.json: gates and cases as tests in the Common Test Report Format (<https://ctrf.io>).
//!
//! The same tests as in `junit.xml`. A test without a result has the status `other`, since `failed` would say that the
//! answer was wrong.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::facts;
use super::show::{head, iso_time, one_line, value_text, visible};
use super::standing::{Standing, Test, flaky_failures, spent_ms, tests};
use crate::compare::summary::{CaseVerdict, SubjectSummary, SuiteSummary, Summary};
use crate::text::diff::Diff;

/// The version of the format that is written.
const SPEC: &str = "0.0.0";
/// Characters of a text.
const LONGEST: usize = 2_000;
/// Failed cases that are shown with what their answer is and was.
const DETAILED: usize = 500;

/// Writes the report.
pub fn write(summary: &Summary<'_>, mut out: impl Write) -> io::Result<()> {
    let mut detailed = DETAILED;
    let mut all: Vec<Value> = Vec::new();
    for suite in &summary.suites {
        for subject in &suite.subjects {
            for test in tests(summary, suite, subject) {
                all.push(shown(&test, suite, subject, &mut detailed));
            }
        }
    }
    serde_json::to_writer(&mut out, &report(summary, &all))?;
    out.write_all(b"\n")
}

fn report(summary: &Summary<'_>, tests: &[Value]) -> Value {
    let with = |status: &str| tests.iter().filter(|test| test["status"] == status).count();
    let flaky = tests.iter().filter(|test| test["flaky"] == true).count();
    let started = summary.suites.iter().map(|suite| suite.run.started_at);
    let start = started.min().unwrap_or(0);
    let runs = summary
        .suites
        .iter()
        .map(|suite| (suite.suite.to_owned(), json!(suite.run.id)));
    json!({
        "reportFormat": "CTRF",
        "specVersion": SPEC,
        "timestamp": iso_time(start),
        "generatedBy": "regauge",
        "results": {
            "tool": { "name": "regauge", "version": summary.regauge },
            "summary": {
                "tests": tests.len(),
                "passed": with("passed"),
                "failed": with("failed"),
                "skipped": with("skipped"),
                "pending": 0,
                "other": with("other"),
                "flaky": flaky,
                "suites": summary.suites.len(),
                // Reports read no clock; the record of a run says when it began.
                "start": start,
                "stop": start,
                "extra": {
                    "verdict": summary.verdict.name(),
                    "exitCode": summary.exit.code,
                    "cause": line(&summary.exit.cause),
                    "headline": line(&summary.headline),
                    "runs": Value::Object(runs.collect()),
                },
            },
            "tests": tests,
        },
    })
}

fn shown(
    test: &Test<'_, '_>,
    suite: &SuiteSummary<'_>,
    subject: &SubjectSummary<'_>,
    detailed: &mut usize,
) -> Value {
    let mut shown = Map::new();
    let mut put = |key: &str, value: Value| shown.insert(key.to_owned(), value);
    // An empty name is none, and the schema asks for one.
    let name = Some(line(&test.name)).filter(|name| !name.is_empty());
    put("name", name.unwrap_or_else(|| "(no name)".into()).into());
    put("status", status(test.standing).into());
    put("rawStatus", test.verdict.into());
    put("duration", duration(test).into());
    put("suite", json!([line(suite.suite), line(&subject.name)]));
    put("filePath", line(suite.file).into());
    if !test.reason.is_empty() {
        put("message", line(&test.reason).into());
    }
    let kind = if test.case.is_some() { "case" } else { "gate" };
    put("type", kind.into());
    let Some(case) = test.case else {
        return Value::Object(shown);
    };
    if !case.tags.is_empty() {
        let tags: Vec<String> = case.tags.iter().map(|tag| line(tag)).collect();
        put("tags", json!(tags));
    }
    put("flaky", (case.verdict == CaseVerdict::Flaky).into());
    let failures = flaky_failures(case, &suite.metric_names);
    let mut lines: Vec<String> = failures.iter().map(|failure| line(failure)).collect();
    let has_failed = matches!(test.standing, Standing::Failed | Standing::Errored);
    if has_failed && *detailed > 0 {
        *detailed -= 1;
        let now = case.output();
        let now = head(&now, LONGEST).0;
        let trace = case.baseline_output().map_or_else(
            || visible(now),
            |before| visible(&Diff::of(head(&before, LONGEST).0, now).marked()),
        );
        put("trace", trace.into());
        lines.extend(
            case.expected
                .map(|value| format!("expected: {}", line(&value_text(value)))),
        );
    }
    if !lines.is_empty() {
        put("stdout", json!(lines));
    }
    let marks = facts::marks(case);
    if !marks.is_empty() {
        put("extra", json!({ "marks": line(&marks) }));
    }
    Value::Object(shown)
}

fn status(standing: Standing) -> &'static str {
    match standing {
        Standing::Passed => "passed",
        Standing::Failed => "failed",
        Standing::Errored => "other",
        Standing::Skipped => "skipped",
    }
}

/// Whole milliseconds, as the schema asks for.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a duration that is no number of milliseconds becomes 0 or the largest"
)]
fn duration(test: &Test<'_, '_>) -> u64 {
    test.case.map_or(0, |case| spent_ms(case).round() as u64)
}

fn line(text: &str) -> String {
    visible(&one_line(head(text, LONGEST).0))
}

#[cfg(test)]
mod tests {
    use super::super::testing::World;
    use super::*;

    fn written(summary: &Summary<'_>) -> Value {
        let mut bytes = Vec::new();
        write(summary, &mut bytes).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn gates_and_cases_are_tests() {
        let text = format!("{:#}", written(&World::new().summary()));
        insta::assert_snapshot!(World::shortened(&text));
    }

    #[test]
    fn the_counts_add_up_and_are_those_of_junit() {
        let report = written(&World::new().summary());
        let counts = &report["results"]["summary"];
        let count = |name: &str| counts[name].as_u64().unwrap();
        let parts = ["passed", "failed", "skipped", "pending", "other"];
        assert_eq!(parts.map(count).iter().sum::<u64>(), count("tests"));
        let failed = ["failed", "other", "skipped", "flaky"].map(count);
        assert_eq!(failed, [4, 1, 2, 1]);
    }

    #[test]
    fn the_report_keeps_to_the_schema() {
        let whole = json!({"type": "integer", "minimum": 0});
        let text = json!({"type": "string"});
        let texts = json!({"type": "array", "items": text});
        let schema = json!({
            "type": "object",
            "required": ["results", "reportFormat", "specVersion"],
            "additionalProperties": false,
            "properties": {
                "reportFormat": {"const": "CTRF"},
                "specVersion": {"type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+$"},
                "timestamp": text, "generatedBy": text,
                "results": {
                    "type": "object",
                    "required": ["tool", "summary", "tests"],
                    "additionalProperties": false,
                    "properties": {
                        "tool": {"type": "object", "required": ["name"], "additionalProperties": false,
                            "properties": {"name": {"type": "string", "minLength": 1}, "version": text}},
                        "summary": {"type": "object", "additionalProperties": false,
                            "required": ["tests", "passed", "failed", "skipped", "pending", "other", "start", "stop"],
                            "properties": {"tests": whole, "passed": whole, "failed": whole, "skipped": whole,
                                "pending": whole, "other": whole, "flaky": whole, "suites": whole, "start": whole,
                                "stop": whole, "extra": {"type": "object"}}},
                        "tests": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                            "required": ["name", "status", "duration"],
                            "properties": {
                                "name": {"type": "string", "minLength": 1},
                                "status": {"enum": ["passed", "failed", "skipped", "pending", "other"]},
                                "duration": whole, "message": text, "trace": text, "rawStatus": text, "type": text,
                                "filePath": text, "flaky": {"type": "boolean"}, "tags": texts, "stdout": texts,
                                "suite": {"type": "array", "minItems": 1, "items": text},
                                "extra": {"type": "object"}}}},
                    },
                },
            },
        });
        let validator = jsonschema::validator_for(&schema).unwrap();
        let report = written(&World::new().summary());
        let errors: Vec<String> = validator
            .iter_errors(&report)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}
