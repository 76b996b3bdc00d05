//! What a report shows first: the trial that speaks for a case, cases that fail the same check, the next step.

use super::show::stripped;
use crate::compare::summary::{
    CaseSummary, CaseVerdict, MetricSummary, Place, Settle, SubjectSummary, SuiteSummary,
    TrialSummary, Verdict,
};
use crate::history::run::Status;
use crate::text::change::Change;
use crate::units;

/// Regressed and suspect cases of a suite that went wrong in the same way.
#[derive(Debug)]
pub(super) struct Group<'s, 'a> {
    /// The check; `None` where no check fails and the score is lower.
    pub(super) check: Option<&'a str>,
    /// How the answers changed.
    pub(super) change: Change,
    /// The cases with their subjects and their indices, worst first.
    pub(super) cases: Vec<Found<'s, 'a>>,
}

/// A case with the subject that it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'s, 'a> {
    /// Where it stands.
    pub(super) place: Place,
    /// The case.
    pub(super) case: &'s CaseSummary<'a>,
}

/// The clusters of a suite with their cases, the largest first.
pub(super) fn groups<'s, 'a>(suite: &'s SuiteSummary<'a>) -> Vec<Group<'s, 'a>> {
    let found = |place: &Place| Found {
        place: *place,
        case: &suite.subjects[place.subject].cases[place.case],
    };
    let clusters = suite.clusters.iter();
    clusters
        .map(|cluster| Group {
            check: cluster.check,
            change: cluster.change,
            cases: cluster.cases.iter().map(found).collect(),
        })
        .collect()
}

/// The checks that a trial fails, by name.
pub(super) fn failed_checks<'a>(trial: &TrialSummary<'_>, names: &[&'a str]) -> Vec<&'a str> {
    let failed = trial.scores.iter().zip(names).filter(|(score, _)| {
        score
            .as_ref()
            .is_some_and(|score| score.passed == Some(false))
    });
    failed.map(|(_, name)| *name).collect()
}

/// The metric that decides the verdict of a suite, where one does.
pub(super) fn deciding<'s, 'a>(suite: &'s SuiteSummary<'a>) -> Option<&'s MetricSummary<'a>> {
    let mut gates = suite.subjects.iter().flat_map(SubjectSummary::gates);
    gates.find(|metric| metric.verdict == Some(suite.verdict))
}

/// Cases of a suite by verdict, worst first.
pub(super) fn counts(suite: &SuiteSummary<'_>) -> Vec<(CaseVerdict, usize)> {
    let mut counts: Vec<(CaseVerdict, usize)> = Vec::new();
    for (verdict, number) in suite.subjects.iter().flat_map(|subject| &subject.counts) {
        match counts.iter_mut().find(|(other, _)| other == verdict) {
            Some((_, sum)) => *sum += number,
            None => counts.push((*verdict, *number)),
        }
    }
    counts.sort_unstable();
    counts
}

/// Something to do, with the command that does it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// What, in a sentence.
    pub(super) what: String,
    /// The command, where there is one.
    pub(super) command: Option<String>,
}

/// What to do next about a suite, the most urgent first; at most three things.
pub(super) fn next_steps(suite: &SuiteSummary<'_>) -> Vec<Step> {
    let counts = counts(suite);
    let run = shell_word(suite.run.id);
    let mut steps = Vec::new();
    if suite.run.status != Status::Complete {
        steps.push(Step {
            what: format!("Finish the run, which is {}.", suite.run.status.name()),
            command: Some(format!("regauge run --resume={run}")),
        });
    }
    if suite.verdict == Verdict::Regressed {
        steps.push(step_back(suite));
    }
    let decide = [
        CaseVerdict::Regressed,
        CaseVerdict::Changed,
        CaseVerdict::New,
    ];
    // What is worse is mended, not accepted.
    let may_accept = suite.run.status == Status::Complete && suite.verdict != Verdict::Regressed;
    if let Some(cases) = listed(&counts, &decide).filter(|_| may_accept) {
        steps.push(Step {
            what: format!(
                "Look at {cases}; where these answers are right, compare with this run from now on."
            ),
            command: Some(format!("regauge baseline set {run}")),
        });
    }
    let changed = listed(&counts, &[CaseVerdict::Changed, CaseVerdict::New]);
    if let Some(cases) = changed.filter(|_| suite.run.status == Status::Complete) {
        steps.push(Step {
            what: format!("Decide which answers become goldens: {cases}."),
            command: Some(format!("regauge review {run}")),
        });
    }
    steps.extend(more_data(suite, &counts));
    steps.truncate(3);
    steps
}

