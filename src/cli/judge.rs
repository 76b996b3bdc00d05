//! `regauge judge calibrate`: how far a judge agrees with people; no call is made.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Exit;
use super::calls::block_on;
use super::console::Console;
use super::input;
use crate::calibration::{Counts, ENOUGH, Record};
use crate::document::Source;
use crate::engine::endpoint::now_ms;
use crate::error::{Diagnostic, Error, Result};
use crate::files::replace_file;
use crate::history::run::{Run, TrialRecord};
use crate::history::store::History;
use crate::plan::Metric;
use crate::stats::agreement::Agreement;
use crate::stats::judge::rogan_gladen;
use crate::text::suggest;
use crate::units::count;
use crate::workspace::Workspace;

/// The level of the interval of a corrected pass rate, as of all intervals that are shown.
const CONFIDENCE: f64 = 0.90;

#[derive(Debug, Args)]
pub(super) struct JudgeArgs {
    #[command(subcommand)]
    command: JudgeCommand,
}

#[derive(Debug, Subcommand)]
enum JudgeCommand {
    /// Compare the judges of a run with what people say of the same answers, and keep how far they agree.
    Calibrate(CalibrateArgs),
}

#[derive(Debug, Args)]
struct CalibrateArgs {
    /// Labels of people, a JSON object a line: {"case": "t-001", "pass": true}, where needed with `subject`, `repeat`
    /// and `slice`.
    #[arg(value_name = "LABELS", required_unless_present = "column")]
    labels: Option<PathBuf>,
    /// Take the labels from this column of the dataset instead: true or false.
    #[arg(long, value_name = "NAME", conflicts_with = "labels")]
    column: Option<String>,
    /// The run whose answers were labelled: its id, the start or end of it, or `latest`.
    #[arg(long, default_value = "latest", value_name = "RUN")]
    run: String,
    /// For how many days the calibration holds.
    #[arg(long, default_value_t = 90, value_name = "DAYS")]
    days: u32,
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
}

/// What a person says of an answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    case: String,
    pass: bool,
    /// The subject, where the run has several.
    subject: Option<String>,
    /// The trial, counted from 1; without it the label is about the first.
    repeat: Option<u32>,
    /// What kind of case it is.
    slice: Option<String>,
}

/// What was found of one judge.
struct Found {
    metric: String,
    counts: Counts,
    slices: BTreeMap<String, Counts>,
    /// Answers of the run that the judge passes, and that it has judged.
    passes: (usize, usize),
}

pub(super) fn run(args: &JudgeArgs, workspace: &Workspace, console: &Console) -> Result<Exit> {
    let JudgeCommand::Calibrate(args) = &args.command;
    let run = block_on(async {
        let history = History::open(workspace).await?;
        history.load(&history.resolve(&args.run).await?).await
    })?;
    let labels = match (&args.labels, &args.column) {
        (Some(file), _) => of_file(&input::read(file, "the labels")?)?,
        (None, column) => of_column(&run, column.as_deref().unwrap_or_default())?,
    };
    let judges = run.header.metrics.iter().enumerate();
    let found: Vec<(usize, Found)> = judges
        .filter(|(_, metric)| is_judged(metric))
        .map(|(index, _)| Ok((index, compare(&run, index, &labels)?)))
        .collect::<Result<_>>()?;
    if found.is_empty() {
        return Err(
            Diagnostic::new(format!("no judge has graded run {}", run.header.id))
                .help("a suite with a judge among its `scorers` makes one that can be compared")
                .into(),
        );
    }
    for (index, found) in &found {
        let metric = &run.header.metrics[*index];
        let of = (&*run.header.suite, &*found.metric, metric.fingerprint);
        let record = Record::new(of, &run.header.id, found.counts, (now_ms(), args.days));
        let file = Record::file(of.0, of.1);
        let path = workspace.path(&file);
        let folder = path.parent().unwrap_or(&workspace.root);
        std::fs::create_dir_all(folder).map_err(|error| {
            Error::from(
                Diagnostic::new(format!("cannot make the folder of {file}")).because(&error),
            )
        })?;
        let mut text = serde_json::to_string_pretty(&record).expect("a record is plain data");
        text.push('\n');
        replace_file(&path, text.as_bytes())?;
        if !args.json {
            console.print(&format!("{}wrote {file}\n", shown(found)));
        }
    }
    if args.json {
        console.json(&found.iter().map(|(_, found)| as_json(found)).collect());
    }
    Ok(Exit::Pass)
}

