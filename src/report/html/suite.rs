//! What the page shows of one suite: how sure, what changed, what went wrong.

use minijinja::Value;
use serde::Serialize;

use super::super::show::{passed, run_size};
use super::super::{facts, pick, show_time};
use super::Place;
use super::page::{Pill, commit, pill, shown_line};
use super::subject::Subject;
use super::text::{DiffView, Diffs, Names, Text};
use super::trend::{Trend, trends};
use crate::compare::summary::SuiteSummary;
use crate::units::count;

/// Groups of cases that are shown with a difference.
const GROUPS: usize = 4;

#[derive(Serialize)]
struct Fact {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Change {
    what: String,
    from: String,
    to: String,
}

/// A suite.
#[derive(Serialize)]
pub(super) struct Suite {
    key: usize,
    name: String,
    file: String,
    verdict: Pill,
    headline: String,
    has_baseline: bool,
    rule: String,
    warnings: Vec<String>,
    changes: Vec<Change>,
    templates: Vec<Template>,
    facts: Vec<Fact>,
    subjects: Vec<Subject>,
    course: Vec<String>,
    trends: Vec<Trend>,
    more_trends: usize,
    finding_count: String,
    groups: Vec<Group>,
    more_groups: usize,
}

/// A prompt template that is another than in the baseline.
#[derive(Serialize)]
struct Template {
    name: String,
    diff: DiffView,
}

#[derive(Serialize)]
struct Group {
    count: usize,
    check: Option<String>,
    subjects: String,
    why: String,
    id: String,
    key: String,
    trials: String,
    text: Option<Text>,
    diff: Option<DiffView>,
}

impl Suite {
    pub(super) fn of(
        index: usize,
        suite: &SuiteSummary<'_>,
        rows: &[Vec<Value>],
        diffs: &mut Diffs,
    ) -> Self {
        let groups = pick::groups(suite);
        let (trends, more_trends) = trends(suite);
        let found: usize = groups.iter().map(|group| group.cases.len()).sum();
        Self {
            key: index + 1,
            name: shown_line(suite.suite),
            file: shown_line(suite.file),
            verdict: pill(suite.verdict),
            headline: shown_line(&suite.headline),
            has_baseline: suite.baseline.is_some(),
            rule: shown_line(&suite.baseline_rule),
            warnings: suite.warnings.iter().map(|text| shown_line(text)).collect(),
            changes: suite
                .changes
                .iter()
                .map(|change| Change {
                    what: shown_line(&change.what),
                    from: shown_line(&change.from),
                    to: shown_line(&change.to),
                })
                .collect(),
            templates: templates(suite, diffs),
            facts: run_facts(suite),
            subjects: suite
                .subjects
                .iter()
                .zip(rows)
                .map(|(subject, rows)| Subject::of(suite, subject, rows))
                .collect(),
            course: facts::course(suite)
                .iter()
                .map(|note| shown_line(note))
                .collect(),
            trends,
            more_trends,
            finding_count: count(found, "regressed or suspect case"),
            more_groups: groups.len().saturating_sub(GROUPS),
            groups: groups
                .iter()
                .take(GROUPS)
                .map(|group| Group::of(index, suite, group, diffs))
                .collect(),
        }
    }
}

impl Group {
    fn of(
        suite_index: usize,
        suite: &SuiteSummary<'_>,
        group: &pick::Group<'_, '_>,
        diffs: &mut Diffs,
    ) -> Self {
        let first = group.cases[0];
        let mut subjects: Vec<&str> = Vec::new();
        for found in &group.cases {
            let name = suite.subjects[found.subject].name.as_str();
            if !subjects.contains(&name) {
                subjects.push(name);
            }
        }
        let now = pick::worst_trial(first.case).map_or("", |trial| trial.output);
        let names = Names {
            title: "",
            old: "Baseline",
            new: "This run",
        };
        let diff =
            pick::baseline_trial(first.case).map(|before| diffs.view(before.output, now, names));
        Self {
            count: group.cases.len(),
            check: group.check.map(shown_line),
            subjects: shown_line(&subjects.join(", ")),
            why: shown_line(&crate::text::excerpt(&first.case.why, 300)),
            id: shown_line(first.case.id),
            key: Place {
                suite: suite_index,
                subject: first.subject,
                case: first.index,
            }
            .key(),
            trials: format!(
                "{} → {}",
                passed(first.case.passed_before),
                passed(Some(first.case.passed))
            ),
            text: diff.is_none().then(|| Text::of(now)),
            diff,
        }
    }
}

fn templates(suite: &SuiteSummary<'_>, diffs: &mut Diffs) -> Vec<Template> {
    let mut seen: Vec<&str> = Vec::new();
    let mut templates = Vec::new();
    for subject in &suite.subjects {
        let Some(before) = subject.template_before else {
            continue;
        };
        if seen.contains(&subject.prompt.as_str()) {
            continue;
        }
        seen.push(&subject.prompt);
        let names = Names {
            title: "",
            old: "Before",
            new: "Now",
        };
        templates.push(Template {
            name: shown_line(&subject.prompt),
            diff: diffs.view(before, subject.template, names),
        });
    }
    templates
}

fn run_facts(suite: &SuiteSummary<'_>) -> Vec<Fact> {
    let run = &suite.run;
    let mut facts = Vec::new();
    let mut note = |name, value: String| {
        facts.push(Fact {
            name,
            value: shown_line(&value),
        });
    };
    note("Run", run.id.to_owned());
    note("Started", show_time(run.started_at));
    note("Size", run_size(run).join(", "));
    note(
        "Status",
        match run.reason {
            Some(reason) => format!("{}: {reason}", run.status.name()),
            None => run.status.name().to_owned(),
        },
    );
    let outcomes: Vec<String> = run
        .outcomes
        .iter()
        .map(|(outcome, number)| format!("{number} {outcome}"))
        .collect();
    note(
        "Trials",
        format!("{}; {} live", outcomes.join(", "), run.live),
    );
    if let Some(commit) = commit(run) {
        note("Commit", commit);
    }
    note("Dataset", run.dataset.short());
    if let Some(baseline) = &suite.baseline {
        note(
            "Baseline",
            format!("{}, {}", baseline.id, show_time(baseline.started_at)),
        );
    }
    facts
}
