//! junit.xml: for CI servers that show tests.
//!
//! One test suite for each suite and subject, whose tests are its gates and its cases. The file keeps to the schema of
//! the xUnit plugin of Jenkins, which is the strictest in use: what is neither good nor bad is the output of a test,
//! and the trials that make a case flaky are its `flakyFailure`s.

use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{
    NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite,
};

use super::facts;
use super::show::{head, iso_time, one_line, visible};
use super::standing::{Standing, Test, flaky_failures, spent_ms, tests};
use crate::compare::summary::{CaseSummary, SubjectSummary, SuiteSummary, Summary};
use crate::text::diff::Diff;

/// Characters of a text that are shown.
const LONGEST: usize = 2_000;
/// Failed cases that are shown with what their answer is and was.
const DETAILED: usize = 500;

/// Writes the tests.
pub fn write(summary: &Summary<'_>, mut out: impl Write) -> io::Result<()> {
    let mut report = Report::new("regauge");
    let mut detailed = DETAILED;
    for suite in &summary.suites {
        for subject in &suite.subjects {
            report.add_test_suite(test_suite(summary, suite, subject, &mut detailed));
        }
    }
    let text = report.to_string().map_err(io::Error::other)?;
    // The sum of what was skipped is no attribute of the whole in the schema of Jenkins; each suite has its own.
    let skipped = format!(" skipped=\"{}\"", report.skipped);
    out.write_all(text.replacen(&skipped, "", 1).as_bytes())
}

fn test_suite(
    summary: &Summary<'_>,
    suite: &SuiteSummary<'_>,
    subject: &SubjectSummary<'_>,
    detailed: &mut usize,
) -> TestSuite {
    let class = line(&format!("{}.{}", suite.suite, subject.name));
    let mut all = TestSuite::new(class.as_str());
    for (name, value) in [
        ("timestamp", iso_time(suite.run.started_at)),
        ("file", line(suite.file)),
    ] {
        all.extra.insert(name.into(), value.into());
    }
    let baseline = suite.baseline.as_ref().map_or("", |run| run.id);
    all.add_properties([
        property("verdict", subject.verdict.name()),
        property("run", suite.run.id),
        property("baseline", baseline),
        property("prompt", &subject.prompt),
        property("model", subject.model),
    ]);
    for note in facts::notes(subject) {
        all.add_property(property("note", &note));
    }
    for warning in &suite.warnings {
        all.add_property(property("warning", warning));
    }
    for test in tests(summary, suite, subject) {
        let mut shown = test_case(&test, &class);
        if let Some(case) = test.case {
            add_case(&mut shown, &test, case, &suite.metric_names, detailed);
        }
        all.add_test_case(shown);
    }
    all
}

fn test_case(test: &Test<'_, '_>, class: &str) -> TestCase {
    let mut status = match test.standing {
        Standing::Passed => TestCaseStatus::success(),
        Standing::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Standing::Errored => TestCaseStatus::non_success(NonSuccessKind::Error),
        Standing::Skipped => TestCaseStatus::skipped(),
    };
    if test.standing != Standing::Passed {
        status.set_type(test.verdict);
        status.set_message(line(&test.reason));
    }
    let mut shown = TestCase::new(line(&test.name), status);
    shown.set_classname(class);
    // Viewers show the output of a test that passed, and no properties.
    if test.standing == Standing::Passed && !test.reason.is_empty() {
        shown.set_system_out(line(&format!("{}: {}", test.verdict, test.reason)));
    }
    shown
}

/// What a case has and a gate has not: the time that it took, its answers, the trials that make it flaky.
fn add_case(
    shown: &mut TestCase,
    test: &Test<'_, '_>,
    case: &CaseSummary<'_>,
    names: &[&str],
    detailed: &mut usize,
) {
    if let Ok(spent) = Duration::try_from_secs_f64(spent_ms(case) / 1000.0) {
        shown.set_time(spent);
    }
    match test.standing {
        Standing::Failed | Standing::Errored if *detailed > 0 => {
            *detailed -= 1;
            shown.status.set_description(details(case));
        }
        Standing::Passed => {
            for failure in flaky_failures(case, names) {
                let mut rerun = TestRerun::new(NonSuccessKind::Failure);
                rerun.set_type(test.verdict).set_message(line(&failure));
                shown.status.add_rerun(rerun);
            }
        }
        Standing::Failed | Standing::Errored | Standing::Skipped => {}
    }
}

/// What the answer is, and what it was.
fn details(case: &CaseSummary<'_>) -> String {
    let now = case.output();
    let mut shown = visible(head(&case.why, LONGEST).0);
    if let Some(before) = case.baseline_output().filter(|_| !now.is_empty()) {
        let (old, new) = (head(&before, LONGEST).0, head(&now, LONGEST).0);
        shown.push_str("\n\nbaseline against this run: ");
        shown.push_str(&visible(&Diff::of(old, new).marked()));
    } else if !now.is_empty() {
        shown.push_str("\n\n");
        shown.push_str(&visible(head(&now, LONGEST).0));
    }
    shown
}

