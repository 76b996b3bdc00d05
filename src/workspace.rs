//! The workspace: the folder that holds `regauge.yaml`, and what that file says of models, limits and privacy.

pub mod history;
pub mod setting;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;

use crate::document::{Document, Node, Source};
use crate::error::{Diagnostic, Error, Place, Problems, Result};
use crate::exchange::{Params, WireFormat};
use crate::secret::{Redactor, Secret};
use crate::shape::{Field, Shape};
use crate::text::suggest;
use crate::units::{Cost, parse_duration};
use history::Location;
use setting::Setting;

/// The file that makes a folder a workspace.
pub const FILE: &str = "regauge.yaml";

const DEFAULT_TIMEOUT: Duration = Duration::from_mins(2);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_RETRIES: u32 = 5;
const DEFAULT_CONCURRENCY: usize = 8;

/// Environment variables by name, read once when the program starts.
pub type Environment = BTreeMap<String, String>;

/// Keys of sampling parameters, wherever they may stand.
pub const PARAMS: Shape = Shape::Record(&[
    Field::optional(
        "temperature",
        Shape::Number(0.0, 2.0),
        "sampling temperature; not sent unless set",
    ),
    Field::optional(
        "top_p",
        Shape::Number(0.0, 1.0),
        "share of probability mass to sample from",
    ),
    Field::optional("top_k", Shape::Count(1), "number of tokens to sample from"),
    Field::optional("max_tokens", Shape::Count(1), "most tokens of an answer"),
    Field::optional(
        "seed",
        Shape::Count(0),
        "what seeds are drawn from: each request and each trial sends another, and the same again",
    ),
    Field::optional(
        "stop",
        Shape::List(&Shape::Text),
        "texts that end the answer",
    ),
    Field::optional(
        "frequency_penalty",
        Shape::Number(-2.0, 2.0),
        "penalty on tokens by how often they occurred",
    ),
    Field::optional(
        "presence_penalty",
        Shape::Number(-2.0, 2.0),
        "penalty on tokens that occurred at all",
    ),
    Field::optional(
        "reasoning_effort",
        Shape::Text,
        "how much the model shall reason, in the endpoint's own words",
    ),
    Field::optional(
        "parallel_tool_calls",
        Shape::Bool,
        "whether several tools may be called in one turn",
    ),
    Field::optional(
        "extra",
        Shape::Map(&Shape::Any),
        "fields that go into the request body as they are",
    ),
]);

const LIMITS: Shape = Shape::Record(&[
    Field::optional(
        "concurrency",
        Shape::Count(1),
        "calls under way at once (default 8)",
    ),
    Field::optional(
        "requests_per_minute",
        Shape::Count(1),
        "calls in any minute",
    ),
    Field::optional(
        "tokens_per_minute",
        Shape::Count(1),
        "tokens in any minute, prompts and answers together",
    ),
]);

const PRICE: Shape = Shape::Record(&[
    Field::required(
        "input",
        Shape::Number(0.0, 1e6),
        "USD per million tokens of the prompt",
    ),
    Field::required(
        "output",
        Shape::Number(0.0, 1e6),
        "USD per million tokens of the answer",
    ),
    Field::optional(
        "cache_read",
        Shape::Number(0.0, 1e6),
        "USD per million tokens read from the endpoint's cache",
    ),
    Field::optional(
        "cache_write",
        Shape::Number(0.0, 1e6),
        "USD per million tokens written to the endpoint's cache",
    ),
]);

