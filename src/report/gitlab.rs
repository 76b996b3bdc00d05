//! gl-code-quality-report.json: what GitLab shows beside the changes of a merge request.
//!
//! One issue for each gate and each case that fails or has no result. GitLab tells new issues from old ones by their
//! fingerprint, which names the suite, the subject and the gate or case, and nothing that moves from run to run.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::show::{head, one_line, visible};
use super::standing::{Standing, Test, tests};
use crate::compare::summary::{CaseVerdict, Summary};
use crate::digest::Digest;

/// Issues at most; GitLab shows some hundred.
const MOST: usize = 1_000;
/// Characters of a text.
const LONGEST: usize = 500;

/// Writes the issues; `prefix` is the path of the workspace in its repository.
pub fn write(summary: &Summary<'_>, prefix: &str, mut out: impl Write) -> io::Result<()> {
    let subjects = summary
        .suites
        .iter()
        .flat_map(|suite| suite.subjects.iter().map(move |subject| (suite, subject)));
    let issues = subjects.flat_map(|(suite, subject)| {
        let path = format!("{prefix}{}", suite.file);
        let failed = tests(summary, suite, subject).filter(is_issue);
        failed.map(move |test| issue(&test, (suite.suite, &subject.name), &path))
    });
    let issues: Vec<Value> = issues.take(MOST).collect();
    serde_json::to_writer_pretty(&mut out, &issues)?;
    out.write_all(b"\n")
}

/// What fails, and cases that are worse though the gates hold; they are for information.
fn is_issue(test: &Test<'_, '_>) -> bool {
    let is_worse = test.case.is_some_and(|case| {
        let worse = [CaseVerdict::Regressed, CaseVerdict::Unmeasured];
        case.quarantine.is_none() && worse.contains(&case.verdict)
    });
    is_worse || matches!(test.standing, Standing::Failed | Standing::Errored)
}

fn issue(test: &Test<'_, '_>, (suite, subject): (&str, &str), path: &str) -> Value {
    let is_gate = test.case.is_none();
    let severity = match test.standing {
        Standing::Failed if is_gate => "blocker",
        Standing::Errored if is_gate => "critical",
        Standing::Failed => "major",
        Standing::Errored => "minor",
        Standing::Passed | Standing::Skipped => "info",
    };
    json!({
        "description": line(&format!("{suite}, {subject}, {}: {}", test.name, test.reason)),
        "check_name": if is_gate { "regauge-gate" } else { "regauge-case" },
        "fingerprint": Digest::of(&(suite, subject, &test.name)),
        "severity": severity,
        "location": { "path": line(path), "lines": { "begin": 1 } },
    })
}

fn line(text: &str) -> String {
    visible(&one_line(head(text, LONGEST).0))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::testing::World;
    use super::*;

    fn written(summary: &Summary<'_>) -> String {
        let mut bytes = Vec::new();
        write(summary, "evals/", &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_fails_is_an_issue() {
        insta::assert_snapshot!(written(&World::new().summary()));
    }

    #[test]
    fn issues_have_what_gitlab_asks_for_and_keep_their_fingerprints() {
        let world = World::new();
        let mut summary = world.summary();
        let before: Vec<Value> = serde_json::from_str(&written(&summary)).unwrap();
        summary.suites[0].run.id = "another";
        summary.suites[0].subjects[0].cases[0].why = "another reason".into();
        let after: Vec<Value> = serde_json::from_str(&written(&summary)).unwrap();
        let prints = |issues: &[Value]| -> HashSet<String> {
            let prints = issues.iter().map(|issue| issue["fingerprint"].to_string());
            prints.collect()
        };
        assert_eq!(prints(&before), prints(&after));
        assert_eq!(prints(&before).len(), before.len(), "no two are the same");
        for issue in &before {
            let severities = ["info", "minor", "major", "critical", "blocker"];
            assert!(severities.contains(&issue["severity"].as_str().unwrap()));
            assert!(!issue["description"].as_str().unwrap().is_empty());
            assert_eq!(issue["location"]["path"], "evals/suites/support.yaml");
            assert!(issue["location"]["lines"]["begin"].as_u64() >= Some(1));
        }
    }

    #[test]
    fn a_summary_without_failures_is_an_empty_list() {
        let world = World::new();
        let mut summary = world.summary();
        summary.suites.remove(0);
        assert_eq!(written(&summary), "[]\n");
    }
}