/// Whether a model judges by a prompt; vectors and filters are no judges.
fn is_judged(metric: &Metric) -> bool {
    metric
        .judge
        .as_ref()
        .is_some_and(|judge| judge.prompt.is_some())
}

fn of_file(source: &Source) -> Result<Vec<Label>> {
    let mut labels = Vec::new();
    let mut at = 0;
    for line in source.text.split_inclusive('\n') {
        if !line.trim().is_empty() {
            labels.push(serde_json::from_str(line).map_err(|error| {
                Diagnostic::new(format!("not a label: {error}"))
                    .at(source.place(at..at + line.trim_end().len()))
                    .help("a label is {\"case\": …, \"pass\": true or false}, with `subject`, `repeat` and `slice` where needed")
            })?);
        }
        at += line.len();
    }
    let key = |label: &Label| (label.case.clone(), label.subject.clone(), label.repeat);
    let mut seen = BTreeSet::new();
    if let Some(twice) = labels.iter().find(|label| !seen.insert(key(label))) {
        return Err(Diagnostic::new(format!("case `{}` has two labels", twice.case))
            .at(source.place(0..0))
            .help("several trials of a case are told apart by `repeat`, several subjects by `subject`")
            .into());
    }
    Ok(labels)
}

fn of_column(run: &Run, column: &str) -> Result<Vec<Label>> {
    let labels: Vec<Label> = run
        .cases
        .iter()
        .filter_map(|case| {
            let pass = match case.vars.get(column)? {
                Value::Bool(pass) => *pass,
                Value::String(text) if text == "true" || text == "false" => text == "true",
                _ => return None,
            };
            Some(Label {
                case: case.id.clone(),
                pass,
                subject: None,
                repeat: None,
                slice: case.tags.first().cloned(),
            })
        })
        .collect();
    if labels.is_empty() {
        return Err(Diagnostic::new(format!(
            "no case of the run has true or false in `{column}`"
        ))
        .help("labels may also stand in a file of their own: `regauge judge calibrate LABELS`")
        .into());
    }
    Ok(labels)
}

/// Compares a judge with people, label by label. A label without a verdict of the judge counts for neither.
fn compare(run: &Run, metric: usize, labels: &[Label]) -> Result<Found> {
    let header = &run.header;
    let verdict = |trial: &TrialRecord| trial.score(metric).and_then(|score| score.passed);
    let all = || run.trials.iter().filter_map(verdict);
    let mut found = Found {
        metric: header.metrics[metric].name.clone(),
        counts: Counts::default(),
        slices: BTreeMap::new(),
        passes: (all().filter(|passed| *passed).count(), all().count()),
    };
    let has_score = |trial: &TrialRecord| trial.score(metric).is_some();
    if !run.trials.iter().any(has_score) {
        return Err(Diagnostic::new(format!(
            "the judge of {} gave no verdict: none of its replies could be read",
            found.metric
        ))
        .help("`regauge show` says what it replied; more `max_tokens` may mend it")
        .into());
    }
    if found.passes.1 == 0 {
        return Err(Diagnostic::new(format!(
            "the judge of {} never says what passes",
            found.metric
        ))
        .help("give its scorer a `threshold`; without it there is a score, and nothing to compare with a label")
        .into());
    }
    for label in labels {
        let is_meant = |trial: &&TrialRecord| {
            run.cases[trial.case].id == label.case
                && trial.repeat == label.repeat.unwrap_or(1)
                && label
                    .subject
                    .as_ref()
                    .is_none_or(|subject| header.subjects[trial.subject].name() == *subject)
        };
        if !run.trials.iter().any(|trial| is_meant(&trial)) {
            return Err(unknown(label, run).into());
        }
        for judged in run.trials.iter().filter(is_meant).filter_map(verdict) {
            found.counts.add(label.pass, judged);
            if let Some(slice) = &label.slice {
                let counts = found.slices.entry(slice.clone()).or_default();
                counts.add(label.pass, judged);
            }
        }
    }
    Ok(found)
}

