//! What reports say of gates and cases beside their verdicts, in the same words everywhere.

use super::labels;
use super::show::{change, drop};
use crate::compare::summary::{
    CaseSummary, CaseVerdict, Estimate, MetricSummary, SubjectSummary, SuiteSummary, Verdict,
};
use crate::stats::unit::Scope;
use crate::timeline::{FirstBad, Rule, Series};
use crate::units::{count, day_of};

/// Cases in quarantine that are named in a line.
const NAMED: usize = 5;

/// What a metric is called in a list of gates: a critical case by its id.
pub(super) fn name(metric: &MetricSummary<'_>) -> String {
    match metric.case {
        Some(case) => format!("critical {case}"),
        None => match metric.reduce {
            Some(reducer) => format!("{} ({reducer})", metric.name),
            None => metric.name.to_owned(),
        },
    }
}

/// The smallest drop that a gate sees, where that is known: `sees drops from 8.2 pt`.
fn visible(metric: &MetricSummary<'_>) -> Option<String> {
    let seen = metric
        .visible_drop
        .filter(|_| metric.gate.is_some() && metric.case.is_none())?;
    let word = if metric.lower_is_better {
        "rises"
    } else {
        "drops"
    };
    Some(format!("sees {word} from {}", drop(metric, seen)))
}

/// The interval in the scope that the gate does not use: `cases like these: −9.1 to +4.2`.
pub(super) fn other_interval(metric: &MetricSummary<'_>) -> Option<String> {
    let difference: Estimate = metric.other_scope?;
    let name = match metric.scope {
        Scope::Suite => "cases like these",
        Scope::Population => "these cases",
    };
    let other = MetricSummary {
        difference: Some(difference),
        sentence: String::new(),
        gate: None,
        settle: None,
        ..*metric
    };
    Some(format!("{name}: {}", change(&other)?.interval))
}

/// What a gate sees, and its interval in the other scope: `exact sees drops from 3.0 pt, cases like these: …`.
pub(super) fn sight(metric: &MetricSummary<'_>) -> Option<String> {
    let seen = [visible(metric), other_interval(metric)];
    let seen: Vec<String> = seen.into_iter().flatten().collect();
    (!seen.is_empty()).then(|| format!("{} {}", name(metric), seen.join(", ")))
}

/// The metrics of a subject, and the critical cases that do not pass.
pub(super) fn rows<'s, 'a>(
    subject: &'s SubjectSummary<'a>,
) -> impl Iterator<Item = &'s MetricSummary<'a>> {
    let critical = subject.critical.iter();
    subject
        .metrics
        .iter()
        .chain(critical.filter(|case| !passes(case)))
}

fn passes(gate: &MetricSummary<'_>) -> bool {
    gate.verdict <= Some(Verdict::Pass)
}

/// What else there is to say of a subject, a line each: cases that had to pass, the canary, judges, noise, chance,
/// quarantine.
pub(super) fn notes(subject: &SubjectSummary<'_>) -> Vec<String> {
    let broken = subject.must_pass.iter().filter(|case| !case.holds);
    let mut notes: Vec<String> = broken.map(|case| case.sentence.clone()).collect();
    notes.extend(subject.cause.iter().map(|cause| cause.sentence.clone()));
    notes.extend(subject.split.iter().map(|split| split.sentence.clone()));
    notes.extend(subject.canary.iter().map(|canary| canary.sentence.clone()));
    notes.extend(subject.labels.iter().filter_map(labels::sentence));
    if !subject.critical.is_empty() {
        let holding = subject.critical.iter().filter(|case| passes(case));
        notes.push(format!(
            "critical cases that pass: {} of {}",
            holding.count(),
            subject.critical.len()
        ));
    }
    let judges = subject.judges.iter();
    notes.extend(judges.flat_map(|judge| judge.sentences.iter().cloned()));
    notes.extend(subject.noise.map(|noise| {
        let share = noise * 100.0;
        format!("two runs of the same thing disagree on {share:.0} % of cases")
    }));
    let is_listed = |(verdict, _): &(CaseVerdict, usize)| {
        matches!(verdict, CaseVerdict::Regressed | CaseVerdict::Improved)
    };
    if subject.counts.iter().any(is_listed) {
        notes.push(format!(
            "by chance alone at most {:.1} of the {} would be listed as regressed",
            subject.chance.listed,
            count(subject.chance.informative, "informative case")
        ));
    }
    let held: Vec<String> = subject
        .cases
        .iter()
        .filter_map(|case| Some(format!("{} ({})", case.id, quarantine(case)?)))
        .collect();
    if !held.is_empty() {
        let more = held.len().saturating_sub(NAMED);
        let more = if more > 0 {
            format!("; and {more} more")
        } else {
            String::new()
        };
        let named = held[..held.len().min(NAMED)].join("; ");
        notes.push(format!("not gated, in quarantine: {named}{more}"));
    }
    notes
}

