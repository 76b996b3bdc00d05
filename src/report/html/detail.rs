//! What the page shows of a case when it is opened, in the form of its data blocks. The form is described in
//! `report-1.schema.json`.

use serde::{Serialize, Serializer};

use super::super::facts;
use super::super::show::{head, show_origin, value, value_text};
use super::order::Entry;
use super::text::{Diffs, LONGEST};
use crate::compare::summary::{CaseSummary, CaseVerdict, TrialSummary};
use crate::digest::Digest;
use crate::golden::{as_golden, digest};
use crate::scorer::Unit;
use crate::text::diff::{Diff, Kind};

/// Different answers of one side that are kept.
const ANSWERS: usize = 10;

/// A text, or the start of a very long one with the number of all of its characters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut {
    text: String,
    all: Option<usize>,
}

impl Cut {
    fn of(text: &str) -> Self {
        let (text, all) = head(text, LONGEST);
        Self {
            text: text.to_owned(),
            all,
        }
    }
}

impl Serialize for Cut {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.all {
            None => serializer.serialize_str(&self.text),
            Some(all) => {
                serializer.collect_map([("t", Part::Text(&self.text)), ("n", Part::Number(all))])
            }
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum Part<'t> {
    Text(&'t str),
    Number(usize),
}

/// A difference: how the texts differ on the whole, and the edits; the texts themselves where they were compared in
/// another form than they stand in. Of withheld texts only the share that changed.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Edits {
    Share(f64),
    Runs {
        k: &'static str,
        o: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        a: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        b: Option<String>,
    },
}

impl Edits {
    fn of(diffs: &mut Diffs, old: &str, new: &str) -> Option<Self> {
        let (old, new) = (head(old, LONGEST).0, head(new, LONGEST).0);
        let diff = diffs.compare(old, new)?;
        let other = |shown: String, text: &str| (shown != text).then_some(shown);
        Some(Self::Runs {
            k: match diff.kind {
                Kind::Same => "same",
                Kind::Whitespace(_) => "white-space",
                Kind::SameData => "same-data",
                Kind::Words => "words",
                Kind::Rewritten => "rewritten",
            },
            o: diff.utf16(),
            a: other(Diff::old_text(&diff), old),
            b: other(Diff::new_text(&diff), new),
        })
    }
}

/// A case.
#[derive(Debug, Serialize)]
pub(super) struct Detail<'s> {
    lang: &'static str,
    input: Vec<(&'s str, String)>,
    golden: Option<String>,
    gh: Option<Digest>,
    base: Option<Cut>,
    outs: Vec<Out>,
    rep: usize,
    c: Vec<Trial>,
    before: Before,
    checks: Vec<Check<'s>>,
    scores: Vec<(&'s str, String, String, String, Option<bool>)>,
    history: Vec<crate::timeline::Past>,
    meta: Vec<(&'static str, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    err: Option<String>,
}

/// What the baseline answered.
#[derive(Debug, Serialize)]
struct Before {
    outs: Vec<Out>,
    c: Vec<Trial>,
}

/// An answer, and the trials that gave it.
#[derive(Debug, Serialize)]
struct Out {
    t: Cut,
    #[serde(skip_serializing_if = "Option::is_none")]
    h: Option<Digest>,
    pass: Option<bool>,
    #[serde(rename = "in")]
    trials: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dg: Option<Edits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    db: Option<Edits>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<(String, Cut)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fail: Option<String>,
}

#[derive(Debug, Serialize)]
struct Trial {
    n: u32,
    o: Option<usize>,
    outcome: &'static str,
    pass: Option<bool>,
    ms: Option<f64>,
    cost: String,
    tokens: String,
    attempts: u32,
    origin: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fresh: bool,
}

/// What a scorer says of the trial that speaks for the case.
#[derive(Debug, Serialize)]
struct Check<'s> {
    name: &'s str,
    ok: Option<bool>,
    note: String,
    why: &'s str,
}

/// Everything that is shown of a case.
pub(super) fn detail<'s>(entry: &Entry<'s, '_>, diffs: &mut Diffs) -> Detail<'s> {
    let case = entry.case;
    let golden = case.expected.map(value_text);
    let read = Read::of(case);
    let before = read.best.as_ref().map(|trial| trial.output.as_str());
    let mut outs = answers(&read.now);
    for (out, trial) in &mut outs {
        if !trial.outcome.is_measured() {
            continue;
        }
        if let Some(changed) = trial.changed {
            out.dg = changed.golden.map(Edits::Share);
            out.db = changed.baseline.map(Edits::Share);
            continue;
        }
        if !trial.output.is_empty() {
            out.h = Some(digest(&as_golden(case.expected, &trial.output)));
        }
        out.dg = golden
            .as_deref()
            .and_then(|golden| Edits::of(diffs, golden, &trial.output));
        out.db = before.and_then(|before| Edits::of(diffs, before, &trial.output));
    }
    let spoken = read.worst.as_ref();
    let rep = spoken.and_then(|spoken| outs.iter().position(|(_, trial)| is_same(trial, spoken)));
    let looks_like_data = |text: &str| text.trim_start().starts_with(['{', '[']);
    let is_data = golden.as_deref().or(before).is_some_and(looks_like_data);
    let known = answers(&read.before);
    Detail {
        lang: if is_data { "json" } else { "text" },
        input: case
            .input
            .iter()
            .map(|(name, value)| (name.as_str(), cut_note(&value_text(value))))
            .collect(),
        gh: case.expected.filter(|_| !entry.suite.eyes_off).map(digest),
        golden: golden.as_deref().map(cut_note),
        base: before.map(Cut::of),
        rep: rep.unwrap_or(0),
        c: trials(&read.now, &outs),
        before: Before {
            c: trials(&read.before, &known),
            outs: known.into_iter().map(|(out, _)| out).collect(),
        },
        outs: outs.into_iter().map(|(out, _)| out).collect(),
        checks: checks(entry, &read),
        scores: scores(entry, &read),
        history: case.history.clone(),
        meta: meta(entry),
        err: spoken.and_then(|trial| trial.failure.clone()),
    }
}

/// A text of a dataset, which may be very long too.
fn cut_note(text: &str) -> String {
    match head(text, LONGEST) {
        (_, None) => text.to_owned(),
        (shown, Some(all)) => format!("{shown}\n… {all} characters in all"),
    }
}

fn is_same(one: &TrialSummary<'_>, other: &TrialSummary<'_>) -> bool {
    one.output == other.output
        && one.tool_calls == other.tool_calls
        && one.failure == other.failure
        && one.outcome == other.outcome
}

/// The trials of a case with their answers.
struct Read<'a> {
    before: Vec<TrialSummary<'a>>,
    now: Vec<TrialSummary<'a>>,
    /// The one of the baseline that answers are compared with.
    best: Option<TrialSummary<'a>>,
    /// The one that speaks for the case.
    worst: Option<TrialSummary<'a>>,
}

impl<'a> Read<'a> {
    fn of(case: &CaseSummary<'a>) -> Self {
        Self {
            before: case.trials_before.iter().collect(),
            now: case.trials.iter().collect(),
            best: case.baseline_trial(),
            worst: case.worst_trial(),
        }
    }

