//! The workspace: the folder that holds `regauge.yaml`, and what that file says of models, limits and privacy.

pub mod aws;
mod form;
pub mod history;
pub mod host;
pub mod model;
pub mod params;
pub mod privacy;
pub mod setting;
pub mod telemetry;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;

use crate::document::{Document, Node, Source};
use crate::error::{Diagnostic, Error, Place, Problems, Result};
use crate::secret::Redactor;
use crate::shape::{Field, Shape};
use crate::text::suggest;
use crate::units::{Cost, parse_duration};
use history::Location;
use model::{MODEL, Model};
use privacy::{PRIVACY, reads_eyes_off};
use setting::Setting;
use telemetry::Telemetry;

/// The file that makes a folder a workspace.
pub const FILE: &str = "regauge.yaml";

/// Environment variables by name, read once when the program starts.
pub type Environment = BTreeMap<String, String>;

/// Keys of `regauge.yaml`.
pub const SHAPE: Shape = Shape::Record(&[
    Field::required(
        "version",
        Shape::Count(1),
        "the version of this file's format: 1",
    ),
    Field::optional(
        "history",
        Shape::Text,
        "where runs are kept: sqlite:PATH, or postgres://USER:${NAME}@HOST/DATABASE for a team \
        (default sqlite:.regauge/history.db)",
    ),
    Field::required(
        "models",
        Shape::Map(&MODEL),
        "models by alias; runs are paired over time by alias",
    ),
    Field::optional(
        "budget",
        Shape::Number(0.0, 1e9),
        "most USD that one run may spend (default: no limit)",
    ),
    Field::optional(
        "monthly_budget",
        Shape::Number(0.0, 1e9),
        "most USD that all runs of a calendar month (UTC) may spend, by the history (default: no limit)",
    ),
    Field::optional(
        "deadline",
        Shape::Duration,
        "most time that one run may take (default: no limit)",
    ),
    Field::optional(
        "ca_file",
        Shape::Text,
        "a PEM file of further certificate authorities",
    ),
    Field::optional("privacy", PRIVACY, "what reports may show"),
    Field::optional(
        "trace_headers",
        Shape::Bool,
        "whether calls bear the W3C trace context, where OTEL_* says where traces go (default false)",
    ),
]);

/// A folder with `regauge.yaml`, read and checked.
#[derive(Debug)]
pub struct Workspace {
    /// The folder.
    pub root: PathBuf,
    /// Where runs are kept.
    pub history: Location,
    /// Models by alias, in the order of the file.
    pub models: IndexMap<String, Model>,
    /// Most money that a run may spend.
    pub budget: Option<Cost>,
    /// Most money that all runs of a month may spend.
    pub monthly_budget: Option<Cost>,
    /// Most time that a run may take.
    pub deadline: Option<Duration>,
    /// A file of further certificate authorities, relative to the folder.
    pub ca_file: Option<String>,
    /// Whether no report may show a text.
    pub eyes_off: bool,
    /// Where traces and metrics go, if anywhere.
    pub telemetry: Option<Telemetry>,
    /// Whether calls bear the trace context.
    pub trace_headers: bool,
    document: Document,
}

impl Workspace {
    /// The nearest folder from `start` upwards that holds `regauge.yaml`.
    pub fn find(start: &Path) -> Result<PathBuf> {
        start
            .ancestors()
            .find(|folder| folder.join(FILE).is_file())
            .map(Path::to_owned)
            .ok_or_else(|| {
                Diagnostic::new(format!("no {FILE} here or in a folder above"))
                    .at(Place::file(start.display().to_string()))
                    .help(
                        "make a workspace with `regauge init`, or name one with `--workspace DIR`",
                    )
                    .into()
            })
    }

