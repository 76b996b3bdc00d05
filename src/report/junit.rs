//! junit.xml: for CI servers that show tests.
//!
//! One test suite for each suite and subject. A case is a test that fails where it regressed and errs where it has no
//! result; a gate is a test that fails where it regressed and errs where it is unmeasured. An open gate fails only
//! where the invocation does because of it. What is neither good nor bad is a property.

use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::show::{head, iso_time, one_line, passed, visible};
use super::{facts, pick};
use crate::compare::summary::{
    CaseSummary, CaseVerdict, MetricSummary, MustPass, SubjectSummary, SuiteSummary, Summary,
    Verdict,
};
use crate::text::diff::Diff;

/// Characters of a text that are shown.
const LONGEST: usize = 2_000;
/// Failed cases that are shown with what their answer is and was.
const DETAILED: usize = 500;
/// The exit code of an open verdict that counts as a failure.
const OPEN_FAILS: u8 = 4;

/// Writes the tests.
pub fn write(summary: &Summary<'_>, mut out: impl Write) -> io::Result<()> {
    let mut report = Report::new("regauge");
    let mut detailed = DETAILED;
    for suite in &summary.suites {
        for subject in &suite.subjects {
            report.add_test_suite(test_suite(summary, suite, subject, &mut detailed));
        }
    }
    report.serialize(&mut out).map_err(io::Error::other)
}

fn test_suite(
    summary: &Summary<'_>,
    suite: &SuiteSummary<'_>,
    subject: &SubjectSummary<'_>,
    detailed: &mut usize,
) -> TestSuite {
    let class = line(&format!("{}.{}", suite.suite, subject.name));
    let mut tests = TestSuite::new(class.as_str());
    tests
        .extra
        .insert("timestamp".into(), iso_time(suite.run.started_at).into());
    let baseline = suite.baseline.as_ref().map_or("", |run| run.id);
    tests.add_properties([
        property("verdict", subject.verdict.name()),
        property("run", suite.run.id),
        property("baseline", baseline),
        property("prompt", &subject.prompt),
        property("model", subject.model),
    ]);
    for note in facts::notes(subject) {
        tests.add_property(property("note", &note));
    }
    for warning in &suite.warnings {
        tests.add_property(property("warning", warning));
    }
    for metric in subject.gates() {
        tests.add_test_case(gate_test(summary, &class, metric));
    }
    for case in &subject.must_pass {
        tests.add_test_case(must_pass_test(&class, case));
    }
    for case in &subject.cases {
        tests.add_test_case(case_test(&class, case, detailed));
    }
    tests
}

fn gate_test(summary: &Summary<'_>, class: &str, metric: &MetricSummary<'_>) -> TestCase {
    let kind = match metric.verdict {
        Some(Verdict::Regressed) => Some(NonSuccessKind::Failure),
        Some(Verdict::Inconclusive) if summary.exit.code == OPEN_FAILS => {
            Some(NonSuccessKind::Failure)
        }
        Some(Verdict::Unmeasured) => Some(NonSuccessKind::Error),
        Some(Verdict::Improved | Verdict::Pass | Verdict::NoBaseline | Verdict::Inconclusive)
        | None => None,
    };
    let verdict = metric.verdict.map_or("shown only", Verdict::name);
    let name = format!("gate {}", facts::name(metric));
    let mut test = test_case(&name, class, kind, verdict);
    if kind.is_some() {
        test.status.set_message(line(&metric.sentence));
    } else {
        test.add_property(property("verdict", verdict));
        test.set_system_out(line(&metric.sentence));
    }
    test
}

fn must_pass_test(class: &str, case: &MustPass<'_>) -> TestCase {
    let kind = (!case.holds).then_some(NonSuccessKind::Failure);
    let name = format!("must pass {}", case.case);
    let mut test = test_case(&name, class, kind, Verdict::Regressed.name());
    if kind.is_some() {
        test.status.set_message(line(&case.sentence));
    }
    test
}

fn case_test(class: &str, case: &CaseSummary<'_>, detailed: &mut usize) -> TestCase {
    let kind = match case.verdict {
        _ if case.quarantine.is_some() => None,
        CaseVerdict::Regressed => Some(NonSuccessKind::Failure),
        CaseVerdict::Unmeasured => Some(NonSuccessKind::Error),
        CaseVerdict::Suspect
        | CaseVerdict::Flaky
        | CaseVerdict::Changed
        | CaseVerdict::Improved
        | CaseVerdict::New
        | CaseVerdict::InputChanged
        | CaseVerdict::Removed
        | CaseVerdict::Unchanged => None,
    };
    let mut test = test_case(case.id, class, kind, case.verdict.name());
    let spent: f64 = case
        .trials
        .iter()
        .filter_map(|trial| trial.latency_ms)
        .sum();
    if let Ok(spent) = Duration::try_from_secs_f64(spent / 1000.0) {
        test.set_time(spent);
    }
    let trials = format!(
        "trials passed: {} → {}",
        passed(case.passed_before),
        passed(Some(case.passed))
    );
    if kind.is_some() {
        test.status
            .set_message(line(&format!("{trials}; {}", case.why)));
        if *detailed > 0 {
            *detailed -= 1;
            test.status.set_description(details(case));
        }
    } else if let Some(entry) = facts::quarantine(case) {
        test.status = TestCaseStatus::skipped();
        let verdict = case.verdict.name();
        test.status
            .set_message(line(&format!("{verdict}; in quarantine {entry}; {trials}")));
    } else if case.verdict == CaseVerdict::Removed {
        test.status = TestCaseStatus::skipped();
        test.status.set_message("in the baseline only");
    } else if case.verdict != CaseVerdict::Unchanged {
        test.add_property(property("verdict", case.verdict.name()));
        test.add_property(property("trials", &trials));
        if !case.why.is_empty() {
            test.set_system_out(visible(head(&case.why, LONGEST).0));
        }
    }
    test
}

fn test_case(name: &str, class: &str, kind: Option<NonSuccessKind>, verdict: &str) -> TestCase {
    let status = kind.map_or_else(TestCaseStatus::success, |kind| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_type(verdict);
        status
    });
    let mut test = TestCase::new(line(name), status);
    test.set_classname(class);
    test
}

/// What the answer is, and what it was.
fn details(case: &CaseSummary<'_>) -> String {
    let now = pick::worst_trial(case).map_or("", |trial| trial.output);
    let mut shown = visible(head(&case.why, LONGEST).0);
    if let Some(before) = pick::baseline_trial(case).filter(|_| !now.is_empty()) {
        let (old, new) = (head(before.output, LONGEST).0, head(now, LONGEST).0);
        shown.push_str("\n\nbaseline against this run: ");
        shown.push_str(&visible(&Diff::of(old, new).marked()));
    } else if !now.is_empty() {
        shown.push_str("\n\n");
        shown.push_str(&visible(head(now, LONGEST).0));
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

    #[test]
    fn an_open_gate_fails_where_the_invocation_does() {
        let world = World::new();
        let mut summary = world.summary();
        summary.exit.code = OPEN_FAILS;
        let report = Report::deserialize_from_str(&written(&summary)).unwrap();
        assert_eq!(report.test_suites[0].failures, 6);
    }
}
