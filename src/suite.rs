//! Suites: which prompts meet which cases on which models, how the answers are graded, and what is allowed.

pub mod cluster;
pub mod derived;
pub mod gate;
pub mod quarantine;
mod sampling;

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::document::{Document, Key, Node, Source};
use crate::error::{Diagnostic, Place, Problems, Result};
use crate::exchange::Params;
use crate::golden::{self, Columns, Dataset};
use crate::prompt::PromptRef;
use crate::shape::{Field, Shape};
use crate::text::suggest;
use crate::units::Cost;
use crate::workspace::Workspace;
use crate::workspace::params::{PARAMS, read_params};
use crate::workspace::privacy::{PRIVACY, reads_eyes_off};
use cluster::{CLUSTER, ClusterRule, Sharing, read_cluster};
use derived::{DERIVED, Derived, read_derived};
use gate::{GATE, GateRule, POLICY, Policy, check_modes, read_gate, read_policy};
use quarantine::{QUARANTINE, Quarantine, read_quarantine};
pub use sampling::Sampling;

/// The name under which the schema of a scorer stands in the schema of suites.
pub const SCORER_SCHEMA: &str = "scorer";

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
        "derived",
        Shape::List(&DERIVED),
        "metrics that are made of others",
    ),
    Field::optional(
        "gates",
        Shape::List(&GATE),
        "what is allowed, metric by metric",
    ),
    Field::optional("gate", POLICY, "what holds for all gates of the suite"),
    Field::optional(
        "cluster",
        CLUSTER,
        "cases that are no independent evidence; without it a filled column `cluster` means shared inputs",
    ),
    Field::optional(
        "quarantine",
        Shape::List(&QUARANTINE),
        "cases that are run and shown but not gated, for a time",
    ),
    Field::optional("baseline", Shape::Text, "a run file to compare with"),
    Field::optional(
        "privacy",
        PRIVACY,
        "what reports of this suite may show, beside what regauge.yaml says",
    ),
    Field::optional(
        "budget",
        Shape::Number(0.0, 1e9),
        "most USD that one run of the suite may spend (default: no limit)",
    ),
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
    /// Metrics that are made of others, with the places of their expressions.
    pub derived: Vec<(Derived, Place)>,
    /// What is allowed, metric by metric, with the places of the metrics' names.
    pub gates: Vec<(GateRule, Place)>,
    /// What holds for all gates.
    pub policy: Policy,
    /// How clusters are made of the cases.
    pub cluster: Option<ClusterRule>,
    /// Cases that are run and shown but not gated, with the places of their ids.
    pub quarantine: Vec<(Quarantine, Place)>,
    /// A run file to compare with, and where it is named.
    pub baseline: Option<(String, Place)>,
    /// Whether no report may show a text of it: as it says itself, or as the workspace says.
    pub eyes_off: bool,
    /// Most money that a run may spend.
    pub budget: Option<Cost>,
    /// The file.
    pub document: Document,
}

/// Where the cases of a suite stand.
#[derive(Debug, Clone)]
pub enum CaseSource {
    /// In the suite itself.
    Inline,
    /// In a file of their own.
    File(Box<CaseFile>),
}

/// A file of cases.
#[derive(Debug, Clone)]
pub struct CaseFile {
    /// Its path in the workspace.
    pub path: String,
    /// How its columns are read.
    pub columns: Columns,
    /// Where the suite names it.
    pub place: Place,
}

impl CaseSource {
    /// The column that holds a reserved one.
    pub fn column<'a>(&'a self, reserved: &'a str) -> &'a str {
        match self {
            Self::Inline => reserved,
            Self::File(file) => file.columns.column(reserved),
        }
    }

    /// The file, by its path in the workspace, where the suite stands in `suite`.
    pub fn file<'a>(&'a self, suite: &'a str) -> &'a str {
        match self {
            Self::Inline => suite,
            Self::File(file) => &file.path,
        }
    }

    /// Reads the cases in the text of their file.
    pub fn parse(&self, source: &Source) -> Result<Dataset> {
        match self {
            Self::Inline => {
                let document = Document::parse(source.clone())?;
                let cases = document.root.get("cases");
                golden::inline(&document, cases.map(Node::items).unwrap_or_default())
            }
            Self::File(file) => golden::parse(source, &file.columns, &file.place),
        }
    }
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
    check_modes(&document, &mut problems);
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
    let items = |name: &str| root.get(name).map(Node::items).unwrap_or_default();
    let cluster = root
        .get("cluster")
        .map(|node| read_cluster(&document, node));
    let sharing = cluster
        .as_ref()
        .map_or(Sharing::default(), |rule| rule.shares);
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
        derived: items("derived")
            .iter()
            .map(|node| read_derived(&document, node))
            .collect(),
        gates: items("gates")
            .iter()
            .map(|node| read_gate(&document, node))
            .collect(),
        policy: read_policy(root.get("gate"), sharing),
        quarantine: items("quarantine")
            .iter()
            .map(|node| read_quarantine(&document, node))
            .collect(),
        cluster,
        eyes_off: workspace.eyes_off || reads_eyes_off(root),
        budget: root
            .get("budget")
            .and_then(Node::number)
            .and_then(Cost::from_usd),
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

impl Suite {
    /// The entries of `scorers`, as written.
    pub fn scorer_nodes(&self) -> &[Node] {
        self.document
            .root
            .get("scorers")
            .map(Node::items)
            .unwrap_or_default()
    }

    /// Reads the cases, each with its cluster.
    pub fn cases(&self, workspace: &Workspace) -> Result<Dataset> {
        let mut dataset = self.dataset(workspace)?;
        if let Some(rule) = &self.cluster {
            rule.apply(&mut dataset)?;
        }
        Ok(dataset)
    }

    /// Where the cases stand.
    pub fn case_source(&self) -> Result<CaseSource> {
        if self.document.root.get("cases").is_some() {
            return Ok(CaseSource::Inline);
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
        Ok(CaseSource::File(Box::new(CaseFile {
            path: path.to_owned(),
            columns: read_columns(&self.document, node),
            place: self.document.place(node.get("path").unwrap_or(node)),
        })))
    }

    fn dataset(&self, workspace: &Workspace) -> Result<Dataset> {
        match self.case_source()? {
            CaseSource::Inline => {
                let cases = self.document.root.get("cases");
                golden::inline(&self.document, cases.map(Node::items).unwrap_or_default())
            }
            CaseSource::File(file) => {
                golden::load(workspace, &file.path, &file.columns, &file.place)
            }
        }
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