    /// Trials that pass the check at `index`, of those that it was asked of: `3/3 → 0/3`.
    fn passing(&self, index: usize) -> String {
        let of = |trials: &[TrialSummary<'_>]| {
            let asked = trials
                .iter()
                .filter_map(|trial| trial.scores.get(index)?.as_ref()?.passed);
            let (passed, all) = asked.fold((0, 0), |(passed, all), next| {
                (passed + usize::from(next), all + 1)
            });
            (all > 0).then(|| format!("{passed}/{all}"))
        };
        match (of(&self.before), of(&self.now)) {
            (None, None) => String::new(),
            (None, Some(now)) => now,
            (before, now) => {
                let shown = |side: Option<String>| side.unwrap_or_else(|| "–".to_owned());
                format!("{} → {}", shown(before), shown(now))
            }
        }
    }
}

/// The different answers of a side, each with the first trial that gave it.
fn answers<'s, 'a>(trials: &'s [TrialSummary<'a>]) -> Vec<(Out, &'s TrialSummary<'a>)> {
    let mut found: Vec<(Out, &'s TrialSummary<'a>)> = Vec::new();
    for trial in trials {
        let known = found.iter().position(|(_, first)| is_same(first, trial));
        match known {
            Some(at) => found[at].0.trials.push(trial.repeat),
            None if found.len() == ANSWERS => {}
            None => found.push((Out::of(trial), trial)),
        }
    }
    found
}

impl Out {
    fn of(trial: &TrialSummary<'_>) -> Self {
        let calls = trial.tool_calls.iter();
        Self {
            t: Cut::of(&trial.output),
            h: None,
            pass: trial.passed,
            trials: vec![trial.repeat],
            dg: None,
            db: None,
            calls: calls
                .map(|call| (call.name.clone(), Cut::of(&call.arguments)))
                .collect(),
            fail: trial.failure.clone(),
        }
    }
}

