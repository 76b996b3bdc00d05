//! What the page shows of one suite: how sure, what changed, what went wrong.

use serde::Serialize;

use super::super::show::{passed, run_size};
use super::super::{facts, pick, show_time};
use super::order::Order;
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
    has_groups: bool,
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
    change: &'static str,
    subjects: String,
    why: String,
    id: String,
    cluster: usize,
    key: String,
    trials: String,
    text: Option<Text>,
    diff: Option<DiffView>,
}

impl Suite {
    pub(super) fn of(
        index: usize,
        suite: &SuiteSummary<'_>,
        order: &Order<'_, '_>,
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
                .map(|subject| Subject::of(subject, order))
                .collect(),
            course: facts::course(suite)
                .iter()
                .map(|note| shown_line(note))
                .collect(),
            trends,
            more_trends,
            finding_count: count(found, "regressed or suspect case"),
            has_groups: suite
                .subjects
                .iter()
                .any(|subject| !subject.groups.is_empty()),
            more_groups: groups.len().saturating_sub(GROUPS),
            groups: groups
                .iter()
                .take(GROUPS)
                .enumerate()
                .map(|(at, group)| Group {
                    cluster: order.first_clusters[index] + at,
                    key: order.link(
                        index,
                        group.cases[0].place.subject,
                        group.cases[0].place.case,
                    ),
                    ..Group::of(suite, group, diffs)
                })
                .collect(),
        }
    }
}

impl Group {
    fn of(suite: &SuiteSummary<'_>, group: &pick::Group<'_, '_>, diffs: &mut Diffs) -> Self {
        let first = group.cases[0];
        let mut subjects: Vec<&str> = Vec::new();
        for found in &group.cases {
            let name = suite.subjects[found.place.subject].name.as_str();
            if !subjects.contains(&name) {
                subjects.push(name);
            }
        }
        let now = first.case.worst_trial();
        let names = Names {
            old: "Baseline",
            new: "This run",
        };
        let share = now.as_ref().and_then(|trial| trial.changed?.baseline);
        let now = now.map_or_else(String::new, |trial| trial.output);
        let diff = first.case.baseline_output().map(|before| match share {
            Some(share) => DiffView::withheld(share, names),
            None => diffs.view(&before, &now, names),
        });
        Self {
            count: group.cases.len(),
            check: group.check.map(shown_line),
            change: group.change.name(),
            subjects: shown_line(&subjects.join(", ")),
            why: shown_line(&crate::text::excerpt(&first.case.why, 300)),
            id: shown_line(first.case.id),
            cluster: 0,
            key: String::new(),
            trials: format!(
                "{} → {}",
                passed(first.case.passed_before),
                passed(Some(first.case.passed))
            ),
            text: diff.is_none().then(|| Text::of(&now)),
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
            old: "Before",
            new: "Now",
        };
        templates.push(Template {
            name: shown_line(&subject.prompt),
            diff: match subject.template_changed {
                Some(share) => DiffView::withheld(share, names),
                None => diffs.view(before, subject.template, names),
            },
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
