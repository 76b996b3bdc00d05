//! The models of a workspace: what stands behind each alias, and how it is reached.

use std::time::Duration;

use super::Environment;
use super::aws::Signer;
use super::form;
use super::host::{self, Host};
use super::params::{PARAMS, read_params};
use super::setting::{self, Setting};
use crate::document::{Document, Key, Node};
use crate::error::{Diagnostic, Place, Problems};
use crate::exchange::form::Form;
use crate::exchange::{Params, WireFormat};
use crate::secret::Secret;
use crate::shape::{Field, Shape};
use crate::units::parse_duration;

const DEFAULT_TIMEOUT: Duration = Duration::from_mins(2);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_RETRIES: u32 = 5;
const DEFAULT_CONCURRENCY: usize = 8;

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

/// What a program is handed on of our environment, in which keys of models stand.
const HANDED_ON: [&str; 5] = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR"];

/// Keys that belong to some wire formats only.
const FORMAT_KEYS: [(&str, &[WireFormat]); 9] = [
    ("api_version", &[WireFormat::AzureOpenai]),
    ("region", &[WireFormat::Bedrock]),
    ("profile", &[WireFormat::Bedrock]),
    ("body", &[WireFormat::Http]),
    ("answer", &[WireFormat::Http]),
    ("command", &[WireFormat::Command]),
    ("mode", &[WireFormat::Command]),
    ("env", &[WireFormat::Command]),
    ("memory_mb", &[WireFormat::Command]),
];