fn property(name: &str, value: &str) -> Property {
    Property::new(name, line(value))
}

/// A text in one line of bounded length, with a picture for each control.
fn line(text: &str) -> String {
    visible(&one_line(head(text, LONGEST).0))
}

#[cfg(test)]
mod tests {
    use quick_xml::events::Event;

    use super::super::testing::World;
    use super::*;

    fn written(summary: &Summary<'_>) -> String {
        let mut bytes = Vec::new();
        write(summary, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn cases_and_gates_are_tests() {
        insta::assert_snapshot!(written(&World::new().summary()));
    }

    #[test]
    fn the_file_is_xml_and_counts_what_failed() {
        let text = written(&World::new().summary());
        let report = Report::deserialize_from_str(&text).unwrap();
        let counts: Vec<(usize, usize, usize)> = report
            .test_suites
            .iter()
            .map(|suite| (suite.failures, suite.errors, suite.skipped))
            .collect();
        assert_eq!(counts, [(4, 1, 2), (0, 0, 0), (0, 0, 0)]);
        assert!(
            !text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')),
            "only controls that XML has"
        );
    }

    type Names = &'static [&'static str];

    /// Elements of the schema of the xUnit plugin of Jenkins (junit-10.xsd): what may stand in them, the attributes
    /// that they must have, and those that they may have.
    const SCHEMA: &[(&str, Names, Names, Names)] = &[
        (
            "testsuites",
            &["testsuite"],
            &[],
            &["name", "time", "tests", "failures", "errors"],
        ),
        (
            "testsuite",
            &[
                "testsuite",
                "properties",
                "testcase",
                "system-out",
                "system-err",
            ],
            &["name", "tests", "failures", "errors"],
            &[
                "group",
                "time",
                "skipped",
                "timestamp",
                "hostname",
                "id",
                "package",
                "file",
                "log",
                "url",
            ],
        ),
        ("properties", &["property"], &[], &[]),
        ("property", &[], &["name", "value"], &[]),
        (
            "testcase",
            &[
                "skipped",
                "error",
                "failure",
                "rerunFailure",
                "rerunError",
                "flakyFailure",
                "flakyError",
                "system-out",
                "system-err",
            ],
            &["name"],
            &["time", "classname", "group"],
        ),
        ("failure", &[], &[], &["type", "message"]),
        ("error", &[], &[], &["type", "message"]),
        ("skipped", &[], &[], &["type", "message"]),
        (
            "flakyFailure",
            &["stackTrace", "system-out", "system-err"],
            &["type"],
            &["message"],
        ),
        ("system-out", &[], &[], &[]),
    ];

    #[test]
    fn the_file_keeps_to_the_schema_of_jenkins() {
        let text = written(&World::new().summary());
        let mut reader = quick_xml::Reader::from_str(&text);
        let mut open: Vec<String> = Vec::new();
        let mut seen = 0;
        loop {
            let event = reader.read_event().unwrap();
            let (start, is_empty) = match &event {
                Event::Start(start) => (start, false),
                Event::Empty(start) => (start, true),
                Event::End(_) => {
                    open.pop();
                    continue;
                }
                Event::Eof => break,
                _ => continue,
            };
            let name = String::from_utf8(start.name().as_ref().to_vec()).unwrap();
            let find = |name: &str| SCHEMA.iter().find(|element| element.0 == name);
            let (_, _, must, may) = find(&name).unwrap_or_else(|| panic!("there is no {name}"));
            if let Some(parent) = open.last() {
                assert!(
                    find(parent).unwrap().1.contains(&name.as_str()),
                    "{name} in {parent}"
                );
            } else {
                assert_eq!(name, "testsuites");
            }
            let attributes: Vec<String> = start
                .attributes()
                .map(|attribute| {
                    String::from_utf8(attribute.unwrap().key.as_ref().to_vec()).unwrap()
                })
                .collect();
            for attribute in &attributes {
                let known = must.contains(&attribute.as_str()) || may.contains(&attribute.as_str());
                assert!(known, "{attribute} of {name}");
            }
            assert!(
                must.iter()
                    .all(|name| attributes.iter().any(|other| other == name))
            );
            seen += 1;
            if !is_empty {
                open.push(name);
            }
        }
        assert!(seen > 20 && open.is_empty());
    }

    #[test]
    fn the_failed_trials_of_a_flaky_case_are_marked_and_fail_nothing() {
        let world = World::new();
        let mut summary = world.summary();
        for case in &mut summary.suites[0].subjects[0].cases {
            case.quarantine = None;
        }
        let text = written(&summary);
        assert!(
            text.contains("<flakyFailure message=\"trial 2: exact failed\" type=\"flaky\">"),
            "{text}"
        );
        let report = Report::deserialize_from_str(&text).unwrap();
        assert_eq!(report.test_suites[0].failures, 4);
    }

    #[test]
    fn an_open_gate_fails_where_the_invocation_does() {
        let world = World::new();
        let mut summary = world.summary();
        summary.exit.code = 4;
        let report = Report::deserialize_from_str(&written(&summary)).unwrap();
        assert_eq!(report.test_suites[0].failures, 6);
    }
}