/// What the course over time says of a suite, a line each: since when gated metrics are worse and what came with it,
/// slow losses, and what moved in inputs and outputs.
pub(super) fn course(suite: &SuiteSummary<'_>) -> Vec<String> {
    let (mut first_bad, mut warnings): (Vec<(&str, String)>, Vec<String>) = Default::default();
    for series in suite.timeline.iter().flat_map(|timeline| &timeline.series) {
        let of = |subject: &&SubjectSummary<'_>| subject.name == series.subject;
        let metrics = suite
            .subjects
            .iter()
            .find(of)
            .map(|subject| &subject.metrics);
        let metric = metrics.and_then(|metrics| {
            let mut metrics = metrics.iter();
            metrics.find(|metric| metric.name == series.metric && metric.gate.is_some())
        });
        let Some(metric) = metric else { continue };
        let is_told = |bad: &&FirstBad| match bad.rule {
            // What nothing has tested is told where the gate has found the same.
            Rule::FirstThisLow => metric.verdict == Some(Verdict::Regressed),
            // What a later baseline has accepted is no news.
            Rule::ChangePoint => bad.is_news || metric.verdict > Some(Verdict::Pass),
        };
        if let Some(bad) = series.first_bad.as_ref().filter(is_told) {
            match first_bad.iter_mut().find(|(run, _)| *run == bad.run) {
                Some((_, note)) => note.push_str(&likewise(series, bad)),
                None => first_bad.push((&bad.run, bad.in_words())),
            }
        }
        warnings.extend(series.warnings().map(str::to_owned));
    }
    let mut notes: Vec<String> = first_bad.into_iter().map(|(_, note)| note).collect();
    notes.extend(warnings);
    let moved = suite.drift.iter().filter(|moved| moved.is_warning);
    notes.extend(moved.map(|moved| moved.sentence.clone()));
    notes
}

/// A further metric of which a run is the first bad one.
fn likewise(series: &Series, bad: &FirstBad) -> String {
    let show = |at: usize| series.unit.show(series.values[at]);
    let (metric, subject) = (&series.metric, &series.subject);
    let (before, now) = (show(bad.at.saturating_sub(1)), show(bad.at));
    format!("; likewise {metric} of {subject}, {before} → {now}")
}

/// The day of the first bad run of a metric of the worst subject, where it is known.
pub(super) fn first_bad_day(suite: &SuiteSummary<'_>, metric: &str) -> Option<String> {
    let subject = suite.subjects.first()?;
    let series = suite.timeline?.series_of(&subject.name, metric)?;
    day_of(series.first_bad.as_ref()?.started_at)
}

/// Until when a case is in quarantine, with whom and why, where it is.
pub(super) fn quarantine(case: &CaseSummary<'_>) -> Option<String> {
    let entry = case.quarantine?;
    Some(format!(
        "until {}, {}: {}",
        entry.until, entry.owner, entry.reason
    ))
}

/// What a case is besides one among many: `critical · must pass · quarantined until …`.
pub(super) fn marks(case: &CaseSummary<'_>) -> String {
    let mut marks = Vec::new();
    marks.extend(quarantine(case).map(|entry| format!("quarantined {entry}")));
    marks.extend(case.critical.then(|| "critical".to_owned()));
    marks.extend(case.must_pass.then(|| "must pass".to_owned()));
    marks.join(" · ")
}

/// The gates of a subject that did not pass.
pub(super) fn open_gates<'s, 'a>(
    subject: &'s SubjectSummary<'a>,
) -> impl Iterator<Item = &'s MetricSummary<'a>> {
    let gates = subject.gates();
    gates.filter(|gate| gate.verdict > Some(Verdict::Pass))
}