fn trials(trials: &[TrialSummary<'_>], outs: &[(Out, &TrialSummary<'_>)]) -> Vec<Trial> {
    let of = |trial: &TrialSummary<'_>| Trial {
        n: trial.repeat,
        o: outs.iter().position(|(_, first)| is_same(first, trial)),
        outcome: trial.outcome.name(),
        pass: trial.passed,
        ms: trial.latency_ms.map(f64::round),
        cost: trial
            .cost
            .map_or_else(String::new, |cost| value(Unit::Usd, cost.usd())),
        tokens: tokens(trial.tokens),
        attempts: trial.attempts,
        origin: show_origin(trial.origin),
        fresh: trial.fresh,
    };
    trials.iter().map(of).collect()
}

fn tokens(tokens: (Option<u64>, Option<u64>)) -> String {
    let known = |tokens: Option<u64>| tokens.map_or_else(|| "?".to_owned(), |n| n.to_string());
    match tokens {
        (None, None) => String::new(),
        (input, output) => format!("{} + {}", known(input), known(output)),
    }
}

/// What each check says of the trial that speaks for the case, with the trials that passed it before and now.
fn checks<'s>(entry: &Entry<'s, 's>, read: &Read<'s>) -> Vec<Check<'s>> {
    let Some(spoken) = &read.worst else {
        return Vec::new();
    };
    let scores = entry.suite.metric_names.iter().zip(&spoken.scores);
    scores
        .enumerate()
        .filter_map(|(index, (name, score))| {
            let score = score.as_ref()?;
            // What was only measured stands with the scores.
            (score.passed.is_some() || score.value.is_none()).then(|| Check {
                name,
                ok: score.passed,
                note: read.passing(index),
                why: score.note.unwrap_or_default(),
            })
        })
        .collect()
}

fn scores<'s, 'r>(
    entry: &Entry<'s, '_>,
    read: &'r Read<'_>,
) -> Vec<(&'s str, String, String, String, Option<bool>)> {
    let names = entry.suite.metric_names.iter().enumerate();
    names
        .filter_map(|(index, name)| {
            let score = |trial: Option<&'r TrialSummary<'_>>| trial?.scores.get(index)?.as_ref();
            let (before, now) = (score(read.best.as_ref()), score(read.worst.as_ref()));
            let mut metrics = entry.subject.metrics.iter();
            let unit = metrics
                .find(|metric| metric.name == *name)
                .map(|metric| metric.unit);
            let shown = |number: f64| match unit {
                Some(Unit::Share) | None => format!("{number:.3}"),
                Some(unit) => value(unit, number),
            };
            let text = |score: Option<&crate::compare::summary::ScoreSummary<'_>>| {
                let number = score.and_then(|score| score.value);
                number.map_or_else(|| "–".to_owned(), shown)
            };
            (before.is_some() || now.is_some()).then(|| {
                (
                    *name,
                    text(before),
                    text(now),
                    read.passing(index),
                    now.and_then(|score| score.passed),
                )
            })
        })
        .collect()
}

fn meta(entry: &Entry<'_, '_>) -> Vec<(&'static str, String)> {
    let (suite, subject, case) = (entry.suite, entry.subject, entry.case);
    let mut rows = vec![
        ("verdict", case.verdict.name().to_owned()),
        ("suite", format!("{} ({})", suite.suite, suite.file)),
        ("subject", subject.name.clone()),
        (
            "prompt",
            match &subject.prompt_before {
                Some(before) if *before != subject.prompt => {
                    format!("{before} → {}", subject.prompt)
                }
                _ => subject.prompt.clone(),
            },
        ),
        ("model asked for", subject.model.to_owned()),
    ];
    if !subject.served.is_empty() {
        rows.push(("model that served", subject.served.join(", ")));
    }
    rows.push(("run", suite.run.id.to_owned()));
    rows.extend(
        suite
            .baseline
            .as_ref()
            .map(|run| ("baseline", run.id.to_owned())),
    );
    rows.push(("dataset", suite.run.dataset.short()));
    if case.verdict == CaseVerdict::InputChanged {
        rows.push(("input", "another one than in the baseline".to_owned()));
    }
    let golden = case.expected.filter(|_| !suite.eyes_off);
    rows.extend(golden.map(|golden| ("golden", digest(golden).short())));
    if !case.tags.is_empty() {
        rows.push(("tags", case.tags.join(", ")));
    }
    let marks = facts::marks(case);
    if !marks.is_empty() {
        rows.push(("marks", marks));
    }
    rows
}