const MODEL: Shape = Shape::Record(&[
    Field::required(
        "provider",
        Shape::Choice(WireFormat::NAMES),
        "the wire format that the endpoint speaks",
    ),
    Field::required(
        "base_url",
        Shape::Text,
        "where the endpoint is, such as http://127.0.0.1:8080/v1",
    ),
    Field::required(
        "model",
        Shape::Text,
        "the model id that the endpoint is asked for",
    ),
    Field::optional(
        "api_key",
        Shape::Text,
        "the key, only ever as ${NAME} from the environment or a .env file",
    ),
    Field::optional(
        "headers",
        Shape::Map(&Shape::Text),
        "more HTTP headers; ${NAME} takes a value from the environment",
    ),
    Field::optional("params", PARAMS, "sampling parameters"),
    Field::optional("limits", LIMITS, "what the endpoint allows"),
    Field::optional(
        "timeout",
        Shape::Duration,
        "time limit of one attempt (default 2m)",
    ),
    Field::optional(
        "connect_timeout",
        Shape::Duration,
        "time limit for a connection (default 10s)",
    ),
    Field::optional(
        "retries",
        Shape::Count(0),
        "further attempts after a failed one (default 5)",
    ),
    Field::optional(
        "price",
        PRICE,
        "what tokens cost; without it the built-in table is asked",
    ),
]);

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
        "deadline",
        Shape::Duration,
        "most time that one run may take (default: no limit)",
    ),
    Field::optional(
        "ca_file",
        Shape::Text,
        "a PEM file of further certificate authorities",
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
    /// Most time that a run may take.
    pub deadline: Option<Duration>,
    /// A file of further certificate authorities, relative to the folder.
    pub ca_file: Option<String>,
    document: Document,
}

/// What stands behind an alias.
#[derive(Debug, Clone)]
pub struct Model {
    /// The wire format.
    pub provider: WireFormat,
    /// Where the endpoint is.
    pub base_url: Setting,
    /// The model id that the endpoint is asked for.
    pub model: String,
    /// The key, if the endpoint wants one.
    pub api_key: Option<Setting>,
    /// More HTTP headers.
    pub headers: Vec<(String, Setting)>,
    /// Sampling parameters.
    pub params: Params,
    /// Calls under way at once.
    pub concurrency: usize,
    /// Calls in any minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens in any minute.
    pub tokens_per_minute: Option<u64>,
    /// Time limit of one attempt.
    pub timeout: Duration,
    /// Time limit for a connection.
    pub connect_timeout: Duration,
    /// Further attempts after a failed one.
    pub retries: u32,
    /// What the user says that tokens cost.
    pub price: Option<Rates>,
    /// Where the alias stands in `regauge.yaml`.
    pub place: Place,
}

