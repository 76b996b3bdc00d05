//! Suites: which prompts meet which cases on which models, how the answers are graded, and what is allowed.

mod sampling;

use std::collections::HashMap;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::document::{Document, Key, Node};
use crate::error::{Diagnostic, Place, Problems, Result};
use crate::exchange::Params;
use crate::golden::{self, Columns, Dataset};
use crate::prompt::PromptRef;
use crate::shape::{Field, Shape};
use crate::text::suggest;
use crate::units::{parse_duration, parse_share};
use crate::workspace::{PARAMS, Workspace, read_params};
pub use sampling::Sampling;

/// The name under which the schema of a scorer stands in the schema of suites.
pub const SCORER_SCHEMA: &str = "scorer";

/// A drop that is accepted unless a gate says otherwise.
pub const DEFAULT_TOLERANCE: f64 = 0.03;
/// The error rate of the gate unless a suite says otherwise.
pub const DEFAULT_ALPHA: f64 = 0.05;
/// The share of cases without a usable trial above which nothing passes, unless a suite says otherwise.
pub const DEFAULT_MAX_MISSING: f64 = 0.05;

/// The age of a baseline from which it is looked at again, unless a suite says otherwise.
const DEFAULT_MAX_AGE: Duration = Duration::from_hours(14 * 24);

const DATASET: Shape = Shape::OneOf(&[
    Shape::Text,
    Shape::Record(&[
        Field::required("path", Shape::Text, "the file: .jsonl, .csv or .yaml"),
        Field::optional("id", Shape::Text, "the column that holds the id"),
        Field::optional(
            "expected",
            Shape::Text,
            "the column that holds the approved output",
        ),
        Field::optional("tags", Shape::Text, "the column that holds tags"),
        Field::optional("cluster", Shape::Text, "the column that holds the cluster"),
        Field::optional("weight", Shape::Text, "the column that holds the weight"),
        Field::optional(
            "vars",
            Shape::Map(&Shape::Text),
            "variables and the columns that hold them; without it every other column is one",
        ),
    ]),
]);

const GATE: Shape = Shape::Record(&[
    Field::required("metric", Shape::Text, "the metric that is watched"),
    Field::optional(
        "at_least",
        Shape::Number(f64::NEG_INFINITY, f64::INFINITY),
        "an absolute floor",
    ),
    Field::optional(
        "at_most",
        Shape::Number(f64::NEG_INFINITY, f64::INFINITY),
        "an absolute ceiling, for latency, cost and tokens",
    ),
    Field::optional(
        "tolerance",
        Shape::Share,
        "the largest accepted drop against the baseline (default 0.03); relative for latency, cost and tokens (default 10%)",
    ),
    Field::optional(
        "informational",
        Shape::Bool,
        "shown, but never fails the run",
    ),
]);

const POLICY: Shape = Shape::Record(&[
    Field::optional(
        "alpha",
        Shape::Number(0.0001, 0.5),
        "the error rate of the gate over the whole suite (default 0.05)",
    ),
    Field::optional(
        "max_missing",
        Shape::Share,
        "the share of cases without a result above which nothing passes (default 0.05)",
    ),
    Field::optional(
        "on_inconclusive",
        Shape::Choice(&["pass", "warn", "fail"]),
        "what an open verdict does to the exit code (default warn)",
    ),
    Field::optional(
        "baseline_max_age",
        Shape::Duration,
        "the age of a baseline from which a drop is blamed on the run only after a second look at the baseline (default 14d)",
    ),
]);

/// Keys of a suite.
pub const SHAPE: Shape = Shape::Record(&[
    Field::required("name", Shape::Text, "its name in reports and in history"),
    Field::optional("description", Shape::Text, "what it watches"),
    Field::required(
        "prompts",
        Shape::List(&Shape::Text),
        "prompts: NAME, NAME@vN, NAME@LABEL or NAME@latest",
    ),
    Field::required(
        "models",
        Shape::List(&Shape::Text),
        "models by their alias in regauge.yaml",
    ),
    Field::optional("dataset", DATASET, "the file that holds the cases"),
    Field::optional(
        "cases",
        Shape::List(&Shape::Map(&Shape::Any)),
        "the cases themselves, for small suites",
    ),
    Field::optional(
        "trials",
        sampling::SHAPE,
        "calls for each case of each subject (default 1)",
    ),
    Field::optional(
        "params",
        PARAMS,
        "sampling parameters that go over those of models and prompts",
    ),
    Field::required(
        "scorers",
        Shape::List(&Shape::Elsewhere(SCORER_SCHEMA)),
        "how answers are graded",
    ),
    Field::optional(
        "gates",
        Shape::List(&GATE),
        "what is allowed, metric by metric",
    ),
    Field::optional("gate", POLICY, "what holds for all gates of the suite"),
    Field::optional("baseline", Shape::Text, "a run file to compare with"),
]);

