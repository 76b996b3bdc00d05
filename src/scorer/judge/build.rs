//! A judge from its options, with every mistake shown where it stands.

use std::path::Path;

use serde_json::Value;

use crate::document::Node;
use crate::document::Source as Text;
use crate::error::{Problems, Result};
use crate::prompt::{self, Prompt, PromptRef};
use crate::stats::reduce::Reducer;
use crate::workspace::params::read_params;

use super::super::Built;
use super::super::entry::Entry;
use super::ask::{Judge, Rival};
use super::task::{Criterion, Task, Weighing};

/// The scale of a criterion that names none.
const SCALE: (i64, i64) = (1, 5);
/// The worth of the choices A to E of `factuality`.
const WORTH: [f64; 5] = [0.4, 0.6, 1.0, 0.0, 1.0];
/// How several votes may become one score.
pub(super) const REDUCERS: &[&str] = &["mean", "median", "majority", "min", "max"];
/// The column that holds sources.
const CONTEXT: &str = "context";

/// The prompts inside the program.
const PROMPTS: &[(&str, &str)] = &[
    ("judge", include_str!("prompts/judge.md")),
    ("factuality", include_str!("prompts/factuality.md")),
    ("closed-qa", include_str!("prompts/closed-qa.md")),
    ("geval", include_str!("prompts/geval.md")),
    ("geval-steps", include_str!("prompts/geval-steps.md")),
    ("pairwise", include_str!("prompts/pairwise.md")),
    ("faithfulness", include_str!("prompts/faithfulness.md")),
    (
        "answer-relevance",
        include_str!("prompts/answer-relevance.md"),
    ),
    (
        "context-precision",
        include_str!("prompts/context-precision.md"),
    ),
    ("context-recall", include_str!("prompts/context-recall.md")),
];

/// The reducer of a name. Among votes, which need not be 0 or 1, the majority is the most frequent value.
fn reducer_named(name: &str) -> Option<Reducer> {
    match name {
        "majority" => Some(Reducer::Mode),
        other => Reducer::named(other),
    }
}

/// What is parted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Answer,
    Context,
    Expected,
}

/// A judge that decides on numbered parts of a text.
pub(super) fn parts(entry: &Entry<'_>, name: &str, weighing: Weighing, source: Source) -> Built {
    let mut judge = build(entry, name, |_| Ok(Task::Parts(weighing)))?;
    judge.parted = Some(source);
    Ok(Box::new(judge))
}