/// A label that is about no answer of the run.
fn unknown(label: &Label, run: &Run) -> Diagnostic {
    let ids = run.cases.iter().map(|case| case.id.as_str());
    let help = suggest(&label.case, ids).map_or_else(
        || "a label names a case of the run, and the trial and the subject where needed".to_owned(),
        |meant| format!("did you mean `{meant}`?"),
    );
    let what = format!(
        "the label for `{}` is about no answer of the run",
        label.case
    );
    Diagnostic::new(what).help(help)
}

fn shown(found: &Found) -> String {
    let counts = &found.counts;
    let mut text = format!("{}: {}\n", found.metric, count(counts.labels(), "label"));
    let mut line = |line: String| writeln!(text, "  {line}").expect("a text takes more text");
    line("              judge passes  judge fails".to_owned());
    line(format!(
        "people pass   {:>12}  {:>11}",
        counts.both_pass, counts.only_people
    ));
    line(format!(
        "people fail   {:>12}  {:>11}",
        counts.only_judge, counts.both_fail
    ));
    for (name, agreement) in [("kappa", counts.kappa()), ("AC1", counts.ac1())] {
        line(format!("{name:<6} {}", coefficient(agreement)));
    }
    for (slice, counts) in &found.slices {
        let labels = count(counts.labels(), "label");
        line(format!(
            "  {slice}: {labels}, AC1 {}",
            coefficient(counts.ac1())
        ));
    }
    let (passes, judged) = found.passes;
    let corrected = rogan_gladen(passes, judged, &counts.errors(), CONFIDENCE);
    line(
        match corrected.and_then(|rate| Some((rate.estimate?, rate.bounds?, rate.youden))) {
            Some((estimate, bounds, youden)) => format!(
                "passes {passes} of {judged}; corrected for its errors {:.1} % (90 % interval {:.1} to {:.1} %); it shrinks \
             differences to {:.0} %",
                estimate * 100.0,
                bounds.lower * 100.0,
                bounds.upper * 100.0,
                youden * 100.0
            ),
            None => format!("passes {passes} of {judged}; it is too near chance to be corrected"),
        },
    );
    if !counts.is_enough() {
        let (all, each) = ENOUGH;
        line(format!(
            "few labels: {all}, with {each} of each kind, are asked for"
        ));
    }
    text
}

fn coefficient(agreement: Option<Agreement>) -> String {
    let Some(agreement) = agreement else {
        return "not known".to_owned();
    };
    let observed = agreement.observed * 100.0;
    match (agreement.coefficient, agreement.bounds) {
        (Some(value), Some(bounds)) => format!(
            "{value:.2} (95 % interval {:.2} to {:.2}), the same on {observed:.1} %",
            bounds.lower, bounds.upper
        ),
        (Some(value), None) => format!("{value:.2}, the same on {observed:.1} %"),
        _ => format!("not defined, the same on {observed:.1} %"),
    }
}

fn as_json(found: &Found) -> Value {
    let agreement = |agreement: Option<Agreement>| {
        let agreement = agreement?;
        let bounds = agreement.bounds.map(|bounds| [bounds.lower, bounds.upper]);
        Some(json!({
            "observed": agreement.observed,
            "coefficient": agreement.coefficient,
            "interval": bounds,
        }))
    };
    let counts = &found.counts;
    let slices = found.slices.iter();
    json!({
        "metric": found.metric,
        "counts": counts,
        "kappa": agreement(counts.kappa()),
        "ac1": agreement(counts.ac1()),
        "slices": slices
            .map(|(slice, counts)| json!({"slice": slice, "counts": counts, "ac1": agreement(counts.ac1())}))
            .collect::<Vec<Value>>(),
        "passes": found.passes.0,
        "judged": found.passes.1,
        "is_enough": counts.is_enough(),
    })
}