/// A suite, read and checked as far as its own file goes.
#[derive(Debug)]
pub struct Suite {
    /// Its name.
    pub name: String,
    /// What it watches.
    pub description: Option<String>,
    /// Its prompts, with their places.
    pub prompts: Vec<(PromptRef, Place)>,
    /// Aliases of its models, with their places.
    pub models: Vec<(String, Place)>,
    /// Calls for each case of each subject.
    pub sampling: Sampling,
    /// Sampling parameters that go over those of models and prompts.
    pub params: Params,
    /// What is allowed, metric by metric, with the places of the metrics' names.
    pub gates: Vec<(GateRule, Place)>,
    /// What holds for all gates.
    pub policy: Policy,
    /// A run file to compare with, and where it is named.
    pub baseline: Option<(String, Place)>,
    /// The file.
    pub document: Document,
}

/// What is allowed of one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateRule {
    /// The metric.
    pub metric: String,
    /// An absolute floor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// An absolute ceiling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// The largest accepted drop against the baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// Shown, but never fails the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub informational: bool,
}

/// What holds for all gates of a suite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The error rate over the whole suite.
    pub alpha: f64,
    /// The share of cases without a result above which nothing passes.
    pub max_missing: f64,
    /// What an open verdict does to the exit code.
    pub on_inconclusive: OnInconclusive,
    /// The age of a baseline, in seconds, from which a drop is blamed on the run only after a second look.
    #[serde(default = "default_max_age")]
    pub baseline_max_age: u64,
}

fn default_max_age() -> u64 {
    DEFAULT_MAX_AGE.as_secs()
}

/// What an open verdict does to the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnInconclusive {
    /// Nothing.
    Pass,
    /// A warning.
    Warn,
    /// Exit code 4.
    Fail,
}

/// The suites of the workspace by file, or those that `wanted` names by file or by name.
pub fn load_all(workspace: &Workspace, wanted: &[String]) -> Result<Vec<Suite>> {
    let files: Vec<String> = workspace
        .list("suites", ".yaml")
        .into_iter()
        .chain(workspace.list("suites", ".yml"))
        .collect();
    let mut problems = Problems::default();
    let chosen: Vec<String> = if wanted.is_empty() {
        files.iter().map(|file| format!("suites/{file}")).collect()
    } else {
        wanted
            .iter()
            .filter_map(|wanted| problems.take(find(workspace, wanted, &files)))
            .collect()
    };
    if chosen.is_empty() && problems.is_empty() {
        problems.push(
            Diagnostic::new("the workspace has no suites")
                .at(Place::file("suites"))
                .help("write suites/NAME.yaml, or make an example with `regauge init`"),
        );
    }
    let mut suites: Vec<Suite> = Vec::new();
    for file in chosen {
        let Some(suite) = problems.take(read(workspace, &file)) else {
            continue;
        };
        if let Some(twin) = suites.iter().find(|other| other.name == suite.name) {
            let place = suite
                .document
                .root
                .get("name")
                .map_or_else(|| Place::file(file), |node| suite.document.place(node));
            let message = format!("two suites are named `{}`", suite.name);
            problems.push(
                Diagnostic::new(message)
                    .at(place)
                    .help(format!("the other is {}", twin.document.source.file)),
            );
        }
        suites.push(suite);
    }
    problems.finish()?;
    Ok(suites)
}

/// The file of a suite that was named on the command line.
fn find(workspace: &Workspace, wanted: &str, files: &[String]) -> Result<String> {
    if workspace.path(wanted).is_file() {
        return Ok(wanted.to_owned());
    }
    let stem = |file: &str| {
        file.rsplit_once('.')
            .map_or_else(|| file.to_owned(), |(stem, _)| stem.to_owned())
    };
    if let Some(file) = files
        .iter()
        .find(|file| stem(file) == wanted || *file == wanted)
    {
        return Ok(format!("suites/{file}"));
    }
    // A suite may be named otherwise than its file.
    for file in files {
        let path = format!("suites/{file}");
        if Document::parse(workspace.read(&path)?)?
            .root
            .get("name")
            .and_then(Node::text)
            == Some(wanted)
        {
            return Ok(path);
        }
    }
    let stems: Vec<String> = files.iter().map(|file| stem(file)).collect();
    let paths: Vec<String> = files.iter().map(|file| format!("suites/{file}")).collect();
    let help = match suggest(wanted, stems.iter().chain(&paths).map(String::as_str)) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("the suites are {}", stems.join(", ")),
    };
    Err(Diagnostic::new(format!("unknown suite `{wanted}`"))
        .at(Place::file("suites"))
        .help(help)
        .into())
}