/// Prices that a user wrote, in USD per million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Tokens of the prompt.
    pub input: f64,
    /// Tokens of the answer.
    pub output: f64,
    /// Tokens read from the endpoint's cache.
    pub cache_read: Option<f64>,
    /// Tokens written to the endpoint's cache.
    pub cache_write: Option<f64>,
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
        check_keys(&document, &mut problems);
        check_addresses(&document, &mut problems);
        problems.finish()?;

        let top = |name: &str| document.root.get(name);
        let text_of = |name: &str| top(name).and_then(Node::text).map(str::to_owned);
        let models = top("models")
            .map(Node::entries)
            .unwrap_or_default()
            .iter()
            .map(|(key, node)| {
                let place = document.source.place(key.span.clone());
                (
                    key.name.clone(),
                    read_model(&document, node, place, &environment),
                )
            });
        Ok(Self {
            root: root.to_owned(),
            history: Location::read(&document, &environment),
            models: models.collect(),
            budget: top("budget")
                .and_then(Node::number)
                .and_then(Cost::from_usd),
            deadline: top("deadline")
                .and_then(Node::text)
                .and_then(parse_duration),
            ca_file: text_of("ca_file"),
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

impl Model {
    /// All secrets that belong to this model. A part of an address is none: a host name may stand in any answer.
    fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let headers = self.headers.iter().map(|(_, value)| value);
        let keys = self.api_key.iter().chain(headers);
        let parts = keys.clone().flat_map(Setting::parts);
        let wholes = keys.chain([&self.base_url]).filter_map(Setting::whole);
        parts.chain(wholes)
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

/// Keys may only be references to the environment, so that none is ever committed.
fn check_keys(document: &Document, problems: &mut Problems) {
    let models = document
        .root
        .get("models")
        .map(Node::entries)
        .unwrap_or_default();
    for (alias, model) in models {
        let Some(node) = model.get("api_key") else {
            continue;
        };
        let text = node.text().unwrap_or_default();
        if node.text().is_some() && !setting::is_reference(text) {
            // The place is that of the alias: the line of the key itself must not be shown.
            problems.push(
                Diagnostic::new(format!(
                    "`models.{}.api_key` must be a reference to the environment",
                    alias.name
                ))
                .at(document.source.place(alias.span.clone()))
                .help("write `api_key: ${NAME}` and set NAME in the environment or in a .env file"),
            );
        }
    }
}

/// Addresses that hold no variable can be checked before any model is used.
fn check_addresses(document: &Document, problems: &mut Problems) {
    let models = document
        .root
        .get("models")
        .map(Node::entries)
        .unwrap_or_default();
    for (_, model) in models {
        let Some(node) = model.get("base_url") else {
            continue;
        };
        let wrong = |text: &str| !setting::has_variable(text) && !is_address(text);
        if node.text().is_some_and(wrong) {
            problems.push(no_address(document.place(node)));
        }
    }
}

/// Whether this is where an endpoint may be.
pub fn is_address(text: &str) -> bool {
    reqwest::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// That a `base_url` is none.
pub fn no_address(place: Place) -> Diagnostic {
    Diagnostic::new("`base_url` is no address of an endpoint")
        .at(place)
        .help("write it with its scheme, such as https://api.example.com/v1")
}

fn read_model(document: &Document, node: &Node, place: Place, environment: &Environment) -> Model {
    let setting = |node: &Node| Setting::read(document, node, environment);
    let text = |name: &str| {
        node.get(name)
            .and_then(Node::text)
            .unwrap_or_default()
            .to_owned()
    };
    let duration = |name: &str| node.get(name).and_then(Node::text).and_then(parse_duration);
    let limit = |name: &str| {
        node.get("limits")
            .and_then(|limits| limits.get(name))
            .and_then(Node::count)
    };
    let headers = node.get("headers").map(Node::entries).unwrap_or_default();
    Model {
        provider: WireFormat::named(&text("provider")).unwrap_or(WireFormat::Openai),
        base_url: node
            .get("base_url")
            .map_or_else(|| Setting::Plain(String::new()), setting),
        model: text("model"),
        api_key: node.get("api_key").map(setting),
        headers: headers
            .iter()
            .map(|(key, value)| (key.name.clone(), setting(value)))
            .collect(),
        params: read_params(node.get("params")),
        concurrency: limit("concurrency")
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(DEFAULT_CONCURRENCY),
        requests_per_minute: limit("requests_per_minute"),
        tokens_per_minute: limit("tokens_per_minute"),
        timeout: duration("timeout").unwrap_or(DEFAULT_TIMEOUT),
        connect_timeout: duration("connect_timeout").unwrap_or(DEFAULT_CONNECT_TIMEOUT),
        retries: node
            .get("retries")
            .and_then(Node::count)
            .map_or(DEFAULT_RETRIES, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        price: node.get("price").map(read_rates),
        place,
    }
}

fn read_rates(node: &Node) -> Rates {
    let rate = |name: &str| node.get(name).and_then(Node::number);
    Rates {
        input: rate("input").unwrap_or_default(),
        output: rate("output").unwrap_or_default(),
        cache_read: rate("cache_read"),
        cache_write: rate("cache_write"),
    }
}

/// Sampling parameters of a node that was checked against [`PARAMS`].
pub fn read_params(node: Option<&Node>) -> Params {
    node.and_then(|node| serde_json::from_value(node.to_json()).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
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
            stop: [x], frequency_penalty: 1, presence_penalty: -1, reasoning_effort: low, parallel_tool_calls: true, \
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