    /// Reads and checks `regauge.yaml` in the folder `root`.
    pub fn load(root: &Path, environment: &Environment) -> Result<Self> {
        let environment = with_dotenv(root, environment)?;
        let document = Document::parse(read_file(root, FILE)?)?;
        let mut problems = Problems::default();
        SHAPE.check(&document, &document.root, "", &mut problems);
        check_version(&document, &mut problems);
        history::check(&document, &mut problems);
        model::check(&document, &mut problems);
        problems.finish()?;

        let top = |name: &str| document.root.get(name);
        let text_of = |name: &str| top(name).and_then(Node::text).map(str::to_owned);
        let usd = |name: &str| top(name).and_then(Node::number).and_then(Cost::from_usd);
        let models = top("models")
            .map(Node::entries)
            .unwrap_or_default()
            .iter()
            .map(|(key, node)| {
                let place = document.source.place(key.span.clone());
                (
                    key.name.clone(),
                    Model::read(&document, node, place, &environment),
                )
            });
        Ok(Self {
            root: root.to_owned(),
            history: Location::read(&document, &environment),
            models: models.collect(),
            budget: usd("budget"),
            monthly_budget: usd("monthly_budget"),
            deadline: top("deadline")
                .and_then(Node::text)
                .and_then(parse_duration),
            ca_file: text_of("ca_file"),
            eyes_off: reads_eyes_off(&document.root),
            telemetry: Telemetry::read(&environment),
            trace_headers: top("trace_headers").and_then(Node::bool).unwrap_or(false),
            document,
        })
    }

    /// The model behind an alias; the error points at `place`.
    pub fn model(&self, alias: &str, place: Place) -> Result<&Model> {
        self.models.get(alias).ok_or_else(|| {
            let help = match suggest(alias, self.models.keys().map(String::as_str)) {
                Some(name) => format!("did you mean `{name}`?"),
                None if self.models.is_empty() => format!("{FILE} has no models yet"),
                None => format!(
                    "{FILE} has {}",
                    self.models.keys().cloned().collect::<Vec<_>>().join(", ")
                ),
            };
            Diagnostic::new(format!("unknown model `{alias}`"))
                .at(place)
                .help(help)
                .into()
        })
    }

    /// A filter for all secrets of this workspace.
    pub fn redactor(&self) -> Redactor {
        let models = self.models.values().flat_map(Model::secrets);
        let history = self.history.setting();
        Redactor::new(models.chain(history.into_iter().flat_map(Setting::parts)))
    }

    /// Reads a file of the workspace by its path relative to it.
    pub fn read(&self, path: &str) -> Result<Source> {
        read_file(&self.root, path)
    }

    /// The path of a file of the workspace.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Checks that a path that a file names stays inside the workspace.
    pub fn check_inside(path: &str, place: Place) -> Result<()> {
        let leaves = Path::new(path)
            .components()
            .any(|part| !matches!(part, Component::Normal(_) | Component::CurDir));
        if !leaves && !path.is_empty() {
            return Ok(());
        }
        Err(
            Diagnostic::new(format!("the path `{path}` leaves the workspace"))
                .at(place)
                .help("name files relative to the folder of regauge.yaml, without `..`")
                .into(),
        )
    }

    /// Checks that a path that a file names is that of a file inside the workspace.
    pub fn check_file(&self, path: &str, place: &Place) -> Result<()> {
        Self::check_inside(path, place.clone())?;
        if self.path(path).is_file() {
            return Ok(());
        }
        let missing = Diagnostic::new(format!("there is no file `{path}`")).at(place.clone());
        let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
        let siblings = self.list(folder, "");
        let refusal = match suggest(name, siblings.iter().map(String::as_str)) {
            Some(sibling) => missing.help(format!("did you mean `{folder}/{sibling}`?")),
            None => missing.help("paths are relative to the folder of regauge.yaml"),
        };
        Err(refusal.into())
    }

    /// Names of the files with this ending in a folder of the workspace, sorted; none where the folder is not there.
    pub fn list(&self, folder: &str, ending: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root.join(folder))
            .into_iter()
            .flatten()
            .flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.ends_with(ending) && !name.starts_with('.'))
            .collect();
        names.sort();
        names
    }

    /// Where a top key of `regauge.yaml` stands.
    pub fn place_of(&self, key: &str) -> Place {
        self.document
            .root
            .get(key)
            .map_or_else(|| Place::file(FILE), |node| self.document.place(node))
    }
}