/// Keys of a model.
pub(super) const MODEL: Shape = Shape::Record(&[
    Field::required(
        "provider",
        Shape::Choice(host::NAMES),
        "the wire format that the endpoint speaks, or the name of a host that speaks OpenAI's; `http` is a JSON interface \
        of one's own, `command` a local program",
    ),
    Field::optional(
        "base_url",
        Shape::Text,
        "where the endpoint is, such as http://127.0.0.1:8080/v1 (default: the provider's own address)",
    ),
    Field::required(
        "model",
        Shape::Text,
        "the model id that the endpoint is asked for",
    ),
    Field::optional(
        "api_key",
        Shape::Text,
        "the key, only ever as ${NAME} from the environment or a .env file (without `base_url` the default is the \
        provider's own variable, such as OPENAI_API_KEY)",
    ),
    Field::optional(
        "bearer",
        Shape::Text,
        "in place of `api_key`: a token that is sent as `authorization: Bearer`, such as one of Entra or Vertex AI; \
        only ever as ${NAME}",
    ),
    Field::optional(
        "api_version",
        Shape::Text,
        "azure-openai only: the dated version of the interface, such as 2024-10-21 (default: the interface v1)",
    ),
    Field::optional(
        "region",
        Shape::Text,
        "bedrock only: the region of AWS, such as us-east-1 (default: AWS_REGION, AWS_DEFAULT_REGION, or that of the \
        profile)",
    ),
    Field::optional(
        "profile",
        Shape::Text,
        "bedrock only: the profile in ~/.aws whose keys sign the requests (default: the keys of the environment, then \
        AWS_PROFILE, then the container); with `api_key` or AWS_BEARER_TOKEN_BEDROCK nothing is signed",
    ),
    Field::optional(
        "body",
        Shape::Map(&Shape::Any),
        "http only: the JSON body, in whose texts `{{ NAME }}` stands for model, prompt (the last user message), system, \
        messages, tools, tool_choice, schema or a parameter; a text that is one name alone becomes its value, and is left \
        out where there is none",
    ),
    Field::optional(
        "answer",
        form::ANSWER,
        "http only: where the parts of the answer stand in the reply",
    ),
    Field::optional(
        "command",
        Shape::List(&Shape::Text),
        "command only: a program and its arguments, started in the folder of the workspace and without a shell",
    ),
    Field::optional(
        "mode",
        Shape::Choice(form::MODES),
        "command only: one-shot starts the program for each call, which reads one JSON line and writes one; lines starts \
        it once for each call under way at the same time, and it answers line by line (default one-shot)",
    ),
    Field::optional(
        "env",
        Shape::Map(&Shape::Text),
        "command only: the environment of the program beside PATH, HOME, LANG and TMPDIR; ${NAME} takes a value from ours",
    ),
    Field::optional(
        "memory_mb",
        Shape::Count(1),
        "command only, on Linux: megabytes of address space for each process of the program (default: no limit)",
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

/// What stands behind an alias.
#[derive(Debug, Clone)]
pub struct Model {
    /// Who speaks the wire format.
    pub host: &'static Host,
    /// Where the endpoint is.
    pub base_url: Setting,
    /// The model id that the endpoint is asked for.
    pub model: String,
    /// The key, if the endpoint wants one.
    pub api_key: Option<Setting>,
    /// A token in place of the key.
    pub bearer: Option<Setting>,
    /// How requests are signed, where they are.
    pub signer: Option<Signer>,
    /// What the wire format leaves open.
    pub form: Option<Form>,
    /// What a local program is started with.
    pub program: Program,
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

/// What a local program is started with beside its arguments.
#[derive(Debug, Clone)]
pub struct Program {
    /// Whether it answers one call after the other.
    pub stays: bool,
    /// Its whole environment.
    pub environment: Vec<(String, Setting)>,
    /// Bytes of address space for each of its processes.
    pub memory: Option<u64>,
}

impl Program {
    fn read(node: &Node, setting: impl Fn(&Node) -> Setting, ours: &Environment) -> Self {
        let plain = |name: &&str| {
            let value = ours.get(*name)?.clone();
            Some(((*name).to_owned(), Setting::Plain(value)))
        };
        let given = node.get("env").map(Node::entries).unwrap_or_default();
        let given = given
            .iter()
            .map(|(key, value)| (key.name.clone(), setting(value)));
        Self {
            stays: node.get("mode").and_then(Node::text) == Some("lines"),
            environment: HANDED_ON.iter().filter_map(plain).chain(given).collect(),
            memory: node
                .get("memory_mb")
                .and_then(Node::count)
                .map(|megabytes| megabytes.saturating_mul(1_000_000)),
        }
    }
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

impl Model {
    /// Reads an entry that was checked.
    pub(super) fn read(
        document: &Document,
        node: &Node,
        place: Place,
        environment: &Environment,
    ) -> Self {
        let setting = |node: &Node| Setting::read(document, node, environment);
        let text = |name: &str| node.get(name).and_then(Node::text).unwrap_or_default();
        let duration = |name: &str| node.get(name).and_then(Node::text).and_then(parse_duration);
        let limit = |name: &str| {
            let limits = node.get("limits")?;
            limits.get(name).and_then(Node::count)
        };
        let headers = node.get("headers").map(Node::entries).unwrap_or_default();
        let host = host_of(node);
        let own_key = || {
            let variable = host.key.filter(|_| node.get("base_url").is_none())?;
            let is_set = environment
                .get(variable)
                .is_some_and(|value| !value.is_empty());
            let has_other = node.get("bearer").is_some()
                || (host.format == WireFormat::Bedrock
                    && (!is_set || node.get("profile").is_some()));
            (!has_other).then(|| Setting::variable(variable, place.clone(), environment))
        };
        let api_key = node.get("api_key").map(setting).or_else(own_key);
        let is_bedrock = host.format == WireFormat::Bedrock;
        let signs = is_bedrock && api_key.is_none() && node.get("bearer").is_none();
        let signer = is_bedrock.then(|| Signer::read(node, place.clone(), environment));
        let own_url = || match &signer {
            Some(signer) => signer.base_url(&place, environment),
            None => Setting::Plain(host.base_url.unwrap_or_default().to_owned()),
        };
        Self {
            host,
            base_url: node.get("base_url").map_or_else(own_url, setting),
            model: text("model").to_owned(),
            api_key,
            bearer: node.get("bearer").map(setting),
            signer: signer.filter(|_| signs),
            form: form::read(node, host.format),
            program: Program::read(node, setting, environment),
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

    /// All secrets that belong to this model. A part of an address is none: a host name may stand in any answer.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let headers = self.headers.iter().map(|(_, value)| value);
        let program = self.program.environment.iter().map(|(_, value)| value);
        let keys = self.api_key.iter().chain(&self.bearer).chain(headers);
        let keys = keys.chain(program);
        let parts = keys.clone().flat_map(Setting::parts);
        let wholes = keys.chain([&self.base_url]).filter_map(Setting::whole);
        let signer = self.signer.iter().flat_map(Signer::secrets);
        parts.chain(wholes).chain(signer)
    }
}

/// Who is meant by `provider`.
fn host_of(node: &Node) -> &'static Host {
    let name = node
        .get("provider")
        .and_then(Node::text)
        .unwrap_or_default();
    Host::named(name).unwrap_or(&host::HOSTS[0])
}

/// Notes what is wrong with the entries, each of which has the right shape.
pub(super) fn check(document: &Document, problems: &mut Problems) {
    let models = document.root.get("models");
    for (alias, node) in models.map(Node::entries).unwrap_or_default() {
        for name in ["api_key", "bearer"] {
            check_key(document, (alias, node), name, problems);
        }
        check_address(document, (alias, node), problems);
        check_format_keys(document, (alias, node), problems);
        form::check(document, (alias, node), host_of(node).format, problems);
    }
}

/// An entry of the models with its alias.
type Entry<'a> = (&'a Key, &'a Node);

/// Keys may only be references to the environment, so that none is ever committed.
fn check_key(document: &Document, (alias, node): Entry<'_>, name: &str, problems: &mut Problems) {
    let Some(text) = node.get(name).and_then(Node::text) else {
        return;
    };
    if !setting::is_reference(text) {
        // The place is that of the alias: the line of the key itself must not be shown.
        problems.push(
            Diagnostic::new(format!(
                "`models.{}.{name}` must be a reference to the environment",
                alias.name
            ))
            .at(document.source.place(alias.span.clone()))
            .help(format!(
                "write `{name}: ${{NAME}}` and set NAME in the environment or in a .env file"
            )),
        );
    }
}

/// An address that holds no variable can be checked before any model is used.
fn check_address(document: &Document, (alias, node): Entry<'_>, problems: &mut Problems) {
    let host = host_of(node);
    let Some(address) = node.get("base_url") else {
        let has_none = matches!(host.format, WireFormat::Bedrock | WireFormat::Command);
        if host.base_url.is_none() && !has_none {
            problems.push(
                Diagnostic::new(format!("missing key `models.{}.base_url`", alias.name))
                    .at(document.source.place(alias.span.clone()))
                    .help(format!(
                        "{} has no address that is the same for all",
                        host.name
                    )),
            );
        }
        return;
    };
    let wrong = |text: &str| !setting::has_variable(text) && !is_address(text);
    if address.text().is_some_and(wrong) {
        problems.push(no_address(document.place(address)));
    }
}

/// Keys that stand for nothing in the entry's wire format are mistakes and not passed over.
fn check_format_keys(document: &Document, (alias, node): Entry<'_>, problems: &mut Problems) {
    let host = host_of(node);
    for (name, formats) in FORMAT_KEYS {
        if let Some(found) = node.get(name)
            && !formats.contains(&host.format)
        {
            let names: Vec<&str> = formats.iter().map(|format| format.name()).collect();
            problems.push(
                Diagnostic::new(format!(
                    "`models.{}.{name}` means nothing to {}",
                    alias.name, host.name
                ))
                .at(document.place(found))
                .help(format!("it belongs to {}", names.join(" and "))),
            );
        }
    }
    if let (Some(_), Some(bearer)) = (node.get("api_key"), node.get("bearer")) {
        problems.push(
            Diagnostic::new(format!(
                "`models.{}` has both `api_key` and `bearer`",
                alias.name
            ))
            .at(document.place(bearer))
            .help("an endpoint is shown one of them"),
        );
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

fn read_rates(node: &Node) -> Rates {
    let rate = |name: &str| node.get(name).and_then(Node::number);
    Rates {
        input: rate("input").unwrap_or_default(),
        output: rate("output").unwrap_or_default(),
        cache_read: rate("cache_read"),
        cache_write: rate("cache_write"),
    }
}