/// What to measure more of, where a verdict is open.
fn more_data(suite: &SuiteSummary<'_>, counts: &[(CaseVerdict, usize)]) -> Vec<Step> {
    let mut steps = Vec::new();
    let gates = suite.subjects.iter().flat_map(SubjectSummary::gates);
    let settles: Vec<&Settle> = gates.filter_map(|gate| gate.settle.as_ref()).collect();
    let only_cases = settles
        .iter()
        .filter(|settle| settle.trials_per_case.is_none())
        .filter_map(|settle| settle.cases)
        .max();
    if let Some(cases) = only_cases {
        steps.push(Step {
            what: format!(
                "Add about {}: no number of trials settles what is open.",
                units::count(cases, "case")
            ),
            command: None,
        });
    }
    let open = listed(counts, &[CaseVerdict::Suspect, CaseVerdict::Flaky]);
    let is_open = open.is_some() || suite.verdict == Verdict::Inconclusive;
    let by_trials = settles
        .iter()
        .any(|settle| settle.trials_per_case.is_some());
    if by_trials || (is_open && only_cases.is_none()) {
        let cases = open.unwrap_or_else(|| "a gate".to_owned());
        let (name, trials) = (shell_word(suite.suite), trials_to_try(suite));
        steps.push(Step {
            what: format!("Measure with more trials what is open: {cases}."),
            command: Some(format!("regauge run {name} --trials {trials}")),
        });
    }
    steps
}

/// The trials of each case that would settle the gates of a suite that trials can settle; else twice those there are.
fn trials_to_try(suite: &SuiteSummary<'_>) -> u32 {
    let present = suite.run.trials_per_case;
    let gates = suite.subjects.iter().flat_map(SubjectSummary::gates);
    let settles = gates.filter_map(|gate| gate.settle.as_ref());
    let more = settles
        .filter(|settle| settle.baseline_trials_per_case == 0)
        .filter_map(|settle| u32::try_from(settle.trials_per_case?).ok())
        .max();
    more.map_or_else(
        || present.saturating_mul(2),
        |more| present.saturating_add(more),
    )
}

/// What made it worse, as far as that can be seen.
fn step_back(suite: &SuiteSummary<'_>) -> Step {
    let prompts = prompts_that_moved(suite);
    let what = if prompts.is_empty() {
        "Find out what else moved: no prompt did.".to_owned()
    } else {
        format!("Fix or roll back {}.", prompts.join(", "))
    };
    let worst = suite
        .clusters
        .first()
        .and_then(|cluster| cluster.cases.first());
    let show = |place: &Place| {
        let case = suite.subjects[place.subject].cases[place.case].id;
        format!(
            "regauge show {} {}",
            shell_word(suite.run.id),
            shell_word(case)
        )
    };
    Step {
        what,
        command: worst.map(show),
    }
}

/// The numbers of cases of these verdicts, `2 regressed, 1 new`; `None` where there is none.
fn listed(counts: &[(CaseVerdict, usize)], verdicts: &[CaseVerdict]) -> Option<String> {
    let wanted = counts
        .iter()
        .filter(|(verdict, _)| verdicts.contains(verdict));
    let found: Vec<String> = wanted
        .map(|(verdict, number)| format!("{number} {}", verdict.name()))
        .collect();
    (!found.is_empty()).then(|| found.join(", "))
}

fn prompts_that_moved<'s>(suite: &'s SuiteSummary<'_>) -> Vec<&'s str> {
    let mut prompts: Vec<&str> = Vec::new();
    for subject in &suite.subjects {
        let moved = subject
            .prompt_before
            .as_ref()
            .is_some_and(|before| *before != subject.prompt);
        if moved && !prompts.contains(&subject.prompt.as_str()) {
            prompts.push(&subject.prompt);
        }
    }
    prompts
}

/// A word as a shell takes it back, whatever is in it.
pub(super) fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/@:-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", stripped(word).replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    #[test]
    fn regressed_and_suspect_cases_are_grouped_by_check_and_kind_of_change() {
        let world = testing::World::new();
        let summary = world.summary();
        let groups = groups(&summary.suites[0]);
        let shown: Vec<(Option<&str>, Vec<&str>)> = groups
            .iter()
            .map(|group| {
                let ids = group.cases.iter().map(|found| found.case.id).collect();
                (group.check, ids)
            })
            .collect();
        assert_eq!(
            shown,
            [
                (Some("exact"), vec!["refund/late-01"]),
                (Some("exact"), vec!["=cmd|' /C calc'!A0"]),
                (Some("polite"), vec!["tone/angry-03"]),
            ]
        );
    }

    #[test]
    fn a_command_can_be_copied_whatever_the_name_is() {
        assert_eq!(shell_word("support-triage"), "support-triage");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("x'; rm -rf ~\u{1b}"), r"'x'\''; rm -rf ~'");
    }
}