fn read_file(root: &Path, path: &str) -> Result<Source> {
    let bytes = fs::read(root.join(path)).map_err(|error| {
        Error::from(
            Diagnostic::new(format!("cannot read `{path}`"))
                .at(Place::file(path))
                .because(&error),
        )
    })?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(
            path,
            text.strip_prefix('\u{feff}').unwrap_or(&text),
        )),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..valid]
                .split(|byte| *byte == b'\n')
                .count();
            Err(
                Diagnostic::new(format!("`{path}` is not UTF-8 from line {line} on"))
                    .at(Place::file(path))
                    .help("save the file as UTF-8")
                    .into(),
            )
        }
    }
}

fn with_dotenv(root: &Path, environment: &Environment) -> Result<Environment> {
    let file = root.join(".env");
    if !file.is_file() {
        return Ok(environment.clone());
    }
    // The error of the reader repeats the line, which may hold a key: only the number of the line is passed on.
    let broken = |line: usize| {
        Error::from(
            Diagnostic::new(format!("line {line} of .env is not NAME=value"))
                .at(Place::file(".env"))
                .help("quote values that hold spaces or `#`"),
        )
    };
    let entries = dotenvy::from_path_iter(&file).map_err(|_| Error::new("cannot read .env"))?;
    let mut merged = Environment::new();
    for (i, entry) in entries.enumerate() {
        let (name, value) = entry.map_err(|_| broken(i + 1))?;
        merged.insert(name, value);
    }
    // What is set in the real environment wins over the file.
    merged.extend(environment.clone());
    Ok(merged)
}

fn check_version(document: &Document, problems: &mut Problems) {
    let Some(node) = document.root.get("version") else {
        return;
    };
    if node.count().is_some_and(|version| version > 1) {
        problems.push(
            Diagnostic::new("this version of the format is newer than this program")
                .at(document.place(node))
                .help("this regauge reads version 1; get a newer one"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::params::PARAMS;
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Workspace> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), text).unwrap();
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        Workspace::load(folder.path(), &environment)
    }

    const SMALL: &str = "version: 1\nmodels:\n  small:\n    provider: openai\n    base_url: http://127.0.0.1/v1\n    model: m\n";

    #[test]
    fn every_parameter_of_the_shape_is_one_that_is_sent() {
        let text = format!(
            "{SMALL}    params: {{ temperature: 0.5, top_p: 0.9, top_k: 3, max_tokens: 8, seed: 7, \
            stop: [x], frequency_penalty: 1, presence_penalty: -1, reasoning_effort: low, parallel_tool_calls: true, logprobs: true, stream: true, \
            extra: {{ a: 1 }} }}\n"
        );
        let workspace = load(&text, &[]).unwrap();
        let params = serde_json::to_value(&workspace.models["small"].params).unwrap();
        let Shape::Record(fields) = PARAMS else {
            unreachable!("parameters are keys")
        };
        for field in fields {
            assert!(params.get(field.name).is_some(), "{} is read", field.name);
        }
    }

    #[test]
    fn an_unset_key_is_an_error_only_when_it_is_asked_for() {
        let text = format!("{SMALL}    api_key: ${{SMALL_KEY}}\n");
        let workspace = load(&text, &[]).unwrap();
        let error = workspace.models["small"]
            .api_key
            .as_ref()
            .unwrap()
            .get()
            .unwrap_err();
        insta::assert_snapshot!(error.render(false));
        let workspace = load(&text, &[("SMALL_KEY", "sk-0123456789")]).unwrap();
        assert_eq!(
            workspace.models["small"]
                .api_key
                .as_ref()
                .unwrap()
                .get()
                .unwrap(),
            "sk-0123456789"
        );
        assert_eq!(workspace.redactor().scrub("key sk-0123456789"), "key ***");
    }

    #[test]
    fn a_key_that_is_written_out_is_refused_and_not_shown() {
        let error = load(&format!("{SMALL}    api_key: sk-0123456789\n"), &[])
            .unwrap_err()
            .render(false);
        insta::assert_snapshot!(error);
        assert!(!error.contains("0123456789"));
    }

    #[test]
    fn paths_stay_inside_the_workspace() {
        for path in ["../a", "/etc/passwd", "golden/../../a", ""] {
            assert!(
                Workspace::check_inside(path, Place::file("s")).is_err(),
                "{path}"
            );
        }
        assert!(Workspace::check_inside("golden/a.jsonl", Place::file("s")).is_ok());
    }
}