/// Reads and checks one suite.
pub fn read(workspace: &Workspace, file: &str) -> Result<Suite> {
    let document = Document::parse(workspace.read(file)?)?;
    let mut problems = Problems::default();
    SHAPE.check(&document, &document.root, "", &mut problems);
    check_lists(&document, &mut problems);
    sampling::check(&document, document.root.get("trials"), &mut problems);
    problems.finish()?;
    let root = &document.root;
    let listed = |name: &str| {
        let nodes = root.get(name).map(Node::items).unwrap_or_default();
        nodes
            .iter()
            .map(|node| (node.text().unwrap_or_default(), document.place(node)))
            .collect::<Vec<_>>()
    };
    let text = |name: &str| root.get(name).and_then(Node::text).map(str::to_owned);
    let gates = root.get("gates").map(Node::items).unwrap_or_default();
    Ok(Suite {
        name: text("name").unwrap_or_default(),
        description: text("description"),
        prompts: listed("prompts")
            .into_iter()
            .map(|(text, place)| (PromptRef::parse(text), place))
            .collect(),
        models: listed("models")
            .into_iter()
            .map(|(text, place)| (text.to_owned(), place))
            .collect(),
        sampling: Sampling::read(root.get("trials")),
        params: read_params(root.get("params")),
        gates: gates
            .iter()
            .map(|node| read_gate(&document, node))
            .collect(),
        policy: read_policy(root.get("gate")),
        baseline: root
            .get("baseline")
            .and_then(|node| Some((node.text()?.to_owned(), document.place(node)))),
        document,
    })
}

fn check_lists(document: &Document, problems: &mut Problems) {
    for name in ["prompts", "models", "scorers", "cases"] {
        let Some(node) = document.root.get(name) else {
            continue;
        };
        if matches!(&node.data, crate::document::Data::List(items) if items.is_empty()) {
            problems.push(
                Diagnostic::new(format!("`{name}` is empty"))
                    .at(document.place(node))
                    .help("name at least one"),
            );
        }
    }
    match (document.root.get("dataset"), document.root.get("cases")) {
        (Some(_), Some(cases)) => problems.push(
            Diagnostic::new("a suite has a dataset or cases, not both")
                .at(document.place(cases))
                .help("move the cases into the dataset"),
        ),
        (None, None) => problems.push(
            Diagnostic::new("the suite has no cases")
                .at(document.place(&document.root))
                .help("name a file with `dataset: golden/NAME.jsonl`, or write `cases:`"),
        ),
        _ => {}
    }
}

fn read_share(node: &Node) -> Option<f64> {
    node.number().or_else(|| parse_share(node.text()?))
}

fn read_gate(document: &Document, node: &Node) -> (GateRule, Place) {
    let number = |name: &str| node.get(name).and_then(Node::number);
    let metric = node.get("metric");
    let rule = GateRule {
        metric: metric.and_then(Node::text).unwrap_or_default().to_owned(),
        at_least: number("at_least"),
        at_most: number("at_most"),
        tolerance: node.get("tolerance").and_then(read_share),
        informational: node
            .get("informational")
            .and_then(Node::bool)
            .unwrap_or(false),
    };
    (rule, document.place(metric.unwrap_or(node)))
}

fn read_policy(node: Option<&Node>) -> Policy {
    let get = |name: &str| node.and_then(|node| node.get(name));
    Policy {
        alpha: get("alpha").and_then(Node::number).unwrap_or(DEFAULT_ALPHA),
        max_missing: get("max_missing")
            .and_then(read_share)
            .unwrap_or(DEFAULT_MAX_MISSING),
        on_inconclusive: match get("on_inconclusive").and_then(Node::text) {
            Some("pass") => OnInconclusive::Pass,
            Some("fail") => OnInconclusive::Fail,
            _ => OnInconclusive::Warn,
        },
        baseline_max_age: get("baseline_max_age")
            .and_then(|node| parse_duration(node.text()?))
            .unwrap_or(DEFAULT_MAX_AGE)
            .as_secs(),
    }
}

impl Suite {
    /// The entries of `scorers`, as written.
    pub fn scorer_nodes(&self) -> &[Node] {
        self.document
            .root
            .get("scorers")
            .map(Node::items)
            .unwrap_or_default()
    }

    /// Reads the cases.
    pub fn cases(&self, workspace: &Workspace) -> Result<Dataset> {
        if let Some(cases) = self.document.root.get("cases") {
            return golden::inline(&self.document, cases.items());
        }
        let Some(node) = self.document.root.get("dataset") else {
            return Err(Diagnostic::new("the suite has no cases")
                .at(Place::file(self.document.source.file.clone()))
                .into());
        };
        let path = node
            .text()
            .or_else(|| node.get("path").and_then(Node::text))
            .unwrap_or_default();
        let place = self.document.place(node.get("path").unwrap_or(node));
        golden::load(workspace, path, &read_columns(&self.document, node), &place)
    }
}

fn read_columns(document: &Document, node: &Node) -> Columns {
    let mut places = HashMap::new();
    let mut named = |entries: &[(Key, Node)]| -> IndexMap<String, String> {
        let columns = entries.iter().filter_map(|(key, value)| {
            let column = value.text()?;
            places.insert(column.to_owned(), document.place(value));
            Some((key.name.clone(), column.to_owned()))
        });
        columns.collect()
    };
    let vars = node.get("vars").map(|vars| named(vars.entries()));
    let mut reserved = named(node.entries());
    reserved.shift_remove("path");
    Columns {
        reserved,
        vars,
        places,
    }
}
