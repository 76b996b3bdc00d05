//! Annotations of GitHub Actions: workflow commands, which the runner reads from what a step prints.
//!
//! One for each suite that fails or is open, one for each check that cases fail, one for what is undecided: never one
//! for each case, since GitHub shows ten of a step and drops the others.

use std::fmt::Write as _;

use super::pick;
use super::show::{head, one_line, passed, visible};
use super::standing::fails;
use crate::compare::summary::{CaseVerdict, SuiteSummary, Summary, Verdict};
use crate::units::count;

/// Annotations at most.
const MOST: usize = 8;
/// Cases that one names.
const CASES: usize = 5;
/// Characters of a text.
const LONGEST: usize = 500;

/// How serious an annotation is.
#[derive(Clone, Copy)]
enum Level {
    Error,
    Warning,
}

/// What is said in one place.
struct Annotation {
    level: Level,
    title: String,
    lines: Vec<String>,
}

/// The commands, a line each; `prefix` is the path of the workspace in its repository.
pub fn render(summary: &Summary<'_>, prefix: &str) -> String {
    let mut commands = String::new();
    let found = summary.suites.iter().flat_map(|suite| {
        let file = format!("{prefix}{}", suite.file);
        let of_suite = annotations(summary, suite).into_iter();
        of_suite.map(move |annotation| (annotation, file.clone()))
    });
    for (annotation, file) in found.take(MOST) {
        let level = match annotation.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let lines = annotation.lines.iter().map(|line| message(line));
        let _ = writeln!(
            commands,
            "::{level} title={},file={},line=1::{}",
            property(&annotation.title),
            property(&file),
            lines.collect::<Vec<_>>().join("%0A")
        );
    }
    commands
}

fn annotations(summary: &Summary<'_>, suite: &SuiteSummary<'_>) -> Vec<Annotation> {
    let fails = fails(summary, suite);
    let level = if fails { Level::Error } else { Level::Warning };
    let mut found = Vec::new();
    if fails || suite.verdict == Verdict::Inconclusive {
        let mut lines = vec![suite.headline.clone()];
        if let Some(baseline) = &suite.baseline {
            lines.push(format!("run {} against {}", suite.run.id, baseline.id));
        }
        if !suite.changes.is_empty() {
            let changes = suite.changes.iter();
            let changes =
                changes.map(|change| format!("{} {} → {}", change.what, change.from, change.to));
            lines.push(format!(
                "changed: {}",
                changes.collect::<Vec<_>>().join(", ")
            ));
        }
        found.push(Annotation {
            level,
            title: format!("{}: {}", suite.suite, suite.verdict.name()),
            lines,
        });
    }
    // Without a gate that fails they are known or not certain, and the step is green.
    for group in pick::groups(suite) {
        let number = count(group.cases.len(), "case");
        let check = group.check.unwrap_or("lower score");
        let mut lines: Vec<String> = group
            .cases
            .iter()
            .take(CASES)
            .map(|found| {
                let case = found.case;
                let (before, now) = (passed(case.passed_before), passed(Some(case.passed)));
                format!("{} {before} → {now}, {}", case.id, case.verdict.name())
            })
            .collect();
        if group.cases.len() > CASES {
            lines.push(format!("… {} more", group.cases.len() - CASES));
        }
        found.push(Annotation {
            level,
            title: format!("{}, {check}, {}: {number}", suite.suite, group.change),
            lines,
        });
    }
    found.extend(undecided(suite));
    found
}

fn undecided(suite: &SuiteSummary<'_>) -> Option<Annotation> {
    let open = [
        CaseVerdict::Suspect,
        CaseVerdict::Unmeasured,
        CaseVerdict::Flaky,
    ];
    let counts = pick::counts(suite).into_iter();
    let counts: Vec<String> = counts
        .filter(|(verdict, _)| open.contains(verdict))
        .map(|(verdict, number)| format!("{number} {}", verdict.name()))
        .collect();
    if counts.is_empty() {
        return None;
    }
    let steps = pick::next_steps(suite).into_iter();
    let measures = |step: &pick::Step| {
        let command = step.command.as_deref();
        command.is_some_and(|command| command.starts_with("regauge run"))
    };
    let mut lines = vec!["these cases could not be decided".to_owned()];
    lines.extend(
        steps
            .filter(measures)
            .filter_map(|step| Some(format!("{} {}", step.what, step.command?))),
    );
    Some(Annotation {
        level: Level::Warning,
        title: format!("{}: {}", suite.suite, counts.join(", ")),
        lines,
    })
}

/// A text as the value of a command: one line in which nothing ends it.
fn message(text: &str) -> String {
    let text = visible(&one_line(head(text, LONGEST).0));
    text.replace('%', "%25")
}

/// A text as a property of a command, where commas and colons part what follows.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::testing::World;
    use super::*;

    #[test]
    fn suites_checks_and_what_is_open_are_annotated() {
        insta::assert_snapshot!(render(&World::new().summary(), "evals/"));
    }

    #[test]
    fn whatever_the_run_is_there_are_few_commands_and_each_is_one_line() {
        for world in [World::new(), World::large(3_000), World::with_long_line()] {
            let text = render(&world.summary(), "");
            assert!(text.lines().count() <= MOST);
            for line in text.lines() {
                let is_command = line.starts_with("::error ") || line.starts_with("::warning ");
                assert!(is_command && line.len() < 10_000, "{line}");
                assert!(!line.contains(super::super::show::is_control), "{line}");
            }
        }
    }

    #[test]
    fn no_name_begins_a_property_or_a_command() {
        assert_eq!(
            property("a:b,c%0A\n::error::x"),
            "a%3Ab%2Cc%250A %3A%3Aerror%3A%3Ax"
        );
        assert_eq!(message("100 %\r\n::error::x"), "100 %25 ::error::x");
    }

    #[test]
    fn nothing_is_an_error_where_the_exit_code_is_0() {
        let world = World::new();
        let mut summary = world.summary();
        summary.exit.code = 0;
        for suite in &mut summary.suites {
            suite.verdict = Verdict::Inconclusive;
        }
        assert!(!render(&summary, "").contains("::error"));
    }
}