/// A judge by its default prompt and what it decides.
pub(super) fn judge(
    entry: &Entry<'_>,
    name: &str,
    task: impl FnOnce(&Entry<'_>) -> Result<Task>,
) -> Built {
    Ok(Box::new(build(entry, name, task)?))
}

fn build(
    entry: &Entry<'_>,
    name: &str,
    task: impl FnOnce(&Entry<'_>) -> Result<Task>,
) -> Result<Judge> {
    let mut problems = Problems::default();
    let model = problems.take(entry.model());
    let task = problems.take(task(entry));
    let prompt = problems.take(prompt_of(entry, name));
    if let (Some(prompt), Some(task)) = (&prompt, &task) {
        check_inputs(prompt, task, &mut problems);
    }
    if let Some(Task::Pair) = &task {
        check_threshold(entry, &mut problems);
    }
    problems.finish()?;
    let (Some((alias, model)), Some(task), Some(prompt)) = (model, task, prompt) else {
        unreachable!("what could not be read was noted as a problem")
    };
    let steps = match task {
        Task::Score(_) if entry.get("steps").is_none() => Some(built_in("geval-steps")?),
        _ => None,
    };
    let reducer = entry.text("reducer").and_then(reducer_named);
    let default = match task {
        Task::YesNo => Reducer::Mode,
        _ => Reducer::Mean,
    };
    let own = read_params(entry.get("params"));
    Ok(Judge {
        params: model
            .params
            .overridden_by(&prompt.params)
            .overridden_by(&own),
        alias,
        model,
        prompt,
        is_built_in: entry.get("prompt").or(entry.get("rubric")).is_none(),
        asks_steps: steps,
        votes: entry
            .count("votes")
            .map_or(1, |votes| u32::try_from(votes).unwrap_or(u32::MAX)),
        reducer: reducer.unwrap_or(default),
        structured: entry.get("structured").and_then(Node::bool).unwrap_or(true),
        input: entry.texts("input"),
        labels: entry.texts("labels"),
        context: entry.text("context").unwrap_or(CONTEXT).to_owned(),
        column: entry.text("column").map(str::to_owned),
        rival: match entry.text("against") {
            Some("expected") => Rival::Expected,
            _ => Rival::Baseline,
        },
        criterion: entry.text("criterion").unwrap_or_default().to_owned(),
        steps: entry.texts("steps"),
        parted: None,
        threshold: entry.share("threshold"),
        task,
    })
}

/// A comparison with the baseline is no pass or fail of one answer.
fn check_threshold(entry: &Entry<'_>, problems: &mut Problems) {
    let Some(node) = entry.get("threshold") else {
        return;
    };
    if entry.text("against") != Some("expected") {
        let why = "`pairwise.threshold` needs `against: expected`: a comparison with the baseline passes no single answer";
        let help = "hold it to a limit with an entry of `gates` that names its metric";
        problems.push(entry.problem(node, why).help(help));
    }
}

fn prompt_of(entry: &Entry<'_>, default: &str) -> Result<Prompt> {
    let named = entry.get("rubric").or_else(|| entry.get("prompt"));
    let Some(node) = named else {
        return built_in(default);
    };
    let Some(workspace) = entry.surroundings.workspace else {
        return built_in(default);
    };
    let reference = PromptRef::parse(node.text().unwrap_or_default());
    prompt::load(workspace, &reference, &entry.place_of(node))
}

/// A prompt inside the program.
fn built_in(name: &str) -> Result<Prompt> {
    let text = PROMPTS.iter().find(|(known, _)| *known == name);
    let text = text.map_or("", |(_, text)| text);
    let source = Text::new(format!("{name}@v1 inside the program"), text);
    prompt::parse(source, name, 1, Path::new(""))
}

/// A prompt can only ask for what its judge knows.
fn check_inputs(prompt: &Prompt, task: &Task, problems: &mut Problems) {
    let known = known_inputs(task);
    for (input, place) in &prompt.inputs {
        if !known.contains(&input.as_str()) {
            let message = format!("this judge has no `{input}`");
            let help = format!("its prompt can take {}", known.join(", "));
            problems.push(
                crate::error::Diagnostic::new(message)
                    .at(place.clone())
                    .help(help),
            );
        }
    }
}

fn known_inputs(task: &Task) -> Vec<&'static str> {
    let own: &[&str] = match task {
        Task::Criteria(_) => &["answer", "criteria"],
        Task::Facts(_) => &["answer"],
        Task::YesNo => &["answer", "criterion"],
        Task::Score(_) => &["answer", "criterion", "steps"],
        Task::Parts(_) => &["answer", "context", "statements"],
        Task::Pair => &["first", "second"],
    };
    [own, &["input", "expected"]].concat()
}

/// The criteria of a rubric.
pub(super) fn criteria(entry: &Entry<'_>) -> Result<Task> {
    let Some(list) = entry.get("criteria") else {
        if entry.get("rubric").is_none() {
            return Err(entry
                .problem_of_all("`judge` has nothing to judge by")
                .help(
                    "give it `criteria`, or a `rubric`: a prompt of the workspace that holds them",
                )
                .into());
        }
        let name = entry.text("name").or_else(|| entry.text("metric"));
        return Ok(Task::Criteria(vec![Criterion {
            name: name.unwrap_or("score").to_owned(),
            asks: None,
            scale: SCALE,
            weight: 1.0,
        }]));
    };
    let mut problems = Problems::default();
    let mut criteria: Vec<Criterion> = Vec::new();
    if list.items().is_empty() {
        problems.push(entry.problem(list, "`judge.criteria` is empty"));
    }
    for node in list.items() {
        let name = node.get("name").and_then(Node::text).unwrap_or_default();
        if criteria.iter().any(|other| other.name == name) {
            problems.push(entry.problem(node, format!("two criteria are named `{name}`")));
        }
        let Some(scale) = problems.take(scale_of(entry, node.get("scale"))) else {
            continue;
        };
        criteria.push(Criterion {
            name: name.to_owned(),
            asks: node.get("asks").and_then(Node::text).map(str::to_owned),
            scale,
            weight: node.get("weight").and_then(Node::number).unwrap_or(1.0),
        });
    }
    let total: f64 = criteria.iter().map(|criterion| criterion.weight).sum();
    if problems.is_empty() && !(total > 0.0 && total.is_finite()) {
        problems.push(entry.problem(list, "the weights of the criteria have no sum to divide by"));
    }
    problems.finish()?;
    Ok(Task::Criteria(criteria))
}

/// One score on a scale.
pub(super) fn score(entry: &Entry<'_>) -> Result<Task> {
    scale_of(entry, entry.get("scale")).map(Task::Score)
}

fn scale_of(entry: &Entry<'_>, node: Option<&Node>) -> Result<(i64, i64)> {
    let Some(node) = node else {
        return Ok(SCALE);
    };
    let whole = |node: &Node| match node.to_json() {
        Value::Number(number) => number.as_i64(),
        _ => None,
    };
    match node.items() {
        [low, high] => match (whole(low), whole(high)) {
            (Some(low), Some(high)) if low < high => Some((low, high)),
            _ => None,
        },
        _ => None,
    }
    .ok_or_else(|| {
        entry
            .problem(node, "a scale is two whole numbers, the lower one first")
            .help("write it as `scale: [1, 5]`")
            .into()
    })
}

/// What the choices of `factuality` are worth.
pub(super) fn facts(entry: &Entry<'_>) -> Result<Task> {
    let mut worth = WORTH;
    let Some(node) = entry.get("worth") else {
        return Ok(Task::Facts(worth));
    };
    for (key, value) in node.entries() {
        let Some(at) = ["A", "B", "C", "D", "E"]
            .iter()
            .position(|letter| *letter == key.name)
        else {
            return Err(entry
                .problem(node, format!("`factuality` has no choice `{}`", key.name))
                .help("the choices are A, B, C, D and E")
                .into());
        };
        let share = value.text().and_then(crate::units::parse_share);
        worth[at] = value.number().or(share).unwrap_or(worth[at]);
    }
    Ok(Task::Facts(worth))
}
